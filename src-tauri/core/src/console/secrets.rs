//! The secrets of a connection: they can be stored, but not read.

use secrecy::SecretString;

use super::Console;
use crate::audit::{CAUSE_CHARS, ConsoleEvent};
use crate::connection::DATABASE_PASSWORD;
use crate::destination::{Destination, Moved};
use crate::error::{Error, Result, SecretName};
use crate::secrets::WAY_IN;
use crate::vault::{Keep, SecretStatus};

impl Console {
    /// The secrets that the connection uses, and where each one is.
    pub async fn secret_status(&self, id: &str) -> Result<Vec<SecretStatus>> {
        let mut status = Vec::new();
        for name in self.find_connection(id)?.secret_names() {
            let state = self.vault.secret_state(&SecretName::new(id, &name)).await?;
            status.push(SecretStatus { name, state });
        }
        Ok(status)
    }

    /// Stores a secret for the destination that the saved connection has for it.
    pub async fn store_secret(&self, id: &str, name: &str, value: SecretString, keep: Keep) -> Result<()> {
        let destination = Destination::of_secret(&*self.find_connection(id)?, name);
        self.vault.store_secret(&SecretName::new(id, name), value, keep, &destination).await?;
        let stored =
            ConsoleEvent::SecretStored { name: name.to_owned(), this_run_only: keep == Keep::ThisRun };
        self.record(self.entry_about(id, stored)).await;
        if name == DATABASE_PASSWORD {
            self.directories.release_directory(id);
        }
        Ok(())
    }

    pub async fn forget_secret(&self, id: &str, name: &str) -> Result<bool> {
        let was_there = self.vault.forget_secret(&SecretName::new(id, name)).await?;
        if was_there {
            self.record(self.entry_about(id, ConsoleEvent::SecretForgotten { name: name.to_owned() })).await;
        }
        Ok(was_there)
    }

    /// Redirects these secrets after the agent has compared their old and new destinations.
    pub async fn use_secrets_there(&self, moved: &Moved) -> Result<()> {
        self.vault.accept_destinations(moved, Keep::Stored).await?;
        for redirected in describe_redirects(moved) {
            self.record(self.entry_about(&moved.connection, redirected)).await;
        }
        if moved.secrets.iter().any(|secret| [DATABASE_PASSWORD, WAY_IN].contains(&secret.name.as_str())) {
            self.directories.release_directory(&moved.connection);
        }
        Ok(())
    }

    /// Makes the keyring prompt for its password.
    pub async fn unlock_keyring(&self) -> Result<()> {
        self.vault.unlock().await
    }

    /// Why the keyring cannot be used; `None` if it can.
    pub async fn keyring_problem(&self) -> Option<Error> {
        self.vault.check_ready().await.err()
    }
}

/// What the audit log says of secrets that the operator lets go to another destination.
pub fn describe_redirects(moved: &Moved) -> impl Iterator<Item = ConsoleEvent> {
    moved.secrets.iter().map(|secret| {
        let to = secret.now.facts.iter().map(|fact| fact.value.as_str());
        let to = to.collect::<Vec<_>>().join(", ").chars().take(CAUSE_CHARS).collect();
        ConsoleEvent::SecretRedirected { name: secret.name.clone(), to }
    })
}
