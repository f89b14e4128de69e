//! The SQL dialect of MySQL and MariaDB. Values are bound as text and cast by the database, except floating-point
//! numbers, whose text is not exact.
//!
//! Text is compared with the column's own collation, so that its indexes can be used. Only if that collation is
//! case-sensitive, both sides are converted to lower case.

mod expressions;
#[cfg(test)]
mod tests;

use self::expressions::{
    any_bytes, as_text, cast_bound_value, compare_stored_time, hex_expression, in_utf8, index_expression,
    text_condition,
};
use crate::engines::mysql::types::MyType;
use crate::plan::MatchKind;
use crate::query::Operand;
use crate::schema::bytes::{BYTES_READ, from_hex, to_hex_digits};
use crate::schema::cell::CHARS_READ;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::schema::{numbers, uuids};
use crate::sql::dialect::{Dialect, OrderExpression, Statement, prefix_upper_bound, qualify_column};

type Column = TableColumn<MyType>;

pub(crate) struct MySql;

impl Dialect for MySql {
    type Type = MyType;

    /// Correct, but never with an index: <https://dev.mysql.com/doc/refman/8.4/en/row-constructor-optimization.html>
    const ROW_VALUES: bool = false;
    const COUNT: &'static str = "CAST(COUNT(*) AS CHAR)";

    /// Not a derived table: with long texts, MySQL materialises it and loses the order.
    fn union_branch(select: &str, _: usize) -> String {
        format!("({select})")
    }

    fn cell_expression(column: &Column) -> String {
        let name = qualify_column(column);
        match &column.db_type {
            MyType::Boolean => format!(
                "CASE {name} + 0 WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE CAST({name} + 0 AS CHAR) END"
            ),
            MyType::Text(_) => format!("LEFT({name}, {CHARS_READ})"),
            MyType::Json | MyType::Geometry => format!("LEFT({}, {CHARS_READ})", as_text(column)),
            // As digits, which are interpreted when the row is decoded.
            MyType::Binary { .. } => hex_expression(&format!("LEFT({name}, {BYTES_READ})")),
            // As a double, from which the decoder restores the float: the server would print only six digits of a
            // float.
            MyType::Real { is_single: true } => format!("CAST({name} + 0e0 AS CHAR)"),
            _ => as_text(column),
        }
    }

    fn key_expression(column: &Column, form: IndexForm) -> String {
        let expression = index_expression(column, form);
        match &column.db_type {
            // With one collation, since the branches of a list have keys of different columns.
            MyType::Text(_) => format!("CONVERT({expression} USING utf8mb4) COLLATE utf8mb4_bin"),
            MyType::Boolean | MyType::Unsigned | MyType::Listed => format!("CAST({expression} + 0 AS CHAR)"),
            // As a double: the server prints fewer digits of a float than it has.
            MyType::Real { .. } => format!("{expression} + 0e0"),
            MyType::Binary { .. } => hex_expression(&expression),
            _ => format!("CAST({expression} AS CHAR)"),
        }
    }

    fn bind_key(statement: &mut Statement, column: &Column, key: Value) -> String {
        let placeholder = statement.bind_value('?', key);
        cast_bound_value(&placeholder, &column.db_type)
    }

    fn order_expression(column: &Column, form: IndexForm) -> OrderExpression {
        OrderExpression::new(index_expression(column, form))
    }

