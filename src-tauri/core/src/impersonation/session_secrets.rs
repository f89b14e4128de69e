//! The secrets that a session's sign-in and sign-out need.

use serde_json::Map;

use super::{Impersonations, RunningSession};
use crate::check::TypedSecrets;
use crate::connection::Connection;
use crate::error::{Result, SecretName};
use crate::secrets::Secrets;
use crate::sign_in;
use crate::template::SignInContext;

impl Impersonations {
    /// What templates see, with the secrets as the vault has them now.
    pub(super) async fn with_secrets(&self, running: &RunningSession) -> Result<SignInContext> {
        let mut context = running.context();
        self.add_secrets(&running.connection(), &mut context).await?;
        Ok(context)
    }

    pub(super) async fn add_secrets(
        &self,
        connection: &Connection,
        context: &mut SignInContext,
    ) -> Result<()> {
        let typed = TypedSecrets::new();
        for (name, secret) in self.secrets_of(connection, &typed).of_sign_in(connection).await? {
            context.add_secret(name, secret);
        }
        // Nothing is captured yet; the session's own client adds its captures.
        sign_in::complete_context(connection, context, &Map::new(), self.clock.now_ms() / 1000);
        Ok(())
    }

    fn secrets_of<'a>(&'a self, connection: &'a Connection, typed: &'a TypedSecrets) -> Secrets<'a> {
        Secrets { vault: &self.vault, id: Some(&connection.id), typed }
    }

    /// What the steps of the sign-out see, and why some of their secrets are missing.
    pub(super) async fn context_of_sign_out(
        &self,
        running: &RunningSession,
    ) -> (SignInContext, Result<(), String>) {
        let connection = running.connection();
        let (mut context, mut missing) = (running.context(), Ok(()));
        let typed = TypedSecrets::new();
        let source = self.secrets_of(&connection, &typed);
        let at = |name: &str| SecretName::new(&connection.id, name);
        for name in connection.sign_out_secrets() {
            // From the vault, or else from the sign-in: there may be no operator to unlock a keyring.
            let released = running.sign_out_secret(&name);
            let found = match released {
                Some(released) if !self.vault.is_open_for(&at(&name)).await => Ok(released),
                released => {
                    source.require_secret(&connection, &name).await.or_else(|error| released.ok_or(error))
                }
            };
            match found {
                Ok(secret) => context.add_secret(name, secret),
                Err(error) => missing = missing.and(Err(error.message)),
            }
        }
        (context, missing)
    }
}
