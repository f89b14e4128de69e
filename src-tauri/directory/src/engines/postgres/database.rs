//! A PostgreSQL database that is not a directory, reached as one is: the same URLs, TLS, tunnels and passwords.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{PgConnection, PgPool};

use crate::config::DirectoryConfig;
use crate::engines::postgres::{connect, errors};
use crate::error::{DirectoryError, Result};
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::PasswordSource;
use crate::reach::wire::Wire;
use crate::sql::server::Connected;

/// How long a statement waits for a connection: longer than a server that is not there takes to say so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// One to read, one that listens, and one to write or to check.
const CONNECTIONS: u32 = 3;

/// An open database, as long as its server stays the same. Once statements fail because the connection is gone, open it
/// anew: that reads the password again, and finds the server that counts now.
pub struct PostgresDatabase {
    pool: PgPool,
    endpoint: Arc<Endpoint>,
    /// With the URL of the server that was chosen.
    config: DirectoryConfig,
    /// The pool's connections go through it.
    _wire: Arc<Wire>,
}

impl PostgresDatabase {
    /// Connects once, and says why that is impossible. Of `config`, only how to connect counts. The connection is not one
    /// of the pool's: whoever needs only one has it already.
    pub(crate) async fn open(
        config: &DirectoryConfig,
        passwords: &Arc<dyn PasswordSource>,
    ) -> Result<(Self, PgConnection)> {
        let endpoint = Endpoint::new(config, passwords)?;
        let Connected { connection, options, wire, config, .. } =
            endpoint.connect(connect::connect_to).await?;
        let pool = PoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok((Self { pool, endpoint, config, _wire: wire }, connection))
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The server for display, at the start of a sentence: `The database on db.example.com, port 5432`.
    pub fn describe_place(&self) -> String {
        errors::describe_server(&self.config)
    }

    /// What the error of a statement means.
    pub fn explain(&self, error: sqlx::Error) -> DirectoryError {
        errors::from_sqlx_at_endpoint(error, &self.config, &self.endpoint)
    }
}
