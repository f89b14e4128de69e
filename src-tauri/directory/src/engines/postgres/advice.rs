//! Suggests the indexes that PostgreSQL would need for the search, and a role that can only read the mapped columns.

use crate::engines::postgres::catalogue::{PgCatalogue, PgType};
use crate::engines::postgres::dialect::text_of;
use crate::engines::postgres::row_security::GuardedTable;
use crate::model::{SearchCoverage, Tier};
use crate::plan::coverage::{IndexAdvisor, list_search_coverage as lines};
use crate::schema::mapping::Mapping;
use crate::schema::name::quote_name;
use crate::schema::table::{Table, TableColumn};
use crate::sql::dialect::read_columns;

struct PgIndexAdvice<'a> {
    /// Qualified and quoted.
    table: &'a str,
    found: &'a PgCatalogue,
}

impl IndexAdvisor<PgType> for PgIndexAdvice<'_> {
    const CONTAINS_NOTE: &'static str = "from three letters or digits on";

    fn suggest_index(&self, tier: Tier, columns: &[&TableColumn<PgType>]) -> Option<String> {
        // A view has no indexes, and a foreign table's are on another server.
        if self.found.is_view {
            return None;
        }
        let is_text = |column: &&TableColumn<PgType>| {
            matches!(column.db_type.name.as_str(), "text" | "varchar" | "bpchar" | "citext")
        };
        // PostgreSQL cannot create an index on a partitioned table concurrently, so all partitions are locked
        // meanwhile.
        let make = if self.found.is_partitioned { "INDEX" } else { "INDEX CONCURRENTLY" };
        let table = self.table;
        let first = *columns.first()?;
        let name = first.to_sql("");
        Some(match tier {
            Tier::All => format!("CREATE {make} ON {table} ({name})"),
            // A unique index on a partitioned table has to include the partition key.
            Tier::Id if self.found.is_partitioned => format!("CREATE {make} ON {table} ({name})"),
            Tier::Id => format!("CREATE UNIQUE {make} ON {table} ({name})"),
            Tier::Email | Tier::Prefix if columns.iter().all(is_text) => {
                // One index for both: it can be used for equality as well.
                format!("CREATE {make} ON {table} (lower({}) text_pattern_ops)", text_of(first, ""))
            }
            Tier::Contains if columns.iter().all(is_text) => {
                let class = self.found.trigrams.as_deref();
                let columns: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{} {}", text_of(column, ""), class.unwrap_or("gin_trgm_ops")))
                    .collect();
                let index = format!("CREATE {make} ON {table} USING gin ({})", columns.join(", "));
                match class {
                    Some(_) => index,
                    None => format!("CREATE EXTENSION IF NOT EXISTS pg_trgm; {index}"),
                }
            }
            _ => return None,
        })
    }
}

pub(crate) fn describe_coverage(mapping: &Mapping<PgType>, found: &PgCatalogue) -> Vec<SearchCoverage> {
    lines(mapping, &PgIndexAdvice { table: &mapping.table, found })
}

/// The statements that create such a role. The administrator chooses its password.
pub(crate) fn suggest_reader_account(
    mapping: &Mapping<PgType>,
    table: &Table<PgType>,
    database: Option<&str>,
    guarded: &[GuardedTable],
) -> Vec<String> {
    let names = read_columns(mapping);
    let database = database.map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let mut statements = vec!["CREATE ROLE understudy LOGIN CONNECTION LIMIT 10".to_owned()];
    statements.push("\\password understudy".to_owned());
    statements.extend(database.map(|name| format!("GRANT CONNECT ON DATABASE {name} TO understudy")));
    statements.push(format!("GRANT USAGE ON SCHEMA {} TO understudy", quote_name(&table.schema)));
    statements.push(format!("GRANT SELECT ({}) ON {} TO understudy", names.join(", "), mapping.table));
    statements.extend(guarded.iter().filter_map(|table| table.opening_for("understudy")));
    statements.push("ALTER ROLE understudy SET default_transaction_read_only = on".to_owned());
    statements
}
