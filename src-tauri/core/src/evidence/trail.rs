//! The pages that a session's windows have shown.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;
use ts_rs::TS;

/// The newest ones of a long session.
const VISIT_LIMIT: usize = 500;

/// A page that a window of the session has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct PageVisit {
    /// When its answer came, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: i64,
    /// Without its secrets.
    pub url: String,
    /// The answer's status; `None` if there was no answer.
    pub status: Option<u16>,
}

/// The pages of one session, oldest first.
#[derive(Debug, Default)]
pub struct PageTrail {
    visits: Mutex<VecDeque<PageVisit>>,
}

impl PageTrail {
    /// Adds a page. One that is loaded again with the same answer moves to the end.
    pub(crate) fn add_visit(&self, visit: PageVisit) {
        let mut visits = self.visits.lock();
        if visits.back().is_some_and(|last| last.url == visit.url && last.status == visit.status) {
            visits.pop_back();
        }
        if visits.len() == VISIT_LIMIT {
            visits.pop_front();
        }
        visits.push_back(visit);
    }

    /// The pages, oldest first.
    pub fn list_visits(&self) -> Vec<PageVisit> {
        self.visits.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_no_other_page_and_a_long_trail_keeps_its_end() {
        let trail = PageTrail::default();
        let visit = |at: i64, url: &str, status| PageVisit { at, url: url.into(), status };
        trail.add_visit(visit(1, "/a", Some(200)));
        trail.add_visit(visit(2, "/a", Some(200)));
        trail.add_visit(visit(3, "/a", Some(500)));
        assert_eq!(trail.list_visits().iter().map(|visit| visit.at).collect::<Vec<_>>(), [2, 3]);
        for at in 0..1000 {
            trail.add_visit(visit(at, &format!("/{at}"), None));
        }
        let visits = trail.list_visits();
        assert_eq!((visits.len(), visits[VISIT_LIMIT - 1].at), (VISIT_LIMIT, 999));
    }
}
