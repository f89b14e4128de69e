// Saved searches: saved by key, run from the palette and the rail, renamed, removed and brought back.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const field = () => screen.findByRole<HTMLInputElement>("searchbox", { name: "Search users" });
const dialog = () => screen.findByRole("dialog", { name: "Saved searches" });
/** Without a layout, jsdom places no menu, and what has no place is hidden. */
const menuItem = (name: string) =>
  screen.findByText(name, { selector: "[role=menuitem], [role=menuitem] *" });
const kept = () => fake.arrangements["acme"]?.searches ?? [];
const saved = (...searches: { name: string; text: string }[]) => {
  fake.arrangements["acme"] = { pinned: ["7"], details_width: null, columns: [], searches };
};

test("a search is saved by key under a name, for this connection only", async () => {
  render(App);
  await screen.findByRole("grid");
  await user.type(await field(), "plan:=Free");
  await user.keyboard("{Control>}s{/Control}");
  const name = within(await dialog()).getByRole("textbox", { name: "Save this search as" });
  expect(name).toHaveFocus();
  expect(name).toHaveValue("plan:=Free");
  await user.clear(name);
  await user.keyboard("{Enter}");
  expect(within(await dialog()).getByText("Enter a name.")).toBeInTheDocument();
  await user.keyboard("Free plan{Enter}");
  await waitFor(() => expect(kept()).toEqual([{ name: "Free plan", text: "plan:=Free" }]));
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(await field()).toHaveFocus();
  expect(Object.keys(fake.arrangements)).toEqual(["acme"]);
});

test("the same name replaces, and says so first", async () => {
  saved({ name: "Free plan", text: "plan:free" });
  render(App);
  await screen.findByRole("grid");
  await user.type(await field(), "plan:=Free");
  await user.keyboard("{Control>}s{/Control}");
  await user.clear(within(await dialog()).getByRole("textbox"));
  await user.keyboard("Free plan");
  expect(within(await dialog()).getByText("Replaces the saved search “Free plan”")).toBeInTheDocument();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(kept()).toEqual([{ name: "Free plan", text: "plan:=Free" }]));
  expect(fake.arrangements["acme"]?.pinned).toEqual(["7"]);
});

test("one runs from the palette, by its name, and from the rail", async () => {
  saved({ name: "Big shops", text: "plan:=Enterprise" }, { name: "Anna", text: "anna" });
  render(App);
  await screen.findByRole("button", { name: "Saved searches in Acme" });
  await user.keyboard("{Control>}k{/Control}big");
  await user.click(await screen.findByRole("option", { name: /Big shops/ }));
  await waitFor(async () => expect(await field()).toHaveValue("plan:=Enterprise"));
  expect(await field()).toHaveFocus();

  await user.click(screen.getByRole("button", { name: "Saved searches in Acme" }));
  await user.click(await menuItem("Anna"));
  await waitFor(async () => expect(await field()).toHaveValue("anna"));
  await waitFor(async () => expect(await field()).toHaveFocus());
});

test("one is renamed, removed, and brought back where it was", async () => {
  saved({ name: "One", text: "1" }, { name: "Two", text: "2" }, { name: "Three", text: "3" });
  render(App);
  await screen.findByRole("grid");
  await user.click(await screen.findByRole("button", { name: "Saved searches in Acme" }));
  await user.click(await menuItem("Rename or remove…"));
  const list = within(await dialog());
  await user.click(list.getByRole("button", { name: "Rename “Two”" }));
  await user.keyboard("Deux{Enter}");
  await waitFor(() => expect(kept().map(({ name }) => name)).toEqual(["One", "Deux", "Three"]));

  // Esc gives the name up, not the dialog.
  await user.click(list.getByRole("button", { name: "Rename “Three”" }));
  await user.keyboard("Trois{Escape}");
  expect(list.getByRole("button", { name: "Rename “Three”" })).toBeInTheDocument();

  await user.click(list.getByRole("button", { name: "Remove “Deux”" }));
  await waitFor(() => expect(kept().map(({ name }) => name)).toEqual(["One", "Three"]));
  expect(list.getByRole("button", { name: "Undo" })).toHaveFocus();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(kept().map(({ name }) => name)).toEqual(["One", "Deux", "Three"]));
});

test("a name that is empty or taken is said, and can be typed again", async () => {
  saved({ name: "One", text: "1" }, { name: "Two", text: "2" });
  render(App);
  await screen.findByRole("grid");
  await user.click(await screen.findByRole("button", { name: "Saved searches in Acme" }));
  await user.click(await menuItem("Rename or remove…"));
  const list = within(await dialog());
  await user.click(list.getByRole("button", { name: "Rename “Two”" }));
  const name = list.getByRole("textbox", { name: "Rename “Two”" });
  await user.keyboard("One{Enter}");
  expect(list.getByText("There is already a saved search “One”.")).toBeInTheDocument();
  expect(name).toHaveFocus();
  expect(name).toHaveAttribute("aria-invalid", "true");
  expect(name).toHaveAccessibleDescription("There is already a saved search “One”.");

  await user.clear(name);
  expect(list.queryByText(/already a saved search/)).toBeNull();
  await user.keyboard("{Enter}");
  expect(list.getByText("Enter a name.")).toBeInTheDocument();
  await user.keyboard("Deux{Enter}");
  await waitFor(() => expect(kept().map(({ name }) => name)).toEqual(["One", "Deux"]));

  // Its own name is no other's.
  await user.click(list.getByRole("button", { name: "Rename “Deux”" }));
  await user.keyboard("{Enter}");
  await waitFor(() => expect(list.getByRole("button", { name: /^Deux/ })).toHaveFocus());
});

test("what can't be kept stays in the dialog", async () => {
  render(App);
  await screen.findByRole("grid");
  await user.type(await field(), "anna");
  fake.refuse("save_arrangement", boundaryError("file_failed", "The disk is full."));
  await user.keyboard("{Control>}s{/Control}");
  await dialog();
  await user.keyboard("{Enter}");
  expect(await screen.findByText(/The disk is full/)).toBeInTheDocument();
  expect(await dialog()).toBeInTheDocument();
  expect(kept()).toEqual([]);
});

test("with nothing typed and nothing saved, it says how to begin", async () => {
  render(App);
  await screen.findByRole("grid");
  await user.keyboard("{Control>}s{/Control}");
  expect(within(await dialog()).getByText(/Type a search, then press Ctrl S/)).toBeInTheDocument();
});
