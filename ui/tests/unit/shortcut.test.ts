// Keys as they are pressed, in Tauri's notation.
// @vitest-environment jsdom
import { expect, test } from "vitest";
import { shortcutOf } from "../../src/text/shortcut";

const press = (key: string, code: string, held: KeyboardEventInit = {}) =>
  shortcutOf(new KeyboardEvent("keydown", { key, code, ...held }));

test.each([
  ["U", "KeyU", { ctrlKey: true, shiftKey: true }, "CommandOrControl+Shift+U"],
  ["ü", "KeyU", { ctrlKey: true, altKey: true }, "CommandOrControl+Alt+U"],
  ["1", "Digit1", { metaKey: true }, "Super+1"],
  [" ", "Space", { altKey: true }, "Alt+Space"],
  ["ArrowUp", "ArrowUp", { ctrlKey: true }, "CommandOrControl+Up"],
  ["F9", "F9", {}, "F9"],
  ["F9", "F9", { shiftKey: true }, "Shift+F9"],
])("%s (%s) with %j is a shortcut", (key, code, held, shortcut) => {
  expect(press(key, code, held)).toEqual({ shortcut });
});

test.each([
  ["Control", "ControlLeft", { ctrlKey: true }, "incomplete"],
  ["AltGraph", "AltRight", {}, "incomplete"],
  ["u", "KeyU", {}, "weak"],
  ["U", "KeyU", { shiftKey: true }, "weak"],
  ["Dead", "IntlBackslash", { ctrlKey: true }, "unknown"],
])("%s (%s) with %j is none: %s", (key, code, held, why) => {
  expect(press(key, code, held)).toBe(why);
});
