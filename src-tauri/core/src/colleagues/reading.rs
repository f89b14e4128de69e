//! What the console asks the team's log about colleagues. Everything here only reads.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::postgres::{PgListener, PgRow};

use super::approvals::APPROVAL_ASKED;
use super::broken_glass::GlassKey;
use super::team_entry::TeamEntry;
use crate::audit::RequestName;

/// The channel on which the database tells of each new entry.
pub(super) const CHANNEL: &str = "understudy";

/// The first half of the number of an advisory lock that says: a console with this log is connected. No other program is
/// likely to use it.
const CONSOLES: i32 = 0x556e_6473;

/// The events of a session that [`super::OpenSessions`] counts.
pub(super) const EVENTS: &[&str] = &["begun", "active", "refused", "unlocked", "locked", "extended", "ended"];

/// The events that [`super::Approvals`] counts, and one that everybody is told.
pub(super) const APPROVAL_EVENTS: &[&str] =
    &[APPROVAL_ASKED, "approved", "approval_declined", "approval_used", GLASS_BROKEN];

/// A console's own request has expired. No index has it.
pub(super) const APPROVAL_EXPIRED: &str = "approval_expired";

/// The most rows of each kind that are read: the newest. No team has as many, but one of its roles could write them.
const MOST_SESSIONS: i64 = 2_000;
const MOST_ROWS: i64 = 5_000;
const MOST_BROKEN: i64 = 10_000;
const MOST_CONSOLES: i64 = 10_000;

/// Somebody went on without the approval that they needed.
pub(super) const GLASS_BROKEN: &str = "glass_broken";

/// What is read of an entry besides its time.
const TEXTS: &[&str] = &[
    "event",
    "session",
    "connection",
    "connection_name",
    "user_id",
    "user_name",
    "user_email",
    "reason",
    "detail",
    "mode",
    "ticket",
    "operator_name",
    "operator_email",
    "os_user",
    "host",
];

/// The columns that [`read_row`] needs. No text is longer than consoles write them.
fn list_columns() -> String {
    let texts: Vec<String> =
        TEXTS.iter().map(|name| format!("'{name}', left(entry ->> '{name}', 500)")).collect();
    format!(
        "log, id, written_by, written_at, (extract(epoch FROM written_at) * 1000)::bigint AS written_at_ms,
         hashtext(log) AS console,
         jsonb_strip_nulls(jsonb_build_object('at_ms', entry -> 'at_ms', {}))::text AS line",
        texts.join(", ")
    )
}

/// Says that a console with this log is connected, for as long as this connection lasts. Does not wait: another role may
/// hold the lock alone, to keep this console from watching.
pub(super) async fn announce_console(listener: &mut PgListener, log: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_try_advisory_lock_shared($1, hashtext($2))")
        .bind(CONSOLES)
        .bind(log)
        .execute(listener)
        .await?;
    Ok(())
}

/// The consoles that are connected: the hashes of their logs.
pub(super) async fn read_connected(listener: &mut PgListener) -> sqlx::Result<BTreeSet<i32>> {
    let held: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT objid::bigint FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1::int4::bigint::oid AND granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         LIMIT $2",
    )
    .bind(CONSOLES)
    .bind(MOST_CONSOLES)
    .fetch_all(listener)
    .await?;
    // The lock's number is shown without its sign.
    Ok(held.into_iter().filter_map(|number| u32::try_from(number).ok().map(u32::cast_signed)).collect())
}

/// The entries of all sessions that have begun in the last day and have not ended, those of each log in their order.
pub(super) async fn read_open_sessions(listener: &mut PgListener) -> sqlx::Result<Vec<TeamEntry>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "WITH open AS (
             SELECT log, entry ->> 'session' AS session FROM understudy.entries AS begun
             WHERE entry ->> 'event' = 'begun' AND entry ->> 'mode' IS NOT NULL
                 AND written_at > now() - interval '1 day'
                 AND NOT EXISTS (
                     SELECT FROM understudy.entries AS ended
                     WHERE ended.log = begun.log AND ended.entry ->> 'session' = begun.entry ->> 'session'
                         AND left(ended.entry ->> 'session', 200) = left(begun.entry ->> 'session', 200)
                         AND left(ended.entry ->> 'event', 200) = 'ended')
             ORDER BY written_at DESC LIMIT $2),
         newest AS (
             SELECT {} FROM understudy.entries JOIN open USING (log)
             WHERE entry ->> 'session' = open.session AND left(entry ->> 'session', 200) = left(open.session, 200)
                 AND left(entry ->> 'event', 200) = ANY ($1)
             ORDER BY written_at DESC, id DESC LIMIT $3)
         SELECT * FROM newest ORDER BY written_at, log, id",
        list_columns()
    )))
    .bind(EVENTS)
    .bind(MOST_SESSIONS)
    .bind(MOST_ROWS)
    .fetch_all(listener)
    .await?;
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

/// The entries about approvals of the last half hour: more than any request lasts.
pub(super) async fn read_approvals(listener: &mut PgListener) -> sqlx::Result<Vec<TeamEntry>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "WITH newest AS (
             SELECT {columns} FROM understudy.entries
             WHERE {} AND written_at > now() - interval '30 minutes'
             ORDER BY written_at DESC, id DESC LIMIT $1),
         -- A request that took long to get here may have expired by then. Its own log says so, soon after it.
         asked AS (
             SELECT log AS asked_log, min(id) AS first_id FROM newest
             WHERE line::jsonb ->> 'event' = '{APPROVAL_ASKED}' GROUP BY log),
         expired AS (
             SELECT {columns} FROM asked CROSS JOIN LATERAL (
                 SELECT * FROM understudy.entries AS later
                 WHERE later.log = asked_log AND later.id > first_id AND later.id <= first_id + $1
                     AND later.entry ->> 'event' = '{APPROVAL_EXPIRED}') AS later)
         SELECT * FROM newest UNION ALL SELECT * FROM expired ORDER BY written_at, log, id",
        is_about_approvals(),
        columns = list_columns(),
    )))
    .bind(MOST_ROWS)
    .fetch_all(listener)
    .await?;
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

