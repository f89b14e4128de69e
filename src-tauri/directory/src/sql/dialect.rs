//! The building blocks of SQL: statements with bound values, the differences between databases, and the query for one
//! user. Lists are in `list`.

use crate::error::Result;
use crate::faults::duplicate_id_error;
use crate::model::Row;
use crate::plan::MatchKind;
use crate::query::Operand;
use crate::schema::mapping::Mapping;
use crate::schema::name::quote_name;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;

/// SQL text that consists only of constants and catalogue names, with the values bound into it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Value>,
    /// The rows have been found already, so conditions from here on need no index.
    pub(crate) scans: bool,
}

impl Statement {
    /// Binds `value` and returns its placeholder, which is numbered in both engines.
    pub(crate) fn bind_value(&mut self, dialect_sign: char, value: Value) -> String {
        self.binds.push(value);
        format!("{dialect_sign}{}", self.binds.len())
    }
}

/// A row as decoded by an engine: its segment of the list, a cell per shown column, and the values that a cursor needs.
#[derive(Debug)]
pub(crate) struct FetchedRow {
    pub(crate) segment: usize,
    pub(crate) cells: Vec<Option<String>>,
    pub(crate) id: Value,
    /// The ID for display, if it differs from the value itself.
    pub(crate) shown_id: Option<String>,
    /// The value of the ordering column; [`Value::Null`] if there is no such column.
    pub(crate) key: Value,
}

impl FetchedRow {
    /// The row for display; `None` only for a row without an ID, which statements exclude.
    pub(crate) fn into_row(self) -> Option<Row> {
        let id = self.shown_id.or_else(|| self.id.into_text())?;
        Some(Row { id, cells: self.cells, found_through: None })
    }
}

/// An SQL expression that orders a list, with its operators and sort directions.
#[derive(Debug, Clone)]
pub(crate) struct OrderExpression {
    pub(crate) expression: String,
    /// The operators for "comes before" and "comes after".
    pub(crate) less: &'static str,
    pub(crate) greater: &'static str,
    /// The ORDER BY suffixes for ascending and descending order.
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

impl OrderExpression {
    pub(crate) fn new(expression: String) -> Self {
        Self { expression, less: "<", greater: ">", up: "ASC", down: "DESC" }
    }
}

/// How an engine writes SQL. All functions return SQL expressions. Columns are qualified with `u`, so that they cannot
/// be confused with output columns. Values are bound in the order of their placeholders in the text.
pub(crate) trait Dialect: Sync {
    /// What the engine needs to know about a column's type.
    type Type: Clone + Send + Sync;

    /// Whether an index on `a` can be used for `(a, b) < (x, y)`.
    const ROW_VALUES: bool;
    /// The row count, as text.
    const COUNT: &'static str;

