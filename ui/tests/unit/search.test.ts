// The search of one connection against answers that come late, out of order, or not at all.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { UserSearch } from "../../src/state/search.svelte";
import { crowd } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

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
      previous: null,
      next: null,
      how: { tier: "prefix", by: null, elapsed_ms: 1 },
      left_out: null,
    });
    search.type("a");
    search.type("an");
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    waiting[1]?.(page("second"));
    await search.settled();
    waiting[0]?.(page("first"));
    await new Promise((resolve) => setTimeout(resolve));
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
  test("the text stays, the rows of the other question go, and Retry asks again", async () => {
    fake.refuse("search_users", { code: "directory_timeout" });
    search.type("bog");
    await search.settled();
    expect(search.failure?.code).toBe("directory_timeout");
    expect(search.text).toBe("bog");
    expect(search.rows).toEqual([]);
    search.retry();
    await search.settled();
    expect(search.failure).toBeNull();
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
    fake.refuse("search_users", { code: "directory_unreachable" });
    await search.more();
    expect(search.moreFailure?.code).toBe("directory_unreachable");
    expect(search.rows).toHaveLength(100);
    await search.more();
    expect(search.moreFailure).toBeNull();
    expect(search.rows).toHaveLength(200);
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

  test("sorts down, up, and not at all", async () => {
    const sorts: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      search.sortBy("email");
      await search.settled();
      sorts.push(search.answered?.sort);
    }
    expect(sorts).toEqual([
      { column: "email", descending: true },
      { column: "email", descending: false },
      null,
    ]);
  });
});
