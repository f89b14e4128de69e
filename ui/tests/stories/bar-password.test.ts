// A host asks for a user name and a password: the bar asks, and not the engine.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import type { PasswordQuestion } from "../../src/bindings/PasswordQuestion";
import { barState } from "../fake/bar";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake({}, "bar-1");
  fake.answers["enter_password"] = () => ask(null);
  fake.answers["decline_password"] = () => ask(null);
  user = userEvent.setup();
});

const staging: PasswordQuestion = {
  number: 1,
  host: "staging.acme.example:8443",
  realm: "Staging",
  is_encrypted: true,
  sends_password: true,
  refused_user: null,
};

function ask(password: PasswordQuestion | null) {
  fake.bar = barState({}, { password });
  fake.emit("bar_changed", null);
}

const question = () => screen.findByRole("alert");
const userField = () => screen.findByRole("textbox", { name: "User name" });
const passwordField = () => screen.getByLabelText("Password");
const isGone = () => waitFor(() => expect(screen.queryByRole("textbox", { name: "User name" })).toBeNull());

test("it names the host and what the password is for, and Enter sends both", async () => {
  ask(staging);
  render(Bar);
  await userField();
  await user.keyboard("{Tab}");
  expect(await userField()).toHaveFocus();
  expect(await question()).toHaveTextContent(
    "staging.acme.example:8443 asks for a user name and a password: “Staging”.",
  );
  expect(screen.getByText(/The traffic to this host is encrypted\./)).toBeInTheDocument();
  expect(passwordField()).toHaveAttribute("type", "password");
  await user.keyboard("gate{Tab}canary{Enter}");
  await isGone();
  expect(fake.called("enter_password").map(({ args }) => args)).toEqual([
    { number: 1, user: "gate", password: "canary" },
  ]);
});

test.each([
  [true, "others on the network can read the password"],
  [false, "The password itself is not sent"],
])("it says that the connection is not encrypted", async (sends_password, words) => {
  ask({ ...staging, is_encrypted: false, sends_password });
  render(Bar);
  expect(await screen.findByText(new RegExp(words))).toHaveTextContent(
    "The traffic to this host is not encrypted",
  );
});

test("Escape and Cancel decline", async () => {
  ask(staging);
  render(Bar);
  await user.type(await userField(), "gate{Escape}");
  await isGone();
  ask({ ...staging, number: 2 });
  await userField();
  await user.click(screen.getByRole("button", { name: "Cancel" }));
  await isGone();
  expect(fake.called("decline_password").map(({ args }) => args["number"])).toEqual([1, 2]);
  expect(fake.called("enter_password")).toEqual([]);
});

test("a wrong password is asked for again, with the user name", async () => {
  ask(staging);
  render(Bar);
  await user.type(await userField(), "gate");
  await user.type(passwordField(), "wrong");
  ask({ ...staging, number: 2, refused_user: "gate" });
  expect(await screen.findByText("It didn't accept the last user name and password.")).toBeInTheDocument();
  expect(screen.getByRole("region", { name: /asks for a user name/ })).toHaveFocus();
  expect(passwordField()).toHaveValue("");
  expect(await userField()).toHaveValue("gate");
});

test("what is typed for one host is not sent to another", async () => {
  ask(staging);
  render(Bar);
  await user.type(await userField(), "gate");
  await user.type(passwordField(), "canary");
  ask({ ...staging, number: 2, host: "evil.example" });
  await screen.findByText("evil.example");
  expect(await userField()).toHaveValue("");
  expect(passwordField()).toHaveValue("");
});

test("without a user name, it asks for that", async () => {
  ask(staging);
  render(Bar);
  const field = await userField();
  await user.click(passwordField());
  await user.keyboard("canary{Enter}");
  expect(await screen.findByText("Enter the user name.")).toBeInTheDocument();
  expect(field).toHaveFocus();
  expect(fake.called("enter_password")).toEqual([]);
});

test("what a server says is text", async () => {
  ask({ ...staging, realm: "<b>Under\u202estudy</b>" + "x".repeat(300) });
  render(Bar);
  const words = await question();
  expect(words).toHaveTextContent("<b>Under‹U+202E›study</b>");
  expect(words.textContent?.length).toBeLessThan(250);
});

test("it says when it could not be answered, and asks still", async () => {
  fake.refuse("enter_password", { code: "session_unknown", message: "This session has ended.", hint: "" });
  ask(staging);
  render(Bar);
  await user.type(await userField(), "gate{Enter}");
  expect(await screen.findByText("This session has ended.")).toBeInTheDocument();
  expect(await userField()).toHaveValue("gate");
});

test("the focus goes back to where it was", async () => {
  ask(null);
  render(Bar);
  const reload = await screen.findByRole("button", { name: "Reload" });
  reload.focus();
  ask(staging);
  await userField();
  expect(screen.getByRole("region", { name: /asks for a user name/ })).toHaveFocus();
  await user.keyboard("{Escape}");
  await isGone();
  expect(reload).toHaveFocus();
});

test("what was being typed into the page when a host asks is not sent to that host", async () => {
  fake.bar = barState({}, { password: null });
  render(Bar);
  await screen.findByRole("main");
  // A frame's host asks while the agent types into the page; the bar has the keys from then on.
  ask({ ...staging, host: "ads.evil.example", number: 7 });
  const field = await userField();
  expect(screen.getByRole("region", { name: /asks for a user name/ })).toHaveFocus();
  await user.keyboard("rest of what the agent typed");
  expect(field).toHaveValue("");
  await user.keyboard("{Enter} ");
  expect(fake.called("enter_password")).toEqual([]);
  expect(fake.called("decline_password")).toEqual([]);
  await user.keyboard("{Tab}gate");
  expect(field).toHaveValue("gate");
});
