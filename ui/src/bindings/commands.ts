// Written by the Rust tests from src-tauri/src/commands. Do not edit.
import type { Arrangement } from "./Arrangement";
import type { BarAction } from "./BarAction";
import type { BarState } from "./BarState";
import type { ConnectionDraft } from "./ConnectionDraft";
import type { ConnectionFile } from "./ConnectionFile";
import type { ConnectionSummary } from "./ConnectionSummary";
import type { ConsoleState } from "./ConsoleState";
import type { Count } from "./Count";
import type { DirectoryConfig } from "./DirectoryConfig";
import type { DiscoveredTables } from "./DiscoveredTables";
import type { EntryPage } from "./EntryPage";
import type { Error } from "./Error";
import type { EvidenceChoice } from "./EvidenceChoice";
import type { EvidenceFormat } from "./EvidenceFormat";
import type { FamiliarUser } from "./FamiliarUser";
import type { FindStep } from "./FindStep";
import type { FormChange } from "./FormChange";
import type { FoundUsers } from "./FoundUsers";
import type { HeldBackList } from "./HeldBackList";
import type { Highlights } from "./Highlights";
import type { Info } from "./Info";
import type { LatestSession } from "./LatestSession";
import type { LeaveAnswer } from "./LeaveAnswer";
import type { ListRequest } from "./ListRequest";
import type { ListedPage } from "./ListedPage";
import type { ListedSession } from "./ListedSession";
import type { LogFormat } from "./LogFormat";
import type { Moved } from "./Moved";
import type { OffSiteChoice } from "./OffSiteChoice";
import type { Page } from "./Page";
import type { PreparedNote } from "./PreparedNote";
import type { Preset } from "./Preset";
import type { Preview } from "./Preview";
import type { ProtectedCount } from "./ProtectedCount";
import type { QuickChoice } from "./QuickChoice";
import type { QuickState } from "./QuickState";
import type { RecordsRequest } from "./RecordsRequest";
import type { Report } from "./Report";
import type { RequestName } from "./RequestName";
import type { Row } from "./Row";
import type { SecretStatus } from "./SecretStatus";
import type { SessionCounts } from "./SessionCounts";
import type { SessionMode } from "./SessionMode";
import type { SessionView } from "./SessionView";
import type { Settings } from "./Settings";
import type { SignInForm } from "./SignInForm";
import type { SignInTestReport } from "./SignInTestReport";
import type { Suggestion } from "./Suggestion";
import type { TeamEntryPage } from "./TeamEntryPage";
import type { TeamLogPlace } from "./TeamLogPlace";
import type { TicketContext } from "./TicketContext";
import type { UserDetails } from "./UserDetails";
import type { VerificationReport } from "./VerificationReport";
import type { Wider } from "./Wider";
import type { WindowTurn } from "./WindowTurn";

