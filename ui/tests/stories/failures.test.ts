// When something does not work: the rows stay, what is wrong and what helps is said once, and nothing typed is lost.
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import App from "../../src/App.svelte";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  fake = installFake();
  user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
});
afterEach(() => {
  see("visible");
  vi.useRealTimers();
});

const grid = () => screen.findByRole("grid", { name: "Users" });
const field = () => screen.findByRole("searchbox", { name: "Search users" });
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
/** What is said of something that went wrong; the toasts' own region is mostly empty. */
const alert = async (text: string | RegExp) => {
  await screen.findByText(text);
  const found = screen.getAllByRole("alert").find((one) => within(one).queryByText(text));
  if (!found) throw new Error(`no alert says ${String(text)}`);
  return found;
};
const searches = () => fake.called("search_users").length;
const rows = () => within(screen.getByRole("grid")).queryAllByRole("row").length;

function see(visibility: "visible" | "hidden") {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(visibility);
  document.dispatchEvent(new Event("visibilitychange"));
}

const away = {
  code: "directory_unreachable",
  message: "The database at db.acme.example:5432 does not answer.",
  hint: "Check that the database runs.",
  details: "unexpected response from SSLRequest: 0x00",
} as const;

describe("the database goes away", () => {
  async function goAway(times: number) {
    render(App);
    await grid();
    await user.keyboard("{ArrowDown}{ArrowDown}");
    fake.refuse("search_users", away, times);
    await user.keyboard("{F5}");
    await screen.findByText(/^The database has been unreachable since \d\d:\d\d/);
  }

  test("the last rows stay, said to be old; it is tried again by itself, later each time, and everything is as it was", async () => {
    await goAway(2);
    const before = rows();
    expect(before).toBeGreaterThan(3);
    const list = await grid();
    expect(list).toHaveAccessibleDescription(/The database has been unreachable since/);
    const selected = list.getAttribute("aria-activedescendant");
    // What its driver said is there for whoever wants it, and not in the sentence.
    expect(await alert(/^The database has been unreachable/)).not.toHaveTextContent("SSLRequest");
    expect(screen.getByText("unexpected response from SSLRequest: 0x00").closest("details")).not.toBeNull();

    const asked = searches();
    expect(screen.getByText(/Retrying in [45] s/)).toBeInTheDocument();
    await vi.advanceTimersByTimeAsync(5_100);
    expect(searches()).toBe(asked + 1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(searches()).toBe(asked + 1);
    await vi.advanceTimersByTimeAsync(5_200);
    expect(searches()).toBe(asked + 2);
    await waitFor(() => expect(screen.queryByText(/database has been unreachable/)).toBeNull());
    expect(list).not.toHaveAttribute("aria-describedby");
    expect(list.getAttribute("aria-activedescendant")).toBe(selected);
    expect(await field()).toHaveFocus();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(searches()).toBe(asked + 2);
  });

  test("an attempt under way is waited for, nothing is tried while the window is hidden, and at once when it is seen", async () => {
    await goAway(1);
    const held = fake.hold("search_users");
    const asked = searches();
    await vi.advanceTimersByTimeAsync(5_100);
    expect(searches()).toBe(asked + 1);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(searches()).toBe(asked + 1);
    fake.refuse("search_users", away, 1);
    held.stop();
    await waitFor(() => expect(screen.getByText(/Retrying in \d+ s/)).toBeInTheDocument());
    see("hidden");
    await vi.advanceTimersByTimeAsync(300_000);
    expect(searches()).toBe(asked + 1);
    see("visible");
    await waitFor(() => expect(searches()).toBe(asked + 2));
    await waitFor(() => expect(screen.queryByText(/database has been unreachable/)).toBeNull());
  });

  test("another search takes the place of the waiting; Retry now does not wait", async () => {
    await goAway(99);
    await user.keyboard("anna");
    await waitFor(() => expect(screen.getByText(/database has been unreachable/)).toBeInTheDocument());
    expect(await field()).toHaveValue("anna");
    await waitFor(() => expect(screen.getByText(/Retrying in [45] s/)).toBeInTheDocument());
    fake.refuse("search_users", away, 0);
    await press("Retry now");
    await waitFor(() => expect(screen.queryByText(/database has been unreachable/)).toBeNull());
    expect(fake.called("search_users").at(-1)?.args["query"]).toMatchObject({ text: "anna" });
  });

  test("becoming somebody asks the directory anyway, and only of what was asked for", async () => {
    await goAway(1);
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByRole("dialog")).toBeInTheDocument();
    await user.keyboard("{Escape}");
  });

  test("without rows it says so in their place, and tries again as well", async () => {
    fake.refuse("directory_info", away, 1);
    render(App);
    await alert("Can't reach the database");
    expect(screen.queryByRole("complementary", { name: "Details" })).toBeNull();
    await vi.advanceTimersByTimeAsync(5_100);
    await grid();
  });

  test.each([
    ["F5", "{F5}"],
    ["Ctrl+R", "{Control>}r{/Control}"],
  ])("%s reads the list anew, also when all is well", async (_, keys) => {
    render(App);
    await grid();
    await user.keyboard("{ArrowDown}");
    const selected = (await grid()).getAttribute("aria-activedescendant");
    const asked = searches();
    await user.keyboard(keys);
    await waitFor(() => expect(searches()).toBe(asked + 1));
    expect(fake.called("directory_info").at(-1)?.args).toMatchObject({ connection: "acme", anew: true });
    await waitFor(() => expect(screen.getByRole("grid")).toHaveAttribute("aria-busy", "false"));
    expect((await grid()).getAttribute("aria-activedescendant")).toBe(selected);
    expect(await field()).toHaveFocus();
  });
});

