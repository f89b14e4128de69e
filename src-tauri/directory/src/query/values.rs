//! Decides which columns' values are suggested while a filter is typed, and caches those values.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::model::{Column, FieldKind, Role, Row};
use crate::schema::secrets::holds_secret;

/// A column with more distinct values does not hold categories.
pub(crate) const VALUES: usize = 50;

/// Longer values are not worth completing.
const CHARS: usize = 60;

/// Whether values of the column may be suggested. Names and addresses are personal, so they are not.
pub(crate) fn may_be_suggested(column: &Column) -> bool {
    column.kind == FieldKind::Text && column.role == Role::Other && !holds_secret(&column.name, column.kind)
}

/// The values of each column, most common first. The database is queried once per column.
#[derive(Default)]
pub(crate) struct KnownValues {
    asked: Mutex<HashMap<usize, Arc<OnceCell<Vec<String>>>>>,
    loaded: Mutex<HashMap<usize, Vec<String>>>,
}

impl KnownValues {
    /// The cell that holds the column's values once they are queried.
    pub(crate) fn cell_for_column(&self, column: usize) -> Arc<OnceCell<Vec<String>>> {
        let mut asked = self.asked.lock();
        Arc::clone(asked.entry(column).or_default())
    }

    /// Remembers the values of loaded rows.
    pub(crate) fn add_loaded_rows(&self, columns: &[Column], rows: &[Row]) {
        let mut loaded = self.loaded.lock();
        for (at, _) in columns.iter().enumerate().filter(|(_, column)| may_be_suggested(column)) {
            let known = loaded.entry(at).or_default();
            for value in rows.iter().filter_map(|row| row.cells.get(at)?.as_ref()) {
                if known.len() < VALUES && is_short(value) && !known.contains(value) {
                    known.push(value.clone());
                }
            }
        }
    }

    /// `asked`, followed by the values of loaded rows that are not in it.
    pub(crate) fn with_loaded(&self, column: usize, asked: &[String]) -> Vec<String> {
        let loaded = self.loaded.lock();
        let mut values = asked.to_vec();
        let more = loaded.get(&column).into_iter().flatten().filter(|value| !asked.contains(value));
        values.extend(more.cloned());
        values
    }

    /// Discards the values, which may have changed in the database.
    pub(crate) fn clear_values(&self) {
        self.asked.lock().clear();
        self.loaded.lock().clear();
    }
}

pub(crate) fn is_short(value: &str) -> bool {
    !value.trim().is_empty() && value.chars().nth(CHARS).is_none()
}

/// The values that can be suggested, without duplicates.
pub(crate) fn keep_suggestible_values(found: Vec<String>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in found {
        if is_short(&value) && !values.contains(&value) {
            values.push(value);
        }
    }
    values.truncate(VALUES);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::label::to_label;

    fn column(name: &str, role: Role, kind: FieldKind) -> Column {
        Column {
            name: name.to_owned(),
            label: to_label(name),
            role,
            kind,
            sortable: false,
            company: false,
            masked: false,
        }
    }

    #[test]
    fn only_values_shared_by_several_users_are_suggested() {
        let columns = [
            column("id", Role::Id, FieldKind::Text),
            column("name", Role::Name, FieldKind::Text),
            column("plan", Role::Other, FieldKind::Text),
            column("api_token", Role::Other, FieldKind::Text),
            column("seats", Role::Other, FieldKind::Integer),
        ];
        let suggested: Vec<&str> =
            columns.iter().filter(|one| may_be_suggested(one)).map(|one| one.name.as_str()).collect();
        assert_eq!(suggested, ["plan"]);
        let known = KnownValues::default();
        let row = |plan: &str| Row {
            id: "1".into(),
            cells: [Some("1"), Some("Ada"), Some(plan), Some("t0k3n"), Some("5")]
                .map(|cell| cell.map(str::to_owned))
                .to_vec(),
            found_through: None,
        };
        let long = "x".repeat(CHARS + 1);
        known.add_loaded_rows(&columns, &[row("pro"), row("free"), row("pro"), row(""), row(&long)]);
        assert_eq!(known.with_loaded(2, &["pro".into(), "team".into()]), ["pro", "team", "free"]);
        assert_eq!(known.with_loaded(3, &[]), Vec::<String>::new());
        known.clear_values();
        assert_eq!(known.with_loaded(2, &[]), Vec::<String>::new());
    }
}
