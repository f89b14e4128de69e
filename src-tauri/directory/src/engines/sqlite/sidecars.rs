//! The files next to a database file, and how to read it without adding any.
//!
//! A database with a write-ahead log is read through two more files. If they are missing, SQLite creates them with the
//! reader's account, and then the application, which has another account, can no longer write. They are missing when no
//! one has the database open, so then it is read as an immutable file, and checked for changes after each query.
//! <https://sqlite.org/wal.html#read_only_databases>, <https://sqlite.org/uri.html#uriimmutable>

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{DirectoryCode, DirectoryError, Result};

/// How the file has to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// Normally, with locks.
    Shared,
    /// As immutable, without locks and logs, as long as it does not change.
    Still(FileStamp),
}

/// What stays the same while no one writes to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl OpenMode {
    /// Determines how to open the file. Fails if it cannot be read without changing something.
    pub(crate) fn for_file(path: &Path) -> Result<Self> {
        // The other files are next to the real file, not next to a link to it.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if !has_log(&path) {
            return Ok(Self::Shared);
        }
        let [log, index] = ["-wal", "-shm"].map(|ending| sidecar_path(&path, ending));
        let logged = std::fs::metadata(&log).ok().map(|metadata| metadata.len());
        match (logged, index.exists()) {
            (Some(_), true) => Ok(Self::Shared),
            (Some(bytes), false) if bytes > 0 => Err(orphaned_log_error(&path, &log)),
            (_, _) => {
                let metadata = std::fs::metadata(&path).ok();
                let bytes = metadata.as_ref().map_or(0, std::fs::Metadata::len);
                let changed = metadata.and_then(|metadata| metadata.modified().ok());
                Ok(Self::Still(FileStamp { bytes, changed }))
            }
        }
    }
}

fn sidecar_path(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether the file's header requires a write-ahead log.
/// <https://sqlite.org/fileformat.html#file_format_version_numbers>
fn has_log(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.starts_with(b"SQLite format 3\0") && header[19] == 2
}

fn orphaned_log_error(path: &Path, log: &Path) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Unreachable,
        format!(
            "{} cannot be read without changing the files beside it: {} holds changes that are not in the file yet.",
            path.display(),
            log.display()
        ),
    )
    .with_hint(
        "The program that wrote it was interrupted, or the files were copied without the third one (-shm). Start the \
         application, or open the file once with `sqlite3` as the application's account. Either puts the changes into \
         the file.",
    )
}
