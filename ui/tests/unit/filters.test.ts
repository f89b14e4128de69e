// The spans of a search text's filters, while the text is typed on.
import { describe, expect, test } from "vitest";
import { carried, freeText, NOTHING_READ, painted, replaced, without } from "../../src/text/filters";
import { columns } from "../fake/people";
import { read } from "../fake/filters";

const spans = (from: string, to: string) =>
  carried(read(from, columns), from, to).chips.map(({ start, end }) => to.slice(start, end));

describe("carried along with an edit", () => {
  test.each([
    ["anna plan:pro", "anna plan:pro x", ["plan:pro"]],
    ["anna plan:pro", "hanna plan:pro", ["plan:pro"]],
    ["anna plan:pro", "plan:pro", ["plan:pro"]],
    ["plan:pro x", "plan:prod x", ["plan:prod"]],
    ["plan:pro x", "plan:p x", ["plan:p"]],
    ["plan:pro email:acme", "plan:pro, email:acme", ["plan:pro,", "email:acme"]],
    ["plan:pro", "", []],
    ["😀 plan:pro", "😀😀 plan:pro", ["plan:pro"]],
  ])("%j becomes %j", (from, to, expected) => expect(spans(from, to)).toEqual(expected));

  test("what is not read yet paints nothing", () => {
    expect(painted("anna", NOTHING_READ)).toEqual([{ text: "anna", kind: "plain" }]);
  });
});

test("painting loses no letter", () => {
  const text = "  a plan:Team,Free -email:acme plna:pro created_at:soon b ";
  const pieces = painted(text, read(text, columns));
  expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  expect(pieces.map(({ kind }) => kind).filter((kind) => kind !== "plain")).toEqual([
    "filter",
    "filter",
    "unknown",
    "fault",
  ]);
});

test("the free text is what is left", () => {
  const text = 'anna  plan:Team "berg x" -email:acme';
  expect(freeText(text, read(text, columns))).toBe("anna berg x");
});

test.each([
  ["plan:pro", [0, 8], ""],
  ["anna plan:pro", [5, 13], "anna"],
  ["plan:pro anna", [0, 8], "anna"],
  ["anna  plan:pro  berg", [6, 14], "anna berg"],
] as const)("%j without its filter", (text, [start, end], expected) =>
  expect(without(text, { start, end })).toBe(expected),
);

test("a name is mended in its place", () => {
  expect(replaced("anna plna:pro", { start: 5, end: 9 }, "plan")).toBe("anna plan:pro");
});
