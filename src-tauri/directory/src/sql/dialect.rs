//! What SQL is made of: statements with bound values, what differs between databases, and the reading
//! of one user. How lists are asked for is in `list`.

use crate::error::Result;
use crate::faults::not_identified;
use crate::model::Row;
use crate::plan::Match;
use crate::query::Operand;
use crate::schema::mapping::Mapping;
use crate::schema::name::quoted;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;

/// SQL text made of constants and catalogue names only, and the values bound into it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Value>,
    /// The rows are at hand: what is written now asks no index.
    pub(crate) scans: bool,
}

impl Statement {
    /// Binds `value` and gives its placeholder; both engines number theirs.
    pub(crate) fn bind(&mut self, dialect_sign: char, value: Value) -> String {
        self.binds.push(value);
        format!("{dialect_sign}{}", self.binds.len())
    }
}

/// One row as an engine decoded it: the segment of the list that it stands in, a cell per shown
/// column, then what a cursor needs.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) segment: usize,
    pub(crate) cells: Vec<Option<String>>,
    pub(crate) id: Value,
    /// The id as people read it, where that is not the value itself.
    pub(crate) shown_id: Option<String>,
    /// The ordering column's value; [`Value::Null`] also where there is no such column.
    pub(crate) key: Value,
}

impl Fetched {
    /// As people see it; `None` only for a row without an id, which statements leave out.
    pub(crate) fn shown(self) -> Option<Row> {
        Some(Row { id: self.shown_id.or_else(|| self.id.into_text())?, cells: self.cells })
    }
}

/// An SQL expression that orders a list, and the words that go with it.
#[derive(Debug, Clone)]
pub(crate) struct Ordering {
    pub(crate) expression: String,
    /// "Comes before" and "comes behind" as operators.
    pub(crate) less: &'static str,
    pub(crate) greater: &'static str,
    /// What stands behind the expression in ORDER BY, upwards and downwards.
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

impl Ordering {
    pub(crate) fn plain(expression: String) -> Self {
        Self { expression, less: "<", greater: ">", up: "ASC", down: "DESC" }
    }
}

/// What SQL calls things in one engine. All functions give SQL expressions; columns are qualified
/// with `u`, so that an output column can never be mistaken for them. Values are bound in the order
/// in which their placeholders stand in the text.
pub(crate) trait Dialect: Sync {
    /// What the engine wants to know of a column's type.
    type Type: Clone + Send + Sync;

    /// `(a, b) < (x, y)` is served by an index on a.
    const ROW_VALUES: bool;
    /// The number of rows, as text.
    const COUNT: &'static str;

