//! The story of one impersonation, from the agent's keystroke to the closed window.
//!
//! The user is read again → policy → audit *begun* → secrets → plan → window → the window sends the
//! sign-in → verified → the application is shown → … → sign-out → window closed → audit *ended*.
//! Every way of ending comes through [`Impersonations::end`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::audit::{AuditLog, EndCause, Entry, Event, Subject, Who};
use crate::browser::{Browser, Opening, Refusal};
use crate::clock::Clock;
use crate::connection::{Connection, Recipe};
use crate::directory::{Directory, Info, Row};
use crate::error::{Code, Error, Result, SecretName};
use crate::notice::{Notice, Notices, Toast};
use crate::session::{Phase, Session, SessionView, UserLabel};
use crate::sign_in::{Arrival, Client, FormChange, SignInForm};
use crate::template::GIVEN;
use crate::vault::Vault;
use crate::{policy, sign_in};

/// All running sessions, and what they need.
pub struct Impersonations {
    vault: Vault,
    audit: AuditLog,
    browser: Arc<dyn Browser>,
    notices: Notices,
    clock: Clock,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    /// One at a time per window system: two quick keystrokes must not open two windows of one user.
    beginning: tokio::sync::Mutex<()>,
}

/// Who, of which connection, why: all that is needed to begin.
pub struct Request {
    pub connection: Arc<Connection>,
    pub directory: Arc<dyn Directory>,
    /// [`Row::id`] of the user.
    pub user: String,
    pub reason: String,
    /// What the sign-in's form asked for, by field.
    pub given: Map<String, Value>,
    pub operator: Who,
}

impl Request {
    fn about<'a>(&'a self, reason: &'a str, session: &'a str) -> About<'a> {
        let Self { connection, operator, given, .. } = self;
        About { connection, operator, reason, given, session }
    }
}

struct Running {
    id: String,
    request: Request,
    /// The audit log's first entry of this session, which the later ones repeat.
    begun: Entry,
    session: Mutex<Session>,
    /// What templates see; without secrets. Replaced at each attempt.
    context: Mutex<Value>,
    /// The console's own way to the application, with what it got there; new at each attempt. Whoever takes
    /// its steps holds it, so that a sign-out waits for the one that is under way.
    client: Arc<tokio::sync::Mutex<Option<Client>>>,
    retry: Notify,
    stop: CancellationToken,
    /// `true` once the end is complete.
    ended: watch::Sender<bool>,
}

impl Running {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().expect("no holder of this lock panics")
    }

    fn view(&self) -> SessionView {
        self.session().view().clone()
    }
}

