// Which environment this is can be read at every width and zoom, whatever else is long. A page that is zoomed to 300 %
// is laid out like one of a third of the width.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, openPage, picture, themes, violations, type Opening } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const prepare: Opening["prepare"] = (fake, { NOW }) => {
  const name = "Acme Billing with a very long name for an application";
  fake.state.connections = fake.state.connections.map((one) => ({ ...one, name }));
  const person = (id: string) => ({
    id,
    name: "Wolfeschlegelsteinhausenbergerdorff the Elder of Hamburg",
    email: `wolfeschlegelsteinhausen.${id}@a-long-company.example`,
    company: null,
  });
  const session = {
    id: "1",
    connection: "acme",
    connection_name: name,
    environment: "production" as const,
    user: person("48213907"),
    reason: "Ticket 88240: cannot see the invoice of last month",
    ticket: "",
    ticket_origin: null,
    phase: "active" as const,
    started_at: NOW - 110_000,
    active_at: NOW - 108_000,
    deadline: NOW + 58 * 60_000,
    extensions_left: 2,
    refused_secrets: [],
    mode: "full" as const,
    may_unlock: "always" as const,
  };
  fake.state.sessions = [session, { ...session, id: "2", user: person("48213908") }];
  fake.reasons = ["because the customer wrote a whole letter about it ".repeat(6)];
  fake.bar = {
    session,
    number: null,
    can_go_back: true,
    can_go_forward: false,
    zoom: 1.1,
    progress: null,
    has_find: true,
    location: "https://app.acme.example",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
  };
};

/** Of the first element that says it in a tag: whether any of it is cut off, covered or out of the window. */
const cutOff = (page: Page, within: string) =>
  page.evaluate(`(() => {
    const word = [...document.querySelectorAll(${JSON.stringify(within)} + " .tag .environment")].find((one) => one.offsetWidth > 0);
    if (!word) return "it is not there";
    if (word.textContent !== "production") return word.textContent;
    if (word.scrollWidth > word.clientWidth && word.clientWidth > 0) return "its own box cuts it";
    const box = word.getBoundingClientRect();
    if (box.left < 0 || box.right > innerWidth + 0.5 || box.top < 0 || box.bottom > innerHeight) return "it is out of the window";
    for (let up = word.parentElement; up; up = up.parentElement) {
      const around = up.getBoundingClientRect();
      if (getComputedStyle(up).overflowX !== "visible" && (around.left > box.left + 0.5 || around.right < box.right - 0.5))
        return up.className + " cuts it";
    }
    const seen = [box.left + 2, box.right - 2].map((x) => document.elementFromPoint(x, (box.top + box.bottom) / 2));
    return seen.every((one) => one === word) ? null : "it is covered";
  })()`);

const consoles = [
  [1440, 900],
  [1024, 700],
  [560, 360],
  [512, 350],
  [341, 233],
  [280, 180],
  [187, 233],
] as const;

describe.each(themes)("in %s", (theme) => {
  test.each(consoles)("the console's header, %s by %s", async (width, height) => {
    const opened = await openPage(browser, { theme, width, height, prepare });
    await opened.page.getByRole("searchbox", { name: "Search users" }).waitFor();
    await opened.page.locator(".top .tag").waitFor();
    await opened.page.evaluate(() => document.fonts.ready);
    await picture(opened.page, `environment-console-${width}-${theme}`);
    expect(await cutOff(opened.page, ".top")).toBeNull();
    await opened.close();
  });

  test.each([1440, 1024, 700, 560, 420, 320])("the session's bar, %s wide", async (width) => {
    const opened = await openPage(browser, {
      theme,
      width,
      height: 46,
      page: "bar.html",
      label: "bar-1",
      prepare,
    });
    await opened.page.getByRole("button", { name: "End session" }).waitFor();
    await opened.page.evaluate(() => document.fonts.ready);
    await picture(opened.page, `environment-bar-${width}-${theme}`);
    expect(await cutOff(opened.page, "main")).toBeNull();
    await opened.close();
  });

  test.each([
    [1440, 900],
    [420, 500],
    [341, 400],
  ])("the dialog that asks why, %s by %s: nothing widens it", async (width, height) => {
    const opened = await openPage(browser, { theme, width, height, prepare });
    const { page } = opened;
    await page.getByRole("grid", { name: "Users" }).waitFor();
    await page.keyboard.press("Control+Enter");
    await page.getByRole("textbox", { name: "Reason" }).waitFor();
    await page.getByRole("button", { name: /^because the customer/ }).waitFor();
    await page.evaluate(() => document.fonts.ready);
    await picture(page, `environment-dialog-${width}-${theme}`);
    expect(await cutOff(page, ".dialog")).toBeNull();
    const sideways =
      "(() => { const d = document.querySelector('.dialog'); return d.scrollWidth - d.clientWidth })()";
    expect(await page.evaluate(sideways)).toBe(0);
    // The whole of it for those who have no pointer.
    const chip = page.getByRole("button", { name: /^because the customer/ });
    await page.getByRole("textbox", { name: "Reason" }).focus();
    await page.keyboard.press("Tab");
    const height_of = async () => (await chip.boundingBox())?.height ?? 0;
    expect(await height_of()).toBeGreaterThan(40);
    expect(await page.evaluate(sideways)).toBe(0);
    expect(await violations(page)).toEqual([]);
    await opened.close();
  });

  test("the palette, where a session of each namesake is one's own", async () => {
    const opened = await openPage(browser, { theme, width: 560, height: 500, prepare });
    const { page } = opened;
    await page.getByRole("grid", { name: "Users" }).waitFor();
    await page.keyboard.press("Control+k");
    await page
      .getByRole("option", { name: /^Go to/ })
      .first()
      .waitFor();
    await page.evaluate(() => document.fonts.ready);
    await picture(page, `environment-palette-${theme}`);
    expect(await cutOff(page, ".palette")).toBeNull();
    expect(await violations(page)).toEqual([]);
    await opened.close();
  });
});
