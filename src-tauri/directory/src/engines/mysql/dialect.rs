//! What SQL calls things in MySQL and MariaDB. Values are bound as text and cast by the database, except
//! floating-point ones, whose text is not exact.
//!
//! A text is compared with a column by the column's own collation, so that its indexes serve it. That
//! collation ignores case or it does not; only where it does not, both sides are put in lower case.

use crate::engines::mysql::types::{MyType, ORDERED_BYTES, ORDERED_CHARS, Text};
use crate::plan::Match;
use crate::query::Operand;
use crate::schema::bytes::{BYTES_READ, digits, from_hex};
use crate::schema::cell::CHARS_READ;
use crate::schema::numbers;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::sql::dialect::{Dialect, Ordering, Statement, behind, qualified};

use crate::schema::time;
use crate::schema::uuids;

type Column = TableColumn<MyType>;

pub(crate) struct MySql;

impl Dialect for MySql {
    type Type = MyType;

    /// Right, but never by an index: <https://dev.mysql.com/doc/refman/8.4/en/row-constructor-optimization.html>
    const ROW_VALUES: bool = false;
    const COUNT: &'static str = "CAST(COUNT(*) AS CHAR)";

    /// Not as a derived table: one with long texts is written down first, and comes back in another order.
    fn branch(select: &str, _: usize) -> String {
        format!("({select})")
    }

    fn cell(column: &Column) -> String {
        let name = qualified(column);
        match &column.db_type {
            MyType::Boolean => format!(
                "CASE {name} + 0 WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE CAST({name} + 0 AS CHAR) END"
            ),
            MyType::Text(_) => format!("LEFT({name}, {CHARS_READ})"),
            MyType::Json | MyType::Geometry => format!("LEFT({}, {CHARS_READ})", as_text(column)),
            // As digits; what the bytes are is seen where they are read.
            MyType::Binary { .. } => hex(&format!("LEFT({name}, {BYTES_READ})")),
            // As a double, of which the reading makes what it was: the server writes six digits of a float.
            MyType::Real { is_single: true } => format!("CAST({name} + 0e0 AS CHAR)"),
            _ => as_text(column),
        }
    }

    fn key(column: &Column, form: IndexForm) -> String {
        let expression = expression(column, form);
        match &column.db_type {
            // Of one collation: the branches of a list have keys of several columns.
            MyType::Text(_) => format!("CONVERT({expression} USING utf8mb4) COLLATE utf8mb4_bin"),
            MyType::Boolean | MyType::Unsigned | MyType::Listed => format!("CAST({expression} + 0 AS CHAR)"),
            // As a double: a float's text has fewer digits than the float.
            MyType::Real { .. } => format!("{expression} + 0e0"),
            MyType::Binary { .. } => hex(&expression),
            _ => format!("CAST({expression} AS CHAR)"),
        }
    }

    fn bind_key(statement: &mut Statement, column: &Column, key: Value) -> String {
        let placeholder = statement.bind('?', key);
        typed(&placeholder, &column.db_type)
    }

    fn ordering(column: &Column, form: IndexForm) -> Ordering {
        Ordering::plain(expression(column, form))
    }

    fn id_equals(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualified(id);
        let value = match &id.db_type {
            MyType::Boolean | MyType::Signed => text.parse::<i64>().ok()?.to_string(),
            MyType::Unsigned => text.parse::<u64>().ok()?.to_string(),
            // Rounded to what the type holds it would be somebody else's id.
            MyType::Real { is_single } => {
                let single = numbers::to_f32(text).filter(|_| *is_single).map(f64::from);
                let mut numbers: Vec<f64> = single.into_iter().chain(numbers::to_f64(text)).collect();
                numbers.dedup();
                let numbers: Vec<String> =
                    numbers.iter().map(|number| statement.bind('?', Value::Real(number.to_bits()))).collect();
                return (!numbers.is_empty()).then(|| format!("{name} IN ({})", numbers.join(", ")));
            }
            MyType::Decimal { .. } if is_decimal(text) => {
                // All digits there can be: none is rounded away to match.
                let number = statement.bind('?', Value::Text(text.to_owned()));
                return Some(format!("{name} = CAST({number} AS DECIMAL(65,30))"));
            }
            MyType::Uuid => uuids::read(text)?.to_string(),
            MyType::Binary { .. } => return Some(any_bytes(statement, id, &id.bytes.readings(text))),
            MyType::Text(kept) => {
                let same = uuids::also_spelled(text).into_iter().map(|text| {
                    let value = statement.bind('?', Value::Text(text.clone()));
                    kept.holds(&value, &text, |value| format!("{name} = {value}"))
                });
                return Some(format!("({})", same.collect::<Vec<_>>().join(" OR ")));
            }
            _ => {
                let value = statement.bind('?', Value::Text(text.to_owned()));
                return Some(format!("{} = {value}", as_text(id)));
            }
        };
        let value = statement.bind('?', Value::Text(value));
        Some(format!("{name} = {}", typed(&value, &id.db_type)))
    }

