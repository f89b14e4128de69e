//! One attempt of a session to sign in: what it reads again before, and what its window does that no client could.

use std::sync::Arc;

use async_trait::async_trait;
use url::{Origin, Url};

use super::context::add_email_hint;
use super::denial::Denial;
use super::driver::{LinkArrival, LinkEnd, LinkFailure, SignInDriver, SignInWindow, SignedIn};
use super::{Impersonations, RunningSession, read_user, template_context, user_label};
use crate::audit::Event;
use crate::browser::{FirstPage, Refusal, Unanswered};
use crate::directories::OpenConnection;
use crate::error::{Code, Error, Result};
use crate::policy;
use crate::session::{SessionLimit, SessionView};

/// The window of a session.
struct WindowOfSession<'a> {
    impersonations: &'a Impersonations,
    running: &'a RunningSession,
}

impl Impersonations {
    /// Signs in once. After a refusal, the window is still on its launch page, or on the page that a one-time link led
    /// to. A refusal contains no secret. A success is in the audit log already.
    pub(super) async fn attempt_sign_in(
        &self,
        running: &Arc<RunningSession>,
        is_first: bool,
    ) -> Result<SignedIn, Refusal> {
        let email = &running.request.operator.operator_email;
        let in_words = |error: Error| Refusal::from(add_email_hint(error, email));
        // For the first attempt, the user has just been read.
        if !is_first {
            self.look_again(running).await.map_err(in_words)?;
        }
        let mut context = self.with_secrets(running).await.map_err(in_words)?;
        running.keep_sign_out_secrets(&context);
        let driver = running.driver(&self.clock).map_err(in_words)?;
        running.lock_session().mark_sent();
        let window = WindowOfSession { impersonations: self, running };
        let mut signed_in = driver.sign_in(&window, &mut context).await?;
        signed_in.begin = signed_in.begin.map(|begin| running.request.ticket.choose_start(begin));
        // The application will be told of what happens from here on, even if Understudy crashes.
        self.keep_notification(running, self.clock.now_ms(), None).await.map_err(in_words)?;
        // *Active* is written before the page is shown: nothing happens that the log does not know.
        let active = running.begun.with_event(self.clock.now_ms(), Event::Active);
        self.write_entry(active).await.map_err(in_words)?;
        running.lock_session().mark_active(self.clock.now()).map_err(in_words)?;
        driver.gateway.ask_for_passwords();
        Ok(signed_in)
    }

    /// Reads the connection, its policy and the user again before another attempt.
    async fn look_again(&self, running: &Arc<RunningSession>) -> Result<()> {
        // With the connection that began them.
        running.driver(&self.clock)?.end_steps_before(self.context_of_sign_out(running)).await;
        let (request, connections) = (&running.request, self.connection_provider()?);
        // Checked before anything is opened that this window could not use, and again with what was opened.
        running.can_go_on(&request.restrict_mode(connections.find_connection(&request.connection)?))?;
        let OpenConnection { connection, directory } = self.open_requested(request).await?;
        running.can_go_on(&connection)?;
        let row = read_user(&directory, &request.user).await?;
        let SessionView { reason, mode, .. } = running.view();
        let info = directory.info();
        let facts = request.session_facts(&connection, &reason, &running.id, mode);
        let context = template_context(&facts, &info, &row);
        let (shown, now) = (running.view().user, user_label(&info, &context, &row));
        if shown != now {
            let message =
                "The user has changed since this window was opened. It still shows the old name or address.";
            return Err(
                Error::new(Code::UserNotFound, message).with_hint("Close this window and sign in again.")
            );
        }
        let judged = policy::enforce_policy(&connection.policy, &reason, &context.rendered(), &info, &row);
        if let Err(refusal) = judged {
            let denial = Denial { user: user_label(&info, &context, &row), refusal };
            return Err(self.record_denial(&running.request, &connection, denial).await);
        }
        let origin = &connection.sign_in.origin;
        let is_at = running.launch_page().as_ref() == Some(origin);
        if !is_at {
            self.return_to_launch_page(running, origin).await?;
        }
        running.lock_session().set_limit(SessionLimit::from(&connection.policy));
        running.stand_on(connection, context);
        Ok(())
    }

    /// Replaces the launch page by this one.
    pub(super) async fn show_page(&self, running: &RunningSession, page: FirstPage<'_>) -> Result<()> {
        let (FirstPage::Start(url) | FirstPage::Link(url)) = page;
        self.browser.expect_page(&running.id, page).await?;
        *running.launch_page() = None;
        running.opened_gateway()?.launch().page().leave_for(url).await
    }

    /// Discards what the window has of the application, and loads its launch page again.
    pub(super) async fn return_to_launch_page(
        &self,
        running: &RunningSession,
        origin: &Origin,
    ) -> Result<()> {
        let gateway = running.opened_gateway()?;
        gateway.launch().page().reopen();
        drop(gateway.cookies().take_all());
        self.browser.return_to_launch_page(&running.id, origin).await?;
        gateway.launch().page().wait_until_ready().await?;
        *running.launch_page() = Some(origin.clone());
        Ok(())
    }
}

#[async_trait]
impl SignInWindow for WindowOfSession<'_> {
    async fn open_link(
        &self,
        driver: &SignInDriver,
        link: &Url,
        arrival: LinkArrival,
    ) -> Result<LinkEnd, LinkFailure> {
        let running = self.running;
        let shown = self.impersonations.show_page(running, FirstPage::Link(link)).await;
        shown.map_err(LinkFailure::Error)?;
        let limit = driver.connection.sign_in.timeout;
        let arrived = match tokio::time::timeout(limit, arrival).await {
            Ok(Ok(arrived)) => arrived,
            Ok(Err(_)) => Err(LinkFailure::Unanswered(Unanswered::Closed)),
            Err(_) => Err(LinkFailure::Unanswered(Unanswered::TimedOut)),
        };
        // Wherever the link has led, from here on the session's own mode holds.
        let switching = running.switching.lock().await;
        driver.gateway.set_mode(running.view().mode);
        drop(switching);
        arrived.map(|()| LinkEnd::Application)
    }
}
