// What the grid of users and those who point into it share: ids, measures, column widths.
import type { Column } from "../bindings/Column";
import type { FieldKind } from "../bindings/FieldKind";
import type { Row } from "../bindings/Row";
import type { PlacedColumn } from "../text/columns";
import { inWords } from "../text/user";

export const GRID_ID = "users";
/** Height of a row in px; the same as --row. */
export const ROW_HEIGHT = 38;

/** The id of a row's element, for aria-activedescendant. */
export function rowId(index: number): string {
  return `${GRID_ID}-${index}`;
}

/** The id of the cell that the keyboard means, in this row. */
export function cellId(index: number): string {
  return `${rowId(index)}-cell`;
}

/** Says why the rows may be out of date. */
export const OUTAGE_ID = "outage";

export const COMPLETIONS_ID = "completions";

/** The id of a suggestion's element, for aria-activedescendant. */
export function completionId(index: number): string {
  return `${COMPLETIONS_ID}-${index}`;
}

interface Width {
  least: number;
  share: number;
}

const byKind: Record<FieldKind, Width> = {
  boolean: { least: 84, share: 0.6 },
  integer: { least: 96, share: 0.7 },
  number: { least: 96, share: 0.7 },
  time: { least: 112, share: 0.8 },
  uuid: { least: 150, share: 1.2 },
  json: { least: 130, share: 1.2 },
  text: { least: 116, share: 1 },
};

function width({ role, kind }: Column): Width {
  if (role === "name") return { least: 168, share: 1.7 };
  if (role === "email") return { least: 190, share: 2 };
  return byKind[kind];
}

/** Wider than this, a column has to be asked to be. */
const MOST_FITTED = { who: 340, other: 240 };
/** Of a letter, on average, in px; the avatar beside the first column's text. */
const LETTER = 7.3;
const AVATAR = 36;
const LABEL_PADDING = 16;
/** Rows that say how wide a column has to be. */
const SAMPLE = 50;

/** In px, by each column's name: as wide as what stands in it, as far as these rows tell. */
export function fittedWidths(columns: Column[], rows: Row[], now: number): Map<string, number> {
  const sample = rows.slice(0, SAMPLE);
  return new Map(
    columns.map((column, index) => {
      const letters = sample.map(({ cells }) => {
        const value = cells[index] ?? null;
        return value === null ? 1 : Math.min(inWords(column, value, now).text.length, 80);
      });
      const isWho = column.role === "name" || column.role === "email";
      const content =
        Math.max(column.label.length + 2, ...letters) * LETTER + (column.role === "name" ? AVATAR : 8);
      const most = isWho ? MOST_FITTED.who : MOST_FITTED.other;
      return [column.name, Math.round(Math.min(content, most))];
    }),
  );
}

/** So many different values at most, each of them short, are a kind of label. */
const PILL = { values: 6, letters: 18, rows: 8 };

/** Names of the columns whose values are few and short, such as a plan or a status. */
export function labelColumns(columns: Column[], rows: Row[]): Set<string> {
  const isLabel = ({ role, kind, company, masked }: Column, at: number) => {
    if (role !== "other" || company || masked || (kind !== "text" && kind !== "boolean")) return false;
    const values = rows.slice(0, SAMPLE).flatMap(({ cells }) => cells[at] ?? []);
    const different = new Set(values);
    return (
      values.length >= PILL.rows &&
      different.size <= Math.min(PILL.values, values.length / 2) &&
      [...different].every((value) => value.trim() !== "" && value.length <= PILL.letters)
    );
  };
  return new Set(columns.filter(isLabel).map(({ name }) => name));
}

export interface Track {
  column: PlacedColumn;
  /** Below this the grid scrolls sideways, in px. */
  least: number;
  /** Distance from the left edge at which it stays; `null`: it scrolls. */
  left: number | null;
  /** Its values are shown as labels. */
  label: boolean;
  /** For grid-template-columns. */
  track: string;
}

/** Who it is gets the room that it needs first; the others give way, and share what is left. */
export function tracks(
  columns: PlacedColumn[],
  fitted: Map<string, number>,
  labels: Set<string>,
  gap: number,
  padding: number,
): Track[] {
  let left = padding;
  return columns.map((one) => {
    const { least, share } = width(one.column);
    const label = labels.has(one.column.name);
    const content = (fitted.get(one.column.name) ?? least) + (label ? LABEL_PADDING : 0);
    const isWho = one.column.role === "name" || one.column.role === "email";
    // What stays at the left has to know how wide it is.
    const fixed = one.width ?? (one.pinned ? content : null);
    const floor = fixed ?? (isWho ? content : Math.min(content, least));
    const at = one.pinned ? left : null;
    if (one.pinned) left += floor + gap;
    const track = fixed === null ? `minmax(${floor}px, ${share}fr)` : `${fixed}px`;
    return { column: one, least: floor, left: at, label, track };
  });
}

/** Below this the grid scrolls sideways, in px. */
export function leastWidth(tracks: Track[], gap: number, padding: number): number {
  return (
    tracks.reduce((sum, { least }) => sum + least, 0) + gap * Math.max(0, tracks.length - 1) + padding * 2
  );
}
