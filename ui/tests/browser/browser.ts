// A Chromium with the console in it: opened on the fake, watched for errors, judged by axe, photographed.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { expect, inject } from "vitest";
import type * as Understudy from "../fake/page";

export type Theme = "light" | "dark";
export const themes: Theme[] = ["light", "dark"];

/** When every page is opened, by its own clock. */
export const OPENED = "2026-11-18T15:30:00Z";

const PICTURES = join(import.meta.dirname, "../../test-results");

/** `CHROMIUM` says which; else the first that there is of those that script/bootstrap is content with. */
function chromiumPath(): string {
  const named = process.env["CHROMIUM"];
  if (named) return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const places = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new Error("There is no Chromium for the browser tests: run script/bootstrap --for test.");
  return found;
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Letters are drawn alike wherever the pictures are compared.
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--font-render-hinting=none",
      "--disable-lcd-text",
      "--force-color-profile=srgb",
    ],
  });
}

export interface Opening {
  theme?: Theme;
  width?: number;
  height?: number;
  page?: "index.html" | "bar.html" | "quick.html";
  label?: string;
  /** Runs in the page before it loads; it may change the fake. */
  prepare?: (fake: Understudy.Fake, understudy: typeof Understudy) => void;
}

export interface Opened {
  page: Page;
  /** Runs in the page with the fake. */
  fake<T, A>(what: (fake: Understudy.Fake, arg: A) => T, arg: A): Promise<T>;
  fake<T>(what: (fake: Understudy.Fake) => T): Promise<T>;
  /** Fails when the page complained: errors, refused by the content security policy. */
  close(): Promise<void>;
}

export async function openPage(browser: Browser, opening: Opening = {}): Promise<Opened> {
  const {
    theme = "light",
    width = 1280,
    height = 800,
    page: file = "index.html",
    label = "console",
  } = opening;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "Europe/Stockholm",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.clock.install({ time: new Date(OPENED) });
  const prepare = opening.prepare ? `(${opening.prepare.toString()})(fake, Understudy);` : "";
  await page.addInitScript({
    content: `${inject("fake")}\n{ const fake = Understudy.installFake({}, ${JSON.stringify(label)}); ${prepare} }`,
  });
  await page.goto(`${inject("origin")}/${file}`);
  return {
    page,
    fake: (what: (fake: Understudy.Fake, arg: never) => unknown, arg?: unknown) =>
      page.evaluate(`(${what.toString()})(window.understudy, ${JSON.stringify(arg)})`) as never,
    async close() {
      await context.close();
      expect(complaints).toEqual([]);
    },
  };
}

export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

let axe: string | undefined;

/** What axe finds wrong, in a few words each. */
export async function violations(page: Page): Promise<string[]> {
  axe ??= await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const found = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'], rules: { 'color-contrast-enhanced': { enabled: false } } })",
  )) as { violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] };
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ""}`),
  );
}
