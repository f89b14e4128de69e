//! Suggests the indexes that MySQL would need for the search, and an account that can only read the mapped columns.

use crate::engines::mysql::catalogue::{MySqlCatalogue, index_name};
use crate::engines::mysql::driver::Flavour;
use crate::engines::mysql::types::MyType;
use crate::model::{SearchCoverage, Tier};
use crate::plan::coverage::{IndexAdvisor, list_search_coverage as lines};
use crate::schema::mapping::Mapping;
use crate::schema::name::quote_name;
use crate::schema::table::TableColumn;
use crate::sql::dialect::read_columns;

struct MySqlIndexAdvice<'a> {
    found: &'a MySqlCatalogue,
    mapping: &'a Mapping<MyType>,
    flavour: Flavour,
}

impl IndexAdvisor<MyType> for MySqlIndexAdvice<'_> {
    /// MySQL has no such index: `FULLTEXT` finds words, and its ngrams skip those that contain stop words.
    const CONTAINS_NOTE: &'static str = "";

    fn suggest_index(&self, tier: Tier, columns: &[&TableColumn<MyType>]) -> Option<String> {
        let [column] = columns else { return None };
        // A view has no indexes, and a text may be too long for one.
        let is_long = self.found.long.iter().any(|name| name == column.name.as_str());
        if self.found.is_view || is_long || tier == Tier::Contains || !column.db_type.is_ordered_as_it_is() {
            return None;
        }
        let name = quote_name(&column.name);
        let is_id = column.name == self.mapping.id().name;
        let minds_case = matches!(&column.db_type, MyType::Text(text) if !text.ignores_case());
        let (indexed, what) = match tier {
            Tier::Email | Tier::Prefix if minds_case && self.flavour == Flavour::MySql => {
                (format!("(lower({name}))"), "_lower")
            }
            // There is an index already, and MariaDB cannot index expressions.
            Tier::Email | Tier::Prefix if minds_case && column.access.equals.is_some() => return None,
            _ => (name, ""),
        };
        // One statement per index: if the ID is searched, the unique index serves that too.
        let unique = is_id && what.is_empty() && column.access.equals.is_none();
        let tie = match (is_id, self.found.is_clustered) {
            (true, _) | (_, true) => String::new(),
            // Only the primary key is part of every index automatically.
            (false, false) => format!(", {}", quote_name(&self.mapping.id().name)),
        };
        // A unique index on a partitioned table has to include the partition key.
        let unique = if unique && !self.found.is_partitioned { "UNIQUE " } else { "" };
        // Other storage engines lock the table in any case.
        let how = if self.found.is_innodb { " ALGORITHM=INPLACE LOCK=NONE" } else { "" };
        Some(format!(
            "CREATE {unique}INDEX {} ON {} ({indexed}{tie}){how}",
            index_name(self.found, column, what),
            self.mapping.table
        ))
    }
}

pub(crate) fn describe_coverage(
    mapping: &Mapping<MyType>,
    found: &MySqlCatalogue,
    flavour: Flavour,
) -> Vec<SearchCoverage> {
    lines(mapping, &MySqlIndexAdvice { found, mapping, flavour })
}

/// The statements that create such an account. The administrator chooses its password; the first statement fails until
/// the placeholder is replaced.
pub(crate) fn suggest_reader_account(mapping: &Mapping<MyType>) -> Vec<String> {
    let names = read_columns(mapping);
    vec![
        "CREATE USER 'understudy'@'%' IDENTIFIED BY <a password> WITH MAX_USER_CONNECTIONS 10".to_owned(),
        format!("GRANT SELECT ({}) ON {} TO 'understudy'@'%'", names.join(", "), mapping.table),
    ]
}