describe("one step for each cause", () => {
  const primary = async (text: string | RegExp) =>
    [...(await alert(text)).querySelectorAll(".button.primary")].map((one) => one.textContent.trim());

  test("a missing GRANT is copied", async () => {
    fake.refuse("directory_info", {
      code: "directory_refused",
      message: "The database user `reader` may not read `email` of users.",
      hint: "Ask your database administrator to run:",
      statement: 'GRANT SELECT ("email") ON "public"."users" TO "reader"',
    });
    render(App);
    expect(await primary(/GRANT SELECT/)).toEqual(["Copy the statement"]);
    await press("Copy the statement");
    expect(fake.clipboard).toEqual(['GRANT SELECT ("email") ON "public"."users" TO "reader"']);
  });

  test("a wrong password is typed", async () => {
    fake.refuse("directory_info", {
      code: "directory_refused",
      message: "The database at db:5432 refused the login.",
      secret: { connection: "acme", name: "database_password" },
    });
    render(App);
    expect(await primary(/refused the login/)).toEqual(["Enter the password…"]);
  });

  test("a locked keyring is unlocked first; what is typed instead is kept until the agent quits", async () => {
    const locked = {
      code: "vault_locked",
      message: "The keyring is locked: it has to be unlocked first.",
      secret: { connection: "acme", name: "admin_token" },
    } as const;
    fake.refuse("impersonate", locked, 2);
    render(App);
    await grid();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await user.keyboard("#4711{Enter}");
    expect(await primary("The keyring is locked")).toEqual(["Unlock"]);
    // Nothing is asked for before it is said what is wrong, and what is typed on stays in the reason.
    expect(screen.getAllByRole("dialog")).toHaveLength(1);
    expect(screen.getByLabelText("Reason")).toHaveFocus();
    await press("Unlock");
    await waitFor(() => expect(fake.called("impersonate")).toHaveLength(2));
    expect(fake.called("unlock_keyring")).toHaveLength(1);
    await press("Enter “admin_token”…");
    expect(await screen.findByRole("radio", { name: /Until I quit/ })).toBeChecked();
    await user.type(screen.getByLabelText("Secret"), "token");
    await press("Store");
    expect(fake.called("store_secret").at(-1)?.args["thisRunOnly"]).toBe(true);
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });
});

