// The session bar at the widths a window can have, in light and in dark: photographed, without a violation of axe,
// as high as it has asked its window for, and with the way out always in sight.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, openPage, picture, themes, violations, type Opened, type Opening } from "./browser";
import { expectUnchanged } from "./compare";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const HEIGHT = 46;
const MOST = 420;
const end = (page: Page) => page.getByRole("button", { name: "End session", exact: true });

interface Bar {
  name: string;
  width: number;
  prepare: Opening["prepare"];
  /** Something just happened in the page. */
  said?: boolean;
  /** Something that the window tells it. */
  event?: { topic: string; payload: unknown };
  /** Unfolds something under the line. */
  unfold?: (page: Page) => Promise<void>;
}

/** The height that the bar has asked its window for, once it is that of all that it shows. */
async function heightAsked({ page, fake }: Opened): Promise<number> {
  const shown = () =>
    page.locator(".unfolded").evaluate((one) => Math.min((one as HTMLElement).offsetHeight, 420 - 46));
  let asked = 0;
  const isEnough = async () => {
    const calls = await fake((fake) => fake.called("set_bar_height").map(({ args }) => args["height"]));
    asked = Number(calls.at(-1));
    return asked === HEIGHT + (await shown());
  };
  await expect.poll(isEnough).toBe(true);
  return asked;
}

const active: Opening["prepare"] = (fake, { NOW }) => {
  fake.bar = {
    session: {
      id: "1",
      connection: "acme",
      connection_name: "Acme",
      environment: "production",
      user: { id: "48213907", name: "Anna Svensson", email: "anna.svensson@fjallbo.example", company: null },
      reason: "Ticket 88240: cannot see invoice",
      ticket: "",
      ticket_origin: null,
      phase: "active",
      started_at: NOW - 110_000,
      active_at: NOW - 108_000,
      deadline: NOW + 58 * 60_000 + 12_000,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full",
      may_unlock: "always",
    },
    number: null,
    can_go_back: true,
    can_go_forward: false,
    zoom: 1,
    progress: null,
    has_find: true,
    location: "https://app.acme.example",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
  };
};

const soon: Opening["prepare"] = (fake, { NOW }) => {
  fake.bar = {
    session: {
      id: "1",
      connection: "acme",
      connection_name: "Acme",
      environment: "staging",
      user: { id: "5", name: null, email: "ada@northwind.example", company: null },
      reason: "",
      ticket: "",
      ticket_origin: null,
      phase: "active",
      started_at: NOW - 3_500_000,
      active_at: NOW - 3_500_000,
      deadline: NOW + 107_000,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full",
      may_unlock: "always",
    },
    number: null,
    can_go_back: true,
    can_go_forward: true,
    zoom: 1.1,
    progress: null,
    has_find: true,
    location: "https://staging.acme.example",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
  };
};

const hostile: Opening["prepare"] = (fake, { NOW }) => {
  fake.bar = {
    session: {
      id: "1",
      connection: "acme",
      connection_name: "A very long application name that somebody thought was a good idea",
      environment: "development",
      user: {
        id: "9",
        name: "evil\u202etxt.exe <b>bold</b> " + "x".repeat(10_000),
        email: "a@" + "b".repeat(300),
        company: null,
      },
      reason: "because ".repeat(80),
      ticket: "",
      ticket_origin: null,
      phase: "active",
      started_at: NOW - 36_000_000,
      active_at: NOW - 36_000_000,
      deadline: null,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full",
      may_unlock: "always",
    },
    number: null,
    can_go_back: false,
    can_go_forward: false,
    zoom: 3,
    progress: null,
    has_find: true,
    location: "http://127.0.0.1:4000",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
  };
};

