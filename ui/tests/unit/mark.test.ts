import { describe, expect, test } from "vitest";
import { mark } from "../../src/text/mark";

/** "An[ge]la": what is marked stands in brackets. */
const shown = (text: string, query: string) =>
  mark(text, query)
    .map((piece) => (piece.marked ? `[${piece.text}]` : piece.text))
    .join("");

describe("marking where a query stands", () => {
  test.each([
    ["Anders Holm", "an", "[An]ders Holm"],
    ["Ángela Ruiz", "ang", "[Áng]ela Ruiz"],
    ["A\u0301ngela", "ang", "[A\u0301ng]ela"],
    ["angela", "ÁNG", "[ang]ela"],
    ["Joa\u0303o", "joa", "[Joa\u0303]o"],
    ["Bogdan", "dan", "Bog[dan]"],
    ["Straße", "e", "Straß[e]"],
    ["İstanbul", "ist", "[İst]anbul"],
    ["👩‍👩‍👧 Ann", "ann", "👩‍👩‍👧 [Ann]"],
    ["Anna", "  anna ", "[Anna]"],
    ["Anna", "", "Anna"],
    ["Anna", "x", "Anna"],
    ["", "x", ""],
    ["a.b", ".", "a[.]b"],
  ])("%s by %s", (text, query, wanted) => {
    expect(shown(text, query)).toBe(wanted);
  });

  test("loses no character, whatever the text is", () => {
    for (const text of ["ﬁne", "Ǆ", "한국어", "\u0301\u0301", "<b>an</b>", "𝒜nna"]) {
      for (const query of ["f", "fi", "d", "한", "an", "\u0301"]) {
        expect(
          mark(text, query)
            .map((piece) => piece.text)
            .join(""),
        ).toBe(text);
      }
    }
  });
});
