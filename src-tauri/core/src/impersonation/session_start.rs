//! Begins a session: reads the user, asks the policy, writes *begun*, opens the window.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, mpsc};
use uuid::Uuid;

use super::context::add_email_hint;
use super::denial::Denial;
use super::session_gateway::SessionGateway;
use super::spare_window::SpareWindow;
use super::{
    FoundApproval, ImpersonationRequest, Impersonations, NeededApproval, RunningSession, quitting_error,
    read_user, template_context, to_subject, user_label,
};
use crate::audit::{EndCause, Entry};
use crate::browser::WindowOptions;
use crate::connection::Connection;
use crate::directories::OpenConnection;
use crate::directory::{OpenDirectory, Row};
use crate::error::{Code, Error, Result};
use crate::launch::{LaunchPage, LaunchPress};
use crate::notice::Notice;
use crate::policy::PolicyRefusal;
use crate::session::{Phase, Session, SessionLimit, SessionView, UserLabel};
use crate::template::SignInContext;
use crate::{policy, sign_in};

/// Held while a session begins.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// A lock for each user of a connection, so that two quick keystrokes open one window. Other users don't wait for it.
#[derive(Default)]
pub(super) struct ImpersonationTurns(Mutex<HashMap<(String, String), Turn>>);

impl ImpersonationTurns {
    async fn take_turn(&self, connection: &str, user: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock();
            // Drops locks that no one holds or waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry((connection.to_owned(), user.to_owned())).or_default())
        };
        turn.lock_owned().await
    }
}

/// What is known before anything is written or opened.
struct PreparedSession {
    connection: Arc<Connection>,
    user: UserLabel,
    context: SignInContext,
    reason: String,
    id: String,
    /// A window that is ready for it.
    spare: Option<SpareWindow>,
    /// Used once the session's first entry is where it has to be.
    approval: Option<FoundApproval>,
}

impl Impersonations {
    /// Begins an impersonation and returns as soon as its window is open; the sign-in continues in the background. If
    /// the same user of the same connection already has a session, its window comes to the front.
    ///
    /// Fails with [`Code::Cancelled`] once Understudy is quitting.
    pub async fn begin(self: &Arc<Self>, request: ImpersonationRequest) -> Result<SessionView> {
        // Quitting waits for this token.
        let _beginning = self.beginning.token();
        let ready = async {
            let turn = self.turns.take_turn(&request.connection, &request.user).await;
            if let Some(view) = self.running_for(&request.connection, &request.user) {
                return Ok((turn, Err(view)));
            }
            Ok::<_, Error>((turn, Ok(self.prepare_session(&request).await?)))
        };
        let (_turn, prepared) = tokio::select! {
            biased;
            () = self.quitting.cancelled() => return Err(quitting_error()),
            ready = ready => ready?,
        };
        match prepared {
            Err(view) => {
                self.browser.focus_window(&view.id).await?;
                Ok(view)
            }
            Ok(prepared) => self.open_session(request, prepared).await,
        }
    }

    /// Reads the user and asks the policy.
    async fn prepare_session(&self, request: &ImpersonationRequest) -> Result<PreparedSession> {
        let OpenConnection { connection, directory } = self.open_requested(request).await?;
        let row = read_user(&directory, &request.user).await?;
        let spare = self.take_spare_window(&connection).await;
        let judged = match judge_session(request, Arc::clone(&connection), &directory, &row, spare.as_ref()) {
            Ok(prepared) => self.find_approval(request, prepared).await,
            Err(denial) => Err(denial),
        };
        match judged {
            Ok(prepared) => Ok(PreparedSession { spare, ..prepared }),
            Err(denial) => {
                if let Some(spare) = spare {
                    self.close_spare_window(spare).await;
                }
                Err(self.record_denial(request, &connection, *denial).await)
            }
        }
    }

