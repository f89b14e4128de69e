//! How far the operator was told of the sessions without approval, kept from one run to the next: one bookmark for each
//! team's log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use understudy_files::regular_file;

use super::broken_glass::BrokenGlass;
use crate::error::{Error, Result};
use crate::home;

/// The size limit of the file, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// How many logs are remembered: the last ones that were read.
const MOST_LOGS: usize = 8;

/// A file of the home, which consoles of one home share.
#[derive(Debug)]
pub(super) struct GlassBookmarks {
    path: PathBuf,
}

/// By [`BrokenGlass::log`].
#[derive(Default, Serialize, Deserialize)]
struct StoredBookmarks(BTreeMap<String, BrokenGlass>);

impl GlassBookmarks {
    pub(super) fn in_file(path: PathBuf) -> Self {
        Self { path }
    }

    /// What the operator was told of the log at this URL: nothing if the file is missing or damaged.
    pub(super) fn load(&self, url: &str) -> BrokenGlass {
        let log = hash_url(url);
        let mut glass = self.read().0.remove(&log).unwrap_or_default();
        glass.log = log;
        glass
    }

    /// Fails if it cannot be written: then the operator is told again by the next run.
    pub(super) fn save(&self, glass: &BrokenGlass) -> Result<()> {
        let StoredBookmarks(mut stored) = self.read();
        stored.insert(glass.log.clone(), glass.clone());
        while stored.len() > MOST_LOGS {
            let oldest = stored.iter().min_by_key(|(_, glass)| glass.told_before_ms);
            let Some(oldest) = oldest.map(|(log, _)| log.clone()) else { break };
            stored.remove(&oldest);
        }
        let text = serde_json::to_string(&StoredBookmarks(stored)).map_err(Error::internal)?;
        home::write_private(&self.path, &text)
    }

    fn read(&self) -> StoredBookmarks {
        if !self.path.exists() {
            return StoredBookmarks::default();
        }
        let read = regular_file::read_text(&self.path, MOST_BYTES)
            .map_err(Error::from)
            .and_then(|text| serde_json::from_str(&text).map_err(Error::internal));
        read.unwrap_or_else(|error| {
            tracing::warn!("what the operator was told of sessions without approval: {error:#}");
            StoredBookmarks::default()
        })
    }
}

/// The file says which logs there were, and not where.
fn hash_url(url: &str) -> String {
    digest(&SHA256, url.as_bytes())
        .as_ref()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_772_452_800_000;

    #[test]
    fn a_bookmark_is_kept_for_each_of_the_last_logs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("told.json");
        let bookmarks = GlassBookmarks::in_file(path.clone());
        let keys = [(NOON, "kims-log".to_owned(), 7)];
        for number in 0..10 {
            let mut glass = bookmarks.load(&format!("postgres://canary-{number}/audit"));
            assert_eq!(glass.take(keys.clone(), "own"), [], "nothing is told before the first reading");
            glass.finish_reading(NOON + number);
            bookmarks.save(&glass).unwrap();
        }
        let mut again = GlassBookmarks::in_file(path.clone()).load("postgres://canary-9/audit");
        assert_eq!(again.take(keys.clone(), "own"), [], "it was there before");
        assert_eq!(again.take([(NOON, "kims-log".into(), 8)], "own").len(), 1);
        assert_eq!(bookmarks.load("postgres://canary-1/audit").told_before_ms, None, "too many");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("canary"), "{text}");

        std::fs::write(&path, "{").unwrap();
        let mut anew = bookmarks.load("postgres://canary-9/audit");
        assert_eq!(anew.told_before_ms, None, "a damaged file is begun anew");
        anew.finish_reading(NOON);
        bookmarks.save(&anew).unwrap();
        assert!(bookmarks.load("postgres://canary-9/audit").told_before_ms.is_some());
    }
}
