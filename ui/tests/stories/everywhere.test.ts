// What was not searched, orders that read everything, and counts: asked for by hand, and given up by hand.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import { crowd } from "../fake/people";
import { installFake, type Fake } from "../fake/understudy";
import type { ListRequest } from "../../src/bindings/ListRequest";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  fake.guard = { rows: 10_432_117, limit_ms: 3000, looked_at: 5000, exact: null, spellings: false };
  user = userEvent.setup();
});

const field = () => screen.findByRole("searchbox", { name: "Search users" });
const grid = () => screen.findByRole("grid", { name: "Users" });
const rows = async () => within(await grid()).getAllByRole("row").length - 1;
const status = () => screen.getByRole("status", { name: "Status" });

describe("searching everywhere", () => {
  test("is offered under the rows, and finds the rest", async () => {
    render(App);
    await user.type(await field(), "an");
    expect(await screen.findByText(/^Not searched: about 10 M rows.*newest 5,000/)).toBeInTheDocument();
    expect(await rows()).toBe(6);
    await user.click(screen.getByRole("button", { name: "Search all rows (slow)" }));
    await waitFor(async () => expect(await rows()).toBe(12));
    expect(screen.queryByText(/Not searched/)).toBeNull();
    expect(await field()).toHaveFocus();
  });

  test("Enter is for the details where there is somebody, else it searches everywhere", async () => {
    render(App);
    await user.type(await field(), "bogdan");
    await screen.findByRole("heading", { name: "No users match “bogdan” yet" });
    await user.keyboard("{Enter}");
    await waitFor(async () => expect(await rows()).toBe(1));
    expect(fake.called("search_users").at(-1)?.args["query"]).toMatchObject({ everywhere: true });
  });

  test("Esc gives it up first, and leaves text and rows", async () => {
    render(App);
    await user.type(await field(), "an");
    await screen.findByText(/Not searched/);
    const held = fake.hold("search_users");
    await user.keyboard("{Alt>}{Enter}{/Alt}");
    expect(await screen.findByRole("progressbar", { name: "Reading all rows" })).toBeInTheDocument();
    expect(screen.getByText("Reading all rows: up to 3 s")).toBeInTheDocument();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("progressbar")).toBeNull();
    held.stop();
    expect(await field()).toHaveValue("an");
    expect(await rows()).toBe(6);
  });

  test("what takes too long is said, the rows stay, and it can be tried again", async () => {
    render(App);
    await user.type(await field(), "an");
    await screen.findByText(/Not searched/);
    fake.refuse("search_users", { code: "directory_timeout", message: "Not within 3 s." });
    await user.click(screen.getByRole("button", { name: "Search all rows (slow)" }));
    expect(await screen.findByText("Not within 3 s.")).toBeInTheDocument();
    expect(await rows()).toBe(6);
    await user.click(screen.getByRole("button", { name: "Retry" }));
    await waitFor(async () => expect(await rows()).toBe(12));
  });
});

describe("where nobody was found", () => {
  const meant = {
    how: "meant",
    text: "anna",
    about: "Anna",
    count: { users: 3, capped: false },
  } as const;
  const wider = { how: "without_filter", text: "bogdan", about: "Plan is x", count: null } as const;
  beforeEach(() => {
    fake.guard = null;
    fake.offers = [meant, wider];
  });
  const offers = async () =>
    within(await screen.findByRole("list", { name: "Search for this instead" })).getAllByRole("button");

  test("the word that was meant is offered with its count, and Enter takes it", async () => {
    render(App);
    await user.type(await field(), "annnna");
    await waitFor(async () =>
      expect((await offers()).map((offer) => offer.textContent.replace(/\s+/g, " ").trim())).toEqual([
        "Did you mean “Anna”? 3 found ⏎",
        "Remove the filter Plan is x Alt 2",
      ]),
    );
    await user.keyboard("{Enter}");
    expect(await field()).toHaveValue("anna");
    await waitFor(async () => expect(await rows()).toBeGreaterThan(0));
    expect(screen.queryByRole("list", { name: "Search for this instead" })).toBeNull();
  });

  test("the others are one key away, too, and a click", async () => {
    render(App);
    await user.type(await field(), "annnna");
    await offers();
    await user.keyboard("{Alt>}2{/Alt}");
    expect(await field()).toHaveValue("bogdan");
    await user.type(await field(), "xx");
    await user.click((await offers())[0] as HTMLElement);
    expect(await field()).toHaveValue("anna");
    expect(await field()).toHaveFocus();
  });

  test("Enter reads all rows only where no word was meant", async () => {
    fake.guard = { rows: 10_432_117, limit_ms: 3000, looked_at: 5000, exact: null, spellings: false };
    fake.offers = [wider];
    render(App);
    await user.type(await field(), "bogdan");
    await offers();
    await user.keyboard("{Enter}");
    await waitFor(async () => expect(await rows()).toBe(1));
    expect(fake.called("search_users").at(-1)?.args["query"]).toMatchObject({ everywhere: true });
  });

  test("other spellings that were not searched are said", async () => {
    fake.guard = { rows: 10_432_117, limit_ms: 3000, looked_at: null, exact: null, spellings: true };
    render(App);
    await user.type(await field(), "bogdan");
    expect(await screen.findByText(/^Not searched: other spellings.*about 10 M rows/)).toBeInTheDocument();
  });
});

