//! FTS5 trigram tables for the users' table, which find text in the middle of a word.
//! <https://www.sqlite.org/fts5.html#the_trigram_tokenizer>
//!
//! Only an external-content table (`content='users'`) is used, and only while triggers keep it up to date: a user
//! missing from it would never be found.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::engines::sqlite::catalogue::{SqliteCatalogue, VirtualTable};
use crate::schema::name::{CatalogueName, quote_name};

/// A trigram index that covers a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrigramIndex {
    pub(crate) table: CatalogueName,
    /// The column of the users' table that holds the index's rowid.
    pub(crate) id: CatalogueName,
}

/// The trigram indexes on the users' table whose rowid is the column `id`, with the columns that each covers.
pub(crate) async fn find_trigram_indexes(
    connection: &mut SqliteConnection,
    users: &SqliteCatalogue,
    id: &CatalogueName,
) -> Result<Vec<(TrigramIndex, Vec<String>)>, sqlx::Error> {
    let mut found = Vec::new();
    for one in &users.virtual_tables {
        let Some(made) = TrigramDefinition::parse_sql(&one.sql) else { continue };
        let by_id = match &made.content_rowid {
            Some(name) => name.eq_ignore_ascii_case(id.as_str()),
            None => users.rowid.as_ref() == Some(id),
        };
        let is_users =
            made.content.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(users.table.name.as_str()));
        if is_users
            && by_id
            && made.folds
            && is_kept(one, users)
            && is_whole(connection, one, users, id).await
        {
            found.push((TrigramIndex { table: one.name.clone(), id: id.clone() }, made.columns));
        }
    }
    Ok(found)
}

/// Whether triggers keep the index up to date on inserts, updates and deletes.
fn is_kept(one: &VirtualTable, users: &SqliteCatalogue) -> bool {
    ["INSERT", "UPDATE", "DELETE"].iter().all(|event| {
        users.triggers.iter().any(|trigger| {
            let (head, body) = trigger.split_once("BEGIN").unwrap_or((trigger, ""));
            head.contains(event) && body.contains(&one.name.as_str().to_uppercase())
        })
    })
}

/// Whether its first and last rows match the users' table, that is, whether it was filled after it was created.
async fn is_whole(
    connection: &mut SqliteConnection,
    one: &VirtualTable,
    users: &SqliteCatalogue,
    id: &CatalogueName,
) -> bool {
    let Some(sizes) = &one.sizes else { return true };
    let (index, table, id) = (quote_name(sizes), quote_name(&users.table.name), quote_name(id));
    let edges =
        |of: &str| format!("(SELECT {of}(id) FROM main.{index}) IS (SELECT {of}({id}) FROM main.{table})");
    let sql = format!("SELECT {} AND {}", edges("min"), edges("max"));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await;
    row.and_then(|row| row.try_get(0)).unwrap_or(false)
}

/// The parsed `CREATE VIRTUAL TABLE` of a trigram index.
#[derive(Debug, Default, PartialEq, Eq)]
struct TrigramDefinition {
    columns: Vec<String>,
    content: Option<String>,
    content_rowid: Option<String>,
    /// Whether it ignores case.
    folds: bool,
}

impl TrigramDefinition {
    /// `None` if it is not a trigram table.
    fn parse_sql(sql: &str) -> Option<Self> {
        let start = sql.to_ascii_lowercase().find("fts5")?;
        let arguments = sql[start..].split_once('(')?.1.trim_end().trim_end_matches(';').strip_suffix(')')?;
        let mut made = Self::default();
        let mut is_trigram = false;
        for argument in split_unquoted(arguments, ',') {
            let parts = split_unquoted(&argument, '=');
            let [key, value] = &parts[..] else {
                // A column may have options after its name; UNINDEXED is the only one.
                let words = split_unquoted(argument.trim(), ' ');
                if words.len() == 1 {
                    made.columns.push(strip_quotes(&words[0]));
                }
                continue;
            };
            let value = strip_quotes(value);
            match key.trim().to_ascii_lowercase().as_str() {
                "content" => made.content = Some(value),
                "content_rowid" => made.content_rowid = Some(value),
                "tokenize" => {
                    let words: Vec<String> = value.split_whitespace().map(strip_quotes).collect();
                    is_trigram = words.first().is_some_and(|word| word.eq_ignore_ascii_case("trigram"));
                    made.folds = !words
                        .windows(2)
                        .any(|pair| pair[0].eq_ignore_ascii_case("case_sensitive") && pair[1] != "0");
                }
                _ => {}
            }
        }
        is_trigram.then_some(made)
    }
}

