// Texts about colleagues who are in an account at the same time.
import type { SessionMode } from "../bindings/SessionMode";

const mode = { read_only: "read-only", full: "with full access" } satisfies Record<SessionMode, string>;

export const team = {
  isIn: (who: string) => `${who} is signed in as this user.`,
  mayBeIn: (who: string) => `${who} may still be signed in as this user.`,
  how: (how: SessionMode, time: string) => `Since ${time}, ${mode[how]}`,
  ticket: (ticket: string) => `ticket ${ticket}`,
  computer: (host: string) => `on ${host}`,
  uncertain: "Their console isn't connected to the team's log, so the session may have ended.",
  label: "Colleagues signed in as this user",
  joins: "You would be in this account together. Press once more to sign in anyway.",
  before: "Nothing keeps you from joining, but what you do can get in each other's way.",
  joinAnyway: "Impersonate anyway",
  approval: {
    label: "Requests for approval",
    asks: (who: string, user: string) => `${who} asks to sign in as ${user}.`,
    how: (connection: string, how: SessionMode) => `${connection}, ${mode[how]}`,
    left: (time: string) => `${time} left`,
    approve: "Approve",
    decline: "Decline",
    waiting: (user: string) => `Your request to sign in as ${user} is waiting for a colleague.`,
    approved: (by: string, user: string) => `${by} has approved: you can sign in as ${user}, once.`,
    declined: (by: string, user: string) => `${by} has declined your request to sign in as ${user}.`,
    signIn: "Sign in…",
    dismiss: "Dismiss",
    needed: "A colleague has to approve this session. They see your reason.",
    ask: "Ask for approval",
    waitingHere: "Waiting for a colleague. You can close this; the request stays for 10 minutes.",
    approvedHere: (by: string) => `${by} has approved. The approval is for one session.`,
    declinedHere: (by: string) => `${by} has declined. You can ask again.`,
    waitingButton: "Waiting for approval…",
    breakGlass: "Sign in without approval…",
    breaking: "You are signing in without approval. The whole team is told now, with your reason.",
    breakNow: "Sign in without approval",
  },
  unknown: "The team's log is out of reach, so it isn't known whether colleagues are in this account.",
  unknownShort: "colleagues unknown",
  unknownTitle: (why: string) => `It isn't known right now who else is in an account. ${why}`,
};
