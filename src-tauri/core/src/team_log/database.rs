//! How the team's database is reached: by the URL of the team file, with the password from the keyring, and as a
//! connection's directory is.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secrecy::SecretString;
use sqlx::{Connection, PgConnection, PgPool};

use super::checkup;
use crate::connection::{DATABASE_PASSWORD, DirectoryConfig};
use crate::destination::Destination;
use crate::directory::{self, Hosts, PasswordSource, PasswordSourceError, PostgresDatabase};
use crate::error::{Code, Error, Result, SecretName};
use crate::team::TEAM;
use crate::vault::Vault;

/// The team's database, open. Once statements fail because its connection is gone, open it anew.
pub struct TeamDatabase {
    database: PostgresDatabase,
}

/// The name of the database's password in the keyring.
pub fn password_name() -> SecretName {
    SecretName::new(TEAM, DATABASE_PASSWORD)
}

/// Where that password may be sent.
pub fn password_destination(url: &str) -> Destination {
    Destination::of_password(&to_config(url))
}

impl TeamDatabase {
    /// Connects, and makes sure that the database is set up and that its role can do no more than it should. Never makes
    /// the keyring prompt for its password: if it is locked, the database has to do without a password.
    pub async fn open(url: &str, vault: &Vault) -> Result<Self> {
        let (database, connection) = Self::open_to_write(url, vault).await?;
        let _ = connection.close().await;
        Ok(database)
    }

    /// The same, with a connection to write over.
    pub(super) async fn open_to_write(url: &str, vault: &Vault) -> Result<(Self, PgConnection)> {
        let (database, mut connection) = Self::connect_to_write(url, vault).await?;
        let faults = checkup::find_faults_over(&database, &mut connection).await?;
        match faults.into_iter().find(|fault| fault.is_serious) {
            None => Ok((database, connection)),
            Some(fault) => Err(Error::new(
                Code::DirectoryRefused,
                format!(
                    "Nothing is sent to the team's log, because its database is not as it should be: {}",
                    fault.what
                ),
            )
            .with_hint(fault.hint)),
        }
    }

    /// Connects, whatever the database is like: to find out, or to read. The same goes for the keyring.
    pub async fn connect(url: &str, vault: &Vault) -> Result<Self> {
        let (database, connection) = Self::connect_to_write(url, vault).await?;
        let _ = connection.close().await;
        Ok(database)
    }

    /// The same, with a connection to write over. To connect once instead of twice is what counts when a server restarts
    /// and all consoles come back at the same time.
    pub(super) async fn connect_to_write(url: &str, vault: &Vault) -> Result<(Self, PgConnection)> {
        let config = to_config(url);
        let source = Arc::new(StoredPassword {
            vault: vault.clone(),
            destination: Destination::of_password(&config),
            problem: Mutex::default(),
        });
        let passwords: Arc<dyn PasswordSource> = Arc::clone(&source) as _;
        match directory::open_postgres(&config, &passwords).await {
            Ok((database, connection)) => Ok((Self { database }, connection)),
            Err(error) => {
                let error = in_words_of_the_team(error.into());
                // It may only lack the password.
                let of_keyring = source.problem.lock().take();
                Err(match of_keyring {
                    Some(problem) if error.code == Code::DirectoryRefused => problem,
                    _ => error,
                })
            }
        }
    }

    /// A few connections; take one for as long as you need it.
    pub fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// The server for display, at the start of a sentence.
    pub fn describe_place(&self) -> String {
        self.database.describe_place()
    }

    /// What the error of a statement means.
    pub fn explain(&self, error: sqlx::Error) -> Error {
        in_words_of_the_team(self.database.explain(error).into())
    }
}

fn to_config(url: &str) -> DirectoryConfig {
    let hosts = Hosts::from_url(url);
    let names_target = url.contains("target_session_attrs=");
    let url = match (hosts.urls.len(), names_target) {
        (2.., false) => {
            let sign = if url.contains('?') { '&' } else { '?' };
            // A replica takes no entries.
            format!("{url}{sign}target_session_attrs=read-write")
        }
        _ => url.to_owned(),
    };
    DirectoryConfig::of_table(&url, "understudy.entries").with_plain_scheme()
}

/// Errors of a directory name keys of a connection file.
fn in_words_of_the_team(error: Error) -> Error {
    let put = |text: String| {
        text.replace("directory.url", "`url` in the team file")
            .replace("The connection file is", "The team file is")
            .replace("<id>", TEAM)
    };
    let secret = error.secret.as_ref().map(|_| password_name());
    let hint = match (&secret, error.hint) {
        (Some(_), hint) => Some(
            [
                hint.map(put).unwrap_or_default(),
                format!("Store it: understudy secret set {TEAM} {DATABASE_PASSWORD}"),
            ]
            .join(" ")
            .trim_start()
            .to_owned(),
        ),
        (None, hint) => hint.map(put),
    };
    Error { message: put(error.message), hint, secret, ..error }
}

/// Reads the password each time it is needed, and only for the team file's own destination.
struct StoredPassword {
    vault: Vault,
    destination: Destination,
    /// Why there was none when it was last read.
    problem: Mutex<Option<Error>>,
}

#[async_trait]
impl PasswordSource for StoredPassword {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        let name = password_name();
        let found = if self.vault.is_open_for(&name).await {
            self.vault.get(&name, &self.destination).await
        } else {
            Err(self
                .vault
                .check_ready()
                .await
                .err()
                .unwrap_or_else(|| Error::new(Code::VaultLocked, "The keyring is locked.")))
        };
        *self.problem.lock() = found.as_ref().err().cloned();
        match found {
            // It was stored for another place.
            Err(error) if error.code == Code::DestinationChanged => Err(error.into()),
            // Many databases need no password; this one will say so.
            Err(_) => Ok(None),
            Ok(found) => Ok(found),
        }
    }

    fn destination(&self) -> String {
        self.destination.fingerprint().to_owned()
    }

    fn is_replaceable(&self) -> bool {
        true
    }
}
