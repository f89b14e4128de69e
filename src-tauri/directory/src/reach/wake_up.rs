//! Reports to the caller while a sleeping server wakes up.
//!
//! [`with_wake_listener`] registers the callback for the task that opens a directory; the directory keeps it for its
//! lifetime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Called with `true` when a server was reached and is waking up, and with `false` once it is awake or no one waits for
/// it any more.
pub type WakeCallback = Arc<dyn Fn(bool) + Send + Sync>;

tokio::task_local! {
    static LISTENER: WakeListener;
}

/// Runs `work`, and calls `tell` when a server that it opens is waking up.
pub fn with_wake_listener<T>(tell: WakeCallback, work: impl Future<Output = T>) -> impl Future<Output = T> {
    WakeListener(Some(Arc::new((tell, AtomicUsize::new(0))))).run_within(work)
}

/// The callback, if any, and the number of connections that wait.
#[derive(Clone, Default)]
pub(crate) struct WakeListener(Option<Arc<(WakeCallback, AtomicUsize)>>);

impl WakeListener {
    /// The listener of the current task.
    pub(crate) fn of_current_task() -> Self {
        LISTENER.try_with(Clone::clone).unwrap_or_default()
    }

    pub(crate) fn run_within<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        // Boxed because the futures of directories are large and deeply nested.
        LISTENER.scope(self, Box::pin(work))
    }

    /// Tells the callback that a server is waking up, until the guard is dropped.
    pub(crate) fn announce_waking(&self) -> WakingGuard {
        if let Some(listener) = &self.0
            && listener.1.fetch_add(1, Ordering::SeqCst) == 0
        {
            (listener.0)(true);
        }
        WakingGuard(self.clone())
    }
}

pub(crate) struct WakingGuard(WakeListener);

impl Drop for WakingGuard {
    fn drop(&mut self) {
        if let Some(listener) = &self.0.0
            && listener.1.fetch_sub(1, Ordering::SeqCst) == 1
        {
            (listener.0)(false);
        }
    }
}
