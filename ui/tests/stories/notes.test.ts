// What is not as one would expect of a directory: said where the users are, with what changes it, and never taken for
// an empty table.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { Caution } from "../../src/bindings/Caution";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  localStorage.clear();
  fake = installFake();
  user = userEvent.setup();
});

const statement = 'CREATE POLICY understudy ON "public"."users" FOR SELECT TO reader USING (true)';
const all: Caution = {
  message:
    'Row level security is on for "public"."users" and hides all of its rows from reader: no policy lets this role read any.',
  hint: "Ask your database administrator to run:",
  statement,
  hides_users: true,
};
const part: Caution = {
  ...all,
  message:
    'Row level security is on for "public"."users": reader sees only the rows that a policy lets through (`own` (tenant = 7)).',
};
const unopenable: Caution = {
  message: "1 of the newest 2 users are listed but cannot be opened: their `_id` is of the type timestamp.",
  hint: "Name another field that identifies a user in `directory.id`.",
  statement: null,
  hides_users: false,
};

const grid = () => screen.findByRole("grid", { name: "Users" });
const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const line = () => screen.getByRole("group", { name: "About the list" });
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const HIDDEN = "Some users may be hidden from this connection.";

describe("row level security hides all rows", () => {
  test("no table is called empty; the policy that helps is copied", async () => {
    fake.rows = [];
    fake.cautions = [all];
    fake.total = 0;
    render(App);
    expect(await screen.findByRole("heading", { name: "No users visible" })).toBeInTheDocument();
    expect(screen.getByText(/hides all of its rows from reader/)).toBeInTheDocument();
    expect(screen.queryByText(/no rows|No users yet|empty/i)).toBeNull();
    // It is said once.
    expect(screen.queryByText(HIDDEN)).toBeNull();
    await press("Copy the statement");
    await waitFor(() => expect(fake.clipboard).toEqual([statement]));
  });

  test("what was searched and found nobody is not called absent either", async () => {
    fake.rows = [];
    fake.cautions = [all];
    render(App);
    await user.type(await field(), "anna");
    expect(await screen.findByText(/The database may hide users/)).toBeInTheDocument();
    expect(screen.getByRole("region", { name: HIDDEN })).toBeInTheDocument();
  });
});

describe("row level security hides some rows", () => {
  test("that is said above the rows, with why and what changes it, by keys alone", async () => {
    fake.cautions = [part];
    render(App);
    await grid();
    const note = within(await screen.findByRole("region", { name: HIDDEN }));
    const why = note.getByRole("button", { name: "Why?" });
    expect(note.queryByText(/tenant = 7/)).toBeNull();
    why.focus();
    await user.keyboard("{Enter}");
    expect(why).toHaveAttribute("aria-expanded", "true");
    expect(note.getByText(/reader sees only the rows that a policy lets through/)).toBeInTheDocument();
    expect(note.getByText(statement)).toBeInTheDocument();
    await user.tab();
    await user.tab();
    expect(note.getByRole("button", { name: "Copy the statement" })).toHaveFocus();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(fake.clipboard).toEqual([statement]));
  });

  test("once read it is put away for good, the status line keeps it, and another reason is told anew", async () => {
    fake.cautions = [part];
    const first = render(App);
    await screen.findByRole("region", { name: HIDDEN });
    await press("Dismiss");
    expect(screen.queryByRole("region", { name: HIDDEN })).toBeNull();
    expect(await field()).toHaveFocus();
    first.unmount();

    const second = render(App);
    await grid();
    await within(line()).findByText("some may be hidden");
    expect(screen.queryByRole("region", { name: HIDDEN })).toBeNull();
    await user.click(within(line()).getByRole("button", { name: /some may be hidden/ }));
    expect(await screen.findByRole("region", { name: HIDDEN })).toBeInTheDocument();
    await press("Dismiss");
    second.unmount();
    // What is kept says nothing of tables and roles.
    expect(JSON.stringify({ ...localStorage })).not.toMatch(/reader|users|tenant/);

    fake.cautions = [{ ...part, message: part.message.replace("7", "8") }];
    render(App);
    expect(await screen.findByRole("region", { name: HIDDEN })).toBeInTheDocument();
  });
});

test("where nothing is hidden nothing is said, and an empty table is called that", async () => {
  const first = render(App);
  await grid();
  expect(screen.queryByRole("region", { name: HIDDEN })).toBeNull();
  expect(within(line()).queryByText("some may be hidden")).toBeNull();
  first.unmount();
  fake.rows = [];
  render(App);
  expect(await screen.findByRole("heading", { name: "No users yet" })).toBeInTheDocument();
  expect(screen.getByText("The table has no rows.")).toBeInTheDocument();
});

test("users who cannot be opened are told as that, and hide nobody", async () => {
  fake.cautions = [unopenable];
  render(App);
  await grid();
  const note = within(await screen.findByRole("region", { name: "Some users can't be opened." }));
  await user.click(note.getByRole("button", { name: "Why?" }));
  expect(note.getByText(/is of the type timestamp/)).toBeInTheDocument();
  expect(note.queryByRole("button", { name: "Copy the statement" })).toBeNull();
  expect(within(line()).queryByText("some may be hidden")).toBeNull();
});

describe("the preview of the form", () => {
  async function look() {
    render(App);
    await press("New connection");
    const database = await screen.findByLabelText("Database URL");
    await user.click(database);
    await user.paste("postgres://reader@db.acme.example/acme");
    await user.tab();
    await press("Users");
    return within(await screen.findByRole("region", { name: "Preview" }));
  }
  const answer = (cautions: Caution[], rows: number) => {
    fake.answers["preview_directory"] = () => ({
      info: {
        server: "PostgreSQL 15.18",
        columns: fake.columns,
        estimated_total: rows,
        total_is_exact: true,
        coverage: [],
        reader: [],
        cautions,
      },
      rows: fake.rows.slice(0, rows),
      withheld: [],
    });
  };

  test("says what hides all rows, and no table is empty", async () => {
    answer([all], 0);
    const preview = await look();
    expect(await preview.findByText("This database user can't see any rows.")).toBeInTheDocument();
    expect(preview.getByText(statement)).toBeInTheDocument();
    expect(preview.queryByText("The table has no rows yet.")).toBeNull();
  });

  test("warns of what hides some, beside the rows that are there", async () => {
    answer([part], 2);
    const preview = await look();
    expect(await preview.findByText(/a policy lets through/)).toBeInTheDocument();
    expect(preview.getByRole("button", { name: "Copy the statement" })).toBeInTheDocument();
    expect(preview.getByRole("table", { name: "Newest users" })).toBeInTheDocument();
  });

  test("says nothing where nothing is hidden", async () => {
    answer([], 0);
    const preview = await look();
    expect(await preview.findByText("The table has no rows yet.")).toBeInTheDocument();
    expect(preview.queryByRole("button", { name: "Copy the statement" })).toBeNull();
  });
});
