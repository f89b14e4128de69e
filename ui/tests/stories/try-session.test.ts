// A read-only session begun from the connection form: what it holds back, live, and taken into the connection.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import App from "../../src/App.svelte";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { HeldBackRequests } from "../../src/bindings/HeldBackRequests";
import type { Phase } from "../../src/bindings/Phase";
import { clock } from "../../src/state/clock.svelte";
import { heldBack } from "../fake/bar";
import { connectionFile, NOW } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  clock.now = NOW;
  fake = installFake();
  user = userEvent.setup();
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
});
afterEach(() => vi.useRealTimers());

const request = (
  method: string,
  host: string,
  path: string,
  change: Partial<HeldBackRequests> = {},
): HeldBackRequests => ({
  method,
  address: `${host}${path}`,
  times: 2,
  last_at: NOW - 60_000,
  reason: `The session is read-only, and ${method} may change something.`,
  rule: `# Acme: held back\n[[policy.allow]]\nmethod = "${method}"\npath = "${path}"\n`,
  allow: { method, path },
  ...change,
});
const search = request("POST", "app.acme.example", "/api/search");
const prices = request("POST", "api.acme.example", "/v2/prices/7", {
  allow: { method: "POST", origin: "https://api.acme.example", path: "/v2/prices/*" },
});
const mutation = request("POST", "app.acme.example", "/graphql", {
  reason: "The session is read-only, and a mutation changes something.",
  rule: null,
  allow: null,
});

const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const rows = async () =>
  within(await screen.findByRole("list", { name: "Requests that were held back" })).getAllByRole("listitem");

async function openForm() {
  fake.answers["read_connection"] = () => ({
    text: "name = 'Acme'\n",
    source: "own",
    file: connectionFile,
    problem: null,
  });
  render(App);
  await user.pointer({
    keys: "[MouseRight]",
    target: await screen.findByRole("button", { name: /^Acme, production/ }),
  });
  await user.click(await screen.findByRole("menuitem", { name: "Edit…" }));
  await press("Sign-in and policy");
}

function turn(phase: Phase) {
  fake.state.sessions = fake.state.sessions.map((session) => ({ ...session, phase }));
  fake.emit("sessions", fake.state.sessions);
}

function hold(...groups: HeldBackRequests[]) {
  fake.heldBack = heldBack(groups);
  fake.emit("session_access", fake.state.sessions.at(-1)?.id);
}

async function startSession() {
  await openForm();
  await user.type(await field("User ID"), "42");
  await press("Try a session");
  await screen.findByText("Signing in…");
  turn("active");
}

test("a session is tried with somebody, and is empty until something is held back", async () => {
  await openForm();
  await press("Try a session");
  expect(await screen.findByText("Enter a user ID, or choose one.")).toBeInTheDocument();
  expect(await field("User ID")).toHaveFocus();
  expect(fake.called("try_session")).toEqual([]);

  await user.keyboard("42");
  await press("Try a session");
  expect(fake.called("try_session")[0]?.args).toEqual({ connection: "acme", user: "42" });
  expect(await screen.findByText("Signing in…")).toBeInTheDocument();
  turn("active");
  expect(await screen.findByText(/What the session holds back appears here/)).toBeInTheDocument();
  expect(screen.getByText("Nothing has been held back so far.")).toBeInTheDocument();
  expect(await screen.findByRole("button", { name: "Show the session" })).toBeInTheDocument();

  turn("refused");
  expect(await screen.findByText(/The sign-in was refused/)).toBeInTheDocument();
});

test("what is held back is listed live, and what only reads is taken into the form, by its keys", async () => {
  await startSession();
  hold(search);
  expect((await rows())[0]).toHaveTextContent("POST app.acme.example/api/search");
  expect((await rows())[0]).toHaveTextContent("2 times, last 1 min ago");
  hold(mutation, prices, search);
  await waitFor(async () => expect(await rows()).toHaveLength(3));
  const [first, second, third] = (await rows()) as [HTMLElement, HTMLElement, HTMLElement];
  expect(first).toHaveTextContent("a mutation changes something");
  expect(within(first).queryByRole("button")).toBeNull();
  expect(second).toHaveTextContent("as POST /v2/prices/*");

  third.focus();
  await user.keyboard("{ArrowRight}{Enter}");
  const allowed = await within(third).findByRole("button", { name: /\/api\/search is allowed$/ });
  expect(allowed).toHaveFocus();
  expect(screen.getByText("Added to the connection. Save to keep it.")).toBeInTheDocument();
  await user.keyboard("{Enter}");
  expect(await field("Path of request 1")).toHaveValue("/api/search");
  expect(screen.queryByLabelText("Path of request 2")).toBeNull();

  await user.click(within(second).getByRole("button", { name: /^Allow POST/ }));
  expect(await field("Server of request 2")).toHaveValue("https://api.acme.example");
  await press(/^Save/);
  await waitFor(() => expect(fake.called("save_connection")).toHaveLength(1));
  const text = String(fake.called("save_connection")[0]?.args["text"]);
  const { policy } = JSON.parse(text.split("\n")[1] ?? "") as ConnectionFile;
  expect(policy?.allow).toEqual([
    { method: "POST", path: "/api/search" },
    { method: "POST", origin: "https://api.acme.example", path: "/v2/prices/*" },
  ]);
});

test("all are taken at once, and stay when the session has ended", async () => {
  await startSession();
  hold(prices, search);
  await press("Allow all 2");
  expect(screen.getByText("2 requests added to the connection. Save to keep them.")).toBeInTheDocument();
  expect(await field("Path of request 2")).toHaveValue("/api/search");
  expect(screen.queryByRole("button", { name: /^Allow all/ })).toBeNull();
  fake.state.sessions = [];
  fake.emit("sessions", []);
  expect(await screen.findByText("The session has ended.")).toBeInTheDocument();
  expect(await rows()).toHaveLength(2);
  expect(screen.getByText(/uses the connection as it was saved, without your changes/)).toBeInTheDocument();
});

test("in the file, the rules are lines below the rest", async () => {
  await startSession();
  hold(search);
  await press("File");
  await press(/^Allow POST/);
  expect(await screen.findByRole("button", { name: /is allowed$/ })).toBeInTheDocument();
  await press(/^Save/);
  await waitFor(() => expect(fake.called("save_connection")).toHaveLength(1));
  expect(fake.called("save_connection")[0]?.args["text"]).toBe(`name = 'Acme'\n\n${search.rule}`);
});

test("a session with full access says that it holds nothing back", async () => {
  await startSession();
  fake.state.sessions = fake.state.sessions.map((session) => ({ ...session, mode: "full" as const }));
  fake.emit("sessions", fake.state.sessions);
  expect(await screen.findByText(/has full access, so nothing is held back/)).toBeInTheDocument();
});

test("a new connection has to be saved first", async () => {
  render(App);
  await press("New connection");
  await press("Sign-in and policy");
  expect(await screen.findByText("Save the connection first.")).toBeInTheDocument();
  await press("Try a session");
  expect(fake.called("try_session")).toEqual([]);
});
