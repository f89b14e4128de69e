//! A program's processes, as the kernel lists them.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The process IDs of `root` and all its descendants, whichever thread started them.
pub fn family(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut index = 0;
    while let Some(parent) = all.get(index).copied() {
        for thread in std::fs::read_dir(of(parent).join("task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        index += 1;
    }
    all
}

/// The program that a process runs; `None` if it has ended.
pub fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(of(pid).join("exe")).ok()
}

/// The process's folder in /proc.
pub fn of(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// Whether this is the process's name in the kernel, which keeps only the first 15 characters.
pub fn is_named(pid: u32, name: &str) -> bool {
    std::fs::read_to_string(of(pid).join("comm")).is_ok_and(|comm| comm.trim_end() == name)
}

/// Whether the kernel never writes this process's memory to a file: neither by its limits, nor for a program that
/// receives core dumps and may ignore the limits.
pub fn dumps_nothing(pid: u32) -> bool {
    let read = |name: &str| std::fs::read_to_string(of(pid).join(name)).unwrap_or_default();
    let limits = read("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let filter = read("coredump_filter");
    core.split_whitespace().skip(4).take(2).eq(["0", "0"])
        && filter.trim_end().bytes().all(|digit| digit == b'0')
        && !filter.is_empty()
}

/// The ancestors of a process, nearest first.
pub fn ancestors(pid: u32) -> Vec<u32> {
    let parent = |pid: u32| read_stat(pid, 1)?.try_into().ok().filter(|pid| *pid > 0);
    std::iter::successors(parent(pid), |pid| parent(*pid)).collect()
}

/// When a process started, in the kernel's ticks. IDs tell nothing about that: they begin anew.
pub fn started_at(pid: u32) -> Option<u64> {
    read_stat(pid, 19)
}

/// A field of what the kernel tells about a process (`proc_pid_stat(5)`), counted from its state.
fn read_stat(pid: u32, nth: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(of(pid).join("stat")).ok()?;
    // The name may contain anything; the state comes after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(nth)?.parse().ok()
}

/// Sends a signal to a process: `TERM`, `KILL`, `STOP`.
pub async fn signal(pid: u32, name: &str) -> Result<()> {
    let sent = tokio::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status().await?;
    ensure!(sent.success(), "{name} was not sent to {pid}");
    Ok(())
}
