// The session bar: what it says, what its buttons and keys ask for.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import { clock } from "../../src/state/clock.svelte";
import { barState as state } from "../fake/bar";
import { NOW } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  clock.now = NOW;
  fake = installFake({}, "bar-1");
  fake.bar = state({});
  user = userEvent.setup();
});
afterEach(() => vi.useRealTimers());

const button = (name: string) => screen.findByRole("button", { name });
const asked = () => fake.called("bar_act").map(({ args }) => args["action"]);

describe("what it says", () => {
  test("who, where, why, and how long already", async () => {
    render(Bar);
    expect(await screen.findByRole("heading", { name: "Anna Svensson" })).toBeInTheDocument();
    expect(screen.getByText("anna@fjallbo.example")).toBeInTheDocument();
    expect(screen.getByTitle("Acme · production")).toHaveTextContent("Acme · production");
    expect(screen.getByTitle("Reason: Ticket 88240")).toBeInTheDocument();
    expect(screen.getByRole("timer", { name: "Running for 01:05" })).toHaveTextContent("01:05");
  });

  test("how long it still may, and when that is nearly over", async () => {
    fake.bar = state({ deadline: NOW + 121_000, refused_secrets: [] });
    render(Bar);
    expect(await screen.findByRole("timer", { name: "Ends automatically in 02:01" })).toBeInTheDocument();
    expect(screen.queryByText("Less than two minutes left.")).toBeNull();
    clock.now = NOW + 2000;
    expect(await screen.findByRole("timer", { name: "Ends automatically in 01:59" })).toHaveTextContent(
      "Ends in 01:59",
    );
    expect(screen.getByText(/Less than two minutes left/)).toHaveTextContent(
      "Press Ctrl Shift L to extend it.",
    );
  });

  test("and gives more time, by its button and by its key, as long as there is some", async () => {
    fake.bar = state({ deadline: NOW + 90_000, extensions_left: 1 });
    render(Bar);
    const extend = await button("Extend");
    expect(extend).toHaveAttribute("title", "Extend (Ctrl Shift L)");
    await user.click(extend);
    await user.keyboard("{Control>}{Shift>}L{/Shift}{/Control}");
    expect(asked()).toEqual(["extend", "extend"]);
    fake.bar = state({ deadline: NOW + 90_000, extensions_left: 0 });
    fake.emit("bar_changed", null);
    await waitFor(() => expect(screen.queryByRole("button", { name: "Extend" })).toBeNull());
    expect(screen.getByText(/Less than two minutes left/)).toHaveTextContent("can't be extended again");
    fake.bar = state({ deadline: NOW + 3_600_000, extensions_left: 0 });
    fake.emit("bar_changed", null);
    await waitFor(() => expect(screen.queryByText(/Less than two minutes/)).toBeNull());
  });

  test.each([
    ["opening", "Signing in…"],
    ["refused", "Sign-in refused"],
    ["ending", "Ending…"],
  ] as const)("while it is %s: %s, and nowhere to go", async (phase, words) => {
    fake.bar = state({ phase, active_at: null });
    render(Bar);
    expect((await screen.findAllByText(words)).length).toBeGreaterThan(0);
    expect(screen.queryByRole("timer")).toBeNull();
    for (const name of ["Back", "Forward", "Reload"]) expect(await button(name)).toBeDisabled();
    // Where the application refused there is no session to end.
    const end = await button(phase === "refused" ? "Close" : "End session");
    if (phase === "ending") expect(end).toBeDisabled();
    else expect(end).toBeEnabled();
  });

  test("asks again whenever something changed", async () => {
    fake.bar = state({ phase: "opening" });
    render(Bar);
    await screen.findAllByText("Signing in…");
    fake.bar = state({}, { can_go_forward: true, zoom: 1.1 });
    fake.emit("bar_changed", null);
    expect(await screen.findByRole("button", { name: "110%, reset to 100%" })).toBeInTheDocument();
    expect(await button("Forward")).toBeEnabled();
  });

  test("an older answer does not overwrite a newer one", async () => {
    render(Bar);
    await button("End session");
    const held = fake.hold("bar_state");
    let zoom = 1.1;
    fake.answers["bar_state"] = () => state({}, { zoom: (zoom += 0.1) });
    fake.emit("bar_changed", null);
    fake.emit("bar_changed", null);
    await waitFor(() => expect(held.waiting()).toBe(2));
    held.stop();
    expect(await screen.findByText("130%")).toBeInTheDocument();
    expect(screen.queryByText("120%")).toBeNull();
  });

  test("a name that tries is text", async () => {
    fake.bar = state({ user: { id: "1", name: "<b>x</b>\u202etxt", email: null, company: null } });
    render(Bar);
    expect(await screen.findByRole("heading")).toHaveTextContent("<b>x</b>‹U+202E›txt");
  });

  test("that the session is over, when Rust no longer knows it", async () => {
    fake.refuse("bar_state", { code: "session_unknown", message: "There is no such session.", hint: null });
    render(Bar);
    expect(await screen.findByRole("alert")).toHaveTextContent("There is no such session.");
    await user.click(await button("Retry"));
    expect(await button("End session")).toBeInTheDocument();
  });
});