/// A request, what was said to it in its time, and its end, however long ago that was.
pub(super) async fn read_request(
    listener: &mut PgListener,
    RequestName { log, id }: &RequestName,
) -> sqlx::Result<Vec<TeamEntry>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "WITH asked AS (
             SELECT {columns} FROM understudy.entries
             WHERE log = $1 AND id = $2 AND entry ->> 'event' = '{APPROVAL_ASKED}'),
         -- A role can hold a transaction open for a while, so that its entry looks earlier.
         said AS (
             SELECT {columns} FROM understudy.entries
             WHERE {} AND position($1 IN entry ->> 'detail') > 0
                 AND written_at >= (SELECT written_at FROM asked) - interval '30 minutes'
                 AND written_at <= (SELECT written_at FROM asked) + interval '30 minutes'
             ORDER BY written_at DESC, id DESC LIMIT $3)
         SELECT * FROM asked UNION ALL SELECT * FROM said ORDER BY written_at, log, id",
        is_about_approvals(),
        columns = list_columns(),
    )))
    .bind(log)
    .bind(id)
    .bind(MOST_ROWS)
    .fetch_all(listener)
    .await?;
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

/// Which sessions have begun without approval since this time of the database, in milliseconds since the Unix epoch: the
/// latest first.
pub(super) async fn read_glass_keys(listener: &mut PgListener, since_ms: i64) -> sqlx::Result<Vec<GlassKey>> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT (extract(epoch FROM written_at) * 1000)::bigint, log, id FROM understudy.entries
         WHERE {} AND entry ->> 'event' = $1 AND written_at >= to_timestamp($2::bigint::float8 / 1000)
         ORDER BY written_at DESC, id DESC LIMIT $3",
        is_about_approvals()
    )))
    .bind(GLASS_BROKEN)
    .bind(since_ms)
    .bind(MOST_BROKEN)
    .fetch_all(listener)
    .await
}

/// The entries of these sessions, the latest last.
pub(super) async fn read_broken_glass(
    listener: &mut PgListener,
    keys: &[&GlassKey],
) -> sqlx::Result<Vec<TeamEntry>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (logs, ids): (Vec<&str>, Vec<i64>) = keys.iter().map(|(_, log, id)| (log.as_str(), *id)).unzip();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {} FROM understudy.entries WHERE (log, id) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
         ORDER BY written_at, log, id",
        list_columns()
    )))
    .bind(logs)
    .bind(ids)
    .fetch_all(listener)
    .await?;
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

/// As the index names them.
fn is_about_approvals() -> String {
    let events = APPROVAL_EVENTS.iter().map(|event| format!("'{event}'")).collect::<Vec<_>>().join(", ");
    format!("entry ->> 'event' IN ({events})")
}

/// What the server says about itself and this console.
pub(super) struct ServerFacts {
    /// Its time, in milliseconds since the Unix epoch.
    pub(super) now_ms: i64,
    /// The role of this console.
    pub(super) role: String,
    /// More than one role may write.
    pub(super) roles_are_personal: bool,
}

pub(super) async fn read_server_facts(listener: &mut PgListener) -> sqlx::Result<ServerFacts> {
    let row = sqlx::query(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, session_user::text AS role,
             (SELECT count(*) FROM pg_roles
              WHERE rolcanlogin AND NOT rolsuper
                  AND has_any_column_privilege(oid, 'understudy.entries', 'INSERT')) > 1 AS personal",
    )
    .fetch_one(listener)
    .await?;
    Ok(ServerFacts {
        now_ms: row.try_get("now_ms")?,
        role: row.try_get("role")?,
        roles_are_personal: row.try_get("personal")?,
    })
}

/// These entries, those of each log in their order. Anybody can have named them, so what is long over is not among them:
/// not the beginning of a session that has ended.
pub(super) async fn read_entries(
    listener: &mut PgListener,
    entries: &[(String, i64)],
) -> sqlx::Result<Vec<TeamEntry>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let (logs, ids): (Vec<&str>, Vec<i64>) = entries.iter().map(|(log, id)| (log.as_str(), *id)).unzip();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {} FROM understudy.entries AS told
         WHERE (log, id) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
             AND written_at > now() - interval '1 day'
             AND (entry ->> 'event' <> 'begun' OR NOT EXISTS (
                 SELECT FROM understudy.entries AS ended
                 WHERE ended.log = told.log AND ended.entry ->> 'session' = told.entry ->> 'session'
                     AND left(ended.entry ->> 'session', 200) = left(told.entry ->> 'session', 200)
                     AND left(ended.entry ->> 'event', 200) = 'ended'))
         ORDER BY written_at, log, id",
        list_columns()
    )))
    .bind(logs)
    .bind(ids)
    .fetch_all(listener)
    .await?;
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

fn read_row(row: &PgRow) -> sqlx::Result<Option<TeamEntry>> {
    Ok(TeamEntry::parse(
        row.try_get("log")?,
        row.try_get("id")?,
        row.try_get("written_by")?,
        row.try_get("written_at_ms")?,
        row.try_get("console")?,
        row.try_get("line")?,
    ))
}
