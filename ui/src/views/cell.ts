// What stands in a cell of the list, and what its tooltip adds.
import type { Column } from "../bindings/Column";
import { mark, type Piece } from "../text/mark";
import { inWords } from "../text/user";
import { cut, visible } from "../text/visible";
import { texts } from "../texts";

/** At most so many letters of a value, and of a tooltip: it is for reading, not for ten thousand characters. */
const TEXT_MOST = 160;
const TITLE_MOST = 600;

export interface CellText {
  text: string;
  /** The same in pieces, where the query stands in it. */
  pieces: Piece[] | null;
  /** It says that there is no value. */
  missing: boolean;
}

/** `query` is marked; `now` in milliseconds since the epoch. */
export function cellText(column: Column, value: string | null, query: string, now: number): CellText {
  if (value === null) return { text: texts.common.nothing, pieces: null, missing: true };
  if (column.role === "name" && value.trim() === "")
    return { text: texts.users.noName, pieces: null, missing: true };
  const { text, left } = cut(inWords(column, value, now).text, TEXT_MOST);
  const more = left > 0 ? "…" : "";
  const pieces = query === "" ? [] : mark(text, query);
  return {
    text: visible(text) + more,
    pieces: pieces.some(({ marked }) => marked)
      ? [...pieces.map((piece) => ({ ...piece, text: visible(piece.text) })), { text: more, marked: false }]
      : null,
    missing: false,
  };
}

/** The whole value, or as much of it as can be read there; a time to the second. */
export function cellTitle(column: Column, value: string | null, now: number): string {
  if (value === null) return texts.users.nullValue;
  return shortTitle(inWords(column, value, now).more ?? value);
}

export function shortTitle(value: string): string {
  const { text, left } = cut(value, TITLE_MOST);
  return visible(text) + (left > 0 ? texts.users.cut(left) : "");
}