describe("what happened in the page", () => {
  test("is said for a while in the reason's place", async () => {
    vi.useFakeTimers({ now: NOW, shouldAdvanceTime: true });
    render(Bar);
    await button("End session");
    const status = screen.getByRole("status", { name: "What happened" });
    expect(status).toBeEmptyDOMElement();
    fake.emit("said", {
      kind: "good",
      text: "Saved invoices.csv",
      hint: "It is in /home/ada/Downloads.",
      said: [],
    });
    await waitFor(() => expect(status).toHaveTextContent("Saved invoices.csv"));
    expect(status).toHaveAttribute("title", "It is in /home/ada/Downloads.");
    expect(screen.queryByTitle("Reason: Ticket 88240")).toBeNull();

    await vi.advanceTimersByTimeAsync(9000);
    expect(status).toHaveTextContent("");
    expect(screen.getByTitle("Reason: Ticket 88240")).toBeInTheDocument();
  });
});

describe("what it asks for", () => {
  test("by its buttons", async () => {
    fake.bar = state({}, { can_go_forward: true, zoom: 0.9 });
    render(Bar);
    for (const name of [
      "Back",
      "Forward",
      "Reload",
      "Zoom in",
      "Zoom out",
      "90%, reset to 100%",
      "End session",
    ]) {
      await user.click(await button(name));
    }
    expect(asked()).toEqual(["back", "forward", "reload", "zoom_in", "zoom_out", "zoom_reset", "end"]);
  });

  test("by its keys", async () => {
    render(Bar);
    await button("End session");
    await user.keyboard("{Alt>}{ArrowLeft}{ArrowRight}{/Alt}{F12}{F5}");
    await user.keyboard("{Control>}r+-0w{/Control}");
    expect(asked()).toEqual([
      "back",
      "forward",
      "inspect",
      "reload",
      "reload",
      "zoom_in",
      "zoom_out",
      "zoom_reset",
      "end",
    ]);
  });

  test("another window of the session closes by itself; its End button ends the session", async () => {
    fake.bar = state({}, { number: 2 });
    render(Bar);
    expect(await screen.findByText("Window 2")).toHaveAttribute(
      "title",
      "Window 2 of this session. Closing it doesn't end the session.",
    );
    expect(await button("Close window")).toHaveAttribute("title", "Close window (Ctrl W)");
    expect(await button("End session")).toHaveAttribute("title", "End session");
    await user.click(await button("Close window"));
    await user.keyboard("{Control>}w{/Control}");
    await user.click(await button("End session"));
    expect(asked()).toEqual(["close_window", "close_window", "end"]);
  });

  test("by its keys with Shift too, as the page's own window hears them", async () => {
    render(Bar);
    await button("End session");
    await user.keyboard("{Control>}{Shift>}IR=_{/Shift}{F5}{/Control}i{Alt>}r{/Alt}");
    expect(asked()).toEqual(["inspect", "reload_fresh", "zoom_in", "zoom_out", "reload_fresh"]);
  });

  test("and says when it could not be done", async () => {
    fake.refuse("bar_act", { code: "window_failed", message: "The page does not answer." });
    render(Bar);
    await user.click(await button("Reload"));
    expect(await screen.findByRole("alert")).toHaveTextContent("The page does not answer.");
  });
});
