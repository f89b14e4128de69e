// Colleagues who are in the same account: seen in the list and the details, and said before one more joins them.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { colleague, inReach } from "../fake/colleagues";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const field = () => screen.findByRole("searchbox", { name: "Search users" });
const row = () => screen.findByRole("row", { name: /Bogdan Ionescu/ });
const note = (within_: HTMLElement) =>
  within(within_).findByRole("note", { name: "Colleagues signed in as this user" });

async function openDialog() {
  await user.type(await field(), "bogdan");
  await user.keyboard("{Control>}{Enter}{/Control}");
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByRole("textbox", { name: "Reason" }), "Ticket 2");
  return dialog;
}

test("a colleague is in the row while their session runs, with how and since when", async () => {
  render(App);
  expect(await row()).not.toHaveTextContent("Ada Okafor");
  fake.emit("presence", inReach(colleague()));
  await waitFor(async () =>
    expect(await row()).toHaveTextContent(
      /Ada Okafor is signed in as this user\. Since \d\d:03, read-only · ticket 88121 · on desk-4\./,
    ),
  );
  const mark = within(await row()).getByTitle(/Ada Okafor is signed in/);
  expect(mark).toBeInTheDocument();
  fake.emit(
    "presence",
    inReach(colleague(), colleague({ session: "c2", operator: "Bo Lindqvist", mode: "full" })),
  );
  await waitFor(async () =>
    expect(await row()).toHaveTextContent(/Bo Lindqvist is signed in as this user\. .* with full access/),
  );
  expect(within(await row()).getByTitle(/Ada Okafor is signed in/)).toHaveTextContent(/^2 ?Ada/);
  fake.emit("presence", inReach());
  await waitFor(async () => expect(await row()).not.toHaveTextContent("Ada Okafor"));
});

test("whose console is gone may still be there, and that is what is said", async () => {
  fake.state.presence = inReach(colleague({ is_certain: false }));
  render(App);
  expect(await row()).toHaveTextContent(
    /Ada Okafor may still be signed in as this user\. .* isn't connected to the team's log/,
  );
});

test("a session of another connection or another user is nowhere", async () => {
  fake.state.presence = inReach(colleague({ connection: "demo" }), colleague({ user: "1" }));
  render(App);
  expect(await row()).not.toHaveTextContent("Ada Okafor");
});

test("the details say it above the button", async () => {
  fake.state.presence = inReach(colleague());
  render(App);
  await user.type(await field(), "bogdan");
  await user.keyboard("{Enter}");
  const details = await screen.findByRole("complementary", { name: "Details" });
  expect(await note(details)).toHaveTextContent("Ada Okafor is signed in as this user.");
  fake.emit("presence", inReach());
  await waitFor(() => expect(within(details).queryByText(/Ada Okafor/)).toBeNull());
});

test("before joining a colleague the agent presses once more", async () => {
  fake.state.presence = inReach(colleague());
  render(App);
  const dialog = await openDialog();
  expect(await note(dialog)).toHaveTextContent(/Ada Okafor is signed in .*Nothing keeps you from joining/);
  await user.keyboard("{Control>}{Enter}{/Control}");
  expect(await note(dialog)).toHaveTextContent("Press once more to sign in anyway.");
  expect(fake.called("impersonate")).toEqual([]);
  expect(within(dialog).getByRole("button", { name: /^Impersonate anyway/ })).toBeInTheDocument();
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(fake.called("impersonate")).toHaveLength(1);
});

test("who comes while the dialog is open is said before, and who leaves is asked about no more", async () => {
  fake.state.presence = inReach(colleague());
  render(App);
  const dialog = await openDialog();
  await user.keyboard("{Control>}{Enter}{/Control}");
  fake.emit("presence", inReach(colleague(), colleague({ session: "c2", operator: "Bo Lindqvist" })));
  await within(dialog).findByText("Bo Lindqvist is signed in as this user.");
  await user.keyboard("{Control>}{Enter}{/Control}");
  expect(fake.called("impersonate")).toEqual([]);
  fake.emit("presence", inReach());
  await waitFor(() => expect(within(dialog).queryByText(/Ada Okafor/)).toBeNull());
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(fake.called("impersonate")).toHaveLength(1));
});

test("while the team's log is out of reach, it is said quietly, and nobody is held up", async () => {
  fake.state.presence = { reach: "out_of_reach", why: "The team's log does not answer.", sessions: [] };
  render(App);
  expect(await screen.findByText("colleagues unknown")).toHaveAttribute(
    "title",
    "It isn't known right now who else is in an account. The team's log does not answer.",
  );
  const dialog = await openDialog();
  expect(
    within(dialog).getByText(/out of reach, so it isn't known whether colleagues are in this account/),
  ).toBeInTheDocument();
  await user.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() => expect(fake.called("impersonate")).toHaveLength(1));
});
