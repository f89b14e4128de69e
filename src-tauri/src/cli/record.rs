//! What the command line writes into the audit log outside of sessions.

use understudy_core::audit::{AuditLog, ConsoleEntry, ConsoleEvent, NamedConnection};
use understudy_core::clock::Clock;
use understudy_core::connection::Connection;
use understudy_core::error::{Error, Result};
use understudy_core::home::Home;
use understudy_core::settings::Settings;

use super::output::print_to_stderr;

/// A connection by its ID alone, whose file may not be readable.
pub fn name_by_id(id: &str) -> NamedConnection {
    NamedConnection { id: id.to_owned(), name: None, environment: None }
}

pub fn name_connection(connection: &Connection) -> NamedConnection {
    NamedConnection {
        name: Some(connection.file.name.clone()),
        environment: Some(connection.file.environment),
        ..name_by_id(&connection.id)
    }
}

/// Writes what has happened. If the log can't be written to, says so; the next run writes what is missing.
pub async fn record_done(home: &Home, connection: NamedConnection, event: ConsoleEvent) {
    let recorded = async {
        let (audit, entry) = open_for_entry(home, event).await?;
        audit.owe_console_entry(entry.about_connection(connection));
        Ok::<(), Error>(audit.write_owed_entries().await?)
    };
    if let Err(error) = recorded.await {
        print_to_stderr(&format!("This is not in the audit log yet. {}", error.message));
    }
}

/// Writes what is about to happen. `refused` says what does not happen if that fails.
pub async fn record_first(home: &Home, event: ConsoleEvent, refused: &str) -> Result<()> {
    let (audit, entry) = open_for_entry(home, event).await?;
    audit.append_console_entry(&entry).await.map_err(Error::from).map_err(|error| Error {
        message: format!("{refused}, because this could not be recorded. {}", error.message),
        ..error
    })
}

async fn open_for_entry(home: &Home, event: ConsoleEvent) -> Result<(AuditLog, ConsoleEntry)> {
    // Settings that can't be read name nobody; the account on the computer is recorded all the same.
    let operator = Settings::load(home).unwrap_or_default().operator();
    let audit = AuditLog::open(&home.audit_file()?).await?;
    Ok((audit, ConsoleEntry::new(Clock::system().now_ms(), operator, event)))
}
