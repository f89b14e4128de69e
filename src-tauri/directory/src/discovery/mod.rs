//! Suggests tables for a new connection: those that may hold users, likeliest first, with a guess at what their columns
//! are.
//!
//! The engines read names and types from their catalogues (`engines/*/discovery.rs`), never a row. The code here is
//! pure.

mod guess;
mod related;

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use self::guess::Guess;
use crate::config::RelatedTable;
use crate::error::{DirectoryCode, DirectoryError};
use crate::model::FieldKind;
use crate::schema::name_words::score_table_name;
use crate::schema::secrets::{self, holds_secret};

/// The maximum number of tables to examine. If there are more, those with the likeliest names are kept.
pub(crate) const MOST: usize = 300;
/// Reading names takes milliseconds; a server that needs longer than this is in trouble.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of unreadable tables to report.
const UNREADABLE: usize = 20;
/// From this score on, a table is preselected as the users' table.
const LIKELY: i32 = 10;

/// The kind of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum TableKind {
    Table,
    View,
    MaterializedView,
    /// MongoDB's collection.
    Collection,
}

/// Why a table looks as if it holds users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Sign {
    /// Its name suggests users.
    Name,
    /// It has email addresses.
    Email,
    /// It has passwords.
    Password,
}

/// A column that can be mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ColumnOffer {
    pub name: String,
    pub kind: FieldKind,
    /// Its values are bytes. If they are UUIDs, `directory.uuid_bytes` sets their byte order.
    pub bytes: bool,
}

/// A table that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TableOffer {
    /// The name to write in `directory.table`.
    pub name: String,
    /// The name including the schema, which `directory.table` accepts too.
    pub qualified: String,
    pub kind: TableKind,
    /// The database's estimate; `None` if it has none, for example for a view.
    #[ts(type = "number | null")]
    pub estimated_rows: Option<u64>,
    /// The columns; empty if they are not known.
    pub columns: Vec<ColumnOffer>,
    /// Columns that are not suggested because their names suggest secrets.
    pub withheld: Vec<String>,
    pub signs: Vec<Sign>,
    /// Likely enough to be preselected.
    pub likely: bool,
    pub guess: Guess,
    /// Tables whose rows belong to these users, if they are users.
    pub related: Vec<RelatedTable>,
}

/// The tables of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiscoveredTables {
    /// Sorted by how likely they are to hold users, the likeliest first.
    pub tables: Vec<TableOffer>,
    /// Tables that this database user may not read, the likeliest first.
    pub unreadable: Vec<String>,
    /// How many tables were not examined.
    pub left_out: u32,
}

/// A table as an engine found it.
#[derive(Debug)]
pub(crate) struct FoundTable {
    /// As `directory.table` has to name it.
    pub(crate) written: String,
    /// Including the schema, if there are schemas.
    pub(crate) qualified: String,
    /// Without the schema.
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    pub(crate) estimated_rows: Option<u64>,
    /// It is in the schema or database of the connection.
    pub(crate) at_hand: bool,
    pub(crate) columns: Vec<FoundColumn>,
}

#[derive(Debug)]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) bytes: bool,
    /// It is the only column of the primary key.
    pub(crate) is_key: bool,
    /// The qualified name of the table that a foreign key of this column alone refers to.
    pub(crate) refers_to: Option<String>,
}

/// What an engine found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) tables: Vec<FoundTable>,
    pub(crate) unreadable: Vec<String>,
    pub(crate) left_out: usize,
    /// The connection names one of several databases, whose tables come first.
    pub(crate) own_first: bool,
}

pub(crate) fn discovery_timeout_error() -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Timeout,
        format!("The database did not list its tables within {} s.", LIMIT.as_secs()),
    )
    .with_hint("Try again, or type the table's name.")
}

/// Keeps the tables whose columns are worth reading, likeliest first.
pub(crate) fn shortlist_tables(findings: &mut Findings) {
    let own_first = findings.own_first;
    findings.tables.sort_by_cached_key(|table| {
        (own_first && !table.at_hand, Reverse(score_table_name(&table.name)), !table.at_hand)
    });
    findings.left_out = findings.tables.len().saturating_sub(MOST);
    findings.tables.truncate(MOST);
    findings.unreadable.sort_by_cached_key(|name| Reverse(score_table_name(last_part(name))));
    findings.unreadable.truncate(UNREADABLE);
}

/// The table in `public.users`.
fn last_part(written: &str) -> &str {
    written.rsplit('.').next().unwrap_or(written)
}

pub(crate) fn rank_tables(findings: Findings) -> DiscoveredTables {
    let own_first = findings.own_first;
    let related: Vec<Vec<RelatedTable>> = findings
        .tables
        .iter()
        .map(|table| related::propose_related_tables(table, &findings.tables))
        .collect();
    let mut tables: Vec<(bool, i32, TableOffer)> = findings
        .tables
        .into_iter()
        .zip(related)
        .map(|(table, related)| {
            let elsewhere = own_first && !table.at_hand;
            let (score, offer) = score_table(table);
            (elsewhere, score, TableOffer { related, ..offer })
        })
        .collect();
    tables.sort_by(|(left_place, left_score, left), (right_place, right_score, right)| {
        let rows = |offer: &TableOffer| offer.estimated_rows.unwrap_or(0);
        let left_key = (left_place, Reverse(left_score), Reverse(rows(left)));
        let right_key = (right_place, Reverse(right_score), Reverse(rows(right)));
        left_key.cmp(&right_key).then_with(|| left.name.cmp(&right.name))
    });
    DiscoveredTables {
        tables: tables.into_iter().map(|(_, _, offer)| offer).collect(),
        unreadable: findings.unreadable,
        left_out: findings.left_out.try_into().unwrap_or(u32::MAX),
    }
}

