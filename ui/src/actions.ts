// What can be done, with the key that does it: the keyboard, the command palette and the sheet of keys read the same
// list.
import ArrowLeftRight from "@lucide/svelte/icons/arrow-left-right";
import AtSign from "@lucide/svelte/icons/at-sign";
import Bookmark from "@lucide/svelte/icons/bookmark";
import Columns3 from "@lucide/svelte/icons/columns-3";
import ClipboardCopy from "@lucide/svelte/icons/clipboard-copy";
import Copy from "@lucide/svelte/icons/copy";
import CopyPlus from "@lucide/svelte/icons/copy-plus";
import Eraser from "@lucide/svelte/icons/eraser";
import ExternalLink from "@lucide/svelte/icons/external-link";
import FileOutput from "@lucide/svelte/icons/file-output";
import FileText from "@lucide/svelte/icons/file-text";
import FlaskConical from "@lucide/svelte/icons/flask-conical";
import GitCompare from "@lucide/svelte/icons/git-compare";
import Headset from "@lucide/svelte/icons/headset";
import Keyboard from "@lucide/svelte/icons/keyboard";
import KeyRound from "@lucide/svelte/icons/key-round";
import Layers from "@lucide/svelte/icons/layers";
import Link from "@lucide/svelte/icons/link";
import ListChecks from "@lucide/svelte/icons/list-checks";
import LogOut from "@lucide/svelte/icons/log-out";
import MessageSquare from "@lucide/svelte/icons/message-square";
import PanelRight from "@lucide/svelte/icons/panel-right";
import Pencil from "@lucide/svelte/icons/pencil";
import Pin from "@lucide/svelte/icons/pin";
import Plus from "@lucide/svelte/icons/plus";
import Power from "@lucide/svelte/icons/power";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Scan from "@lucide/svelte/icons/scan";
import ScanSearch from "@lucide/svelte/icons/scan-search";
import Search from "@lucide/svelte/icons/search";
import SearchCheck from "@lucide/svelte/icons/search-check";
import Send from "@lucide/svelte/icons/send";
import Settings from "@lucide/svelte/icons/settings";
import TableCellsSplit from "@lucide/svelte/icons/table-cells-split";
import TextSearch from "@lucide/svelte/icons/text-search";
import Trash2 from "@lucide/svelte/icons/trash-2";
import VenetianMask from "@lucide/svelte/icons/venetian-mask";
import ZoomIn from "@lucide/svelte/icons/zoom-in";
import ZoomOut from "@lucide/svelte/icons/zoom-out";
import type { ConnectionSummary } from "./bindings/ConnectionSummary";
import { keyWords, SAVE } from "./keys";
import * as ipc from "./ipc";
import type { App } from "./state/app.svelte";
import { toasts } from "./state/toasts.svelte";
import { filterFor } from "./text/filters";
import { texts } from "./texts";

export interface Action {
  id: string;
  label: string;
  /** Another name that finds it in the palette. */
  alias?: string;
  icon: typeof Search;
  /** `Mod+Enter`, `/`; the first one is shown. */
  chords: string[];
  /** It is about the users in the list. */
  ofList?: boolean;
  /** A key without modifiers: works outside text fields, unless it is turned off. */
  single?: boolean;
  /** Works while a layer is open, too. */
  overLayers?: boolean;
  /** Left out of the palette, such as the palette itself. */
  keyOnly?: boolean;
  possible: (app: App) => boolean;
  /** What is said when its key is pressed though it is not possible; without it, nothing is. */
  otherwise?: (app: App) => string;
  run: (app: App) => void;
}

const always = () => true;
const runsAny = (app: App) => app.sessions.length > 0;
const hasUser = (app: App) => app.search?.row !== null && app.search?.row !== undefined;
const leavesOut = (app: App) => app.search !== null && app.search.leftOut !== null && !app.search.asking;
const hasSearch = (app: App) => app.search !== null;

/** What can be done with a connection: by its menu, and in the palette with the current one. */
export interface ConnectionAction {
  id: string;
  /** In the palette. */
  label: string;
  /** In the connection's menu. */
  short: string;
  icon: typeof Search;
  possible: (connection: ConnectionSummary) => boolean;
  run: (app: App, connection: ConnectionSummary) => void;
}

const menu = texts.setup.menu;
const isOwn = ({ source }: ConnectionSummary) => source === "own";

