//! The SQL dialect of PostgreSQL. Every value is bound as text and cast by the database.

use crate::engines::postgres::catalogue::PgType;
use crate::model::FieldKind;
use crate::plan::MatchKind;
use crate::query::Operand;
use crate::query::spelling;
use crate::schema::bytes::{BYTES_READ, from_hex, to_hex_digits};
use crate::schema::cell::CHARS_READ;
use crate::schema::name::quote_name;
use crate::schema::numbers;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::time;
use crate::schema::uuids;
use crate::schema::value::Value;
use crate::sql::dialect::{Dialect, OrderExpression, Statement, prefix_upper_bound, qualify_column};

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

/// The expression that an index of this form is on.
pub(crate) fn index_expression(column: &Column, form: IndexForm) -> String {
    match form {
        IndexForm { lower: true, .. } => format!("lower({})", as_text(column)),
        IndexForm { pattern: true, .. } => as_text(column),
        _ => qualify_column(column),
    }
}

/// A bound text, folded by the server with the same rules as the column.
fn lowercase_text(statement: &mut Statement, column: &Column, text: String) -> String {
    let text = statement.bind_value('$', Value::Text(text));
    match &column.db_type.collation {
        // Nondeterministic columns are compared with the database's collation: see [`text_of`].
        Some((schema, name)) if !column.db_type.nondeterministic && column.within.is_none() => {
            format!("lower({text} COLLATE {}.{})", quote_name(schema), quote_name(name))
        }
        _ => format!("lower({text})"),
    }
}

fn as_text(column: &Column) -> String {
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

fn is_text(column: &Column) -> bool {
    matches!(column.db_type.name.as_str(), "text" | "varchar" | "bpchar" | "citext")
}

pub(crate) fn is_bytes(column: &Column) -> bool {
    column.db_type.name.as_str() == "bytea"
}

/// Whether the database stores the values as times.
pub(crate) fn is_temporal(column: &Column) -> bool {
    matches!(column.db_type.name.as_str(), "timestamptz" | "timestamp" | "date")
}

/// Whether the server can parse the text as a time.
fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok()
}

fn any_text(statement: &mut Statement, column: &Column, texts: Vec<String>) -> String {
    let texts: Vec<String> =
        texts.into_iter().map(|text| cast_bound_value(statement, column, Value::Text(text))).collect();
    format!("{} IN ({})", qualify_column(column), texts.join(", "))
}

fn any_bytes(statement: &mut Statement, column: &Column, values: &[Vec<u8>]) -> String {
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
fn escape_bytes(text: &str) -> String {
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
fn compare_kept(statement: &mut Statement, column: &Column, relation: &str, time: jiff::Timestamp) -> String {
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

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain(whole) && plain(fraction)
}

/// A bound text, cast to the column's type.
fn cast_bound_value(statement: &mut Statement, column: &Column, value: Value) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::{CatalogueName, Quote};
    use crate::schema::table::IndexSupport;
    use crate::sql::review::{
        FOLDS, LOWER, PATTERN, PLAIN, example_column, example_mapping, index_of, write_conditions,
        write_statements,
    };

    fn example_type(name: &'static str) -> PgType {
        let literal = |name| CatalogueName::from_literal(name, Quote::Double);
        PgType {
            schema: literal("pg_catalog"),
            name: literal(name),
            bytewise: false,
            nondeterministic: false,
            folds_ascii: false,
            collation: None,
        }
    }

    fn type_of_kind(kind: FieldKind) -> PgType {
        example_type(match kind {
            FieldKind::Integer => "int8",
            FieldKind::Boolean => "bool",
            FieldKind::Time => "timestamptz",
            _ => "text",
        })
    }

    #[test]
    fn statements_where_indexes_serve() {
        let ties = IndexForm { ties: true, ..LOWER };
        let mapping = example_mapping(Quote::Double, type_of_kind, |column| match column {
            "id" => {
                IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() }
            }
            "email" => {
                IndexSupport { equals: index_of(LOWER), prefix: index_of(ties), ..IndexSupport::default() }
            }
            "name" => IndexSupport {
                prefix: index_of(PATTERN),
                contains: index_of(LOWER),
                ..IndexSupport::default()
            },
            "plan" => IndexSupport { equals: index_of(PLAIN), ..IndexSupport::default() },
            "created_at" => IndexSupport { order: index_of(PLAIN), ..IndexSupport::default() },
            _ => IndexSupport::default(),
        });
        insta::assert_snapshot!(write_statements::<Postgres>(&mapping));
    }

    #[test]
    fn statements_where_only_the_key_has_an_index() {
        let key = IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() };
        let mapping = example_mapping(Quote::Double, type_of_kind, |column| {
            if column == "id" { key.clone() } else { IndexSupport::default() }
        });
        insta::assert_snapshot!(write_statements::<Postgres>(&mapping));
    }

    #[test]
    fn conditions_by_index_form() {
        let column = |name: &'static str, access| {
            example_column(("email", FieldKind::Text), Quote::Double, example_type(name), access)
        };
        let text = column("text", IndexSupport::default());
        let trigrams = column("text", IndexSupport { contains: index_of(LOWER), ..IndexSupport::default() });
        let mut collated = column("varchar", IndexSupport::default());
        let literal = |name| CatalogueName::from_literal(name, Quote::Double);
        collated.db_type.collation = Some((literal("pg_catalog"), literal("tr-x-icu")));
        let mut nondeterministic = collated.clone();
        nondeterministic.db_type.nondeterministic = true;
        let written = [
            write_conditions::<Postgres>("text", &text, PLAIN),
            write_conditions::<Postgres>("lower(text)", &text, LOWER),
            write_conditions::<Postgres>("text text_pattern_ops", &text, PATTERN),
            write_conditions::<Postgres>(
                "lower(text) text_pattern_ops, and trigrams of lower(text)",
                &trigrams,
                IndexForm { lower: true, ..PATTERN },
            ),
            write_conditions::<Postgres>("citext", &column("citext", IndexSupport::default()), FOLDS),
            write_conditions::<Postgres>("lower(varchar COLLATE \"tr-x-icu\")", &collated, LOWER),
            write_conditions::<Postgres>("varchar, nondeterministic", &nondeterministic, FOLDS),
            write_conditions::<Postgres>("bytea", &column("bytea", IndexSupport::default()), PLAIN),
        ];
        insta::assert_snapshot!(written.concat());
    }

    #[test]
    fn bytes_are_escaped_as_the_server_does() {
        assert_eq!(escape_bytes("a\\ä%"), "a\\\\\\303\\244%");
    }

    #[test]
    fn times_become_rfc_3339_where_they_can() {
        for (postgres, expected) in [
            ("0044-03-15 BC", "0044-03-15 BC"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
            ("2024-01-02 03:04:05.678901+00", "2024-01-02T03:04:05.678901Z"),
            ("2024-01-02 03:04:05", "2024-01-02T03:04:05"),
            ("9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
            ("2024-01-02", "2024-01-02"),
            ("infinity", "infinity"),
            ("0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
        ] {
            assert_eq!(to_rfc3339(postgres.to_owned()), expected);
        }
    }
}
