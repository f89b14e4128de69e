// A fake of Rust at the boundary that Tauri puts on `window`, for stories (jsdom) and for the built pages
// (Chromium) alike. It knows the shapes of the commands and nothing of Tauri's UI packages. A test may make any
// command fail or wait, and reads what was called.
import type { Commands } from "../../src/bindings/commands";
import type { Arrangement } from "../../src/bindings/Arrangement";
import type { LatestSession } from "../../src/bindings/LatestSession";
import type { HeldBackList } from "../../src/bindings/HeldBackList";
import type { Wider } from "../../src/bindings/Wider";
import type { FormField } from "../../src/bindings/FormField";
import type { BarState } from "../../src/bindings/BarState";
import type { Caution } from "../../src/bindings/Caution";
import type { ListedEntry } from "../../src/bindings/ListedEntry";
import type { Column } from "../../src/bindings/Column";
import type { ConnectionSummary } from "../../src/bindings/ConnectionSummary";
import type { ConsoleState } from "../../src/bindings/ConsoleState";
import type { Error as BoundaryError } from "../../src/bindings/Error";
import type { Page } from "../../src/bindings/Page";
import type { RecordsRequest } from "../../src/bindings/RecordsRequest";
import type { RelatedInfo } from "../../src/bindings/RelatedInfo";
import type { Count } from "../../src/bindings/Count";
import type { LeftOut } from "../../src/bindings/LeftOut";
import type { ListedPage } from "../../src/bindings/ListedPage";
import type { PastSession } from "../../src/bindings/PastSession";
import type { ListRequest } from "../../src/bindings/ListRequest";
import type { Row } from "../../src/bindings/Row";
import type { SecretStatus } from "../../src/bindings/SecretStatus";
import type { SessionView } from "../../src/bindings/SessionView";
import type { Standing } from "../../src/bindings/Standing";
import type { Step } from "../../src/bindings/Step";
import type { DiscoveredTables } from "../../src/bindings/DiscoveredTables";
import {
  asTeam,
  countSessions,
  intact,
  listEntries,
  listTeamEntries,
  logColumns,
  logEntries,
} from "./audit-log";
import { complete, filterBy, filtered, free, read } from "./filters";
import {
  columns as defaultColumns,
  connectionFile,
  draftOf,
  rows as defaultRows,
  tables as defaultTables,
} from "./people";
import { presets, rehearsal } from "./presets";

type Args = Record<string, unknown>;
type Answer = (args: Args) => unknown;

/** What answers a command as Rust does; one that gives nothing may return nothing. */
type Answers = {
  [C in keyof Commands]: (
    args: Commands[C]["args"],
  ) => Commands[C]["result"] extends null ? unknown : Commands[C]["result"] | null | undefined;
};

/** A command of Understudy's or of one of Tauri's plugins. */
export type Command = keyof Commands | `plugin:${string}`;

export interface Call {
  command: string;
  args: Args;
}

/** What a test sees and steers. */
export interface Fake {
  state: ConsoleState;
  columns: Column[];
  rows: Row[];
  /** What the policy says of a user. */
  standing: (row: Row) => Standing;
  past: PastSession[];
  reasons: string[];
  /** The latest session of each user, newest first. */
  recent: LatestSession[];
  /** The connections that the agent uses. */
  used: string[];
  /** What is kept of each connection. */
  arrangements: Record<string, Arrangement>;
  secrets: SecretStatus[];
  bar: BarState | null;
  /** What the agent wrote for the ticket. */
  note: string;
  /** What the running session holds back. */
  heldBack: HeldBackList;
  /** Rows of a page at the most, whatever is asked for. */
  pageSize: number;
  /** What no index serves is not searched by itself: text only in the first half of the rows, and no order of a
   * column that is not sortable. */
  guard: LeftOut | null;
  /** What is offered where nobody was found. */
  offers: Wider[];
  /** Total that the directory estimates. */
  total: number | null;
  /** What is not as one would expect of the directory. */
  cautions: Caution[];
  /** The related tables. */
  related: RelatedInfo[];
  /** A user's records. */
  records: (request: RecordsRequest) => Page;
  /** What the form sees of a database. */
  tables: DiscoveredTables;
  /** The audit log, the oldest entry first. */
  log: ListedEntry[];
  calls: Call[];
  /** Why the keyring cannot be used. */
  keyring: BoundaryError | null;
  /** What was copied, newest last. */
  clipboard: string[];
  /** What the file dialogs answer. */
  chosenPath: string | null;
  /** Overrides a command's answer; thrown values reject. */
  answers: Partial<Record<Command, Answer>>;
  /** Makes the next `times` calls of a command reject. */
  refuse(
    command: Command,
    error: Partial<BoundaryError> & { code: BoundaryError["code"] },
    times?: number,
  ): void;
  /** Holds every answer of a command back until the returned function lets the oldest go. */
  hold(command: Command): { release(): void; waiting(): number; stop(): void };
  emit(event: string, payload: unknown): void;
  called(command: Command): Call[];
}

