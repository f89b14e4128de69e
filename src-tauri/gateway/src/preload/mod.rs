//! Loads the public scripts and styles that a document declares before the webview asks for them, all at once, into the
//! connection's cache. WebKitGTK has six connections to a host behind a proxy, so a first page with sixty files takes
//! ten round trips without that.
//!
//! The requests carry no cookie, so what they get is for everyone; whatever may not be shared is thrown away, and the
//! webview's own request goes out as if nothing had been. Once that has happened, the connection's documents are left
//! alone.

mod scanner;

use std::collections::HashMap;
use std::io::{Error, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::{GzDecoder, ZlibDecoder};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, request, response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::PublicCache;
use crate::body::{Body, BodyWatcher, WatchedBody, full_body};
use crate::fault_page::Preferences;
use crate::fence::{BodyFacts, Decision, RequestFacts, is_top_level};
use crate::forward::Passage;
use crate::inbound::spawn_until_end;
use crate::journal::RequestOutcome;
use crate::session::SessionState;
use scanner::{DeclaredFile, FileKind, TagScanner};

/// More than a page declares.
const FILE_LIMIT: usize = 100;
/// How much of a document is looked at.
const DOCUMENT_LIMIT: usize = 512 << 10;

/// How long the webview's own request waits for a file that is on its way: a server may answer strangers late, or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// What browsers say of themselves in every request.
const COPIED: [HeaderName; 3] = [USER_AGENT, ACCEPT_ENCODING, ACCEPT_LANGUAGE];

/// The files of one session that are on their way.
pub(crate) struct PendingPreloads {
    files: Mutex<HashMap<Uri, CancellationToken>>,
    patience: Duration,
}

impl Default for PendingPreloads {
    fn default() -> Self {
        Self { files: Mutex::default(), patience: PATIENCE }
    }
}

impl PendingPreloads {
    /// Returns once the file at this address is in the cache, or will not be; also if that takes too long.
    pub(crate) async fn wait_for(&self, address: &Uri) {
        let pending = self.files.lock().get(address).cloned();
        if let Some(pending) = pending {
            let _ = tokio::time::timeout(self.patience, pending.cancelled()).await;
        }
    }
}

/// A file on its way. Dropping it lets the webview's request for it go on.
struct PendingFile {
    address: Uri,
    session: Arc<SessionState>,
}

impl PendingFile {
    /// `None` if the file is on its way already.
    fn begin(address: Uri, session: &Arc<SessionState>) -> Option<Self> {
        let mut all = session.preloads.files.lock();
        if all.contains_key(&address) || all.len() >= FILE_LIMIT {
            return None;
        }
        all.insert(address.clone(), CancellationToken::new());
        Some(Self { address, session: Arc::clone(session) })
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if let Some(pending) = self.session.preloads.files.lock().remove(&self.address) {
            pending.cancel();
        }
    }
}

/// Looks into a document of the application while it passes.
pub(crate) fn watch_document(
    session: &Arc<SessionState>,
    url: &Url,
    came_by: Version,
    asked: &request::Parts,
    head: &response::Parts,
    body: Body,
) -> Body {
    // HTTP/2 on the way in leaves nothing to gain, and HTTP/1.1 on the way out no connections to gain it with.
    let is_slow = came_by < Version::HTTP_2 && head.version == Version::HTTP_2;
    let is_document = asked.method == Method::GET
        && head.status == StatusCode::OK
        && is_top_level(&asked.headers)
        && head.headers.get(CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/html"))
        && session.gate.is_of_application(url);
    if !is_slow || !is_document || session.cache.is_refused() {
        return body;
    }
    let encoding = head.headers.get(CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes);
    let Some(decoder) = Decoder::for_encoding(encoding) else { return body };
    let watcher = DocumentWatcher {
        session: Arc::clone(session),
        url: url.clone(),
        headers: asked.headers.clone(),
        decoder: Some(decoder),
    };
    WatchedBody::new(body, watcher).boxed_unsync()
}

/// A document as text, whichever way it is compressed.
enum Decoder {
    Plain(TagScanner),
    Gzip(GzDecoder<TagScanner>),
    Deflate(ZlibDecoder<TagScanner>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<TagScanner>>),
}

impl Decoder {
    fn for_encoding(encoding: &[u8]) -> Option<Self> {
        let scanner = TagScanner::default();
        Some(match encoding {
            b"" | b"identity" => Self::Plain(scanner),
            b"gzip" => Self::Gzip(GzDecoder::new(scanner)),
            b"deflate" => Self::Deflate(ZlibDecoder::new(scanner)),
            b"br" => Self::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(scanner, 4096))),
            _ => return None,
        })
    }

    fn push(&mut self, piece: &[u8]) -> Result<Vec<DeclaredFile>, Error> {
        let writer: &mut dyn Write = match self {
            Self::Plain(scanner) => scanner,
            Self::Gzip(decoder) => decoder,
            Self::Deflate(decoder) => decoder,
            Self::Brotli(decoder) => decoder,
        };
        writer.write_all(piece)?;
        writer.flush()?;
        let scanner = match self {
            Self::Plain(scanner) => scanner,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
        };
        Ok(scanner.take_files())
    }
}

