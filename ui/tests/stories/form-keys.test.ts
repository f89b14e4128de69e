// Keys of the connection file that only some connections need: their fields in the form, and what is left to the file.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { DirectoryConfig } from "../../src/bindings/DirectoryConfig";
import { tables } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
});

const ORDER = "UUID byte order";
const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const written = () => fake.called("draft_text").at(-1)?.args["file"] as ConnectionFile;
const previewed = () =>
  fake
    .called("preview_directory")
    .map(({ args }) => (args["directory"] as DirectoryConfig).uuid_bytes ?? null);

async function put(name: string, text: string) {
  const input = await field(name);
  await user.clear(input);
  await user.click(input);
  if (text !== "") await user.paste(text);
}

async function nameDatabase(url = "postgres://readonly@db.acme.example/acme") {
  render(App);
  await user.click(await screen.findByRole("button", { name: "New connection" }));
  await put("Database URL", url);
  await user.tab();
}

const toStep = (name: string) => user.click(screen.getByRole("button", { name }));
const toSignIn = () => toStep("Sign-in and policy");

const withBytes = (column: string) => ({
  ...tables,
  tables: tables.tables.map((table) => ({
    ...table,
    columns: table.columns.map((one) => ({ ...one, bytes: one.name === column })),
  })),
});

test("the order of a UUID's bytes is asked where the id holds bytes, and the preview follows it", async () => {
  fake.tables = withBytes("id");
  await nameDatabase();
  await toStep("Users");
  const order = await screen.findByRole("combobox", { name: ORDER });
  expect(order).toHaveDisplayValue("As written (default)");
  await waitFor(() => expect(previewed()).toEqual([null]));
  await user.selectOptions(order, "First three parts reversed (.NET, SQL Server)");
  await waitFor(() => expect(previewed()).toEqual([null, "little-endian"]));
  // The tables are the same.
  expect(fake.called("discover_tables")).toHaveLength(1);
  await put("Name", "Acme");
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() => expect(written().directory.uuid_bytes).toBe("little-endian"));
});

test("or where another column that is mapped does; else nobody is asked", async () => {
  fake.tables = withBytes("settings");
  await nameDatabase();
  await toStep("Users");
  await screen.findByText(/looks most like your users/);
  expect(screen.queryByRole("combobox", { name: ORDER })).toBeNull();
  await put("More columns to show", "plan, settings");
  expect(await screen.findByRole("combobox", { name: ORDER })).toBeInTheDocument();
});

test("how long a sleeping database is waited for is a number of seconds, and no question of a file", async () => {
  await nameDatabase();
  const PATIENCE = "Wait for a paused database, in seconds";
  await put("Database URL", "sqlite:///srv/acme.sqlite");
  await waitFor(() => expect(screen.queryByLabelText(PATIENCE)).toBeNull());
  await put("Database URL", "postgres://readonly@db.acme.example/acme");
  await put(PATIENCE, "600");
  await put("Name", "Acme");
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  expect(await screen.findByText("Enter a whole number from 5 to 300.")).toBeInTheDocument();
  await put(PATIENCE, "90");
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() => expect(written().directory.patience).toBe(90));
});

test("the way to the application has its fields, and a gateway's password its place among the secrets", async () => {
  await nameDatabase();
  expect(screen.queryByLabelText("gateway_password")).toBeNull();
  await put("Proxy", "http://proxy.acme.example:3128");
  await put("User name for HTTP Basic", "support");
  await put("Extensions per session", "0");
  await put("Name", "Acme");
  expect(await field("gateway_password")).toHaveAttribute("type", "password");
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() =>
    expect(written().network).toEqual({ proxy: "http://proxy.acme.example:3128", gateway_user: "support" }),
  );
  expect(written().policy?.max_extensions).toBe(0);
});

test("hosts that ask for a password get their rows, and each password its place among the secrets", async () => {
  await nameDatabase();
  await put("Name", "Acme");
  await toSignIn();
  await user.click(screen.getByRole("button", { name: "Add a host" }));
  expect(screen.getByLabelText("Origin of host 1")).toHaveFocus();
  await put("Origin of host 1", " https://reports.acme.example ");
  await put("User name for host 1", "{{ operator.email }}");
  await put("Password for host 1", "{{ secret.reports_password }}");
  expect(await field("reports_password")).toHaveAttribute("type", "password");
  await user.click(screen.getByRole("button", { name: "Add a host" }));
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() =>
    expect(written().network).toEqual({
      credentials: [
        {
          origin: "https://reports.acme.example",
          user: "{{ operator.email }}",
          password: "{{ secret.reports_password }}",
        },
      ],
    }),
  );
});

