import { describe, expect, test } from "vitest";
import { ago, moment, stopwatch } from "../../src/text/time";

// Local time, so that "yesterday" means the same wherever this runs.
const now = new Date(2026, 10, 18, 15, 30, 0).getTime();
const minutes = (n: number) => ({ at: now - n * 60_000, dayOnly: false });

describe("how long ago", () => {
  test.each([
    [minutes(0.5), "just now"],
    [minutes(2), "2 min ago"],
    [minutes(59), "59 min ago"],
    [minutes(60), "1 h ago"],
    [minutes(15 * 60), "15 h ago"],
    [minutes(22 * 60), "yesterday"],
    [minutes(3 * 24 * 60), "3 days ago"],
    [minutes(8 * 24 * 60), "10 Nov 2026"],
    [minutes(-5), "18 Nov 2026"],
    [{ at: new Date(2026, 10, 18).getTime(), dayOnly: true }, "today"],
    [{ at: new Date(2026, 10, 17).getTime(), dayOnly: true }, "yesterday"],
  ])("%o", (when, wanted) => expect(ago(when, now)).toBe(wanted));

  test("late last night is hours ago, not yesterday", () => {
    const early = new Date(2026, 10, 18, 1, 0).getTime();
    expect(ago({ at: early - 2 * 3_600_000, dayOnly: false }, early)).toBe("2 h ago");
  });
});

describe("reading a time", () => {
  test.each([
    ["2026-11-18T14:30:00Z", Date.UTC(2026, 10, 18, 14, 30)],
    ["2026-11-18T15:30:00.123456+01:00", Date.UTC(2026, 10, 18, 14, 30, 0, 123)],
    ["2026-11-18 15:30:00+0100", Date.UTC(2026, 10, 18, 14, 30)],
    ["1706702400", Date.UTC(2024, 0, 31, 12)],
    ["1706702400.000", Date.UTC(2024, 0, 31, 12)],
    ["1706702400000", Date.UTC(2024, 0, 31, 12)],
    ["1706702400000000", Date.UTC(2024, 0, 31, 12)],
    ["20240131120000", Date.UTC(2024, 0, 31, 12)],
    ["2026-11-18 15:30", new Date(2026, 10, 18, 15, 30).getTime()],
  ])("%s", (text, at) => expect(moment(text)).toEqual({ at, dayOnly: false }));

  test("a day has no time", () => {
    expect(moment("2026-11-18")).toEqual({ at: new Date(2026, 10, 18).getTime(), dayOnly: true });
  });

  test.each([
    "",
    "not a time",
    "0000-99-99",
    "20261118",
    "infinity",
    "0",
    "5400",
    "-1706702400",
    "99999999999999999999",
  ])("%j is none", (text) => expect(moment(text)).toBeNull());
});

test("a stopwatch", () => {
  expect(stopwatch(0)).toBe("00:00");
  expect(stopwatch(291_000)).toBe("04:51");
  expect(stopwatch(3_723_999)).toBe("1:02:03");
  expect(stopwatch(-5)).toBe("00:00");
});
