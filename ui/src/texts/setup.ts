// Texts of setting things up: first run, connection editor, secrets, settings, a connection's menu.
import type { FieldKind } from "../bindings/FieldKind";
import type { Method } from "../bindings/Method";
import type { Origin } from "../bindings/Origin";
import type { SecretStatus } from "../bindings/SecretStatus";
import type { Sign } from "../bindings/Sign";
import type { Status } from "../bindings/Status";
import type { TableKind } from "../bindings/TableKind";
import type { Theme } from "../bindings/Theme";
import type { UuidBytes } from "../bindings/UuidBytes";
import type { WhenClosed } from "../bindings/WhenClosed";
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
    label: "Database",
    hint: "A user that can only read is best. The password goes into the keyring, not in here. Also mysql://, mongodb:// or sqlite:///path/to/file (on Windows, sqlite:///C:/path/to/file).",
    example: "postgres://readonly@db.acme.internal/acme",
  },
  "directory.table": {
    label: "Table",
    hint: "The table or view with one row per user.",
    example: "public.users",
  },
  "directory.id": { label: "Id column", hint: "Identifies a user.", example: "id" },
  "directory.email": { label: "E-mail column", hint: "May be left empty.", example: "email" },
  "directory.name": { label: "Name column", hint: "May be left empty.", example: "full_name" },
  "directory.created_at": {
    label: "Created column",
    hint: "Used to list the newest users first. May be left empty.",
    example: "created_at",
  },
  "directory.columns": {
    label: "More columns to show",
    hint: "Separated by commas.",
    example: "plan, company_name, last_login_at",
  },
  "directory.search": {
    label: "Columns to search",
    hint: "In addition to the id. Empty: e-mail and name.",
    example: "email, full_name",
  },
  "directory.uuid_bytes": {
    label: "Order of a UUID's bytes",
    hint: "How the database keeps UUIDs as bytes. If the preview shows other ids than your application, choose another order.",
  },
  "directory.timeout_ms": {
    label: "Time limit of a search, in milliseconds",
    hint: "100 to 60,000. Empty: 3000.",
  },
  "directory.patience": {
    label: "Longest wait for a sleeping database, in seconds",
    hint: "Some databases stop while nobody uses them, and start when asked. 5 to 300; empty: 30.",
  },
  "sign_in.url": {
    label: "Login endpoint",
    hint: "The session's window sends this request, and receives its cookies.",
    example: "https://app.acme.com/login",
  },
  "sign_in.method": { label: "Method", hint: "POST, unless your application says otherwise." },
  "sign_in.headers": { label: "Headers", hint: "Values may be templates." },
  "sign_in.body": {
    label: "Body, as JSON",
    hint: "Strings may be templates: user, operator, reason, session, connection, secret. Empty: no body.",
    example: '{ "userId": "{{ user.id }}" }',
  },
  "sign_in.steps": { label: steps.label, hint: steps.hint },
  "sign_in.cookies": {
    label: "Cookies for the window",
    hint: "Their names, separated by commas. A * at the end stands for any end.",
    example: "session, XSRF-TOKEN",
  },
  "sign_in.open": {
    label: "Which value is the link",
    hint: "The name under which a request takes the link from its answer.",
    example: "link",
  },
  "sign_in.open_origins": {
    label: "Where the link may lead",
    hint: "Origins, separated by commas. Empty: that of the start page.",
    example: "https://login.acme.com",
  },
  "sign_in.storage": { label: storage.label, hint: storage.hint },
  "sign_in.success": {
    label: "Success message",
    hint: "May be left empty.",
    example: "Impersonating user {{ user.email }}",
  },
  "sign_in.redirect_to": {
    label: "Start page",
    hint: "Where the session begins. Empty: the root of the login endpoint's site.",
    example: "https://app.acme.com/",
  },
  "sign_in.timeout_ms": {
    label: "Time limit of the sign-in, in milliseconds",
    hint: "1000 to 120,000. Empty: 30,000.",
  },
  "verify.url": {
    label: "Who am I?",
    hint: "An address of the same site that tells who is signed in, as JSON.",
    example: "https://app.acme.com/api/me",
  },
  "verify.expect": {
    label: "Is it the right user?",
    hint: "An expression that must be true before the page is shown.",
    example: "response.json.id == user.id",
  },
  "sign_out.url": {
    label: "Logout endpoint",
    hint: "Called whenever a session ends. Empty: none.",
    example: "https://app.acme.com/logout",
  },
  "sign_out.method": { label: "Method", hint: "POST, unless your application says otherwise." },
  "policy.max_minutes": {
    label: "Longest session, in minutes",
    hint: "The session then ends automatically. 1 to 1440; empty: no limit.",
    example: "60",
  },
  "policy.max_extensions": {
    label: "Extensions of a session",
    hint: "How many times an agent may extend it, by the same time again. 0 to 20; empty: 2.",
  },
  "network.proxy": {
    label: "Proxy",
    hint: "For the sign-in and, on Linux and Windows, the session's window. Empty: none.",
    example: "http://proxy.acme.internal:3128",
  },
  "network.ca": {
    label: "Private certificate authority",
    hint: "The full path of a PEM file that the console trusts as well. The session's window trusts the system's authorities only.",
    example: "/etc/ssl/acme-ca.pem",
  },
  "network.gateway_user": {
    label: "User name for HTTP Basic",
    hint: "If a gateway in front of the application asks for a password: that is the secret gateway_password.",
  },
  "policy.protect": {
    label: "Users that can never be impersonated",
    hint: "One expression per line. A user is refused if any of them is true.",
    example: "user.role in ['admin', 'staff']",
  },
} satisfies Record<string, FieldWords>;

