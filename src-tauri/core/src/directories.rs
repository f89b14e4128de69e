//! The connections' open directories: each is opened at first use, shared, and closed when its last user drops it.
//!
//! A directory always comes with the connection it was opened for. Read separately, the two could belong to different
//! versions of the file, and a user would be judged by the wrong policy.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::{Notify, OnceCell};
use tokio::task::JoinSet;

use crate::check;
use crate::clock::Clock;
use crate::connection::{Connection, DirectoryConfig};
use crate::destination::Destination;
use crate::directory::{self, OpenDirectory, PasswordSource, PasswordSourceError, WakeCallback};
use crate::error::{Code, Error, Result};
use crate::notice::{Notice, Notices, WakingDirectory};
use crate::secrets::Secrets;
use crate::vault::Vault;

/// A connection, and the directory that was opened for it.
#[derive(Clone)]
pub struct OpenConnection {
    pub connection: Arc<Connection>,
    pub directory: Arc<OpenDirectory>,
}

impl OpenConnection {
    /// Adds to the error which password may help, if the vault keeps it: a directory does not know its connection.
    pub(crate) fn name_password_owner(&self, error: impl Into<Error>) -> Error {
        whose_password(&self.connection, error.into())
    }
}

pub(crate) struct Directories {
    vault: Vault,
    clock: Clock,
    /// Where waking databases are reported.
    notices: Notices,
    /// By connection ID: tells those who wait for a database that they can stop.
    impatience: Mutex<HashMap<String, Arc<Notify>>>,
    /// By connection ID.
    all: Mutex<HashMap<String, Arc<OpeningDirectory>>>,
}

/// A directory that is open, or being opened.
struct OpeningDirectory {
    connection: Arc<Connection>,
    directory: OnceCell<Arc<OpenDirectory>>,
}

impl Directories {
    pub(crate) fn new(vault: Vault, clock: Clock, notices: Notices) -> Self {
        Self { vault, clock, notices, impatience: Mutex::default(), all: Mutex::default() }
    }

    /// The directory of the connection that `connection` returns; one caller opens it while the others wait. A failed
    /// attempt is forgotten, so that the next call tries again.
    pub(crate) async fn open(
        &self,
        connection: impl FnOnce() -> Result<Arc<Connection>>,
    ) -> Result<OpenConnection> {
        let opening = {
            let mut all = self.lock_all();
            // Read under the lock, so that a connection whose directory was dropped meanwhile does not come back.
            let connection = connection()?;
            let kept = all.get(&connection.id).filter(|kept| is_same(&kept.connection, &connection));
            if let Some(kept) = kept {
                Arc::clone(kept)
            } else {
                let id = connection.id.clone();
                let opening = Arc::new(OpeningDirectory { connection, directory: OnceCell::new() });
                all.insert(id, Arc::clone(&opening));
                opening
            }
        };
        let connection = Arc::clone(&opening.connection);
        let tell = || self.tell_waking(&connection.id);
        let open = || {
            Box::pin(directory::with_wake_listener(
                tell(),
                open_directory(&connection, &self.vault, &self.clock),
            ))
        };
        let opened = tokio::select! {
            () = self.wait_until_stopped(&connection.id) => Err(stopped_waiting()),
            opened = opening.directory.get_or_try_init(open) => opened,
        };
        let directory = Arc::clone(opened.map_err(|error| whose_password(&connection, error))?);
        Ok(OpenConnection { connection, directory })
    }

    /// Stops waiting for this connection's database to wake up.
    pub(crate) fn stop_waiting(&self, id: &str) {
        let impatience = self.impatience.lock();
        if let Some(waiting) = impatience.get(id) {
            waiting.notify_waiters();
        }
    }

    /// Waits until [`Self::stop_waiting`] is called.
    pub(crate) async fn wait_until_stopped(&self, id: &str) {
        let waiting = {
            let mut impatience = self.impatience.lock();
            Arc::clone(impatience.entry(id.to_owned()).or_default())
        };
        waiting.notified().await;
    }

    fn tell_waking(&self, id: &str) -> WakeCallback {
        let (notices, id) = (self.notices.clone(), id.to_owned());
        Arc::new(move |wakes| {
            let connection = Some(id.clone());
            notices.send(Notice::DirectoryWaking(WakingDirectory { connection, wakes }));
        })
    }

    /// Whether it was to be opened since Understudy started, or since its file changed.
    pub(crate) fn was_opened(&self, id: &str) -> bool {
        self.lock_all().contains_key(id)
    }

    /// Drops the directory; the next call opens it again. Requests under way keep it until they are done.
    pub(crate) fn release_directory(&self, id: &str) {
        self.lock_all().remove(id);
    }

    /// Closes all directories and waits until they are closed.
    pub(crate) async fn close_all(&self) {
        let all: Vec<Arc<OpeningDirectory>> = self.lock_all().drain().map(|(_, opening)| opening).collect();
        let mut closing: JoinSet<()> = JoinSet::new();
        for directory in all.iter().filter_map(|opening| opening.directory.get().cloned()) {
            closing.spawn(async move { directory.close().await });
        }
        closing.join_all().await;
    }