/// Turns a table into an offer and scores how likely it is to hold users.
fn score_table(table: FoundTable) -> (i32, TableOffer) {
    let named = score_table_name(&table.name);
    let has_passwords = table.columns.iter().any(|column| secrets::is_password(&column.name, column.kind));
    let (withheld, columns): (Vec<FoundColumn>, Vec<FoundColumn>) = table
        .columns
        .into_iter()
        // The key is offered whatever its name: no user can be identified without it.
        .partition(|column| !column.is_key && holds_secret(&column.name, column.kind));
    let guess = Guess::from_columns(&columns);
    let signs: Vec<Sign> =
        [(named >= 3, Sign::Name), (guess.email.is_some(), Sign::Email), (has_passwords, Sign::Password)]
            .into_iter()
            .filter_map(|(shows, sign)| shows.then_some(sign))
            .collect();

    let weigh = |shows: bool, weight: i32| if shows { weight } else { 0 };
    let score = 2 * named
        + weigh(guess.email.is_some(), 6)
        + weigh(has_passwords, 3)
        + weigh(guess.created_at.is_some(), 1)
        + weigh(guess.name.is_some(), 1)
        + weigh(table.at_hand, 1)
        - weigh(table.estimated_rows == Some(0), 3);
    let offer = TableOffer {
        name: table.written,
        qualified: table.qualified,
        kind: table.kind,
        estimated_rows: table.estimated_rows,
        likely: score >= LIKELY && guess.id.is_some(),
        columns: columns
            .into_iter()
            .map(|column| ColumnOffer { name: column.name, kind: column.kind, bytes: column.bytes })
            .collect(),
        withheld: withheld.into_iter().map(|column| column.name).collect(),
        signs,
        guess,
        related: Vec::new(),
    };
    (score, offer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, columns: &[&str]) -> FoundTable {
        FoundTable {
            written: name.to_owned(),
            qualified: name.to_owned(),
            name: last_part(name).to_owned(),
            kind: TableKind::Table,
            estimated_rows: Some(rows),
            at_hand: !name.contains('.'),
            columns: columns
                .iter()
                .map(|name| FoundColumn {
                    name: (*name).to_owned(),
                    kind: FieldKind::Text,
                    bytes: false,
                    is_key: *name == "id",
                    refers_to: None,
                })
                .collect(),
        }
    }

    fn names(tables: Vec<FoundTable>) -> Vec<String> {
        let discovered = rank_tables(Findings { tables, ..Findings::default() });
        discovered.tables.into_iter().map(|offer| offer.name).collect()
    }

    #[test]
    fn the_table_of_the_users_comes_first() {
        // Django's tables, as `manage.py migrate` creates them.
        let django = names(vec![
            table("auth_group", 4, &["id", "name"]),
            table("auth_user_groups", 900, &["id", "user_id", "group_id"]),
            table("auth_user", 900, &["id", "password", "last_login", "username", "email", "date_joined"]),
            table("django_admin_log", 90_000, &["id", "user_id", "object_repr"]),
            table("django_session", 5000, &["session_key", "session_data", "expire_date"]),
        ]);
        assert_eq!(django[0], "auth_user");
        let shop = names(vec![
            table("newsletter_signups", 2_000_000, &["id", "email", "created_at"]),
            table("users_backup", 800, &["id", "email", "password_hash"]),
            table("users", 1000, &["id", "email", "password_hash"]),
            table("audit.users", 1000, &["id", "email", "password_hash"]),
            table("orders", 90_000, &["id", "user_id", "total"]),
        ]);
        assert_eq!(shop[..2], ["users", "audit.users"]);
        assert_eq!(shop.last().unwrap(), "orders");
    }

    #[test]
    fn the_database_named_in_the_url_comes_first() {
        let tables = vec![
            table("other.users", 1000, &["id", "email", "password_hash"]),
            table("invoices", 10, &["id", "number"]),
            table("members", 10, &["id", "email"]),
        ];
        let discovered = rank_tables(Findings { tables, own_first: true, ..Findings::default() });
        let names: Vec<&str> = discovered.tables.iter().map(|offer| offer.name.as_str()).collect();
        assert_eq!(names, ["members", "invoices", "other.users"]);
    }

    #[test]
    fn an_offer_says_why_and_keeps_secrets_back() {
        let (_, offer) = score_table(table(
            "customers",
            10,
            &["id", "mail", "crypted_password", "api_token", "full_name"],
        ));
        assert!(offer.likely);
        assert_eq!(offer.signs, [Sign::Name, Sign::Email, Sign::Password]);
        assert_eq!(offer.withheld, ["crypted_password", "api_token"]);
        let columns: Vec<&str> = offer.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns, ["id", "mail", "full_name"]);
        let (_, offer) = crate::discovery::score_table(table("invoices", 10, &["id", "number", "total"]));
        assert!(!offer.likely && offer.signs.is_empty());
    }

    #[test]
    fn among_many_tables_those_named_like_users_are_inspected() {
        let mut tables: Vec<FoundTable> = (0..1000).map(|at| table(&format!("shard_{at}"), 1, &[])).collect();
        tables.push(table("users", 1, &[]));
        let mut findings = Findings { tables, ..Findings::default() };
        shortlist_tables(&mut findings);
        assert_eq!((findings.tables.len(), findings.left_out), (MOST, 701));
        assert_eq!(findings.tables[0].name, "users");
    }
}
