//! What documents say of the code is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The threat model names the tests that attack each promise. Each of them is a function of ours.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/security.md")).unwrap();
    // In backticks, a test is what has underscores and neither a folder nor an ending.
    let named: BTreeSet<&str> = document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.matches('_').count() > 1)
        .filter(|code| code.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit()))
        .collect();
    assert!(named.len() > 80, "{named:?}");
    let mut sources = Vec::new();
    for folder in ["tests", "src-tauri"] {
        gather_sources(&root.join(folder), &mut sources);
    }
    let code: String = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let missing: Vec<_> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "docs/security.md names tests that do not exist: {missing:?}");
}

fn gather_sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            gather_sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}