    fn lock_all(&self) -> MutexGuard<'_, HashMap<String, Arc<OpeningDirectory>>> {
        self.all.lock()
    }
}

/// Files are read again and again, and usually nothing has changed.
fn is_same(one: &Connection, other: &Connection) -> bool {
    (&one.file, one.source) == (&other.file, other.source)
}

pub(crate) fn stopped_waiting() -> Error {
    Error::new(Code::DirectoryUnreachable, "You stopped waiting for the database to wake up.")
        .with_hint("It may be awake in a moment: try again.")
}

async fn open_directory(connection: &Connection, vault: &Vault, clock: &Clock) -> Result<Arc<OpenDirectory>> {
    let passwords = StoredPassword {
        vault: vault.clone(),
        connection: connection.id.clone(),
        part: connection.file.directory.clone(),
    };
    let clock = Arc::new(clock.clone());
    let opened = directory::open_with(&connection.file.directory, Arc::new(passwords), clock).await?;
    Ok(Arc::new(OpenDirectory::new(opened)))
}

fn whose_password(connection: &Connection, error: Error) -> Error {
    let from_vault = error.secret.is_some() && connection.may_need_password();
    Error { secret: from_vault.then(|| connection.database_secret()), ..error }
}

/// Reads the database password from the vault each time it is needed, and only for the connection's own destination.
struct StoredPassword {
    vault: Vault,
    /// The connection's ID.
    connection: String,
    part: DirectoryConfig,
}

#[async_trait]
impl PasswordSource for StoredPassword {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        let typed = check::TypedSecrets::new();
        let secrets = Secrets { vault: &self.vault, id: Some(&self.connection), typed: &typed };
        Ok(secrets.database_password(&self.part).await?)
    }

    fn destination(&self) -> String {
        Destination::of_password(&self.part).fingerprint().to_owned()
    }

    fn is_replaceable(&self) -> bool {
        self.part.may_need_password()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConnectionSource;
    use crate::directory::ListRequest;

    async fn users(folder: &std::path::Path, name: &str) -> Arc<Connection> {
        let file = folder.join(format!("{name}.sqlite"));
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let made = format!("CREATE TABLE users (id TEXT PRIMARY KEY); INSERT INTO users VALUES ('{name}')");
        sqlx::raw_sql(sqlx::AssertSqlSafe(made)).execute(&pool).await.unwrap();
        pool.close().await;
        let text = format!(
            "name = \"{name}\"\nenvironment = \"staging\"\n[directory]\nurl = \"{}\"\ntable = \"users\"\n\
             id = \"id\"\n[sign_in]\nurl = \"http://127.0.0.1/login\"\n",
            url::Url::from_file_path(&file).unwrap().as_str().replacen("file:", "sqlite:", 1)
        );
        Arc::new(Connection::parse("shop", &text, ConnectionSource::Own, None).unwrap())
    }

    async fn first(opened: &OpenConnection) -> String {
        let never = tokio_util::sync::CancellationToken::new();
        opened
            .directory
            .search_users(&ListRequest::first_page("", 5), &never)
            .await
            .unwrap()
            .rows
            .remove(0)
            .id
    }

    fn directories() -> Directories {
        let store = keyring_core::mock::Store::new().unwrap();
        let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store) as _)));
        Directories::new(vault, Clock::system(), Notices::default())
    }

    /// A saved file is in place a moment before the old directory is dropped.
    #[tokio::test]
    async fn a_file_that_was_saved_a_moment_ago_does_not_get_the_directory_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (users(folder.path(), "ada").await, users(folder.path(), "bea").await);
        let directories = directories();
        let opened = directories.open(|| Ok(Arc::clone(&before))).await.unwrap();
        assert_eq!((first(&opened).await.as_str(), opened.connection.file.name.as_str()), ("ada", "ada"));
        let opened = directories.open(|| Ok(Arc::clone(&after))).await.unwrap();
        assert_eq!((first(&opened).await.as_str(), opened.connection.file.name.as_str()), ("bea", "bea"));
        let again = directories.open(|| Ok(after)).await.unwrap();
        assert!(Arc::ptr_eq(&opened.directory, &again.directory), "one that has not changed stays open");
    }

    /// Otherwise, a connection that is removed meanwhile would leave an open directory behind.
    #[tokio::test]
    async fn a_connection_is_read_and_put_in_place_in_one_go() {
        let folder = tempfile::tempdir().unwrap();
        let (directories, shop) = (directories(), users(folder.path(), "ada").await);
        let read = || {
            assert!(directories.all.try_lock().is_none(), "nobody lets go of it now");
            Ok(Arc::clone(&shop))
        };
        directories.open(read).await.unwrap();
        directories.release_directory("shop");
        assert!(directories.lock_all().is_empty());
    }
}
