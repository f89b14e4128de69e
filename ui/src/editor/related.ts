// Related tables, as a form holds them: everything as it is typed.
import type { RelatedTable } from "../bindings/RelatedTable";

/** Lists are separated by commas; `""` is what is not said. */
export type RelatedForm = Record<
  "label" | "table" | "user" | "through" | "leads_to" | "id" | "created_at" | "identify" | "describe" | "url",
  string
>;

export const emptyRelated = (): RelatedForm => ({
  label: "",
  table: "",
  user: "",
  through: "",
  leads_to: "",
  id: "",
  created_at: "",
  identify: "",
  describe: "",
  url: "",
});

export const toRelatedForm = (table: RelatedTable): RelatedForm => ({
  label: table.label,
  table: table.table,
  user: table.user,
  through: table.through ?? "",
  leads_to: table.leads_to ?? "",
  id: table.id ?? "",
  created_at: table.created_at ?? "",
  identify: (table.identify ?? []).join(", "),
  describe: (table.describe ?? []).join(", "),
  url: table.url ?? "",
});

/** `was`: the tables that the form was made from. One that was not touched stays as the file has it, also where a
 * column's name has a comma in it. */
export function toRelated(rows: RelatedForm[], was: RelatedTable[]): RelatedTable[] {
  const untouched = new Map(was.map((table) => [JSON.stringify(toRelatedForm(table)), table]));
  return rows
    .filter((row) => Object.values(row).some((text) => text.trim() !== ""))
    .map((row) => untouched.get(JSON.stringify(row)) ?? toTable(row));
}

function toTable(row: RelatedForm): RelatedTable {
  const list = (text: string) =>
    text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
  const said = (["through", "leads_to", "id", "created_at", "url"] as const).filter(
    (key) => row[key].trim() !== "",
  );
  return {
    label: row.label.trim(),
    table: row.table.trim(),
    user: row.user.trim(),
    ...Object.fromEntries(said.map((key) => [key, row[key].trim()])),
    ...(list(row.identify).length > 0 ? { identify: list(row.identify) } : {}),
    ...(list(row.describe).length > 0 ? { describe: list(row.describe) } : {}),
  };
}
