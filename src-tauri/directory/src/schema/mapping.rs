//! Maps the column names in the connection file to the table that exists.
//!
//! Pure: takes what the catalogue reported and returns the columns to show and to search, or an error that lists every
//! name that does not fit, with its key in the connection file and the closest existing name.

use crate::closest::closest_names;
use crate::config::DirectoryConfig;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::{Column, FieldKind, Role};
use crate::schema::bytes::BinaryFormat;
use crate::schema::json_path::JsonPath;
use crate::schema::label::{names_company, to_label};
use crate::schema::name::quote_name;
use crate::schema::name_words::{names_time, score_table_name};
use crate::schema::table::{Table, TableColumn};

/// A table's columns in their roles. All SQL is built from it.
#[derive(Debug)]
pub(crate) struct Mapping<T> {
    /// Quoted and qualified, ready for a FROM clause.
    pub(crate) table: String,
    /// How each column in `shown` is presented to the user.
    pub(crate) columns: Vec<Column>,
    /// The columns to read, in the order of `columns`. The ID comes first.
    pub(crate) shown: Vec<TableColumn<T>>,
    /// Index in `shown` of the email address, if it is mapped and searched.
    pub(crate) searched_email: Option<usize>,
    /// Index in `shown` of the creation time.
    pub(crate) created_at: Option<usize>,
    /// The columns to search besides the ID.
    pub(crate) search: Vec<TableColumn<T>>,
    /// Index in `shown` of the column that leads to a user, if this is a related table.
    pub(crate) leads_by: Option<usize>,
    /// Indexes in `shown` of the columns, other than the ID, that related tables lead to.
    pub(crate) led_to: Vec<usize>,
}

impl<T: Clone> Mapping<T> {
    /// Maps the columns of `config` to `table`. Fails with [`DirectoryCode::Mismatch`] if a column does not exist, or if
    /// the ID or the creation time is a value within JSON.
    pub(crate) fn new(config: &DirectoryConfig, table: &Table<T>) -> Result<Self> {
        let wanted = list_shown_columns(config);
        let uuid_bytes = config.uuid_bytes.unwrap_or_default();
        let searched: Vec<(String, &str)> = match &config.search {
            Some(names) => {
                let key = |at| config.column_key(at, true);
                names.iter().enumerate().map(|(at, name)| (key(at), name.as_str())).collect()
            }
            None => [("email", &config.email), ("name", &config.name)]
                .into_iter()
                .filter_map(|(key, name)| Some((config.key_of(key), name.as_deref()?)))
                .collect(),
        };

        for (key, name) in [("id", Some(&config.id)), ("created_at", config.created_at.as_ref())] {
            if let Some(name) =
                name.filter(|name| find_column(table, name).is_some_and(|it| it.within.is_some()))
            {
                return Err(json_value_error(&config.key_of(key), name));
            }
        }
        let mut missing: Vec<(&str, &str)> = Vec::new();
        let names = wanted.iter().map(|(_, key, name)| (key.as_str(), *name));
        for (key, name) in names.chain(searched.iter().map(|(key, name)| (key.as_str(), *name))) {
            let is_known = missing
                .iter()
                .any(|known| *known == (key, name) || config.origin.is_some() && known.1 == name);
            if find_column(table, name).is_none() && !is_known {
                missing.push((key, name));
            }
        }
        if !missing.is_empty() {
            return Err(unknown_columns_error(config, table, &missing));
        }

        let found = |name: &str| find_column(table, name).expect("missing names were refused above").clone();
        let leads_by = config.origin.as_ref().and_then(|_| config.columns.first());
        let leads_to = || config.related.iter().filter_map(|related| related.leads_to.as_deref());
        let mut columns: Vec<Column> = Vec::new();
        let mut shown: Vec<TableColumn<T>> = Vec::new();
        for (role, _, name) in wanted {
            let mut column = found(name);
            if role == Role::CreatedAt && is_kept_time(column.kind) {
                column.kind = FieldKind::Time;
            }
            // Templates still get the number; the console shows, parses and compares times.
            let is_time = role == Role::Other
                && column.within.is_none()
                && matches!(column.kind, FieldKind::Integer | FieldKind::Number)
                && names_time(name);
            let is_identity = role == Role::Id
                || leads_by.is_some_and(|leads| leads == name)
                || leads_to().any(|led| led == name);
            column.bytes = BinaryFormat::for_column(name, is_identity, uuid_bytes);
            if role == Role::Other && columns.iter().any(|known| known.name == name) {
                continue; // listed again: one column is enough. The same column in two roles is shown twice.
            }
            let masked = config.masked.iter().any(|masked| masked == name);
            columns.push(Column {
                name: name.to_owned(),
                label: to_label(name),
                role,
                kind: if is_time { FieldKind::Time } else { column.kind },
                sortable: column.access.order.is_some() && !masked,
                company: role == Role::Other
                    && !masked
                    && column.kind == FieldKind::Text
                    && names_company(name)
                    && !columns.iter().any(|known| known.company),
                masked,
            });
            shown.push(column);
        }
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|&at| match columns[at].role {
            Role::Id => 0,
            Role::Name => 1,
            Role::Email => 2,
            Role::Other => 3,
            Role::CreatedAt => 4,
        });
        let columns: Vec<Column> = order.iter().map(|&at| columns[at].clone()).collect();
        let shown = order.iter().map(|&at| shown[at].clone()).collect();
        let at = |name: &Option<String>| {
            name.as_ref().and_then(|name| columns.iter().position(|column| column.name == *name))
        };
        let mut search: Vec<TableColumn<T>> = Vec::new();
        for (_, name) in &searched {
            if !search.iter().any(|known| known.name.as_str() == *name) {
                let bytes = BinaryFormat::for_column(name, false, uuid_bytes);
                search.push(TableColumn { bytes, ..found(name) });
            }
        }
        Ok(Self {
            table: format!("{}.{}", quote_name(&table.schema), quote_name(&table.name)),
            searched_email: at(&config.email)
                .filter(|_| searched.iter().any(|(_, name)| config.email.as_deref() == Some(*name))),
            created_at: at(&config.created_at),
            leads_by: at(&leads_by.cloned()),
            led_to: (1..columns.len()).filter(|&at| leads_to().any(|led| led == columns[at].name)).collect(),
            columns,
            shown,
            search,
        })
    }

    pub(crate) fn id(&self) -> &TableColumn<T> {
        &self.shown[0]
    }
}

