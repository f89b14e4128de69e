//! Reads the catalogue of MySQL and MariaDB: `information_schema`, which shows what this user may see.
//!
//! Everything is read as text, so that no decoder depends on a server version.

use crate::schema::bytes::Bytes;
use sqlx::mysql::MySqlRow;
use sqlx::{Column as _, Row as _};

use crate::config::DirectoryConfig;
use crate::engines::mysql::index_use::{IndexPart, MySqlIndexes};
use crate::engines::mysql::reading::{MySqlReadTx, text};
use crate::engines::mysql::types::{Declared, MyType, Text};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::faults::ASK_ADMINISTRATOR;
use crate::schema::json_column::{JsonSyntax, add_paths};
use crate::schema::json_path::JsonPath;
use crate::schema::mapping::table_missing;
use crate::schema::name::{CatalogueName, CatalogueRow, Quote, WrittenName, quoted, readings};
use crate::schema::table::{Access, Table, TableColumn};
use crate::schema::value::Value;
use crate::sql::dialect::Statement;
use crate::sql::server::PooledReadTx;

/// The table and what is known about its size.
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(crate) struct MySqlCatalogue {
    pub(crate) table: Table<MyType>,
    /// The storage engine's estimate; `None` for a view.
    pub(crate) estimated_rows: Option<u64>,
    pub(crate) is_view: bool,
    /// Whether an index can be created without blocking writes.
    pub(crate) is_innodb: bool,
    pub(crate) is_partitioned: bool,
    /// Columns of which an index can only cover a prefix.
    pub(crate) long: Vec<String>,
    pub(crate) index_names: Vec<String>,
    /// Whether every index includes the ID after its own columns.
    pub(crate) is_clustered: bool,
}

/// The session: the URL's database, this user's account on the server, and whether table names are stored in lower case
/// (2: only compared so).
const SESSION: &str = "SELECT CAST(DATABASE() AS CHAR), CAST(CURRENT_USER() AS CHAR), \
     CAST(@@lower_case_table_names AS CHAR)";

/// The columns that [`column`] reads.
pub(crate) const COLUMN: &str = "
           CAST(column_name AS CHAR), CAST(data_type AS CHAR), CAST(column_type AS CHAR), CAST(is_nullable AS CHAR),
           CAST(privileges AS CHAR), CAST(character_set_name AS CHAR), CAST(collation_name AS CHAR),
           CAST(character_maximum_length AS CHAR), CAST(numeric_precision AS CHAR), CAST(numeric_scale AS CHAR)";

/// Whether this user has column rights on the table instead of a right on the whole table.
const OWN_COLUMN_RIGHTS: &str = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.column_privileges
    WHERE table_schema = ?1 AND table_name = ?2 AND NOT EXISTS (SELECT 1 FROM information_schema.table_privileges
      WHERE table_schema = ?1 AND table_name = ?2 AND privilege_type = 'SELECT')";

/// All columns, because versions differ in how they mark an unused index.
const INDEXES: &str =
    "SELECT CAST(s.sub_part AS CHAR) AS prefix_chars, CAST(s.seq_in_index AS CHAR) AS place,
            CAST(s.non_unique AS CHAR) AS has_duplicates, s.*
    FROM information_schema.statistics AS s
    WHERE s.table_schema = ?1 AND s.table_name = ?2 ORDER BY s.index_name, s.seq_in_index";

impl CatalogueRow<usize> for MySqlRow {
    const QUOTE: Quote = Quote::Backtick;

    fn name_at(&self, at: usize) -> Result<String, sqlx::Error> {
        Ok(text(self, at)?.unwrap_or_default())
    }
}

/// A table or view that this user may see.
pub(crate) struct Relation {
    pub(crate) schema: CatalogueName,
    pub(crate) name: CatalogueName,
    pub(crate) estimated_rows: Option<u64>,
    /// The storage engine; `None` for a view.
    pub(crate) engine: Option<String>,
    pub(crate) is_partitioned: bool,
}

