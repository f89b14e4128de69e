// The built console in a real browser, driven by keys alone; and at 200 % zoom.
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, openPage, picture, violations, type Opened } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const grid = (page: Page) => page.getByRole("grid", { name: "Users" });
const field = (page: Page) => page.getByRole("searchbox", { name: "Search users" });
const reason = (page: Page) => page.getByRole("textbox", { name: "Reason" });
const chosen = (page: Page) => grid(page).getByRole("row", { selected: true });
const focused = (page: Page) => page.locator(":focus");

const begun = (opened: Opened) => opened.fake((fake) => fake.called("impersonate").map(({ args }) => args));

describe("keys alone", () => {
  test("lead from the search to a session", async () => {
    const opened = await openPage(browser);
    const { page } = opened;
    await grid(page).waitFor();
    // No wait between the keys: the answer to what was typed is what Ctrl+Enter acts on.
    await page.keyboard.type("bogdan");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("dialog", { name: "Sign in as Bogdan Ionescu" }).waitFor();
    await page.keyboard.type("Ticket 88240");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("region", { name: "Running sessions" }).getByText("Bogdan Ionescu").waitFor();
    expect(await begun(opened)).toEqual([
      {
        connection: "acme",
        user: "48213914",
        reason: "Ticket 88240",
        given: {},
        ticket: { ticket: "", page: "" },
      },
    ]);
    // And the focus is back where the next search begins.
    await expect.poll(() => field(page).evaluate((node) => node === document.activeElement)).toBe(true);
    await opened.close();
  });

  test("lead from the details to a session and back, without losing the query", async () => {
    const opened = await openPage(browser);
    const { page } = opened;
    await grid(page).waitFor();
    await page.keyboard.type("anna");
    await expect.poll(() => grid(page).getByRole("row").count()).toBe(3);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(() => focused(page).innerText()).toMatch(/^Impersonate/);
    await page.keyboard.press("Enter");
    await reason(page).waitFor();
    await page.keyboard.press("Escape");
    await reason(page).waitFor({ state: "detached" });
    await expect.poll(() => focused(page).innerText()).toMatch(/^Impersonate/);
    await page.keyboard.press("Escape");
    await expect.poll(() => field(page).evaluate((node) => node === document.activeElement)).toBe(true);
    expect(await field(page).inputValue()).toBe("anna");
    await opened.close();
  });

  test("lead from an address to a table, its columns and a preview", async () => {
    const opened = await openPage(browser);
    const { page } = opened;
    await grid(page).waitFor();
    await page.getByRole("button", { name: "New connection" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Name", { exact: true }).waitFor();
    await page.getByLabel("Database URL", { exact: true }).focus();
    await page.keyboard.type("postgres://readonly@db.acme.example/acme");
    await page.keyboard.press("Tab");
    await page.getByText("looks most like your users").waitFor({ state: "attached" });
    await page.keyboard.press("Alt+2");
    await page.getByText("looks most like your users").waitFor();
    await page.clock.runFor(100);
    await page.getByRole("table", { name: "Newest users" }).waitFor();

    const table = page.getByRole("combobox", { name: "Table" });
    await expect.poll(() => table.evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.press("ArrowDown");
    await page.getByRole("option", { name: /crm.customers/ }).waitFor();
    // The first Escape is the list's, and only the next one the sheet's.
    await page.keyboard.press("Escape");
    await page.getByRole("listbox").waitFor({ state: "detached" });
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await table.inputValue()).toBe("crm.customers");
    // The way back is the next thing there is.
    await page.keyboard.press("Tab");
    await expect.poll(() => focused(page).innerText()).toMatch(/Undo/);
    await page.keyboard.press("Enter");
    expect(await table.inputValue()).toBe("users");
    await page.keyboard.press("Escape");
    await page.getByRole("alertdialog").waitFor();
    await opened.close();
  });

  test("reach every control by Tab, each with a visible focus", async () => {
    const opened = await openPage(browser);
    const { page } = opened;
    await grid(page).waitFor();
    await page.getByText("Past sessions").waitFor();
    const names: string[] = [];
    const unseen: string[] = [];
    for (let i = 0; i < 40; i++) {
      const { name, ring } = await page.evaluate(() => {
        const node = document.activeElement ?? document.body;
        const style = getComputedStyle(node);
        return {
          name: (node.getAttribute("aria-label") ?? node.textContent ?? "").trim(),
          ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        };
      });
      // Past the last control the focus is the browser's.
      if (await page.evaluate(() => document.activeElement === document.body)) break;
      names.push(name);
      if (!ring) unseen.push(name);
      await page.keyboard.press("Tab");
    }
    expect(unseen).toEqual([]);
    for (const wanted of ["Search users", "Users", "Close details"]) expect(names).toContain(wanted);
    // The list's headers are one stop together: arrows lead from one to the next.
    expect(names.filter((name) => ["Email", "Plan", "Created"].includes(name)).length).toBeLessThan(2);
    await opened.close();
  });
});

describe("the list", () => {
  test("draws only what is in sight of thousands, and loads on as it is scrolled", async () => {
    const opened = await openPage(browser, {
      prepare: (fake, { crowd }) => {
        fake.rows = crowd(5000);
        fake.pageSize = 100;
      },
    });
    const { page } = opened;
    await grid(page).waitFor();
    expect(await grid(page).getByRole("row").count()).toBeLessThan(60);
    for (let i = 0; i < 40; i++) await page.keyboard.press("PageDown");
    await expect.poll(() => opened.fake((fake) => fake.called("search_users").length)).toBeGreaterThan(4);
    await expect.poll(() => chosen(page).getAttribute("aria-rowindex").then(Number)).toBeGreaterThan(400);
    await expect.poll(() => chosen(page).isVisible()).toBe(true);
    const box = await chosen(page).boundingBox();
    const frame = await grid(page).boundingBox();
    expect(box && frame && box.y >= frame.y + 32 && box.y + box.height <= frame.y + frame.height + 1).toBe(
      true,
    );
    expect(await grid(page).getByRole("row").count()).toBeLessThan(60);
    await opened.close();
  });

  test("is scrolled without making an element, and is in its order when at rest", async () => {
    const opened = await openPage(browser, { prepare: (fake, { crowd }) => void (fake.rows = crowd(400)) });
    const { page } = opened;
    await grid(page).waitFor();
    // Once: what is selected is drawn besides from then on.
    await grid(page).evaluate((node) => node.scrollTo(0, 2000));
    const ascending = () =>
      grid(page).evaluate((node) => {
        const places = [...node.querySelectorAll<HTMLElement>("[data-index]")].map(
          (row) => row.dataset["index"],
        );
        return places.every((place, at) => at === 0 || Number(place) > Number(places[at - 1]));
      });
    await expect.poll(() => grid(page).getByText("Person 000060").count()).toBe(1);
    await expect.poll(ascending).toBe(true);
    const changed = await grid(page).evaluate(async (node) => {
      // What moves into its place is not made anew.
      const known = new Set<Node>(node.querySelectorAll("*"));
      let elements = 0;
      const watch = new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          elements += [...addedNodes].filter(
            (added) => added instanceof HTMLElement && !known.has(added),
          ).length;
      });
      watch.observe(node, { subtree: true, childList: true });
      for (let turn = 0; turn < 8; turn++) {
        node.scrollTop += 380;
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      }
      watch.disconnect();
      return elements;
    });
    expect(changed).toBe(0);
    await expect.poll(() => grid(page).getByText("Person 000140").count()).toBe(1);
    await expect.poll(ascending).toBe(true);
    await opened.close();
  });

  test("has no scroll bar under the palette, and is afterwards where it was", async () => {
    const opened = await openPage(browser, {
      prepare: (fake, { crowd }) => (fake.rows = crowd(400)),
    });
    const { page } = opened;
    await grid(page).waitFor();
    await grid(page).evaluate((node) => node.scrollTo(0, 1000));
    // WebKitGTK would paint it over the palette.
    const overflow = () => grid(page).evaluate((node) => getComputedStyle(node).overflow);
    expect(await overflow()).toBe("auto");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    expect(await overflow()).toBe("hidden");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await overflow()).toBe("auto");
    expect(await grid(page).evaluate((node) => node.scrollTop)).toBe(1000);
    await opened.close();
  });

  test("goes to the first and the last from the grid", async () => {
    const opened = await openPage(browser, { prepare: (fake, { crowd }) => void (fake.rows = crowd(3000)) });
    const { page } = opened;
    await grid(page).focus();
    await page.keyboard.press("End");
    await expect.poll(() => chosen(page).innerText()).toContain("Person 003000");
    await expect.poll(() => chosen(page).isVisible()).toBe(true);
    await page.keyboard.press("Home");
    await expect.poll(() => chosen(page).innerText()).toContain("Person 000001");
    await expect.poll(() => grid(page).evaluate((node) => node.scrollTop)).toBe(0);
    await opened.close();
  });

  test("goes up from its end without a jump, and what is in sight stays there", async () => {
    const opened = await openPage(browser, { prepare: (fake, { crowd }) => void (fake.rows = crowd(3000)) });
    const { page } = opened;
    await grid(page).focus();
    await page.keyboard.press("End");
    await expect.poll(() => chosen(page).innerText()).toContain("Person 003000");
    for (let i = 0; i < 60; i++) await page.keyboard.press("PageUp");
    // How many rows a page has is the window's; a key that comes before the page it asks for stops at what is loaded.
    const person = async () => Number(/Person (\d+)/.exec(await chosen(page).innerText())?.[1]);
    await expect.poll(person).toBeLessThan(2500);
    await expect.poll(() => chosen(page).isVisible()).toBe(true);
    const box = await chosen(page).boundingBox();
    const frame = await grid(page).boundingBox();
    expect(box && frame && box.y >= frame.y + 31 && box.y + box.height <= frame.y + frame.height + 1).toBe(
      true,
    );

    // By the wheel: row by row, each where the one before it was.
    const top = () =>
      grid(page).evaluate((node) => {
        const edge = node.getBoundingClientRect().top + 32;
        const rows = [...node.querySelectorAll("[data-index]")];
        const first = rows
          .map((row) => ({ row, at: row.getBoundingClientRect().top - edge }))
          .filter(({ at }) => at > -38)
          .sort((a, b) => a.at - b.at)[0];
        return Number(/Person (\d+)/.exec(first?.row.textContent ?? "")?.[1]) - (first?.at ?? 0) / 38;
      });
    await page.mouse.move(400, 400);
    const start = await top();
    let last = start;
    for (let i = 0; i < 60; i++) {
      await page.mouse.wheel(0, -380);
      await page.evaluate(
        () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
      );
      const now = await top();
      // Ten rows a turn; a busy machine may show several turns at once. Never a page of rows, and never down.
      expect(last - now).toBeLessThan(45);
      expect(last - now).toBeGreaterThan(-1);
      last = now;
    }
    expect(last).toBeLessThan(start - 300);
    await opened.close();
  });

  test("keeps no more than a window of a hundred thousand, and any part of it can be scrolled to", async () => {
    const opened = await openPage(browser, {
      prepare: (fake, { crowd }) => void (fake.rows = crowd(8000)),
    });
    const { page } = opened;
    await grid(page).waitFor();
    const scrollDown = () =>
      grid(page).evaluate((node) => {
        node.scrollTop = node.scrollHeight;
        return node.scrollHeight;
      });
    // With the header, and as much again below the last row.
    const height = 32 + 38 * 8000 + 32;
    await expect.poll(scrollDown, { timeout: 50_000, interval: 25 }).toBe(height);
    await grid(page).evaluate((node) => (node.scrollTop = 32 + 38 * 2500));
    await expect.poll(() => grid(page).getByText("Person 002510").count()).toBe(1);
    expect(await grid(page).evaluate((node) => node.scrollHeight)).toBe(height);
    await opened.close();
  });

  test("a hostile name runs nothing and breaks out of nothing", async () => {
    const opened = await openPage(browser, { prepare: (fake, { hostile }) => void (fake.rows = hostile) });
    const { page } = opened;
    await grid(page).waitFor();
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowDown");
    expect(await page.title()).toBe("Understudy");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    expect(wide).toBe(false);
    await opened.close();
  });

  test("the row's menu opens from the keyboard too", async () => {
    const opened = await openPage(browser);
    const { page } = opened;
    await grid(page).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menuitem", { name: "Copy ID" }).waitFor();
    // Down the menu until the entry is chosen: where the choice begins is the menu's own business.
    const copy = page.getByRole("menuitem", { name: "Copy ID" });
    await expect
      .poll(async () => {
        const chosen = (await copy.getAttribute("data-highlighted")) !== null;
        if (!chosen) await page.keyboard.press("ArrowDown");
        return chosen;
      })
      .toBe(true);
    await page.keyboard.press("Enter");
    await expect.poll(() => opened.fake((fake) => fake.clipboard)).toEqual(["48213904"]);
    await opened.close();
  });
});

