//! Sessions: signing in as a user, and what follows until the window is closed.

use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Map, Value};
use understudy_gateway::PasswordQuestion;
use url::Url;

use super::Console;
use crate::access::{OffSiteChoice, OffSitePage, SessionMode};
use crate::audit::{DownloadedFile, EndCause, LatestSession, OperatorIdentity};
use crate::customer_link::TicketContext;
use crate::error::Result;
use crate::evidence::{PageCapture, PageVisit, PictureMasks, TakenEvidence};
use crate::held_back::HeldBackList;
use crate::impersonation::{self, ImpersonationRequest};
use crate::session::SessionView;
use crate::session_summary::SummaryText;
use crate::sign_in::{FormChange, SignInForm};
use crate::sign_in_test;

/// The reason of a session that shows what read-only sessions hold back, in the audit log.
const TRIAL_REASON: &str = "Trying a read-only session";

/// The reasons that Understudy itself writes into the audit log: none of these was a sign-in for a customer.
pub(super) const OWN_REASONS: [&str; 3] = [sign_in_test::REASON, TRIAL_REASON, impersonation::FORM_REASON];

impl Console {
    /// The operator's latest reasons in this connection, newest first.
    pub async fn recent_reasons(&self, id: &str) -> Result<Vec<String>> {
        let mut reasons = self.audit.recent_reasons(id, self.operator().display_name(), 7).await?;
        reasons.retain(|reason| !OWN_REASONS.contains(&reason.as_str()));
        reasons.truncate(5);
        Ok(reasons)
    }

    /// The operator's latest session in the connections that there are.
    pub async fn latest_session(&self) -> Result<Option<LatestSession>> {
        let connections: Vec<String> = self.connections.read().keys().cloned().collect();
        Ok(self.audit.latest_session(&connections, self.operator().display_name(), &OWN_REASONS).await?)
    }

    /// Signs in as a user. Only the connection, the user's ID and the reason come from outside; `given` has the
    /// operator's answers to the sign-in's form.
    pub async fn impersonate(
        &self,
        id: &str,
        user: &str,
        reason: &str,
        given: Map<String, Value>,
    ) -> Result<SessionView> {
        self.impersonate_for_ticket(id, user, reason, given, TicketContext::default()).await
    }

    /// The same, in a session that is for a ticket.
    pub async fn impersonate_for_ticket(
        &self,
        id: &str,
        user: &str,
        reason: &str,
        given: Map<String, Value>,
        ticket: TicketContext,
    ) -> Result<SessionView> {
        let reason = reason.to_owned();
        let asked = self.impersonation_request(id, user);
        self.begin_for_ticket(ImpersonationRequest { reason, given, ticket, ..asked }).await
    }

    /// The same, without the approval that the connection asks for, if its policy allows that.
    pub async fn break_glass(
        &self,
        id: &str,
        user: &str,
        reason: &str,
        given: Map<String, Value>,
        ticket: TicketContext,
    ) -> Result<SessionView> {
        let reason = reason.to_owned();
        let asked = self.impersonation_request(id, user);
        self.begin_for_ticket(ImpersonationRequest { reason, given, ticket, break_glass: true, ..asked })
            .await
    }

    async fn begin_for_ticket(&self, request: ImpersonationRequest) -> Result<SessionView> {
        request.ticket.check()?;
        self.impersonations.begin(request).await
    }

    /// Signs in as a user in a read-only session, whatever the connection says, to see what it holds back.
    pub async fn try_session(&self, id: &str, user: &str) -> Result<SessionView> {
        let request = ImpersonationRequest {
            reason: TRIAL_REASON.into(),
            read_only: true,
            ..self.impersonation_request(id, user)
        };
        self.impersonations.begin(request).await
    }

    /// Makes a window ready while the operator gives a reason for a session in this connection.
    pub async fn prepare_window(&self, id: &str) {
        self.impersonations.prepare_window(id).await;
    }

    /// Throws away a window that was made ready and that no session needs.
    pub async fn discard_spare_window(&self) {
        self.impersonations.discard_spare_window().await;
    }

    /// Forgets the application's public files that sessions of this connection share, such as scripts and pictures;
    /// returns how many there were.
    pub fn clear_cache(&self, id: &str) -> usize {
        self.impersonations.clear_cache(id)
    }

    /// The form to fill in before signing in as this user; with `change`, the form after that change.
    pub async fn sign_in_form(
        &self,
        id: &str,
        user: &str,
        change: Option<&FormChange>,
    ) -> Result<SignInForm> {
        self.impersonations.fetch_form(&self.impersonation_request(id, user), change).await
    }

