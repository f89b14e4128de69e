//! A request's body that can be sent once more, if it is not too long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use parking_lot::Mutex;

use crate::body::{Body, BodyError, full_body};

/// The longest body that is kept while it passes. A longer one is streamed, and sent only once.
pub(crate) const REPLAY_LIMIT: usize = 1 << 20;

/// Keeps what passes of a body, for another try.
pub(crate) struct ReplayableBody(Arc<Mutex<Replay>>);

struct Replay {
    source: Body,
    /// What has come from the source; `None` once that was too much.
    kept: Option<Vec<Frame<Bytes>>>,
    kept_bytes: usize,
    has_ended: bool,
    /// Only the newest try reads on.
    turn: u32,
}

/// One try.
struct ReplayTry {
    replay: Arc<Mutex<Replay>>,
    turn: u32,
    /// How many of the kept frames have been sent.
    sent: usize,
}

impl ReplayableBody {
    /// And its first try.
    pub(crate) fn begin(source: Body) -> (Self, Body) {
        let (has_ended, kept) = (source.is_end_stream(), Some(Vec::new()));
        let replay = Arc::new(Mutex::new(Replay { source, kept, kept_bytes: 0, has_ended, turn: 0 }));
        let first = ReplayTry::boxed(&replay, 0);
        (Self(replay), if has_ended { full_body("") } else { first })
    }

    /// Whether the whole body could be sent from its beginning now. While it is being sent, that may change.
    pub(crate) fn can_repeat(&self) -> bool {
        self.0.lock().kept.is_some()
    }

    /// The body from its beginning; `None` if that has been too much to keep by now. An earlier try that is still being
    /// sent breaks off.
    pub(crate) fn start_again(&self) -> Option<Body> {
        let mut replay = self.0.lock();
        replay.kept.as_ref()?;
        replay.turn += 1;
        if replay.has_ended && replay.kept.as_ref().is_some_and(Vec::is_empty) {
            return Some(full_body(""));
        }
        let turn = replay.turn;
        drop(replay);
        Some(ReplayTry::boxed(&self.0, turn))
    }
}

impl ReplayTry {
    fn boxed(replay: &Arc<Mutex<Replay>>, turn: u32) -> Body {
        http_body_util::BodyExt::boxed_unsync(Self { replay: Arc::clone(replay), turn, sent: 0 })
    }
}

impl Replay {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(kept) = &mut self.kept else { return };
        self.kept_bytes += frame.data_ref().map_or(0, Bytes::len);
        if self.kept_bytes > REPLAY_LIMIT {
            self.kept = None;
        } else if let Some(copy) = copy_frame(frame) {
            kept.push(copy);
        }
    }
}

impl http_body::Body for ReplayTry {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let shared = Arc::clone(&self.replay);
        let mut replay = shared.lock();
        if replay.turn != self.turn {
            return Poll::Ready(Some(Err("the request is sent again".into())));
        }
        if let Some(frame) = replay.kept.as_ref().and_then(|kept| kept.get(self.sent)) {
            self.sent += 1;
            return Poll::Ready(copy_frame(frame).map(Ok));
        }
        if replay.has_ended {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(Pin::new(&mut replay.source).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                replay.keep(frame);
                self.sent += 1;
            }
            Some(Err(_)) => replay.kept = None,
            None => replay.has_ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let replay = self.replay.lock();
        let has_all = replay.kept.as_ref().is_none_or(|kept| kept.len() == self.sent);
        has_all && (replay.has_ended || replay.source.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let replay = self.replay.lock();
        let unsent = replay.kept.iter().flatten().skip(self.sent);
        let unsent: u64 = unsent.map(|frame| frame.data_ref().map_or(0, |data| data.len() as u64)).sum();
        let rest = replay.source.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + unsent);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + unsent);
        }
        hint
    }
}

fn copy_frame(frame: &Frame<Bytes>) -> Option<Frame<Bytes>> {
    match (frame.data_ref(), frame.trailers_ref()) {
        (Some(data), _) => Some(Frame::data(data.clone())),
        (_, Some(trailers)) => Some(Frame::trailers(trailers.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn source(pieces: Vec<usize>) -> Body {
        let frames = pieces.into_iter().map(|size| Ok(Frame::data(Bytes::from(vec![b'x'; size]))));
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    fn start_again(body: &ReplayableBody) -> Body {
        body.start_again().expect("it is kept")
    }

    async fn read(body: Body) -> Result<usize, BodyError> {
        Ok(body.collect().await?.to_bytes().len())
    }

    #[tokio::test]
    async fn a_body_is_sent_again_from_its_beginning() {
        let (body, first) = ReplayableBody::begin(source(vec![3, 4]));
        assert_eq!(read(first).await.expect("it is whole"), 7);
        assert_eq!(read(start_again(&body)).await.expect("it is whole"), 7);
        let (body, first) = ReplayableBody::begin(full_body("seven b"));
        assert_eq!(first.size_hint().exact(), Some(7));
        assert_eq!(read(first).await.expect("it is whole"), 7);
        let next = start_again(&body);
        assert_eq!(next.size_hint().exact(), Some(7));
        assert_eq!(read(next).await.expect("it is whole"), 7);
    }

    #[tokio::test]
    async fn the_next_try_reads_on_where_the_first_stopped() {
        let (body, mut first) = ReplayableBody::begin(source(vec![3, 4]));
        first.frame().await.expect("a frame").expect("it is whole");
        let second = start_again(&body);
        assert!(first.frame().await.expect("the end").is_err(), "the first must not look whole");
        assert_eq!(read(second).await.expect("it is whole"), 7);
    }

    #[tokio::test]
    async fn a_long_body_passes_once_and_then_not_even_in_part() {
        let (body, first) = ReplayableBody::begin(source(vec![REPLAY_LIMIT, 1, 5]));
        assert!(body.can_repeat());
        assert_eq!(read(first).await.expect("it is whole"), REPLAY_LIMIT + 6);
        assert!(!body.can_repeat() && body.start_again().is_none());
    }

    #[test]
    fn no_body_is_none_each_time() {
        let (body, first) = ReplayableBody::begin(full_body(""));
        assert!(first.is_end_stream() && start_again(&body).is_end_stream() && body.can_repeat());
    }
}
