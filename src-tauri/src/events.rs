//! Passes events between the core and the windows: the core's notices become window events, and the operator's commands
//! in a session's window reach the core.

use std::sync::Arc;

use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_clipboard_manager::ClipboardExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc::UnboundedReceiver;
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::error::{Code, Error, Result};
use understudy_core::notice::{self, Notice, Toast};
use understudy_core::session_summary::SummaryText;

use crate::evidence::take_evidence;
use crate::quit::{bring_to_front, reopen_if_idle};
use crate::session_window::{
    AddressUse, BarAction, SessionCommand, SessionWindows, WindowTurn, emit_to_bars, open_in_browser,
    show_in_bar,
};
use crate::tray_icon::update_tray_menu;
use crate::{CONSOLE, notification};

/// Passes the core's notices on to the windows as events.
pub async fn pass_on(app: AppHandle, mut notices: Receiver<Notice>) {
    let console = Arc::clone(&app.state::<Arc<Console>>());
    let now = || console.current_notices();
    while let Some(heard) = notice::receive_notices(&mut notices, now).await {
        for told in heard {
            if let Err(error) = forward_notice(&app, told) {
                tracing::debug!("an event found no window: {error}");
            }
        }
    }
}

fn forward_notice(app: &AppHandle, told: Notice) -> tauri::Result<()> {
    match told {
        Notice::Sessions(sessions) => {
            for session in &sessions {
                emit_to_bars(app, &session.id, "bar_changed", ());
            }
            reopen_if_idle(app, &sessions);
            update_tray_menu(app, &sessions);
            app.emit_to(CONSOLE, "sessions", sessions)
        }
        Notice::SessionEndsSoon(session) => {
            let now = Clock::system().now_ms();
            notification::ends_soon(app, &session, now);
            emit_to_bars(app, &session.id, "session_ends_soon", &session);
            app.emit_to(CONSOLE, "session_ends_soon", session)
        }
        Notice::SessionAccess(session) => {
            focus_asking_bar(app, &session);
            emit_to_bars(app, &session, "bar_changed", ());
            app.emit_to(CONSOLE, "session_access", session)
        }
        Notice::SessionPassword(session) => {
            let question = app.state::<Arc<Console>>().password_question(&session);
            if let Ok(Some(question)) = question {
                focus_bar(app, &session, without_port(&question.host));
            }
            emit_to_bars(app, &session, "bar_changed", ());
            Ok(())
        }
        Notice::RenewSecret(session) => {
            if let Some(window) = app.get_webview_window(CONSOLE) {
                bring_to_front(&window);
            }
            app.emit_to(CONSOLE, "renew_secret", session)
        }
        Notice::SessionEnded(ended) => app.emit_to(CONSOLE, "session_ended", ended),
        Notice::CustomerLink(link) => app.emit_to(CONSOLE, "customer_link", link),
        Notice::Toast(toast) => app.emit_to(CONSOLE, "toast", toast),
        Notice::WaitingMessages(notes) => app.emit_to(CONSOLE, "waiting_messages", notes),
        Notice::Approvals(requests) => app.emit_to(CONSOLE, "approvals", requests),
        Notice::ApprovalAsked(request) => {
            notification::approval_asked(app, &request);
            Ok(())
        }
        Notice::GlassBroken(sessions) => {
            notification::glass_broken(app, sessions);
            Ok(())
        }
        Notice::Presence(presence) => app.emit_to(CONSOLE, "presence", presence),
        Notice::Connections(list) => app.emit_to(CONSOLE, "connections", list),
        Notice::DirectoryWaking(waking) => app.emit_to(CONSOLE, "directory_waking", waking),
        Notice::DirectoryChanged(connection) => app.emit_to(CONSOLE, "directory_changed", connection),
    }
}

/// An IPv6 address has colons of its own, in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// A bar that asks where a page may lead hears the keys: without the focus, Escape would go to the page.
fn focus_asking_bar(app: &AppHandle, session: &str) {
    if let Ok(Some(page)) = app.state::<Arc<Console>>().off_site_page(session) {
        focus_bar(app, session, &page.host);
    }
}

/// Gives the keys to the bar of the session's window at this host, or of its first.
fn focus_bar(app: &AppHandle, session: &str, host: &str) {
    let windows = Arc::clone(&app.state::<Arc<SessionWindows>>());
    let (session, host) = (session.to_owned(), host.to_owned());
    tauri::async_runtime::spawn(async move {
        let _ = windows.focus_bar(&session, &host).await;
    });
}

