//! What a running session may do in the application, and how the operator changes that.

use std::sync::Arc;

use secrecy::SecretString;
use understudy_gateway::PasswordQuestion;
use url::Url;

use super::{Impersonations, RunningSession};
use crate::access::{OffSiteChoice, OffSitePage, SessionMode};
use crate::audit::{Event, PastUnlock};
use crate::error::{Code, Error, Result};
use crate::evidence::{PageCapture, PageVisit, PictureMasks, REQUEST_LIMIT, TakenEvidence, keep_recent};
use crate::held_back::HeldBackList;
use crate::notice::Notice;
use crate::policy;
use crate::session::{Phase, SessionView};

impl Impersonations {
    /// Switches the session to this mode, as far as the policy allows, and records it in the audit log.
    pub async fn set_mode(&self, id: &str, mode: SessionMode, reason: Option<&str>) -> Result<SessionView> {
        let running = self.find_running(id)?;
        let _alone = running.switching.lock().await;
        if running.view().mode == mode {
            return Ok(running.view());
        }
        if mode == SessionMode::Full {
            let recorded = self.record_unlocking(&running, reason.unwrap_or_default().trim()).await;
            if let Err(error) = &recorded
                && error.code == Code::PolicyRefused
            {
                let denied = Event::UnlockDenied { why: error.message.clone() };
                self.log_event(&running, self.clock.now_ms(), denied).await;
            }
            recorded?;
        }
        running.lock_session().set_mode(mode, reason)?;
        if mode == SessionMode::Full {
            let reason = reason.unwrap_or_default().trim().to_owned();
            running.unlocks.lock().push(PastUnlock { at: self.clock.now_ms(), reason });
        }
        if let Some(gateway) = running.gateway() {
            gateway.set_mode(mode);
        }
        self.notify_sessions();
        if mode == SessionMode::ReadOnly {
            self.log_event(&running, self.clock.now_ms(), Event::Locked).await;
        }
        Ok(running.view())
    }

    /// Writes that the session is about to get full access, if the policy gives it.
    async fn record_unlocking(&self, running: &RunningSession, reason: &str) -> Result<()> {
        policy::check_reason_length(reason)?;
        // Asked of a copy: without the entry, nothing changes.
        let mut asked = running.lock_session().clone();
        if asked.view().phase == Phase::Ending {
            return Err(Error::new(Code::SessionUnknown, "This session is ending."));
        }
        asked.set_mode(SessionMode::Full, Some(reason))?;
        let unlocked = Event::Unlocked { reason: reason.to_owned() };
        self.write_entry(running.begun.with_event(self.clock.now_ms(), unlocked)).await.map(drop)
    }

    /// What the session's fence has held back so far.
    pub fn held_back(&self, id: &str) -> Result<HeldBackList> {
        let running = self.find_running(id)?;
        let name = &running.begun.whom.connection_name;
        Ok(running.gateway().map(|gateway| gateway.list_held_back(name)).unwrap_or_default())
    }

    /// Whether a text contains a secret of the session's sign-in, such as the token of a one-time link.
    pub fn contains_secret(&self, id: &str, text: &str) -> Result<bool> {
        let running = self.find_running(id)?;
        Ok(running.gateway().is_some_and(|gateway| gateway.contains_secret(text)))
    }

    /// What is painted over before a picture of a page of this session is taken.
    pub fn picture_masks(&self, id: &str) -> Result<PictureMasks> {
        let running = self.find_running(id)?;
        let connection = running.connection();
        let values = running.context().masked_values().to_vec();
        Ok(PictureMasks { selectors: connection.policy.access.mask.clone(), values })
    }

    /// What of this session may leave the console, with what its window has seen. Takes a while, because what was kept
    /// before a secret was known is redacted again.
    pub async fn take_evidence(
        &self,
        id: &str,
        mut capture: PageCapture,
        version: &str,
    ) -> Result<TakenEvidence> {
        let running = self.find_running(id)?;
        let gateway = Arc::clone(running.opened_gateway()?);
        let (session, now) = (running.view(), self.clock.now_ms());
        let ticket_origin = running.connection().evidence_origin().filter(|_| !session.ticket.is_empty());
        let version = version.to_owned();
        let taking = tokio::task::spawn_blocking(move || {
            for message in &mut capture.messages {
                message.text = gateway.redact_line(&message.text);
            }
            let exchanges = keep_recent(gateway.list_exchanges(REQUEST_LIMIT), now);
            let mut taken = TakenEvidence::new(session, now, capture, exchanges, gateway.trail(), &version);
            taken.view.ticket_origin = ticket_origin;
            taken
        });
        taking.await.map_err(Error::internal)
    }

    /// The pages that the session's windows have shown, oldest first.
    pub fn page_trail(&self, id: &str) -> Result<Vec<PageVisit>> {
        let running = self.find_running(id)?;
        Ok(running.gateway().map(|gateway| gateway.trail()).unwrap_or_default())
    }

    /// The page that waits for the operator's answer because it leads out of the application.
    pub fn off_site_page(&self, id: &str) -> Result<Option<OffSitePage>> {
        let running = self.find_running(id)?;
        Ok(running.gateway().and_then(|gateway| gateway.off_site_page()))
    }

    /// The host that waits for a user name and a password.
    pub fn password_question(&self, id: &str) -> Result<Option<PasswordQuestion>> {
        let running = self.find_running(id)?;
        Ok(running.gateway().and_then(|gateway| gateway.password_question()))
    }

    /// Answers the question with this number, if it still waits: with a user name and a password, or with `None` to
    /// decline.
    pub fn answer_password(
        &self,
        id: &str,
        number: u32,
        entered: Option<(String, SecretString)>,
    ) -> Result<()> {
        let running = self.find_running(id)?;
        match (running.gateway(), entered) {
            (Some(gateway), Some((user, password))) => gateway.enter_password(number, user, password),
            (Some(gateway), None) => gateway.decline_password(number),
            (None, _) => {}
        }
        Ok(())
    }

    /// Takes the operator's answer about the page that is shown with this URL; returns where it leads, or `None` if
    /// another one waits by now: a page could otherwise swap it while the operator reads.
    pub fn answer_off_site(&self, id: &str, url: &str, choice: OffSiteChoice) -> Result<Option<Url>> {
        let running = self.find_running(id)?;
        let Some(gateway) = running.gateway() else { return Ok(None) };
        let target = gateway.take_off_site_target(url, choice)?;
        if let (Some(host), OffSiteChoice::GoThere) = (target.as_ref().and_then(Url::host_str), choice) {
            gateway.allow_host(host);
        }
        self.notices.send(Notice::SessionAccess(running.id.clone()));
        Ok(target)
    }
}
