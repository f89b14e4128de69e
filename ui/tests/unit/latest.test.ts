// Of several questions, only the newest counts.
import { expect, test } from "vitest";
import { Latest } from "../../src/state/latest";

test("a question is the latest until another one begins", () => {
  const latest = new Latest();
  expect(latest.untouched).toBe(true);
  const first = latest.begin();
  const joined = latest.current();
  expect([first(), joined()]).toEqual([true, true]);
  const second = latest.begin();
  expect([first(), joined(), second()]).toEqual([false, false, true]);
  expect(latest.untouched).toBe(false);
});

test("what is cancelled is outdated, and a later question is not", () => {
  const latest = new Latest();
  const cancelled = latest.begin();
  latest.cancel();
  expect(cancelled()).toBe(false);
  expect(latest.begin()()).toBe(true);
});
