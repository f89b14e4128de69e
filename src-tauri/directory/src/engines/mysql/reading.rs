//! A read-only transaction on a pooled connection that cannot leave anything running on the server.
//!
//! Dropping a future stops neither the server nor the exchange that was in progress. So every statement runs in a task
//! that holds the connection until the result is complete. If a [`MySqlReadTx`] is dropped early (a cancelled search, a
//! deadline, a closed window), it spawns a task that kills the statement over a second connection, and returns the
//! first one to the pool only when it is idle again.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::engines::mysql::dialect::MySql;
use crate::engines::mysql::driver::{Flavour, MySqlServer};
use crate::engines::mysql::errors;
use crate::error::{DirectoryError, Result};
use crate::faults::lock_limit;
use crate::reach::endpoint::CONNECT_TIMEOUT;
use crate::schema::value::Value;
use crate::sql::dialect::Statement;
use crate::sql::fingerprint::TableFingerprint;
use crate::sql::server::{ConnectionGuard, PooledReadTx, SILENCE};

/// A killed statement ends at once. If it had not started yet, it has to be killed again.
const KILLED_AGAIN: Duration = Duration::from_millis(50);

/// The checksums if no columns and no indexes are visible.
const UNSEEN: &str = "0/0";

type Answer = Result<Vec<MySqlRow>, sqlx::Error>;
type MySqlConnectionGuard = ConnectionGuard<sqlx::MySql>;

/// A read-only transaction with a time limit per statement.
pub(crate) struct MySqlReadTx {
    server: Arc<MySqlServer>,
    connection: HeldConnection,
    /// The server's ID for the connection.
    thread: u64,
}

enum HeldConnection {
    Idle(MySqlConnectionGuard),
    Asking(JoinHandle<(MySqlConnectionGuard, Answer)>),
    /// It was returned to the pool, or is broken.
    Gone,
}

impl PooledReadTx<MySql> for MySqlReadTx {
    async fn begin_on(
        mut loan: MySqlConnectionGuard,
        server: &Arc<MySqlServer>,
        limit: Duration,
    ) -> Result<Self> {
        // One round trip. All tiers of a search see the same snapshot of the table. The administrator's SQL modes would
        // change the meaning of our SQL; other session settings are made by `connect`. While the catalogue is read,
        // several statements may have to wait for the same lock.
        let is_opening = server.watch.get().is_none();
        let waits = if is_opening { 1 } else { lock_limit(limit).as_secs().max(1) };
        let limit = match server.product.flavour {
            Flavour::MySql => format!("max_execution_time = {}", limit.as_millis().max(1)),
            Flavour::MariaDb => format!("max_statement_time = {:.3}", limit.as_secs_f64()),
        };
        // MariaDB's catalogue opens the table. If it is locked, do not wait for it here.
        let hasty = if server.product.flavour == Flavour::MariaDb { 0 } else { waits };
        let settings = format!(
            "SET SESSION sql_mode = '', lock_wait_timeout = {hasty}, {limit}; \
             SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
             START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SELECT CAST(CONNECTION_ID() AS CHAR), {}; \
             SET SESSION lock_wait_timeout = {waits}",
            TableFingerprint::select_expression(server.watch.get()),
        );
        let begun = async {
            let rows = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_all(loan.connection()).await?;
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            let thread = decode_text(row, 0)?.and_then(|thread| thread.parse().ok());
            Ok::<_, sqlx::Error>((thread.ok_or(sqlx::Error::RowNotFound)?, decode_text(row, 1)?))
        };
        let (thread, table) = match timeout(SILENCE, begun).await {
            Ok(thread) => thread.map_err(|error| server.query_error(error))?,
            Err(_) => {
                return Err(errors::unreachable_error(&server.target_config(), "the connection went silent"));
            }
        };
        let reading = Self { server: Arc::clone(server), connection: HeldConnection::Idle(loan), thread };
        // The table is not visible, because it is locked or gone. The query itself will find out which.
        let table = table.filter(|table| table != UNSEEN);
        let watch = server.watch.get().filter(|_| table.is_some());
        match TableFingerprint::check_unchanged(watch, table.as_ref(), &server.target_config()) {
            Ok(()) => Ok(reading),
            Err(error) => {
                reading.finish().await;
                Err(error)
            }
        }
    }

    /// Returns all rows of `statement`, whose placeholders are numbered as by [`Statement::bind_value`].
    async fn fetch_rows(&mut self, statement: Statement) -> Result<Vec<MySqlRow>> {
        let HeldConnection::Idle(mut loan) = std::mem::replace(&mut self.connection, HeldConnection::Gone)
        else {
            return Err(DirectoryError::internal("a directory was asked twice at a time"));
        };
        let asking = tokio::spawn(async move {
            let answer = run_statement(&mut loan, statement).await;
            (loan, answer)
        });
        // Stored before awaiting, because this future may be dropped there.
        self.connection = HeldConnection::Asking(asking);
        let HeldConnection::Asking(asking) = &mut self.connection else {
            unreachable!("it was just put there")
        };
        let (loan, answer) = asking.await.map_err(DirectoryError::internal)?;
        self.connection = HeldConnection::Idle(loan);
        answer.map_err(|error| self.server.query_error(error))
    }

    async fn finish(mut self) {
        if let HeldConnection::Idle(loan) = std::mem::replace(&mut self.connection, HeldConnection::Gone) {
            roll_back(loan).await;
        }
    }
}

