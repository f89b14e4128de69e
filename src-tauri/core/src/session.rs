//! The state of one impersonation, from Opening to Ended: a pure state machine. The time is passed in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::access::{SessionMode, UnlockRule};
use crate::audit::EndCause;
use crate::clock::Moment;
use crate::connection::{Environment, Policy};
use crate::directory::{Column, Info, Role, Row};
use crate::error::{Code, Error, Result};
use crate::sanitize;

/// How long before its end a session warns, in milliseconds; a short session warns at half its time.
const WARNING_MS: i64 = 120_000;

/// The longest time that a refused window stays open, in milliseconds, because the application may have a session for
/// it.
const REFUSED_MS: i64 = 15 * 60_000;

/// The stage of a session.
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
    /// Signing out; after that, the window closes by itself.
    Ending,
}

/// Who is impersonated, for titles and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UserLabel {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    /// The company that the user belongs to, if the database has it.
    pub company: Option<String>,
}

impl UserLabel {
    /// A user by what the directory says, without the rules of templates.
    pub(crate) fn of_row(info: &Info, row: &Row) -> Self {
        let said = |wanted: fn(&Column) -> bool| {
            let at = info.columns.iter().position(wanted)?;
            row.cells.get(at)?.clone().filter(|text| !text.trim().is_empty())
        };
        Self {
            id: row.id.clone(),
            name: said(|column| column.role == Role::Name),
            email: said(|column| column.role == Role::Email),
            company: said(|column| column.company),
        }
    }

    /// The best name for a sentence or a title, as one short line: name, else email address, else ID.
    pub fn display_name(&self) -> String {
        sanitize::sanitize_line(
            [&self.name, &self.email].into_iter().flatten().next().unwrap_or(&self.id),
            80,
        )
    }

    /// What distinguishes this user from another one with the same [`Self::display_name`], as one short line: email
    /// address, else company, else ID. `None` if there is nothing else.
    pub fn distinguishing_label(&self) -> Option<String> {
        let best = self.display_name();
        [&self.email, &self.company, &Some(self.id.clone())]
            .into_iter()
            .flatten()
            .map(|text| sanitize::sanitize_line(text, 80))
            .find(|text| *text != best)
    }
}

/// A session as the console and its bar show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionView {
    pub id: String,
    /// The connection's ID.
    pub connection: String,
    pub connection_name: String,
    pub environment: Environment,
    pub user: UserLabel,
    /// What the operator entered; may be empty if the policy does not require a reason.
    pub reason: String,
    /// The ticket that it is for, as a link named it; may be empty.
    pub ticket: String,
    /// The origin of the helpdesk that its summary can be sent to; `None` without a ticket, or if the connection does not
    /// say how.
    pub ticket_origin: Option<String>,
    pub phase: Phase,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
    /// Milliseconds since the Unix epoch; `None` until signed in.
    #[ts(type = "number | null")]
    pub active_at: Option<i64>,
    /// When the session ends automatically, in milliseconds since the Unix epoch; `None`: no limit.
    #[ts(type = "number | null")]
    pub deadline: Option<i64>,
    /// How many times the operator may still extend the session; 0 if it has no deadline.
    pub extensions_left: u32,
    /// While refused: the names of secrets for which another value may help.
    pub refused_secrets: Vec<String>,
    /// What the session may do in the application now.
    pub mode: SessionMode,
    /// Whether the operator may switch it to full access.
    pub may_unlock: UnlockRule,
}

/// A session that has ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct EndedSession {
    /// The session as it was when it ended.
    pub session: SessionView,
    pub cause: EndCause,
    /// Why the application may still have the session open, in one sentence; `None` if the sign-out succeeded, and if
    /// there was nothing to sign out of.
    pub sign_out_failed: Option<String>,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub ended_at: i64,
}

/// A running session: its view, and the transitions it allows.
///
/// ```text
/// Opening ⇄ Refused      Opening → Active      any → Ending
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    view: SessionView,
    /// [`SessionView::deadline`] on both clocks.
    deadline: Option<Moment>,
    limit: SessionLimit,
    may_be_signed_in: bool,
}