/// Looks up the table that `part` names, and checks that this user may read all of its named columns.
pub(crate) async fn read(reading: &mut MySqlReadTx, part: &DirectoryConfig) -> Result<MySqlCatalogue> {
    let session = ask(reading, SESSION, &[]).await?;
    let session = session.first().ok_or_else(|| DirectoryError::internal("the session is unknown"))?;
    let said = |at| text(session, at).map_err(|error| reading.server().failed(error));
    let (database, account, folds_names) = (said(0)?, said(1)?.unwrap_or_default(), said(2)?);
    let folds_names = folds_names.is_some_and(|folds| folds != "0");

    let Some(relation) = chosen(reading, &part.table, database.as_deref(), folds_names).await? else {
        return Err(missing(reading, part, database.as_deref(), &account).await?);
    };
    let place = [relation.schema.as_str(), relation.name.as_str()];
    let columns = format!(
        "SELECT {COLUMN} FROM information_schema.columns WHERE table_schema = ?1 AND table_name = ?2 \
         ORDER BY ordinal_position"
    );
    let rows = ask(reading, &columns, &place).await?;
    if rows.is_empty() {
        // A broken view (it would write, or its tables are gone) has no columns; let the server say why.
        let (schema, name) = (quoted(&relation.schema), quoted(&relation.name));
        ask(reading, &format!("SELECT 1 FROM {schema}.{name} LIMIT 0"), &[]).await?;
    }
    let mut columns = Vec::with_capacity(rows.len());
    let mut unreadable = Vec::new();
    let mut long = Vec::new();
    for row in &rows {
        let kind = text(row, 1).map_err(|error| reading.server().failed(error))?.unwrap_or_default();
        if kind.ends_with("text") || kind.ends_with("blob") {
            long.extend(text(row, 0).map_err(|error| reading.server().failed(error))?);
        }
        let (column, readable) = column(row).map_err(|error| reading.server().failed(error))?;
        if readable {
            columns.push(column);
        } else {
            unreadable.extend(used(part).find(|used| *used == column.name.as_str()));
        }
    }
    // A column without any right is not listed. If rights are granted per column, a missing column may exist
    // nevertheless.
    let granted = ask(reading, OWN_COLUMN_RIGHTS, &place).await?;
    let granted = granted.first().map(|row| text(row, 0)).transpose();
    if granted.map_err(|error| reading.server().failed(error))?.flatten().is_some_and(|rows| rows != "0") {
        for name in used(part) {
            if !columns.iter().any(|column| column.name.as_str() == name) && !unreadable.contains(&name) {
                unreadable.push(name);
            }
        }
    }
    if !unreadable.is_empty() {
        return Err(unreadable_columns(part, &relation, &account, &unreadable));
    }

    let rows = ask(reading, INDEXES, &place).await?;
    let parts = rows.iter().filter_map(|row| part_of_index(row).transpose());
    let parts = parts.collect::<Result<Vec<_>, _>>().map_err(|error| reading.server().failed(error))?;
    let index_names = parts.iter().map(|part| part.index.clone()).collect();
    let id = part.id.as_str();
    let is_key = |part: &IndexPart| part.index == "PRIMARY" && part.place == 1;
    let is_clustered = relation.engine.as_deref() == Some("InnoDB")
        && parts.iter().any(|part| is_key(part) && part.column.as_deref() == Some(id));
    let indexes = MySqlIndexes { parts, id, is_clustered };
    for column in &mut columns {
        column.access = indexes.access(column);
    }
    add_paths(&mut columns, part, JsonSyntax::MySql, |column| {
        let utf8 = |name| CatalogueName::literal(name, Quote::Backtick);
        let text = || Text { charset: utf8("utf8mb4"), collation: utf8("utf8mb4_bin"), chars: u64::MAX };
        // MariaDB stores JSON as long text.
        matches!(column.db_type, MyType::Json | MyType::Text(_)).then(|| MyType::Text(text()))
    });
    Ok(MySqlCatalogue {
        estimated_rows: relation.estimated_rows,
        is_view: relation.engine.is_none(),
        is_innodb: relation.engine.as_deref() == Some("InnoDB"),
        is_partitioned: relation.is_partitioned,
        long,
        index_names,
        is_clustered,
        table: Table { schema: relation.schema, name: relation.name, columns },
    })
}

