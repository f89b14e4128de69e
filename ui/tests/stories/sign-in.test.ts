// How to become a user: by what the application runs, or written by hand; and trying it.
import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { SignInConfig } from "../../src/bindings/SignInConfig";
import { connectionFile } from "../fake/people";
import { presets, refused } from "../fake/presets";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  fake.answers["draft_text"] = ({ file }) => `# new\n${JSON.stringify(file)}`;
  fake.answers["parse_draft"] = ({ text }) => JSON.parse(String(text).split("\n")[1] ?? "") as unknown;
});

const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
/** By its role: sections have names too. */
const application = () => screen.findByRole<HTMLInputElement>("textbox", { name: "Application" });
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const runs = () => screen.findByRole<HTMLSelectElement>("combobox", { name: "Sign-in method" });
/** Presets come with the first answer. */
const choose = async (title: string) => {
  await waitFor(async () => expect((await runs()).options.length).toBe(presets.length + 1));
  await user.selectOptions(await runs(), title);
};
const saved = () =>
  JSON.parse(
    String(fake.called("save_connection").at(-1)?.args["text"]).split("\n")[1] ?? "",
  ) as ConnectionFile;

async function fill(name: string, text: string) {
  const input = name === "Application" ? await application() : await field(name);
  await user.clear(input);
  await user.click(input);
  if (text !== "") await user.paste(text);
}

async function into(input: HTMLElement, text: string) {
  await user.click(input);
  await user.paste(text);
}

async function save() {
  await press(/^Save/);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
}

async function startNew() {
  render(App);
  await press("New connection");
  await press("Sign-in and policy");
}

/** Opens one that signs in like this. */
async function startEdit(sign_in: SignInConfig, change: Partial<ConnectionFile> = {}) {
  const file = { ...connectionFile, ...change, sign_in };
  fake.answers["read_connection"] = () => ({
    text: `# by hand\n${JSON.stringify(file)}`,
    file,
    problem: null,
    source: "own",
  });
  render(App);
  await user.pointer({
    keys: "[MouseRight]",
    target: await screen.findByRole("button", { name: /^Acme, production/ }),
  });
  await user.click(await screen.findByRole("menuitem", { name: "Edit…" }));
  await press("Sign-in and policy");
  await runs();
}

