// Texts of the audit log's view.
import type { EndCause } from "../bindings/EndCause";
import type { LogFormat } from "../bindings/LogFormat";
import type { Outcome } from "../bindings/Outcome";
import { locale } from "./shared";

const count = (n: number, one: string, many: string) => `${n.toLocaleString(locale)} ${n === 1 ? one : many}`;

export const auditLog = {
  title: "Audit log",
  description: "What was done with Understudy on this computer.",
  sources: {
    label: "Whose entries",
    computer: "This computer",
    team: "Team",
    teamDescription: "What was done with Understudy on all computers of the team.",
    reading: "Reading the team's log…",
    open: "Audit log of the team",
  },
  search: "Search the audit log",
  placeholder: "Operator, user or reason, or a filter such as outcome:refused or since:7d",
  entries: "Entries, newest first",
  found: (n: number, more: boolean) =>
    n === 1 && !more ? "1 entry" : `${n.toLocaleString(locale)}${more ? "+" : ""} entries`,
  searching: (until: string) => `Searching, back to ${until}…`,
  loading: "Reading the log…",
  empty: "Nothing is recorded yet",
  emptyHint: "The first session will be.",
  none: "No entries match",
  clear: "Clear the search",
  replaced: "Another log has taken this one's place. Press Verify to check it.",
  team: {
    label: "The team's log",
    complete: "The team's log has every entry.",
    waiting: (n: number) => `${count(n, "entry waits", "entries wait")} to be sent to the team's log.`,
    waitingSince: (n: number, since: string) =>
      `${count(n, "entry waits", "entries wait")} to be sent to the team's log, since ${since}.`,
    contradictory: "This log and the team's log contradict each other. Nothing more is sent.",
  },
  /** In a row: who did it as whom; or about whom, outside of a session. */
  as: (operator: string, user: string) => `${operator} as ${user}`,
  about: (operator: string, user: string) => `${operator} about ${user}`,
  today: (day: string) => `Today, ${day}`,
  events: {
    begun: "Session begun",
    active: "Signed in",
    refused: "Refused",
    extended: "Extended",
    unlocked: "Full access",
    locked: "Made read-only",
    ended: "Session ended",
    left: "Left the application",
    started: "Understudy started",
    stopped: "Understudy quit",
    denied: "Denied by policy",
    approval_asked: "Asked for approval",
    approved: "Approved",
    approval_declined: "Declined",
    approval_expired: "Request expired",
    approval_used: "Approval used",
    glass_broken: "Without approval",
  } as Record<string, string>,
  minutes: (n: string) => (n === "1" ? "by 1 minute" : `by ${n} minutes`),
  heldBack: (n: number) => `${count(n, "request", "requests")} held back`,
  signOutFailed: (why: string) => `sign-out failed: ${why}`,
  causes: {
    operator: "by the operator",
    window_closed: "window closed",
    quit: "Understudy quit",
    deadline: "time limit reached",
    never_opened: "its window never opened",
    crash: "Understudy stopped unexpectedly",
  } satisfies Record<EndCause, string>,
  outcomes: {
    running: "Running",
    ended: "Ended",
    refused: "Refused",
    crashed: "Crashed",
  } satisfies Record<Outcome, string>,
  timeline: {
    label: "Session",
    entry: "Entry",
    as: "as",
    about: "about",
    close: "Back to the last 7 days",
    after: (time: string) => `+${time}`,
    reason: "Reason",
    noReason: "No reason given",
    ticket: "Ticket",
    mode: "Mode",
    connection: "Connection",
    operator: "Operator",
    computer: (account: string, host: string) => `${account} on ${host}`,
    length: "Length",
    session: "Session ID",
    log: "Log",
    ownLog: (id: string) => `${id} (this computer)`,
    role: "Written as",
    arrived: "In the team's log",
    hash: "Hash of the entry",
    number: (n: number) => `Entry ${n.toLocaleString(locale)}`,
    only: "Only this session",
    sameUser: "All entries for this user",
    steps: "What happened",
    cut: (shown: number) =>
      `Only the first ${count(shown, "entry", "entries")} of this session are shown. Understudy never writes that many for one session, so verify the log.`,
  },
  week: {
    label: "Last 7 days",
    none: "No sessions.",
    sum: (sessions: number, operators: number, users: number) =>
      `${count(sessions, "session", "sessions")}: ${count(operators, "operator", "operators")} as ${count(users, "user", "users")}`,
    operators: "Operators",
    users: "Users",
    operator: (name: string, sessions: number, users: number) =>
      `${name}: ${count(sessions, "session", "sessions")} as ${count(users, "user", "users")}`,
    user: (name: string, connection: string, sessions: number, operators: number) =>
      `${name} in ${connection}: ${count(sessions, "session", "sessions")} by ${count(operators, "operator", "operators")}`,
    rest: (n: number) => `and ${n.toLocaleString(locale)} more`,
  },
  verify: {
    start: "Verify",
    running: (percent: number | null) => (percent === null ? "Verifying…" : `Verifying… ${percent}%`),
    cancel: "Cancel",
    label: "Verification",
    computer: { intact: "The log is as it was written", broken: "The log is not what was written" },
    team: {
      intact: "The team's log is as it was written",
      broken: "The team's log is not what was written",
    },
    head: "The last entry's hash. Keep it in another place:",
    copyHead: "Copy the hash",
    headCopied: "Hash copied",
    dismiss: "Dismiss",
  },
  export: {
    to: { csv: "Export CSV…", jsonl: "Export JSON…", ocsf: "Export OCSF…" } satisfies Record<
      LogFormat,
      string
    >,
    kinds: { csv: "Table (CSV)", jsonl: "JSON Lines", ocsf: "OCSF (JSON Lines)" } satisfies Record<
      LogFormat,
      string
    >,
    done: (n: number, path: string) => `${count(n, "entry", "entries")} exported to ${path}`,
  },
  ofUser: "Show in the audit log",
  ofConnection: "Audit log of this connection",
  ofConnectionShort: "Audit log",
  keys: {
    title: "In the audit log",
    move: "Next or previous entry, with its session beside it",
    page: "Next or previous page",
    session: "Go to the session's steps",
    back: "Back to the last 7 days, then close",
    search: "Go to the search field",
    refresh: "Refresh",
    computer: "Entries of this computer",
    team: "Entries of the whole team",
  },
};
