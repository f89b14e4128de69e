// Evidence is shown before any of it leaves: what is dropped stays here, and what is saved is what was chosen.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { EvidenceView } from "../../src/bindings/EvidenceView";
import { evidenceOf, evidenceOfLongPage } from "../fake/evidence";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

async function open(change: Partial<EvidenceView> = {}) {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  fake.emit("evidence_taken", { ...evidenceOf(), picture: null, no_picture: "The page is busy.", ...change });
  return screen.findByRole("dialog", { name: "Evidence from the session as Anna Vogel" });
}
const listOf = (dialog: HTMLElement, name: string) => within(within(dialog).getByRole("region", { name }));
const saved = () => fake.called("save_evidence").map(({ args }) => args);

describe("evidence from a session", () => {
  test("is shown, and saved as it was chosen", async () => {
    const dialog = await open();
    expect(within(dialog).getByText(/The page is busy/)).toBeInTheDocument();
    expect(listOf(dialog, "Requests").getByText("3 of 3")).toBeInTheDocument();
    expect(within(dialog).getByText(/TypeError: order is undefined/)).toBeInTheDocument();
    expect(saved()).toEqual([]);
    await user.click(within(dialog).getByRole("checkbox", { name: /GET \/api\/me/ }));
    expect(listOf(dialog, "Requests").getByText("2 of 3")).toBeInTheDocument();
    await user.click(listOf(dialog, "Browser console").getByRole("checkbox", { name: /checkout 3.2/ }));
    await user.click(
      listOf(dialog, "Pages").getByRole("checkbox", { name: /^https.*\/orders 200|^\/orders 200/ }),
    );
    await user.click(within(dialog).getByRole("button", { name: "Save as HTML" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(saved()).toEqual([
      {
        takenAt: evidenceOf().taken_at,
        format: "html",
        choice: { picture: null, requests: [3], messages: [0], pages: [1] },
      },
    ]);
    await user.click(await screen.findByRole("button", { name: "Show in folder" }));
    expect(fake.called("show_saved_evidence")).toHaveLength(1);
  });

  test("can be saved as files of their own", async () => {
    const dialog = await open();
    await user.click(within(dialog).getByRole("button", { name: "Save as ZIP" }));
    await waitFor(() => expect(saved()).toMatchObject([{ format: "zip" }]));
  });

  test("tells what Understudy held back from what the application did not answer", async () => {
    const [first, second, third] = evidenceOf().requests;
    if (!first || !second || !third) throw new Error("there are three");
    const failed = { status: null, is_failed: true };
    const dialog = await open({
      requests: [first, { ...second, ...failed }, { ...third, ...failed, is_held_back: true }],
    });
    const requests = listOf(dialog, "Requests");
    expect(requests.getByRole("checkbox", { name: /POST .*held back$/ })).toBeInTheDocument();
    expect(requests.getByRole("checkbox", { name: /GET .*no answer$/ })).toBeInTheDocument();
  });

  test("can be cut to what failed, and copied as text", async () => {
    const dialog = await open();
    await user.click(listOf(dialog, "Requests").getByRole("button", { name: "Failed only" }));
    expect(listOf(dialog, "Requests").getByText("1 of 3")).toBeInTheDocument();
    await user.click(within(dialog).getByRole("button", { name: "Copy text" }));
    await screen.findByText("Text copied");
    expect(fake.called("evidence_text").map(({ args }) => args)).toMatchObject([
      { choice: { requests: [3] } },
    ]);
  });

  test("leaves out every message and page that the agent drops", async () => {
    const dialog = await open();
    const messages = listOf(dialog, "Browser console");
    await user.click(messages.getByRole("button", { name: "Errors only" }));
    expect(messages.getByText("1 of 2")).toBeInTheDocument();
    const pages = listOf(dialog, "Pages");
    await user.click(pages.getByRole("button", { name: "None" }));
    await user.click(pages.getByRole("button", { name: "All" }));
    await user.click(pages.getByRole("button", { name: "Failed only" }));
    expect(pages.getByText("0 of 2")).toBeInTheDocument();
    // What loaded a page goes with it.
    const requests = listOf(dialog, "Requests");
    expect(requests.getByText("2 of 3")).toBeInTheDocument();
    const gone = requests.getByRole("checkbox", { name: /GET.*\/orders 200/ });
    expect(gone).toBeDisabled();
    expect(gone).not.toBeChecked();
    await user.click(within(dialog).getByRole("button", { name: "Copy text" }));
    await screen.findByText("Text copied");
    expect(fake.called("evidence_text").map(({ args }) => args)).toMatchObject([
      { choice: { requests: [3, 2], messages: [0], pages: [] } },
    ]);
  });

  test("is forgotten when the agent cancels, who goes on in the session", async () => {
    await open();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await waitFor(() => expect(fake.called("discard_evidence")).toHaveLength(1));
    expect(fake.called("focus_session").map(({ args }) => args)).toEqual([{ session: "s1" }]);
    expect(saved()).toEqual([]);
  });

  test("says why it was not saved, and keeps what was chosen", async () => {
    const dialog = await open();
    fake.refuse("save_evidence", {
      code: "file_failed",
      message: "The evidence was not saved: no space left.",
    });
    await user.click(listOf(dialog, "Requests").getByRole("button", { name: "None" }));
    await user.click(within(dialog).getByRole("button", { name: "Save as HTML" }));
    expect(await within(dialog).findByRole("alert")).toHaveTextContent("no space left");
    expect(listOf(dialog, "Requests").getByText("0 of 3")).toBeInTheDocument();
  });

  test("goes into the ticket, if that takes it, as it was chosen", async () => {
    const dialog = await open({ ticket_origin: "https://help.acme.example" });
    expect(within(dialog).getByText(/https:\/\/help\.acme\.example as one HTML file/)).toBeInTheDocument();
    await user.click(listOf(dialog, "Requests").getByRole("button", { name: "Failed only" }));
    await user.click(within(dialog).getByRole("button", { name: /^Send to ticket 4711/ }));
    expect(await screen.findByText("The evidence is in ticket 4711.")).toBeInTheDocument();
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(fake.called("send_evidence").map(({ args }) => args)).toEqual([
      {
        takenAt: evidenceOf().taken_at,
        choice: { picture: null, requests: [3], messages: [0, 1], pages: [0, 1] },
      },
    ]);
  });

  test("stays when the helpdesk refuses it, and can be sent again by key", async () => {
    const dialog = await open({ ticket_origin: "https://help.acme.example" });
    fake.refuse("send_evidence", {
      code: "ticket_failed",
      message: "https://help.acme.example answered with status 503.",
    });
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(await within(dialog).findByRole("alert")).toHaveTextContent("status 503");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(fake.called("send_evidence")).toHaveLength(2));
  });

  test("stays until the helpdesk has answered, whatever is pressed", async () => {
    const dialog = await open({ ticket_origin: "https://help.acme.example" });
    const sending = fake.hold("send_evidence");
    await user.keyboard("{Control>}{Enter}{/Control}");
    await waitFor(() => expect(sending.waiting()).toBe(1));
    expect(within(dialog).getByRole("button", { name: "Cancel" })).toBeDisabled();
    await user.keyboard("{Escape}");
    fake.refuse("send_evidence", {
      code: "ticket_failed",
      message: "https://help.acme.example did not answer.",
    });
    sending.stop();
    expect(await within(dialog).findByRole("alert")).toHaveTextContent("did not answer");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  test("that is taken while other evidence is shown takes its place, and is not forgotten with it", async () => {
    await open();
    const newer = evidenceOf().taken_at + 5_000;
    fake.emit("evidence_taken", { ...evidenceOf(), taken_at: newer, no_picture: "The second one." });
    expect(await screen.findByText(/The second one/)).toBeInTheDocument();
    await waitFor(() => expect(fake.called("discard_evidence")).toHaveLength(1));
    expect(fake.called("discard_evidence").map(({ args }) => args)).toEqual([
      { takenAt: evidenceOf().taken_at },
    ]);
  });

  test("has the whole page as well, if the page is longer than the window", async () => {
    const dialog = await open({ ...evidenceOfLongPage("dmlzaWJsZQ==", "d2hvbGU="), no_picture: null });
    const extent = within(dialog).getByRole("radiogroup", { name: "What the picture shows" });
    expect(within(extent).getByRole("radio", { name: "Visible part" })).toBeChecked();
    await user.click(within(extent).getByRole("radio", { name: "Whole page" }));
    expect(within(extent).getByRole("radio", { name: "Whole page" })).toBeChecked();
    // Both are there, each with its marks and with keys that it names.
    const pictures = within(dialog).getAllByRole("application", { hidden: true });
    expect(pictures.map((one) => one.closest("[hidden]") !== null)).toEqual([true, false]);
    const ids = [...dialog.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const one of pictures) expect(one).toHaveAccessibleDescription(/^Arrow keys move the marked area/);
  });

  test("says why there is no picture of the whole page", async () => {
    const dialog = await open({
      picture: "dmlzaWJsZQ==",
      no_picture: null,
      no_whole_picture: "The whole page is too large for a picture: 1280 × 90000 points.",
    });
    expect(within(dialog).getByText(/too large for a picture/)).toBeInTheDocument();
    expect(within(dialog).queryByRole("radiogroup")).toBeNull();
  });

  test("is not offered to a ticket that takes none", async () => {
    const dialog = await open();
    expect(within(dialog).queryByRole("button", { name: /Send to ticket/ })).toBeNull();
    await user.keyboard("{Control>}{Enter}{/Control}");
    expect(fake.called("send_evidence")).toHaveLength(0);
  });

  test("waits while something unsaved lies over the list", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Control>},{/Control}");
    await screen.findByRole("dialog", { name: "Settings" });
    fake.emit("evidence_taken", evidenceOf());
    expect(await screen.findByText("Evidence was taken")).toBeInTheDocument();
    expect(screen.getByRole("dialog", { name: "Settings" })).toBeInTheDocument();
  });
});
