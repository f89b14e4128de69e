// Everything that is for setting up, in light and in dark: photographed, and without a violation of axe.
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, openPage, picture, themes, violations, type Opening } from "./browser";
import { expectUnchanged } from "./compare";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

interface View {
  name: string;
  opening?: Opening;
  go: (page: Page) => Promise<void>;
}

/** Those whose pictures are compared: one for each main view and state. */
const compared = ["first-run", "editor-new", "editor-tested", "settings"];

const DIALOGS = "[role=dialog], [role=alertdialog]";
const dialog = (page: Page) => page.getByRole("dialog");
const newConnection = (page: Page) => page.getByRole("button", { name: "New connection" }).click();
const menuOf = (page: Page, name: RegExp) =>
  page
    .getByRole("navigation", { name: "Connections" })
    .getByRole("button", { name })
    .click({ button: "right" });

const toStep = (page: Page, name: string) => dialog(page).getByRole("button", { name, exact: true }).click();
const toSignIn = (page: Page) => toStep(page, "Sign-in and policy");
const newSignIn = async (page: Page) => {
  await newConnection(page);
  await toSignIn(page);
};

/** A new connection whose database has just been named, at what was found in it. */
async function typedUrl(page: Page): Promise<void> {
  await newConnection(page);
  const url = page.getByLabel("Database URL", { exact: true });
  await url.fill("postgres://readonly@db.acme.example/acme");
  await url.press("Tab");
  await toStep(page, "Users");
  await page.clock.runFor(50);
}

const runs = (page: Page) => page.getByRole("combobox", { name: "Sign-in method" });
const edit = async (page: Page) => {
  await menuOf(page, /^Acme, production/);
  await page.getByRole("menuitem", { name: "Edit…" }).click();
};
/** Into the middle of what scrolls. */
const centre = (at: Locator) => at.evaluate((element) => element.scrollIntoView({ block: "center" }));
const tryIt = async (page: Page) => {
  await edit(page);
  await toSignIn(page);
  await page.getByRole("combobox", { name: "User ID" }).fill("42");
  await page.getByRole("button", { name: "Test sign-in" }).click();
};

const trySession = async (page: Page) => {
  await edit(page);
  await toSignIn(page);
  await page.getByRole("combobox", { name: "User ID" }).fill("42");
  await page.getByRole("button", { name: "Try a session" }).click();
  await page.getByText("Signing in…", { exact: true }).waitFor();
  await page.evaluate(() => {
    const fake = window.understudy;
    if (!fake) return;
    fake.state.sessions = fake.state.sessions.map((session) => ({ ...session, phase: "active" as const }));
    fake.emit("sessions", fake.state.sessions);
  });
  await page.getByText(/What the session holds back appears here/).waitFor();
};
const heldBackOfSession: Opening["prepare"] = (fake, { NOW, heldBack }) => {
  const group = (method: string, host: string, path: string, change = {}) => ({
    method,
    address: `${host}${path}`,
    times: 3,
    last_at: NOW - 40_000,
    reason: `It was held back because the session is read-only, and ${method} may change something.`,
    rule: `[[policy.allow]]\nmethod = "${method}"\npath = "${path}"\n`,
    allow: { method, path },
    ...change,
  });
  fake.heldBack = heldBack([
    group("POST", "app.acme.example", "/graphql", {
      reason: "It was held back because the session is read-only, and the request has a mutation.",
      rule: null,
      allow: null,
    }),
    group("POST", "app.acme.example", "/api/v2/organisations/48213907/invoices/search", { times: 12 }),
    group("POST", "api.acme.example", "/v2/prices/48213907", {
      allow: { method: "POST", origin: "https://api.acme.example", path: "/v2/prices/*" },
    }),
    group("GET", "app.acme.example", "/live", { times: 1, allow: { method: "websocket", path: "/live" } }),
  ]);
};

const nobody: Opening = {
  prepare: (fake) => {
    fake.state.connections = [];
  },
};

