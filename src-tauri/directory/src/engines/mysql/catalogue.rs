//! Reads the catalogue of MySQL and MariaDB: `information_schema`, which shows what this user may see.
//!
//! Everything is read as text, so that no decoder depends on a server version.

use crate::schema::bytes::BinaryFormat;
use sqlx::mysql::MySqlRow;
use sqlx::{Column as _, Row as _};

use crate::config::DirectoryConfig;
use crate::engines::mysql::index_use::{IndexPart, MySqlIndexes};
use crate::engines::mysql::reading::{MySqlReadTx, decode_text};
use crate::engines::mysql::types::{DeclaredType, MyTextType, MyType};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::faults::ASK_ADMINISTRATOR;
use crate::schema::json_column::{JsonSyntax, add_paths};
use crate::schema::json_path::JsonPath;
use crate::schema::mapping::unknown_table_error;
use crate::schema::name::{
    CatalogueName, CatalogueRow, Quote, WrittenName, parse_possible_names, quote_name,
};
use crate::schema::table::{IndexSupport, Table, TableColumn};
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

/// The columns that [`decode_column`] reads.
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
        Ok(decode_text(self, at)?.unwrap_or_default())
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

/// Looks up the table that `config` names, and checks that this user may read all of its named columns.
pub(crate) async fn read_catalogue(
    reading: &mut MySqlReadTx,
    config: &DirectoryConfig,
) -> Result<MySqlCatalogue> {
    let session = query_catalogue(reading, SESSION, &[]).await?;
    let session = session.first().ok_or_else(|| DirectoryError::internal("the session is unknown"))?;
    let said = |at| decode_text(session, at).map_err(|error| reading.server().query_error(error));
    let (database, account, folds_names) = (said(0)?, said(1)?.unwrap_or_default(), said(2)?);
    let folds_names = folds_names.is_some_and(|folds| folds != "0");

    let Some(relation) = find_relation(reading, &config.table, database.as_deref(), folds_names).await?
    else {
        return Err(explain_missing_table(reading, config, database.as_deref(), &account).await?);
    };
    let place = [relation.schema.as_str(), relation.name.as_str()];
    let columns = format!(
        "SELECT {COLUMN} FROM information_schema.columns WHERE table_schema = ?1 AND table_name = ?2 \
         ORDER BY ordinal_position"
    );
    let rows = query_catalogue(reading, &columns, &place).await?;
    if rows.is_empty() {
        // A broken view (it would write, or its tables are gone) has no columns; let the server say why.
        let (schema, name) = (quote_name(&relation.schema), quote_name(&relation.name));
        query_catalogue(reading, &format!("SELECT 1 FROM {schema}.{name} LIMIT 0"), &[]).await?;
    }
    let mut columns = Vec::with_capacity(rows.len());
    let mut unreadable = Vec::new();
    let mut long = Vec::new();
    for row in &rows {
        let kind =
            decode_text(row, 1).map_err(|error| reading.server().query_error(error))?.unwrap_or_default();
        if kind.ends_with("text") || kind.ends_with("blob") {
            long.extend(decode_text(row, 0).map_err(|error| reading.server().query_error(error))?);
        }
        let (column, readable) = decode_column(row).map_err(|error| reading.server().query_error(error))?;
        if readable {
            columns.push(column);
        } else {
            unreadable.extend(list_used_columns(config).find(|used| *used == column.name.as_str()));
        }
    }
    // A column without any right is not listed. If rights are granted per column, a missing column may exist
    // nevertheless.
    let granted = query_catalogue(reading, OWN_COLUMN_RIGHTS, &place).await?;
    let granted = granted.first().map(|row| decode_text(row, 0)).transpose();
    if granted.map_err(|error| reading.server().query_error(error))?.flatten().is_some_and(|rows| rows != "0")
    {
        for name in list_used_columns(config) {
            if !columns.iter().any(|column| column.name.as_str() == name) && !unreadable.contains(&name) {
                unreadable.push(name);
            }
        }
    }
    if !unreadable.is_empty() {
        return Err(unreadable_columns(config, &relation, &account, &unreadable));
    }

    let rows = query_catalogue(reading, INDEXES, &place).await?;
    let parts = rows.iter().filter_map(|row| part_of_index(row).transpose());
    let parts = parts.collect::<Result<Vec<_>, _>>().map_err(|error| reading.server().query_error(error))?;
    let index_names = parts.iter().map(|part| part.index.clone()).collect();
    let id = config.id.as_str();
    let is_key = |part: &IndexPart| part.index == "PRIMARY" && part.place == 1;
    let is_clustered = relation.engine.as_deref() == Some("InnoDB")
        && parts.iter().any(|part| is_key(part) && part.column.as_deref() == Some(id));
    let indexes = MySqlIndexes { parts, id, is_clustered };
    for column in &mut columns {
        column.access = indexes.find_access(column);
    }
    add_paths(&mut columns, config, JsonSyntax::MySql, |column| {
        let utf8 = |name| CatalogueName::from_literal(name, Quote::Backtick);
        let text =
            || MyTextType { charset: utf8("utf8mb4"), collation: utf8("utf8mb4_bin"), chars: u64::MAX };
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
    Quote::Backtick.apply_to(&name.unwrap_or(plain))
}

pub(crate) async fn query_catalogue(
    reading: &mut MySqlReadTx,
    sql: &str,
    binds: &[&str],
) -> Result<Vec<MySqlRow>> {
    let binds = binds.iter().map(|&value| Value::Text(value.to_owned())).collect();
    reading.fetch_rows(Statement { sql: sql.to_owned(), binds, ..Statement::default() }).await
}

/// Tables and views that match `condition`, which is a constant.
pub(crate) async fn list_relations(
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
    let rows = query_catalogue(reading, &sql, binds).await?;
    rows.iter()
        .map(|row| {
            Ok(Relation {
                schema: CatalogueName::of_row(row, 0)?,
                name: CatalogueName::of_row(row, 1)?,
                estimated_rows: decode_text(row, 2)?.and_then(|rows| rows.parse().ok()),
                engine: decode_text(row, 3)?,
                is_partitioned: decode_text(row, 4)?.is_some_and(|is| is == "1"),
            })
        })
        .collect::<Result<_, _>>()
        .map_err(|error| reading.server().query_error(error))
}

/// The relation that `written` refers to: in the named database or the URL's; without either, the only one with its
/// name.
async fn find_relation(
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
    let ticked = parse_possible_names(&exchanged(written)).into_iter().map(|reading| WrittenName {
        schema: reading.schema.as_deref().map(exchanged),
        name: exchanged(&reading.name),
    });
    for wanted in parse_possible_names(written).into_iter().chain(ticked) {
        let mut named = match wanted.schema.as_deref().or(database) {
            Some(schema) => {
                list_relations(reading, "table_schema = ?1 AND table_name = ?2", &[schema, &wanted.name])
                    .await?
            }
            None => Vec::new(),
        };
        // The server compares names here more loosely than when it looks up a table.
        named.retain(|found| {
            same(found.name.as_str(), &wanted.name)
                && wanted.schema.as_ref().is_none_or(|schema| same(found.schema.as_str(), schema))
        });
        if wanted.schema.is_none() && database.is_none() {
            named = list_relations(reading, "table_name = ?1", &[&wanted.name]).await?;
            named.retain(|found| same(found.name.as_str(), &wanted.name));
        }
        if named.len() == 1 {
            return Ok(named.pop());
        }
    }
    Ok(None)
}

async fn explain_missing_table(
    reading: &mut MySqlReadTx,
    config: &DirectoryConfig,
    database: Option<&str>,
    account: &str,
) -> Result<DirectoryError> {
    let names: Vec<String> = list_relations(reading, "1 = 1", &[])
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
    let error = unknown_table_error(config, &names);
    let hint = error.hint.clone().unwrap_or_default();
    Ok(error
        .with_hint(format!("{hint} Tables that {} may not read are not listed.", quoted_account(account))))
}

fn unreadable_columns(
    config: &DirectoryConfig,
    relation: &Relation,
    account: &str,
    names: &[String],
) -> DirectoryError {
    let account = quoted_account(account);
    let listed = |names: &[String]| {
        names.iter().map(|name| Quote::Backtick.apply_to(name)).collect::<Vec<_>>().join(", ")
    };
    let message = format!(
        "The database user {account} may not read {} of {}, or there is no such column.",
        listed(names),
        config.table
    );
    DirectoryError::new(DirectoryCode::Refused, message).with_hint(ASK_ADMINISTRATOR).with_statement(format!(
        "GRANT SELECT ({}) ON {}.{} TO {account}",
        listed(names),
        quote_name(&relation.schema),
        quote_name(&relation.name)
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
pub(crate) fn decode_column(row: &MySqlRow) -> Result<(TableColumn<MyType>, bool), sqlx::Error> {
    let said = |at| decode_text(row, at).map(Option::unwrap_or_default);
    let (name, whole) = (said(1)?, said(2)?);
    let number = |at| said(at).map(|number| number.parse::<u64>().ok());
    let declared = DeclaredType {
        name: &name,
        whole: &whole,
        precision: number(8)?.and_then(|digits| digits.try_into().ok()).unwrap_or(65),
        scale: number(9)?.and_then(|digits| digits.try_into().ok()).unwrap_or(30),
        length: number(7)?.unwrap_or(u64::MAX),
        text: match (decode_text(row, 5)?, decode_text(row, 6)?) {
            (Some(_), Some(_)) => Some((CatalogueName::of_row(row, 5)?, CatalogueName::of_row(row, 6)?)),
            _ => None,
        },
    };
    let db_type = MyType::from_declared(declared);
    let column = TableColumn {
        name: CatalogueName::of_row(row, 0)?,
        kind: db_type.kind(),
        nullable: said(3)? != "NO",
        access: IndexSupport::default(),
        bytes: BinaryFormat::default(),
        within: None,
        db_type,
    };
    Ok((column, said(4)?.contains("select")))
}

/// The columns that are read for the names in the configuration.
fn list_used_columns(config: &DirectoryConfig) -> impl Iterator<Item = String> {
    config
        .column_names()
        .map(|name| JsonPath::parse(name).map_or_else(|| name.to_owned(), |path| path.column))
}

fn part_of_index(row: &MySqlRow) -> Result<Option<IndexPart>, sqlx::Error> {
    let named = |name: &str| {
        let at = row.columns().iter().position(|column| column.name().eq_ignore_ascii_case(name));
        at.map_or(Ok(None), |at| decode_text(row, at))
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
