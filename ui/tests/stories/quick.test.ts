// The quick window: what it finds, and how the console goes on with what was chosen in it.
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import QuickWindow from "../../src/quick/QuickWindow.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  localStorage.clear();
  fake = installFake();
  user = userEvent.setup();
});

const BOGDAN = { id: "48213914", email: "bogdan@carpati.example", name: "Bogdan Ionescu" };
const field = () => screen.findByRole("combobox", { name: "Search users" });
const options = () => screen.queryAllByRole("option").map((option) => option.textContent);
const chosen = () => fake.called("take_quick_choice").map(({ args }) => args["choice"]);

describe("the quick window", () => {
  test("finds five users at most, and opens the chosen one's details in the console", async () => {
    render(QuickWindow);
    expect(await field()).toHaveFocus();
    await screen.findByText(fake.state.connections[0]?.name ?? "");
    await user.type(await field(), "a");
    await waitFor(() => expect(options()).toHaveLength(5));
    await user.clear(await field());
    await user.type(await field(), "bogdan@");
    await waitFor(() => expect(options()).toHaveLength(1));
    await user.keyboard("{Enter}");
    await waitFor(() =>
      expect(chosen()).toEqual([{ connection: "acme", text: "bogdan@", user: BOGDAN.id, sign_in: false }]),
    );
    expect(fake.called("search_users")).toEqual([]);
  });

  test("signs in as what was typed last, however fast the key came", async () => {
    render(QuickWindow);
    await screen.findByText(fake.state.connections[0]?.name ?? "");
    await user.type(await field(), "a");
    await waitFor(() => expect(options()).toHaveLength(5));
    await user.clear(await field());
    await user.type(await field(), BOGDAN.email);
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(chosen()).toMatchObject([{ user: BOGDAN.id, sign_in: true }]));
  });

  test("offers recent users before anything is typed, and the arrows choose among them", async () => {
    const [, second, third] = fake.rows;
    fake.recent = [second, third].map((row) => ({
      connection: "acme",
      user: row?.id ?? "",
      reason: "Ticket 6",
      ticket: "",
      started_at: Date.now(),
    }));
    render(QuickWindow);
    await waitFor(() => expect(options()).toHaveLength(2));
    await user.keyboard("{ArrowDown}{Enter}");
    await waitFor(() =>
      expect(chosen()).toEqual([{ connection: "acme", text: "", user: third?.id, sign_in: false }]),
    );
  });

  test("hands what nothing matches over to the console's search", async () => {
    render(QuickWindow);
    await screen.findByText(fake.state.connections[0]?.name ?? "");
    await user.type(await field(), "zzzz");
    expect(await screen.findByText(/No users match “zzzz”/)).toBeInTheDocument();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(chosen()).toMatchObject([{ text: "zzzz", user: null }]));
  });

  test("searches in another connection by its key, and closes with Esc", async () => {
    const [first, other] = fake.state.connections;
    fake.state.order = [first?.id ?? "", other?.id ?? ""];
    render(QuickWindow);
    await screen.findByText(first?.name ?? "");
    // As a French keyboard types it, where digits need Shift.
    fireEvent.keyDown(await field(), { key: "é", code: "Digit2", altKey: true });
    await screen.findByText("staging");
    await user.type(await field(), "bogdan@");
    await waitFor(() => expect(fake.called("quick_search").at(-1)?.args["connection"]).toBe(other?.id));
    await user.keyboard("{Escape}");
    expect(fake.called("close_quick_window")).toHaveLength(1);
  });

  test("says why it cannot search", async () => {
    fake.refuse("directory_info", { code: "directory_unreachable", message: "Can't reach the database." });
    render(QuickWindow);
    expect(await screen.findByRole("alert")).toHaveTextContent("Can't reach the database.");
    // As it says, Enter opens the console, which can do something about it.
    await user.keyboard("{Enter}");
    await waitFor(() =>
      expect(chosen()).toEqual([{ connection: "acme", text: "", user: null, sign_in: false }]),
    );
  });

  test("opens the console with the text that it could not search for", async () => {
    fake.refuse("quick_search", { code: "directory_timeout", message: "The database took too long." }, 9);
    render(QuickWindow);
    await screen.findByText("production");
    await user.type(await field(), "bog");
    expect(await screen.findByRole("alert")).toHaveTextContent("took too long. Enter opens the console.");
    await user.keyboard("{Enter}");
    await waitFor(() => expect(chosen()).toMatchObject([{ connection: "acme", text: "bog", user: null }]));
  });

  test("opens the console where there is no connection, or none is known", async () => {
    fake.state.connections = [];
    const { unmount } = render(QuickWindow);
    expect(
      await screen.findByText("There are no connections yet. Enter opens the console."),
    ).toBeInTheDocument();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(chosen()).toMatchObject([{ connection: "", text: "", user: null }]));
    unmount();
    fake.refuse("quick_state", { code: "internal", message: "It failed." });
    render(QuickWindow);
    await screen.findByRole("alert");
    await user.keyboard("{Enter}");
    await waitFor(() => expect(chosen()).toHaveLength(2));
  });

  test("takes a whole ticket that is pasted", async () => {
    render(QuickWindow);
    await screen.findByText("production");
    const ticket = "The customer writes again. ".repeat(300) + BOGDAN.email;
    (await field()).focus();
    await user.paste(ticket);
    expect(await field()).toHaveValue(ticket);
    await waitFor(() => expect(fake.called("quick_search").at(-1)?.args["text"]).toBe(ticket));
  });
});

