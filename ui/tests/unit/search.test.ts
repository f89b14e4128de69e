// The search of one connection against answers that come late, out of order, or not at all.
// @vitest-environment jsdom
import { beforeEach, describe, expect, test, vi } from "vitest";
import { UserSearch } from "../../src/state/search.svelte";
import { crowd } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";
import { nextTurn } from "../turn";

let fake: Fake;
let search: UserSearch;
beforeEach(async () => {
  fake = installFake();
  search = new UserSearch("acme");
  await search.open();
});

const names = () => search.rows.map(({ cells }) => cells[1]);
const questions = () =>
  fake.called("search_users").map(({ args }) => (args["query"] as { text: string }).text);

describe("asking again", () => {
  test("looks at the database anew, unless a failure is to be mended", async () => {
    const anew = () => fake.called("directory_info").map(({ args }) => args["anew"]);
    expect(anew()).toEqual([false]);
    search.retry();
    await search.settled();
    expect(anew()).toEqual([false, true]);
    fake.refuse("search_users", { code: "directory_unreachable" });
    search.type("bog");
    await search.settled();
    delete fake.answers["search_users"];
    search.retry();
    await search.settled();
    expect(anew()).toEqual([false, true]);
    expect(names()).toEqual(["Bogdan Ionescu"]);
  });
});