declare global {
  interface Window {
    understudy?: Fake;
  }
}

interface Internals {
  invoke(command: string, args?: Args): Promise<unknown>;
  transformCallback(callback: (payload: unknown) => void, once?: boolean): number;
  unregisterCallback(id: number): void;
  runCallback(id: number, payload: unknown): void;
  convertFileSrc(path: string): string;
  metadata: unknown;
}

/** Puts the fake on `window`, under `label`: `console` or `bar-…`. */
export function installFake(change: Partial<Fake> = {}, label = "console"): Fake {
  const callbacks = new Map<number, (payload: unknown) => void>();
  const listeners = new Map<number, { event: string; handler: number }>();
  const refusals = new Map<string, { error: BoundaryError; times: number }>();
  const held = new Map<string, (() => void)[]>();
  let next = 1;

  const fake: Fake = {
    state: consoleState(),
    keyring: null,
    columns: defaultColumns,
    rows: defaultRows,
    standing: () => "free",
    past: [],
    reasons: ["Ticket 88121: invoice total wrong", "Reproducing a bug"],
    recent: [],
    used: ["acme", "acme-staging"],
    arrangements: {},
    secrets: [
      { name: "admin_token", state: "stored" },
      { name: "database_password", state: "stored" },
    ],
    bar: null,
    note: "",
    heldBack: { total: 0, groups: [], rules: null },
    pageSize: 500,
    guard: null,
    offers: [],
    total: 1_204_331,
    cautions: [],
    related: [],
    records: () => ({
      rows: [],
      previous: null,
      next: null,
      how: { tier: "all", by: null, elapsed_ms: 1 },
      left_out: null,
      doubled: null,
    }),
    tables: defaultTables,
    log: logEntries,
    calls: [],
    clipboard: [],
    chosenPath: null,
    answers: {},
    refuse(command, error, times = 1) {
      refusals.set(command, { error: { ...refusal("internal", "It failed."), ...error }, times });
    },
    hold(command) {
      const queue: (() => void)[] = [];
      held.set(command, queue);
      return {
        release: () => queue.shift()?.(),
        waiting: () => queue.length,
        stop: () => {
          held.delete(command);
          for (const let_go of queue.splice(0)) let_go();
        },
      };
    },
    emit(event, payload) {
      for (const [id, listener] of listeners) {
        if (listener.event === event) callbacks.get(listener.handler)?.({ event, id, payload });
      }
    },
    called: (command) => fake.calls.filter((call) => call.command === command),
    ...change,
  };

  const known = { ...commands(fake), ...plugins(fake, listeners, () => next++) };
  // What a page sends may be anything.
  const answers = known as unknown as Record<string, Answer>;

  const internals: Internals = {
    async invoke(command, args = {}) {
      if (!command.startsWith("plugin:event|")) fake.calls.push({ command, args });
      const queue = held.get(command);
      if (queue) await new Promise<void>((resolve) => queue.push(resolve));
      const refusal = refusals.get(command);
      if (refusal && refusal.times > 0) {
        refusal.times--;
        throw refusal.error;
      }
      const answer = fake.answers[command as Command] ?? answers[command];
      if (!answer) throw `Command ${command} not found`;
      return structuredClone((await answer(args)) ?? null);
    },
    transformCallback(callback, once = false) {
      const id = next++;
      callbacks.set(id, (payload) => {
        if (once) callbacks.delete(id);
        callback(payload);
      });
      return id;
    },
    unregisterCallback: (id) => callbacks.delete(id),
    runCallback: (id, payload) => callbacks.get(id)?.(payload),
    convertFileSrc: (path) => path,
    metadata: { currentWindow: { label }, currentWebview: { windowLabel: label, label } },
  };
  const host = window as unknown as Record<string, unknown>;
  host["__TAURI_INTERNALS__"] = internals;
  host["__TAURI_EVENT_PLUGIN_INTERNALS__"] = {
    unregisterListener: (_event: string, id: number) => listeners.delete(id),
  };
  window.understudy = fake;
  return fake;
}

