//! The inputs that `script/fuzz` begins with, and those that once broke something: each has to hold.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use understudy_fuzz::TARGETS;

fn list_folder(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn names(paths: &[PathBuf]) -> BTreeSet<&str> {
    paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect()
}

#[test]
fn whatever_others_write_holds_what_has_to() {
    for (name, check) in TARGETS {
        let mut understood = 0;
        for seed in list_folder(&format!("seeds/{name}")) {
            let input = fs::read(&seed).unwrap();
            let outcome = catch_unwind(|| check(&input));
            understood += u32::from(outcome.unwrap_or_else(|_| panic!("{} does not hold", seed.display())));
        }
        assert!(understood > 0, "no seed of {name} is understood");
    }
}

#[test]
fn every_kind_of_input_has_seeds_and_a_program() {
    let known: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&list_folder("seeds")), known);
    assert_eq!(names(&list_folder("targets")), known);
}
