// A stored secret would go elsewhere than it was stored for: what the agent is asked, and what comes of each answer.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { Aspect } from "../../src/bindings/Aspect";
import type { Destination } from "../../src/bindings/Destination";
import type { Moved } from "../../src/bindings/Moved";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const place = (facts: Partial<Record<Aspect, string>>): Destination => ({
  print: JSON.stringify(facts),
  facts: Object.entries(facts).map(([aspect, value]) => ({ aspect: aspect as Aspect, value })),
});
const password = (host: string): Destination =>
  place({ engine: "PostgreSQL", server: host, user: "readonly", tls: "default" });

const moved: Moved = {
  connection: "acme",
  secrets: [
    {
      name: "database_password",
      stored_for: password("db.acme.internal:5432"),
      now: password("db.evil.example:5432"),
    },
  ],
};
const refused = { code: "destination_changed" as const, message: "It would go elsewhere.", moved };

const question = () => screen.findByRole("alertdialog");
const answered = () => waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const row = (dialog: HTMLElement, name: RegExp) =>
  within(within(dialog).getByRole("row", { name })).getAllByRole("cell");

describe("a file was changed on disk", () => {
  test("both places are shown, Cancel has the focus, and a yes goes on", async () => {
    fake.refuse("search_users", refused);
    render(App);
    const dialog = await question();
    expect(dialog).toHaveAccessibleName("Send “Database password” somewhere new?");
    expect(dialog).toHaveAccessibleDescription(/Nothing has been sent/);
    expect(within(dialog).getByRole("button", { name: "Cancel" })).toHaveFocus();
    const [before, now] = row(dialog, /^Server \(changed\)/);
    expect(before).toHaveTextContent("db.acme.internal:5432");
    expect(now).toHaveTextContent("db.evil.example:5432");
    expect(within(dialog).getByRole("row", { name: /^User readonly readonly/ })).toBeInTheDocument();

    await press("Use it there");
    await answered();
    expect(fake.called("use_secrets_there").map(({ args }) => args)).toEqual([{ moved }]);
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
  });

  test("no leaves it as it is, asks no more by itself, and can be taken back", async () => {
    fake.refuse("search_users", refused, 99);
    render(App);
    await question();
    await user.keyboard("{Escape}");
    await answered();
    expect(await screen.findByText("It would go elsewhere.")).toBeInTheDocument();
    await user.type(screen.getByRole("searchbox", { name: "Search users" }), "anna");
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(fake.called("use_secrets_there")).toEqual([]);

    fake.refuse("search_users", refused, 0);
    await press("Compare…");
    await press("Use it there");
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
  });

  test("another value is typed instead", async () => {
    fake.refuse("search_users", refused);
    render(App);
    await question();
    await press("Enter another…");
    await user.type(await screen.findByLabelText("Secret"), "the new one");
    await press("Store");
    expect(fake.called("store_secret")[0]?.args).toMatchObject({
      connection: "acme",
      name: "database_password",
      value: "the new one",
    });
    expect(fake.called("use_secrets_there")).toEqual([]);
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
  });

  test("what cannot be kept is said, and nothing goes on", async () => {
    fake.refuse("search_users", refused);
    fake.refuse("use_secrets_there", { code: "vault_locked", message: "It is locked.", hint: "Unlock it." });
    render(App);
    await question();
    await press("Use it there");
    expect(await screen.findByText("Unlock it.")).toBeInTheDocument();
    expect(fake.called("search_users")).toHaveLength(1);
    await press("Use it there");
    await answered();
  });
});

test("an impersonation goes on with its reason once the agent has agreed", async () => {
  const token = {
    connection: "acme",
    secrets: [
      {
        name: "admin_token",
        stored_for: place({ origin: "https://app.acme.com" }),
        now: place({ origin: "https://app.acme.com", proxy: "http://proxy.acme.com:3128" }),
      },
    ],
  };
  render(App);
  await user.click(await screen.findByRole("button", { name: /^Impersonate/ }));
  await user.type(await screen.findByLabelText("Reason"), "Ticket 7");
  fake.refuse("impersonate", { ...refused, moved: token });
  await user.keyboard("{Enter}");
  const dialog = await question();
  const [before, now] = row(dialog, /^Proxy \(changed\)/);
  expect([before?.textContent.trim(), now?.textContent.trim()]).toEqual(["—", "http://proxy.acme.com:3128"]);
  await press("Use it there");
  await answered();
  expect(fake.called("impersonate").map(({ args }) => args["reason"])).toEqual(["Ticket 7", "Ticket 7"]);
});

