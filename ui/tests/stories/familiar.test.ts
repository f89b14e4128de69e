// Recent and pinned users: from the empty search field, from the empty palette, and the last one by one key.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { LatestSession } from "../../src/bindings/LatestSession";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
const session = (row: number, reason: string): LatestSession => ({
  connection: "acme",
  user: fake.rows[row]?.id ?? "",
  reason,
  ticket: "",
  started_at: Date.now() - 120_000,
});
const nameOf = (row: number) => fake.rows[row]?.cells[1] ?? "";

beforeEach(() => {
  fake = installFake();
  fake.recent = [session(3, "Ticket 7: export"), session(1, "Ticket 6")];
  fake.arrangements["acme"] = {
    pinned: [fake.rows[5]?.id ?? "", fake.rows[1]?.id ?? "", "gone"],
    details_width: null,
    searches: [],
    columns: [],
  };
  user = userEvent.setup();
});

const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const strip = () => screen.findByRole("region", { name: "Recent and pinned users" });
const named = async () =>
  within(await strip())
    .getAllByRole("button")
    .map((button) => button.querySelector("bdi")?.textContent);
const selected = async () =>
  within(await screen.findByRole("grid")).getByRole("row", { selected: true }).textContent;

describe("the empty search field", () => {
  test("offers the last users, newest first, then the pinned ones; not while something is typed", async () => {
    render(App);
    expect(await named()).toEqual([nameOf(3), nameOf(1), nameOf(5)]);
    expect(
      within(await strip())
        .getAllByRole("button")
        .map((button) => button.textContent?.includes("pinned")),
    ).toEqual([false, true, true]);
    await user.type(await field(), "an");
    await waitFor(() => expect(screen.queryByRole("region", { name: "Recent and pinned users" })).toBeNull());
    await user.clear(await field());
    expect(await named()).toHaveLength(3);
  });

  test("is one key away from the last user, two from the details", async () => {
    render(App);
    const last = within(await strip()).getAllByRole("button")[0] as HTMLElement;
    await user.keyboard("{ArrowUp}");
    expect(last).toHaveFocus();
    await user.keyboard("{Enter}");
    await waitFor(async () => expect(await selected()).toContain(nameOf(3)));
    expect((await field()).value).toBe(fake.rows[3]?.cells[2]);
    expect(screen.getByRole("complementary", { name: "Details" })).toHaveTextContent(nameOf(3));
  });

  test("its keys act on the user that has the focus, not on the list's", async () => {
    render(App);
    await strip();
    await user.keyboard("{ArrowUp}{ArrowRight}{Control>}{Enter}{/Control}");
    expect(
      await screen.findByRole("dialog", { name: new RegExp(`Sign in as ${nameOf(1)}`) }),
    ).toBeInTheDocument();
  });

  test("copies the ID and the email of the user that has the focus, and marks no other", async () => {
    render(App);
    await strip();
    await user.keyboard("{ArrowUp}{ArrowRight}{Control>}c{/Control}");
    await user.keyboard("{Control>}{Shift>}c{/Shift}{/Control}{Control>} {/Control}");
    await waitFor(() => expect(fake.clipboard).toEqual([fake.rows[1]?.id, fake.rows[1]?.cells[2]]));
    expect(screen.queryByText(/users? marked/)).toBeNull();
  });

  test("goes back to the field with the arrow or Esc", async () => {
    render(App);
    await strip();
    await user.keyboard("{ArrowUp}{ArrowDown}");
    expect(await field()).toHaveFocus();
    await user.keyboard("{ArrowUp}{Escape}");
    expect(await field()).toHaveFocus();
  });

  test("moves in the list with ArrowUp wherever it can", async () => {
    render(App);
    await strip();
    await user.keyboard("{ArrowDown}{ArrowUp}");
    expect(await field()).toHaveFocus();
  });
});

