//! A console's home, without its console.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tempfile::TempDir;
use understudy_core::audit::{AuditLog, Entry, OperatorIdentity, Subject};
use understudy_core::connection::Environment;
use understudy_core::team::TeamAuditConfig;
use understudy_core::team_log::{TeamLog, TeamLogState, password_destination, password_name};
use understudy_core::vault::{Keep, Vault};
use understudy_test_support::postgres::PostgresServer;

use super::{CANARY, DATABASE, ROLE};

pub struct Desk {
    dir: TempDir,
    pub vault: Vault,
    pub url: String,
}

impl Desk {
    pub async fn new(server: &PostgresServer) -> Self {
        Self::at(&server.url(ROLE, DATABASE), CANARY).await
    }

    pub async fn at(url: &str, password: &str) -> Self {
        Self::in_folder(&std::env::temp_dir(), url, password).await
    }

    pub async fn in_folder(folder: &Path, url: &str, password: &str) -> Self {
        let store = keyring_core::mock::Store::new().unwrap();
        let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store) as _)));
        let password = SecretString::from(password);
        vault
            .store_secret(&password_name(), password, Keep::Stored, &password_destination(url))
            .await
            .unwrap();
        Self { dir: tempfile::tempdir_in(folder).unwrap(), vault, url: url.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("audit.sqlite")
    }

    pub async fn open(&self) -> AuditLog {
        AuditLog::open(&self.path()).await.unwrap()
    }

    pub fn ship(&self, log: &AuditLog) -> Arc<TeamLog> {
        self.ship_if(log, false)
    }

    pub fn ship_if(&self, log: &AuditLog, required: bool) -> Arc<TeamLog> {
        let config = TeamAuditConfig { url: Some(self.url.clone()), required, ..TeamAuditConfig::default() };
        TeamLog::start(&config, log, &self.vault).unwrap()
    }
}

/// Waits for the state; the test's runner limits how long.
pub async fn wait_for(log: &TeamLog, reached: impl FnMut(&TeamLogState) -> bool) -> TeamLogState {
    log.watch_state().wait_for(reached).await.unwrap().clone()
}

/// Writes so many beginnings of sessions.
pub async fn write(log: &AuditLog, who: &str, sessions: std::ops::Range<u32>) {
    for number in sessions {
        log.append(begun(&format!("{who}-{number}"), who)).await.unwrap();
    }
}

pub fn begun(session: &str, who: &str) -> Entry {
    Entry::for_new_session(
        1_700_000_000_000,
        session,
        OperatorIdentity {
            operator_name: who.into(),
            operator_email: format!("{who}@example.org"),
            os_user: who.into(),
            host: "desk-4".into(),
        },
        Subject {
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user_id: "42".into(),
            user_name: Some("Zoë \0 <b>".into()),
            user_email: None,
        },
        "why \"not\" \\u0000",
    )
}
