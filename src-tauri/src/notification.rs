//! Desktop notifications for the agent while they look at something else: a session is about to end, a colleague asks for
//! approval or goes on without it, or why a start opens nothing yet.
//!
//! Lock screens show notifications, so they say where, but never whom or why. Without a notification service they are
//! silently dropped: the bar and the console say the same.

use tauri::{AppHandle, Manager, UserAttentionType};
use understudy_core::colleagues::ApprovalRequest;
use understudy_core::sanitize;
use understudy_core::session::SessionView;

use crate::CONSOLE;
use crate::session_window::bar_label;

/// Announces that `session` is about to end; `now` is in milliseconds since the epoch.
pub fn ends_soon(app: &AppHandle, session: &SessionView, now: i64) {
    if let Some(window) = app.get_webview_window(&bar_label(&session.id)) {
        let _ = window.request_user_attention(Some(UserAttentionType::Informational));
    }
    let (title, text) = describe_ending(session, now);
    show_notification(app, title, text);
}

/// Announces that a colleague asks for approval.
pub fn approval_asked(app: &AppHandle, request: &ApprovalRequest) {
    if let Some(window) = app.get_webview_window(CONSOLE) {
        let _ = window.request_user_attention(Some(UserAttentionType::Informational));
    }
    let connection = sanitize::sanitize_line(&request.connection_name, 40);
    show_notification(
        app,
        format!("A colleague asks for approval: {connection}"),
        "Approve or decline it in Understudy within 10 minutes.".into(),
    );
}

/// Announces that so many sessions have begun without the approval that they need.
pub fn glass_broken(app: &AppHandle, sessions: usize) {
    if let Some(window) = app.get_webview_window(CONSOLE) {
        let _ = window.request_user_attention(Some(UserAttentionType::Critical));
    }
    let (title, text) = describe_broken_glass(sessions);
    show_notification(app, title, text.into());
}

/// The title and the text.
fn describe_broken_glass(sessions: usize) -> (String, &'static str) {
    let title = match sessions {
        1 => "A colleague has signed in without approval".into(),
        sessions => format!("Colleagues have begun {sessions} sessions without approval"),
    };
    (title, "Understudy says who, as whom and why.")
}

/// Shows a notification.
pub fn show_notification(app: &AppHandle, title: String, text: String) {
    let told = app.run_on_main_thread(move || send_notification(&title, &text));
    if let Err(error) = told {
        tracing::debug!("a notification: {error}");
    }
}

/// The title and the text.
fn describe_ending(session: &SessionView, now: i64) -> (String, String) {
    let seconds = session.deadline.map_or(0, |deadline| (deadline - now).max(0) / 1000);
    let left = match (seconds + 30) / 60 {
        _ if seconds < 55 => format!("{seconds} seconds"),
        1 => "1 minute".into(),
        minutes => format!("{minutes} minutes"),
    };
    let place = format!(
        "{} · {}",
        sanitize::sanitize_line(&session.connection_name, 60),
        session.environment.as_str()
    );
    let next = if session.extensions_left > 0 {
        "You can extend it in its window."
    } else {
        "It can't be extended again."
    };
    (format!("A session ends in {left}"), format!("{place}. {next}"))
}

/// Sends it to the desktop's notification service (Desktop Notifications Specification, over D-Bus). Main thread only.
#[cfg(target_os = "linux")]
fn send_notification(title: &str, text: &str) {
    use std::collections::HashMap;

    use glib::Variant;
    use glib::prelude::ToVariant;
    use gtk::gio;

    const SERVICE: &str = "org.freedesktop.Notifications";
    const PATH: &str = "/org/freedesktop/Notifications";
    /// In milliseconds; a slower service counts as absent.
    const LIMIT: i32 = 5000;

    // Without an address, the library would start a bus of its own.
    if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return;
    }
    // From Understudy, replacing none, without icon, buttons or hints, for the desktop's default time.
    let (buttons, hints) = (Vec::<String>::new(), HashMap::<String, Variant>::new());
    let message = ("Understudy", 0_u32, "", title, text, buttons, hints, -1_i32).to_variant();
    gio::bus_get(gio::BusType::Session, gio::Cancellable::NONE, move |bus| {
        let Ok(bus) = bus else { return };
        bus.call(
            Some(SERVICE),
            PATH,
            SERVICE,
            "Notify",
            Some(&message),
            None,
            gio::DBusCallFlags::NONE,
            LIMIT,
            gio::Cancellable::NONE,
            |answer| {
                if let Err(error) = answer {
                    tracing::debug!("no notification: {error}");
                }
            },
        );
    });
}

/// Elsewhere, the dock or taskbar has already asked for attention.
#[cfg(not(target_os = "linux"))]
fn send_notification(_title: &str, _text: &str) {}

#[cfg(test)]
mod tests {
    use understudy_core::access::{SessionMode, UnlockRule};
    use understudy_core::connection::Environment;
    use understudy_core::session::{Phase, UserLabel};

    use super::*;

    #[test]
    fn a_locked_screen_shows_where_and_not_whom() {
        let session = |left_ms: i64, extensions_left| SessionView {
            id: "s1".into(),
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user: UserLabel {
                id: "49852393".into(),
                name: Some("Anna Hoffmann".into()),
                email: Some("anna@lindenhof.example".into()),
                company: Some("Lindenhof".into()),
            },
            reason: "a private matter".into(),
            ticket: String::new(),
            ticket_origin: None,
            phase: Phase::Active,
            started_at: 0,
            active_at: Some(0),
            deadline: Some(1_000 + left_ms),
            extensions_left,
            refused_secrets: Vec::new(),
            mode: SessionMode::Full,
            may_unlock: UnlockRule::Always,
        };
        let said = |left_ms, extensions| describe_ending(&session(left_ms, extensions), 1_000);
        assert_eq!(
            said(120_000, 2),
            (
                "A session ends in 2 minutes".into(),
                "Acme · production. You can extend it in its window.".into()
            )
        );
        assert_eq!(said(119_400, 0).0, "A session ends in 2 minutes");
        assert_eq!(said(119_400, 0).1, "Acme · production. It can't be extended again.");
        assert_eq!(said(60_000, 0).0, "A session ends in 1 minute");
        assert_eq!(said(30_000, 0).0, "A session ends in 30 seconds");
        assert_eq!(said(-5, 0).0, "A session ends in 0 seconds");
    }
}
