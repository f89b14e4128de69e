//! The SQL dialect of SQLite. Any column may contain values of any type, and each is bound with its own type.

use crate::engines::sqlite::catalogue::LiteType;
use crate::engines::sqlite::trigrams;
use crate::model::FieldKind;
use crate::plan::MatchKind;
use crate::plan::{has_trigram, list_case_variants};
use crate::query::Operand;
use crate::query::spelling;
use crate::schema::bytes::BYTES_READ;
use crate::schema::cell::CHARS_READ;
use crate::schema::name::quote_name;
use crate::schema::numbers;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::sql::dialect::{Dialect, OrderExpression, Statement, prefix_upper_bound, qualify_column};

use crate::schema::time;
use crate::schema::uuids;

type Column = TableColumn<LiteType>;

pub(crate) struct Sqlite;

impl Dialect for Sqlite {
    type Type = LiteType;

    const ROW_VALUES: bool = true;
    const COUNT: &'static str = "CAST(count(*) AS TEXT)";

    fn cell_expression(column: &Column) -> String {
        let name = qualify_column(column);
        format!(
            "CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {CHARS_READ}) \
             WHEN 'blob' THEN substr({name}, 1, {BYTES_READ}) ELSE {name} END"
        )
    }

    fn key_expression(column: &Column, form: IndexForm) -> String {
        if form.lower { index_expression(column, form) } else { qualify_column(column) }
    }

    fn bind_key(statement: &mut Statement, _: &Column, key: Value) -> String {
        let broken = matches!(key, Value::BrokenText(_));
        let placeholder = statement.bind_value('?', key);
        // Bytes that are not UTF-8 can only be bound as a blob. The plus removes the affinity that the cast adds, which
        // would change how the column's numbers compare.
        if broken { format!("+CAST({placeholder} AS TEXT)") } else { placeholder }
    }

    fn order_expression(column: &Column, form: IndexForm) -> OrderExpression {
        OrderExpression::new(index_expression(column, form))
    }

    fn id_equals(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualify_column(id);
        let number = text.parse::<i64>().ok();
        if id.kind == FieldKind::Integer && number.is_none() && text.parse::<f64>().is_ok() {
            return None; // such a column would match 1e3 with 1000
        }
        // Rounded to a float, it could match someone else's ID.
        if id.kind == FieldKind::Number && number.is_none() && is_rounded(text) {
            return None;
        }
        // In an integer column, 007 matches 7; anywhere else it is a text of its own.
        let number = number.filter(|number| id.kind == FieldKind::Integer || number.to_string() == text);
        let mut values: Vec<Value> = uuids::also_spelled(text).into_iter().map(Value::Text).collect();
        values.extend(number.map(Value::Integer));
        let real = numbers::to_f64(text).filter(|_| number.is_none() && id.kind != FieldKind::Integer);
        values.extend(real.map(|real| Value::Real(real.to_bits())));
        values.extend(id.bytes.parse_possible_values(text).into_iter().map(Value::Blob));
        let placeholders: Vec<String> =
            values.into_iter().map(|value| statement.bind_value('?', value)).collect();
        Some(format!("{name} IN ({})", placeholders.join(", ")))
    }

    fn id_shown_as(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualify_column(id);
        let found = Self::id_equals(statement, id, text)?;
        let bytes = id.bytes.shown_as(text).into_iter();
        let bytes: Vec<String> = bytes.map(|bytes| statement.bind_value('?', Value::Blob(bytes))).collect();
        // SQLite itself writes no more than 15 digits of a float.
        let real = text.parse::<f64>().ok().map(|real| Value::Real(real.to_bits()));
        let real = real.filter(|real| real.clone().into_text().as_deref() == Some(text));
        let is_real =
            real.map_or("0".to_owned(), |real| format!("{name} = {}", statement.bind_value('?', real)));
        let text = statement.bind_value('?', Value::Text(text.to_owned()));
        // The first condition uses the index. The second ensures an exact match: 007 is not 7, and the column may
        // ignore case.
        Some(format!(
            "{found} AND CASE typeof({name}) WHEN 'blob' THEN {name} IN ({}) \
             WHEN 'real' THEN {is_real} ELSE CAST({name} AS TEXT) = {text} COLLATE BINARY END",
            bytes.join(", ")
        ))
    }

