// The sheet of keys: it has every key there is.
import { cleanup, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import page from "../../../docs/keys.md?raw";
import { actions } from "../../src/actions";
import App from "../../src/App.svelte";
import { chords as sessionChords } from "../../src/bar/keys";
import { keyWords, SAVE } from "../../src/keys";
import { texts } from "../../src/texts";
import { evidenceOf } from "../fake/evidence";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
});

/** The keys beside each thing that a group of the sheet names. */
async function sheet() {
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.click(screen.getByRole("button", { name: "Keyboard shortcuts" }));
  const dialog = await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
  return (group: string) => {
    const section = within(dialog).getByRole("heading", { name: group }).parentElement as HTMLElement;
    return Object.fromEntries(
      within(section)
        .getAllByRole("term")
        .map((term) => {
          const keys = term.nextElementSibling?.querySelectorAll("kbd") ?? [];
          return [term.textContent, [...keys].map((key) => key.textContent)];
        }),
    );
  };
}

test("the palette has the keys of a session beside what can be done with it", async () => {
  fake.state.sessions = [1, 2].map((at) => ({
    ...evidenceOf().session,
    id: `s${String(at)}`,
    user: { id: String(at), name: `Anna ${String(at)}`, email: null, company: null },
    started_at: at,
  }));
  render(App);
  await screen.findByRole("grid", { name: "Users" });
  await user.keyboard("{Control>}k{/Control}anna 2");
  const keys = async (name: RegExp) => {
    const entry = await screen.findByRole("option", { name });
    return [...entry.querySelectorAll("kbd")].map((key) => key.textContent);
  };
  expect(await keys(/^Go to Anna 2/)).toEqual(["Ctrl 2"]);
  // These do nothing here, and it says so.
  expect(await keys(/^Take evidence/)).toEqual(["Ctrl Shift E"]);
  expect(await keys(/^End the session/)).toEqual(["Ctrl W"]);
  expect(screen.getAllByTitle("in its window")).toHaveLength(2);
});