/// A quoted, unused name for an index on `column`, within MySQL's limit of 64 characters. `what` distinguishes it from
/// another index on the same column.
pub(crate) fn index_name(found: &MySqlCatalogue, column: &TableColumn<MyType>, what: &str) -> String {
    let plain = format!("{}_{}{what}", found.table.name.as_str(), column.name.as_str());
    let shortened = |name: &str, most: usize| name.chars().take(most).collect::<String>();
    let names = (2..).map(|at| format!("{}_{at}", shortened(&plain, 60)));
    let taken = |name: &String| found.index_names.iter().any(|it| it.eq_ignore_ascii_case(name));
    let name = std::iter::once(shortened(&plain, 64)).chain(names).find(|name| !taken(name));
    Quote::Backtick.around(&name.unwrap_or(plain))
}

pub(crate) async fn ask(reading: &mut MySqlReadTx, sql: &str, binds: &[&str]) -> Result<Vec<MySqlRow>> {
    let binds = binds.iter().map(|&value| Value::Text(value.to_owned())).collect();
    reading.fetch(Statement { sql: sql.to_owned(), binds, ..Statement::default() }).await
}

/// Tables and views that match `condition`, which is a constant.
pub(crate) async fn relations(
    reading: &mut MySqlReadTx,
    condition: &str,
    binds: &[&str],
) -> Result<Vec<Relation>> {
    let sql = format!(
        "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR), CAST(table_rows AS CHAR), \
         CAST(engine AS CHAR), CAST(create_options LIKE '%partitioned%' AS CHAR) FROM information_schema.tables WHERE {condition} \
         AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
         AND table_type <> 'SEQUENCE' ORDER BY table_schema <> DATABASE(), table_schema, table_name"
    );
    let rows = ask(reading, &sql, binds).await?;
    rows.iter()
        .map(|row| {
            Ok(Relation {
                schema: CatalogueName::of_row(row, 0)?,
                name: CatalogueName::of_row(row, 1)?,
                estimated_rows: text(row, 2)?.and_then(|rows| rows.parse().ok()),
                engine: text(row, 3)?,
                is_partitioned: text(row, 4)?.is_some_and(|is| is == "1"),
            })
        })
        .collect::<Result<_, _>>()
        .map_err(|error| reading.server().failed(error))
}

/// The relation that `written` refers to: in the named database or the URL's; without either, the only one with its
/// name.
async fn chosen(
    reading: &mut MySqlReadTx,
    written: &str,
    database: Option<&str>,
    folds_names: bool,
) -> Result<Option<Relation>> {
    let same = |found: &str, wanted: &str| {
        found == wanted || folds_names && found.to_lowercase() == wanted.to_lowercase()
    };
    // Names may be quoted with backticks; swap the two quote characters to parse them.
    let exchanged = |text: &str| -> String {
        text.chars()
            .map(|char| match char {
                '`' => '"',
                '"' => '`',
                other => other,
            })
            .collect()
    };
    let ticked = readings(&exchanged(written)).into_iter().map(|reading| WrittenName {
        schema: reading.schema.as_deref().map(exchanged),
        name: exchanged(&reading.name),
    });
    for wanted in readings(written).into_iter().chain(ticked) {
        let mut named = match wanted.schema.as_deref().or(database) {
            Some(schema) => {
                relations(reading, "table_schema = ?1 AND table_name = ?2", &[schema, &wanted.name]).await?
            }
            None => Vec::new(),
        };
        // The server compares names here more loosely than when it looks up a table.
        named.retain(|found| {
            same(found.name.as_str(), &wanted.name)
                && wanted.schema.as_ref().is_none_or(|schema| same(found.schema.as_str(), schema))
        });
        if wanted.schema.is_none() && database.is_none() {
            named = relations(reading, "table_name = ?1", &[&wanted.name]).await?;
            named.retain(|found| same(found.name.as_str(), &wanted.name));
        }
        if named.len() == 1 {
            return Ok(named.pop());
        }
    }
    Ok(None)
}

