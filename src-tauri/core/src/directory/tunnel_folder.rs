//! The folders in which tunnels begin, and what a crash left of them.

use std::fs::{DirEntry, File};
use std::path::Path;

use tempfile::TempDir;

use crate::error::{Error, Result};

const PREFIX: &str = "understudy-ssh-";
/// Locked for as long as the folder is in use. The system lets go of it when the program is killed.
const LOCK: &str = "in-use";

/// Only this account may enter it. It is gone when it is dropped.
pub(super) struct TunnelFolder {
    folder: TempDir,
    _in_use: File,
}

impl TunnelFolder {
    pub(super) fn new() -> Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    fn within(place: &Path) -> Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix(PREFIX);
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder =
            folder.tempdir_in(place).map_err(|cause| Error::file("make a folder in", place, &cause))?;
        let (made, lock) = (folder.path().join("new"), folder.path().join(LOCK));
        // Renamed into place only once it is locked, so that nobody sees it unlocked.
        let in_use = File::create(&made).and_then(|file| {
            file.lock()?;
            std::fs::rename(&made, &lock)?;
            Ok(file)
        });
        let in_use = in_use.map_err(|cause| Error::file("lock", &lock, &cause))?;
        Ok(Self { folder, _in_use: in_use })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of tunnels whose program was killed. Those of others, and of other accounts, stay.
pub fn sweep() {
    sweep_within(&std::env::temp_dir());
}

fn sweep_within(place: &Path) {
    let found = std::fs::read_dir(place).into_iter().flatten().flatten();
    for folder in found.filter(|found| found.file_name().to_string_lossy().starts_with(PREFIX)) {
        if !is_ours(&folder) {
            continue;
        }
        // A folder without a lock is still being created.
        if open_at_once(&folder.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
            && let Err(cause) = std::fs::remove_dir_all(folder.path())
        {
            tracing::info!("a tunnel's folder stays behind: {cause}");
        }
    }
}

/// Every account can make folders here, with whatever it likes in them.
#[cfg(unix)]
fn is_ours(folder: &DirEntry) -> bool {
    use std::os::unix::fs::MetadataExt;
    // Of the entry itself: a link is not followed.
    folder.metadata().is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw())
}

/// Elsewhere each account has a place of its own for this.
#[cfg(not(unix))]
fn is_ours(folder: &DirEntry) -> bool {
    folder.metadata().is_ok_and(|found| found.is_dir())
}

/// Opens a file to lock it. A pipe that nobody reads does not keep it waiting.
fn open_at_once(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed());
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_left_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let left = |name: &str| {
            let folder = place.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let killed = left("understudy-ssh-killed");
        std::fs::write(killed.join(LOCK), "").unwrap();
        std::fs::create_dir(killed.join("0")).unwrap();
        let (being_made, others) = (left("understudy-ssh-new"), left("somebody-elses"));
        std::fs::write(others.join(LOCK), "").unwrap();
        let in_use = TunnelFolder::within(place.path()).unwrap();
        sweep_within(place.path());
        assert!(!killed.exists());
        assert!(being_made.exists() && others.exists() && in_use.path().exists());
        let path = in_use.path().to_owned();
        drop(in_use);
        assert!(!path.exists());
    }
}
