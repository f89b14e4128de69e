// The form knows the database: tables to choose from, columns filled in and corrected, a preview; and nothing is asked
// of a database that nobody has named.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { DirectoryConfig } from "../../src/bindings/DirectoryConfig";
import { connectionFile, tables } from "../fake/people";
import { installFake, type Command, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
  fake.answers["parse_draft"] = ({ text }) => JSON.parse(String(text).split("\n")[1] ?? "") as unknown;
});

const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
/** Of the list that is open, not of the form's menus. */
const options = () =>
  [...document.querySelectorAll("[role=listbox] [role=option]")].map((option) => option.textContent.trim());
const asked = (command: Command) =>
  fake
    .called(command)
    .map(({ args }) => args as { directory: DirectoryConfig; secrets: Record<string, string> });
const values = async (...names: string[]) =>
  Promise.all(names.map(async (name) => (await field(name)).value));
const FIELDS = [
  "Table",
  "ID column",
  "Name column",
  "Email column",
  "Created column",
  "More columns to show",
];
const TEMPLATE = ["users", "id", "name", "email", "created_at", ""];
const USERS = ["users", "id", "full_name", "email", "created_at", "plan, company_name, last_login_at"];

async function paste(name: string, text: string) {
  const input = await field(name);
  await user.clear(input);
  await user.click(input);
  await user.paste(text);
}

async function nameDatabase(url = "postgres://readonly@db.acme.example/acme") {
  await paste("Database URL", url);
  await user.tab();
  await toUsers();
}

/** By its key: the table has the focus then. */
const toUsers = () => user.keyboard("{Alt>}[Digit2]{/Alt}");

async function startNew() {
  render(App);
  await press("New connection");
  await screen.findByRole("dialog");
}

async function startEdit() {
  fake.answers["read_connection"] = () => ({
    text: "# by hand",
    file: connectionFile,
    problem: null,
    source: "own",
  });
  render(App);
  const acme = await screen.findByRole("button", { name: /^Acme, production/ });
  await user.pointer({ keys: "[MouseRight]", target: acme });
  await user.click(await screen.findByRole("menuitem", { name: "Edit…" }));
  await field("Login endpoint");
  await toUsers();
}

const preview = () => screen.findByRole("region", { name: "Preview" });

