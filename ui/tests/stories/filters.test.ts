// Filters in the search field: shown, mended, taken out, completed; and the field stays a field.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import App from "../../src/App.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});
afterEach(() => vi.useRealTimers());

const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const rows = async () => within(await screen.findByRole("grid", { name: "Users" })).getAllByRole("row");
const notes = () => screen.getByRole("status", { name: "Filters" });
const options = () => screen.queryAllByRole("option").map((option) => option.textContent);

describe("chips", () => {
  test("show each filter, and take it out of the text", async () => {
    render(App);
    await user.type(await field(), "an plan:Team -email:berg");
    const list = await screen.findByRole("list", { name: "Filters" });
    await waitFor(() =>
      expect(
        within(list)
          .getAllByRole("listitem")
          .map((chip) => chip.textContent.trim()),
      ).toEqual(["Plan contains Team", "Email does not contain berg"]),
    );
    await user.click(within(list).getByRole("button", { name: "Remove the filter Plan contains Team" }));
    expect(await field()).toHaveValue("an -email:berg");
    expect(await field()).toHaveFocus();
  });

  test("the rows are marked where the free text stands, not the filter", async () => {
    render(App);
    await user.type(await field(), "anna plan:Team");
    await waitFor(async () => expect(await rows()).toHaveLength(2));
    const marks = document.querySelectorAll("mark");
    expect([...marks].map((mark) => mark.textContent)).toEqual(["Anna", "anna"]);
  });

  test("a value that does not fit says what fits, and the rows stay", async () => {
    render(App);
    await user.type(await field(), "an created:soon");
    await waitFor(() => expect(notes()).toHaveTextContent("“soon” is none. Write 2026-01"));
    expect(screen.queryByText("Your search is kept.")).toBeNull();
    expect((await rows()).length).toBeGreaterThan(2);
    await user.type(await field(), "{Backspace>4/}7d");
    await waitFor(() => expect(notes().textContent.trim()).toBe(""));
  });

  test("a name that is nobody's is searched as text, and mended by a button", async () => {
    render(App);
    await user.type(await field(), "plna:Team");
    await user.click(await screen.findByRole("button", { name: "Did you mean “plan”?" }));
    expect(await field()).toHaveValue("plan:Team");
    await waitFor(async () => expect(await rows()).toHaveLength(6));
  });
});

describe("completion", () => {
  test("Tab takes a column's name, then the arrows and Enter one of its values", async () => {
    render(App);
    await user.type(await field(), "an pl");
    await waitFor(() => expect(options()).toEqual(["plan: Plan"]));
    await user.keyboard("{Tab}");
    expect(await field()).toHaveValue("an plan:");
    expect(await field()).toHaveFocus();
    await waitFor(() => expect(options()).toEqual(["none without a value", "* any value"]));
    await user.keyboard("{ArrowDown}{ArrowDown}");
    const chosen = screen.getByRole("option", { selected: true });
    expect((await field()).getAttribute("aria-activedescendant")).toBe(chosen.id);
    await user.keyboard("{ArrowUp}{Enter}");
    expect(await field()).toHaveValue("an plan:none");
    expect(options()).toEqual([]);
  });

  test("while nothing is suggested the arrows and Enter are the list's", async () => {
    render(App);
    await rows();
    await user.type(await field(), "anna");
    await waitFor(async () => expect(await rows()).toHaveLength(3));
    await user.keyboard("{ArrowDown}");
    expect(screen.getByRole("row", { selected: true })).toHaveTextContent("Anna Schäfer");
  });

  test("Enter opens the details as long as nothing is chosen", async () => {
    render(App);
    await user.type(await field(), "pl");
    await waitFor(() => expect(options()).toHaveLength(1));
    await user.keyboard("{Enter}");
    const details = await screen.findByRole("complementary", { name: "Details" });
    await waitFor(() => expect(within(details).getByRole("button", { name: "Impersonate" })).toHaveFocus());
    expect(options()).toEqual([]);
  });

  test("Esc closes it, and the text stays", async () => {
    render(App);
    await user.type(await field(), "an created_at:");
    await waitFor(() => expect(options()).toHaveLength(3));
    await user.keyboard("{Escape}");
    expect(options()).toEqual([]);
    expect(await field()).toHaveValue("an created_at:");
    expect(await field()).toHaveFocus();
  });

  test("fast typing passes by", async () => {
    render(App);
    await rows();
    vi.useFakeTimers({ shouldAdvanceTime: true });
    user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
    await user.type(await field(), "plano");
    await vi.advanceTimersByTimeAsync(250);
    expect(options()).toEqual([]);
    expect(fake.called("complete_search").length).toBeGreaterThan(0);
  });
});