test("a keyring that hangs holds nobody's list up, and is told once it is known to be of no use", async () => {
  fake.keyring = {
    ...boundaryError("vault_unavailable", "No keyring was found: it did not answer within 10 s."),
  };
  const held = fake.hold("keyring_problem");
  render(App);
  await grid();
  await waitFor(() => expect(held.waiting()).toBe(1));
  expect(rows()).toBeGreaterThan(3);
  expect(screen.queryByText(/did not answer within 10 s/)).toBeNull();
  held.release();
  await alert(/did not answer within 10 s/);
});

describe("a connection file breaks while somebody works with it", () => {
  const message = "acme.toml:2:15: environment: `prod` is not one of them";
  const faults = [{ key: "environment", line: 2, column: 15, message: "`prod` is not one of them" }];
  const breakIt = () => {
    fake.emit("connections", {
      connections: fake.state.connections.filter(({ id }) => id !== "acme"),
      problems: [{ id: "acme", path: "/x/acme.toml", message, faults }],
      order: fake.state.connections.map(({ id }) => id),
    });
  };

  test("rows and search stay, a banner leads to the fault, and once it is mended all is as before", async () => {
    render(App);
    await grid();
    await user.keyboard("anna");
    await waitFor(() =>
      expect(fake.called("search_users").at(-1)?.args["query"]).toMatchObject({ text: "anna" }),
    );
    await waitFor(() => expect(screen.getByRole("grid")).toHaveAttribute("aria-busy", "false"));
    const before = rows();
    breakIt();
    await alert("acme.toml can't be used until it is fixed.");
    expect(rows()).toBe(before);
    expect(await field()).toHaveValue("anna");
    expect(await field()).toHaveFocus();
    // Its place in the rail is no other's: the same key leads to its file.
    fake.answers["read_connection"] = () => ({
      text: 'name = "Acme"\nenvironment = "prod"',
      file: null,
      problem: boundaryError("connection_invalid", message, { faults }),
      source: "own",
    });
    await user.keyboard("{Alt>}1{/Alt}");
    const text = await screen.findByLabelText<HTMLTextAreaElement>("Connection file");
    await waitFor(() => expect(text.value.slice(text.selectionStart)).toBe('"prod"'));
    await user.keyboard("{Escape}");

    const asked = searches();
    fake.emit("connections", { ...fake.state, order: [] });
    await waitFor(() => expect(screen.queryByText(/until it is fixed/)).toBeNull());
    await waitFor(() => expect(searches()).toBe(asked + 1));
    expect(await field()).toHaveValue("anna");
    expect(rows()).toBe(before);
  });

  test("another one's file that changes takes nobody away, and keeps what was searched there", async () => {
    render(App);
    await grid();
    await user.keyboard("anna");
    await user.keyboard("{Alt>}2{/Alt}");
    await waitFor(() => expect(screen.getByRole("searchbox")).toHaveValue(""));
    fake.emit("connections", { ...fake.state, problems: [], order: [] });
    expect(screen.getByRole("button", { name: /^Acme, staging/ })).toHaveAttribute("aria-current", "true");
    await user.keyboard("{Alt>}1{/Alt}");
    await waitFor(() => expect(screen.getByRole("searchbox")).toHaveValue("anna"));
  });
});