    fn id_shown_as(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        if let MyType::Binary { .. } = &id.db_type {
            let values = id.bytes.shown_as(text);
            return (!values.is_empty()).then(|| any_bytes(statement, id, &values));
        }
        if let MyType::Real { .. } = id.db_type {
            let number = text.parse::<f64>().ok()?;
            // As `Value` writes it.
            return Self::id_equals(statement, id, text).filter(|_| format!("{number:?}") == text);
        }
        // The first finds it by the index, the second makes sure: 007 is not 7, and a collation may
        // ignore case, accents and spaces at the end.
        let found = Self::id_equals(statement, id, text)?;
        let text = statement.bind('?', Value::Text(text.to_owned()));
        let shown = Self::key(id, IndexForm::default());
        Some(format!("{found} AND CAST({shown} AS BINARY) = CAST({text} AS BINARY)"))
    }

    fn equals(statement: &mut Statement, column: &Column, text: &str, form: Option<IndexForm>) -> String {
        if let MyType::Binary { .. } = &column.db_type {
            let mut values = column.bytes.readings(text);
            values.push(text.to_lowercase().into_bytes());
            let same = any_bytes(statement, column, &values);
            if form.is_some() {
                return same;
            }
            return format!("({same} OR {})", compared(statement, column, "=", text));
        }
        let (Some(form), MyType::Text(kept)) = (form, &column.db_type) else {
            return compared(statement, column, "=", text);
        };
        let same = |statement: &mut Statement, text: &str| {
            let value = statement.bind('?', Value::Text(text.to_owned()));
            kept.holds(&value, text, |value| format!("{} = {value}", expression(column, form)))
        };
        if form.lower {
            // The server knows the lower case of its own column.
            let value = statement.bind('?', Value::Text(text.to_owned()));
            return kept
                .holds(&value, text, |_| format!("{} = {}", expression(column, form), kept.lowered(&value)));
        }
        if form.folds {
            return same(statement, text);
        }
        // The index minds the case: as it was typed, and as addresses are mostly kept.
        let typed = same(statement, text);
        let lower = text.to_lowercase();
        if lower == text { typed } else { format!("({typed} OR {})", same(statement, &lower)) }
    }

    fn begins(statement: &mut Statement, column: &Column, text: &str, form: IndexForm) -> String {
        if let (true, MyType::Text(kept)) = (form.lower, &column.db_type) {
            // LIKE is not served by an index on an expression: a range is. It is compared byte by byte.
            let expression = expression(column, form);
            let from = kept.lowered(&statement.bind('?', Value::Text(text.to_owned())));
            let to = kept.lowered(&statement.bind('?', Value::Text(text.to_owned())));
            return format!("({expression} >= {from} AND {expression} < CONCAT({to}, {}))", kept.last());
        }
        let MyType::Text(kept) = &column.db_type else {
            let expression = expression(column, form);
            let mut range =
                vec![format!("{expression} >= {}", statement.bind('?', Value::Text(text.to_owned())))];
            range.extend(
                behind(text).map(|text| format!("{expression} < {}", statement.bind('?', Value::Text(text)))),
            );
            return format!("({})", range.join(" AND "));
        };
        let pattern = Match::Prefix.pattern(text);
        let value = statement.bind('?', Value::Text(pattern.clone()));
        kept.holds(&value, &pattern, |value| format!("{} LIKE {value}", qualified(column)))
    }

