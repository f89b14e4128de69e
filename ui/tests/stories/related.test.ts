// Related tables: why a user was found, their records in the details, and the form's fields for them.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { Column } from "../../src/bindings/Column";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { Page } from "../../src/bindings/Page";
import type { RecordsRequest } from "../../src/bindings/RecordsRequest";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
const column = (name: string, label: string, role: Column["role"] = "other"): Column => ({
  name,
  label,
  role,
  kind: "text",
  sortable: true,
  company: false,
});

/** Seven orders of whoever asks, three to a page. */
function orders({ place, user: of }: RecordsRequest): Page {
  const from = typeof place === "object" && "after" in place ? Number(place.after) : 0;
  const rows = [0, 1, 2, 3, 4, 5, 6].slice(from, from + 3).map((at) => ({
    id: `${at}`,
    cells: [`${at}`, of, `ORD-70000${at}`, at === 1 ? null : `Item ${at}`],
  }));
  const next = from + 3 < 7 ? `${from + 3}` : null;
  return {
    rows,
    previous: null,
    next,
    how: { tier: "all", by: null, elapsed_ms: 1 },
    left_out: null,
    doubled: null,
  };
}

beforeEach(() => {
  fake = installFake({
    related: [
      {
        label: "Order",
        table: "orders",
        columns: [
          column("id", "ID", "id"),
          column("user_id", "User ID"),
          column("number", "Number"),
          column("item", "Item"),
        ],
        leads_by: 1,
        shared: false,
        shared_value: null,
        identify: [2],
        opens: true,
      },
    ],
    records: orders,
  });
  user = userEvent.setup();
  const room = { matches: true, addEventListener: () => {}, removeEventListener: () => {} };
  window.matchMedia = () => room as unknown as MediaQueryList;
});

const details = async () => within(await screen.findByRole("complementary", { name: "Details" }));
const asked = () => fake.called("list_records").map(({ args }) => args["request"] as RecordsRequest);

test("a user's records are read when they are asked for, page by page, and each value can be copied", async () => {
  render(App);
  const section = await (await details()).findByRole("button", { name: "Order records" });
  expect(section).toHaveAttribute("aria-expanded", "false");
  expect(asked()).toEqual([]);
  await user.click(section);
  expect(section).toHaveAttribute("aria-expanded", "true");
  await waitFor(async () => expect((await details()).getByText("ORD-700002")).toBeInTheDocument());
  const first = fake.rows[0]?.id;
  expect(asked()).toEqual([{ user: first, related: 0, place: "start", limit: 5 }]);
  // Neither the key that is the user's own, nor the row's, is said again.
  expect((await details()).queryByText("User ID")).toBeNull();

  await user.click((await details()).getByRole("button", { name: "Show more: Order" }));
  await user.click(await (await details()).findByRole("button", { name: "Show more: Order" }));
  expect(await (await details()).findByText("ORD-700006")).toBeInTheDocument();
  expect((await details()).getByText("ORD-700000")).toBeInTheDocument();
  expect((await details()).queryByRole("button", { name: "Show more: Order" })).toBeNull();
  expect(asked().map(({ place }) => place)).toEqual(["start", { after: "3" }, { after: "6" }]);

  await user.click((await details()).getByRole("button", { name: /^Copy Number: ORD-700003/ }));
  await waitFor(() => expect(fake.clipboard.at(-1)).toBe("ORD-700003"));
});

test("keys go on in the records that a key asked for, page by page", async () => {
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Order records" }));
  const more = async () => (await details()).findByRole("button", { name: "Show more: Order" });
  const value = async (name: RegExp) => (await details()).findByRole("button", { name });
  (await more()).focus();
  await user.keyboard("{Enter}");
  const first = await value(/^Copy Number: ORD-700003/);
  await waitFor(() => expect(first).toHaveFocus());
  (await more()).focus();
  await user.keyboard("{Enter}");
  const last = await value(/^Copy Number: ORD-700006/);
  await waitFor(() => expect(last).toHaveFocus());
  expect(fake.called("list_records")).toHaveLength(3);
});

test("a record opens in the team's own tool, by the row that was read", async () => {
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Order records" }));
  const open = await (await details()).findAllByRole("button", { name: "Open in your own tool" });
  await user.click(open[1] as HTMLElement);
  const { record } = orders({ user: fake.rows[0]?.id ?? "", related: 0, place: "start", limit: 5 }).rows.map(
    (row) => ({ record: row }),
  )[1] ?? { record: null };
  expect(fake.called("open_record").at(-1)?.args).toMatchObject({ related: 0, record });
});

/** Chooses the second user of the list, and waits for their details. */
async function chooseSecond() {
  const id = fake.rows[1]?.id ?? "";
  const row = document.querySelector(`[role=row][data-id="${id}"]`);
  await user.click(row as HTMLElement);
  await waitFor(() => expect(row).toHaveAttribute("aria-selected", "true"));
}

test("records are given up when another user is chosen", async () => {
  const held = fake.hold("list_records");
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Order records" }));
  await waitFor(() => expect(held.waiting()).toBe(1));
  const number = fake.called("list_records")[0]?.args["number"];
  await chooseSecond();
  await waitFor(() => expect(fake.called("stop_records").map(({ args }) => args)).toEqual([{ number }]));
  held.stop();
});

test("records that were read are not given up", async () => {
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Order records" }));
  await (await details()).findAllByRole("button", { name: "Open in your own tool" });
  await chooseSecond();
  expect(fake.called("stop_records")).toHaveLength(0);
});

