//! Whether the database is set up for the team's log, and whether its role can do no more than insert and read.

use sqlx::{PgConnection, Row};

use super::database::TeamDatabase;
use crate::error::Result;

/// What is wrong with the database, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFault {
    pub what: String,
    pub hint: String,
    /// Until it is repaired, nothing is sent. Otherwise all goes on, only not as well as it could.
    pub is_serious: bool,
}

impl SetupFault {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), is_serious: true }
    }
}

/// What a role could do to the log if it may do this to the table.
const TABLE_RIGHTS: &[(&str, &str)] = &[
    ("UPDATE", "change entries"),
    ("DELETE", "remove entries"),
    ("TRUNCATE", "remove all entries"),
    ("TRIGGER", "change what happens with new entries"),
];

/// Constraints that make the chain; each has to be there and to have been checked for all rows.
const CONSTRAINTS: &[&str] = &[
    "entries_pkey",
    "entries_chain_key",
    "entries_follow_previous",
    "entries_line_is_short",
    "entries_hash_fits_line",
    "entries_number_follows",
    "entries_follow_gap",
    "entries_gap_is_one",
    "entries_line_fits_row",
    "entries_line_has_time",
];

const TRIGGERS: &[&str] = &["entries_never_change"];

/// Indexes of earlier versions: with them, the database refuses entries with long texts, and those after a gap.
const FORMER_INDEXES: &[&str] =
    &["entries_by_session", "entries_by_user", "entries_by_operator", "entries_begin_once"];

/// A trigger of an earlier version, which tells of entries in the transaction that inserts them: see `setup.sql`.
const FORMER_TRIGGER: &str = "entries_are_told";

const RUN_SETUP_AGAIN: &str = "Ask the database's administrator to run what `understudy audit setup` prints again, as the \
                               table's owner. All entries stay.";

const RUN_SETUP: &str = "Ask the database's administrator to run what `understudy audit setup` prints.";

/// Everything that is wrong, what keeps entries out first; empty if all is as `setup.sql` leaves it.
///
/// Fails if the database cannot be asked.
pub async fn find_faults(database: &TeamDatabase) -> Result<Vec<SetupFault>> {
    let mut connection = database.pool().acquire().await.map_err(|error| database.explain(error))?;
    find_faults_over(database, &mut connection).await
}

/// The same, over one connection: a server that restarts has enough to do with one from each console.
pub(super) async fn find_faults_over(
    database: &TeamDatabase,
    connection: &mut PgConnection,
) -> Result<Vec<SetupFault>> {
    let explain = |error| database.explain(error);
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(&mut *connection)
        .await
        .map_err(explain)?;
    if version < 140_000 {
        return Ok(vec![SetupFault::new(
            format!("it is PostgreSQL {}.", version / 10_000),
            "The team's log needs PostgreSQL 14 or newer.",
        )]);
    }
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'understudy' AND c.relname = 'entries' AND c.relkind IN ('r', 'p'))",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(explain)?;
    if !is_there {
        return Ok(vec![SetupFault::new("it has no table understudy.entries.", RUN_SETUP)]);
    }
    let mut faults = find_missing_rights(database, connection).await?;
    faults.extend(find_missing_parts(database, connection).await?);
    faults.extend(find_excessive_rights(database, connection).await?);
    // Until PostgreSQL 15, only superusers could.
    if version >= 150_000 {
        faults.extend(find_ways_around_checks(database, connection).await?);
    }
    faults.sort_by_key(|fault| !fault.is_serious);
    Ok(faults)
}

async fn find_missing_rights(
    database: &TeamDatabase,
    connection: &mut PgConnection,
) -> Result<Vec<SetupFault>> {
    let missing: Vec<String> = sqlx::query_scalar(
        "SELECT said FROM (VALUES
             ('use the schema understudy', has_schema_privilege('understudy', 'USAGE')),
             ('read entries', (SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_class c
                 WHERE c.oid = (SELECT oid FROM pg_class WHERE relname = 'entries'
                     AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'understudy')))),
             ('add entries', (SELECT bool_and(has_column_privilege(a.attrelid, a.attnum, 'INSERT')) FROM pg_attribute a
                 WHERE a.attrelid = (SELECT oid FROM pg_class WHERE relname = 'entries'
                     AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'understudy'))
                 AND a.attname IN
                     ('log', 'id', 'hash', 'previous_id', 'previous_hash', 'line', 'gap_after_id', 'gap_after_hash')))
         ) AS needs (said, has) WHERE has IS NOT TRUE",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| database.explain(error))?;
    let to_fault = |right: String| SetupFault::new(format!("its role may not {right}."), RUN_SETUP);
    Ok(missing.into_iter().map(to_fault).collect())
}

