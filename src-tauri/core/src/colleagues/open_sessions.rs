//! Which sessions of others are open, from the entries of the team's log. Pure: no clock, no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::ColleagueSession;
use super::team_entry::TeamEntry;
use crate::access::SessionMode;

/// How long a session without a deadline is shown after its console was last heard of.
const FORGOTTEN_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

/// How far two computers' clocks may differ, and how long the entry of an end may be on its way.
const GRACE_MS: i64 = 2 * 60 * 1_000;

/// Sessions in the team's log that have not ended.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    /// By log and session.
    open: BTreeMap<(String, String), OpenSession>,
    /// The consoles that are connected to the team's log, by [`TeamEntry::console`].
    connected: BTreeSet<i32>,
}

#[derive(Debug)]
struct OpenSession {
    begun: TeamEntry,
    /// The number of the last entry that counted: each counts once, however often it is read.
    last_id: i64,
    mode: SessionMode,
    /// When the user was signed in, or the session began.
    since_ms: i64,
    extended_minutes: i64,
    /// The application refused the sign-in, and nobody has tried again.
    is_refused: bool,
}

impl OpenSessions {
    /// Takes an entry. The entries of one log come in their order; they may come again.
    pub(super) fn apply(&mut self, row: &TeamEntry) {
        let entry = &row.entry;
        let Some(session) = entry.session.clone() else { return };
        let key = (row.log.clone(), session);
        if entry.event == "begun" {
            // Without a mode, it is a form or a sign-in test: nobody is in the account.
            let Some(mode) = entry.session_mode() else { return };
            // An entry is written by a console that is connected.
            self.connected.insert(row.console);
            self.open.entry(key).or_insert_with(|| OpenSession {
                begun: row.clone(),
                last_id: row.id,
                mode,
                since_ms: entry.at_ms,
                extended_minutes: 0,
                is_refused: false,
            });
            return;
        }
        if entry.event == "ended" {
            self.open.remove(&key);
            return;
        }
        let Some(open) = self.open.get_mut(&key).filter(|open| row.id > open.last_id) else { return };
        open.last_id = row.id;
        match entry.event.as_str() {
            "active" => (open.since_ms, open.is_refused) = (entry.at_ms, false),
            "refused" => open.is_refused = true,
            "unlocked" => open.mode = SessionMode::Full,
            "locked" => open.mode = SessionMode::ReadOnly,
            "extended" => {
                let minutes = entry.detail.as_deref().and_then(|minutes| minutes.parse().ok());
                open.extended_minutes = open.extended_minutes.saturating_add(minutes.unwrap_or(0));
            }
            _ => {}
        }
    }

    /// Forgets everything; [`Self::apply`] gets all open sessions next.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// The consoles that are connected now.
    pub(super) fn set_connected(&mut self, consoles: BTreeSet<i32>) {
        self.connected = consoles;
    }

    /// The sessions of other logs than `own_log`, oldest first. `max_minutes` gives a connection's time limit.
    ///
    /// A session whose console is not connected is uncertain: it may have ended without a word. It is gone once its time
    /// is up.
    pub(super) fn list_colleagues(
        &mut self,
        own_log: &str,
        now_ms: i64,
        max_minutes: impl Fn(&str) -> Option<u32>,
    ) -> Vec<ColleagueSession> {
        let connected = &self.connected;
        self.open.retain(|_, open| {
            let until = open.until(max_minutes(open.begun.entry.connection.as_deref().unwrap_or_default()));
            connected.contains(&open.begun.console) || now_ms < until
        });
        let mut listed: Vec<ColleagueSession> = self
            .open
            .values()
            .filter(|open| open.begun.log != own_log && !open.is_refused)
            .filter_map(|open| open.to_view(connected.contains(&open.begun.console)))
            .collect();
        listed.sort_by(|a, b| (a.since, &a.session).cmp(&(b.since, &b.session)));
        listed
    }
}

impl OpenSession {
    fn until(&self, max_minutes: Option<u32>) -> i64 {
        let lasts = max_minutes.map_or(FORGOTTEN_AFTER_MS, |minutes| {
            self.extended_minutes.saturating_add(minutes.into()).saturating_mul(60_000)
        });
        self.since_ms.saturating_add(lasts).saturating_add(GRACE_MS)
    }

