//! The console without a screen: everything Understudy does, in a crate that does not know Tauri.
//!
//! [`console`] is what a window or a command line asks. [`impersonation`] tells the story and asks
//! `policy`, `sign_in`, `session`, `audit`, `vault` and `directory`; all of them speak [`error::Error`];
//! nothing points back. Session windows are the desktop's: the core knows them as [`browser::Browser`].

pub mod audit;
pub mod browser;
pub(crate) mod charset;
pub mod check;
pub mod clock;
pub mod connection;
pub mod console;
pub mod destination;
pub mod directories;
pub mod error;
pub mod home;
pub mod impersonation;
pub mod introspection;
pub(crate) mod latest_only;
pub(crate) mod masks;
pub mod notice;
pub mod policy;
pub mod sanitize;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod template;
pub mod trial;
pub(crate) mod trust;
pub mod user_agent;
pub mod vault;
pub mod wiped;
#[cfg(test)]
mod written;

/// Users, and where they are read from: the core's own API speaks of them.
pub use understudy_directory as directory;
