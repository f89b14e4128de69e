//! The chain over the entries: the hash of each covers the entry and the hash before it, so none can be changed, removed,
//! moved or put in between without all later hashes changing.
//!
//! An entry's hash is the SHA-256 of its columns as canonical JSON (RFC 8785): one object without spaces, its keys
//! sorted, without those that are empty (NULL), with `previous`, the hash before it in hexadecimal digits. Before the
//! first entry stands the log's own ID. So anyone can recompute the chain from what `understudy audit export` writes.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

/// An entry by its place in the chain: its number alone does not tell it from one of another file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryLink {
    /// 0: before the first entry.
    pub number: i64,
    /// In hexadecimal digits.
    pub hash: String,
}

/// The columns that a link covers. A later format may only add to them: where a column has no value, it does not count.
const TEXTS: &[&str] = &[
    "session",
    "event",
    "operator_name",
    "operator_email",
    "os_user",
    "host",
    "connection",
    "connection_name",
    "environment",
    "user_id",
    "user_name",
    "user_email",
    "reason",
    "detail",
    "app_version",
    "sign_out_failed",
    "run",
    "mode",
    "ticket",
];
const NUMBERS: &[&str] = &["id", "at_ms", "status", "held_back"];

/// The columns that [`read_columns`] needs, for a `SELECT` or `RETURNING`.
pub(super) fn list_columns() -> String {
    [NUMBERS, TEXTS].concat().join(", ")
}

/// The columns that hold texts.
pub fn list_text_columns() -> &'static [&'static str] {
    TEXTS
}

/// An entry as a link covers it: its columns by name, without those that are empty.
pub(super) type Columns = BTreeMap<&'static str, Value>;

const PREVIOUS: &str = "previous";

/// The columns as one JSON object, for a `SELECT`: to read each of a million entries column by column takes longer than
/// to hash it. [`complete_line`] makes of it what the hash covers.
pub(super) fn list_columns_as_json() -> String {
    let mut names = [NUMBERS, TEXTS, &[PREVIOUS]].concat();
    names.sort_unstable();
    let members = names.iter().map(|name| {
        let value = if *name == PREVIOUS { "NULL" } else { name };
        format!("'{name}', {value}")
    });
    format!("json_object({})", members.collect::<Vec<_>>().join(", "))
}

/// What SQLite has written for `list_columns_as_json`, with `previous`, and without the columns that are empty. `None` if
/// it is something else.
///
/// SQLite writes strings as RFC 8785 wants them. If it ever does not, the hash does not fit, and the entry is read column
/// by column.
pub fn complete_line(json: &str, previous: &str) -> Option<String> {
    let mut line = String::with_capacity(json.len() + previous.len());
    let mut rest = json.strip_prefix('{')?;
    loop {
        let (name, value);
        (name, rest) = split_string(rest)?;
        (value, rest) = split_value(rest.strip_prefix(':')?)?;
        let is_previous = &name[1..name.len() - 1] == PREVIOUS;
        if is_previous || value != "null" {
            line.push(if line.is_empty() { '{' } else { ',' });
            line.push_str(name);
            line.push(':');
        }
        if is_previous {
            line.push('"');
            line.push_str(previous);
            line.push('"');
        } else if value != "null" {
            line.push_str(value);
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest == "}" => break,
            None => return None,
        }
    }
    line.push('}');
    Some(line)
}

