//! The clock for filters such as `7d`. The caller that opens a directory supplies it.

use jiff::Timestamp;

/// Tells the current time.
pub trait WallClock: std::fmt::Debug + Send + Sync {
    fn read_time(&self) -> Timestamp;
}

/// This computer's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn read_time(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still.
impl WallClock for Timestamp {
    fn read_time(&self) -> Timestamp {
        *self
    }
}
