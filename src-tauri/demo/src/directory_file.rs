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
const VERSION: i64 = 2;

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

/// What customers have ordered: up to two orders each.
const ORDERS: &str = "
    CREATE TABLE orders (
        id        INTEGER PRIMARY KEY,
        number    TEXT NOT NULL COLLATE NOCASE,
        user_id   INTEGER NOT NULL REFERENCES users (id),
        item      TEXT NOT NULL,
        total     TEXT NOT NULL,
        status    TEXT NOT NULL,
        placed_at DATETIME NOT NULL
    )";

/// Created after the rows are inserted, which is several times faster than updating them for each row.
const INDEXES: [&str; 6] = [
    "CREATE UNIQUE INDEX users_email ON users (email)",
    "CREATE INDEX users_full_name ON users (full_name)",
    "CREATE INDEX users_company_name ON users (company_name)",
    "CREATE INDEX users_created_at ON users (created_at)",
    "CREATE UNIQUE INDEX orders_number ON orders (number)",
    "CREATE INDEX orders_user_id ON orders (user_id)",
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
                .with_hint("It needs about 45 MB of space in a folder that you may write to."))
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
    sqlx::query(ORDERS).execute(&mut *all).await?;
    let mut people = People::new(today).map_err(|cause| sqlx::Error::Configuration(cause.into()))?;
    let (mut ordered, mut orders) = (FIRST_ORDER, Vec::new());
    for _ in 0..COUNT.div_ceil(ROWS_AT_ONCE) {
        let rows: Vec<Person> = people.by_ref().take(ROWS_AT_ONCE).collect();
        orders.extend(rows.iter().flat_map(place_orders));
        insert_people(&mut all, rows.into_iter()).await?;
        insert_orders(&mut all, &mut ordered, orders.drain(..)).await?;
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

/// The number before the first order's.
const FIRST_ORDER: i64 = 700_000;

/// What is ordered, and what it costs.
const ITEMS: [(&str, &str); 5] = [
    ("Team plan, 12 months", "348.00 EUR"),
    ("5 more seats", "145.00 EUR"),
    ("Receipt scanner", "89.90 EUR"),
    ("Card reader", "39.00 EUR"),
    ("Letterhead, 500 sheets", "24.50 EUR"),
];

struct Order {
    user: i64,
    item: (&'static str, &'static str),
    status: &'static str,
    placed_at: String,
}

/// The person's orders. They follow from the ID alone, so that the people stay the same.
fn place_orders(person: &Person) -> Vec<Order> {
    let of_id =
        |shift: usize, choices: usize| (usize::try_from(person.id / 7).unwrap_or_default() + shift) % choices;
    let order = |at: usize, placed_at: &String| Order {
        user: person.id,
        item: ITEMS[of_id(at, ITEMS.len())],
        status: ["delivered", "shipped", "returned"][of_id(at, 3)],
        placed_at: placed_at.clone(),
    };
    let later = person.last_login_at.as_ref().unwrap_or(&person.created_at);
    match person.id % 3 {
        0 => Vec::new(),
        1 => vec![order(0, later)],
        _ => vec![order(0, &person.created_at), order(1, later)],
    }
}

async fn insert_orders(
    connection: &mut SqliteConnection,
    last: &mut i64,
    orders: impl Iterator<Item = Order>,
) -> sqlx::Result<()> {
    let mut orders = orders.peekable();
    if orders.peek().is_none() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO orders ");
    insert.push_values(orders, |mut row, order| {
        *last += 1;
        row.push_bind(*last)
            .push_bind(format!("ORD-{last}"))
            .push_bind(order.user)
            .push_bind(order.item.0)
            .push_bind(order.item.1)
            .push_bind(order.status)
            .push_bind(order.placed_at);
    });
    insert.build().execute(connection).await?;
    Ok(())
}
