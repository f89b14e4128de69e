//! The icon in the desktop's tray, or in the menu bar of macOS, if the operator wants one. Its menu shows the console,
//! goes to a running session, and quits.

use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager};
use understudy_core::console::Console;
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::session::SessionView;

use crate::quit::{ask_to_quit, bring_console_to_front, is_running};
use crate::session_window::describe_session;

/// The icon's name among those of all programs.
const ICON: &str = "understudy";

/// What a line of the menu does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum MenuAction {
    ShowConsole,
    /// Brings the window of the session with this ID to the front.
    GoToSession(String),
    Quit,
}

impl MenuAction {
    /// The name by which the menu's events call it.
    fn name(&self) -> String {
        match self {
            Self::ShowConsole => "tray:show".into(),
            Self::GoToSession(session) => format!("tray:session:{session}"),
            Self::Quit => "tray:quit".into(),
        }
    }

    /// `None` for a line of another menu.
    fn from_name(name: &str) -> Option<Self> {
        match name.strip_prefix("tray:")? {
            "show" => Some(Self::ShowConsole),
            "quit" => Some(Self::Quit),
            other => other.strip_prefix("session:").map(|session| Self::GoToSession(session.into())),
        }
    }
}

/// A line of the menu: what it says and does, or a line between others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum MenuLine {
    Entry(String, MenuAction),
    Separator,
}

/// The menu while these sessions run, the oldest first.
fn list_lines(sessions: &[SessionView]) -> Vec<MenuLine> {
    let mut lines = vec![MenuLine::Entry("Show Understudy".into(), MenuAction::ShowConsole)];
    let running = sessions.iter().filter(|session| is_running(session));
    let mut entries = running
        .map(|session| {
            let said = describe_session(&session.user, &session.connection_name, session.environment);
            MenuLine::Entry(said, MenuAction::GoToSession(session.id.clone()))
        })
        .peekable();
    if entries.peek().is_some() {
        lines.push(MenuLine::Separator);
    }
    lines.extend(entries);
    lines.push(MenuLine::Separator);
    lines.push(MenuLine::Entry("Quit Understudy".into(), MenuAction::Quit));
    lines
}

/// The menu of the icon, once there was one. Only the main thread uses it.
#[derive(Default)]
pub struct TrayMenu(Mutex<Option<(Menu<tauri::Wry>, Vec<MenuLine>)>>);

/// Shows or removes the icon.
pub fn show_tray_icon(app: &AppHandle, wanted: bool) -> Result<()> {
    let (done, outcome) = mpsc::channel();
    let handle = app.clone();
    app.run_on_main_thread(move || {
        let _ = done.send(change_icon(&handle, wanted));
    })
    .map_err(not_shown)?;
    // The main thread may be busy.
    tokio::task::block_in_place(|| outcome.recv()).map_err(Error::internal)?
}

fn not_shown(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::SettingsInvalid, format!("The tray icon can't be shown: {cause}"))
}

fn change_icon(app: &AppHandle, wanted: bool) -> Result<()> {
    // One that was there is kept and hidden: on Linux, the bus knows the first one of a name only.
    if let Some(icon) = app.tray_by_id(ICON) {
        return icon.set_visible(wanted).map_err(not_shown);
    }
    if !wanted {
        return Ok(());
    }
    can_show_icon()?;
    let menu = Menu::new(app).map_err(not_shown)?;
    let lines = list_lines(&app.state::<Arc<Console>>().sessions());
    write_menu(app, &menu, &lines).map_err(not_shown)?;
    let mut icon = TrayIconBuilder::with_id(ICON)
        .tooltip("Understudy")
        .menu(&menu)
        // Linux wants it as a file; by default that is in a folder that everybody can write to.
        .temp_dir_path(Home::locate()?.windows_dir()?.join("tray-icon"));
    if let Some(image) = app.default_window_icon() {
        icon = icon.icon(image.clone());
    }
    icon.build(app).map_err(not_shown)?;
    *app.state::<TrayMenu>().0.lock() = Some((menu, lines));
    Ok(())
}

/// Writes the running sessions into the menu.
pub fn update_tray_menu(app: &AppHandle, sessions: &[SessionView]) {
    let lines = list_lines(sessions);
    let handle = app.clone();
    let written = app.run_on_main_thread(move || {
        let menu = handle.state::<TrayMenu>();
        let mut menu = menu.0.lock();
        // Nothing is written anew without a need: it may be open.
        let Some((menu, before)) = menu.as_mut().filter(|(_, before)| *before != lines) else { return };
        if let Err(cause) = write_menu(&handle, menu, &lines) {
            tracing::warn!("the tray icon's menu is not up to date: {cause}");
        }
        *before = lines;
    });
    if let Err(cause) = written {
        tracing::debug!("the tray icon's menu: {cause}");
    }
}

