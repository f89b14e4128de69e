//! The outbox's files: one for each message, for its owner only, written atomically.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::Value;
use understudy_files::regular_file;
use uuid::Uuid;

use super::{DeliveryFault, MessageContent, OutgoingMessage};
use crate::error::{Error, Result};
use crate::home::{off_runtime, private_folder, write_private};

/// The largest file that is read. A message is at most a few lines for each of 25 pages, and a message.
const LONGEST: u64 = 1 << 20;

const ENDING: &str = "json";

/// Held while messages are sent, so that of two consoles with this home only one sends each.
const LOCK: &str = "sending.lock";

#[derive(Debug, Clone)]
pub(crate) struct OutboxStore(PathBuf);

impl OutboxStore {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Keeps a message until it is removed, in place of what was kept under its ID.
    pub async fn keep_message(&self, message: &OutgoingMessage) -> Result<()> {
        let text = serde_json::to_string_pretty(message).map_err(Error::internal)?;
        let path = self.path_of(&message.id);
        off_runtime(move || write_private(&path, &text)).await
    }

    /// The same, unless it is not there any more.
    pub async fn replace_message(&self, message: &OutgoingMessage) -> Result<()> {
        let text = serde_json::to_string_pretty(message).map_err(Error::internal)?;
        let path = self.path_of(&message.id);
        off_runtime(move || if path.exists() { write_private(&path, &text) } else { Ok(()) }).await
    }

    /// The message with this ID, as it is on the disk now; `None` if there is none.
    pub async fn find_message(&self, id: &str) -> Result<Option<OutgoingMessage>> {
        let (path, id) = (self.path_of(id), id.to_owned());
        off_runtime(move || Ok(path.exists().then(|| read_message(&id, &path)))).await
    }

    /// All of them, oldest first. One that can't be read is listed as stopped.
    pub async fn list_messages(&self) -> Vec<OutgoingMessage> {
        let folder = self.0.clone();
        off_runtime(move || Ok(read_messages(&folder))).await.unwrap_or_else(|error| {
            tracing::error!("the outbox: {error:#}");
            Vec::new()
        })
    }

    /// Removes a message; if it is not there, that is fine.
    pub async fn remove_message(&self, id: &str) -> Result<()> {
        let (folder, path) = (self.0.clone(), self.path_of(id));
        off_runtime(move || remove_file(&folder, &path)).await
    }

    /// The lock of those who send; `None` while another console has it. A file system without locks gives it to all.
    pub async fn lock_sending(&self) -> Result<Option<File>> {
        let folder = self.0.clone();
        off_runtime(move || lock_folder(&folder)).await
    }

    /// `id` is a UUID wherever it comes from: anything else names no file.
    fn path_of(&self, id: &str) -> PathBuf {
        let id = Uuid::parse_str(id).unwrap_or_default();
        self.0.join(format!("{id}.{ENDING}"))
    }
}

fn read_messages(folder: &Path) -> Vec<OutgoingMessage> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut messages: Vec<OutgoingMessage> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .filter_map(|path| {
            let id = path.file_stem()?.to_str().filter(|id| Uuid::parse_str(id).is_ok())?;
            Some(read_message(id, &path))
        })
        .collect();
    messages.sort_by(|a, b| (a.written_at, &a.id).cmp(&(b.written_at, &b.id)));
    messages
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems cannot open a folder"))]
fn remove_file(folder: &Path, path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::for_file("remove", path, cause));
        }
        _ => {}
    }
    // The removal is durable once the folder has been synced.
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| Error::for_file("write", folder, cause))?;
    Ok(())
}

fn lock_folder(folder: &Path) -> Result<Option<File>> {
    private_folder(folder)?;
    let path = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|cause| Error::for_file("open", &path, cause))?;
    Ok(match file.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        _ => Some(file),
    })
}

fn read_message(id: &str, path: &Path) -> OutgoingMessage {
    let read = regular_file::read_text(path, LONGEST).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        serde_json::from_str::<OutgoingMessage>(&text).map_err(|_| "it is damaged".to_owned())
    });
    match parsed {
        Ok(message) => OutgoingMessage { id: id.to_owned(), ..message },
        Err(why) => OutgoingMessage {
            id: id.to_owned(),
            connection: String::new(),
            connection_name: String::new(),
            user: String::new(),
            written_at: 0,
            facts: Value::Null,
            content: MessageContent::Unreadable,
            stopped: Some(DeliveryFault {
                message: format!("A message in the outbox can't be read: {why}."),
                hint: Some(format!("The file is {}. Discard it if you don't need it.", path.display())),
            }),
        },
    }
}