/// How long a session may last, according to the connection's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// `None`: no limit.
    pub minutes: Option<u32>,
    /// How often it may be extended by that time.
    pub extensions: u32,
}

impl From<&Policy> for SessionLimit {
    fn from(policy: &Policy) -> Self {
        Self { minutes: policy.max_minutes, extensions: policy.max_extensions }
    }
}

impl SessionLimit {
    /// Without a limit, there is nothing to extend.
    fn extensions_at_first(self) -> u32 {
        if self.minutes.is_some() { self.extensions } else { 0 }
    }

    fn as_ms(self) -> Option<i64> {
        self.minutes.map(|minutes| i64::from(minutes) * 60_000)
    }
}

impl Session {
    /// A session whose window is about to open. `view` has no deadline and is in [`Phase::Opening`].
    pub fn new(view: SessionView, limit: SessionLimit) -> Self {
        let extensions_left = limit.extensions_at_first();
        let view =
            SessionView { phase: Phase::Opening, active_at: None, deadline: None, extensions_left, ..view };
        Self { view, deadline: None, limit, may_be_signed_in: false }
    }

    pub fn view(&self) -> &SessionView {
        &self.view
    }

    /// The sign-in request is being sent. From here on the application may have a session, whatever it answers, so
    /// ending must sign out.
    pub fn mark_sent(&mut self) {
        self.may_be_signed_in = true;
    }

    /// Whether there may be a session to sign out of.
    pub fn may_be_signed_in(&self) -> bool {
        self.may_be_signed_in
    }

    /// The application refused at `now`, possibly because of these secrets. If no one retries, the window closes after
    /// 15 minutes, or after the policy's time if that is shorter.
    pub fn mark_refused(&mut self, now: Moment, secrets: Vec<String>) -> Result<()> {
        self.change_phase(&[Phase::Opening], Phase::Refused)?;
        self.view.refused_secrets = secrets;
        self.set_deadline(Some(now.add_ms(REFUSED_MS.min(self.limit.as_ms().unwrap_or(REFUSED_MS)))));
        Ok(())
    }

    /// The operator retries.
    pub fn begin_retry(&mut self) -> Result<()> {
        self.change_phase(&[Phase::Refused], Phase::Opening)?;
        self.view.refused_secrets.clear();
        self.set_deadline(None);
        Ok(())
    }

    /// Applies the connection's current policy before the operator is signed in.
    pub fn set_limit(&mut self, limit: SessionLimit) {
        self.limit = limit;
        self.view.extensions_left = limit.extensions_at_first();
    }

    /// Signed in at `now`; the deadline is counted from here.
    pub fn mark_active(&mut self, now: Moment) -> Result<()> {
        self.change_phase(&[Phase::Opening], Phase::Active)?;
        self.view.active_at = Some(now.wall_ms);
        self.set_deadline(self.limit.as_ms().map(|ms| now.add_ms(ms)));
        Ok(())
    }

    /// Updates the displayed deadline to the wall clock at `now`, which may have been set. Returns whether that moved
    /// it by more than the clocks' usual difference.
    pub fn show_deadline(&mut self, now: Moment) -> bool {
        const SLACK_MS: u64 = 2_000;
        let (Some(at), Some(shown)) = (self.deadline, self.view.deadline) else { return false };
        let there = at.to_wall_time(now);
        let moved = there.abs_diff(shown) > SLACK_MS;
        if moved {
            self.view.deadline = Some(there);
        }
        moved
    }

    /// When the session ends automatically.
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// When to warn the operator that it ends soon; `None` without a deadline.
    pub fn warning_at(&self) -> Option<Moment> {
        Some(self.deadline?.add_ms(-WARNING_MS.min(self.limit.as_ms()? / 2)))
    }

    fn set_deadline(&mut self, deadline: Option<Moment>) {
        self.deadline = deadline;
        self.view.deadline = deadline.map(|at| at.wall_ms);
    }

