import { describe, expect, test } from "vitest";
import { cut, visible } from "../../src/text/visible";

describe("making hidden characters visible", () => {
  test.each([
    ["a\u0000b", "a␀b"],
    ["esc\u001b[31m", "esc␛[31m"],
    ["two\nlines\t", "two␊lines␉"],
    ["del\u007f", "del␡"],
    ["evil\u202etxt.exe", "evil‹U+202E›txt.exe"],
    ["iso\u2066lated\u2069", "iso‹U+2066›lated‹U+2069›"],
    ["zero\u200bwidth\ufeff", "zero‹U+200B›width‹U+FEFF›"],
    ["half\ud83d", "half‹U+D83D›"],
    ["\udc00half", "‹U+DC00›half"],
  ])("%j", (text, wanted) => expect(visible(text)).toBe(wanted));

  test.each(["Ángela", "👩‍👩‍👧‍👦 🏳️‍🌈", "مریم\u200cها", "<b>&amp;</b>", "日本"])("leaves %s alone", (text) =>
    expect(visible(text)).toBe(text),
  );
});

describe("cutting", () => {
  test("says how much is left", () => {
    expect(cut("abcdef", 4)).toEqual({ text: "abcd", left: 2 });
    expect(cut("abc", 4)).toEqual({ text: "abc", left: 0 });
  });

  test("never cuts through a pair, nor a letter from its accent", () => {
    expect(cut("ab😀", 3).text).toBe("ab");
    expect(cut("abe\u0301x", 3).text).toBe("ab");
  });

  test("ends with a text of nothing but accents", () => {
    expect(cut("e" + "\u0301".repeat(5000), 100).text.length).toBeLessThanOrEqual(100);
  });
});
