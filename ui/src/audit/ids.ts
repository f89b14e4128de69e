// Ids of elements that point at each other in the audit log's view.
export const ENTRIES_ID = "audit-entries";

/** The id of an entry's element, for aria-activedescendant. */
export const entryId = (number: number): string => `${ENTRIES_ID}-${number}`;
