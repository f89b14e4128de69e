//! How far a destination has the log's entries: a file for each, written after it has acknowledged them.
//!
//! What is sent next is written before it is sent. So what is sent again after a crash is the same message, with the same
//! ID, and the receiver can tell.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use understudy_files::regular_file;

use crate::audit::EntryLink;
use crate::destination::encode_hex;
use crate::error::{Code, Error, Result};
use crate::home::{off_runtime, private_folder, write_private};

/// The largest file that is read; it has a few numbers.
const LONGEST: u64 = 1 << 14;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The log's ID.
    pub log: String,
    /// The number of the last entry that was acknowledged; 0: none.
    pub acknowledged: i64,
    /// Its hash; empty if there is none.
    pub hash: String,
    /// The number of the last entry of what is being sent; `None` if nothing is.
    pub sending: Option<i64>,
}

impl Cursor {
    /// The last entry that was acknowledged.
    pub fn last_link(&self) -> EntryLink {
        EntryLink { number: self.acknowledged, hash: self.hash.clone() }
    }
}

/// Where a destination's cursor is kept.
#[derive(Debug, Clone)]
pub(super) struct CursorFile {
    folder: PathBuf,
    name: String,
}

impl CursorFile {
    /// `kind` is a word. Another URL is another destination.
    pub fn new(folder: PathBuf, kind: &str, url: &str) -> Self {
        let hash = digest(&SHA256, url.as_bytes());
        let short = encode_hex(&hash.as_ref()[..8]);
        Self { folder, name: format!("{kind}-{short}") }
    }

    /// The cursor for this log; a log that is new to the destination begins with its first entry.
    ///
    /// Fails with [`Code::FileFailed`] if the file can't be read: nothing is sent a second time just because of that.
    pub async fn load(&self, log: &str) -> Result<Cursor> {
        let (file, log) = (self.clone(), log.to_owned());
        off_runtime(move || file.read(log)).await
    }

    fn read(&self, log: String) -> Result<Cursor> {
        let path = self.folder.join(format!("{}.json", self.name));
        let is_missing = |cause: std::io::Error| cause.kind() == std::io::ErrorKind::NotFound;
        if path.symlink_metadata().is_err_and(is_missing) {
            return Ok(Cursor { log, ..Cursor::default() });
        }
        let text = regular_file::read_text(&path, LONGEST)?;
        let cursor: Cursor = serde_json::from_str(&text).map_err(|cause| {
            Error::new(Code::FileFailed, format!("{} is damaged.", path.display()))
                .with_hint(
                    "Delete it to send the whole log again: the receiver can tell entries that it has.",
                )
                .caused_by(cause)
        })?;
        Ok(if cursor.log == log { cursor } else { Cursor { log, ..Cursor::default() } })
    }

    pub async fn store(&self, cursor: &Cursor) -> Result<()> {
        let text = serde_json::to_string(cursor).map_err(Error::internal)?;
        let (folder, path) = (self.folder.clone(), self.folder.join(format!("{}.json", self.name)));
        off_runtime(move || {
            private_folder(&folder)?;
            write_private(&path, &text)
        })
        .await
    }

    /// The lock of whoever sends; `None` while another console has it. A file system without locks gives it to all.
    pub async fn lock_sending(&self) -> Result<Option<File>> {
        let file = self.clone();
        off_runtime(move || file.lock()).await
    }

    fn lock(&self) -> Result<Option<File>> {
        private_folder(&self.folder)?;
        let path = self.folder.join(format!("{}.lock", self.name));
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|cause| Error::for_file("open", &path, cause))?;
        Ok(match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            _ => Some(file),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cursor_is_of_one_destination_and_one_log() {
        let folder = tempfile::tempdir().unwrap();
        let of = |url: &str| CursorFile::new(folder.path().join("feeds"), "webhook", url);
        let file = of("https://siem.example/a");
        let first = file.load("log-1").await.unwrap();
        assert_eq!((first.acknowledged, first.sending), (0, None));
        let moved = Cursor { acknowledged: 7, hash: "ab".into(), sending: Some(9), ..first };
        file.store(&moved).await.unwrap();
        assert_eq!(file.load("log-1").await.unwrap(), moved);
        assert_eq!(file.load("log-2").await.unwrap().acknowledged, 0, "another log has another first entry");
        assert_eq!(of("https://siem.example/b").load("log-1").await.unwrap().acknowledged, 0);
    }

    #[tokio::test]
    async fn a_damaged_cursor_is_said_and_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path().to_owned(), "otlp", "https://siem.example");
        file.store(&Cursor::default()).await.unwrap();
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        std::fs::write(path, "{").unwrap();
        assert_eq!(file.load("log-1").await.unwrap_err().code, Code::FileFailed);
    }

    #[tokio::test]
    async fn only_one_sends_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path().to_owned(), "otlp", "https://siem.example");
        let held = file.lock_sending().await.unwrap();
        assert!(held.is_some() && file.lock_sending().await.unwrap().is_none());
        drop(held);
        assert!(file.lock_sending().await.unwrap().is_some());
    }
}
