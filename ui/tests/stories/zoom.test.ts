// How large the console is drawn.
import { render, screen, waitFor } from "@testing-library/svelte";
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

const open = async () => {
  const { unmount } = render(App);
  await screen.findByRole("grid", { name: "Users" });
  return unmount;
};
const zoomed = () => {
  const calls = fake.called("plugin:webview|set_webview_zoom");
  expect(calls.every(({ args }) => args["label"] === "console")).toBe(true);
  return calls.map(({ args }) => args["value"]);
};

describe("zoom", () => {
  test("goes in steps by keys, and back; an ordinary start asks for nothing", async () => {
    await open();
    expect(zoomed()).toEqual([]);
    await user.keyboard("{Control>}+=-0{/Control}");
    expect(zoomed()).toEqual([1.1, 1.25, 1.1, 1]);
  });

  test("stops at 300 % and at 50 %", async () => {
    await open();
    await user.keyboard(`{Control>}${"+".repeat(9)}{/Control}`);
    expect(zoomed()).toEqual([1.1, 1.25, 1.5, 1.75, 2, 3]);
    await user.keyboard(`{Control>}0${"-".repeat(9)}{/Control}`);
    expect(zoomed().slice(6)).toEqual([1, 0.9, 0.8, 0.67, 0.5]);
  });

  test("is as it was left when the console is opened again", async () => {
    const close = await open();
    await user.keyboard("{Control>}++{/Control}");
    close();
    fake = installFake();
    await open();
    expect(zoomed()).toEqual([1.25]);
    await user.keyboard("{Control>}-{/Control}");
    expect(zoomed()).toEqual([1.25, 1.1]);
  });

  test("is not taken from what cannot be one", async () => {
    localStorage.setItem("zoom", "1000");
    await open();
    expect(zoomed()).toEqual([]);
  });

  test("works over a layer, where other keys are the layer's", async () => {
    await open();
    await user.keyboard("{Control>},{/Control}");
    await screen.findByRole("dialog", { name: "Settings" });
    await user.keyboard("{Control>}+2{/Control}");
    expect(zoomed()).toEqual([1.1]);
    expect(screen.getByRole("button", { name: /^Acme, production/, hidden: true })).toHaveAttribute(
      "aria-current",
      "true",
    );
  });

  test("is in the palette", async () => {
    await open();
    await user.keyboard("{Control>}k{/Control}");
    await screen.findByRole("combobox", { name: "Command palette" });
    await user.keyboard("zoom out");
    expect(await screen.findByRole("option", { name: "Zoom out", selected: true })).toHaveTextContent(
      "Ctrl −",
    );
    await user.keyboard("{Enter}");
    await waitFor(() => expect(zoomed()).toEqual([0.9]));
  });

  test("that is refused is said", async () => {
    fake.refuse("plugin:webview|set_webview_zoom", { code: "internal", message: "Not allowed." });
    await open();
    await user.keyboard("{Control>}+{/Control}");
    expect(await screen.findByText(/Not allowed/)).toBeInTheDocument();
  });
});