describe("what was chosen opens in the console", () => {
  const choose = async (change: object) => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    fake.emit("quick_choice", {
      connection: "acme",
      text: "bogdan@",
      user: BOGDAN.id,
      sign_in: false,
      ...change,
    });
  };

  test("the details", async () => {
    await choose({});
    await waitFor(() => expect(screen.getByRole("searchbox")).toHaveValue("bogdan@"));
    await waitFor(() => expect(document.activeElement?.closest("aside, section")).not.toBeNull());
    expect((await screen.findAllByText(BOGDAN.name)).length).toBeGreaterThan(1);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("the sign-in dialog", async () => {
    await choose({ sign_in: true });
    expect(await screen.findByRole("dialog", { name: `Sign in as ${BOGDAN.name}` })).toBeInTheDocument();
    expect(fake.called("impersonate")).toEqual([]);
  });

  test("a search without matches", async () => {
    await choose({ text: "zzzz", user: null });
    await waitFor(() => expect(screen.getByRole("searchbox")).toHaveValue("zzzz"));
  });

  test("the console alone, which keeps its search", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    const search = screen.getByRole("searchbox", { name: "Search users" });
    await user.type(search, "anna");
    fake.emit("quick_choice", { connection: "", text: "", user: null, sign_in: false });
    fake.emit("quick_choice", { connection: "acme-staging", text: "", user: null, sign_in: false });
    await waitFor(() =>
      expect(fake.called("search_users").at(-1)?.args).toMatchObject({ connection: "acme-staging" }),
    );
    await user.keyboard("{Alt>}1{/Alt}");
    await waitFor(() => expect(search).toHaveValue("anna"));
  });

  test("after what is open has been finished", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Control>},{/Control}");
    const settings = await screen.findByRole("dialog", { name: "Settings" });
    fake.emit("quick_choice", { connection: "acme", text: "", user: BOGDAN.id, sign_in: true });
    const waiting = await screen.findByText("A user from the quick search is waiting.");
    await user.click(within(settings).getByRole("button", { name: "Cancel" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await user.click(within(waiting.closest(".toast") as HTMLElement).getByRole("button", { name: "Show" }));
    expect(await screen.findByRole("dialog", { name: `Sign in as ${BOGDAN.name}` })).toBeInTheDocument();
  });
});

test("the setting is off until it is chosen, and the keys are in the sheet then", async () => {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>},{/Control}");
  const box = await screen.findByRole("checkbox", { name: "Open the quick search instead" });
  expect(box).not.toBeChecked();
  await user.click(box);
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(fake.called("save_settings").at(-1)?.args).toMatchObject({ settings: { quick_window: true } });
  (document.activeElement as HTMLElement).blur();
  await user.keyboard("?");
  expect(await screen.findByText("In the quick search")).toBeInTheDocument();
});
