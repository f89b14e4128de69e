//! What the windows may ask for: unpack, call the core, convert. One function per command.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use tauri::{AppHandle, State, Webview};
use ts_rs::TS;
use understudy_core::audit::EndCause;
use understudy_core::check::{Report, Typed};
use understudy_core::connection::{
    ConnectionDraft, ConnectionFile, ConnectionProblem, ConnectionSummary, Connections, DirectoryConfig,
    Preset,
};
use understudy_core::console::{Console, ListedPage, UserDetails};
use understudy_core::destination::Moved;
use understudy_core::directory::{Count, DiscoveredTables, Highlights, Info, ListRequest, Suggestion, Wider};
use understudy_core::error::{Error, Result};
use understudy_core::introspection::Preview;
use understudy_core::session::SessionView;
use understudy_core::settings::Settings;
use understudy_core::sign_in::{FormChange, Rehearsal, SignInForm};
use understudy_core::vault::{Keep, SecretStatus};

use crate::demo::RunningDemo;
use crate::leaving::{self, LeaveAnswer};
use crate::session_window::{BarAction, BarState, SessionWindows, check_sandbox, session_of_bar};
use crate::settings::{apply_settings, is_wayland};

type Core<'a> = State<'a, Arc<Console>>;

/// Everything the console's window starts with.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub struct ConsoleState {
    connections: Vec<ConnectionSummary>,
    problems: Vec<ConnectionProblem>,
    /// Ids of both, as they stand in the rail.
    order: Vec<String>,
    sessions: Vec<SessionView>,
    settings: Settings,
    version: String,
    /// Global shortcuts cannot be had here; `understudy --search` can be bound to a key instead.
    wayland: bool,
}

#[tauri::command]
pub async fn console_state(core: Core<'_>) -> Result<ConsoleState> {
    let list = core.connection_list();
    // The window listens before it asks for its state.
    core.tell_what_waited();
    Ok(ConsoleState {
        connections: list.connections,
        problems: list.problems,
        order: list.order,
        sessions: core.sessions(),
        settings: core.settings(),
        version: env!("CARGO_PKG_VERSION").into(),
        wayland: is_wayland(),
    })
}

/// Why the keyring cannot be used; `null` when it can. Asked by itself, because a keyring that hangs takes its time.
#[tauri::command]
pub async fn keyring_problem(core: Core<'_>) -> Result<Option<Error>> {
    Ok(core.keyring_problem().await)
}

#[tauri::command]
pub async fn directory_info(core: Core<'_>, connection: String, anew: bool) -> Result<Info> {
    if anew { core.refresh_directory(&connection).await } else { core.directory_info(&connection).await }
}

#[tauri::command]
pub async fn search_users(
    core: Core<'_>,
    connection: String,
    query: ListRequest,
    turn: u64,
) -> Result<ListedPage> {
    core.list(&connection, &query, turn).await
}

#[tauri::command]
pub async fn stop_waiting(core: Core<'_>, connection: String) -> Result<()> {
    core.stop_waiting(&connection);
    Ok(())
}

#[tauri::command]
pub async fn stop_search(core: Core<'_>, connection: String, turn: u64) -> Result<()> {
    core.stop_search(&connection, turn)
}

#[tauri::command]
pub async fn read_search(core: Core<'_>, connection: String, text: String) -> Result<Highlights> {
    core.read_search(&connection, &text).await
}

#[tauri::command]
pub async fn complete_search(
    core: Core<'_>,
    connection: String,
    text: String,
    caret: usize,
) -> Result<Vec<Suggestion>> {
    core.complete_search(&connection, &text, caret).await
}

#[tauri::command]
pub async fn count_users(core: Core<'_>, connection: String, text: String, turn: u64) -> Result<Count> {
    core.count(&connection, &text, turn).await
}

#[tauri::command]
pub async fn widen_search(core: Core<'_>, connection: String, text: String, turn: u64) -> Result<Vec<Wider>> {
    core.widen(&connection, &text, turn).await
}

#[tauri::command]
pub async fn stop_count(core: Core<'_>, connection: String, turn: u64) -> Result<()> {
    core.stop_count(&connection, turn)
}

#[tauri::command]
pub async fn user_details(core: Core<'_>, connection: String, user: String) -> Result<UserDetails> {
    core.user_details(&connection, &user).await
}

#[tauri::command]
pub async fn recent_reasons(core: Core<'_>, connection: String) -> Result<Vec<String>> {
    core.recent_reasons(&connection).await
}

#[tauri::command]
pub async fn impersonate(
    core: Core<'_>,
    connection: String,
    user: String,
    reason: String,
    given: Map<String, Value>,
) -> Result<SessionView> {
    core.impersonate(&connection, &user, &reason, given).await
}

#[tauri::command]
pub async fn sign_in_form(
    core: Core<'_>,
    connection: String,
    user: String,
    change: Option<FormChange>,
) -> Result<SignInForm> {
    core.sign_in_form(&connection, &user, change.as_ref()).await
}

#[tauri::command]
pub async fn end_session(core: Core<'_>, session: String) -> Result<()> {
    core.end_session(&session, EndCause::Operator).await;
    Ok(())
}

#[tauri::command]
pub async fn extend_session(core: Core<'_>, session: String) -> Result<SessionView> {
    core.extend_session(&session).await
}

#[tauri::command]
pub async fn focus_session(core: Core<'_>, session: String) -> Result<()> {
    core.focus_session(&session).await
}

#[tauri::command]
pub async fn retry_session(core: Core<'_>, session: String) -> Result<()> {
    core.retry_session(&session)
}

#[tauri::command]
pub async fn secret_status(core: Core<'_>, connection: String) -> Result<Vec<SecretStatus>> {
    core.secret_status(&connection).await
}