    fn compare(statement: &mut Statement, column: &Column, relation: &str, value: &Operand) -> String {
        let name = qualified(column);
        let (text, cast) = match value {
            Operand::Number(number) if matches!(column.db_type, MyType::Real { .. }) => {
                let closest = number.to_f64().clamp(f64::MIN, f64::MAX);
                return format!("{name} {relation} {}", statement.bind('?', Value::Real(closest.to_bits())));
            }
            Operand::Text(text) => {
                let value = statement.bind('?', Value::Text(text.clone()));
                return match &column.db_type {
                    MyType::Text(kept) => {
                        kept.holds(&value, text, |value| format!("{name} {relation} {value}"))
                    }
                    _ => format!("{} {relation} {value}", as_text(column)),
                };
            }
            Operand::Integer(number) => (number.to_string(), "SIGNED"),
            Operand::Number(number) => (number.as_str().to_owned(), "DECIMAL(65,30)"),
            Operand::Boolean(truth) => (u8::from(*truth).to_string(), "SIGNED"),
            Operand::Time(time) if !column.db_type.is_temporal() => {
                return compare_kept(statement, column, relation, *time);
            }
            // The session's zone is UTC; without a zone it is taken for that, as it is shown.
            Operand::Time(time) => (time.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(), "DATETIME(6)"),
            Operand::Uuid(uuid) => {
                let uuid = statement.bind('?', Value::Text(uuid.to_string()));
                return format!("{name} {relation} {uuid}");
            }
        };
        let value = statement.bind('?', Value::Text(text));
        format!("{name} {relation} CAST({value} AS {cast})")
    }

    fn matches(statement: &mut Statement, column: &Column, how: Match, text: &str) -> String {
        // No ESCAPE: the backslash is the default in the mode that `reading` sets.
        let like = compared(statement, column, "LIKE", &how.pattern(text));
        let Some(bytes) = from_hex(text).filter(|_| matches!(column.db_type, MyType::Binary { .. })) else {
            return like;
        };
        // Bytes that are no text are found by the digits that are shown of them.
        let bytes = statement.bind('?', Value::Text(digits(&bytes)));
        let place = if how == Match::Prefix { "= 1" } else { "> 0" };
        format!("({like} OR LOCATE(UNHEX({bytes}), {}) {place})", qualified(column))
    }

    fn alike(statement: &mut Statement, column: &Column, text: &str) -> Option<String> {
        if matches!(&column.db_type, MyType::Text(kept) if kept.folds_accents()) {
            return None;
        }
        let pattern = Self::bound_text(statement, Match::Contains.pattern(text));
        Some(format!("{} COLLATE utf8mb4_unicode_520_ci LIKE {pattern}", in_utf8(column)))
    }

    fn text(column: &Column) -> String {
        in_utf8(column)
    }

    fn bound_text(statement: &mut Statement, text: String) -> String {
        statement.bind('?', Value::Text(text))
    }
}

/// The column's text and `text`, whatever the case.
fn compared(statement: &mut Statement, column: &Column, operator: &str, text: &str) -> String {
    let value = statement.bind('?', Value::Text(text.to_owned()));
    match &column.db_type {
        MyType::Text(kept) if kept.folds() => {
            kept.holds(&value, text, |value| format!("{} {operator} {value}", qualified(column)))
        }
        _ => format!("LOWER({}) COLLATE utf8mb4_bin {operator} LOWER({value})", in_utf8(column)),
    }
}

impl Text {
    /// `condition` on `value` in the column's own character set; false where that has not all of `text`.
    fn holds(&self, value: &str, text: &str, condition: impl FnOnce(&str) -> String) -> String {
        let condition = condition(&self.typed(value));
        if self.is_utf8mb4() || text.is_ascii() {
            return condition;
        }
        let there_and_back =
            format!("CONVERT(CONVERT({value} USING {}) USING utf8mb4)", self.charset.as_str());
        format!("({condition} AND CAST({there_and_back} AS BINARY) = CAST({value} AS BINARY))")
    }

    /// A bound text as the server puts the column's own texts in lower case.
    fn lowered(&self, value: &str) -> String {
        format!("LOWER(CONVERT({value} USING {}) COLLATE {})", self.charset.as_str(), self.collation.as_str())
    }

    /// Sorts, byte by byte, behind every text that goes on; for [`Text::is_unicode`].
    fn last(&self) -> &'static str {
        if self.is_utf8mb4() { "_utf8mb4 x'F48FBFBF'" } else { "_utf8mb3 x'EFBFBF'" }
    }

    /// A bound text in the column's own character set: of two sets MySQL would convert the column, and
    /// lose its index, or refuse.
    fn typed(&self, value: &str) -> String {
        if self.is_utf8mb4() {
            return value.to_owned();
        }
        format!("CONVERT({value} USING {}) COLLATE {}", self.charset.as_str(), self.collation.as_str())
    }
}

/// What orders a list by the column, and what an index of this form is on.
fn expression(column: &Column, form: IndexForm) -> String {
    let name = qualified(column);
    match &column.db_type {
        _ if form.lower => format!("LOWER({name})"),
        db_type if db_type.is_ordered_as_it_is() => name,
        MyType::Binary { .. } => format!("LEFT({name}, {ORDERED_BYTES})"),
        _ => format!("LEFT({}, {ORDERED_CHARS})", as_text(column)),
    }
}

