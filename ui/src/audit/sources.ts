// The logs that the view can show: this computer's, and the team's, which has the entries of all consoles.
import type { ListedEntry } from "../bindings/ListedEntry";
import type { ListedSession } from "../bindings/ListedSession";
import type { SessionCounts } from "../bindings/SessionCounts";
import type { Suggestion } from "../bindings/Suggestion";
import type { TeamLogPlace } from "../bindings/TeamLogPlace";
import type { TeamLogState } from "../bindings/TeamLogState";
import type { VerificationReport } from "../bindings/VerificationReport";
import * as ipc from "../ipc";

export type LogSource = "computer" | "team";

/** Where a page goes on; only its own log knows what it means. */
export type LogPlace = number | TeamLogPlace;

export interface LogPage {
  /** Another one means that another log is in its place. */
  log: string;
  entries: ListedEntry[];
  next: LogPlace | null;
  /** How far back it was searched: milliseconds since the epoch. */
  searchedTo: number | null;
  team: TeamLogState | null;
}

interface LogReader {
  /** The newest first. */
  list: (text: string, before: LogPlace | null) => Promise<LogPage>;
  /** All entries of this one's session, the oldest first. */
  session: (entry: ListedEntry) => Promise<ListedSession>;
  /** Of the last seven days. */
  count: () => Promise<SessionCounts>;
  complete: (text: string, caret: number) => Promise<Suggestion[]>;
  verify: () => Promise<VerificationReport>;
  stopVerification: () => Promise<null>;
}

export const logs: Record<LogSource, LogReader> = {
  computer: {
    list: async (text, before) => {
      const page = await ipc.listEntries(text, typeof before === "number" ? before : null);
      return { ...page, searchedTo: page.searched_to, team: page.team ?? null };
    },
    session: ({ session }) => ipc.sessionEntries(session),
    count: ipc.countSessions,
    complete: ipc.completeLogSearch,
    verify: ipc.verifyAuditLog,
    stopVerification: ipc.stopVerification,
  },
  team: {
    list: async (text, before) => {
      const page = await ipc.listTeamEntries(text, typeof before === "number" ? null : before);
      return { ...page, log: "team", searchedTo: page.next?.at ?? null };
    },
    session: ({ session, console }) => ipc.teamSessionEntries(console?.log ?? "", session),
    count: ipc.countTeamSessions,
    complete: ipc.completeTeamLogSearch,
    verify: ipc.verifyTeamLog,
    stopVerification: ipc.stopTeamVerification,
  },
};