    fn id_equals(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualify_column(id);
        let value = match &id.db_type {
            MyType::Boolean | MyType::Signed => text.parse::<i64>().ok()?.to_string(),
            MyType::Unsigned => text.parse::<u64>().ok()?.to_string(),
            // Rounded to this type, it could match someone else's ID.
            MyType::Real { is_single } => {
                let single = numbers::to_f32(text).filter(|_| *is_single).map(f64::from);
                let mut numbers: Vec<f64> = single.into_iter().chain(numbers::to_f64(text)).collect();
                numbers.dedup();
                let numbers: Vec<String> = numbers
                    .iter()
                    .map(|number| statement.bind_value('?', Value::Real(number.to_bits())))
                    .collect();
                return (!numbers.is_empty()).then(|| format!("{name} IN ({})", numbers.join(", ")));
            }
            MyType::Decimal { .. } if is_decimal(text) => {
                // With the maximum number of digits, so that the value is not rounded.
                let number = statement.bind_value('?', Value::Text(text.to_owned()));
                return Some(format!("{name} = CAST({number} AS DECIMAL(65,30))"));
            }
            MyType::Uuid => uuids::parse_uuid(text)?.to_string(),
            MyType::Binary { .. } => {
                return Some(any_bytes(statement, id, &id.bytes.parse_possible_values(text)));
            }
            MyType::Text(kept) => {
                let same = uuids::also_spelled(text).into_iter().map(|text| {
                    let value = statement.bind_value('?', Value::Text(text.clone()));
                    kept.charset_condition(&value, &text, |value| format!("{name} = {value}"))
                });
                return Some(format!("({})", same.collect::<Vec<_>>().join(" OR ")));
            }
            _ => {
                let value = statement.bind_value('?', Value::Text(text.to_owned()));
                return Some(format!("{} = {value}", as_text(id)));
            }
        };
        let value = statement.bind_value('?', Value::Text(value));
        Some(format!("{name} = {}", cast_bound_value(&value, &id.db_type)))
    }

    fn id_shown_as(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        if let MyType::Binary { .. } = &id.db_type {
            let values = id.bytes.shown_as(text);
            return (!values.is_empty()).then(|| any_bytes(statement, id, &values));
        }
        if let MyType::Real { .. } = id.db_type {
            let number = text.parse::<f64>().ok()?;
            // In the format of `Value`.
            return Self::id_equals(statement, id, text).filter(|_| format!("{number:?}") == text);
        }
        // The first condition uses the index. The second ensures an exact match: 007 is not 7, and a collation may
        // ignore case, accents and trailing spaces.
        let found = Self::id_equals(statement, id, text)?;
        let text = statement.bind_value('?', Value::Text(text.to_owned()));
        let shown = Self::key_expression(id, IndexForm::default());
        Some(format!("{found} AND CAST({shown} AS BINARY) = CAST({text} AS BINARY)"))
    }

