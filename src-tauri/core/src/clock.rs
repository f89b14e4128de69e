//! The time, for those who may read it.
//!
//! There are two clocks: the wall's, which people read and may set, and the one that only ever goes on, also while
//! the machine sleeps. What has to happen in time happens by whichever is there first.

use std::time::Duration;

use tokio::sync::watch;

/// Timers stand still while the machine sleeps: the clocks are looked at this often at least.
const LOOK: Duration = Duration::from_secs(20);

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Milliseconds since the machine was started; nobody can set it.
    boot_ms: i64,
}

impl Moment {
    /// So many milliseconds later, or earlier.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self { wall_ms: self.wall_ms.saturating_add(ms), boot_ms: self.boot_ms.saturating_add(ms) }
    }

    /// When it will have come, as the wall shows it at `now`: what is shown to people who count down to it.
    pub fn on_the_wall(self, now: Self) -> i64 {
        self.wall_ms.min(now.wall_ms.saturating_add(self.boot_ms - now.boot_ms))
    }

    /// Milliseconds from `now` until this moment, by the clock that is there first; 0 when it has come.
    fn left(self, now: Self) -> u64 {
        u64::try_from((self.wall_ms - now.wall_ms).min(self.boot_ms - now.boot_ms)).unwrap_or(0)
    }
}

/// A clock, and the waiting for it.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    ByHand(watch::Sender<Moment>),
}

impl Clock {
    /// The system's.
    pub fn wall() -> Self {
        Self(Kind::System)
    }

    /// One that stands at `now_ms` until it is [put forward](Self::forward), for tests.
    pub fn by_hand(now_ms: i64) -> Self {
        Self(Kind::ByHand(watch::Sender::new(Moment { wall_ms: now_ms, boot_ms: 0 })))
    }

    pub fn now(&self) -> Moment {
        match &self.0 {
            Kind::System => Moment { wall_ms: jiff::Timestamp::now().as_millisecond(), boot_ms: boot_ms() },
            Kind::ByHand(hand) => *hand.borrow(),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.now().wall_ms
    }

    /// Returns when `at` has come by either clock.
    pub async fn until(&self, at: Moment) {
        match &self.0 {
            Kind::System => loop {
                let left = Duration::from_millis(at.left(self.now()));
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK)).await;
            },
            Kind::ByHand(hand) => {
                // The sender lives in `self`, which is held here.
                let _ = hand.subscribe().wait_for(|now| at.left(*now) == 0).await;
            }
        }
    }

    /// Returns when the clocks are worth another look: somebody may have set one.
    pub async fn look(&self) {
        match &self.0 {
            Kind::System => tokio::time::sleep(LOOK).await,
            Kind::ByHand(hand) => {
                let _ = hand.subscribe().changed().await;
            }
        }
    }

    /// Time goes by on a clock [by hand](Self::by_hand); the system's goes by itself.
    pub fn forward(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.set(|now| *now = now.plus(by));
    }

    /// Somebody sets the wall's clock by so many milliseconds; only on a clock [by hand](Self::by_hand).
    pub fn set_wall(&self, by_ms: i64) {
        self.set(|now| now.wall_ms = now.wall_ms.saturating_add(by_ms));
    }

    fn set(&self, change: impl FnOnce(&mut Moment)) {
        if let Kind::ByHand(hand) = &self.0 {
            hand.send_modify(change);
        }
    }
}

/// Sleep counts in it: `CLOCK_BOOTTIME` of Linux, and macOS' monotonic clock, which goes on while it sleeps.
#[cfg(unix)]
fn boot_ms() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// Sleep counts in it: it stands on `QueryPerformanceCounter`.
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
        let clock = Clock::by_hand(1_000_000);
        let at = clock.now().plus(60_000);
        // Set back by an hour: the machine's own clock counts.
        clock.set_wall(-3_600_000);
        clock.forward(Duration::from_secs(59));
        assert_eq!(at.left(clock.now()), 1000);
        clock.forward(Duration::from_secs(1));
        clock.until(at).await;
        // Set forward: the wall's counts.
        let at = clock.now().plus(60_000);
        clock.set_wall(60_000);
        clock.until(at).await;
    }

    #[test]
    fn the_systems_clocks_go_on() {
        let (clock, later) = (Clock::wall(), 5);
        let at = clock.now().plus(later);
        while at.left(clock.now()) > 0 {
            std::thread::yield_now();
        }
        assert!(clock.now_ms() > 1_700_000_000_000);
    }
}
