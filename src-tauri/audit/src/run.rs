//! One run of Understudy, as other runs on the same home see it: an ID, and a file whose lock is released when the
//! process ends. Tells for an unfinished session in the log whether its run is still alive.

use std::fs::{File, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

/// The folder beside the log.
const FOLDER: &str = "runs";
const ENDING: &str = "run";

/// The extension of the file with the entries that a run could not write to the log.
const OWED: &str = "owed";

/// The file that a run locks while it changes what the keyring remembers.
const MEMORY: &str = "keyring.lock";

/// How often a run writes to its file.
const BEAT: Duration = Duration::from_mins(20);

/// A run on another computer counts as gone after this long without a heartbeat. A free lock proves nothing: some
/// network homes don't share locks between computers, and a laptop may be asleep.
const SILENT: Duration = Duration::from_hours(24);

/// This run. Its file is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: String,
    path: PathBuf,
    /// Which computer it runs on, if known: two computers may have the same name.
    machine: Option<String>,
    /// Locked if the file system supports it.
    file: Option<File>,
}

impl Run {
    /// Begins a run whose log is in `folder`. It sends heartbeats until it is dropped.
    pub(super) fn start_run(folder: &Path, host: &str) -> std::io::Result<Arc<Self>> {
        Self::begin_on(folder, host, hash_machine_id())
    }

    fn begin_on(folder: &Path, host: &str, machine: Option<String>) -> std::io::Result<Arc<Self>> {
        let folder = folder.join(FOLDER);
        make_folder(&folder)?;
        let id = Uuid::new_v4().to_string();
        let path = file_of(&folder, &id);
        // The file gets its final name only once it is locked; otherwise another run could take it for a dead one.
        let new = path.with_extension("new");
        let mut file = make_file(&new)?;
        file.write_all(describe_run(host, machine.as_deref()).as_bytes())?;
        if let Err(TryLockError::Error(cause)) = file.try_lock() {
            tracing::debug!("this run has no lock, only its heartbeat: {cause}");
        }
        std::fs::rename(&new, &path)?;
        let run = Arc::new(Self { id, path, machine, file: Some(file) });
        tokio::spawn(repeat_heartbeat(Arc::downgrade(&run)));
        Ok(run)
    }

    /// Sends a heartbeat. Writing sets the time by the clock of the computer that stores the file.
    fn write_heartbeat(&self) {
        let Some(mut file) = self.file.as_ref() else { return };
        let beaten = file.rewind().and_then(|()| file.write_all(b"r"));
        if let Err(cause) = beaten {
            tracing::debug!("the heartbeat of this run: {cause}");
        }
    }

