//! The audit log's view: what it lists, whether the log is what was written, and exports. Reads the file that is in
//! the log's place now. Only an export writes to it: that it is about to happen.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Console;
use crate::audit::export::LogFormat;
use crate::audit::listing::{self, ListedEntry, ListedSession, LogPage, SessionCounts};
use crate::audit::reader::LogReader;
use crate::audit::verification_report::VerificationReport;
use crate::audit::verify::verify_watched_log;
use crate::audit::{ConsoleEvent, ExportKind, VerificationProgress};
use crate::directory::{Highlights, Suggestion, WallClock};
use crate::error::Result;
use crate::latest_only::superseded_error;
use crate::team_log::TeamLogState;

/// How many entries a page has.
pub(super) const PAGE: u32 = 100;

/// Who became whom is counted over so much time.
pub(super) const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// What only the newest request of each kind is answered for.
const PAGES: &str = "pages";
const VERIFICATION: &str = "verification";

/// Entries that pass a search, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EntryPage {
    /// The log's ID: another one means that another file is in its place.
    pub log: String,
    pub entries: Vec<ListedEntry>,
    /// Where the next page begins, for `before`; `None` at the end of the log.
    #[ts(type = "number | null")]
    pub next: Option<i64>,
    /// When the oldest entry that was looked at was written: milliseconds since the Unix epoch; `None` at the end.
    #[ts(type = "number | null")]
    pub searched_to: Option<i64>,
    /// How far the team's log has this computer's entries; `None` if the team has no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub team: Option<TeamLogState>,
}

impl Console {
    /// A page of the entries that pass `text`, the newest first. `before`: [`EntryPage::next`] of the page before.
    pub async fn list_entries(&self, text: &str, before: Option<i64>, turn: u64) -> Result<EntryPage> {
        let stop = self.log_readings.take_turn(PAGES, turn)?;
        let filter = listing::filter_by_search(text, self.clock.read_time());
        let log = self.open_log().await?;
        tokio::select! {
            page = log.list_page(&filter, before, PAGE) => {
                let LogPage { entries, next, searched_to } = page?;
                let (log, team) = (log.id().to_owned(), self.team_log_state());
                Ok(EntryPage { log, entries, next, searched_to, team })
            }
            () = stop.cancelled() => Err(superseded_error()),
        }
    }

    /// All entries of a session.
    pub async fn session_entries(&self, session: &str) -> Result<ListedSession> {
        Ok(self.open_log().await?.list_session(session).await?)
    }

    /// Who became whom in the last seven days.
    pub async fn count_sessions(&self) -> Result<SessionCounts> {
        Ok(self.open_log().await?.count_sessions(self.clock.now_ms() - WEEK_MS).await?)
    }

    /// Parses a search of the log: its filters, and what is wrong with them.
    pub fn read_log_search(&self, text: &str) -> Highlights {
        listing::highlight_search(text, self.clock.read_time())
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_log_search(&self, text: &str, caret: usize) -> Result<Vec<Suggestion>> {
        Ok(self.open_log().await?.complete_search(text, caret, self.clock.read_time()).await?)
    }

    /// Compares the log with its chain, its checkpoints and the keyring. Takes seconds for a million entries.
    pub async fn verify_audit_log(&self, turn: u64) -> Result<VerificationReport> {
        let stop = self.log_readings.take_turn(VERIFICATION, turn)?;
        let path = self.home.audit_file()?;
        let progress = self.watch_verification();
        tokio::select! {
            found = verify_watched_log(&path, Some(&self.vault), &progress) => Ok(VerificationReport::of(&found?)),
            () = stop.cancelled() => Err(superseded_error()),
        }
    }

    /// How far the last verification is, of this computer's log or the team's; `None` before that is known.
    pub fn verification_percent(&self) -> Option<u8> {
        self.verification.lock().percent()
    }

    /// For the verification that begins now.
    pub(super) fn watch_verification(&self) -> Arc<VerificationProgress> {
        let progress = Arc::<VerificationProgress>::default();
        *self.verification.lock() = Arc::clone(&progress);
        progress
    }

    /// Stops a verification that is older than `turn`.
    pub fn stop_verification(&self, turn: u64) -> Result<()> {
        self.log_readings.take_turn(VERIFICATION, turn).map(drop)
    }

    /// Writes the entries that pass `text` to a file; how many they were. That is an entry itself.
    pub async fn export_entries(&self, text: &str, format: LogFormat, path: &Path) -> Result<u64> {
        let filter = listing::filter_by_search(text, self.clock.read_time());
        let log = self.open_log().await?;
        let exported = ConsoleEvent::Exported {
            what: ExportKind::AuditLog,
            format: format.as_str().into(),
            rows: None,
            session: None,
        };
        self.record_first(self.new_entry(exported), "Nothing was exported").await?;
        Ok(log.export_to_file(&filter, format, path).await?)
    }

    async fn open_log(&self) -> Result<LogReader> {
        Ok(LogReader::open(&self.home.audit_file()?).await?)
    }
}