const views: View[] = [
  {
    name: "first-run",
    opening: nobody,
    go: (page) => page.getByRole("button", { name: "Try the demo" }).waitFor(),
  },
  {
    name: "first-run-making",
    opening: {
      prepare: (fake) => {
        fake.state.connections = [];
        fake.hold("start_demo");
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Try the demo" }).click();
      await page.getByText("Creating 100,000 users").waitFor();
    },
  },
  {
    name: "first-run-failed",
    opening: {
      width: 640,
      height: 400,
      prepare: (fake) => {
        fake.state.connections = [];
        fake.refuse("start_demo", {
          code: "file_failed",
          message: "The demo's directory cannot be written: the disk is full.",
          hint: "Free 40 MB and try again.",
        });
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Try the demo" }).click();
      await page.getByText("Free 40 MB").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "editor-new",
    go: async (page) => {
      await newConnection(page);
      await page.getByLabel("Name", { exact: true }).waitFor();
    },
  },
  {
    name: "editor-tested",
    opening: {
      prepare: (fake) => {
        fake.answers["check_connection"] = () => ({
          ok: false,
          faults: [],
          steps: [
            {
              title: "Connection file",
              status: "ok",
              detail: "Acme · production",
              hint: null,
              statement: null,
              details: null,
            },
            {
              title: "Secrets",
              status: "warning",
              detail: "Not stored yet: admin_token",
              hint: "Store with: understudy secret set acme admin_token",
            },
            {
              title: "Directory",
              status: "ok",
              detail: "PostgreSQL 15.18, read only",
              hint: null,
              statement: null,
              details: null,
            },
            {
              title: "Users",
              status: "ok",
              detail: "about 1204331 users; newest read in 1.3 ms",
              hint: null,
            },
            {
              title: "Sign-in",
              status: "failed",
              detail: "`sign_in.body.userId`: user has no column “uid”.",
              hint: "The columns are id, full_name, email, plan.",
            },
          ],
          info: {
            server: "PostgreSQL 15.18",
            columns: fake.columns,
            estimated_total: 1_204_331,
            total_is_exact: false,
            coverage: [],
            reader: [],
            cautions: [],
          },
          sample: fake.rows.slice(0, 5),
        });
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Edit…" }).click();
      await toSignIn(page);
      await page.getByLabel("Login endpoint").scrollIntoViewIfNeeded();
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.getByText("1 step failed").waitFor();
    },
  },
  {
    name: "editor-broken",
    opening: {
      prepare: (fake, { boundaryError }) => {
        const faults = [
          {
            key: "environment",
            line: 3,
            column: 15,
            message:
              "`prod` is not one of `production`, `staging`, `development`; did you mean `production`?",
          },
          { key: "directory.tabel", line: 7, column: 1, message: "unknown key; did you mean `table`?" },
        ];
        const message = faults
          .map(({ key, line, column, message }) => `half.toml:${line}:${column}: ${key}: ${message}`)
          .join("\n");
        const path = "/home/kim/.config/understudy/connections/half.toml";
        fake.state.problems = [{ id: "half", path, message, faults }];
        fake.answers["read_connection"] = () => ({
          text: '# Ours\nname = "Half"\nenvironment = "prod"\n\n[directory]\nurl = "sqlite:///users.sqlite"\ntabel = "users"\nid = "id"\n\n[sign_in]\nurl = "https://app.acme.example/login"\n',
          file: null,
          problem: boundaryError("connection_invalid", message, { faults }),
          source: "own",
        });
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: /half\.toml/ }).click();
      await page.getByText(/half\.toml:7:1/).waitFor();
    },
  },
  {
    name: "editor-faults-found",
    opening: {
      prepare: (fake) => {
        fake.answers["check_connection"] = () => ({
          ok: false,
          steps: [],
          faults: [
            {
              key: "sign_in.success",
              line: 21,
              column: 10,
              message: "unknown name `user.mail`; did you mean `user.email`?",
            },
            {
              key: "policy.protect[0]",
              line: 26,
              column: 12,
              message: "unknown name `user.role`; the known names are `user.id`, `user.email`",
            },
            {
              key: "directory.ssh.host",
              line: 30,
              column: 8,
              message: "has to be the name of a computer",
            },
          ],
          info: null,
          sample: [],
        });
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Edit…" }).click();
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.getByText("2 fields need fixing:").waitFor();
      await page.getByRole("button", { name: "Users that can never be impersonated" }).click();
    },
  },
  {
    name: "editor-search-plan",
    opening: {
      prepare: (fake, { coverage, reader }) => {
        fake.answers["check_connection"] = () => ({
          ok: true,
          faults: [],
          steps: [
            {
              title: "Directory",
              status: "ok",
              detail: "PostgreSQL 15.18, read only",
              hint: null,
              statement: null,
              details: null,
            },
            {
              title: "Search",
              status: "warning",
              detail: "No index serves: by part of a word (email, full_name)",
              hint: "There, a search sees the newest users only, until it is asked to read the whole table. The search plan has the statements that change that.",
            },
          ],
          info: {
            server: "PostgreSQL 15.18",
            columns: fake.columns,
            estimated_total: 1_204_331,
            total_is_exact: false,
            coverage,
            reader,
            cautions: [],
          },
          sample: fake.rows.slice(0, 2),
        });
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Edit…" }).click();
      await page.getByRole("button", { name: "Test", exact: true }).click();
      await page.locator("summary", { hasText: "Search plan" }).click();
      await page.getByText("A role that can read only this", { exact: true }).click();
      await page.getByText("CREATE ROLE understudy").waitFor();
    },
  },
  {
    name: "editor-tables",
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("combobox", { name: "Table" }).press("ArrowDown");
      await page.getByRole("option", { name: /crm.customers/ }).waitFor();
    },
  },
  {
    name: "editor-runs-a-program",
    opening: {
      prepare: (fake, { connectionFile }) => {
        const directory = {
          ...connectionFile.directory,
          password_command: [
            "aws",
            "rds",
            "generate-db-auth-token",
            "--hostname",
            "db.acme.example",
            "--port",
            "5432",
          ],
          ssh: { host: "bastion.acme.example" },
        };
        fake.answers["read_connection"] = () => ({
          text: "",
          file: { ...connectionFile, directory },
          problem: null,
          source: "own",
        });
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Edit…" }).click();
      await page.getByText("Reached through").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "editor-tables-odd",
    opening: {
      width: 640,
      height: 400,
      prepare: (fake) => {
        const [users, view] = fake.tables.tables;
        if (!users || !view) return;
        const odd = [
          "<b>users</b>",
          "evil\u202esresu",
          "archive_2019.customer_accounts_with_a_very_long_name_that_never_ends_because_somebody_generated_it",
          "مستخدمون",
        ].map((name) => ({ ...users, name, qualified: name, estimated_rows: 9_007_199_254_740_991 }));
        const many = Array.from({ length: 300 }, (_, at) => ({
          ...view,
          name: `t_${at}`,
          qualified: `t_${at}`,
        }));
        fake.tables = { tables: [users, ...odd, ...many], unreadable: [], left_out: 1200 };
      },
    },
    go: async (page) => {
      await typedUrl(page);
      const table = page.getByRole("combobox", { name: "Table" });
      await table.press("ArrowDown");
      await table.press("PageDown");
      await table.press("ArrowUp");
      await table.press("ArrowUp");
      await table.press("ArrowUp");
      await table.press("ArrowUp");
      await table.press("ArrowUp");
      await page.getByRole("option", { name: /very_long_name/ }).waitFor();
    },
  },
  {
    name: "editor-looking",
    opening: {
      prepare: (fake) => {
        fake.hold("discover_tables");
      },
    },
    go: async (page) => {
      await typedUrl(page);
      await page.clock.runFor(300);
      await page.getByText("Reading the tables…").waitFor();
    },
  },
  {
    name: "editor-uuid-bytes",
    opening: {
      prepare: (fake) => {
        for (const table of fake.tables.tables)
          table.columns = table.columns.map((column) => ({ ...column, bytes: column.name === "id" }));
        fake.cautions = [
          {
            message:
              'Row level security is on for "public"."users": reader sees only the rows that a policy lets through (`own` (tenant = 7)).',
            hint: "Ask your database administrator to run:",
            statement: 'CREATE POLICY understudy ON "public"."users" FOR SELECT TO reader USING (true)',
            hides_users: true,
          },
        ];
      },
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("table", { name: "Newest users" }).waitFor();
      await centre(page.getByRole("combobox", { name: "UUID byte order" }));
    },
  },
  {
    name: "editor-network",
    go: async (page) => {
      await typedUrl(page);
      await toSignIn(page);
      await centre(page.getByRole("textbox", { name: "Private certificate authority" }));
    },
  },
  {
    name: "editor-parts",
    go: async (page) => {
      await typedUrl(page);
      await toStep(page, "Database");
      await page.getByLabel("Name", { exact: true }).fill("Acme");
      await page.getByLabel("Options", { exact: true }).fill("sslmode=verify-full");
      await centre(page.getByLabel("Database user", { exact: true }));
    },
  },
  {
    name: "editor-protected",
    opening: {
      prepare: (fake) => {
        fake.answers["count_protected"] = () => ({
          users: 31,
          by_rule: [12, 31],
          undecided: 2,
          read: 412_500,
          complete: false,
          limit_ms: 2000,
          estimated_total: 1_204_331,
        });
      },
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("table", { name: "Newest users" }).waitFor();
      await toSignIn(page);
      await page
        .getByLabel("Users that can never be impersonated")
        .fill("user.plan == 'staff'\nuser.email is ending_with('@acme.example')");
      await page.clock.runFor(700);
      await centre(page.getByText(/Covers at least 31/));
    },
  },
  {
    name: "editor-access",
    go: async (page) => {
      await newSignIn(page);
      await page.getByRole("button", { name: "Allow a request" }).click();
      await page.getByLabel("Path of request 1").fill("/api/*/search");
      await page.getByLabel("Purpose of request 1").fill("the search field");
      await page.getByRole("button", { name: "Allow a request" }).click();
      await page.getByLabel("Method of request 2").selectOption("Web socket");
      await centre(page.getByLabel("Path of request 2"));
    },
  },
  {
    name: "editor-preview",
    opening: {
      prepare: (fake, understudy) => {
        const answer = fake.answers;
        answer["preview_directory"] = () => ({
          info: {
            server: "PostgreSQL 15.18",
            columns: fake.columns,
            estimated_total: fake.total,
            total_is_exact: false,
            coverage: understudy.coverage,
            reader: understudy.reader,
            cautions: [],
          },
          rows: fake.rows.slice(0, 5),
          withheld: ["password_hash"],
        });
      },
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("table", { name: "Newest users" }).scrollIntoViewIfNeeded();
      await page.getByText("Preview", { exact: true }).evaluate((head) => head.scrollIntoView());
    },
  },
  {
    name: "editor-columns",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("combobox", { name: "Created column" }).press("ArrowDown");
      await page.getByRole("option", { name: /last_login_at/ }).waitFor();
    },
  },
  {
    name: "editor-column-missing",
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("combobox", { name: "Name column" }).fill("fullname");
      await page.getByText("has no column “fullname”").waitFor();
    },
  },
  {
    name: "editor-no-tables",
    opening: {
      prepare: (fake) => {
        fake.tables = { tables: [], unreadable: ["users", "orders", "billing.invoices"], left_out: 0 };
      },
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByText("can't read any table").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "editor-tables-refused",
    opening: {
      prepare: (fake) =>
        fake.refuse("discover_tables", {
          code: "directory_refused",
          message: "The database at db.acme.example:5432 requires a password, but none is stored.",
          hint: "Type the database password under Secrets.",
          secret: { connection: "new", name: "database_password" },
        }),
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByRole("button", { name: "Enter the password" }).scrollIntoViewIfNeeded();
    },
  },
  {
    name: "editor-preview-refused",
    opening: {
      prepare: (fake) =>
        fake.refuse("preview_directory", {
          code: "directory_timeout",
          message: "The database did not answer within 3 s.",
          hint: "An index on the searched columns helps, and so does a longer directory.timeout_ms.",
        }),
    },
    go: async (page) => {
      await typedUrl(page);
      await page.getByText("did not answer within 3 s").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "editor-faults",
    go: async (page) => {
      await newConnection(page);
      await page.getByLabel("Name", { exact: true }).fill("Acme");
      await page
        .getByLabel("Database URL", { exact: true })
        .fill("postgres://kim:s3cret@db.acme.example/acme");
      await toSignIn(page);
      await runs(page).selectOption("Custom request");
      await page.getByLabel("Login endpoint").fill("https://app.acme.example/login");
      await page.getByLabel("Body, as JSON").fill("{ userId: {{ user.id }} }");
      await page.getByRole("button", { name: "Add a header" }).click();
      await page.getByLabel("Value of header 1").fill("{{ operator.email }}");
      await page.getByRole("button", { name: /^Save/ }).click();
      await page.getByText("2 fields need fixing:").waitFor();
    },
  },
  {
    name: "editor-sign-in",
    go: async (page) => {
      await newSignIn(page);
      await runs(page).evaluate((element) => element.scrollIntoView({ block: "start" }));
    },
  },
  {
    name: "editor-sign-in-preset",
    go: async (page) => {
      await newSignIn(page);
      await runs(page).selectOption("Better Auth");
      await page.getByRole("textbox", { name: "Application" }).fill("https://app.acme.example");
      await page.getByLabel("operator_password").fill("canary");
      await centre(page.getByText("More", { exact: true }));
    },
  },
  {
    name: "editor-sign-in-beside",
    opening: {
      prepare: (fake, { connectionFile }) => {
        const sign_in = {
          preset: "supabase",
          settings: { app: "https://app.acme.example" },
          block: ["/admin/"],
          success: "Hello {{ user.name }}",
        };
        fake.secrets = [{ name: "service_role_key", state: "stored" }];
        fake.answers["read_connection"] = () => ({
          text: "",
          file: { ...connectionFile, sign_in },
          problem: null,
          source: "own",
        });
      },
    },
    go: async (page) => {
      await edit(page);
      await toSignIn(page);
      await centre(page.getByText("Success message"));
    },
  },
  {
    name: "editor-sign-in-as-text",
    opening: {
      prepare: (fake, { connectionFile }) => {
        const sign_in = {
          kind: "forest",
          cookies: ["sid"],
          steps: [{ url: "x", body: "{{ secret.operator_password }}" }],
        };
        fake.answers["read_connection"] = () => ({
          text: "",
          file: { ...connectionFile, sign_in },
          problem: null,
          source: "own",
        });
      },
    },
    go: async (page) => {
      await edit(page);
      await toSignIn(page);
      await centre(page.getByRole("button", { name: "Edit the file" }));
    },
  },
  {
    name: "editor-sign-in-exchange",
    go: async (page) => {
      await newSignIn(page);
      await runs(page).selectOption("Custom request");
      await page.getByRole("combobox", { name: "Kind of sign-in" }).selectOption("exchange");
      await page.getByRole("button", { name: "Add a request" }).click();
      const step = page.getByRole("group", { name: "Request 1", exact: true });
      await step.getByLabel("URL").fill("https://app.acme.example/login");
      await step.getByRole("button", { name: "Add a value" }).click();
      await step.getByLabel("Name of value 1").fill("csrf");
      await step.getByLabel("Key of value 1").fill("/csrf");
      await centre(step);
    },
  },
  {
    name: "editor-sign-in-storage",
    go: async (page) => {
      await newSignIn(page);
      await runs(page).selectOption("Custom request");
      await page.getByRole("combobox", { name: "Kind of sign-in" }).selectOption("storage");
      await page.getByRole("button", { name: "Add an entry" }).click();
      await page.getByLabel("Name of entry 1").fill("token");
      await page.getByLabel("Value of entry 1").fill("{{ captured.token }}");
      await centre(page.getByRole("combobox", { name: "Kind of sign-in" }));
    },
  },
  {
    name: "editor-sign-in-link",
    go: async (page) => {
      await newSignIn(page);
      await runs(page).selectOption("Custom request");
      await page.getByRole("combobox", { name: "Kind of sign-in" }).selectOption("link");
      await centre(page.getByRole("textbox", { name: "Value that holds the link" }));
    },
  },
  {
    name: "editor-sign-in-zoomed",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await newSignIn(page);
      await runs(page).selectOption("Better Auth");
      await centre(page.getByRole("textbox", { name: "Application" }));
    },
  },
  {
    name: "editor-trial",
    go: async (page) => {
      await edit(page);
      await toSignIn(page);
      const user = page.getByRole("combobox", { name: "User ID" });
      await user.press("ArrowDown");
      await page.clock.runFor(50);
      await page.getByRole("option", { name: /48213903/ }).waitFor();
    },
  },
  {
    name: "editor-trial-busy",
    opening: {
      prepare: (fake) => {
        fake.hold("try_sign_in");
      },
    },
    go: async (page) => {
      await tryIt(page);
      await page.getByText("Signing in…").waitFor();
    },
  },
  {
    name: "editor-session-empty",
    go: async (page) => {
      await trySession(page);
      await centre(page.getByText("Nothing has been held back so far."));
    },
  },
  {
    name: "editor-session",
    opening: { prepare: heldBackOfSession },
    go: async (page) => {
      await trySession(page);
      await page.getByRole("button", { name: /^Allow POST app.acme.example/ }).click();
      await centre(page.getByText("Allow all 2"));
    },
  },
  {
    name: "editor-session-narrow",
    opening: { width: 640, height: 700, prepare: heldBackOfSession },
    go: async (page) => {
      await trySession(page);
      await centre(page.getByRole("list", { name: "Requests that were held back" }));
    },
  },
  {
    name: "editor-allow",
    opening: { prepare: heldBackOfSession },
    go: async (page) => {
      await trySession(page);
      await page.getByRole("button", { name: /^Allow all/ }).click();
      await page.evaluate(() => {
        window.understudy?.refuse("save_connection", {
          code: "connection_invalid",
          message: "It is invalid.",
          faults: [
            { key: "policy.allow[1].path", line: 24, column: 8, message: "a path begins with a slash" },
          ],
        });
      });
      await page.getByLabel("Path of request 2").fill("api/v2/search");
      await page.getByRole("button", { name: /^Save/ }).click();
      await centre(page.getByText(/^Request 2, path/));
    },
  },
  {
    name: "editor-trial-done",
    go: async (page) => {
      await tryIt(page);
      await page.getByText("was signed in and out again").waitFor();
      await page.getByText("Step 2, the impersonation").click();
    },
  },
  {
    name: "editor-trial-failed",
    opening: {
      prepare: (fake, { refused }) => {
        fake.answers["try_sign_in"] = () => refused;
      },
    },
    go: async (page) => {
      await tryIt(page);
      await page.getByText("onload").waitFor();
    },
  },
  {
    name: "editor-trial-zoomed",
    opening: {
      width: 640,
      height: 400,
      prepare: (fake, { refused }) => {
        fake.answers["try_sign_in"] = () => refused;
      },
    },
    go: async (page) => {
      await tryIt(page);
      await centre(page.getByText("onload"));
    },
  },
  {
    name: "editor-trial-refused",
    opening: {
      prepare: (fake) =>
        fake.refuse("try_sign_in", {
          code: "secret_missing",
          message: "`admin_token` is needed, and stored secrets go only where they were stored for.",
          hint: "Type it here, or save the connection first, so that its sign-in is the one that you mean.",
        }),
    },
    go: async (page) => {
      await tryIt(page);
      await page.getByText("stored secrets go only").waitFor();
    },
  },
  {
    name: "editor-file",
    opening: {
      prepare: (fake) => {
        fake.answers["draft_text"] = () =>
          '# Handed out in November\nname        = "Acme"\nenvironment = "production"\n\n[directory]\nurl    = "postgres://readonly@db.acme.example/acme"\ntabel  = "public.users"\nid     = "id"\n\n[sign_in]\nurl    = "https://app.acme.example/login"\nmethod = "POST"\nbody   = { adminToken = "{{ secret.admin_token }}", userId = "{{ user.id }}" }\n';
        fake.refuse("parse_draft", {
          code: "connection_invalid",
          message: "line 7, column 1: unknown key “tabel” in [directory]; did you mean “table”?",
          hint: "The keys are url, table, id, email, name, created_at, columns, search, timeout_ms.",
        });
      },
    },
    go: async (page) => {
      await newConnection(page);
      await page.getByRole("button", { name: "File", exact: true }).click();
      await page.getByRole("textbox", { name: "Connection file" }).waitFor();
      await page.getByRole("button", { name: "Form", exact: true }).click();
      await page.getByText("did you mean “table”?").waitFor();
    },
  },
  {
    name: "editor-locked",
    opening: {
      prepare: (fake) => {
        const first = fake.state.connections[0];
        if (first) fake.state.connections = [{ ...first, source: "system" }];
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme/);
      await page.getByRole("menuitem", { name: "View…" }).click();
      await page.getByText("Handed out by IT, so").waitFor();
    },
  },
  {
    name: "editor-leave",
    go: async (page) => {
      await newConnection(page);
      await page.getByLabel("Name", { exact: true }).fill("Acme");
      await page.keyboard.press("Escape");
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "editor-secret-failed",
    opening: {
      prepare: (fake) =>
        fake.refuse("store_secret", {
          code: "vault_locked",
          message: "The keyring is locked, and the prompt to unlock it was dismissed.",
          hint: "Unlock it in Passwords and Keys, then retry.",
        }),
    },
    go: async (page) => {
      await newConnection(page);
      await page.getByLabel("Name", { exact: true }).fill("Acme");
      await toSignIn(page);
      await runs(page).selectOption("Custom request");
      await page.getByLabel("admin_token").fill("canary");
      await page.getByRole("button", { name: /^Save/ }).click();
      await page.getByRole("button", { name: "Keep until I quit" }).waitFor();
    },
  },
  {
    name: "editor-zoomed",
    opening: { width: 640, height: 400 },
    go: async (page) => {
      await newConnection(page);
      await page.getByLabel("Name", { exact: true }).waitFor();
    },
  },
  {
    name: "connection-menu",
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Remove…" }).waitFor();
    },
  },
  {
    name: "connection-remove",
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Remove…" }).click();
      await page.getByRole("alertdialog").waitFor();
    },
  },
  {
    name: "secrets",
    opening: {
      prepare: (fake) => {
        fake.secrets = [
          { name: "database_password", state: "this_run" },
          { name: "admin_token", state: "stored" },
          { name: "tenant_key", state: "missing" },
        ];
      },
    },
    go: async (page) => {
      await menuOf(page, /^Acme, production/);
      await page.getByRole("menuitem", { name: "Secrets…" }).click();
      await page.getByText("tenant_key", { exact: true }).waitFor();
    },
  },
  {
    name: "secret",
    opening: {
      prepare: (fake) =>
        fake.refuse(
          "directory_info",
          {
            code: "secret_missing",
            message: "The password of readonly@db.acme.example is not in the keyring.",
            hint: null,
            secret: { connection: "acme", name: "database_password" },
          },
          99,
        ),
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Enter the password…" }).click();
      await page.getByLabel("Secret", { exact: true }).waitFor();
    },
  },
  {
    name: "secret-no-keyring",
    opening: {
      prepare: (fake) => {
        fake.keyring = {
          code: "vault_unavailable",
          message: "No keyring answers: there is no Secret Service on this session's D-Bus.",
          hint: "Install gnome-keyring or KWallet and log in again.",
          statement: null,
          details: null,
          secret: null,
          faults: [],
        };
        fake.refuse(
          "directory_info",
          {
            code: "secret_missing",
            message: "The password of readonly@db.acme.example is not known.",
            hint: null,
            secret: { connection: "acme", name: "database_password" },
          },
          99,
        );
        fake.refuse("store_secret", {
          code: "connection_unknown",
          message: "There is no connection “acme” any more.",
          hint: "It may have been removed.",
        });
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Enter the password…" }).click();
      await page.getByLabel("Secret", { exact: true }).fill("s3cret");
      await page.keyboard.press("Enter");
      await page.getByText("There is no connection").waitFor();
    },
  },
  {
    name: "settings",
    opening: {
      prepare: (fake) => {
        fake.state.settings = {
          ...fake.state.settings,
          operator_name: "Kim Larsen",
          operator_email: "kim@acme.example",
          shortcut: "CommandOrControl+Shift+U",
        };
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await dialog(page).waitFor();
    },
  },
  {
    name: "settings-wayland",
    opening: {
      prepare: (fake) => {
        fake.state.wayland = true;
        fake.refuse("save_settings", {
          code: "settings_invalid",
          message: "“kim” is not an email address.",
          hint: "Leave it empty if you have none.",
        });
      },
    },
    go: async (page) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("textbox", { name: "Email" }).fill("kim");
      await page.getByRole("button", { name: "Save" }).click();
      await dialog(page).getByRole("alert").waitFor();
    },
  },
];

describe.each(themes)("in %s", (theme) => {
  test.each(views)("$name", async ({ name, opening, go }) => {
    const opened = await openPage(browser, { ...opening, theme });
    const { page } = opened;
    await go(page);
    await page.evaluate(() => document.fonts.ready);
    await page.clock.runFor(400);
    await picture(page, `setup-${name}-${theme}`);
    if ((await page.locator(DIALOGS).count()) > 0) {
      expect(await page.locator(DIALOGS).last().locator("*:focus").count()).toBe(1);
    }
    expect(await violations(page)).toEqual([]);
    if (compared.includes(name)) await expectUnchanged(page, `setup-${name}-${theme}`);
    await opened.close();
  });
});
