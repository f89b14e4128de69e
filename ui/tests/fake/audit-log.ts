// The audit log as the fake has it: a few days of a support team, and a search that understands `column:value`.
import type { Column } from "../../src/bindings/Column";
import type { EntryPage } from "../../src/bindings/EntryPage";
import type { Environment } from "../../src/bindings/Environment";
import type { ListedEntry } from "../../src/bindings/ListedEntry";
import type { Outcome } from "../../src/bindings/Outcome";
import type { SessionCounts } from "../../src/bindings/SessionCounts";
import type { TeamEntryPage } from "../../src/bindings/TeamEntryPage";
import type { TeamLogPlace } from "../../src/bindings/TeamLogPlace";
import type { TeamLogState } from "../../src/bindings/TeamLogState";
import type { VerificationReport } from "../../src/bindings/VerificationReport";
import { filtered, free, read } from "./filters";
import { NOW } from "./people";

const MINUTE = 60_000;

export const intact: VerificationReport = {
  is_intact: true,
  findings: ["Intact: 16 entries are as written."],
  remarks: ["Checkpoints: 6. The last one that fits covers the entries up to 16."],
  head: "9c1f0e6a5b7d4c3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e",
  advice: null,
};

type Told = Partial<ListedEntry> & { event: string; after?: number };

interface Session {
  id: string;
  ago: number;
  operator: string;
  user: [id: string, email: string];
  connection: [id: string, name: string, environment: Environment];
  reason: string;
  mode: ListedEntry["mode"];
  outcome: Outcome;
  told: Told[];
}

const acme: Session["connection"] = ["acme", "Acme", "production"];
const staging: Session["connection"] = ["acme-staging", "Acme Staging", "staging"];

const sessions: Session[] = [
  {
    id: "0b7e6f0c-0f5e-4c57-9a0e-7d1a33f7a001",
    ago: 3 * 24 * 60 + 95,
    operator: "Grace Hopper",
    user: ["48213", "billing@nordlicht.example"],
    connection: staging,
    reason: "Reproducing a bug",
    mode: "full",
    outcome: "crashed",
    told: [
      { event: "begun" },
      { event: "active", after: 0.05 },
      { event: "ended", after: 31, detail: "crash" },
    ],
  },
  {
    id: "5d1c2a44-7c1f-4b0e-8d6a-91b7c5e2b002",
    ago: 24 * 60 + 210,
    operator: "Ada Lovelace",
    user: ["7001", "anna.vogel@example.com"],
    connection: acme,
    reason: "Ticket 88121: invoice total wrong",
    mode: "read_only",
    outcome: "ended",
    told: [
      { event: "begun", ticket: "88121" },
      { event: "active", after: 0.04 },
      { event: "held_back", after: 2.1, detail: "POST app.acme.com/api/invoices/88121/resend" },
      { event: "unlocked", after: 3.4, detail: "Customer asked to resend the invoice" },
      { event: "locked", after: 5 },
      { event: "extended", after: 28, detail: "15" },
      { event: "ended", after: 36.5, detail: "operator", held_back: 4 },
    ],
  },
  {
    id: "a91f4e0d-2b7c-4f8a-b3c1-0f6d8e7c9003",
    ago: 130,
    operator: "Grace Hopper",
    user: ["7002", "m.alfarsi@example.org"],
    connection: acme,
    reason: "Ticket 88130",
    mode: "read_only",
    outcome: "refused",
    told: [
      { event: "begun", ticket: "88130" },
      { event: "refused", after: 0.1, status: "403", detail: "The admin token has expired" },
      { event: "ended", after: 1, detail: "operator" },
    ],
  },
  {
    id: "c3a7d5b2-6e4f-4a1d-9c8b-2e5f7a9d1004",
    ago: 12,
    operator: "Ada Lovelace",
    user: ["7001", "anna.vogel@example.com"],
    connection: acme,
    reason: "Ticket 88121: invoice total wrong",
    mode: "read_only",
    outcome: "running",
    told: [
      { event: "begun", ticket: "88121" },
      { event: "active", after: 0.05 },
    ],
  },
];

const nothing: Omit<ListedEntry, "id" | "at" | "event"> = {
  session: "",
  operator: "Ada Lovelace",
  os_user: "ada",
  host: "desk-7",
  connection: "",
  connection_name: "",
  user_id: "",
  user: "",
  environment: null,
  mode: null,
  reason: "",
  ticket: "",
  status: "",
  detail: "",
  description: "",
  sign_out_failed: "",
  held_back: null,
  outcome: null,
  hash: "5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e9c1f0e6a5b7d4c3e2f1a0b9c8d7e6f",
};

