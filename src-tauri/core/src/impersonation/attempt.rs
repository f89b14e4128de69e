//! The sign-in: attempts, until one works or the session ends.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::about::{explain, in_words};
use super::{Impersonations, Running, context, read_user};
use crate::audit::Event;
use crate::browser::Refusal;
use crate::connection::Connection;
use crate::error::{Error, Result, SecretName};
use crate::notice::{Notice, Toast};
use crate::sign_in;
use crate::sign_in::{Arrival, Client};

impl Impersonations {
    /// The attempts of one session, until one works or the session ends.
    pub(super) async fn sign_in_until_done(self: Arc<Self>, running: Arc<Running>) {
        loop {
            let attempt = tokio::select! {
                () = running.stop.cancelled() => return,
                attempt = self.attempt(&running) => attempt,
            };
            match attempt {
                Ok(()) => break,
                Err(refusal) => {
                    if running.session().refused(refusal.secrets.clone()).is_err() {
                        return;
                    }
                    let refused = Event::Refused { status: refusal.status, cause: refusal.title.clone() };
                    self.log(&running, refused).await;
                    if let Err(error) = self.browser.refuse(&running.id, &refusal).await {
                        self.notices.send(Notice::Toast(Toast::bad(&error)));
                    }
                    self.tell();
                }
            }
            tokio::select! {
                () = running.stop.cancelled() => return,
                () = running.retry.notified() => {}
            }
            if running.session().retried().is_err() {
                return;
            }
            self.tell();
            let _ = self.browser.retrying(&running.id).await;
        }
        self.keep_deadline(&running).await;
    }

    /// Signs in once. A refusal leaves the window on its desk.
    pub(super) async fn attempt(&self, running: &Arc<Running>) -> Result<(), Refusal> {
        let in_words = |error: Error| in_words(explain(error, running));
        // The first attempt's user was read a moment ago; a retry wants the user as it is now.
        if running.session().may_be_signed_in() {
            let row = read_user(&running.request).await.map_err(in_words)?;
            let info = running.request.directory.info();
            let view = running.view();
            *running.context.lock().expect("no holder panics") =
                context(&running.request.about(&view.reason, &running.id), info, &row);
        }
        let connection = &running.request.connection;
        let (mut context, secrets) = self.with_secrets(running).await.map_err(in_words)?;
        running.session().sending();
        let (arrival, secrets) = self.arrive(running, &mut context, secrets).await?;
        if !arrival.cookies.is_empty() {
            self.browser.set_cookies(&running.id, &arrival.cookies).await.map_err(in_words)?;
        }
        if let Some(request) = &arrival.request {
            let answer = self.browser.send(&running.id, request).await;
            sign_in::judge(&answer, request, &secrets)?;
            if let Ok(answer) = &answer {
                context["response"] = sign_in::response(answer);
            }
        }
        if !arrival.storage.is_empty() {
            let stored = sign_in::storage(&arrival.storage, &context).map_err(in_words)?;
            self.browser.store(&running.id, &stored).await.map_err(in_words)?;
        }
        let begin = match arrival.redirect_to {
            Some(url) => url,
            None => sign_in::redirect_to(connection, &context).map_err(in_words)?,
        };
        if let Some(link) = &arrival.link {
            let (origin, limit) = (&connection.sign_in.origin, connection.sign_in.timeout);
            let arrived = self.browser.follow(&running.id, link, origin, limit).await;
            arrived.map_err(|unanswered| sign_in::link_failed(link, origin, limit, &unanswered))?;
        }
        let verify = sign_in::verify(connection, &context).map_err(in_words)?;
        // A link leads to the application's page itself; who is signed in there is asked from a desk again.
        let is_there = arrival.link.is_some() && verify.is_none();
        if let Some(verify) = verify {
            if arrival.link.is_some() {
                let origin = &connection.sign_in.origin;
                self.browser.leave_for_desk(&running.id, origin).await.map_err(in_words)?;
            }
            let answer = self.browser.send(&running.id, &verify.request).await;
            sign_in::judge_verify(&answer, &verify, &context, &secrets)?;
        }
        let success = match arrival.success {
            Some(success) => success,
            None => sign_in::success(connection, &context).map_err(in_words)?,
        };
        // Active is written before the page is shown: what the log does not know did not happen.
        self.audit.append(self.then(running, Event::Active)).await.map_err(in_words)?;
        running.session().active(self.clock.now_ms()).map_err(in_words)?;
        if !is_there {
            self.browser.show(&running.id, &begin).await.map_err(in_words)?;
        }
        self.tell();
        self.notices.send(Notice::Toast(Toast { said: arrival.said, ..Toast::good(success) }));
        if arrival.refresh {
            self.notices.send(Notice::DirectoryChanged(connection.id.clone()));
        }
        Ok(())
    }

