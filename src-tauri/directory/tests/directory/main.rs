//! Tests the directory engines against real databases: one story that each must pass, and the cases that only one of
//! them can get wrong.

#[cfg(target_os = "linux")]
mod accounts;
#[cfg(target_os = "linux")]
mod advice;
mod ago;
#[cfg(target_os = "linux")]
mod certificates;
mod changes;
mod discovery;
mod exact;
mod faults;
#[cfg(target_os = "linux")]
mod folding;
mod kept;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod locks;
#[cfg(target_os = "linux")]
mod logins;
#[cfg(target_os = "linux")]
mod mongodb;
#[cfg(target_os = "linux")]
mod mysql;
mod pasted;
mod paths;
mod people;
#[cfg(target_os = "linux")]
mod postgres;
mod related;
mod sidecars;
#[cfg(target_os = "linux")]
mod silence;
#[cfg(target_os = "linux")]
mod sleepers;
mod spellings;
mod sqlite;
mod story;
#[cfg(target_os = "linux")]
mod strangers;
mod suggestions;
mod wide;

use understudy_directory::DirectoryConfig;

/// The configuration for the story's table; tests change what they need.
pub fn build_config(url: String) -> DirectoryConfig {
    DirectoryConfig {
        url,
        table: "Users".into(),
        id: "id".into(),
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("createdAt".into()),
        columns: vec!["plan".into(), "score".into(), "active".into()],
        masked: Vec::new(),
        search: None,
        uuid_bytes: None,
        timeout_ms: 20_000,
        patience: 30,
        password_command: None,
        ssh: None,
        page: None,
        related: Vec::new(),
        origin: None,
    }
}
