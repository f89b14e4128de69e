// The session's mode in the bar: what it says, and how it is switched.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import Bar from "../../src/bar/Bar.svelte";
import { barState } from "../fake/bar";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake({}, "bar-1");
  user = userEvent.setup();
});

const readOnly = () => screen.findByRole("button", { name: "Read-only. Switch to full access" });
const full = () => screen.findByRole("button", { name: "Full access. Switch to read-only" });
const field = () => screen.findByRole("textbox", { name: "Why do you need full access?" });
const switched = () => fake.called("set_session_mode").map(({ args }) => args);
const pressKey = () => user.keyboard("{Control>}{Shift>}M{/Shift}{/Control}");

describe("with full access", () => {
  test.each(["button", "key"] as const)("the %s makes it read-only at once", async (how) => {
    fake.bar = barState({ mode: "full", may_unlock: "never" });
    render(Bar);
    const button = await full();
    expect(button).toHaveTextContent("Full access");
    expect(button).toHaveAttribute(
      "title",
      "This session can change the customer's data. Switch to read-only (Ctrl Shift M)",
    );
    if (how === "button") await user.click(button);
    else await pressKey();
    expect(await readOnly()).toHaveTextContent("Read-only");
    expect(switched()).toEqual([{ mode: "read_only", reason: null }]);
  });
});

describe("read-only", () => {
  test("where the policy says nothing against it, full access comes at once", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "always" });
    render(Bar);
    await user.click(await readOnly());
    await full();
    expect(switched()).toEqual([{ mode: "full", reason: null }]);
    expect(screen.queryByRole("textbox")).toBeNull();
  });

  test("where full access is never given, it says why and what to do", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "never" });
    render(Bar);
    await user.click(await readOnly());
    expect(await screen.findByRole("alert")).toHaveTextContent(
      "This connection keeps its sessions read-only. If you need to change something, ask the person who looks after the connection.",
    );
    expect(await readOnly()).toHaveAttribute("aria-expanded", "true");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(await readOnly()).toHaveFocus();
    expect(switched()).toEqual([]);
  });

  test("where a reason is required, the key asks for it, and Enter sends it", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
    render(Bar);
    await readOnly();
    await pressKey();
    expect(await field()).toHaveFocus();
    await user.keyboard("  Correct the invoice, ticket 88240 {Enter}");
    expect(await full()).toHaveFocus();
    expect(switched()).toEqual([{ mode: "full", reason: "Correct the invoice, ticket 88240" }]);
    expect(screen.queryByRole("textbox")).toBeNull();
  });

  test("an empty reason is not sent", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
    render(Bar);
    await user.click(await readOnly());
    expect(await field()).toHaveAccessibleDescription("Recorded in the audit log.");
    await user.keyboard(" {Enter}");
    expect(await field()).toBeInvalid();
    expect(await field()).toHaveAccessibleDescription(
      "Enter a reason. This connection requires one for full access.",
    );
    expect(await field()).toHaveFocus();
    await user.keyboard("Refund");
    expect(await field()).toBeValid();
    expect(switched()).toEqual([]);
  });

  test.each([
    ["Escape", () => user.keyboard("{Escape}")],
    ["Cancel", async () => user.click(await screen.findByRole("button", { name: "Cancel" }))],
    ["the button", async () => user.click(await readOnly())],
    ["the key", pressKey],
  ])("%s takes the question away, and the focus returns", async (_how, close) => {
    fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
    render(Bar);
    await user.click(await readOnly());
    await user.type(await field(), "Not sure yet");
    await close();
    await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
    expect(await readOnly()).toHaveFocus();
    expect(await readOnly()).toHaveAttribute("aria-expanded", "false");
    expect(switched()).toEqual([]);
  });

  test("a switch that fails says why, keeps the reason, and can be sent again", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
    fake.refuse("set_session_mode", {
      code: "audit_failed",
      message: "The audit log can't be written.",
      hint: "Free some space on the disk.",
    });
    render(Bar);
    await user.click(await readOnly());
    await user.type(await field(), "Refund{Enter}");
    expect(await screen.findByRole("alert")).toHaveTextContent(
      "The audit log can't be written. Free some space on the disk.",
    );
    expect(await field()).toHaveValue("Refund");
    await user.type(await field(), "{Enter}");
    await full();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("the page's window hears the key as well", async () => {
    fake.bar = barState({ mode: "read_only", may_unlock: "with_reason" });
    render(Bar);
    await readOnly();
    fake.emit("mode_asked", null);
    expect(await field()).toHaveFocus();
  });
});

describe("when it can't be switched", () => {
  test("a refused sign-in has no mode", async () => {
    fake.bar = barState({ phase: "refused" });
    render(Bar);
    await screen.findByRole("button", { name: "Close" });
    expect(screen.queryByRole("button", { name: /access/ })).toBeNull();
    await pressKey();
    expect(switched()).toEqual([]);
  });

  test("an ending session keeps its mode", async () => {
    fake.bar = barState({ phase: "ending", mode: "read_only" });
    render(Bar);
    expect(await readOnly()).toBeDisabled();
    await pressKey();
    expect(switched()).toEqual([]);
  });

  test("a failure without a question unfolds, and can be closed", async () => {
    fake.bar = barState({ mode: "full" });
    fake.refuse("set_session_mode", { code: "session_unknown", message: "This session has ended." });
    render(Bar);
    await user.click(await full());
    expect(await screen.findByRole("alert")).toHaveTextContent("This session has ended.");
    await user.click(screen.getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(await full()).toHaveFocus();
  });
});

test("the mode is announced when it changes", async () => {
  fake.bar = barState({ mode: "read_only" });
  render(Bar);
  await readOnly();
  const status = screen.getByRole("status", { name: "Mode" });
  expect(status).toHaveTextContent("Read-only");
  await pressKey();
  await waitFor(() => expect(status).toHaveTextContent("Full access"));
});
