// From a search to a session, and all that may come between.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { FormChange } from "../../src/bindings/FormChange";
import type { SessionView } from "../../src/bindings/SessionView";
import { installFake, question, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const field = () => screen.findByRole("searchbox", { name: "Search users" });
const reason = () => screen.findByRole("textbox", { name: "Reason" });
const rows = async () =>
  within(await screen.findByRole("grid", { name: "Users" }))
    .getAllByRole("row")
    .slice(1);

async function becomeFirst(query: string) {
  render(App);
  await user.type(await field(), query);
  await user.keyboard("{Control>}{Enter}{/Control}");
}

const begun = () => fake.called("impersonate").map(({ args }) => args);

describe("becoming a user", () => {
  test("takes a few letters, Ctrl+Enter, a reason, Ctrl+Enter", async () => {
    await becomeFirst("bogdan");
    expect(await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" })).toBeInTheDocument();
    expect(await reason()).toHaveFocus();
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(begun()).toEqual([
      {
        connection: "acme",
        user: "48213914",
        reason: "Ticket 1",
        given: {},
        ticket: { ticket: "", page: "" },
      },
    ]);
    const running = screen.getByRole("region", { name: "Running sessions" });
    expect(within(running).getByText("Bogdan Ionescu")).toBeInTheDocument();
    expect(within(running).getByText("signing in…")).toBeInTheDocument();
  });

  test("waits for the answer when the keys are faster than the directory", async () => {
    render(App);
    await rows();
    const held = fake.hold("search_users");
    await user.type(await field(), "bogdan");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(screen.queryByRole("dialog")).toBeNull();
    held.stop();
    expect(await screen.findByRole("dialog", { name: "Sign in as Bogdan Ionescu" })).toBeInTheDocument();
  });

  test("asks for the reason that the policy wants, and keeps the focus there", async () => {
    await becomeFirst("bogdan");
    await reason();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByText(/Enter a reason/)).toBeInTheDocument();
    expect(await reason()).toHaveFocus();
    expect(await reason()).toBeInvalid();
    expect(begun()).toEqual([]);
  });

  test("does without a reason where it is optional", async () => {
    fake.state.connections = fake.state.connections.filter(({ id }) => id === "demo");
    await becomeFirst("bogdan");
    await reason();
    expect(screen.getByText("A reason is optional here.")).toBeInTheDocument();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(begun()).toHaveLength(1));
    expect(begun()[0]?.["reason"]).toBe("");
  });

  test("offers the last reasons", async () => {
    await becomeFirst("bogdan");
    await user.click(await screen.findByRole("button", { name: "Reproducing a bug" }));
    expect(await reason()).toHaveValue("Reproducing a bug");
    expect(await reason()).toHaveFocus();
  });

  test("keeps the reason when it fails, says why and what to do next", async () => {
    fake.refuse("impersonate", {
      code: "audit_failed",
      message: "The disk is full.",
      hint: "Free some space.",
    });
    await becomeFirst("bogdan");
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    const alert = await within(screen.getByRole("dialog")).findByRole("alert");
    expect(alert).toHaveTextContent("The disk is full.");
    expect(alert).toHaveTextContent("Free some space.");
    expect(await reason()).toHaveValue("Ticket 1");
    expect(await reason()).toHaveFocus();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  test("asks for a missing secret and goes on by itself with the same reason", async () => {
    fake.refuse("impersonate", {
      code: "secret_missing",
      message: "The admin token is missing.",
      secret: { connection: "acme", name: "admin_token" },
    });
    await becomeFirst("bogdan");
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await user.click(await screen.findByRole("button", { name: "Enter “admin_token”…" }));
    const secret = await waitFor(() => {
      const input = document.querySelector<HTMLInputElement>("input[type=password]");
      expect(input).toHaveFocus();
      return input as HTMLInputElement;
    });
    await user.type(secret, "t0ken{Enter}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(fake.called("store_secret").map(({ args }) => args)).toEqual([
      { connection: "acme", name: "admin_token", value: "t0ken", thisRunOnly: false },
    ]);
    expect(begun().map((args) => args["reason"])).toEqual(["Ticket 1", "Ticket 1"]);
  });

  test("is called off by Esc, and the search stays", async () => {
    await becomeFirst("bogdan");
    await reason();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(await field()).toHaveValue("bogdan");
    expect(begun()).toEqual([]);
  });

  test("does not begin twice while it is under way", async () => {
    const held = fake.hold("impersonate");
    await becomeFirst("bogdan");
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}{Control>}{Enter}{/Control}{Enter}");
    expect(held.waiting()).toBe(1);
    held.stop();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(begun()).toHaveLength(1);
  });
});

