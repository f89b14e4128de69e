//! Evidence from a session's window, on its way to a ticket: taken, shown in the console, and saved or copied from there.
//! Nothing leaves before the operator has seen it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_clipboard_manager::ClipboardExt;
use understudy_core::console::Console;
use understudy_core::error::{Code, Error, Result};
use understudy_core::evidence::{EvidenceChoice, EvidenceFormat, TakenEvidence, render_markdown};

use crate::CONSOLE;
use crate::quit::bring_to_front;
use crate::session_window::{SessionWindows, find_free_path, reveal_file};

/// The evidence that the console shows, and the file that was saved last. In memory, until the operator closes it.
#[derive(Default)]
pub struct EvidenceDesk {
    taken: Mutex<Option<Arc<TakenEvidence>>>,
    saved: Mutex<Option<PathBuf>>,
}

/// Takes evidence from a window of a session, and shows it in the console.
pub async fn take_evidence(app: &AppHandle, console: &Console, session: &str, window: &str) -> Result<()> {
    let masks = console.picture_masks(session)?;
    let begun = Instant::now();
    let capture = app.state::<Arc<SessionWindows>>().capture_page(window, masks).await?;
    let painted = begun.elapsed();
    let taken = console.take_evidence(session, capture, env!("CARGO_PKG_VERSION")).await?;
    tracing::debug!("evidence: the picture took {painted:?}, and all of it {:?}", begun.elapsed());
    let view = taken.view.clone();
    *app.state::<EvidenceDesk>().taken.lock() = Some(Arc::new(taken));
    if let Some(window) = app.get_webview_window(CONSOLE) {
        bring_to_front(&window);
    }
    app.emit_to(CONSOLE, "evidence_taken", view).map_err(Error::internal)
}

impl EvidenceDesk {
    /// Forgets what was taken then; not what was taken since.
    pub fn discard(&self, taken_at: i64) {
        self.taken.lock().take_if(|taken| taken.view.taken_at == taken_at);
    }

    /// What was chosen of the evidence that was taken then, as a few lines of Markdown.
    pub async fn to_text(&self, core: &Console, taken_at: i64, choice: &EvidenceChoice) -> Result<String> {
        let taken = self.find(taken_at)?;
        core.record_evidence(&taken.view.session, "text").await?;
        Ok(render_markdown(&taken, choice))
    }

    /// Saves what was chosen to the downloads folder; returns the file's name.
    pub async fn save(
        &self,
        app: &AppHandle,
        core: &Console,
        taken_at: i64,
        format: EvidenceFormat,
        choice: EvidenceChoice,
    ) -> Result<String> {
        let taken = self.find(taken_at)?;
        let paths = app.path();
        let folder = paths.download_dir().or_else(|_| paths.home_dir().map(|home| home.join("Downloads")));
        let folder = folder.map_err(Error::internal)?;
        core.record_evidence(&taken.view.session, format.as_str()).await?;
        let saving = move || -> std::io::Result<PathBuf> {
            let content = taken.to_file(format, &choice).map_err(std::io::Error::other)?;
            std::fs::create_dir_all(&folder)?;
            let place = find_free_path(&folder, &taken.file_name(format), Path::exists);
            // Not over a file that has appeared since.
            let mut file = OpenOptions::new().write(true).create_new(true).open(&place)?;
            file.write_all(&content)?;
            Ok(place)
        };
        let saved = tauri::async_runtime::spawn_blocking(saving).await.map_err(Error::internal)?;
        let place = saved.map_err(|cause: std::io::Error| {
            let message = format!("The evidence was not saved: {cause}.");
            Error::new(Code::FileFailed, message)
                .with_hint("Make room in your downloads folder, then try again.")
        })?;
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        *self.saved.lock() = Some(place);
        Ok(name)
    }

    /// Sends what was chosen into the session's ticket, and waits until the helpdesk has it.
    pub async fn send_to_ticket(&self, core: &Console, taken_at: i64, choice: EvidenceChoice) -> Result<()> {
        core.send_evidence(self.find(taken_at)?, choice).await
    }

    /// Shows the file that was saved last in its folder.
    pub async fn show_saved(&self) -> Result<()> {
        let place = self.saved.lock().clone();
        let place = place.ok_or_else(|| Error::new(Code::FileFailed, "No evidence was saved yet."))?;
        tauri::async_runtime::spawn_blocking(move || reveal_file(&place)).await.map_err(Error::internal)?
    }

    /// Puts a picture of the evidence that is shown on the clipboard: `points` has four bytes for each point, in base64.
    pub async fn copy_picture(
        &self,
        app: &AppHandle,
        core: &Console,
        points: &str,
        (width, height): (u32, u32),
    ) -> Result<()> {
        let taken = self.taken.lock().clone().ok_or_else(gone_error)?;
        let points = BASE64_STANDARD.decode(points).map_err(Error::internal)?;
        let wanted = u64::from(width) * u64::from(height) * 4;
        if wanted == 0 || points.len() as u64 != wanted {
            return Err(Error::internal(std::io::Error::other("a picture of another size")));
        }
        core.record_evidence(&taken.view.session, "picture").await?;
        app.clipboard().write_image(&tauri::image::Image::new_owned(points, width, height)).map_err(|cause| {
            Error::new(Code::WindowFailed, format!("The picture was not copied: {cause}."))
                .with_hint("Save the evidence instead.")
        })
    }

    fn find(&self, taken_at: i64) -> Result<Arc<TakenEvidence>> {
        let taken = self.taken.lock().clone().filter(|taken| taken.view.taken_at == taken_at);
        taken.ok_or_else(gone_error)
    }
}

fn gone_error() -> Error {
    Error::new(Code::FileFailed, "This evidence is no longer there.")
        .with_hint("Take it again in the session's window.")
}