describe("pinning", () => {
  test("by key and by the row's menu, kept as an ID and nothing else", async () => {
    render(App);
    await strip();
    await user.keyboard("{Control>}d{/Control}");
    const id = fake.rows[0]?.id ?? "";
    await waitFor(() => expect(fake.arrangements["acme"]?.pinned).toContain(id));
    await waitFor(async () => expect(await named()).toContain(nameOf(0)));
    expect(JSON.stringify(fake.called("save_arrangement"))).not.toContain(nameOf(0));

    const row = within(await screen.findByRole("grid")).getByRole("row", { selected: true });
    await user.pointer({ keys: "[MouseRight]", target: row });
    await user.click(await screen.findByRole("menuitem", { name: /^Unpin/ }));
    await waitFor(() => expect(fake.arrangements["acme"]?.pinned).not.toContain(id));
    await waitFor(async () => expect(await named()).not.toContain(nameOf(0)));
  });

  test("what can't be kept is said, and undone", async () => {
    fake.refuse("save_arrangement", boundaryError("settings_invalid", "Can't read arrangements.toml."));
    render(App);
    await strip();
    await user.keyboard("{Control>}d{/Control}");
    expect(await screen.findByText(/Can't read arrangements/)).toBeInTheDocument();
    expect(await named()).not.toContain(nameOf(0));
  });
});

describe("the last user again", () => {
  test("is one key away after a start, with the reason", async () => {
    render(App);
    await screen.findByRole("grid");
    await user.keyboard("{Control>}{Shift>}t{/Shift}{/Control}");
    const dialog = await screen.findByRole("dialog", { name: new RegExp(nameOf(3)) });
    expect(within(dialog).getByRole("textbox")).toHaveValue("Ticket 7: export");
  });

  test("says so when there was none", async () => {
    fake.recent = [];
    render(App);
    await screen.findByRole("grid");
    await user.keyboard("{Control>}{Shift>}t{/Shift}{/Control}");
    expect(
      await screen.findByText("You haven't signed in as anyone on this computer yet."),
    ).toBeInTheDocument();
  });
});

describe("the palette", () => {
  const options = () => screen.getAllByRole("option").map((option) => option.textContent ?? "");
  const chosen = () => screen.getByRole("option", { selected: true }).textContent;

  test("begins with familiar users, and signs in as the last one with one more key", async () => {
    render(App);
    await strip();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByText("Recent and pinned in Acme · production");
    expect(options()[0]).toContain(nameOf(3));
    expect(options()[2]).toContain(nameOf(5));
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByRole("dialog", { name: new RegExp(nameOf(3)) })).toBeInTheDocument();
  });

  test("names the key that signs in only beside a user that it can sign in as", async () => {
    fake.standing = ({ id }) => (id === fake.rows[1]?.id ? { protected: "user.plan == 'Staff'" } : "free");
    render(App);
    await strip();
    await user.keyboard("{Control>}k{/Control}");
    const hints = () => screen.getByRole("dialog").querySelector(".palette-hints");
    await waitFor(() => expect(chosen()).toContain(nameOf(3)));
    expect(hints()).toHaveTextContent("sign in");
    await user.keyboard("{ArrowDown}");
    await waitFor(() => expect(chosen()).toContain(nameOf(1)));
    expect(hints()).not.toHaveTextContent("sign in");
    await user.keyboard("settings");
    await waitFor(() => expect(chosen()).toContain("Settings"));
    expect(hints()).not.toHaveTextContent("sign in");
  });

  test("finds users as soon as the database has answered, also when it was open before", async () => {
    const opening = fake.hold("directory_info");
    render(App);
    await waitFor(() => expect(opening.waiting()).toBe(1));
    await user.keyboard("{Control>}k{/Control}bogdan");
    await screen.findByRole("option", { name: /Search “bogdan” in the list/ });
    expect(fake.called("search_users")).toEqual([]);
    opening.stop();
    expect(await screen.findByRole("option", { name: /Bogdan Ionescu/ })).toBeInTheDocument();
  });

  test("a command whose first word is typed comes before users", async () => {
    fake.rows[0]?.cells.splice(1, 1, "Quitta Quist");
    render(App);
    await strip();
    await user.keyboard("{Control>}k{/Control}qui");
    await screen.findByRole("option", { name: /Quitta/ });
    expect(options()[0]).toContain("Quit");
    expect(options()[0]).not.toContain("Quitta");
    expect(chosen()).toContain("Quit");
    // Two letters are a name.
    await user.keyboard("{Backspace}");
    await waitFor(() => expect(chosen()).toContain("Quitta"));
  });

  test("a setting is found by its name, and gone to", async () => {
    render(App);
    await strip();
    await user.keyboard("{Control>}k{/Control}single");
    await user.click(await screen.findByRole("option", { name: /Single-letter keys/ }));
    await waitFor(() => expect(screen.getByRole("checkbox", { name: "Single-letter keys" })).toHaveFocus());
    await user.keyboard("{Escape}{Control>}k{/Control}theme{Enter}");
    await waitFor(() => expect(screen.getByRole("radio", { name: "System" })).toHaveFocus());
  });
});
