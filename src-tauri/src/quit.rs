//! What closing the console's window does while sessions run: ask, hide the window, or end everything. Its button, a
//! key, a menu and the taskbar all go through [`close_console`], and the tray icon's *Quit* through [`ask_to_quit`]; a
//! signal quits without asking.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use tauri::{AppHandle, Emitter, Manager, WebviewWindow};
use tauri_plugin_dialog::{DialogExt, MessageDialogButtons, MessageDialogKind};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};
use tokio::sync::Notify;
use ts_rs::TS;
use understudy_core::console::Console;
use understudy_core::home::Home;
use understudy_core::session::{Phase, SessionView};
use understudy_core::settings::WhenClosed;

use crate::CONSOLE;
use crate::session_window::remembered_as;
use crate::succession::Quitting;

/// How long the console's page has to confirm that it shows the question. If it doesn't, its process is gone or busy,
/// and a native dialog asks.
const PAGE_LIMIT: Duration = Duration::from_millis(1500);

/// What is restored of the console's window.
pub const WINDOW_STATE: StateFlags =
    StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);

/// Whether the console's window is hidden.
static OUT_OF_SIGHT: AtomicBool = AtomicBool::new(false);

/// The state of leaving.
#[derive(Default)]
pub struct Leaving {
    /// The end has begun; it must not begin twice.
    quitting: AtomicBool,
    /// Makes new starts wait for the end of this process.
    succession: OnceLock<Quitting>,
    /// The window was hidden, and comes back when the last session has ended.
    hidden: AtomicBool,
    /// A question is on the screen.
    asking: AtomicBool,
    /// Notified when the console's page shows the question.
    shown: Notify,
}

impl Leaving {
    /// There is nothing to end: exiting just exits.
    pub fn needs_no_end(&self) {
        self.quitting.store(true, Ordering::SeqCst);
    }

    pub fn is_quitting(&self) -> bool {
        self.quitting.load(Ordering::SeqCst)
    }
}

/// The console page's answer to the question whether to quit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum LeaveAnswer {
    /// The question is on the screen.
    Shown,
    /// Keep working.
    Stay,
    /// End all sessions and quit.
    Quit,
}

/// Handles a request to close the console's window.
pub fn close_console(app: &AppHandle) {
    match when_closed_now(app) {
        Some(WhenClosed::Hide) => hide_console(app),
        _ => ask_to_quit(app),
    }
}

/// Handles a request to quit. The console is not hidden instead, whatever the settings say about its window.
pub fn ask_to_quit(app: &AppHandle) {
    match when_closed_now(app) {
        Some(WhenClosed::Ask | WhenClosed::Hide) => ask_before_quitting(app),
        Some(WhenClosed::Quit) | None => quit_app(app),
    }
}

/// What the settings say about the running sessions; `None` if none runs.
fn when_closed_now(app: &AppHandle) -> Option<WhenClosed> {
    // Without a console, starting has failed, and there is nothing to ask about.
    let console = app.try_state::<Arc<Console>>()?;
    console.sessions().iter().any(is_running).then(|| console.settings().when_closed)
}

/// Sessions that are already ending do not count.
pub fn is_running(session: &SessionView) -> bool {
    session.phase != Phase::Ending
}

fn hide_console(app: &AppHandle) {
    app.state::<Leaving>().hidden.store(true, Ordering::SeqCst);
    hide_window(app);
}

/// Hides the console's window and saves its size and position first.
fn hide_window(app: &AppHandle) {
    let putting = app.clone();
    // On the main thread: the plugin queries windows while holding a lock that their events need.
    let put = app.run_on_main_thread(move || {
        let Some(window) = putting.get_webview_window(CONSOLE) else { return };
        if !OUT_OF_SIGHT.load(Ordering::SeqCst) {
            if let Err(cause) = putting.save_window_state(WINDOW_STATE) {
                tracing::info!("the window's size is not remembered: {cause}");
            }
            OUT_OF_SIGHT.store(true, Ordering::SeqCst);
        }
        let _ = window.hide();
    });
    if let Err(cause) = put {
        tracing::info!("the console's window stays: {cause}");
    }
}