    /// Wraps a list's statement as one branch of a UNION, preserving its order.
    fn union_branch(select: &str, segment: usize) -> String {
        format!("SELECT * FROM ({select}) AS s{segment}")
    }
    /// The column for display; long values are limited to `CHARS_READ` characters, for `shorten_cell`.
    fn cell_expression(column: &TableColumn<Self::Type>) -> String;
    /// The exact value by which the column is ordered in this form, for a cursor.
    fn key_expression(column: &TableColumn<Self::Type>, form: IndexForm) -> String;
    /// Binds a cursor's value, for comparison with the expression of [`Self::order_expression`].
    fn bind_key(statement: &mut Statement, column: &TableColumn<Self::Type>, key: Value) -> String;
    /// How the column orders a list, given the form of its index, if that matters.
    fn order_expression(column: &TableColumn<Self::Type>, form: IndexForm) -> OrderExpression;
    /// The ID equals `text`; `None` if `text` cannot be an ID.
    fn id_equals(statement: &mut Statement, id: &TableColumn<Self::Type>, text: &str) -> Option<String>;
    /// The ID's displayed text is exactly `text`.
    fn id_shown_as(statement: &mut Statement, id: &TableColumn<Self::Type>, text: &str) -> Option<String>;
    /// The column equals `text`: in its index's form, or ignoring case if there is none.
    fn equals_condition(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        text: &str,
        form: Option<IndexForm>,
    ) -> String;
    /// The column starts with `text`, as an index of this form compares it.
    fn begins_with_condition(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        text: &str,
        form: IndexForm,
    ) -> String;
    /// Compares the column (`=`, `<`, `<=`, `>`, `>=`) with `value`, which is of its kind and not text.
    fn comparison_condition(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        relation: &str,
        value: &Operand,
    ) -> String;
    /// The column's text starts with, ends with or contains `text`, ignoring case.
    fn match_condition(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        how: MatchKind,
        text: &str,
    ) -> String;
    /// The column's text contains `text`, ignoring case and accents; `None` if [`Self::match_condition`] already does
    /// that.
    fn alike_condition(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        text: &str,
    ) -> Option<String>;
    /// The column cast to text.
    fn text_expression(column: &TableColumn<Self::Type>) -> String;
    /// Binds a text and returns its placeholder.
    fn bound_text(statement: &mut Statement, text: String) -> String;
}

/// The column as SQL, qualified with `u`.
pub(crate) fn qualify_column<T>(column: &TableColumn<T>) -> String {
    column.to_sql("u.")
}

/// The database columns that the mapping reads, without duplicates, as SQL.
pub(crate) fn read_columns<T>(mapping: &Mapping<T>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in mapping.shown.iter().chain(&mapping.search) {
        let name = quote_name(column.own_name());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The statement that reads one user by the text of the ID; `None` if no ID can have this text. It returns up to two
/// rows: a second one means that the ID is not unique.
pub(crate) fn build_user_select<D: Dialect>(mapping: &Mapping<D::Type>, id: &str) -> Option<Statement> {
    if id.contains('\0') {
        return None;
    }
    let mut statement = Statement::default();
    let condition = D::id_shown_as(&mut statement, mapping.id(), id)?;
    statement.sql = format!("{} WHERE {condition} LIMIT 2", build_select_clause::<D>(mapping, 0, None));
    Some(statement)
}

/// The first ID that occurs twice.
pub(crate) fn find_duplicate<T: std::hash::Hash + Eq>(ids: impl IntoIterator<Item = T>) -> Option<T> {
    let mut known = std::collections::HashSet::new();
    ids.into_iter().find_map(|id| known.replace(id))
}

/// The user in the result of [`build_user_select`].
pub(crate) fn into_single_user(rows: Vec<FetchedRow>, id: &str) -> Result<Option<Row>> {
    if rows.len() > 1 {
        return Err(duplicate_id_error(id));
    }
    Ok(rows.into_iter().next().and_then(FetchedRow::into_row))
}

/// The start of every statement: the segment's number, the cells, the ID, and the value that orders the list.
pub(crate) fn build_select_clause<D: Dialect>(
    mapping: &Mapping<D::Type>,
    segment: usize,
    key: Option<(&TableColumn<D::Type>, IndexForm)>,
) -> String {
    format!("SELECT {} FROM {} AS u", build_select_list::<D>(mapping, segment, key), mapping.table)
}

/// The expressions that every statement selects.
pub(crate) fn build_select_list<D: Dialect>(
    mapping: &Mapping<D::Type>,
    segment: usize,
    key: Option<(&TableColumn<D::Type>, IndexForm)>,
) -> String {
    // Text, like all selected expressions.
    let mut expressions = vec![format!("'{segment}' AS list_segment")];
    expressions.extend(
        mapping
            .shown
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{} AS c{at}", D::cell_expression(column))),
    );
    expressions.push(format!("{} AS list_id", D::key_expression(mapping.id(), IndexForm::default())));
    let key = key.map_or_else(|| "NULL".to_owned(), |(column, form)| D::key_expression(column, form));
    expressions.push(format!("{key} AS list_key"));
    expressions.join(", ")
}

/// The smallest text that is greater, byte by byte, than all texts that start with `prefix`; `None` if there is none.
pub(crate) fn prefix_upper_bound(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // UTF-8 sorts like code points; skip the surrogates between U+D7FF and U+E000, which are not characters.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// LIKE as SQL defines it, ignoring case: `%` is any text, `_` any character, `\` escapes.
    fn like(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|from| like(&text[from..], rest)),
            ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
            ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
                text.first() == Some(literal) && like(&text[1..], rest)
            }
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    proptest! {
        #[test]
        fn a_pattern_means_its_text_and_nothing_else(text in "[ab%_\\\\']{0,4}", searched in "[ab%_\\\\']{0,8}") {
            let matches = |how: MatchKind| like(&chars(&searched), &chars(&how.to_like_pattern(&text)));
            prop_assert_eq!(matches(MatchKind::Prefix), searched.starts_with(&text));
            prop_assert_eq!(matches(MatchKind::Contains), searched.contains(&text));
            prop_assert_eq!(matches(MatchKind::Suffix), searched.ends_with(&text));
        }

        #[test]
        fn a_prefix_is_a_range_between_two_bounds(prefix in ".{1,3}", text in ".*") {
            let within = |text: &str| {
                text >= prefix.as_str() && prefix_upper_bound(&prefix).is_none_or(|behind| text < behind.as_str())
            };
            prop_assert_eq!(within(&text), text.starts_with(&prefix));
            let longer = format!("{prefix}{text}");
            prop_assert!(within(&longer));
        }
    }
}
