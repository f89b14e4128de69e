//! A value within a JSON column, treated as a column of its own.
//!
//! The keys are the only user-written text that appears in SQL as anything but a bound value, because an index is used
//! only for the exact expression it was created with. They are therefore written here, and nowhere else, as escaped
//! literals.

use crate::config::DirectoryConfig;
use crate::model::FieldKind;
use crate::schema::bytes::BinaryFormat;
use crate::schema::json_path::{JsonPath, PathStep};
use crate::schema::name::{CatalogueName, quote_name};
use crate::schema::table::{IndexSupport, Table, TableColumn};

/// A JSON column and a path within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonColumn {
    column: CatalogueName,
    steps: Vec<PathStep>,
    spelling: JsonSyntax,
}

/// How an engine extracts a value from JSON as text. In all of them, JSON null becomes NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonSyntax {
    /// <https://www.postgresql.org/docs/current/functions-json.html>
    Postgres,
    /// Also MariaDB: <https://dev.mysql.com/doc/refman/8.4/en/json-search-functions.html>
    MySql,
    /// <https://www.sqlite.org/json1.html>; `checked` reads invalid JSON as NULL instead of failing.
    Sqlite { checked: bool },
}

impl JsonColumn {
    pub(crate) fn column(&self) -> &CatalogueName {
        &self.column
    }

    /// SQLite: whether the column may hold values that are not valid JSON.
    pub(crate) fn set_checked(&mut self, checked: bool) {
        self.spelling = JsonSyntax::Sqlite { checked };
    }

    /// The SQL expression; `of` is the qualifier in front of the column.
    pub(crate) fn to_sql(&self, of: &str) -> String {
        let json = format!("{of}{}", quote_name(&self.column));
        match self.spelling {
            JsonSyntax::Postgres => {
                let last = self.steps.len() - 1;
                let steps = self.steps.iter().enumerate().map(|(at, step)| {
                    let arrow = if at == last { "->>" } else { "->" };
                    match step {
                        PathStep::Key(key) => format!(" {arrow} {}", quote_for_postgres(key)),
                        PathStep::Place(place) => format!(" {arrow} {place}"),
                    }
                });
                format!("({json}{})", steps.collect::<String>())
            }
            JsonSyntax::MySql => {
                let value = format!("JSON_EXTRACT({json}, {})", quote_with_backslashes(&self.to_json_path()));
                // One collation, whatever the column's. Both servers render JSON null as the word `null`.
                let text = format!("CONVERT(JSON_UNQUOTE({value}) USING utf8mb4) COLLATE utf8mb4_bin");
                format!("IF(JSON_TYPE({value}) = 'NULL', NULL, {text})")
            }
            JsonSyntax::Sqlite { checked } => {
                let value = format!("json_extract({json}, {})", quote_literal(&self.to_json_path()));
                // Flags 10: accept JSON5 text and JSONB as well.
                if checked { format!("(CASE WHEN json_valid({json}, 10) THEN {value} END)") } else { value }
            }
        }
    }

    /// `$.address.city`, as MySQL and SQLite write it.
    fn to_json_path(&self) -> String {
        self.steps.iter().fold("$".to_owned(), |path, step| match step {
            PathStep::Key(key) if is_plain(key) => format!("{path}.{key}"),
            PathStep::Key(key) => format!("{path}.\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")),
            PathStep::Place(place) => format!("{path}[{place}]"),
        })
    }
}

/// Whether the key needs no quotes within a path.
fn is_plain(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && key.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A string literal with its quotes doubled, for dialects without escape characters (SQL-92, 5.3).
fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The same for PostgreSQL, where backslashes escape in `E''` literals and, depending on the session, in all.
fn quote_for_postgres(text: &str) -> String {
    if text.contains('\\') { format!("E{}", quote_with_backslashes(text)) } else { quote_literal(text) }
}

/// The same for MySQL, where backslashes always escape.
fn quote_with_backslashes(text: &str) -> String {
    quote_literal(&text.replace('\\', "\\\\"))
}

/// Adds a column for each JSON path that `config` names, if the column it starts from can hold JSON. `db_type` decides
/// that and gives the type of the extracted text.
pub(crate) fn add_paths<T>(
    columns: &mut Vec<TableColumn<T>>,
    config: &DirectoryConfig,
    spelling: JsonSyntax,
    db_type: impl Fn(&TableColumn<T>) -> Option<T>,
) {
    for name in config.column_names() {
        if columns.iter().any(|column| column.name.as_str() == name) {
            continue;
        }
        let Some(path) = JsonPath::parse(name) else { continue };
        let Some(json) = columns.iter().find(|column| column.name.as_str() == path.column) else { continue };
        let Some(db_type) = db_type(json).filter(|_| json.within.is_none()) else { continue };
        columns.push(TableColumn {
            name: json.name.of_path(name),
            kind: FieldKind::Text,
            nullable: true,
            access: IndexSupport::default(),
            bytes: BinaryFormat::default(),
            within: Some(JsonColumn { column: json.name.clone(), steps: path.steps, spelling }),
            db_type,
        });
    }
}

impl<T> Table<T> {
    /// The table's real columns, without paths into JSON.
    pub(crate) fn own_columns(&self) -> impl Iterator<Item = &TableColumn<T>> {
        self.columns.iter().filter(|column| column.within.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::Quote;

    fn sql(path: &str, spelling: JsonSyntax) -> String {
        let JsonPath { column, steps } = JsonPath::parse(path).unwrap();
        let quote = if spelling == JsonSyntax::MySql { Quote::Backtick } else { Quote::Double };
        let column = CatalogueName::from_literal(column.leak(), quote);
        JsonColumn { column, steps, spelling }.to_sql("u.")
    }

    #[test]
    fn each_engine_has_its_own_json_syntax() {
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
