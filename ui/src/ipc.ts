// The boundary to Rust: one function per command and per event, and the sole caller of invoke.
// What they take and give is in bindings/; every refusal is thrown as a Failure (errors.ts).
import { invoke } from "@tauri-apps/api/core";
import type { UnlistenFn } from "@tauri-apps/api/event";
import { getCurrentWebview } from "@tauri-apps/api/webview";
import { writeText } from "@tauri-apps/plugin-clipboard-manager";
import { open, save } from "@tauri-apps/plugin-dialog";
import type { ApprovalRequest } from "./bindings/ApprovalRequest";
import type { Arrangement } from "./bindings/Arrangement";
import type { BarAction } from "./bindings/BarAction";
import type { CustomerLink } from "./bindings/CustomerLink";
import type { ConnectionFile } from "./bindings/ConnectionFile";
import type { ConnectionList } from "./bindings/ConnectionList";
import type { ContactLink } from "./bindings/ContactLink";
import type { DirectoryConfig } from "./bindings/DirectoryConfig";
import type { EvidenceChoice } from "./bindings/EvidenceChoice";
import type { EvidenceFormat } from "./bindings/EvidenceFormat";
import type { EvidenceView } from "./bindings/EvidenceView";
import type { FindStep } from "./bindings/FindStep";
import type { FormChange } from "./bindings/FormChange";
import type { FoundText } from "./bindings/FoundText";
import type { LogFormat } from "./bindings/LogFormat";
import type { LeaveAnswer } from "./bindings/LeaveAnswer";
import type { OffSiteChoice } from "./bindings/OffSiteChoice";
import type { SessionMode } from "./bindings/SessionMode";
import type { QuickChoice } from "./bindings/QuickChoice";
import type { Moved } from "./bindings/Moved";
import type { ListedPage } from "./bindings/ListedPage";
import type { ListRequest } from "./bindings/ListRequest";
import type { PreparedNote } from "./bindings/PreparedNote";
import type { Presence } from "./bindings/Presence";
import type { RecordsRequest } from "./bindings/RecordsRequest";
import type { Row } from "./bindings/Row";
import type { EndedSession } from "./bindings/EndedSession";
import type { SessionView } from "./bindings/SessionView";
import type { Settings } from "./bindings/Settings";
import type { TeamLogPlace } from "./bindings/TeamLogPlace";
import type { TicketContext } from "./bindings/TicketContext";
import type { Toast } from "./bindings/Toast";
import type { WakingDirectory } from "./bindings/WakingDirectory";
import type { SavedFile } from "./bindings/SavedFile";
import type { WaitingFiles } from "./bindings/WaitingFiles";
import type { WaitingMessage } from "./bindings/WaitingMessage";
import type { WindowTurn } from "./bindings/WindowTurn";
import type { Column } from "./bindings/Column";
import type { Commands } from "./bindings/commands";
import { asFailure, Failure } from "./errors";
import type { UserPage } from "./text/standing";
import { texts } from "./texts";

type Command = keyof Commands;

/** Calls a command; one without arguments is called by its name alone. */
async function call<C extends Command>(
  command: C,
  ...[args]: Record<string, never> extends Commands[C]["args"] ? [] : [args: Commands[C]["args"]]
): Promise<Commands[C]["result"]> {
  return refusing(() => invoke<Commands[C]["result"]>(command, args));
}

async function refusing<T>(what: () => Promise<T>): Promise<T> {
  try {
    return await what();
  } catch (cause) {
    throw asFailure(cause);
  }
}

/** How to ask the agent when a stored secret would go to a place other than the one it was stored for. */
export interface MovePrompt {
  /** Even if they have declined the same move before. */
  again: boolean;
  /** Offer to type another value. A form has fields for that. */
  retype: boolean;
}

let decide: (moved: Moved, asking: MovePrompt) => Promise<boolean> = () => Promise.resolve(false);

