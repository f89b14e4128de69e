//! A start while the previous console is still ending its sessions. It can't be handed to that console, which shows
//! nothing any more, and must not open beside it, because the same customers may still be being signed out. So it says
//! that it waits, and then opens.

use std::fs::{File, TryLockError};
use std::io::{Result, Write};
use std::path::Path;

use tauri::AppHandle;

use crate::notification;

/// Held by a console that is quitting. The system releases it with the process, however that ends.
pub struct Quitting {
    _lock: File,
}

impl Quitting {
    /// Makes starts wait for the end of this process; `path` is the same for all consoles of a home.
    pub fn begin(path: &Path) -> Result<Self> {
        let lock = open_lock_file(path)?;
        // Shared, because several consoles of one home may quit at the same time.
        lock.lock_shared()?;
        Ok(Self { _lock: lock })
    }
}

/// One or more consoles that are still ending their sessions.
pub struct Predecessor {
    lock: File,
}

impl Predecessor {
    /// `None` if no console is quitting, or the file system cannot tell.
    pub fn find(path: &Path) -> Option<Self> {
        let lock = open_lock_file(path).ok()?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Some(Self { lock }),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// Returns when its process is gone.
    pub fn wait_for_end(self) {
        let _ = self.lock.lock();
    }

    /// Tells the operator why nothing opens yet. Main thread only.
    pub fn announce_waiting(app: &AppHandle) {
        const WHY: &str = "Understudy is still signing out of its last sessions";
        const THEN: &str = "It opens as soon as they have ended.";
        let _ = writeln!(std::io::stderr(), "understudy: {WHY}. {THEN}");
        notification::show_notification(app, WHY.into(), THEN.into());
    }
}

fn open_lock_file(path: &Path) -> Result<File> {
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
            found.wait_for_end();
            opens.send(()).unwrap();
        });
        drop(one);
        assert!(opened.try_recv().is_err() && Predecessor::find(&path).is_some(), "one of them quits still");
        drop(other);
        waiting.join().unwrap();
        assert!(opened.try_recv().is_ok() && Predecessor::find(&path).is_none());
    }
}
