//! End to end: the real application on a desktop with a real keyring, used like a person uses it.
//!
//! No driver can look into a session's window, by design. What it shows is checked in the customer application that it
//! talks to.

#![cfg(target_os = "linux")]
// The layouts of long stories are nested deeply, and are computed with optimization only: `script/bench evidence`.
#![recursion_limit = "256"]

mod agreement;
mod answers;
mod arrivals;
mod asked;
mod audit_log;
mod bar;
mod browsing;
mod canary;
mod certificates;
mod challenges;
mod clipboard;
mod conformance;
mod cookies;
mod downloads;
mod endings;
mod evidence;
mod finding;
mod gone;
mod home;
mod hostile;
mod journey;
mod keyring;
mod leaks;
mod leaving;
mod links;
mod one_day;
mod opener;
mod popups;
mod quick_window;
mod read_only;
mod recipes;
mod renewal;
mod rows;
mod second_person;
mod setup;
mod shop;
mod site;
mod summary;
mod ticket_notes;
mod tray;
mod ways_of_writing;
mod webhook;
mod windows;
#[path = "../../src-tauri/gateway/tests/gateway/writes.rs"]
mod writes;
