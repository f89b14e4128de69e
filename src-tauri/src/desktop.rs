//! The composition root: connects the core, the session windows and the console's window, and shuts them down.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use tauri::utils::config::AppDirectoriesOverride;
use tauri::{
    AppHandle, Emitter, Manager, RunEvent, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use tauri_plugin_dialog::{DialogExt, MessageDialogKind};
use tauri_plugin_global_shortcut::ShortcutState;
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::notice::{Notices, Toast};
use understudy_core::sanitize;
use understudy_core::vault::Vault;

use crate::CONSOLE;
use crate::commands::handle_commands;
use crate::crash_recovery::{reload_on_crash, watch_network};
use crate::demo::RunningDemo;
use crate::events::{pass_on, run_session_commands};
use crate::evidence::EvidenceDesk;
use crate::links::{EarlyLinks, find_link, open_early_links, open_link};
use crate::quick_window::{QUICK, QuickWindow, answer_shortcut};
use crate::quit::{
    Leaving, WINDOW_STATE, bring_console_to_front, close_console, quit_app, remembered_while_shown,
};
use crate::session_window::{self, SessionWindows};
use crate::settings::apply_first_settings;
use crate::signals::{self, Signals};
use crate::succession::Predecessor;
use crate::tray_icon::{TrayMenu, answer_tray_menu};
#[cfg(windows)]
use crate::windows_start::has_webview as windows_can_open;

/// How the console starts.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    pub demo: bool,
    /// A link to a customer, as it came; the console says so if it can't be read.
    pub link: Option<String>,
}

fn start_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Runtime::new()?;
    let entered = runtime.enter();
    signals::outlive_full_files()?;
    drop(entered);
    Ok(runtime)
}

/// Opens the console and returns when it is closed.
pub fn run_desktop(start: StartOptions) -> Result<ExitCode> {
    log_to_stderr();
    #[cfg(windows)]
    let is_read = crate::windows_start::leave_own_terminal();
    let outcome = stay_open(start);
    #[cfg(windows)]
    if let Some(error) = outcome.as_ref().err().filter(|_| !is_read) {
        crate::windows_start::show_start_error(error);
    }
    outcome
}

fn stay_open(StartOptions { demo, link }: StartOptions) -> Result<ExitCode> {
    let home = Home::locate()?;
    windows_can_open()?;
    let runtime = start_runtime().map_err(|cause| Error::out_of_resources("start", cause))?;
    tauri::async_runtime::set(runtime.handle().clone());
    let mut context = tauri::generate_context!();
    // Tauri names its folders by its identifier and does not know about a moved home.
    context.config_mut().app.app_directories_override =
        Some(AppDirectoriesOverride::Root(home.windows_dir()?));
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            let app = app.clone();
            tauri::async_runtime::spawn(async move { answer_second_start(&app, &arguments).await });
        }))
        .plugin(
            tauri_plugin_window_state::Builder::default()
                .with_state_flags(WINDOW_STATE)
                .map_label(remembered_while_shown)
                // A session's window restores its size itself, without its position.
                .skip_initial_state(session_window::REMEMBERED)
                // The windows that its pages open have the sizes that those ask for, and the quick window has its own.
                .with_denylist(&[session_window::FORGOTTEN, QUICK])
                .build(),
        )
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(
            tauri_plugin_global_shortcut::Builder::new()
                .with_handler(|app, _, event| {
                    if event.state() == ShortcutState::Pressed {
                        answer_shortcut(app);
                    }
                })
                .build(),
        )
        .on_menu_event(|app, event| answer_tray_menu(app, event.id().as_ref()))
        .invoke_handler(handle_commands)
        .manage(Leaving::default())
        .manage(RunningDemo::default())
        .manage(EvidenceDesk::default())
        .manage(QuickWindow::default())
        .manage(TrayMenu::default())
        .manage(EarlyLinks::new(link))
        .setup(move |app| {
            #[cfg(target_os = "linux")]
            crate::session_bus::outlive_session_bus();
            open_in_turn(app.handle(), home, demo);
            Ok(())
        })
        .build(context)
        .map_err(|cause| {
            Error::new(Code::WindowFailed, format!("Understudy can't open its window: {cause}")).with_hint(
                "It needs a graphical desktop. `understudy --help` lists the commands that work without one.",
            )
        })?;
    app.run(|app, event| match event {
        // Elsewhere, a link is an argument.
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => urls.iter().for_each(|link| open_link(app, link.as_str())),
        RunEvent::ExitRequested { api, .. } if !app.state::<Leaving>().is_quitting() => {
            api.prevent_exit();
            close_console(app);
        }
        _ => {}
    });
    Ok(ExitCode::SUCCESS)
}

/// Checked here, because the windowing library panics without a display.
#[cfg(target_os = "linux")]
fn windows_can_open() -> Result<()> {
    // GTK refuses both a missing variable and one that leads nowhere.
    gtk::init().map_err(|_| {
        let named = ["WAYLAND_DISPLAY", "DISPLAY"].map(|name| {
            let value = std::env::var(name).unwrap_or_default();
            if value.is_empty() { format!("{name} is not set") } else { format!("{name} is {value}") }
        });
        Error::new(
            Code::WindowFailed,
            format!("Understudy can't open its window: no display answers ({}).", named.join(", ")),
        )
        .with_hint(
            "It needs a graphical desktop. `understudy --help` lists the commands that work without one.",
        )
    })
}