impl Write for TagScanner {
    fn write(&mut self, piece: &[u8]) -> Result<usize, Error> {
        if self.len() + piece.len() > DOCUMENT_LIMIT {
            return Err(Error::other("the rest of a long document"));
        }
        self.push(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

struct DocumentWatcher {
    session: Arc<SessionState>,
    url: Url,
    /// Those of the request for the document.
    headers: HeaderMap,
    /// None once there is nothing more to look for.
    decoder: Option<Decoder>,
}

impl BodyWatcher for DocumentWatcher {
    fn see_frame(&mut self, frame: &Frame<Bytes>) {
        let Some((decoder, piece)) = self.decoder.as_mut().zip(frame.data_ref()) else { return };
        match decoder.push(piece) {
            Ok(files) => files.iter().for_each(|file| self.load(file)),
            Err(_) => self.decoder = None,
        }
    }

    fn see_end(&mut self, _: bool) {}
}

impl DocumentWatcher {
    /// Begins to load a file of the document's own origin. It is known to be on its way before the document's frame
    /// passes on.
    fn load(&self, file: &DeclaredFile) {
        let Ok(mut url) = self.url.join(&file.url) else { return };
        url.set_fragment(None);
        let is_file = [".js", ".mjs", ".css"].iter().any(|end| url.path().ends_with(end));
        if url.origin() != self.url.origin() || !is_file {
            return;
        }
        // What the operator's password opens is for this session, and so not kept.
        if self.session.credentials.has_entered(&url) {
            return;
        }
        let headers = write_headers(&self.headers, file.kind);
        let facts =
            RequestFacts { method: &Method::GET, url: &url, headers: &headers, body: BodyFacts::Unread };
        if self.session.gate.decide(&facts) != Decision::Pass {
            return;
        }
        let Ok(address) = url.as_str().parse::<Uri>() else { return };
        let Some(pending) = PendingFile::begin(address, &self.session) else { return };
        let session = &self.session;
        spawn_until_end(&session.tasks, &session.ended, load_file(pending, url, headers));
    }
}

/// Loads a file into the cache.
async fn load_file(pending: PendingFile, url: Url, headers: HeaderMap) {
    let PendingFile { address, session } = &pending;
    let mut request = Request::new(full_body(""));
    *request.headers_mut() = headers;
    *request.uri_mut() = address.clone();
    let (parts, body) = request.into_parts();
    let (asked, request) = (parts.clone(), Request::from_parts(parts, body));
    let preferences = Preferences::read(&asked.headers, &url, |_| false);
    let record = session.journal.begin_entry(&Method::GET, address);
    let pages = session.gate.pages();
    let passage = Passage {
        url: &url,
        record: &record,
        session,
        is_announced: false,
        is_ahead: true,
        preferences: &preferences,
        sockets_closed: session.gate.sockets(),
    };
    let loaded = async {
        let response = match passage.forward(request, address.clone()).await {
            Ok(response) => response,
            Err(fault) => {
                record.set_outcome(RequestOutcome::Failed { reason: fault.to_string() });
                return;
            }
        };
        let (head, mut body) = response.into_parts();
        if !PublicCache::may_keep(&asked, &head) {
            session.cache.refuse();
            return;
        }
        while let Some(Ok(_)) = body.frame().await {}
    };
    if pages.run(loaded).await.is_none() {
        record.set_outcome(RequestOutcome::Refused { reason: "The session is ending.".into() });
    }
    session.journal.end_entry(&record);
}

/// As a browser would ask for the file, but for everything that belongs to a user.
fn write_headers(of_document: &HeaderMap, kind: FileKind) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in COPIED {
        if let Some(value) = of_document.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let (accept, destination, mode) = match kind {
        FileKind::Script => ("*/*", "script", "no-cors"),
        FileKind::Module => ("*/*", "script", "cors"),
        FileKind::Style => ("text/css,*/*;q=0.1", "style", "no-cors"),
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if of_document.contains_key("sec-fetch-dest") {
        for (name, value) in
            [("sec-fetch-dest", destination), ("sec-fetch-mode", mode), ("sec-fetch-site", "same-origin")]
        {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn pending(patience: Duration) -> (PendingPreloads, Uri, CancellationToken) {
        let (address, file) = (Uri::from_static("https://app.example/app.js"), CancellationToken::new());
        let files = Mutex::new(HashMap::from([(address.clone(), file.clone())]));
        (PendingPreloads { files, patience }, address, file)
    }

    #[tokio::test]
    async fn a_request_waits_for_its_file_and_for_no_other() {
        let (preloads, address, file) = pending(Duration::MAX);
        let mut waiting = Box::pin(preloads.wait_for(&address));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        assert_eq!(
            preloads.wait_for(&Uri::from_static("https://app.example/a.css")).now_or_never(),
            Some(())
        );
        file.cancel();
        waiting.await;
    }

    #[tokio::test]
    async fn a_file_that_never_comes_holds_no_request_up_for_ever() {
        assert_eq!(PendingPreloads::default().patience, PATIENCE);
        let (preloads, address, _never) = pending(Duration::ZERO);
        preloads.wait_for(&address).await;
    }
}
