//! The console's own part of a sign-in and sign-out: its steps, and the secrets that they and the window need.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Map;

use super::{Impersonations, RunningSession};
use crate::browser::Refusal;
use crate::check::TypedSecrets;
use crate::connection::Connection;
use crate::error::{Error, Result, SecretName};
use crate::secrets::Secrets;
use crate::sign_in;
use crate::sign_in::{Client, Handoff};
use crate::template::SignInContext;

impl Impersonations {
    /// Takes the console's steps, in a task of their own: if the session ends meanwhile, the step under way still
    /// completes, so that what it began can be ended too.
    pub(super) async fn hand_off(
        &self,
        running: &Arc<RunningSession>,
        context: &mut SignInContext,
    ) -> Result<(Handoff, Vec<SecretString>), Refusal> {
        let (running, mut own, now) = (Arc::clone(running), context.clone(), self.clock.now_ms() / 1000);
        let mut kept = Arc::clone(&running.client).lock_owned().await;
        let steps = tokio::spawn(async move {
            let connection = running.connection();
            let client = kept.insert(Client::new(&connection.network)?);
            sign_in::complete_context(&connection, &mut own, client.captured_values(), now);
            client.pass_gateway(connection.gateway_for(&own));
            let stopped = || Refusal::new("The session was ended", "");
            let told = &mut |exchange: sign_in::Exchange| {
                tracing::debug!(session = %running.id, "{}: {:?}", exchange.title, exchange.status);
            };
            let sign_in = &connection.sign_in;
            for at in 0..sign_in.steps.len() {
                if running.stop.is_cancelled() {
                    return Err(stopped());
                }
                sign_in::take_step(at, &sign_in.steps[at], sign_in.timeout, client, &mut own, told).await?;
            }
            if running.stop.is_cancelled() {
                return Err(stopped());
            }
            let handoff = sign_in::hand_off(&connection, &own, client, told).await?;
            let secrets: Vec<SecretString> =
                own.secret_values().cloned().chain(client.collect_secrets()).collect();
            Ok((handoff, secrets, own))
        });
        // A panic's message may quote a secret, so it is dropped.
        let broke_off = |_| Refusal::from(Error::internal("the sign-in's steps stopped unexpectedly"));
        let (handoff, secrets, own) = steps.await.map_err(broke_off)??;
        *context = own;
        Ok((handoff, secrets))
    }

    /// Before another attempt, ends what the last one's steps began.
    pub(super) async fn end_steps_before(&self, running: &Arc<RunningSession>) {
        let mut kept = running.client.lock().await;
        if let Some(client) = &mut *kept {
            let _ = self.take_sign_out_steps(running, client).await;
        }
        *kept = None;
    }

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

    /// Takes each sign-out step that it can: a missing secret holds up only its own step.
    pub(super) async fn take_sign_out_steps(
        &self,
        running: &RunningSession,
        client: &mut Client,
    ) -> Result<(), String> {
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
            let secret = match found {
                Ok(secret) => secret,
                Err(error) => {
                    missing = missing.and(Err(error.message));
                    continue;
                }
            };
            context.add_secret(name, secret);
        }
        sign_in::complete_context(
            &connection,
            &mut context,
            client.captured_values(),
            self.clock.now_ms() / 1000,
        );
        let steps = &connection.sign_out.steps;
        let taken = sign_in::take_sign_out_steps(steps, client, &mut context, &mut |_| {}).await;
        missing.and(taken)
    }
}