describe("what the application asks beside the reason", () => {
  const channel = question("Channel", {
    kind: "choice",
    value: "E-mail",
    watched: true,
    choices: ["Phone", "E-mail"].map((label) => ({ label, value: label })),
  });

  beforeEach(() => {
    fake.state.connections = fake.state.connections.map((one) => ({ ...one, has_form: true }));
  });

  test("is asked in the same dialog and sent along", async () => {
    const why = question("Why", { required: true, description: "For the customer's record" });
    fake.answers["sign_in_form"] = () => ({ fields: [why, channel, question("Seats", { kind: "number" })] });
    await becomeFirst("bogdan");
    await user.type(await reason(), "Ticket 1");
    const text = await screen.findByRole("textbox", { name: "Why" });
    expect(text).toHaveAccessibleDescription("For the customer's record");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(text).toHaveFocus();
    expect(text).toBeInvalid();
    expect(text).toHaveAccessibleDescription("The application requires this.");
    expect(begun()).toEqual([]);

    await user.type(text, "cannot pay");
    await user.type(screen.getByRole("textbox", { name: /^Seats/ }), "four");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(screen.getByRole("textbox", { name: /^Seats/ })).toHaveFocus();
    await user.clear(screen.getByRole("textbox", { name: /^Seats/ }));
    await user.type(screen.getByRole("textbox", { name: /^Seats/ }), "4");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(begun()).toHaveLength(1));
    expect(begun()[0]).toEqual({
      connection: "acme",
      user: "48213914",
      reason: "Ticket 1",
      given: { Why: "cannot pay", Channel: "E-mail", Seats: 4 },
      ticket: { ticket: "", page: "" },
    });
  });

  test("is asked anew when a watched field changes, and what was typed stays", async () => {
    const number = question("Number", { required: true });
    fake.answers["sign_in_form"] = ({ change }) => {
      const phoned = (change as FormChange | null)?.fields.some(({ value }) => value === "Phone");
      return {
        fields: [channel, question("Note"), ...(phoned ? [number] : [])].map((one) =>
          phoned && one === channel ? { ...channel, value: "Phone" } : one,
        ),
      };
    };
    await becomeFirst("bogdan");
    await user.selectOptions(await screen.findByRole("combobox", { name: /^Channel/ }), "Phone");
    await user.type(await screen.findByRole("textbox", { name: "Number" }), "555");
    const [, changed] = fake.called("sign_in_form").map(({ args }) => args["change"] as FormChange | null);
    expect(changed?.changed).toBe("Channel");
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(begun()).toHaveLength(1));
    expect(begun()[0]?.["given"]).toEqual({ Channel: "Phone", Note: null, Number: "555" });
  });

  test("is not asked twice where it is the reason", async () => {
    fake.state.connections = fake.state.connections.map((one) => ({ ...one, reason: "optional" }));
    fake.answers["sign_in_form"] = () => ({ fields: [question("Reason", { required: true }), channel] });
    await becomeFirst("bogdan");
    await screen.findByRole("combobox", { name: /^Channel/ });
    expect(screen.getAllByRole("textbox", { name: "Reason" })).toHaveLength(1);
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByText(/Enter a reason/)).toBeInTheDocument();
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(begun()).toHaveLength(1));
    expect(begun()[0]?.["given"]).toEqual({ Reason: "Ticket 1", Channel: "E-mail" });
  });

  test("is waited for by whoever is faster than the application", async () => {
    const why = question("Why", { required: true });
    fake.answers["sign_in_form"] = () => ({ fields: [why] });
    const held = fake.hold("sign_in_form");
    await becomeFirst("bogdan");
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(begun()).toEqual([]);
    held.stop();
    const text = await screen.findByRole("textbox", { name: "Why" });
    await waitFor(() => expect(text).toHaveFocus());
    expect(begun()).toEqual([]);
    await user.type(text, "cannot pay");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(begun()).toHaveLength(1));
  });

  test("that it cannot be fetched is said, and can be tried again", async () => {
    fake.refuse("sign_in_form", {
      code: "sign_in_refused",
      message: "Forest's backend did not accept the token",
      hint: "Its clock must be right.",
      secret: { connection: "acme", name: "forest_auth_secret" },
    });
    await becomeFirst("bogdan");
    const dialog = within(await screen.findByRole("dialog"));
    const alert = await dialog.findByRole("alert");
    expect(alert).toHaveTextContent("did not accept the token");
    expect(within(alert).getByRole("button", { name: /forest_auth_secret/ })).toBeInTheDocument();
    await user.type(await reason(), "Ticket 1");
    fake.answers["sign_in_form"] = () => ({ fields: [channel] });
    await user.click(within(alert).getByRole("button", { name: "Retry" }));
    expect(await screen.findByRole("combobox", { name: /^Channel/ })).toHaveValue("1");
  });
});