/// Every column the connection file wants shown, with its key there. Roles come first, so that a column that is listed
/// again keeps its role.
fn list_shown_columns(config: &DirectoryConfig) -> Vec<(Role, String, &str)> {
    let mut wanted = vec![(Role::Id, config.key_of("id"), config.id.as_str())];
    for (role, key, name) in [
        (Role::Name, "name", &config.name),
        (Role::Email, "email", &config.email),
        (Role::CreatedAt, "created_at", &config.created_at),
    ] {
        if let Some(name) = name {
            wanted.push((role, config.key_of(key), name));
        }
    }
    for (at, name) in config.columns.iter().enumerate() {
        wanted.push((Role::Other, config.column_key(at, false), name));
    }
    wanted
}

/// Times may also be stored as numbers or digits: see [`crate::schema::time`].
fn is_kept_time(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Integer | FieldKind::Number | FieldKind::Text)
}

fn find_column<'a, T>(table: &'a Table<T>, name: &str) -> Option<&'a TableColumn<T>> {
    table.columns.iter().find(|column| column.name.as_str() == name)
}

fn unknown_columns_error<T>(
    config: &DirectoryConfig,
    table: &Table<T>,
    missing: &[(&str, &str)],
) -> DirectoryError {
    let names: Vec<&str> = table.own_columns().map(|column| column.name.as_str()).collect();
    let lines: Vec<String> = missing
        .iter()
        .map(|(key, name)| {
            let path = JsonPath::parse(name);
            let name = path.as_ref().map_or(*name, |path| path.column.as_str());
            if names.contains(&name) {
                return format!(
                    "{key}: `{name}` of {} does not hold JSON, so nothing can be read within it.",
                    config.table
                );
            }
            let close = match closest_names(name, &names).as_slice() {
                [] => String::new(),
                close => format!(" Did you mean {}?", join_alternatives(close)),
            };
            format!("{key}: {} has no column `{name}`.{close}", config.table)
        })
        .collect();
    DirectoryError::new(DirectoryCode::Mismatch, lines.join("\n"))
        .with_hint(format!("Its columns are {}. Names are case-sensitive.", join_names(&names)))
}

/// The ID and the creation time are looked up and sorted by constantly, which needs a real column with a type.
fn json_value_error(key: &str, name: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Mismatch,
        format!("{key}: `{name}` is a value within JSON, but has to be a real column."),
    )
    .with_hint(
        "Name another column, or a view of the table in which the value is a column with its own type.",
    )
}

