// The line of running sessions, laid out by a real browser.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openPage } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("what does not fit on the line is counted anew when sessions become longer or shorter", async () => {
  const opened = await openPage(browser, {
    width: 1000,
    prepare: (fake, { NOW }) => {
      fake.state.sessions = fake.rows.slice(0, 6).map(({ id }, at) => ({
        id: `s${at}`,
        connection: "acme",
        connection_name: "Acme",
        environment: "production" as const,
        user: { id, name: `Al ${at}`, email: null, company: null },
        reason: "Ticket 1",
        ticket: "",
        ticket_origin: null,
        phase: "active" as const,
        started_at: NOW - (9 - at) * 60_000,
        active_at: NOW - (9 - at) * 60_000,
        deadline: null,
        extensions_left: 1,
        refused_secrets: [],
        mode: "full" as const,
        may_unlock: "always" as const,
      }));
    },
  });
  const { page } = opened;
  const chips = page.getByRole("region", { name: "Running sessions" }).locator("li");
  const more = page.getByRole("button", { name: /^Show \d more sessions?$/ });
  /** How many are below the first line; how many can't be reached; and what the button says. */
  const counted = async () => [
    await chips.evaluateAll((all) => {
      const tops = all.map((one) => (one as HTMLElement).offsetTop);
      return tops.filter((top) => top > (tops[0] ?? 0)).length;
    }),
    await chips.evaluateAll((all) => all.filter((one) => one.hasAttribute("inert")).length),
    Number(((await more.count()) > 0 ? await more.textContent() : "+0")?.trim().slice(1)),
  ];
  const settled = async () => {
    await expect.poll(async () => new Set(await counted()).size).toBe(1);
    return (await counted())[0] ?? 0;
  };
  await expect.poll(() => chips.count()).toBe(6);
  const before = await settled();
  expect(before).toBeGreaterThan(0);

  const rename = (name: string) =>
    opened.fake((fake, name) => {
      const renamed = fake.state.sessions.map((one) => ({ ...one, user: { ...one.user, name } }));
      fake.emit("sessions", renamed);
    }, name);
  await rename("Alexandra Constantinopoulos-Ferrari");
  await expect.poll(async () => (await counted())[0]).toBeGreaterThan(before);
  const longer = await settled();
  await rename("Al");
  await expect.poll(async () => (await counted())[0]).toBeLessThan(longer);
  await settled();

  // Time alone makes them longer, too: nothing is told.
  await page.clock.fastForward(70 * 60_000);
  await page
    .getByText(/^1:\d\d:\d\d$/)
    .first()
    .waitFor();
  await settled();
  await opened.close();
});
