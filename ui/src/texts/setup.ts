// Texts of setting things up: first run, connection editor, secrets, settings, a connection's menu.
import type { Settings } from "../bindings/Settings";
import type { FieldKind } from "../bindings/FieldKind";
import type { Method } from "../bindings/Method";
import type { ConnectionSource } from "../bindings/ConnectionSource";
import type { SecretStatus } from "../bindings/SecretStatus";
import type { ProtectedCount } from "../bindings/ProtectedCount";
import type { Sign } from "../bindings/Sign";
import type { Status } from "../bindings/Status";
import type { TableKind } from "../bindings/TableKind";
import type { Theme } from "../bindings/Theme";
import type { UuidBytes } from "../bindings/UuidBytes";
import type { WhenClosed } from "../bindings/WhenClosed";
import { access, accessFields, session } from "./access";
import type { AddressEngine } from "../editor/address";
import type { FormStep, StepState } from "../editor/form-steps";
import { locale } from "./shared";
import { recipe, steps, storage, trial } from "./sign-in";

const count = (n: number, one: string, many: string) => `${n.toLocaleString(locale)} ${n === 1 ? one : many}`;

/** A field of the connection form: what it is called, what it is for, and how one looks. */
export interface FieldWords {
  label: string;
  hint: string;
  example?: string;
}

const fields = {
  name: { label: "Name", hint: "What your team calls the application.", example: "Acme" },
  "directory.url": {
    label: "Database URL",
    hint: "Preferably with a read-only database user. The password goes into the keyring, not here. You can paste what another program uses: jdbc:…, DATABASE_URL=…, psql -h …",
    example: "postgres://readonly@db.acme.internal/acme",
  },
  "directory.table": {
    label: "Table",
    hint: "The table or view with one row per user.",
    example: "public.users",
  },
  "directory.id": { label: "ID column", hint: "Identifies a user.", example: "id" },
  "directory.email": { label: "Email column", hint: "Optional.", example: "email" },
  "directory.name": { label: "Name column", hint: "Optional.", example: "full_name" },
  "directory.created_at": {
    label: "Created column",
    hint: "Optional. Lists the newest users first.",
    example: "created_at",
  },
  "directory.columns": {
    label: "More columns to show",
    hint: "Separated by commas.",
    example: "plan, company_name, last_login_at",
  },
  "directory.search": {
    label: "Columns to search",
    hint: "In addition to the ID. Default: email and name.",
    example: "email, full_name",
  },
  "directory.uuid_bytes": {
    label: "UUID byte order",
    hint: "How the database stores UUIDs as bytes. If the preview shows different IDs than your application, choose another order.",
  },
  "directory.timeout_ms": {
    label: "Search timeout, in milliseconds",
    hint: "100 to 60,000. Default: 3000.",
  },
  "directory.patience": {
    label: "Wait for a paused database, in seconds",
    hint: "Some databases pause when idle and start again on the first query. 5 to 300. Default: 30.",
  },
  "sign_in.url": {
    label: "Login endpoint",
    hint: "The session window sends this request and receives its cookies.",
    example: "https://app.acme.com/login",
  },
  "sign_in.method": { label: "Method", hint: "POST, unless your application expects another." },
  "sign_in.headers": { label: "Headers", hint: "Values can be templates." },
  "sign_in.body": {
    label: "Body, as JSON",
    hint: "Strings can be templates that use user, operator, reason, session, connection and secret. Default: no body.",
    example: '{ "userId": "{{ user.id }}" }',
  },
  "sign_in.steps": { label: steps.label, hint: steps.hint },
  "sign_in.cookies": {
    label: "Cookies for the session window",
    hint: "Names, separated by commas. A * at the end matches any ending.",
    example: "session, XSRF-TOKEN",
  },
  "sign_in.open": {
    label: "Value that holds the link",
    hint: "The name of the value that a request captures from its response.",
    example: "link",
  },
  "sign_in.open_origins": {
    label: "Allowed origins of the link",
    hint: "Separated by commas. Default: the start page's origin.",
    example: "https://login.acme.com",
  },
  "sign_in.storage": { label: storage.label, hint: storage.hint },
  "sign_in.success": {
    label: "Success message",
    hint: "Shown after a successful sign-in. Default: “Impersonating user” and the name.",
    example: "Impersonating user {{ user.email }}",
  },
  "sign_in.redirect_to": {
    label: "Start page",
    hint: "Where the session begins. Default: the root of the login endpoint's site.",
    example: "https://app.acme.com/",
  },
  "sign_in.timeout_ms": {
    label: "Sign-in timeout, in milliseconds",
    hint: "1000 to 120,000. Default: 30,000.",
  },
  "verify.url": {
    label: "Current-user endpoint",
    hint: "An address on the same site that returns the signed-in user as JSON.",
    example: "https://app.acme.com/api/me",
  },
  "verify.expect": {
    label: "Condition for the right user",
    hint: "An expression that must be true before the page is shown.",
    example: "response.json.id == user.id",
  },
  "sign_out.url": {
    label: "Logout endpoint",
    hint: "Optional. Called whenever a session ends.",
    example: "https://app.acme.com/logout",
  },
  "sign_out.method": { label: "Method", hint: "POST, unless your application expects another." },
  "policy.max_minutes": {
    label: "Session limit, in minutes",
    hint: "The session then ends automatically. 1 to 1440. Default: no limit.",
    example: "60",
  },
  "policy.max_extensions": {
    label: "Extensions per session",
    hint: "How often an agent can extend a session, each time by the same number of minutes. 0 to 20. Default: 2.",
  },
  "policy.approval": {
    label: "Approval",
    hint: "In the team's log, before each session begins. Signing in without it requires a reason, and the whole team is told.",
  },
  "network.proxy": {
    label: "Proxy",
    hint: "For the sign-in and the session window. Default: the system's proxy settings.",
    example: "http://proxy.acme.internal:3128",
  },
  "network.ca": {
    label: "Private certificate authority",
    hint: "Full path of a PEM file with authorities that the console and the session window trust too.",
    example: "/etc/ssl/acme-ca.pem",
  },
  "network.gateway_user": {
    label: "User name for HTTP Basic",
    hint: "For a server in front of the application that asks for a password. The password is the secret gateway_password.",
  },
  "directory.related": {
    label: "Related tables",
    hint: "Such as orders, invoices or devices. The search field also finds users by what these tables hold, and a user's details list their rows.",
  },
  "network.credentials": {
    label: "Hosts that ask for a password",
    hint: "For HTTP Basic or Digest. Each user name and password is sent to its own host only. The password is a secret: {{ secret.name }}.",
  },
  "policy.protect": {
    label: "Users that can never be impersonated",
    hint: "One expression per line. A user is protected if any of them is true.",
    example: "user.role in ['admin', 'staff']",
  },
  ...accessFields,
} satisfies Record<string, FieldWords>;