test("what failed can be tried again, and no records are said to be none", async () => {
  fake.refuse("list_records", { code: "directory_timeout", message: "The query took too long." });
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Order records" }));
  expect(await (await details()).findByText("The query took too long.")).toBeInTheDocument();
  fake.records = () => ({
    ...orders({ user: "", related: 0, place: "start", limit: 1 }),
    rows: [],
    next: null,
  });
  await user.click((await details()).getByRole("button", { name: "Retry" }));
  expect(await (await details()).findByText("None.")).toBeInTheDocument();
});

test("where nobody was found, related tables are among what was searched", async () => {
  render(App);
  await user.type(await screen.findByRole("searchbox", { name: "Search users" }), "zzyzx");
  expect(await screen.findByText("Searched in ID, Email, Name, Order.")).toBeInTheDocument();
});

test("the row says which record led to it, and its records are open", async () => {
  const [row] = fake.rows;
  if (!row) throw new Error("the fake has users");
  fake.answers["search_users"] = () => ({
    rows: [{ ...row, found_through: { label: "Order", value: "ORD-700001" } }],
    standings: ["free"],
    previous: null,
    next: null,
    how: { tier: "related", by: null, elapsed_ms: 1 },
    left_out: null,
    doubled: null,
  });
  render(App);
  const listed = await screen.findByRole("row", { description: "Order ORD-700001" });
  expect(within(listed).getByText("Order ORD-700001")).toBeVisible();
  expect(await (await details()).findByRole("button", { name: "Order records" })).toHaveAttribute(
    "aria-expanded",
    "true",
  );
  expect(await (await details()).findByText("ORD-700000")).toBeInTheDocument();
});

test("a pasted email is found by what it holds, and what was looked for is said", async () => {
  const [row] = fake.rows;
  if (!row) throw new Error("the fake has users");
  const page = {
    standings: ["free"],
    previous: null,
    next: null,
    how: { tier: "related", by: null, elapsed_ms: 1 },
    left_out: null,
    doubled: null,
  };
  const looked_for = ["ada@acme.test", "ORD-700001"];
  fake.answers["search_users"] = () => ({
    ...page,
    rows: [{ ...row, found_through: { label: "Order", value: "ORD-700001" } }],
    pasted: { taken: "ORD-700001", looked_for },
  });
  render(App);
  const field = await screen.findByRole("searchbox", { name: "Search users" });
  await user.click(field);
  await user.paste("Hello,\r\n\r\nwhere is ORD-700001?\n> Thanks\n");
  expect(field).toHaveValue("Hello, ↵ where is ORD-700001? ↵ > Thanks");
  const status = await screen.findByRole("group", { name: "About the list" });
  await waitFor(() => expect(status).toHaveTextContent("by Order ORD-700001 in the text"));
  // A customer's email is not kept on this computer.
  expect(localStorage.getItem("search")).toBe(JSON.stringify(["acme", ""]));

  fake.answers["search_users"] = () => ({
    ...page,
    rows: [],
    standings: [],
    pasted: { taken: null, looked_for },
  });
  await user.type(field, "!");
  expect(await screen.findByText("Looked for ada@acme.test, ORD-700001 in the text.")).toBeVisible();
});

test("the form has a card for each related table", async () => {
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
  render(App);
  await user.click(await screen.findByRole("button", { name: "New connection" }));
  const put = async (name: string, text: string) => {
    const input = await screen.findByLabelText<HTMLInputElement>(name);
    await user.clear(input);
    await user.click(input);
    await user.paste(text);
  };
  await put("Name", "Acme");
  await put("Database URL", "postgres://readonly@db.acme.example/acme");
  await user.click(screen.getByRole("button", { name: "Users" }));
  await user.click(screen.getByRole("button", { name: "Add a related table" }));
  const card = within(screen.getByRole("group", { name: "Related table 1" }));
  expect(card.getByLabelText("What a row is called")).toHaveFocus();
  await put("What a row is called", "Order");
  await put("Its table", " orders ");
  await put("Column that refers to a user", "customer_id");
  await put("Columns that find the user", "number, iban");
  await put("Page in your own tool", "https://shop.acme.example/orders/{{ record.number }}");
  await user.click(screen.getByRole("button", { name: "Add a related table" }));
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  const written = () => fake.called("draft_text").at(-1)?.args["file"] as ConnectionFile;
  await waitFor(() =>
    expect(written().directory.related).toEqual([
      {
        label: "Order",
        table: "orders",
        user: "customer_id",
        identify: ["number", "iban"],
        url: "https://shop.acme.example/orders/{{ record.number }}",
      },
    ]),
  );
});

test("a company's people are one click from each of them", async () => {
  const at = fake.columns.findIndex(({ name }) => name === "company_name");
  fake.related = [
    {
      label: "Company",
      table: "companies",
      columns: [column("id", "ID", "id"), column("name", "Name")],
      leads_by: 0,
      identify: [1],
      shared: true,
      shared_value: at,
      opens: false,
    },
  ];
  fake.records = (request) => ({
    ...orders(request),
    rows: [{ id: "10", cells: ["10", "Acme Tools Ltd"] }],
    next: null,
  });
  render(App);
  await user.click(await (await details()).findByRole("button", { name: "Company records" }));
  await user.click(await (await details()).findByRole("button", { name: "Show its people" }));
  const company = fake.rows[0]?.cells[at] ?? "";
  const field = screen.getByRole("searchbox", { name: "Search users" });
  expect(field).toHaveValue(`company_name:="${company}"`);
  expect(field).toHaveFocus();
});