    /// Whether the run `id` on the computer `its_host` is certainly gone.
    pub(super) fn is_gone(&self, id: &str, its_host: &str, our_host: &str) -> bool {
        if id == self.id {
            return false;
        }
        let Some(folder) = self.path.parent() else { return false };
        // `id` comes from the log; only a UUID may become part of a path.
        if Uuid::parse_str(id).is_err() {
            return true;
        }
        let path = file_of(folder, id);
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(cause) => return cause.kind() == std::io::ErrorKind::NotFound,
        };
        let is_free = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return false,
            Err(TryLockError::Error(_)) => false,
        };
        (is_free && its_host == our_host && self.is_on_our_machine(&path))
            || self.is_silent(&file).unwrap_or(false)
    }

    /// Earlier versions did not record the computer, and not every system has an ID for it; then it counts as ours.
    fn is_on_our_machine(&self, path: &Path) -> bool {
        match (line_in(path, "machine "), &self.machine) {
            (Some(its), Some(ours)) => its == *ours,
            _ => true,
        }
    }

    /// The file with the entries that this run owes to the log.
    pub(super) fn owed_file(&self) -> PathBuf {
        self.path.with_extension(OWED)
    }

    /// The files with entries that dead runs owed.
    pub(super) fn left_owed(&self, our_host: &str) -> Vec<PathBuf> {
        self.find_stale_files(OWED, our_host)
    }

    /// The files with this extension that dead runs left behind.
    fn find_stale_files(&self, wanted: &str, our_host: &str) -> Vec<PathBuf> {
        let Some(folder) = self.path.parent() else { return Vec::new() };
        let all = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_left = |path: &PathBuf| {
            let is_wanted = path.extension().is_some_and(|ending| ending == wanted);
            let Some(id) = path.file_stem().and_then(|id| id.to_str()).filter(|_| is_wanted) else {
                return false;
            };
            let its_host = line_in(&file_of(folder, id), "host ").unwrap_or_default();
            self.is_gone(id, &its_host, our_host)
        };
        all.filter(is_left).collect()
    }

    /// Both times come from the clock of the computer that stores the files.
    fn is_silent(&self, file: &File) -> std::io::Result<bool> {
        self.write_heartbeat();
        let now = std::fs::metadata(&self.path)?.modified()?;
        Ok(now.duration_since(file.metadata()?.modified()?).is_ok_and(|since| since > SILENT))
    }

    /// Removes the files of dead runs on this computer. Call it once their sessions are closed.
    pub(super) fn remove_stale_files(&self, our_host: &str) {
        for path in self.find_stale_files(ENDING, our_host) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Windows cannot remove an open file.
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Held by the one run of a home that changes what the keyring remembers.
pub(super) struct MemoryLock {
    _locked: File,
}

/// `None`: another run holds it. `log`: the log's file. Fails where there are no locks.
pub(super) fn lock_memory(log: &Path) -> std::io::Result<Option<MemoryLock>> {
    let folder = log.with_file_name(FOLDER);
    make_folder(&folder)?;
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(MEMORY))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(MemoryLock { _locked: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

async fn repeat_heartbeat(run: Weak<Run>) {
    loop {
        tokio::time::sleep(BEAT).await;
        let Some(run) = run.upgrade() else { return };
        run.write_heartbeat();
    }
}

fn file_of(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.{ENDING}"))
}

/// The content of a run's file, readable for people too. Each heartbeat rewrites its first letter.
fn describe_run(host: &str, machine: Option<&str>) -> String {
    let machine = machine.map(|machine| format!("machine {machine}\n")).unwrap_or_default();
    format!("run of understudy\nhost {host}\n{machine}pid {}\n", std::process::id())
}

fn line_in(path: &Path, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned)
}

/// Tells this computer from others with the same name. machine-id(5) asks programs not to expose the system's ID, but
/// to hash it together with their name.
fn hash_machine_id() -> Option<String> {
    let id = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/etc/machine-id").ok()?
    } else {
        return None;
    };
    let id = id.trim();
    // In an image that has not been booted yet, the file says "uninitialized".
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = is_id.then(|| digest(&SHA256, format!("understudy {id}").as_bytes()))?;
    Some(Uuid::from_slice(&hash.as_ref()[..16]).ok()?.simple().to_string())
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut folders = std::fs::DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.create(folder)
}

fn make_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn run_in(folder: &Path) -> Arc<Run> {
        Run::start_run(folder, "desk-4").unwrap()
    }

    #[tokio::test]
    async fn a_run_lives_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, other) = (run_in(dir.path()), run_in(dir.path()));
        assert!(!ours.is_gone(&ours.id, "desk-4", "desk-4"));
        assert!(!ours.is_gone(&other.id, "desk-4", "desk-4"));
        assert!(!other.is_gone(&ours.id, "desk-4", "desk-5"));
        let id = other.id.clone();
        drop(other);
        assert!(ours.is_gone(&id, "desk-4", "desk-4"));
    }

    /// What a killed process leaves: its file, without a lock.
    fn leave(folder: &Path, age: Duration) -> String {
        leave_on(folder, age, hash_machine_id().as_deref())
    }

    fn leave_on(folder: &Path, age: Duration, machine: Option<&str>) -> String {
        let id = Uuid::new_v4().to_string();
        let path = file_of(&folder.join(FOLDER), &id);
        let mut file = make_file(&path).unwrap();
        file.write_all(describe_run("desk-4", machine).as_bytes()).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        id
    }

    #[tokio::test]
    async fn a_run_that_was_killed_is_gone_at_once_here_and_after_a_day_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let ours = run_in(dir.path());
        let killed = leave(dir.path(), Duration::from_hours(1));
        assert!(ours.is_gone(&killed, "desk-4", "desk-4"));
        assert!(!ours.is_gone(&killed, "desk-4", "desk-5"), "its lock may not reach us");
        let long_ago = leave(dir.path(), Duration::from_hours(25));
        assert!(ours.is_gone(&long_ago, "desk-4", "desk-5"));
    }

    #[tokio::test]
    async fn another_computer_of_the_same_name_is_another_computer() {
        let dir = tempfile::tempdir().unwrap();
        let ours = Run::begin_on(dir.path(), "desk-4", Some("a1".into())).unwrap();
        let hour = Duration::from_hours(1);
        // The lock of another computer proves nothing here.
        let alive = leave_on(dir.path(), hour, Some("b2"));
        assert!(!ours.is_gone(&alive, "desk-4", "desk-4"));
        ours.remove_stale_files("desk-4");
        assert!(file_of(&dir.path().join(FOLDER), &alive).exists());
        // A day without a heartbeat does.
        let silent = leave_on(dir.path(), Duration::from_hours(25), Some("b2"));
        assert!(ours.is_gone(&silent, "desk-4", "desk-4"));
        for machine in [Some("a1"), None] {
            assert!(ours.is_gone(&leave_on(dir.path(), hour, machine), "desk-4", "desk-4"), "{machine:?}");
        }
        // The next run can read what a run writes about itself.
        let next = Run::begin_on(dir.path(), "desk-4", Some("b2".into())).unwrap();
        assert!(!next.is_on_our_machine(&ours.path) && next.is_on_our_machine(&next.path));
    }

    #[tokio::test]
    async fn the_files_of_runs_that_are_gone_are_swept_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, other) = (run_in(dir.path()), run_in(dir.path()));
        let killed = leave(dir.path(), Duration::ZERO);
        ours.remove_stale_files("desk-4");
        let folder = dir.path().join(FOLDER);
        assert!(!file_of(&folder, &killed).exists());
        assert!(file_of(&folder, &ours.id).exists() && file_of(&folder, &other.id).exists());
    }
}