test("the values of a row are reached by key, in sight of narrow windows too, and axe finds nothing", async () => {
  const opened = await openPage(browser, { width: 800 });
  const { page } = opened;
  await grid(page).waitFor();
  await page.keyboard.press("F2");
  await page.keyboard.press("End");
  const meant = page.locator(".cell.meant");
  const [cell, frame] = [await meant.boundingBox(), await grid(page).boundingBox()];
  expect(cell && frame && cell.x >= frame.x && cell.x + cell.width <= frame.x + frame.width).toBe(true);
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: /^Copy “/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("menuitem").first().waitFor({ state: "detached" });
  await expect.poll(() => grid(page).evaluate((node) => node === document.activeElement)).toBe(true);
  expect(await meant.count()).toBe(1);
  await page.keyboard.press("Home");
  await page.keyboard.press("c");
  await expect.poll(() => opened.fake((fake) => fake.clipboard)).toEqual(["Anders Holm"]);
  await opened.close();
});

describe("what no index serves", () => {
  const guarded = (fake: { guard: unknown }) =>
    void (fake.guard = { rows: 10_000_000, limit_ms: 3000, looked_at: 5000, exact: null, spellings: false });

  test("is searched by Enter where nobody was found, and Esc gives it up", async () => {
    const opened = await openPage(browser, { prepare: guarded });
    const { page } = opened;
    await grid(page).waitFor();
    await page.keyboard.type("bogdan");
    await page.getByRole("heading", { name: "No users match “bogdan” yet" }).waitFor();
    await opened.fake((fake) => void fake.hold("search_users"));
    await page.keyboard.press("Enter");
    await page.getByRole("progressbar").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("progressbar").waitFor({ state: "detached" });
    expect(await field(page).inputValue()).toBe("bogdan");
    await opened.close();
  });

  test("is searched by a key of its own where somebody was found", async () => {
    const opened = await openPage(browser, { prepare: guarded });
    const { page } = opened;
    await grid(page).waitFor();
    await page.keyboard.type("an");
    await page.getByText("Not searched: about 10 M rows").waitFor();
    await expect.poll(() => grid(page).getByRole("row").count()).toBe(7);
    await page.keyboard.press("Alt+Enter");
    await expect.poll(() => grid(page).getByRole("row").count()).toBe(13);
    await opened.close();
  });

  test("an order that reads all rows asks first", async () => {
    const opened = await openPage(browser, { prepare: guarded });
    const { page } = opened;
    await grid(page).getByRole("button", { name: "Plan" }).click();
    await page.getByText("Sorting by Plan reads about 10 M rows").waitFor();
    await expect.poll(() => focused(page).innerText()).toBe("Sort anyway");
    await page.keyboard.press("Enter");
    await expect.poll(() => chosen(page).innerText()).toContain("Business");
    await opened.close();
  });
});

