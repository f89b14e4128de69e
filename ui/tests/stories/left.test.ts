// The console starts where it was left: the same connection, and what was searched for in it.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const current = (name: RegExp) => screen.findByRole("button", { name, current: true });
const asked = () => fake.called("search_users").map(({ args }) => (args["query"] as { text: string }).text);

async function open() {
  const { unmount } = render(App);
  await screen.findByRole("grid", { name: "Users" });
  return () => {
    unmount();
    fake = installFake();
  };
}

test("the search is there again, asked once, and typing replaces it", async () => {
  const leave = await open();
  await user.type(await field(), "anna");
  await waitFor(() => expect(asked().at(-1)).toBe("anna"));
  leave();

  await open();
  expect(await field()).toHaveValue("anna");
  await waitFor(() => expect(asked()).toEqual(["anna"]));
  expect(await field()).toHaveFocus();
  await user.keyboard("b");
  expect(await field()).toHaveValue("b");
});

test("a search belongs to its connection, and an emptied one is empty", async () => {
  const leave = await open();
  await user.type(await field(), "anna");
  await user.keyboard("{Alt>}[Digit2]{/Alt}");
  const second = (await screen.findByRole("navigation", { name: "Connections" })).querySelectorAll(
    "button",
  )[1];
  await waitFor(() => expect(second).toHaveAttribute("aria-current", "true"));
  leave();

  const leaveAgain = await open();
  expect(await field()).toHaveValue("");
  await user.keyboard("{Alt>}[Digit1]{/Alt}");
  await current(/^Acme, production/);
  expect(await field()).toHaveValue("");
  await user.type(await field(), "x");
  await user.clear(await field());
  leaveAgain();
  await open();
  expect(await field()).toHaveValue("");
});

test("what cannot be a search is none", async () => {
  localStorage.setItem("connection", "acme");
  for (const kept of ["{", "[1, 2]", '["acme"]']) {
    localStorage.setItem("search", kept);
    const leave = await open();
    expect(await field()).toHaveValue("");
    leave();
  }
});

test("no text is kept once the setting says so, nor what was kept before", async () => {
  const leave = await open();
  await user.type(await field(), "anna");
  await waitFor(() => expect(localStorage.getItem("search")).toContain("anna"));
  leave();

  fake.state.settings = { ...fake.state.settings, remember_search: false };
  const leaveAgain = await open();
  await waitFor(() => expect(localStorage.getItem("search")).toBeNull());
  await user.clear(await field());
  await user.type(await field(), "ben");
  await waitFor(() => expect(asked().at(-1)).toBe("ben"));
  expect(localStorage.getItem("search")).toBeNull();
  leaveAgain();

  await open();
  expect(await field()).toHaveValue("");
});
