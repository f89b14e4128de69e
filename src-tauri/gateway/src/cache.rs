//! Public static files of one connection's application, shared by its sessions: a session starts with an empty browser,
//! and would otherwise load an application's bundles again each time.
//!
//! A shared cache as in RFC 9111, but stricter: only scripts, styles, fonts, pictures and WebAssembly that the
//! application marks `public` or `immutable`, never with a cookie, in memory. What one session sends is never kept: of
//! a request, the cache remembers only the address and the two headers by which files may vary.

mod shareable;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, Response, Uri, request, response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use http_cache_semantics::{AfterResponse, BeforeRequest, CachePolicy};
use parking_lot::Mutex;

use crate::body::{Body, BodyWatcher, WatchedBody};
use shareable::{has_validator, is_plain, may_be_shared, to_anonymous};

/// Larger files are rare, and pass through uncached.
const FILE_LIMIT: usize = 16 << 20;

/// Files that are kept, whatever their size: each has an address and headers, too.
const COUNT_LIMIT: usize = 4_096;

/// The files of one connection, shared by its sessions.
pub struct PublicCache {
    limit: usize,
    files: Mutex<Files>,
    /// Whether the application wants a cookie for files that its documents declare, or does not share them.
    is_refused: AtomicBool,
}

#[derive(Default)]
struct Files {
    by_address: HashMap<Uri, StoredFile>,
    size: usize,
    /// Incremented with every use.
    turn: u64,
}

struct StoredFile {
    policy: CachePolicy,
    content: Bytes,
    last_used: u64,
}

/// What the cache has for a request.
pub(crate) enum CacheLookup {
    /// Nothing: the request goes on unchanged.
    Miss,
    Fresh(Response<Bytes>),
    /// An old file: the application is asked whether it is still valid, with these headers besides the request's own.
    Stale(Box<StaleFile>, HeaderMap),
}

/// A file that may be old. It stays in hand while the application is asked, whatever else becomes of it.
pub(crate) struct StaleFile {
    policy: CachePolicy,
    content: Bytes,
}

impl PublicCache {
    /// `limit` is in bytes of content.
    pub fn new(limit: usize) -> Self {
        Self { limit, files: Mutex::default(), is_refused: AtomicBool::new(false) }
    }

    /// Forgets every file.
    pub fn clear(&self) {
        *self.files.lock() = Files::default();
        self.is_refused.store(false, Ordering::Relaxed);
    }

    /// Records that a file that was loaded ahead may not be shared.
    pub(crate) fn refuse(&self) {
        self.is_refused.store(true, Ordering::Relaxed);
    }

    /// Whether files that documents declare need not be loaded ahead.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// Files and their bytes.
    pub fn measure(&self) -> (usize, usize) {
        let files = self.files.lock();
        (files.by_address.len(), files.size)
    }

    pub(crate) fn look_up(&self, parts: &request::Parts, now: SystemTime) -> CacheLookup {
        if !is_plain(parts) {
            return CacheLookup::Miss;
        }
        let mut files = self.files.lock();
        files.turn += 1;
        let turn = files.turn;
        let Some(file) = files.by_address.get_mut(&parts.uri) else { return CacheLookup::Miss };
        match file.policy.before_request(&to_anonymous(parts), now) {
            BeforeRequest::Fresh(head) => {
                file.last_used = turn;
                CacheLookup::Fresh(Response::from_parts(head, file.content.clone()))
            }
            BeforeRequest::Stale { request, matches: true } => {
                let mut headers = request.headers;
                headers.retain_names(&[IF_NONE_MATCH, IF_MODIFIED_SINCE]);
                if headers.is_empty() {
                    return CacheLookup::Miss;
                }
                let stale = StaleFile { policy: file.policy.clone(), content: file.content.clone() };
                CacheLookup::Stale(Box::new(stale), headers)
            }
            BeforeRequest::Stale { .. } => CacheLookup::Miss,
        }
    }