test("of a secret without a place only the new one is shown, and hidden characters are seen", async () => {
  const unknown = {
    connection: "acme",
    secrets: [{ name: "database_password", stored_for: null, now: password("db.\u202eacme.internal") }],
  };
  fake.refuse("search_users", { ...refused, moved: unknown });
  render(App);
  const dialog = await question();
  expect(dialog).toHaveAccessibleName("Send “Database password” here?");
  expect(within(dialog).queryByRole("columnheader", { name: "Stored for" })).toBeNull();
  expect(row(dialog, /^Server/)[0]).toHaveTextContent("db.‹U+202E›acme.internal");
});

describe("in the form", () => {
  const edit = async () => {
    render(App);
    await user.pointer({
      keys: "[MouseRight]",
      target: await screen.findByRole("button", { name: /^Acme, production/ }),
    });
    await user.click(await screen.findByRole("menuitem", { name: "Edit…" }));
    return screen.findByRole("dialog", { name: "Acme" });
  };

  test("Test asks, goes on after a yes, and has its own field for another value", async () => {
    await edit();
    fake.refuse("check_connection", refused);
    await press("Test");
    const dialog = await question();
    expect(within(dialog).queryByRole("button", { name: "Enter another…" })).toBeNull();
    await press("Use it there");
    await answered();
    expect(fake.called("check_connection")).toHaveLength(2);

    fake.refuse("check_connection", refused, 2);
    await press("Test");
    await question();
    await press("Cancel");
    expect(await screen.findByText("It would go elsewhere.")).toBeInTheDocument();
    await press("Test");
    await question();
    await press("Cancel");
  });

  test("an address that is being typed opens no dialog: it is said there", async () => {
    await edit();
    fake.refuse("discover_tables", refused);
    const field = await screen.findByLabelText("Database URL");
    await user.clear(field);
    await user.type(field, "postgres://readonly@db.evil.example/acme");
    await user.tab();
    expect(await screen.findByText("It would go elsewhere.")).toBeInTheDocument();
    expect(screen.queryByRole("alertdialog")).toBeNull();
    await press("Compare…");
    await question();
    await press("Use it there");
    await answered();
    await waitFor(() => expect(fake.called("discover_tables")).toHaveLength(2));
  });
});

describe("what runs to reach the database was changed on disk", () => {
  const way = (host: string, program = `"aws" "token"`): Destination =>
    place({ program, engine: "PostgreSQL", server: host, user: "readonly", tls: "default" });
  const changed = (stored_for: Destination | null): Moved => ({
    connection: "acme",
    secrets: [{ name: "directory/commands", stored_for, now: way("db.evil.example:5432") }],
  });
  const refusal = (moved: Moved) => ({ code: "destination_changed" as const, message: "It changed.", moved });

  test("the agent sees what was allowed and what would run, and no value can be typed instead", async () => {
    const moved = changed(way("db.acme.internal:5432"));
    fake.refuse("search_users", refusal(moved));
    render(App);
    const dialog = await question();
    expect(dialog).toHaveAccessibleName("Run this for Acme (production)?");
    expect(dialog).toHaveAccessibleDescription(/Nothing has been run/);
    expect(within(dialog).getByRole("button", { name: "Cancel" })).toHaveFocus();
    const [before, now] = row(dialog, /^Server \(changed\)/);
    expect(before).toHaveTextContent("db.acme.internal:5432");
    expect(now).toHaveTextContent("db.evil.example:5432");
    expect(within(dialog).getByRole("row", { name: /^Program "aws" "token"/ })).toBeInTheDocument();
    expect(within(dialog).queryByRole("button", { name: /Type another/ })).toBeNull();

    await press("Run it");
    await answered();
    expect(fake.called("use_secrets_there").map(({ args }) => args)).toEqual([{ moved }]);
    expect(await screen.findByRole("grid", { name: "Users" })).toBeInTheDocument();
  });

  test("of one that was never allowed, only what would run is shown", async () => {
    fake.refuse("search_users", refusal(changed(null)));
    render(App);
    const dialog = await question();
    expect(dialog).toHaveAccessibleDescription(/no record that you allowed it/);
    expect(within(dialog).queryByRole("columnheader", { name: "Allowed" })).toBeNull();
    expect(within(dialog).getByRole("columnheader", { name: "Would run" })).toBeInTheDocument();
    await user.keyboard("{Escape}");
    await answered();
    expect(fake.called("use_secrets_there")).toEqual([]);
  });
});
