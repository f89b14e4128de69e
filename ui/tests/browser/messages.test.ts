// Messages over the console, pressed with a real pointer.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openPage } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a message beside a dialog is closed without closing the dialog, and a press elsewhere closes it", async () => {
  const opened = await openPage(browser);
  const { page } = opened;
  const grid = page.getByRole("grid", { name: "Users" });
  await grid.waitFor();
  await page.keyboard.type("bogdan");
  await page.keyboard.press("Control+Enter");
  const dialog = page.getByRole("dialog", { name: "Sign in as Bogdan Ionescu" });
  await dialog.waitFor();
  await page.keyboard.type("Ticket 88240");
  await opened.fake((fake) =>
    fake.emit("toast", { kind: "bad", text: "The session was ended.", hint: null, said: [] }),
  );
  const message = page.locator(".toast");
  await message.getByRole("button", { name: "Dismiss" }).click();
  await message.waitFor({ state: "detached" });
  await page.keyboard.type(", again");
  expect(await page.getByRole("textbox", { name: "Reason" }).inputValue()).toBe("Ticket 88240, again");

  await page.mouse.click(5, 300);
  await dialog.waitFor({ state: "detached" });
  await opened.close();
});
