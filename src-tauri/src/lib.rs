//! The desktop: the only code that names Tauri.
//!
//! `main` reads the arguments (`cli`) and either answers in the terminal or calls `desktop::run`,
//! which puts the house together: the core's `Console`, with `session_window` as its browser, behind
//! `commands`, one per thing the UI asks for. What the core has to tell comes out as notices and is
//! passed on to the windows as events.

mod cli;
mod commands;
mod core_dumps;
mod demo;
mod desktop;
mod events;
mod leaving;
mod notification;
mod revival;
#[cfg(target_os = "linux")]
mod session_bus;
mod session_window;
mod settings;
mod signals;
mod succession;
#[cfg(windows)]
mod windows_start;

use std::process::ExitCode;

/// Label of the console's own window.
const CONSOLE: &str = "console";

/// The whole program.
pub fn main() -> ExitCode {
    core_dumps::forbid();
    cli::main()
}