    fn equals_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: Option<IndexForm>,
    ) -> String {
        let folds = IndexForm { folds: true, ascii: true, ..IndexForm::default() };
        let form = form.unwrap_or(folds);
        let mut values: Vec<Value> = list_written_forms(text, form).into_iter().map(Value::Text).collect();
        // Only values extracted from JSON keep numbers distinct from text.
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        values.extend(number.filter(|_| column.within.is_some()).map(Value::Integer));
        if column.db_type.holds_bytes {
            let lower = text.to_lowercase().into_bytes();
            values
                .extend(column.bytes.parse_possible_values(text).into_iter().chain([lower]).map(Value::Blob));
        }
        let same = values.into_iter().map(|value| {
            let value = statement.bind_value('?', value);
            format!("{} = {value}", index_expression(column, form))
        });
        format!("({})", same.collect::<Vec<_>>().join(" OR "))
    }

    fn begins_with_condition(
        statement: &mut Statement,
        column: &Column,
        text: &str,
        form: IndexForm,
    ) -> String {
        let expression = index_expression(column, form);
        // NOCASE compares in lower case, and `lower()` converts to it, both for ASCII only.
        let text = if form.folds || form.lower { text.to_ascii_lowercase() } else { text.to_owned() };
        let mut range =
            vec![format!("{expression} >= {}", statement.bind_value('?', Value::Text(text.clone())))];
        range.extend(
            prefix_upper_bound(&text)
                .map(|text| format!("{expression} < {}", statement.bind_value('?', Value::Text(text)))),
        );
        // The range may include texts that differ after folding, and values of other types.
        let pattern = statement.bind_value('?', Value::Text(MatchKind::Prefix.to_like_pattern(&text)));
        range.push(format!("{} LIKE {pattern} ESCAPE '\\'", qualify_column(column)));
        format!("({})", range.join(" AND "))
    }

    fn comparison_condition(
        statement: &mut Statement,
        column: &Column,
        relation: &str,
        value: &Operand,
    ) -> String {
        let name = qualify_column(column);
        let value = match value {
            Operand::Time(time) => return compare_time(statement, &name, relation, *time),
            Operand::Integer(number) => Value::Integer(*number),
            Operand::Number(number) => Value::Real(number.to_f64().to_bits()),
            Operand::Boolean(truth) => Value::Integer((*truth).into()),
            Operand::Uuid(uuid) => {
                // In every spelling, and as bytes.
                let mut same: Vec<String> = Vec::new();
                for text in uuids::list_spellings(*uuid) {
                    same.push(format!("{name} = {}", statement.bind_value('?', Value::Text(text))));
                }
                let bytes = column.bytes.order.encode_uuid(*uuid).to_vec();
                same.push(format!("{name} = {}", statement.bind_value('?', Value::Blob(bytes))));
                return format!("({})", same.join(" OR "));
            }
            Operand::Text(text) => Value::Text(text.clone()),
        };
        let texts = matches!(value, Value::Text(_));
        let value = statement.bind_value('?', value);
        if texts {
            return format!("{name} {relation} {value} COLLATE NOCASE");
        }
        // In SQLite, text is greater than any number.
        format!("(typeof({name}) <> 'text' AND {name} {relation} {value})")
    }

    fn match_condition(statement: &mut Statement, column: &Column, how: MatchKind, text: &str) -> String {
        let folds = IndexForm { folds: true, ascii: true, ..IndexForm::default() };
        let spellings = list_case_variants(text, folds);
        let index = column.db_type.trigrams.as_ref().filter(|_| !statement.scans && has_trigram(text));
        let found = index.map(|index| {
            let matching = trigrams::match_expression(&column.name, &spellings);
            let matching = statement.bind_value('?', Value::Text(matching));
            let table = quote_name(&index.table);
            format!(
                "u.{} IN (SELECT rowid FROM main.{table} WHERE {table} MATCH {matching}) AND ",
                quote_name(&index.id)
            )
        });
        // Also check with LIKE, so that the result is the same with and without the index.
        let like = spellings.into_iter().map(|text| {
            let pattern = statement.bind_value('?', Value::Text(how.to_like_pattern(&text)));
            format!("{} LIKE {pattern} ESCAPE '\\'", qualify_column(column))
        });
        let like = like.collect::<Vec<_>>().join(" OR ");
        format!("({}({like}))", found.unwrap_or_default())
    }

    fn alike_condition(statement: &mut Statement, column: &Column, text: &str) -> Option<String> {
        let pattern = Self::bound_text(statement, format!("*{}*", spelling::to_spelling_glob(text)));
        Some(format!("{} GLOB {pattern}", qualify_column(column)))
    }

    fn text_expression(column: &Column) -> String {
        qualify_column(column)
    }

    fn bound_text(statement: &mut Statement, text: String) -> String {
        statement.bind_value('?', Value::Text(text))
    }
}

/// The expression that an index of this form is on.
pub(crate) fn index_expression(column: &Column, form: IndexForm) -> String {
    let name = qualify_column(column);
    if form.lower {
        format!("lower({name})")
    } else if form.folds {
        format!("{name} COLLATE NOCASE")
    } else if column.kind == FieldKind::Text {
        format!("{name} COLLATE BINARY")
    } else {
        name
    }
}

