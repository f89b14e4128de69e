// The launch page, the page of a session's window while it signs in and when that was refused: photographed in light
// and in dark, without a violation of axe, with what can be done always in sight. Rust fills in its marks (document.rs)
// and answers its requests (responder.rs); here the test does.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, picture, themes, violations, type Theme } from "./browser";

let browser: Browser;
let source: string;
beforeAll(async () => {
  browser = await launch();
  source = await readFile(
    join(import.meta.dirname, "../../../src-tauri/core/src/launch/launch_page.html"),
    "utf8",
  );
});
afterAll(() => browser.close());

const ORIGIN = "https://app.acme.example";
const PAGE = `${ORIGIN}/launch`;
const POLICY =
  "default-src 'none'; script-src 'nonce-n0'; style-src 'nonce-n0'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

interface Refusal {
  title: string;
  status: number | null;
  excerpt: string | null;
  hint: string;
  /** None, unless another secret may help. */
  secrets?: string[];
}

interface Fault {
  title: string;
  hint: string;
  /** Without it, nothing can be tried again. */
  page: string | null;
}

interface LaunchPage {
  page: Page;
  refuse: (refusal: Refusal) => Promise<void>;
  busy: () => Promise<void>;
  /** Has it do a task. */
  give: (task: object) => void;
  /** What it reported, in order. */
  reports: string[];
  /** Its reports of tasks, by number. */
  done: Map<string, unknown>;
  close: () => Promise<void>;
}

interface Opening {
  theme?: Theme;
  width?: number;
  height?: number;
  title?: string;
  subtitle?: string;
  /** In place of a page that is gone. */
  fault?: Fault;
}

async function open({
  theme = "light",
  width = 1280,
  height = 800,
  title = "Signing in as Anna Svensson",
  subtitle = "Acme production",
  fault,
}: Opening = {}): Promise<LaunchPage> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const reports: string[] = [];
  const done = new Map<string, unknown>();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => complaints.push(message.text()));
  // What the launch page does after 400 ms, it does when the test says so. Other waits (of axe, too) are left alone.
  await page.addInitScript(() => {
    const [start, stop, held] = [setTimeout, clearTimeout, new Map<number, () => void>()];
    const passTime = () => {
      const due = [...held.values()];
      held.clear();
      for (const act of due) act();
    };
    let last = 1e9;
    const wait = (act: () => void, delay = 0) => {
      if (delay !== 400) return start(act, delay);
      held.set((last += 1), act);
      return last;
    };
    const forget = (timer: number) => {
      if (!held.delete(timer)) stop(timer);
    };
    Object.assign(window, { setTimeout: wait, clearTimeout: forget, passTime });
  });

  let revision = 0;
  const waiting: object[] = [];
  let asking: ((message: object) => void) | undefined;
  const say = (message: object) => {
    if (asking) asking(message);
    else waiting.push(message);
    asking = undefined;
  };
  const show = async (view: object, seen: string) => {
    say({ revision: (revision += 1), view });
    await page.locator("h1:visible", { hasText: seen.slice(0, 40) }).waitFor();
  };
  const busy = { kind: "busy", title, subtitle };

  const answers: Record<string, (route: Route) => unknown> = {
    "/next": async (route) => {
      if (!reports.includes("ready")) reports.push("ready");
      const message = waiting.shift() ?? (await new Promise<object>((resolve) => (asking = resolve)));
      await route.fulfill({ json: message }).catch(() => {});
    },
    "/reload": (route) => {
      reports.push("reload");
      return route.fulfill({ status: 204 });
    },
    "/close": (route) => {
      reports.push("close");
      return route.fulfill({ status: 204 });
    },
  };
  const html = source.replaceAll("{nonce}", "n0").replace("{fault}", JSON.stringify(fault ?? null));
  await page.route("**", (route) => {
    const below = route.request().url().slice(PAGE.length);
    if (below === "") {
      const headers = { "content-security-policy": POLICY };
      return route.fulfill({ contentType: "text/html", headers, body: html });
    }
    const [, what, which = ""] = below.split("/");
    if (what === "press") {
      reports.push(which);
      return route.fulfill({ status: 204 });
    }
    if (what === "done") {
      reports.push(`done ${which}`);
      done.set(which, route.request().postDataJSON());
      return route.fulfill({ status: 204 });
    }
    return answers[below]?.(route) ?? route.abort();
  });
  await page.goto(PAGE);
  if (!fault) await show(busy, title);
  return {
    page,
    reports,
    done,
    refuse: (refusal) => show({ kind: "refused", secrets: [], ...refusal }, refusal.title),
    busy: () => show(busy, title),
    give: say,
    async close() {
      await context.close();
      expect(complaints).toEqual([]);
    },
  };
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