const nothingArranged: Arrangement = { pinned: [], details_width: null, searches: [], columns: [] };

function commands(fake: Fake): Answers {
  return {
    console_state: () => fake.state,
    keyring_problem: () => fake.keyring,
    directory_info: () => ({
      server: "PostgreSQL 15.18",
      columns: fake.columns,
      estimated_total: fake.total,
      total_is_exact: false,
      coverage: [],
      reader: [],
      cautions: fake.cautions,
      related: fake.related,
    }),
    search_users: ({ query }) => search(fake, query),
    stop_search: () => null,
    used_connections: () => fake.used,
    look_up_users: ({ text }) => ({
      columns: fake.columns,
      listed: search(fake, { text, sort: null, place: "start", limit: 4, everywhere: false }),
    }),
    stop_lookups: () => null,
    stop_waiting: () => null,
    read_search: ({ text }) => read(text, fake.columns),
    widen_search: () => fake.offers,
    complete_search: ({ text, caret }) => complete(text, caret, fake.columns),
    count_users: ({ text }) => count(fake, text),
    stop_count: () => null,
    user_details: ({ user }) => {
      const row = fake.rows.find(({ id }) => id === user);
      if (!row) throw refusal("user_not_found", `No user has the ID ${user} any longer.`);
      const filters = row.cells.map((cell, at) => filterBy(fake.columns[at], cell));
      return { row, filters, standing: fake.standing(row), past: fake.past };
    },
    reveal_value: () => null,
    familiar_users: ({ connection }) => {
      const { pinned } = fake.arrangements[connection] ?? nothingArranged;
      const recent = fake.recent.filter((one) => one.connection === connection);
      const wanted = [...new Set([...recent.map(({ user }) => user), ...pinned])];
      return wanted.flatMap((user) => {
        const row = fake.rows.find(({ id }) => id === user);
        const latest = recent.find((one) => one.user === user) ?? null;
        return row ? [{ row, standing: fake.standing(row), latest }] : [];
      });
    },
    latest_session: () => fake.recent[0] ?? null,
    arrangement: ({ connection }) => fake.arrangements[connection] ?? nothingArranged,
    save_arrangement: ({ connection, arrangement }) => {
      fake.arrangements[connection] = arrangement;
    },
    list_records: ({ request }) => fake.records(request as RecordsRequest),
    stop_records: () => null,
    open_record: () => null,
    open_user_page: () => null,
    recent_reasons: () => fake.reasons,
    prepare_window: () => null,
    discard_window: () => null,
    impersonate: ({ connection, user, reason }) => begin(fake, connection, user, reason),
    break_glass: ({ connection, user, reason }) => begin(fake, connection, user, reason),
    ask_approval: () => null,
    decide_approval: () => null,
    record_copy: () => null,
    link_to_customer: ({ connection, user }) => `understudy://open?connection=${connection}&user=${user}`,
    try_session: ({ connection, user }) => {
      const session = {
        ...begin(fake, connection, user, "Trying a read-only session"),
        mode: "read_only" as const,
      };
      fake.state.sessions = [...fake.state.sessions.slice(0, -1), session];
      fake.emit("sessions", fake.state.sessions);
      return session;
    },
    held_back: () => fake.heldBack,
    clear_cache: () => 312,
    end_session: ({ session }) => {
      fake.state.sessions = fake.state.sessions.filter(({ id }) => id !== session);
      fake.emit("sessions", fake.state.sessions);
    },
    sign_in_form: () => ({ fields: [] }),
    extend_session: ({ session }) => fake.state.sessions.find(({ id }) => id === session),
    focus_session: () => null,
    retry_session: () => null,
    take_evidence: () => null,
    save_evidence: () => "evidence-acme-2026-11-29-12-00-00.html",
    evidence_text: () => "- **Application:** `Acme`",
    copy_picture: () => null,
    send_evidence: () => null,
    show_saved_evidence: () => null,
    discard_evidence: () => null,
    secret_status: () => fake.secrets,
    store_secret: ({ name, thisRunOnly }) => {
      const state = thisRunOnly ? "this_run" : "stored";
      fake.secrets = fake.secrets.map((one) => (one.name === name ? { ...one, state } : one));
    },
    use_secrets_there: () => null,
    forget_secret: ({ name }) => {
      fake.secrets = fake.secrets.map((one) => (one.name === name ? { ...one, state: "missing" } : one));
    },
    unlock_keyring: () => {
      fake.keyring = null;
    },
    open_demo_helpdesk: () => null,
    start_demo: () => ({
      ...summary("demo", "Demo", "development"),
      source: "demo",
      engine: "SQLite",
      has_form: false,
      has_user_page: false,
    }),
    read_connection: ({ connection }) => {
      const known = fake.state.connections.find(({ id }) => id === connection);
      return draftOf({ ...connectionFile, name: known?.name ?? connection }, known?.source ?? "own");
    },
    read_connection_file: () => draftOf(connectionFile, "own"),
    draft_text: ({ file }) => draftOf(file, "own").text,
    parse_draft: () => connectionFile,
    check_connection: () => ({
      ok: true,
      steps: [step("Connection file", "ok", "It can be used."), step("Directory", "ok", "PostgreSQL 15.18")],
      faults: [],
      info: {
        server: "PostgreSQL 15.18",
        columns: fake.columns,
        estimated_total: fake.total,
        total_is_exact: false,
        coverage: [],
        reader: [],
        cautions: fake.cautions,
        related: [],
      },
      sample: fake.rows.slice(0, 3),
    }),
    try_sign_in: () => rehearsal,
    stop_trial: () => null,
    sign_in_presets: () => presets,
    discover_tables: () => fake.tables,
    preview_directory: () => ({
      info: {
        server: "PostgreSQL 15.18",
        columns: fake.columns,
        estimated_total: fake.total,
        total_is_exact: false,
        coverage: [],
        reader: [],
        cautions: fake.cautions,
        related: [],
      },
      rows: fake.rows.slice(0, 5),
      withheld: [],
    }),
    count_protected: ({ rules }) => ({
      users: 12,
      by_rule: (rules as string[]).map(() => 12),
      undecided: 0,
      read: 1204,
      complete: true,
      limit_ms: 2000,
      estimated_total: fake.total,
    }),
    stop_discovery: () => null,
    save_connection: ({ connection }) => {
      const known = fake.state.connections.find(({ id }) => id === connection);
      return known ?? summary("new", "New", "staging");
    },
    remove_connection: () => null,
    duplicate_connection: ({ connection }) => {
      const known = fake.state.connections.find(({ id }) => id === connection);
      return { ...(known ?? summary("copy", "Copy", "staging")), id: `${connection}-2` };
    },
    export_connection: () => null,
    export_settings: () => null,
    open_quick_window: () => null,
    order_connections: ({ order }) => {
      fake.state.order = order;
    },
    list_entries: ({ text, before }) => listEntries(fake.log, text, before, fake.pageSize),
    session_entries: ({ session }) => ({
      entries: fake.log.filter((entry) => entry.session === session),
      is_cut: false,
    }),
    count_sessions: () => countSessions(fake.log),
    read_log_search: ({ text }) => read(text, logColumns),
    complete_log_search: ({ text, caret }) => complete(text, caret, logColumns),
    list_team_entries: ({ text, before }) => listTeamEntries(fake.log, text, before, fake.pageSize),
    team_session_entries: ({ log, session }) => ({
      entries: asTeam(fake.log).filter((entry) => entry.session === session && entry.console?.log === log),
      is_cut: false,
    }),
    count_team_sessions: () => countSessions(asTeam(fake.log)),
    complete_team_log_search: ({ text, caret }) => complete(text, caret, logColumns),
    verify_team_log: () => ({
      ...intact,
      head: null,
      findings: ["Intact: 16 entries of 2 consoles are as written."],
    }),
    stop_team_verification: () => null,
    leave_team_log: () => null,
    verify_audit_log: () => intact,
    verification_percent: () => null,
    stop_verification: () => null,
    export_entries: ({ text }) => listEntries(fake.log, text, null, 1_000_000).entries.length,
    save_settings: ({ settings }) => settings,
    leave: () => fake.emit("leave_asked", null),
    answer_leave: () => null,
    quick_state: () => ({
      connections: fake.state.connections,
      order: fake.state.order,
      sessions: fake.state.sessions,
      theme: fake.state.settings.theme,
    }),
    quick_search: ({ text }) =>
      search(fake, { text, sort: null, place: "start", limit: 5, everywhere: false }),
    take_quick_choice: () => null,
    close_quick_window: () => null,
    bar_state: () => fake.bar,
    bar_act: () => null,
    set_session_mode: ({ mode }) => {
      const bar = fake.bar;
      if (bar === null) throw new Error("There is no session whose mode could change.");
      fake.bar = { ...bar, session: { ...bar.session, mode } };
      fake.emit("bar_changed", null);
      return fake.bar.session;
    },
    copy_session_summary: () => null,
    prepare_summary: () => null,
    send_summary: () => null,
    retry_message: () => null,
    discard_message: ({ id }) => {
      fake.state.waiting_messages = fake.state.waiting_messages.filter((note) => note.id !== id);
      fake.emit("waiting_messages", fake.state.waiting_messages);
    },
    session_note: () => fake.note,
    set_session_note: ({ note }) => {
      fake.note = note;
    },
    answer_off_site: () => null,
    enter_password: () => null,
    decline_password: () => null,
    set_bar_height: () => null,
    show_session: () => null,
    find_in_page: () => null,
    stop_finding: () => null,
    show_saved_file: () => null,
    answer_downloads: () => null,
    turn_to_session: () => null,
  };
}

