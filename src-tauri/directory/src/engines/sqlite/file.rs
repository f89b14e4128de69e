//! The database's file: where it is, how it is opened, and whether it is still the one that was opened.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};

use super::{errors, query_timeout};
use crate::config::DirectoryConfig;
use crate::engines::sqlite::sidecars::OpenMode;
use crate::error::Result;

const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The page cache of a connection: 32 MB. <https://sqlite.org/pragma.html#pragma_cache_size>
const CACHE: &str = "-32000";

/// Identifies the file and schema that were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenFile {
    pub(super) file: Option<FileIdentity>,
    pub(super) way: OpenMode,
    /// Incremented by every schema change: <https://sqlite.org/pragma.html#pragma_schema_version>
    pub(super) schema: i64,
}

pub(super) fn database_path(config: &DirectoryConfig) -> Result<PathBuf> {
    let options = SqliteConnectOptions::from_str(&config.url);
    let options = options.map_err(|error| errors::from_sqlx(error, config))?;
    Ok(local_path(options.get_filename()))
}

pub(super) async fn schema_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA schema_version").fetch_one(connection).await
}

/// Identifies the file at a path; changes if the file is replaced by renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// `None` if there is no file.
    #[cfg(unix)]
    pub(super) fn from_path(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// Windows cannot replace an open file. A file that was replaced while it was closed has a later creation time.
    #[cfg(not(unix))]
    pub(super) fn from_path(path: &Path) -> Option<Self> {
        let made = std::fs::metadata(path).ok()?.created().ok()?;
        let since = made.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self { device: since.as_secs(), inode: since.subsec_nanos().into() })
    }
}

/// Opens the file read-only, and returns in which way.
pub(super) async fn open_pool(config: &DirectoryConfig) -> Result<(SqlitePool, OpenMode)> {
    let failed = |error| errors::from_sqlx(error, config);
    let limit = query_timeout(config);
    let path = database_path(config)?;
    if let Some(error) = errors::file_open_error(&path) {
        return Err(error);
    }
    let way = OpenMode::for_file(&path)?;
    let options = SqliteConnectOptions::from_str(&config.url)
        .map_err(failed)?
        .filename(&path)
        .in_memory(false)
        .read_only(true)
        .create_if_missing(false)
        // Immutable only if no one writes to it: otherwise SQLite could read torn pages.
        .immutable(matches!(way, OpenMode::Still(_)))
        .busy_timeout(limit)
        .pragma("query_only", "ON")
        .pragma("cache_size", CACHE)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .acquire_timeout(limit.max(Duration::from_secs(5)))
        .idle_timeout(IDLE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok((pool, way))
}

/// On systems with drive letters, `sqlite:///C:/users.sqlite` means `C:/users.sqlite`.
fn local_path(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    match text.strip_prefix('/') {
        Some(rest) if cfg!(windows) && rest.as_bytes().get(1) == Some(&b':') => rest.into(),
        _ => path.to_owned(),
    }
}