/// The error for a table or view that `config` names and that does not exist; `names` are those that do.
pub(crate) fn unknown_table_error(config: &DirectoryConfig, names: &[String]) -> DirectoryError {
    let (key, written) = (config.key_of("table"), config.table.as_str());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut close = closest_names(written, &names);
    if close.is_empty() && config.origin.is_none() {
        // No name is similar, so suggest a table that looks like users.
        let weight = |name: &&&str| score_table_name(name.rsplit('.').next().unwrap_or(name));
        close.extend(names.iter().filter(|name| weight(name) >= 3).max_by_key(weight).copied());
    }
    let message = match close.as_slice() {
        [] => format!("{key}: the database has no table or view `{written}`."),
        close => format!(
            "{key}: the database has no table or view `{written}`. Did you mean {}?",
            join_alternatives(close)
        ),
    };
    let hint = if names.is_empty() {
        "The database has no tables that this user can see. Check its name, and that the user may use its schemas."
            .to_owned()
    } else {
        format!("It has {}. Names are case-sensitive.", join_names(&names))
    };
    DirectoryError::new(DirectoryCode::Mismatch, message).with_hint(hint)
}

fn join_alternatives(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

fn join_names(names: &[&str]) -> String {
    const SHOWN: usize = 30;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::name::name_for_test;

    fn table(names: &[&str]) -> Table<()> {
        let column = |name: &&str| TableColumn {
            name: name_for_test(name),
            kind: FieldKind::Text,
            nullable: true,
            access: crate::schema::table::IndexSupport::default(),
            bytes: BinaryFormat::default(),
            within: None,
            db_type: (),
        };
        Table {
            schema: name_for_test("public"),
            name: name_for_test("Users"),
            columns: names.iter().map(column).collect(),
        }
    }

    fn build_config() -> DirectoryConfig {
        DirectoryConfig {
            table: "Users".into(),
            email: Some("email".into()),
            name: Some("full_name".into()),
            created_at: Some("createdAt".into()),
            columns: vec!["plan".into(), "company".into()],
            ..DirectoryConfig::of_table("sqlite:///users.sqlite", "users")
        }
    }

    #[test]
    fn columns_stand_in_the_order_of_their_roles() {
        let table = table(&["createdAt", "plan", "email", "full_name", "company", "id", "password_hash"]);
        let mapping = Mapping::new(&build_config(), &table).unwrap();
        let names: Vec<&str> = mapping.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "full_name", "email", "plan", "company", "createdAt"]);
        assert_eq!(mapping.table, r#""public"."Users""#);
        assert_eq!(mapping.created_at, Some(5));
        assert_eq!(mapping.searched_email, Some(2));
        let searched: Vec<&str> = mapping.search.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(searched, ["email", "full_name"]);
    }

    #[test]
    fn every_missing_column_is_named_with_its_key_and_the_closest_one() {
        let table = table(&["id", "Email", "fullname", "createdAt", "plan", "company_name"]);
        let error = Mapping::new(&build_config(), &table).unwrap_err();
        assert_eq!(error.code, DirectoryCode::Mismatch);
        assert_eq!(
            error.message,
            "directory.name: Users has no column `full_name`. Did you mean `fullname`?\n\
             directory.email: Users has no column `email`. Did you mean `Email`?\n\
             directory.columns[1]: Users has no column `company`. Did you mean `company_name`?"
        );
        assert!(error.hint.unwrap().contains("`company_name`"));
    }

    #[test]
    fn a_missing_table_is_reported_with_the_existing_ones() {
        let named = |table: &str| DirectoryConfig { table: table.into(), ..build_config() };
        let error =
            unknown_table_error(&named("public.user"), &["public.users".into(), "public.orders".into()]);
        assert_eq!(error.code, DirectoryCode::Mismatch);
        assert!(error.message.contains("Did you mean `public.users`?"), "{error}");
        assert!(error.hint.unwrap().contains("`public.orders`"));
        let error = unknown_table_error(
            &named("users"),
            &["invoices".into(), "auth_group".into(), "crm.customers".into()],
        );
        assert!(error.message.contains("Did you mean `crm.customers`?"), "{error}");
        let error = unknown_table_error(&named("users"), &["invoices".into(), "orders".into()]);
        assert!(!error.message.contains("Did you mean"), "{error}");
    }

    #[test]
    fn a_column_listed_twice_is_shown_once_in_its_role() {
        let config =
            DirectoryConfig { columns: vec!["email".into(), "plan".into(), "plan".into()], ..build_config() };
        let mapping =
            Mapping::new(&config, &table(&["id", "email", "full_name", "createdAt", "plan"])).unwrap();
        let roles: Vec<Role> = mapping.columns.iter().map(|column| column.role).collect();
        assert_eq!(roles, [Role::Id, Role::Name, Role::Email, Role::Other, Role::CreatedAt]);
    }

    #[test]
    fn an_unsearched_email_has_no_tier_of_its_own() {
        let config = DirectoryConfig { search: Some(vec!["full_name".into()]), ..build_config() };
        let table = table(&["id", "email", "full_name", "createdAt", "plan", "company"]);
        assert_eq!(Mapping::new(&config, &table).unwrap().searched_email, None);
    }
}