/// The string of JSON at the beginning, with its quotes, and what follows.
fn split_string(json: &str) -> Option<(&str, &str)> {
    let bytes = json.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return json.split_at_checked(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The string, number or `null` at the beginning, and what follows.
fn split_value(json: &str) -> Option<(&str, &str)> {
    if json.starts_with('"') { split_string(json) } else { json.split_at_checked(json.find([',', '}'])?) }
}

/// Reads a row of [`list_columns`].
pub(super) fn read_columns(row: &SqliteRow) -> sqlx::Result<Columns> {
    let mut columns = Columns::new();
    for name in TEXTS {
        if let Some(text) = row.try_get::<Option<String>, _>(name)? {
            columns.insert(name, text.into());
        }
    }
    for name in NUMBERS {
        if let Some(number) = row.try_get::<Option<i64>, _>(name)? {
            columns.insert(name, number.into());
        }
    }
    Ok(columns)
}

/// Reads what [`render_canonical`] has written, without what is no column.
pub(super) fn parse_columns(line: &str) -> serde_json::Result<Columns> {
    let mut found: BTreeMap<String, Value> = serde_json::from_str(line)?;
    let names = TEXTS.iter().chain(NUMBERS);
    Ok(names.filter_map(|name| Some((*name, found.remove(*name)?))).collect())
}

/// The hash of an entry, in hexadecimal digits. `previous`: the hash before it, or the log's ID.
pub(super) fn hash_entry(columns: &Columns, previous: &str) -> String {
    link_line(columns, previous).1
}

/// What the hash of an entry covers, and the hash. `previous` is as above.
pub(super) fn link_line(columns: &Columns, previous: &str) -> (String, String) {
    let line = serde_json::to_string(&Linked { columns, previous }).unwrap_or_default();
    let hash = hash_line(&line);
    (line, hash)
}

/// In hexadecimal digits.
pub(super) fn hash_line(line: &str) -> String {
    to_hex(digest(&SHA256, line.as_bytes()).as_ref())
}

/// The columns with `previous` where it belongs among their names; not copied, for a large log has millions.
struct Linked<'a> {
    columns: &'a Columns,
    previous: &'a str,
}

impl Serialize for Linked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len() + 1))?;
        for (name, value) in self.columns.range(..PREVIOUS) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(PREVIOUS, self.previous)?;
        for (name, value) in self.columns.range(PREVIOUS..) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Canonical JSON (RFC 8785). What it has to sort are ASCII names, and the only numbers are whole ones; strings are
/// written as the RFC wants them.
pub(super) fn render_canonical(columns: &Columns) -> String {
    serde_json::to_string(columns).unwrap_or_default()
}

/// Adds the link of this row, the entry that was inserted last.
pub(super) async fn add_link(
    connection: &mut SqliteConnection,
    inserted: &SqliteRow,
) -> sqlx::Result<EntryLink> {
    let previous: String = sqlx::query_scalar(
        "SELECT coalesce((SELECT hash FROM links ORDER BY entry DESC LIMIT 1), (SELECT id FROM log))",
    )
    .fetch_one(&mut *connection)
    .await?;
    let number: i64 = inserted.try_get("id")?;
    let hash = hash_entry(&read_columns(inserted)?, &previous);
    sqlx::query("INSERT INTO links (entry, hash) VALUES (?, ?)")
        .bind(number)
        .bind(&hash)
        .execute(&mut *connection)
        .await?;
    Ok(EntryLink { number, hash })
}

/// Links the entries of an earlier format, all of them, in the migration's transaction.
pub(super) async fn link_earlier_entries(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    const PORTION: usize = 1_000;
    let select = format!("SELECT {} FROM entries WHERE id > ? ORDER BY id LIMIT {PORTION}", list_columns());
    let mut last = i64::MIN;
    loop {
        let rows = sqlx::query(AssertSqlSafe(&*select)).bind(last).fetch_all(&mut *connection).await?;
        for row in &rows {
            last = add_link(connection, row).await?.number;
        }
        if rows.len() < PORTION {
            return Ok(());
        }
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `None` if these are not pairs of hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Columns {
        Columns::from([
            ("id", 7.into()),
            ("at_ms", 1_700_000_000_000_i64.into()),
            ("reason", "\u{20ac}$\u{f}\u{a}A'B\"\\\\\"/".into()),
            ("session", "s1".into()),
        ])
    }

    /// The string is RFC 8785's own example (section 3.2.3).
    #[test]
    fn an_entry_is_canonical_json() {
        assert_eq!(
            render_canonical(&columns()),
            r#"{"at_ms":1700000000000,"id":7,"reason":"€$\u000f\nA'B\"\\\\\"/","session":"s1"}"#
        );
    }

    /// So that a change of the code that changes hashes does not go unnoticed: every log there is would be found forged.
    #[test]
    fn a_hash_stays_what_it_was() {
        // sha256sum of {"at_ms":1700000000000,"id":7,"previous":"00ff","reason":…,"session":"s1"}, computed elsewhere.
        assert_eq!(
            hash_entry(&columns(), "00ff"),
            "1fbfe6309d0641f4cfe2e6f0551f8176e4f7e3bcc3014a3f79acf89a8bfbeacc"
        );
    }

    proptest! {
        #[test]
        fn any_change_changes_the_hash(reason in ".*", other in ".*", previous in "[0-9a-f]{64}") {
            let of = |text: &str, previous: &str| {
                let mut columns = columns();
                columns.insert("reason", text.into());
                hash_entry(&columns, previous)
            };
            prop_assert_eq!(of(&reason, &previous) == of(&other, &previous), reason == other);
            prop_assert_ne!(of(&reason, &previous), of(&reason, "another"));
        }

        #[test]
        fn hexadecimal_digits_lead_back(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        }
    }
}
