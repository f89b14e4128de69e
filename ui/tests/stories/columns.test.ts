// The list's columns and cells: arranged by mouse and key, remembered, and copied for other programs.
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const grid = () => screen.findByRole("grid", { name: "Users" });
const headers = async () =>
  within(await grid())
    .getAllByRole("columnheader")
    .map((header) => header.textContent?.trim());
const header = async (name: string) => within(await grid()).getByRole("button", { name });
const kept = () => fake.arrangements["acme"]?.columns ?? [];
const cell = async (row: number, column: string) => {
  const at = (await headers()).indexOf(column);
  const rows = within(await grid()).getAllByRole("row");
  return within(rows[row + 1] as HTMLElement).getAllByRole("gridcell")[at] as HTMLElement;
};
const menu = async (row: number, column: string) => {
  await user.pointer({ keys: "[MouseRight]", target: await cell(row, column) });
};

describe("by key, from a column's name", () => {
  test("it moves with Alt, and the focus and the next start follow", async () => {
    const { unmount } = render(App);
    (await header("Email")).focus();
    await user.keyboard("{Alt>}{ArrowLeft}{/Alt}");
    await waitFor(async () => expect((await headers()).slice(0, 2)).toEqual(["Email", "Name"]));
    expect(await header("Email")).toHaveFocus();
    expect(screen.getByRole("status", { name: "Columns" })).toHaveTextContent(
      "Email moved to position 1 of 6",
    );
    unmount();
    render(App);
    await waitFor(async () => expect((await headers()).slice(0, 2)).toEqual(["Email", "Name"]));
  });

  test("its width changes with Shift", async () => {
    render(App);
    (await header("Plan")).focus();
    await user.keyboard("{Shift>}{ArrowRight}{/Shift}");
    await waitFor(() => expect(kept().find(({ name }) => name === "plan")?.width).toBeGreaterThan(0));
    expect(screen.getByRole("status", { name: "Columns" })).toHaveTextContent(/^Plan is \d+ px wide$/);
    // Plain arrows go from name to name.
    await user.keyboard("{ArrowRight}");
    expect(await header("Company")).toHaveFocus();
  });
});

test("a double click on a column's edge fits its content again", async () => {
  render(App);
  (await header("Plan")).focus();
  await user.keyboard("{Shift>}{ArrowRight}{/Shift}");
  await waitFor(() => expect(kept().find(({ name }) => name === "plan")?.width).toBeGreaterThan(0));
  const edge = (await header("Plan")).parentElement?.querySelector(".edge") as HTMLElement;
  await fireEvent.dblClick(edge);
  await waitFor(() => expect(kept().find(({ name }) => name === "plan")?.width).toBeNull());
});

describe("the dialog of columns", () => {
  const open = async () => {
    await grid();
    await user.keyboard("{Control>}k{/Control}columns");
    await user.click(await screen.findByRole("option", { name: /^Columns/ }));
    return within(await screen.findByRole("dialog", { name: "Columns" }));
  };

  test("hides, shows, pins and resets", async () => {
    render(App);
    const before = await headers();
    const dialog = await open();
    await user.click(dialog.getByRole("checkbox", { name: "Company" }));
    await user.click(dialog.getByRole("checkbox", { name: "ID" }));
    await user.click(dialog.getByRole("button", { name: "Pin Plan to the left" }));
    await waitFor(() => expect(kept().find(({ name }) => name === "plan")).toMatchObject({ pinned: true }));
    await user.click(dialog.getByRole("button", { name: "Done" }));
    const after = await headers();
    expect(after[0]).toBe("Plan");
    expect(after).toContain("ID");
    expect(after).not.toContain("Company");
    expect((await cell(0, "Plan")).style.left).toBe("16px");

    const again = await open();
    await user.click(again.getByRole("button", { name: "Reset" }));
    await waitFor(async () => expect(await headers()).toEqual(before));
    expect(kept()).toEqual([]);
  });

  test("moves by key, and never hides the last one", async () => {
    fake.columns = fake.columns.slice(0, 3);
    fake.rows = fake.rows.map((row) => ({ ...row, cells: row.cells.slice(0, 3) }));
    render(App);
    const dialog = await open();
    const email = dialog.getByRole("checkbox", { name: "Email" });
    email.focus();
    await user.keyboard("{Alt>}{ArrowUp}{/Alt}");
    await waitFor(() =>
      expect(
        kept()
          .map(({ name }) => name)
          .slice(0, 2),
      ).toEqual(["email", "full_name"]),
    );
    expect(dialog.getByRole("checkbox", { name: "Email" })).toHaveFocus();
    await user.click(dialog.getByRole("checkbox", { name: "Email" }));
    await waitFor(() => expect(dialog.getByRole("checkbox", { name: "Name" })).toBeDisabled());
  });

  test("opens from a column's name with the right button", async () => {
    render(App);
    await user.pointer({ keys: "[MouseRight]", target: await header("Plan") });
    expect(await screen.findByRole("dialog", { name: "Columns" })).toBeInTheDocument();
  });

  test("what can't be kept is as it was", async () => {
    fake.refuse("save_arrangement", boundaryError("file_failed", "The disk is full."));
    render(App);
    const before = await headers();
    const dialog = await open();
    await user.click(dialog.getByRole("checkbox", { name: "Company" }));
    expect(await screen.findByText(/The disk is full/)).toBeInTheDocument();
    expect(await headers()).toEqual(before);
  });
});