describe("a refused secret", () => {
  const refused = (names: string[]): SessionView => ({
    id: "s1",
    connection: "acme",
    connection_name: "Acme",
    environment: "production",
    user: { id: "48213914", name: "Bogdan Ionescu", email: null, company: null },
    reason: "",
    ticket: "",
    ticket_origin: null,
    phase: "refused",
    started_at: 0,
    active_at: null,
    deadline: null,
    extensions_left: 2,
    refused_secrets: names,
    mode: "full",
    may_unlock: "always",
  });

  test("is asked for in the console, and the sign-in goes on by itself", async () => {
    fake.state.sessions = [refused(["admin_token"])];
    render(App);
    await rows();
    fake.emit("renew_secret", "s1");
    const dialog = await screen.findByRole("dialog", { name: /secret/i });
    await user.type(
      within(dialog).getByLabelText(/secret/i, { selector: "input[type=password]" }),
      "a new one",
    );
    await user.keyboard("{Enter}");
    await waitFor(() =>
      expect(fake.called("retry_session").map(({ args }) => args)).toEqual([{ session: "s1" }]),
    );
    expect(fake.called("store_secret")[0]?.args).toMatchObject({ name: "admin_token", value: "a new one" });
    await waitFor(() => expect(fake.called("focus_session")).toHaveLength(1));
  });

  test("of several the agent chooses", async () => {
    fake.state.sessions = [refused(["password", "username"])];
    render(App);
    await rows();
    fake.emit("renew_secret", "s1");
    expect(await screen.findByRole("dialog", { name: /secrets/i })).toBeInTheDocument();
  });
});

describe("a user whose session runs already", () => {
  const running = (change: object) => {
    const session = {
      id: "s7",
      connection: "acme",
      connection_name: "Acme",
      environment: "production" as const,
      user: { id: "48213914", name: "Bogdan Ionescu", email: null, company: null },
      reason: "Ticket 1",
      ticket: "",
      ticket_origin: null,
      phase: "active" as const,
      started_at: 0,
      active_at: 0,
      deadline: null,
      extensions_left: 2,
      refused_secrets: [],
      mode: "full" as const,
      may_unlock: "always" as const,
    };
    fake.state.sessions = [{ ...session, ...change }];
  };
  const bogdan = async () => {
    await user.type(await field(), "bogdan");
    await waitFor(async () => expect(await rows()).toHaveLength(1));
  };
  const palette = async () => {
    await field();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("bogdan");
    await screen.findByRole("option", { name: /^Bogdan Ionescu/, selected: true });
  };

  const ways: Record<string, () => Promise<void>> = {
    "by the key": async () => {
      await bogdan();
      await user.keyboard("{Control>}{Enter}{/Control}");
    },
    "by a double click": async () => {
      await bogdan();
      const [row] = await rows();
      await user.dblClick(row as HTMLElement);
    },
    "by the details' button": async () => {
      await bogdan();
      const details = screen.getByRole("complementary", { name: "Details" });
      await user.click(within(details).getByRole("button", { name: "Go to session" }));
    },
    "from the palette": async () => {
      await palette();
      await user.keyboard("{Control>}{Enter}{/Control}");
    },
    "by the palette's action": async () => {
      await bogdan();
      await user.keyboard("{Control>}k{/Control}");
      await screen.findByRole("combobox", { name: "Command palette" });
      await user.keyboard("impersonate");
      await user.click(await screen.findByRole("option", { name: /^Sign in as the selected user/ }));
    },
  };

  test.each(Object.keys(ways))("is gone to at once, without a question: %s", async (way) => {
    running({});
    render(App);
    await ways[way]?.();
    await waitFor(() =>
      expect(fake.called("focus_session").map(({ args }) => args)).toEqual([{ session: "s7" }]),
    );
    expect(screen.queryByRole("textbox", { name: "Reason" })).toBeNull();
    expect(begun()).toEqual([]);
  });

  test.each([
    ["one that is ending", { phase: "ending" }],
    ["one of another connection", { connection: "acme-staging" }],
    ["another user's", { user: { id: "1", name: "Bogdan Ionescu", email: null, company: null } }],
  ])("is not meant by %s", async (_, change) => {
    running(change);
    await becomeFirst("bogdan");
    expect(await reason()).toHaveFocus();
    expect(fake.called("focus_session")).toEqual([]);
  });
});