    fn to_view(&self, is_certain: bool) -> Option<ColleagueSession> {
        let entry = &self.begun.entry;
        Some(ColleagueSession {
            session: entry.session.clone()?,
            connection: entry.connection.clone()?,
            user: entry.user_id.clone()?,
            operator: entry.operator().display_name().to_owned(),
            host: entry.host.clone().unwrap_or_default(),
            since: self.since_ms,
            mode: self.mode,
            ticket: entry.ticket.clone().unwrap_or_default(),
            is_certain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const ADAS: i32 = 7;

    fn row(id: i64, event: &str, at_ms: i64, more: &serde_json::Value) -> TeamEntry {
        let mut line = serde_json::json!({
            "id": id, "event": event, "at_ms": at_ms, "session": "s1", "connection": "shop", "user_id": "42",
            "operator_name": "Ada", "os_user": "ada", "host": "desk-4", "mode": "read_only", "ticket": "7",
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        TeamEntry::parse("adas", id, "understudy", at_ms, ADAS, &line.to_string()).unwrap()
    }

    fn plain(id: i64, event: &str, at_ms: i64) -> TeamEntry {
        row(id, event, at_ms, &serde_json::json!({}))
    }

    fn list(open: &mut OpenSessions, now_ms: i64) -> Vec<ColleagueSession> {
        open.list_colleagues("bos", now_ms, |_| Some(60))
    }

    #[test]
    fn a_session_is_there_from_its_beginning_to_its_end_in_the_mode_it_is_in() {
        let mut open = OpenSessions::default();
        open.apply(&plain(1, "begun", 0));
        open.apply(&plain(2, "active", MINUTE));
        let seen = list(&mut open, 2 * MINUTE);
        let [ada] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((&*ada.operator, &*ada.user, &*ada.ticket, ada.since), ("Ada", "42", "7", MINUTE));
        assert_eq!((ada.mode, ada.is_certain), (SessionMode::ReadOnly, true));
        open.apply(&plain(3, "unlocked", MINUTE));
        assert_eq!(list(&mut open, 2 * MINUTE)[0].mode, SessionMode::Full);
        open.apply(&plain(4, "locked", MINUTE));
        assert_eq!(list(&mut open, 2 * MINUTE)[0].mode, SessionMode::ReadOnly);
        assert_eq!(open.list_colleagues("adas", 2 * MINUTE, |_| None), [], "one's own are no colleague's");
        open.apply(&plain(5, "ended", 3 * MINUTE));
        assert_eq!(list(&mut open, 3 * MINUTE), []);
    }

    #[test]
    fn who_was_refused_is_not_in_the_account_until_a_retry_succeeds() {
        let mut open = OpenSessions::default();
        open.apply(&plain(1, "begun", 0));
        open.apply(&plain(2, "refused", 0));
        assert_eq!(list(&mut open, 0), []);
        open.apply(&plain(3, "active", MINUTE));
        assert_eq!(list(&mut open, MINUTE).len(), 1);
    }

    #[test]
    fn a_sign_in_test_and_a_form_are_no_session() {
        let mut open = OpenSessions::default();
        open.apply(&row(1, "begun", 0, &serde_json::json!({ "mode": null })));
        assert_eq!(list(&mut open, 0), []);
    }

    #[test]
    fn without_its_console_a_session_is_uncertain_and_gone_once_its_time_is_up() {
        let mut open = OpenSessions::default();
        open.apply(&plain(1, "begun", 0));
        for _ in 0..2 {
            // Read twice, counted once.
            open.apply(&row(2, "extended", 0, &serde_json::json!({ "detail": "30" })));
        }
        open.set_connected(BTreeSet::new());
        assert!(!list(&mut open, 91 * MINUTE)[0].is_certain);
        assert_eq!(list(&mut open, 92 * MINUTE), []);
        // While its console is connected, the console ends it, and not the clock here.
        open.apply(&plain(1, "begun", 0));
        assert!(list(&mut open, 200 * MINUTE)[0].is_certain);
        open.set_connected(BTreeSet::new());
        assert_eq!(open.list_colleagues("bos", 200 * MINUTE, |_| None).len(), 1, "no time limit");
        assert_eq!(open.list_colleagues("bos", 25 * 60 * MINUTE, |_| None), []);
    }
}
