// Where secrets go: what differs between two places, and who waits for which answer.
import { expect, test } from "vitest";
import type { Moved } from "../../src/bindings/Moved";
import { Destinations } from "../../src/state/destinations.svelte";
import { compared } from "../../src/text/destination";
import { nextTurn } from "../turn";

const place = (print: string, ...sites: string[]) => ({
  print,
  facts: sites.map((value) => ({ aspect: "origin" as const, value })),
});
const moved = (connection: string, print: string): Moved => ({
  connection,
  secrets: [{ name: "admin_token", stored_for: null, now: place(print, "https://a.example") }],
});
const always = { again: true, retype: true };
const once = { again: false, retype: true };

test("what is said on either side has one line, and a change of order or number is a change", () => {
  const [line] = compared({
    name: "x",
    stored_for: place("1", "https://a.example"),
    now: place("2", "https://a.example", "https://b.example"),
  });
  expect(line).toEqual({
    aspect: "origin",
    before: ["https://a.example"],
    now: ["https://a.example", "https://b.example"],
    changed: true,
  });
  const proxy = { aspect: "proxy" as const, value: "http://p:1" };
  const without = compared({
    name: "x",
    stored_for: { print: "1", facts: [proxy] },
    now: place("2", "https://a.example"),
  });
  expect(without.map(({ aspect, changed }) => [aspect, changed])).toEqual([
    ["origin", true],
    ["proxy", true],
  ]);
});

test("the same question is asked once for all who wait, another one after it", async () => {
  const destinations = new Destinations();
  const asked = [
    destinations.decide(moved("acme", "1"), once),
    destinations.decide(moved("acme", "1"), always),
    destinations.decide(moved("acme", "2"), once),
  ];
  await nextTurn();
  expect(destinations.question?.moved).toEqual(moved("acme", "1"));
  destinations.question?.answer(true);
  await nextTurn();
  expect(destinations.question?.moved).toEqual(moved("acme", "2"));
  destinations.question?.answer(false);
  expect(await Promise.all(asked)).toEqual([true, true, false]);
  expect(destinations.question).toBeNull();
});

test("a no holds for what happens by itself, not for what the agent does, and not for another place", async () => {
  const destinations = new Destinations();
  const first = destinations.decide(moved("acme", "1"), once);
  await nextTurn();
  destinations.question?.answer(false);
  expect(await first).toBe(false);
  expect(await destinations.decide(moved("acme", "1"), once)).toBe(false);

  const other = destinations.decide(moved("acme", "2"), once);
  await nextTurn();
  destinations.question?.answer(false);
  expect(await other).toBe(false);

  const again = destinations.decide(moved("acme", "1"), always);
  await nextTurn();
  destinations.question?.answer(true);
  expect(await again).toBe(true);
  const later = destinations.decide(moved("acme", "1"), once);
  await nextTurn();
  expect(destinations.question).not.toBeNull();
  destinations.question?.answer(true);
  await later;
});
