// The details of the selected user, laid out by a real browser, by keys.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openPage } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a long value is folded, is shown whole by its button, and is folded again", async () => {
  const opened = await openPage(browser, {
    prepare: (fake) => {
      const plan = fake.columns.findIndex(({ name }) => name === "plan");
      const note = "Called twice about the invoice of March, and wants it split by team. ".repeat(14);
      fake.rows = fake.rows.map((row) => ({
        ...row,
        cells: row.cells.map((cell, at) => (at === plan ? `${row.id}: ${note}` : cell)),
      }));
    },
  });
  const { page } = opened;
  const button = page.getByRole("button", { name: /^Show (all|less)\s*: Plan$/ });
  const text = page.getByRole("button", { name: /^Copy Plan/ }).locator(".text");
  const isCut = () => text.evaluate((one) => one.scrollHeight > one.clientHeight + 1);
  await button.waitFor();
  expect(await page.getByRole("button", { name: /^Show all/ }).count()).toBe(1);
  expect(await isCut()).toBe(true);
  expect(await button.getAttribute("aria-expanded")).toBe("false");

  await button.focus();
  await page.keyboard.press("Enter");
  await expect.poll(isCut).toBe(false);
  expect(await button.getAttribute("aria-expanded")).toBe("true");
  expect(await button.textContent()).toContain("Show less");
  const panel = page.getByRole("complementary", { name: "Details" });
  const below = await text.evaluate((one) => one.getBoundingClientRect().bottom);
  const next = await panel.getByRole("button", { name: /^Copy Company/ }).boundingBox();
  expect(next?.y).toBeGreaterThanOrEqual(below);

  // The focus is still on it, so that the same key folds the value.
  await page.keyboard.press("Enter");
  await expect.poll(isCut).toBe(true);

  // Another user's value is folded, whatever was shown of this one's.
  await page.keyboard.press("Enter");
  await expect.poll(isCut).toBe(false);
  await page.getByRole("grid", { name: "Users" }).getByRole("row").nth(3).click();
  await expect.poll(isCut).toBe(true);
  await opened.close();
});