describe("a filter that an index serves only as a whole value", () => {
  test("is offered as one", async () => {
    fake.guard = { rows: 10_432_117, limit_ms: 3000, looked_at: 5000, exact: "plan:=Team", spellings: false };
    render(App);
    await user.type(await field(), "plan:Team");
    await user.click(await screen.findByRole("button", { name: "Exact matches only" }));
    expect(await field()).toHaveValue("plan:=Team");
    expect(await field()).toHaveFocus();
    expect(await screen.findByText("Plan is")).toBeInTheDocument();
  });
});

describe("an order that no index gives", () => {
  const plan = async () => within(await grid()).getByRole("columnheader", { name: "Plan" });

  test("is asked about when the table is large", async () => {
    render(App);
    await user.click(within(await plan()).getByRole("button"));
    await waitFor(() => expect(screen.getByRole("button", { name: "Sort anyway" })).toHaveFocus());
    expect(await plan()).toHaveAttribute("aria-sort", "none");
    await user.keyboard("{Enter}");
    await waitFor(async () => expect(await plan()).toHaveAttribute("aria-sort", "ascending"));
  });

  test("Esc says no", async () => {
    render(App);
    await user.click(within(await plan()).getByRole("button"));
    await screen.findByRole("button", { name: "Sort anyway" });
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("button", { name: "Sort anyway" })).toBeNull();
    expect(await plan()).toHaveAttribute("aria-sort", "none");
  });
});

describe("counting", () => {
  beforeEach(() => {
    fake.guard = null;
    fake.rows = crowd(1500);
  });

  test("the estimate becomes exact by a click", async () => {
    render(App);
    await user.click(await screen.findByRole("button", { name: "≈ 1,204,331 users" }));
    expect(await screen.findByRole("button", { name: "1,204,331 users" })).toBeInTheDocument();
  });

  test("what a search finds is counted up to a thousand, and another click stops it", async () => {
    render(App);
    await user.type(await field(), "person");
    const held = fake.hold("count_users");
    await user.click(await screen.findByRole("button", { name: /^\d+\+ found$/ }));
    expect(await screen.findByText("counting…")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: /found/ }));
    expect(screen.queryByText("counting…")).toBeNull();
    held.stop();
    await user.click(screen.getByRole("button", { name: /found/ }));
    expect(await screen.findByRole("button", { name: "1,000+ found" })).toBeInTheDocument();
  });

  test("one user who is named is one found, though others may contain it", async () => {
    render(App);
    const [row] = crowd(1500);
    if (!row) throw new Error("nobody");
    // As the directory answers an ID: at once, with the place where those go on that contain it.
    fake.answers["search_users"] = (args) =>
      (args["query"] as ListRequest).place !== "start"
        ? new Promise(() => {})
        : {
            rows: [row],
            standings: ["free"],
            previous: null,
            next: "1",
            how: { tier: "id", by: null, elapsed_ms: 0.4 },
            left_out: null,
            doubled: null,
          };
    await user.type(await field(), row.id.slice(0, 1));
    const line = screen.getByRole("group", { name: "About the list" });
    expect(await within(line).findByText("1 found")).toBeInTheDocument();
    expect(screen.queryByText(/1\+ found/)).toBeNull();
  });

  test("a short list needs no counting", async () => {
    render(App);
    await user.type(await field(), "person 00001");
    await waitFor(() => expect(status()).toHaveTextContent("10 found"));
  });
});