/// Does what the operator asked for in a session's window.
pub async fn run_session_commands(
    app: AppHandle,
    console: Arc<Console>,
    mut commands: UnboundedReceiver<SessionCommand>,
) {
    while let Some(command) = commands.recv().await {
        let (app, console) = (app.clone(), Arc::clone(&console));
        // Ending waits for the application's sign-out; the next command must not wait for that.
        tokio::spawn(async move {
            match command {
                SessionCommand::Extend(session) => {
                    if let Err(error) = console.extend_session(&session).await {
                        let _ = app.emit_to(CONSOLE, "toast", Toast::from_error(&error));
                    }
                }
                SessionCommand::UseAddress { session, window, how } => {
                    let toast = match use_address(&app, &console, &session, &window, how).await {
                        Ok(done) => Toast::success(done),
                        Err(error) => Toast::from_error(&error),
                    };
                    show_in_bar(&app, &window, &toast);
                }
                SessionCommand::CopySummary { session, window } => {
                    let toast = match copy_summary(&app, &console, &session).await {
                        Ok(()) => Toast::success("Summary copied"),
                        Err(error) => Toast::from_error(&error),
                    };
                    show_in_bar(&app, &window, &toast);
                }
                SessionCommand::SendSummary { session, window } => {
                    if let Err(error) = show_summary(&app, &console, &session) {
                        show_in_bar(&app, &window, &Toast::from_error(&error));
                    }
                }
                SessionCommand::Turn(from, turn) => {
                    if let Err(error) = turn_windows(&app, &console, from, turn).await {
                        tracing::debug!("{error:#}");
                    }
                }
                SessionCommand::OpenPalette => {
                    if let Some(window) = app.get_webview_window(CONSOLE) {
                        bring_to_front(&window);
                    }
                    let _ = app.emit_to(CONSOLE, "palette_asked", ());
                }
                SessionCommand::TakeEvidence { session, window } => {
                    if let Err(error) = take_evidence(&app, &console, &session, &window).await {
                        show_in_bar(&app, &window, &Toast::from_error(&error));
                    }
                }
                SessionCommand::Reload(window) => {
                    let _ =
                        app.state::<Arc<SessionWindows>>().run_bar_action(&window, BarAction::Reload).await;
                }
                SessionCommand::GoBack(window) => {
                    let _ = app.state::<Arc<SessionWindows>>().go_back(&window).await;
                }
                SessionCommand::End(session, cause) => console.end_session(&session, cause).await,
            }
        });
    }
}

/// Copies the address of a session's page, or opens it in the operator's own browser. Returns what happened, in words.
async fn use_address(
    app: &AppHandle,
    console: &Console,
    session: &str,
    window: &str,
    how: AddressUse,
) -> Result<&'static str> {
    let url = app.state::<Arc<SessionWindows>>().page_address(window).await?;
    if console.contains_secret(session, &url)? {
        let message = "This page's address contains a secret of the sign-in or a masked value, so it stays in the session.";
        return Err(Error::new(Code::PolicyRefused, message)
            .with_hint("Go to another page of the application, then try again."));
    }
    match how {
        AddressUse::Copy => {
            app.clipboard().write_text(url).map_err(Error::internal)?;
            Ok("Address copied")
        }
        AddressUse::OpenInBrowser => open_in_browser(&url).map(|()| "Opened in your browser, not signed in"),
    }
}

/// Copies what happened in a session, for its ticket: as HTML for editors that take it, as Markdown for the others.
pub async fn copy_summary(app: &AppHandle, console: &Console, session: &str) -> Result<()> {
    let SummaryText { markdown, html, .. } = console.copy_summary(session).await?;
    app.clipboard().write_html(html, Some(markdown)).map_err(Error::internal)
}

/// Shows in the console what a session's summary would put into its ticket.
fn show_summary(app: &AppHandle, console: &Console, session: &str) -> Result<()> {
    let prepared = console.prepare_summary(session)?;
    if let Some(window) = app.get_webview_window(CONSOLE) {
        bring_to_front(&window);
    }
    app.emit_to(CONSOLE, "summary_prepared", prepared).map_err(Error::internal)
}

/// Brings another of the running sessions' windows to the front.
pub async fn turn_windows(
    app: &AppHandle,
    console: &Console,
    from: Option<String>,
    turn: WindowTurn,
) -> Result<()> {
    let sessions = console.sessions().into_iter().map(|session| session.id).collect();
    app.state::<Arc<SessionWindows>>().turn_windows(from, turn, sessions).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_port_is_no_part_of_its_name() {
        for (host, name) in [
            ("intern.example", "intern.example"),
            ("intern.example:8080", "intern.example"),
            ("[::1]", "[::1]"),
            ("[::1]:8080", "[::1]"),
            ("127.0.0.1:8080", "127.0.0.1"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