const opening: Opening["prepare"] = (fake, { NOW }) => {
  fake.bar = {
    session: {
      id: "1",
      connection: "demo",
      connection_name: "Demo",
      environment: "development",
      user: { id: "7", name: "مريم العلي", email: "maryam@example.com", company: null },
      reason: "Showing a colleague",
      ticket: "",
      ticket_origin: null,
      phase: "opening",
      started_at: NOW - 1000,
      active_at: null,
      deadline: null,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full",
      may_unlock: "always",
    },
    number: null,
    can_go_back: false,
    can_go_forward: false,
    zoom: 1,
    progress: null,
    has_find: true,
    location: "",
    is_off_site: false,
    held_back: { total: 0, groups: [], rules: null },
    off_site: null,
    password: null,
  };
};

const gone: Opening["prepare"] = (fake) =>
  fake.refuse(
    "bar_state",
    { code: "session_unknown", message: "This session has ended.", hint: "Its window can be closed." },
    99,
  );

const readOnly: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState({ mode: "read_only", may_unlock: "with_reason", deadline: NOW + 3_492_000 });
};

const neverFull: Opening["prepare"] = (fake, { barState }) => {
  fake.bar = barState({ mode: "read_only", may_unlock: "never", environment: "staging" });
};

const failing: Opening["prepare"] = (fake, { barState }) => {
  fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
  fake.refuse("set_session_mode", {
    code: "audit_failed",
    message: "The audit log can't be written: no space left on the device.",
    hint: "Free some space, then try again.",
  });
};

const unlock = async (page: Page) => {
  await page.getByRole("button", { name: /^Read-only/ }).click();
};
const unlockWithReason = async (page: Page) => {
  await unlock(page);
  await page.getByRole("textbox").fill("Correct the invoice, ticket 88240");
};

const heldOne: Opening["prepare"] = (fake, { NOW, barState, heldBack }) => {
  const group = {
    method: "POST",
    address: "app.acme.example/api/v2/search",
    times: 1,
    last_at: NOW - 4000,
    reason: "POST may change something.",
    rule: '[[policy.allow]]\nmethod = "POST"\npath = "/api/v2/search"',
    allow: { method: "POST", path: "/api/v2/search" },
  };
  fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" }, { held_back: heldBack([group]) });
};

const heldTwelve: Opening["prepare"] = (fake, { NOW, barState, heldBack }) => {
  const groups = Array.from({ length: 12 }, (_, at) => ({
    method: ["POST", "DELETE", "PATCH", "GET"][at % 4] ?? "PUT",
    address:
      at === 1
        ? "app.acme.example/api/v2/organisations/48213907/departments/accounting/invoices/2026-11-0017/attachments"
        : `app.acme.example/api/v2/things/${at + 1}`,
    times: at * at + 1,
    last_at: NOW - at * 97_000,
    reason:
      at % 4 === 3 ? "A WebSocket may change something." : "The session is read-only, and this may write.",
    rule: at % 3 === 0 ? `[[policy.allow]]\nmethod = "POST"\npath = "/api/v2/things/${at + 1}"` : null,
    allow: at % 3 === 0 ? { method: "POST", path: `/api/v2/things/${at + 1}` } : null,
  }));
  fake.bar = barState(
    { mode: "read_only", may_unlock: "with_reason", deadline: NOW + 107_000 },
    { held_back: heldBack(groups) },
  );
};

const unfoldHeldBack = async (page: Page) => {
  await page.getByRole("button", { name: /held back$/ }).click();
  await page.getByRole("list").waitFor();
};

const offSite: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState(
    { mode: "full", environment: "development", deadline: NOW + 3_000_000 },
    { off_site: { host: "evil.example", url: "https://evil.example/login" } },
  );
};

const offSiteLong: Opening["prepare"] = (fake, { barState }) => {
  const host = `app.acme.example.${"a-very-long-name.".repeat(8)}evil.example`;
  fake.bar = barState(
    { mode: "read_only", may_unlock: "with_reason", environment: "staging" },
    { off_site: { host, url: `https://${host}/` } },
  );
};

/** The session went to another site: amber, and never cut away entirely. */
const elsewhere: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState(
    { mode: "read_only", may_unlock: "with_reason", deadline: NOW + 3_000_000 },
    { location: "https://login.identity-provider.example:8443", is_off_site: true },
  );
};