function plugins(
  fake: Fake,
  listeners: Map<number, { event: string; handler: number }>,
  id: () => number,
): Record<string, Answer> {
  return {
    "plugin:event|listen": ({ event, handler }) => {
      const listener = id();
      listeners.set(listener, { event: String(event), handler: Number(handler) });
      return listener;
    },
    "plugin:event|unlisten": ({ eventId }) => void listeners.delete(Number(eventId)),
    "plugin:webview|set_webview_zoom": () => null,
    "plugin:clipboard-manager|write_text": ({ text }) => void fake.clipboard.push(String(text)),
    "plugin:dialog|open": () => fake.chosenPath,
    "plugin:dialog|save": () => fake.chosenPath,
  };
}

export function step(
  title: string,
  status: Step["status"],
  detail: string,
  hint: string | null = null,
): Step {
  return { title, status, detail, hint, statement: null, details: null };
}

/** An error as Rust sends it. */
export function boundaryError(
  code: BoundaryError["code"],
  message: string,
  more: Partial<BoundaryError> = {},
): BoundaryError {
  return { ...refusal(code, message), ...more };
}

function refusal(code: BoundaryError["code"], message: string): BoundaryError {
  return { code, message, hint: null, statement: null, details: null, secret: null, faults: [] };
}

function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Contains, over id, name and e-mail, of the rows that pass the filters. */
function find(fake: Fake, text: string): Row[] {
  const reading = read(text, fake.columns);
  const fault = reading.faults[0];
  if (fault) throw { ...refusal("query_invalid", fault.message), hint: fault.hint };
  const wanted = fold(free(text, reading));
  const place = (role: string) => fake.columns.findIndex((column) => column.role === role);
  const searched = [place("id"), place("name"), place("email")].filter((index) => index >= 0);
  return filtered(fake.rows, fake.columns, reading).filter(
    (row) => wanted === "" || searched.some((index) => fold(row.cells[index] ?? "").includes(wanted)),
  );
}