    /// Finds the approval that this session needs, if its connection asks for one.
    async fn find_approval(
        &self,
        request: &ImpersonationRequest,
        prepared: PreparedSession,
    ) -> Result<PreparedSession, Box<Denial>> {
        let PreparedSession { connection, user, reason, .. } = &prepared;
        if connection.policy.approval.is_none() {
            return Ok(prepared);
        }
        let needed = NeededApproval {
            connection,
            user,
            mode: connection.policy.access.mode,
            operator: &request.operator,
            reason,
            ticket: &request.ticket.ticket,
            break_glass: request.break_glass,
        };
        let found = match self.connection_provider() {
            Ok(provider) => provider.find_approval(needed).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(approval) => Ok(PreparedSession { approval, ..prepared }),
            Err(error) => {
                let refusal = PolicyRefusal::not_approved(error);
                Err(Box::new(Denial { user: prepared.user, refusal }))
            }
        }
    }

    /// Whom this request is about, if the policy has nothing against a session. Records a refusal.
    pub(crate) async fn judge_request(
        &self,
        request: &ImpersonationRequest,
    ) -> Result<(Arc<Connection>, UserLabel)> {
        let OpenConnection { connection, directory } = self.open_requested(request).await?;
        let row = read_user(&directory, &request.user).await?;
        match judge_session(request, Arc::clone(&connection), &directory, &row, None) {
            Ok(prepared) => Ok((connection, prepared.user)),
            Err(denial) => Err(self.record_denial(request, &connection, *denial).await),
        }
    }

    /// Writes *begun*, then opens the window.
    async fn open_session(
        self: &Arc<Self>,
        request: ImpersonationRequest,
        prepared: PreparedSession,
    ) -> Result<SessionView> {
        let PreparedSession { connection, user, context, reason, id, spare, approval } = prepared;
        let view = SessionView {
            id: id.clone(),
            connection: connection.id.clone(),
            connection_name: connection.file.name.clone(),
            environment: connection.file.environment,
            user,
            reason,
            phase: Phase::Opening,
            started_at: self.clock.now_ms(),
            active_at: None,
            deadline: None,
            extensions_left: 0,
            refused_secrets: Vec::new(),
            ticket_origin: connection.ticket_origin().filter(|_| !request.ticket.ticket.is_empty()),
            ticket: request.ticket.ticket.clone(),
            mode: connection.policy.access.mode,
            may_unlock: connection.policy.access.may_unlock,
        };
        let begun = Entry::for_new_session(
            view.started_at,
            &id,
            request.operator.clone(),
            to_subject(&view),
            &view.reason,
        )
        .with_mode(view.mode)
        .with_ticket(&view.ticket);
        let session = Session::new(view, SessionLimit::from(&connection.policy));
        let view = session.view().clone();
        let running = Arc::new(RunningSession::new(request, begun, session, connection, context));
        let pressed = spare.map(|spare| {
            running.attach_gateway(spare.gateway);
            spare.pressed
        });

        // The entry comes first: without it, no window is shown and no one is signed in.
        let written = match self.write_entry(running.begun.clone()).await {
            Ok(written) => written,
            Err(error) => {
                self.discard_window(&running).await;
                return Err(error);
            }
        };
        // An approval is used last: it is not lost where the session does not begin.
        let permitted = async {
            self.await_team_log(&written).await?;
            match approval {
                Some(found) => self.connection_provider()?.use_approval(found).await,
                None => Ok(()),
            }
        };
        if let Err(error) = permitted.await {
            self.discard_window(&running).await;
            self.log_event(&running, self.clock.now_ms(), EndCause::NeverOpened.into()).await;
            return Err(error);
        }
        if !self.add_running(&running) {
            self.discard_window(&running).await;
            self.log_event(&running, self.clock.now_ms(), EndCause::NeverOpened.into()).await;
            return Err(quitting_error());
        }
        let opened = self.open_window(&running, pressed).await;
        if running.stop.is_cancelled() || (opened.is_err() && !running.lock_session().begin_ending()) {
            // The session was ended while its window opened, and that end writes the log. A window that came up
            // afterwards is closed.
            self.discard_window(&running).await;
            let mut ended = running.ended.subscribe();
            // Cannot fail: `running`, held here, owns the sender.
            let _ = ended.wait_for(|ended| *ended).await;
            return Ok(running.view());
        }
        if let Err(error) = opened {
            self.lock_running().remove(&id);
            self.discard_window(&running).await;
            self.log_event(&running, self.clock.now_ms(), EndCause::NeverOpened.into()).await;
            running.ended.send_replace(true);
            return Err(error);
        }
        self.notify_sessions();
        self.keep_recording(&running);
        tokio::spawn(Arc::clone(self).sign_in_until_done(Arc::clone(&running)));
        Ok(view)
    }

