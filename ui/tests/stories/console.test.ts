// The console: finding, looking, copying, sessions, and what it says when something is wrong.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SessionView } from "../../src/bindings/SessionView";
import App from "../../src/App.svelte";
import { hostile } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
const NOW = Date.parse("2026-11-18T15:30:00Z");
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  fake = installFake();
  user = userEvent.setup();
});
afterEach(() => vi.useRealTimers());

const field = () => screen.findByRole("searchbox", { name: "Search users" });
const grid = () => screen.findByRole("grid", { name: "Users" });
const selected = async () => {
  const row = within(await grid()).getAllByRole("row", { selected: true });
  expect(row).toHaveLength(1);
  return row[0] as HTMLElement;
};
const session = (change: Partial<SessionView>): SessionView => ({
  id: "s1",
  connection: "acme",
  connection_name: "Acme",
  environment: "production",
  user: { id: "1", name: "Ada Lindqvist", email: null, company: null },
  reason: "",
  ticket: "",
  ticket_origin: null,
  phase: "active",
  started_at: NOW - 65_000,
  active_at: NOW - 65_000,
  deadline: null,
  extensions_left: 2,
  refused_secrets: [],
  mode: "full",
  may_unlock: "always",
  ...change,
});

describe("finding", () => {
  test("the field has the focus; arrows move in the list without leaving it", async () => {
    render(App);
    await grid();
    expect(await field()).toHaveFocus();
    await user.keyboard("{ArrowDown}{ArrowDown}{ArrowUp}");
    expect(await field()).toHaveFocus();
    expect(await selected()).toHaveTextContent("Andrés Ibáñez");
    expect((await field()).getAttribute("aria-activedescendant")).toBe((await selected()).id);
  });

  test("users that share an id are told, and shown in the list and the palette nonetheless", async () => {
    const [first] = fake.rows;
    if (first) fake.rows.push({ ...first });
    render(App);
    await grid();
    await screen.findByText(new RegExp(`several users have the ID ${first?.id}`));
    await user.keyboard("{Control>}k{/Control}");
    await user.keyboard(first?.cells[1] ?? "");
    expect(
      (await screen.findAllByRole("option", { name: new RegExp(first?.cells[1] ?? "") })).length,
    ).toBeGreaterThan(1);
  });

  test("the match is marked, whatever its accents", async () => {
    render(App);
    await user.type(await field(), "ang");
    await waitFor(async () =>
      expect([...(await grid()).querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual([
        "Áng",
        "ang",
      ]),
    );
  });

  test("nobody found: says what was searched and what would widen it", async () => {
    render(App);
    await user.type(await field(), "zzyzx");
    expect(await screen.findByRole("heading", { name: "No users match “zzyzx”" })).toBeInTheDocument();
    expect(screen.getByText("Searched in ID, Email, Name.")).toBeInTheDocument();
    expect(screen.getByRole("status", { name: "Status" })).toHaveTextContent("no matches");
  });

  test("hostile rows are text", async () => {
    fake.rows = hostile;
    render(App);
    const text = (await grid()).textContent;
    expect(text).toContain("<b>bold</b>");
    expect(text).toContain("evil‹U+202E›txt.exe");
    expect(text).toContain("bell␇ esc␛[31m nul␀");
    expect((await grid()).querySelector("img, b")).toBeNull();
    expect(text.length).toBeLessThan(3000);
    expect(within(await grid()).getAllByText("twin@same.example")).toHaveLength(2);
  });

  test("single-letter keys move in the list, unless they are turned off", async () => {
    render(App);
    (await grid()).focus();
    await user.keyboard("jj");
    expect(await selected()).toHaveTextContent("Ángela Ruiz");
    await user.keyboard("k/");
    expect(await selected()).toHaveTextContent("Andrés Ibáñez");
    expect(await field()).toHaveFocus();
  });

  test("turned off, they do nothing", async () => {
    fake.state.settings = { ...fake.state.settings, single_keys: false };
    render(App);
    (await grid()).focus();
    await user.keyboard("j?/");
    expect(await selected()).toHaveTextContent("Anders Holm");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(await grid()).toHaveFocus();
  });

  test("a header cycles", async () => {
    render(App);
    const header = within(await grid()).getByRole("columnheader", { name: "Email" });
    const seen = [header.getAttribute("aria-sort")];
    for (let i = 0; i < 3; i++) {
      await user.click(within(header).getByRole("button"));
      seen.push(header.getAttribute("aria-sort"));
    }
    expect(seen).toEqual(["none", "ascending", "descending", "none"]);
  });
});

describe("Esc", () => {
  test("goes back a layer at a time and never throws the query away", async () => {
    render(App);
    await user.type(await field(), "an");
    await waitFor(async () => expect(await selected()).toHaveTextContent("Anders Holm"));
    await user.keyboard("{Enter}");
    const button = within(screen.getByRole("complementary", { name: "Details" })).getByRole("button", {
      name: "Impersonate",
    });
    await waitFor(() => expect(button).toHaveFocus());
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("dialog", { name: "Command palette" });
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await user.keyboard("{Escape}{Escape}{Escape}");
    expect(await field()).toHaveFocus();
    expect(await field()).toHaveValue("an");
  });
});

describe("copying", () => {
  test("Ctrl+C copies the id, with Shift the e-mail, and says so", async () => {
    render(App);
    await grid();
    await user.keyboard("{Control>}c{/Control}{Control>}{Shift>}C{/Shift}{/Control}");
    await waitFor(() => expect(fake.clipboard).toEqual(["48213903", "anders.holm@northwind.example"]));
    const messages = screen.getByRole("status", { name: "Messages" });
    expect(messages).toHaveTextContent("ID copied: 48213903");
    expect(messages).toHaveTextContent("Email copied: anders.holm@northwind.example");
  });

  test("text that is selected in the field is left to the field", async () => {
    render(App);
    await user.type(await field(), "an");
    ((await field()) as HTMLInputElement).setSelectionRange(0, 2);
    await user.keyboard("{Control>}c{/Control}");
    expect(fake.clipboard).toEqual([]);
  });

  test("a field of the details copies the whole value", async () => {
    fake.rows = hostile.slice(1, 2);
    render(App);
    const details = await screen.findByRole("complementary", { name: "Details" });
    await user.click(within(details).getByRole("button", { name: /^Copy Name:/ }));
    await waitFor(() => expect(fake.clipboard[0]?.length).toBeGreaterThan(10_000));
  });

  test("a past session says that its sign-out failed", async () => {
    const past = {
      operator: "Robin",
      reason: "Ticket 7",
      ticket: "",
      outcome: "ended" as const,
      started_at: NOW - 90_000,
      ended_at: NOW - 60_000,
      unlocks: [],
      held_back: null,
    };
    fake.past = [
      { ...past, session: "s2", sign_out_failed: "it was answered with 500 Internal Server Error" },
      { ...past, session: "s1", sign_out_failed: null },
    ];
    render(App);
    const details = await screen.findByRole("complementary", { name: "Details" });
    const [second, first] = await within(details).findAllByRole("listitem");
    expect(second).toHaveTextContent("Sign-out failed: it was answered with 500");
    expect(first).not.toHaveTextContent("Sign-out");
  });

  test("a past session says when and why it got full access, and how much was held back", async () => {
    const past = {
      operator: "Robin",
      reason: "Ticket 7",
      ticket: "",
      outcome: "ended" as const,
      started_at: NOW - 3_600_000,
      ended_at: NOW - 60_000,
      sign_out_failed: null,
      unlocks: [],
    };
    fake.past = [
      {
        ...past,
        session: "s3",
        unlocks: [
          { at: NOW - 3_000_000, reason: "resend the \u202einvoice" },
          { at: NOW - 600_000, reason: "" },
        ],
        held_back: 1204,
      },
      { ...past, session: "s2", held_back: 1 },
      { ...past, session: "s1", held_back: 0 },
    ];
    render(App);
    const details = await screen.findByRole("complementary", { name: "Details" });
    const [third, second, first] = await within(details).findAllByRole("listitem");
    const unlocked = within(third as HTMLElement).getAllByText(/^Full access, /);
    expect(unlocked.map((one) => one.textContent)).toEqual([
      expect.stringMatching(/^Full access, .+: resend the ‹U\+202E›invoice$/),
      expect.stringMatching(/^Full access, [^:]+:\d\d$/),
    ]);
    expect(third).toHaveTextContent("1,204 requests were held back");
    expect(second).toHaveTextContent("1 request was held back");
    expect(first).not.toHaveTextContent(/held back|Full access/);
  });
});

describe("running sessions", () => {
  test("count up, count down, are gone to and ended", async () => {
    fake.state.sessions = [
      session({}),
      session({
        id: "s2",
        user: { id: "2", name: "Arjun Mehta", email: null, company: null },
        deadline: NOW + 90_500,
        extensions_left: 2,
        refused_secrets: [],
        mode: "full",
        may_unlock: "always",
      }),
    ];
    render(App);
    const running = await screen.findByRole("region", { name: "Running sessions" });
    expect(within(running).getByText("01:05")).toBeInTheDocument();
    expect(within(running).getByText("01:30 left")).toHaveAttribute("data-tone", "warn");
    await user.click(within(running).getByRole("button", { name: "Go to Arjun Mehta" }));
    expect(fake.called("focus_session").map(({ args }) => args)).toEqual([{ session: "s2" }]);
    await user.click(within(running).getByRole("button", { name: "End the session as Ada Lindqvist" }));
    await waitFor(() => expect(within(running).queryByText("Ada Lindqvist")).toBeNull());
  });

  test("have numbers, the oldest first, that work wherever the focus is", async () => {
    fake.state.sessions = [
      session({ id: "younger", started_at: NOW - 1000 }),
      session({ id: "older", started_at: NOW - 9000 }),
    ];
    render(App);
    await grid();
    await user.keyboard("{Control>}1{/Control}");
    await user.keyboard("{Control>}k{/Control}{Control>}2{/Control}");
    expect(fake.called("focus_session").map(({ args }) => args["session"])).toEqual(["older", "younger"]);
    // No session, no key.
    await user.keyboard("{Control>}3{/Control}");
    expect(fake.called("focus_session")).toHaveLength(2);
  });

  test("are all ended at once, after one question", async () => {
    fake.state.sessions = [
      session({ id: "a" }),
      session({ id: "b", user: { id: "2", name: "Bo Berg", email: null, company: null } }),
    ];
    render(App);
    await grid();
    await user.click(screen.getByRole("button", { name: "End all" }));
    const question = await screen.findByRole("alertdialog", { name: "End 2 sessions?" });
    expect(question).toHaveTextContent("Signs out of Ada Lindqvist, Bo Berg.");
    await user.click(within(question).getByRole("button", { name: "Cancel" }));
    expect(fake.called("end_session")).toEqual([]);
    await user.keyboard("{Control>}k{/Control}end all");
    await user.click(await screen.findByRole("option", { name: /End all sessions/ }));
    await user.click(await screen.findByRole("button", { name: "End 2 sessions" }));
    await waitFor(() => expect(screen.queryByRole("region", { name: "Running sessions" })).toBeNull());
    expect(fake.called("end_session").map(({ args }) => args["session"])).toEqual(["a", "b"]);
  });

  test("follow what Rust tells", async () => {
    render(App);
    await grid();
    expect(screen.queryByRole("region", { name: "Running sessions" })).toBeNull();
    fake.emit("sessions", [session({ phase: "refused" })]);
    expect(await screen.findByText("refused")).toBeInTheDocument();
  });
});

describe("a session that is over before it is answered for", () => {
  test("does not come back", async () => {
    render(App);
    await grid();
    fake.answers["impersonate"] = () => {
      fake.emit("sessions", []);
      return session({ id: "s9", phase: "opening" });
    };
    await user.keyboard("{Control>}{Enter}{/Control}");
    await user.type(await screen.findByRole("textbox", { name: "Reason" }), "Ticket 1{Enter}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(screen.queryByRole("region", { name: "Running sessions" })).toBeNull();
  });
});

describe("what Rust tells", () => {
  test("a good message is a status, a bad one an alert that stays until it is dismissed", async () => {
    render(App);
    await grid();
    fake.emit("toast", { kind: "good", text: "Impersonating user a@x", hint: null, said: [] });
    fake.emit("toast", { kind: "bad", text: "401 Unauthorized", hint: "Check the admin token.", said: [] });
    await waitFor(() => expect(screen.getByRole("status", { name: "Messages" })).toHaveTextContent("a@x"));
    const alert = screen.getByRole("alert");
    expect(alert).toHaveTextContent("Check the admin token.");
    await user.click(within(alert).getByRole("button", { name: "Dismiss" }));
    expect(alert.children).toHaveLength(0);
  });

  test("the global shortcut selects what stands in the search field", async () => {
    render(App);
    await user.type(await field(), "an");
    (await grid()).focus();
    fake.emit("focus_search", null);
    const input = (await field()) as HTMLInputElement;
    await waitFor(() => expect(input).toHaveFocus());
    expect([input.selectionStart, input.selectionEnd]).toEqual([0, 2]);
  });

  test("a directory that changed is searched again, at once or when it is gone to", async () => {
    render(App);
    await grid();
    await screen.findByRole("row", { name: /Bogdan Ionescu/ });
    const asked = () => fake.called("search_users").map(({ args }) => args["connection"]);
    fake.rows = fake.rows.map((row) => ({
      ...row,
      cells: row.cells.map((cell) => cell?.replace("Bogdan", "Bogdana") ?? null),
    }));
    await user.keyboard("{Enter}");
    await waitFor(() => expect(fake.called("user_details")).not.toEqual([]));
    const read = fake.called("user_details").length;
    fake.emit("directory_changed", "acme");
    expect(await screen.findByText("Bogdana Ionescu")).toBeInTheDocument();
    // Who is looked at is read again, too.
    await waitFor(() => expect(fake.called("user_details").length).toBeGreaterThan(read));
    expect(asked()).toEqual(["acme", "acme"]);

    await user.keyboard("{Alt>}2{/Alt}");
    await waitFor(() => expect(asked()).toHaveLength(3));
    fake.emit("directory_changed", "acme");
    fake.emit("directory_changed", "demo");
    await user.keyboard("{Alt>}1{/Alt}");
    await waitFor(() => expect(asked()).toEqual(["acme", "acme", "acme-staging", "acme"]));
  });

  test("a database that wakes up is waited for, and need not be", async () => {
    const opened = fake.hold("directory_info");
    render(App);
    await waitFor(() => expect(opened.waiting()).toBe(1));
    fake.emit("directory_waking", { connection: "acme", wakes: true });
    const line = await screen.findByRole("group", { name: "About the list" });
    await within(line).findByText("The database is waking up…");
    expect(screen.getByRole("status", { name: "Status" })).toHaveTextContent("The database is waking up…");
    // Above the list, where the rows would be.
    const list = screen.getByRole("main");
    expect(within(list).getByText(/Your search continues automatically/)).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Stop waiting" }));
    expect(fake.called("stop_waiting")[0]?.args).toEqual({ connection: "acme" });
    expect(screen.getByRole("searchbox", { name: "Search users" })).toHaveFocus();
    // Awake after all.
    fake.emit("directory_waking", { connection: "acme", wakes: false });
    opened.release();
    await grid();
    expect(screen.queryByText("The database is waking up…")).toBeNull();
  });

  test("a removed connection gives way to another one", async () => {
    render(App);
    await grid();
    fake.emit("connections", { connections: fake.state.connections.slice(1), problems: [], order: [] });
    expect(
      await screen.findByRole("button", { name: "Acme, staging (1)", current: true }),
    ).toBeInTheDocument();
  });
});

describe("when it does not work", () => {
  test("the directory does not answer: cause, next step, Retry; the search stays", async () => {
    fake.refuse("directory_info", {
      code: "directory_unreachable",
      message: "db:5432 does not answer.",
      hint: "Check the VPN.",
    });
    render(App);
    const alert = await screen.findByText("db:5432 does not answer.");
    expect(alert.closest("[role=alert]")).toHaveTextContent("Check the VPN.");
    await user.click(screen.getByRole("button", { name: "Retry" }));
    expect(await selected()).toHaveTextContent("Anders Holm");
  });

  test("the password is missing: it can be typed, and the list comes", async () => {
    fake.refuse("directory_info", {
      code: "secret_missing",
      secret: { connection: "acme", name: "database_password" },
    });
    render(App);
    await user.click(await screen.findByRole("button", { name: "Enter the password…" }));
    const input = await waitFor(() => {
      const found = document.querySelector<HTMLInputElement>("input[type=password]");
      expect(found).toHaveFocus();
      return found as HTMLInputElement;
    });
    await user.type(input, "pw{Enter}");
    expect(await selected()).toHaveTextContent("Anders Holm");
  });

  test("no connection: the two ways to begin, and the demo is one of them", async () => {
    fake.state.connections = [];
    render(App);
    await user.click(await screen.findByRole("button", { name: /demo/i }));
    expect(await selected()).toHaveTextContent("Anders Holm");
    expect(screen.getByRole("button", { name: "Demo, development (1)" })).toBeInTheDocument();
  });

  test("Understudy cannot start: says why, and tries again", async () => {
    fake.refuse("console_state", { code: "internal", message: "The audit log is damaged." });
    render(App);
    expect(await screen.findByText("The audit log is damaged.")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Retry" }));
    expect(await grid()).toBeInTheDocument();
  });
});

describe("connections", () => {
  test("are switched by Alt and a digit, and each keeps its search", async () => {
    render(App);
    await user.type(await field(), "bog");
    await user.keyboard("{Alt>}3{/Alt}");
    expect(
      await screen.findByRole("button", { name: "Demo, development (3)", current: true }),
    ).toBeInTheDocument();
    expect(await field()).toHaveValue("");
    expect(await field()).toHaveFocus();
    await user.keyboard("{Alt>}1{/Alt}");
    expect(await field()).toHaveValue("bog");
  });
});

describe("the palette", () => {
  test("finds users; Enter opens one, Ctrl+Enter becomes one", async () => {
    render(App);
    await grid();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("bogdan");
    expect(await screen.findByRole("option", { name: /Bogdan Ionescu/, selected: true })).toBeInTheDocument();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" })).toBeInTheDocument();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());

    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("anjali");
    await screen.findByRole("option", { name: /Anjali Mehta/, selected: true });
    await user.keyboard("{Enter}");
    await waitFor(async () => expect(await selected()).toHaveTextContent("Anjali Mehta"));
    expect(await field()).toHaveValue("anjali");
  });

  test("teaches keys and does what they do", async () => {
    render(App);
    await grid();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("shortcuts");
    const option = await screen.findByRole("option", { name: "Keyboard shortcuts", selected: true });
    expect(option).toHaveTextContent("?");
    await user.keyboard("{Enter}");
    expect(await screen.findByRole("dialog", { name: "Keyboard shortcuts" })).toBeInTheDocument();
  });

  const listed = () => screen.getAllByRole("option").map((option) => option.textContent.trim());
  const palette = async (text: string) => {
    await grid();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    if (text) await user.keyboard(text);
  };
  const pick = async (name: string | RegExp) => user.click(await screen.findByRole("option", { name }));

  test("goes to a running session, and ends one", async () => {
    fake.state.sessions = [
      session({}),
      session({ id: "s2", user: { id: "2", name: "Arjun Mehta", email: null, company: null } }),
      session({
        id: "s3",
        user: { id: "3", name: "Ines Duarte", email: null, company: null },
        phase: "ending",
      }),
    ];
    render(App);
    await palette("");
    expect(screen.queryByRole("option", { name: /End the session as Ines Duarte/ })).toBeNull();
    await user.keyboard("arjun");
    await pick(/Go to Arjun Mehta/);
    await waitFor(() =>
      expect(fake.called("focus_session").map(({ args }) => args)).toEqual([{ session: "s2" }]),
    );
    expect(fake.called("end_session")).toEqual([]);

    await palette("end the");
    await pick(/End the session as Ada Lindqvist/);
    await waitFor(() =>
      expect(fake.called("end_session").map(({ args }) => args)).toEqual([{ session: "s1" }]),
    );
    const running = screen.getByRole("region", { name: "Running sessions" });
    await waitFor(() => expect(within(running).queryByText("Ada Lindqvist")).toBeNull());
    expect(within(running).getByText("Arjun Mehta")).toBeInTheDocument();
  });

  test("switches to another connection", async () => {
    render(App);
    await palette("staging");
    await pick(/Acme\s*·\s*staging/);
    expect(
      await screen.findByRole("button", { name: "Acme, staging (2)", current: true }),
    ).toBeInTheDocument();
    await waitFor(async () => expect(await field()).toHaveFocus());
  });

  test("duplicates and exports the current connection", async () => {
    fake.chosenPath = "/tmp/acme.toml";
    render(App);
    await palette("export");
    await pick("Export this connection");
    expect(await screen.findByText(/Exported to \/tmp\/acme.toml/)).toBeInTheDocument();
    expect(fake.called("export_connection").map(({ args }) => args)).toEqual([
      { connection: "acme", path: "/tmp/acme.toml" },
    ]);
    await palette("duplicate");
    await pick("Duplicate this connection");
    expect(await screen.findByText(/is your own copy/)).toBeInTheDocument();
    expect(fake.called("duplicate_connection").map(({ args }) => args)).toEqual([{ connection: "acme" }]);
  });

  test("edits the current connection", async () => {
    render(App);
    await palette("edit");
    await pick("Edit this connection");
    expect(await screen.findByRole("dialog", { name: /Acme/ })).toBeInTheDocument();
    expect(screen.getByRole("button", { name: /^Save/ })).toBeInTheDocument();
  });

  test("removes the current connection, and asks first", async () => {
    render(App);
    await palette("remove");
    await pick("Remove this connection");
    const question = within(await screen.findByRole("alertdialog", { name: "Remove Acme?" }));
    expect(fake.called("remove_connection")).toEqual([]);
    await user.click(question.getByRole("button", { name: "Remove" }));
    await waitFor(() =>
      expect(fake.called("remove_connection").map(({ args }) => args)).toEqual([
        { connection: "acme", forgetSecrets: true },
      ]),
    );
  });

  test("offers with the demo only what can be done with it", async () => {
    render(App);
    await grid();
    await user.keyboard("{Alt>}3{/Alt}");
    await screen.findByRole("button", { name: "Demo, development (3)", current: true });
    await palette("this connection");
    expect(listed().slice(0, -2)).toEqual([
      "View this connection",
      "Export this connection",
      "Secrets of this connection",
      "Audit log of this connection",
      "Clear this connection's cached files",
    ]);
  });
});