    fn equals_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: Option<IndexForm>,
    ) -> String {
        if let MyType::Binary { .. } = &column.db_type {
            let mut values = column.bytes.parse_possible_values(text);
            values.push(text.to_lowercase().into_bytes());
            let same = any_bytes(statement, column, &values);
            if form.is_some() {
                return same;
            }
            return format!("({same} OR {})", text_condition(statement, column, "=", text));
        }
        let (Some(form), MyType::Text(kept)) = (form, &column.db_type) else {
            return text_condition(statement, column, "=", text);
        };
        let same = |statement: &mut Statement, text: &str| {
            let value = statement.bind_value('?', Value::Text(text.to_owned()));
            kept.charset_condition(&value, text, |value| {
                format!("{} = {value}", index_expression(column, form))
            })
        };
        if form.lower {
            // Only the server knows how it folds this column.
            let value = statement.bind_value('?', Value::Text(text.to_owned()));
            return kept.charset_condition(&value, text, |_| {
                format!("{} = {}", index_expression(column, form), kept.lowercase_text(&value))
            });
        }
        if form.folds {
            return same(statement, text);
        }
        // The index is case-sensitive: try the text as typed, and in lower case, as addresses are usually stored.
        let typed = same(statement, text);
        let lower = text.to_lowercase();
        if lower == text { typed } else { format!("({typed} OR {})", same(statement, &lower)) }
    }

    fn begins_with_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: IndexForm,
    ) -> String {
        if let (true, MyType::Text(kept)) = (form.lower, &column.db_type) {
            // An index on an expression cannot be used for LIKE, but can be for a range. The comparison is bytewise.
            let expression = index_expression(column, form);
            let from = kept.lowercase_text(&statement.bind_value('?', Value::Text(text.to_owned())));
            let to = kept.lowercase_text(&statement.bind_value('?', Value::Text(text.to_owned())));
            return format!("({expression} >= {from} AND {expression} < CONCAT({to}, {}))", kept.last_text());
        }
        let MyType::Text(kept) = &column.db_type else {
            let expression = index_expression(column, form);
            let mut range =
                vec![format!("{expression} >= {}", statement.bind_value('?', Value::Text(text.to_owned())))];
            range.extend(
                prefix_upper_bound(text)
                    .map(|text| format!("{expression} < {}", statement.bind_value('?', Value::Text(text)))),
            );
            return format!("({})", range.join(" AND "));
        };
        let pattern = MatchKind::Prefix.to_like_pattern(text);
        let value = statement.bind_value('?', Value::Text(pattern.clone()));
        kept.charset_condition(&value, &pattern, |value| format!("{} LIKE {value}", qualify_column(column)))
    }

    fn comparison_condition(
        statement: &mut Statement,
        column: &Column,
        relation: &str,
        value: &Operand,
    ) -> String {
        let name = qualify_column(column);
        let (text, cast) = match value {
            Operand::Number(number) if matches!(column.db_type, MyType::Real { .. }) => {
                let closest = number.to_f64().clamp(f64::MIN, f64::MAX);
                return format!(
                    "{name} {relation} {}",
                    statement.bind_value('?', Value::Real(closest.to_bits()))
                );
            }
            Operand::Text(text) => {
                let value = statement.bind_value('?', Value::Text(text.clone()));
                return match &column.db_type {
                    MyType::Text(kept) => {
                        kept.charset_condition(&value, text, |value| format!("{name} {relation} {value}"))
                    }
                    _ => format!("{} {relation} {value}", as_text(column)),
                };
            }
            Operand::Integer(number) => (number.to_string(), "SIGNED"),
            Operand::Number(number) => (number.as_str().to_owned(), "DECIMAL(65,30)"),
            Operand::Boolean(truth) => (u8::from(*truth).to_string(), "SIGNED"),
            Operand::Time(time) if !column.db_type.is_temporal() => {
                return compare_stored_time(statement, column, relation, *time);
            }
            // The session's zone is UTC. A time without a zone is treated as UTC, as it is shown.
            Operand::Time(time) => (time.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(), "DATETIME(6)"),
            Operand::Uuid(uuid) => {
                let uuid = statement.bind_value('?', Value::Text(uuid.to_string()));
                return format!("{name} {relation} {uuid}");
            }
        };
        let value = statement.bind_value('?', Value::Text(text));
        format!("{name} {relation} CAST({value} AS {cast})")
    }

    fn match_condition(statement: &mut Statement, column: &Column, how: MatchKind, text: &str) -> String {
        // No ESCAPE: the backslash is the default in the SQL mode that `reading` sets.
        let like = text_condition(statement, column, "LIKE", &how.to_like_pattern(text));
        let Some(bytes) = from_hex(text).filter(|_| matches!(column.db_type, MyType::Binary { .. })) else {
            return like;
        };
        // Bytes that are not text are found by their displayed digits.
        let bytes = statement.bind_value('?', Value::Text(to_hex_digits(&bytes)));
        let place = if how == MatchKind::Prefix { "= 1" } else { "> 0" };
        format!("({like} OR LOCATE(UNHEX({bytes}), {}) {place})", qualify_column(column))
    }

    fn alike_condition(statement: &mut Statement, column: &Column, text: &str) -> Option<String> {
        if matches!(&column.db_type, MyType::Text(kept) if kept.folds_accents()) {
            return None;
        }
        let pattern = Self::bound_text(statement, MatchKind::Contains.to_like_pattern(text));
        Some(format!("{} COLLATE utf8mb4_unicode_520_ci LIKE {pattern}", in_utf8(column)))
    }

    fn text_expression(column: &Column) -> String {
        in_utf8(column)
    }

    fn bound_text(statement: &mut Statement, text: String) -> String {
        statement.bind_value('?', Value::Text(text))
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
