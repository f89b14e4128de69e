//! What the databases that hold logs say differently: the file of this computer's log, and the team's.

use sqlx::{Database, Postgres, QueryBuilder, Sqlite};

/// A database with entries, as conditions are written for it. They call the table `e`, and its columns by their names in
/// the log.
pub trait LogDatabase: Database {
    /// Compares with a pattern, without regard to case.
    const LIKE: &'static str;

    /// How the session of an entry has turned out, as far as the log knows: the words of [`Outcome`](super::Outcome).
    const OUTCOME: &'static str;

    fn push_text(query: &mut QueryBuilder<Self>, text: String);

    fn push_number(query: &mut QueryBuilder<Self>, number: i64);
}

impl LogDatabase for Sqlite {
    const LIKE: &'static str = "LIKE";

    const OUTCOME: &'static str = "CASE WHEN coalesce(e.session, '') <> '' THEN coalesce(
    (SELECT CASE
        WHEN last.detail = 'crash' THEN 'crashed'
        WHEN EXISTS (SELECT 1 FROM entries AS a WHERE a.session = e.session AND a.event = 'active') THEN 'ended'
        ELSE 'refused' END
     FROM entries AS last WHERE last.session = e.session AND last.event = 'ended'),
    'running') END";

    fn push_text(query: &mut QueryBuilder<Self>, text: String) {
        query.push_bind(text);
    }

    fn push_number(query: &mut QueryBuilder<Self>, number: i64) {
        query.push_bind(number);
    }
}

impl LogDatabase for Postgres {
    const LIKE: &'static str = "ILIKE";

    // Another console could write entries of the same session, in its own log. The index holds the beginnings of texts.
    const OUTCOME: &'static str = "CASE WHEN coalesce(e.session, '') <> '' THEN coalesce(
    (SELECT CASE
        WHEN last.entry ->> 'detail' = 'crash' THEN 'crashed'
        WHEN EXISTS (SELECT FROM understudy.entries AS a
                     WHERE left(a.entry ->> 'session', 200) = left(e.session, 200) AND a.entry ->> 'session' = e.session
                         AND left(a.entry ->> 'event', 200) = 'active' AND a.log = e.log) THEN 'ended'
        ELSE 'refused' END
     FROM understudy.entries AS last
     WHERE left(last.entry ->> 'session', 200) = left(e.session, 200) AND last.entry ->> 'session' = e.session
         AND left(last.entry ->> 'event', 200) = 'ended' AND last.log = e.log LIMIT 1),
    'running') END";

    fn push_text(query: &mut QueryBuilder<Self>, text: String) {
        // PostgreSQL has no NUL in texts; in the team's log, this stands for it.
        query.push_bind(text.replace('\0', "\u{fffd}"));
    }

    fn push_number(query: &mut QueryBuilder<Self>, number: i64) {
        query.push_bind(number);
    }
}
