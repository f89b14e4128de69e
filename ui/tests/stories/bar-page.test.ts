// What the bar does with the page under it: loading, finding, its address, and the way to other windows.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import { barState } from "../fake/bar";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake({}, "bar-1");
  fake.bar = barState();
  user = userEvent.setup();
});

const button = (name: string) => screen.findByRole("button", { name });
const asked = () => fake.called("bar_act").map(({ args }) => args["action"]);
const open = async () => {
  render(Bar);
  await button("End session");
};

test("while the page loads, Reload is Stop, and Escape stops; then Escape is nothing of the bar's", async () => {
  await open();
  fake.emit("bar_progress", 0.4);
  expect(await screen.findByRole("progressbar", { name: "Loading" })).toHaveAttribute("aria-valuenow", "40");
  await user.click(await button("Stop loading"));
  await user.keyboard("{Escape}");
  expect(asked()).toEqual(["stop", "stop"]);
  fake.emit("bar_progress", null);
  await button("Reload");
  expect(screen.queryByRole("progressbar")).toBeNull();
  await user.keyboard("{Escape}");
  expect(asked()).toEqual(["stop", "stop"]);
});

describe("find in page", () => {
  const field = () => screen.findByRole("textbox", { name: "Find in page" });
  const searched = () => fake.called("find_in_page").map(({ args }) => [args["text"], args["step"]]);

  test("the page's key opens it; Enter goes on, Shift with it goes back, and it is counted", async () => {
    await open();
    fake.emit("find_asked", null);
    expect(await field()).toHaveFocus();
    await user.keyboard("in");
    fake.emit("found_text", { count: 12, at: 1 });
    const search = within(screen.getByRole("search"));
    expect(await search.findByText("1 of 12")).toBeInTheDocument();
    await user.keyboard("{Enter}{Shift>}{Enter}{/Shift}");
    expect(searched()).toEqual([
      ["i", "first"],
      ["in", "first"],
      ["in", "next"],
      ["in", "previous"],
    ]);
    fake.emit("found_text", { count: 12, at: null });
    expect(await search.findByText("12 matches")).toBeInTheDocument();
    fake.emit("found_text", { count: 0, at: null });
    expect(await search.findByText("No matches")).toBeInTheDocument();
  });

  test("asked for again, what was typed is there to be typed over; Escape closes it and takes its marks away", async () => {
    await open();
    await user.keyboard("{Control>}f{/Control}");
    await user.type(await field(), "old");
    fake.emit("find_asked", null);
    await waitFor(async () => expect(((await field()) as HTMLInputElement).selectionEnd).toBe(3));
    await user.keyboard("new");
    expect(await field()).toHaveValue("new");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(fake.called("stop_finding")).toHaveLength(1);
  });

  test("another panel takes its marks away too", async () => {
    await open();
    fake.emit("find_asked", null);
    await field();
    await user.click(await button("More for this page"));
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(fake.called("stop_finding")).toHaveLength(1);
  });

  test("where the webview has a field of its own, the bar has none", async () => {
    fake.bar = barState({}, { has_find: false });
    await open();
    await user.click(await button("More for this page"));
    await button("Copy address");
    expect(screen.queryByRole("button", { name: "Find in page" })).toBeNull();
  });
});

test("what else there is to do with the page unfolds, and each has its key", async () => {
  await open();
  for (const name of ["Copy address", "Open in your browser", "Print", "Reload without cache", "Inspect"]) {
    await user.click(await button("More for this page"));
    await user.click(await button(name));
    await waitFor(() => expect(screen.queryByRole("toolbar")).toBeNull());
  }
  await user.keyboard("{Control>}p{Shift>}COR{/Shift}k{/Control}");
  const all = ["copy_address", "open_in_browser", "print", "reload_fresh", "inspect"];
  expect(asked()).toEqual([
    ...all,
    "print",
    "copy_address",
    "open_in_browser",
    "reload_fresh",
    "open_palette",
  ]);
  await user.click(await button("More for this page"));
  await user.click(await button("Find in page"));
  expect(await screen.findByRole("textbox", { name: "Find in page" })).toHaveFocus();
});