describe("typing", () => {
  test("keeps the rows until the newer ones are there", async () => {
    const held = fake.hold("search_users");
    search.type("bogdan");
    expect(search.text).toBe("bogdan");
    expect(search.rows).toHaveLength(12);
    held.stop();
    await search.settled();
    expect(names()).toEqual(["Bogdan Ionescu"]);
  });

  test("ignores an answer that a newer question overtook", async () => {
    const waiting: ((page: unknown) => void)[] = [];
    fake.answers["search_users"] = () => new Promise((resolve) => waiting.push(resolve));
    const page = (id: string) => ({
      rows: [{ id, cells: [id] }],
      standings: ["free"],
      previous: null,
      next: null,
      how: { tier: "prefix", by: null, elapsed_ms: 1 },
      left_out: null,
      doubled: null,
    });
    search.type("a");
    search.type("an");
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    waiting[1]?.(page("second"));
    await search.settled();
    waiting[0]?.(page("first"));
    await nextTurn();
    expect(search.rows.map(({ id }) => id)).toEqual(["second"]);
    expect(search.answered?.text).toBe("an");
  });

  test("ignores that the older question was cancelled", async () => {
    fake.refuse("search_users", { code: "cancelled" });
    search.type("a");
    search.type("bog");
    await search.settled();
    expect(search.failure).toBeNull();
    expect(names()).toEqual(["Bogdan Ionescu"]);
  });

  test("asks nothing new for blanks around the words", async () => {
    search.type("bog");
    await search.settled();
    search.type("bog ");
    expect(search.text).toBe("bog ");
    expect(questions()).toEqual(["", "bog"]);
  });

  test("says that it is slow only after 200 ms", async () => {
    vi.useFakeTimers();
    try {
      const held = fake.hold("search_users");
      search.type("a");
      await vi.advanceTimersByTimeAsync(199);
      expect(search.slow).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(search.slow).toBe(true);
      held.stop();
      await search.settled();
      expect(search.slow).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("when it fails", () => {
  test("the text and the last rows stay, as those of an earlier question, and Retry asks again", async () => {
    fake.refuse("search_users", { code: "directory_timeout" });
    search.type("bog");
    await search.settled();
    expect(search.failure?.code).toBe("directory_timeout");
    expect(search.text).toBe("bog");
    expect([search.stale, search.answered?.text, search.count > 1]).toEqual([true, "", true]);
    expect(search.failingSince).not.toBeNull();
    search.retry();
    await search.settled();
    expect([search.failure, search.failingSince, search.stale]).toEqual([null, null, false]);
    expect(names()).toEqual(["Bogdan Ionescu"]);
  });

  test("a directory that could not be opened is opened by Retry", async () => {
    fake.refuse("directory_info", { code: "directory_unreachable" });
    const fresh = new UserSearch("demo");
    await fresh.open();
    expect(fresh.failure?.code).toBe("directory_unreachable");
    fresh.retry();
    await fresh.settled();
    expect(fresh.info).not.toBeNull();
    expect(fresh.rows).toHaveLength(12);
  });

  test("a question that the palette's took the place of is asked again", async () => {
    fake.refuse("search_users", { code: "cancelled" });
    search.type("bog");
    await search.settled();
    expect(search.answered?.text).toBe("");
    search.resume();
    await search.settled();
    expect(search.answered?.text).toBe("bog");
  });
});

describe("paging", () => {
  beforeEach(async () => {
    fake.rows = crowd(250);
    fake.pageSize = 100;
    await search.open();
  });

  test("goes on from the cursor to the end, once at a time", async () => {
    await Promise.all([search.more(), search.more()]);
    expect(search.rows).toHaveLength(200);
    await search.more();
    expect(search.rows).toHaveLength(250);
    expect(search.hasMore).toBe(false);
    expect(new Set(search.rows.map(({ id }) => id)).size).toBe(250);
  });

  test("does not ask while a question is under way: it would cancel it", () => {
    const before = fake.called("search_users").length;
    search.type("person");
    void search.more();
    expect(fake.called("search_users")).toHaveLength(before + 1);
  });

  test("a page that comes after another question is dropped", async () => {
    const held = fake.hold("search_users");
    const more = search.more();
    await vi.waitFor(() => expect(held.waiting()).toBe(1));
    search.type("person 000001");
    await vi.waitFor(() => expect(held.waiting()).toBe(2));
    held.stop();
    await Promise.all([more, search.settled()]);
    expect(search.rows).toHaveLength(1);
  });

  test("a page that the palette's question took the place of waits until that is done", async () => {
    fake.refuse("search_users", { code: "cancelled" });
    await search.more();
    await search.more();
    expect(search.rows).toHaveLength(100);
    expect(search.moreFailure).toBeNull();
    search.resume();
    await search.more();
    expect(search.rows).toHaveLength(200);
  });

  test("a page that fails says so and keeps what is there", async () => {
    fake.refuse("search_users", { code: "directory_timeout" });
    await search.more();
    expect(search.moreFailure?.code).toBe("directory_timeout");
    expect(search.rows).toHaveLength(100);
    await search.more();
    expect(search.moreFailure).toBeNull();
    expect(search.rows).toHaveLength(200);
  });
});

describe("the directory is away while somebody scrolls", () => {
  test("that is told once, and the rows far down are read again where they are", async () => {
    fake.rows = crowd(700);
    await search.open();
    await search.more();
    search.select(150);
    search.look(140, 170);
    await vi.waitFor(() => expect(search.rows.length).toBeGreaterThanOrEqual(200));
    const chosen = search.row?.id;
    fake.refuse("search_users", { code: "directory_unreachable" }, 1);
    await vi.waitFor(async () => {
      if (!search.failure) await search.more();
      expect(search.failure?.code).toBe("directory_unreachable");
    });
    expect(search.moreFailure).toBeNull();
    const count = search.count;
    search.retry();
    await search.settled();
    expect([search.failure, search.count >= count, search.selected, search.row?.id]).toEqual([
      null,
      true,
      150,
      chosen,
    ]);
  });
});

describe("the directory changed", () => {
  const renamed = (name: string) =>
    (fake.rows = fake.rows.map((row, at) => (at === 5 ? { ...row, cells: [row.id, name] } : row)));

  test("the same is asked again, and the user stays selected, wherever that is now", async () => {
    search.select(5);
    const { moves } = search;
    renamed("Somebody else");
    fake.rows = fake.rows.slice(1);
    await search.refresh();
    expect(search.selected).toBe(4);
    expect(search.row?.cells[1]).toBe("Somebody else");
    // Nothing is scrolled to.
    expect(search.moves).toBe(moves);
  });

  test("a user that is gone gives way to the next one", async () => {
    search.select(5);
    const next = search.pages.at(6)?.id;
    fake.rows = fake.rows.filter((_, at) => at !== 5);
    await search.refresh();
    expect(search.selected).toBe(5);
    expect(search.row?.id).toBe(next);
  });

  test("that it cannot be read now is nothing to be told: the rows stay", async () => {
    fake.refuse("search_users", { code: "directory_timeout" });
    await search.refresh();
    expect(search.failure).toBeNull();
    expect(search.rows).toHaveLength(12);
  });

  test("waits for what is being asked, and leaves a text alone that is not answered", async () => {
    const held = fake.hold("search_users");
    search.type("bog");
    const refreshed = search.refresh();
    expect(questions()).toEqual(["", "bog"]);
    held.stop();
    await refreshed;
    expect(questions()).toEqual(["", "bog", "bog"]);
  });
});

describe("choosing", () => {
  test("stays within the rows", () => {
    search.select(99);
    expect(search.selected).toBe(11);
    search.select(-5);
    expect(search.selected).toBe(0);
  });

  test("a new question begins with its first row; the same one asked again keeps the user", async () => {
    search.select(4);
    const chosen = search.row?.id;
    await search.open();
    expect(search.row?.id).toBe(chosen);
    search.type("an");
    await search.settled();
    expect(search.selected).toBe(0);
  });

  test.each([
    ["email", false],
    ["created_at", true],
  ])("sorts %s the way it is wanted first, the other way, and not at all", async (column, first) => {
    const sorts: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      search.sortBy(column);
      await search.settled();
      sorts.push(search.answered?.sort);
    }
    expect(sorts).toEqual([{ column, descending: first }, { column, descending: !first }, null]);
  });

  test("an order is for the question it was chosen for", async () => {
    search.sortBy("email");
    await search.settled();
    search.type(" ");
    await search.settled();
    expect(search.answered?.sort?.column).toBe("email");
    search.type("an");
    await search.settled();
    expect([search.sort, search.answered?.sort]).toEqual([null, null]);
  });
});

describe("a long list", () => {
  const PAGES = 60;
  const place = (search: UserSearch) => search.row?.cells[1];

  beforeEach(async () => {
    fake.rows = crowd(PAGES * 100);
    fake.pageSize = 100;
    await search.open();
  });

  const idle = () =>
    vi.waitFor(() => expect(search.loadingMore || search.asking).toBe(false), { interval: 1 });
  /** As the grid does while it is scrolled. */
  async function scrollTo(first: number) {
    search.look(first, first + 20);
    await idle();
  }

  test("keeps the pages near what is looked at, and its length", async () => {
    for (let at = 0; at < PAGES * 100; at += 90) await scrollTo(at);
    expect(search.count).toBe(PAGES * 100);
    expect(search.rows.length).toBeLessThanOrEqual(2000);
    expect(search.pages.at(PAGES * 100 - 1)?.cells[1]).toBe("Person 006000");
    expect(search.pages.at(0)).toBeNull();
  });

  test("what was let go of is loaded when it is looked at, in its old place", async () => {
    for (let at = 0; at < PAGES * 100; at += 90) await scrollTo(at);
    await scrollTo(1234);
    expect(search.pages.at(1234)?.cells[1]).toBe("Person 001235");
    expect(search.count).toBe(PAGES * 100);
    expect(search.rows.length).toBeLessThanOrEqual(2000);
  });

  test("the selected user stays selected while its page is gone", async () => {
    search.select(7);
    for (let at = 0; at < PAGES * 100; at += 90) await scrollTo(at);
    expect(search.pages.at(7)).toBeNull();
    expect(place(search)).toBe("Person 000008");
    await scrollTo(0);
    expect(search.pages.at(search.selected)?.id).toBe(search.row?.id);
  });

  test("that changed in the directory is read again where it is looked at, in its place", async () => {
    for (const first of [0, 90, 180, 250]) await scrollTo(first);
    search.select(260);
    const { count } = search;
    const id = search.row?.id;
    fake.rows = fake.rows.map((row) => (row.id === id ? { ...row, cells: [row.id, "Somebody else"] } : row));
    const before = fake.called("search_users").length;
    await search.refresh();
    expect(search.row?.cells[1]).toBe("Somebody else");
    expect([search.count, search.selected]).toEqual([count, 260]);
    // The page looked at and what is next to it, not all of them.
    expect(fake.called("search_users").length - before).toBeLessThan(3);
  });

  test("End asks for the last page alone, and pages come before it", async () => {
    const before = fake.called("search_users").length;
    search.last();
    await search.settled();
    expect(fake.called("search_users")).toHaveLength(before + 1);
    expect(place(search)).toBe("Person 006000");
    expect(search.count).toBe(100);
    expect([search.hasBefore, search.hasMore]).toEqual([true, false]);

    await scrollTo(5);
    expect(search.count).toBe(200);
    expect(search.pages.moved).toBe(100);
    expect(search.selected).toBe(199);
    expect(search.pages.at(0)?.cells[1]).toBe("Person 005801");
    expect(search.pages.at(search.selected)?.id).toBe(search.row?.id);
  });

  test("Home leads back to the first row of all", async () => {
    search.last();
    await search.settled();
    search.first();
    await search.settled();
    expect(place(search)).toBe("Person 000001");
    expect([search.hasBefore, search.hasMore]).toEqual([false, true]);
  });

  test("paging upwards to the beginning lets go of the end", async () => {
    search.last();
    await search.settled();
    for (let i = 0; i < PAGES * 2 && search.hasBefore; i++) await scrollTo(0);
    expect(search.hasBefore).toBe(false);
    expect(search.count).toBe(PAGES * 100);
    expect(search.rows.length).toBeLessThanOrEqual(2000);
    expect(search.pages.at(0)?.cells[1]).toBe("Person 000001");
    expect(search.length).toBe(PAGES * 100);
  });

  test("a row's place is known from the end once all are counted", async () => {
    fake.total = PAGES * 100;
    search.last();
    await search.settled();
    expect(search.rowsBefore).toBe(0);
    await search.total.toggle("");
    expect(search.rowsBefore).toBe(PAGES * 100 - 100);
  });
});

describe("what no index serves", () => {
  beforeEach(() => {
    fake.guard = { rows: 10_000_000, limit_ms: 3000, looked_at: 5000, exact: null, spellings: false };
  });
  const asked = () => fake.called("search_users").at(-1)?.args["query"];

  test("is left out, and searched when it is asked for", async () => {
    search.type("bog");
    await search.settled();
    expect(search.rows).toEqual([]);
    expect(search.leftOut?.looked_at).toBe(5000);
    search.searchEverywhere();
    expect(search.readingAll?.limit).toBe(3000);
    await search.settled();
    expect(asked()).toMatchObject({ text: "bog", everywhere: true });
    expect(names()).toEqual(["Bogdan Ionescu"]);
    expect([search.leftOut, search.readingAll]).toEqual([null, null]);
  });

  test("the old rows stay meanwhile, and when it is given up", async () => {
    search.type("an");
    await search.settled();
    const before = names();
    const held = fake.hold("search_users");
    search.searchEverywhere();
    await vi.waitFor(() => expect(held.waiting()).toBe(1));
    expect(names()).toEqual(before);
    search.stopReadingAll();
    expect(search.asking).toBe(false);
    expect(fake.called("stop_search")).toHaveLength(1);
    held.stop();
    await nextTurn();
    expect(names()).toEqual(before);
    expect(search.leftOut).not.toBeNull();
  });

  test("that takes too long keeps the rows and the text, and says so", async () => {
    search.type("an");
    await search.settled();
    const before = names();
    fake.refuse("search_users", { code: "directory_timeout" });
    search.searchEverywhere();
    await search.settled();
    expect(search.allFailure?.code).toBe("directory_timeout");
    expect([names(), search.text, search.failure]).toEqual([before, "an", null]);
  });

  test("a new letter asks the ordinary question again", async () => {
    search.type("bog");
    await search.settled();
    search.searchEverywhere();
    await search.settled();
    search.type("bogd");
    await search.settled();
    expect(asked()).toMatchObject({ text: "bogd", everywhere: false });
  });

  test("an order that reads all rows is said yes to first, once for both directions", async () => {
    const before = names();
    search.sortBy("plan");
    await search.settled();
    expect(search.costly?.leftOut.rows).toBe(10_000_000);
    expect([names(), search.sort]).toEqual([before, null]);
    search.sortAnyway();
    await search.settled();
    expect(search.answered?.sort).toEqual({ column: "plan", descending: false });
    search.sortBy("plan");
    await search.settled();
    expect(search.answered?.sort).toEqual({ column: "plan", descending: true });
    search.type("an");
    await search.settled();
    expect(search.answered).toMatchObject({ sort: null, everywhere: false });
  });

  test("on a small table it is just done", async () => {
    fake.guard = null;
    search.sortBy("plan");
    await search.settled();
    expect(search.costly).toBeNull();
    expect(search.answered?.sort?.column).toBe("plan");
  });
});

describe("counting", () => {
  test("is stopped by asking again, and what comes late is not taken", async () => {
    const held = fake.hold("count_users");
    const counting = search.total.toggle("");
    expect(search.total.under).toBe(true);
    await search.total.toggle("");
    expect(search.total.under).toBe(false);
    expect(fake.called("stop_count")).toHaveLength(1);
    held.stop();
    await counting;
    expect(search.total.of("")).toBeNull();
    await search.total.toggle("");
    expect(search.total.of("")).toEqual({ users: 1_204_331, capped: false });
  });

  test("counts for one text", async () => {
    search.type("an");
    await search.settled();
    await search.found.toggle("an");
    expect(search.found.of("an")?.users).toBe(12);
    expect(search.found.of("anna")).toBeNull();
  });
});
