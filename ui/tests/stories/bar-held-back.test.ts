// What the session's fence held back, in the bar: counted, listed, and turned into rules to pass on.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import type { HeldBackRequests } from "../../src/bindings/HeldBackRequests";
import type { SessionView } from "../../src/bindings/SessionView";
import { clock } from "../../src/state/clock.svelte";
import { barState, heldBack } from "../fake/bar";
import { NOW } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  clock.now = NOW;
  fake = installFake({}, "bar-1");
  user = userEvent.setup();
});
afterEach(() => vi.useRealTimers());

const RULE = '[[policy.allow]]\nmethod = "POST"\npath = "/api/search"';

function show(groups: HeldBackRequests[], session: Partial<SessionView> = {}, total?: number) {
  fake.bar = barState({ mode: "read_only", ...session }, { held_back: heldBack(groups, total) });
  fake.emit("bar_changed", null);
}

const search: HeldBackRequests = {
  method: "POST",
  address: "app.acme.example/api/search",
  times: 12,
  last_at: NOW - 3 * 60_000,
  reason: "POST may change something.",
  rule: RULE,
  allow: { method: "POST", path: "/api/search" },
};
const socket: HeldBackRequests = {
  method: "GET",
  address: "app.acme.example/live",
  times: 1,
  last_at: NOW - 1000,
  reason: "A WebSocket may change something.",
  rule: null,
  allow: null,
};

const counter = (name: string) => screen.findByRole("button", { name });
const list = () => screen.findByRole("list", { name: "Requests that were held back" });

test("nothing is said while nothing is held back, and the first time is announced", async () => {
  show([]);
  render(Bar);
  await screen.findByRole("button", { name: "End session" });
  const status = screen.getByRole("status", { name: "Requests that were held back" });
  expect(status).toBeEmptyDOMElement();
  expect(screen.queryByRole("button", { name: /held back/ })).toBeNull();

  show([socket]);
  await counter("1 held back");
  expect(status).toHaveTextContent("A request was held back. The bar lists it.");
});

describe("the list", () => {
  test("says what, how often, when and why", async () => {
    show([socket, search]);
    render(Bar);
    const button = await counter("13 held back");
    expect(button).toHaveAttribute("aria-expanded", "false");
    await user.click(button);
    expect(button).toHaveAttribute("aria-expanded", "true");
    const [first, second] = within(await list()).getAllByRole("listitem");
    expect(first).toHaveTextContent("GET app.acme.example/live");
    expect(first).toHaveTextContent("once, just now · A WebSocket may change something.");
    expect(second).toHaveTextContent("POST app.acme.example/api/search");
    expect(second).toHaveTextContent("12 times, last 3 min ago · POST may change something.");
    expect(within(second as HTMLElement).getByTitle("app.acme.example/api/search")).toBeInTheDocument();
  });

  test.each([
    [
      { mode: "read_only", may_unlock: "with_reason" },
      "The session is read-only. With full access, such requests go through.",
    ],
    [
      { mode: "read_only", may_unlock: "never" },
      "The session is read-only, and this connection doesn't allow full access.",
    ],
    [
      { mode: "full" },
      "These were held back while the session was read-only, or because the connection blocks them.",
    ],
  ] as const)("of a session that is %o says what to do", async (session, words) => {
    show([socket], session);
    render(Bar);
    await user.click(await counter("1 held back"));
    expect(await screen.findByText(words)).toBeInTheDocument();
    expect(screen.queryByText(/copy its rule/)).toBeNull();
  });

  test("grows while it is open, and keeps the focus on its row", async () => {
    show([search]);
    render(Bar);
    await user.click(await counter("12 held back"));
    for (const name of [/^Read-only/, "End session"]) {
      await user.tab();
      expect(screen.getByRole("button", { name })).toHaveFocus();
    }
    await user.tab();
    const [row] = within(await list()).getAllByRole("listitem");
    expect(row).toHaveFocus();

    show([socket, search]);
    await counter("13 held back");
    await waitFor(async () => expect(within(await list()).getAllByRole("listitem")).toHaveLength(2));
    expect(row).toHaveFocus();
    expect(row).toHaveTextContent("/api/search");
    await user.keyboard("{ArrowUp}");
    expect(within(await list()).getAllByRole("listitem")[0]).toHaveFocus();
  });

  test("says when it is not all of them", async () => {
    show([search], {}, 4000);
    render(Bar);
    await user.click(await counter("4,000 held back"));
    expect(await screen.findByText(/Only the most recent is listed/)).toBeInTheDocument();
  });

  test("shows requests that look alike, and what is hidden in an address", async () => {
    show([{ ...socket, address: "app.acme.example/\u202etxt" }, socket, socket]);
    render(Bar);
    await user.click(await counter("3 held back"));
    const rows = within(await list()).getAllByRole("listitem");
    expect(rows).toHaveLength(3);
    expect(rows[0]).toHaveTextContent("‹U+202E›txt");
  });
});