describe("a new connection", () => {
  test("needs its address, and has its table, its columns and a preview", async () => {
    await startNew();
    await nameDatabase();
    await screen.findByText(/“users” looks most like your users/);
    expect(await values(...FIELDS)).toEqual(USERS);
    const rows = within(await preview());
    expect(await rows.findByText("Anders Holm")).toBeInTheDocument();
    expect(rows.getByText(/PostgreSQL 15.18 · ≈ 1,204,331 users/)).toBeInTheDocument();
    // Which table is not part of the question for the tables.
    expect(asked("discover_tables")[0]?.directory).toMatchObject({
      url: "postgres://readonly@db.acme.example/acme",
      table: "",
      id: "",
    });
    expect(asked("preview_directory")[0]?.directory).toMatchObject({
      table: "users",
      name: "full_name",
      columns: ["plan", "company_name", "last_login_at"],
    });
    expect(
      screen.getByText(/Not offered, because their names suggest secrets: password_hash, reset_token/),
    ).toBeVisible();

    // The file is the same thing in another view.
    await press("File");
    expect((await field("Connection file")).value).toContain('"name":"full_name"');
    await press("Form");
    await press("Undo");
    expect(await values(...FIELDS)).toEqual(TEMPLATE);
    expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
  });

  test("keeps what was written before the tables were known", async () => {
    await startNew();
    await paste("Name column", "company_name");
    await nameDatabase();
    await screen.findByText(/4 tables to choose from/);
    expect(await values(...FIELDS)).toEqual(["users", "id", "company_name", "email", "created_at", ""]);
    await user.click(await field("Table"));
    await user.keyboard("{ArrowDown}{Enter}");
    expect(await values("Table", "Name column", "More columns to show")).toEqual([
      "users",
      "company_name",
      "plan, company_name, last_login_at",
    ]);
  });

  test("chooses another table by keys, narrowed by what is typed", async () => {
    await startNew();
    await nameDatabase();
    await screen.findByText(/looks most like your users/);
    const table = await field("Table");
    expect(table).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    expect(table).toHaveAttribute("aria-expanded", "true");
    expect(options()).toEqual([
      expect.stringMatching(
        /^users.*≈ 1,204,331 rows.*named like users · has email addresses · has passwords$/,
      ),
      expect.stringMatching(/^crm.customers.*view · named like users · has email addresses$/),
      expect.stringMatching(/^orders.*≈ 40,112,000 rows$/),
      expect.stringMatching(/^schema_migrations/),
    ]);
    // The one that is chosen already.
    expect(table).toHaveAttribute("aria-activedescendant", document.querySelector("[role=option]")?.id);
    await user.keyboard("{Escape}");
    expect(options()).toEqual([]);
    expect(screen.getByRole("dialog")).toBeInTheDocument();

    await user.clear(table);
    await user.type(table, "cust");
    expect(options()).toHaveLength(1);
    await user.keyboard("{ArrowDown}{Enter}");
    expect(await values(...FIELDS, "Columns to search")).toEqual([
      "crm.customers",
      "customer_no",
      "first_name",
      "mail",
      "",
      "last_name",
      "mail, first_name, last_name",
    ]);
    expect(table).toHaveFocus();
    await waitFor(() => {
      expect(asked("preview_directory").at(-1)?.directory).toMatchObject({ table: "crm.customers" });
    });
  });

  test("says in place what the table does not have, and asks nothing for it", async () => {
    await startNew();
    await nameDatabase();
    await within(await preview()).findByText("Anders Holm");
    const before = asked("preview_directory").length;
    await paste("Email column", "emial");
    expect(screen.getByText(/“users” has no column “emial”/)).toBeInTheDocument();
    expect(await field("Email column")).toHaveAttribute("aria-invalid", "true");
    expect(screen.queryByRole("region", { name: "Preview" })).toBeNull();
    await paste("Table", "user");
    expect(screen.getByText(/a table called “user”/)).toBeInTheDocument();
    await paste("Table", "public.users");
    await user.click(await field("Email column"));
    await user.clear(await field("Email column"));
    await user.keyboard("{ArrowDown}{Enter}");
    expect(await values("Email column")).toEqual(["email"]);
    await waitFor(() => expect(asked("preview_directory").length).toBeGreaterThan(before));
    expect(asked("preview_directory").at(-1)?.directory).toMatchObject({
      table: "public.users",
      email: "email",
    });
  });

  test("completes a list one column at a time", async () => {
    await startNew();
    await nameDatabase();
    await screen.findByText(/looks most like your users/);
    const columns = await field("More columns to show");
    await user.click(columns);
    await user.keyboard("{End},se");
    expect(options()).toEqual([expect.stringMatching(/^settings/)]);
    await user.keyboard("{ArrowDown}{Enter}");
    expect(columns).toHaveValue("plan, company_name, last_login_at, settings");
    // What stands there is not offered again.
    await user.keyboard(",{ArrowDown}");
    expect(options()[0]).toMatch(/^id/);
    expect(options().some((option) => option.startsWith("plan"))).toBe(false);
  });

  test("asks for the password where the database wants one, and goes on with it", async () => {
    await startNew();
    fake.refuse("discover_tables", {
      code: "directory_refused",
      message: "The database at db.acme.example:5432 requires a password, but none is stored.",
      hint: "Type the database password under Secrets.",
      secret: { connection: "new", name: "database_password" },
    });
    await nameDatabase();
    const sheet = within(screen.getByRole("dialog"));
    expect(await sheet.findByRole("alert")).toHaveTextContent("requires a password");
    await press("Enter the password");
    const password = await field("Database password");
    expect(password).toHaveFocus();
    await user.keyboard("canary");
    await user.tab();
    await screen.findByText(/looks most like your users/);
    expect(sheet.queryByRole("alert")).toBeNull();
    expect(asked("discover_tables").map(({ secrets }) => secrets)).toEqual([
      {},
      { database_password: "canary" },
    ]);
    expect(document.body.innerHTML).not.toContain("canary");
  });

  test("says when there is nothing to choose", async () => {
    fake.tables = { tables: [], unreadable: ["users", "orders"], left_out: 0 };
    await startNew();
    await nameDatabase();
    expect(await screen.findByText(/can't read any table/)).toBeInTheDocument();
    expect(screen.getByText(/can't read: users, orders/)).toBeInTheDocument();
    fake.tables = { tables: [], unreadable: [], left_out: 0 };
    await nameDatabase("postgres://readonly@db.acme.example/other");
    expect(await screen.findByText(/This database has no tables/)).toBeInTheDocument();
  });

  test("shows what the newest question found, whatever comes last", async () => {
    await startNew();
    const held = fake.hold("discover_tables");
    await nameDatabase();
    await waitFor(() => expect(held.waiting()).toBe(1));
    await nameDatabase("postgres://readonly@other.example/acme");
    await waitFor(() => expect(held.waiting()).toBe(2));
    held.release();
    await screen.findByText("Reading the tables…");
    expect(screen.queryByText(/tables to choose from/)).toBeNull();
    fake.tables = { ...tables, tables: tables.tables.slice(0, 2) };
    held.release();
    expect(await screen.findByText(/2 tables to choose from/)).toBeInTheDocument();
    // Another address, and nobody knows its tables yet.
    await paste("Database URL", "postgres://readonly@third.example/acme");
    expect(screen.queryByText(/tables to choose from/)).toBeNull();
  });

  test("stops looking when it is left", async () => {
    await startNew();
    const held = fake.hold("discover_tables");
    await nameDatabase();
    await waitFor(() => expect(held.waiting()).toBe(1));
    await press("Cancel");
    await press("Discard");
    await waitFor(() => expect(fake.called("stop_discovery")).toHaveLength(1));
    held.stop();
  });
});

describe("a connection that is there", () => {
  test("is not looked into before somebody wants to choose", async () => {
    await startEdit();
    // Passing through is not typing.
    await user.click(await field("Database URL"));
    await user.tab();
    expect(fake.called("discover_tables")).toHaveLength(0);
    await user.keyboard("{ArrowDown}");
    await waitFor(() => expect(options()).toHaveLength(4));
    // By its schema it is the same table, and what the file says stays.
    expect((await field("Table")).value).toBe("public.users");
    expect(asked("discover_tables")[0]).toMatchObject({ connection: "acme" });
    await user.keyboard("{Escape}");
    expect(await within(await preview()).findByText("Anders Holm")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
  });

  test("a refused preview says why, and can be tried again", async () => {
    await startEdit();
    fake.refuse("preview_directory", { code: "directory_timeout", message: "It did not answer within 3 s." });
    await user.click(await field("Table"));
    await user.keyboard("{ArrowDown}{Escape}");
    const shown = within(await preview());
    expect(await shown.findByRole("alert")).toHaveTextContent("did not answer within 3 s");
    await user.click(shown.getByRole("button", { name: "Retry" }));
    expect(await shown.findByText("Anders Holm")).toBeInTheDocument();
    expect(fake.called("preview_directory")).toHaveLength(2);
  });
});