/** Sets the function that asks the agent, until the returned function is called. */
export function onMoved(asks: typeof decide): () => void {
  decide = asks;
  return () => {
    if (decide === asks) decide = () => Promise.resolve(false);
  };
}

/** Whether what was refused for its secrets can be tried again. */
export const decideMoved = (moved: Moved, asking: MovePrompt) => decide(moved, asking);

/** Makes the same call again for as long as the agent agrees to where its secrets go. */
async function asking<T>(how: MovePrompt, what: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await what();
    } catch (cause) {
      if (!(cause instanceof Failure) || !cause.moved || !(await decide(cause.moved, how))) throw cause;
    }
  }
}

/** What happens by itself asks once; what the agent does asks whenever it has to. */
const BY_ITSELF: MovePrompt = { again: false, retype: true };
const BY_AGENT: MovePrompt = { again: true, retype: true };
const IN_FORM: MovePrompt = { again: true, retype: false };

// Reading

export const consoleState = () => call("console_state");
/** Why the keyring cannot be used; `null` when it can. */
export const keyringProblem = () => call("keyring_problem");

/** Opens the directory if need be: may take as long as the connection's timeout. `anew`: what was indexed, added or
 * changed since the directory was opened counts. */
export const directoryInfo = (connection: string, anew: boolean) =>
  asking(BY_ITSELF, () => call("directory_info", { connection, anew }));

/** From the clock, so that a page that was loaded again does not ask what Rust takes for older questions. */
let turn = Date.now();

/** A newer search of the same connection makes this one reject with `cancelled`. Which one is newer is said
 * here: what is sent first need not arrive first. */
export async function searchUsers(connection: string, query: ListRequest): Promise<UserPage> {
  return judged(await asking(BY_ITSELF, () => call("search_users", { connection, query, turn: ++turn })));
}

/** Each row with what the policy says about it. */
const judged = ({ standings, ...page }: ListedPage): UserPage => ({
  ...page,
  rows: page.rows.map((row, at) => ({ ...row, standing: standings[at] ?? "undecided" })),
});

/** The quick window's own search: it neither replaces one of the console nor is replaced by one. */
export const quickSearch = async (connection: string, text: string): Promise<UserPage> =>
  judged(await call("quick_search", { connection, text, turn: ++turn }));

/** The connections that the agent has signed in to, or looked at since the start. */
export const usedConnections = () => call("used_connections");

/** Whom a connection knows by a text. */
export type LookUp = (connection: string, text: string) => Promise<{ columns: Column[]; page: UserPage }>;

/** Begins a search in all connections. What is still under way of the one before rejects with `cancelled`. Nothing is
 * asked of the agent: neither to unlock the keyring nor where secrets may go. */
export function beginLookups(): LookUp {
  const begun = ++turn;
  return async (connection, text) => {
    const { columns, listed } = await call("look_up_users", { connection, text, turn: begun });
    return { columns, page: judged(listed) };
  };
}

/** The lookups under way reject with `cancelled`. */
export const stopLookups = () => call("stop_lookups", { turn: ++turn }).catch(() => {});

/** The database of this connection is not waited for any longer. */
export const stopWaiting = (connection: string) => call("stop_waiting", { connection });

/** Makes the search under way reject with `cancelled`, on the server too. */
export const stopSearch = (connection: string) => call("stop_search", { connection, turn: ++turn });

/** What a search text says; places are in UTF-16 code units, as here. */
export const readSearch = (connection: string, text: string) => call("read_search", { connection, text });

/** What may be typed next, the likeliest first; at most eight. */
export const completeSearch = (connection: string, text: string, caret: number) =>
  call("complete_search", { connection, text, caret });

/** All users exactly for an empty text, else up to a thousand. A newer count of the same connection makes this
 * one reject with `cancelled`. */
export const countUsers = (connection: string, text: string) =>
  call("count_users", { connection, text, turn: ++turn });

/** What to search for instead of a text without matches: at most four, most likely first. A newer call for the same
 * connection makes this one reject with `cancelled`. */
export const widenSearch = (connection: string, text: string) =>
  call("widen_search", { connection, text, turn: ++turn });