test("a connection of production begins read-only, until its form says something else", async () => {
  await nameDatabase();
  await toSignIn();
  const mode = await screen.findByRole("combobox", { name: "Sessions begin" });
  const unlock = screen.getByRole("combobox", { name: "Agents can switch to full access" });
  expect(mode).toHaveDisplayValue("Read-only (default in production)");
  expect(unlock).toHaveDisplayValue("With a reason (default in production)");
  await toStep("Database");
  await user.click(screen.getByRole("radio", { name: "staging" }));
  await toSignIn();
  expect(mode).toHaveDisplayValue("With full access (default)");
  expect(unlock).toHaveDisplayValue("Yes (default)");
  await put("Name", "Acme");

  await user.selectOptions(mode, "Read-only");
  await user.selectOptions(unlock, "No");
  await user.click(screen.getByRole("button", { name: "Allow a request" }));
  expect(screen.getByLabelText("Path of request 1")).toHaveFocus();
  await user.keyboard("/api/search");
  await put("Purpose of request 1", "the search field");
  await user.click(screen.getByRole("button", { name: "Allow a request" }));
  await user.selectOptions(screen.getByLabelText("Method of request 2"), "Web socket");
  await put("Path of request 2", "/live/**");
  await put("Server of request 2", " https://live.acme.example ");
  await put("Where pages may lead without asking", "https://id.acme.example, *.acme.example");
  await put("Blocked hosts", "*.chat.example");
  await user.click(screen.getByRole("radio", { name: "Blocked" }));
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() =>
    expect(written().policy).toMatchObject({
      mode: "read_only",
      may_unlock: false,
      allow: [
        { method: "POST", path: "/api/search", why: "the search field" },
        { method: "websocket", origin: "https://live.acme.example", path: "/live/**" },
      ],
      origins: ["https://id.acme.example", "*.acme.example"],
      hosts: { block: ["*.chat.example"], block_telemetry: true },
    }),
  );
});

test("a colleague's approval is chosen with or without a way past it, and its fault is shown there", async () => {
  await nameDatabase();
  await put("Name", "Acme");
  await toSignIn();
  const approval = await screen.findByRole("combobox", { name: "Approval" });
  expect(approval).toHaveDisplayValue("Not needed (default)");
  await user.selectOptions(approval, "By a second person, or sign in without it");
  fake.refuse("save_connection", {
    code: "connection_invalid",
    message: "It is invalid.",
    faults: [{ key: "policy.break_glass", line: 14, column: 8, message: "needs `approval`" }],
  });
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() => expect(approval).toBeInvalid());
  expect(written().policy).toMatchObject({ approval: "second_person", break_glass: true });
  await user.selectOptions(approval, "By a second person");
  expect(approval).toBeValid();
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  await waitFor(() =>
    expect(written().policy).toMatchObject({ approval: "second_person", break_glass: false }),
  );
});

test("a request that can't be allowed is named by its row, until it is changed", async () => {
  await nameDatabase();
  await put("Name", "Acme");
  await toSignIn();
  for (const [at, path] of ["/api/search", "api/totals"].entries()) {
    await user.click(screen.getByRole("button", { name: "Allow a request" }));
    await put(`Path of request ${at + 1}`, path);
  }
  fake.refuse("save_connection", {
    code: "connection_invalid",
    message: "It is invalid.",
    faults: [{ key: "policy.allow[1].path", line: 14, column: 8, message: "a path begins with a slash" }],
  });
  await user.click(screen.getByRole("button", { name: /^Save/ }));
  expect(await screen.findByText("Request 2, path (line 14): A path begins with a slash.")).toBeVisible();
  expect(screen.getByLabelText("Path of request 2")).toBeInvalid();
  for (const label of ["Path of request 1", "Server of request 2", "Method of request 2"]) {
    expect(screen.getByLabelText(label)).toBeValid();
  }
  await put("Path of request 2", "/api/totals");
  expect(screen.queryByText(/^Request 2, path/)).toBeNull();
  expect(screen.getByLabelText("Path of request 2")).toBeValid();
});

test("what the form has no field for is named where it belongs", async () => {
  await nameDatabase();
  const form = within(screen.getByRole("dialog"));
  const said = () => form.getAllByText(/^Only in the File view/).map((one) => one.textContent);
  expect(said()).toEqual([
    "Only in the File view: page, masked, ssh, password_command.",
    "Only in the File view: record_lookups.",
    "Only in the File view: note, evidence.",
    "Only in the File view: url, method, headers, body, encoding.",
  ]);
  await user.selectOptions(await field("Sign-in method"), "Custom request");
  expect(said()).toEqual([
    "Only in the File view: page, masked, ssh, password_command.",
    "Only in the File view: encoding, expect, block.",
    "Only in the File view: headers.",
    "Only in the File view: headers, body, encoding, steps.",
    "Only in the File view: record_lookups.",
    "Only in the File view: note, evidence.",
    "Only in the File view: url, method, headers, body, encoding.",
  ]);
});
