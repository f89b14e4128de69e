//! What the console last knew of each connection file, and of the team file, so that the audit log can say which keys have
//! changed: while it ran or not, and whoever changed them. Of values, only hashes are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use understudy_files::regular_file;

use crate::error::{Error, Result};
use crate::home;
use crate::team::TEAM;

/// The size limit of the file, in bytes; a hundred connections take less.
const MOST_BYTES: u64 = 4 << 20;

/// The most keys that an entry names.
const MOST_KEYS: usize = 50;

/// By key, as a path with dots: the value's hash.
type KeyHashes = BTreeMap<String, String>;

/// What has happened to a file since it was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileChange {
    /// The connection's ID, or [`crate::team::TEAM`].
    pub id: String,
    pub kind: FileChangeKind,
    /// These keys have other values, are new or are gone.
    pub keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileChangeKind {
    Added,
    Changed,
    Removed,
}

/// The connection files as they were last read.
#[derive(Debug)]
pub(super) struct KnownConnections {
    path: PathBuf,
    /// `None`: nothing is known yet, so what is there now is no change.
    known: Option<KnownFiles>,
}

/// By ID; of a team file that is not there, no keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFiles(BTreeMap<String, KeyHashes>);

impl KnownConnections {
    /// Reads what an earlier run knew. `had_runs`: there was one, so if its file is gone or damaged, all that is there now
    /// is told as new: otherwise, whoever removes the file could change anything unseen.
    pub(super) fn load(path: PathBuf, had_runs: bool) -> Self {
        let known = path.exists().then(|| read_known(&path)).and_then(|read| {
            read.inspect_err(|error| tracing::warn!("what was known of the connection files: {error:#}")).ok()
        });
        let nothing = || KnownFiles(BTreeMap::from([(TEAM.to_owned(), KeyHashes::new())]));
        Self { path, known: known.or_else(|| had_runs.then(nothing)) }
    }

    /// Compares the files with what was known, and remembers them. `now`: the ID and the text of each; of a team file that
    /// is not there, no text. Of a file that can't be read, whose ID is in `unreadable`, only what it was is known, until
    /// it can be read again.
    pub(super) fn compare_files<'a>(
        &mut self,
        now: impl Iterator<Item = (&'a str, &'a str)>,
        unreadable: &[&str],
    ) -> Vec<FileChange> {
        // Another console of this home may have told some changes already.
        if let Ok(known) = read_known(&self.path) {
            self.known = Some(known);
        }
        let before = self.known.clone();
        let mut known: BTreeMap<String, KeyHashes> =
            now.map(|(id, text)| (id.to_owned(), hash_keys(text))).collect();
        let mut changes = Vec::new();
        let nothing = KeyHashes::new();
        let mut tell = |id: &str, kind, earlier: &KeyHashes, now: &KeyHashes| {
            changes.push(FileChange { id: id.to_owned(), kind, keys: list_differences(earlier, now) });
        };
        for (id, keys) in &known {
            match before.as_ref().and_then(|before| before.0.get(id)) {
                // An earlier version knew nothing of the team file: it may have been there all the time.
                None if before.is_some() && id != TEAM => tell(id, FileChangeKind::Added, &nothing, keys),
                None => {}
                Some(earlier) if earlier == keys => {}
                Some(earlier) if id == TEAM && keys.is_empty() => {
                    tell(id, FileChangeKind::Removed, earlier, keys);
                }
                Some(earlier) => tell(id, FileChangeKind::Changed, earlier, keys),
            }
        }
        for (id, keys) in before.iter().flat_map(|before| &before.0) {
            if known.contains_key(id) {
                continue;
            }
            if unreadable.contains(&id.as_str()) {
                known.insert(id.clone(), keys.clone());
            } else {
                tell(id, FileChangeKind::Removed, keys, &nothing);
            }
        }
        let known = Some(KnownFiles(known));
        if known != before {
            self.known = known;
            if let Err(error) = self.save() {
                tracing::warn!("changes of the connection files are known in this run only: {error:#}");
            }
        }
        changes
    }

    fn save(&self) -> Result<()> {
        home::write_private(&self.path, &serde_json::to_string(&self.known).map_err(Error::internal)?)
    }
}

fn read_known(path: &std::path::Path) -> Result<KnownFiles> {
    serde_json::from_str(&regular_file::read_text(path, MOST_BYTES)?).map_err(Error::internal)
}

/// The keys with another value, and those that only one of them has, sorted.
fn list_differences(before: &KeyHashes, now: &KeyHashes) -> Vec<String> {
    let all: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let different = all.into_iter().filter(|key| before.get(*key) != now.get(*key));
    different.take(MOST_KEYS).cloned().collect()
}

fn hash_keys(text: &str) -> KeyHashes {
    let mut hashes = KeyHashes::new();
    // What is not TOML is no connection.
    if let Ok(table) = text.trim_start_matches('\u{feff}').parse::<toml::Table>() {
        for (key, value) in table {
            hash_value(key, &value, &mut hashes);
        }
    }
    hashes
}

