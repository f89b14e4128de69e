//! The console without a screen: everything Understudy does, in a crate that does not know Tauri.
//!
//! `impersonation` tells the story and asks `policy`, `sign_in`, `session`, `audit`, `vault` and
//! `directory`; all of them speak [`error::Error`]; nothing points back.

pub mod audit;
pub mod check;
pub mod connection;
pub mod directory;
pub mod error;
pub mod home;
pub mod session;
pub mod settings;
pub(crate) mod suggest;
pub mod template;
