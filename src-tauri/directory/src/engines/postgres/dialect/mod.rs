//! The SQL dialect of PostgreSQL. Every value is bound as text and cast by the database.

mod expressions;
#[cfg(test)]
mod tests;

use self::expressions::{
    any_bytes, any_text, as_text, cast_bound_value, compare_kept, escape_bytes, is_text, lowercase_text,
};
use crate::engines::postgres::catalogue::PgType;
use crate::model::FieldKind;
use crate::plan::MatchKind;
use crate::query::{Operand, spelling};
use crate::schema::bytes::{BYTES_READ, from_hex, to_hex_digits};
use crate::schema::cell::CHARS_READ;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::schema::{numbers, uuids};
use crate::sql::dialect::{Dialect, OrderExpression, Statement, prefix_upper_bound, qualify_column};

pub(crate) use expressions::{index_expression, is_bytes, is_temporal, text_of, to_rfc3339};

type Column = TableColumn<PgType>;

pub(crate) struct Postgres;

impl Dialect for Postgres {
    type Type = PgType;

    const ROW_VALUES: bool = true;
    const COUNT: &'static str = "count(*)::text";

    fn cell_expression(column: &Column) -> String {
        let name = qualify_column(column);
        match (column.kind, column.db_type.name.as_str()) {
            // As digits, which are interpreted when the row is decoded.
            (_, "bytea") => format!("substring({name} from 1 for {BYTES_READ})::text"),
            (FieldKind::Time, _) if !is_text(column) => format!("{name}::text"),
            (FieldKind::Integer | FieldKind::Boolean | FieldKind::Uuid, _) => format!("{name}::text"),
            _ => format!("left({name}::text, {CHARS_READ})"),
        }
    }

    fn key_expression(column: &Column, form: IndexForm) -> String {
        // Exact: see the transaction settings in `reading`.
        format!("{}::text", index_expression(column, form))
    }

    fn bind_key(statement: &mut Statement, column: &Column, key: Value) -> String {
        cast_bound_value(statement, column, key)
    }

    fn order_expression(column: &Column, form: IndexForm) -> OrderExpression {
        let plain = OrderExpression::new(index_expression(column, form));
        if form.pattern {
            OrderExpression { less: "~<~", greater: "~>~", up: "USING ~<~", down: "USING ~>~", ..plain }
        } else {
            plain
        }
    }

    fn id_equals(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualify_column(id);
        let same_text = |statement: &mut Statement| {
            let text = statement.bind_value('$', Value::Text(text.to_owned()));
            format!("{name}::text = {text}")
        };
        Some(match (id.kind, id.db_type.name.as_str()) {
            (FieldKind::Integer, _) => {
                let number: i64 = text.parse().ok()?;
                // Cast to bigint whatever the column's width: an index can still be used, and nothing overflows.
                let number = statement.bind_value('$', Value::Text(number.to_string()));
                format!("{name} = {number}::int8")
            }
            (FieldKind::Uuid, _) => {
                let uuid = uuids::parse_uuid(text)?;
                format!("{name} = {}", cast_bound_value(statement, id, Value::Text(uuid.to_string())))
            }
            (_, "bytea") => any_bytes(statement, id, &id.bytes.parse_possible_values(text)),
            _ if is_text(id) => any_text(statement, id, uuids::also_spelled(text)),
            (_, "numeric") if is_decimal(text) || text == "NaN" => {
                format!("{name} = {}", cast_bound_value(statement, id, Value::Text(text.to_owned())))
            }
            // Rounded to this type, it could match someone else's ID.
            (_, "float4") if numbers::to_f32(text).is_some() => {
                format!("{name} = {}", cast_bound_value(statement, id, Value::Text(text.to_owned())))
            }
            (_, "float8") if numbers::to_f64(text).is_some() => {
                format!("{name} = {}", cast_bound_value(statement, id, Value::Text(text.to_owned())))
            }
            // As it is shown, or as the server writes it.
            _ if is_temporal(id) && is_time(text) => {
                format!("{name} = {}", cast_bound_value(statement, id, Value::Text(text.to_owned())))
            }
            _ => same_text(statement),
        })
    }

    fn id_shown_as(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        if is_bytes(id) {
            let values = id.bytes.shown_as(text);
            return (!values.is_empty()).then(|| any_bytes(statement, id, &values));
        }
        // The first condition uses the index. The second ensures an exact match: 007 is not 7, citext ignores case, and
        // a collation may treat different texts as equal.
        let found = Self::id_equals(statement, id, text)?;
        let text = statement.bind_value('$', Value::Text(text.to_owned()));
        Some(format!("{found} AND {}::text = {text} COLLATE \"C\"", qualify_column(id)))
    }