fn write_menu(app: &AppHandle, menu: &Menu<tauri::Wry>, lines: &[MenuLine]) -> tauri::Result<()> {
    while menu.remove_at(0)?.is_some() {}
    for line in lines {
        match line {
            MenuLine::Entry(said, action) => {
                // A lone `&` underlines the next letter.
                let said = said.replace('&', "&&");
                menu.append(&MenuItem::with_id(app, action.name(), said, true, None::<&str>)?)?;
            }
            MenuLine::Separator => menu.append(&PredefinedMenuItem::separator(app)?)?,
        }
    }
    Ok(())
}

/// Does what was chosen in the icon's menu; other menus' lines are ignored.
pub fn answer_tray_menu(app: &AppHandle, name: &str) {
    match MenuAction::from_name(name) {
        Some(MenuAction::ShowConsole) => bring_console_to_front(app),
        Some(MenuAction::GoToSession(session)) => {
            let console = Arc::clone(&app.state::<Arc<Console>>());
            tauri::async_runtime::spawn(async move {
                // It may have ended while the menu was open.
                if let Err(error) = console.focus_session(&session).await {
                    tracing::debug!("{error:#}");
                }
            });
        }
        Some(MenuAction::Quit) => ask_to_quit(app),
        None => {}
    }
}

/// Checked here, because the library that shows icons ends the program if one of these is missing.
#[cfg(target_os = "linux")]
fn can_show_icon() -> Result<()> {
    use std::sync::OnceLock;

    use libloading::Library;

    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();

    let missing = |what: &str, hint: &str| {
        Err(not_shown(what).with_hint(format!("{hint} Or turn the icon off in the settings.")))
    };
    // Without an address, the library would start a bus of its own.
    if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return missing("there is no D-Bus session.", "Start Understudy from your desktop.");
    }
    let find = || {
        ["libayatana-appindicator3.so.1", "libappindicator3.so.1"].into_iter().find_map(|name| {
            #[allow(
                unsafe_code,
                reason = "only loading it tells whether it can be loaded, and it will be anyway"
            )]
            // SAFETY: what it runs when it is loaded needs nothing of this program.
            unsafe { Library::new(name) }.ok()
        })
    };
    if LIBRARY.get_or_init(find).is_none() {
        return missing(
            "the library libayatana-appindicator3 is missing.",
            "Install libayatana-appindicator3-1 (on Fedora: libayatana-appindicator-gtk3), then start Understudy again.",
        );
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
fn can_show_icon() -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use understudy_core::access::{SessionMode, UnlockRule};
    use understudy_core::connection::Environment;
    use understudy_core::session::{Phase, UserLabel};

    use super::*;

    fn session(id: &str, name: &str, phase: Phase) -> SessionView {
        SessionView {
            id: id.into(),
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user: UserLabel {
                id: "49852393".into(),
                name: Some(name.into()),
                email: Some("anna@lindenhof.example".into()),
                company: None,
            },
            reason: String::new(),
            ticket: String::new(),
            ticket_origin: None,
            phase,
            started_at: 0,
            active_at: None,
            deadline: None,
            extensions_left: 0,
            refused_secrets: Vec::new(),
            mode: SessionMode::Full,
            may_unlock: UnlockRule::Always,
        }
    }

    fn said(sessions: &[SessionView]) -> Vec<String> {
        let lines = list_lines(sessions).into_iter();
        lines
            .map(|line| match line {
                MenuLine::Entry(said, _) => said,
                MenuLine::Separator => "-".into(),
            })
            .collect()
    }

    #[test]
    fn the_menu_follows_the_running_sessions() {
        assert_eq!(said(&[]), ["Show Understudy", "-", "Quit Understudy"]);
        let sessions = [
            session("s1", "Anna Hoffmann", Phase::Active),
            session("s2", "Bogdan", Phase::Ending),
            session("s3", "Chloé", Phase::Opening),
        ];
        assert_eq!(
            said(&sessions),
            [
                "Show Understudy",
                "-",
                "PRODUCTION · Anna Hoffmann · anna@lindenhof.example · Acme",
                "PRODUCTION · Chloé · anna@lindenhof.example · Acme",
                "-",
                "Quit Understudy",
            ]
        );
    }

    #[test]
    fn a_name_is_cut_and_cannot_turn_the_menu_around() {
        let [long, turned] = ["Wolfeschlegelsteinhausenbergerdorff ".repeat(9), "Eve\u{202e}evE".into()]
            .map(|name| said(&[session("s1", &name, Phase::Active)])[2].clone());
        assert!(long.chars().count() < 160, "{long}");
        assert!(turned.contains("Eve‹U+202E›evE"), "{turned}");
    }

    #[test]
    fn every_line_is_known_by_its_name_and_no_other() {
        for line in list_lines(&[session("tray:quit", "Anna", Phase::Active)]) {
            let MenuLine::Entry(_, action) = line else { continue };
            assert_eq!(MenuAction::from_name(&action.name()), Some(action));
        }
        for other in ["", "quit", "tray:", "tray:end", "session:s1"] {
            assert_eq!(MenuAction::from_name(other), None);
        }
    }
}
