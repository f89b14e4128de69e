//! What a program started, as the kernel lists it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// Process ids of `root` and of everything below it, whichever of its threads started it.
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

/// The program that a process runs; `None` when it has ended.
pub fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(of(pid).join("exe")).ok()
}

/// What the kernel tells of a process.
pub fn of(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// Does the kernel call the process by this name? It knows the first 15 letters.
pub fn is_named(pid: u32, name: &str) -> bool {
    std::fs::read_to_string(of(pid).join("comm")).is_ok_and(|comm| comm.trim_end() == name)
}

/// Whether the kernel writes none of the process's memory to a file when it crashes: neither by its limits, nor where
/// another program takes the dump, which may not heed them.
pub fn dumps_nothing(pid: u32) -> bool {
    let read = |name: &str| std::fs::read_to_string(of(pid).join(name)).unwrap_or_default();
    let limits = read("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let filter = read("coredump_filter");
    core.split_whitespace().skip(4).take(2).eq(["0", "0"])
        && filter.trim_end().bytes().all(|digit| digit == b'0')
        && !filter.is_empty()
}

/// The processes that a process was started by, nearest first.
pub fn ancestors(pid: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(of(pid).join("stat")).ok()?;
        // After the name, which may hold anything, come the state and the parent.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok().filter(|pid| *pid > 0)
    };
    std::iter::successors(parent(pid), |pid| parent(*pid)).collect()
}

/// Sends a process a signal: `TERM`, `KILL`, `STOP`.
pub async fn signal(pid: u32, name: &str) -> Result<()> {
    let sent = tokio::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status().await?;
    ensure!(sent.success(), "{name} was not sent to {pid}");
    Ok(())
}