describe("by its keys", () => {
  test("the button unfolds it, Escape folds it, and the focus returns", async () => {
    show([search]);
    render(Bar);
    const button = await counter("12 held back");
    button.focus();
    await user.keyboard("{Enter}");
    await list();
    await user.keyboard(" ");
    await waitFor(() => expect(screen.queryByRole("list")).toBeNull());
    await user.keyboard(" ");
    await list();
    await user.tab();
    await user.tab();
    await user.tab();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("list")).toBeNull());
    expect(button).toHaveAttribute("aria-expanded", "false");
  });

  test("a row's rule is beside it", async () => {
    show([search]);
    render(Bar);
    await user.click(await counter("12 held back"));
    within(await list())
      .getByRole("listitem")
      .focus();
    await user.keyboard("{ArrowRight}{Enter}");
    expect(await screen.findByRole("button", { name: "Copied" })).toHaveFocus();
    expect(fake.clipboard).toEqual([RULE]);
    await user.keyboard("{Escape}");
    expect(await counter("12 held back")).toHaveFocus();
  });

  test("the question for full access takes the list's place", async () => {
    show([search], { may_unlock: "with_reason" });
    render(Bar);
    await user.click(await counter("12 held back"));
    await list();
    await user.keyboard("{Control>}{Shift>}M{/Shift}{/Control}");
    expect(await screen.findByRole("textbox")).toHaveFocus();
    expect(screen.queryByRole("list")).toBeNull();
  });
});

describe("a rule", () => {
  test("is copied to pass on", async () => {
    show([socket, search]);
    render(Bar);
    await user.click(await counter("13 held back"));
    expect(
      await screen.findByText(/copy its rule for the person who looks after the connection/),
    ).toBeInTheDocument();
    const buttons = within(await list()).getAllByRole("button");
    expect(buttons).toHaveLength(1);
    expect(screen.queryByRole("button", { name: "Copy all rules" })).toBeNull();
    expect(buttons[0]).toHaveAccessibleName("Copy rule for POST app.acme.example/api/search");
    await user.click(buttons[0] as HTMLElement);
    expect(await screen.findByRole("button", { name: "Copied" })).toBeInTheDocument();
    expect(fake.clipboard).toEqual([RULE]);
  });

  test("is one of several, which are copied at once", async () => {
    const totals = {
      ...search,
      address: "app.acme.example/api/totals",
      rule: RULE.replace("search", "totals"),
    };
    show([socket, search, totals]);
    render(Bar);
    await user.click(await counter("25 held back"));
    await user.click(await screen.findByRole("button", { name: "Copy all rules" }));
    expect(await screen.findByRole("button", { name: "Copied" })).toBeInTheDocument();
    expect(fake.clipboard).toEqual([`${RULE}\n${totals.rule}`]);
  });

  test("that can't be copied says why", async () => {
    show([search]);
    fake.refuse("plugin:clipboard-manager|write_text", {
      code: "internal",
      message: "The clipboard is not available.",
    });
    render(Bar);
    await user.click(await counter("12 held back"));
    await user.click(await screen.findByRole("button", { name: /^Copy rule/ }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The clipboard is not available.");
    expect(screen.queryByRole("button", { name: "Copied" })).toBeNull();
  });
});
