// A link from a ticket leads to its customer, and to nothing else.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import App from "../../src/App.svelte";
import type { CustomerLink } from "../../src/bindings/CustomerLink";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  fake = installFake();
  user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
});
afterEach(() => vi.useRealTimers());

const BOGDAN = "bogdan@carpati.example";
const link = (change: Partial<CustomerLink> = {}): CustomerLink => ({
  connection: "acme",
  user: BOGDAN,
  ticket: "4711",
  reason: "Cannot pay",
  page: "/orders/42",
  ...change,
});
async function open(change: Partial<CustomerLink> = {}) {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  fake.emit("customer_link", link(change));
}
const dialog = () => screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" });
const begun = () => fake.called("impersonate").map(({ args }) => args);

describe("a link that names one customer", () => {
  test("asks why, with everything filled in, and one key signs in", async () => {
    await open();
    const asked = await dialog();
    expect(within(asked).getByText("4711")).toBeInTheDocument();
    expect(within(asked).getByText("/orders/42")).toBeInTheDocument();
    expect(within(asked).getByRole("textbox", { name: "Reason" })).toHaveValue("Cannot pay");
    expect(begun()).toEqual([]);
    vi.advanceTimersByTime(1000);
    await user.keyboard("{Enter}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(begun()).toEqual([
      {
        connection: "acme",
        user: "48213914",
        reason: "Cannot pay",
        given: {},
        ticket: { ticket: "4711", page: "/orders/42" },
      },
    ]);
    expect(screen.queryByRole("region", { name: /^From a link/ })).toBeNull();
  });

  test("brings nothing into the session of someone else, and still waits for its own customer", async () => {
    await open();
    await dialog();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    const banner = () => screen.getByRole("region", { name: `From a link to ${BOGDAN}` });
    expect(banner()).toHaveTextContent("ticket 4711");

    const field = screen.getByRole("searchbox", { name: "Search users" });
    await user.clear(field);
    await user.type(field, "anna.svensson@fjallbo.example");
    await user.keyboard("{Control>}{Enter}{/Control}");
    const other = await screen.findByRole("dialog", { name: "Sign in as Anna Svensson" });
    expect(other).not.toHaveTextContent("4711");
    expect(within(other).getByRole("textbox", { name: "Reason" })).toHaveValue("");
    await user.keyboard("Ticket 5{Enter}");
    await waitFor(() => expect(begun()).toHaveLength(1));
    expect(begun()[0]).toMatchObject({ reason: "Ticket 5", ticket: { ticket: "", page: "" } });

    expect(banner()).toBeInTheDocument();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await user.clear(field);
    await user.type(field, BOGDAN);
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(within(await dialog()).getByText("4711")).toBeInTheDocument();
  });

  test("brings nothing to whoever is chosen before it has been looked up", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    const looking = fake.hold("search_users");
    fake.emit("customer_link", link());
    await waitFor(() => expect(looking.waiting()).toBe(1));
    const field = screen.getByRole("searchbox", { name: "Search users" });
    await user.clear(field);
    await user.type(field, "anna.svensson@fjallbo.example");
    await user.keyboard("{Control>}{Enter}{/Control}");
    looking.stop();
    const other = await screen.findByRole("dialog", { name: "Sign in as Anna Svensson" });
    expect(other).not.toHaveTextContent("4711");
  });

  test("brings nothing to a similar user whom the agent chose after the database was back", async () => {
    const [bogdan] = fake.rows.filter(({ cells }) => cells.includes(BOGDAN));
    const cells = bogdan?.cells.map((cell) => (cell === BOGDAN ? `old-${BOGDAN}` : cell)) ?? [];
    fake.rows.push({
      id: "7",
      cells: cells.map((cell) => (cell === "Bogdan Ionescu" ? "Bogdan Older" : cell)),
    });
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    const slow = { code: "directory_timeout", message: "It did not answer within 3 s." } as const;
    fake.refuse("search_users", slow, 99);
    fake.emit("customer_link", link());
    await screen.findByText("It did not answer within 3 s.");
    fake.refuse("search_users", slow, 0);
    await user.click(screen.getByRole("button", { name: "Retry" }));
    await user.click(await screen.findByText("Bogdan Older"));
    await user.keyboard("{Control>}{Enter}{/Control}");
    const other = await screen.findByRole("dialog", { name: "Sign in as Bogdan Older" });
    expect(other).not.toHaveTextContent("4711");
    expect(within(other).getByRole("textbox", { name: "Reason" })).toHaveValue("");
  });

  test("takes its ticket for the reason if it brought none", async () => {
    await open({ reason: "" });
    expect(within(await dialog()).getByRole("textbox", { name: "Reason" })).toHaveValue("4711");
  });

  test("takes no key that was meant for what was in front before", async () => {
    await open();
    await dialog();
    await user.keyboard("{Enter}");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(begun()).toEqual([]);
    expect(await dialog()).toBeInTheDocument();
  });

  test("is signed in by no key that is held down since before", async () => {
    await open();
    const field = within(await dialog()).getByRole("textbox", { name: "Reason" });
    const hold = () =>
      field.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, repeat: true }),
      );
    for (let at = 0; at < 30; at++) {
      vi.advanceTimersByTime(33);
      expect(hold(), "nor does the browser send the form").toBe(false);
    }
    vi.advanceTimersByTime(1000);
    hold();
    await Promise.resolve();
    expect(begun()).toEqual([]);
  });

  test("is not signed in by typing on without a pause", async () => {
    await open();
    await dialog();
    for (let at = 0; at < 14; at++) {
      vi.advanceTimersByTime(50);
      await user.keyboard("x");
    }
    await user.keyboard("{Enter}");
    expect(begun()).toEqual([]);
    vi.advanceTimersByTime(1000);
    await user.keyboard("{Enter}");
    await waitFor(() => expect(begun()).toHaveLength(1));
  });

  test("waits for the connections if it opened the console itself", async () => {
    const starting = fake.hold("console_state");
    render(App);
    await waitFor(() => expect(starting.waiting()).toBe(1));
    fake.emit("customer_link", link());
    expect(screen.queryByRole("dialog")).toBeNull();
    starting.release();
    expect(await dialog()).toBeInTheDocument();
    expect(begun()).toEqual([]);
  });

  test("goes to the connection it names", async () => {
    await open({ connection: "acme-staging" });
    await dialog();
    expect(fake.called("search_users").at(-1)?.args).toMatchObject({ connection: "acme-staging" });
  });
});

