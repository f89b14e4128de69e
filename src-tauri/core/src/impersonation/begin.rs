//! A session begins: the user is read, the policy asked, *begun* written, the window opened.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::about::explain;
use super::{Impersonations, Request, Running, context, read_user, subject, user_label};
use crate::audit::{EndCause, Entry};
use crate::browser::Opening;
use crate::connection::Connection;
use crate::error::{Code, Error, Result, SecretName};
use crate::session::{Limit, Phase, Session, SessionView};
use crate::sign_in::{FormChange, SignInForm};
use crate::{policy, sign_in};

impl Impersonations {
    /// Begins an impersonation and returns as soon as its window is open; the sign-in goes on from
    /// there. The same user of the same connection again: its running session comes to the front.
    pub async fn begin(self: &Arc<Self>, request: Request) -> Result<SessionView> {
        let _one_at_a_time = self.beginning.lock().await;
        if let Some(view) = self.running_for(&request.connection.id, &request.user) {
            self.browser.focus(&view.id).await?;
            return Ok(view);
        }
        let row = read_user(&request).await?;
        let info = request.directory.info();
        let id = Uuid::now_v7().to_string();
        let reason = request.reason.trim().to_owned();
        let context = context(&request.about(&reason, &id), info, &row);
        policy::decide(&request.connection.policy, &reason, &context)?;

        let connection = &request.connection;
        let view = SessionView {
            id: id.clone(),
            connection: connection.id.clone(),
            connection_name: connection.file.name.clone(),
            environment: connection.file.environment,
            user: user_label(&context, &row),
            reason,
            phase: Phase::Opening,
            started_at: self.clock.now_ms(),
            active_at: None,
            deadline: None,
            extensions_left: 0,
            refused_secrets: Vec::new(),
        };
        let session = Session::opening(view, Limit::from(&connection.policy));
        let view = session.view().clone();
        let running = Arc::new(Running {
            id: id.clone(),
            begun: Entry::begun(view.started_at, &id, request.operator.clone(), subject(&view), &view.reason),
            session: Mutex::new(session),
            context: Mutex::new(context),
            client: Arc::default(),
            request,
            retry: Notify::new(),
            extended: Notify::new(),
            extending: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(false),
        });

        // The entry comes first: without it, no window opens and nobody is signed in.
        self.audit.append(running.begun.clone()).await?;
        let opened = async {
            // What cannot be rendered for this user is said here, before a window opens.
            let (context, _) = self.with_secrets(&running).await?;
            sign_in::outline(&running.request.connection, &context)
                .map_err(|error| explain(error, &running))?;
            self.running().insert(id.clone(), Arc::clone(&running));
            let Connection { sign_in, network, .. } = &*running.request.connection;
            let opening =
                Opening { origin: &sign_in.origin, block: &sign_in.block, proxy: network.proxy.as_ref() };
            self.browser.open(&view, &opening).await
        }
        .await;
        if let Err(error) = opened {
            if !running.session().ending() {
                // The operator ended it while it opened, and that end writes the log.
                let mut ended = running.ended.subscribe();
                let _ = ended.wait_for(|ended| *ended).await;
                return Ok(running.view());
            }
            self.running().remove(&id);
            self.browser.close(&id).await;
            self.log(&running, EndCause::NeverOpened.into()).await;
            return Err(error);
        }
        self.tell();
        tokio::spawn(Arc::clone(self).sign_in_until_done(Arc::clone(&running)));
        Ok(view)
    }

    /// What the sign-in of `request` asks for before it begins; with `change`: what it asks now.
    pub async fn form(&self, request: &Request, change: Option<&FormChange>) -> Result<SignInForm> {
        let connection = &request.connection;
        let row = read_user(request).await?;
        let mut context = context(&request.about("", ""), request.directory.info(), &row);
        // Who can never be impersonated is not asked about either; the reason comes with the form.
        policy::decide(&connection.policy, "asked for with the form", &context)?;
        let secrets = self.secrets(connection, &mut context).await?;
        let now = self.clock.now_ms() / 1000;
        let told = &mut |exchange: sign_in::Exchange| {
            tracing::debug!(connection = %connection.id, "{}: {:?}", exchange.title, exchange.status);
        };
        sign_in::form(connection, &context, change, &secrets, now, told).await.map_err(|refusal| {
            let error = Error::new(Code::SignInRefused, refusal.title).hint(refusal.hint);
            match refusal.secrets.into_iter().next() {
                Some(name) => error.secret(SecretName { connection: connection.id.clone(), name }),
                None => error,
            }
        })
    }
}
