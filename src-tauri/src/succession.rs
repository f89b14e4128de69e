//! A start while the console before it still ends its sessions. It can neither be handed to that console, which shows
//! nothing any more, nor open beside it: the same customers may still be signed out. It waits, says so, and then opens.

use std::fs::{File, TryLockError};
use std::io::{Result, Write};
use std::path::Path;

use tauri::AppHandle;

use crate::notification;

/// Held by a console from the moment that it quits. The system lets go of it when the process is gone, however it ends.
pub struct Quitting {
    _lock: File,
}

impl Quitting {
    /// From now on starts wait for the end of this process; `path` is the same for all consoles of a home.
    pub fn begin(path: &Path) -> Result<Self> {
        let lock = open(path)?;
        // Shared: several consoles of one home may quit at a time.
        lock.lock_shared()?;
        Ok(Self { _lock: lock })
    }
}

/// A console, or several, whose sessions are still being ended.
pub struct Predecessor {
    lock: File,
}

impl Predecessor {
    /// `None` when nobody quits just now, and where the file system cannot tell.
    pub fn find(path: &Path) -> Option<Self> {
        let lock = open(path).ok()?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Some(Self { lock }),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// Returns when its process is gone.
    pub fn wait(self) {
        let _ = self.lock.lock();
    }

    /// Tells whoever started this why nothing opens yet. Main thread only.
    pub fn say_that_we_wait(app: &AppHandle) {
        const WHY: &str = "Understudy is still signing out of its last sessions";
        const THEN: &str = "It opens as soon as they have ended.";
        let _ = writeln!(std::io::stderr(), "understudy: {WHY}. {THEN}");
        notification::show(app, WHY.into(), THEN.into());
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_start_waits_for_all_that_quit_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quitting");
        assert!(Predecessor::find(&path).is_none(), "nobody has quit yet");
        assert!(Predecessor::find(&path).is_none(), "a start that found nobody is in nobody's way");
        let (one, other) = (Quitting::begin(&path).unwrap(), Quitting::begin(&path).unwrap());
        let found = Predecessor::find(&path).expect("two of them");
        let (opens, opened) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            found.wait();
            opens.send(()).unwrap();
        });
        drop(one);
        assert!(opened.try_recv().is_err() && Predecessor::find(&path).is_some(), "one of them quits still");
        drop(other);
        waiting.join().unwrap();
        assert!(opened.try_recv().is_ok() && Predecessor::find(&path).is_none());
    }
}
