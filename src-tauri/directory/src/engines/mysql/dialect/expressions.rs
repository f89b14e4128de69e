//! MySQL's expressions: columns as text or as an index has them, bound values in the column's character set, times that
//! are stored as something else.

use super::Column;
use crate::engines::mysql::types::{MyTextType, MyType, ORDERED_BYTES, ORDERED_CHARS};
use crate::schema::bytes::to_hex_digits;
use crate::schema::table::IndexForm;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{Statement, qualify_column};

/// Compares the column's text with `text`, ignoring case.
pub(super) fn text_condition(
    statement: &mut Statement,
    column: &Column,
    operator: &str,
    text: &str,
) -> String {
    let value = statement.bind_value('?', Value::Text(text.to_owned()));
    match &column.db_type {
        MyType::Text(kept) if kept.ignores_case() => kept.charset_condition(&value, text, |value| {
            format!("{} {operator} {value}", qualify_column(column))
        }),
        _ => format!("LOWER({}) COLLATE utf8mb4_bin {operator} LOWER({value})", in_utf8(column)),
    }
}

impl MyTextType {
    /// `condition` on `value` in the column's character set; false if that character set cannot represent `text`.
    pub(super) fn charset_condition(
        &self,
        value: &str,
        text: &str,
        condition: impl FnOnce(&str) -> String,
    ) -> String {
        let condition = condition(&self.convert_charset(value));
        if self.is_utf8mb4() || text.is_ascii() {
            return condition;
        }
        let there_and_back =
            format!("CONVERT(CONVERT({value} USING {}) USING utf8mb4)", self.charset.as_str());
        format!("({condition} AND CAST({there_and_back} AS BINARY) = CAST({value} AS BINARY))")
    }

    /// A bound text, folded by the server with the same rules as the column.
    pub(super) fn lowercase_text(&self, value: &str) -> String {
        format!("LOWER(CONVERT({value} USING {}) COLLATE {})", self.charset.as_str(), self.collation.as_str())
    }

    /// A character that sorts, byte by byte, after every continuation of a text; for [`MyTextType::is_unicode`].
    pub(super) fn last_text(&self) -> &'static str {
        if self.is_utf8mb4() { "_utf8mb4 x'F48FBFBF'" } else { "_utf8mb3 x'EFBFBF'" }
    }

    /// A bound text in the column's character set. With two character sets, MySQL would convert the column and lose its
    /// index, or fail.
    fn convert_charset(&self, value: &str) -> String {
        if self.is_utf8mb4() {
            return value.to_owned();
        }
        format!("CONVERT({value} USING {}) COLLATE {}", self.charset.as_str(), self.collation.as_str())
    }
}

/// The expression by which the column orders a list, and which an index of this form is on.
pub(super) fn index_expression(column: &Column, form: IndexForm) -> String {
    let name = qualify_column(column);
    match &column.db_type {
        _ if form.lower => format!("LOWER({name})"),
        db_type if db_type.is_ordered_as_it_is() => name,
        MyType::Binary { .. } => format!("LEFT({name}, {ORDERED_BYTES})"),
        _ => format!("LEFT({}, {ORDERED_CHARS})", as_text(column)),
    }
}

/// The column as text, without a cast if it is text.
pub(super) fn as_text(column: &Column) -> String {
    let name = qualify_column(column);
    match &column.db_type {
        MyType::Text(_) | MyType::Binary { .. } => name,
        // Bits become a number only by arithmetic, which also removes leading zeros.
        MyType::Unsigned => format!("CAST({name} + 0 AS CHAR)"),
        MyType::Geometry => format!("ST_AsText({name})"),
        _ => format!("CAST({name} AS CHAR)"),
    }
}

pub(super) fn any_bytes(statement: &mut Statement, column: &Column, values: &[Vec<u8>]) -> String {
    let values = values.iter().map(|bytes| {
        let digits = statement.bind_value('?', Value::Text(to_hex_digits(bytes)));
        format!("UNHEX({digits})")
    });
    format!("{} IN ({})", qualify_column(column), values.collect::<Vec<_>>().join(", "))
}

/// Compares a time that is stored as a number or text with `time`.
pub(super) fn compare_stored_time(
    statement: &mut Statement,
    column: &Column,
    relation: &str,
    time: jiff::Timestamp,
) -> String {
    let name = qualify_column(column);
    let digits = time::encode_as_digits(time);
    let ways: Vec<String> = match &column.db_type {
        MyType::Boolean
        | MyType::Signed
        | MyType::Unsigned
        | MyType::Decimal { .. }
        | MyType::Real { .. } => {
            let stretches = time::encode_as_numbers(time, relation).into_iter();
            stretches
                .map(|time::EncodedTimeRange { from, to, time }| {
                    format!("({name} >= {from} AND {name} < {to} AND {name} {relation} {time})")
                })
                .collect()
        }
        // Exactly long enough for the digits of a time, as in MediaWiki's tables, so they can be compared directly,
        // with an index.
        MyType::Binary { bytes: 14, .. } => {
            let digits = statement.bind_value('?', Value::Text(digits[0].1.clone()));
            vec![format!("{name} {relation} {digits}")]
        }
        _ => {
            let text = format!("{} COLLATE utf8mb4_bin", in_utf8(column));
            let written = statement.bind_value('?', Value::Text(digits[0].1.clone()));
            let plain = ["-", ":", " ", "T"]
                .iter()
                .fold(format!("LEFT({text}, 19)"), |plain, sign| format!("REPLACE({plain}, '{sign}', '')"));
            let dashed = format!("({text} LIKE '%-%' AND RPAD({plain}, 14, '0') {relation} {written})");
            let ways = digits.into_iter().map(|(length, digits)| {
                let digits = statement.bind_value('?', Value::Text(digits));
                format!("(CHAR_LENGTH({text}) = {length} AND {text} NOT LIKE '%-%' AND {text} {relation} {digits})")
            });
            std::iter::once(dashed).chain(ways).collect()
        }
    };
    format!("({})", ways.join(" OR "))
}

/// [`as_text`] in a character set that can represent everything.
pub(super) fn in_utf8(column: &Column) -> String {
    match &column.db_type {
        MyType::Text(text) if text.is_utf8mb4() => as_text(column),
        _ => format!("CONVERT({} USING utf8mb4)", as_text(column)),
    }
}

pub(super) fn hex_expression(bytes: &str) -> String {
    format!(r"CONCAT('\\x', LOWER(HEX({bytes})))")
}

/// A bound value cast to the column's type: MySQL compares values of different types as doubles.
pub(super) fn cast_bound_value(value: &str, db_type: &MyType) -> String {
    match db_type {
        MyType::Boolean | MyType::Signed => format!("CAST({value} AS SIGNED)"),
        MyType::Unsigned | MyType::Listed => format!("CAST({value} AS UNSIGNED)"),
        MyType::Decimal { precision, scale } => format!("CAST({value} AS DECIMAL({precision},{scale}))"),
        MyType::Timestamp | MyType::DateTime => format!("CAST({value} AS DATETIME(6))"),
        MyType::Date => format!("CAST({value} AS DATE)"),
        MyType::Time => format!("CAST({value} AS TIME(6))"),
        MyType::Binary { .. } => format!("UNHEX(SUBSTRING({value}, 3))"),
        MyType::Text(text) => text.convert_charset(value),
        MyType::Real { .. } | MyType::Uuid | MyType::Address | MyType::Json | MyType::Geometry => {
            value.to_owned()
        }
    }
}
