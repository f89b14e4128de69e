//! What only a session's window knows for evidence: what is visible, and what the page wrote to the browser's console.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use understudy_core::error::{Code, Error, Result};
use understudy_core::evidence::{ConsoleMessage, PageCapture, PictureMasks};

use super::window::{list_windows, with_page};
use super::{SessionWindows, platform};

/// How many of the newest messages a window keeps.
const MESSAGE_LIMIT: usize = 200;
/// How long a page has time to be painted. One that is busy is not painted at all.
const PAINT_LIMIT: Duration = Duration::from_secs(5);

/// What of a page was painted.
#[allow(dead_code, reason = "not every system takes pictures")]
pub(super) struct PaintedPage {
    pub visible: RawPicture,
    /// All of it, unless all of it is visible; an error says why not.
    pub whole: Option<Result<RawPicture, String>>,
}

/// A picture, three bytes for each point, row by row.
#[allow(dead_code, reason = "not every system takes pictures")]
pub(super) struct RawPicture {
    pub width: i32,
    pub height: i32,
    pub rgb: Vec<u8>,
}

/// The newest messages of one window, as its page wrote them.
#[derive(Default)]
pub(super) struct PageMessages(Mutex<VecDeque<ConsoleMessage>>);

impl PageMessages {
    pub fn add(&self, message: ConsoleMessage) {
        let mut messages = self.0.lock();
        if messages.len() == MESSAGE_LIMIT {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    fn list(&self) -> Vec<ConsoleMessage> {
        self.0.lock().iter().cloned().collect()
    }
}

impl SessionWindows {
    /// What the window with this key knows for evidence. What `masks` choose is painted over before the picture is
    /// taken.
    pub async fn capture_page(&self, key: &str, masks: PictureMasks) -> Result<PageCapture> {
        let no_page = || {
            Error::new(Code::WindowFailed, "There is no page of the application here.")
                .with_hint("Wait until the session is open, then try again.")
        };
        let (taken, painted) = oneshot::channel();
        let messages = self.on_page_of(key, move |page| {
            if !page.open.shows_application() {
                return Err(no_page());
            }
            platform::take_pictures(&page.view, &masks, move |painted| {
                let _ = taken.send(painted);
            });
            Ok(page.open.session.clone())
        });
        let session = messages.await??;
        let (picture, whole) = match tokio::time::timeout(PAINT_LIMIT, painted).await {
            Ok(Ok(Ok(painted))) => {
                let encoding = tauri::async_runtime::spawn_blocking(move || {
                    let whole = painted.whole.map(|whole| whole.and_then(platform::encode_picture));
                    (platform::encode_picture(painted.visible), whole)
                });
                encoding.await.map_err(Error::internal)?
            }
            Ok(Ok(Err(why))) => (Err(why), None),
            Ok(Err(_)) | Err(_) => (Err("The page is busy and was not painted.".to_owned()), None),
        };
        let messages = self.on_main(move || {
            let of_window =
                |key: &String| with_page(key, |page| page.open.messages.list()).unwrap_or_default();
            let mut messages: Vec<_> = list_windows(&session).iter().flat_map(of_window).collect();
            messages.sort_by_key(|message| message.at);
            messages
        });
        Ok(PageCapture { picture, whole, messages: messages.await?, engine: describe_engine() })
    }
}

/// The engine of the windows, and its version.
fn describe_engine() -> String {
    let name = match std::env::consts::OS {
        "windows" => "WebView2",
        "macos" => "WebKit",
        _ => "WebKitGTK",
    };
    format!("{name} {}", wry::webview_version().unwrap_or_default())
}