describe("a link that names no one for certain", () => {
  test("shows whom it finds, and keeps what it brought until a session begins", async () => {
    await open({ user: "o", reason: "" });
    const banner = await screen.findByRole("region", { name: /^From a link to/ });
    expect(banner).toHaveTextContent("ticket 4711");
    await waitFor(() => expect(fake.called("search_users").length).toBeGreaterThan(1));
    expect(screen.queryByRole("dialog")).toBeNull();
    await user.keyboard("{Control>}{Enter}{/Control}");
    const asked = await screen.findByRole("dialog");
    expect(within(asked).getByText("4711")).toBeInTheDocument();
  });

  test("can be put away", async () => {
    await open({ user: "nobody at all" });
    const banner = await screen.findByRole("region", { name: /^From a link to/ });
    await user.click(within(banner).getByRole("button", { name: "Dismiss this link" }));
    expect(screen.queryByRole("region", { name: /^From a link to/ })).toBeNull();
  });
});

describe("a link that cannot be followed as it is", () => {
  test("to an unknown connection shows what it came with, and asks which one is meant", async () => {
    await open({ connection: "acme-eu" });
    const asked = await screen.findByRole("dialog", { name: "This link names an unknown connection" });
    for (const part of ["acme-eu", BOGDAN, "4711", "Cannot pay", "/orders/42"])
      expect(within(asked).getByText(part)).toBeInTheDocument();
    await user.click(within(asked).getByRole("button", { name: /Acme.*production/i }));
    expect(await dialog()).toBeInTheDocument();
  });

  test("waits while something is open, and loses nothing", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("dialog");
    fake.emit("customer_link", link());
    const message = await screen.findByText(`A link to ${BOGDAN} is waiting.`);
    await user.keyboard("{Escape}");
    await user.click(screen.getByRole("button", { name: "Open it" }));
    expect(await dialog()).toBeInTheDocument();
    expect(message).not.toBeInTheDocument();
  });
});

test("a link to a user is copied from the row's menu's action", async () => {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}k{/Control}");
  await user.type(await screen.findByRole("combobox"), "copy a link");
  await user.keyboard("{Enter}");
  await waitFor(() => expect(fake.clipboard[0]).toMatch(/^understudy:\/\/open\?connection=acme&user=\d+$/));
});
