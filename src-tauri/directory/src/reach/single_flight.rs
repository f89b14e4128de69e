//! Shares one piece of work between all callers that ask for it while it runs.
//!
//! A lock would not do: each waiting caller would start the same work again in turn, and wait for an unreachable server
//! once for every caller ahead of it.

use parking_lot::Mutex;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared};

/// The work in progress, if any. Its result goes to the callers that joined it and is not kept. It runs as long as at
/// least one of them waits.
pub(crate) struct SingleFlight<T: Clone>(Mutex<Option<WeakShared<BoxFuture<'static, T>>>>);

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> SingleFlight<T> {
    /// Joins the work in progress, or starts it with `begin`, and returns its result.
    pub(crate) async fn join_or_start(&self, begin: impl FnOnce() -> BoxFuture<'static, T>) -> T {
        let work = {
            let mut under_way = self.0.lock();
            // A finished result is out of date.
            let joined =
                under_way.as_ref().and_then(WeakShared::upgrade).filter(|work| work.peek().is_none());
            joined.unwrap_or_else(|| {
                let work = begin().shared();
                *under_way = work.downgrade();
                work
            })
        };
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn concurrent_callers_share_an_answer_and_later_ones_get_a_new_one() {
        let (joined, asked, goes_on) =
            (SingleFlight::default(), Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let begin = || {
            let (asked, goes_on) = (Arc::clone(&asked), Arc::clone(&goes_on));
            async move {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                goes_on.acquire().await.unwrap().forget();
                number
            }
            .boxed()
        };
        let all = futures_util::future::join_all((0..40).map(|_| joined.join_or_start(begin)));
        let (all, ()) = tokio::join!(all, async { goes_on.add_permits(1) });
        assert_eq!(all, vec![0; 40]);
        goes_on.add_permits(1);
        assert_eq!(joined.join_or_start(begin).await, 1);
    }

    #[tokio::test]
    async fn a_caller_that_leaves_does_not_stop_the_work() {
        let (joined, goes_on) = (SingleFlight::default(), Arc::new(Semaphore::new(0)));
        let begin = || {
            let goes_on = Arc::clone(&goes_on);
            async move { goes_on.acquire().await.is_ok() }.boxed()
        };
        let mut first = Box::pin(joined.join_or_start(begin));
        assert!((&mut first).now_or_never().is_none(), "it is under way");
        let mut second = Box::pin(joined.join_or_start(|| unreachable!("it is under way")));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        goes_on.add_permits(1);
        assert!(second.await);
    }
}
