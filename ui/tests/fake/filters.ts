// Filters as the fake understands them: `name:value` and `-name:value` of its columns, the value contained.
// Enough for what the window shows of them; the language itself is Rust's.
import type { Column } from "../../src/bindings/Column";
import type { Highlights } from "../../src/bindings/Highlights";
import type { Row } from "../../src/bindings/Row";
import type { Suggestion } from "../../src/bindings/Suggestion";

const WORD = /(-?)([A-Za-z_]\w+):(=?"[^"]*"?|\S*)/g;

export function read(text: string, columns: Column[]): Highlights {
  const reading: Highlights = { chips: [], faults: [], unknown: [] };
  for (const match of text.matchAll(WORD)) {
    const [whole, minus = "", name = "", raw = ""] = match;
    const start = match.index;
    const end = start + whole.length;
    const column = columns.find((one) => one.name === name || one.name === `${name}_at`);
    if (!column) {
      const from = start + minus.length;
      const near = columns.find((one) => [...one.name].sort().join("") === [...name].sort().join(""));
      reading.unknown.push({ start: from, end: from + name.length, name, closest: near?.name ?? null });
    } else if (column.kind === "time" && /[^-\d<>=.dh]/.test(raw)) {
      reading.faults.push({
        start: end - raw.length,
        end,
        message: `\`${name}\` is a time, and “${raw}” is none.`,
        hint: "Write 2026-01, >2026-01-31 or 7d.",
      });
    } else {
      const text = column.kind === "text";
      const exact = text && raw.startsWith("=");
      const value = raw.replaceAll('"', "").slice(exact ? 1 : 0);
      const { label } = column;
      const complete = /\w/.test(value) && !/^"[^"]*$/.test(raw);
      const negated = minus === "-";
      const verbs = exact ? ["is", "is not"] : ["contains", "does not contain"];
      const relation = (text ? verbs[Number(negated)] : negated ? "not" : "") ?? "";
      reading.chips.push({ start, end, column: column.name, label, negated, relation, value, complete });
    }
  }
  return reading;
}

export function free(text: string, { chips }: Highlights): string {
  return chips
    .reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), text)
    .replace(/\s+/g, " ")
    .trim();
}

export function filtered(rows: Row[], columns: Column[], { chips }: Highlights): Row[] {
  return rows.filter((row) =>
    chips.every(({ column, negated, relation, value, complete }) => {
      const cell = (row.cells[columns.findIndex(({ name }) => name === column)] ?? "").toLowerCase();
      const wanted = value.toLowerCase();
      const passes = relation.startsWith("is") ? cell === wanted : cell.includes(wanted);
      return !complete || /^[<>=]/.test(value) || passes !== negated;
    }),
  );
}

export function complete(text: string, caret: number, columns: Column[]): Suggestion[] {
  const typed = /(\S*)$/.exec(text.slice(0, caret))?.[1] ?? "";
  const [name = "", value] = typed.replace(/^-/, "").split(":");
  const start = caret - (value ?? name).length;
  const suggest = (label: string, detail: string) => ({ label, detail, insert: label, start, end: caret });
  if (value === undefined) {
    if (name.length < 2) return [];
    return columns
      .filter((column) => column.name.startsWith(name.toLowerCase()))
      .map((column) => suggest(`${column.name}:`, column.label));
  }
  const column = columns.find((one) => one.name === name);
  if (!column) return [];
  const known =
    column.kind === "time"
      ? [suggest("today", "2026-11-18"), suggest("7d", "7 days"), suggest("2026-11", "November 2026")]
      : [suggest("none", "without a value"), suggest("*", "any value")];
  return known.filter(({ label }) => label.startsWith(value) && label !== value);
}

/** The filter that finds whoever has the same value. */
export function filterBy(column: Column | undefined, cell: string | null): string | null {
  if (!column || column.role === "id" || column.kind === "json") return null;
  if (cell === null) return `${column.name}:none`;
  if (column.kind === "time") return `${column.name}:${cell.slice(0, 10)}`;
  const written = /[\s,"]/.test(cell) ? `"${cell}"` : cell;
  return `${column.name}:${column.kind === "text" ? "=" : ""}${written}`;
}