    pub(super) fn impersonation_request(&self, id: &str, user: &str) -> ImpersonationRequest {
        ImpersonationRequest {
            connection: id.to_owned(),
            user: user.to_owned(),
            reason: String::new(),
            given: Map::new(),
            operator: self.operator(),
            read_only: false,
            ticket: TicketContext::default(),
            break_glass: false,
        }
    }

    pub fn sessions(&self) -> Vec<SessionView> {
        self.impersonations.sessions()
    }

    pub fn find_session(&self, session: &str) -> Result<SessionView> {
        self.impersonations.find_session(session)
    }

    pub async fn focus_session(&self, session: &str) -> Result<()> {
        self.impersonations.focus_window(session).await
    }

    pub fn retry_session(&self, session: &str) -> Result<()> {
        self.impersonations.retry_sign_in(session)
    }

    /// Extends the session by the policy's time.
    pub async fn extend_session(&self, session: &str) -> Result<SessionView> {
        self.impersonations.extend_session(session).await
    }

    /// Switches what a session may do in the application. `reason` is why it gets full access, if the policy asks for
    /// one.
    pub async fn set_session_mode(
        &self,
        session: &str,
        mode: SessionMode,
        reason: Option<&str>,
    ) -> Result<SessionView> {
        self.impersonations.set_mode(session, mode, reason).await
    }

    /// What the session's fence has held back so far.
    pub fn held_back(&self, session: &str) -> Result<HeldBackList> {
        self.impersonations.held_back(session)
    }

    /// The page that waits for the operator's answer because it leads out of the application.
    pub fn off_site_page(&self, session: &str) -> Result<Option<OffSitePage>> {
        self.impersonations.off_site_page(session)
    }

    /// The host that waits for a user name and a password.
    pub fn password_question(&self, session: &str) -> Result<Option<PasswordQuestion>> {
        self.impersonations.password_question(session)
    }

    /// Answers a host's question for a user name and a password; `None` declines it.
    pub fn answer_password(
        &self,
        session: &str,
        number: u32,
        entered: Option<(String, SecretString)>,
    ) -> Result<()> {
        self.impersonations.answer_password(session, number, entered)
    }

    /// Takes the operator's answer about the page that is shown with this URL; returns where it leads, or `None` if
    /// another one waits by now.
    pub fn answer_off_site(&self, session: &str, url: &str, choice: OffSiteChoice) -> Result<Option<Url>> {
        self.impersonations.answer_off_site(session, url, choice)
    }

    /// What is painted over before a picture of a page of this session is taken, as CSS selectors.
    pub fn picture_masks(&self, session: &str) -> Result<PictureMasks> {
        self.impersonations.picture_masks(session)
    }

    /// What of this session may leave the console, with what its window has seen; `version` is that of Understudy.
    pub async fn take_evidence(
        &self,
        session: &str,
        capture: PageCapture,
        version: &str,
    ) -> Result<TakenEvidence> {
        self.impersonations.take_evidence(session, capture, version).await
    }

    /// The pages that the session's windows have shown, oldest first.
    pub fn page_trail(&self, session: &str) -> Result<Vec<PageVisit>> {
        self.impersonations.page_trail(session)
    }

    /// Whether a text contains a secret of the session's sign-in.
    pub fn contains_secret(&self, session: &str, text: &str) -> Result<bool> {
        self.impersonations.contains_secret(session, text)
    }

    /// Notes a file that a page of the session has saved, for the audit log.
    pub fn note_download(&self, session: &str, file: DownloadedFile) {
        self.impersonations.note_download(session, file);
    }

    /// Keeps what the operator wrote for the session's ticket.
    pub fn set_session_note(&self, session: &str, note: &str) -> Result<()> {
        self.impersonations.set_note(session, note)
    }

    /// What the operator wrote for the session's ticket so far.
    pub fn session_note(&self, session: &str) -> Result<String> {
        self.impersonations.note(session)
    }

    /// What happened in a session that runs, or that has ended in this run, in words and in the operator's time zone: for
    /// the clipboard, which is recorded first.
    pub async fn copy_summary(&self, session: &str) -> Result<SummaryText> {
        let summary = self.impersonations.summarize_session(session)?;
        self.record_summary(&summary.session, "clipboard").await?;
        Ok(summary.to_text(self.clock.now_ms(), &TimeZone::system()))
    }

    pub async fn end_session(&self, session: &str, cause: EndCause) {
        self.impersonations.end_session(session, cause).await;
    }

    pub(super) fn operator(&self) -> OperatorIdentity {
        self.settings.read().operator()
    }
}