    /// The old file, once the application has said that it is still valid.
    pub(crate) fn revalidate(
        &self,
        stale: Box<StaleFile>,
        parts: &request::Parts,
        not_modified: &response::Parts,
        now: SystemTime,
    ) -> Option<Response<Bytes>> {
        let StaleFile { policy, content } = *stale;
        let AfterResponse::NotModified(policy, head) =
            policy.after_response(&to_anonymous(parts), not_modified, now)
        else {
            return None;
        };
        let mut files = self.files.lock();
        if may_be_shared(&head) {
            if let Some(file) = files.by_address.get_mut(&parts.uri) {
                file.policy = policy;
            }
        } else if let Some(removed) = files.by_address.remove(&parts.uri) {
            // The application has changed its mind about who may have it.
            files.size -= removed.content.len();
        }
        Some(Response::from_parts(head, content))
    }

    /// A body that stores what passes through it, or the same body if it may not be stored.
    pub(crate) fn keep_while_passing(
        self: &Arc<Self>,
        request: &request::Parts,
        head: &response::Parts,
        body: Body,
    ) -> Result<Body, Body> {
        let Some(policy) = find_policy(request, head) else { return Err(body) };
        let expected = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let keeper = FileKeeper {
            address: request.uri.clone(),
            policy: Some(policy),
            content: BytesMut::new(),
            expected,
            cache: Arc::clone(self),
        };
        Ok(WatchedBody::new(body, keeper).boxed_unsync())
    }

    /// Whether an answer is one that may be stored.
    pub(crate) fn may_keep(request: &request::Parts, head: &response::Parts) -> bool {
        find_policy(request, head).is_some()
    }

    fn store(&self, address: Uri, policy: CachePolicy, content: Bytes) {
        let mut files = self.files.lock();
        if content.len() > self.limit {
            return;
        }
        files.turn += 1;
        let file = StoredFile { policy, content, last_used: files.turn };
        files.size += file.content.len();
        if let Some(replaced) = files.by_address.insert(address, file) {
            files.size -= replaced.content.len();
        }
        while files.size > self.limit || files.by_address.len() > COUNT_LIMIT {
            let oldest = files
                .by_address
                .iter()
                .min_by_key(|(_, file)| file.last_used)
                .map(|(address, _)| address.clone());
            let Some(removed) = oldest.and_then(|address| files.by_address.remove(&address)) else { break };
            files.size -= removed.content.len();
        }
    }
}

/// How an answer may be stored; `None` if it may not.
fn find_policy(request: &request::Parts, head: &response::Parts) -> Option<CachePolicy> {
    if !is_plain(request) || !may_be_shared(head) {
        return None;
    }
    let policy = CachePolicy::new(&to_anonymous(request), head);
    let is_of_use = !policy.time_to_live(SystemTime::now()).is_zero() || has_validator(&head.headers);
    (policy.is_storable() && is_of_use).then_some(policy)
}

trait RetainNames {
    fn retain_names(&mut self, names: &[HeaderName]);
}

impl RetainNames for HeaderMap {
    fn retain_names(&mut self, names: &[HeaderName]) {
        let others: Vec<_> = self.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in others {
            self.remove(name);
        }
    }
}

/// Collects a file on its way to a webview. It's stored once its last byte has passed; if it breaks off, it isn't.
struct FileKeeper {
    address: Uri,
    policy: Option<CachePolicy>,
    content: BytesMut,
    expected: Option<usize>,
    cache: Arc<PublicCache>,
}

impl BodyWatcher for FileKeeper {
    fn see_frame(&mut self, frame: &Frame<Bytes>) {
        match frame.data_ref() {
            Some(data) if self.policy.is_some() && self.content.len() + data.len() <= FILE_LIMIT => {
                self.content.extend_from_slice(data);
            }
            _ => {
                self.policy = None;
                self.content = BytesMut::new();
            }
        }
    }

    fn see_end(&mut self, is_whole: bool) {
        let is_whole = is_whole && self.expected.is_none_or(|expected| expected == self.content.len());
        if let Some(policy) = self.policy.take().filter(|_| is_whole) {
            self.cache.store(self.address.clone(), policy, std::mem::take(&mut self.content).freeze());
        }
    }
}

#[cfg(test)]
mod tests;
