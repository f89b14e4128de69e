//! What a session's gateway and windows have seen that belongs into the audit log: the first of the requests that were
//! held back, where its pages led out of the application, files that were saved.
//!
//! Where this is seen, nobody can wait for the log. So it is kept here until it is written: soon, in order, and before
//! the session's end.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Impersonations, RunningSession};
use crate::audit::{DownloadedFile, Event, HeldBackRequest, LeftApplication};
use crate::clock::Clock;

/// How many different requests and hosts of one session are written. A page may ask for addresses without end; the
/// session's end counts them all.
const FIRSTS_LIMIT: usize = 200;

/// The longest path and file name that are kept, in characters.
const LONGEST: usize = 300;

pub(crate) struct Sightings {
    clock: Clock,
    seen: Mutex<SeenEvents>,
    /// Something is to be written.
    arrived: Notify,
}

#[derive(Default)]
struct SeenEvents {
    /// Those of which only the first counts.
    firsts: Vec<Event>,
    /// With their times, oldest first.
    unwritten: Vec<(i64, Event)>,
}

impl Sightings {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default(), arrived: Notify::new() }
    }

    /// A request was held back; `url` has its secrets masked.
    pub(super) fn note_held_back(&self, method: &str, url: &str) {
        let (host, path) = split_address(url);
        self.note_first(Event::HeldBack(HeldBackRequest {
            method: method.to_owned(),
            host: shorten(host),
            path: shorten(path),
        }));
    }

    /// A page of this host is shown, which does not belong to the application.
    pub(super) fn note_left(&self, host: &str, in_browser: bool) {
        self.note_first(Event::Left(LeftApplication { host: shorten(host), in_browser }));
    }

    /// A page has saved a file.
    pub(super) fn note_download(&self, file: DownloadedFile) {
        let DownloadedFile { name, host, bytes } = file;
        let event = Event::Downloaded(DownloadedFile { name: shorten(&name), host: shorten(&host), bytes });
        let mut seen = self.seen.lock();
        seen.unwritten.push((self.clock.now_ms(), event));
        drop(seen);
        self.arrived.notify_one();
    }

    fn note_first(&self, event: Event) {
        let mut seen = self.seen.lock();
        if seen.firsts.len() >= FIRSTS_LIMIT || seen.firsts.contains(&event) {
            return;
        }
        seen.firsts.push(event.clone());
        seen.unwritten.push((self.clock.now_ms(), event));
        drop(seen);
        self.arrived.notify_one();
    }

    fn take_unwritten(&self) -> Vec<(i64, Event)> {
        std::mem::take(&mut self.seen.lock().unwritten)
    }
}

impl Impersonations {
    /// Writes what the session sees until it has ended.
    pub(super) fn keep_recording(self: &Arc<Self>, running: &Arc<RunningSession>) {
        let (this, running) = (Arc::clone(self), Arc::clone(running));
        tokio::spawn(async move {
            let mut ended = running.ended.subscribe();
            let Ok(gateway) = running.opened_gateway().map(Arc::clone) else { return };
            loop {
                // Without the guard that the receiver returns: it could not go to another thread.
                let has_ended = async { drop(ended.wait_for(|ended| *ended).await) };
                tokio::select! {
                    biased;
                    () = has_ended => return,
                    () = gateway.sightings().arrived.notified() => this.record_sightings(&running).await,
                }
            }
        });
    }

    /// Writes what the session has seen so far.
    pub(super) async fn record_sightings(&self, running: &RunningSession) {
        let Some(gateway) = running.gateway() else { return };
        // Whoever comes second waits until the first has written.
        let _in_order = running.recording.lock().await;
        let unwritten = gateway.sightings().take_unwritten();
        if !unwritten.is_empty() {
            self.log_events(running, unwritten).await;
        }
    }

    /// Notes a file that a page of this session has saved, for the audit log.
    pub fn note_download(&self, id: &str, file: DownloadedFile) {
        // A session that has ended has closed its windows before, and cancelled what they were saving.
        if let Ok(running) = self.find_running(id)
            && let Some(gateway) = running.gateway()
        {
            gateway.sightings().note_download(file);
        }
    }
}

/// An address's host, with its port, and its path without the query. Masked parts of it are no part of a valid URL.
fn split_address(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.find('/').map_or((rest, "/"), |at| rest.split_at(at))
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_its_query() {
        for (url, host, path) in [
            ("https://app.acme.com/a/b?token=x#y", "app.acme.com", "/a/b"),
            ("wss://app.acme.com:8443", "app.acme.com:8443", "/"),
            ("https://app.acme.com?x=/y", "app.acme.com", "/"),
            ("https://app.acme.com/a/••••/c", "app.acme.com", "/a/••••/c"),
        ] {
            assert_eq!(split_address(url), (host, path), "{url}");
        }
    }

    #[test]
    fn the_first_of_each_is_kept_and_no_page_fills_the_log() {
        let sightings = Sightings::new(Clock::manual(5));
        for _ in 0..3 {
            sightings.note_held_back("POST", "https://a.example/items?x=1");
            sightings.note_held_back("GET", "https://a.example/items");
            sightings.note_left("b.example", false);
        }
        let seen = sightings.take_unwritten();
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(seen.iter().all(|(at_ms, _)| *at_ms == 5));
        for n in 0..1_000 {
            sightings.note_held_back("POST", &format!("https://a.example/items/{n}/{}", "x".repeat(10_000)));
        }
        let seen = sightings.take_unwritten();
        assert_eq!(seen.len(), FIRSTS_LIMIT - 3);
        assert!(seen.iter().all(|(_, event)| format!("{event:?}").len() < 500));
        // A file is always written: the operator has clicked for it, or answered.
        let file = DownloadedFile { name: "a.pdf".into(), host: "a.example".into(), bytes: 1 };
        sightings.note_download(file.clone());
        sightings.note_download(file);
        assert_eq!(sightings.take_unwritten().len(), 2);
    }
}
