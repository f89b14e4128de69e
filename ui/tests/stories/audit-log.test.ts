// The audit log's view: a search, the session of an entry, who became whom, whether it is what was written, and exports.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { TeamLogState } from "../../src/bindings/TeamLogState";
import { intact, listEntries, logEntries } from "../fake/audit-log";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

const log = () => within(screen.getByRole("dialog", { name: "Audit log" }));
const field = () => log().getByRole("searchbox", { name: "Search the audit log" });
const rows = () => log().queryAllByRole("option");
const status = () => log().getByRole("status", { name: "Entries, newest first" });
const asked = () => fake.called("list_entries").map(({ args }) => args["text"]);

async function open() {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}{Shift>}a{/Shift}{/Control}");
  await screen.findByRole("dialog", { name: "Audit log" });
  await waitFor(() => expect(status()).toHaveTextContent(/entr/));
}

describe("the audit log", () => {
  test("lists the newest entries first, with who became whom beside them", async () => {
    await open();
    expect(field()).toHaveFocus();
    expect(rows()).toHaveLength(logEntries.length);
    expect(rows()[0]).toHaveTextContent("Signed in");
    expect(rows()[0]).toHaveTextContent("Ada Lovelace as anna.vogel@example.com");
    const week = log().getByRole("region", { name: "Last 7 days" });
    expect(week).toHaveTextContent("4 sessions: 2 operators as 3 users");
    await user.click(within(week).getByRole("button", { name: /^Grace Hopper 2/ }));
    expect(field()).toHaveValue('operator:="Grace Hopper" since:7d event:begun');
    await waitFor(() => expect(rows()).toHaveLength(2));
    expect(field()).toHaveFocus();
  });

  test("says quietly how far the team's log has it, and loudly that the two contradict each other", async () => {
    const team: TeamLogState = {
      shipped: 120,
      waiting: 0,
      waiting_since: null,
      problem: null,
      is_contradictory: false,
      is_required: true,
    };
    let now: TeamLogState | undefined = undefined;
    fake.answers["list_entries"] = () => ({ ...listEntries(fake.log, "", null, 500), team: now });
    const line = () => log().queryByRole("note", { name: "The team's log" });
    await open();
    expect(line()).toBeNull();
    now = team;
    await user.keyboard("{F5}");
    await waitFor(() => expect(line()).toHaveTextContent("The team's log has every entry."));
    const problem: TeamLogState["problem"] = {
      code: "directory_unreachable",
      message: "The database at db.example.com:5432 cannot be reached.",
      hint: "Check the network.",
      statement: null,
      details: null,
      secret: null,
      faults: [],
    };
    now = { ...team, waiting: 12, waiting_since: Date.UTC(2026, 10, 29, 9, 12), problem };
    await user.keyboard("{F5}");
    await waitFor(() =>
      expect(line()).toHaveTextContent(
        /12 entries wait to be sent to the team's log, since .*cannot be reached/,
      ),
    );
    now = { ...team, is_contradictory: true };
    await user.keyboard("{F5}");
    await waitFor(() => expect(line()).toHaveTextContent(/contradict each other/));
  });

  test("is searched in the grammar of the search field, and filters are taken out again", async () => {
    await open();
    await user.type(field(), "outcome:refused ");
    await waitFor(() => expect(rows()).toHaveLength(3));
    expect(status()).toHaveTextContent("3 entries");
    await user.click(log().getByRole("button", { name: "Remove the filter Outcome contains refused" }));
    await waitFor(() => expect(rows()).toHaveLength(logEntries.length));
    await user.type(field(), "oper");
    expect(await log().findByRole("option", { name: /operator:/ })).toBeInTheDocument();
    await user.keyboard("{Tab}");
    expect(field()).toHaveValue("operator:");
  });

  test("shows a session step by step, by keyboard alone", async () => {
    await open();
    await user.type(field(), "resend");
    await waitFor(() => expect(rows()).toHaveLength(2));
    await user.keyboard("{ArrowDown}");
    expect(field()).toHaveAttribute("aria-activedescendant", rows()[0]?.id);
    const session = await log().findByRole("region", { name: "Session" });
    const steps = () =>
      within(within(session).getByRole("list", { name: "What happened" })).getAllByRole("listitem");
    await waitFor(() => expect(steps()).toHaveLength(7));
    const said = steps().map((step) => step.textContent?.replace(/\s+/g, " ").trim());
    expect(said[1]).toMatch(/^Signed in/);
    // What this version does not know stands there by its word.
    expect(said[2]).toMatch(/^Held back.*POST app\.acme\.com\/api\/invoices/);
    expect(said[3]).toMatch(/^Full access \+03:24 Customer asked to resend the invoice/);
    expect(said[5]).toMatch(/^Extended .*by 15 minutes/);
    expect(said[6]).toMatch(/^Session ended .*by the operator, 4 requests held back/);
    expect(session).toHaveTextContent("Ticket 88121: invoice total wrong");
    await user.keyboard("{Enter}");
    expect(within(session).getByRole("list", { name: "What happened" })).toHaveFocus();
    // One step back after the other.
    await user.keyboard("{Escape}");
    expect(log().queryByRole("region", { name: "Session" })).toBeNull();
    expect(field()).toHaveFocus();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  test("shows an entry that is about no session as what it is", async () => {
    await open();
    await user.type(field(), "secret_stored");
    await waitFor(() => expect(rows()).toHaveLength(1));
    await user.click(rows()[0] as HTMLElement);
    const entry = await log().findByRole("region", { name: "Entry" });
    expect(entry).toHaveTextContent("Secret stored");
    expect(entry).toHaveTextContent("admin_token");
    expect(fake.called("session_entries")).toEqual([]);
  });

  test("narrows to the session, or to all of its user", async () => {
    await open();
    await user.click(rows()[0] as HTMLElement);
    await user.click(await log().findByRole("button", { name: "All entries for this user" }));
    expect(field()).toHaveValue("connection:=acme user:=7001");
    await waitFor(() => expect(rows()).toHaveLength(9));
    await user.click(rows()[0] as HTMLElement);
    await user.click(await log().findByRole("button", { name: "Only this session" }));
    await waitFor(() => expect(rows()).toHaveLength(2));
  });

  test("loads older entries as they are reached, and never all", async () => {
    fake.log = Array.from({ length: 400 }, (_, at) => ({
      ...(logEntries[0] as (typeof logEntries)[0]),
      id: at + 1,
    }));
    fake.pageSize = 100;
    await open();
    expect(status()).toHaveTextContent("100+ entries");
    await user.keyboard("{ArrowDown}");
    for (let at = 0; at < 10; at++) await user.keyboard("{PageDown}");
    expect(rows().length).toBeLessThan(400);
    await user.tab();
    await user.click(rows()[99] as HTMLElement);
    await waitFor(() => expect(rows()).toHaveLength(200));
    expect(fake.called("list_entries").at(-1)?.args["before"]).toBe(301);
  });

  test("goes on searching where a page found little, and says how far it is", async () => {
    const held = fake.hold("list_entries");
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Control>}{Shift>}a{/Shift}{/Control}");
    await screen.findByRole("dialog", { name: "Audit log" });
    fake.answers["list_entries"] = ({ before }) =>
      before === null
        ? { log: "log-1", entries: [], next: 50_001, searched_to: Date.parse("2026-11-03T12:00:00Z") }
        : { log: "log-1", entries: logEntries.slice(0, 1), next: null, searched_to: null };
    await user.type(field(), "grace");
    await waitFor(() => expect(held.waiting()).toBe(2));
    held.release();
    held.release();
    await waitFor(() => expect(held.waiting()).toBe(1));
    expect(status()).toHaveTextContent("Searching, back to 3 Nov 2026…");
    held.stop();
    await waitFor(() => expect(status()).toHaveTextContent("1 entry"));
  });

  test("says when another log has taken its place, and lists that one", async () => {
    fake.pageSize = 5;
    let id = "log-1";
    fake.answers["list_entries"] = ({ text, before }) => ({
      ...listEntries(logEntries, String(text), before as number | null, 100),
      log: id,
    });
    await open();
    id = "log-2";
    await user.keyboard("{F5}");
    expect(await log().findByRole("alert")).toHaveTextContent("Another log has taken this one's place.");
    expect(rows()).toHaveLength(logEntries.length);
  });

  test("says that nothing is there, and that nothing matches", async () => {
    await open();
    await user.type(field(), "nobody at all");
    expect(await log().findByText("No entries match", { selector: ".title" })).toBeVisible();
    await user.click(log().getByRole("button", { name: "Clear the search" }));
    await waitFor(() => expect(rows()).toHaveLength(logEntries.length));
    fake.log = [];
    await user.keyboard("{F5}");
    expect(await log().findByText("The first session will be.")).toBeVisible();
  });

  test("says why it can't be read, and tries again", async () => {
    fake.refuse("list_entries", {
      code: "audit_failed",
      message: "Could not read the audit log: another program holds it.",
      hint: "Close other programs that have the log open, then try again.",
    });
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Control>}{Shift>}a{/Shift}{/Control}");
    await screen.findByRole("dialog", { name: "Audit log" });
    const alert = await log().findByRole("alert");
    expect(alert).toHaveTextContent("The audit log can't be used");
    expect(alert).toHaveTextContent("another program holds it");
    await user.click(within(alert).getByRole("button", { name: "Retry" }));
    await waitFor(() => expect(rows()).toHaveLength(logEntries.length));
    expect(log().queryByRole("alert")).toBeNull();
  });

  test("is verified in the background, which can be cancelled", async () => {
    await open();
    const held = fake.hold("verify_audit_log");
    const verify = log().getByRole("button", { name: "Verify" });
    await user.click(verify);
    const result = log().getByRole("status", { name: "Verification" });
    expect(result).toHaveTextContent("Verifying…");
    fake.answers["verification_percent"] = () => 37;
    await waitFor(() => expect(result).toHaveTextContent("Verifying… 37%"));
    await user.click(within(result).getByRole("button", { name: "Cancel" }));
    expect(fake.called("stop_verification")).toHaveLength(1);
    expect(result).toHaveTextContent(/^\s*$/);
    held.stop();

    await user.click(verify);
    await waitFor(() => expect(result).toHaveTextContent("The log is as it was written"));
    expect(result).toHaveTextContent("Intact: 16 entries are as written.");
    await user.click(within(result).getByRole("button", { name: "Copy the hash" }));
    expect(fake.clipboard).toEqual([intact.head]);

    fake.answers["verify_audit_log"] = () => ({
      ...intact,
      is_intact: false,
      findings: ["Entry 5 is not what was written: it was changed, moved, or put in later."],
      advice: "Keep the file as it is, and show it to whoever reviews the log.",
    });
    await user.click(verify);
    await waitFor(() => expect(result).toHaveTextContent("The log is not what was written"));
    expect(result).toHaveTextContent("Entry 5 is not what was written");
  });

  test("exports what is filtered, to where the agent says", async () => {
    await open();
    await user.type(field(), "outcome:refused");
    await waitFor(() => expect(rows()).toHaveLength(3));
    const exportAs = (name: string) => user.click(log().getByRole("button", { name }));
    // The agent changed their mind.
    await exportAs("Export CSV…");
    await waitFor(() => expect(fake.called("plugin:dialog|save")).toHaveLength(1));
    expect(fake.called("export_entries")).toEqual([]);
    fake.chosenPath = "/home/kim/log.jsonl";
    await exportAs("Export JSON…");
    expect(await screen.findByText("3 entries exported to /home/kim/log.jsonl")).toBeInTheDocument();
    expect(fake.called("export_entries").map(({ args }) => args)).toEqual([
      { text: "outcome:refused", format: "jsonl", path: "/home/kim/log.jsonl" },
    ]);
  });

  test("is reached from a user's past sessions and from a connection's menu", async () => {
    fake.past = [
      {
        session: "s1",
        operator: "Ada",
        reason: "Ticket 1",
        ticket: "",
        outcome: "ended",
        started_at: 1,
        ended_at: 2,
        sign_out_failed: null,
        unlocks: [],
        held_back: null,
      },
    ];
    const id = fake.rows[0]?.id ?? "";
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    await user.keyboard("{Enter}");
    await user.click(await screen.findByRole("button", { name: "Show in the audit log" }));
    await screen.findByRole("dialog", { name: "Audit log" });
    expect(field()).toHaveValue(`connection:=acme user:=${id} `);
    await waitFor(() => expect(asked()).toEqual([`connection:=acme user:=${id}`]));
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    await user.keyboard("{Control>}k{/Control}");
    await user.keyboard("Audit log of");
    await user.keyboard("{Enter}");
    await screen.findByRole("dialog", { name: "Audit log" });
    expect(field()).toHaveValue("connection:=acme ");
  });

  test("follows sessions that begin and end meanwhile", async () => {
    await open();
    const before = asked().length;
    fake.emit("sessions", [
      {
        id: "s1",
        connection: "acme",
        connection_name: "Acme",
        environment: "production",
        user: { id: "1", name: null, email: null, company: null },
        reason: "",
        ticket: "",
        ticket_origin: null,
        phase: "opening",
        started_at: 0,
        active_at: null,
        deadline: null,
        extensions_left: 0,
        refused_secrets: [],
        mode: "full",
        may_unlock: "always",
      },
    ]);
    await waitFor(() => expect(asked().length).toBeGreaterThan(before));
  });
});
