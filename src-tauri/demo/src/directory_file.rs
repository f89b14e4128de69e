//! Writes the demo's directory, the people of [`super::people`], to a database file.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use sqlx::{
    Connection as _, QueryBuilder, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};
use uuid::Uuid;

use super::people::{COUNT, People, Person};
use crate::error::{DemoError, Result};

/// Increment this when the table or the people change, so that older files are recreated.
const VERSION: i64 = 1;

/// `NOCASE`, so that the index can be used for prefix searches as well as exact email addresses.
const TABLE: &str = "
    CREATE TABLE users (
        id            INTEGER PRIMARY KEY,
        email         TEXT NOT NULL COLLATE NOCASE,
        full_name     TEXT COLLATE NOCASE,
        plan          TEXT NOT NULL,
        company_name  TEXT COLLATE NOCASE,
        role          TEXT NOT NULL,
        locale        TEXT NOT NULL,
        created_at    DATETIME NOT NULL,
        last_login_at DATETIME
    )";

/// Created after the rows are inserted, which is several times faster than updating them for each row.
const INDEXES: [&str; 4] = [
    "CREATE UNIQUE INDEX users_email ON users (email)",
    "CREATE INDEX users_full_name ON users (full_name)",
    "CREATE INDEX users_company_name ON users (company_name)",
    "CREATE INDEX users_created_at ON users (created_at)",
];

/// Rows per INSERT. Measured: 100 to 1,000 are equally fast, 10 and 3,000 slower.
const ROWS_AT_ONCE: usize = 500;

/// Creates the demo's directory with 100,000 users at `path`, unless it exists.
///
/// The newest users were created on `today` (UTC). The file is written under another name and then renamed, so that no
/// one sees an incomplete file.
pub async fn write_directory(path: &Path, today: Date) -> Result<()> {
    if read_version(path).await == Some(VERSION) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    remove_stale_files(folder);
    let making = folder.join(format!("{MAKING}{}.sqlite", Uuid::new_v4().simple()));
    let made = match fill_directory(&making, today).await {
        Ok(()) => move_into_place(&making, path),
        Err(cause) => {
            Err(DemoError::new(format!("Could not make the demo's directory {}: {cause}", path.display()))
                .with_hint("It needs about 30 MB of space in a folder that you may write to."))
        }
    };
    if made.is_err() {
        // The error that is returned says more than a failed removal would.
        let _ = std::fs::remove_file(&making);
    }
    made
}

/// The prefix of a file that is being written.
const MAKING: &str = ".making-";

/// Removes files that a crash left behind, if they are too old to be still in use.
fn remove_stale_files(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(MAKING);
        let modified = entry.metadata().and_then(|data| data.modified());
        let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if ours && age > Some(Duration::from_hours(1)) {
            // If it cannot be removed, it only takes up space.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn move_into_place(making: &Path, path: &Path) -> Result<()> {
    // Windows can only sync a file that is open for writing.
    let synced = std::fs::OpenOptions::new().write(true).open(making).and_then(|file| file.sync_all());
    synced.map_err(|cause| DemoError::from_io("write", making, &cause))?;
    std::fs::rename(making, path).map_err(|cause| DemoError::from_io("write", path, &cause))
}

/// The version of the file at `path`; `None` if it does not exist or is not one of ours.
async fn read_version(path: &Path) -> Option<i64> {
    if !path.exists() {
        return None;
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.ok()?;
    let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.ok();
    connection.close().await.ok()?;
    version
}

async fn fill_directory(path: &Path, today: Date) -> sqlx::Result<()> {
    // The file is not read before it is complete, so an intermediate state does not have to survive a crash.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .locking_mode(SqliteLockingMode::Exclusive);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut all = connection.begin().await?;
    sqlx::query(TABLE).execute(&mut *all).await?;
    let mut people = People::new(today).map_err(|cause| sqlx::Error::Configuration(cause.into()))?;
    for _ in 0..COUNT.div_ceil(ROWS_AT_ONCE) {
        let rows = people.by_ref().take(ROWS_AT_ONCE);
        insert_people(&mut all, rows).await?;
    }
    for index in INDEXES {
        sqlx::query(index).execute(&mut *all).await?;
    }
    // Gives the query planner, and row estimates, the number of rows.
    sqlx::query("ANALYZE").execute(&mut *all).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {VERSION}"))).execute(&mut *all).await?;
    all.commit().await?;
    connection.close().await
}

async fn insert_people(
    connection: &mut SqliteConnection,
    rows: impl Iterator<Item = Person>,
) -> sqlx::Result<()> {
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO users ");
    insert.push_values(rows, |mut row, person| {
        row.push_bind(person.id)
            .push_bind(person.email)
            .push_bind(person.full_name)
            .push_bind(person.plan)
            .push_bind(person.company_name)
            .push_bind(person.role)
            .push_bind(person.locale)
            .push_bind(person.created_at)
            .push_bind(person.last_login_at);
    });
    insert.build().execute(connection).await?;
    Ok(())
}
