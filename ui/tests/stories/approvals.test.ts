// Approval by a second person, from both sides: who asks, and who is asked.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { approvalRequest } from "../fake/colleagues";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  fake.state.connections = fake.state.connections.map((one) => ({ ...one, needs_approval: true }));
});

const field = () => screen.findByRole("searchbox", { name: "Search users" });
const banner = () => screen.findByRole("region", { name: "Requests for approval" });
const press = () => user.keyboard("{Control>}{Enter}{/Control}");

async function openDialog() {
  render(App);
  await user.type(await field(), "bogdan");
  await press();
  const dialog = await screen.findByRole("dialog");
  await user.type(within(dialog).getByRole("textbox", { name: "Reason" }), "Ticket 2");
  return dialog;
}

test("the agent asks, waits, and signs in once it is approved", async () => {
  const dialog = await openDialog();
  expect(dialog).toHaveTextContent("A colleague has to approve this session. They see your reason.");
  expect(within(dialog).getByRole("button", { name: /^Ask for approval/ })).toBeInTheDocument();
  await press();
  await waitFor(() => expect(fake.called("ask_approval")).toHaveLength(1));
  expect(fake.called("ask_approval")[0]?.args).toEqual({
    connection: "acme",
    user: "48213914",
    reason: "Ticket 2",
    ticket: { ticket: "", page: "" },
  });
  fake.emit("approvals", [approvalRequest({ is_own: true })]);
  await within(dialog).findByText(/Waiting for a colleague/);
  await press();
  expect(fake.called("ask_approval")).toHaveLength(1);
  expect(fake.called("impersonate")).toEqual([]);

  fake.emit("approvals", [
    approvalRequest({ is_own: true, state: "approved", decided_by: "Ada Okafor", answer: "go on" }),
  ]);
  expect(await within(dialog).findByText(/Ada Okafor has approved/)).toBeInTheDocument();
  expect(dialog).toHaveTextContent("go on");
  await press();
  await waitFor(() => expect(fake.called("impersonate")).toHaveLength(1));
});

test("a request without a reason is not sent", async () => {
  fake.state.connections = fake.state.connections.map((one) => ({ ...one, reason: "optional" }));
  render(App);
  await user.type(await field(), "bogdan");
  await press();
  await screen.findByRole("dialog");
  await press();
  expect(await screen.findByText(/Enter a reason/)).toBeInTheDocument();
  expect(fake.called("ask_approval")).toEqual([]);
});

test("what is declined says by whom and why, and can be asked again", async () => {
  const dialog = await openDialog();
  fake.emit("approvals", [
    approvalRequest({ is_own: true, state: "declined", decided_by: "Ada Okafor", answer: "no ticket" }),
  ]);
  expect(await within(dialog).findByText(/Ada Okafor has declined\. You can ask again/)).toBeInTheDocument();
  expect(dialog).toHaveTextContent("no ticket");
  await press();
  await waitFor(() => expect(fake.called("ask_approval")).toHaveLength(1));
});

test("why nobody could be asked stays in the dialog, with the reason", async () => {
  fake.refuse("ask_approval", {
    code: "policy_refused",
    message: "This connection needs a colleague's approval, and there is no log of the team to ask in.",
  });
  const dialog = await openDialog();
  await press();
  expect(await within(dialog).findByRole("alert")).toHaveTextContent("no log of the team");
  expect(within(dialog).getByRole("textbox", { name: "Reason" })).toHaveValue("Ticket 2");
});

test("where the policy lets it, the agent goes on without, and reads first that all are told", async () => {
  fake.state.connections = fake.state.connections.map((one) => ({ ...one, may_break_glass: true }));
  const dialog = await openDialog();
  await user.click(within(dialog).getByRole("button", { name: "Sign in without approval…" }));
  expect(dialog).toHaveTextContent("The whole team is told now, with your reason.");
  expect(fake.called("break_glass")).toEqual([]);
  await user.click(within(dialog).getByRole("button", { name: /^Sign in without approval/ }));
  await waitFor(() => expect(fake.called("break_glass")).toHaveLength(1));
  expect(fake.called("break_glass")[0]?.args["reason"]).toBe("Ticket 2");
});

test("a colleague's request is read, approved or declined", async () => {
  fake.state.approvals = [approvalRequest(), approvalRequest({ id: 6, operator: "Bo Lindqvist" })];
  render(App);
  const region = await banner();
  expect(region).toHaveTextContent(/Kim Sato asks to sign in as Bogdan Ionescu\..*Ticket 88121/);
  expect(region).toHaveTextContent(/Acme, read-only · .*on kims-desk · .* left/);
  const [approve] = within(region).getAllByRole("button", { name: "Approve" });
  const [, decline] = within(region).getAllByRole("button", { name: "Decline" });
  if (!approve || !decline) throw new Error("There are two requests.");
  await user.click(approve);
  await user.click(decline);
  expect(fake.called("decide_approval").map(({ args }) => args)).toEqual([
    { request: { log: "kims", id: 5 }, approve: true, answer: "" },
    { request: { log: "kims", id: 6 }, approve: false, answer: "" },
  ]);
  fake.emit("approvals", []);
  await waitFor(() => expect(screen.queryByRole("region", { name: "Requests for approval" })).toBeNull());
});

test("an approval that came meanwhile leads to the dialog with the approved reason", async () => {
  fake.state.approvals = [approvalRequest({ is_own: true, state: "approved", decided_by: "Ada Okafor" })];
  render(App);
  await user.click(within(await banner()).getByRole("button", { name: "Sign in…" }));
  const dialog = await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" });
  expect(within(dialog).getByRole("textbox", { name: "Reason" })).toHaveValue("Ticket 88121");
  await press();
  await waitFor(() => expect(fake.called("impersonate")).toHaveLength(1));
});

test("what has expired is not shown", async () => {
  fake.state.approvals = [approvalRequest({ expires_at: Date.now() - 1 })];
  render(App);
  await field();
  expect(screen.queryByRole("region", { name: "Requests for approval" })).toBeNull();
});