describe("what the application runs", () => {
  test("begins with the application's own endpoint, and says what the preset needs and no more", async () => {
    await startNew();
    await waitFor(async () =>
      expect([...(await runs()).options].map(({ text }) => text)).toEqual([
        "Your own login endpoint",
        "Better Auth",
        "django-loginas",
        "Supabase Auth",
        "Custom request",
      ]),
    );
    expect(await runs()).toHaveDisplayValue("Your own login endpoint");
    expect(await runs()).toHaveAccessibleDescription(/signed for this one sign-in/);
    const app = await application();
    expect(app).toBeRequired();
    expect(app).toHaveAccessibleDescription(/E\.g\. https:\/\/app\.example\.com/);
    expect(await field("Login endpoint")).not.toBeRequired();
    expect(await field("Login endpoint")).toHaveAccessibleDescription(/Default: \/impersonate/);
    expect(screen.queryByLabelText("Body, as JSON")).toBeNull();
    const secrets = within(screen.getByRole("group", { name: "Required secrets" }));
    expect(secrets.getByLabelText("impersonation_key")).toHaveAccessibleDescription(/32 characters or more/);

    await fill("Name", "Acme");
    await fill("Application", " https://app.acme.example ");
    await user.type(await field("impersonation_key"), "canary");
    await save();
    expect(saved().sign_in).toEqual({
      preset: "webhook",
      settings: { app: "https://app.acme.example" },
      success: null,
      redirect_to: null,
      timeout_ms: null,
      verify: null,
    });
    expect(fake.called("store_secret").map(({ args }) => args["name"])).toEqual(["impersonation_key"]);
  });

  test("another preset keeps what has the same name, and going back finds the rest", async () => {
    await startNew();
    await choose("Better Auth");
    await fill("Application", "https://app.acme.example");
    await fill("Operator's email", "support@acme.example");
    await choose("Supabase Auth");
    expect(await application()).toHaveValue("https://app.acme.example");
    await choose("Custom request");
    expect(await field("Body, as JSON")).toHaveDisplayValue(/admin_token/);
    await choose("Better Auth");
    expect(await field("Operator's email")).toHaveValue("support@acme.example");
    await save();
    expect(saved().sign_in).toMatchObject({
      preset: "better-auth",
      settings: { app: "https://app.acme.example", operator: "support@acme.example" },
    });
    expect(saved().sign_in).not.toHaveProperty("body");
  });

  test("what is written by hand is there again, whole, after a look at a preset and at the file", async () => {
    const sign_in = { ...connectionFile.sign_in, encoding: "form" as const, block: ["/staff/"] };
    await startEdit(sign_in, { sign_out: { url: "https://app.acme.example/logout", body: { a: 1 } } });
    expect(await runs()).toHaveDisplayValue("Custom request");
    expect(screen.getByText(/which are kept: encoding, block/)).toBeInTheDocument();
    await choose("Better Auth");
    expect(screen.queryByLabelText("Login endpoint")).toBeNull();
    await press("File");
    expect(JSON.parse((await field("Connection file")).value.split("\n")[1] ?? "")).toMatchObject({
      sign_in: { preset: "better-auth" },
      sign_out: null,
    });
    await press("Form");
    await choose("Custom request");
    expect(await field("Login endpoint")).toHaveValue("https://app.acme.example/login");
    expect(await field("Logout endpoint")).toHaveValue("https://app.acme.example/logout");
    await save();
    expect(saved()).toMatchObject({ sign_in, sign_out: { body: { a: 1 } } });
  });

  test("going there and back is no change", async () => {
    await startEdit(connectionFile.sign_in);
    await choose("Better Auth");
    await choose("Custom request");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  test("what the file says beside its preset is shown, and stays", async () => {
    const sign_in: SignInConfig = {
      preset: "better-auth",
      settings: { app: "https://app.acme.example", operator: "support@acme.example" },
      cookies: ["sid"],
      success: "Hello {{ user.name }}",
    };
    await startEdit(sign_in);
    expect(await screen.findByText(/overrides the preset: cookies/)).toBeInTheDocument();
    expect(await field("Success message")).toHaveValue("Hello {{ user.name }}");
    expect((await field("Success message")).closest("details")).toHaveAttribute("open");
    await fill("Current-user endpoint", "https://app.acme.example/me");
    await fill("Better Auth", "/auth");
    await save();
    expect(saved().sign_in).toMatchObject({
      ...sign_in,
      settings: { ...sign_in.settings, api: "/auth" },
      verify: { url: "https://app.acme.example/me", expect: "" },
    });
  });

  test("a Smart Action is text, one press away, and stays whole", async () => {
    const sign_in: SignInConfig = {
      kind: "forest",
      redirect_to: "https://app.acme.example/",
      forest: {
        backend: "https://admin.acme.example",
        action: "/forest/actions/impersonate",
        collection: "users",
        rendering: "1",
        operator: "2",
        values: { Token: "{{ secret.operator_password }}" },
      },
    };
    await startEdit(sign_in, { sign_out: { steps: [{ url: "https://app.acme.example/logout" }] } });
    expect(screen.getByText("A sign-in of kind “forest” is edited as text.")).toBeInTheDocument();
    expect(screen.queryByText(/does not know/)).toBeNull();
    expect(screen.queryByLabelText("Login endpoint")).toBeNull();
    await fill("Name", "Acme again");
    await press("Edit the file");
    expect(await field("Connection file")).toHaveFocus();
    expect(JSON.parse((await field("Connection file")).value.split("\n")[1] ?? "")).toMatchObject({
      name: "Acme again",
      sign_in,
      sign_out: { steps: [{ url: "https://app.acme.example/logout" }] },
    });
  });

  test("an exchange is edited request by request, and what the form does not show stays", async () => {
    const sign_in: SignInConfig = {
      kind: "exchange",
      cookies: ["sid"],
      block: ["/admin/"],
      redirect_to: "https://app.acme.example/",
      verify: {
        url: "https://app.acme.example/me",
        headers: { "x-a": "b" },
        expect: "response.json.id == user.id",
      },
      steps: [
        {
          name: "the form",
          method: "GET",
          url: "https://app.acme.example/login",
          redirects: 3,
          capture: { csrf: { form: "_token" }, sub: { json: "/token", claim: "sub" } },
        },
        {
          url: "https://app.acme.example/login",
          encoding: "form",
          body: { password: "{{ secret.operator_password }}" },
          expect: [302, "response.status != 404"],
        },
      ],
    };
    await startEdit(sign_in);
    expect(screen.queryByText(/does not know/)).toBeNull();
    const second = within(screen.getByRole("group", { name: "Request 2" }));
    expect(second.getByLabelText(/Counts as success/)).toHaveValue("302\nresponse.status != 404");
    await into(second.getByLabelText("What it does"), "the login");
    await press("Add a request");
    const third = within(screen.getByRole("group", { name: "Request 3" }));
    expect(third.getByLabelText("What it does")).toHaveFocus();
    await into(third.getByLabelText("URL"), "https://app.acme.example/become");
    await user.click(third.getByRole("button", { name: "Add a value" }));
    expect(third.getByLabelText("Name of value 1")).toHaveFocus();
    await into(third.getByLabelText("Name of value 1"), "session");
    await user.selectOptions(third.getByLabelText("Place of value 1"), "cookie");
    await into(third.getByLabelText("Key of value 1"), "sid");
    await fill("Cookies for the session window", "sid, remember_*");
    await save();
    const [first, login] = sign_in.steps ?? [];
    expect(saved().sign_in).toMatchObject({
      ...sign_in,
      cookies: ["sid", "remember_*"],
      steps: [
        first,
        { ...login, name: "the login" },
        { url: "https://app.acme.example/become", capture: { session: { cookie: "sid" } } },
      ],
    });
  });

  test("another way to sign in by hand leaves out what only the first one has", async () => {
    await startEdit({
      url: "https://app.acme.example/login",
      body: { id: "{{ user.id }}" },
      redirect_to: "https://app.acme.example/",
    });
    await user.selectOptions(await field("Kind of sign-in"), "storage");
    await press("Add a request");
    const step = within(screen.getByRole("group", { name: "Request 1" }));
    await into(step.getByLabelText("URL"), "https://api.acme.example/tokens");
    await press("Add an entry");
    await into(screen.getByLabelText("Name of entry 1"), "auth");
    await into(screen.getByLabelText("Value of entry 1"), "{{ captured.token }}");
    await save();
    expect(saved().sign_in).toMatchObject({
      kind: "storage",
      url: null,
      body: null,
      steps: [{ url: "https://api.acme.example/tokens" }],
      storage: { local: { auth: "{{ captured.token }}" }, session: {} },
    });
  });

  test("a preset that this version does not know keeps its settings", async () => {
    const sign_in = { preset: "newer", settings: { place: "here" } };
    await startEdit(sign_in);
    expect(await screen.findByText(/does not know “newer”/)).toBeInTheDocument();
    expect(await runs()).toHaveDisplayValue("newer (unknown)");
    await fill("Name", "Acme again");
    await save();
    expect(saved().sign_in).toMatchObject(sign_in);
  });
});

describe("trying the sign-in", () => {
  const part = () => screen.findByRole("button", { name: "Test sign-in" });
  const requests = async () =>
    within(await screen.findByRole("list", { name: "Requests" })).getAllByRole("listitem");

  test("needs somebody, and says in production what it does until it was done", async () => {
    await startEdit(connectionFile.sign_in);
    expect(
      screen.getByText(/^This is production: the test really signs in as that user/),
    ).toBeInTheDocument();
    await user.click(await part());
    expect(await screen.findByText("Enter a user ID, or choose one.")).toBeInTheDocument();
    expect(await field("User ID")).toHaveFocus();
    expect(fake.called("try_sign_in")).toEqual([]);

    await user.type(await field("admin_token"), "typed");
    await user.type(await field("User ID"), " 42 {Enter}");
    expect(await screen.findByText("Anders Holm was signed in and out again.")).toBeInTheDocument();
    expect(fake.called("try_sign_in")[0]?.args).toMatchObject({
      connection: "acme",
      user: "42",
      secrets: { admin_token: "typed" },
    });
    expect(screen.queryByText(/^This is production/)).toBeNull();
  });

  test("shows each request, who sends it and what came of it", async () => {
    await startEdit(connectionFile.sign_in);
    await user.type(await field("User ID"), "42{Enter}");
    const rows = await requests();
    expect(rows).toHaveLength(4);
    expect(rows[0]).toHaveTextContent(
      /OK: Step 1, the operator's sign-in.*POST https:\/\/app.acme.example\/api\/auth\/sign-in\/email.*200 · 84 ms · console/,
    );
    expect(rows[2]).toHaveTextContent(/200 · 12 ms · session window/);
    expect(rows[3]).toHaveTextContent(/redirect/);
    expect(rows.map((row) => row.querySelector("details")?.open)).toEqual([false, false, false, false]);
    expect(screen.getByRole("list", { name: "Requests" }).closest("[role=status]")).not.toBeNull();
    await fill("Name", "Other");
    expect(
      await screen.findByText("Out of date: you have changed something since this test."),
    ).toBeInTheDocument();
  });

  test("the one that failed is open, with why and what to do; what was answered is text", async () => {
    fake.answers["try_sign_in"] = () => refused;
    await startEdit(connectionFile.sign_in);
    await user.type(await field("User ID"), "42{Enter}");
    const failed = (await requests())[1] as HTMLElement;
    expect(failed.querySelector("details")).toHaveAttribute("open");
    expect(within(failed).getByText(/answered 403/)).toBeInTheDocument();
    expect(within(failed).getByText(/see what it answered/)).toBeInTheDocument();
    expect(within(failed).getByText(/<body onload="alert\(1\)">/)).toBeInTheDocument();
    expect(document.querySelector("[onload]")).toBeNull();
  });

  test("cannot be started twice; what keeps it from beginning is an alert, and nothing is lost", async () => {
    const held = fake.hold("try_sign_in");
    fake.refuse("try_sign_in", {
      code: "secret_missing",
      message: "`admin_token` is needed.",
      hint: "Type it here.",
    });
    await startEdit(connectionFile.sign_in);
    await user.type(await field("User ID"), "42{Enter}");
    const busy = await screen.findByRole("button", { name: "Signing in…" });
    await user.click(busy);
    await press("Test");
    held.stop();
    const alert = await within(screen.getByRole("dialog")).findByRole("alert");
    expect(alert).toHaveTextContent("admin_token is needed.");
    expect(fake.called("try_sign_in")).toHaveLength(1);
    expect(fake.called("check_connection")).toEqual([]);
    expect(await field("User ID")).toHaveValue("42");
    // It did not begin: the warning stays.
    expect(screen.getByText(/^This is production/)).toBeInTheDocument();
  });

  test("offers the users of the preview", async () => {
    await startEdit(connectionFile.sign_in);
    await user.click(await field("User ID"));
    await user.keyboard("{ArrowDown}");
    const listbox = await screen.findByRole("listbox", { name: "Choose: User ID" });
    expect(within(listbox).getAllByRole("option")[0]).toHaveTextContent(/48213903.*@/);
    await user.keyboard("{ArrowDown}{Enter}");
    expect(await field("User ID")).toHaveValue("48213903");
    expect(fake.called("try_sign_in")).toEqual([]);
  });
});
