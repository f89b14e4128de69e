//! Waiting for something to become true, with a deadline and a sentence for when it does not.
//!
//! For conditions of other processes that announce nothing (a window's title, a page's element).
//! What can be awaited as an event is awaited as one instead.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Long enough for a debug build on a busy machine of two cores; a healthy run never sees the end of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `probe` until it answers `Some`, less and less often, and fails after [`PATIENCE`].
///
/// `what` completes "waited for …". An error of the probe ends the wait at once.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(4);
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited for {what}, but not within {} s", PATIENCE.as_secs());
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(150));
    }
}