test("values that are few and short are labels, and no one's name is", async () => {
  render(App);
  await grid();
  const isLabel = async (column: string) => (await cell(0, column)).querySelector(".label") !== null;
  expect(await isLabel("Plan")).toBe(true);
  expect(await isLabel("Name")).toBe(false);
  expect(await isLabel("Company")).toBe(false);
});

describe("the menu of a cell", () => {
  test("opens the user's page in the team's own tool, if the connection names one", async () => {
    render(App);
    await grid();
    await menu(1, "Plan");
    expect(screen.queryByRole("menuitem", { name: "Open in your team's tool" })).toBeNull();
    await user.keyboard("{Escape}");
    fake.emit("connections", {
      ...fake.state,
      connections: fake.state.connections.map((one) => ({ ...one, has_user_page: true })),
    });
    await menu(1, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: "Open in your team's tool" }));
    expect(fake.called("open_user_page").map(({ args }) => args)).toEqual([
      { connection: "acme", user: fake.rows[1]?.id },
    ]);
  });

  test("copies the value, and the row in three forms, with the columns that are shown", async () => {
    render(App);
    await grid();
    const plan = (await cell(1, "Plan")).textContent?.trim() ?? "";
    await menu(1, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: `Copy “${plan}”` }));
    expect(fake.clipboard.at(-1)).toBe(plan);
    await menu(1, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: "Copy as JSON" }));
    await waitFor(() => expect(fake.clipboard).toHaveLength(2));
    expect(JSON.parse(fake.clipboard.at(-1) ?? "")).toMatchObject({ full_name: "Andrés Ibáñez", plan });
    expect(fake.clipboard.at(-1)).not.toContain('"id"');
    await menu(1, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: "Copy as CSV" }));
    await waitFor(() => expect(fake.clipboard.at(-1)).toMatch(/^full_name,email,plan,/));
  });

  test("filters by the value and excludes it, as the search grammar says", async () => {
    render(App);
    await grid();
    const field = await screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
    await menu(0, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: "Only Team" }));
    await waitFor(() => expect(field).toHaveValue("plan:=Team"));
    await user.clear(field);
    await user.type(field, "an");
    await menu(0, "Plan");
    await user.click(await screen.findByRole("menuitem", { name: "Everyone but Team" }));
    await waitFor(() => expect(field).toHaveValue("an -plan:=Team"));
  });
});

test("the edge of the details is moved by key, and remembered", async () => {
  render(App);
  const edge = await screen.findByRole("separator", { name: "Width of the details" });
  edge.focus();
  await user.keyboard("{ArrowLeft}");
  await waitFor(() => expect(fake.arrangements["acme"]?.details_width).toBeGreaterThan(0));
  await fireEvent.dblClick(edge);
  await waitFor(() => expect(fake.arrangements["acme"]?.details_width).toBeNull());
});