async fn missing(
    reading: &mut MySqlReadTx,
    part: &DirectoryConfig,
    database: Option<&str>,
    account: &str,
) -> Result<DirectoryError> {
    let names: Vec<String> = relations(reading, "1 = 1", &[])
        .await?
        .into_iter()
        .map(|relation| {
            if Some(relation.schema.as_str()) == database {
                relation.name.as_str().to_owned()
            } else {
                format!("{}.{}", relation.schema.as_str(), relation.name.as_str())
            }
        })
        .collect();
    let error = table_missing(&part.table, &names);
    let hint = error.hint.clone().unwrap_or_default();
    Ok(error.hint(format!("{hint} A table that {} may not read is not listed.", quoted_account(account))))
}

fn unreadable_columns(
    part: &DirectoryConfig,
    relation: &Relation,
    account: &str,
    names: &[String],
) -> DirectoryError {
    let account = quoted_account(account);
    let listed = |names: &[String]| {
        names.iter().map(|name| Quote::Backtick.around(name)).collect::<Vec<_>>().join(", ")
    };
    let message = format!(
        "The database user {account} may not read {} of {}, or there is no such column.",
        listed(names),
        part.table
    );
    DirectoryError::new(DirectoryCode::Refused, message).hint(ASK_ADMINISTRATOR).statement(format!(
        "GRANT SELECT ({}) ON {}.{} TO {account}",
        listed(names),
        quoted(&relation.schema),
        quoted(&relation.name)
    ))
}

/// Converts `reader@%`, as the server reports it, to `'reader'@'%'`, as GRANT requires it.
fn quoted_account(account: &str) -> String {
    match account.rsplit_once('@') {
        Some((user, host)) => format!("'{}'@'{}'", user.replace('\'', "''"), host.replace('\'', "''")),
        None => format!("'{}'", account.replace('\'', "''")),
    }
}

/// Decodes a column, and whether this user may read it.
pub(crate) fn column(row: &MySqlRow) -> Result<(TableColumn<MyType>, bool), sqlx::Error> {
    let said = |at| text(row, at).map(Option::unwrap_or_default);
    let (name, whole) = (said(1)?, said(2)?);
    let number = |at| said(at).map(|number| number.parse::<u64>().ok());
    let declared = Declared {
        name: &name,
        whole: &whole,
        precision: number(8)?.and_then(|digits| digits.try_into().ok()).unwrap_or(65),
        scale: number(9)?.and_then(|digits| digits.try_into().ok()).unwrap_or(30),
        length: number(7)?.unwrap_or(u64::MAX),
        text: match (text(row, 5)?, text(row, 6)?) {
            (Some(_), Some(_)) => Some((CatalogueName::of_row(row, 5)?, CatalogueName::of_row(row, 6)?)),
            _ => None,
        },
    };
    let db_type = MyType::of(declared);
    let column = TableColumn {
        name: CatalogueName::of_row(row, 0)?,
        kind: db_type.kind(),
        nullable: said(3)? != "NO",
        access: Access::default(),
        bytes: Bytes::default(),
        within: None,
        db_type,
    };
    Ok((column, said(4)?.contains("select")))
}

/// The columns that are read for the names in the configuration.
fn used(part: &DirectoryConfig) -> impl Iterator<Item = String> {
    part.column_names().map(|name| JsonPath::read(name).map_or_else(|| name.to_owned(), |path| path.column))
}

fn part_of_index(row: &MySqlRow) -> Result<Option<IndexPart>, sqlx::Error> {
    let named = |name: &str| {
        let at = row.columns().iter().position(|column| column.name().eq_ignore_ascii_case(name));
        at.map_or(Ok(None), |at| text(row, at))
    };
    // MySQL's planner does not use invisible indexes, MariaDB's does not use ignored ones.
    if named("is_visible")?.is_some_and(|visible| visible == "NO")
        || named("ignored")?.is_some_and(|ignored| ignored == "YES")
    {
        return Ok(None);
    }
    Ok(Some(IndexPart {
        index: named("index_name")?.unwrap_or_default(),
        unique: named("has_duplicates")?.is_some_and(|has| has == "0"),
        place: named("place")?.and_then(|place| place.parse().ok()).unwrap_or_default(),
        column: named("column_name")?,
        expression: named("expression")?,
        prefix_chars: named("prefix_chars")?.and_then(|chars| chars.parse().ok()),
        method: named("index_type")?.unwrap_or_default(),
        ascending: named("collation")?.is_some_and(|order| order == "A"),
    }))
}