/// Splits at each `separator` outside quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for char in text.chars() {
        match quote {
            Some(open) if open == char => quote = None,
            None if matches!(char, '\'' | '"' | '`') => quote = Some(char),
            None if char == '[' => quote = Some(']'),
            None if char == separator => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is always a part").push(char);
    }
    parts
}

/// The text without its quotes.
fn strip_quotes(text: &str) -> String {
    let text = text.trim();
    for (open, close) in [('\'', '\''), ('"', '"'), ('`', '`'), ('[', ']')] {
        if let Some(inner) = text.strip_prefix(open).and_then(|text| text.strip_suffix(close)) {
            return inner.replace(&format!("{close}{close}"), &close.to_string());
        }
    }
    text.to_owned()
}

/// An FTS5 query for any of these texts in one column, quoted so that they contain no operators.
pub(crate) fn match_expression(column: &CatalogueName, texts: &[String]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("{{{}}} : ({})", quoted(column.as_str()), texts.join(" OR "))
}

/// The statements that create an index on these columns, fill it, and keep it up to date.
pub(crate) fn suggest_trigram_index(users: &SqliteCatalogue, columns: &[&CatalogueName]) -> Option<String> {
    let id = users.rowid.as_ref()?;
    let name = (1..).map(|at| {
        format!(
            "{}_search{}",
            users.table.name.as_str(),
            if at == 1 { String::new() } else { at.to_string() }
        )
    });
    let is_free = |name: &String| !users.names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let name = name.into_iter().find(is_free)?;
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let named = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (index, table, id) =
        (named(&name), quote_name(&users.table.name), (quote_name(id), literal(id.as_str())));
    let columns: Vec<String> = columns.iter().map(|column| quote_name(column)).collect();
    let of =
        |row: &str| columns.iter().map(|column| format!("{row}.{column}")).collect::<Vec<_>>().join(", ");
    let list = columns.join(", ");
    let add = format!("INSERT INTO {index} (rowid, {list}) VALUES (new.{}, {})", id.0, of("new"));
    let remove = format!(
        "INSERT INTO {index} ({index}, rowid, {list}) VALUES ('delete', old.{}, {})",
        id.0,
        of("old")
    );
    let trigger = |event: &str, does: &[&String]| {
        let does: Vec<String> = does.iter().map(|does| format!("{does};")).collect();
        let trigger = named(&format!("{name}_{}", event.to_lowercase()));
        format!("CREATE TRIGGER {trigger} AFTER {event} ON {table} BEGIN {} END", does.join(" "))
    };
    Some(
        [
            format!(
                "CREATE VIRTUAL TABLE {index} USING fts5({list}, content={}, content_rowid={}, tokenize='trigram')",
                literal(users.table.name.as_str()),
                id.1
            ),
            format!("INSERT INTO {index} ({index}) VALUES ('rebuild')"),
            trigger("INSERT", &[&add]),
            trigger("DELETE", &[&remove]),
            trigger("UPDATE", &[&remove, &add]),
        ]
        .join("; "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigram_table_is_recognised_by_its_definition() {
        let made = TrigramDefinition::parse_sql(
            "CREATE VIRTUAL TABLE users_fts USING fts5(email, \"full, name\", [x] UNINDEXED, content='users',\n content_rowid = \"id\", tokenize=\"trigram remove_diacritics 1\")",
        );
        let expected = TrigramDefinition {
            columns: vec!["email".into(), "full, name".into()],
            content: Some("users".into()),
            content_rowid: Some("id".into()),
            folds: true,
        };
        assert_eq!(made, Some(expected));
        let folds = |tokenize: &str| {
            TrigramDefinition::parse_sql(&format!(
                "CREATE VIRTUAL TABLE f USING FTS5 (a, tokenize = {tokenize});"
            ))
            .map(|made| made.folds)
        };
        assert_eq!(folds("trigram"), Some(true));
        assert_eq!(folds("'trigram case_sensitive 1'"), Some(false));
        assert_eq!(folds("'trigram case_sensitive 0'"), Some(true));
        assert_eq!(folds("'porter unicode61'"), None);
        assert_eq!(TrigramDefinition::parse_sql("CREATE VIRTUAL TABLE f USING fts5(a)"), None);
        assert_eq!(TrigramDefinition::parse_sql("CREATE VIRTUAL TABLE f USING rtree(a, b, c)"), None);
    }
}
