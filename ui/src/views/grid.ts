// What the grid of users and those who point into it share: ids, measures, column widths.
import type { Column } from "../bindings/Column";
import type { FieldKind } from "../bindings/FieldKind";

export const GRID_ID = "users";
/** Height of a row in px; the same as --row. */
export const ROW_HEIGHT = 38;

/** The id of a row's element, for aria-activedescendant. */
export function rowId(index: number): string {
  return `${GRID_ID}-${index}`;
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

/** For grid-template-columns. */
export function tracks(columns: Column[]): string {
  return columns
    .map(width)
    .map(({ least, share }) => `minmax(${least}px, ${share}fr)`)
    .join(" ");
}

/** Below this the grid scrolls sideways, in px. */
export function leastWidth(columns: Column[], gap: number, padding: number): number {
  return (
    columns.reduce((sum, column) => sum + width(column).least, 0) +
    gap * Math.max(0, columns.length - 1) +
    padding * 2
  );
}