function count(fake: Fake, text: string): Count {
  if (text === "") return { users: fake.total ?? fake.rows.length, capped: false };
  const users = find(fake, text).length;
  return { users: Math.min(users, 1000), capped: users > 1000 };
}

/** A cursor is the place of the row behind it. */
function search(fake: Fake, { text, sort, place: from, limit, everywhere }: ListRequest): ListedPage {
  let found = find(fake, text);
  let leftOut: LeftOut | null = null;
  if (fake.guard && !everywhere) {
    if (sort && !fake.columns.some(({ name, sortable }) => sortable && name === sort.column)) {
      found = [];
      leftOut = { ...fake.guard, looked_at: null };
    } else if (text !== "") {
      const looked = new Set(fake.rows.slice(0, fake.rows.length / 2));
      found = found.filter((row) => looked.has(row));
      leftOut = fake.guard;
    }
  }
  if (sort) {
    const at = fake.columns.findIndex(({ name }) => name === sort.column);
    const sign = sort.descending ? -1 : 1;
    found = [...found].sort((a, b) => sign * (a.cells[at] ?? "").localeCompare(b.cells[at] ?? ""));
  }
  // Whom the text names come first, as a page of their own.
  const named = sort || text === "" ? [] : found.filter(({ cells }) => cells.includes(text));
  found = [...named, ...found.filter((row) => !named.includes(row))];
  const size = Math.min(limit, fake.pageSize);
  let begin = 0;
  let end = named.length > 0 ? Math.min(size, named.length) : size;
  if (from === "end") [begin, end] = [found.length - size, found.length];
  else if (typeof from === "object" && "after" in from)
    [begin, end] = [Number(from.after), Number(from.after) + size];
  else if (typeof from === "object") [begin, end] = [Number(from.before) - size, Number(from.before)];
  begin = Math.max(begin, 0);
  end = Math.min(end, found.length);
  const ids = found.slice(begin, end).map(({ id }) => id);
  return {
    rows: found.slice(begin, end),
    standings: found.slice(begin, end).map(fake.standing),
    previous: begin > 0 ? String(begin) : null,
    next: end < found.length ? String(end) : null,
    how: {
      tier:
        text === ""
          ? "all"
          : from === "start" && named.length > 0
            ? "email"
            : found.length > 0
              ? "prefix"
              : "contains",
      by: null,
      elapsed_ms: 1.3,
    },
    left_out: end < found.length ? null : leftOut,
    doubled: ids.find((id, at) => ids.indexOf(id) < at) ?? null,
  };
}

