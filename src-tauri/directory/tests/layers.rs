//! Checks the layers of this crate: which module may use which, read from its `use` lines and paths.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules from bottom to top, each with those it may use, which must come before it. `lib.rs` may use all.
const FLOORS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("closest", &[]),
    ("engine", &[]),
    ("config", &["engine"]),
    ("error", &[]),
    ("model", &[]),
    ("faults", &["config", "error"]),
    ("scope", &[]),
    ("directory", &["config", "error", "model", "scope"]),
    ("schema", &["closest", "config", "error", "model"]),
    ("query", &["closest", "model", "scope", "schema"]),
    ("plan", &["config", "error", "model", "scope", "schema", "query"]),
    ("reach", &["engine", "config", "error", "faults"]),
    (
        "sql",
        &[
            "clock",
            "config",
            "error",
            "faults",
            "model",
            "scope",
            "directory",
            "schema",
            "query",
            "plan",
            "reach",
        ],
    ),
    ("discovery", &["config", "error", "model", "schema"]),
    (
        "engines",
        &[
            "clock",
            "engine",
            "config",
            "error",
            "faults",
            "model",
            "scope",
            "directory",
            "schema",
            "query",
            "plan",
            "sql",
            "reach",
            "discovery",
        ],
    ),
    ("open_directory", &["directory"]),
    ("widen", &["directory", "error", "model", "query", "schema"]),
    ("related", &["clock", "config", "error", "model", "scope", "directory", "query"]),
    ("pasted", &["config", "directory", "error", "faults", "model", "plan", "query", "related"]),
    // It reopens a database through `open_engine` in `lib.rs`, the only function that knows all engines.
    (
        "refresh",
        &["clock", "config", "directory", "error", "faults", "model", "query", "reach", "open_engine"],
    ),
];

#[test]
fn a_floor_stands_on_those_before_it() {
    for (at, (floor, known)) in FLOORS.iter().enumerate() {
        for name in *known {
            let stands = FLOORS[..at].iter().any(|(before, _)| before == name) || *name == "open_engine";
            assert!(stands, "{floor} stands on {name}");
        }
    }
}

#[test]
fn nothing_points_up() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let floor = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // What tests compare with is no code.
        if floor == "lib" || floor == "snapshots" {
            continue;
        }
        let (_, known) = FLOORS
            .iter()
            .find(|(name, _)| *name == floor)
            .unwrap_or_else(|| panic!("{floor} is on no floor"));
        let mut files = Vec::new();
        collect(&path, &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(
                !text.contains("super::super"),
                "{}: from `crate` on, a path says where it leads",
                file.display()
            );
            for named in paths(&text) {
                assert!(
                    named == floor || known.contains(&named.as_str()),
                    "{} knows {named}, which {floor} must not",
                    file.display()
                );
            }
        }
        seen.insert(floor);
    }
    assert_eq!(seen.len(), FLOORS.len(), "each floor is there: {seen:?}");
}

/// The modules that a file refers to: the first segment of each path after `crate::`. A `use` group at the crate root
/// would hide them.
fn paths(text: &str) -> BTreeSet<String> {
    assert!(!text.contains("crate::{"), "a `use` names one floor, so that it can be read here");
    let behind_each = text.split("crate::").skip(1);
    behind_each
        .map(|rest| rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}