/// Times may be stored as text or numbers: <https://www.sqlite.org/lang_datefunc.html>. Texts compare like the times
/// they represent, except for the letter between date and time.
fn compare_time(statement: &mut Statement, name: &str, relation: &str, time: jiff::Timestamp) -> String {
    let midnight = time.as_second().rem_euclid(86_400) == 0 && time.subsec_nanosecond() == 0;
    let (kept, text) = if midnight {
        // Every time of a day is greater than the day's own text, so the column can be compared directly, with an
        // index.
        (name.to_owned(), time.strftime("%Y-%m-%d"))
    } else {
        (format!("replace(substr({name}, 1, 19), 'T', ' ')"), time.strftime("%Y-%m-%d %H:%M:%S"))
    };
    let text = statement.bind_value('?', Value::Text(text.to_string()));
    let mut ways =
        vec![format!("(typeof({name}) = 'text' AND {name} LIKE '%-%' AND {kept} {relation} {text})")];
    // Digits may be stored as text or as bytes.
    ways.extend(time::encode_as_digits(time).into_iter().map(|(length, digits)| {
        let (kept, digits) =
            (format!("CAST({name} AS TEXT)"), statement.bind_value('?', Value::Text(digits)));
        format!(
            "(typeof({name}) IN ('text', 'blob') AND length({kept}) = {length} AND {kept} NOT LIKE '%-%' \
             AND {kept} {relation} {digits})"
        )
    }));
    let numbers = time::encode_as_numbers(time, relation).into_iter().map(
        |time::EncodedTimeRange { from, to, time }| {
            format!("({name} >= {from} AND {name} < {to} AND {name} {relation} {time})")
        },
    );
    let numbers: Vec<String> = numbers.collect();
    ways.push(format!("(typeof({name}) IN ('integer', 'real') AND ({}))", numbers.join(" OR ")));
    format!("({})", ways.join(" OR "))
}

/// The spellings of a whole value to look for with this form.
fn list_written_forms(text: &str, form: IndexForm) -> Vec<String> {
    if form.lower {
        return vec![text.to_ascii_lowercase()];
    }
    list_case_variants(text, form)
}

/// Whether the number cannot be represented exactly as an `f64`.
fn is_rounded(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite) && numbers::to_f64(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::Quote;
    use crate::schema::table::IndexSupport;
    use crate::sql::review::{
        FOLDS, LOWER, PLAIN, example_column, example_mapping, index_of, write_conditions, write_statements,
    };

    const NOCASE: IndexForm = IndexForm { ascii: true, ..FOLDS };
    const LOWER_ASCII: IndexForm = IndexForm { ascii: true, ..LOWER };

    fn example_type(holds_bytes: bool) -> LiteType {
        LiteType { holds_bytes, trigrams: None }
    }

    #[test]
    fn statements_where_indexes_serve() {
        let mapping = example_mapping(
            Quote::Double,
            |_| example_type(false),
            |column| match column {
                "id" => IndexSupport {
                    equals: index_of(PLAIN),
                    order: index_of(PLAIN),
                    ..IndexSupport::default()
                },
                "email" => IndexSupport {
                    equals: index_of(NOCASE),
                    prefix: index_of(NOCASE),
                    ..IndexSupport::default()
                },
                "name" => IndexSupport { prefix: index_of(PLAIN), ..IndexSupport::default() },
                "plan" => IndexSupport { equals: index_of(PLAIN), ..IndexSupport::default() },
                "created_at" => IndexSupport { order: index_of(PLAIN), ..IndexSupport::default() },
                _ => IndexSupport::default(),
            },
        );
        insta::assert_snapshot!(write_statements::<Sqlite>(&mapping));
    }

    #[test]
    fn statements_where_only_the_key_has_an_index() {
        let key = IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() };
        let mapping = example_mapping(
            Quote::Double,
            |_| example_type(false),
            |column| {
                if column == "id" { key.clone() } else { IndexSupport::default() }
            },
        );
        insta::assert_snapshot!(write_statements::<Sqlite>(&mapping));
    }

    #[test]
    fn conditions_by_index_form() {
        let column = |holds_bytes| {
            example_column(
                ("email", FieldKind::Text),
                Quote::Double,
                example_type(holds_bytes),
                IndexSupport::default(),
            )
        };
        let written = [
            ("text", column(false), PLAIN),
            ("text COLLATE NOCASE", column(false), NOCASE),
            ("lower(text)", column(false), LOWER_ASCII),
            ("blob", column(true), PLAIN),
        ]
        .map(|(title, column, form)| write_conditions::<Sqlite>(title, &column, form));
        insta::assert_snapshot!(written.concat());
    }
}