const passTime = (page: Page) => page.evaluate("passTime()");

const slow = async ({ page }: LaunchPage) => {
  await passTime(page);
  await button(page, "Cancel").waitFor();
};

const page401 = `<!doctype html>
<html><head><title>Sign in</title><script>document.title = "ran"</script></head>
<body><img src=x onerror="document.title = 'ran'"><h1>Please sign in</h1></body></html>`;

const refused: Refusal = {
  title: "The application refused the sign-in: 401 Unauthorized",
  status: 401,
  excerpt: '{"error":"unknown admin token"}',
  hint: "Check that the secret “admin_token” is the one that the application knows: understudy secret set acme admin_token",
};

const stopped: Fault = {
  title: "This page stopped working",
  hint: "Its process ended unexpectedly. Reload the page, or end the session to sign out.",
  page: `${ORIGIN}/invoices`,
};

interface View {
  name: string;
  opening?: Opening;
  go?: (launchPage: LaunchPage) => Promise<void>;
  /** What can be done: in sight. */
  buttons: string[];
}

const views: View[] = [
  { name: "begun", buttons: [] },
  { name: "slow", go: slow, buttons: ["Cancel"] },
  {
    name: "slow-long",
    opening: {
      title: `Signing in as <b>bold</b> ${"x".repeat(10_000)}`,
      subtitle: `${"A very long name of an application ".repeat(40)} · production`,
    },
    go: slow,
    buttons: ["Cancel"],
  },
  { name: "refused", go: ({ refuse }) => refuse(refused), buttons: ["Retry", "Close"] },
  {
    name: "refused-secret",
    go: ({ refuse }) => refuse({ ...refused, secrets: ["admin_token"] }),
    buttons: ["Replace the secret…", "Retry", "Close"],
  },
  {
    name: "refused-without-answer",
    go: ({ refuse }) =>
      refuse({
        title: "app.acme.example did not answer: the connection was refused",
        status: null,
        excerpt: null,
        hint: "Check that the application runs and that this computer reaches it.",
      }),
    buttons: ["Retry", "Close"],
  },
  {
    name: "refused-html",
    go: ({ refuse }) => refuse({ ...refused, excerpt: page401 }),
    buttons: ["Retry", "Close"],
  },
  {
    name: "refused-long",
    go: ({ refuse }) =>
      refuse({
        ...refused,
        title: `The application refused the sign-in: ${"because ".repeat(200)}${"x".repeat(3000)}`,
        excerpt: `${"stack ".repeat(300)}\n${"y".repeat(3000)}\n`.repeat(8),
      }),
    buttons: ["Retry", "Close"],
  },
  { name: "stopped", opening: { fault: stopped }, buttons: ["Reload", "End session"] },
  {
    name: "stopped-for-good",
    opening: { fault: { ...stopped, title: "This session's cookies are gone", page: null } },
    buttons: ["End session"],
  },
  {
    name: "reloading",
    opening: { fault: stopped },
    async go(launchPage) {
      await button(launchPage.page, "Reload").click();
      await passTime(launchPage.page);
      await button(launchPage.page, "End session").waitFor();
    },
    buttons: ["End session"],
  },
];

const sizes = [
  { width: 1280, height: 800 },
  { width: 640, height: 400 },
];

describe.each(themes)("in %s", (theme) => {
  describe.each(sizes)("at $width × $height", ({ width, height }) => {
    test.each(views)("$name", async ({ name, opening, go, buttons }) => {
      const launchPage = await open({ ...opening, theme, width, height });
      const { page } = launchPage;
      await go?.(launchPage);
      await picture(page, `launch-page-${name}-${width}-${theme}`);

      const seen = await page.getByRole("button").evaluateAll((all: HTMLElement[]) =>
        all
          .filter((one) => {
            const { left, top, right, bottom } = one.getBoundingClientRect();
            return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
          })
          .map((one) => one.innerText),
      );
      expect(seen).toEqual(buttons);
      const wider = "document.documentElement.scrollWidth > innerWidth";
      expect(await page.evaluate(wider)).toBe(false);
      const higher = "document.documentElement.scrollHeight > innerHeight";
      expect(await page.evaluate(higher)).toBe(false);
      expect(await violations(page)).toEqual([]);
      await launchPage.close();
    });
  });
});