/** What the windows may call: names in the page, and types. */
export type Commands = {
  console_state: { args: {}, result: ConsoleState },
  keyring_problem: { args: {}, result: Error | null },
  directory_info: { args: { connection: string, anew: boolean }, result: Info },
  search_users: { args: { connection: string, query: ListRequest, turn: number }, result: ListedPage },
  used_connections: { args: {}, result: Array<string> },
  look_up_users: { args: { connection: string, text: string, turn: number }, result: FoundUsers },
  stop_lookups: { args: { turn: number }, result: null },
  stop_waiting: { args: { connection: string }, result: null },
  stop_search: { args: { connection: string, turn: number }, result: null },
  read_search: { args: { connection: string, text: string }, result: Highlights },
  complete_search: { args: { connection: string, text: string, caret: number }, result: Array<Suggestion> },
  count_users: { args: { connection: string, text: string, turn: number }, result: Count },
  widen_search: { args: { connection: string, text: string, turn: number }, result: Array<Wider> },
  stop_count: { args: { connection: string, turn: number }, result: null },
  user_details: { args: { connection: string, user: string }, result: UserDetails },
  reveal_value: { args: { connection: string, user: string, column: string }, result: string | null },
  familiar_users: { args: { connection: string }, result: Array<FamiliarUser> },
  latest_session: { args: {}, result: LatestSession | null },
  arrangement: { args: { connection: string }, result: Arrangement },
  save_arrangement: { args: { connection: string, arrangement: Arrangement }, result: null },
  list_records: { args: { connection: string, request: RecordsRequest, number: number }, result: Page },
  stop_records: { args: { number: number }, result: null },
  open_user_page: { args: { connection: string, user: string }, result: null },
  open_record: { args: { connection: string, related: number, record: Row }, result: null },
  recent_reasons: { args: { connection: string }, result: Array<string> },
  prepare_window: { args: { connection: string }, result: null },
  discard_window: { args: {}, result: null },
  impersonate: { args: { connection: string, user: string, reason: string, given: Record<string, unknown>, ticket: TicketContext }, result: SessionView },
  ask_approval: { args: { connection: string, user: string, reason: string, ticket: TicketContext }, result: null },
  decide_approval: { args: { request: RequestName, approve: boolean, answer: string }, result: null },
  break_glass: { args: { connection: string, user: string, reason: string, given: Record<string, unknown>, ticket: TicketContext }, result: SessionView },
  link_to_customer: { args: { connection: string, user: string }, result: string },
  record_copy: { args: { connection: string, format: string, rows: number }, result: null },
  try_session: { args: { connection: string, user: string }, result: SessionView },
  held_back: { args: { session: string }, result: HeldBackList },
  clear_cache: { args: { connection: string }, result: number },
  sign_in_form: { args: { connection: string, user: string, change: FormChange | null }, result: SignInForm },
  end_session: { args: { session: string }, result: null },
  copy_session_summary: { args: { session: string }, result: null },
  prepare_summary: { args: { session: string }, result: PreparedNote },
  send_summary: { args: { id: string }, result: null },
  retry_message: { args: { id: string }, result: null },
  discard_message: { args: { id: string }, result: null },
  extend_session: { args: { session: string }, result: SessionView },
  focus_session: { args: { session: string }, result: null },
  turn_to_session: { args: { turn: WindowTurn }, result: null },
  take_evidence: { args: { session: string }, result: null },
  save_evidence: { args: { takenAt: number, format: EvidenceFormat, choice: EvidenceChoice }, result: string },
  evidence_text: { args: { takenAt: number, choice: EvidenceChoice }, result: string },
  send_evidence: { args: { takenAt: number, choice: EvidenceChoice }, result: null },
  copy_picture: { args: { points: string, width: number, height: number }, result: null },
  show_saved_evidence: { args: {}, result: null },
  discard_evidence: { args: { takenAt: number }, result: null },
  retry_session: { args: { session: string }, result: null },
  secret_status: { args: { connection: string }, result: Array<SecretStatus> },
  store_secret: { args: { connection: string, name: string, value: string, thisRunOnly: boolean }, result: null },
  use_secrets_there: { args: { moved: Moved }, result: null },
  forget_secret: { args: { connection: string, name: string }, result: boolean },
  unlock_keyring: { args: {}, result: null },
  start_demo: { args: {}, result: ConnectionSummary },
  open_demo_helpdesk: { args: {}, result: null },
  read_connection: { args: { connection: string }, result: ConnectionDraft },
  read_connection_file: { args: { path: string }, result: ConnectionDraft },
  draft_text: { args: { file: ConnectionFile, text: string | null }, result: string },
  parse_draft: { args: { text: string }, result: ConnectionFile },
  check_connection: { args: { connection: string | null, text: string, secrets: Record<string, string> }, result: Report },
  try_sign_in: { args: { connection: string | null, text: string, user: string, secrets: Record<string, string>, turn: number }, result: SignInTestReport },
  stop_trial: { args: { turn: number }, result: null },
  sign_in_presets: { args: {}, result: Array<Preset> },
  discover_tables: { args: { connection: string | null, directory: DirectoryConfig, secrets: Record<string, string>, turn: number }, result: DiscoveredTables },
  preview_directory: { args: { connection: string | null, directory: DirectoryConfig, secrets: Record<string, string>, turn: number }, result: Preview },
  count_protected: { args: { connection: string | null, directory: DirectoryConfig, rules: Array<string>, secrets: Record<string, string>, turn: number }, result: ProtectedCount },
  stop_discovery: { args: { turn: number }, result: null },
  save_connection: { args: { connection: string | null, text: string }, result: ConnectionSummary },
  remove_connection: { args: { connection: string, forgetSecrets: boolean }, result: null },
  duplicate_connection: { args: { connection: string }, result: ConnectionSummary },
  export_connection: { args: { connection: string, path: string }, result: null },
  order_connections: { args: { order: Array<string> }, result: null },
  list_entries: { args: { text: string, before: number | null, turn: number }, result: EntryPage },
  session_entries: { args: { session: string }, result: ListedSession },
  count_sessions: { args: {}, result: SessionCounts },
  read_log_search: { args: { text: string }, result: Highlights },
  complete_log_search: { args: { text: string, caret: number }, result: Array<Suggestion> },
  list_team_entries: { args: { text: string, before: TeamLogPlace | null, turn: number }, result: TeamEntryPage },
  team_session_entries: { args: { log: string, session: string, turn: number }, result: ListedSession },
  count_team_sessions: { args: { turn: number }, result: SessionCounts },
  complete_team_log_search: { args: { text: string, caret: number, turn: number }, result: Array<Suggestion> },
  verify_team_log: { args: { turn: number }, result: VerificationReport },
  stop_team_verification: { args: { turn: number }, result: null },
  leave_team_log: { args: { turn: number }, result: null },
  verify_audit_log: { args: { turn: number }, result: VerificationReport },
  verification_percent: { args: {}, result: number | null },
  stop_verification: { args: { turn: number }, result: null },
  export_entries: { args: { text: string, format: LogFormat, path: string }, result: number },
  save_settings: { args: { settings: Settings }, result: Settings },
  export_settings: { args: { path: string }, result: null },
  open_quick_window: { args: {}, result: null },
  leave: { args: {}, result: null },
  answer_leave: { args: { answer: LeaveAnswer }, result: null },
  quick_state: { args: {}, result: QuickState },
  quick_search: { args: { connection: string, text: string, turn: number }, result: ListedPage },
  take_quick_choice: { args: { choice: QuickChoice }, result: null },
  close_quick_window: { args: {}, result: null },
  bar_state: { args: {}, result: BarState },
  bar_act: { args: { action: BarAction }, result: null },
  show_session: { args: { number: number }, result: null },
  find_in_page: { args: { text: string, step: FindStep }, result: null },
  stop_finding: { args: {}, result: null },
  show_saved_file: { args: { id: number }, result: null },
  answer_downloads: { args: { wanted: boolean }, result: null },
  set_session_mode: { args: { mode: SessionMode, reason: string | null }, result: SessionView },
  session_note: { args: {}, result: string },
  set_session_note: { args: { note: string }, result: null },
  answer_off_site: { args: { url: string, choice: OffSiteChoice }, result: null },
  enter_password: { args: { number: number, user: string, password: string }, result: null },
  decline_password: { args: { number: number }, result: null },
  set_bar_height: { args: { height: number, takesKeys: boolean }, result: null },
};
