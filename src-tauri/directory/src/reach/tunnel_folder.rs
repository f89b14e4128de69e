//! The folders that hold tunnel sockets, and the removal of those that a crash left behind.

use std::fs::{DirEntry, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{DirectoryError, Result};

const PREFIX: &str = "understudy-ssh-";
/// Locked while the folder is in use. The system releases the lock if the program is killed.
const LOCK: &str = "in-use";

/// A folder that only this account can enter. Removed on drop.
pub(crate) struct TunnelFolder {
    // Dropped before the folder: Windows cannot remove an open file.
    _in_use: File,
    folder: TempDir,
}

impl TunnelFolder {
    pub(crate) fn new() -> Result<Self> {
        let mut refused = None;
        for place in list_base_folders() {
            match Self::create_in(&place) {
                Ok(folder) => return Ok(folder),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| DirectoryError::internal("there is no folder for its socket")).with_hint(
            "The socket is created in the folder for temporary files. Check that TMPDIR names a folder that exists \
             and that you can write to.",
        ))
    }

    fn create_in(place: &Path) -> Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix(PREFIX);
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = folder
            .tempdir_in(place)
            .map_err(|cause| DirectoryError::from_io("make a folder in", place, &cause))?;
        let (made, lock) = (folder.path().join("new"), folder.path().join(LOCK));
        // Rename it into place after locking it, so that it is never visible unlocked.
        let in_use = File::create(&made).and_then(|file| {
            file.lock()?;
            std::fs::rename(&made, &lock)?;
            Ok(file)
        });
        let in_use = in_use.map_err(|cause| DirectoryError::from_io("lock", &lock, &cause))?;
        Ok(Self { _in_use: in_use, folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A socket's path is limited to 104 bytes (macOS; 108 on Linux), so longer folders are of no use.
#[cfg(unix)]
const LONGEST: usize = 60;

/// Where the folder may be created, the usual place first.
#[cfg(unix)]
fn list_base_folders() -> Vec<PathBuf> {
    list_short_folders(std::env::temp_dir(), std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

#[cfg(unix)]
fn list_short_folders(usual: PathBuf, runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for place in [Some(usual), runtime, Some(PathBuf::from("/tmp"))].into_iter().flatten() {
        if place.is_absolute() && place.as_os_str().len() <= LONGEST && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

#[cfg(not(unix))]
fn list_base_folders() -> Vec<PathBuf> {
    vec![std::env::temp_dir()]
}

/// Removes tunnel folders whose program was killed. Those in use and those of other accounts stay.
pub fn remove_stale_folders() {
    for place in list_base_folders() {
        remove_stale_in(&place, our_account());
    }
}

/// The account whose folders are removed. On other systems, each account has its own temporary folder.
#[cfg(unix)]
type Account = rustix::process::Uid;
#[cfg(not(unix))]
type Account = ();

#[cfg(unix)]
fn our_account() -> Account {
    rustix::process::geteuid()
}

#[cfg(not(unix))]
fn our_account() -> Account {}

fn remove_stale_in(place: &Path, of: Account) {
    let found = std::fs::read_dir(place).into_iter().flatten().flatten();
    for folder in found.filter(|found| found.file_name().to_string_lossy().starts_with(PREFIX)) {
        if !belongs_to(of, &folder) {
            continue;
        }
        // A folder without a lock file is still being created.
        if open_at_once(&folder.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
            && let Err(cause) = std::fs::remove_dir_all(folder.path())
        {
            tracing::info!("a tunnel's folder stays behind: {cause}");
        }
    }
}

/// Any account can create folders here, with any content.
#[cfg(unix)]
fn belongs_to(account: Account, folder: &DirEntry) -> bool {
    use std::os::unix::fs::MetadataExt;
    // `DirEntry::metadata` does not follow symbolic links.
    folder.metadata().is_ok_and(|found| found.is_dir() && found.uid() == account.as_raw())
}

#[cfg(not(unix))]
fn belongs_to((): Account, folder: &DirEntry) -> bool {
    folder.metadata().is_ok_and(|found| found.is_dir())
}

/// Opens a file to lock it, without blocking on a named pipe.
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

    /// Creates a folder as a killed program leaves it.
    fn leave(place: &Path, name: &str) -> std::path::PathBuf {
        let folder = place.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(LOCK), "").unwrap();
        folder
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_has_room_below_every_place() {
        let long = PathBuf::from(format!("/{}", "nix-shell".repeat(10)));
        let runtime = || Some(PathBuf::from("/run/user/1000"));
        assert_eq!(list_short_folders(long, runtime()), ["/run/user/1000", "/tmp"].map(PathBuf::from));
        assert_eq!(list_short_folders("/tmp".into(), None), [PathBuf::from("/tmp")]);
        assert_eq!(list_short_folders("here".into(), None), [PathBuf::from("/tmp")]);
    }

    #[test]
    fn only_folders_of_killed_programs_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let killed = leave(place.path(), "understudy-ssh-killed");
        std::fs::create_dir(killed.join("0")).unwrap();
        let (being_made, others) =
            (place.path().join("understudy-ssh-new"), leave(place.path(), "somebody-elses"));
        std::fs::create_dir(&being_made).unwrap();
        let in_use = TunnelFolder::create_in(place.path()).unwrap();
        remove_stale_in(place.path(), our_account());
        assert!(!killed.exists());
        assert!(being_made.exists() && others.exists() && in_use.path().exists());
        let path = in_use.path().to_owned();
        drop(in_use);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn another_accounts_folder_stays_whatever_is_in_it() {
        let place = tempfile::tempdir().unwrap();
        let theirs = leave(place.path(), "understudy-ssh-theirs");
        remove_stale_in(place.path(), rustix::process::Uid::from_raw(our_account().as_raw() + 1));
        assert!(theirs.exists());
        remove_stale_in(place.path(), our_account());
        assert!(!theirs.exists(), "its owner removes it");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_and_pipes_do_not_block() {
        use std::os::unix::fs::symlink;

        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = leave(elsewhere.path(), "precious");
        let link = place.path().join("understudy-ssh-link");
        symlink(&precious, &link).unwrap();
        let linked_lock = place.path().join("understudy-ssh-linked-lock");
        std::fs::create_dir(&linked_lock).unwrap();
        symlink(precious.join(LOCK), linked_lock.join(LOCK)).unwrap();
        let pipe = place.path().join("understudy-ssh-pipe");
        std::fs::create_dir(&pipe).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            pipe.join(LOCK),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();

        // A sweep that blocks on the pipe would never finish.
        let (done, is_done) = std::sync::mpsc::channel();
        let within = place.path().to_owned();
        std::thread::spawn(move || {
            remove_stale_in(&within, our_account());
            done.send(()).unwrap();
        });
        is_done.recv_timeout(std::time::Duration::from_secs(30)).expect("the sweep ends");
        assert!(
            link.is_symlink() && precious.join(LOCK).exists(),
            "what a link leads to is not ours to remove"
        );
        assert!(linked_lock.exists() && pipe.exists(), "neither is a lock that a tunnel made");
    }
}
