//! The quick window: a small search field over the work at hand. The global shortcut opens it if the settings say so, and
//! what is chosen in it opens in the console.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
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

/// How long the focus may be away. On X11, a global shortcut takes it for as long as its keys are held, and it must still
/// find the window open.
const GRAB: Duration = Duration::from_millis(300);

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

/// What follows once the quick window is gone. Not before: window managers give the focus of a window that closes to the
/// one that had it before.
enum Next {
    Console,
    Choice(QuickChoice),
    /// It was asked for again while it closed.
    QuickWindow,
}

/// Whether there is a quick window. Not what Tauri lists: a window that closes is listed for a while after it is gone from
/// the screen.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Closed,
    Open,
    Closing,
}

#[derive(Default)]
struct QuickWindowState {
    phase: Phase,
    next: Option<Next>,
    /// How many there have been: what was heard of an earlier one is not about this one.
    number: u64,
}

#[derive(Default)]
pub struct QuickWindow(Mutex<QuickWindowState>);

/// Answers the global shortcut: with the quick window, or with the console if that is wanted, or if the quick window is
/// open already, or useless without a connection.
pub fn answer_shortcut(app: &AppHandle) {
    let wanted = app.try_state::<Arc<Console>>().is_some_and(|console| {
        console.settings().quick_window && !console.connection_list().connections.is_empty()
    });
    if !wanted {
        return bring_console_to_front(app);
    }
    if app.state::<QuickWindow>().0.lock().phase == Phase::Open {
        return close_for(app, Next::Console);
    }
    show_quick_window(app);
}

/// Opens the quick window; one that is open gets the focus, and one that closes is followed by another.
pub fn show_quick_window(app: &AppHandle) {
    let state = app.state::<QuickWindow>();
    let mut now = state.0.lock();
    match now.phase {
        Phase::Open => {
            if let Some(window) = app.get_webview_window(QUICK) {
                let _ = window.set_focus();
            }
            return;
        }
        Phase::Closing => {
            // The latest wish counts, but nothing that was chosen is lost.
            if !matches!(now.next, Some(Next::Choice(_))) {
                now.next = Some(Next::QuickWindow);
            }
            return;
        }
        Phase::Closed => {
            now.phase = Phase::Open;
            now.number += 1;
        }
    }
    drop(now);
    let opening = app.clone();
    // Not in the shortcut's own event: on Windows, a window can't be created there.
    tauri::async_runtime::spawn(async move {
        let app = opening.clone();
        let _ = opening.run_on_main_thread(move || {
            if let Err(cause) = open_quick_window(&app) {
                tracing::warn!("the quick window can't be opened: {cause}");
                app.state::<QuickWindow>().0.lock().phase = Phase::Closed;
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
                let _ = window.show().and_then(|()| window.set_focus());
            }
        });
    let builder = match app.get_webview_window(CONSOLE) {
        Some(console) => share_process(builder, &console),
        None => builder,
    };
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    focus_once_mapped(&window)?;
    let handle = app.clone();
    let number = app.state::<QuickWindow>().0.lock().number;
    let had_focus = AtomicBool::new(false);
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { .. } => {
            handle.state::<QuickWindow>().0.lock().phase = Phase::Closing;
        }
        WindowEvent::Destroyed => go_on(&handle),
        WindowEvent::Focused(true) => had_focus.store(true, Ordering::SeqCst),
        WindowEvent::Focused(false) if had_focus.load(Ordering::SeqCst) => {
            let app = handle.clone();
            tauri::async_runtime::spawn(async move {
                tokio::time::sleep(GRAB).await;
                if app.state::<QuickWindow>().0.lock().number != number {
                    return;
                }
                let is_left = |window: &WebviewWindow| !window.is_focused().unwrap_or_default();
                if app.get_webview_window(QUICK).as_ref().is_some_and(is_left) {
                    close_quick_window(&app);
                }
            });
        }
        _ => {}
    });
    Ok(())
}

/// Gives it the keyboard. Before the window is on the screen, asking for that has no effect (tao 0.37), and the shortcut
/// was pressed in another window, so window managers would not give it by themselves.
#[cfg(target_os = "linux")]
fn focus_once_mapped(window: &WebviewWindow) -> tauri::Result<()> {
    use gtk::prelude::{GtkWindowExt, WidgetExtManual};
    window.gtk_window()?.connect_map_event(|window, _| {
        window.present();
        gtk::glib::Propagation::Proceed
    });
    Ok(())
}

pub fn close_quick_window(app: &AppHandle) {
    close_before(app, None);
}

/// Does nothing while the window is only being made, or closes already.
fn close_before(app: &AppHandle, next: Option<Next>) {
    let Some(window) = app.get_webview_window(QUICK) else { return };
    let state = app.state::<QuickWindow>();
    {
        let mut now = state.0.lock();
        if now.phase != Phase::Open {
            return;
        }
        now.phase = Phase::Closing;
        now.next = next;
    }
    if let Err(cause) = window.close() {
        tracing::warn!("the quick window can't be closed: {cause}");
        state.0.lock().phase = Phase::Open;
    }
}

/// Shows in the console what was chosen, after the quick window has closed.
pub fn take_quick_choice(app: &AppHandle, choice: QuickChoice) {
    close_for(app, Next::Choice(choice));
}

fn close_for(app: &AppHandle, next: Next) {
    close_before(app, Some(next));
}

fn go_on(app: &AppHandle) {
    let next = {
        let state = app.state::<QuickWindow>();
        let mut now = state.0.lock();
        now.phase = Phase::Closed;
        now.next.take()
    };
    match next {
        Some(Next::QuickWindow) => show_quick_window(app),
        Some(Next::Console) => bring_console_to_front(app),
        Some(Next::Choice(choice)) => {
            if let Some(window) = app.get_webview_window(CONSOLE) {
                bring_to_front(&window);
            }
            let _ = app.emit_to(CONSOLE, "quick_choice", choice);
        }
        None => {}
    }
}
