//! What time it is, for filters such as `7d`. Whoever opens a directory hands the clock in.

use jiff::Timestamp;

/// Tells the time.
pub trait WallClock: std::fmt::Debug + Send + Sync {
    fn read_time(&self) -> Timestamp;
}

/// This computer's.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn read_time(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// It always is the same time.
impl WallClock for Timestamp {
    fn read_time(&self) -> Timestamp {
        *self
    }
}
