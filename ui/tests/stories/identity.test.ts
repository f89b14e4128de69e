// Whom this is about: said the same everywhere, so that two customers of one name are never taken for each other.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { SessionView } from "../../src/bindings/SessionView";
import type { UserLabel } from "../../src/bindings/UserLabel";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const anna = (id: string, change: Partial<UserLabel> = {}): UserLabel => ({
  id,
  name: "Anna Aebischer",
  email: `anna@${id}.example`,
  company: null,
  ...change,
});
const session = (id: string, who: UserLabel, change: Partial<SessionView> = {}): SessionView => ({
  id,
  connection: "acme",
  connection_name: "Acme",
  environment: "production",
  user: who,
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
const chips = async () => within(await screen.findByRole("region", { name: "Running sessions" }));
const named = async () =>
  (await chips())
    .getAllByRole("button", { name: /^Go to/ })
    .map((button) => button.getAttribute("aria-label"));

describe("sessions of users who have one name", () => {
  test("are told apart by e-mail address; one whose name is its own stands alone", async () => {
    const other = { id: "9", name: "Bogdan Ionescu", email: "b@x.example", company: null };
    fake.state.sessions = [session("a", anna("1")), session("b", anna("2")), session("c", other)];
    render(App);
    await chips();
    expect(await named()).toEqual([
      "Go to Anna Aebischer (anna@1.example)",
      "Go to Anna Aebischer (anna@2.example)",
      "Go to Bogdan Ionescu",
    ]);
    expect((await chips()).getByText("anna@2.example")).toBeVisible();
    expect((await chips()).queryByText("b@x.example")).toBeNull();
    await user.click(
      (await chips()).getByRole("button", { name: "End the session as Anna Aebischer (anna@2.example)" }),
    );
    expect(fake.called("end_session").map(({ args }) => args["session"])).toEqual(["b"]);
  });

  test.each([
    [
      "company",
      [anna("1", { email: null, company: "North" }), anna("2", { email: null, company: "South" })],
      ["North", "South"],
    ],
    ["id", [anna("1", { email: null }), anna("2", { email: null })], ["1", "2"]],
    [
      "id, where the address is shared",
      [anna("1", { email: "a@x" }), anna("2", { email: "a@x" })],
      ["1", "2"],
    ],
  ] as const)("else by %s", async (_, users, said) => {
    fake.state.sessions = users.map((one, at) => session(String(at), one));
    render(App);
    await chips();
    expect(await named()).toEqual(said.map((apart) => `Go to Anna Aebischer (${apart})`));
  });

  test("the same customer in two environments by where it is", async () => {
    const staging = { connection: "acme-staging", environment: "staging" as const };
    fake.state.sessions = [session("a", anna("1")), session("b", anna("1"), staging)];
    render(App);
    await chips();
    expect(await named()).toEqual([
      "Go to Anna Aebischer (Acme · production)",
      "Go to Anna Aebischer (Acme · staging)",
    ]);
  });

  test("are told apart in the palette as well", async () => {
    fake.state.sessions = [session("a", anna("1")), session("b", anna("2"))];
    render(App);
    await chips();
    await user.keyboard("{Control>}k{/Control}");
    await user.keyboard("go to");
    await user.click(await screen.findByRole("option", { name: /^Go to Anna Aebischer\s*anna@2.example/ }));
    await waitFor(() =>
      expect(fake.called("focus_session").map(({ args }) => args["session"])).toEqual(["b"]),
    );
  });
});

describe("the dialog that asks why", () => {
  test.each([
    ["the e-mail address", 2, "bogdan@carpati.example"],
    ["the company without one", -1, "Carpați SRL"],
  ])("says %s beside the name", async (_, emailAt, said) => {
    if (emailAt < 0)
      fake.columns = fake.columns.map((one) => (one.role === "email" ? { ...one, role: "other" } : one));
    render(App);
    await user.type(await screen.findByRole("searchbox", { name: "Search users" }), "bogdan");
    await user.keyboard("{Control>}{Enter}{/Control}");
    const dialog = await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" });
    expect(within(dialog).getByText(said)).toBeInTheDocument();
  });

  test("keeps its width however long a past reason was, and gives it back whole", async () => {
    const long = "because the customer wrote a whole letter ".repeat(6).trim();
    fake.reasons = [long];
    render(App);
    await user.type(await screen.findByRole("searchbox", { name: "Search users" }), "bogdan");
    await user.keyboard("{Control>}{Enter}{/Control}");
    const chip = await screen.findByRole("button", { name: long });
    expect(chip).toHaveAttribute("title", long);
    await user.click(chip);
    expect(screen.getByRole("textbox", { name: "Reason" })).toHaveValue(long);
  });
});

test("a session that was refused is no running one, and is closed rather than ended", async () => {
  const bogdan = { id: "48213914", name: "Bogdan Ionescu", email: null, company: null };
  fake.state.sessions = [session("s1", bogdan, { phase: "refused", active_at: null })];
  fake.past = [
    {
      session: "s1",
      operator: "Kim",
      reason: "Ticket 1",
      ticket: "",
      outcome: "running",
      started_at: 0,
      ended_at: null,
      sign_out_failed: null,
      unlocks: [],
      held_back: null,
    },
  ];
  render(App);
  await user.type(await screen.findByRole("searchbox", { name: "Search users" }), "bogdan");
  const past = (await screen.findByRole("heading", { name: "Past sessions" })).closest("section");
  expect(past).toHaveTextContent("refused");
  expect(past).not.toHaveTextContent("running");
  const close = (await chips()).getByRole("button", { name: "Close the window for Bogdan Ionescu" });
  await user.click(close);
  expect(fake.called("end_session")).toHaveLength(1);
});
