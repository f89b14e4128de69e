//! Waits for a condition, with a deadline and a sentence for when it is not met.
//!
//! For conditions of other processes that send no event, such as a window's title or an element of a page. Everything
//! else is awaited as an event.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Long enough for a debug build on a busy machine with two cores; a passing test never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Calls `probe` at growing intervals until it returns `Some`, and fails after [`PATIENCE`].
///
/// `what` completes "waited for …". An error from the probe ends the wait at once.
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