export const stopCount = (connection: string) => call("stop_count", { connection, turn: ++turn });

export const userDetails = (connection: string, user: string) => call("user_details", { connection, user });

/** The value of a masked column; `null`: there is none. */
export const revealValue = (connection: string, user: string, column: string) =>
  call("reveal_value", { connection, user, column });

/** Recent users, newest first, then pinned ones. */
export const familiarUsers = (connection: string) => call("familiar_users", { connection });

/** The operator's latest session in any connection. */
export const latestSession = () => call("latest_session");

/** How the operator has arranged this connection. */
export const arrangement = (connection: string) => call("arrangement", { connection });
export const saveArrangement = (connection: string, arrangement: Arrangement) =>
  call("save_arrangement", { connection, arrangement });

/** A page of a user's records in a related table, newest first. `stop` makes it reject with `cancelled`, on the server
 * too. */
export function listRecords(connection: string, request: RecordsRequest) {
  const number = ++turn;
  return {
    page: call("list_records", { connection, request, number }),
    stop: () => void call("stop_records", { number }).catch(() => undefined),
  };
}

/** Opens the page about a user in the team's own tool. */
export const openUserPage = (connection: string, user: string) =>
  call("open_user_page", { connection, user });

/** Opens the page about a record in the team's own tool. */
export const openRecord = (connection: string, related: number, record: Row) =>
  call("open_record", { connection, related, record });

/** Newest first, at most five. */
export const recentReasons = (connection: string) => call("recent_reasons", { connection });

// Sessions

/** Resolves as soon as the window is open (phase `opening`); what follows comes with {@link onSessions}. */
export const prepareWindow = (connection: string) => call("prepare_window", { connection });
export const discardWindow = () => call("discard_window");
export const impersonate = (
  connection: string,
  user: string,
  reason: string,
  given: Record<string, unknown>,
  ticket: TicketContext,
) => asking(BY_AGENT, () => call("impersonate", { connection, user, reason, given, ticket }));

/** Asks the team to approve a session; what becomes of it comes with {@link onApprovals}. */
export const askApproval = (connection: string, user: string, reason: string, ticket: TicketContext) =>
  call("ask_approval", { connection, user, reason, ticket });
export const decideApproval = ({ log, id }: ApprovalRequest, approve: boolean, answer: string) =>
  call("decide_approval", { request: { log, id }, approve, answer });
/** Like {@link impersonate}, without the approval that the connection asks for. */
export const breakGlass = (
  connection: string,
  user: string,
  reason: string,
  given: Record<string, unknown>,
  ticket: TicketContext,
) => asking(BY_AGENT, () => call("break_glass", { connection, user, reason, given, ticket }));

/** For its ticket: as HTML and as Markdown. Of a session that runs, or has ended since the console started. */
export const copySessionSummary = (session: string) => call("copy_session_summary", { session });
/** What its summary would put into its ticket, to be read before that. */
export const prepareSummary = (session: string) => call("prepare_summary", { session });
export const sendSummary = (id: string) => asking(BY_AGENT, () => call("send_summary", { id }));
/** Of messages that have not arrived. */
export const retryMessage = (id: string) => asking(BY_AGENT, () => call("retry_message", { id }));
export const discardMessage = (id: string) => call("discard_message", { id });
/** A link that leads to this user. */
export const linkToCustomer = (connection: string, user: string) =>
  call("link_to_customer", { connection, user });

/** Rows are about to be copied, which the audit log has to know first. Rejects if it can't. */
export const recordCopy = (connection: string, format: string, rows: number) =>
  call("record_copy", { connection, format, rows });

/** A session that is read-only whatever the connection says. */
export const trySession = (connection: string, user: string) =>
  asking(BY_AGENT, () => call("try_session", { connection, user }));

/** What a session has held back so far. */
export const heldBack = (session: string) => call("held_back", { session });

