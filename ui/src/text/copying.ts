// Rows as other programs read them: JSON, CSV and SQL. What is copied is what the database holds, not how the list
// shows it; only hidden columns and nothing else are left out.
import type { Column } from "../bindings/Column";
import type { Row } from "../bindings/Row";

/** In which form rows are copied. */
export type CopyForm = "json" | "csv" | "sql";

export function copied(form: CopyForm, columns: Column[], rows: Row[]): string {
  if (form === "json") return asJson(columns, rows);
  return form === "csv" ? asCsv(columns, rows) : asSql(columns, rows);
}

/** One object, or an array of several. */
function asJson(columns: Column[], rows: Row[]): string {
  const objects = rows.map(({ cells }) =>
    Object.fromEntries(columns.map((column, at) => [column.name, inJson(column, cells[at] ?? null)])),
  );
  return JSON.stringify(objects.length === 1 ? objects[0] : objects, null, 2);
}

function inJson({ kind }: Column, value: string | null): unknown {
  if (value === null) return null;
  if (kind === "boolean") return value === "true" ? true : value === "false" ? false : value;
  // A number that JavaScript would round stays a text.
  if ((kind === "integer" || kind === "number") && String(Number(value)) === value) return Number(value);
  if (kind !== "json") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** RFC 4180, with the columns' names in the first line. */
function asCsv(columns: Column[], rows: Row[]): string {
  const lines = [
    columns.map(({ name }) => inCsv(name, false)),
    ...rows.map(({ cells }) =>
      columns.map(({ kind }, at) => inCsv(cells[at] ?? "", kind === "integer" || kind === "number")),
    ),
  ];
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** A spreadsheet runs what begins like a formula. With an apostrophe before it, it is a text. */
function inCsv(value: string, isNumber: boolean): string {
  const isSafe = (isNumber && Number.isFinite(Number(value))) || !/^\s*[=+\-@\t\r\n]/.test(value);
  const text = isSafe ? value : `'${value}`;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Standard SQL: one INSERT for each row, for a table that whoever uses it names. */
function asSql(columns: Column[], rows: Row[]): string {
  const names = columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join(", ");
  return rows
    .map(({ cells }) => {
      const values = columns.map((column, at) => inSql(column, cells[at] ?? null));
      return `INSERT INTO "users" (${names}) VALUES (${values.join(", ")});`;
    })
    .join("\n");
}

function inSql({ kind }: Column, value: string | null): string {
  if (value === null) return "NULL";
  if (kind === "boolean" && /^(true|false)$/.test(value)) return value.toUpperCase();
  if ((kind === "integer" || kind === "number") && /^-?\d+(\.\d+)?$/.test(value)) return value;
  return `'${value.replaceAll("'", "''")}'`;
}
