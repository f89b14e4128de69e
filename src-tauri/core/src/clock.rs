//! The time, for the parts of the core that may read it.
//!
//! There are two clocks: the wall clock, which people read and can set, and a monotonic one, which also counts while
//! the computer sleeps. A deadline is reached when either clock says so.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::directory::{SystemClock, WallClock};

/// How often the clocks are read at least, because timers stand still while the computer sleeps.
const LOOK: Duration = Duration::from_secs(20);

/// A point in time on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Milliseconds since the computer was started. No one can set this clock.
    boot_ms: i64,
}

impl Moment {
    /// This moment plus `ms` milliseconds, which may be negative.
    #[must_use]
    pub fn add_ms(self, ms: i64) -> Self {
        Self { wall_ms: self.wall_ms.saturating_add(ms), boot_ms: self.boot_ms.saturating_add(ms) }
    }

    /// The wall time at which this moment will be reached, as seen at `now`: for a countdown.
    pub fn to_wall_time(self, now: Self) -> i64 {
        self.wall_ms.min(now.wall_ms.saturating_add(self.boot_ms - now.boot_ms))
    }

    /// The same moment, reached only by the clock that no one can set.
    #[must_use]
    pub fn by_boot_clock(self) -> Self {
        Self { wall_ms: i64::MAX, ..self }
    }

    /// Milliseconds since `earlier`, on the clock that no one can set.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.boot_ms.saturating_sub(earlier.boot_ms)
    }

    /// Whether either clock has reached it.
    pub fn is_reached(self, now: Self) -> bool {
        self.ms_until(now) == 0
    }

    /// Milliseconds from `now` until this moment on the clock that reaches it first; 0 if it is past.
    fn ms_until(self, now: Self) -> u64 {
        u64::try_from(self.wall_ms.saturating_sub(now.wall_ms).min(self.boot_ms - now.boot_ms)).unwrap_or(0)
    }
}

/// A clock that can be waited for.
#[derive(Debug, Clone)]
pub struct Clock(ClockSource);

#[derive(Debug, Clone)]
enum ClockSource {
    System,
    ByHand(watch::Sender<Moment>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(ClockSource::System)
    }

    /// A clock for tests: it stands still at `now_ms` until [`Self::advance_by`] moves it.
    pub fn manual(now_ms: i64) -> Self {
        Self(ClockSource::ByHand(watch::Sender::new(Moment { wall_ms: now_ms, boot_ms: 0 })))
    }

    pub fn now(&self) -> Moment {
        match &self.0 {
            ClockSource::System => {
                Moment { wall_ms: SystemClock.read_time().as_millisecond(), boot_ms: boot_ms() }
            }
            ClockSource::ByHand(hand) => *hand.borrow(),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.now().wall_ms
    }

    /// Returns once either clock has reached `at`.
    pub async fn wait_until(&self, at: Moment) {
        match &self.0 {
            ClockSource::System => loop {
                let left = Duration::from_millis(at.ms_until(self.now()));
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK)).await;
            },
            ClockSource::ByHand(hand) => {
                // Cannot fail: `self` owns the sender.
                let _ = hand.subscribe().wait_for(|now| at.ms_until(*now) == 0).await;
            }
        }
    }

    /// Returns when the clocks should be read again, because the wall clock may have been set.
    pub async fn wait_for_change(&self) {
        match &self.0 {
            ClockSource::System => tokio::time::sleep(LOOK).await,
            ClockSource::ByHand(hand) => {
                let _ = hand.subscribe().changed().await;
            }
        }
    }

    /// Lets time pass on a [test clock](Self::manual); does nothing on the system's.
    pub fn advance_by(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.update_moment(|now| *now = now.add_ms(by));
    }

    /// Sets only the wall clock of a [test clock](Self::manual), by this many milliseconds.
    pub fn set_wall(&self, by_ms: i64) {
        self.update_moment(|now| now.wall_ms = now.wall_ms.saturating_add(by_ms));
    }

    fn update_moment(&self, change: impl FnOnce(&mut Moment)) {
        if let ClockSource::ByHand(hand) = &self.0 {
            hand.send_modify(change);
        }
    }
}

/// The wall clock's time.
impl WallClock for Clock {
    fn read_time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or_default()
    }
}

/// Includes sleep: Linux has `CLOCK_BOOTTIME`, and macOS' monotonic clock continues while asleep.
#[cfg(unix)]
fn boot_ms() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// Includes sleep, because it is based on `QueryPerformanceCounter`.
#[cfg(not(unix))]
fn boot_ms() -> i64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_has_come_when_either_clock_is_there() {
        let clock = Clock::manual(1_000_000);
        let at = clock.now().add_ms(60_000);
        // The wall clock is set back by an hour, so the monotonic clock counts.
        clock.set_wall(-3_600_000);
        clock.advance_by(Duration::from_secs(59));
        assert_eq!(at.ms_until(clock.now()), 1000);
        clock.advance_by(Duration::from_secs(1));
        clock.wait_until(at).await;
        // The wall clock is set forward, so it counts.
        let at = clock.now().add_ms(60_000);
        clock.set_wall(60_000);
        clock.wait_until(at).await;
        let at = at.by_boot_clock();
        assert_eq!(at.ms_until(clock.now()), 60_000, "unless it does not count");
        clock.advance_by(Duration::from_mins(1));
        clock.wait_until(at).await;
    }

    #[test]
    fn the_systems_clocks_go_on() {
        let (clock, later) = (Clock::system(), 5);
        let at = clock.now().add_ms(later);
        while at.ms_until(clock.now()) > 0 {
            std::thread::yield_now();
        }
        assert!(clock.now_ms() > 1_700_000_000_000);
    }
}