    /// By how many minutes the operator may extend the session now. Fails if they may not.
    pub fn may_extend(&self) -> Result<u32> {
        let no = |message: &str| Err(Error::new(Code::PolicyRefused, message));
        match (self.view.phase, self.limit.minutes) {
            (Phase::Active, Some(minutes)) if self.view.extensions_left > 0 => Ok(minutes),
            (Phase::Active, Some(_)) => no("This session can't be extended again.").map_err(|error| {
                error.with_hint("Finish here, or sign in again with a new reason when it has ended.")
            }),
            (Phase::Active, None) => no("This session has no time limit."),
            _ => no("Only a session that is signed in can be extended."),
        }
    }

    /// Extends the deadline by the policy's time. Fails like [`Self::may_extend`], and then changes nothing.
    pub fn extend_deadline(&mut self) -> Result<()> {
        let minutes = self.may_extend()?;
        self.view.extensions_left -= 1;
        self.set_deadline(self.deadline.map(|at| at.add_ms(i64::from(minutes) * 60_000)));
        Ok(())
    }

    /// Switches what the session may do. Full access needs what the policy asks for; giving it up is always possible.
    pub fn set_mode(&mut self, mode: SessionMode, reason: Option<&str>) -> Result<()> {
        if mode == SessionMode::Full && self.view.mode == SessionMode::ReadOnly {
            let has_reason = reason.is_some_and(|reason| !reason.trim().is_empty());
            match self.view.may_unlock {
                UnlockRule::Never => {
                    return Err(Error::new(
                        Code::PolicyRefused,
                        "This connection's policy keeps its sessions read-only.",
                    )
                    .with_hint(
                        "If you need to change something, ask the person who looks after the connection.",
                    ));
                }
                UnlockRule::WithReason if !has_reason => {
                    return Err(Error::new(Code::ReasonRequired, "Full access requires a reason.")
                        .with_hint(
                            "Say in a few words what you need to change. It is recorded in the audit log.",
                        ));
                }
                UnlockRule::WithReason | UnlockRule::Always => {}
            }
        }
        self.view.mode = mode;
        Ok(())
    }

    /// Begins the end; `false` if it has already begun, so that ending runs once.
    pub fn begin_ending(&mut self) -> bool {
        let first = self.view.phase != Phase::Ending;
        self.view.phase = Phase::Ending;
        first
    }

