//! What a session asked for and what came back: a bounded ring, in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Uri};
use parking_lot::Mutex;
use serde::Serialize;

/// Longer than any address that a person reads, in bytes. A page may make them as long as it likes.
const TEXT_LIMIT: usize = 4 << 10;

/// Replaces the secrets in a text. It's called before anything is kept.
pub type MaskSecrets = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestOutcome {
    /// No answer yet.
    Waiting,
    /// The application's answer, whose body may still be on its way.
    Answered { status: u16 },
    /// The gateway held it back.
    Refused { reason: String },
    /// The application could not be reached.
    Failed { reason: String },
}

/// One request of a session.
#[derive(Debug, Clone, Serialize)]
pub struct JournalEntry {
    /// Counts up from 1 in each session.
    pub number: u64,
    pub method: String,
    /// With its secrets masked.
    pub url: String,
    pub outcome: RequestOutcome,
    /// Since the session's gateway started, in milliseconds.
    pub started_ms: u64,
    /// The time until the answer's last byte so far, in milliseconds.
    pub elapsed_ms: Option<u64>,
    /// Bytes of the bodies, as transferred.
    pub sent_bytes: u64,
    pub received_bytes: u64,
    /// Answered from the connection's cache of public files.
    pub from_cache: bool,
}

/// The newest requests of one session.
pub struct RequestJournal {
    started: Instant,
    limit: usize,
    mask: MaskSecrets,
    entries: Mutex<(u64, VecDeque<Arc<Record>>)>,
}

/// An entry that is still being written.
pub(crate) struct Record {
    number: u64,
    method: String,
    url: String,
    started: Duration,
    outcome: Mutex<(RequestOutcome, Option<Duration>)>,
    from_cache: AtomicBool,
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) received: Arc<AtomicU64>,
}

impl RequestJournal {
    pub(crate) fn new(limit: usize, mask: MaskSecrets) -> Self {
        Self { started: Instant::now(), limit, mask, entries: Mutex::default() }
    }

    /// The newest requests, oldest first.
    pub fn list_entries(&self) -> Vec<JournalEntry> {
        self.entries.lock().1.iter().map(|record| record.to_entry()).collect()
    }

    pub(crate) fn begin_entry(&self, method: &Method, uri: &Uri) -> Arc<Record> {
        let (method, url) = (self.mask_text(method.as_str()), self.mask_text(&uri.to_string()));
        let mut entries = self.entries.lock();
        entries.0 += 1;
        let record = Arc::new(Record {
            number: entries.0,
            method,
            url,
            started: self.started.elapsed(),
            outcome: Mutex::new((RequestOutcome::Waiting, None)),
            from_cache: AtomicBool::new(false),
            sent: Arc::default(),
            received: Arc::default(),
        });
        if entries.1.len() == self.limit {
            entries.1.pop_front();
        }
        entries.1.push_back(Arc::clone(&record));
        record
    }

    /// Masked whole, because half of a secret is not found, and cut if it's long.
    pub(crate) fn mask_text(&self, text: &str) -> String {
        shorten_text((self.mask)(text))
    }

    pub(crate) fn end_entry(&self, record: &Record) {
        record.outcome.lock().1.get_or_insert(self.started.elapsed().saturating_sub(record.started));
    }
}

impl Record {
    pub(crate) fn set_outcome(&self, outcome: RequestOutcome) {
        self.outcome.lock().0 = outcome;
    }

    pub(crate) fn set_from_cache(&self) {
        self.from_cache.store(true, Ordering::Relaxed);
    }

    pub(crate) fn to_entry(&self) -> JournalEntry {
        let (outcome, elapsed) = self.outcome.lock().clone();
        JournalEntry {
            number: self.number,
            method: self.method.clone(),
            url: self.url.clone(),
            outcome,
            started_ms: to_millis(self.started),
            elapsed_ms: elapsed.map(to_millis),
            sent_bytes: self.sent.load(Ordering::Relaxed),
            received_bytes: self.received.load(Ordering::Relaxed),
            from_cache: self.from_cache.load(Ordering::Relaxed),
        }
    }
}

fn shorten_text(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

fn to_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_requests_are_kept_with_secrets_masked() {
        let journal = RequestJournal::new(2, Arc::new(|text: &str| text.replace("canary", "•••")));
        for path in ["one", "two?token=canary", "three"] {
            let uri = format!("https://app.example/{path}").parse().expect("a URL");
            let record = journal.begin_entry(&Method::GET, &uri);
            record.sent.store(3, Ordering::Relaxed);
            record.set_outcome(RequestOutcome::Answered { status: 200 });
            journal.end_entry(&record);
        }
        let entries = journal.list_entries();
        let urls: Vec<_> = entries.iter().map(|entry| (entry.number, entry.url.as_str())).collect();
        assert_eq!(urls, [(2, "https://app.example/two?token=•••"), (3, "https://app.example/three")]);
        assert!(entries.iter().all(|entry| entry.elapsed_ms.is_some() && entry.sent_bytes == 3));
    }

    #[test]
    fn a_long_address_is_masked_and_cut() {
        let journal = RequestJournal::new(2, Arc::new(|text: &str| text.replace("canary", "•••")));
        let start = "https://app.example/";
        // The secret stands across the cut.
        let path = format!("{}canary{}", "x".repeat(TEXT_LIMIT - start.len() - 3), "y".repeat(60_000));
        journal.begin_entry(&Method::GET, &format!("{start}{path}").parse().expect("a URL"));
        let url = journal.list_entries().remove(0).url;
        assert!(url.len() <= TEXT_LIMIT + '…'.len_utf8() && !url.contains("can"), "{}", url.len());
    }
}