    /// A statement of a list as one branch of several that are asked together; its own order has to hold.
    fn branch(select: &str, segment: usize) -> String {
        format!("SELECT * FROM ({select}) AS s{segment}")
    }
    /// The column as people see it; of long ones no more than [`CHARS_READ`], for [`shortened`].
    fn cell(column: &TableColumn<Self::Type>) -> String;
    /// The value that orders by the column in this form, exactly, as a cursor remembers it.
    fn key(column: &TableColumn<Self::Type>, form: IndexForm) -> String;
    /// A remembered value, to be compared with what [`Self::ordering`] orders by.
    fn bind_key(statement: &mut Statement, column: &TableColumn<Self::Type>, key: Value) -> String;
    /// How the column orders a list; with the form of the index that serves it, where one has to be named.
    fn ordering(column: &TableColumn<Self::Type>, form: IndexForm) -> Ordering;
    /// The id is what `text` says; `None` when it cannot be.
    fn id_equals(statement: &mut Statement, id: &TableColumn<Self::Type>, text: &str) -> Option<String>;
    /// The id's text, as rows show it, is exactly `text`.
    fn id_shown_as(statement: &mut Statement, id: &TableColumn<Self::Type>, text: &str) -> Option<String>;
    /// The column is `text`: in the form that its index serves, or without one whatever the case.
    fn equals(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        text: &str,
        form: Option<IndexForm>,
    ) -> String;
    /// The column begins with `text`, in the order that an index of this form has.
    fn begins(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        text: &str,
        form: IndexForm,
    ) -> String;
    /// The column's value stands in this relation (`=`, `<`, `<=`, `>`, `>=`) to `value`, which is of its
    /// kind and no text.
    fn compare(
        statement: &mut Statement,
        column: &TableColumn<Self::Type>,
        relation: &str,
        value: &Operand,
    ) -> String;
    /// The column's text begins or ends with or contains `text`, whatever the case.
    fn matches(statement: &mut Statement, column: &TableColumn<Self::Type>, how: Match, text: &str)
    -> String;
    /// The column's text contains `text`, whatever the case and the accents; `None`: [`Self::matches`] finds that.
    fn alike(statement: &mut Statement, column: &TableColumn<Self::Type>, text: &str) -> Option<String>;
    /// The column as text.
    fn text(column: &TableColumn<Self::Type>) -> String;
    /// Binds a text, and gives its placeholder.
    fn bound_text(statement: &mut Statement, text: String) -> String;
}

/// A column of the mapping, as SQL.
pub(crate) fn qualified<T>(column: &TableColumn<T>) -> String {
    column.sql("u.")
}

/// The database's own columns that the mapping reads, each once, as SQL.
pub(crate) fn read_columns<T>(mapping: &Mapping<T>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in mapping.shown.iter().chain(&mapping.search) {
        let name = quoted(column.own());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The statement that reads one user by its id's text; `None` when no id can read so.
/// Two rows at the most: a second one means that the id does not identify.
pub(crate) fn one_user<D: Dialect>(mapping: &Mapping<D::Type>, id: &str) -> Option<Statement> {
    if id.contains('\0') {
        return None;
    }
    let mut statement = Statement::default();
    let condition = D::id_shown_as(&mut statement, mapping.id(), id)?;
    statement.sql = format!("{} WHERE {condition} LIMIT 2", selecting::<D>(mapping, 0, None));
    Some(statement)
}

/// The first of `ids` that stands there twice.
pub(crate) fn doubled<T: std::hash::Hash + Eq>(ids: impl IntoIterator<Item = T>) -> Option<T> {
    let mut known = std::collections::HashSet::new();
    ids.into_iter().find_map(|id| known.replace(id))
}

/// What came back for [`one_user`].
pub(crate) fn the_one(rows: Vec<Fetched>, id: &str) -> Result<Option<Row>> {
    if rows.len() > 1 {
        return Err(not_identified(id));
    }
    Ok(rows.into_iter().next().and_then(Fetched::shown))
}

/// The beginning of every statement: the segment's number, the cells, the id, and what orders the list.
pub(crate) fn selecting<D: Dialect>(
    mapping: &Mapping<D::Type>,
    segment: usize,
    key: Option<(&TableColumn<D::Type>, IndexForm)>,
) -> String {
    format!("SELECT {} FROM {} AS u", selected::<D>(mapping, segment, key), mapping.table)
}

/// What every statement selects.
pub(crate) fn selected<D: Dialect>(
    mapping: &Mapping<D::Type>,
    segment: usize,
    key: Option<(&TableColumn<D::Type>, IndexForm)>,
) -> String {
    // As text, like everything that is selected.
    let mut expressions = vec![format!("'{segment}' AS list_segment")];
    expressions
        .extend(mapping.shown.iter().enumerate().map(|(at, column)| format!("{} AS c{at}", D::cell(column))));
    expressions.push(format!("{} AS list_id", D::key(mapping.id(), IndexForm::default())));
    let key = key.map_or_else(|| "NULL".to_owned(), |(column, form)| D::key(column, form));
    expressions.push(format!("{key} AS list_key"));
    expressions.join(", ")
}

/// The smallest text that is greater, byte by byte, than every text that begins with `prefix`; `None`
/// when there is none.
pub(crate) fn behind(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // UTF-8 orders like code points do; the surrogates between U+D7FF and U+E000 are no characters.
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

    /// LIKE as SQL defines it, without case: `%` is any text, `_` any character, `\` escapes.
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
            let matches = |how: Match| like(&chars(&searched), &chars(&how.pattern(&text)));
            prop_assert_eq!(matches(Match::Prefix), searched.starts_with(&text));
            prop_assert_eq!(matches(Match::Contains), searched.contains(&text));
            prop_assert_eq!(matches(Match::Suffix), searched.ends_with(&text));
        }

        #[test]
        fn what_begins_with_a_text_is_from_it_on_and_before_what_is_behind(prefix in ".{1,3}", text in ".*") {
            let within = |text: &str| {
                text >= prefix.as_str() && behind(&prefix).is_none_or(|behind| text < behind.as_str())
            };
            prop_assert_eq!(within(&text), text.starts_with(&prefix));
            let longer = format!("{prefix}{text}");
            prop_assert!(within(&longer));
        }
    }
}
