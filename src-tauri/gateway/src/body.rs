//! Bodies in both directions: any number of frames, passed on one by one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;

pub(crate) fn full_body(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn stream_body(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

/// Looks on while a body passes.
pub(crate) trait BodyWatcher: Unpin {
    fn see_frame(&mut self, frame: &Frame<Bytes>);

    /// Called once. A body that failed or was dropped before its end is not whole.
    fn see_end(&mut self, is_whole: bool);
}

/// A body that passes on what it gets, with someone looking on.
pub(crate) struct WatchedBody<B, W: BodyWatcher> {
    inner: B,
    /// None once the end has been seen.
    watcher: Option<W>,
}

impl<B, W: BodyWatcher> WatchedBody<B, W> {
    pub(crate) fn new(inner: B, watcher: W) -> Self {
        Self { inner, watcher: Some(watcher) }
    }

    fn end(&mut self, is_whole: bool) {
        if let Some(mut watcher) = self.watcher.take() {
            watcher.see_end(is_whole);
        }
    }
}

impl<B, W> http_body::Body for WatchedBody<B, W>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
    W: BodyWatcher,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(watcher) = &mut self.watcher {
                    watcher.see_frame(frame);
                }
                // Nothing asks again for what has no more frames.
                if self.inner.is_end_stream() {
                    self.end(true);
                }
            }
            Some(Err(_)) => self.end(false),
            None => self.end(true),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B, W: BodyWatcher> Drop for WatchedBody<B, W> {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Counts the bytes that pass, and calls back at the end, whole or not.
pub(crate) struct ByteCounter<F> {
    counter: Arc<AtomicU64>,
    on_end: Option<F>,
}

impl<F: FnOnce()> ByteCounter<F> {
    pub(crate) fn new(counter: Arc<AtomicU64>, on_end: F) -> Self {
        Self { counter, on_end: Some(on_end) }
    }
}

impl<F: FnOnce() + Unpin> BodyWatcher for ByteCounter<F> {
    fn see_frame(&mut self, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.counter.fetch_add(length as u64, Ordering::Relaxed);
    }

    fn see_end(&mut self, _: bool) {
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
    }
}

/// Keeps the beginning of a body that passes, and hands it over once it has as much as it wants, or at the end.
pub(crate) struct BodyExcerpt<F> {
    kept: Vec<u8>,
    limit: usize,
    /// None once it has been called.
    take: Option<F>,
}

impl<F: FnOnce(Vec<u8>)> BodyExcerpt<F> {
    /// Keeps up to `limit` bytes.
    pub(crate) fn new(limit: usize, take: F) -> Self {
        Self { kept: Vec::new(), limit, take: Some(take) }
    }

    fn hand_over(&mut self) {
        if let Some(take) = self.take.take() {
            take(std::mem::take(&mut self.kept));
        }
    }
}

impl<F: FnOnce(Vec<u8>) + Unpin> BodyWatcher for BodyExcerpt<F> {
    fn see_frame(&mut self, frame: &Frame<Bytes>) {
        let data = frame.data_ref().map_or(&[][..], |data| data);
        let room = self.limit - self.kept.len();
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        if self.kept.len() == self.limit {
            self.hand_over();
            self.limit = 0;
        }
    }

    fn see_end(&mut self, _: bool) {
        self.hand_over();
    }
}
