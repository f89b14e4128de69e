//! Sessions: signing in as a user, and what follows until the window is closed.

use serde_json::{Map, Value};

use super::Console;
use crate::audit::{EndCause, OperatorIdentity};
use crate::error::Result;
use crate::impersonation::{self, ImpersonationRequest};
use crate::session::SessionView;
use crate::sign_in::{FormChange, SignInForm};
use crate::sign_in_test;

impl Console {
    /// The operator's latest reasons in this connection, newest first.
    pub async fn recent_reasons(&self, id: &str) -> Result<Vec<String>> {
        let mut reasons = self.audit.recent_reasons(id, self.operator().display_name(), 7).await?;
        reasons
            .retain(|reason| ![sign_in_test::REASON, impersonation::FORM_REASON].contains(&reason.as_str()));
        reasons.truncate(5);
        Ok(reasons)
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
        let request =
            ImpersonationRequest { reason: reason.to_owned(), given, ..self.impersonation_request(id, user) };
        self.impersonations.begin(request).await
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

    fn impersonation_request(&self, id: &str, user: &str) -> ImpersonationRequest {
        ImpersonationRequest {
            connection: id.to_owned(),
            user: user.to_owned(),
            reason: String::new(),
            given: Map::new(),
            operator: self.operator(),
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

    pub async fn end_session(&self, session: &str, cause: EndCause) {
        self.impersonations.end_session(session, cause).await;
    }

    pub(super) fn operator(&self) -> OperatorIdentity {
        self.settings.read().operator()
    }
}