    /// Adds it to the running sessions; `false` if Understudy is quitting.
    fn add_running(&self, running: &Arc<RunningSession>) -> bool {
        let mut all = self.lock_running();
        // Checked under the lock: quitting ends every session that is in the list by then.
        if self.quitting.is_cancelled() {
            return false;
        }
        all.insert(running.id.clone(), Arc::clone(running));
        true
    }

    async fn discard_window(&self, running: &RunningSession) {
        self.browser.close_window(&running.id).await;
        running.close_gateway().await;
    }

    /// Opens the session's window, or the one that is ready for it, whose launch page's presses are in `pressed`.
    async fn open_window(
        self: &Arc<Self>,
        running: &RunningSession,
        pressed: Option<mpsc::UnboundedReceiver<LaunchPress>>,
    ) -> Result<()> {
        let was_ended = || Error::new(Code::SessionUnknown, "This session has ended.");
        // Values that cannot be rendered for this user are reported here, before a window opens.
        let context = tokio::select! {
            biased;
            () = running.stop.cancelled() => return Err(was_ended()),
            secrets = self.with_secrets(running) => secrets?,
        };
        sign_in::render_outline(&running.connection(), &context.rendered())
            .map_err(|error| add_email_hint(error, &running.request.operator.operator_email))?;
        if running.stop.is_cancelled() {
            return Err(was_ended());
        }
        let pressed = if let Some(pressed) = pressed {
            pressed
        } else {
            let (page, pressed) = LaunchPage::create(running.busy_view());
            let connection = running.connection();
            let started =
                Box::pin(SessionGateway::start(&running.id, page, &connection, self.gateway_surroundings()));
            running.attach_gateway(started.await?);
            pressed
        };
        self.listen_to_launch_page(&running.id, pressed);
        let gateway = running.opened_gateway()?;
        // It may have been switched since the gateway started.
        let switching = running.switching.lock().await;
        gateway.set_mode(running.view().mode);
        drop(switching);
        gateway.launch().page().show_view(running.busy_view());
        let opening = WindowOptions {
            origin: running.first_origin(),
            launch: gateway.launch(),
            gateway: gateway.gateway(),
        };
        self.browser.open_window(&running.view(), &opening).await?;
        gateway.launch().page().wait_until_ready().await
    }

    /// Does what the operator presses on a session's launch page.
    fn listen_to_launch_page(
        self: &Arc<Self>,
        session: &str,
        mut pressed: mpsc::UnboundedReceiver<LaunchPress>,
    ) {
        let (this, session) = (Arc::clone(self), session.to_owned());
        tokio::spawn(async move {
            while let Some(press) = pressed.recv().await {
                match press {
                    // A session that has ended cannot be tried again.
                    LaunchPress::Retry => drop(this.retry_sign_in(&session)),
                    LaunchPress::RenewSecret => this.notices.send(Notice::RenewSecret(session.clone())),
                    LaunchPress::Close => this.end_session(&session, EndCause::Operator).await,
                }
            }
        });
    }
}

/// Judges the user, and gives the session the ID of its spare window, if there is one.
fn judge_session(
    request: &ImpersonationRequest,
    connection: Arc<Connection>,
    directory: &OpenDirectory,
    row: &Row,
    spare: Option<&SpareWindow>,
) -> Result<PreparedSession, Box<Denial>> {
    let id = spare.map_or_else(|| Uuid::now_v7().to_string(), |spare| spare.id.clone());
    let reason = request.reason.trim().to_owned();
    let info = directory.info();
    let mode = connection.policy.access.mode;
    let context = template_context(&request.session_facts(&connection, &reason, &id, mode), &info, row);
    let user = user_label(&info, &context, row);
    if let Err(refusal) = policy::enforce_policy(&connection.policy, &reason, &context.rendered(), &info, row)
    {
        return Err(Box::new(Denial { user, refusal }));
    }
    Ok(PreparedSession { connection, user, context, reason, id, spare: None, approval: None })
}
