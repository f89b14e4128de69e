// A value of the selected user becomes the search's filter: by a click or by keys, in the words that could be typed.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  const room = { matches: true, addEventListener: () => {}, removeEventListener: () => {} };
  window.matchMedia = () => room as unknown as MediaQueryList;
});

const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const details = async () => within(await screen.findByRole("complementary", { name: "Details" }));
const by = async (name: string | RegExp) => (await details()).findByRole("button", { name });
const companyOf = (at: number) =>
  fake.rows[at]?.cells[fake.columns.findIndex(({ name }) => name === "company_name")] ?? "";

test("a click filters by it, in place of another filter on the same column", async () => {
  render(App);
  const company = companyOf(0);
  const button = await by(`Filter by Company: ${company}`);
  expect(button).toHaveAttribute("title", `Filter by this: company_name:="${company}"`);
  await user.click(button);
  expect(await field()).toHaveValue(`company_name:="${company}"`);
  expect(await field()).toHaveFocus();
  expect(await screen.findByText("Company is")).toBeInTheDocument();

  // What does not fit stays away, and what was typed stays.
  await user.clear(await field());
  const plan = fake.rows[0]?.cells[fake.columns.findIndex(({ name }) => name === "plan")] ?? "";
  await user.type(await field(), `plan:${plan.slice(0, 2)} an -email:zzz`);
  await user.click(await by(`Filter by Plan: ${plan}`));
  await waitFor(async () => expect(await field()).toHaveValue(`an -email:zzz plan:=${plan}`));
});

test("keys reach it beside its value, and up and down go from value to value", async () => {
  render(App);
  const button = await by(/^Filter by Name: /);
  const name = (await details()).getByRole("button", { name: /^Copy Name/ });
  name.focus();
  await user.keyboard("{ArrowRight}");
  expect(button).toHaveFocus();
  await user.keyboard("{ArrowRight}");
  expect(button).toHaveFocus();
  await user.keyboard("{ArrowDown}");
  expect((await details()).getByRole("button", { name: /^Copy Email/ })).toHaveFocus();
  await user.keyboard("{ArrowUp}");
  expect(name).toHaveFocus();
  await user.keyboard("{ArrowRight}{Enter}");
  expect((await field()).value).toMatch(/^full_name:=/);
});

test("a text that named this user gives way, so that others of the same company are found", async () => {
  fake.answers["search_users"] = ({ query }) => {
    const { text } = query as { text: string };
    const rows = text.startsWith("company") ? fake.rows.slice(0, 3) : fake.rows.slice(0, 1);
    const how = { tier: text.startsWith("company") ? "all" : "email", by: null, elapsed_ms: 1 };
    return {
      rows,
      standings: rows.map(() => "free"),
      previous: null,
      next: null,
      how,
      left_out: null,
      doubled: null,
    };
  };
  render(App);
  await user.type(await field(), "anna.svensson@fjallbo.example");
  await waitFor(async () =>
    expect(within(await screen.findByRole("grid")).getAllByRole("row")).toHaveLength(2),
  );
  await user.click(await by(`Filter by Company: ${companyOf(0)}`));
  expect((await field()).value).toBe(`company_name:="${companyOf(0)}"`);
  await waitFor(async () =>
    expect(within(await screen.findByRole("grid")).getAllByRole("row")).toHaveLength(4),
  );
});

test("no value is a filter too; an id and JSON have none", async () => {
  const plan = fake.columns.findIndex(({ name }) => name === "plan");
  fake.columns = fake.columns.map((column) =>
    column.name === "company_name" ? { ...column, kind: "json" } : column,
  );
  fake.rows = fake.rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell, at) => (at === plan ? null : cell)),
  }));
  render(App);
  await user.click(await by("Filter by Plan: no value"));
  expect((await field()).value).toBe("plan:none");
  await user.clear(await field());
  await by(/^Filter by Name: /);
  expect((await details()).queryByRole("button", { name: /^Filter by (Id|Company): / })).toBeNull();
});

/** The company is masked. */
function maskCompany() {
  const at = fake.columns.findIndex(({ name }) => name === "company_name");
  fake.columns = fake.columns.map((column, place) =>
    place === at ? { ...column, company: false, masked: true } : column,
  );
  fake.rows = fake.rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell, place) => (place === at && cell !== null ? "••••••" : cell)),
  }));
  fake.answers["reveal_value"] = () => "Northwind Traders";
}

test("keys go on from a value that was revealed or hidden by key, and the user stays", async () => {
  maskCompany();
  render(App);
  const selected = async () =>
    within(await screen.findByRole("grid")).getByRole("row", { selected: true }).textContent;
  const before = await selected();
  (await by("Reveal: Company")).focus();
  await user.keyboard("{Enter}");
  await waitFor(async () => expect(await by("Copy Company: Northwind Traders")).toHaveFocus());
  await user.keyboard("{ArrowDown}{ArrowUp}");
  expect(await by("Copy Company: Northwind Traders")).toHaveFocus();
  await user.keyboard("{ArrowRight}{Enter}");
  await waitFor(async () => expect(await by("Reveal: Company")).toHaveFocus());
  expect(await selected()).toBe(before);

  // There may be no value any more.
  fake.answers["reveal_value"] = () => null;
  await user.keyboard("{Enter}");
  await waitFor(async () => expect(await by("Hide: Company")).toHaveFocus());
});

test("a masked value is revealed on demand, and hidden again once somebody else is shown", async () => {
  maskCompany();
  render(App);
  const reveal = async () => (await details()).findByRole("button", { name: "Reveal: Company" });
  await user.click(await reveal());
  expect(await by("Copy Company: Northwind Traders")).toBeInTheDocument();
  expect(fake.called("reveal_value").map(({ args }) => args)).toEqual([
    { connection: "acme", user: fake.rows[0]?.id, column: "company_name" },
  ]);
  await user.click(await by("Hide: Company"));
  await user.click(await reveal());
  await user.click(await by("Copy Company: Northwind Traders"));
  expect(fake.clipboard).toEqual(["Northwind Traders"]);
  expect(await screen.findByText("Company copied")).toBeInTheDocument();

  await user.click((await screen.findAllByRole("row"))[2] as HTMLElement);
  await waitFor(async () => expect((await details()).queryByText("Northwind Traders")).toBeNull());
  expect(await reveal()).toBeInTheDocument();
  // In the list, it cannot be sorted by, and its menu reveals instead of copying.
  const header = screen.getByRole("button", { name: "Company" });
  await user.click(header);
  expect(header).toHaveAttribute("aria-disabled", "true");
  expect(screen.getByRole("columnheader", { name: "Company" })).toHaveAttribute("aria-sort", "none");

  fake.refuse("reveal_value", {
    code: "audit_failed",
    message: "The value stays hidden, because this could not be recorded.",
  });
  await user.click(await reveal());
  expect(await (await details()).findByText(/The value stays hidden/)).toBeInTheDocument();
  expect(await reveal()).toBeInTheDocument();
});