    fn change_phase(&mut self, from: &[Phase], to: Phase) -> Result<()> {
        if !from.contains(&self.view.phase) {
            let stands = match self.view.phase {
                Phase::Opening => "is still signing in",
                Phase::Refused => "was refused",
                Phase::Active => "is signed in",
                Phase::Ending => "is ending",
            };
            return Err(Error::new(
                Code::SessionUnknown,
                format!("This is not possible now: the session {stands}."),
            ));
        }
        self.view.phase = to;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::Clock;

    /// A session as people see it.
    pub(crate) fn example_view() -> SessionView {
        session(None).view().clone()
    }

    fn at(ms: i64) -> Moment {
        Clock::manual(0).now().add_ms(ms)
    }

    fn session(minutes: Option<u32>) -> Session {
        Session::new(
            SessionView {
                id: "s1".into(),
                connection: "acme".into(),
                connection_name: "Acme".into(),
                environment: Environment::Staging,
                user: UserLabel { id: "7".into(), name: None, email: None, company: None },
                reason: "cannot pay".into(),
                ticket: "4711".into(),
                ticket_origin: None,
                phase: Phase::Active,
                started_at: 1_000,
                active_at: Some(5),
                deadline: Some(5),
                extensions_left: 9,
                refused_secrets: vec![],
                mode: SessionMode::Full,
                may_unlock: UnlockRule::Always,
            },
            SessionLimit { minutes, extensions: 2 },
        )
    }

    #[test]
    fn a_session_is_refused_retried_active_and_ended_once() {
        let mut session = session(Some(60));
        assert_eq!(session.view().phase, Phase::Opening);
        assert!(!session.may_be_signed_in());
        session.mark_sent();
        session.mark_refused(at(5_000), vec![]).expect("an opening session can be refused");
        session.begin_retry().expect("a refused one can be retried");
        session.mark_active(at(10_000)).expect("an opening one can become active");
        assert_eq!(session.view().deadline, Some(10_000 + 3_600_000));
        assert!(session.may_be_signed_in());
        assert!(session.begin_ending());
        assert!(!session.begin_ending(), "ending runs once");
    }

    #[test]
    fn two_users_of_one_name_are_told_apart_by_the_best_there_is() {
        let label = |name: Option<&str>, email: Option<&str>, company: Option<&str>| {
            let [name, email, company] = [name, email, company].map(|text| text.map(str::to_owned));
            UserLabel { id: "7".into(), name, email, company }
        };
        let apart = |label: UserLabel| (label.display_name(), label.distinguishing_label());
        let told = |best: &str, apart: &str| (best.to_owned(), Some(apart.to_owned()));
        assert_eq!(apart(label(Some("Ada"), Some("a@x"), Some("X"))), told("Ada", "a@x"));
        assert_eq!(apart(label(Some("Ada"), None, Some("X"))), told("Ada", "X"));
        assert_eq!(apart(label(Some("Ada"), None, None)), told("Ada", "7"));
        assert_eq!(apart(label(None, Some("a@x"), Some("X"))), told("a@x", "X"));
        assert_eq!(apart(label(Some("a@x"), Some("a@x"), None)), told("a@x", "7"));
        assert_eq!(apart(label(None, None, None)), ("7".to_owned(), None));
    }

    #[test]
    fn without_a_limit_there_is_no_deadline() {
        let mut session = session(None);
        session.mark_active(at(1)).expect("opening");
        assert_eq!((session.view().deadline, session.view().extensions_left), (None, 0));
        assert_eq!(session.warning_at(), None);
        assert!(session.extend_deadline().is_err());
    }

    #[test]
    fn its_end_is_told_two_minutes_before_or_at_half_of_a_short_time() {
        for (minutes, before_ms) in [(1, 30_000), (3, 90_000), (4, 120_000), (5, 120_000), (1440, 120_000)] {
            let mut session = session(Some(minutes));
            session.mark_active(at(0)).expect("opening");
            let deadline = i64::from(minutes) * 60_000;
            assert_eq!(session.warning_at(), Some(at(deadline - before_ms)), "{minutes} minutes");
        }
    }

    #[test]
    fn it_is_given_its_time_again_as_often_as_the_policy_says() {
        let mut session = session(Some(10));
        assert!(session.extend_deadline().is_err(), "it is not signed in yet");
        session.mark_active(at(0)).expect("opening");
        for (left, deadline) in [(1, 1_200_000), (0, 1_800_000)] {
            session.extend_deadline().expect("it may");
            assert_eq!((session.view().extensions_left, session.view().deadline), (left, Some(deadline)));
        }
        assert_eq!(session.extend_deadline().expect_err("that was all").code, Code::PolicyRefused);
        assert_eq!(session.view().deadline, Some(1_800_000));
        assert_eq!(session.warning_at(), Some(at(1_680_000)));
    }

    #[test]
    fn what_has_begun_to_end_does_not_come_back() {
        let mut session = session(None);
        session.begin_ending();
        assert!(session.mark_active(at(1)).is_err());
        assert!(session.mark_refused(at(5_000), vec![]).is_err());
        assert!(session.begin_retry().is_err());
    }

    #[test]
    fn a_refused_window_does_not_stay_for_ever() {
        for (minutes, ms) in [(None, 900_000), (Some(60), 900_000), (Some(1), 60_000)] {
            let mut session = session(minutes);
            session.mark_refused(at(1_000), vec![]).expect("opening");
            assert_eq!(session.deadline(), Some(at(1_000 + ms)), "{minutes:?}");
            assert!(session.extend_deadline().is_err());
            session.begin_retry().expect("refused");
            assert_eq!((session.deadline(), session.view().deadline), (None, None));
        }
    }
}