impl Impersonations {
    pub fn new(
        vault: Vault,
        audit: AuditLog,
        browser: Arc<dyn Browser>,
        notices: Notices,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            vault,
            audit,
            browser,
            notices,
            clock,
            running: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
        })
    }

    /// Sessions that run, oldest first.
    pub fn sessions(&self) -> Vec<SessionView> {
        let mut views: Vec<_> = self.running().values().map(|running| running.view()).collect();
        views.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        views
    }

    /// One session that runs.
    pub fn session(&self, id: &str) -> Result<SessionView> {
        Ok(self.find(id)?.view())
    }

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
            refused_secrets: Vec::new(),
        };
        let max_minutes = connection.policy.max_minutes;
        let running = Arc::new(Running {
            id: id.clone(),
            begun: Entry::begun(view.started_at, &id, request.operator.clone(), subject(&view), &view.reason),
            session: Mutex::new(Session::opening(view.clone(), max_minutes)),
            context: Mutex::new(context),
            client: Arc::default(),
            request,
            retry: Notify::new(),
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

    /// Tries a refused sign-in again, with the user and the secrets as they are now.
    pub fn retry(&self, id: &str) -> Result<()> {
        self.find(id)?.retry.notify_one();
        Ok(())
    }

    /// Brings a session's window to the front.
    pub async fn focus(&self, id: &str) -> Result<()> {
        self.find(id)?;
        self.browser.focus(id).await
    }

    /// Ends a session: signs out, closes its window, writes the audit log. Whoever calls while it is
    /// ending waits for that end; a session that is not there has ended.
    pub async fn end(&self, id: &str, cause: EndCause) {
        let Ok(running) = self.find(id) else { return };
        if !running.session().ending() {
            let mut ended = running.ended.subscribe();
            // The sender lives in `running`, which is held here.
            let _ = ended.wait_for(|ended| *ended).await;
            return;
        }
        running.stop.cancel();
        self.tell();
        let sign_out_failed = self.sign_out(&running).await.err();
        self.browser.close(id).await;
        self.running().remove(id);
        self.log(&running, Event::Ended { cause, sign_out_failed }).await;
        self.tell();
        running.ended.send_replace(true);
    }

    /// Ends all sessions, side by side.
    pub async fn end_all(self: &Arc<Self>, cause: EndCause) {
        let ids: Vec<String> = self.running().keys().cloned().collect();
        let mut ends = JoinSet::new();
        for id in ids {
            let this = Arc::clone(self);
            ends.spawn(async move { this.end(&id, cause).await });
        }
        ends.join_all().await;
    }

    /// The attempts of one session, until one works or the session ends.
    async fn sign_in_until_done(self: Arc<Self>, running: Arc<Running>) {
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
    async fn attempt(&self, running: &Arc<Running>) -> Result<(), Refusal> {
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
    async fn arrive(
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
    async fn end_steps_before(&self, running: &Arc<Running>) {
        let mut kept = running.client.lock().await;
        if let Some(mut client) = kept.take() {
            let _ = self.take_sign_out_steps(running, &mut client).await;
        }
    }

    async fn take_sign_out_steps(&self, running: &Running, client: &mut Client) -> Result<(), String> {
        let connection = &running.request.connection;
        let (mut context, secrets) = self.with_secrets(running).await.map_err(|error| error.message)?;
        sign_in::complete(connection, &mut context, client.captured(), self.clock.now_ms() / 1000);
        sign_in::take_sign_out_steps(&connection.sign_out.steps, client, &mut context, &secrets, &mut |_| {})
            .await
    }

    /// What templates see, with the secrets as the vault has them now; those also apart, for masking.
    async fn with_secrets(&self, running: &Running) -> Result<(Value, Vec<SecretString>)> {
        let mut context = running.context.lock().expect("no holder panics").clone();
        let secrets = self.secrets(&running.request.connection, &mut context).await?;
        Ok((context, secrets))
    }

    async fn secrets(&self, connection: &Connection, context: &mut Value) -> Result<Vec<SecretString>> {
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

    /// Signs out, if there may be something to sign out of: the window with its own cookies, then the console.
    /// That it failed, and why, is said and stops nothing.
    async fn sign_out(&self, running: &Running) -> Result<(), String> {
        let sign_out = &running.request.connection.sign_out;
        if !running.session().may_be_signed_in() {
            return Ok(());
        }
        let by_window = async {
            let (context, _) = self.with_secrets(running).await?;
            let Some(request) = sign_in::plan_sign_out(&running.request.connection, &context)? else {
                return Ok::<_, Error>(Ok(()));
            };
            self.browser.leave_for_desk(&running.id, &request.url.origin()).await?;
            let answer = self.browser.send(&running.id, &request).await;
            Ok(sign_in::judge_sign_out(&answer, &request))
        };
        let by_console = async {
            if sign_out.steps.is_empty() {
                return Ok(());
            }
            let mut kept = running.client.lock().await;
            let Some(mut client) = kept.take() else { return Ok(()) };
            // The application may have given the window another session since.
            if let Recipe::Exchange { .. } = running.request.connection.sign_in.recipe {
                let begin = format!("{}/", running.request.connection.sign_in.origin.ascii_serialization());
                if let Ok(url) = begin.parse()
                    && let Ok(cookies) = self.browser.cookies(&running.id, &url).await
                {
                    client.put(&cookies);
                }
            }
            self.take_sign_out_steps(running, &mut client).await
        };
        let limit = sign_in::SIGN_OUT_TIMEOUT + Duration::from_secs(2);
        let late = || Err("the application did not answer in time".to_owned());
        let by_window = match tokio::time::timeout(limit, by_window).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(error)) => Err(error.message),
            Err(_) => Err("the window did not answer in time".into()),
        };
        let by_console = tokio::time::timeout(limit, by_console).await.unwrap_or_else(|_| late());
        let outcome = by_window.and(by_console);
        if let Err(failure) = &outcome {
            self.notices.send(Notice::Toast(Toast::info(
                format!("The sign-out of {} did not go through: {failure}", running.view().user.best()),
                "The window and its cookies are gone; the application may keep its side until it expires.",
            )));
        }
        outcome
    }

    async fn keep_deadline(&self, running: &Arc<Running>) {
        let Some(deadline) = running.view().deadline else { return };
        tokio::select! {
            () = running.stop.cancelled() => {}
            () = self.clock.until(deadline) => self.end(&running.id, EndCause::Deadline).await,
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().expect("no holder of this lock panics")
    }

    fn find(&self, id: &str) -> Result<Arc<Running>> {
        self.running()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(Code::SessionUnknown, "This session has ended."))
    }

    fn running_for(&self, connection: &str, user: &str) -> Option<SessionView> {
        self.sessions()
            .into_iter()
            .find(|view| view.connection == connection && view.user.id == user && view.phase != Phase::Ending)
    }

    /// What happened next in a session, for the audit log.
    fn then(&self, running: &Running, event: Event) -> Entry {
        running.begun.then(self.clock.now_ms(), event)
    }

    /// Writes what cannot stop anything any more; a failure is said aloud instead.
    async fn log(&self, running: &Running, event: Event) {
        if let Err(error) = self.audit.append(self.then(running, event)).await {
            tracing::error!(code = ?error.code, "audit log: {}", error.message);
            self.notices.send(Notice::Toast(Toast::bad(&error)));
        }
    }

    fn tell(&self) {
        self.notices.send(Notice::Sessions(self.sessions()));
    }
}

fn in_words(error: Error) -> Refusal {
    Refusal::new(error.message, error.hint.unwrap_or_default())
}

async fn read_user(request: &Request) -> Result<Row> {
    request.directory.user(&request.user).await?.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the id {} any more.", request.user))
            .hint("It may have been deleted or renamed: search again.")
    })
}

/// What templates see beside the user.
pub(crate) struct About<'a> {
    pub connection: &'a Connection,
    pub operator: &'a Who,
    pub reason: &'a str,
    pub given: &'a Map<String, Value>,
    pub session: &'a str,
}