function begin(fake: Fake, connection: string, user: string, reason: string): SessionView {
  const { name, environment } =
    fake.state.connections.find(({ id }) => id === connection) ?? summary("x", "X", "staging");
  const row = fake.rows.find(({ id }) => id === user);
  const cell = (role: string) => row?.cells[fake.columns.findIndex((column) => column.role === role)] ?? null;
  const session: SessionView = {
    id: `s${fake.state.sessions.length + 1}`,
    connection,
    connection_name: name,
    environment,
    user: { id: user, name: cell("name"), email: cell("email"), company: null },
    reason,
    ticket: "",
    ticket_origin: null,
    phase: "opening",
    started_at: Date.now(),
    active_at: null,
    deadline: null,
    extensions_left: 2,
    refused_secrets: [],
    mode: "full",
    may_unlock: "always",
  };
  fake.state.sessions = [...fake.state.sessions, session];
  return session;
}

export function summary(
  id: string,
  name: string,
  environment: ConnectionSummary["environment"],
): ConnectionSummary {
  return {
    id,
    name,
    environment,
    source: "own",
    reason: "required",
    max_minutes: 60,
    needs_approval: false,
    may_break_glass: false,
    engine: "PostgreSQL",
    has_form: false,
    has_user_page: false,
  };
}

export function consoleState(change: Partial<ConsoleState> = {}): ConsoleState {
  return {
    connections: [
      summary("acme", "Acme", "production"),
      summary("acme-staging", "Acme", "staging"),
      { ...summary("demo", "Demo", "development"), source: "demo", reason: "optional", max_minutes: null },
    ],
    problems: [],
    order: [],
    sessions: [],
    waiting_messages: [],
    approvals: [],
    presence: { reach: "no_log", why: null, sessions: [] },
    settings: {
      theme: "system",
      operator_name: "Kim",
      operator_email: "kim@acme.example",
      shortcut: "CommandOrControl+Shift+U",
      quick_window: false,
      single_keys: true,
      remember_search: true,
      when_closed: "ask",
      tray_icon: false,
    },
    version: "0.1.0",
    wayland: false,
    ...change,
  };
}

/** One question of a sign-in's form. */
export function question(name: string, more: Partial<FormField> = {}): FormField {
  return {
    name,
    label: name,
    description: null,
    kind: "text",
    required: false,
    read_only: false,
    value: null,
    choices: [],
    placeholder: null,
    watched: false,
    given: false,
    source: { field: name },
    ...more,
  };
}
