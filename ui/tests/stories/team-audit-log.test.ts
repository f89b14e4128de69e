// The audit log's view with the team's log: the entries of all consoles, in the same list, search and timeline.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { asTeam, logEntries } from "../fake/audit-log";
import { inReach } from "../fake/colleagues";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  fake.state.presence = inReach();
  user = userEvent.setup();
});

const log = () => within(screen.getByRole("dialog", { name: "Audit log" }));
const field = () => log().getByRole("searchbox", { name: "Search the audit log" });
const rows = () => log().queryAllByRole("option");
const status = () => log().getByRole("status", { name: "Entries, newest first" });
const choice = (name: string) => log().getByRole("radio", { name });

async function open() {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}{Shift>}a{/Shift}{/Control}");
  await screen.findByRole("dialog", { name: "Audit log" });
  await waitFor(() => expect(status()).toHaveTextContent(/entr/));
}

async function openTeam() {
  await open();
  await user.click(choice("Team"));
  await waitFor(() => expect(rows()[0]).toHaveTextContent("desk-7"));
}

describe("the team's audit log", () => {
  test("is no choice where the team has none", async () => {
    fake.state.presence = { reach: "no_log", why: null, sessions: [] };
    await open();
    expect(log().queryByRole("radio")).toBeNull();
    await user.keyboard("{Alt>}2{/Alt}");
    expect(fake.called("list_team_entries")).toEqual([]);
  });

  test("lists all consoles' entries, each with its computer, and finds them in the same words", async () => {
    await openTeam();
    expect(rows()).toHaveLength(logEntries.length);
    expect(rows().filter((row) => row.textContent?.includes("grace-laptop"))).toHaveLength(6);
    expect(log().queryByRole("button", { name: /^Export/ })).toBeNull();
    await user.type(field(), "outcome:refused");
    await waitFor(() => expect(rows()).toHaveLength(3));
    expect(fake.called("list_team_entries").at(-1)?.args).toMatchObject({ text: "outcome:refused" });
    expect(rows().every((row) => row.textContent?.includes("grace-laptop"))).toBe(true);
    // The other log is searched for the same.
    await user.keyboard("{Alt>}1{/Alt}");
    await waitFor(() =>
      expect(fake.called("list_entries").at(-1)?.args).toMatchObject({ text: "outcome:refused" }),
    );
    expect(choice("This computer")).toBeChecked();
    expect(field()).toHaveFocus();
    expect(fake.called("leave_team_log")).toHaveLength(1);
  });

  test("shows a session as its own console tells it, and who wrote it where", async () => {
    await openTeam();
    await user.type(field(), 'operator:="Grace Hopper" event:refused');
    await waitFor(() => expect(rows()).toHaveLength(1));
    await user.keyboard("{ArrowDown}");
    const session = await log().findByRole("region", { name: "Session" });
    await waitFor(() => expect(within(session).getAllByRole("listitem")).toHaveLength(3));
    expect(session).toHaveTextContent("grace on grace-laptop");
    expect(session).toHaveTextContent("Written as grace");
    expect(session).toHaveTextContent("b8d1f3c2-5a77-4e0d-9b61-2f4c8e9a0d11");
    expect(fake.called("team_session_entries").at(-1)?.args).toMatchObject({
      log: "b8d1f3c2-5a77-4e0d-9b61-2f4c8e9a0d11",
    });
    expect(fake.called("session_entries")).toEqual([]);
    expect(session).not.toHaveTextContent("Only the first");
  });

  test("says that a session has more entries than are shown, and how long it was is not known", async () => {
    fake.answers["team_session_entries"] = ({ log, session }) => ({
      entries: asTeam(fake.log).filter((entry) => entry.session === session && entry.console?.log === log),
      is_cut: true,
    });
    await openTeam();
    await user.type(field(), 'operator:="Grace Hopper" event:refused');
    await waitFor(() => expect(rows()).toHaveLength(1));
    await user.keyboard("{ArrowDown}");
    const session = await log().findByRole("region", { name: "Session" });
    await waitFor(() =>
      expect(session).toHaveTextContent("Only the first 3 entries of this session are shown."),
    );
    expect(within(session).queryByText("Length")).toBeNull();
  });

  test("goes on page by page, though consoles count their own entries", async () => {
    fake.pageSize = 5;
    await openTeam();
    await waitFor(() => expect(rows()).toHaveLength(logEntries.length));
    const places = fake.called("list_team_entries").map(({ args }) => args["before"]);
    expect(places.length).toBeGreaterThan(3);
    expect(places[0]).toBeNull();
    expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(places.length);
  });

  test("stays chosen until Understudy quits, and is in the palette and among the keys", async () => {
    await openTeam();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(fake.called("leave_team_log")).toHaveLength(1);
    await user.keyboard("{Control>}{Shift>}a{/Shift}{/Control}");
    await screen.findByRole("dialog", { name: "Audit log" });
    expect(choice("Team")).toBeChecked();
    await user.click(choice("This computer"));
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await user.keyboard("{Control>}k{/Control}audit log of the team{Enter}");
    await screen.findByRole("dialog", { name: "Audit log" });
    expect(choice("Team")).toBeChecked();
  });

  test("says why it can't be read and what to do, and tries again", async () => {
    fake.refuse(
      "list_team_entries",
      {
        code: "directory_refused",
        message:
          "The database role of the team file may not read the team's log: permission denied for table entries.",
        hint: "Ask the database's administrator to grant SELECT on understudy.entries.",
      },
      1,
    );
    await open();
    await user.click(choice("Team"));
    const alert = await log().findByRole("alert");
    expect(alert).toHaveTextContent("may not read the team's log");
    expect(alert).toHaveTextContent("grant SELECT");
    expect(rows()).toHaveLength(0);
    await user.click(log().getByRole("button", { name: "Retry" }));
    await waitFor(() => expect(rows()).toHaveLength(logEntries.length));
    expect(log().queryByRole("alert")).toBeNull();
  });

  test("says that it is read, and that nothing is in it", async () => {
    let answer: (() => void) | undefined;
    fake.answers["list_team_entries"] = () =>
      new Promise((resolve) => (answer = () => resolve({ entries: [], next: null, team: null })));
    await open();
    await user.click(choice("Team"));
    await waitFor(() => expect(status()).toHaveTextContent("Reading the team's log…"));
    expect(rows()).toHaveLength(0);
    answer?.();
    expect(await log().findByText("Nothing is recorded yet", { selector: ".title" })).toBeInTheDocument();
  });

  test("is verified as a whole", async () => {
    await openTeam();
    await user.click(log().getByRole("button", { name: "Verify" }));
    const verification = log().getByRole("status", { name: "Verification" });
    await waitFor(() => expect(verification).toHaveTextContent("The team's log is as it was written"));
    expect(verification).toHaveTextContent("16 entries of 2 consoles");
    expect(fake.called("verify_audit_log")).toEqual([]);
    // What was found about one log says nothing about the other.
    await user.click(choice("This computer"));
    await waitFor(() => expect(verification).toBeEmptyDOMElement());
  });
});