/** What the sign-in asks beside the reason, for connections that have a form; `change`: what it asks now. */
export const signInForm = (connection: string, user: string, change: FormChange | null) =>
  asking(BY_AGENT, () => call("sign_in_form", { connection, user, change }));

export const endSession = (session: string) => call("end_session", { session });

/** Tries a refused sign-in again, with the secrets as they are now. */
export const retrySession = (session: string) => call("retry_session", { session });
/** Another session's window comes to the front. */
export const turnToSession = (turn: WindowTurn) => call("turn_to_session", { turn });
export const focusSession = (session: string) => call("focus_session", { session });

/** Rejects with `policy_refused` when it was extended as often as it may be. */
export const extendSession = (session: string) => call("extend_session", { session });

// Evidence

/** What was taken comes with {@link onEvidence}. */
export const takeEvidence = (session: string) => call("take_evidence", { session });
/** The name of the file, which is in the downloads folder. */
export const saveEvidence = (takenAt: number, format: EvidenceFormat, choice: EvidenceChoice) =>
  call("save_evidence", { takenAt, format, choice });
export const evidenceText = (takenAt: number, choice: EvidenceChoice) =>
  call("evidence_text", { takenAt, choice });
/** `points`: four bytes for each, in base64. */
export const copyPicture = (points: string, width: number, height: number) =>
  call("copy_picture", { points, width, height });
export const sendEvidence = (takenAt: number, choice: EvidenceChoice) =>
  call("send_evidence", { takenAt, choice });
export const showSavedEvidence = () => call("show_saved_evidence");
export const discardEvidence = (takenAt: number) => call("discard_evidence", { takenAt });

// The audit log

/** Entries that pass `text`, the newest first. `before`: `next` of the page before. A newer call makes this one reject
 * with `cancelled`. */
export const listEntries = (text: string, before: number | null) =>
  call("list_entries", { text, before, turn: ++turn });
/** The oldest first. */
export const sessionEntries = (session: string) => call("session_entries", { session });
/** Of the last seven days. */
export const countSessions = () => call("count_sessions");
export const readLogSearch = (text: string) => call("read_log_search", { text });
export const completeLogSearch = (text: string, caret: number) =>
  call("complete_log_search", { text, caret });
/** Takes seconds for a large log; rejects with `cancelled` when it is stopped. */
export const verifyAuditLog = () => call("verify_audit_log", { turn: ++turn });
/** How far the last verification is, in hundredths; null before that is known. */
export const verificationPercent = () => call("verification_percent");
export const stopVerification = () => call("stop_verification", { turn: ++turn });
/** The same of the team's log, which has the entries of all consoles. */
export const listTeamEntries = (text: string, before: TeamLogPlace | null) =>
  call("list_team_entries", { text, before, turn: ++turn });
export const teamSessionEntries = (log: string, session: string) =>
  call("team_session_entries", { log, session, turn: ++turn });
export const countTeamSessions = () => call("count_team_sessions", { turn: ++turn });
export const completeTeamLogSearch = (text: string, caret: number) =>
  call("complete_team_log_search", { text, caret, turn: ++turn });
export const verifyTeamLog = () => call("verify_team_log", { turn: ++turn });
export const stopTeamVerification = () => call("stop_team_verification", { turn: ++turn });
/** Nothing of the team's log is waited for any longer. */
export const leaveTeamLog = () => call("leave_team_log", { turn: ++turn });
/** How many entries passed `text` and were written. */
export const exportEntries = (text: string, format: LogFormat, path: string) =>
  call("export_entries", { text, format, path });

// Secrets: they go in, and never come out

export const secretStatus = (connection: string) => call("secret_status", { connection });

/** `thisRunOnly`: kept in memory until the application quits, not in the keyring. */
export const storeSecret = (connection: string, name: string, value: string, thisRunOnly: boolean) =>
  call("store_secret", { connection, name, value, thisRunOnly });

/** The agent has compared where these secrets would go with where they were to go, and wants them there. */
export const useSecretsThere = (moved: Moved) => call("use_secrets_there", { moved });

