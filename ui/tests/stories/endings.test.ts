// A session that ends says so, whatever ended it, and its customer is one key away.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import App from "../../src/App.svelte";
import type { EndCause } from "../../src/bindings/EndCause";
import type { EndedSession } from "../../src/bindings/EndedSession";
import type { SessionView } from "../../src/bindings/SessionView";
import { clock } from "../../src/state/clock.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
const NOW = Date.parse("2026-11-18T15:30:00Z");
beforeEach(() => {
  vi.useFakeTimers({ now: NOW, shouldAdvanceTime: true });
  fake = installFake();
  user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
});
afterEach(() => vi.useRealTimers());

const bogdan = { id: "48213914", name: "Bogdan Ionescu", email: "bogdan@carpati.example", company: null };
const session = (change: Partial<SessionView> = {}): SessionView => ({
  id: "s1",
  connection: "acme",
  connection_name: "Acme",
  environment: "production",
  user: bogdan,
  reason: "Ticket 88240",
  ticket: "",
  ticket_origin: null,
  phase: "active",
  started_at: NOW - 60_000,
  active_at: NOW - 60_000,
  deadline: null,
  extensions_left: 2,
  refused_secrets: [],
  mode: "full",
  may_unlock: "always",
  ...change,
});
const end = (cause: EndCause, change: Partial<EndedSession> = {}) =>
  fake.emit("session_ended", {
    session: session({ phase: "ending" }),
    cause,
    sign_out_failed: null,
    ended_at: NOW,
    ...change,
  } satisfies EndedSession);
const messages = () => screen.getByRole("status", { name: "Messages" });
const list = () => screen.findByRole("grid", { name: "Users" });
const TITLE = "The session as Bogdan Ionescu (bogdan@carpati.example) has ended";

describe("what is said of an end", () => {
  test.each([
    ["operator", "You ended it."],
    ["window_closed", "Its window was closed."],
    ["deadline", "Its time ran out."],
    ["never_opened", "Its window could not be opened."],
    ["crash", "Understudy stopped unexpectedly while it was running."],
  ] as const)("%s", async (cause, why) => {
    render(App);
    await list();
    end(cause);
    await waitFor(() => expect(messages()).toHaveTextContent(TITLE));
    expect(messages()).toHaveTextContent(why);
    expect(messages()).not.toHaveTextContent("sign-out");
  });

  test("also that the sign-out failed, and that stays", async () => {
    render(App);
    await list();
    end("operator", { sign_out_failed: "it was answered with 500" });
    await waitFor(() => expect(messages()).toHaveTextContent(/sign-out failed: it was answered with 500/));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(messages()).toHaveTextContent(TITLE);
  });

  test("what the agent did goes by itself, but not while it is looked at", async () => {
    render(App);
    await list();
    end("operator");
    const again = await screen.findByRole("button", { name: /^Reopen/ });
    await user.keyboard("{F8}");
    expect(again).toHaveFocus();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(again).toBeInTheDocument();
    (await screen.findByRole("searchbox", { name: "Search users" })).focus();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(messages().textContent.trim()).toBe("");
  });

  test("nothing, where a window was closed in which nobody was signed in", async () => {
    render(App);
    await list();
    end("operator", { session: session({ active_at: null }) });
    await vi.advanceTimersByTimeAsync(100);
    expect(messages().textContent.trim()).toBe("");
  });
});

test.each(["by its button", "by its key", "by the palette"])("its summary is copied %s", async (way) => {
  render(App);
  await list();
  end("operator");
  await waitFor(() => expect(messages()).toHaveTextContent(TITLE));
  if (way === "by its button") await user.click(await screen.findByRole("button", { name: /^Copy summary/ }));
  else if (way === "by its key") await user.keyboard("{Control>}{Shift>}S{/Shift}{/Control}");
  else {
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("summary");
    await user.click(await screen.findByRole("option", { name: /^Copy a summary/ }));
  }
  await waitFor(() =>
    expect(messages()).toHaveTextContent("Copied a summary of the session as Bogdan Ionescu"),
  );
  expect(fake.called("copy_session_summary").map(({ args }) => args)).toEqual([{ session: session().id }]);
});