describe("the sheet of keys", () => {
  test("has every chord of every action, beside what it does", async () => {
    const of = await sheet();
    const shown = { ...of("Anywhere"), ...of("In the user list") };
    for (const { label, chords } of actions.filter((action) => action.chords.length > 0)) {
      expect(shown[label]).toEqual(expect.arrayContaining(chords.map(keyWords)));
    }
    expect(shown).toMatchObject({
      "Search users": ["Ctrl F", "/"],
      "Switch connection": ["Alt 1 … 9"],
      "Session by its number, the oldest first": ["Ctrl 1 … 9"],
      "Bring the console to the front, search focused": ["Ctrl Shift U"],
    });
  });

  test("says what can be typed into the search field", async () => {
    await sheet();
    const section = screen.getByRole("heading", { name: "In the search field" }).parentElement as HTMLElement;
    const says = (example: string) => within(section).getByText(example).closest("dt")?.nextElementSibling;
    expect(says("plan:pro")).toHaveTextContent("the plan contains “pro”");
    expect(says("plan:=pro")).toHaveTextContent("the plan is exactly “pro”");
  });

  test("teaches filters with this connection's columns and values, and runs one", async () => {
    await sheet();
    const section = screen.getByRole("heading", { name: "Filters for this connection" })
      .parentElement as HTMLElement;
    const filters = within(section)
      .getAllByRole("term")
      .map((term) => term.textContent?.trim());
    expect(filters).toContain("created:7d");
    expect(filters).toContain("last_login_at:30d");
    // No one's name or address is an example.
    expect(filters.join(" ")).not.toMatch(/full_name|email/);
    const plan = filters.find((filter) => filter?.startsWith("plan:=")) ?? "";
    await user.click(within(section).getByRole("button", { name: plan }));
    await waitFor(() => expect(screen.getByRole("searchbox", { name: "Search users" })).toHaveValue(plan));
  });

  test("teaches them once the database has answered, also when it was open before", async () => {
    const opening = fake.hold("directory_info");
    render(App);
    await waitFor(() => expect(opening.waiting()).toBe(1));
    await user.click(screen.getByRole("button", { name: "Keyboard shortcuts" }));
    await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
    expect(screen.queryByRole("heading", { name: "Filters for this connection" })).toBeNull();
    opening.stop();
    expect(await screen.findByRole("heading", { name: "Filters for this connection" })).toBeInTheDocument();
  });

  test("has every chord of a session's window", async () => {
    const of = await sheet();
    const shown = of("In a session window");
    const { "Session by its number, the oldest first": byNumber, ...others } = shown;
    expect(byNumber).toEqual(["Ctrl 1 … 9"]);
    expect(Object.values(others)).toEqual(Object.values(sessionChords).map((chords) => chords.map(keyWords)));
    expect(shown).toMatchObject({
      Back: ["Alt ←"],
      Reload: ["Ctrl R", "F5"],
      "Zoom in": ["Ctrl +"],
      "Inspect the page": ["F12", "Ctrl Shift I"],
      "End session": ["Ctrl W"],
      "Next session window": ["Ctrl Tab"],
    });
  });

  test("has those of the details, suggestions, the palette, the dialog and the form", async () => {
    const of = await sheet();
    expect(of("While suggestions are shown")).toEqual({
      "Choose a suggestion": ["↑", "↓"],
      "Accept it": ["Tab", "⏎"],
      "Close them": ["Esc"],
    });
    expect(of("In the user details")).toEqual({
      "Next or previous value": ["↑", "↓"],
      "Copy the value": ["⏎"],
      "Go to “Filter by this” beside the value": ["→"],
      "On the edge of the details: make them wider or narrower": ["←", "→"],
    });
    expect(of("On a recent or pinned user")).toMatchObject({
      "Sign in as the user": ["Ctrl ⏎"],
      "Copy the user's email": ["Ctrl Shift C"],
    });
    expect(of("While searching all connections")).toMatchObject({ Close: ["Ctrl Shift F", "Esc"] });
    expect(of("In evidence and summaries")).toEqual({
      "Send to the ticket": ["Ctrl ⏎"],
      "Move the marked area of the picture": ["←", "→", "↑", "↓"],
      "Resize the marked area": ["Shift ←", "Shift →", "Shift ↑", "Shift ↓"],
      "Apply the box or the blur": ["⏎"],
      "Discard the marked area": ["Esc"],
    });
    expect(of("In the command palette")["Sign in as the selected user"]).toEqual(["Ctrl ⏎"]);
    expect(of("In the sign-in dialog")).toEqual({ "Sign in with the reason you typed": ["Ctrl ⏎"] });
    expect(of("In the connection form")).toEqual({
      Save: [keyWords(SAVE)],
      "Database, Users, or Sign-in and policy": ["Alt 1 … 3"],
    });
  });

  test("is what docs/keys.md says", async () => {
    fake.state.settings = { ...fake.state.settings, quick_window: true };
    fake.state.presence = { reach: "in_reach", why: null, sessions: [] };
    await sheet();
    const dialog = screen.getByRole("dialog", { name: "Keyboard shortcuts" });
    const written = (key: string | null) =>
      (key ?? "")
        .split(" … ")
        .map((part) => `\`${part.replaceAll(" ", "+").replace("⏎", "Enter")}\``)
        .join(" … ");
    const shown = within(dialog)
      .getAllByRole("heading", { level: 3 })
      .map((heading) => ({
        title: heading.textContent,
        keys: [...(heading.parentElement?.querySelectorAll("dt") ?? [])]
          .filter((term) => term.nextElementSibling?.querySelector("kbd"))
          .map((term) => {
            const keys = [...(term.nextElementSibling?.querySelectorAll("kbd") ?? [])];
            return `| ${keys.map((key) => written(key.textContent)).join(", ")} | ${term.textContent} |`;
          }),
      }))
      .filter(({ keys }) => keys.length > 0);
    const documented = page
      .split("\n## ")
      .slice(1)
      .map((section) => {
        const [title, ...lines] = section.split("\n");
        return { title, keys: lines.filter((line) => line.startsWith("| `")) };
      });
    expect(documented).toEqual(shown);
  });

  test("leaves out single letters where they are turned off", async () => {
    fake.state.settings = { ...fake.state.settings, single_keys: false };
    const of = await sheet();
    expect(of("Anywhere")["Search users"]).toEqual(["Ctrl F"]);
    expect(of("Anywhere")["Keyboard shortcuts"]).toBeUndefined();
    expect(of("In the user list")["Next or previous user"]).toEqual(["↑", "↓"]);
    expect(screen.getByText(/turned off in Settings/)).toBeInTheDocument();
  });

  test("the setting that turns single letters off names all of them", async () => {
    const all = () =>
      new Set([...screen.getByRole("dialog").querySelectorAll("kbd")].map((key) => key.textContent));
    await sheet();
    const on = all();
    cleanup();
    fake.state.settings = { ...fake.state.settings, single_keys: false };
    await sheet();
    const off = all();
    const single = [...on].filter((key) => !off.has(key));
    expect(single.length).toBeGreaterThan(2);
    const [named = ""] = texts.setup.settings.singleKeysText.split(" are shortcuts");
    expect(named.split(/, | and /).sort()).toEqual(single.sort());
  });
});
