//! What a session's ticket is told: the operator's note, and a summary of what happened.

use super::{Impersonations, RunningSession};
use crate::access::SessionMode;
use crate::audit::PastUnlock;
use crate::error::{Code, Error, Result};
use crate::session_summary::{EvidenceUse, NOTE_LIMIT, SessionSummary, SummarizedEnd};

impl Impersonations {
    /// Keeps what the operator wrote for the ticket, in place of what was there. It is in memory only.
    pub fn set_note(&self, id: &str, note: &str) -> Result<()> {
        let running = self.find_running(id)?;
        if note.chars().count() > NOTE_LIMIT {
            return Err(Error::new(Code::PolicyRefused, "The note is too long.")
                .with_hint(format!("Keep it under {NOTE_LIMIT} characters.")));
        }
        note.clone_into(&mut running.note.lock());
        Ok(())
    }

    /// What the operator wrote for the ticket so far.
    pub fn note(&self, id: &str) -> Result<String> {
        Ok(self.find_running(id)?.note.lock().clone())
    }

    /// Takes note that evidence of a session has left Understudy. Its session may have ended before.
    pub fn note_evidence(&self, id: &str, how: &str) {
        let used = EvidenceUse { at: self.clock.now_ms(), how: how.to_owned() };
        match self.find_running(id) {
            Ok(running) => running.evidence.lock().push(used),
            Err(_) => self.summaries.note_evidence(id, used),
        }
    }

    /// What happened in a session that runs, or that has ended in this run.
    pub fn summarize_session(&self, id: &str) -> Result<SessionSummary> {
        if let Some(summary) = self.summaries.find(id) {
            return Ok(summary);
        }
        Ok(summarize(&*self.find_running(id)?, None))
    }

    /// Keeps a summary of a session that is about to be gone, with its gateway and what that knows.
    pub(super) fn keep_summary(&self, running: &RunningSession, end: SummarizedEnd) {
        self.summaries.keep(summarize(running, Some(end)));
    }
}

fn summarize(running: &RunningSession, end: Option<SummarizedEnd>) -> SessionSummary {
    let gateway = running.gateway();
    let connection_name = &running.begun.whom.connection_name;
    let mask = |text: &str| gateway.map_or_else(|| text.to_owned(), |gateway| gateway.mask_text(text));
    let mut session = running.view();
    session.reason = mask(&session.reason);
    let unlocks = running.unlocks.lock().clone();
    SessionSummary {
        session,
        operator: running.request.operator.display_name().to_owned(),
        began_full: running.begun.mode == Some(SessionMode::Full),
        unlocks: unlocks
            .into_iter()
            .map(|unlock| PastUnlock { reason: mask(&unlock.reason), ..unlock })
            .collect(),
        note: mask(&running.note.lock()),
        pages: gateway.map(|gateway| gateway.trail()).unwrap_or_default(),
        held_back: gateway.map(|gateway| gateway.list_held_back(connection_name)).unwrap_or_default(),
        end,
        evidence: running.evidence.lock().clone(),
        context: running.context(),
    }
}
