// Which rows are drawn, and with which elements.
import { describe, expect, test } from "vitest";
import { noRows, reveal, rowWindow, type RowWindow } from "../../src/views/row-window";
import { ROW_HEIGHT } from "../../src/views/grid";

const sight = {
  top: 0,
  height: 15 * ROW_HEIGHT,
  count: 10_000,
  selected: 0,
  ahead: 8,
  scrolling: false,
};
const at = (row: number) => row * ROW_HEIGHT;
const keys = ({ slots }: RowWindow) => slots.map(({ key }) => key);
const places = ({ slots }: RowWindow) => slots.map(({ index }) => index);
const ascending = (numbers: number[]) =>
  numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0));

/** Numbers that look arbitrary and are the same each time. */
function* arbitrary(most: number): Generator<number> {
  for (let state = 7; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state % most;
  }
}

describe("while a list is scrolled", () => {
  test("what is in sight is drawn, once each, and by the same elements", () => {
    const numbers = arbitrary(at(9_000));
    let before = rowWindow(noRows, { ...sight, scrolling: true });
    const pool = keys(before);
    for (let step = 0; step < 2_000; step++) {
      const top = numbers.next().value as number;
      const now = rowWindow(before, {
        ...sight,
        top,
        scrolling: true,
        selected: Math.floor(top / ROW_HEIGHT),
      });
      expect(keys(now)).toEqual(pool);
      const drawn = new Set(places(now));
      expect(drawn.size).toBe(pool.length);
      for (let row = Math.floor(top / ROW_HEIGHT); at(row) < top + sight.height; row++)
        expect(drawn.has(row)).toBe(true);
      before = now;
    }
  });

  test("an element whose row stays is left alone", () => {
    const before = rowWindow(noRows, { ...sight, top: at(100) });
    const now = rowWindow(before, { ...sight, top: at(103) });
    expect(now.slots.filter((slot) => before.slots.includes(slot))).toHaveLength(before.slots.length - 3);
  });

  test("at rest, the elements are in the order of the list", () => {
    const moving = rowWindow(noRows, { ...sight, top: at(1_234), scrolling: true });
    expect(ascending(places(moving))).toBe(false);
    const resting = rowWindow(moving, { ...sight, top: at(1_234) });
    expect(ascending(places(resting))).toBe(true);
    expect(keys(resting).sort()).toEqual(keys(moving).sort());
  });
});

test("the selected row is drawn wherever it is, and once", () => {
  for (const selected of [0, 99, 100, 120, 130, 9_999]) {
    const { slots } = rowWindow(noRows, { ...sight, top: at(110), selected });
    expect(slots.filter(({ index }) => index === selected)).toHaveLength(1);
    expect(new Set(slots.map(({ key }) => key)).size).toBe(slots.length);
    expect(ascending(slots.map(({ index }) => index))).toBe(true);
  }
  expect(places(rowWindow(noRows, { ...sight, count: 0, selected: -1 }))).toEqual([]);
  expect(places(rowWindow(noRows, { ...sight, count: 3, selected: 1, top: at(50) }))).toEqual([0, 1, 2]);
});

test("a row out of sight is scrolled to, and no farther than it needs", () => {
  expect(reveal(5, at(5), at(10))).toBeNull();
  expect(reveal(4, at(5), at(10))).toBe(at(4));
  expect(reveal(14, at(5), at(10))).toBeNull();
  expect(reveal(15, at(5), at(10))).toBe(at(6));
  expect(reveal(7, at(7) + 1, at(10))).toBe(at(7));
});
