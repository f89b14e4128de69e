// One search in all connections: from any list, each connection for itself, and on to the user whom one of them knows.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { FoundUsers } from "../../src/bindings/FoundUsers";
import type { Row } from "../../src/bindings/Row";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
let bea: string;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  bea = fake.rows[1]?.cells[2] ?? "";
});

const open = async () => {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}{Shift>}f{/Shift}{/Control}");
  return screen.findByRole<HTMLInputElement>("combobox", { name: "Search all connections" });
};
const dialog = () => within(screen.getByRole("dialog", { name: "Search all connections" }));
const asked = () => fake.called("look_up_users").map(({ args }) => args["connection"]);
const answer = (rows: Row[]): FoundUsers => ({
  columns: fake.columns,
  listed: {
    rows,
    standings: rows.map(() => "free"),
    previous: null,
    next: null,
    how: { tier: "email", by: null, elapsed_ms: 1 },
    left_out: null,
    doubled: null,
  },
});
const nobody = () => answer([]);
const somebody = () => answer(fake.rows.slice(1, 2));

describe("a search in all connections", () => {
  test("asks those that are used, and Enter goes to the user in their connection", async () => {
    fake.answers["look_up_users"] = ({ connection }) =>
      connection === "acme-staging" ? somebody() : nobody();
    const field = await open();
    await user.type(field, bea);
    const row = await dialog().findByRole("option");
    expect(row).toHaveTextContent(fake.rows[1]?.cells[1] ?? "");
    expect(row).toHaveAttribute("aria-selected", "true");
    expect(dialog().getByTitle(/Acme.*Staging/i)).toBeVisible();
    expect(await dialog().findByText("1 of 2 connections has matches.")).toBeVisible();
    expect(new Set(asked())).toEqual(new Set(["acme", "acme-staging"]));

    await user.keyboard("{Enter}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await waitFor(() => expect(screen.getByRole("searchbox", { name: "Search users" })).toHaveValue(bea));
    const last = fake.called("search_users").at(-1);
    expect(last?.args["connection"]).toBe("acme-staging");
    expect(
      within(screen.getByRole("grid", { name: "Users" })).getByRole("row", { selected: true }),
    ).toHaveTextContent(bea);
  });

  test("shows each answer when it comes; one that hangs is stopped with the view", async () => {
    let release = () => {};
    fake.answers["look_up_users"] = ({ connection }) =>
      connection === "acme" ? new Promise((go) => (release = () => go(nobody()))) : somebody();
    const field = await open();
    await user.type(field, bea);
    expect(await dialog().findByRole("option")).toBeVisible();
    expect(dialog().getByText("1 of 2 connections answered…")).toBeVisible();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
    const turns = fake.called("look_up_users").map(({ args }) => Number(args["turn"]));
    expect(Number(fake.called("stop_lookups").at(-1)?.args["turn"])).toBeGreaterThan(Math.max(...turns));
    release();
  });

  test("the answers to an earlier text do not count", async () => {
    let late: (answer: FoundUsers) => void = () => {};
    fake.answers["look_up_users"] = ({ connection, text }) =>
      connection === "acme" && text === "b" ? new Promise((go) => (late = go)) : nobody();
    const field = await open();
    await user.type(field, "b");
    await waitFor(() => expect(asked()).toContain("acme"));
    await user.type(field, "x");
    expect(await dialog().findByText("None of 2 connections has a match.")).toBeVisible();
    late(somebody());
    await new Promise((go) => setTimeout(go));
    expect(dialog().queryByRole("option")).toBeNull();
    const [first, second] = [fake.called("look_up_users")[0], fake.called("look_up_users").at(-1)];
    expect(Number(second?.args["turn"])).toBeGreaterThan(Number(first?.args["turn"]));
  });

  test("one that was never used is not asked until the agent says so", async () => {
    const field = await open();
    await user.type(field, bea);
    await dialog().findByText("2 of 2 connections have matches.");
    expect(asked()).not.toContain("demo");
    await user.click(dialog().getByRole("button", { name: "Search the other one too" }));
    expect(await dialog().findByText("3 of 3 connections have matches.")).toBeVisible();
    expect(asked()).toContain("demo");
    expect(field).toHaveFocus();
    expect(dialog().queryByRole("button", { name: /other one/ })).toBeNull();
    await user.type(field, "x");
    await waitFor(() => expect(asked().filter((one) => one === "demo")).toHaveLength(2));
  });

  test("says for each connection why it could not be searched; unlocking asks them again", async () => {
    fake.keyring = boundaryError("vault_locked", "The keyring is locked.");
    const down = boundaryError("directory_unreachable", "db does not answer.");
    fake.answers["look_up_users"] = ({ connection }) => {
      if (fake.keyring) throw connection === "acme" ? fake.keyring : down;
      return somebody();
    };
    const field = await open();
    await user.type(field, bea);
    const unasked = within(
      await dialog().findByRole("region", { name: "2 connections could not be searched" }),
    );
    expect(unasked.getByText(/The keyring is locked/)).toBeVisible();
    expect(unasked.getByText(/db does not answer/)).toBeVisible();
    expect(fake.called("unlock_keyring")).toHaveLength(0);
    fake.answers["unlock_keyring"] = () => {
      fake.keyring = null;
      return null;
    };
    await user.click(unasked.getByRole("button", { name: "Unlock" }));
    expect(await dialog().findByText("2 of 2 connections have matches.")).toBeVisible();
    expect(dialog().queryByRole("region", { name: /could not be searched/ })).toBeNull();
  });

  test("begins with what stands in the list's field, and the palette leads there", async () => {
    render(App);
    await user.type(await screen.findByRole("searchbox", { name: "Search users" }), bea);
    await user.keyboard("{Control>}k{/Control}");
    await user.type(await screen.findByRole("combobox", { name: "Command palette" }), "anna");
    await user.click(await screen.findByRole("option", { name: /Search “anna” in all connections/ }));
    const field = await screen.findByRole("combobox", { name: "Search all connections" });
    expect(field).toHaveValue("anna");
    await user.keyboard("{Escape}{Control>}{Shift>}f{/Shift}{/Control}");
    expect(await screen.findByRole("combobox", { name: "Search all connections" })).toHaveValue(bea);
  });
});

test("where there is only one connection, the key says so, and the sheet of keys leaves it out", async () => {
  fake.state.connections = fake.state.connections.slice(0, 1);
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}{Shift>}f{/Shift}{/Control}");
  expect(await screen.findByText("There are no other connections to search.")).toBeInTheDocument();
  await user.click(screen.getByRole("button", { name: "Keyboard shortcuts" }));
  const sheet = within(await screen.findByRole("dialog", { name: "Keyboard shortcuts" }));
  expect(sheet.getByText("Command palette")).toBeInTheDocument();
  expect(sheet.queryByText("Search all connections")).toBeNull();
});

test("its hints name the key that signs in only while a user is chosen", async () => {
  fake.answers["look_up_users"] = () => answer(fake.rows.slice(0, 1));
  const field = await open();
  const hints = () => screen.getByRole("dialog").querySelector(".palette-hints");
  expect(hints()).not.toHaveTextContent("sign in");
  await user.type(field, "an");
  await dialog().findAllByRole("option");
  await waitFor(() => expect(hints()).toHaveTextContent("sign in"));
});
