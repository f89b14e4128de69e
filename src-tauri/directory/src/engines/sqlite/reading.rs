//! Reads values within a time limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, TypeInfo, ValueRef};

use crate::engines::sqlite::catalogue::LiteType;
use crate::error::Result;
use crate::model::FieldKind;
use crate::schema::cell::shorten_cell;
use crate::schema::table::TableColumn;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::Statement;

/// How many of SQLite's VM instructions run between two checks of the clock: about one row's worth, since a single
/// instruction can create a value of a gigabyte.
const INSTRUCTIONS: i32 = 50;

/// A query with its bound values.
pub(super) fn bind_values(
    statement: Statement,
) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    // Only constants and catalogue names: see `dialect` and `schema::name`.
    let mut query = sqlx::query(AssertSqlSafe(statement.sql));
    for value in statement.binds {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::Integer(integer) => query.bind(integer),
            Value::Real(bits) => query.bind(f64::from_bits(bits)),
            Value::Text(text) => query.bind(text),
            Value::BrokenText(bytes) | Value::Blob(bytes) => query.bind(bytes),
        };
    }
    query
}

/// Stops the connection's running statement on drop.
pub(super) struct StopOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets `connection` work until `deadline` or until the returned flag is set. Replaces the limit of the connection's
/// previous user.
pub(super) async fn set_deadline(
    connection: &mut SqliteConnection,
    deadline: Instant,
) -> Result<Arc<AtomicBool>, sqlx::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || {
        !stopped.load(Ordering::Relaxed) && Instant::now() < deadline
    });
    Ok(stop)
}

pub(super) fn decode_value(row: &SqliteRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let holds = raw.type_info().name().to_owned();
    Ok(match holds.as_str() {
        "INTEGER" => Value::Integer(row.try_get_unchecked(at)?),
        "REAL" => Value::Real(row.try_get_unchecked::<f64, _>(at)?.to_bits()),
        "BLOB" => Value::Blob(row.try_get_unchecked(at)?),
        // Any other type can be read as bytes.
        _ => match String::from_utf8(row.try_get_unchecked(at)?) {
            Ok(text) => Value::Text(text),
            Err(broken) => Value::BrokenText(broken.into_bytes()),
        },
    })
}

/// A value for display. SQLite has neither booleans nor times, so the declared type determines what a number means.
pub(super) fn format_cell(value: Value, column: &TableColumn<LiteType>) -> Option<String> {
    match (column.kind, value) {
        (FieldKind::Boolean, Value::Integer(truth @ 0..=1)) => Some((truth == 1).to_string()),
        (FieldKind::Time, Value::Blob(bytes)) => Some(time::from_text(column.bytes.to_cell(&bytes))),
        (FieldKind::Time, value) => value.into_text().map(|text| time::from_text(shorten_cell(text))),
        (_, Value::Blob(bytes)) => Some(column.bytes.to_cell(&bytes)),
        (_, value) => value.into_text().map(shorten_cell),
    }
}
