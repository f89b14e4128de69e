// Questions are numbered, and Rust answers only the newest one.
import { afterEach, expect, test, vi } from "vitest";
import { installFake } from "../fake/understudy";

afterEach(() => vi.useRealTimers());

test("a page that was loaded again asks newer questions than before", async () => {
  const fake = installFake();
  const query = { text: "", sort: null, place: "start", limit: 5, everywhere: false } as const;
  const before = await import("../../src/ipc");
  for (let asked = 0; asked < 3; asked++) await before.searchUsers("acme", query);
  vi.resetModules();
  vi.useFakeTimers({ now: Date.now() + 1000, toFake: ["Date"] });
  const after = await import("../../src/ipc");
  await after.searchUsers("acme", query);
  const turns = fake.called("search_users").map(({ args }) => Number(args["turn"]));
  expect(turns).toHaveLength(4);
  expect(turns).toEqual([...turns].sort((one, other) => one - other));
  expect(new Set(turns).size).toBe(4);
});