describe("a user who is protected", () => {
  const RULE = "user.plan == 'Staff'";
  beforeEach(() => {
    fake.standing = ({ cells }) => (cells[3] === "Staff" ? { protected: RULE } : "free");
  });
  const annika = async () => {
    render(App);
    await user.type(await field(), "annika");
    await waitFor(async () => expect(await rows()).toHaveLength(1));
  };
  const messages = () => screen.getByRole("status", { name: "Messages" });

  test("is marked in the list and named so to those who hear it", async () => {
    render(App);
    const all = await rows();
    const locked = all.filter((row) => within(row).queryByText("protected"));
    expect(locked).toHaveLength(1);
    expect(locked[0]).toHaveTextContent("Annika Berg");
    expect(within(locked[0] as HTMLElement).getByTitle(new RegExp(RULE))).toBeInTheDocument();
  });

  test("has the reason in the details where the button would be, and Enter leads there", async () => {
    await annika();
    const details = within(screen.getByRole("complementary", { name: "Details" }));
    const note = await details.findByRole("note");
    expect(note).toHaveTextContent("This user is protected and can't be impersonated.");
    expect(note).toHaveTextContent(RULE);
    expect(details.queryByRole("button", { name: "Impersonate" })).toBeNull();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(note).toHaveFocus());
  });

  test("is asked about nothing: Ctrl+Enter says so at once", async () => {
    await annika();
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(messages()).toHaveTextContent("Annika Berg is protected"));
    expect(messages()).toHaveTextContent(RULE);
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(await field()).toHaveFocus();
  });

  test("by the palette neither", async () => {
    render(App);
    await rows();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("annika");
    await screen.findByRole("option", { name: /^Annika Berg protected/, selected: true });
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(messages()).toHaveTextContent("Annika Berg is protected"));
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("is known by the directory's newest word: the details read the user again", async () => {
    fake.answers["user_details"] = ({ user }) => ({
      row: fake.rows.find(({ id }) => id === user),
      standing: { protected: RULE },
      past: [],
      filters: [],
    });
    await becomeFirstSeen("bogdan");
    const details = within(screen.getByRole("complementary", { name: "Details" }));
    expect(await details.findByRole("note")).toHaveTextContent(RULE);
  });

  test("or may be, where the list cannot tell: it is said, and asked for when it begins", async () => {
    fake.standing = () => "undecided";
    await becomeFirstSeen("bogdan");
    expect(within((await rows())[0] as HTMLElement).getByText("may be protected")).toBeInTheDocument();
    const details = within(screen.getByRole("complementary", { name: "Details" }));
    expect(details.getByText(/Understudy checks that when you sign in/)).toBeInTheDocument();
    await user.click(details.getByRole("button", { name: "Impersonate" }));
    expect(await reason()).toHaveFocus();
  });

  async function becomeFirstSeen(query: string) {
    render(App);
    await user.type(await field(), query);
    await waitFor(async () => expect(await rows()).toHaveLength(1));
  }
});
