// Filters that work in this connection, to learn from: made of its columns, and of values that are loaded.
import type { Column } from "../bindings/Column";
import type { Row } from "../bindings/Row";

/** How many are enough to learn from. */
const MOST = 8;

export interface FilterExample {
  filter: string;
  /** The column's name for people. */
  label: string;
}

/** One for each column that is no name, address or ID. */
export function filterExamples(columns: Column[], rows: Row[]): FilterExample[] {
  const examples = columns.flatMap((column, at) => {
    if (column.masked) return [];
    if (!["other", "created_at"].includes(column.role) || !/^\w+$/.test(column.name)) return [];
    const value = mostCommon(rows.map(({ cells }) => cells[at] ?? null));
    const filter = exampleOf(column, value);
    return filter === null ? [] : [{ filter, label: column.label }];
  });
  return examples.slice(0, MOST);
}

function exampleOf({ name, role, kind }: Column, value: string | null): string | null {
  if (role === "created_at") return "created:7d";
  if (kind === "time") return `${name}:30d`;
  if (kind === "boolean") return `${name}:yes`;
  if (value === null || kind === "json" || kind === "uuid") return null;
  if (kind === "integer" || kind === "number") return `${name}:>=${value}`;
  // A long value, or one with signs of the grammar, teaches nothing.
  if (value.length > 24 || !/^[\p{L}\p{N} ._-]+$/u.test(value) || value.trim() === "") return null;
  return `${name}:=${value.includes(" ") ? `"${value}"` : value}`;
}

function mostCommon(values: (string | null)[]): string | null {
  const times = new Map<string, number>();
  for (const value of values) if (value !== null) times.set(value, (times.get(value) ?? 0) + 1);
  return [...times].sort(([, one], [, other]) => other - one)[0]?.[0] ?? null;
}