/// The name under which a window's size is saved. While the console is hidden, that is another name, because a hidden
/// window is not maximised and would not be the next time.
pub fn remembered_while_shown(label: &str) -> &str {
    if label == CONSOLE && OUT_OF_SIGHT.load(Ordering::SeqCst) {
        "out of sight"
    } else {
        remembered_as(label)
    }
}

fn ask_before_quitting(app: &AppHandle) {
    let Some(window) = app.get_webview_window(CONSOLE) else { return ask_natively(app) };
    // It may have been closed from the taskbar, and be out of view.
    bring_to_front(&window);
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let leaving = app.state::<Leaving>();
        let shown = leaving.shown.notified();
        let _ = app.emit_to(CONSOLE, "leave_asked", ());
        if tokio::time::timeout(PAGE_LIMIT, shown).await.is_err() {
            ask_natively(&app);
        }
    });
}

/// Asks the same question in a native dialog, because the console's page can't.
fn ask_natively(app: &AppHandle) {
    if app.state::<Leaving>().asking.swap(true, Ordering::SeqCst) {
        return;
    }
    let running = app.state::<Arc<Console>>().sessions().into_iter().filter(is_running).count();
    let question = match running {
        1 => "1 session is running. End it and quit?".into(),
        running => format!("{running} sessions are running. End them and quit?"),
    };
    let asked = app.clone();
    app.dialog()
        .message(question)
        .title("Quit Understudy?")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancelCustom("End and quit".into(), "Keep working".into()))
        .show(move |ends| {
            asked.state::<Leaving>().asking.store(false, Ordering::SeqCst);
            if ends {
                quit_app(&asked);
            }
        });
}

/// Handles what the console's page reports: it shows the question, or has its answer.
pub fn receive_answer(app: &AppHandle, answer: LeaveAnswer) {
    match answer {
        LeaveAnswer::Shown => app.state::<Leaving>().shown.notify_waiters(),
        LeaveAnswer::Stay => {}
        LeaveAnswer::Quit => quit_app(app),
    }
}

/// Ends all sessions, then the process. The console's window is hidden first, so that no one has to watch it wait.
pub fn quit_app(app: &AppHandle) {
    let leaving = app.state::<Leaving>();
    if leaving.quitting.swap(true, Ordering::SeqCst) {
        return;
    }
    let quitting = Home::locate().and_then(|home| home.quitting_file());
    match quitting.map(|file| Quitting::begin(&file)) {
        Ok(Ok(quitting)) => drop(leaving.succession.set(quitting)),
        Ok(Err(cause)) => tracing::warn!("a new start will not wait for this one's end: {cause}"),
        Err(error) => tracing::warn!("a new start will not wait for this one's end: {error}"),
    }
    // Hidden, not closed: closing the last window would end the process.
    hide_window(app);
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        // From now on, a start handed over to this process would open nothing.
        let single = app.clone();
        let not_single =
            tauri::async_runtime::spawn_blocking(move || tauri_plugin_single_instance::destroy(&single));
        if let Some(console) = app.try_state::<Arc<Console>>() {
            console.shut_down().await;
        }
        let _ = not_single.await;
        app.exit(0);
    });
}

/// Shows a console that was hidden for its sessions when none are left.
pub fn reopen_if_idle(app: &AppHandle, sessions: &[SessionView]) {
    let leaving = app.state::<Leaving>();
    if sessions.is_empty() && !leaving.is_quitting() && leaving.hidden.swap(false, Ordering::SeqCst) {
        bring_console_to_front(app);
    }
}

/// Brings the console to the front with the search focused.
pub fn bring_console_to_front(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(CONSOLE) {
        bring_to_front(&window);
        let _ = app.emit_to(CONSOLE, "focus_search", ());
    }
}

/// Brings the console's window to the front, wherever it is.
pub fn bring_to_front(window: &WebviewWindow) {
    window.state::<Leaving>().hidden.store(false, Ordering::SeqCst);
    let _ = window.unminimize();
    let _ = window.show();
    OUT_OF_SIGHT.store(false, Ordering::SeqCst);
    let _ = window.set_focus();
}