    fn equals_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: Option<IndexForm>,
    ) -> String {
        if is_bytes(column) {
            let mut values = column.bytes.parse_possible_values(text);
            values.push(text.to_lowercase().into_bytes());
            let same = any_bytes(statement, column, &values);
            if form.is_some() {
                return same;
            }
            let text = statement.bind_value('$', Value::Text(escape_bytes(text)));
            return format!("({same} OR lower({}) = lower({text}))", as_text(column));
        }
        match form {
            Some(form) if form.folds => {
                let name = qualify_column(column);
                format!("{name} = {}", cast_bound_value(statement, column, Value::Text(text.to_owned())))
            }
            Some(form) if !form.lower => {
                // The index is case-sensitive: try the text as typed, and in lower case, as addresses are usually
                // stored.
                let mut texts = vec![text.to_owned(), text.to_lowercase()];
                texts.dedup();
                any_text(statement, column, texts)
            }
            _ => {
                format!("lower({}) = {}", as_text(column), lowercase_text(statement, column, text.to_owned()))
            }
        }
    }

    fn begins_with_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: IndexForm,
    ) -> String {
        let expression = index_expression(column, form);
        if form.lower {
            // Only the server knows how it folds this column. It derives the range from the pattern.
            let pattern = lowercase_text(statement, column, MatchKind::Prefix.to_like_pattern(text));
            return format!("{expression} LIKE {pattern}");
        }
        let (from, before) = if form.pattern { ("~>=~", "~<~") } else { (">=", "<") };
        let first = statement.bind_value('$', Value::Text(text.to_owned()));
        let mut condition = format!("{expression} {from} {first}");
        if let Some(behind) = prefix_upper_bound(text) {
            let behind = statement.bind_value('$', Value::Text(behind));
            condition = format!("({condition} AND {expression} {before} {behind})");
        }
        condition
    }

    fn comparison_condition(
        statement: &mut Statement,
        column: &Column,
        relation: &str,
        value: &Operand,
    ) -> String {
        let zoned = column.db_type.name.as_str() == "timestamptz";
        // Cast to a type that compares directly with the column's, so that an index can be used.
        let (text, cast) = match value {
            Operand::Integer(number) => (number.to_string(), "int8"),
            Operand::Number(number) => (number.as_str().to_owned(), "numeric"),
            Operand::Boolean(truth) => (truth.to_string(), "bool"),
            Operand::Uuid(uuid) => (uuid.to_string(), "uuid"),
            Operand::Text(text) => (text.clone(), "text"),
            Operand::Time(time) if zoned => (time.to_string(), "timestamptz"),
            Operand::Time(time) if !is_temporal(column) => {
                return compare_kept(statement, column, relation, *time);
            }
            // A time without a zone is treated as UTC, as it is shown.
            Operand::Time(time) => (time.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(), "timestamp"),
        };
        let text = statement.bind_value('$', Value::Text(text));
        format!("{} {relation} {text}::{cast}", qualify_column(column))
    }

    fn match_condition(statement: &mut Statement, column: &Column, how: MatchKind, text: &str) -> String {
        // No ESCAPE: the backslash is the default, and pg_trgm indexes only support the plain operator.
        let shown_bytes = from_hex(text).filter(|_| is_bytes(column));
        let bytes = is_bytes(column).then(|| escape_bytes(text));
        let text = bytes.as_deref().unwrap_or(text);
        let form = column.access.contains.as_ref().map(|served| served.form).unwrap_or_default();
        if form.lower {
            let pattern = lowercase_text(statement, column, how.to_like_pattern(text));
            return format!("{} LIKE {pattern}", index_expression(column, form));
        }
        let pattern = statement.bind_value('$', Value::Text(how.to_like_pattern(text)));
        let like = format!("{} ILIKE {pattern}", as_text(column));
        let Some(bytes) = shown_bytes else { return like };
        // Bytes that are not text are found by their displayed digits.
        let bytes = statement.bind_value('$', Value::Text(to_hex_digits(&bytes)));
        let place = if how == MatchKind::Prefix { "= 1" } else { "> 0" };
        format!("({like} OR position(decode({bytes}, 'hex') IN {}) {place})", qualify_column(column))
    }

    fn alike_condition(statement: &mut Statement, column: &Column, text: &str) -> Option<String> {
        // The pattern contains both cases of each letter, so the column's collation does not matter.
        let pattern = Self::bound_text(statement, spelling::to_spelling_regex(text));
        Some(format!("{} COLLATE \"C\" ~ {pattern}", as_text(column)))
    }

    fn text_expression(column: &Column) -> String {
        as_text(column)
    }

    fn bound_text(statement: &mut Statement, text: String) -> String {
        statement.bind_value('$', Value::Text(text))
    }
}

/// Whether the server can parse the text as a time.
fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok()
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain(whole) && plain(fraction)
}