/// What templates and expressions see, without secrets.
pub(crate) fn context(about: &About<'_>, info: &Info, row: &Row) -> Value {
    let About { connection, operator: who, reason, given, session } = about;
    let mut operator = json!({ "name": who.operator() });
    if !who.operator_email.is_empty() {
        operator["email"] = who.operator_email.clone().into();
    }
    json!({
        "user": info.user_context(row),
        "operator": operator,
        "reason": reason,
        "session": { "id": session },
        "connection": {
            "id": connection.id,
            "name": connection.file.name,
            "environment": connection.file.environment,
        },
        "secret": {},
        GIVEN: given,
    })
}

pub(crate) fn user_label(context: &Value, row: &Row) -> UserLabel {
    let text =
        |key: &str| context["user"][key].as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    UserLabel { id: row.id.clone(), name: text("name"), email: text("email") }
}

/// A failed template that wanted the operator's e-mail is the operator's to mend, not the lead's.
fn explain(error: Error, running: &Running) -> Error {
    if error.code == Code::TemplateFailed && running.request.operator.operator_email.is_empty() {
        let hint = "If the connection uses {{ operator.email }}: say yours in Settings.";
        return Error { hint: Some(hint.into()), ..error };
    }
    error
}

fn subject(view: &SessionView) -> Subject {
    Subject {
        connection: view.connection.clone(),
        connection_name: view.connection_name.clone(),
        environment: view.environment,
        user_id: view.user.id.clone(),
        user_name: view.user.name.clone(),
        user_email: view.user.email.clone(),
    }
}
