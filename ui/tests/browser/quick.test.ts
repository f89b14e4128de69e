// The quick window as large as it is, in light and in dark: without a violation of axe, and with everything in sight.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openPage, picture, themes, violations } from "./browser";
import { expectUnchanged } from "./compare";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** As in src-tauri/src/quick_window.rs. */
const SIZE = { width: 620, height: 300 };

test.each(themes)("five users, the keys and what is said about none, in %s", async (theme) => {
  const opened = await openPage(browser, { theme, ...SIZE, page: "quick.html", label: "quick" });
  const { page } = opened;
  const field = page.getByRole("combobox", { name: "Search users" });
  await expect.poll(() => field.evaluate((one) => document.activeElement === one)).toBe(true);
  await field.fill("a");
  await expect.poll(() => page.getByRole("option").count()).toBe(5);
  expect(await violations(page)).toEqual([]);
  const below = await page.getByRole("option").last().boundingBox();
  const keys = await page.locator(".palette-hints").boundingBox();
  expect((below?.y ?? SIZE.height) + (below?.height ?? 0)).toBeLessThanOrEqual(keys?.y ?? 0);
  expect((keys?.y ?? 0) + (keys?.height ?? SIZE.height)).toBeLessThanOrEqual(SIZE.height);
  expect(
    await page.evaluate(() => document.documentElement.scrollHeight - document.documentElement.clientHeight),
  ).toBe(0);

  await field.fill("zzzz");
  await page.getByText("No users match “zzzz”").waitFor();
  expect(await violations(page)).toEqual([]);

  await field.fill("a");
  await expect.poll(() => page.getByRole("option").count()).toBe(5);
  await picture(page, `quick-${theme}`);
  await expectUnchanged(page, `quick-${theme}`);
  await opened.close();
});