/** The oldest first. */
export const logEntries: ListedEntry[] = [
  ...sessions.flatMap((session) =>
    session.told.map(({ after = 0, ...told }) => ({
      ...nothing,
      at: NOW - session.ago * MINUTE + Math.round(after * MINUTE),
      session: session.id,
      operator: session.operator,
      user_id: session.user[0],
      user: session.user[1],
      connection: session.connection[0],
      connection_name: session.connection[1],
      environment: session.connection[2],
      reason: session.reason,
      mode: session.mode,
      outcome: session.outcome,
      ...told,
    })),
  ),
  { ...nothing, at: NOW - 300 * MINUTE, event: "secret_stored", detail: "admin_token" },
]
  .sort((one, other) => one.at - other.at)
  .map((entry, at) => ({ ...entry, description: entry.detail, id: at + 1 }));

export const logColumns: Column[] = (
  ["operator", "user", "connection", "event", "outcome", "mode", "session", "since", "time"] as const
).map((name) => ({
  name,
  label: name.charAt(0).toUpperCase() + name.slice(1),
  role: "other",
  kind: name === "since" || name === "time" ? "time" : "text",
  sortable: false,
  company: false,
}));

/** A page of those that pass, the newest first. */
export function listEntries(
  entries: ListedEntry[],
  text: string,
  before: number | null,
  size: number,
): EntryPage {
  const reading = read(text, logColumns);
  const word = free(text, reading).toLowerCase();
  const rows = entries.map((entry) => ({
    id: String(entry.id),
    cells: [
      entry.operator,
      entry.user_id,
      entry.connection,
      entry.event,
      entry.outcome,
      entry.mode,
      entry.session,
      null,
      null,
    ],
  }));
  // Times are Rust's.
  const chips = reading.chips.filter(({ column }) => column !== "since" && column !== "time");
  const passing = new Set(filtered(rows, logColumns, { ...reading, chips }).map(({ id }) => id));
  const found = entries
    .filter((entry) => passing.has(String(entry.id)) && (before === null || entry.id < before))
    .filter((entry) => JSON.stringify(entry).toLowerCase().includes(word))
    .reverse();
  const page = found.slice(0, size);
  const next = found.length > size ? (page.at(-1)?.id ?? null) : null;
  return { log: "log-1", entries: page, next, searched_to: next === null ? null : (page.at(-1)?.at ?? null) };
}

/** The same days in the team's log: Grace has a computer of her own, which counts its own entries. */
export function asTeam(entries: ListedEntry[]): ListedEntry[] {
  const counted = { grace: 0, ada: 0 };
  return entries.map((entry) => {
    const who = entry.operator === "Grace Hopper" ? "grace" : "ada";
    const log = who === "grace" ? "b8d1f3c2-5a77-4e0d-9b61-2f4c8e9a0d11" : "log-1";
    return {
      ...entry,
      id: ++counted[who],
      os_user: who,
      host: who === "grace" ? "grace-laptop" : "desk-7",
      console: { log, is_own: who === "ada", written_by: who, written_at: entry.at + 900 },
    };
  });
}

/** A page of those of all consoles that pass, the newest first. */
export function listTeamEntries(
  entries: ListedEntry[],
  text: string,
  before: TeamLogPlace | null,
  size: number,
): TeamEntryPage {
  const team = asTeam(entries);
  // As this computer's log, each has its own number.
  const numbered = team.map((entry, at) => ({ ...entry, id: at + 1 }));
  const at = team.findIndex(({ id, console }) => before && id === before.id && console?.log === before.log);
  const page = listEntries(numbered, text, before ? at + 1 : null, size);
  const found = page.entries.flatMap(({ id }) => team[id - 1] ?? []);
  const last = found.at(-1);
  const next =
    page.next === null || !last ? null : { at: last.at, log: last.console?.log ?? "", id: last.id };
  return { entries: found, next, team: upToDate };
}

const upToDate: TeamLogState = {
  shipped: 120,
  waiting: 0,
  waiting_since: null,
  problem: null,
  is_contradictory: false,
  is_required: false,
};

export function countSessions(entries: ListedEntry[]): SessionCounts {
  const begun = entries.filter(({ event }) => event === "begun");
  const by = <T>(key: (entry: ListedEntry) => string, make: (of: ListedEntry[]) => T): T[] =>
    [...new Set(begun.map(key))]
      .map((one) => begun.filter((entry) => key(entry) === one))
      .sort((one, other) => other.length - one.length)
      .map(make);
  const different = (of: ListedEntry[], key: (entry: ListedEntry) => string) => new Set(of.map(key)).size;
  const by_operator = by(
    ({ operator }) => operator,
    (of) => ({
      operator: of[0]?.operator ?? "",
      sessions: of.length,
      users: different(of, ({ user_id }) => user_id),
    }),
  );
  const by_user = by(
    ({ connection, user_id }) => `${connection} ${user_id}`,
    (of) => ({
      connection: of[0]?.connection ?? "",
      connection_name: of[0]?.connection_name ?? "",
      user_id: of[0]?.user_id ?? "",
      user: of[0]?.user ?? "",
      sessions: of.length,
      operators: different(of, ({ operator }) => operator),
    }),
  );
  return {
    sessions: begun.length,
    operators: by_operator.length,
    users: by_user.length,
    by_operator,
    by_user,
  };
}
