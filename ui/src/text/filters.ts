// A search text and what was read from it: the spans of its filters while they are typed, and the text without
// them. Places are in UTF-16 code units, as everywhere in JavaScript.
import type { Highlights } from "../bindings/Highlights";

export interface Span {
  start: number;
  end: number;
}

export const NOTHING_READ: Highlights = { chips: [], faults: [], unknown: [] };

/** `reading` of `from` as it stands in `to`, one edit later, until that is read itself. */
export function carried(reading: Highlights, from: string, to: string): Highlights {
  if (from === to || reading === NOTHING_READ) return reading;
  const most = Math.min(from.length, to.length);
  let before = 0;
  while (before < most && from[before] === to[before]) before++;
  let after = 0;
  while (after < most - before && from[from.length - 1 - after] === to[to.length - 1 - after]) after++;
  const longer = to.length - from.length;
  const typedOn = /^\S*/.exec(to.slice(before, to.length - after))?.[0].length ?? 0;
  const carry = <T extends Span>(spans: T[]): T[] =>
    spans.flatMap((span) => {
      if (span.end < before) return [span];
      if (span.end === before) return [{ ...span, end: span.end + typedOn }];
      const end = span.end + longer;
      if (span.start >= from.length - after) return [{ ...span, start: span.start + longer, end }];
      // The edit is in it.
      return span.start <= before && end > span.start ? [{ ...span, end }] : [];
    });
  return { chips: carry(reading.chips), faults: carry(reading.faults), unknown: carry(reading.unknown) };
}

/** What is searched as text: the filters taken out, phrases without their quotes. */
export function freeText(text: string, { chips }: Highlights): string {
  let free = "";
  let at = 0;
  for (const { start, end } of chips) {
    free += text.slice(at, start);
    at = end;
  }
  return (free + text.slice(at)).replace(/"/g, "").replace(/\s+/g, " ").trim();
}

/** `text` without the word at `span`, and without a blank too many. */
export function without(text: string, { start, end }: Span): string {
  const before = text.slice(0, start).trimEnd();
  const after = text.slice(end).trimStart();
  return before === "" || after === "" ? before + after : `${before} ${after}`;
}

export function replaced(text: string, { start, end }: Span, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}

/** Stands for the end of a line in a field, which has only one: lines tell what was quoted, and who wrote it. */
const LINE_SIGN = "↵";

/** What the directory searches for as it stands has at most as many characters. */
const TYPED_MOST = 500;

/** A text with several lines in one line. */
export function inOneLine(text: string): string {
  const lines = text.split(/[\n\r\u2028\u2029]/).map((line) => line.trimEnd());
  return lines.filter((line) => line !== "").join(` ${LINE_SIGN} `);
}

/** Whether someone may have typed the text: it is not a pasted email. */
export function isTyped(text: string): boolean {
  return text.length <= TYPED_MOST && !text.includes(LINE_SIGN);
}

export interface Paint {
  text: string;
  kind: "plain" | "filter" | "begun" | "fault" | "unknown";
}

/** The text in pieces, each of one look. */
export function painted(text: string, { chips, faults, unknown }: Highlights): Paint[] {
  const spans = [
    ...chips.map(
      ({ start, end, complete }) => ({ start, end, kind: complete ? "filter" : "begun" }) as const,
    ),
    ...faults.map(({ start, end }) => ({ start, end, kind: "fault" }) as const),
    // One that nothing is close to is a word like any other.
    ...unknown
      .filter(({ closest }) => closest !== null)
      .map(({ start, end }) => ({ start, end, kind: "unknown" }) as const),
  ].sort((a, b) => a.start - b.start);
  const pieces: Paint[] = [];
  let at = 0;
  for (const { start, end, kind } of spans) {
    if (start < at || end > text.length) continue;
    pieces.push({ text: text.slice(at, start), kind: "plain" }, { text: text.slice(start, end), kind });
    at = end;
  }
  pieces.push({ text: text.slice(at), kind: "plain" });
  return pieces.filter((piece) => piece.text !== "");
}

/** A filter for exactly this value, quoted where it has to be. */
export function filterFor(name: string, value: string): string {
  const plain =
    /^[\p{L}\p{N}_@.+-]+$/u.test(value) && value.toLowerCase() !== "none" && !value.includes("..");
  return `${name}:=${plain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`}`;
}