    /// Takes the console's steps, in a task of their own: when the session ends meanwhile, the step under way
    /// still comes to its end, so that whatever it began can be ended too.
    pub(super) async fn arrive(
        &self,
        running: &Arc<Running>,
        context: &mut Value,
        secrets: Vec<SecretString>,
    ) -> Result<(Arrival, Vec<SecretString>), Refusal> {
        self.end_steps_before(running).await;
        let (running, mut own, now) = (Arc::clone(running), context.clone(), self.clock.now_ms() / 1000);
        let mut kept = Arc::clone(&running.client).lock_owned().await;
        let steps = tokio::spawn(async move {
            let connection = &running.request.connection;
            let client = kept.insert(Client::new(&connection.network).map_err(in_words)?);
            sign_in::complete(connection, &mut own, client.captured(), now);
            let stopped = || Refusal::new("The session was ended", "");
            let told = &mut |exchange: sign_in::Exchange| {
                tracing::debug!(session = %running.id, "{}: {:?}", exchange.title, exchange.status);
            };
            let sign_in = &connection.sign_in;
            for at in 0..sign_in.steps.len() {
                if running.stop.is_cancelled() {
                    return Err(stopped());
                }
                sign_in::take_step(at, &sign_in.steps[at], sign_in.timeout, client, &mut own, &secrets, told)
                    .await?;
            }
            if running.stop.is_cancelled() {
                return Err(stopped());
            }
            let arrival = sign_in::arrive(connection, &own, client, &secrets, now, told).await?;
            let secrets: Vec<SecretString> = secrets.into_iter().chain(client.secrets()).collect();
            Ok((arrival, secrets, own))
        });
        let (arrival, secrets, own) = steps.await.map_err(|cause| in_words(Error::internal(cause)))??;
        *context = own;
        Ok((arrival, secrets))
    }

    /// Before another attempt: what the steps of the last one began is ended.
    pub(super) async fn end_steps_before(&self, running: &Arc<Running>) {
        let mut kept = running.client.lock().await;
        if let Some(mut client) = kept.take() {
            let _ = self.take_sign_out_steps(running, &mut client).await;
        }
    }

    /// What templates see, with the secrets as the vault has them now; those also apart, for masking.
    pub(super) async fn with_secrets(&self, running: &Running) -> Result<(Value, Vec<SecretString>)> {
        let mut context = running.context.lock().expect("no holder panics").clone();
        let secrets = self.secrets(&running.request.connection, &mut context).await?;
        Ok((context, secrets))
    }

    pub(super) async fn secrets(
        &self,
        connection: &Connection,
        context: &mut Value,
    ) -> Result<Vec<SecretString>> {
        let mut secrets = Vec::new();
        for name in connection.secrets() {
            let secret = self
                .vault
                .require(&SecretName { connection: connection.id.clone(), name: name.clone() })
                .await?;
            context["secret"][name] = secret.expose_secret().into();
            secrets.push(secret);
        }
        // Nothing is captured yet: the session's own client adds what it has.
        sign_in::complete(connection, context, &Map::new(), self.clock.now_ms() / 1000);
        Ok(secrets)
    }
}