describe("marking users", () => {
  const marked = async () =>
    within(await grid())
      .queryAllByRole("row", { selected: true })
      .map((row) => within(row).getAllByRole("gridcell")[0]?.querySelector("bdi")?.textContent);

  test("Shift with an arrow marks in the grid; all that is marked is copied; Esc unmarks", async () => {
    render(App);
    (await grid()).focus();
    await user.keyboard("{Shift>}{ArrowDown}{ArrowDown}{/Shift}");
    expect(await marked()).toEqual(["Anders Holm", "Andrés Ibáñez", "Ángela Ruiz"]);
    expect(screen.getByText("3 users marked")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Copy as CSV" }));
    await waitFor(() => expect(fake.clipboard.at(-1)?.trim().split("\r\n")).toHaveLength(4));
    (await grid()).focus();
    await user.keyboard("{Escape}");
    expect(await marked()).toEqual(["Ángela Ruiz"]);
  });

  test("Ctrl with a click or the space bar marks one; two are compared side by side", async () => {
    render(App);
    await grid();
    const rows = within(await grid()).getAllByRole("row");
    await user.keyboard("{Control>}");
    await user.click(rows[4] as HTMLElement);
    await user.keyboard("{/Control}");
    expect(await marked()).toEqual(["Anders Holm", "Anh Nguyen"]);
    await user.keyboard("{Control>}{Shift>}d{/Shift}{/Control}");
    const dialog = within(await screen.findByRole("dialog", { name: "Compare two users" }));
    const plan = dialog.getByRole("row", { name: /^Plan/ });
    expect(plan).not.toHaveTextContent("different");
    expect(dialog.getByRole("row", { name: /^Email \(different\)/ })).toHaveTextContent("anh.nguyen@");
    await user.click(dialog.getByRole("checkbox", { name: "Only differences" }));
    expect(dialog.queryByRole("row", { name: /^Plan/ })).toBeNull();
    await user.keyboard("{Escape}");
    (await grid()).focus();
    await user.keyboard("{Control>}[Space]{/Control}");
    expect(await marked()).toEqual(["Anders Holm", "Anh Nguyen"]);
    expect(screen.getByText("1 user marked")).toBeInTheDocument();
  });

  test("another search forgets the marks", async () => {
    render(App);
    (await grid()).focus();
    await user.keyboard("{Shift>}{ArrowDown}{/Shift}");
    await user.type(screen.getByRole("searchbox", { name: "Search users" }), "an");
    await waitFor(() => expect(screen.queryByText(/users marked$/)).toBeNull());
  });
});

describe("the values of the selected row, by key", () => {
  const meant = async () => {
    const id = (await grid()).getAttribute("aria-activedescendant") ?? "";
    return document.getElementById(id);
  };
  const text = async () => (await meant())?.querySelector("bdi")?.textContent;

  test("F2 leads there from the search field, arrows from value to value, Esc back to the row", async () => {
    render(App);
    await grid();
    await user.keyboard("{F2}");
    expect(await grid()).toHaveFocus();
    expect(await meant()).toHaveAttribute("role", "gridcell");
    expect(await text()).toBe("Anders Holm");
    await user.keyboard("{ArrowRight}");
    expect(await text()).toBe("anders.holm@northwind.example");
    await user.keyboard("{ArrowDown}");
    expect(await text()).toBe("andres.ibanez@solmar.example");
    await user.keyboard("{Home}{ArrowLeft}");
    expect(await text()).toBe("Andrés Ibáñez");
    await user.keyboard("{End}{ArrowRight}");
    expect(await meant()).toHaveAttribute("aria-colindex", String((await headers()).length));
    await user.keyboard("{Escape}");
    expect(await meant()).toHaveAttribute("role", "row");
    expect(await grid()).toHaveFocus();
    await user.keyboard("{ArrowRight}");
    expect(await text()).toBe("Andrés Ibáñez");
    await user.keyboard("{Tab}");
    expect(await meant()).toHaveAttribute("role", "row");
  });

  test("C and Ctrl+C copy the value, and C does nothing where single keys are off", async () => {
    const { unmount } = render(App);
    await grid();
    await user.keyboard("{F2}{ArrowRight}c");
    await waitFor(() => expect(fake.clipboard).toEqual(["anders.holm@northwind.example"]));
    await user.keyboard("{ArrowRight}{Control>}c{/Control}");
    await waitFor(() => expect(fake.clipboard).toEqual(["anders.holm@northwind.example", "Team"]));
    unmount();
    fake.state.settings = { ...fake.state.settings, single_keys: false };
    render(App);
    await grid();
    await user.keyboard("{F2}c");
    await user.keyboard("{Control>}c{/Control}");
    await waitFor(() => expect(fake.clipboard.slice(2)).toEqual(["Anders Holm"]));
  });

  test("Enter opens the menu of the value", async () => {
    render(App);
    await grid();
    await user.keyboard("{F2}{ArrowRight}{ArrowRight}{Enter}");
    await user.click(await screen.findByRole("menuitem", { name: /^Copy “?Team/ }));
    await waitFor(() => expect(fake.clipboard).toEqual(["Team"]));
  });
});
