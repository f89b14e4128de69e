//! PostgreSQL's expressions: columns as text or as an index has them, bound values with a cast, times that are stored
//! as something else.

use super::Column;
use crate::engines::postgres::catalogue::PgType;
use crate::schema::bytes::to_hex_digits;
use crate::schema::name::quote_name;
use crate::schema::table::IndexForm;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{Statement, qualify_column};

/// The expression that an index of this form is on.
pub(crate) fn index_expression(column: &Column, form: IndexForm) -> String {
    match form {
        IndexForm { lower: true, .. } => format!("lower({})", as_text(column)),
        IndexForm { pattern: true, .. } => as_text(column),
        _ => qualify_column(column),
    }
}

/// A bound text, folded by the server with the same rules as the column.
pub(super) fn lowercase_text(statement: &mut Statement, column: &Column, text: String) -> String {
    let text = statement.bind_value('$', Value::Text(text));
    match &column.db_type.collation {
        // Nondeterministic columns are compared with the database's collation: see [`text_of`].
        Some((schema, name)) if !column.db_type.nondeterministic && column.within.is_none() => {
            format!("lower({text} COLLATE {}.{})", quote_name(schema), quote_name(name))
        }
        _ => format!("lower({text})"),
    }
}

pub(super) fn as_text(column: &Column) -> String {
    text_of(column, "u.")
}

/// The column as text for pattern matching: without a cast if it is text, which would prevent the use of an index, and
/// with a collation that supports patterns. `of` is the qualifier in front of its name.
pub(crate) fn text_of(column: &Column, of: &str) -> String {
    let name = column.to_sql(of);
    match column.db_type.name.as_str() {
        "text" | "varchar" if column.db_type.nondeterministic => {
            format!("({name} COLLATE pg_catalog.\"default\")")
        }
        "text" | "varchar" => name,
        "bytea" => format!("encode({name}, 'escape')"),
        _ if column.db_type.nondeterministic => format!("({name}::text COLLATE pg_catalog.\"default\")"),
        _ => format!("({name}::text)"),
    }
}

pub(super) fn is_text(column: &Column) -> bool {
    matches!(column.db_type.name.as_str(), "text" | "varchar" | "bpchar" | "citext")
}

pub(crate) fn is_bytes(column: &Column) -> bool {
    column.db_type.name.as_str() == "bytea"
}

/// Whether the database stores the values as times.
pub(crate) fn is_temporal(column: &Column) -> bool {
    matches!(column.db_type.name.as_str(), "timestamptz" | "timestamp" | "date")
}

pub(super) fn any_text(statement: &mut Statement, column: &Column, texts: Vec<String>) -> String {
    let texts: Vec<String> =
        texts.into_iter().map(|text| cast_bound_value(statement, column, Value::Text(text))).collect();
    format!("{} IN ({})", qualify_column(column), texts.join(", "))
}

pub(super) fn any_bytes(statement: &mut Statement, column: &Column, values: &[Vec<u8>]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|bytes| {
            format!("decode({}, 'hex')", statement.bind_value('$', Value::Text(to_hex_digits(bytes))))
        })
        .collect();
    format!("{} IN ({})", qualify_column(column), values.join(", "))
}

/// The text's bytes in the format of `encode(…, 'escape')`.
/// <https://www.postgresql.org/docs/current/functions-binarystring.html>
pub(super) fn escape_bytes(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\\' => escaped.push_str("\\\\"),
            1..=0x7f => escaped.push(byte.into()),
            byte => write!(escaped, "\\{byte:03o}").expect("a String takes everything"),
        }
    }
    escaped
}

/// Compares a time that is stored as a number or text with `time`.
pub(super) fn compare_kept(
    statement: &mut Statement,
    column: &Column,
    relation: &str,
    time: jiff::Timestamp,
) -> String {
    let ways: Vec<String> = if matches!(
        column.db_type.name.as_str(),
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8"
    ) {
        let name = qualify_column(column);
        let stretches = time::encode_as_numbers(time, relation).into_iter();
        stretches
            .map(|time::EncodedTimeRange { from, to, time }| {
                format!("({name} >= '{from}'::int8 AND {name} < '{to}'::int8 AND {name} {relation} '{time}'::int8)")
            })
            .collect()
    } else {
        let text = format!("{} COLLATE \"C\"", as_text(column));
        let digits = time::encode_as_digits(time);
        let written = statement.bind_value('$', Value::Text(digits[0].1.clone()));
        let dashed = format!(
            "({text} LIKE '%-%' AND rpad(translate(left({text}, 19), '-: T', ''), 14, '0') COLLATE \"C\" {relation} {written})"
        );
        let ways = digits.into_iter().map(|(length, digits)| {
            let digits = statement.bind_value('$', Value::Text(digits));
            format!(
                "(char_length({text}) = {length} AND {text} NOT LIKE '%-%' AND {text} {relation} {digits})"
            )
        });
        std::iter::once(dashed).chain(ways).collect()
    };
    format!("({})", ways.join(" OR "))
}

/// A bound text, cast to the column's type.
pub(super) fn cast_bound_value(statement: &mut Statement, column: &Column, value: Value) -> String {
    let placeholder = statement.bind_value('$', value);
    let PgType { schema, name, .. } = &column.db_type;
    format!("{placeholder}::{}.{}", quote_name(schema), quote_name(name))
}

/// Converts a time from PostgreSQL's ISO format in UTC to RFC 3339: `2024-01-02 03:04:05.6+00` becomes
/// `2024-01-02T03:04:05.6Z`. Values without such a form (infinity, years BC, plain dates) stay as they are.
pub(crate) fn to_rfc3339(text: String) -> String {
    match text.split_once(' ') {
        Some((date, time)) if !time.contains(' ') && time.starts_with(|char: char| char.is_ascii_digit()) => {
            let time = time.strip_suffix("+00").map_or_else(|| time.to_owned(), |time| format!("{time}Z"));
            format!("{date}T{time}")
        }
        _ => text,
    }
}
