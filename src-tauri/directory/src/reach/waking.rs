//! Servers that sleep while nobody asks, and who is told while one of them wakes up.
//!
//! Whoever opens a directory says so with [`telling`]; all that the directory does from then on tells the same one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Told `true` when a server was reached and is waking up, and `false` once it no longer is, or nobody waits any more.
pub type TellWaking = Arc<dyn Fn(bool) + Send + Sync>;

tokio::task_local! {
    static LISTENER: Listener;
}

/// Runs `work`, and tells `tell` when a server that it opens wakes up.
pub fn telling<T>(tell: TellWaking, work: impl Future<Output = T>) -> impl Future<Output = T> {
    Listener(Some(Arc::new((tell, AtomicUsize::new(0))))).hears(work)
}

/// Who listens, perhaps, and how many connections wait.
#[derive(Clone, Default)]
pub(crate) struct Listener(Option<Arc<(TellWaking, AtomicUsize)>>);

impl Listener {
    /// Of the task that opens a directory.
    pub(crate) fn present() -> Self {
        LISTENER.try_with(Clone::clone).unwrap_or_default()
    }

    pub(crate) fn hears<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        // Boxed: futures of directories are large, and deep.
        LISTENER.scope(self, Box::pin(work))
    }

    /// As long as it lives, whoever waits is told why.
    pub(crate) fn waking(&self) -> Waking {
        if let Some(listener) = &self.0
            && listener.1.fetch_add(1, Ordering::SeqCst) == 0
        {
            (listener.0)(true);
        }
        Waking(self.clone())
    }
}

pub(crate) struct Waking(Listener);

impl Drop for Waking {
    fn drop(&mut self) {
        if let Some(listener) = &self.0.0
            && listener.1.fetch_sub(1, Ordering::SeqCst) == 1
        {
            (listener.0)(false);
        }
    }
}
