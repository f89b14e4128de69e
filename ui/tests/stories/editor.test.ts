// Writing a connection: form and file, testing, saving, secrets, and nothing lost on the way.
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import App from "../../src/App.svelte";
import type { ConnectionFile } from "../../src/bindings/ConnectionFile";
import type { SearchCoverage } from "../../src/bindings/SearchCoverage";
import { connectionFile, reader, coverage } from "../fake/people";
import { boundaryError, installFake, type Fake } from "../fake/understudy";

// A form of thirty fields, typed in as people do, on a machine that may be busy.

let fake: Fake;
let user: UserEvent;
beforeEach(() => {
  fake = installFake();
  user = userEvent.setup();
  // A text that says all that the file says, below its comments.
  fake.answers["draft_text"] = ({ file, text }) =>
    `${String(text ?? "# new").split("\n")[0]}\n${JSON.stringify(file)}`;
  fake.answers["parse_draft"] = ({ text }) => JSON.parse(String(text).split("\n")[1] ?? "") as unknown;
  fake.answers["read_connection"] = () => ({
    text: `# by hand\n${JSON.stringify(connectionFile)}`,
    file: connectionFile,
    problem: null,
    source: "own",
  });
});

const sheet = () => screen.findByRole("dialog");
const alert = async () => within(await sheet()).findByRole("alert");
const field = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const secret = (name: string) => screen.findByLabelText<HTMLInputElement>(name);
const press = async (name: string | RegExp) => user.click(await screen.findByRole("button", { name }));
const save = () => press(/^Save/);
const closed = () => waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
const savedFile = () =>
  JSON.parse(
    String(fake.called("save_connection").at(-1)?.args["text"]).split("\n")[1] ?? "",
  ) as ConnectionFile;

async function fill(name: string, text: string) {
  const input = await field(name);
  await user.clear(input);
  await user.click(input);
  await user.paste(text);
}

async function startNew() {
  render(App);
  await press("New connection");
  await sheet();
}

/** A new one, whose sign-in is written by hand. */
async function startByHand() {
  await startNew();
  await user.selectOptions(await screen.findByLabelText("Sign-in method"), "Custom request");
}

async function startEdit() {
  render(App);
  await user.pointer({
    keys: "[MouseRight]",
    target: await screen.findByRole("button", { name: /^Acme, production/ }),
  });
  await user.click(await screen.findByRole("menuitem", { name: "Edit…" }));
  await field("Login endpoint");
}

describe("a new connection", () => {
  test("starts from a template, and is saved with its secrets", async () => {
    await startNew();
    expect(await field("Name")).toHaveFocus();
    await fill("Name", "Acme");
    await fill("Database URL", "postgres://readonly@db.acme.example/acme");
    await user.selectOptions(screen.getByLabelText("Sign-in method"), "Custom request");
    await fill("Login endpoint", "https://app.acme.example/login");
    await user.click(screen.getByRole("radio", { name: "staging" }));
    await user.type(await secret("admin_token"), "canary-token");
    await user.type(await secret("Database password"), "canary-password");
    await save();
    await closed();

    expect(fake.called("save_connection")[0]?.args["connection"]).toBeNull();
    expect(savedFile()).toMatchObject({
      name: "Acme",
      environment: "staging",
      directory: { url: "postgres://readonly@db.acme.example/acme", table: "users", id: "id" },
      sign_in: {
        url: "https://app.acme.example/login",
        body: { adminToken: "{{ secret.admin_token }}", userId: "{{ user.id }}" },
      },
    });
    expect(fake.called("store_secret").map(({ args }) => args)).toEqual([
      { connection: "new", name: "database_password", value: "canary-password", thisRunOnly: false },
      { connection: "new", name: "admin_token", value: "canary-token", thisRunOnly: false },
    ]);
    // They went to the vault and nowhere else.
    const elsewhere = fake.calls.filter(({ command }) => command !== "store_secret");
    expect(JSON.stringify(elsewhere)).not.toContain("canary");
    expect(document.body.innerHTML).not.toContain("canary");
  });

  test("takes a pasted password out of the address", async () => {
    await startNew();
    await fill("Database URL", "postgres://kim:s3cret@db.acme.example/acme");
    await user.tab();
    expect(await field("Database URL")).toHaveValue("postgres://kim@db.acme.example/acme");
    expect(await secret("Database password")).toHaveValue("s3cret");
    expect(screen.getByText(/was moved out of the URL/)).toBeInTheDocument();
  });

  test("understands what another program connects with, and keeps the password of it out of the address", async () => {
    await startNew();
    await fill("Database URL", "PGPASSWORD=canary-1 psql -h db.acme.example -p 6432 -U kim acme");
    await user.tab();
    expect(await field("Database URL")).toHaveValue("postgres://kim@db.acme.example:6432/acme");
    expect(await secret("Database password")).toHaveValue("canary-1");
    await waitFor(() => expect(fake.called("discover_tables")).not.toEqual([]));
    const written = fake.called("discover_tables").map(({ args }) => args["directory"]);
    expect(JSON.stringify(written)).not.toContain("canary");
  });

  test("has a field for each secret that its templates name", async () => {
    await startByHand();
    await fill("Body, as JSON", '{ "key": "{{ secret.other }}" }');
    expect(await secret("other")).toBeInTheDocument();
    expect(screen.queryByLabelText("admin_token")).toBeNull();
  });

  test("keeps secrets for this run where there is no keyring", async () => {
    fake.keyring = {
      code: "vault_unavailable",
      message: "No keyring answers.",
      hint: null,
      statement: null,
      details: null,
      secret: null,
      faults: [],
    };
    await startByHand();
    expect(screen.getByText(/kept in memory until you quit/)).toBeInTheDocument();
    await user.type(await secret("admin_token"), "x");
    await save();
    await closed();
    expect(fake.called("store_secret")[0]?.args["thisRunOnly"]).toBe(true);
  });
});

