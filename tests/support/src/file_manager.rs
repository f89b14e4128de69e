//! A file manager as other programs see it: the D-Bus interface that shows files in their folders
//! (<https://www.freedesktop.org/wiki/Specifications/file-manager-interface/>).

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use crate::wait::PATIENCE;

const SERVICE: &str = "org.freedesktop.FileManager1";

/// Is there until it is dropped.
pub struct FileManager {
    shown: mpsc::UnboundedReceiver<Vec<String>>,
    _connection: zbus::Connection,
}

struct Interface(mpsc::UnboundedSender<Vec<String>>);

#[zbus::interface(name = "org.freedesktop.FileManager1")]
impl Interface {
    fn show_items(&self, files: Vec<String>, startup_id: &str) {
        let _ = startup_id;
        let _ = self.0.send(files);
    }
}

impl FileManager {
    /// Joins the session bus at this address.
    pub async fn start(bus: &str) -> Result<Self> {
        let (told, shown) = mpsc::unbounded_channel();
        let connection = zbus::connection::Builder::address(bus)?
            .serve_at("/org/freedesktop/FileManager1", Interface(told))?
            .name(SERVICE)?
            .build()
            .await?;
        Ok(Self { shown, _connection: connection })
    }

    /// The URLs of the files that it is asked to show next.
    pub async fn asked(&mut self) -> Result<Vec<String>> {
        let asked = tokio::time::timeout(PATIENCE, self.shown.recv()).await;
        asked.context("the file manager was asked for nothing")?.context("it is gone")
    }
}