fn hash_value(key: String, value: &toml::Value, hashes: &mut KeyHashes) {
    match value {
        toml::Value::Table(table) => {
            for (part, value) in table {
                hash_value(format!("{key}.{part}"), value, hashes);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            for (at, item) in items.iter().enumerate() {
                hash_value(format!("{key}[{at}]"), item, hashes);
            }
        }
        value => {
            let hash = digest(&SHA256, value.to_string().as_bytes());
            let short =
                hash.as_ref()[..8].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            hashes.insert(key, short);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = 'Acme' # a comment\n[sign_in]\nurl = 'https://canary.example'\n\
        [[sign_in.steps]]\nurl = '/a'\n[[sign_in.steps]]\nurl = '/b'\n";

    fn compare(known: &mut KnownConnections, now: &[(&str, &str)]) -> Vec<FileChange> {
        known.compare_files(now.iter().copied(), &["broken"])
    }

    fn change(id: &str, kind: FileChangeKind, keys: &[&str]) -> FileChange {
        FileChange { id: id.into(), kind, keys: keys.iter().map(|&key| key.to_owned()).collect() }
    }

    const ALL_KEYS: [&str; 4] = ["name", "sign_in.steps[0].url", "sign_in.steps[1].url", "sign_in.url"];

    #[test]
    fn what_has_changed_is_named_by_its_keys_once_and_in_a_later_run_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        let mut known = KnownConnections::load(path.clone(), false);
        assert_eq!(compare(&mut known, &[("acme", TEXT)]), [], "nothing was known");
        assert_eq!(compare(&mut known, &[("acme", &TEXT.replace("a comment", "another"))]), []);

        let mut later = KnownConnections::load(path.clone(), false);
        let text = TEXT.replace("'Acme'", "'Acme 2'").replace("'/b'", "'/c'") + "expect = 200\n";
        let keys = ["name", "sign_in.steps[1].expect", "sign_in.steps[1].url"];
        let now = [("acme", text.as_str()), ("other", TEXT)];
        assert_eq!(
            compare(&mut later, &now),
            [
                change("acme", FileChangeKind::Changed, &keys),
                change("other", FileChangeKind::Added, &ALL_KEYS)
            ]
        );
        assert_eq!(compare(&mut later, &now), [], "it is told once");
        assert_eq!(compare(&mut later, &now[..1]), [change("other", FileChangeKind::Removed, &ALL_KEYS)]);
        assert!(!std::fs::read_to_string(&path).unwrap().contains("canary"), "no value is kept");
    }

    #[test]
    fn a_file_that_cannot_be_read_for_a_while_has_changed_and_not_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut known = KnownConnections::load(dir.path().join("known.json"), false);
        compare(&mut known, &[("broken", TEXT)]);
        assert_eq!(compare(&mut known, &[]), []);
        let repaired = TEXT.replace("Acme", "Shop");
        let changed = change("broken", FileChangeKind::Changed, &["name"]);
        assert_eq!(compare(&mut known, &[("broken", &repaired)]), [changed]);
    }

    #[test]
    fn what_cannot_be_read_back_is_known_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        std::fs::write(&path, "{").unwrap();
        let mut known = KnownConnections::load(path.clone(), false);
        assert_eq!(compare(&mut known, &[("acme", TEXT)]), []);
        let removed = change("acme", FileChangeKind::Removed, &ALL_KEYS);
        assert_eq!(compare(&mut KnownConnections::load(path, false), &[]), [removed]);
    }

    #[test]
    fn what_an_earlier_run_knew_cannot_be_lost_unseen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        let now = [("acme", TEXT), (TEAM, "[audit]\nkeep_days = 1")];
        let all = [
            change("acme", FileChangeKind::Added, &ALL_KEYS),
            change(TEAM, FileChangeKind::Changed, &["audit.keep_days"]),
        ];
        for damage in [None, Some("{")] {
            damage.inspect(|text| std::fs::write(&path, text).unwrap());
            let told = compare(&mut KnownConnections::load(path.clone(), true), &now);
            assert_eq!(told, all);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_team_file_is_no_change_where_an_earlier_version_did_not_know_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        compare(&mut KnownConnections::load(path.clone(), false), &[("acme", TEXT)]);
        let keys = |days| format!("[audit]\nkeep_days = {days}");
        let mut known = KnownConnections::load(path, true);
        assert_eq!(compare(&mut known, &[("acme", TEXT), (TEAM, &keys(1))]), []);
        let changed = |kind| [change(TEAM, kind, &["audit.keep_days"])];
        assert_eq!(
            compare(&mut known, &[("acme", TEXT), (TEAM, &keys(2))]),
            changed(FileChangeKind::Changed)
        );
        assert_eq!(compare(&mut known, &[("acme", TEXT), (TEAM, "")]), changed(FileChangeKind::Removed));
        assert_eq!(compare(&mut known, &[("acme", TEXT), (TEAM, "")]), []);
        assert_eq!(
            compare(&mut known, &[("acme", TEXT), (TEAM, &keys(2))]),
            changed(FileChangeKind::Changed)
        );
    }
}
