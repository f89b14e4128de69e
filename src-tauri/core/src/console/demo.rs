//! The demo's connection, which exists as long as the process.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::Console;
use crate::connection::{Connection, ConnectionSource, DEMO};
use crate::destination::Destination;
use crate::error::{Result, SecretName};
use crate::notice::Notice;
use crate::vault::Keep;

impl Console {
    /// The folder of the demo's database.
    pub fn demo_dir(&self) -> Result<PathBuf> {
        self.home.demo_dir()
    }

    /// Adds the connection of a demo that runs in this process; `admin_token` is its secret with that name.
    pub async fn add_demo(&self, text: &str, admin_token: SecretString) -> Result<()> {
        let connection = Connection::parse(DEMO, text, ConnectionSource::Demo, None)?;
        let name = SecretName::new(DEMO, "admin_token");
        let destination = Destination::of_secret(&connection, &name.name);
        if let Err(error) =
            self.vault.store_secret(&name, admin_token.clone(), Keep::Stored, &destination).await
        {
            tracing::info!(code = ?error.code, "the demo's token stays in memory");
            self.vault.store_secret(&name, admin_token, Keep::ThisRun, &destination).await?;
        }
        let mut connections = self.connections.write();
        connections.insert(DEMO.into(), Arc::new(connection));
        drop(connections);
        self.assign_positions();
        self.notices.send(Notice::Connections(self.connection_list()));
        Ok(())
    }
}