export const forgetSecret = (connection: string, name: string) => call("forget_secret", { connection, name });

/** Has the keyring ask for its password; may take as long as the agent does. */
export const unlockKeyring = () => call("unlock_keyring");

// Connections

/** The first start makes the demo's users and may take two seconds. */
export const startDemo = () => call("start_demo");
/** Opens in the agent's own browser. */
export const openDemoHelpdesk = () => call("open_demo_helpdesk");

export const readConnection = (connection: string) => call("read_connection", { connection });

/** Reads a dropped or chosen `.toml` without adding it. */
export const readConnectionFile = (path: string) => call("read_connection_file", { path });

/** The form's values written into `text`, whose comments are kept; `null` begins a new text. */
export const draftText = (file: ConnectionFile, text: string | null) => call("draft_text", { file, text });

/** Rejects with `connection_invalid`, its message naming line, column and key. */
export const parseDraft = (text: string) => call("parse_draft", { text });

/** `secrets`: typed in the form, by name; used in memory only. */
export const checkConnection = (connection: string | null, text: string, secrets: Record<string, string>) =>
  asking(IN_FORM, () => call("check_connection", { connection, text, secrets }));

/** Really signs in as the user and out again, request by request, and writes it to the audit log. It may take as long
 * as all of the application's answers. `secrets` as in {@link checkConnection}. */
export const trySignIn = (
  connection: string | null,
  text: string,
  user: string,
  secrets: Record<string, string>,
) => asking(IN_FORM, () => call("try_sign_in", { connection, text, user, secrets, turn: ++turn }));

/** The trial under way sends nothing new, and ends what it began before it answers. */
export const stopTrial = () => call("stop_trial", { turn: ++turn });

/** Sign-ins by name, as they are offered. */
export const signInPresets = () => call("sign_in_presets");

/** The tables of the database that a form names. A newer question of either kind makes the older one reject with
 * `cancelled`. `secrets` as in {@link checkConnection}. */
export const discoverTables = (
  connection: string | null,
  directory: DirectoryConfig,
  secrets: Record<string, string>,
) => call("discover_tables", { connection, directory, secrets, turn: ++turn });

/** A few users of the table that a form names. */
export const previewDirectory = (
  connection: string | null,
  directory: DirectoryConfig,
  secrets: Record<string, string>,
) => call("preview_directory", { connection, directory, secrets, turn: ++turn });

/** How many users of that table these rules of the policy protect, as far as they can be read in two seconds. */
export const countProtected = (
  connection: string | null,
  directory: DirectoryConfig,
  rules: string[],
  secrets: Record<string, string>,
) => call("count_protected", { connection, directory, rules, secrets, turn: ++turn });

/** The form is left: all of them stop, on the server too. */
export const stopDiscovery = () => call("stop_discovery", { turn: ++turn });

/** `connection`: `null` saves a new one. */
export const saveConnection = (connection: string | null, text: string) =>
  call("save_connection", { connection, text });

export const removeConnection = (connection: string, forgetSecrets: boolean) =>
  call("remove_connection", { connection, forgetSecrets });

export const duplicateConnection = (connection: string) => call("duplicate_connection", { connection });

export const exportConnection = (connection: string, path: string) =>
  call("export_connection", { connection, path });

/** Forgets the application's public files that its sessions share; how many there were. */
export const clearCache = (connection: string) => call("clear_cache", { connection });

/** Ids as they shall stand in the rail, broken files among them. */
export const orderConnections = (order: string[]) => call("order_connections", { order });

export const openQuickWindow = () => call("open_quick_window");

/** The saved ones, to a file. */
export const exportSettings = (path: string) => call("export_settings", { path });

export const saveSettings = (settings: Settings) => call("save_settings", { settings });

/** As the window's close button: asks, hides or quits, as set. */
export const leave = () => call("leave");

/** Answers {@link onLeaveAsked}: `shown` at once, so that no native dialog asks as well. */
export const answerLeave = (answer: LeaveAnswer) => call("answer_leave", { answer });

