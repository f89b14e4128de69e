//! What the journal keeps of a request besides its line: headers, times, and text that the application sent or got.
//! Secrets are redacted before a header is kept. A body is redacted once it has passed, on a thread of its own.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Version};
use http_body::Frame;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;

use crate::JournalEntry;
use crate::body::{Body, BodyWatcher, WatchedBody};
use crate::journal::{Record, RequestJournal};

/// How much of a body is kept, in bytes.
const BODY_LIMIT: usize = 32 << 10;
/// Half of a secret is not found, so what is redacted is longer than what is kept.
const SLACK: usize = 4 << 10;
/// More than an answer has.
const HEADER_LIMIT: usize = 100;
const HEADER_VALUE_LIMIT: usize = 2 << 10;

/// Hides secrets in what the journal is about to keep.
pub trait RedactSecrets: Send + Sync {
    /// Replaces the secrets that are known.
    fn redact_text(&self, text: &str) -> String;

    fn redact_url(&self, url: &str) -> String {
        self.redact_text(url)
    }

    fn redact_header(&self, _name: &str, value: &str) -> String {
        self.redact_text(value)
    }

    fn redact_body(&self, _media_type: &str, body: &str) -> String {
        self.redact_text(body)
    }

    /// Changes when more secrets are known. What was kept before is then redacted again.
    fn generation(&self) -> u64 {
        0
    }
}

impl<F: Fn(&str) -> String + Send + Sync> RedactSecrets for F {
    fn redact_text(&self, text: &str) -> String {
        self(text)
    }
}

/// One request of a session with its headers and bodies. Nothing in it is secret, as far as the session's
/// [`RedactSecrets`] knows.
#[derive(Debug, Clone)]
pub struct RecordedExchange {
    pub entry: JournalEntry,
    pub started_at: SystemTime,
    /// Whether it loads a window's page.
    pub is_page: bool,
    pub request: RecordedMessage,
    pub response: RecordedMessage,
    /// From the request's start until the answer's head.
    pub waited: Option<Duration>,
    /// Until the answer's last byte so far.
    pub elapsed: Option<Duration>,
}

/// The head of a request or an answer, and its body if it is text of the application.
#[derive(Debug, Clone, Default)]
pub struct RecordedMessage {
    /// Such as `HTTP/2.0`; empty if there was none.
    pub version: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<RecordedText>,
}

/// A body, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedText {
    pub media_type: String,
    pub text: String,
    /// Whether there was more.
    pub is_cut: bool,
}

/// A message of a record that is still being written.
#[derive(Default)]
pub(crate) struct MessageRecord {
    head: Mutex<(String, Vec<(String, String)>)>,
    body: Mutex<BodyRecord>,
}

#[derive(Default)]
enum BodyRecord {
    #[default]
    None,
    /// Has passed, and is not redacted yet.
    Raw(RawBody),
    Redacted(RecordedText),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

struct RawBody {
    media_type: String,
    encoding: Vec<u8>,
    bytes: Vec<u8>,
    is_cut: bool,
}

impl MessageRecord {
    pub(crate) fn set_head(&self, version: Version, headers: &HeaderMap, redactor: &dyn RedactSecrets) {
        let headers = headers.iter().take(HEADER_LIMIT).map(|(name, value)| {
            let value = redactor.redact_header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
            (name.as_str().to_owned(), cut_text(value, HEADER_VALUE_LIMIT).0)
        });
        *self.head.lock() = (format!("{version:?}"), headers.collect());
    }

    /// Redacts a body that has passed; returns its length if it was not redacted before.
    pub(crate) fn redact_body(&self, redactor: &dyn RedactSecrets) -> Option<usize> {
        let mut body = self.body.lock();
        let BodyRecord::Raw(raw) = &*body else { return None };
        let Some(text) = raw.to_text(redactor) else {
            *body = BodyRecord::None;
            return None;
        };
        let length = text.text.len();
        *body = BodyRecord::Redacted(text);
        Some(length)
    }

    pub(crate) fn forget_body(&self) {
        *self.body.lock() = BodyRecord::None;
    }

    /// Redacts what was kept when fewer secrets were known.
    pub(crate) fn redact_again(&self, redactor: &dyn RedactSecrets) {
        for (_, value) in &mut self.head.lock().1 {
            *value = redactor.redact_text(value);
        }
        if let BodyRecord::Redacted(body) = &mut *self.body.lock() {
            body.text = redactor.redact_text(&body.text);
        }
    }

    pub(crate) fn to_message(&self) -> RecordedMessage {
        let (version, headers) = self.head.lock().clone();
        let body = match &*self.body.lock() {
            BodyRecord::Redacted(text) => Some(text.clone()),
            BodyRecord::None | BodyRecord::Raw(_) => None,
        };
        RecordedMessage { version, headers, body }
    }
}

impl RawBody {
    fn to_text(&self, redactor: &dyn RedactSecrets) -> Option<RecordedText> {
        let (bytes, has_more) = decode_beginning(&self.encoding, &self.bytes)?;
        let text = redactor.redact_body(&self.media_type, &String::from_utf8_lossy(&bytes));
        let (text, is_longer) = cut_text(text, BODY_LIMIT);
        (!text.is_empty()).then(|| RecordedText {
            media_type: self.media_type.clone(),
            text,
            is_cut: self.is_cut || has_more || is_longer,
        })
    }
}

/// Keeps what passes of a body, for the journal.
struct BodyRecorder {
    journal: Arc<RequestJournal>,
    record: Arc<Record>,
    side: Side,
    raw: Option<RawBody>,
}

impl BodyWatcher for BodyRecorder {
    fn see_frame(&mut self, frame: &Frame<Bytes>) {
        let Some((raw, piece)) = self.raw.as_mut().zip(frame.data_ref()) else { return };
        let room = (BODY_LIMIT + SLACK).saturating_sub(raw.bytes.len());
        raw.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        raw.is_cut |= piece.len() > room;
    }