describe("the keys beside a message", () => {
  const anna = { id: "48213907", name: "Anna Svensson", email: "anna@fjallbo.example", company: null };
  const message = async (name: string) =>
    (await screen.findByText(new RegExp(`The session as ${name} .* has ended`))).closest(
      ".toast",
    ) as HTMLElement;
  const keys = (within: HTMLElement) => [...within.querySelectorAll("kbd")].map((key) => key.textContent);

  test("mean its session, also after a window was closed in which nobody was signed in", async () => {
    render(App);
    await list();
    end("operator");
    await message("Bogdan");
    end("window_closed", { session: session({ id: "s2", user: anna, active_at: null }) });
    await user.keyboard("{Control>}{Shift>}S{/Shift}{/Control}");
    await waitFor(() =>
      expect(fake.called("copy_session_summary").map(({ args }) => args)).toEqual([{ session: "s1" }]),
    );
    await user.keyboard("{Control>}{Shift>}T{/Shift}{/Control}");
    expect(await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" })).toBeInTheDocument();
  });

  test("say why they do nothing where there is nothing to copy or to send", async () => {
    render(App);
    await list();
    await user.keyboard("{Control>}{Shift>}S{/Shift}{/Control}");
    await waitFor(() =>
      expect(messages()).toHaveTextContent("No session has ended since Understudy was started."),
    );
    end("operator");
    await message("Bogdan");
    await user.keyboard("{Control>}{Shift>}{Enter}{/Shift}{/Control}");
    await waitFor(() => expect(messages()).toHaveTextContent("The last session has no ticket"));
    expect(fake.called("prepare_summary")).toEqual([]);
    await user.keyboard("{Control>}{Shift>}D{/Shift}{/Control}");
    await waitFor(() => expect(messages()).toHaveTextContent("mark them first (Ctrl Space)."));
  });

  test("are those of the newest one only, also once it is gone", async () => {
    render(App);
    await list();
    end("deadline");
    const first = await message("Bogdan");
    expect(keys(first)).toEqual(["Ctrl Shift T", "Ctrl Shift S"]);
    end("operator", { session: session({ id: "s2", user: anna }) });
    const second = await message("Anna");
    expect(keys(second)).toEqual(["Ctrl Shift T", "Ctrl Shift S"]);
    await user.click(within(second).getByRole("button", { name: "Dismiss" }));
    expect(keys(await message("Bogdan"))).toEqual([]);
    await user.keyboard("{Control>}{Shift>}S{/Shift}{/Control}");
    await waitFor(() =>
      expect(messages()).toHaveTextContent("Copied a summary of the session as Anna Svensson"),
    );
    // Its buttons mean what they always did.
    await user.click(within(await message("Bogdan")).getByRole("button", { name: "Copy summary" }));
    await waitFor(() =>
      expect(fake.called("copy_session_summary").map(({ args }) => args["session"])).toEqual(["s2", "s1"]),
    );
  });
});

describe("opening it again", () => {
  const ways: Record<string, () => Promise<void>> = {
    "by its button": async () => user.click(await screen.findByRole("button", { name: /^Reopen/ })),
    "by its key": async () => user.keyboard("{Control>}{Shift>}T{/Shift}{/Control}"),
    "by the palette": async () => {
      await user.keyboard("{Control>}k{/Control}");
      await screen.findByRole("combobox", { name: "Command palette" });
      await user.keyboard("reopen");
      await user.click(await screen.findByRole("option", { name: /^Reopen the last session/ }));
    },
  };

  test.each(Object.keys(ways))("asks for the reason, with the last one filled in: %s", async (way) => {
    render(App);
    await list();
    end("deadline");
    await waitFor(() => expect(messages()).toHaveTextContent(TITLE));
    await ways[way]?.();
    const reason = await screen.findByRole<HTMLInputElement>("textbox", { name: "Reason" });
    expect(screen.getByRole("dialog", { name: "Sign in as Bogdan Ionescu" })).toBeInTheDocument();
    expect(reason).toHaveValue("Ticket 88240");
    // Typing replaces it.
    expect([reason.selectionStart, reason.selectionEnd]).toEqual([0, "Ticket 88240".length]);
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() =>
      expect(fake.called("impersonate").map(({ args }) => args)).toEqual([
        {
          connection: "acme",
          user: "48213914",
          reason: "Ticket 88240",
          given: {},
          ticket: { ticket: "", page: "" },
        },
      ]),
    );
  });

  test("is for the same ticket, and the dialog says so", async () => {
    render(App);
    await list();
    end("deadline", { session: session({ ticket: "4711" }) });
    await user.click(await screen.findByRole("button", { name: /^Reopen/ }));
    expect(await screen.findByRole("dialog")).toHaveTextContent("For ticket 4711, as before.");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() =>
      expect(fake.called("impersonate").map(({ args }) => args["ticket"])).toEqual([
        { ticket: "4711", page: "" },
      ]),
    );
  });

  test("says so where the customer is gone", async () => {
    render(App);
    await list();
    fake.refuse(
      "user_details",
      { code: "user_not_found", message: "No user has the ID 48213914 any longer." },
      9,
    );
    end("deadline");
    await user.click(await screen.findByRole("button", { name: /^Reopen/ }));
    await waitFor(() => expect(screen.getByText(/No user has the ID 48213914/)).toBeInTheDocument());
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

test("a running session that is about to end can be given more time from the console", async () => {
  fake.state.sessions = [
    session({ deadline: NOW + 100_000 }),
    session({ id: "s2", deadline: NOW + 600_000 }),
  ];
  clock.now = NOW;
  render(App);
  const running = within(await screen.findByRole("region", { name: "Running sessions" }));
  const extend = running.getAllByRole("button", { name: /^Extend the session as Bogdan Ionescu/ });
  expect(extend).toHaveLength(1);
  await user.click(extend[0] as HTMLElement);
  expect(fake.called("extend_session").map(({ args }) => args)).toEqual([{ session: "s1" }]);
});

test("each running session says what it may do, as long as there is one", async () => {
  fake.state.sessions = [
    session({ id: "s1", mode: "read_only" }),
    session({ id: "s2", mode: "full" }),
    session({ id: "s3", mode: "full", phase: "refused" }),
  ];
  render(App);
  const running = within(await screen.findByRole("region", { name: "Running sessions" }));
  const [first, second, third] = running.getAllByRole("listitem");
  expect(first).toHaveTextContent("Read-only");
  expect(second).toHaveTextContent("Full access");
  expect(third).not.toHaveTextContent(/Read-only|Full access/);
  fake.state.sessions = [session({ id: "s1", mode: "full" })];
  fake.emit("sessions", fake.state.sessions);
  await waitFor(() => expect(running.getAllByRole("listitem")).toHaveLength(1));
  expect(running.getByRole("listitem")).toHaveTextContent("Full access");
});

test("history says that it knows of this computer's sessions only", async () => {
  render(App);
  await list();
  const past = (await screen.findByRole("heading", { name: "Past sessions" })).closest("section");
  expect(past).toHaveTextContent("No sessions as this user on this computer yet.");
});

test("history calls a session that a crash cut off by that name", async () => {
  fake.past = [
    {
      session: "s0",
      operator: "Kim",
      reason: "Ticket 1",
      ticket: "",
      outcome: "crashed",
      started_at: NOW - 600_000,
      ended_at: NOW - 500_000,
      sign_out_failed: null,
      unlocks: [],
      held_back: null,
    },
  ];
  render(App);
  await list();
  const past = (await screen.findByRole("heading", { name: "Past sessions" })).closest("section");
  expect(past).toHaveTextContent("crashed");
});
