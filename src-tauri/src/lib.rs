//! The desktop: the only code that names Tauri.
//!
//! `main` reads the arguments (`cli`) and either answers in the terminal or calls `desktop::run_desktop`. That connects the
//! core's `Console`, with `session_window` as its browser, to the UI through `commands`. The core's notices are passed
//! on to the windows as events.

mod cli;
mod commands;
mod core_dumps;
mod crash_recovery;
mod demo;
mod desktop;
mod events;
mod evidence;
mod links;
mod notification;
mod quick_window;
mod quit;
#[cfg(target_os = "linux")]
mod session_bus;
mod session_window;
mod settings;
mod signals;
mod succession;
mod tray_icon;
#[cfg(windows)]
mod windows_start;

use std::process::ExitCode;

/// The label of the console's window.
const CONSOLE: &str = "console";

/// Runs the whole program.
pub fn main() -> ExitCode {
    core_dumps::disable_core_dumps();
    cli::main()
}
