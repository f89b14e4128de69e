// What only a layout shows of the columns: they fit their content, follow the pointer, and stay at the left.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openPage, violations, type Opening } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const grid = (page: Page) => page.getByRole("grid", { name: "Users" });
const header = (page: Page, name: string) => grid(page).getByRole("columnheader", { name });
const cells = (page: Page, at: number) => grid(page).locator(`[role=gridcell][aria-colindex="${at}"] .text`);
const edgeOf = (page: Page, name: string) => header(page, name).locator(".edge");

async function open(opening: Opening = {}) {
  const opened = await openPage(browser, opening);
  await grid(opened.page).waitFor();
  return opened;
}

async function drag(page: Page, x: number, y: number, by: number) {
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + by / 2, y);
  await page.mouse.move(x + by, y);
  await page.mouse.up();
}

async function centre(page: Page, name: string) {
  const box = await edgeOf(page, name).boundingBox();
  if (!box) throw new Error(`${name} has no edge`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

test("names and addresses are never cut while other columns are empty", async () => {
  const { page, close } = await open();
  for (const at of [1, 2]) {
    const cut = await cells(page, at).evaluateAll((all) =>
      all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent),
    );
    expect(cut).toEqual([]);
  }
  await close();
});

test("an edge that is dragged changes the width, and it stays", async () => {
  const { page, fake, close } = await open();
  const before = (await header(page, "Plan").boundingBox())?.width ?? 0;
  const { x, y } = await centre(page, "Plan");
  await drag(page, x, y, 60);
  await expect.poll(() => fake((fake) => fake.arrangements["acme"]?.columns.length ?? 0)).toBeGreaterThan(0);
  const width = await fake(
    (fake) => fake.arrangements["acme"]?.columns.find(({ name }) => name === "plan")?.width,
  );
  expect(Math.abs((width ?? 0) - before - 60)).toBeLessThanOrEqual(1);
  expect((await header(page, "Plan").boundingBox())?.width).toBe(width);
  // Sorting is a click on the name, not on the edge.
  expect(await header(page, "Plan").getAttribute("aria-sort")).toBe("none");
  await close();
});

test("a column that is kept at the left stays there, over the others", async () => {
  const { page, close } = await open({
    width: 900,
    prepare: (fake) => {
      const column = (name: string, pinned: boolean) => ({
        name,
        width: pinned ? 200 : 400,
        hidden: false,
        pinned,
      });
      fake.arrangements["acme"] = {
        pinned: [],
        details_width: null,
        searches: [],
        columns: [column("email", true), column("full_name", false), column("plan", false)],
      };
    },
  });
  await expect
    .poll(() =>
      header(page, "Email")
        .boundingBox()
        .then((box) => box?.width),
    )
    .toBe(200);
  const place = async () => (await header(page, "Email").boundingBox())?.x;
  const before = await place();
  await grid(page).evaluate((list) => (list.scrollLeft = 300));
  expect(await place()).toBe(before);
  const cell = grid(page).locator('[data-index="1"] [role=gridcell]').first();
  const box = await cell.boundingBox();
  const onTop = await page.evaluate(
    ({ x, y }) => document.elementFromPoint(x, y)?.closest("[role=gridcell]")?.getAttribute("aria-colindex"),
    { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 10 },
  );
  expect(onTop).toBe("1");
  expect(await violations(page)).toEqual([]);
  await close();
});

test("the details are as wide as their edge is dragged", async () => {
  const { page, fake, close } = await open();
  const edge = page.getByRole("separator", { name: "Width of the details" });
  const box = await edge.boundingBox();
  await drag(page, (box?.x ?? 0) + 4, 400, -80);
  await expect.poll(() => fake((fake) => fake.arrangements["acme"]?.details_width)).toBe(420);
  await close();
});
