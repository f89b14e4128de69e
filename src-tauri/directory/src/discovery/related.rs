//! Guesses which tables hold what belongs to the users of another, and the organisations that users belong to: by foreign
//! keys, and by the names of columns such as `customer_id` and `company_id`.

use crate::config::RelatedTable;
use crate::discovery::{FoundColumn, FoundTable, Guess};
use crate::model::FieldKind;
use crate::schema::label::to_label;
use crate::schema::name_words::{normalize_name, score_table_name, split_name};
use crate::schema::secrets::holds_secret;

/// How many tables are proposed; more would not be read.
const MOST: usize = 4;
/// How many columns of each are proposed for showing.
const SHOWN: usize = 4;

/// What a column that leads to a user is called, whatever the users' table is called.
const LEADING: &[&str] = &["userid", "customerid", "accountid", "memberid", "clientid", "ownerid", "uid"];
/// Last words of columns that identify a row for people: `order_number`, `invoiceNo`.
const IDENTIFYING: &[&str] = &[
    "number",
    "no",
    "nr",
    "num",
    "code",
    "reference",
    "ref",
    "serial",
    "iban",
    "phone",
    "imei",
    "barcode",
    "msisdn",
];
/// Last words of columns that identify an organisation besides.
const NAMING: &[&str] = &["name", "title", "slug", "domain"];
/// What a column of the users that leads to an organisation is called, whatever its table is called.
const ORGANISATIONS: &[&str] =
    &["company", "organisation", "organization", "tenant", "account", "team", "workspace", "customer"];
/// Last words of columns that describe a row.
const DESCRIBING: &[&str] = &[
    "status", "state", "total", "amount", "name", "title", "type", "plan", "product", "item", "model",
    "currency",
];

/// The tables among `others` whose rows belong to `users`, best first, as `[[directory.related]]` would name them.
pub(super) fn propose_related_tables(users: &FoundTable, others: &[FoundTable]) -> Vec<RelatedTable> {
    let mut proposed: Vec<(bool, usize, RelatedTable)> = others
        .iter()
        .filter(|table| table.at_hand == users.at_hand && table.qualified != users.qualified)
        // A table that may hold users itself is no record of theirs.
        .filter(|table| score_table_name(&table.name) < 3)
        .filter_map(|table| {
            let (by_key, leading, leads_to) = match find_leading_column(users, table) {
                Some((by_key, leading)) => (by_key, leading, None),
                None => find_organisation(users, table)
                    .map(|(by_key, column, key)| (by_key, key, Some(column.name.clone())))?,
            };
            let proposal = propose_table(table, leading, leads_to)?;
            Some((by_key, proposal.identify.len(), proposal))
        })
        .collect();
    proposed.sort_by(|(left_key, left_columns, left), (right_key, right_columns, right)| {
        (right_key, right_columns).cmp(&(left_key, left_columns)).then_with(|| left.table.cmp(&right.table))
    });
    proposed.into_iter().map(|(_, _, table)| table).take(MOST).collect()
}

/// The column that leads to a user, and whether a foreign key says so.
fn find_leading_column<'a>(users: &FoundTable, table: &'a FoundTable) -> Option<(bool, &'a FoundColumn)> {
    let by_key = table.columns.iter().find(|column| column.refers_to.as_ref() == Some(&users.qualified));
    if let Some(column) = by_key {
        return Some((true, column));
    }
    let id = users.columns.iter().find(|column| column.is_key)?;
    let own = format!("{}id", singular(&normalize_name(&users.name)));
    let leads = |column: &&FoundColumn| {
        let name = normalize_name(&column.name);
        // A key to another table leads elsewhere, and another type to no one.
        column.refers_to.is_none()
            && !column.is_key
            && column.kind == id.kind
            && (name == own || LEADING.contains(&name.as_str()))
    };
    table.columns.iter().find(leads).map(|column| (false, column))
}

/// The column of the users that leads to a row of the table, and that row's key; and whether a foreign key says so.
fn find_organisation<'a>(
    users: &'a FoundTable,
    table: &'a FoundTable,
) -> Option<(bool, &'a FoundColumn, &'a FoundColumn)> {
    let key = table.columns.iter().find(|column| column.is_key)?;
    let own = singular(&normalize_name(&table.name));
    if !ORGANISATIONS.contains(&own.as_str()) {
        return None;
    }
    let by_key = users.columns.iter().find(|column| column.refers_to.as_ref() == Some(&table.qualified));
    if let Some(column) = by_key {
        return Some((true, column, key));
    }
    let leads = |column: &&FoundColumn| {
        column.refers_to.is_none()
            && !column.is_key
            && column.kind == key.kind
            && normalize_name(&column.name) == format!("{own}id")
    };
    users.columns.iter().find(leads).map(|column| (false, column, key))
}