export type FieldName = keyof typeof fields;

export const setup = {
  firstRun: {
    title: "See what your customer sees",
    text: "Understudy finds a customer in your application's database and signs you in as them, in a window of its own. It reads the database and never writes to it, and every session is in the audit log.",
    connect: "Connect a directory",
    connectText: "Your application's users, and how to sign in as one. Test it before anything is saved.",
    demo: "Try the demo",
    demoText: "100,000 invented users and a small application to look at, on this computer only.",
    demoBusy: "Making 100,000 users…",
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
    fileHint: "TOML, as it is kept on disk. Comments stay. No secret belongs in here.",
    application: "Application",
    environment: "Environment",
    environmentHint: "Its colour marks every window that works with this application.",
    directory: "Directory",
    directoryText: "Where users are read from. It is never written to.",
    signIn: "Sign-in",
    signInText: "How an agent becomes a user.",
    recipe,
    steps,
    storage,
    verify: "Check",
    verifyText: "Optional: checked before the page is shown, so that nobody works as the wrong user.",
    signOut: "Sign-out",
    signOutText: "Optional: ends the session in your application too.",
    signOutMore: "Its headers, body and steps are in the File view and stay as they are.",
    policy: "Policy",
    policyText: "Who may be impersonated, and for how long.",
    reason: "Reason",
    reasons: { required: "Required", optional: "Optional" },
    fields,
    example: "E.g.",
    methodDefault: "POST (default)",
    uuidBytes: {
      standard: "As they are written (default)",
      "time-first": "Time parts swapped (MySQL's UUID_TO_BIN with 1)",
      "little-endian": "First three parts reversed (.NET, SQL Server)",
      java: "Both halves reversed (Java's legacy driver)",
    } satisfies Record<UuidBytes, string>,
    network: "Network",
    networkText: "Optional: the way from this computer to the application.",
    /** Keys that the form has no field for. */
    inFile: (keys: string[]) => `Only in the File view: ${keys.map((key) => `\`${key}\``).join(", ")}.`,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"] satisfies Method[],
    headerName: (n: number) => `Name of header ${n}`,
    headerValue: (n: number) => `Value of header ${n}`,
    addHeader: "Add a header",
    removeHeader: (name: string) => (name ? `Remove header ${name}` : "Remove this header"),
    faults: {
      whole: (least: number, most: number) =>
        `A whole number from ${least.toLocaleString(locale)} to ${most.toLocaleString(locale)}.`,
      json: (why: string) => `This is not JSON: ${why}`,
      bigNumber: (n: string) =>
        `${n} is too large a number to be kept exactly here: put it in quotes, or write it in the File view.`,
      headerName: "This header has a value but no name.",
      headerTwice: (name: string) => `The header ${name} is listed twice.`,
      some: (n: number) => `${count(n, "field needs", "fields need")} fixing:`,
      beyond: "In the file:",
      scheme:
        "Start with the kind of database: postgres://, mysql://, mongodb:// or sqlite://. For example postgres://readonly@host:5432/database",
      onDisk: "The file has changed on disk.",
      onDiskText: "Saving replaces it with what is here.",
      takeFromDisk: "Load it, and discard what I typed",
    },
    look: {
      choose: (field: string) => `Choose: ${field}`,
      asking: "Looking at the tables…",
      known: (n: number) => `${count(n, "table", "tables")} to choose from, the likeliest first.`,
      leftOut: (n: number) => `${count(n, "more table is", "more tables are")} not listed: type the name.`,
      none: "The database has no table. Is it the right one?",
      noneReadable:
        "This database user may not read any table. Ask your database administrator to grant SELECT.",
      unreadable: (names: string[]) => `This database user may not read: ${names.join(", ")}.`,
      unknown: (table: string) =>
        `This database user can read no table called “${table}”. Names are case-sensitive.`,
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
        email: "has e-mail addresses",
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
      filled: (table: string) =>
        `The columns of “${table}” are filled in where their names could be recognised.`,
      byItself: (table: string) =>
        `“${table}” looks most like your users, so it is selected and its columns are filled in.`,
      undo: "Undo",
      withheld: (names: string[]) =>
        `Not offered, because they hold secrets by their name: ${names.join(", ")}.`,
      password: "Type the password",
    },
    preview: {
      title: "Preview",
      asking: "Reading a few users…",
      users: (n: string, exact: boolean) => `${exact ? "" : "≈ "}${n} users`,
      empty: "The table has no rows yet.",
      hidden: "This database user sees no rows.",
      withheld: (names: string[]) =>
        `${names.join(", ")}: not read for the preview, because ${names.length === 1 ? "its name suggests a secret" : "their names suggest secrets"}.`,
    },
    passwordMoved:
      "The password was taken out of the address. It is under Secrets now, and goes into the keyring when you save.",
    through: (host: string) => `Reached through ${host} by ssh, as set in the file.`,
    runs: "The password comes from a program that runs on this computer as you. Test or save this only if you trust who wrote the file:",
    secrets: "Secrets",
    secretsText: "Stored in the keyring when you save, never in the file.",
    secretsTextThisRun: "No usable keyring: kept in memory until you quit.",
    noSecrets: "This connection uses none.",
    test: "Test",
    testText: "Opens the database and reads a few users. No one is signed in.",
    testing: "Testing…",
    tested: (failed: number, warnings: number) =>
      failed > 0
        ? `${count(failed, "step", "steps")} failed`
        : `The database works${warnings > 0 ? `, with ${count(warnings, "warning", "warnings")}` : ""}. The sign-in was not tried: try it below.`,
    stale: "Out of date: you have changed something since this test.",
    trial,
    statuses: { ok: "OK", warning: "Warning", failed: "Failed" } satisfies Record<Status, string>,
    sample: "Newest users",
    copied: "Copied",
    plan: {
      title: "Search plan",
      serves: (tier: string, column: string) => `${tier} (${column})`,
      none: "no index",
      slow: (slow: number, all: number) => `${slow} of ${all} searches have no index`,
      advice: (way: string) => `Index for ${way}`,
      reader: "A role that can read just this",
    },
    save: "Save",
    saving: "Saving…",
    locked: {
      system: "Handed out by IT, so it cannot be changed here. A duplicate is your own.",
      demo: "The demo makes this one itself, so it cannot be changed.",
    } satisfies Record<Exclude<Origin, "own">, string>,
    duplicate: "Duplicate",
    leave: {
      title: "Close without saving?",
      text: "What you typed since the last save is lost.",
      yes: "Discard",
      no: "Keep editing",
    },
    replace: {
      title: "Replace what you typed?",
      text: "The file replaces everything in this form.",
      yes: "Replace",
      no: "Keep editing",
    },
    secretFailed: (name: string) =>
      `The connection is saved, but the secret “${name}” is not stored. What you typed is still here.`,
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
    title: (connection: string) => `Secrets of ${connection}`,
    description: "Values are never shown, only where they are stored.",
    loading: "Asking the keyring…",
    set: "Set…",
    setOf: (name: string) => `Set ${name}`,
    forget: "Forget",
    forgetOf: (name: string) => `Forget ${name}`,
    forgetTitle: (name: string) => `Forget “${name}”?`,
    forgetText: "It is removed from the keyring. You are asked for it again when it is needed.",
    forgotten: (name: string) => `${name} is forgotten`,
    stored: (name: string) => `${name} is stored`,
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
    look: "View…",
    duplicate: "Duplicate",
    exportTo: "Export…",
    secrets: "Secrets…",
    remove: "Remove…",
    removeYes: "Remove",
    locked: {
      own: "",
      system: "Handed out by IT: cannot be removed",
      demo: "Removed when Understudy quits",
    } satisfies Record<Origin, string>,
    duplicated: (name: string) => `${name} is your own copy`,
    exported: (path: string) => `Exported to ${path}. No secret is in it.`,
    removeTitle: (name: string) => `Remove ${name}?`,
    removeText: "Its file is deleted. The application, its users and the audit log stay as they are.",
    forgetSecrets: "Forget its secrets too",
    removed: (name: string) => `${name} is removed`,
  },

  settings: {
    title: "Settings",
    theme: "Theme",
    themes: { system: "System", light: "Light", dark: "Dark" } satisfies Record<Theme, string>,
    operator: "You",
    operatorText: "Recorded in the audit log with every session, and available to sign-ins as a template.",
    operatorName: "Name",
    operatorEmail: "E-mail",
    nameTemplate: "{{ operator.name }}",
    emailTemplate: "{{ operator.email }}",
    shortcut: "Global shortcut",
    shortcutText: "Brings the console to the front from anywhere, search focused.",
    shortcutRecord: "Press the new shortcut…",
    shortcutNone: "None",
    shortcutClear: "Clear",
    shortcutWeak: "Hold Ctrl, Alt or the system key with it; F-keys work alone.",
    shortcutWeakMac: "Hold ⌘, ⌃ or ⌥ with it; F-keys work alone.",
    shortcutUnknown: "This key cannot be part of a shortcut.",
    waylandText:
      "On this desktop (Wayland), applications cannot register global shortcuts. Bind this command to a key in your desktop's keyboard settings; it does the same:",
    waylandCommand: "understudy --search",
    copyCommand: "Copy the command",
    copied: "Copied",
    singleKeys: "Single-letter keys",
    singleKeysText: "j, k, / and ? act on the list. Turn them off if you dictate, or press keys by accident.",
    whenClosed: "When I close the window while sessions run",
    whenClosedWays: {
      ask: "Ask",
      hide: "Hide the console",
      quit: "End them and quit",
    } satisfies Record<WhenClosed, string>,
    whenClosedText: "A hidden console comes back when the last session has ended.",
    whenClosedShortcut: (key: string) =>
      `A hidden console comes back with ${key}, or when the last session has ended.`,
    save: "Save",
    saving: "Saving…",
  },
};