const secondWindow: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState({ deadline: NOW + 3_000_000 }, { number: 2 });
};

const loading: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState({ deadline: NOW + 3_000_000 }, { progress: 0.4 });
};

const unfoldMenu = async (page: Page) => {
  await page.getByRole("button", { name: "More for this page" }).click();
  await page.getByRole("toolbar").waitFor();
};

const find = async (page: Page) => {
  await page.keyboard.press("Control+f");
  await page.getByRole("textbox").fill("invoice");
};

const seeQuestion = (page: Page) => page.getByRole("button", { name: "Stay" }).waitFor();

const asksForPassword: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState(
    { environment: "staging", deadline: NOW + 3_000_000 },
    {
      password: {
        number: 1,
        host: "staging.acme.example",
        realm: "Acme staging",
        is_encrypted: true,
        sends_password: true,
        refused_user: null,
      },
    },
  );
};

const asksForPasswordAgain: Opening["prepare"] = (fake, { NOW, barState }) => {
  fake.bar = barState(
    { environment: "staging", deadline: NOW + 3_000_000 },
    {
      password: {
        number: 2,
        host: "reports.a-rather-long-name.internal.acme.example:8443",
        realm: "Reports of the finance department: for its members only",
        is_encrypted: false,
        sends_password: true,
        refused_user: "support",
      },
    },
  );
};

const seePassword = (page: Page) => page.getByRole("button", { name: "Sign in" }).waitFor();

const bars: Bar[] = [
  ...[1280, 700, 420].map((width) => ({
    name: `password-${width}`,
    width,
    prepare: asksForPassword,
    unfold: seePassword,
  })),
  ...[1280, 420].map((width) => ({
    name: `password-again-${width}`,
    width,
    prepare: asksForPasswordAgain,
    unfold: seePassword,
  })),
  ...[1280, 700, 420].map((width) => ({
    name: `held-back-1-${width}`,
    width,
    prepare: heldOne,
    unfold: unfoldHeldBack,
  })),
  ...[1280, 420].map((width) => ({
    name: `held-back-12-${width}`,
    width,
    prepare: heldTwelve,
    unfold: unfoldHeldBack,
  })),
  {
    name: "held-back-row-420",
    width: 420,
    prepare: heldTwelve,
    unfold: async (page) => {
      await unfoldHeldBack(page);
      await page.getByRole("listitem").first().focus();
      await page.keyboard.press("ArrowDown");
    },
  },
  ...[1280, 420].map((width) => ({
    name: `off-site-${width}`,
    width,
    prepare: offSite,
    unfold: seeQuestion,
  })),
  ...[1280, 420].map((width) => ({
    name: `off-site-long-${width}`,
    width,
    prepare: offSiteLong,
    unfold: async (page: Page) => {
      await seeQuestion(page);
      await unlockWithReason(page);
    },
  })),
  ...[1280, 420].map((width) => ({ name: `loading-${width}`, width, prepare: loading })),
  ...[1280, 960].map((width) => ({
    name: `menu-${width}`,
    width,
    prepare: secondWindow,
    unfold: unfoldMenu,
  })),
  ...[1280, 420].map((width) => ({ name: `find-${width}`, width, prepare: readOnly, unfold: find })),
  ...[1280, 420].map((width) => ({
    name: `contact-${width}`,
    width,
    prepare: readOnly,
    event: { topic: "contact_asked", payload: { kind: "email", address: "ada.lovelace@acme.example" } },
    unfold: (page: Page) => page.getByRole("region", { name: "Contact" }).waitFor(),
  })),
  ...[1280, 700, 420].map((width) => ({
    name: `saved-${width}`,
    width,
    prepare: readOnly,
    event: {
      topic: "file_saved",
      payload: { id: 1, name: "invoices.csv", size: 1_240_000, from: "app.acme.example" },
    },
  })),
  ...[1280, 420].map((width) => ({
    name: `downloads-${width}`,
    width,
    prepare: readOnly,
    event: {
      topic: "downloads_asked",
      payload: { count: 12, name: "invoices-2026.csv", from: "app.acme.example" },
    },
    unfold: (page: Page) => page.getByRole("alert").waitFor(),
  })),
  ...[1280, 700, 420].map((width) => ({ name: `elsewhere-${width}`, width, prepare: elsewhere })),
  ...[1280, 700, 420].map((width) => ({ name: `second-window-${width}`, width, prepare: secondWindow })),
  ...[1280, 700, 420].map((width) => ({ name: `read-only-${width}`, width, prepare: readOnly })),
  ...[1280, 420].map((width) => ({
    name: `reason-${width}`,
    width,
    prepare: readOnly,
    unfold: unlockWithReason,
  })),
  ...[1280, 420].map((width) => ({ name: `never-${width}`, width, prepare: neverFull, unfold: unlock })),
  ...[1280, 420].map((width) => ({
    name: `reason-failed-${width}`,
    width,
    prepare: failing,
    unfold: async (page: Page) => {
      await unlockWithReason(page);
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
    },
  })),
  ...[1280, 960, 700, 420].map((width) => ({ name: `active-${width}`, width, prepare: active })),
  ...[1280, 1000, 560, 420].map((width) => ({ name: `soon-${width}`, width, prepare: soon })),
  ...[1280, 420].map((width) => ({ name: `hostile-${width}`, width, prepare: hostile })),
  ...[1280, 420].map((width) => ({ name: `said-${width}`, width, prepare: active, said: true })),
  { name: "opening", width: 1280, prepare: opening },
  { name: "gone", width: 800, prepare: gone },
];

