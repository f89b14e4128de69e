// A page that leads out of the application: the bar asks where it shall open.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import type { OffSitePage } from "../../src/bindings/OffSitePage";
import { barState } from "../fake/bar";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake({}, "bar-1");
  fake.answers["answer_off_site"] = () => ask(null);
  user = userEvent.setup();
});

const evil: OffSitePage = { host: "evil.example", url: "https://evil.example/login?next=/" };

function ask(page: OffSitePage | null) {
  fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" }, { off_site: page });
  fake.emit("bar_changed", null);
}

const button = (name: string) => screen.findByRole("button", { name });
const answered = () => fake.called("answer_off_site").map(({ args }) => args["choice"]);
const isGone = () => waitFor(() => expect(screen.queryByRole("button", { name: "Stay" })).toBeNull());

test("it names the host, and Stay has the focus", async () => {
  ask(evil);
  render(Bar);
  expect(await button("Stay")).toHaveFocus();
  const question = screen.getByRole("alert");
  expect(question).toHaveTextContent("This page leads to evil.example, outside the application.");
  expect(question).toHaveAttribute("title", evil.url);
});

test.each([
  ["Open in your browser", "open_in_browser"],
  ["Go there in this session", "go_there"],
  ["Stay", "stay"],
])("%s", async (name, choice) => {
  ask(evil);
  render(Bar);
  await user.click(await button(name));
  await isGone();
  expect(answered()).toEqual([choice]);
});

describe("Escape stays", () => {
  test("from its buttons", async () => {
    ask(evil);
    render(Bar);
    await button("Stay");
    await user.keyboard("{Escape}");
    await isGone();
    expect(answered()).toEqual(["stay"]);
  });

  test("but from a reason that is being typed, it closes that first; then the focus is back at Stay", async () => {
    ask(null);
    render(Bar);
    await user.click(await button("Read-only. Switch to full access"));
    const field = await screen.findByRole("textbox");
    await user.type(field, "Refund");
    ask(evil);
    expect(await button("Stay")).toHaveFocus();
    expect(field).toHaveValue("Refund");
    await user.click(field);
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(answered()).toEqual([]);
    await user.keyboard("{Escape}");
    await isGone();
    expect(answered()).toEqual(["stay"]);
  });
});

test("the focus goes back to where it was", async () => {
  ask(null);
  render(Bar);
  const reload = await button("Reload");
  reload.focus();
  ask(evil);
  expect(await button("Stay")).toHaveFocus();
  await user.keyboard("{Enter}");
  await isGone();
  expect(reload).toHaveFocus();
});

test("another page is another question: the focus is at Stay again", async () => {
  ask(evil);
  render(Bar);
  (await button("Go there in this session")).focus();
  ask({ host: "worse.example", url: "https://worse.example/" });
  await screen.findByText("worse.example");
  expect(await button("Stay")).toHaveFocus();
});

test("a host that tries is text", async () => {
  ask({ host: "evil\u202e.example", url: "https://evil.example/" });
  render(Bar);
  expect(await screen.findByRole("alert")).toHaveTextContent("evil‹U+202E›.example");
});

test("says when it could not be opened, and asks still", async () => {
  fake.refuse("answer_off_site", {
    code: "window_failed",
    message: "Your browser could not be started.",
    hint: "Copy the address and open it yourself.",
  });
  ask(evil);
  render(Bar);
  await user.click(await button("Open in your browser"));
  expect(
    await screen.findByText("Your browser could not be started. Copy the address and open it yourself."),
  ).toBeInTheDocument();
  await user.click(await button("Stay"));
  await isGone();
  expect(answered()).toEqual(["open_in_browser", "stay"]);
});