/// The column as text, without a cast where it is one.
fn as_text(column: &Column) -> String {
    let name = qualified(column);
    match &column.db_type {
        MyType::Text(_) | MyType::Binary { .. } => name,
        // Bits are a number only to arithmetic, and zeros in front of it are no part of one.
        MyType::Unsigned => format!("CAST({name} + 0 AS CHAR)"),
        MyType::Geometry => format!("ST_AsText({name})"),
        _ => format!("CAST({name} AS CHAR)"),
    }
}

fn any_bytes(statement: &mut Statement, column: &Column, values: &[Vec<u8>]) -> String {
    let values = values.iter().map(|bytes| {
        let digits = statement.bind('?', Value::Text(digits(bytes)));
        format!("UNHEX({digits})")
    });
    format!("{} IN ({})", qualified(column), values.collect::<Vec<_>>().join(", "))
}

/// A time that is kept as a number or as a text stands in this relation to `time`.
fn compare_kept(statement: &mut Statement, column: &Column, relation: &str, time: jiff::Timestamp) -> String {
    let name = qualified(column);
    let digits = time::digits(time);
    let ways: Vec<String> = match &column.db_type {
        MyType::Boolean
        | MyType::Signed
        | MyType::Unsigned
        | MyType::Decimal { .. }
        | MyType::Real { .. } => {
            let stretches = time::stretches(time, relation).into_iter();
            stretches
                .map(|time::Stretch { from, to, time }| {
                    format!("({name} >= {from} AND {name} < {to} AND {name} {relation} {time})")
                })
                .collect()
        }
        // Room for those digits and nothing else, as in MediaWiki's tables: an index serves it.
        MyType::Binary { bytes: 14, .. } => {
            let digits = statement.bind('?', Value::Text(digits[0].1.clone()));
            vec![format!("{name} {relation} {digits}")]
        }
        _ => {
            let text = format!("{} COLLATE utf8mb4_bin", in_utf8(column));
            let written = statement.bind('?', Value::Text(digits[0].1.clone()));
            let plain = ["-", ":", " ", "T"]
                .iter()
                .fold(format!("LEFT({text}, 19)"), |plain, sign| format!("REPLACE({plain}, '{sign}', '')"));
            let dashed = format!("({text} LIKE '%-%' AND RPAD({plain}, 14, '0') {relation} {written})");
            let ways = digits.into_iter().map(|(length, digits)| {
                let digits = statement.bind('?', Value::Text(digits));
                format!("(CHAR_LENGTH({text}) = {length} AND {text} NOT LIKE '%-%' AND {text} {relation} {digits})")
            });
            std::iter::once(dashed).chain(ways).collect()
        }
    };
    format!("({})", ways.join(" OR "))
}

/// [`as_text`], in the character set that all texts fit in.
fn in_utf8(column: &Column) -> String {
    match &column.db_type {
        MyType::Text(text) if text.is_utf8mb4() => as_text(column),
        _ => format!("CONVERT({} USING utf8mb4)", as_text(column)),
    }
}

fn hex(bytes: &str) -> String {
    format!(r"CONCAT('\\x', LOWER(HEX({bytes})))")
}

/// A bound value in the column's type: MySQL compares unlike ones as doubles.
fn typed(value: &str, db_type: &MyType) -> String {
    match db_type {
        MyType::Boolean | MyType::Signed => format!("CAST({value} AS SIGNED)"),
        MyType::Unsigned | MyType::Listed => format!("CAST({value} AS UNSIGNED)"),
        MyType::Decimal { precision, scale } => format!("CAST({value} AS DECIMAL({precision},{scale}))"),
        MyType::Timestamp | MyType::DateTime => format!("CAST({value} AS DATETIME(6))"),
        MyType::Date => format!("CAST({value} AS DATE)"),
        MyType::Time => format!("CAST({value} AS TIME(6))"),
        MyType::Binary { .. } => format!("UNHEX(SUBSTRING({value}, 3))"),
        MyType::Text(text) => text.typed(value),
        MyType::Real { .. } | MyType::Uuid | MyType::Address | MyType::Json | MyType::Geometry => {
            value.to_owned()
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str, most: usize| {
        (1..=most).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    plain(whole, 35) && plain(fraction, 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_told_from_other_texts() {
        for (text, expected) in [
            ("1.50", true),
            ("-7", true),
            ("123456789012345678901", true),
            ("1e3", false),
            (&"9".repeat(36), false),
            ("1.", false),
            ("", false),
        ] {
            assert_eq!(is_decimal(text), expected, "{text}");
        }
    }
}
