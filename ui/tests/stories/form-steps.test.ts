// The connection form in three steps: each by its key, each green on its own, none loses what was typed in another; the
// database's URL and its parts are one thing; whom the rules protect is counted.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { ProtectedCount } from "../../src/bindings/ProtectedCount";
import { connectionFile } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
});

const URL = "postgres://readonly@db.acme.example/acme";
const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const toStep = (n: number) => user.keyboard(`{Alt>}[Digit${n}]{/Alt}`);
const step = (name: string) => screen.getByRole("button", { name });

async function put(name: string, text: string) {
  const input = await field(name);
  await user.clear(input);
  await user.click(input);
  if (text !== "") await user.paste(text);
}

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
}

describe("the steps", () => {
  test("are reached by key, keep what was typed, and are saved from any of them", async () => {
    await startNew();
    await put("Name", "Acme");
    await put("Database URL", URL);
    expect(step("Database")).toHaveAttribute("aria-current", "step");
    await toStep(2);
    expect(step("Users")).toHaveAttribute("aria-current", "step");
    expect(await field("Table")).toHaveFocus();
    expect(screen.queryByRole("textbox", { name: "Name" })).toBeNull();
    await put("Email column", "mail");
    await toStep(3);
    expect(screen.getByRole("combobox", { name: "Sign-in method" })).toHaveFocus();
    expect(screen.queryByRole("button", { name: "Add a related table" })).toBeNull();
    await put("Session limit, in minutes", "30");
    await toStep(1);
    expect(screen.getByRole("textbox", { name: "Name" })).toHaveFocus();
    expect(screen.getByRole("textbox", { name: "Name" })).toHaveValue("Acme");
    await press("Next: Users");
    expect(await field("Table")).toHaveFocus();
    expect(await field("Email column")).toHaveValue("mail");
    await user.keyboard("{Control>}s{/Control}");
    await waitFor(() => expect(fake.called("draft_text")).not.toEqual([]));
    expect(fake.called("draft_text").at(-1)?.args["file"]).toMatchObject({
      name: "Acme",
      directory: { url: URL, email: "mail" },
      policy: { max_minutes: 30 },
    } satisfies Partial<Record<keyof ConnectionFile, unknown>>);
  });

  test("say on their own how they stand", async () => {
    await startNew();
    expect(step("Database")).toHaveAccessibleDescription("not tested yet");
    await put("Name", "Acme");
    await put("Database URL", URL);
    await user.tab();
    expect(await screen.findByText("The database answers. It has 4 tables.")).toBeInTheDocument();
    expect(step("Database")).toHaveAccessibleDescription("works");
    await waitFor(() => expect(step("Users")).toHaveAccessibleDescription("works"));
    expect(step("Sign-in and policy")).toHaveAccessibleDescription("not tested yet");

    await toStep(2);
    await put("Email column", "emial");
    expect(step("Users")).toHaveAccessibleDescription("needs fixing");
    expect(step("Database")).toHaveAccessibleDescription("works");
    await put("Email column", "email");
    await waitFor(() => expect(step("Users")).toHaveAccessibleDescription("works"));

    await toStep(3);
    await put("User ID", "42");
    await press("Test sign-in");
    await waitFor(() => expect(step("Sign-in and policy")).toHaveAccessibleDescription("works"));
    await put("Start page", "https://app.acme.example/");
    expect(step("Sign-in and policy")).toHaveAccessibleDescription("not tested yet");
  });

  test("a fault is in its step, and saving goes there", async () => {
    await startNew();
    await put("Name", "Acme");
    await put("Session limit, in minutes", "soon");
    await user.keyboard("{Control>}s{/Control}");
    await waitFor(() => expect(step("Sign-in and policy")).toHaveAttribute("aria-current", "step"));
    expect(await field("Session limit, in minutes")).toHaveFocus();
    expect(step("Sign-in and policy")).toHaveAccessibleDescription("needs fixing");
    expect(step("Database")).toHaveAccessibleDescription("not tested yet");
    // From another step, the list of faults leads there too.
    await toStep(1);
    await press("Session limit, in minutes");
    await waitFor(async () => expect(await field("Session limit, in minutes")).toHaveFocus());
    expect(step("Sign-in and policy")).toHaveAttribute("aria-current", "step");
  });
});