#[tauri::command]
pub async fn store_secret(
    core: Core<'_>,
    connection: String,
    name: String,
    value: SecretString,
    this_run_only: bool,
) -> Result<()> {
    let keep = if this_run_only { Keep::ThisRun } else { Keep::Stored };
    core.store_secret(&connection, &name, value, keep).await
}

#[tauri::command]
pub async fn use_secrets_there(core: Core<'_>, moved: Moved) -> Result<()> {
    core.use_secrets_there(&moved).await
}

#[tauri::command]
pub async fn forget_secret(core: Core<'_>, connection: String, name: String) -> Result<bool> {
    core.forget_secret(&connection, &name).await
}

#[tauri::command]
pub async fn unlock_keyring(core: Core<'_>) -> Result<()> {
    core.unlock_keyring().await
}

#[tauri::command]
pub async fn start_demo(core: Core<'_>, demo: State<'_, RunningDemo>) -> Result<ConnectionSummary> {
    demo.start(&core).await
}

#[tauri::command]
pub async fn read_connection(core: Core<'_>, connection: String) -> Result<ConnectionDraft> {
    core.draft(&connection)
}

#[tauri::command]
pub async fn read_connection_file(path: PathBuf) -> Result<ConnectionDraft> {
    Connections::draft_file(&path)
}

#[tauri::command]
pub async fn draft_text(file: ConnectionFile, text: Option<String>) -> Result<String> {
    understudy_core::connection::write_into(text.as_deref(), &file)
}

#[tauri::command]
pub async fn parse_draft(text: String) -> Result<ConnectionFile> {
    understudy_core::connection::read_file("connection", &text)
}

#[tauri::command]
pub async fn check_connection(
    core: Core<'_>,
    connection: Option<String>,
    text: String,
    secrets: Typed,
) -> Result<Report> {
    let mut report = core.check_connection(connection.as_deref(), &text, secrets).await?;
    let tried = tauri::async_runtime::spawn_blocking(move || {
        check_sandbox(&mut report);
        report
    });
    tried.await.map_err(Error::internal)
}

#[tauri::command]
pub async fn try_sign_in(
    core: Core<'_>,
    connection: Option<String>,
    text: String,
    user: String,
    secrets: Typed,
    turn: u64,
) -> Result<Rehearsal> {
    core.try_sign_in(connection.as_deref(), &text, &user, secrets, turn).await
}

#[tauri::command]
pub async fn stop_trial(core: Core<'_>, turn: u64) -> Result<()> {
    core.stop_trial(turn)
}

#[tauri::command]
pub async fn sign_in_presets() -> Result<Vec<Preset>> {
    Ok(understudy_core::connection::presets().to_vec())
}

#[tauri::command]
pub async fn survey_directory(
    core: Core<'_>,
    connection: Option<String>,
    directory: DirectoryConfig,
    secrets: Typed,
    turn: u64,
) -> Result<DiscoveredTables> {
    core.discover_tables(connection.as_deref(), &directory.with_plain_scheme(), &secrets, turn).await
}

#[tauri::command]
pub async fn preview_directory(
    core: Core<'_>,
    connection: Option<String>,
    directory: DirectoryConfig,
    secrets: Typed,
    turn: u64,
) -> Result<Preview> {
    core.preview(connection.as_deref(), &directory.with_plain_scheme(), &secrets, turn).await
}

#[tauri::command]
pub async fn stop_looking(core: Core<'_>, turn: u64) -> Result<()> {
    core.stop_looking(turn)
}

#[tauri::command]
pub async fn save_connection(
    core: Core<'_>,
    connection: Option<String>,
    text: String,
) -> Result<ConnectionSummary> {
    core.save_connection(connection.as_deref(), &text).await
}

#[tauri::command]
pub async fn remove_connection(core: Core<'_>, connection: String, forget_secrets: bool) -> Result<()> {
    core.remove_connection(&connection, forget_secrets).await
}

#[tauri::command]
pub async fn duplicate_connection(core: Core<'_>, connection: String) -> Result<ConnectionSummary> {
    core.duplicate_connection(&connection)
}

#[tauri::command]
pub async fn export_connection(core: Core<'_>, connection: String, path: PathBuf) -> Result<()> {
    core.export_connection(&connection, &path)
}

#[tauri::command]
pub async fn order_connections(core: Core<'_>, order: Vec<String>) -> Result<()> {
    core.order_connections(order)
}

#[tauri::command]
pub async fn save_settings(app: AppHandle, core: Core<'_>, settings: Settings) -> Result<Settings> {
    let before = core.settings();
    apply_settings(&app, Some(&before), &settings)?;
    // What cannot be saved does not count either.
    core.save_settings(settings.clone()).inspect_err(|_| {
        let _ = apply_settings(&app, Some(&settings), &before);
    })
}

/// As closing the console's window does.
#[tauri::command]
pub async fn leave(app: AppHandle) -> Result<()> {
    leaving::leave(&app);
    Ok(())
}

/// What the agent says to the question whether to quit.
#[tauri::command]
pub async fn answer_leave(app: AppHandle, answer: LeaveAnswer) -> Result<()> {
    leaving::answer(&app, answer);
    Ok(())
}

#[tauri::command]
pub async fn bar_state(
    core: Core<'_>,
    windows: State<'_, Arc<SessionWindows>>,
    webview: Webview,
) -> Result<BarState> {
    let session = core.session(session_of_bar(webview.label()).unwrap_or_default())?;
    windows.bar_state(session).await
}

#[tauri::command]
pub async fn bar_act(
    windows: State<'_, Arc<SessionWindows>>,
    webview: Webview,
    action: BarAction,
) -> Result<()> {
    windows.act(session_of_bar(webview.label()).unwrap_or_default(), action).await
}