impl MySqlReadTx {
    /// Makes every transaction from here on start by checking that the table has not changed.
    pub(crate) async fn watch_table(&mut self, schema: &str, table: &str) -> Result<()> {
        // As digits, so that no name can end its quotes, whatever the server's SQL mode.
        let literal = |name: &str| {
            let digits = name.bytes().fold(String::new(), |mut digits, byte| {
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            format!("_utf8mb4 x'{digits}'")
        };
        let sums = [
            ("columns", "column_name, column_type, collation_name, ordinal_position"),
            ("statistics", "index_name, seq_in_index, column_name, sub_part, index_type"),
        ]
        .map(|(catalogue, what)| {
            format!(
                "(SELECT BIT_XOR(CRC32(CONCAT_WS(' ', {what}))) FROM information_schema.{catalogue} \
                 WHERE table_schema = {} AND table_name = {})",
                literal(schema),
                literal(table)
            )
        });
        let sql = format!("CONCAT_WS('/', {})", sums.join(", "));
        let statement = Statement { sql: format!("SELECT {sql}"), ..Statement::default() };
        let seen = self.fetch_rows(statement).await?;
        let seen = seen.first().map(|row| decode_text(row, 0)).transpose();
        let seen = seen.map_err(|error| self.server.query_error(error))?.flatten();
        drop(self.server.watch.set(TableFingerprint { sql, seen }));
        Ok(())
    }

    pub(crate) fn server(&self) -> &MySqlServer {
        &self.server
    }
}

impl Drop for MySqlReadTx {
    fn drop(&mut self) {
        let held = std::mem::replace(&mut self.connection, HeldConnection::Gone);
        // Without a runtime, the process is ending, and the statement's time limit bounds what is left.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        match held {
            HeldConnection::Idle(loan) => drop(runtime.spawn(roll_back(loan))),
            HeldConnection::Asking(asking) => {
                drop(runtime.spawn(cancel_on_server(asking, self.thread, Arc::clone(&self.server))));
            }
            HeldConnection::Gone => {}
        }
    }
}

async fn run_statement(loan: &mut MySqlConnectionGuard, statement: Statement) -> Answer {
    let (sql, binds) = to_positional(statement);
    // Only constants and catalogue names: see `dialect` and `schema::name`.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in binds {
        query = match value {
            Value::Real(bits) => query.bind(f64::from_bits(bits)),
            value => query.bind(value.into_text()),
        };
    }
    query.fetch_all(loan.connection()).await
}

/// Kills the running statement. The connection is held meanwhile, so that `thread` cannot refer to another one.
async fn cancel_on_server(
    mut asking: JoinHandle<(MySqlConnectionGuard, Answer)>,
    thread: u64,
    server: Arc<MySqlServer>,
) {
    let stopped = async {
        let mut canceller = server.lend_canceller().await?;
        loop {
            let kill = format!("KILL QUERY {thread}");
            sqlx::raw_sql(AssertSqlSafe(kill)).execute(canceller.connection()).await?;
            if let Ok(ended) = timeout(KILLED_AGAIN, &mut asking).await {
                canceller.give_back();
                return Ok::<_, sqlx::Error>(ended);
            }
        }
    };
    match timeout(CONNECT_TIMEOUT, stopped).await {
        Ok(Ok(Ok((loan, _)))) => roll_back(loan).await,
        // This closes its connection.
        _ => asking.abort(),
    }
}

/// Returns the connection to the pool if it answers; then it is idle, and no kill is pending for it.
async fn roll_back(mut loan: MySqlConnectionGuard) {
    let ended = async {
        for _ in 0..2 {
            match sqlx::raw_sql("ROLLBACK").execute(loan.connection()).await {
                Ok(_) => return true,
                // A kill that was meant for the previous statement.
                Err(error) if errors::is_interruption(&error) => {}
                Err(_) => return false,
            }
        }
        false
    };
    if timeout(CONNECT_TIMEOUT, ended).await.unwrap_or(false) {
        loan.give_back();
    }
}

/// Converts numbered placeholders to MySQL's: `?2 … ?1` becomes `? … ?`, with the values in that order.
fn to_positional(statement: Statement) -> (String, Vec<Value>) {
    let Statement { sql, binds, .. } = statement;
    let mut positional = String::with_capacity(sql.len());
    let mut values = Vec::with_capacity(binds.len());
    let mut quote = None;
    let mut chars = sql.chars().peekable();
    while let Some(char) = chars.next() {
        positional.push(char);
        match quote {
            Some(open) if open == char => quote = None,
            None if matches!(char, '`' | '\'') => quote = Some(char),
            None if char == '?' => {
                let mut number = 0;
                while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    chars.next();
                }
                values.push(binds[number - 1].clone());
            }
            Some(_) | None => {}
        }
    }
    (positional, values)
}

/// A value's text. Columns may contain bytes that are invalid in their own character set.
pub(crate) fn decode_text(row: &MySqlRow, at: usize) -> Result<Option<String>, sqlx::Error> {
    // Unchecked: values cast to text arrive with several type names.
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(at)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_to_their_placeholders() {
        let statement = Statement {
            sql: "SELECT `a?1``?`, '?2', ?2 FROM t WHERE a = ?1 AND (b > ?10 OR b = ?2)".into(),
            binds: (1..=10).map(Value::Integer).collect(),
            ..Statement::default()
        };
        let (sql, values) = to_positional(statement);
        assert_eq!(sql, "SELECT `a?1``?`, '?2', ? FROM t WHERE a = ? AND (b > ? OR b = ?)");
        assert_eq!(values, [2, 1, 10, 2].map(Value::Integer));
    }
}
