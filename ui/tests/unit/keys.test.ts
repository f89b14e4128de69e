// Digits and signs on keyboards where they are on other keys than on an American one.
// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { digitWithAlt, presses, sessionOf } from "../../src/keys";

const pressed = (code: string, key: string, held: KeyboardEventInit) =>
  new KeyboardEvent("keydown", { code, key, ...held });
const ctrl = (code: string, key: string, shiftKey = false) => pressed(code, key, { ctrlKey: true, shiftKey });
const alt = (code: string, key: string, shiftKey = false) => pressed(code, key, { altKey: true, shiftKey });

describe("with Ctrl, a digit leads to a session", () => {
  test.each([
    ["on an American keyboard", ctrl("Digit1", "1"), 1],
    ["on the numeric keypad", ctrl("Numpad3", "3"), 3],
    ["on a French one, as it is", ctrl("Digit1", "&"), 1],
    ["on a French one, with Shift", ctrl("Digit1", "1", true), 1],
    ["on the French key of _", ctrl("Digit8", "_"), 8],
    ["on the Czech key of +", ctrl("Digit1", "+"), 1],
    ["where digits have other places", ctrl("Digit5", "1"), 1],
  ])("%s", (_, event, session) => {
    expect(sessionOf(event)).toBe(session);
    for (const chord of ["Mod+Plus", "Mod+Minus", "Mod+0"]) expect(presses(event, chord)).toBe(false);
  });

  test.each([
    ["0", ctrl("Digit0", "0")],
    ["the sign above a digit", ctrl("Digit1", "!", true)],
    ["the French key of -", ctrl("Digit6", "-")],
    ["a letter", ctrl("KeyA", "a")],
    ["a digit with Alt, too", pressed("Digit1", "1", { ctrlKey: true, altKey: true })],
  ])("but not %s", (_, event) => expect(sessionOf(event)).toBeNull());
});

describe("with Alt, a digit is one from 1 to 9", () => {
  test.each([
    ["on an American keyboard", alt("Digit2", "2"), 2],
    ["on a Mac, where it types a sign", alt("Digit2", "€"), 2],
    ["on a French one, as it is", alt("Digit6", "-"), 6],
    ["on a French one, with Shift", alt("Digit2", "2", true), 2],
  ])("%s", (_, event, digit) => expect(digitWithAlt(event)).toBe(digit));

  test.each([
    ["0", alt("Digit0", "0")],
    ["digits of the numeric keypad, which compose characters on Windows", alt("Numpad2", "2")],
    ["the sign above a digit", alt("Digit2", "@", true)],
    ["a digit alone", pressed("Digit2", "2", {})],
  ])("but not %s", (_, event) => expect(digitWithAlt(event)).toBeNull());
});

test("zoom has its keys on each of them", () => {
  expect(presses(ctrl("Equal", "="), "Mod+Plus")).toBe(true);
  expect(presses(ctrl("Equal", "+", true), "Mod+Plus")).toBe(true);
  expect(presses(ctrl("Minus", "-"), "Mod+Minus")).toBe(true);
  expect(presses(ctrl("Minus", "_", true), "Mod+Minus")).toBe(true);
  expect(presses(ctrl("Digit6", "-"), "Mod+Minus")).toBe(true);
  expect(presses(ctrl("Digit0", "0"), "Mod+0")).toBe(true);
  expect(presses(ctrl("Digit0", "à"), "Mod+0")).toBe(true);
});

test("other logs have their digits by place, too", () => {
  expect(presses(alt("Digit1", "&"), "Alt+1")).toBe(true);
  expect(presses(alt("Digit2", "é"), "Alt+2")).toBe(true);
  expect(presses(alt("Digit1", "&"), "Alt+2")).toBe(false);
});
