//! The time, for those who may read it.

use std::time::Duration;

use tokio::sync::watch;

/// Timers stand still while the machine sleeps: the wall clock is looked at this often at least.
const LOOK: Duration = Duration::from_secs(20);

/// A clock, and the waiting for it.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Wall,
    ByHand(watch::Sender<i64>),
}

impl Clock {
    /// The system's.
    pub fn wall() -> Self {
        Self(Kind::Wall)
    }

    /// One that stands at `now_ms` until it is [put forward](Self::forward), for tests.
    pub fn by_hand(now_ms: i64) -> Self {
        Self(Kind::ByHand(watch::Sender::new(now_ms)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Kind::Wall => jiff::Timestamp::now().as_millisecond(),
            Kind::ByHand(hand) => *hand.borrow(),
        }
    }

    /// Returns when it is `at_ms` (milliseconds since the Unix epoch) or later.
    pub async fn until(&self, at_ms: i64) {
        match &self.0 {
            Kind::Wall => loop {
                let left = Duration::from_millis(u64::try_from(at_ms - self.now_ms()).unwrap_or(0));
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK)).await;
            },
            Kind::ByHand(hand) => {
                // The sender lives in `self`, which is held here.
                let _ = hand.subscribe().wait_for(|now| *now >= at_ms).await;
            }
        }
    }

    /// Puts a clock [by hand](Self::by_hand) forward; the system's goes by itself.
    pub fn forward(&self, by: Duration) {
        if let Kind::ByHand(hand) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            hand.send_modify(|now| *now = now.saturating_add(by));
        }
    }
}