describe("the rail", () => {
  test("keeps its order, and is moved by key; Ctrl and a digit follow", async () => {
    render(App);
    await grid();
    const names = () =>
      [...document.querySelectorAll("[data-place]")].map((one) => one.textContent.trim().split(",")[0]);
    const [first, second] = names();
    const button = document.querySelector<HTMLElement>('[data-place="0"]');
    button?.focus();
    await user.keyboard("{Alt>}{ArrowDown}{/Alt}");
    await waitFor(() => expect(names().slice(0, 2)).toEqual([second, first]));
    expect(document.activeElement).toHaveAttribute("data-place", "1");
    const [one, two] = fake.state.connections;
    expect(fake.called("order_connections").at(-1)?.args["order"]).toEqual([two?.id, one?.id, "demo"]);
    await user.keyboard("{Alt>}1{/Alt}");
    await waitFor(() =>
      expect(document.querySelector('[data-place="0"]')).toHaveAttribute("aria-current", "true"),
    );
    // At the end nothing moves.
    const calls = fake.called("order_connections").length;
    document.querySelector<HTMLElement>('[data-place="0"]')?.focus();
    await user.keyboard("{Alt>}{ArrowUp}{/Alt}");
    expect(fake.called("order_connections")).toHaveLength(calls);
  });

  test("is moved by dragging", async () => {
    render(App);
    await grid();
    const items = [...document.querySelectorAll<HTMLElement>("[data-place]")].map((one) => one.closest("li"));
    const [from, to] = items;
    if (!from || !to) throw new Error("two connections");
    await fireEvent.dragStart(from);
    await fireEvent.dragOver(to);
    await fireEvent.dragEnd(to);
    const [one, two] = fake.state.connections;
    expect(fake.called("order_connections").at(-1)?.args["order"]).toEqual([two?.id, one?.id, "demo"]);
  });
});

describe("the list", () => {
  test("the first click sorts texts from A and times from the newest; it is told, reset, and not kept for another search", async () => {
    render(App);
    await grid();
    const sorts = () =>
      fake.called("search_users").map(({ args }) => (args["query"] as { sort: unknown }).sort);
    const header = (name: string) => screen.getByRole("button", { name });
    await user.click(header("Email"));
    await waitFor(() => expect(sorts().at(-1)).toEqual({ column: "email", descending: false }));
    expect(screen.getByText("Email, A to Z")).toBeInTheDocument();
    await user.click(header("Created"));
    await waitFor(() => expect(sorts().at(-1)).toEqual({ column: "created_at", descending: true }));
    expect(screen.getByText("Created, newest first")).toBeInTheDocument();
    await press("Reset the sort order");
    await waitFor(() => expect(sorts().at(-1)).toBeNull());
    await user.click(header("Email"));
    await waitFor(() => expect(sorts().at(-1)).toEqual({ column: "email", descending: false }));
    await user.type(await field(), "anna");
    await waitFor(() => expect(sorts().at(-1)).toBeNull());
    expect(screen.queryByText("Email, A to Z")).toBeNull();
  });

  test("the status says how many, and no more; headers and values are one stop of Tab each", async () => {
    render(App);
    await grid();
    await user.keyboard("anna");
    const status = screen.getByRole("status", { name: "Status" });
    await waitFor(() => expect(status).toHaveTextContent(/^\d+ found$/));
    const headers = within(screen.getByRole("grid")).getAllByRole("columnheader");
    const buttons = headers.map((one) => within(one).getByRole("button"));
    expect(buttons.filter(({ tabIndex }) => tabIndex === 0)).toHaveLength(1);
    buttons[0]?.focus();
    await user.keyboard("{ArrowRight}");
    expect(buttons[1]).toHaveFocus();
    const values = within(screen.getByRole("complementary", { name: "Details" })).getAllByRole("button", {
      name: /^Copy /,
    });
    expect(values.filter(({ tabIndex }) => tabIndex === 0)).toHaveLength(1);
  });

  test("Shift and an arrow in the grid take the selection along", async () => {
    render(App);
    const list = await grid();
    list.focus();
    const before = list.getAttribute("aria-activedescendant");
    await user.keyboard("{Shift>}{ArrowDown}{/Shift}");
    expect(list.getAttribute("aria-activedescendant")).not.toBe(before);
  });
});