// The session bar

export const barState = () => call("bar_state");
export const barAct = (action: BarAction) => call("bar_act", { action });
/** `reason`: why a read-only session gets full access. */
export const setSessionMode = (mode: SessionMode, reason: string | null) =>
  call("set_session_mode", { mode, reason });
/** What the agent wrote for the session's ticket so far. */
export const sessionNote = () => call("session_note");
export const setSessionNote = (note: string) => call("set_session_note", { note });
export const answerOffSite = (url: string, choice: OffSiteChoice) => call("answer_off_site", { url, choice });
/** `number`: the question's. The password goes to the host that asks, and is kept until the session ends. */
export const enterPassword = (number: number, user: string, password: string) =>
  call("enter_password", { number, user, password });
/** The page gets the host's own answer. */
export const declinePassword = (number: number) => call("decline_password", { number });
/** The first window of the session with this number, the oldest first, comes to the front. */
export const showSession = (number: number) => call("show_session", { number });
/** What was found comes with {@link onFoundText}. */
export const findInPage = (text: string, step: FindStep) => call("find_in_page", { text, step });
/** The folder of a file that was saved opens. */
export const showSavedFile = (id: number) => call("show_saved_file", { id });
export const answerDownloads = (wanted: boolean) => call("answer_downloads", { wanted });
/** The marks in the page go away. */
export const stopFinding = () => call("stop_finding");
/** In logical pixels; the page under the bar gives way. */
export const setBarHeight = (height: number, takesKeys: boolean) =>
  call("set_bar_height", { height, takesKeys });

// The quick window

export const quickState = () => call("quick_state");
/** The console comes to the front with it, and the quick window closes. */
export const takeQuickChoice = (choice: QuickChoice) => call("take_quick_choice", { choice });
export const closeQuickWindow = () => call("close_quick_window");

// Events

/** Hears what is sent to everybody and to this webview, never what is sent to another one. */
function on<T>(topic: string, tell: (payload: T) => void): Promise<UnlistenFn> {
  return refusing(() => getCurrentWebview().listen<T>(topic, (event) => tell(event.payload)));
}

/** The whole list, on every change. */
export const onSessions = (tell: (sessions: SessionView[]) => void) => on("sessions", tell);

/** A session, by its ID, that has held something back since. */
export const onSessionAccess = (tell: (session: string) => void) => on("session_access", tell);

/** Whatever ended it; after a crash at the next start. */
export const onSessionEnded = (tell: (ended: EndedSession) => void) => on("session_ended", tell);

/** A connection file appeared, changed or went away. */
export const onConnections = (tell: (list: ConnectionList) => void) => on("connections", tell);

/** The application changed what this connection's directory holds. */
export const onDirectoryChanged = (tell: (connection: string) => void) => on("directory_changed", tell);

/** A database that was paused while idle is starting, or has started. */
export const onDirectoryWaking = (tell: (waking: WakingDirectory) => void) => on("directory_waking", tell);

/** In the window of this session, which was refused, the agent wants to give another secret. */
export const onRenewSecret = (tell: (session: string) => void) => on("renew_secret", tell);

/** A link from outside, such as from a helpdesk, was opened. Nothing of it has been looked up. */
export const onCustomerLink = (tell: (link: CustomerLink) => void) => on("customer_link", tell);

export const onToast = (tell: (toast: Toast) => void) => on("toast", tell);

/** A user was chosen in the quick window. */
export const onQuickChoice = (tell: (choice: QuickChoice) => void) => on("quick_choice", tell);

/** In a session's window, the palette was asked for. */
export const onPaletteAsked = (tell: () => void) => on<null>("palette_asked", tell);

/** Evidence was taken in a session's window. */
export const onEvidence = (tell: (evidence: EvidenceView) => void) => on("evidence_taken", tell);

/** A summary was asked for in a session's window, to be sent from here. */
export const onSummaryPrepared = (tell: (note: PreparedNote) => void) => on("summary_prepared", tell);
/** All messages that have not arrived, after any of that changed. */
export const onWaitingMessages = (tell: (notes: WaitingMessage[]) => void) => on("waiting_messages", tell);