    fn see_end(&mut self, is_whole: bool) {
        let Some(mut raw) = self.raw.take().filter(|raw| !raw.bytes.is_empty()) else { return };
        raw.is_cut |= !is_whole;
        *self.record.message(self.side).body.lock() = BodyRecord::Raw(raw);
        let (journal, record, side) = (Arc::clone(&self.journal), Arc::clone(&self.record), self.side);
        let redact = move || journal.redact_body(&record, side);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(redact)),
            Err(_) => redact(),
        }
    }
}

/// The body, looked at while it passes if it is text.
pub(crate) fn record_body(
    journal: &Arc<RequestJournal>,
    record: &Arc<Record>,
    side: Side,
    headers: &HeaderMap,
    body: Body,
) -> Body {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(media_type) = text(CONTENT_TYPE).filter(|media_type| is_text_to_keep(media_type)) else {
        return body;
    };
    let raw = RawBody {
        media_type: media_type.to_owned(),
        encoding: text(CONTENT_ENCODING).unwrap_or_default().as_bytes().to_vec(),
        bytes: Vec::new(),
        is_cut: false,
    };
    let recorder =
        BodyRecorder { journal: Arc::clone(journal), record: Arc::clone(record), side, raw: Some(raw) };
    WatchedBody::new(body, recorder).boxed_unsync()
}

/// Whether such a body says what the application did. Scripts and styles are the same for everyone.
fn is_text_to_keep(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_file = ["css", "javascript", "ecmascript", "svg"].iter().any(|kind| essence.contains(kind));
    let is_text = essence.starts_with("text/")
        || ["json", "xml", "x-www-form-urlencoded", "graphql"].iter().any(|kind| essence.contains(kind));
    is_text && !is_file
}

/// The beginning of a body as it was before it was compressed, and whether there is more; `None` if that is not known.
fn decode_beginning(encoding: &[u8], bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut reader: Box<dyn std::io::Read + '_> = match encoding.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Box::new(bytes),
        b"gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        b"deflate" => Box::new(flate2::read::ZlibDecoder::new(bytes)),
        b"br" => Box::new(brotli_decompressor::Decompressor::new(bytes, 4096)),
        _ => return None,
    };
    let (mut decoded, limit) = (Vec::new(), BODY_LIMIT + SLACK);
    // What was cut or broke off ends with an error; what came before it counts.
    let _ = reader.by_ref().take(limit as u64).read_to_end(&mut decoded);
    let has_more = decoded.len() == limit;
    Some((decoded, has_more))
}

/// The text, cut if it is longer than that many bytes, and whether it was.
fn cut_text(mut text: String, limit: usize) -> (String, bool) {
    let is_longer = text.len() > limit;
    if is_longer {
        text.truncate(text.floor_char_boundary(limit));
        text.shrink_to_fit();
    }
    (text, is_longer)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn compressed_text_is_read_and_half_of_it_too() {
        let text = "the same words again and again ".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).expect("a Vec");
        let gzip = gzip.finish().expect("a Vec");
        let (whole, has_more) = decode_beginning(b"GZIP", &gzip).expect("known");
        assert_eq!((whole.as_slice(), has_more), (text.as_bytes(), false));
        let (half, _) = decode_beginning(b"gzip", &gzip[..gzip.len() / 2]).expect("known");
        assert!(!half.is_empty() && text.as_bytes().starts_with(&half), "{}", half.len());
        assert_eq!(decode_beginning(b"zstd", b"?"), None);
        let (beginning, has_more) = decode_beginning(b"", &vec![b'x'; 100_000]).expect("known");
        assert_eq!((beginning.len(), has_more), (BODY_LIMIT + SLACK, true));
    }

    #[test]
    fn only_text_that_says_something_is_kept() {
        for kept in ["application/json; charset=utf-8", "text/html", "application/problem+json", "text/plain"]
        {
            assert!(is_text_to_keep(kept), "{kept}");
        }
        for left in
            ["text/css", "application/javascript", "image/svg+xml", "font/woff2", "multipart/form-data"]
        {
            assert!(!is_text_to_keep(left), "{left}");
        }
    }

    #[test]
    fn a_secret_at_the_cut_is_redacted_before_the_cut() {
        let body = format!("{}canary{}", "x".repeat(BODY_LIMIT - 3), "y".repeat(100));
        let raw = RawBody {
            media_type: "text/plain".into(),
            encoding: Vec::new(),
            bytes: body.into_bytes(),
            is_cut: false,
        };
        let text = raw.to_text(&|text: &str| text.replace("canary", "•")).expect("text");
        assert!(text.is_cut && text.text.len() <= BODY_LIMIT && !text.text.contains("can"));
    }
}
