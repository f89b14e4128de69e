//! What a session asked for and what came back: a bounded ring, in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, Uri, Version};
use parking_lot::Mutex;
use serde::Serialize;

use crate::recording::{MessageRecord, RecordedExchange, RedactSecrets, Side};

/// Longer than any address that a person reads, in bytes. A page may make them as long as it likes.
const TEXT_LIMIT: usize = 4 << 10;

/// How much text of bodies is kept in all, in bytes; the oldest go first.
const BODIES_LIMIT: usize = 8 << 20;

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
    redactor: Arc<dyn RedactSecrets>,
    entries: Mutex<(u64, VecDeque<Arc<Record>>)>,
    bodies: Mutex<KeptBodies>,
}

/// The bodies that are kept, oldest first, and their length in all.
#[derive(Default)]
struct KeptBodies {
    length: usize,
    kept: VecDeque<(Weak<Record>, Side, usize)>,
}

/// An entry that is still being written.
pub(crate) struct Record {
    number: u64,
    method: String,
    url: Mutex<String>,
    started: Duration,
    started_at: SystemTime,
    is_page: AtomicBool,
    /// Until the answer's head.
    waited: Mutex<Option<Duration>>,
    request: MessageRecord,
    response: MessageRecord,
    /// Of the redactor, when this was written.
    generation: AtomicU64,
    outcome: Mutex<(RequestOutcome, Option<Duration>)>,
    from_cache: AtomicBool,
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) received: Arc<AtomicU64>,
}

impl RequestJournal {
    pub(crate) fn new(limit: usize, redactor: Arc<dyn RedactSecrets>) -> Self {
        Self { started: Instant::now(), limit, redactor, entries: Mutex::default(), bodies: Mutex::default() }
    }

    /// The newest requests, oldest first.
    pub fn list_entries(&self) -> Vec<JournalEntry> {
        self.entries.lock().1.iter().map(|record| record.to_entry()).collect()
    }

    /// The newest requests with their headers and bodies, oldest first, at most `limit` of them.
    pub fn list_exchanges(&self, limit: usize) -> Vec<RecordedExchange> {
        let newest: Vec<_> = {
            let entries = self.entries.lock();
            entries.1.iter().skip(entries.1.len().saturating_sub(limit)).cloned().collect()
        };
        newest.iter().map(|record| self.to_exchange(record)).collect()
    }

    fn to_exchange(&self, record: &Arc<Record>) -> RecordedExchange {
        self.redact_body(record, Side::Request);
        self.redact_body(record, Side::Response);
        let generation = self.redactor.generation();
        if record.generation.swap(generation, Ordering::Relaxed) != generation {
            let mut url = record.url.lock();
            *url = self.redactor.redact_text(&url);
            record.request.redact_again(&*self.redactor);
            record.response.redact_again(&*self.redactor);
        }
        RecordedExchange {
            entry: record.to_entry(),
            started_at: record.started_at,
            is_page: record.is_page.load(Ordering::Relaxed),
            request: record.request.to_message(),
            response: record.response.to_message(),
            waited: *record.waited.lock(),
            elapsed: record.outcome.lock().1,
        }
    }

    /// Redacts a body that has passed, and forgets the oldest ones if there are too many.
    pub(crate) fn redact_body(&self, record: &Arc<Record>, side: Side) {
        let Some(length) = record.message(side).redact_body(&*self.redactor) else { return };
        let mut bodies = self.bodies.lock();
        bodies.length += length;
        bodies.kept.push_back((Arc::downgrade(record), side, length));
        while bodies.length > BODIES_LIMIT
            && let Some((oldest, side, length)) = bodies.kept.pop_front()
        {
            bodies.length -= length;
            if let Some(oldest) = oldest.upgrade() {
                oldest.message(side).forget_body();
            }
        }
    }

    /// Keeps the head of a request on its way.
    pub(crate) fn record_request(&self, record: &Record, version: Version, headers: &HeaderMap) {
        record.request.set_head(version, headers, &*self.redactor);
    }

    /// Keeps the head of an answer.
    pub(crate) fn record_answer(&self, record: &Record, version: Version, headers: &HeaderMap) {
        *record.waited.lock() = Some(self.started.elapsed().saturating_sub(record.started));
        record.response.set_head(version, headers, &*self.redactor);
    }

    pub(crate) fn begin_entry(&self, method: &Method, uri: &Uri) -> Arc<Record> {
        let method = self.mask_text(method.as_str());
        let url = shorten_text(self.redactor.redact_url(&uri.to_string()));
        let mut entries = self.entries.lock();
        entries.0 += 1;
        let record = Arc::new(Record {
            number: entries.0,
            method,
            url: Mutex::new(url),
            started: self.started.elapsed(),
            started_at: SystemTime::now(),
            is_page: AtomicBool::new(false),
            waited: Mutex::default(),
            request: MessageRecord::default(),
            response: MessageRecord::default(),
            generation: AtomicU64::new(self.redactor.generation()),
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
        shorten_text(self.redactor.redact_text(text))
    }

    pub(crate) fn end_entry(&self, record: &Record) {
        record.outcome.lock().1.get_or_insert(self.started.elapsed().saturating_sub(record.started));
    }
}

impl Record {
    pub(crate) fn set_outcome(&self, outcome: RequestOutcome) {
        self.outcome.lock().0 = outcome;
    }

    pub(crate) fn set_is_page(&self) {
        self.is_page.store(true, Ordering::Relaxed);
    }

    pub(crate) fn message(&self, side: Side) -> &MessageRecord {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        }
    }

    pub(crate) fn set_from_cache(&self) {
        self.from_cache.store(true, Ordering::Relaxed);
    }

    pub(crate) fn to_entry(&self) -> JournalEntry {
        let (outcome, elapsed) = self.outcome.lock().clone();
        JournalEntry {
            number: self.number,
            method: self.method.clone(),
            url: self.url.lock().clone(),
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
    fn secrets_that_become_known_later_are_redacted_before_anyone_reads_them() {
        struct Learning(AtomicU64);
        impl RedactSecrets for Learning {
            fn redact_text(&self, text: &str) -> String {
                if self.generation() == 0 { text.to_owned() } else { text.replace("canary", "•••") }
            }
            fn generation(&self) -> u64 {
                self.0.load(Ordering::Relaxed)
            }
        }
        let redactor = Arc::new(Learning(AtomicU64::new(0)));
        let journal = RequestJournal::new(2, Arc::clone(&redactor) as Arc<dyn RedactSecrets>);
        let record = journal.begin_entry(&Method::GET, &"https://app.example/canary".parse().expect("a URL"));
        let headers = HeaderMap::from_iter([(http::header::REFERER, "/canary".parse().expect("a value"))]);
        journal.record_request(&record, Version::HTTP_11, &headers);
        redactor.0.store(1, Ordering::Relaxed);
        let exchange = journal.list_exchanges(10).remove(0);
        assert_eq!(exchange.entry.url, "https://app.example/•••");
        assert_eq!(exchange.request.headers, [("referer".to_owned(), "/•••".to_owned())]);
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