/// Without them, the database would let in what is no chain.
async fn find_missing_parts(
    database: &TeamDatabase,
    connection: &mut PgConnection,
) -> Result<Vec<SetupFault>> {
    const TABLE: &str = "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                          WHERE n.nspname = 'understudy' AND c.relname = 'entries')";
    let parts: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT conname::text FROM pg_constraint WHERE conrelid = {TABLE} AND convalidated
         UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgrelid = {TABLE} AND tgenabled IN ('O', 'A')
         UNION ALL SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
             WHERE x.indrelid = {TABLE} AND (x.indisvalid AND x.indisunique OR i.relname = ANY ($1))
         -- The checks of a foreign key are triggers too, which its owner can switch off.
         UNION ALL SELECT 'off' FROM pg_trigger WHERE tgrelid = {TABLE} AND tgisinternal AND tgenabled NOT IN ('O', 'A')"
    )))
    .bind(FORMER_INDEXES)
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| database.explain(error))?;
    let has = |name: &str| parts.iter().any(|part| part == name);
    if FORMER_INDEXES.iter().any(|name| has(name)) {
        let what = "it was set up by an earlier version of Understudy: its indexes refuse some entries.";
        return Ok(vec![SetupFault::new(what, RUN_SETUP_AGAIN)]);
    }
    let mut faults: Vec<SetupFault> = CONSTRAINTS
        .iter()
        .chain(TRIGGERS)
        .chain(&["entries_chain_begins_once"])
        .filter(|name| !has(name))
        .map(|name| {
            SetupFault::new(
                format!("its table lacks {name}, or it is switched off."),
                "Ask the database's administrator why. Compare the table with what `understudy audit setup` prints, and \
                 run `understudy audit verify --team`.",
            )
        })
        .collect();
    if has("off") {
        faults.push(SetupFault::new(
            "its table's checks of what comes before an entry are switched off.",
            "Ask the database's administrator why, and to switch them on again: ALTER TABLE understudy.entries ENABLE \
             TRIGGER ALL. Then run `understudy audit verify --team`.",
        ));
    }
    if has(FORMER_TRIGGER) {
        let what = "it was set up by an earlier version of Understudy: its consoles wait for each other when they send \
                    entries, and many of them wait long.";
        faults.push(SetupFault { is_serious: false, ..SetupFault::new(what, RUN_SETUP_AGAIN) });
    }
    Ok(faults)
}

/// Whether the role may switch off the checks of its own statements, itself or as another role that it can become.
async fn find_ways_around_checks(
    database: &TeamDatabase,
    connection: &mut PgConnection,
) -> Result<Vec<SetupFault>> {
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT r.rolname::text FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND NOT r.rolsuper
             AND has_parameter_privilege(r.oid, 'session_replication_role', 'SET')",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| database.explain(error))?;
    let to_fault = |role: String| {
        SetupFault::new(
            format!(
                "the role \"{role}\" could switch off the checks of new entries (session_replication_role)."
            ),
            format!(
                "Ask the database's administrator to take that away: REVOKE SET ON PARAMETER session_replication_role \
                 FROM \"{role}\"."
            ),
        )
    };
    Ok(roles.into_iter().map(to_fault).collect())
}

/// What the role could do to the log, itself or as another role that it can become.
async fn find_excessive_rights(
    database: &TeamDatabase,
    connection: &mut PgConnection,
) -> Result<Vec<SetupFault>> {
    let privileges: Vec<String> = TABLE_RIGHTS
        .iter()
        .map(|(privilege, could)| {
            let on_columns = if *privilege == "UPDATE" {
                " OR has_any_column_privilege(r.oid, t.oid, 'UPDATE')"
            } else {
                ""
            };
            format!(
                " UNION ALL SELECT '{could}', r.rolname FROM roles r, t
                  WHERE has_table_privilege(r.oid, t.oid, '{privilege}'){on_columns}"
            )
        })
        .collect();
    let privileges = privileges.concat();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "WITH t AS (SELECT c.oid, c.relowner, n.oid AS schema, n.nspowner FROM pg_class c
                    JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'understudy' AND c.relname = 'entries'),
         roles AS (SELECT r.* FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER')),
         found (could, role) AS (
             SELECT 'do everything (it is a superuser)', rolname FROM roles WHERE rolsuper
             UNION ALL SELECT 'give itself more rights (CREATEROLE)', rolname FROM roles WHERE rolcreaterole
             UNION ALL SELECT 'remove entries (it owns the table)', r.rolname FROM roles r, t WHERE r.oid = t.relowner
             UNION ALL SELECT 'remove entries (it owns the schema)', r.rolname FROM roles r, t WHERE r.oid = t.nspowner
             UNION ALL SELECT 'remove entries (it owns the database)', r.rolname FROM roles r, pg_database d
                 WHERE d.datname = current_database() AND r.oid = d.datdba
             UNION ALL SELECT 'change the server''s files', rolname FROM roles
                 WHERE rolname IN ('pg_write_server_files', 'pg_execute_server_program')
             UNION ALL SELECT 'create things in the schema understudy', r.rolname FROM roles r, t
                 WHERE has_schema_privilege(r.oid, t.schema, 'CREATE')
             UNION ALL SELECT 'choose who is said to have written an entry, and when', r.rolname FROM roles r, t
                 WHERE has_column_privilege(r.oid, t.oid, 'written_by', 'INSERT')
                    OR has_column_privilege(r.oid, t.oid, 'written_at', 'INSERT')
             {privileges})
         SELECT could, role::text, role = session_user AS is_itself, session_user::text AS login
         FROM found WHERE NOT EXISTS (SELECT FROM roles WHERE rolsuper AND rolname = session_user)
            OR could LIKE 'do everything%' AND role = session_user"
    )))
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| database.explain(error))?;
    let read = |error: sqlx::Error| database.explain(error);
    let mut faults: Vec<SetupFault> = Vec::new();
    for row in rows {
        let could: String = row.try_get("could").map_err(read)?;
        let (role, login): (String, String) =
            (row.try_get("role").map_err(read)?, row.try_get("login").map_err(read)?);
        let is_itself: bool = row.try_get("is_itself").map_err(read)?;
        let becoming = if is_itself { String::new() } else { format!(", as a member of \"{role}\"") };
        faults.push(SetupFault::new(
            format!("its role \"{login}\" could {could}{becoming}."),
            "Who can change the record must not be who is recorded. Ask the database's administrator for a role that may \
             insert and read and nothing else; `understudy audit setup` prints how.",
        ));
    }
    Ok(faults)
}
