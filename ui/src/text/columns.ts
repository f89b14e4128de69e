// The list's columns as the operator has arranged them: order, widths, what is hidden and what stays at the left.
import type { ArrangedColumn } from "../bindings/ArrangedColumn";
import type { Column } from "../bindings/Column";
import { gridColumns } from "./user";

/** A column of the table, shown or not. */
export interface PlacedColumn {
  column: Column;
  /** Its place in a row's cells. */
  index: number;
  /** In px; `null` fits its content. */
  width: number | null;
  hidden: boolean;
  pinned: boolean;
}

export const LEAST_WIDTH = 56;
export const MOST_WIDTH = 900;

/** All columns in their order, pinned ones first. What is new in the database follows what was arranged. */
export function placedColumns(columns: Column[], arranged: ArrangedColumn[]): PlacedColumn[] {
  const usual = gridColumns(columns);
  const rest = columns
    .map((column, index) => ({ column, index }))
    .filter(({ index }) => !usual.some((one) => one.index === index));
  const all = [...usual, ...rest].map(({ column, index }, at) => {
    const kept = arranged.find(({ name }) => name === column.name);
    return {
      column,
      index,
      width: kept?.width ?? null,
      hidden: kept ? kept.hidden : at >= usual.length,
      pinned: kept?.pinned ?? false,
    };
  });
  const place = ({ column }: PlacedColumn) => {
    const at = arranged.findIndex(({ name }) => name === column.name);
    return at < 0 ? arranged.length : at;
  };
  return all.sort((one, other) => Number(other.pinned) - Number(one.pinned) || place(one) - place(other));
}

/** Those that are shown; a list without columns would be none. */
export function shownColumns(placed: PlacedColumn[]): PlacedColumn[] {
  const shown = placed.filter(({ hidden }) => !hidden);
  return shown.length > 0 ? shown : placed.slice(0, 1);
}

/** As it is kept. */
export function keptColumns(placed: PlacedColumn[]): ArrangedColumn[] {
  return placed.map(({ column, width, hidden, pinned }) => ({ name: column.name, width, hidden, pinned }));
}

/** One column changed. The last one that is shown can't be hidden. */
export function changed(
  placed: PlacedColumn[],
  name: string,
  change: Partial<Pick<PlacedColumn, "width" | "hidden" | "pinned">>,
): PlacedColumn[] {
  const isLast = placed.every(({ column, hidden }) => hidden || column.name === name);
  if (change.hidden === true && isLast) return placed;
  return placed.map((one) => (one.column.name === name ? { ...one, ...change } : one));
}

/** One column moved by so many places among those of its kind: shown and pinned, or shown and not. */
export function moved(placed: PlacedColumn[], name: string, by: number): PlacedColumn[] {
  const one = placed.find(({ column }) => column.name === name);
  if (!one) return placed;
  const peers = placed.filter(({ hidden, pinned }) => hidden === one.hidden && pinned === one.pinned);
  const other = peers[peers.indexOf(one) + by];
  if (!other) return placed;
  const rest = placed.filter((each) => each !== one);
  return rest.toSpliced(rest.indexOf(other) + (by > 0 ? 1 : 0), 0, one);
}

export function boundedWidth(width: number): number {
  return Math.round(Math.min(Math.max(width, LEAST_WIDTH), MOST_WIDTH));
}
