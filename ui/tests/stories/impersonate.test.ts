// From a search to a session, and all that may come between.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { installFake, type Fake } from "../fake/understudy";

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
    expect(await screen.findByRole("dialog", { name: "Become Bogdan Ionescu" })).toBeInTheDocument();
    expect(await reason()).toHaveFocus();
    await user.type(await reason(), "Ticket 1");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(begun()).toEqual([{ connection: "acme", user: "48213914", reason: "Ticket 1" }]);
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
    expect(await screen.findByRole("dialog", { name: "Become Bogdan Ionescu" })).toBeInTheDocument();
  });

  test("asks for the reason that the policy wants, and keeps the focus there", async () => {
    await becomeFirst("bogdan");
    await reason();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await screen.findByText(/Say why/)).toBeInTheDocument();
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

describe("a user whose session runs already", () => {
  const running = (change: object) => {
    const session = {
      id: "s7",
      connection: "acme",
      connection_name: "Acme",
      environment: "production" as const,
      user: { id: "48213914", name: "Bogdan Ionescu", email: null },
      reason: "Ticket 1",
      phase: "active" as const,
      started_at: 0,
      active_at: 0,
      deadline: null,
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
      await user.click(within(details).getByRole("button", { name: "Impersonate" }));
    },
    "from the palette": async () => {
      await palette();
      await user.keyboard("{Control>}{Enter}{/Control}");
    },
    "by the palette's action": async () => {
      await bogdan();
      await user.keyboard("{Control>}k{/Control}");
      await screen.findByRole("combobox", { name: "Command palette" });
      await user.keyboard("impersonate the");
      await user.click(await screen.findByRole("option", { name: /^Impersonate the selected user/ }));
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
    ["another user's", { user: { id: "1", name: "Bogdan Ionescu", email: null } }],
  ])("is not meant by %s", async (_, change) => {
    running(change);
    await becomeFirst("bogdan");
    expect(await reason()).toHaveFocus();
    expect(fake.called("focus_session")).toEqual([]);
  });
});