describe("form and file", () => {
  test("are two views of the same thing, comments kept", async () => {
    await startEdit();
    await fill("Table", "public.customers");
    await press("File");
    const text = await field("Connection file");
    expect(fake.called("draft_text")[0]?.args["text"]).toMatch(/^# by hand/);
    expect(text.value).toContain("public.customers");

    await fill(
      "Connection file",
      text.value.replace("# by hand", "# changed").replace("customers", "people"),
    );
    await press("Form");
    expect(await field("Table")).toHaveValue("public.people");
    // The focus was not lost on the way: the sheet still hears its keys.
    expect(screen.getByRole("button", { name: "Form" })).toHaveFocus();
    await user.keyboard("{Control>}s{/Control}");
    await closed();
    expect(fake.called("save_connection")[0]?.args).toMatchObject({
      connection: "acme",
      text: expect.stringMatching(/^# changed\n.*public\.people/) as string,
    });
  });

  test("a text that cannot be parsed says where, and stays as it is", async () => {
    await startEdit();
    await press("File");
    await fill("Connection file", "name = ");
    fake.refuse("parse_draft", {
      code: "connection_invalid",
      message: "line 1, column 8: a value is missing",
    });
    await press("Form");
    expect(await alert()).toHaveTextContent("line 1, column 8");
    expect(await field("Connection file")).toHaveValue("name = ");
    expect(screen.getByRole("button", { name: "File" })).toHaveAttribute("aria-pressed", "true");
  });

  test("a file that is broken opens as text, with the caret at what is wrong; saving it makes the connection appear", async () => {
    const faults = [
      {
        key: "environment",
        line: 2,
        column: 15,
        message: "`prod` is not one of them; did you mean `production`?",
      },
    ];
    const message = "half.toml:2:15: environment: `prod` is not one of them; did you mean `production`?";
    fake.state.problems = [{ id: "half", path: "/x/half.toml", message, faults }];
    fake.answers["read_connection"] = () => ({
      text: 'name = "Half"\nenvironment = "prod"\n',
      file: null,
      problem: boundaryError("connection_invalid", message, { faults }),
      source: "own",
    });
    render(App);
    await press(/half\.toml can't be used/);
    const text = await screen.findByLabelText<HTMLTextAreaElement>("Connection file");
    expect(screen.getByRole("dialog", { name: "half.toml" })).toBeInTheDocument();
    await waitFor(() => expect(text).toHaveFocus());
    expect(text.value.slice(text.selectionStart)).toBe('"prod"\n');
    expect(await alert()).toHaveTextContent(
      "half.toml:2:15: environment: prod is not one of them; did you mean production?",
    );
    await fireEvent.input(text, { target: { value: text.value.replace("prod", "production") } });
    fake.answers["save_connection"] = ({ connection }) => ({
      ...fake.state.connections[0],
      id: String(connection),
      name: "Half",
    });
    await save();
    await closed();
    expect(await screen.findByRole("button", { name: /^Half, production/ })).toHaveAttribute(
      "aria-current",
      "true",
    );
    expect(screen.queryByRole("button", { name: /half\.toml/ })).toBeNull();
  });

  test("what the file can't say is told once, at its field and in the form's words, and leads there", async () => {
    await startEdit();
    await fill("Name", "Acme again");
    fake.refuse("save_connection", {
      code: "connection_invalid",
      message: "acme.toml:21:10: sign_in.verify.expect: syntax error",
      faults: [
        { key: "sign_in.verify.expect", line: 21, column: 10, message: "syntax error: unexpected `=`" },
        {
          key: "policy.protect[0]",
          line: 26,
          column: 12,
          message: "unknown name `user.role`; the known names are `user.id`",
        },
        {
          key: "policy.protect[1]",
          line: 27,
          column: 12,
          message: "unknown name `user.role`; the known names are `user.id`",
        },
      ],
    });
    await save();
    const protect = await field("Users that can never be impersonated");
    expect(protect).toHaveAccessibleDescription(/^Unknown name user.role; the known names are user.id\./);
    const expectation = await field("Condition for the right user");
    expect(expectation).toHaveAccessibleDescription(/^Syntax error: unexpected =\./);
    await waitFor(() => expect(expectation).toHaveFocus());
    const dialog = screen.getByRole("dialog");
    expect(within(dialog).getAllByText(/nknown name/)).toHaveLength(1);
    expect(dialog).not.toHaveTextContent(/toml:|sign_in\.|policy\.|TOML/);
    const summary = await alert();
    expect(summary).toHaveTextContent("2 fields need fixing:");
    await fireEvent.click(
      within(summary).getByRole("button", { name: "Users that can never be impersonated" }),
    );
    await waitFor(() => expect(protect).toHaveFocus());
    // What is changed is no fault any more.
    await fill("Condition for the right user", "response.json.id == user.id");
    expect(summary).toHaveTextContent("1 field needs fixing:");
  });

  test("testing tells the same faults at the same fields", async () => {
    await startEdit();
    fake.answers["check_connection"] = () => ({
      ok: false,
      faults: [
        { key: "directory.url", line: 5, column: 7, message: "has a password in it" },
        { key: "directory.ssh.host", line: 30, column: 9, message: "has to be a name" },
      ],
      steps: [],
      info: null,
      sample: [],
    });
    await press("Test");
    expect(await field("Database URL")).toHaveAccessibleDescription(/^Has a password in it\./);
    // What the form has no field for is shown in the file.
    await press(/directory\.ssh\.host: has to be a name/);
    const text = await screen.findByLabelText<HTMLTextAreaElement>("Connection file");
    await waitFor(() => expect(text).toHaveFocus());
  });

  test("a file that changes on disk does not take away what was typed; untouched, it is read again", async () => {
    await startEdit();
    const changed = { ...connectionFile, name: "Acme by somebody else" };
    const draft = { text: "# somebody else's", file: changed, problem: null, source: "own" };
    await fill("Name", "Acme again");
    fake.answers["read_connection"] = () => draft;
    fake.emit("connections", fake.state);
    const notice = await screen.findByText("The file has changed on disk.");
    expect(await field("Name")).toHaveValue("Acme again");
    expect(notice).toBeInTheDocument();
    await press("Load it and discard my changes");
    expect(await field("Name")).toHaveValue("Acme by somebody else");
    expect(screen.queryByText("The file has changed on disk.")).toBeNull();
    fake.answers["read_connection"] = () => ({
      ...draft,
      text: "# and again",
      file: { ...changed, name: "Acme, twice" },
    });
    fake.emit("connections", fake.state);
    await waitFor(async () => expect(await field("Name")).toHaveValue("Acme, twice"));
  });

  test("an address without a kind of database is told when the field is left", async () => {
    await startEdit();
    await fill("Database URL", "127.0.0.1:55440/db");
    await fireEvent.blur(await field("Database URL"));
    expect(await field("Database URL")).toHaveAccessibleDescription(
      /^Start with the kind of database: postgres:/,
    );
    await fill("Database URL", "postgres://127.0.0.1:55440/db");
    expect(await field("Database URL")).not.toHaveAttribute("aria-invalid");
  });

  test("says which program the file runs and what it is reached through, and keeps both", async () => {
    const directory = {
      ...connectionFile.directory,
      password_command: ["pass", "show", "acme"],
      ssh: { host: "bastion.acme.example" },
    };
    const file = { ...connectionFile, directory };
    fake.answers["read_connection"] = () => ({
      text: `# by hand\n${JSON.stringify(file)}`,
      file,
      problem: null,
      source: "own",
    });
    await startEdit();
    expect(await screen.findByText("pass show acme")).toBeInTheDocument();
    expect(screen.getByText(/runs on this computer as you/)).toBeInTheDocument();
    expect(screen.getByText(/Reached through bastion.acme.example/)).toBeInTheDocument();
    expect(screen.queryByLabelText("Database password")).toBeNull();
    await fill("Name", "Acme again");
    await save();
    await closed();
    expect(savedFile().directory).toMatchObject({
      password_command: ["pass", "show", "acme"],
      ssh: { host: "bastion.acme.example" },
    });
  });

  test("a body that is not JSON keeps the form, and the focus goes there", async () => {
    await startEdit();
    await fill("Body, as JSON", "{ userId: 1 }");
    await press("File");
    expect(await screen.findByText(/This is not valid JSON/)).toBeInTheDocument();
    expect(await field("Body, as JSON")).toHaveFocus();
    expect(fake.called("draft_text")).toEqual([]);
  });
});

describe("testing", () => {
  test("uses what is typed, and shows each step and the newest users", async () => {
    await startEdit();
    await user.type(await secret("admin_token"), "typed");
    await press("Test");
    expect(
      await screen.findByText(/^The database works\. The sign-in has not been tested/),
    ).toBeInTheDocument();
    expect(fake.called("check_connection")[0]?.args).toMatchObject({
      connection: "acme",
      secrets: { admin_token: "typed" },
    });
    expect(screen.getByText("PostgreSQL 15.18", { selector: "p" })).toBeInTheDocument();
    const sample = within(screen.getByRole("table", { name: "Newest users" }));
    expect(sample.getByText("Anders Holm")).toBeInTheDocument();

    expect(screen.queryByText("Out of date: you have changed something since this test.")).toBeNull();
    await fill("Table", "other");
    expect(
      await screen.findByText("Out of date: you have changed something since this test."),
    ).toBeInTheDocument();
  });

  test("says how to go on where a step failed", async () => {
    fake.answers["check_connection"] = () => ({
      ok: false,
      faults: [],
      steps: [
        {
          title: "Directory",
          status: "failed",
          detail: "No route to db.acme.example.",
          hint: "Check the VPN.",
        },
      ],
      info: null,
      sample: [],
    });
    await startEdit();
    await press("Test");
    expect(await screen.findByText("1 step failed")).toBeInTheDocument();
    expect(screen.getByText("Check the VPN.")).toBeInTheDocument();
  });
});

describe("the search plan", () => {
  const tested = async (plan: SearchCoverage[]) => {
    fake.answers["check_connection"] = () => ({
      ok: true,
      faults: [],
      steps: [],
      info: {
        server: "PostgreSQL 15.18",
        columns: fake.columns,
        estimated_total: null,
        total_is_exact: false,
        coverage: plan,
        reader,
        cautions: [],
      },
      sample: [],
    });
    await startEdit();
    await press("Test");
    return (await screen.findByText("Search plan")).closest("details");
  };

  test("has the statement that is missing, and copies it", async () => {
    const plan = await tested(coverage);
    expect(plan).not.toHaveAttribute("open");
    expect(plan?.querySelector("summary")).toHaveTextContent(/^Search plan \d of \d searches are slow$/);
    await user.click(screen.getByText("Search plan"));
    await user.click(
      screen.getByRole("button", {
        name: "Copy: Index for contains (email, full_name)",
      }),
    );
    await waitFor(() => expect(fake.clipboard.at(-1)).toMatch(/^CREATE EXTENSION .*gin_trgm_ops\);$/));
  });

  test("is folded while nothing is missing; the role is copied whole", async () => {
    expect(await tested(coverage.slice(0, 2))).not.toHaveAttribute("open");
    await user.click(screen.getByText("A role that can read only this"));
    await user.click(screen.getByRole("button", { name: "Copy: A role that can read only this" }));
    await waitFor(() => expect(fake.clipboard.at(-1)).toContain("LIMIT 10;\n\\password understudy\nGRANT"));
  });
});

describe("saving", () => {
  test("a refusal is shown, and nothing is lost", async () => {
    await startEdit();
    await fill("Table", "nowhere");
    fake.refuse("save_connection", {
      code: "connection_invalid",
      message: "directory.url: a password must not stand here.",
      hint: "Store it with: understudy secret set acme database_password",
    });
    await user.keyboard("{Control>}s{/Control}");
    expect(await alert()).toHaveTextContent("a password must not stand here");
    expect(await field("Table")).toHaveValue("nowhere");
    await save();
    await closed();
  });

  test("a secret that the keyring refuses is kept here, and may be kept for this run", async () => {
    await startEdit();
    await user.type(await secret("admin_token"), "canary");
    fake.refuse("store_secret", {
      code: "vault_locked",
      message: "The keyring is locked.",
      hint: "Unlock it.",
    });
    await save();
    expect(await alert()).toHaveTextContent("The connection is saved");
    expect(await secret("admin_token")).toHaveValue("canary");
    await press("Keep until I quit");
    await closed();
    expect(fake.called("store_secret").at(-1)?.args).toEqual({
      connection: "acme",
      name: "admin_token",
      value: "canary",
      thisRunOnly: true,
    });
  });
});

describe("leaving", () => {
  test("at once when nothing was typed", async () => {
    await startEdit();
    await user.keyboard("{Escape}");
    await closed();
  });

  test("asks when something was", async () => {
    await startEdit();
    await user.type(await secret("admin_token"), "x");
    await user.keyboard("{Escape}");
    const question = await screen.findByRole("alertdialog", { name: "Close without saving?" });
    expect(within(question).getByRole("button", { name: "Keep editing" })).toHaveFocus();
    await user.keyboard("{Enter}");
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(await secret("admin_token")).toHaveValue("x");
    await user.keyboard("{Escape}");
    await press("Discard");
    await closed();
    expect(fake.called("save_connection")).toEqual([]);
  });
});

describe("files from elsewhere", () => {
  const drop = (path: string) => fake.emit("tauri://drag-drop", { paths: [path], position: { x: 1, y: 1 } });

  test("a dropped one opens in the form", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Users" });
    drop("/home/kim/acme.toml");
    expect(await field("Login endpoint")).toHaveValue("https://app.acme.example/login");
    await save();
    await closed();
    expect(fake.called("save_connection")[0]?.args["connection"]).toBeNull();
  });

  test("over what is being typed it asks first", async () => {
    await startNew();
    await fill("Name", "Mine");
    drop("/home/kim/acme.toml");
    await screen.findByRole("alertdialog", { name: "Replace your changes?" });
    await press("Keep editing");
    expect(await field("Name")).toHaveValue("Mine");
    drop("/home/kim/acme.toml");
    await press("Replace");
    await waitFor(async () => expect(await field("Name")).toHaveValue("Acme"));
  });

  test("one chosen in the dialog, too", async () => {
    fake.chosenPath = "/home/kim/acme.toml";
    await startNew();
    await press("Open a file…");
    await waitFor(async () => expect(await field("Name")).toHaveValue("Acme"));
  });
});

describe("the demo's", () => {
  test("can be looked at, neither changed nor duplicated", async () => {
    fake.answers["read_connection"] = () => ({
      text: "# it",
      file: connectionFile,
      problem: null,
      source: "demo",
    });
    render(App);
    await user.pointer({
      keys: "[MouseRight]",
      target: await screen.findByRole("button", { name: /^Demo, development/ }),
    });
    await user.click(await screen.findByRole("menuitem", { name: "View…" }));
    expect(await screen.findByText(/This connection belongs to the demo/)).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Duplicate" })).toBeNull();
    expect(screen.queryByRole("button", { name: /^Save/ })).toBeNull();
    expect(screen.getAllByRole("button", { name: "Close" })).not.toEqual([]);
  });
});

describe("one that was handed out by IT", () => {
  test("can be looked at and duplicated, not changed", async () => {
    const [first] = fake.state.connections;
    if (!first) throw new Error("the fake has a connection");
    fake.state.connections = [{ ...first, source: "system" }];
    fake.answers["read_connection"] = ({ connection }) => ({
      text: "# it",
      file: connectionFile,
      problem: null,
      source: connection === "acme" ? "system" : "own",
    });
    render(App);
    await user.pointer({
      keys: "[MouseRight]",
      target: await screen.findByRole("button", { name: /^Acme, production/ }),
    });
    expect(await screen.findByRole("menuitem", { name: /can't be removed/ })).toHaveAttribute(
      "aria-disabled",
      "true",
    );
    await user.click(screen.getByRole("menuitem", { name: "View…" }));
    expect(await screen.findByText(/Handed out by IT/)).toBeInTheDocument();
    expect(await field("Table")).toHaveAttribute("readonly");
    expect(screen.queryByRole("button", { name: /^Save/ })).toBeNull();

    await press("Duplicate");
    await screen.findByRole("button", { name: /^Save/ });
    expect(fake.called("read_connection").at(-1)?.args["connection"]).toBe("acme-2");
    expect(await field("Table")).not.toHaveAttribute("readonly");
  });
});