/** Who of the team is in which account, after any of that changed. */
export const onPresence = (tell: (presence: Presence) => void) => on("presence", tell);

/** The requests for approval that can be decided or used, after any of that changed. */
export const onApprovals = (tell: (requests: ApprovalRequest[]) => void) => on("approvals", tell);

/** The global shortcut, or `understudy --search`. */
export const onFocusSearch = (tell: () => void) => on<null>("focus_search", tell);

/** The window is to be closed while sessions run: the agent is to be asked. */
export const onLeaveAsked = (tell: () => void) => on<null>("leave_asked", tell);

/** What {@link barState} gives has changed. */
export const onBarChanged = (tell: () => void) => on<null>("bar_changed", tell);

/** The key that finds in the page was pressed while it had the focus. */
export const onFindAsked = (tell: () => void) => on<null>("find_asked", tell);
export const onFoundText = (tell: (found: FoundText) => void) => on("found_text", tell);

/** How much of the page has loaded, from 0 to 1; `null`: it has. */
export const onBarProgress = (tell: (progress: number | null) => void) => on("bar_progress", tell);

/** A file of this session was saved. */
export const onFileSaved = (tell: (file: SavedFile) => void) => on("file_saved", tell);

/** The page wants to save several files on its own; they wait for {@link answerDownloads}. */
export const onDownloadsAsked = (tell: (files: WaitingFiles) => void) => on("downloads_asked", tell);

/** A link to an email address or a phone number was pressed. */
export const onContactAsked = (tell: (link: ContactLink) => void) => on("contact_asked", tell);

/** The key that switches the session's mode was pressed while the page had the focus. */
export const onNoteAsked = (tell: () => void) => on<null>("note_asked", tell);
export const onModeAsked = (tell: () => void) => on<null>("mode_asked", tell);

/** Something happened in this session's page that its visitor wants to know. */
export const onSaid = (tell: (said: Toast) => void) => on("said", tell);

/** Files are dragged over the window (`over`: whether they still are) or dropped (`paths`). */
export function onFileDrop(
  tell: (drop: { over: boolean; paths: string[] | null }) => void,
): Promise<UnlistenFn> {
  return refusing(() =>
    getCurrentWebview().onDragDropEvent(({ payload }) =>
      tell({
        over: payload.type === "enter" || payload.type === "over",
        paths: payload.type === "drop" ? payload.paths : null,
      }),
    ),
  );
}

// The window

/** `1` is 100 %. */
export const setZoom = (factor: number) => refusing(() => getCurrentWebview().setZoom(factor));

// Plugins

export const copyText = (text: string) => refusing(() => writeText(text));

/** A connection file to read; `null` when the agent changed their mind. */
export const chooseConnectionFile = () =>
  refusing(() =>
    open({ multiple: false, filters: [{ name: texts.common.connectionFile, extensions: ["toml"] }] }),
  );

/** A place to write a connection file to; `null` when the agent changed their mind. */
export const choosePlaceForConnectionFile = (suggested: string) =>
  refusing(() =>
    save({ defaultPath: suggested, filters: [{ name: texts.common.connectionFile, extensions: ["toml"] }] }),
  );

/** A place to write entries of the audit log to; `null` when the agent changed their mind. */
export const choosePlaceForEntries = (suggested: string, format: LogFormat) =>
  refusing(() =>
    save({
      defaultPath: suggested,
      filters: [
        { name: texts.auditLog.export.kinds[format], extensions: [format === "ocsf" ? "jsonl" : format] },
      ],
    }),
  );

/** A place to write the settings to; `null` when the agent changed their mind. */
export const choosePlaceForSettings = () =>
  refusing(() =>
    save({
      defaultPath: "understudy-settings.toml",
      filters: [{ name: texts.setup.settings.file, extensions: ["toml"] }],
    }),
  );
