//! The audit log's file: creating it, its format and migrations, and what its errors mean.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqliteConnection};

use crate::chain;
use crate::error::{AuditCode, AuditError, Result};
use understudy_files::regular_file;

/// Identifies the file as an audit log (`PRAGMA application_id`): the letters U, A, u, d.
pub(super) const APPLICATION_ID: i32 = 0x5541_7564;

/// The migrations: step *n* leads from version *n* to *n + 1* (`PRAGMA user_version`). Never edit the statements of a
/// released step; add another step for a new format.
const STEPS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
    include_str!("v6.sql"),
    include_str!("v7.sql"),
    include_str!("v8.sql"),
];

/// The first format with a chain. Only the migration to it links entries that are there already: later on, an entry
/// without a link was not written by Understudy.
pub(super) const CHAINED_FORMAT: usize = 6;

/// How long to wait for another process that has the file locked.
const BUSY: Duration = Duration::from_secs(5);

/// Opens or creates the file, migrates it to the current format and proves that it is writable.
pub(super) async fn open_pool(path: &Path) -> Result<SqlitePool> {
    refuse_non_file(path)?;
    ensure_file(path)?;
    open_again(path).await
}

/// For a named pipe or a device, SQLite would report a disk I/O error.
fn refuse_non_file(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    regular_file::is_readable(path, u64::MAX).map_err(|error| {
        AuditError::new(AuditCode::LogFailed, format!("Could not open the audit log: {}", error.message)).with_hint(
            "No one can be impersonated without it. Move what is there to another place; Understudy then begins a new \
             log.",
        )
    })
}

fn ensure_file(path: &Path) -> Result<()> {
    create_private_file(path).map_err(|cause| {
        AuditError::new(
            AuditCode::LogFailed,
            format!("Could not open the audit log {}: {cause}.", path.display()),
        )
        .with_hint("No one can be impersonated without it. Check that you may write to this folder.")
        .caused_by(cause)
    })
}

/// Like [`open_pool`], but never creates a file.
pub(super) async fn open_again(path: &Path) -> Result<SqlitePool> {
    // A rollback journal rather than WAL: the log stays a single file that can be copied while in use and works on a
    // network home. EXTRA also syncs the folder, so a committed entry survives a power cut.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Extra)
        .busy_timeout(BUSY);
    let doing = format!("open the audit log {}", path.display());
    // One connection is enough: entries are few, and SQLite allows only one writer.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|cause| audit_error(&doing, cause))?;
    let migrated = async {
        let mut connection = pool.acquire().await.map_err(|cause| audit_error(&doing, cause))?;
        migrate_schema(&mut connection, path, &doing).await
    };
    let migrated = migrated.await;
    if migrated.is_err() {
        // The error asks the user to move the file, and Windows cannot move an open one.
        pool.close().await;
    }
    migrated.map(|()| pool)
}

/// Creates missing folders and an empty file, accessible to the owner only.
fn create_private_file(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new();
    // Never opens an existing file: closing it would drop SQLite's locks in this process.
    file.write(true).create_new(true);
    let mut folders = std::fs::DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    if let Some(folder) = path.parent() {
        folders.create(folder)?;
    }
    match file.open(path) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => close_to_others(path),
        Err(cause) => Err(cause),
    }
}

/// Removes everyone else's permissions. SQLite gives its journal the same mode.
#[cfg(unix)]
fn close_to_others(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o777 == mode & 0o700 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))
}

/// Elsewhere the data folder already belongs to the user alone.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the shape of its Unix sibling")]
fn close_to_others(_: &Path) -> std::io::Result<()> {
    Ok(())
}

async fn migrate_schema(connection: &mut SqliteConnection, path: &Path, doing: &str) -> Result<()> {
    let fail = |cause: sqlx::Error| audit_error(doing, cause);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
    let application: i32 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *transaction).await.map_err(fail)?;
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(fail)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *transaction)
        .await
        .map_err(fail)?;

    let fresh = application == 0 && version == 0 && tables == 0;
    if application != APPLICATION_ID && !fresh {
        return Err(AuditError::new(
            AuditCode::LogFailed,
            format!("{} is a database, but not an audit log.", path.display()),
        )
        .with_hint("Move the file to another place; Understudy then begins a new log."));
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(AuditError::new(
            AuditCode::LogFailed,
            format!(
                "The audit log {} was written by a newer Understudy: its format is {version}, this one knows {}.",
                path.display(),
                STEPS.len()
            ),
        )
        .with_hint("Update Understudy on this machine."));
    }
    for step in &STEPS[done..] {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(fail)?;
    }
    if done < CHAINED_FORMAT {
        chain::link_earlier_entries(&mut transaction).await.map_err(fail)?;
    }
    // Written even if nothing changed, so that a read-only folder or a full disk shows now and not when a session is
    // about to begin.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
        STEPS.len()
    )))
    .execute(&mut *transaction)
    .await
    .map_err(fail)?;
    transaction.commit().await.map_err(fail)
}

/// `SQLITE_READONLY_DBMOVED`: the path no longer leads to the open file.
const MOVED: u32 = 1032;

/// Whether the file was moved between the check of its identity and the write.
pub(super) fn was_moved(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::Database(fault) if fault.code().is_some_and(|code| code == MOVED.to_string()))
}

/// Explains SQLite's error. `doing` completes "Could not …".
pub(super) fn audit_error(doing: &str, cause: sqlx::Error) -> AuditError {
    let (why, next) = match &cause {
        sqlx::Error::Database(fault) => {
            // https://sqlite.org/rescode.html: the low byte is the primary code.
            let code = fault.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
            match code & 0xff {
                8 if code == MOVED => {
                    ("the file was moved or replaced".into(), "Put it back where it was, then try again.")
                }
                3 | 8 | 14 | 23 => (
                    format!("this account may not write there ({})", fault.message()),
                    "Check that you may write to the file and its folder.",
                ),
                5 | 6 => (
                    "another program holds it".into(),
                    "Close other programs that have the log open, then try again.",
                ),
                10 => (
                    format!("the disk reports a fault ({})", fault.message()),
                    "Check the disk and its free space.",
                ),
                11 | 26 => (
                    format!("the file is damaged or not an audit log ({})", fault.message()),
                    "Keep it as evidence: move it to another place. Understudy then begins a new log.",
                ),
                13 => ("the disk is full".into(), "Free some space, then try again."),
                // Our own triggers: their messages are written for people.
                19 => (fault.message().to_owned(), "Report this, with the steps that led here."),
                _ => (fault.message().to_owned(), "Check the file and its folder."),
            }
        }
        other => (other.to_string(), "Check the file and its folder."),
    };
    AuditError::new(AuditCode::LogFailed, format!("Could not {doing}: {why}."))
        .with_hint(format!("No one can be impersonated without the audit log. {next}"))
        .caused_by(cause)
}
