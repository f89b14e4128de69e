// The console's state: what Rust told, which connection is current, and the verbs that the views, the keys and
// the palette share. Data flows one way: Rust → here → views; views call verbs.
import { createContext, tick } from "svelte";
import type { ApprovalRequest } from "../bindings/ApprovalRequest";
import type { ColleagueSession } from "../bindings/ColleagueSession";
import type { ConnectionDraft } from "../bindings/ConnectionDraft";
import type { ConnectionList } from "../bindings/ConnectionList";
import type { ConnectionProblem } from "../bindings/ConnectionProblem";
import type { ConnectionSummary } from "../bindings/ConnectionSummary";
import type { CustomerLink } from "../bindings/CustomerLink";
import type { EvidenceView } from "../bindings/EvidenceView";
import type { Column } from "../bindings/Column";
import type { Error } from "../bindings/Error";
import type { EndedSession } from "../bindings/EndedSession";
import type { PreparedNote } from "../bindings/PreparedNote";
import type { Presence } from "../bindings/Presence";
import type { QuickChoice } from "../bindings/QuickChoice";
import type { Row } from "../bindings/Row";
import type { SessionView } from "../bindings/SessionView";
import type { Settings } from "../bindings/Settings";
import type { TicketContext } from "../bindings/TicketContext";
import type { WaitingMessage } from "../bindings/WaitingMessage";
import { asFailure, type Failure } from "../errors";
import * as ipc from "../ipc";
import { placedColumns, shownColumns } from "../text/columns";
import { copied, type CopyForm } from "../text/copying";
import type { LogSource } from "../audit/sources";
import { byAccount, inAccount } from "../text/colleagues";
import { endedToast, isUnexpected, isWorthSaying } from "../text/ending";
import { protectedBy, type ListedUser } from "../text/standing";
import { cellOf, shortName, whoIs, whoIsLabelled } from "../text/user";
import { texts } from "../texts";
import { ArrangedConnection } from "./arranged-connection.svelte";
import { Destinations } from "./destinations.svelte";
import { Details } from "./details.svelte";
import { Latest } from "./latest";
import { Layers, type Layer } from "./layers.svelte";
import { Notes } from "./notes.svelte";
import { forget, remember, remembered } from "./remembered";
import { UserSearch } from "./search.svelte";
import { toasts } from "./toasts.svelte";
import { Zoom } from "./zoom";

/** A place of the rail: a connection, or a file that cannot be used. */
export interface RailEntry {
  id: string;
  connection: ConnectionSummary | null;
  problem: ConnectionProblem | null;
}

function inOrder(
  connections: ConnectionSummary[],
  problems: ConnectionProblem[],
  order: string[],
): RailEntry[] {
  const entries: RailEntry[] = [
    ...connections.map((connection) => ({ id: connection.id, connection, problem: null })),
    ...problems.map((problem) => ({ id: problem.id, connection: null, problem })),
  ];
  const place = ({ id }: RailEntry) => {
    const at = order.indexOf(id);
    return at < 0 ? order.length : at;
  };
  return entries.sort((one, other) => place(one) - place(other));
}

export class App {
  /** Rust has answered; until then there is nothing to show. */
  ready = $state(false);
  startFailure: Failure | null = $state.raw(null);

