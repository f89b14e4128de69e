// A session's summary on its way into its ticket: read first, then sent, and what was not sent stays in sight.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { PreparedNote } from "../../src/bindings/PreparedNote";
import type { SessionView } from "../../src/bindings/SessionView";
import type { WaitingMessage } from "../../src/bindings/WaitingMessage";
import { barState } from "../fake/bar";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const session = (change: Partial<SessionView> = {}): SessionView =>
  barState({ ticket: "4711", ticket_origin: "https://help.example", ...change }).session;
const prepared = (change: Partial<PreparedNote> = {}): PreparedNote => ({
  id: "n1",
  session: session(),
  origin: "https://help.example",
  text: "Signed in as Anna Svensson\nNote: The card has <b>expired</b>.\n",
  ...change,
});
const waiting = (change: Partial<WaitingMessage> = {}): WaitingMessage => ({
  id: "n1",
  kind: "summary",
  connection_name: "Acme",
  ticket: "4711",
  user: "Anna Svensson",
  origin: "",
  entries: 0,
  written_at: 0,
  fault: { message: "https://help.example answered with status 503.", hint: null },
  next_at: Date.now() + 60_000,
  ...change,
});
const list = () => screen.findByRole("grid", { name: "Users" });
const end = (ended: SessionView) =>
  fake.emit("session_ended", {
    session: ended,
    cause: "operator",
    sign_out_failed: null,
    ended_at: Date.now(),
  });
const unsent = () => screen.findByRole("region", { name: "Messages that were not sent" });

test.each(["by the button of the message", "by its key", "from the session's window"])(
  "the summary is read, and sent as it was read: %s",
  async (way) => {
    fake.answers.prepare_summary = () => prepared();
    render(App);
    await list();
    if (way === "from the session's window") fake.emit("summary_prepared", prepared());
    else {
      end(session());
      const offer = await screen.findByRole("button", { name: /^Send to ticket 4711/ });
      if (way === "by its key") await user.keyboard("{Control>}{Shift>}{Enter}{/Shift}{/Control}");
      else await user.click(offer);
    }
    const dialog = within(await screen.findByRole("dialog", { name: "Send the summary to ticket 4711" }));
    // Markup of others is text.
    expect(dialog.getByRole("region", { name: "Summary" })).toHaveTextContent("The card has <b>expired</b>.");
    expect(dialog.getByText(/goes to https:\/\/help\.example/)).toBeInTheDocument();
    expect(fake.called("send_summary")).toEqual([]);
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(fake.called("send_summary").map(({ args }) => args)).toEqual([{ id: "n1" }]);
  },
);

test("cancelling sends nothing, and a failure stays in the dialog with the text", async () => {
  render(App);
  await list();
  fake.emit("summary_prepared", prepared());
  await user.click(await screen.findByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(fake.called("send_summary")).toEqual([]);

  fake.refuse("send_summary", { code: "vault_locked", message: "The keyring is locked." });
  fake.emit("summary_prepared", prepared({ id: "n2" }));
  await user.click(await screen.findByRole("button", { name: /^Send/ }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(await dialog.findByRole("alert")).toHaveTextContent("The keyring is locked.");
  await user.click(screen.getByRole("button", { name: /^Send/ }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(fake.called("send_summary").map(({ args }) => args["id"])).toEqual(["n2", "n2"]);
});

test("without a ticket, or a way to it, copying is offered instead", async () => {
  render(App);
  await list();
  end(session({ ticket_origin: null }));
  await screen.findByRole("button", { name: /^Copy summary/ });
  expect(screen.queryByRole("button", { name: /^Send to ticket/ })).toBeNull();
  await user.keyboard("{Control>}{Shift>}{Enter}{/Shift}{/Control}");
  expect(fake.called("prepare_summary")).toEqual([]);
});

test("what was not sent says why and when it is tried again, and can be tried at once", async () => {
  fake.state.waiting_messages = [waiting({ id: "n0", fault: null }), waiting()];
  render(App);
  const banner = within(await unsent());
  expect(banner.getAllByText(/has not been sent yet/)).toHaveLength(1);
  expect(banner.getByRole("status")).toHaveTextContent(
    /ticket 4711 \(Anna Svensson\) has not been sent yet\. .*status 503\. .*Next try at/,
  );
  await user.click(banner.getByRole("button", { name: "Try again" }));
  expect(fake.called("retry_message").map(({ args }) => args)).toEqual([{ id: "n1" }]);
  fake.emit("waiting_messages", []);
  await waitFor(() => expect(screen.queryByText(/has not been sent yet/)).toBeNull());
});

test("it is discarded only after a question", async () => {
  fake.state.waiting_messages = [waiting({ next_at: null })];
  render(App);
  expect(within(await unsent()).getByRole("status")).not.toHaveTextContent("Next try");
  await user.click(screen.getByRole("button", { name: "Discard" }));
  const question = within(await screen.findByRole("alertdialog"));
  await user.click(question.getByRole("button", { name: "Cancel" }));
  expect(fake.called("discard_message")).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Discard" }));
  await user.click(within(await screen.findByRole("alertdialog")).getByRole("button", { name: "Discard" }));
  await waitFor(() => expect(screen.queryByText(/has not been sent yet/)).toBeNull());
  expect(fake.called("discard_message").map(({ args }) => args)).toEqual([{ id: "n1" }]);
});

test("a session that its application was not told of says so, and can be told again or discarded", async () => {
  const notification = waiting({ kind: "notification", ticket: "", next_at: null });
  fake.state.waiting_messages = [notification, waiting({ id: "n2", kind: "unreadable", ticket: "" })];
  render(App);
  const banner = within(await unsent());
  expect(banner.getAllByRole("status")[0]).toHaveTextContent(
    /^Acme has not been told about the session as Anna Svensson yet\. .*status 503/,
  );
  // What can't be read can't be sent.
  expect(banner.getAllByRole("button", { name: "Try again" })).toHaveLength(1);
  await user.click(banner.getByRole("button", { name: "Try again" }));
  expect(fake.called("retry_message").map(({ args }) => args)).toEqual([{ id: "n1" }]);
  const [discard] = banner.getAllByRole("button", { name: "Discard" });
  await user.click(discard as HTMLElement);
  const question = within(await screen.findByRole("alertdialog", { name: "Discard this message?" }));
  expect(question.getByText(/the customer may never hear of it/)).toBeInTheDocument();
  await user.click(question.getByRole("button", { name: "Discard" }));
  expect(fake.called("discard_message").map(({ args }) => args)).toEqual([{ id: "n1" }]);
});

test("entries of the audit log that do not reach the team's systems are counted, and cannot be discarded", async () => {
  const entries = {
    kind: "entries",
    id: "webhook",
    ticket: "",
    user: "",
    origin: "https://siem.example",
  } as const;
  fake.state.waiting_messages = [waiting({ ...entries, entries: 1200 })];
  render(App);
  const banner = within(await unsent());
  expect(banner.getByRole("status")).toHaveTextContent(
    /^1,200 entries of the audit log have not reached https:\/\/siem\.example yet\. .*status 503.*Next try at/,
  );
  expect(banner.queryByRole("button", { name: "Discard" })).toBeNull();
  await user.click(banner.getByRole("button", { name: "Try again" }));
  expect(fake.called("retry_message").map(({ args }) => args)).toEqual([{ id: "webhook" }]);
});
