//! How the operator has arranged the console for each connection: `arrangements.toml` in the config folder.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Code, Error, Result};
use crate::home::{Home, write_private};
use understudy_files::regular_file;

/// One connection's arrangement. A missing key has its default, and an unknown key is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
pub struct Arrangement {
    /// The IDs of pinned users, in the order in which they were pinned. Nothing else about them is kept.
    pub pinned: Vec<String>,
    /// Width of the details in px; `None` if it was not changed.
    pub details_width: Option<u32>,
    pub searches: Vec<SavedSearch>,
    pub columns: Vec<ArrangedColumn>,
}

/// A search text under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SavedSearch {
    pub name: String,
    pub text: String,
}

/// A column of the list. Columns that are not listed follow in the database's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
pub struct ArrangedColumn {
    /// The name in the database.
    pub name: String,
    /// In px; `None` fits its content.
    pub width: Option<u32>,
    pub hidden: bool,
    /// It stays at the left when the list scrolls sideways.
    pub pinned: bool,
}

type Arrangements = BTreeMap<String, Arrangement>;

/// The arrangement of `connection`; the default if nothing was arranged yet.
pub fn load_arrangement(home: &Home, connection: &str) -> Result<Arrangement> {
    Ok(load_all(home)?.remove(connection).unwrap_or_default())
}

/// Saves the arrangement of `connection`. A file with a fault is not overwritten.
pub fn save_arrangement(home: &Home, connection: &str, arrangement: Arrangement) -> Result<()> {
    let mut all = load_all(home)?;
    let before = if arrangement == Arrangement::default() {
        all.remove(connection)
    } else {
        all.insert(connection.to_owned(), arrangement)
    };
    if all.get(connection) == before.as_ref() {
        return Ok(());
    }
    write_private(&home.arrangements_file(), &toml::to_string_pretty(&all).map_err(Error::internal)?)
}

fn load_all(home: &Home) -> Result<Arrangements> {
    let path = home.arrangements_file();
    if std::fs::metadata(&path).is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound) {
        return Ok(Arrangements::new());
    }
    let text = regular_file::read_text(&path, regular_file::OF_SETTINGS)?;
    toml::from_str(&text).map_err(|fault| {
        let message = format!("Can't read {}: {}.", path.display(), fault.message());
        let hint =
            "Correct or remove the file. Until then, pinned users, saved searches and columns are not kept.";
        Error::new(Code::SettingsInvalid, message).with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged() -> Arrangement {
        Arrangement {
            pinned: vec!["7".into(), "usr_\"9\"".into()],
            details_width: Some(400),
            searches: vec![SavedSearch { name: "Trials".into(), text: "plan:=trial created:7d".into() }],
            columns: vec![ArrangedColumn {
                name: "email".into(),
                width: Some(240),
                pinned: true,
                ..ArrangedColumn::default()
            }],
        }
    }

    #[test]
    fn each_connection_keeps_its_own() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::in_folder(base.path());
        save_arrangement(&home, "shop", arranged()).unwrap();
        let other = Arrangement { pinned: vec!["1".into()], ..Arrangement::default() };
        save_arrangement(&home, "a.b c", other.clone()).unwrap();
        assert_eq!(load_arrangement(&home, "shop").unwrap(), arranged());
        assert_eq!(load_arrangement(&home, "a.b c").unwrap(), other);
        assert_eq!(load_arrangement(&home, "new").unwrap(), Arrangement::default());
        // What is back at the default leaves nothing behind.
        save_arrangement(&home, "shop", Arrangement::default()).unwrap();
        assert!(!std::fs::read_to_string(home.arrangements_file()).unwrap().contains("shop"));
        assert_eq!(load_arrangement(&home, "a.b c").unwrap(), other);
    }

    #[test]
    fn a_file_with_a_fault_is_reported_and_not_overwritten() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::in_folder(base.path());
        std::fs::write(home.arrangements_file(), "[shop]\npined = []").unwrap();
        let error = save_arrangement(&home, "shop", arranged()).unwrap_err();
        assert_eq!(error.code, Code::SettingsInvalid);
        assert!(error.message.contains("arrangements.toml: unknown field `pined`"), "{error}");
        assert_eq!(std::fs::read_to_string(home.arrangements_file()).unwrap(), "[shop]\npined = []");
    }
}
