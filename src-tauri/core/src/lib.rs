//! The console without a screen: everything Understudy does, in a crate that does not know Tauri.
//!
//! [`console`] is the interface for windows and the command line. [`impersonation`] drives `policy`, `sign_in`,
//! `session`, `vault`, `audit` and `directory`; the errors of all of them are or become [`error::Error`], and none of
//! them points back.
//! Session windows belong to the desktop: the core knows them as [`browser::Browser`].

pub mod access;
pub mod arrangement;
pub mod audit_feed;
pub mod browser;
pub(crate) mod charset;
pub mod check;
pub mod client_window;
pub mod clock;
pub mod colleagues;
pub mod connection;
pub mod console;
pub mod customer_link;
pub mod destination;
pub mod directories;
pub mod error;
pub mod evidence;
pub mod held_back;
pub mod home;
pub mod impersonation;
pub mod introspection;
pub(crate) mod latest_only;
pub mod launch;
pub(crate) mod lookups;
pub(crate) mod masks;
pub mod notice;
pub mod outbox;
#[cfg(test)]
mod path_text;
pub mod policy;
pub mod protected_count;
pub(crate) mod record_reads;
pub mod secrets;
pub mod session;
pub mod session_summary;
pub mod settings;
pub mod sign_in;
pub mod sign_in_test;
pub mod team;
pub mod team_log;
pub mod template;
pub(crate) mod ticket_evidence;
pub(crate) mod trust;
pub mod user_agent;
pub mod vault;
pub mod zeroizing_json;

/// The audit log. Part of this crate's public API.
pub use understudy_audit as audit;
/// Users and where they are read from. Part of this crate's public API.
pub use understudy_directory as directory;
/// Texts from others, made safe to show. Part of this crate's public API.
pub use understudy_files::sanitize;