export const connectionActions: ConnectionAction[] = [
  {
    id: "edit-connection",
    label: texts.actions.editConnection,
    short: menu.edit,
    icon: Pencil,
    possible: isOwn,
    run: (app, { id }) => app.edit(id),
  },
  {
    id: "view-connection",
    label: texts.actions.viewConnection,
    short: menu.view,
    icon: FileText,
    possible: (connection) => !isOwn(connection),
    run: (app, { id }) => app.edit(id),
  },
  {
    id: "duplicate-connection",
    label: texts.actions.duplicateConnection,
    short: menu.duplicate,
    icon: CopyPlus,
    // The demo's ends with its application: a copy of it would lead nowhere.
    possible: ({ source }) => source !== "demo",
    run: (app, connection) => void app.duplicate(connection),
  },
  {
    id: "export-connection",
    label: texts.actions.exportConnection,
    short: menu.exportTo,
    icon: FileOutput,
    possible: () => true,
    run: (app, connection) => void app.exportConnection(connection),
  },
  {
    id: "secrets",
    label: texts.actions.secrets,
    short: menu.secrets,
    icon: KeyRound,
    possible: () => true,
    run: (app, connection) => app.layers.show({ kind: "secrets", connection }),
  },
  {
    id: "connection-log",
    label: texts.auditLog.ofConnection,
    short: texts.auditLog.ofConnectionShort,
    icon: ScrollText,
    possible: () => true,
    run: (app, { id }) => app.layers.show({ kind: "audit_log", text: `${filterFor("connection", id)} ` }),
  },
  {
    id: "clear-cache",
    label: texts.actions.clearCache,
    short: menu.clearCache,
    icon: Eraser,
    possible: () => true,
    run: (app, connection) => void app.clearCache(connection),
  },
  {
    id: "demo-helpdesk",
    label: texts.actions.demoHelpdesk,
    short: menu.demoHelpdesk,
    icon: Headset,
    possible: ({ source }) => source === "demo",
    run: (app) => void app.openDemoHelpdesk(),
  },
  {
    id: "remove-connection",
    label: texts.actions.removeConnection,
    short: menu.remove,
    icon: Trash2,
    possible: isOwn,
    run: (app, connection) => app.layers.show({ kind: "remove", connection }),
  },
];

