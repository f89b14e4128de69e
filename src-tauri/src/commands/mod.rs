//! The commands that windows can call: unpack, call the core, convert.
//!
//! Each command is named once, here. From this list come the functions for Tauri, the windows' permissions
//! (`src-tauri/permissions/windows.toml`) and the UI's list of commands (`ui/src/bindings/commands.ts`).

#[macro_use]
mod list;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use tauri::{AppHandle, State, Webview};
use ts_rs::TS;
use understudy_core::access::{OffSiteChoice, SessionMode};
use understudy_core::arrangement::Arrangement;
use understudy_core::audit::export::LogFormat;
use understudy_core::audit::listing::{ListedSession, SessionCounts};
use understudy_core::audit::verification_report::VerificationReport;
use understudy_core::audit::{EndCause, LatestSession, RequestName};
use understudy_core::check::{Report, TypedSecrets};
use understudy_core::colleagues::{ApprovalRequest, Presence};
use understudy_core::connection::{
    ConnectionDraft, ConnectionFile, ConnectionProblem, ConnectionSummary, Connections, DirectoryConfig,
    Preset,
};
use understudy_core::console::{Console, EntryPage, FamiliarUser, FoundUsers, ListedPage, UserDetails};
use understudy_core::customer_link::{CustomerLink, TicketContext};
use understudy_core::destination::Moved;
use understudy_core::directory::{
    Count, DiscoveredTables, Highlights, Info, ListRequest, Page, RecordsRequest, Row, Suggestion, Wider,
};
use understudy_core::error::{Error, Result};
use understudy_core::evidence::{EvidenceChoice, EvidenceFormat};
use understudy_core::held_back::HeldBackList;
use understudy_core::introspection::Preview;
use understudy_core::outbox::{PreparedNote, WaitingMessage};
use understudy_core::protected_count::ProtectedCount;
use understudy_core::session::SessionView;
use understudy_core::settings::Settings;
use understudy_core::sign_in::{FormChange, SignInForm};
use understudy_core::sign_in_test::SignInTestReport;
use understudy_core::team_log::{TeamEntryPage, TeamLogPlace};
use understudy_core::vault::{Keep, SecretStatus};

use crate::demo::RunningDemo;
use crate::events::{copy_summary, turn_windows};
use crate::evidence::{self, EvidenceDesk};
use crate::quick_window::{self, QuickChoice, QuickState};
use crate::quit::{self, LeaveAnswer};
use crate::session_window::{
    BarAction, BarState, FindStep, SessionWindows, WindowTurn, check_sandbox, open_in_browser,
    session_of_bar, window_of_bar,
};
use crate::settings::{apply_settings, is_wayland};

type Core<'a> = State<'a, Arc<Console>>;

/// What the console's window needs when it starts.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub struct ConsoleState {
    connections: Vec<ConnectionSummary>,
    problems: Vec<ConnectionProblem>,
    /// The IDs of both, in the rail's order.
    order: Vec<String>,
    sessions: Vec<SessionView>,
    /// The summaries that have not reached their tickets yet.
    waiting_messages: Vec<WaitingMessage>,
    /// Who of the team is in which account.
    presence: Presence,
    /// The requests for approval that can be decided or used.
    approvals: Vec<ApprovalRequest>,
    settings: Settings,
    version: String,
    /// Global shortcuts do not work here; a key can run `understudy --search` instead.
    wayland: bool,
}