/** Those whose pictures are compared: one for each state. */
const compared = [
  "active-1280",
  "soon-1280",
  "read-only-1280",
  "read-only-420",
  "reason-1280",
  "held-back-1-1280",
  "held-back-12-1280",
  "held-back-12-420",
  "off-site-1280",
  "elsewhere-1280",
  "elsewhere-420",
  "second-window-1280",
  "loading-1280",
  "saved-1280",
  "downloads-1280",
  "menu-1280",
  "find-1280",
  "find-420",
  "contact-1280",
];

describe.each(themes)("in %s", (theme) => {
  test.each(bars)("$name", async ({ name, width, prepare, said, event, unfold }) => {
    const opened = await openPage(browser, {
      theme,
      width,
      height: HEIGHT,
      page: "bar.html",
      label: "bar-1",
      prepare,
    });
    const { page } = opened;
    await (prepare === gone ? page.getByRole("alert") : end(page)).waitFor();
    if (said) {
      const toast = { kind: "good", text: "Saved invoices of the last six months.csv", hint: "", said: [] };
      await opened.fake((fake, toast) => fake.emit("said", toast), toast);
      await page.getByText(toast.text).waitFor();
    }
    if (event) await opened.fake((fake, { topic, payload }) => fake.emit(topic, payload), event);
    if (event?.topic === "file_saved")
      await page
        .getByText(/^Saved /)
        .first()
        .waitFor();
    await page.evaluate(() => document.fonts.ready);
    await unfold?.(page);
    const height = unfold ? await heightAsked(opened) : HEIGHT;
    await page.setViewportSize({ width, height });
    await picture(page, `bar-${name}-${theme}`);

    const bar = await page.getByRole("main").boundingBox();
    expect(bar).toEqual({ x: 0, y: 0, width, height });
    expect(height).toBeLessThanOrEqual(MOST);
    const scrolls =
      "[...document.querySelectorAll('html, main, .line, .unfolded')].some((one) => one.scrollWidth > innerWidth)";
    expect(await page.evaluate(scrolls)).toBe(false);
    if (prepare !== gone) {
      const button = await end(page).boundingBox();
      expect(button && button.x >= 0 && button.x + button.width <= width).toBe(true);
      const name = await page.getByRole("heading").boundingBox();
      expect(name?.width).toBeGreaterThan(40);
    }
    expect(await violations(page)).toEqual([]);
    if (compared.includes(name)) await expectUnchanged(page, `bar-${name}-${theme}`);
    await opened.close();
  });
});