  connections: ConnectionSummary[] = $state.raw([]);
  problems: ConnectionProblem[] = $state.raw([]);
  #order: string[] = $state.raw([]);
  /** What stands in the rail, place by place: a file that breaks stays where it was. */
  readonly rail: RailEntry[] = $derived(inOrder(this.connections, this.problems, this.#order));
  sessions: SessionView[] = $state.raw([]);
  /** Who of the team is in which account. */
  presence: Presence = $state.raw({ reach: "no_log", why: null, sessions: [] });
  /** The team file names a database that has the entries of all consoles. */
  readonly hasTeamLog = $derived(this.presence.reach !== "no_log");
  /** The log that the audit log's view showed last. */
  logSource: LogSource = $state("computer");
  /** Requests for approval, of colleagues and one's own, the oldest first. */
  approvals: ApprovalRequest[] = $state.raw([]);
  readonly #colleagues = $derived(byAccount(this.presence.sessions));
  settings: Settings = $state.raw({
    theme: "system",
    operator_name: "",
    operator_email: "",
    shortcut: "",
    quick_window: false,
    single_keys: true,
    remember_search: true,
    when_closed: "ask",
    tray_icon: false,
  });
  /** Why the keyring cannot be used; `null` when it can. */
  keyring: Error | null = $state.raw(null);
  readonly #keyringLatest = new Latest();
  wayland = $state(false);
  version = $state("");

  readonly layers = new Layers();
  readonly details = new Details();
  readonly destinations = new Destinations();
  readonly notes = new Notes();
  /** The details panel is shown; beside the list where there is room, else over it. */
  detailsOpen = $state(false);
  /** The database of the form is starting. */
  formWakes = $state(false);
  startingDemo = $state(false);
  demoFailure: Failure | null = $state.raw(null);

  readonly #zoom = new Zoom();
  /** How often the sessions were told. */
  #sessionsTold = 0;
  #currentId: string | null = $state(null);
  /** As the connections were when they could be used last, by id. */
  #usable: Record<string, ConnectionSummary> = {};
  /** The current one; as it was, while its file cannot be used. */
  readonly connection: ConnectionSummary | null = $derived(
    this.connections.find(({ id }) => id === this.#currentId) ??
      (this.problem ? (this.#usable[this.problem.id] ?? null) : null),
  );
  // Not reactive: what is looked at is #search.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #searches = new Map<string, UserSearch>();
  #search: UserSearch | null = $state.raw(null);
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- what is looked at is #arranged
  readonly #arrangements = new Map<string, ArrangedConnection>();
  #arranged: ArrangedConnection | null = $state.raw(null);
  /** Connections whose directory has changed since they were looked at. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows it
  readonly #outdated = new Set<string>();
  /** Connections whose files have changed since they were looked at. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing shows it
  readonly #changed = new Set<string>();

  /** The keyring asks for its password. */
  unlocking = $state(false);

  /** Set by the views that can do it. */
  focusSearchField: (select: boolean) => void = () => {};
  focusDetails: () => void = () => {};
  focusGrid: () => void = () => {};
  focusMessages: () => void = () => {};
  /** Whether there are any. */
  focusFamiliar: () => boolean = () => false;

  /** Of the current connection. */
  get search(): UserSearch | null {
    return this.connection ? this.#search : null;
  }

  /** How the current connection is arranged. */
  get arranged(): ArrangedConnection | null {
    return this.connection ? this.#arranged : null;
  }

  /** What is wrong with the current connection's file. */
  get problem(): ConnectionProblem | null {
    if (this.connections.some(({ id }) => id === this.#currentId)) return null;
    return this.problems.find(({ id }) => id === this.#currentId) ?? null;
  }

  async start(): Promise<void> {
    this.startFailure = null;
    void this.zoom("restore");
    const last = remembered("connection");
    // Its database answers while the console is put together. If it is gone, nobody looks at this search.
    if (last && !this.ready) {
      const search = this.#searchOf(last);
      search.restore();
      void search.open();
    }
    try {
      const state = await ipc.consoleState();
      this.#take(state);
      this.sessions = state.sessions;
      this.waitingMessages = state.waiting_messages;
      this.presence = state.presence;
      this.approvals = state.approvals;
      this.#use(state.settings);
      this.wayland = state.wayland;
      this.version = state.version;
      this.ready = true;
      // Not awaited: a keyring that hangs must not delay the list.
      void this.#orSay(() => this.#lookAtKeyring());
      if (last && !this.connections.some(({ id }) => id === last)) this.#searches.delete(last);
      if (!this.connection) this.#goToSome(last);
      if (this.#linkTooEarly) void this.openLink(this.#linkTooEarly);
      this.#linkTooEarly = null;
    } catch (cause) {
      this.startFailure = asFailure(cause);
    }
  }

  /** Hears what Rust tells until the returned function is called. */
  async listen(): Promise<() => void> {
    const unlisten = await Promise.all([
      ipc.onSessions((sessions) => this.#sessionsChanged(sessions)),
      ipc.onConnections((list) => this.#connectionsChanged(list)),
      ipc.onDirectoryChanged((connection) => this.#directoryChanged(connection)),
      ipc.onDirectoryWaking(({ connection, wakes }) => {
        if (connection === null) this.formWakes = wakes;
        else this.#searchOf(connection).waking = wakes;
      }),
      ipc.onRenewSecret((session) => this.#renewSecret(session)),
      ipc.onToast((toast) => toasts.show(toast)),
      ipc.onCustomerLink((link) => void this.openLink(link)),
      ipc.onSessionEnded((ended) => this.#sessionEnded(ended)),
      ipc.onLeaveAsked(() => void this.#askToLeave()),
      ipc.onFocusSearch(() => this.focusSearch()),
      ipc.onEvidence((evidence) => this.#showEvidence(evidence)),
      ipc.onSummaryPrepared((note) => this.#showSummary(note)),
      ipc.onWaitingMessages((notes) => (this.waitingMessages = notes)),
      ipc.onPresence((presence) => (this.presence = presence)),
      ipc.onApprovals((requests) => (this.approvals = requests)),
      ipc.onQuickChoice((choice) => void this.takeQuickChoice(choice)),
      ipc.onPaletteAsked(() => this.layers.open || this.layers.show({ kind: "palette" })),
      ipc.onFileDrop(({ paths }) => paths && void this.openDropped(paths)),
    ]);
    const stopAsking = ipc.onMoved((moved, asking) => this.destinations.decide(moved, asking));
    return () => [...unlisten, stopAsking].forEach((stop) => stop());
  }

  #use(settings: Settings): void {
    this.settings = settings;
    UserSearch.isRemembered = settings.remember_search;
    if (settings.remember_search) this.#search?.remember();
    else forget("search");
  }

  // Connections

  goTo(connection: string): void {
    if (!this.connections.some(({ id }) => id === connection)) return;
    this.#currentId = connection;
    remember("connection", connection);
    const search = this.#searchOf(connection);
    search.remember();
    this.#search = search;
    this.#arranged = this.#arrangementOf(connection);
    if (search.untouched || this.#changed.delete(connection)) void search.open();
    else if (this.#outdated.delete(connection)) void search.refresh();
  }

  /** To what stands in this place of the rail; a file that cannot be used is opened to be mended. */
  goToPlace(place: number): void {
    const entry = this.rail[place];
    if (entry?.connection) this.goTo(entry.id);
    else if (entry) this.mend(entry.id);
  }

  /** Opens a file that cannot be used at its fault. */
  mend(id: string): void {
    const problem = this.problems.find((one) => one.id === id);
    // A whole folder, or a file that another one of its name goes before: there is nothing to edit.
    if (id === "" || this.connections.some((one) => one.id === id))
      return toasts.info(problem?.message ?? "", problem?.path);
    this.edit(id);
  }

  /** Moves what stands in the rail, and its key with it. */
  async moveInRail(from: number, to: number): Promise<void> {
    const order = this.rail.map(({ id }) => id);
    const [moved] = order.splice(from, 1);
    if (moved === undefined || to < 0 || to > order.length) return;
    order.splice(to, 0, moved);
    this.#order = order;
    await this.#orSay(() => ipc.orderConnections(order));
  }

  /** A connection was saved, duplicated or made. */
  saved(summary: ConnectionSummary): void {
    const known = this.connections.some(({ id }) => id === summary.id);
    this.connections = known
      ? this.connections.map((one) => (one.id === summary.id ? summary : one))
      : [...this.connections, summary];
    this.problems = this.problems.filter(({ id }) => id !== summary.id);
    this.#usable[summary.id] = summary;
    if (this.#searches.has(summary.id)) this.#reopen(summary.id);
    this.goTo(summary.id);
    this.focusSearch();
  }

  async duplicate(connection: ConnectionSummary): Promise<void> {
    await this.#orSay(async () => {
      const copy = await ipc.duplicateConnection(connection.id);
      toasts.good(texts.setup.menu.duplicated(shortName(copy.name)));
      this.saved(copy);
    });
  }

  /** Its file, to where the agent says. */
  async exportConnection(connection: ConnectionSummary): Promise<void> {
    await this.#orSay(async () => {
      const path = await ipc.choosePlaceForConnectionFile(`${connection.id}.toml`);
      if (!path) return;
      await ipc.exportConnection(connection.id, path);
      toasts.good(texts.setup.menu.exported(path));
    });
  }

  /** The saved settings, to where the agent says. */
  async exportSettings(): Promise<void> {
    await this.#orSay(async () => {
      const path = await ipc.choosePlaceForSettings();
      if (!path) return;
      await ipc.exportSettings(path);
      toasts.good(texts.setup.settings.exported(path));
    });
  }

  async openQuickWindow(): Promise<void> {
    await this.#orSay(() => ipc.openQuickWindow());
  }

  /** The public files of its application, which sessions share. */
  async clearCache(connection: ConnectionSummary): Promise<void> {
    await this.#orSay(async () => {
      const files = await ipc.clearCache(connection.id);
      toasts.good(texts.setup.menu.cleared(shortName(connection.name), files));
    });
  }

  removed(connection: string): void {
    this.connections = this.connections.filter(({ id }) => id !== connection);
    this.problems = this.problems.filter(({ id }) => id !== connection);
    this.#searches.delete(connection);
    this.#arrangements.delete(connection);
    if (!this.connection) this.#goToSome(null);
  }

  async startDemo(): Promise<void> {
    if (this.startingDemo) return;
    this.startingDemo = true;
    this.demoFailure = null;
    try {
      const demo = await ipc.startDemo();
      this.layers.close();
      this.saved(demo);
    } catch (cause) {
      this.demoFailure = asFailure(cause);
      if (this.connections.length > 0) toasts.failed(this.demoFailure);
    } finally {
      this.startingDemo = false;
    }
  }

  /** `null`: a new one, which may begin from a file's `draft`. */
  edit(connection: string | null, draft: ConnectionDraft | null = null): void {
    this.layers.show({ kind: "editor", connection, draft });
  }

  async openDropped(paths: string[]): Promise<void> {
    // The editor hears its own drops.
    if (this.layers.open) return;
    const path = paths.find((one) => one.toLowerCase().endsWith(".toml"));
    if (path === undefined) return toasts.info(texts.drop.notToml);
    try {
      this.edit(null, await ipc.readConnectionFile(path));
    } catch (cause) {
      toasts.failed(asFailure(cause));
    }
  }

  // Users

  /** To the search field; what stands in it is selected, so that it can be typed over, unless `select` is false. */
  focusSearch(select = true): void {
    if (!this.layers.open) this.focusSearchField(select);
  }

  searchFor(text: string): void {
    this.search?.type(text);
    this.focusSearch();
  }

  /** Asks for the reason to become the selected user, once what was typed is answered. */
  async impersonateSelected(): Promise<void> {
    const { search, connection } = this;
    if (!search || !connection || this.layers.open) return;
    await search.settled();
    if (this.search !== search || search.answered?.text !== search.text.trim() || this.layers.open) return;
    if (search.row) this.impersonate(search.row);
  }

  /** Asks for the reason to become this user of the current connection; whose session runs already needs none, and
   * its window comes to the front. Who is protected is asked about nothing. */
  impersonate(row: ListedUser): void {
    const { connection, search } = this;
    if (!connection || !search?.info) return;
    const running = this.running(connection.id, row.id);
    if (running) return void this.focusSession(running.id);
    const rule = protectedBy(row.standing);
    if (rule !== null) {
      const who = whoIs(search.info.columns, row);
      return toasts.info(texts.users.isProtected(who, shortName(rule)), texts.details.protectedHint);
    }
    const link = this.#linkFor(connection.id, row.id);
    this.layers.show({ kind: "impersonate", connection, columns: search.info.columns, row, link });
  }

  // Links

  /** The link that led here, until a session has begun with it or it is put away. */
  link: CustomerLink | null = $state.raw(null);

  /** The ID of the one user whom the link names; `null` if it names no one for certain, so that the agent decides
   * whom it is for; `undefined` until the search for it is answered. */
  #linkUser: string | null | undefined = undefined;

  /** The link, if what it brought belongs to this user: another customer's session must not have its ticket. */
  #linkFor(connection: string, user: string): CustomerLink | undefined {
    const { link } = this;
    if (link?.connection !== connection) return undefined;
    this.#readLink();
    return this.#linkUser === null || this.#linkUser === user ? link : undefined;
  }

  /** Whom the link names, once its own text has been searched for. */
  #readLink(): void {
    const { link, search } = this;
    if (!link || this.#linkUser !== undefined || search?.connection !== link.connection) return;
    const { answered } = search;
    if (answered?.text !== link.user.trim()) return;
    this.#linkUser = answered.named.length === 1 ? answered.named[0] : null;
  }

  /** One that came before the connections did: it cannot be told yet whether its own is among them. */
  #linkTooEarly: CustomerLink | null = null;

  /** Goes where a link leads: to its connection, to whom it names, and if that is one user, to the question why. It
   * signs nobody in. */
  async openLink(link: CustomerLink): Promise<void> {
    if (!this.ready) {
      this.#linkTooEarly = link;
      return;
    }
    // What lies over the list may hold something unsaved: it is finished first.
    if (this.layers.open)
      return toasts.show(
        { kind: "info", text: texts.link.waits(shortName(link.user)), hint: texts.link.waitsHow, said: [] },
        { stays: true, offer: { label: texts.link.open, run: () => void this.openLink(link) } },
      );
    if (!this.connections.some(({ id }) => id === link.connection))
      return this.layers.show({ kind: "unknown_link", link });
    this.link = link;
    this.#linkUser = undefined;
    this.goTo(link.connection);
    const { search } = this;
    search?.type(link.user);
    await search?.settled();
    if (!search || this.link !== link || this.search !== search) return;
    this.#readLink();
    if (this.layers.open) return;
    if (search.row && search.row.id === this.#linkUser) this.impersonate(search.row);
    else this.focusSearch(false);
  }

  putLinkAway(): void {
    this.link = null;
  }

  /** What was chosen in the quick window: a user's details or sign-in dialog, or a text to search for. */
  async takeQuickChoice(choice: QuickChoice): Promise<void> {
    const { connection, text, user, sign_in } = choice;
    const searches = user !== null || text !== "";
    // Only the console was asked for, and it is in front already.
    if (!this.connections.some(({ id }) => id === connection) || (!searches && this.layers.open)) return;
    // What lies over the list may hold something unsaved: it is finished first.
    if (this.layers.open)
      return toasts.show(
        {
          kind: "info",
          text: user === null ? texts.quick.searchWaits(shortName(text)) : texts.quick.waits,
          hint: texts.quick.waitsHow,
          said: [],
        },
        { stays: true, offer: { label: texts.quick.show, run: () => void this.takeQuickChoice(choice) } },
      );
    this.goTo(connection);
    const { search } = this;
    if (!search || search.connection !== connection) return;
    if (!searches) return this.focusSearch();
    if (user === null) return this.searchFor(text);
    await search.show(text === "" ? user : text, user);
    if (this.search !== search || search.row?.id !== user || this.layers.open) return;
    if (sign_in) this.impersonate(search.row);
    else await this.#openDetails();
  }

  /** A link to the selected user, to the clipboard. */
  async copyLink(): Promise<void> {
    const { search, connection } = this;
    const row = search?.row;
    if (!row || !connection) return;
    await this.#orSay(async () => {
      await ipc.copyText(await ipc.linkToCustomer(connection.id, row.id));
      toasts.good(texts.link.copied);
    });
  }

  /** The page about the selected user in the team's own tool. */
  async openUserPage(): Promise<void> {
    const { search, connection } = this;
    const row = search?.row;
    if (row && connection) await this.#orSay(() => ipc.openUserPage(connection.id, row.id));
  }

  async openDemoHelpdesk(): Promise<void> {
    await this.#orSay(() => ipc.openDemoHelpdesk());
  }

  /** The session of this user that runs, but for one that is ending. */
  running(connection: string, user: string): SessionView | null {
    const runs = (one: SessionView) =>
      one.connection === connection && one.user.id === user && one.phase !== "ending";
    return this.sessions.find(runs) ?? null;
  }

  /** The operator's latest request to sign in as this user. */
  ownRequest(connection: string, user: string): ApprovalRequest | null {
    const isIt = (one: ApprovalRequest) =>
      one.is_own && one.connection === connection && one.user.id === user;
    return this.approvals.findLast(isIt) ?? null;
  }

  async decideApproval(request: ApprovalRequest, approve: boolean, answer = ""): Promise<void> {
    await this.#orSay(() => ipc.decideApproval(request, approve, answer));
  }

  /** An approval was given: to the dialog that signs in, with the reason that was approved. */
  async useApproval({ connection, connection_name, user, reason, ticket }: ApprovalRequest): Promise<void> {
    if (this.layers.open) return toasts.info(texts.ended.finishFirst);
    await this.#askAgain(connection, connection_name, user.id, { reason, ticket });
  }

  /** Sessions of this user in other consoles, the oldest first. */
  colleaguesIn(connection: string, user: string): ColleagueSession[] {
    return inAccount(this.#colleagues, connection, user);
  }

  async showDetails(): Promise<void> {
    const search = this.search;
    await search?.settled();
    if (!search?.row || this.search !== search) return;
    await this.#openDetails();
  }

  /** A user that the palette found: what found it goes into the search field, so that the list shows it. */
  async showUser(text: string, user: string): Promise<void> {
    const { search } = this;
    await search?.show(text, user);
    if (search && this.search === search && search.row?.id === user) await this.#openDetails();
  }

  /** A user that the search in all connections found, in their own one; whether they are there. */
  async showUserIn(connection: string, text: string, user: string): Promise<boolean> {
    this.goTo(connection);
    await this.showUser(text, user);
    return this.connection?.id === connection && this.search?.row?.id === user;
  }

  /** A user whom the operator knows: selected in the list, with the details. */
  async showFamiliar(row: ListedUser): Promise<void> {
    const { search } = this;
    if (search?.info) await this.showUser(cellOf(search.info.columns, row, "email") ?? row.id, row.id);
  }

  /** Pins this user of the current connection, or no longer. */
  async togglePin(row: ListedUser): Promise<void> {
    const { arranged, search } = this;
    if (!arranged || !search?.info) return;
    const who = whoIs(search.info.columns, row);
    if (!(await arranged.togglePin(row.id))) return;
    toasts.good((arranged.isPinned(row.id) ? texts.familiar.isPinned : texts.familiar.isUnpinned)(who));
  }

  /** From the selected row to its cells, for the keyboard. */
  goIntoCells(): void {
    if (!this.search?.row) return;
    this.focusGrid();
    this.search.cell ??= 0;
  }

  /** The selected user's id or e-mail, to the clipboard. */
  async copySelected(what: "id" | "email"): Promise<void> {
    const { search } = this;
    if (search?.row && search.info) await this.copyOf(search.info.columns, search.row, what);
  }

  async copyOf(columns: Column[], row: Row, what: "id" | "email"): Promise<void> {
    const value = what === "id" ? row.id : cellOf(columns, row, "email");
    if (value === null) return toasts.info(texts.users.noEmail);
    await this.copy(what === "id" ? texts.users.id : texts.users.email, value);
  }

  /** The selected user with the columns that the list shows, for another program. */
  async copyRows(form: CopyForm): Promise<void> {
    const { search, arranged, connection } = this;
    if (!connection || !search?.info || search.chosen.length === 0) return;
    const visible = shownColumns(placedColumns(search.info.columns, arranged?.now.columns ?? []));
    const shown = visible.filter(({ column }) => !column.masked);
    const rows = search.chosen.map(({ id, cells }) => ({
      id,
      cells: shown.map(({ index }) => cells[index] ?? null),
    }));
    await this.#orSay(async () => {
      await ipc.recordCopy(connection.id, form, rows.length);
      await ipc.copyText(
        copied(
          form,
          shown.map(({ column }) => column),
          rows,
        ),
      );
      toasts.good(texts.copying.done(rows.length, form.toUpperCase()));
    });
  }

  /** Searches for users with this cell's value, or without it. The database's types say how that is written. */
  async filterByCell(row: ListedUser, cell: number, exclude: boolean): Promise<void> {
    const { search, connection } = this;
    const column = search?.info?.columns[cell];
    if (!search || !connection || !column) return;
    await this.#orSay(async () => {
      const { filters } = await ipc.userDetails(connection.id, row.id);
      const filter = filters[cell] ?? null;
      if (this.search !== search) return;
      if (filter === null) return toasts.info(texts.copying.noFilter);
      if (exclude) search.type(`${search.text.trim()} -${filter}`.trim());
      else search.filterBy(column.name, filter);
      this.focusSearch(false);
    });
  }

  /** Opens the details of this row's user with a masked value revealed. */
  async revealCell(row: ListedUser, column: Column): Promise<void> {
    const { search, connection } = this;
    await this.showDetails();
    if (!connection || this.search !== search || search?.row?.id !== row.id) return;
    await this.details.reveal(connection.id, row.id, column.name);
  }

  /** `isMasked`: what is said of it must not repeat the value, which may be hidden again by then. */
  async copy(label: string, value: string, isMasked = false): Promise<void> {
    try {
      await ipc.copyText(value);
      toasts.good(isMasked ? texts.users.copiedMasked(label) : texts.users.copied(label, shortName(value)));
    } catch (cause) {
      toasts.failed(asFailure(cause));
    }
  }

  // Sessions

  /** Opens a session; what becomes of it is told by events. */
  async become(
    connection: string,
    user: string,
    reason: string,
    given: Record<string, unknown>,
    ticket: TicketContext = { ticket: "", page: "" },
    breaksGlass = false,
  ): Promise<void> {
    const told = this.#sessionsTold;
    const begin = breaksGlass ? ipc.breakGlass : ipc.impersonate;
    const session = await begin(connection, user, reason, given, ticket);
    if (this.#linkFor(connection, user)) this.link = null;
    // What was told meanwhile is newer than this answer: the session may be over already.
    const known = this.sessions.some(({ id }) => id === session.id);
    if (told === this.#sessionsTold && !known) this.sessions = [...this.sessions, session];
  }

  /** It failed after its dialog was closed: then it is said here. */
  failedUnseen(cause: unknown): void {
    toasts.failed(asFailure(cause));
  }

  /** The running sessions, the oldest first: as their keys count them. */
  readonly numbered: SessionView[] = $derived(
    [...this.sessions].sort((one, other) => one.started_at - other.started_at),
  );

  /** Those that can be ended. */
  get endable(): SessionView[] {
    return this.sessions.filter(({ phase }) => phase !== "ending");
  }

  /** To the session with this number; whether there is one. */
  goToSession(number: number): boolean {
    const session = this.numbered[number - 1];
    if (session) void this.focusSession(session.id);
    return session !== undefined;
  }

  /** Ends all sessions that the agent was asked about. */
  async endSessions(sessions: SessionView[]): Promise<void> {
    await Promise.all(sessions.map(({ id }) => this.endSession(id)));
  }

  async endSession(session: string): Promise<void> {
    await this.#orSay(() => ipc.endSession(session));
  }

  async focusSession(session: string): Promise<void> {
    await this.#orSay(() => ipc.focusSession(session));
  }

  async takeEvidence(session: string): Promise<void> {
    await this.#orSay(() => ipc.takeEvidence(session));
  }

  /** What lies over the list may hold something unsaved: it is finished first. */
  #showEvidence(evidence: EvidenceView): void {
    this.#showAsked({ kind: "evidence", evidence }, texts.evidence.taken, texts.evidence.showIt);
  }

  #showSummary(note: PreparedNote): void {
    const said = texts.summary.prepared(shortName(note.session.ticket));
    this.#showAsked({ kind: "summary", note }, said, texts.summary.showIt);
  }

  /** What was asked for in a session's window: at once, or when the agent says so. */
  #showAsked(layer: Layer, said: string, label: string): void {
    const show = () => this.layers.show(layer);
    const { current } = this.layers;
    const gives =
      current === null || ["palette", "all_connections", "keys", layer.kind].includes(current.kind);
    if (gives && this.layers.secret === null && !this.layers.leaving) return show();
    toasts.show(
      { kind: "info", text: said, hint: null, said: [] },
      { offer: { label, run: show }, stays: true },
    );
  }

  /** Summaries and notifications that have not arrived yet. */
  waitingMessages: WaitingMessage[] = $state.raw([]);

  /** Shows what its summary would put into its ticket. */
  async sendSummary(session = this.lastEnded): Promise<void> {
    if (!session?.ticket_origin) return;
    await this.#orSay(async () => this.#showSummary(await ipc.prepareSummary(session.id)));
  }

  async retryMessage(id: string): Promise<void> {
    await this.#orSay(() => ipc.retryMessage(id));
  }

  async discardMessage(id: string): Promise<void> {
    await this.#orSay(() => ipc.discardMessage(id));
  }

  /** Of a refused session: one is asked for and the sign-in tried again; of several the agent chooses. */
  #renewSecret(id: string): void {
    const session = this.sessions.find((one) => one.id === id);
    const connection = this.connections.find((one) => one.id === session?.connection);
    if (!session || !connection) return;
    const [name, ...more] = session.refused_secrets;
    // What lies over the list may hold something unsaved: it is finished first.
    if (this.layers.open)
      return toasts.info(texts.sessions.renewLater(connection.name), texts.sessions.renewHow);
    if (name === undefined || more.length > 0) return this.layers.show({ kind: "secrets", connection });
    this.layers.askSecret({ connection: connection.id, name }, () => {
      void this.#orSay(async () => {
        await ipc.retrySession(id);
        await ipc.focusSession(id);
      });
    });
  }

  // Settings

  async saveSettings(settings: Settings): Promise<void> {
    this.#use(await ipc.saveSettings(settings));
  }

  /** Has the keyring ask for its password; whether it is open now. */
  async unlockKeyring(): Promise<boolean> {
    if (this.unlocking) return false;
    this.unlocking = true;
    try {
      await ipc.unlockKeyring();
      await this.#lookAtKeyring();
      this.search?.retryFailed();
      return true;
    } catch (cause) {
      toasts.failed(asFailure(cause));
      return false;
    } finally {
      this.unlocking = false;
    }
  }

  async #lookAtKeyring(): Promise<void> {
    const isLatest = this.#keyringLatest.begin();
    const problem = await ipc.keyringProblem();
    // A keyring that hung may answer an older question after a newer one.
    if (isLatest()) this.keyring = problem;
  }

  /** Whether the keyring can be used by now. */
  async checkKeyring(): Promise<void> {
    await this.#orSay(async () => {
      await this.#lookAtKeyring();
      if (!this.keyring) this.search?.retryFailed();
    });
  }

  /** More time for a session that is about to end. */
  async extendSession(session: string): Promise<void> {
    await this.#orSay(() => ipc.extendSession(session));
  }

  /** The last session that has ended, whose user can be gone to again. */
  lastEnded: SessionView | null = $state.raw(null);

  #sessionEnded(ended: EndedSession): void {
    const { session } = ended;
    if (!isWorthSaying(ended)) return;
    // Only now: the keys mean the session that the newest message names.
    this.lastEnded = session;
    toasts.show(endedToast(ended), {
      stays: isUnexpected(ended),
      offer: {
        label: texts.ended.openAgain,
        chord: "Mod+Shift+T",
        run: () => void this.openAgain(session),
      },
      other: session.ticket_origin
        ? {
            label: texts.summary.offer(shortName(session.ticket)),
            chord: "Mod+Shift+Enter",
            run: () => void this.sendSummary(session),
          }
        : {
            label: texts.ended.copySummary,
            chord: "Mod+Shift+S",
            run: () => void this.copySummary(session),
          },
    });
  }

  /** What happened in it, for its ticket. */
  async copySummary(session = this.lastEnded): Promise<void> {
    if (!session) return;
    await this.#orSay(async () => {
      await ipc.copySessionSummary(session.id);
      toasts.good(texts.ended.summaryCopied(whoIsLabelled(session.user)));
    });
  }

  /** Asks for the reason again, with the one that was given filled in, and for the same ticket: for the session that ended last, else for the
   * latest one of the audit log. */
  async openAgain(session = this.lastEnded): Promise<void> {
    if (this.layers.open) return toasts.info(texts.ended.finishFirst);
    if (session) {
      const { connection, connection_name, user, reason, ticket } = session;
      return this.#askAgain(connection, connection_name, user.id, { reason, ticket });
    }
    await this.#orSay(async () => {
      const latest = await ipc.latestSession();
      if (!latest) return toasts.info(texts.familiar.noSession);
      await this.#askAgain(latest.connection, latest.connection, latest.user, latest);
    });
  }

  async #askAgain(
    connectionId: string,
    connectionName: string,
    user: string,
    { reason, ticket }: { reason: string; ticket: string },
  ): Promise<void> {
    const connection = this.connections.find(({ id }) => id === connectionId);
    if (!connection) return toasts.info(texts.ended.connectionGone(connectionName));
    await this.#orSay(async () => {
      const [{ columns }, { row }] = await Promise.all([
        ipc.directoryInfo(connection.id, false),
        ipc.userDetails(connection.id, user),
      ]);
      if (this.layers.open) return;
      const running = this.running(connection.id, user);
      if (running) return void this.focusSession(running.id);
      this.layers.show({ kind: "impersonate", connection, columns, row, reason, ticket });
    });
  }

  // The window

  async leave(): Promise<void> {
    await this.#orSay(() => ipc.leave());
  }

  async answerLeave(quit: boolean): Promise<void> {
    this.layers.leaving = false;
    await this.#orSay(() => ipc.answerLeave(quit ? "quit" : "stay"));
  }

  async #askToLeave(): Promise<void> {
    this.layers.leaving = true;
    await tick();
    await this.#orSay(() => ipc.answerLeave("shown"));
  }

  async zoom(how: "in" | "out" | "reset" | "restore"): Promise<void> {
    await this.#orSay(() => this.#zoom[how]());
  }

  #sessionsChanged(sessions: SessionView[]): void {
    this.#sessionsTold++;
    this.sessions = sessions;
  }

  async #openDetails(): Promise<void> {
    this.detailsOpen = true;
    // The panel comes first, then it can be focused.
    await tick();
    this.focusDetails();
  }

  #take({ connections, problems, order }: ConnectionList): void {
    for (const one of connections) this.#usable[one.id] = one;
    this.connections = connections;
    this.problems = problems;
    this.#order = order;
  }

  /** The current connection stays, even while its file has a fault. What was typed is kept. */
  #connectionsChanged(list: ConnectionList): void {
    this.#take(list);
    for (const id of [...this.#searches.keys()]) {
      if (list.connections.some((one) => one.id === id)) this.#reopen(id);
      else if (!list.problems.some((one) => one.id === id)) this.#searches.delete(id);
    }
    if (!this.connection) this.#goToSome(null);
  }

  #directoryChanged(connection: string): void {
    if (connection === this.#currentId) void this.#search?.refresh();
    else if (this.#searches.has(connection)) this.#outdated.add(connection);
  }

  /** Its file changed: the current one is read again at once, another one when it is gone to. */
  #reopen(connection: string): void {
    if (connection === this.#currentId) void this.#searchOf(connection).open();
    else this.#changed.add(connection);
  }

  #goToSome(wanted: string | null): void {
    const first = this.connections.find(({ id }) => id === wanted) ?? this.connections[0];
    this.#currentId = null;
    if (first) this.goTo(first.id);
  }

  #searchOf(connection: string): UserSearch {
    let search = this.#searches.get(connection);
    if (!search) {
      search = new UserSearch(connection);
      this.#searches.set(connection, search);
    }
    return search;
  }

  #arrangementOf(connection: string): ArrangedConnection {
    let arranged = this.#arrangements.get(connection);
    if (!arranged) {
      arranged = new ArrangedConnection(connection);
      this.#arrangements.set(connection, arranged);
      const loading = arranged;
      void this.#orSay(() => loading.load());
    }
    return arranged;
  }

  async #orSay(what: () => Promise<unknown>): Promise<void> {
    try {
      await what();
    } catch (cause) {
      toasts.failed(asFailure(cause));
    }
  }
}

export const [useApp, provideApp] = createContext<App>();
