//! What a program started, as the kernel lists it.

use std::path::{Path, PathBuf};

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
