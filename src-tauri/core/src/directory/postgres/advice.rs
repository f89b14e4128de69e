//! What PostgreSQL would need to serve the search, and a role that can read what is mapped and no more.

use crate::directory::catalogue::postgres::PgType;
use crate::directory::catalogue::{Table, TableColumn, quoted};
use crate::directory::mapping::Mapping;
use crate::directory::services::{Advise, services as lines};
use crate::directory::sql::read_columns;
use crate::directory::{Service, Tier};

struct Indexes<'a> {
    /// Qualified and quoted.
    table: &'a str,
    /// Indexes are made on tables, not on views.
    is_view: bool,
}

impl Advise<PgType> for Indexes<'_> {
    const CONTAINS_NOTE: &'static str = "from three letters or digits on";

    fn index(&self, tier: Tier, columns: &[&TableColumn<PgType>]) -> Option<String> {
        if self.is_view {
            return None;
        }
        let of_text = |column: &&TableColumn<PgType>| {
            matches!(column.db_type.name.as_str(), "text" | "varchar" | "bpchar" | "citext")
        };
        let table = self.table;
        let names: Vec<String> = columns.iter().map(|column| column.sql("")).collect();
        let name = names.first()?;
        Some(match tier {
            Tier::All => format!("CREATE INDEX CONCURRENTLY ON {table} ({name})"),
            Tier::Id => format!("CREATE UNIQUE INDEX CONCURRENTLY ON {table} ({name})"),
            Tier::Email | Tier::Prefix if columns.iter().all(of_text) => {
                // One index for both: it serves equality as well.
                format!("CREATE INDEX CONCURRENTLY ON {table} (lower({name}) text_pattern_ops)")
            }
            Tier::Contains if columns.iter().all(of_text) => {
                let columns: Vec<String> = names.iter().map(|name| format!("{name} gin_trgm_ops")).collect();
                format!(
                    "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX CONCURRENTLY ON {table} USING gin ({})",
                    columns.join(", ")
                )
            }
            _ => return None,
        })
    }
}

pub(super) fn services(mapping: &Mapping<PgType>, is_view: bool) -> Vec<Service> {
    lines(mapping, &Indexes { table: &mapping.table, is_view })
}

/// The statements that make such a role. Its password is for whoever runs them to choose.
pub(super) fn reader(
    mapping: &Mapping<PgType>,
    table: &Table<PgType>,
    database: Option<&str>,
) -> Vec<String> {
    let names = read_columns(mapping);
    let database = database.map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let mut statements = vec!["CREATE ROLE understudy LOGIN CONNECTION LIMIT 10".to_owned()];
    statements.push("\\password understudy".to_owned());
    statements.extend(database.map(|name| format!("GRANT CONNECT ON DATABASE {name} TO understudy")));
    statements.push(format!("GRANT USAGE ON SCHEMA {} TO understudy", quoted(&table.schema)));
    statements.push(format!("GRANT SELECT ({}) ON {} TO understudy", names.join(", "), mapping.table));
    statements.push("ALTER ROLE understudy SET default_transaction_read_only = on".to_owned());
    statements
}
