// What the form says of a table, and what the database offers for it: the one filled in from the other, and held
// against it.
import type { ColumnOffer } from "../bindings/ColumnOffer";
import type { DiscoveredTables } from "../bindings/DiscoveredTables";
import type { TableOffer } from "../bindings/TableOffer";

/** The fields of the form that name the table and its columns. */
export const MAPPED = ["table", "id", "name", "email", "created_at", "columns", "search"] as const;
export type MappedField = (typeof MAPPED)[number];
/** All as it is typed: lists are separated by commas. */
export type Mapping = Record<MappedField, string>;

const LISTS: readonly MappedField[] = ["columns", "search"];

export function mappingOf(directory: Mapping): Mapping {
  return Object.fromEntries(MAPPED.map((field) => [field, directory[field]])) as Mapping;
}

export function same(a: Mapping, b: Mapping): boolean {
  return MAPPED.every((field) => a[field].trim() === b[field].trim());
}

/** The offer that a table's name means, with or without its schema, in quotes or not. */
export function offered(found: DiscoveredTables, table: string): TableOffer | null {
  const plain = (name: string) => name.trim().replaceAll('"', "");
  const wanted = plain(table);
  return (
    found.tables.find(({ name }) => plain(name) === wanted) ??
    found.tables.find(({ qualified }) => plain(qualified) === wanted) ??
    null
  );
}

/** The mapping with `offer`'s guess in it. What was typed stays if the table has it. Anything empty, or still as it was
 * `filled` in before, counts as not typed. */
export function filledIn(now: Mapping, offer: TableOffer, filled: Mapping): Mapping {
  const { guess } = offer;
  const guessed: Mapping = {
    table: offer.name,
    id: guess.id ?? "",
    name: guess.name ?? "",
    email: guess.email ?? "",
    created_at: guess.created_at ?? "",
    columns: guess.columns.join(", "),
    search: (guess.search ?? []).join(", "),
  };
  const next = { ...guessed };
  for (const field of MAPPED) {
    if (field === "table") continue;
    const wrote = now[field].trim() !== "" && now[field].trim() !== filled[field].trim();
    if (wrote && missing(field, now[field], offer) === null) next[field] = now[field];
  }
  // Where the columns are not known there is no guess, and nothing to be lost.
  return offer.columns.length === 0 ? { ...now, table: offer.name } : next;
}

/** The first name in a field that the table does not have; `null`: all are there, or that is unknown. */
export function missing(field: MappedField, value: string, offer: TableOffer): string | null {
  // Documents have what they have: a sample proves nothing.
  if (field === "table" || offer.kind === "collection" || offer.columns.length === 0) return null;
  const names = LISTS.includes(field) ? value.split(",") : [value];
  const known = new Set([...offer.columns.map(({ name }) => name), ...offer.withheld]);
  // Of a path into a column's JSON, the column.
  const column = (name: string) => name.split("->")[0]?.trim() ?? "";
  return (
    names
      .map((name) => name.trim())
      .find((name) => name !== "" && !known.has(name) && !known.has(column(name))) ?? null
  );
}

/** A column that is mapped holds bytes, which may be UUIDs. */
export function hasBytes(mapping: Mapping, offer: TableOffer): boolean {
  const named = MAPPED.filter((field) => field !== "table").flatMap((field) =>
    LISTS.includes(field) ? mapping[field].split(",") : [mapping[field]],
  );
  const bytes = new Set(offer.columns.filter((column) => column.bytes).map(({ name }) => name));
  return named.some((name) => bytes.has(name.trim()));
}

/** The table's columns for a field, the likeliest first. */
export function fitting(field: MappedField, offer: TableOffer): ColumnOffer[] {
  const guessed = field === "columns" || field === "search" || field === "table" ? null : offer.guess[field];
  const rank = ({ name, kind }: ColumnOffer): number => {
    if (name === guessed) return 0;
    if (field === "created_at") return kind === "time" ? 1 : 2;
    if (field === "email" || field === "name") return kind === "text" ? 1 : 2;
    return 1;
  };
  return [...offer.columns].sort((a, b) => rank(a) - rank(b));
}