export type FieldName = keyof typeof fields;

export const setup = {
  firstRun: {
    title: "See what your customer sees",
    text: "Understudy finds a customer in your application's database and signs you in as them in a separate window. It only reads the database, and it records every session in the audit log.",
    connect: "Connect your database",
    connectText:
      "Where your users are, and how to sign in as one. You can test everything before you save it.",
    demo: "Try the demo",
    demoText: "100,000 invented users and a small application, on this computer only.",
    demoBusy: "Creating 100,000 users…",
    file: "Open a connection file…",
    drop: "Got a connection file from your team? Drop it here, or",
    dropNow: "Drop the connection file",
  },

  editor: {
    newTitle: "New connection",
    title: (name: string) => name || "Connection",
    description: "Where your users are, how to sign in as one, and who is off limits.",
    view: "View",
    views: { form: "Form", file: "File" },
    open: "Open a file…",
    loading: "Reading the connection…",
    file: "Connection file",
    fileHint: "TOML, exactly as saved. Comments are kept. Don't put secrets here.",
    application: "Application",
    environment: "Environment",
    environmentHint: "Its colour marks every window of this application.",
    /** The form's steps. */
    parts: {
      label: "Steps",
      names: { database: "Database", users: "Users", sign_in: "Sign-in and policy" } satisfies Record<
        FormStep,
        string
      >,
      states: { good: "works", faulty: "needs fixing", open: "not tested yet" } satisfies Record<
        StepState,
        string
      >,
      next: (step: string) => `Next: ${step}`,
    },
    directory: "Database",
    directoryText: "Where users are read from. Understudy never writes to it.",
    users: "Users",
    usersText: "The table with your users, and what its columns hold.",
    address: {
      label: "Or its parts",
      engine: "Kind of database",
      engines: {
        postgres: "PostgreSQL",
        mysql: "MySQL",
        mariadb: "MariaDB",
        mongodb: "MongoDB",
        "mongodb+srv": "MongoDB, by DNS (Atlas)",
        sqlite: "SQLite",
      } satisfies Record<AddressEngine, string>,
      file: "Full path of the file",
      fileExample: "/srv/acme/users.sqlite",
      host: "Host",
      port: "Port",
      database: "Database name",
      user: "Database user",
      options: "Options",
      optionsExample: {
        postgres: "sslmode=verify-full",
        mysql: "ssl-mode=REQUIRED",
        mariadb: "ssl-mode=REQUIRED",
        mongodb: "replicaSet=rs0",
        "mongodb+srv": "authSource=admin",
        sqlite: "",
      } satisfies Record<AddressEngine, string>,
    },
    signIn: "Sign-in",
    signInText: "How you sign in as a user.",
    recipe,
    steps,
    storage,
    verify: "Verification",
    verifyText:
      "Optional. Checks who is signed in before the page is shown, so that you never work as the wrong user.",
    signOut: "Sign-out",
    signOutText: "Optional. Ends the session in your application too.",
    signOutMore: "Its headers, body and steps are in the File view and are kept.",
    ticket: "Tickets",
    ticketText: "Optional. Sends the summary of a session to its ticket.",
    notify: "Notification",
    notifyText:
      "Optional. Tells your application of each session that has ended, so that it can tell its customer.",
    policy: "Policy",
    policyText: "Who can be impersonated, and for how long.",
    protect: {
      count: "Count the users this covers",
      counting: "Counting…",
      covered: ({ users, read, complete, limit_ms, estimated_total }: ProtectedCount) => {
        const limit = `${(limit_ms / 1000).toLocaleString(locale)} s`;
        const all =
          estimated_total === null ? "" : ` There are about ${count(estimated_total, "user", "users")}.`;
        if (complete && users === 0) return "No user is covered.";
        if (complete) return `Covers ${users.toLocaleString(locale)} of ${count(read, "user", "users")}.`;
        if (read === 0) return `Could not count in ${limit}.`;
        const checked = `${count(read, "user", "users")} checked in ${limit}`;
        return users === 0
          ? `None of the ${checked} is covered.${all}`
          : `Covers at least ${users.toLocaleString(locale)}, of ${checked}.${all}`;
      },
      undecided: (n: number) =>
        `For ${count(n, "user", "users")}, a rule can't be evaluated, so no one can sign in as them.`,
    },
    accessTitle: "Access",
    accessText: "What sessions may do in the application, and which hosts they reach.",
    access,
    reason: "Reason",
    reasons: { required: "Required", optional: "Optional" },
    approvals: {
      none: "Not needed (default)",
      second_person: "By a second person",
      break_glass: "By a second person, or sign in without it",
    },
    fields,
    example: "E.g.",
    methodDefault: "POST (default)",
    uuidBytes: {
      standard: "As written (default)",
      "time-first": "Time parts swapped (MySQL's UUID_TO_BIN with 1)",
      "little-endian": "First three parts reversed (.NET, SQL Server)",
      java: "Both halves reversed (Java's legacy driver)",
    } satisfies Record<UuidBytes, string>,
    network: "Network",
    networkText: "Optional. How this computer reaches the application.",
    /** Keys that the form has no field for. */
    inFile: (keys: string[]) => `Only in the File view: ${keys.map((key) => `\`${key}\``).join(", ")}.`,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"] satisfies Method[],
    headerName: (n: number) => `Name of header ${n}`,
    headerValue: (n: number) => `Value of header ${n}`,
    addHeader: "Add a header",
    related: {
      add: "Add a related table",
      proposed: "Found in this database:",
      propose: (label: string, table: string) => `Add ${label} (${table})`,
      table: (n: number) => `Related table ${n}`,
      remove: (label: string) => `Remove ${label}`,
      cells: {
        label: { label: "What a row is called", example: "Order" },
        table: { label: "Its table", example: "orders" },
        user: { label: "Column that refers to a user", example: "customer_id" },
        identify: { label: "Columns that find the user", example: "number, iban" },
        describe: { label: "Columns to show as well", example: "total, status" },
        created_at: { label: "Time of creation", example: "created_at" },
        through: { label: "Table in between, and its column", example: "memberships.company_id" },
        leads_to: { label: "User column that it refers to", example: "the ID" },
        id: { label: "Column that identifies a row", example: "id" },
        url: { label: "Page in your own tool", example: "https://shop.acme.com/orders/{{ record.id }}" },
      },
    },
    credentials: {
      add: "Add a host",
      host: (n: number) => `Host ${n}`,
      origin: (n: number) => `Origin of host ${n}`,
      user: (n: number) => `User name for host ${n}`,
      password: (n: number) => `Password for host ${n}`,
      remove: (origin: string) => (origin ? `Remove ${origin}` : "Remove this host"),
    },
    removeHeader: (name: string) => (name ? `Remove header ${name}` : "Remove this header"),
    faults: {
      whole: (least: number, most: number) =>
        `Enter a whole number from ${least.toLocaleString(locale)} to ${most.toLocaleString(locale)}.`,
      json: (why: string) => `This is not valid JSON: ${why}`,
      bigNumber: (n: string) =>
        `${n} is too large to be stored exactly. Put it in quotes, or write it in the File view.`,
      headerName: "This header has a value but no name.",
      headerTwice: (name: string) => `The header ${name} is listed twice.`,
      some: (n: number) => `${count(n, "field needs", "fields need")} fixing:`,
      inRow: (row: string, key: string, line: number) => `${row}, ${key} (line ${line}): `,
      beyond: "In the file:",
      scheme:
        "Start with the kind of database: postgres://, mysql://, mongodb:// or sqlite://. For example postgres://readonly@host:5432/database",
      onDisk: "The file has changed on disk.",
      onDiskText: "Saving overwrites it with what you have here.",
      takeFromDisk: "Load it and discard my changes",
    },
    tables: {
      choose: (field: string) => `Choose: ${field}`,
      asking: "Reading the tables…",
      answers: (n: number) => `The database answers. It has ${count(n, "table", "tables")}.`,
      known: (n: number) => `${count(n, "table", "tables")} to choose from, most likely first.`,
      leftOut: (n: number) =>
        `${count(n, "more table is", "more tables are")} not listed. To use one, type its name.`,
      none: "This database has no tables. Is it the right one?",
      noneReadable:
        "This database user can't read any table. Ask your database administrator to grant SELECT.",
      unreadable: (names: string[]) => `This database user can't read: ${names.join(", ")}.`,
      unknown: (table: string) =>
        `This database user can't read a table called “${table}”. Names are case-sensitive.`,
      missing: (table: string, column: string) =>
        `“${table}” has no column “${column}”. Names are case-sensitive.`,
      rows: (n: number) => `≈ ${count(n, "row", "rows")}`,
      kinds: {
        table: "table",
        view: "view",
        materialized_view: "materialised view",
        collection: "collection",
      } satisfies Record<TableKind, string>,
      signs: {
        name: "named like users",
        email: "has email addresses",
        password: "has passwords",
      } satisfies Record<Sign, string>,
      types: {
        integer: "whole number",
        number: "number",
        boolean: "true or false",
        time: "time",
        uuid: "UUID",
        json: "JSON",
        text: "text",
      } satisfies Record<FieldKind, string>,
      filled: (table: string) => `The columns of “${table}” with familiar names are filled in.`,
      byItself: (table: string) =>
        `“${table}” looks most like your users, so it is selected and its columns are filled in.`,
      undo: "Undo",
      withheld: (names: string[]) =>
        `Not offered, because ${names.length === 1 ? "its name suggests a secret" : "their names suggest secrets"}: ${names.join(", ")}.`,
      password: "Enter the password",
    },
    preview: {
      title: "Preview",
      asking: "Reading a few users…",
      users: (n: string, exact: boolean) => `${exact ? "" : "≈ "}${n} users`,
      empty: "The table has no rows yet.",
      hidden: "This database user can't see any rows.",
      withheld: (names: string[]) =>
        `${names.join(", ")}: not read for the preview, because ${names.length === 1 ? "its name suggests a secret" : "their names suggest secrets"}.`,
    },
    passwordMoved:
      "The password was moved out of the URL. It is now under Secrets, and goes into the keyring when you save.",
    through: (host: string) => `Reached through ${host} over SSH, as set in the file.`,
    runs: "The password comes from a program that runs on this computer as you. Test or save this only if you trust the author of the file:",
    secrets: "Secrets",
    secretsText: "Stored in the keyring when you save, never in the file.",
    secretsTextThisRun: "No usable keyring: kept in memory until you quit.",
    noSecrets: "This connection uses no secrets.",
    test: "Test",
    testText: "Connects to the database and reads a few users. It does not sign in.",
    testing: "Testing…",
    tested: (failed: number, warnings: number) =>
      failed > 0
        ? `${count(failed, "step", "steps")} failed`
        : `The database works${warnings > 0 ? `, with ${count(warnings, "warning", "warnings")}` : ""}. The sign-in has not been tested yet: test it below.`,
    stale: "Out of date: you have changed something since this test.",
    trial,
    session,
    statuses: { ok: "OK", warning: "Warning", failed: "Failed" } satisfies Record<Status, string>,
    sample: "Newest users",
    copied: "Copied",
    plan: {
      title: "Search plan",
      serves: (tier: string, column: string) => `${tier} (${column})`,
      none: "no index",
      slow: (slow: number, all: number) => `${slow} of ${all} searches are slow`,
      advice: (way: string) => `Index for ${way}`,
      reader: "A role that can read only this",
    },
    save: "Save",
    saving: "Saving…",
    locked: {
      system: "Handed out by IT, so it can't be changed here. Duplicate it to make a copy of your own.",
      demo: "This connection belongs to the demo, so it can't be changed.",
    } satisfies Record<Exclude<ConnectionSource, "own">, string>,
    duplicate: "Duplicate",
    leave: {
      title: "Close without saving?",
      text: "Your changes since the last save will be lost.",
      yes: "Discard",
      no: "Keep editing",
    },
    replace: {
      title: "Replace your changes?",
      text: "The file replaces everything in this form.",
      yes: "Replace",
      no: "Keep editing",
    },
    secretFailed: (name: string) =>
      `The connection is saved, but the secret “${name}” could not be stored. What you typed is still here.`,
    thisRun: "Keep until I quit",
    close: "Close",
  },

  secrets: {
    states: { stored: "In the keyring", this_run: "Until you quit", missing: "Missing" } satisfies Record<
      SecretStatus["state"],
      string
    >,
    names: (name: string) => (name === "database_password" ? "Database password" : name),
    database: "The password of the database user.",
    template: (name: string) => `Used as {{ secret.${name} }}.`,
    replace: "Type to replace it",
    title: (connection: string) => `Secrets for ${connection}`,
    description: "Values are never shown, only where they are stored.",
    loading: "Checking the keyring…",
    set: "Set…",
    setOf: (name: string) => `Set ${name}`,
    forget: "Forget",
    forgetOf: (name: string) => `Forget ${name}`,
    forgetTitle: (name: string) => `Forget “${name}”?`,
    forgetText: "It is removed from the keyring. You will be asked for it the next time it is needed.",
    forgotten: (name: string) => `${name} was forgotten`,
    stored: (name: string) => `${name} was stored`,
    none: "This connection uses no secrets.",
    ask: {
      title: "Enter a secret",
      database: (connection: string) => `The database password for “${connection}”.`,
      template: (connection: string, name: string) => `The secret “${name}” for “${connection}”.`,
      label: "Secret",
      keep: "Where to keep it",
      keyring: "System keyring",
      keyringText: "Asked once on this computer.",
      thisRun: "Until I quit",
      thisRunText: "Kept in memory only.",
      unusable: "What you type is kept until you quit.",
      never: "Never shown or logged, and sent only where this connection uses it.",
      empty: "Enter the secret first.",
      store: "Store",
      storing: "Storing…",
    },
  },

  menu: {
    label: (name: string) => `${name}: actions`,
    edit: "Edit…",
    view: "View…",
    duplicate: "Duplicate",
    exportTo: "Export…",
    secrets: "Secrets…",
    clearCache: "Clear cached files",
    demoHelpdesk: "Open its helpdesk",
    remove: "Remove…",
    removeYes: "Remove",
    locked: {
      own: "",
      system: "Handed out by IT, can't be removed",
      demo: "Removed when Understudy quits",
    } satisfies Record<ConnectionSource, string>,
    duplicated: (name: string) => `${name} is your own copy`,
    exported: (path: string) => `Exported to ${path}. It contains no secrets.`,
    cleared: (name: string, files: number) =>
      files === 0
        ? `${name} had no cached files`
        : `${count(files, "cached file", "cached files")} of ${name} cleared. Pages load them again.`,
    removeTitle: (name: string) => `Remove ${name}?`,
    removeText: "Its file is deleted. The application, its users and the audit log are not affected.",
    forgetSecrets: "Also forget its secrets",
    removed: (name: string) => `${name} was removed`,
  },

  settings: {
    title: "Settings",
    search: "Search settings",
    nothing: (text: string) => `No setting matches “${text}”.`,
    exportTo: "Export…",
    exportText: "Writes the saved settings to a file, without secrets",
    exported: (path: string) => `Settings exported to ${path}. They contain no secrets.`,
    file: "Settings",
    /** As the palette finds them. */
    names: {
      theme: "Theme: system, light or dark",
      operator_name: "Your name",
      operator_email: "Your email",
      shortcut: "Global shortcut",
      quick_window: "Quick search on the global shortcut",
      single_keys: "Single-letter keys",
      remember_search: "Remember the search text",
      when_closed: "When the window is closed while sessions run",
      tray_icon: "Icon in the tray or menu bar",
    } satisfies Record<keyof Settings, string>,
    theme: "Theme",
    themes: { system: "System", light: "Light", dark: "Dark" } satisfies Record<Theme, string>,
    operator: "You",
    operatorText: "Recorded in the audit log with every session, and available to sign-ins as a template.",
    operatorName: "Name",
    operatorEmail: "Email",
    nameTemplate: "{{ operator.name }}",
    emailTemplate: "{{ operator.email }}",
    shortcut: "Global shortcut",
    shortcutText: "Brings the console to the front from anywhere, search focused.",
    quickWindow: "Open the quick search instead",
    quickWindowText:
      "A small window over your work, with a search field. Press the shortcut again to bring the console to the front.",
    shortcutRecord: "Press the new shortcut…",
    shortcutNone: "None",
    shortcutClear: "Clear",
    shortcutWeak: "Combine it with Ctrl, Alt or the system key. F-keys work on their own.",
    shortcutWeakMac: "Combine it with ⌘, ⌃ or ⌥. F-keys work on their own.",
    shortcutUnknown: "This key can't be part of a shortcut.",
    waylandText:
      "On this desktop (Wayland), applications can't register global shortcuts. Instead, bind this command to a key in your desktop's keyboard settings:",
    waylandCommand: "understudy --search",
    copyCommand: "Copy the command",
    copied: "Copied",
    rememberSearch: "Remember the search text",
    rememberSearchText:
      "The console starts with the text that was in its search field. Turn it off to keep no such text on this computer.",
    singleKeys: "Single-letter keys",
    singleKeysText:
      "j, k, c, / and ? are shortcuts outside text fields. Turn them off if you dictate, or press keys by accident.",
    whenClosed: "When I close the window while sessions run",
    whenClosedWays: {
      ask: "Ask",
      hide: "Hide the console",
      quit: "End them and quit",
    } satisfies Record<WhenClosed, string>,
    whenClosedText: "A hidden console comes back when the last session has ended.",
    whenClosedShortcut: (key: string) =>
      `A hidden console comes back with ${key}, or when the last session has ended.`,
    trayIcon: "Icon in the tray or menu bar",
    trayIconText:
      "Its menu brings the console or a running session to the front, and quits. Desktops without a tray show no icon; GNOME needs an extension for it.",
    save: "Save",
    saving: "Saving…",
  },
};