describe("the note for the ticket", () => {
  const field = () => screen.findByRole("textbox", { name: "Note for the ticket" });

  test("is kept as it is typed, and is still there when it is opened again", async () => {
    await open();
    await user.keyboard("{Control>}{Shift>}n{/Shift}{/Control}");
    expect(await field()).toHaveFocus();
    await user.keyboard("The card has expired.{Enter}Told her.");
    await waitFor(() => expect(fake.note).toBe("The card has expired.\nTold her."));
    await user.keyboard("{Escape}");
    await waitFor(async () => expect(await button("More for this page")).toHaveFocus());
    // The page has heard the key.
    fake.emit("note_asked", null);
    await waitFor(async () => expect(await field()).toHaveValue("The card has expired.\nTold her."));
  });

  test("is in the summary, which is copied only when all of it is kept", async () => {
    await open();
    const keeping = fake.hold("set_session_note");
    fake.emit("note_asked", null);
    await user.type(await field(), "x");
    await user.click(await button("Copy summary"));
    expect(asked()).toEqual([]);
    keeping.release();
    await waitFor(() => expect(asked()).toEqual(["copy_summary"]));
    await user.keyboard("{Control>}{Shift>}s{/Shift}{/Control}");
    expect(asked()).toEqual(["copy_summary", "copy_summary"]);
  });

  test("can be sent with the summary, if the session is for a ticket that can be reached", async () => {
    await open();
    fake.emit("note_asked", null);
    await field();
    expect(screen.queryByRole("button", { name: /Send to ticket/ })).toBeNull();
    fake.bar = barState({ ticket: "4711", ticket_origin: "https://help.example" });
    fake.emit("bar_changed", null);
    await user.click(await button("Send to ticket 4711…"));
    await waitFor(() => expect(asked()).toEqual(["send_summary"]));
  });

  test("that could not be kept is said", async () => {
    await open();
    fake.refuse("set_session_note", { code: "session_unknown", message: "This session has ended." });
    fake.emit("note_asked", null);
    await user.type(await field(), "x");
    expect(await screen.findByRole("alert")).toHaveTextContent("This session has ended.");
  });
});

test("the menu is moved through with arrows, and Escape gives the focus back to its button", async () => {
  await open();
  await user.click(await button("More for this page"));
  expect(await button("Find in page")).toHaveFocus();
  await user.keyboard("{ArrowRight}");
  expect(await button("Copy address")).toHaveFocus();
  await user.keyboard("{Escape}");
  await waitFor(async () => expect(await button("More for this page")).toHaveFocus());
});

test("an address that a link leads to can be copied", async () => {
  await open();
  fake.emit("contact_asked", { kind: "email", address: "ada@acme.example" });
  const panel = within(await screen.findByRole("region", { name: "Contact" }));
  expect(panel.getByRole("status")).toHaveTextContent("Email address: ada@acme.example");
  expect(panel.getByRole("button", { name: "Copy" })).toHaveFocus();
  await user.keyboard("{Enter}");
  expect(await panel.findByRole("button", { name: "Copied" })).toBeInTheDocument();
  expect(fake.clipboard).toEqual(["ada@acme.example"]);
  fake.emit("contact_asked", { kind: "phone", address: "+41 44 123" });
  expect(await panel.findByRole("button", { name: "Copy" })).toBeInTheDocument();
  await user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByRole("region", { name: "Contact" })).toBeNull());
});

test("keys lead to other sessions' windows", async () => {
  await open();
  await user.keyboard("{Control>}2{Tab}{Shift>}{Tab}{/Shift}{/Control}");
  expect(fake.called("show_session").map(({ args }) => args["number"])).toEqual([2]);
  expect(asked()).toEqual(["next_window", "previous_window"]);
});

describe("downloads", () => {
  test("a saved file has its size and where it comes from, and its folder can be opened", async () => {
    await open();
    fake.emit("file_saved", { id: 3, name: "invoices.csv", size: 1_240_000, from: "app.acme.example" });
    const said = await screen.findByRole("status", { name: "What happened" });
    await waitFor(() => expect(said).toHaveTextContent("Saved invoices.csv, 1.2 MB, from app.acme.example"));
    await user.click(await button("Show in folder"));
    expect(fake.called("show_saved_file").map(({ args }) => args["id"])).toEqual([3]);
    fake.emit("file_saved", { id: 4, name: "preview.pdf", size: 1, from: "" });
    await waitFor(() => expect(said).toHaveTextContent("Saved preview.pdf, 1 byte"));
    fake.emit("said", { kind: "info", text: "Address copied", hint: null, said: [] });
    await waitFor(() => expect(screen.queryByRole("button", { name: "Show in folder" })).toBeNull());
  });

  const asking = { count: 12, name: "a.csv", from: "app.acme.example" };
  const answered = () => fake.called("answer_downloads").map(({ args }) => args["wanted"]);

  test.each([
    ["Save them", true],
    ["Don't save", false],
  ])("several on its own wait for an answer: %s", async (name, wanted) => {
    await open();
    fake.emit("downloads_asked", asking);
    expect(await screen.findByRole("alert")).toHaveTextContent(
      "This page wants to save a.csv and 11 more from app.acme.example. You didn't click for it.",
    );
    await user.click(await button(name));
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(answered()).toEqual([wanted]);
  });

  test("what is opened over the question does not lose it", async () => {
    await open();
    fake.emit("downloads_asked", { ...asking, count: 1 });
    await button("Save it");
    await user.click(await button("More for this page"));
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    await user.keyboard("{Escape}");
    await user.click(await button("Save it"));
    expect(answered()).toEqual([true]);
  });
});
