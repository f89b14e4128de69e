// Keys of the console: each does one thing where it is pressed.
// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { type Action, actions } from "../../src/actions";
import { presses } from "../../src/keys";

/** Those that share `Enter` in the list: which of them is possible, the list's content decides. */
const ENTER = ["details", "everywhere-enter", "offer-enter"];

/** Keys of the console that belong to no action (keyboard.ts, cell-keys.ts). */
const OTHERS = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((digit) => [`Alt+${digit}`, `Mod+${digit}`]),
  ...["Up", "Down", "Left", "Right"].flatMap((way) => [
    `Arrow${way}`,
    `Alt+Arrow${way}`,
    `Shift+Arrow${way}`,
  ]),
  ...["PageUp", "PageDown", "Home", "End", "Escape", "Tab", "j", "k", "c"],
];

const SHIFTED = new Set(["?", "+"]);

/** The event that a keyboard sends for a chord. */
function pressed(chord: string): KeyboardEvent {
  const modifiers = chord.split("+");
  const last = modifiers.pop() ?? "";
  const key = { Plus: "+", Minus: "-" }[last] ?? last;
  return new KeyboardEvent("keydown", {
    key,
    ctrlKey: modifiers.includes("Mod") || modifiers.includes("Ctrl"),
    altKey: modifiers.includes("Alt"),
    shiftKey: modifiers.includes("Shift") || SHIFTED.has(key),
  });
}

const takers = (chord: string) =>
  actions
    .filter((action: Action) => action.chords.some((one) => presses(pressed(chord), one)))
    .map(({ id }) => id);

describe("shortcuts of the console", () => {
  const chords = actions.flatMap(({ id, chords }) => chords.map((chord) => [chord, id] as const));

  test.each(chords)("%s does nothing but %s", (chord, id) => {
    expect(takers(chord)).toEqual(chord === "Enter" ? ENTER : [id]);
  });

  test.each(OTHERS)("%s is no action's, for the list or the rail has it", (chord) => {
    expect(takers(chord)).toEqual([]);
  });
});
