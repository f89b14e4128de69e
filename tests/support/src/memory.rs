//! The memory that programs use: proportional set size (PSS), in which shared pages count once.

use std::time::Duration;

use crate::processes;

/// The memory of some processes at one moment.
#[derive(Clone)]
pub struct Memory {
    /// Process ID and PSS in kilobytes.
    pub processes: Vec<(u32, u64)>,
}

impl Memory {
    /// The memory of everything that `root` started, without `root` itself: what a driver drives.
    pub fn below(root: u32) -> Self {
        let mut all = Self::of(root);
        all.processes.retain(|(pid, _)| *pid != root);
        all
    }

    /// Reads twice a second until two readings hardly differ; returns the last one if they always do.
    pub async fn at_rest(read: impl Fn() -> Self) -> Self {
        let mut before = read();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = read();
            if (now.megabytes() - before.megabytes()).abs() < 0.5 {
                return now;
            }
            before = now;
        }
        before
    }

    /// The memory of `root` and everything it started.
    pub fn of(root: u32) -> Self {
        Self { processes: processes::family(root).into_iter().map(|pid| (pid, pss(pid))).collect() }
    }

    pub fn megabytes(&self) -> f64 {
        megabytes(self.processes.iter().map(|(_, kilobytes)| kilobytes).sum())
    }

    /// Megabytes more than `before`, divided by `count`.
    #[allow(clippy::cast_precision_loss, reason = "a handful of sessions")]
    pub fn more_than(&self, before: &Self, count: usize) -> f64 {
        (self.megabytes() - before.megabytes()) / count as f64
    }

    /// Megabytes of the processes that are not in `before`.
    pub fn not_in(&self, before: &Self) -> f64 {
        let new = self.processes.iter().filter(|(pid, _)| before.processes.iter().all(|(old, _)| old != pid));
        megabytes(new.map(|(_, kilobytes)| kilobytes).sum())
    }
}

fn pss(pid: u32) -> u64 {
    let text = std::fs::read_to_string(processes::of(pid).join("smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[allow(clippy::cast_precision_loss, reason = "kilobytes of a machine's memory fit a double")]
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
