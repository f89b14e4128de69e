//! A value within a JSON column, as a column of its own.
//!
//! The keys are the only words of a person's that stand in SQL other than as bound values: an index is
//! found only by the very expression it was made with. So they are written here, and nowhere else, as
//! literals that nothing in them can end.

use crate::config::DirectoryConfig;
use crate::model::FieldKind;
use crate::schema::bytes::Bytes;
use crate::schema::json_path::{JsonPath, PathStep};
use crate::schema::name::{CatalogueName, quoted};
use crate::schema::table::{Access, Table, TableColumn};

/// Which column, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonColumn {
    column: CatalogueName,
    steps: Vec<PathStep>,
    spelling: JsonSyntax,
}

/// How an engine takes a value out of JSON, as text; JSON's null is NULL in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonSyntax {
    /// <https://www.postgresql.org/docs/current/functions-json.html>
    Postgres,
    /// `MariaDB` as well: <https://dev.mysql.com/doc/refman/8.4/en/json-search-functions.html>
    MySql,
    /// <https://www.sqlite.org/json1.html>; `checked` reads what is no JSON as NULL, where it would fail otherwise.
    Sqlite { checked: bool },
}

impl JsonColumn {
    pub(crate) fn column(&self) -> &CatalogueName {
        &self.column
    }

    /// SQLite: whether a value that is no JSON may be in the column.
    pub(crate) fn set_checked(&mut self, checked: bool) {
        self.spelling = JsonSyntax::Sqlite { checked };
    }

    /// The expression; `of` stands before the column.
    pub(crate) fn sql(&self, of: &str) -> String {
        let json = format!("{of}{}", quoted(&self.column));
        match self.spelling {
            JsonSyntax::Postgres => {
                let last = self.steps.len() - 1;
                let steps = self.steps.iter().enumerate().map(|(at, step)| {
                    let arrow = if at == last { "->>" } else { "->" };
                    match step {
                        PathStep::Key(key) => format!(" {arrow} {}", standard(key)),
                        PathStep::Place(place) => format!(" {arrow} {place}"),
                    }
                });
                format!("({json}{})", steps.collect::<String>())
            }
            JsonSyntax::MySql => {
                let value = format!("JSON_EXTRACT({json}, {})", backslashed(&self.path()));
                // As text of one collation, whatever the column's; both servers write null as a word.
                let text = format!("CONVERT(JSON_UNQUOTE({value}) USING utf8mb4) COLLATE utf8mb4_bin");
                format!("IF(JSON_TYPE({value}) = 'NULL', NULL, {text})")
            }
            JsonSyntax::Sqlite { checked } => {
                let value = format!("json_extract({json}, {})", doubled(&self.path()));
                // 10: text, also of JSON5, or JSONB.
                if checked { format!("(CASE WHEN json_valid({json}, 10) THEN {value} END)") } else { value }
            }
        }
    }

    /// `$.address.city`, as MySQL and SQLite write it.
    fn path(&self) -> String {
        self.steps.iter().fold("$".to_owned(), |path, step| match step {
            PathStep::Key(key) if is_plain(key) => format!("{path}.{key}"),
            PathStep::Key(key) => format!("{path}.\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")),
            PathStep::Place(place) => format!("{path}[{place}]"),
        })
    }
}

/// It needs no quotes within a path.
fn is_plain(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && key.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A literal in which a quote is doubled and nothing else means anything (SQL-92, 5.3).
fn doubled(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The same where a backslash escapes in some literals, and in all of some sessions.
fn standard(text: &str) -> String {
    if text.contains('\\') { format!("E{}", backslashed(text)) } else { doubled(text) }
}

/// The same where a backslash always escapes.
fn backslashed(text: &str) -> String {
    doubled(&text.replace('\\', "\\\\"))
}

/// Adds a column for each path that `part` names, where its own column can hold JSON: `db_type` says so, and
/// what the text within it is.
pub(crate) fn add_paths<T>(
    columns: &mut Vec<TableColumn<T>>,
    part: &DirectoryConfig,
    spelling: JsonSyntax,
    db_type: impl Fn(&TableColumn<T>) -> Option<T>,
) {
    for name in part.column_names() {
        if columns.iter().any(|column| column.name.as_str() == name) {
            continue;
        }
        let Some(path) = JsonPath::read(name) else { continue };
        let Some(json) = columns.iter().find(|column| column.name.as_str() == path.column) else { continue };
        let Some(db_type) = db_type(json).filter(|_| json.within.is_none()) else { continue };
        columns.push(TableColumn {
            name: json.name.of_path(name),
            kind: FieldKind::Text,
            nullable: true,
            access: Access::default(),
            bytes: Bytes::default(),
            within: Some(JsonColumn { column: json.name.clone(), steps: path.steps, spelling }),
            db_type,
        });
    }
}

impl<T> Table<T> {
    /// What the database itself calls columns.
    pub(crate) fn own_columns(&self) -> impl Iterator<Item = &TableColumn<T>> {
        self.columns.iter().filter(|column| column.within.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::Quote;

    fn sql(path: &str, spelling: JsonSyntax) -> String {
        let JsonPath { column, steps } = JsonPath::read(path).unwrap();
        let quote = if spelling == JsonSyntax::MySql { Quote::Backtick } else { Quote::Double };
        let column = CatalogueName::literal(column.leak(), quote);
        JsonColumn { column, steps, spelling }.sql("u.")
    }

    #[test]
    fn each_engine_has_its_own_words() {
        let path = "profile->emails->0->>address";
        assert_eq!(sql(path, JsonSyntax::Postgres), r#"(u."profile" -> 'emails' -> 0 ->> 'address')"#);
        assert_eq!(
            sql(path, JsonSyntax::MySql),
            "IF(JSON_TYPE(JSON_EXTRACT(u.`profile`, '$.emails[0].address')) = 'NULL', NULL, CONVERT(JSON_UNQUOTE(\
             JSON_EXTRACT(u.`profile`, '$.emails[0].address')) USING utf8mb4) COLLATE utf8mb4_bin)"
        );
        let unchecked = r#"json_extract(u."profile", '$.emails[0].address')"#;
        assert_eq!(sql(path, JsonSyntax::Sqlite { checked: false }), unchecked);
        assert_eq!(
            sql(path, JsonSyntax::Sqlite { checked: true }),
            format!(r#"(CASE WHEN json_valid(u."profile", 10) THEN {unchecked} END)"#)
        );
    }

    #[test]
    fn a_key_cannot_end_its_own_quotes() {
        let hostile = r#"p->>a') OR 1=1 --"\'"#;
        assert_eq!(sql(hostile, JsonSyntax::Postgres), r#"(u."p" ->> E'a'') OR 1=1 --"\\''')"#);
        assert_eq!(
            sql(hostile, JsonSyntax::Sqlite { checked: false }),
            r#"json_extract(u."p", '$."a'') OR 1=1 --\"\\''"')"#
        );
        assert!(sql(hostile, JsonSyntax::MySql).contains(r#"'$."a'') OR 1=1 --\\"\\\\''"'"#));
    }
}
