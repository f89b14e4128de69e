// Ids of elements that point at each other in the audit log's view.
import type { ListedEntry } from "../bindings/ListedEntry";

export const ENTRIES_ID = "audit-entries";

/** Tells it from all others: in the team's log, each console counts its own. */
export const entryKey = ({ id, console }: Pick<ListedEntry, "id" | "console">): string =>
  console ? `${id}-${encodeURIComponent(console.log)}` : String(id);

/** The id of an entry's element, for aria-activedescendant. */
export const entryId = (entry: Pick<ListedEntry, "id" | "console">): string =>
  `${ENTRIES_ID}-${entryKey(entry)}`;