export const actions: Action[] = [
  {
    id: "impersonate",
    label: texts.actions.impersonate,
    alias: texts.users.impersonate,
    icon: VenetianMask,
    chords: ["Mod+Enter"],
    ofList: true,
    // While a search runs, its answer decides whether a user is selected.
    possible: (app) => hasUser(app) || app.search?.asking === true,
    run: (app) => void app.impersonateSelected(),
  },
  {
    id: "details",
    label: texts.actions.details,
    icon: PanelRight,
    chords: ["Enter"],
    ofList: true,
    possible: hasUser,
    run: (app) => void app.showDetails(),
  },
  {
    id: "copy-id",
    label: texts.actions.copyId,
    icon: Copy,
    chords: ["Mod+C"],
    ofList: true,
    possible: hasUser,
    run: (app) => void app.copySelected("id"),
  },
  {
    id: "copy-email",
    label: texts.actions.copyEmail,
    icon: AtSign,
    chords: ["Mod+Shift+C"],
    ofList: true,
    possible: hasUser,
    run: (app) => void app.copySelected("email"),
  },
  {
    id: "copy-link",
    label: texts.actions.copyLink,
    icon: Link,
    chords: [],
    ofList: true,
    possible: hasUser,
    run: (app) => void app.copyLink(),
  },
  {
    id: "open-user-page",
    label: texts.actions.openPage,
    icon: ExternalLink,
    chords: [],
    ofList: true,
    possible: (app) => hasUser(app) && app.connection?.has_user_page === true,
    run: (app) => void app.openUserPage(),
  },
  ...(["json", "csv", "sql"] as const).map((form): Action => ({
    id: `copy-${form}`,
    label: { json: texts.actions.copyJson, csv: texts.actions.copyCsv, sql: texts.actions.copySql }[form],
    icon: Copy,
    chords: [],
    ofList: true,
    possible: hasUser,
    run: (app) => void app.copyRows(form),
  })),
  {
    id: "compare",
    label: texts.actions.compare,
    icon: GitCompare,
    chords: ["Mod+Shift+D"],
    ofList: true,
    possible: (app) => app.search?.marked.length === 2,
    otherwise: () => texts.comparing.markTwo(keyWords("Ctrl+ ")),
    run: (app) => app.layers.show({ kind: "compare" }),
  },
  {
    id: "mark",
    label: texts.actions.mark,
    icon: ListChecks,
    chords: ["Ctrl+ "],
    ofList: true,
    keyOnly: true,
    possible: hasUser,
    run: (app) => app.search?.toggleMark(app.search.selected),
  },
  {
    id: "cells",
    label: texts.actions.cells,
    icon: TableCellsSplit,
    chords: ["F2"],
    ofList: true,
    possible: hasUser,
    run: (app) => app.goIntoCells(),
  },
  {
    id: "columns",
    label: texts.actions.columns,
    icon: Columns3,
    chords: [],
    possible: (app) => app.search?.info !== undefined && app.search.info !== null,
    run: (app) => app.layers.show({ kind: "columns" }),
  },
  {
    id: "pin",
    label: texts.actions.pin,
    icon: Pin,
    chords: ["Mod+D"],
    ofList: true,
    possible: hasUser,
    run: (app) => void (app.search?.row && app.togglePin(app.search.row)),
  },
  {
    id: "search",
    label: texts.actions.focusSearch,
    icon: Search,
    chords: ["Mod+F"],
    possible: hasSearch,
    run: (app) => app.focusSearch(),
  },
  {
    id: "search-single",
    label: texts.actions.focusSearch,
    icon: Search,
    chords: ["/"],
    single: true,
    keyOnly: true,
    possible: hasSearch,
    run: (app) => app.focusSearch(),
  },
  {
    id: "all-connections",
    label: texts.actions.allConnections,
    icon: Layers,
    chords: ["Mod+Shift+F"],
    possible: (app) => app.connections.length > 1,
    otherwise: () => texts.allConnections.onlyOne,
    run: (app) => app.layers.show({ kind: "all_connections", text: app.search?.text ?? "" }),
  },
  {
    id: "save-search",
    label: texts.actions.saveSearch,
    alias: texts.actions.savedSearches,
    icon: Bookmark,
    chords: [SAVE],
    possible: hasSearch,
    run: (app) => app.layers.show({ kind: "searches" }),
  },
  {
    id: "everywhere",
    label: texts.actions.everywhere,
    icon: ScanSearch,
    chords: ["Alt+Enter"],
    ofList: true,
    possible: leavesOut,
    run: (app) => app.search?.searchEverywhere(),
  },
  {
    // In an empty list, Enter has no details to open.
    id: "everywhere-enter",
    label: texts.actions.everywhereEnter,
    icon: ScanSearch,
    chords: ["Enter"],
    ofList: true,
    keyOnly: true,
    possible: (app) => leavesOut(app) && app.search?.count === 0 && !app.search.offers.hasMeant,
    run: (app) => app.search?.searchEverywhere(),
  },
  {
    id: "offer-enter",
    label: texts.actions.offerEnter,
    icon: TextSearch,
    chords: ["Enter"],
    ofList: true,
    keyOnly: true,
    possible: (app) => app.search?.count === 0 && app.search.offers.list.length > 0,
    run: (app) => app.search?.takeOffer(0),
  },
  {
    id: "retry",
    label: texts.actions.retry,
    icon: RefreshCw,
    chords: ["F5", "Mod+R"],
    possible: hasSearch,
    run: (app) => void app.search?.reload(),
  },
  {
    id: "open-again",
    label: texts.actions.openAgain,
    icon: RotateCcw,
    chords: ["Mod+Shift+T"],
    possible: hasSearch,
    run: (app) => void app.openAgain(),
  },
  {
    id: "audit-log",
    label: texts.auditLog.title,
    alias: texts.auditLog.search,
    icon: ScrollText,
    chords: ["Mod+Shift+A"],
    possible: always,
    run: (app) => app.layers.show({ kind: "audit_log", text: "" }),
  },
  {
    id: "team-audit-log",
    label: texts.auditLog.sources.open,
    alias: texts.auditLog.search,
    icon: ScrollText,
    chords: [],
    possible: (app) => app.hasTeamLog,
    run: (app) => {
      app.logSource = "team";
      app.layers.show({ kind: "audit_log", text: "" });
    },
  },
  {
    id: "copy-summary",
    label: texts.actions.copySummary,
    icon: ClipboardCopy,
    chords: ["Mod+Shift+S"],
    possible: (app) => app.lastEnded !== null,
    otherwise: () => texts.ended.noneEnded,
    run: (app) => void app.copySummary(),
  },
  {
    id: "send-summary",
    label: texts.actions.sendSummary,
    icon: Send,
    chords: ["Mod+Shift+Enter"],
    possible: (app) => Boolean(app.lastEnded?.ticket_origin),
    otherwise: (app) => (app.lastEnded ? texts.ended.noTicket : texts.ended.noneEnded),
    run: (app) => void app.sendSummary(),
  },
  {
    id: "messages",
    label: texts.actions.messages,
    icon: MessageSquare,
    chords: ["F8"],
    keyOnly: true,
    overLayers: true,
    possible: () => toasts.shown.length > 0,
    run: (app) => app.focusMessages(),
  },
  {
    id: "palette",
    label: texts.actions.palette,
    icon: TextSearch,
    chords: ["Mod+K"],
    keyOnly: true,
    possible: always,
    run: (app) => app.layers.show({ kind: "palette" }),
  },
  {
    id: "new-connection",
    label: texts.actions.newConnection,
    icon: Plus,
    chords: [],
    possible: always,
    run: (app) => app.edit(null),
  },
  ...connectionActions.map(({ id, label, icon, possible, run }): Action => ({
    id,
    label,
    icon,
    chords: [],
    possible: (app) => app.connection !== null && possible(app.connection),
    run: (app) => app.connection && run(app, app.connection),
  })),
  {
    id: "demo",
    label: texts.actions.demo,
    icon: FlaskConical,
    chords: [],
    possible: (app) => !app.connections.some(({ source }) => source === "demo"),
    run: (app) => void app.startDemo(),
  },
  {
    id: "settings",
    label: texts.actions.settings,
    icon: Settings,
    chords: ["Mod+,"],
    possible: always,
    run: (app) => app.layers.show({ kind: "settings" }),
  },
  {
    id: "export-settings",
    label: texts.actions.exportSettings,
    icon: FileOutput,
    chords: [],
    possible: always,
    run: (app) => void app.exportSettings(),
  },
  {
    id: "quick-window",
    label: texts.actions.quickWindow,
    icon: SearchCheck,
    chords: [],
    possible: (app) => app.connections.length > 0,
    run: (app) => void app.openQuickWindow(),
  },
  {
    id: "quit",
    label: texts.actions.quit,
    icon: Power,
    chords: ["Mod+Q"],
    overLayers: true,
    possible: (app) => !app.layers.leaving,
    run: (app) => void app.leave(),
  },
  {
    id: "next-session",
    label: texts.actions.nextSession,
    icon: ArrowLeftRight,
    chords: ["Ctrl+Tab"],
    overLayers: true,
    possible: runsAny,
    run: () => void ipc.turnToSession("next"),
  },
  {
    id: "previous-session",
    label: texts.actions.previousSession,
    icon: ArrowLeftRight,
    chords: ["Ctrl+Shift+Tab"],
    keyOnly: true,
    overLayers: true,
    possible: runsAny,
    run: () => void ipc.turnToSession("previous"),
  },
  {
    id: "end-all",
    label: texts.actions.endAll,
    icon: LogOut,
    chords: [],
    possible: (app) => app.endable.length > 1,
    run: (app) => app.layers.show({ kind: "end_all", sessions: app.endable }),
  },
  {
    id: "zoom-in",
    label: texts.actions.zoomIn,
    icon: ZoomIn,
    chords: ["Mod+Plus"],
    overLayers: true,
    possible: always,
    run: (app) => void app.zoom("in"),
  },
  {
    id: "zoom-out",
    label: texts.actions.zoomOut,
    icon: ZoomOut,
    chords: ["Mod+Minus"],
    overLayers: true,
    possible: always,
    run: (app) => void app.zoom("out"),
  },
  {
    id: "zoom-reset",
    label: texts.actions.zoomReset,
    icon: Scan,
    chords: ["Mod+0"],
    overLayers: true,
    possible: always,
    run: (app) => void app.zoom("reset"),
  },
  {
    id: "keys",
    label: texts.actions.keys,
    icon: Keyboard,
    chords: ["?"],
    single: true,
    possible: always,
    run: (app) => app.layers.show({ kind: "keys" }),
  },
];