describe("the launch page", () => {
  const focused = (page: Page) => page.locator(":focus").innerText();

  test("says that it is ready; after a while it can be called off", async () => {
    const launchPage = await open();
    const { page, reports } = launchPage;
    expect(await page.getByRole("status").innerText()).toContain("Signing in as Anna Svensson");
    expect(await button(page, "Cancel").count()).toBe(0);
    await slow(launchPage);
    expect(await focused(page)).toBe("Cancel");
    await page.keyboard.press("Enter");
    await expect.poll(() => reports).toEqual(["ready", "close"]);
    await launchPage.close();
  });

  test("says why it was refused, and has Retry ready under the finger", async () => {
    const launchPage = await open();
    const { page, reports } = launchPage;
    await expect.poll(() => reports).toEqual(["ready"]);
    await launchPage.refuse(refused);
    expect(await page.getByRole("alert").innerText()).toContain(refused.title);
    expect(await page.getByRole("alert").innerText()).toContain(refused.hint);
    expect(await page.getByRole("status").count()).toBe(0);
    expect(await focused(page)).toBe("Retry");
    await page.keyboard.press("Enter");
    await expect.poll(() => reports).toEqual(["ready", "retry"]);

    await launchPage.busy();
    expect(await page.getByRole("alert").count()).toBe(0);
    expect(await button(page, "Cancel").count()).toBe(0);
    await slow(launchPage);
    await launchPage.refuse({ ...refused, excerpt: null });
    expect(await page.locator("pre").isVisible()).toBe(false);
    expect(await focused(page)).toBe("Retry");
    await button(page, "Close").click();
    await expect.poll(() => reports.slice(2)).toEqual(["close"]);
    await launchPage.close();
  });

  test("loads a page again that stopped, once, however long Return is held", async () => {
    const launchPage = await open({ fault: stopped });
    const { page, reports } = launchPage;
    expect(await focused(page)).toBe("Reload");
    for (let press = 0; press < 3; press += 1) await page.keyboard.press("Enter");
    await passTime(page);
    await page.keyboard.press("Enter");
    expect(await page.getByRole("status").innerText()).toContain("Loading the page again…");

    // When it does not come, the session can be ended all the same.
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("End session");
    await page.keyboard.press("Enter");
    await expect.poll(() => reports).toEqual(["reload", "close"]);
    await launchPage.close();
  });

  test("offers another secret where that may help, and asks for none itself", async () => {
    const launchPage = await open();
    await launchPage.refuse({ ...refused, secrets: ["admin_token"] });
    expect(await focused(launchPage.page)).toBe("Replace the secret…");
    expect(await launchPage.page.locator("input").count()).toBe(0);
    await launchPage.page.keyboard.press("Enter");
    await expect.poll(() => launchPage.reports.at(-1)).toBe("renew");
    await launchPage.close();
  });

  test("reports an answer's headers, and its bytes as they came", async () => {
    const launchPage = await open();
    const { page, reports } = launchPage;
    await expect.poll(() => reports).toEqual(["ready"]);
    const latin1 = Buffer.concat([Buffer.from("für".repeat(30_000), "latin1"), Buffer.from([0, 0xff])]);
    await page.route(`${ORIGIN}/login`, (route) =>
      route.fulfill({
        status: 202,
        headers: { "content-type": "text/html; charset=iso-8859-1", "x-amzn-waf-action": "challenge" },
        body: latin1,
      }),
    );
    const url = `${ORIGIN}/login`;
    launchPage.give({ task: "send", number: 7, method: "POST", url, headers: [], body: "{}", timeout: 1000 });
    await expect.poll(() => reports.at(-1)).toBe("done 7");

    expect(launchPage.done.get("7")).toMatchObject({
      status: 202,
      headers: expect.arrayContaining([
        ["content-type", "text/html; charset=iso-8859-1"],
        ["x-amzn-waf-action", "challenge"],
      ]),
      // The first 64 KiB, and no more.
      body: latin1.subarray(0, 65536).toString("base64"),
    });
    await launchPage.close();
  });

  test("is left by Escape", async () => {
    const launchPage = await open();
    await expect.poll(() => launchPage.reports).toEqual(["ready"]);
    await launchPage.page.keyboard.press("Escape");
    await expect.poll(() => launchPage.reports).toEqual(["ready", "close"]);
    await launchPage.close();
  });

  test("shows an answer of HTML as text, and a name too", async () => {
    const launchPage = await open({ title: "Signing in as <img src=x onerror=\"document.title = 'ran'\">" });
    const { page } = launchPage;
    expect(await page.getByRole("heading").innerText()).toContain("<img src=x");
    await launchPage.refuse({ ...refused, title: "<b>no</b>", hint: "<i>hm</i>", excerpt: page401 });
    expect(await page.locator("pre").textContent()).toBe(page401);
    expect(await page.getByRole("alert").innerText()).toMatch(/<b>no<\/b>\s+<i>hm<\/i>/);
    expect(await page.locator("main").locator("img, script, b, i").count()).toBe(0);
    expect(await page.title()).toBe("Understudy");
    await launchPage.close();
  });
});