describe("the database's URL", () => {
  const parts = async () => ({
    engine: (await field("Kind of database")).value,
    host: (await field("Host")).value,
    port: (await field("Port")).value,
    database: (await field("Database name")).value,
    user: (await field("Database user")).value,
    options: (await field("Options")).value,
  });

  test("fills its parts as it is typed, whatever was pasted", async () => {
    await startNew();
    await put(
      "Database URL",
      "DATABASE_URL=postgresql+psycopg2://kim:canary@db.acme.example:6432/acme?sslmode=require",
    );
    await user.tab();
    expect(await parts()).toEqual({
      engine: "postgres",
      host: "db.acme.example",
      port: "6432",
      database: "acme",
      user: "kim",
      options: "sslmode=require",
    });
    expect(document.body.innerHTML).not.toContain("canary");
    await put("Database URL", "sqlite:///srv/users.sqlite");
    expect(await field("Full path of the file")).toHaveValue("/srv/users.sqlite");
    expect(screen.queryByLabelText("Host")).toBeNull();
  });

  test("is written by its parts, and read once the last of them is left", async () => {
    await startNew();
    await user.type(await field("Host"), "db.acme.example:6432");
    // As it is typed until the field is left.
    expect(await field("Host")).toHaveValue("db.acme.example:6432");
    await user.tab();
    expect(await field("Host")).toHaveValue("db.acme.example");
    expect(await field("Port")).toHaveValue("6432");
    await user.type(await field("Database name"), "acme");
    await user.type(await field("Database user"), "kim@acme");
    expect(await field("Database URL")).toHaveValue("postgres://kim%40acme@db.acme.example:6432/acme");
    expect(fake.called("discover_tables")).toEqual([]);
    await user.tab();
    await user.tab();
    await waitFor(() => expect(fake.called("discover_tables")).toHaveLength(1));

    await user.selectOptions(await field("Kind of database"), "MySQL");
    expect(await field("Database URL")).toHaveValue("mysql://kim%40acme@db.acme.example:6432/acme");
    expect(await field("Database user")).toHaveValue("kim@acme");
  });

  test("that is none yet keeps its parts closed, so that nothing of it is lost", async () => {
    await startNew();
    await put("Database URL", "oracle://db/acme");
    expect(await field("Host")).toHaveAttribute("readonly");
    expect(await field("Kind of database")).toBeDisabled();
    await put("Database URL", "");
    expect(await field("Host")).not.toHaveAttribute("readonly");
  });
});

describe("whom the rules protect", () => {
  const counted = (change: Partial<ProtectedCount>) => {
    fake.answers["count_protected"] = () => ({
      users: 0,
      by_rule: [0],
      undecided: 0,
      read: 1204,
      complete: true,
      limit_ms: 2000,
      estimated_total: 1_204_331,
      ...change,
    });
  };
  const RULES = "Users that can never be impersonated";

  async function startRead() {
    await startNew();
    await put("Database URL", URL);
    await user.tab();
    await toStep(2);
    await within(await screen.findByRole("region", { name: "Preview" })).findByText("Anders Holm");
    await toStep(3);
  }

  test("is counted as rules are typed, once the database was read", async () => {
    counted({ users: 12 });
    await startRead();
    expect(fake.called("count_protected")).toEqual([]);
    await put(RULES, "user.plan == 'staff'\n\n user.email is ending_with('@acme.example') ");
    expect(await screen.findByText("Covers 12 of 1,204 users.")).toBeInTheDocument();
    expect(fake.called("count_protected").at(-1)?.args).toMatchObject({
      connection: null,
      directory: { url: URL, table: "users" },
      rules: ["user.plan == 'staff'", "user.email is ending_with('@acme.example')"],
    });
    counted({ complete: false, users: 12, read: 40_000 });
    await put(RULES, "user.plan == 'other'");
    expect(
      await screen.findByText(
        "Covers at least 12, of 40,000 users checked in 2 s. There are about 1,204,331 users.",
      ),
    ).toBeInTheDocument();
    counted({ complete: false, read: 0 });
    await press("Retry");
    expect(await screen.findByText("Could not count in 2 s.")).toBeInTheDocument();
    fake.refuse("count_protected", {
      code: "connection_invalid",
      message: "Rule 1: unknown name `user.rol`.",
    });
    await put(RULES, "user.rol == 1");
    expect(await screen.findByText(/^Rule 1: unknown name/)).toBeInTheDocument();
    await put(RULES, "");
    expect(screen.queryByText(/^Rule 1/)).toBeNull();
  });

  test("asks no database by itself that was not read yet", async () => {
    counted({ users: 0 });
    await startEdit();
    await toStep(3);
    await put(RULES, "user.plan == 'staff'");
    expect(fake.called("discover_tables")).toEqual([]);
    await press("Count the users this covers");
    expect(await screen.findByText("No user is covered.")).toBeInTheDocument();
    expect(fake.called("discover_tables")).toHaveLength(1);
  });
});