/// `None` if no column of the table identifies a row for people. `leads_to` is given for organisations.
fn propose_table(
    table: &FoundTable,
    leading: &FoundColumn,
    leads_to: Option<String>,
) -> Option<RelatedTable> {
    let free: Vec<&FoundColumn> = table
        .columns
        .iter()
        .filter(|column| column.name != leading.name && !holds_secret(&column.name, column.kind))
        .collect();
    let ends_in = |column: &FoundColumn, words: &[&str]| {
        split_name(&column.name).last().is_some_and(|last| words.contains(&last.as_str()))
    };
    let names = |wanted: &dyn Fn(&FoundColumn) -> bool| -> Vec<String> {
        free.iter().filter(|column| wanted(column)).map(|column| column.name.clone()).collect()
    };
    let identify = names(&|column| {
        matches!(column.kind, FieldKind::Text | FieldKind::Integer)
            && !column.bytes
            && (ends_in(column, IDENTIFYING) || leads_to.is_some() && ends_in(column, NAMING))
    });
    if identify.is_empty() {
        return None;
    }
    let mut describe = names(&|column| ends_in(column, DESCRIBING) && !identify.contains(&column.name));
    describe.truncate(SHOWN);
    let guess = Guess::from_columns(&table.columns);
    let default_id = if table.kind == super::TableKind::Collection { "_id" } else { "id" };
    let key = table.columns.iter().find(|column| column.is_key);
    // Without a key, rows cannot be told apart from page to page.
    let id = key.map(|column| column.name.clone())?;
    Some(RelatedTable {
        label: to_label(&singular(&table.name)),
        table: table.written.clone(),
        user: leading.name.clone(),
        through: None,
        leads_to,
        id: (id != default_id).then_some(id),
        created_at: guess.created_at,
        identify,
        describe,
        url: None,
    })
}

/// `order` for `orders`, `company` for `companies`.
fn singular(plural: &str) -> String {
    let lower = plural.to_lowercase();
    let cut = |end: usize| plural[..plural.len() - end].to_owned();
    if lower.ends_with("ies") && plural.len() > 4 {
        format!("{}y", cut(3))
    } else if ["sses", "xes", "ches", "shes"].iter().any(|end| lower.ends_with(end)) {
        cut(2)
    } else if lower.ends_with('s') && !lower.ends_with("ss") && plural.len() > 3 {
        cut(1)
    } else {
        plural.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::TableKind;

    fn table(name: &str, columns: &[(&str, FieldKind, Option<&str>)]) -> FoundTable {
        let column = |(name, kind, refers_to): &(&str, FieldKind, Option<&str>)| FoundColumn {
            name: (*name).to_owned(),
            kind: *kind,
            bytes: false,
            is_key: *name == "id",
            refers_to: refers_to.map(str::to_owned),
        };
        FoundTable {
            written: name.to_owned(),
            qualified: format!("public.{name}"),
            name: name.to_owned(),
            kind: TableKind::Table,
            estimated_rows: None,
            at_hand: true,
            columns: columns.iter().map(column).collect(),
        }
    }

    const ID: (&str, FieldKind, Option<&str>) = ("id", FieldKind::Integer, None);

    fn proposed(tables: &[FoundTable]) -> Vec<String> {
        let tables = propose_related_tables(&tables[0], tables);
        let say = |table: RelatedTable| {
            format!("{}: {}.{} by {}", table.label, table.table, table.user, table.identify.join(", "))
        };
        tables.into_iter().map(say).collect()
    }

    #[test]
    fn tables_with_a_key_to_the_users_come_first_and_then_those_named_so() {
        let tables = [
            table("customers", &[ID, ("email", FieldKind::Text, None)]),
            table(
                "invoices",
                &[ID, ("customer_id", FieldKind::Integer, None), ("invoice_number", FieldKind::Text, None)],
            ),
            table(
                "deliveries",
                &[
                    ID,
                    ("recipient", FieldKind::Integer, Some("public.customers")),
                    ("code", FieldKind::Text, None),
                ],
            ),
            // Not by its type, not by its key, without a number, and a table of users.
            table(
                "devices",
                &[ID, ("customer_id", FieldKind::Uuid, None), ("serial", FieldKind::Text, None)],
            ),
            table(
                "parcels",
                &[
                    ID,
                    ("customer_id", FieldKind::Integer, Some("public.shops")),
                    ("code", FieldKind::Text, None),
                ],
            ),
            table(
                "visits",
                &[ID, ("customer_id", FieldKind::Integer, None), ("page", FieldKind::Text, None)],
            ),
            table(
                "users",
                &[ID, ("customer_id", FieldKind::Integer, None), ("phone", FieldKind::Text, None)],
            ),
        ];
        assert_eq!(
            proposed(&tables),
            ["Delivery: deliveries.recipient by code", "Invoice: invoices.customer_id by invoice_number"]
        );
    }

    #[test]
    fn an_organisation_is_led_to_by_a_column_of_the_users() {
        let tables = [
            table(
                "users",
                &[
                    ID,
                    ("company_id", FieldKind::Integer, Some("public.companies")),
                    ("team_id", FieldKind::Integer, None),
                    ("tenant_id", FieldKind::Uuid, None),
                    ("country_id", FieldKind::Integer, Some("public.countries")),
                ],
            ),
            table("companies", &[ID, ("name", FieldKind::Text, None), ("tax_number", FieldKind::Text, None)]),
            table("teams", &[ID, ("title", FieldKind::Text, None)]),
            // Not by its type, and no organisation.
            table("tenants", &[ID, ("name", FieldKind::Text, None)]),
            table("countries", &[ID, ("name", FieldKind::Text, None)]),
        ];
        assert_eq!(
            proposed(&tables),
            ["Company: companies.id by name, tax_number", "Team: teams.id by title"]
        );
        let companies = propose_related_tables(&tables[0], &tables).remove(0);
        assert_eq!(companies.leads_to.as_deref(), Some("company_id"));
    }

    #[test]
    fn a_secret_is_no_number_to_search_by() {
        let tables = [
            table("users", &[ID]),
            table(
                "vouchers",
                &[ID, ("user_id", FieldKind::Integer, None), ("secret_code", FieldKind::Text, None)],
            ),
        ];
        assert!(proposed(&tables).is_empty());
    }

    #[test]
    fn a_row_is_called_by_the_singular() {
        for (plural, one) in [
            ("orders", "order"),
            ("companies", "company"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("bus", "bus"),
            ("class", "class"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }
}
