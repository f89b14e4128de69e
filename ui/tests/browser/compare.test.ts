// What the comparison of pictures lets pass, and what it does not.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "./browser";
import { compare } from "./compare";

let browser: Browser;
let page: Page;
beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 400, height: 120 } });
});
afterAll(() => browser.close());

async function draw(text: string, style = ""): Promise<Buffer> {
  await page.setContent(`<p style="margin: 40px; font: 13px sans-serif; ${style}">${text}</p>`);
  return page.screenshot();
}

test("the same picture, and one that is moved by a pixel, are alike", async () => {
  const before = await draw("Sign in as Anna");
  expect((await compare(page, before, await draw("Sign in as Anna"))).pixels).toBe(0);
  const moved = await draw("Sign in as Anna", "transform: translateX(1px)");
  expect((await compare(page, before, moved)).pixels).toBeLessThan(30);
});

test("another word, another colour and another size are not", async () => {
  const before = await draw("Sign in as Anna");
  const others = [
    await draw("Sign in as Anna now"),
    await draw("Sign in as Anna", "background: #c2263e"),
    await draw("Sign in as Anna", "transform: translateX(30px)"),
  ];
  for (const other of others) {
    const { pixels, picture } = await compare(page, before, other);
    expect(pixels).toBeGreaterThan(60);
    expect(picture.subarray(1, 4).toString()).toBe("PNG");
  }
});
