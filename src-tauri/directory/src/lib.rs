//! Reads users from databases. Access is always read only.
//!
//! Layers, from top to bottom: `engines → sql → plan → query → schema → model`; `engines → reach`, `discovery`. Only
//! this file knows the engines. `tests/layers.rs` checks this against the `use` lines.

mod clock;
mod closest;
mod config;
mod directory;
mod discovery;
mod engine;
mod engines;
mod error;
mod faults;
mod model;
mod open_directory;
mod pasted;
mod plan;
mod query;
mod reach;
mod refresh;
mod related;
mod schema;
mod scope;
mod sql;
mod widen;

use std::sync::Arc;

use secrecy::SecretString;

pub use self::clock::{SystemClock, WallClock};
pub use self::closest::find_closest_names;
pub use self::config::{DirectoryConfig, RelatedTable, SQLITE_URL, SshConfig, UuidBytes};
pub use self::directory::Directory;
pub use self::discovery::{ColumnOffer, DiscoveredTables, Guess, Sign, TableKind, TableOffer};
pub use self::engine::{Engine, engine_name, is_srv_url};
pub use self::engines::postgres::PostgresDatabase;
pub use self::error::{DirectoryCode, DirectoryError, Result};
pub use self::faults::duplicate_id_error;
pub use self::model::{
    Caution, Column, Count, FieldKind, FoundThrough, How, Info, LeftOut, ListRequest, MASKED_VALUE, Page,
    PastedText, Place, RecordsRequest, RelatedInfo, Role, Row, SearchCoverage, Sort, Tier, Widening,
};
pub use self::open_directory::OpenDirectory;
pub use self::query::{
    Bound, Chip, Decimal, Fault, Filter, FilterTest, Highlights, Operand, ParsedQuery, Suggestion,
    UnknownColumn, completed_column, filter_by, highlight_query, suggest_completions,
};
pub use self::reach::hosts::{Hosts, TargetServer};
pub use self::reach::password_source::{PasswordSource, PasswordSourceError};
pub use self::reach::tunnel_folder::remove_stale_folders as sweep_tunnel_folders;
pub use self::reach::wake_up::{WakeCallback, with_wake_listener};
pub use self::schema::name_words::split_name;
pub use self::schema::secrets::holds_secret;
pub use self::schema::{json_path, uuids};
pub use self::widen::{Wider, find_wider_searches};
use crate::directory::OpenTable;
use crate::discovery::{LIMIT, discovery_timeout_error, rank_tables};
use crate::engines::{mongodb, mysql, postgres, sqlite};
use crate::pasted::PastedTextDirectory;
use crate::reach::password_source::FixedPassword;
use crate::refresh::ReopeningDirectory;
use crate::related::RelatedDirectory;

/// Opens the directory that `config` describes: connects, and looks up the table and all its columns.
///
/// Fails with [`DirectoryCode::ConfigInvalid`] (invalid URL), [`DirectoryCode::Unreachable`],
/// [`DirectoryCode::Refused`] (password, permission, TLS), [`DirectoryCode::Timeout`] or [`DirectoryCode::Mismatch`]
/// (no such database, table or column).
///
/// A directory may stay open for long: if the schema changes, it is read again once before an error is returned.
pub async fn open(config: &DirectoryConfig, password: Option<&SecretString>) -> Result<Arc<dyn Directory>> {
    open_with(config, FixedPassword::source(password), Arc::new(SystemClock)).await
}

/// Like [`open`], with a password that may change while the directory is open, and with the clock that filters such as
/// `7d` count from.
pub async fn open_with(
    config: &DirectoryConfig,
    passwords: Arc<dyn PasswordSource>,
    clock: Arc<dyn WallClock>,
) -> Result<Arc<dyn Directory>> {
    choose_crypto();
    Ok(Arc::new(ReopeningDirectory::open(config, passwords, clock).await?))
}

/// Connects to a PostgreSQL database that is not a directory, and not only to read. Of `config`, only how to connect
/// counts.
///
/// Fails as [`open`] does, except for errors about the table.
pub async fn open_postgres(
    config: &DirectoryConfig,
    passwords: &Arc<dyn PasswordSource>,
) -> Result<(PostgresDatabase, sqlx::PgConnection)> {
    choose_crypto();
    PostgresDatabase::open(config, passwords).await
}

async fn open_engine(
    config: &DirectoryConfig,
    passwords: &Arc<dyn PasswordSource>,
    clock: &Arc<dyn WallClock>,
) -> Result<Arc<dyn Directory>> {
    let users: Arc<dyn OpenTable> = match Engine::of_url(&config.url) {
        Some(Engine::MySql) => Arc::new(mysql::MySqlDirectory::open(config, passwords, clock).await?),
        Some(Engine::Postgres) => {
            Arc::new(postgres::PostgresDirectory::open(config, passwords, clock).await?)
        }
        Some(Engine::Sqlite) => Arc::new(sqlite::SqliteDirectory::open(config, clock).await?),
        Some(Engine::MongoDb) => Arc::new(mongodb::MongoDirectory::open(config, passwords, clock).await?),
        None => return Err(unknown_engine_error()),
    };
    match RelatedDirectory::open(&users, config, clock).await {
        Ok(directory) => Ok(Arc::new(PastedTextDirectory::new(directory, config))),
        Err(error) => {
            users.close().await;
            Err(error)
        }
    }
}

/// Two crypto providers are linked, the HTTP client's and the drivers'. Code that uses the default provider, as the
/// drivers do when only the authority is verified, needs one to be installed. It is fine if one already is.
fn choose_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn unknown_engine_error() -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::ConfigInvalid,
        "directory.url does not begin with the name of a supported database.",
    )
    .with_hint(format!(
        "Use postgres://user@host/database, mysql://user@host/database, mongodb://user@host/database or {SQLITE_URL}"
    ))
}

/// Lists the tables of a database. `config` says how to connect; its table and columns are ignored.
///
/// Fails as [`crate::open`] does, except for errors about the table.
pub async fn discover_tables(
    config: &DirectoryConfig,
    password: Option<&SecretString>,
) -> Result<DiscoveredTables> {
    choose_crypto();
    // Errors name what could not be read, which here is not a table.
    let config = &DirectoryConfig { table: "the list of its tables".into(), ..config.clone() };
    let found = async {
        match Engine::of_url(&config.url) {
            Some(Engine::MySql) => mysql::discover_tables(config, password).await,
            Some(Engine::Postgres) => postgres::discover_tables(config, password).await,
            Some(Engine::Sqlite) => sqlite::discover_tables(config).await,
            Some(Engine::MongoDb) => mongodb::discover_tables(config, password).await,
            None => Err(unknown_engine_error()),
        }
    };
    // The engines limit each statement; this limits all of them together.
    let found = tokio::time::timeout(LIMIT + LIMIT / 2, found)
        .await
        .unwrap_or_else(|_| Err(discovery_timeout_error()));
    Ok(rank_tables(found.map_err(|error| {
        if error.code == DirectoryCode::Timeout { discovery_timeout_error() } else { error }
    })?))
}
