// Closing the console while customers are signed in: nothing is lost by one click.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { SessionView } from "../../src/bindings/SessionView";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const session = (id: string, change: Partial<SessionView> = {}): SessionView => ({
  id,
  connection: "acme",
  connection_name: "Acme",
  environment: "production",
  user: { id, name: `User ${id}`, email: null, company: null },
  reason: "",
  ticket: "",
  ticket_origin: null,
  phase: "active",
  started_at: 0,
  active_at: 0,
  deadline: null,
  extensions_left: 2,
  refused_secrets: [],
  mode: "full",
  may_unlock: "always",
  ...change,
});
const answered = () => fake.called("answer_leave").map(({ args }) => args["answer"]);
const question = () => screen.findByRole("alertdialog");
const searchField = () => screen.findByRole("searchbox", { name: "Search users" });

describe("the question", () => {
  test("says how many sessions run, and keeps working by itself", async () => {
    fake.state.sessions = ["1", "2", "3"].map((id) => session(id));
    fake.state.sessions.push(session("4", { phase: "ending" }));
    render(App);
    await searchField();
    fake.emit("leave_asked", null);
    const asked = await question();
    expect(asked).toHaveAccessibleName("3 sessions are running");
    expect(asked).toHaveAccessibleDescription("End them and quit? Each is signed out first.");
    // So that the system does not ask as well.
    await waitFor(() => expect(answered()).toEqual(["shown"]));
    await waitFor(() => expect(within(asked).getByRole("button", { name: "Keep working" })).toHaveFocus());
    await user.keyboard("{Enter}");
    await waitFor(() => expect(answered()).toEqual(["shown", "stay"]));
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  test("is answered by Esc with no, and by its red button with yes", async () => {
    fake.state.sessions = [session("1")];
    render(App);
    await searchField();
    fake.emit("leave_asked", null);
    await question();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(answered()).toEqual(["shown", "stay"]));
    fake.emit("leave_asked", null);
    await user.click(within(await question()).getByRole("button", { name: "End it and quit" }));
    await waitFor(() => expect(answered()).toEqual(["shown", "stay", "shown", "quit"]));
  });

  test("lies over what is open, which is there again with all that was typed", async () => {
    fake.state.sessions = [session("1")];
    render(App);
    await user.type(await searchField(), "bogdan");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await user.type(await screen.findByRole("textbox", { name: "Reason" }), "Ticket 1");
    await user.keyboard("{Control>}q{/Control}");
    await question();
    // Whoever presses it twice is not asked twice.
    await user.keyboard("{Control>}q{/Control}");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(screen.getByRole("textbox", { name: "Reason" })).toHaveValue("Ticket 1");
    expect(fake.called("leave")).toHaveLength(1);
  });

  test("counts what still runs while it is asked", async () => {
    fake.state.sessions = [session("1"), session("2")];
    render(App);
    await searchField();
    fake.emit("leave_asked", null);
    expect(await question()).toHaveAccessibleName("2 sessions are running");
    fake.emit("sessions", [session("1")]);
    await waitFor(async () => expect(await question()).toHaveAccessibleName("1 session is running"));
  });
});

test("what closing does can be chosen, and is saved", async () => {
  render(App);
  await searchField();
  await user.keyboard("{Control>},{/Control}");
  const ways = await screen.findByRole("group", { name: "When I close the window while sessions run" });
  expect(within(ways).getByRole("radio", { name: "Ask" })).toBeChecked();
  expect(ways).toHaveAccessibleDescription(/comes back with Ctrl Shift U/);
  await user.click(within(ways).getByRole("radio", { name: "Hide the console" }));
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() =>
    expect(fake.called("save_settings")[0]?.args["settings"]).toMatchObject({ when_closed: "hide" }),
  );
});