describe("at 200 % zoom", () => {
  const small = { width: 640, height: 400 };

  test("everything can be done: find, look, become, end", async () => {
    const opened = await openPage(browser, small);
    const { page } = opened;
    await grid(page).waitFor();
    await page.keyboard.type("anna");
    await expect.poll(() => grid(page).getByRole("row").count()).toBe(3);
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Details" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("complementary", { name: "Details" }).waitFor({ state: "detached" });
    await page.keyboard.press("Control+Enter");
    await reason(page).fill("Ticket 1");
    const submit = page.getByRole("dialog").getByRole("button", { name: "Impersonate" });
    await submit.scrollIntoViewIfNeeded();
    await picture(page, "zoomed-impersonate-light");
    await submit.click();
    const running = page.getByRole("region", { name: "Running sessions" });
    await running.getByText("Anna Svensson").waitFor();
    expect(await grid(page).evaluate((node) => node.clientHeight)).toBeGreaterThan(120);
    await picture(page, "zoomed-running-light");
    await running.getByRole("button", { name: "End the session as Anna Svensson" }).click();
    await running.waitFor({ state: "detached" });
    await opened.close();
  });

  test("the sheet of keys opens at its beginning, and keys scroll it", async () => {
    const opened = await openPage(browser, small);
    const { page } = opened;
    await grid(page).focus();
    await page.keyboard.press("?");
    const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await sheet.waitFor();
    const inSight = (what: Locator) =>
      what.evaluate((node) => {
        const { top, bottom } = node.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      });
    const close = sheet.getByRole("button", { name: "Close" });
    expect(await inSight(sheet.getByText("Anywhere", { exact: true }))).toBe(true);
    expect(await inSight(close)).toBe(false);
    await picture(page, "zoomed-keys");
    await page.keyboard.press("End");
    await expect.poll(() => inSight(close)).toBe(true);
    await opened.close();
  });

  test("nothing is wider than the window", async () => {
    const opened = await openPage(browser, small);
    const { page } = opened;
    await grid(page).waitFor();
    for (const open of [
      () => Promise.resolve(),
      () => page.keyboard.press("Control+k"),
      async () => {
        await page.keyboard.press("Escape");
        await grid(page).focus();
        await page.keyboard.press("?");
      },
    ]) {
      await open();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(640);
    }
    await opened.close();
  });
});