commands! {
    console {
        console_state [core: Core<'_>] () -> ConsoleState {
            let list = core.connection_list();
            // The window listens for events before it asks for the state.
            core.send_queued_notices();
            Ok(ConsoleState {
                connections: list.connections,
                problems: list.problems,
                order: list.order,
                sessions: core.sessions(),
                waiting_messages: core.waiting_messages().await,
                presence: core.presence(),
                approvals: core.approval_requests(),
                settings: core.settings(),
                version: env!("CARGO_PKG_VERSION").into(),
                wayland: is_wayland(),
            })
        }

        /// Why the keyring cannot be used; `null` if it can. A command of its own, because a keyring that hangs takes
        /// its time.
        keyring_problem [core: Core<'_>] () -> Option<Error> {
            Ok(core.keyring_problem().await)
        }

        directory_info [core: Core<'_>] (connection: String, anew: bool) -> Info {
            if anew { core.refresh_directory(&connection).await } else { core.directory_info(&connection).await }
        }

        search_users [core: Core<'_>] (connection: String, query: ListRequest, turn: u64) -> ListedPage {
            core.list_users(&connection, &query, turn).await
        }

        /// Connections that the operator uses, by ID.
        used_connections [core: Core<'_>] () -> Vec<String> {
            core.used_connections().await
        }

        /// A search in all connections asks each of them, with the same turn.
        look_up_users [core: Core<'_>] (connection: String, text: String, turn: u64) -> FoundUsers {
            core.look_up_users(&connection, &text, turn).await
        }

        stop_lookups [core: Core<'_>] (turn: u64) -> () {
            core.stop_lookups(turn);
            Ok(())
        }

        stop_waiting [core: Core<'_>] (connection: String) -> () {
            core.stop_waiting(&connection);
            Ok(())
        }

        stop_search [core: Core<'_>] (connection: String, turn: u64) -> () {
            core.stop_search(&connection, turn)
        }

        read_search [core: Core<'_>] (connection: String, text: String) -> Highlights {
            core.read_search(&connection, &text).await
        }

        complete_search [core: Core<'_>] (connection: String, text: String, caret: usize) -> Vec<Suggestion> {
            core.complete_search(&connection, &text, caret).await
        }

        count_users [core: Core<'_>] (connection: String, text: String, turn: u64) -> Count {
            core.count_users(&connection, &text, turn).await
        }

        widen_search [core: Core<'_>] (connection: String, text: String, turn: u64) -> Vec<Wider> {
            core.widen_search(&connection, &text, turn).await
        }

        stop_count [core: Core<'_>] (connection: String, turn: u64) -> () {
            core.stop_count(&connection, turn)
        }

        user_details [core: Core<'_>] (connection: String, user: String) -> UserDetails {
            core.user_details(&connection, &user).await
        }

        /// The value of a masked column.
        reveal_value [core: Core<'_>] (connection: String, user: String, column: String) -> Option<String> {
            core.reveal_value(&connection, &user, &column).await
        }

        /// Recent and pinned users.
        familiar_users [core: Core<'_>] (connection: String) -> Vec<FamiliarUser> {
            core.familiar_users(&connection).await
        }

        latest_session [core: Core<'_>] () -> Option<LatestSession> {
            core.latest_session().await
        }

        arrangement [core: Core<'_>] (connection: String) -> Arrangement {
            core.arrangement(&connection)
        }

        save_arrangement [core: Core<'_>] (connection: String, arrangement: Arrangement) -> () {
            core.save_arrangement(&connection, arrangement)
        }

        list_records [core: Core<'_>] (connection: String, request: RecordsRequest, number: u64) -> Page {
            core.list_records(&connection, &request, number).await
        }

        stop_records [core: Core<'_>] (number: u64) -> () {
            core.stop_records(number);
            Ok(())
        }

        /// Opens the page about a user in the operator's own browser.
        open_user_page [core: Core<'_>] (connection: String, user: String) -> () {
            open_in_browser(&core.user_page(&connection, &user).await?)
        }

        /// Opens the page about a record in the operator's own browser.
        open_record [core: Core<'_>] (connection: String, related: usize, record: Row) -> () {
            open_in_browser(&core.record_page(&connection, related, &record).await?)
        }

        recent_reasons [core: Core<'_>] (connection: String) -> Vec<String> {
            core.recent_reasons(&connection).await
        }

        /// The dialog that asks for a reason is open: the window is made ready meanwhile.
        prepare_window [core: Core<'_>] (connection: String) -> () {
            core.prepare_window(&connection).await;
            Ok(())
        }

        /// That dialog was given up.
        discard_window [core: Core<'_>] () -> () {
            core.discard_spare_window().await;
            Ok(())
        }

        impersonate [core: Core<'_>] (
            connection: String,
            user: String,
            reason: String,
            given: Map<String, Value> as "Record<string, unknown>",
            ticket: TicketContext,
        ) -> SessionView {
            core.impersonate_for_ticket(&connection, &user, &reason, given, ticket).await
        }

        /// Asks the team to approve a session as this user.
        ask_approval [core: Core<'_>] (connection: String, user: String, reason: String, ticket: TicketContext) -> () {
            core.ask_approval(&connection, &user, &reason, ticket).await
        }

        /// Approves a colleague's request, or declines it.
        decide_approval [core: Core<'_>] (request: RequestName, approve: bool, answer: String) -> () {
            core.decide_approval(request, approve, &answer).await
        }

        /// Signs in without the approval that the connection asks for.
        break_glass [core: Core<'_>] (
            connection: String,
            user: String,
            reason: String,
            given: Map<String, Value> as "Record<string, unknown>",
            ticket: TicketContext,
        ) -> SessionView {
            core.break_glass(&connection, &user, &reason, given, ticket).await
        }

        /// A link that leads to this user, for a ticket.
        link_to_customer [_core: Core<'_>] (connection: String, user: String) -> String {
            Ok(CustomerLink { connection, user, ..CustomerLink::default() }.to_url())
        }

        /// Rows of the list are about to be copied. Fails if that can't be recorded.
        record_copy [core: Core<'_>] (connection: String, format: String, rows: u32) -> () {
            core.record_copy(&connection, &format, rows).await
        }

        /// A read-only session that shows what such sessions hold back.
        try_session [core: Core<'_>] (connection: String, user: String) -> SessionView {
            core.try_session(&connection, &user).await
        }

        held_back [core: Core<'_>] (session: String) -> HeldBackList {
            core.held_back(&session)
        }

        /// How many files there were.
        clear_cache [core: Core<'_>] (connection: String) -> u32 {
            Ok(u32::try_from(core.clear_cache(&connection)).unwrap_or(u32::MAX))
        }

        sign_in_form [core: Core<'_>] (
            connection: String,
            user: String,
            change: Option<FormChange>,
        ) -> SignInForm {
            core.sign_in_form(&connection, &user, change.as_ref()).await
        }

        end_session [core: Core<'_>] (session: String) -> () {
            core.end_session(&session, EndCause::Operator).await;
            Ok(())
        }

        /// Copies what happened in a session that runs, or that has ended in this run, for its ticket.
        copy_session_summary [app: AppHandle, core: Core<'_>] (session: String) -> () {
            copy_summary(&app, &core, &session).await
        }

        /// What a session's summary would put into its ticket, to be read before it is sent.
        prepare_summary [core: Core<'_>] (session: String) -> PreparedNote {
            core.prepare_summary(&session)
        }

        /// Sends the summary that was shown with this ID into its ticket, now or as soon as the helpdesk answers.
        send_summary [core: Core<'_>] (id: String) -> () {
            core.send_summary(&id).await
        }

        /// Tries a summary again that has not reached its ticket.
        retry_message [core: Core<'_>] (id: String) -> () {
            core.retry_message(&id).await
        }

        /// Throws it away.
        discard_message [core: Core<'_>] (id: String) -> () {
            core.discard_message(&id).await
        }

        extend_session [core: Core<'_>] (session: String) -> SessionView {
            core.extend_session(&session).await
        }

        focus_session [core: Core<'_>] (session: String) -> () {
            core.focus_session(&session).await
        }

        /// Brings a session's window to the front.
        turn_to_session [app: AppHandle, core: Core<'_>] (turn: WindowTurn) -> () {
            turn_windows(&app, &core, None, turn).await
        }

        /// Takes evidence from a session's first window; it comes with an event.
        take_evidence [app: AppHandle, core: Core<'_>] (session: String) -> () {
            evidence::take_evidence(&app, &core, &session, &session).await
        }

        /// Saves what was chosen of it to a file; returns the file's name.
        save_evidence [app: AppHandle, core: Core<'_>, desk: State<'_, EvidenceDesk>] (
            taken_at: i64,
            format: EvidenceFormat,
            choice: EvidenceChoice,
        ) -> String {
            desk.save(&app, &core, taken_at, format, choice).await
        }

        /// What was chosen of it, as a few lines of Markdown.
        evidence_text [core: Core<'_>, desk: State<'_, EvidenceDesk>] (
            taken_at: i64,
            choice: EvidenceChoice,
        ) -> String {
            desk.to_text(&core, taken_at, &choice).await
        }

        /// Sends what was chosen of it into the session's ticket.
        send_evidence [core: Core<'_>, desk: State<'_, EvidenceDesk>] (
            taken_at: i64,
            choice: EvidenceChoice,
        ) -> () {
            desk.send_to_ticket(&core, taken_at, choice).await
        }

        /// Copies a picture: four bytes for each point, in base64.
        copy_picture [app: AppHandle, core: Core<'_>, desk: State<'_, EvidenceDesk>] (
            points: String,
            width: u32,
            height: u32,
        ) -> () {
            desk.copy_picture(&app, &core, &points, (width, height)).await
        }

        /// Opens the folder of the file that was saved.
        show_saved_evidence [desk: State<'_, EvidenceDesk>] () -> () {
            desk.show_saved().await
        }

        discard_evidence [desk: State<'_, EvidenceDesk>] (taken_at: i64) -> () {
            desk.discard(taken_at);
            Ok(())
        }

        retry_session [core: Core<'_>] (session: String) -> () {
            core.retry_session(&session)
        }

        secret_status [core: Core<'_>] (connection: String) -> Vec<SecretStatus> {
            core.secret_status(&connection).await
        }

        store_secret [core: Core<'_>] (
            connection: String,
            name: String,
            value: SecretString as "string",
            this_run_only: bool,
        ) -> () {
            let keep = if this_run_only { Keep::ThisRun } else { Keep::Stored };
            core.store_secret(&connection, &name, value, keep).await
        }

        use_secrets_there [core: Core<'_>] (moved: Moved) -> () {
            core.use_secrets_there(&moved).await
        }

        forget_secret [core: Core<'_>] (connection: String, name: String) -> bool {
            core.forget_secret(&connection, &name).await
        }

        unlock_keyring [core: Core<'_>] () -> () {
            core.unlock_keyring().await
        }

        start_demo [core: Core<'_>, demo: State<'_, RunningDemo>] () -> ConnectionSummary {
            demo.start(&core).await
        }

        /// Opens the demo's helpdesk in the operator's own browser.
        open_demo_helpdesk [demo: State<'_, RunningDemo>] () -> () {
            open_in_browser(&demo.helpdesk_url().await?)
        }

        read_connection [core: Core<'_>] (connection: String) -> ConnectionDraft {
            core.read_draft(&connection)
        }

        read_connection_file [] (path: PathBuf) -> ConnectionDraft {
            Connections::draft_file(&path)
        }

        draft_text [] (file: ConnectionFile, text: Option<String>) -> String {
            understudy_core::connection::write_into(text.as_deref(), &file)
        }

        parse_draft [] (text: String) -> ConnectionFile {
            understudy_core::connection::read_file("connection", &text)
        }

        check_connection [core: Core<'_>] (
            connection: Option<String>,
            text: String,
            secrets: TypedSecrets as "Record<string, string>",
        ) -> Report {
            let mut report = core.check_connection(connection.as_deref(), &text, secrets).await?;
            let tried = tauri::async_runtime::spawn_blocking(move || {
                check_sandbox(&mut report);
                report
            });
            tried.await.map_err(Error::internal)
        }

        try_sign_in [core: Core<'_>] (
            connection: Option<String>,
            text: String,
            user: String,
            secrets: TypedSecrets as "Record<string, string>",
            turn: u64,
        ) -> SignInTestReport {
            core.try_sign_in(connection.as_deref(), &text, &user, secrets, turn).await
        }

        stop_trial [core: Core<'_>] (turn: u64) -> () {
            core.stop_trial(turn)
        }

        sign_in_presets [] () -> Vec<Preset> {
            Ok(understudy_core::connection::all_presets().to_vec())
        }

        discover_tables [core: Core<'_>] (
            connection: Option<String>,
            directory: DirectoryConfig,
            secrets: TypedSecrets as "Record<string, string>",
            turn: u64,
        ) -> DiscoveredTables {
            core.discover_tables(connection.as_deref(), &directory.with_plain_scheme(), &secrets, turn).await
        }

        preview_directory [core: Core<'_>] (
            connection: Option<String>,
            directory: DirectoryConfig,
            secrets: TypedSecrets as "Record<string, string>",
            turn: u64,
        ) -> Preview {
            core.preview_users(connection.as_deref(), &directory.with_plain_scheme(), &secrets, turn).await
        }

        count_protected [core: Core<'_>] (
            connection: Option<String>,
            directory: DirectoryConfig,
            rules: Vec<String>,
            secrets: TypedSecrets as "Record<string, string>",
            turn: u64,
        ) -> ProtectedCount {
            let directory = directory.with_plain_scheme();
            core.count_protected(connection.as_deref(), &directory, &rules, &secrets, turn).await
        }

        stop_discovery [core: Core<'_>] (turn: u64) -> () {
            core.stop_discovery(turn)
        }

        save_connection [core: Core<'_>] (connection: Option<String>, text: String) -> ConnectionSummary {
            core.save_connection(connection.as_deref(), &text).await
        }

        remove_connection [core: Core<'_>] (connection: String, forget_secrets: bool) -> () {
            core.remove_connection(&connection, forget_secrets).await
        }

        duplicate_connection [core: Core<'_>] (connection: String) -> ConnectionSummary {
            core.duplicate_connection(&connection)
        }

        export_connection [core: Core<'_>] (connection: String, path: PathBuf) -> () {
            core.export_connection(&connection, &path).await
        }

        order_connections [core: Core<'_>] (order: Vec<String>) -> () {
            core.order_connections(order)
        }

        /// Entries of the audit log, the newest first.
        list_entries [core: Core<'_>] (text: String, before: Option<i64> as "number | null", turn: u64) -> EntryPage {
            core.list_entries(&text, before, turn).await
        }

        session_entries [core: Core<'_>] (session: String) -> ListedSession {
            core.session_entries(&session).await
        }

        count_sessions [core: Core<'_>] () -> SessionCounts {
            core.count_sessions().await
        }

        read_log_search [core: Core<'_>] (text: String) -> Highlights {
            Ok(core.read_log_search(&text))
        }

        complete_log_search [core: Core<'_>] (text: String, caret: usize) -> Vec<Suggestion> {
            core.complete_log_search(&text, caret).await
        }

        /// The same of the team's log, which has the entries of all consoles.
        list_team_entries [core: Core<'_>] (
            text: String,
            before: Option<TeamLogPlace>,
            turn: u64,
        ) -> TeamEntryPage {
            core.list_team_entries(&text, before.as_ref(), turn).await
        }

        team_session_entries [core: Core<'_>] (log: String, session: String, turn: u64) -> ListedSession {
            core.team_session_entries(&log, &session, turn).await
        }

        count_team_sessions [core: Core<'_>] (turn: u64) -> SessionCounts {
            core.count_team_sessions(turn).await
        }

        complete_team_log_search [core: Core<'_>] (text: String, caret: usize, turn: u64) -> Vec<Suggestion> {
            core.complete_team_log_search(&text, caret, turn).await
        }

        verify_team_log [core: Core<'_>] (turn: u64) -> VerificationReport {
            core.verify_team_log(turn).await
        }

        stop_team_verification [core: Core<'_>] (turn: u64) -> () {
            core.stop_team_verification(turn)
        }

        leave_team_log [core: Core<'_>] (turn: u64) -> () {
            core.leave_team_log(turn);
            Ok(())
        }

        verify_audit_log [core: Core<'_>] (turn: u64) -> VerificationReport {
            core.verify_audit_log(turn).await
        }

        /// In hundredths; `None` before it is known how much there is.
        verification_percent [core: Core<'_>] () -> Option<u8> {
            Ok(core.verification_percent())
        }

        stop_verification [core: Core<'_>] (turn: u64) -> () {
            core.stop_verification(turn)
        }

        /// How many entries were written.
        export_entries [core: Core<'_>] (
            text: String,
            format: LogFormat,
            path: PathBuf,
        ) -> u32 {
            let written = core.export_entries(&text, format, &path).await?;
            Ok(u32::try_from(written).unwrap_or(u32::MAX))
        }

        save_settings [app: AppHandle, core: Core<'_>] (settings: Settings) -> Settings {
            let before = core.settings();
            apply_settings(&app, &before, &settings)?;
            // Settings that cannot be saved are not applied either.
            core.save_settings(settings.clone()).inspect_err(|_| {
                let _ = apply_settings(&app, &settings, &before);
            })
        }

        export_settings [core: Core<'_>] (path: PathBuf) -> () {
            core.export_settings(&path)
        }

        /// Whatever the global shortcut is set to do.
        open_quick_window [app: AppHandle] () -> () {
            quick_window::show_quick_window(&app);
            Ok(())
        }

        /// Does the same as closing the console's window.
        leave [app: AppHandle] () -> () {
            quit::close_console(&app);
            Ok(())
        }

        /// The agent's answer to the question whether to quit.
        answer_leave [app: AppHandle] (answer: LeaveAnswer) -> () {
            quit::receive_answer(&app, answer);
            Ok(())
        }
    }

    quick {
        quick_state [core: Core<'_>] () -> QuickState {
            Ok(QuickState::of(&core))
        }

        quick_search [core: Core<'_>] (connection: String, text: String, turn: u64) -> ListedPage {
            core.quick_search(&connection, &text, turn).await
        }

        /// The console comes to the front with it, and the quick window closes.
        take_quick_choice [app: AppHandle] (choice: QuickChoice) -> () {
            quick_window::take_quick_choice(&app, choice);
            Ok(())
        }

        close_quick_window [app: AppHandle] () -> () {
            quick_window::close_quick_window(&app);
            Ok(())
        }
    }

    bar {
        bar_state [core: Core<'_>, windows: State<'_, Arc<SessionWindows>>, webview: Webview] () -> BarState {
            let session = core.find_session(session_of_bar(webview.label()).unwrap_or_default())?;
            let held_back = core.held_back(&session.id)?;
            let asked = (core.off_site_page(&session.id)?, core.password_question(&session.id)?);
            let window = window_of_bar(webview.label()).unwrap_or_default();
            windows.bar_state(window, session, held_back, asked).await
        }

        bar_act [windows: State<'_, Arc<SessionWindows>>, webview: Webview] (action: BarAction) -> () {
            windows.run_bar_action(window_of_bar(webview.label()).unwrap_or_default(), action).await
        }

        /// Brings the first window of the session with this number to the front.
        show_session [app: AppHandle, core: Core<'_>, webview: Webview] (number: usize) -> () {
            let from = window_of_bar(webview.label()).map(str::to_owned);
            turn_windows(&app, &core, from, WindowTurn::Session(number)).await
        }

        find_in_page [windows: State<'_, Arc<SessionWindows>>, webview: Webview] (
            text: String,
            step: FindStep,
        ) -> () {
            windows.find_in_page(window_of_bar(webview.label()).unwrap_or_default(), text, step).await
        }

        stop_finding [windows: State<'_, Arc<SessionWindows>>, webview: Webview] () -> () {
            windows.stop_finding(window_of_bar(webview.label()).unwrap_or_default()).await
        }

        /// Opens the folder of a file that was saved.
        show_saved_file [windows: State<'_, Arc<SessionWindows>>, webview: Webview] (id: usize) -> () {
            windows.show_saved_file(window_of_bar(webview.label()).unwrap_or_default(), id).await
        }

        /// Whether to save the files that the page wants to save on its own.
        answer_downloads [windows: State<'_, Arc<SessionWindows>>, webview: Webview] (wanted: bool) -> () {
            windows.answer_downloads(window_of_bar(webview.label()).unwrap_or_default(), wanted).await
        }

        /// `reason` is why a read-only session gets full access.
        set_session_mode [core: Core<'_>, webview: Webview] (
            mode: SessionMode,
            reason: Option<String>,
        ) -> SessionView {
            let session = session_of_bar(webview.label()).unwrap_or_default();
            core.set_session_mode(session, mode, reason.as_deref()).await
        }

        /// What the operator wrote for the session's ticket.
        session_note [core: Core<'_>, webview: Webview] () -> String {
            core.session_note(session_of_bar(webview.label()).unwrap_or_default())
        }

        set_session_note [core: Core<'_>, webview: Webview] (note: String) -> () {
            core.set_session_note(session_of_bar(webview.label()).unwrap_or_default(), &note)
        }

        answer_off_site [core: Core<'_>, windows: State<'_, Arc<SessionWindows>>, webview: Webview] (
            url: String,
            choice: OffSiteChoice,
        ) -> () {
            let session = session_of_bar(webview.label()).unwrap_or_default();
            if let Some(target) = core.answer_off_site(session, &url, choice)? {
                windows.open_off_site(session, &target, choice).await?;
            }
            Ok(())
        }

        /// The user name and password for the host whose question has this number.
        enter_password [core: Core<'_>, webview: Webview] (
            number: u32,
            user: String,
            password: SecretString as "string",
        ) -> () {
            let session = session_of_bar(webview.label()).unwrap_or_default();
            core.answer_password(session, number, Some((user, password)))
        }

        decline_password [core: Core<'_>, webview: Webview] (number: u32) -> () {
            core.answer_password(session_of_bar(webview.label()).unwrap_or_default(), number, None)
        }

        /// Makes room for what unfolds in the bar: its height in logical pixels.
        set_bar_height [windows: State<'_, Arc<SessionWindows>>, webview: Webview] (
            height: u32,
            takes_keys: bool,
        ) -> () {
            windows.set_bar_height(window_of_bar(webview.label()).unwrap_or_default(), height, takes_keys).await
        }
    }
}
