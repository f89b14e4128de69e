//! One impersonation, from Opening to Ended: a pure state machine. Time is passed in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::connection::Environment;
use crate::error::{Code, Error, Result};
use crate::plain;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Phase {
    /// The window is open and the sign-in is under way.
    Opening,
    /// The application refused; the window shows why and offers Retry.
    Refused,
    /// Signed in: the window shows the application.
    Active,
    /// Signing out; the window closes by itself.
    Ending,
}

/// Who is impersonated, for titles and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UserLabel {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

impl UserLabel {
    /// The best there is for a sentence or a title: name, else e-mail, else id; in one short line.
    pub fn best(&self) -> String {
        plain::line([&self.name, &self.email].into_iter().flatten().next().unwrap_or(&self.id), 80)
    }
}

/// A session as the console and its bar show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionView {
    pub id: String,
    /// Id of the connection.
    pub connection: String,
    pub connection_name: String,
    pub environment: Environment,
    pub user: UserLabel,
    /// What the operator gave; empty when the policy did not ask.
    pub reason: String,
    pub phase: Phase,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
    /// Milliseconds since the Unix epoch; `None` until signed in.
    #[ts(type = "number | null")]
    pub active_at: Option<i64>,
    /// Milliseconds since the Unix epoch; when it ends by itself. `None`: no limit.
    #[ts(type = "number | null")]
    pub deadline: Option<i64>,
    /// While it is refused: names of the secrets of which another value may help.
    pub refused_secrets: Vec<String>,
}

/// A running session: what is shown of it, and what may happen to it next.
///
/// ```text
/// Opening ⇄ Refused      Opening → Active      any → Ending
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    view: SessionView,
    max_minutes: Option<u32>,
    may_be_signed_in: bool,
}

impl Session {
    /// The window is about to open. `view` comes without deadline and in [`Phase::Opening`].
    pub fn opening(view: SessionView, max_minutes: Option<u32>) -> Self {
        let view = SessionView { phase: Phase::Opening, active_at: None, deadline: None, ..view };
        Self { view, max_minutes, may_be_signed_in: false }
    }

    pub fn view(&self) -> &SessionView {
        &self.view
    }

    /// The sign-in request has left: from here on the application may hold a session of ours,
    /// whatever it answers, so ending has to sign out.
    pub fn sending(&mut self) {
        self.may_be_signed_in = true;
    }

    /// Ending has something to sign out of.
    pub fn may_be_signed_in(&self) -> bool {
        self.may_be_signed_in
    }

    /// The application said no; it may be about these secrets.
    pub fn refused(&mut self, secrets: Vec<String>) -> Result<()> {
        self.step(&[Phase::Opening], Phase::Refused)?;
        self.view.refused_secrets = secrets;
        Ok(())
    }

    /// The operator tries again.
    pub fn retried(&mut self) -> Result<()> {
        self.step(&[Phase::Refused], Phase::Opening)?;
        self.view.refused_secrets.clear();
        Ok(())
    }

    /// Signed in at `now` (milliseconds since the epoch); the deadline counts from here.
    pub fn active(&mut self, now: i64) -> Result<()> {
        self.step(&[Phase::Opening], Phase::Active)?;
        self.view.active_at = Some(now);
        self.view.deadline = self.max_minutes.map(|minutes| now + i64::from(minutes) * 60_000);
        Ok(())
    }

    /// The end begins; `false` when it had begun already, so that ending runs once.
    pub fn ending(&mut self) -> bool {
        let first = self.view.phase != Phase::Ending;
        self.view.phase = Phase::Ending;
        first
    }

    fn step(&mut self, from: &[Phase], to: Phase) -> Result<()> {
        if !from.contains(&self.view.phase) {
            return Err(Error::new(
                Code::SessionUnknown,
                format!("The session is {:?} and cannot become {to:?}", self.view.phase),
            ));
        }
        self.view.phase = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(max_minutes: Option<u32>) -> Session {
        Session::opening(
            SessionView {
                id: "s1".into(),
                connection: "acme".into(),
                connection_name: "Acme".into(),
                environment: Environment::Staging,
                user: UserLabel { id: "7".into(), name: None, email: None },
                reason: "ticket 1".into(),
                phase: Phase::Active,
                started_at: 1_000,
                active_at: Some(5),
                deadline: Some(5),
                refused_secrets: vec![],
            },
            max_minutes,
        )
    }

    #[test]
    fn a_session_is_refused_retried_active_and_ended_once() {
        let mut session = session(Some(60));
        assert_eq!(session.view().phase, Phase::Opening);
        assert!(!session.may_be_signed_in());
        session.sending();
        session.refused(vec![]).expect("an opening session can be refused");
        session.retried().expect("a refused one can be retried");
        session.active(10_000).expect("an opening one can become active");
        assert_eq!(session.view().deadline, Some(10_000 + 3_600_000));
        assert!(session.may_be_signed_in());
        assert!(session.ending());
        assert!(!session.ending(), "ending runs once");
    }

    #[test]
    fn without_a_limit_there_is_no_deadline() {
        let mut session = session(None);
        session.active(1).expect("opening");
        assert_eq!(session.view().deadline, None);
    }

    #[test]
    fn what_has_begun_to_end_does_not_come_back() {
        let mut session = session(None);
        session.ending();
        assert!(session.active(1).is_err());
        assert!(session.refused(vec![]).is_err());
        assert!(session.retried().is_err());
    }
}