#[cfg(target_os = "macos")]
#[allow(clippy::unnecessary_wraps, reason = "as on the other systems")]
fn windows_can_open() -> Result<()> {
    Ok(())
}

/// Opens the console once its predecessor has ended.
fn open_in_turn(app: &AppHandle, home: Home, demo: bool) {
    let open = move |app: &AppHandle| {
        if let Err(error) = set_up(app, home, demo) {
            exit_with_error(app, &error);
        }
    };
    // If the home is unusable, whatever uses it reports that.
    let file = Home::locate().and_then(|home| home.quitting_file());
    let Some(predecessor) = file.ok().and_then(|file| Predecessor::find(&file)) else { return open(app) };
    Predecessor::announce_waiting(app);
    let app = app.clone();
    // On a thread, because the main loop must run to show the notification.
    std::thread::spawn(move || {
        predecessor.wait_for_end();
        let handle = app.clone();
        let _ = app.run_on_main_thread(move || open(&handle));
    });
}

fn set_up(app: &AppHandle, home: Home, demo: bool) -> Result<()> {
    let notices = Notices::default();
    let listening = notices.subscribe();
    let (windows, commands) = SessionWindows::new(app.clone());
    // The window's processes start while the console opens. What its page asks is heard only after this has returned.
    let window = open_window(app)?;
    let console = tauri::async_runtime::block_on(async {
        let console = Console::open(home, Vault::system(), windows.clone(), notices, Clock::system()).await?;
        if demo {
            app.state::<RunningDemo>().start(&console).await?;
        }
        Ok::<_, Error>(console)
    })?;
    app.manage(windows);
    app.manage(Arc::clone(&console));
    open_early_links(app, &console);
    let settings = console.settings();
    for error in apply_first_settings(app, &settings) {
        tracing::warn!("{error:#}");
        // There is no window yet to show it in.
        console.queue_toast(Toast::from_error(&error));
    }
    tauri::async_runtime::spawn(pass_on(app.clone(), listening));
    tauri::async_runtime::spawn(run_session_commands(app.clone(), Arc::clone(&console), commands));
    tauri::async_runtime::spawn(Arc::clone(&console).deliver_messages());
    tauri::async_runtime::spawn(quit_on_signal(app.clone()));
    reload_on_crash(&window);
    watch_network(&window);
    let handle = app.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { api, .. } => {
            api.prevent_close();
            close_console(&handle);
        }
        // While the console was in the background, connection files may have been edited or added.
        WindowEvent::Focused(true) => {
            let console = Arc::clone(&console);
            tauri::async_runtime::spawn_blocking(move || console.load_connections());
        }
        _ => {}
    });
    window.show().and_then(|()| window.set_focus()).map_err(window_error)
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn window_error(cause: tauri::Error) -> Error {
    Error::new(Code::WindowFailed, format!("Understudy can't open its window: {cause}"))
}

fn open_window(app: &AppHandle) -> Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, CONSOLE, WebviewUrl::App("index.html".into()))
        .title("Understudy")
        .inner_size(1280.0, 800.0)
        .min_inner_size(560.0, 360.0)
        // Shown once there is a console: opening it may take a while, and may fail.
        .visible(false)
        .build()
        .map_err(window_error)
}

/// The console cannot open, so the error goes to a native dialog and to stderr.
fn exit_with_error(app: &AppHandle, error: &Error) {
    // There is nothing to end yet.
    app.state::<Leaving>().needs_no_end();
    let _ = writeln!(std::io::stderr(), "understudy: {}", sanitize::sanitize_lines(&error.to_string()));
    let leaving = app.clone();
    app.dialog()
        .message(error.to_string())
        .title("Understudy can't start")
        .kind(MessageDialogKind::Error)
        .show(move |_| leaving.exit(1));
}

async fn quit_on_signal(app: AppHandle) {
    let Ok(mut signals) = Signals::listen() else { return };
    signals.next().await;
    quit_app(&app);
}

/// Handles another start of `understudy`, in the running one.
async fn answer_second_start(app: &AppHandle, arguments: &[String]) {
    if let Some(link) = find_link(arguments) {
        return open_link(app, link);
    }
    // Without a console, this start has failed and says so itself.
    let Some(console) = app.try_state::<Arc<Console>>() else { return };
    if arguments.iter().any(|argument| argument == "demo")
        && let Err(error) = app.state::<RunningDemo>().start(&console).await
    {
        let _ = app.emit_to(CONSOLE, "toast", Toast::from_error(&error));
    }
    if arguments.iter().any(|argument| argument == "--search") {
        return answer_shortcut(app);
    }
    bring_console_to_front(app);
}

fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("UNDERSTUDY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // It logs the cookies that it keeps.
    let filter = filter.add_directive("cookie_store=off".parse().expect("a directive"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
