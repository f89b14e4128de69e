//! The quick window: a small search field over the work at hand. The global shortcut opens it if the settings say so, and
//! what is chosen in it opens in the console.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindowBuilder, WindowEvent};
use ts_rs::TS;
use understudy_core::connection::ConnectionSummary;
use understudy_core::console::Console;
use understudy_core::session::SessionView;
use understudy_core::settings::Theme;

use crate::CONSOLE;
use crate::quit::{bring_console_to_front, bring_to_front};
use crate::session_window::share_process;

/// The label of the quick window.
pub const QUICK: &str = "quick";

/// In logical pixels: the field, five users, and the keys. `ui/src/quick` is laid out for it.
const SIZE: (f64, f64) = (620.0, 300.0);

/// What the quick window needs when it opens.
#[derive(Debug, Serialize, TS)]
#[ts(export)]
pub struct QuickState {
    connections: Vec<ConnectionSummary>,
    /// The IDs of these and of unusable files, in the rail's order.
    order: Vec<String>,
    sessions: Vec<SessionView>,
    theme: Theme,
}

impl QuickState {
    pub fn of(console: &Console) -> Self {
        let list = console.connection_list();
        Self {
            connections: list.connections,
            order: list.order,
            sessions: console.sessions(),
            theme: console.settings().theme,
        }
    }
}

/// What was chosen in the quick window.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct QuickChoice {
    connection: String,
    /// What was searched for; empty for a recent user.
    text: String,
    /// `None`: the console searches for the text.
    user: Option<String>,
    /// Open the sign-in dialog instead of the details.
    sign_in: bool,
}

/// Answers the global shortcut: with the quick window, or with the console if that is wanted, or if the quick window is
/// open already, or useless without a connection.
pub fn answer_shortcut(app: &AppHandle) {
    let wanted = app.try_state::<Arc<Console>>().is_some_and(|console| {
        console.settings().quick_window && !console.connection_list().connections.is_empty()
    });
    if !wanted || close_quick_window(app) {
        return bring_console_to_front(app);
    }
    let opening = app.clone();
    // Not in the shortcut's own event: on Windows, a window can't be created there.
    tauri::async_runtime::spawn(async move {
        let app = opening.clone();
        let _ = opening.run_on_main_thread(move || {
            if let Err(cause) = open_quick_window(&app) {
                tracing::warn!("the quick window can't be opened: {cause}");
                bring_console_to_front(&app);
            }
        });
    });
}

fn open_quick_window(app: &AppHandle) -> tauri::Result<()> {
    let builder = WebviewWindowBuilder::new(app, QUICK, WebviewUrl::App("quick.html".into()))
        .title("Quick search — Understudy")
        .inner_size(SIZE.0, SIZE.1)
        .center()
        .resizable(false)
        .maximizable(false)
        .minimizable(false)
        .decorations(false)
        .always_on_top(true)
        .skip_taskbar(true)
        .focused(true)
        // Shown once it has its page: an empty window would flash.
        .visible(false)
        .on_page_load(|window, page| {
            if page.event() == PageLoadEvent::Finished {
                let _ = window.show();
                let _ = window.set_focus();
            }
        });
    let builder = match app.get_webview_window(CONSOLE) {
        Some(console) => share_process(builder, &console),
        None => builder,
    };
    let window = builder.build()?;
    let handle = app.clone();
    let had_focus = AtomicBool::new(false);
    window.on_window_event(move |event| match event {
        WindowEvent::Focused(true) => had_focus.store(true, Ordering::SeqCst),
        WindowEvent::Focused(false) if had_focus.load(Ordering::SeqCst) => {
            close_quick_window(&handle);
        }
        _ => {}
    });
    Ok(())
}

/// Whether it was open.
pub fn close_quick_window(app: &AppHandle) -> bool {
    app.get_webview_window(QUICK).is_some_and(|window| window.close().is_ok())
}

/// Shows in the console what was chosen.
pub fn take_quick_choice(app: &AppHandle, choice: QuickChoice) {
    if let Some(window) = app.get_webview_window(CONSOLE) {
        bring_to_front(&window);
        let _ = app.emit_to(CONSOLE, "quick_choice", choice);
    }
    close_quick_window(app);
}
