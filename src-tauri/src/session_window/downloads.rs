//! Downloads from a session's page: they go to the operator's downloads folder without overwriting anything, and are
//! reported in the session's bar and in the console.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use ts_rs::TS;
use understudy_core::audit::DownloadedFile;
use understudy_core::console::Console;
use understudy_core::notice::{Toast, ToastKind};
use url::Url;

use super::emit_to_bars;
use super::file_names::{find_free_path, safe_file_name};
use super::popups::PopupLimits;
#[cfg(not(target_os = "linux"))]
use super::popups::close_popup_of_download;
use super::stage::SessionWindow;
use crate::CONSOLE;

/// How many files a page may save after one key or click of the operator, before it needs an answer.
const MOST_IN_A_ROW: u32 = 5;

/// A file that was saved, for the bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct SavedFile {
    /// By which the file is named to [`Downloads::find_saved`].
    pub id: usize,
    pub name: String,
    /// In bytes.
    #[ts(type = "number")]
    pub size: u64,
    /// The host it comes from; empty if the page made it.
    pub from: String,
}

/// Files that a page wants to save, and that wait for the operator's answer.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the UI is the same on every system"))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct WaitingFiles {
    pub count: usize,
    /// The first one's name.
    pub name: String,
    pub from: String,
}

/// Gets the place to save a file to, or `None` if it is not to be saved.
#[cfg(target_os = "linux")]
type Decide = Box<dyn FnOnce(Option<PathBuf>)>;

/// A file that waits for the operator's answer.
#[cfg(target_os = "linux")]
struct WaitingFile {
    url: String,
    suggested: PathBuf,
    decide: Decide,
}

/// How many downloads there were since the operator last pressed a key or clicked.
#[derive(Default)]
struct DownloadRow {
    count: Cell<u32>,
    input: Cell<u64>,
}

impl DownloadRow {
    /// Whether another one may begin; `input` counts the operator's keys and clicks.
    fn take_one(&self, input: u64) -> bool {
        if self.input.replace(input) != input {
            self.reset();
        }
        let count = self.count.get();
        self.count.set(count.saturating_add(1));
        count < MOST_IN_A_ROW
    }

    fn reset(&self) {
        self.count.set(0);
    }
}

/// The downloads of one session's page, by their URL.
pub struct Downloads {
    app: AppHandle,
    session: String,
    /// The user's name, for sentences.
    who: RefCell<String>,
    /// Several downloads may have the same URL. They are assumed to end in the order in which they began.
    under_way: RefCell<HashMap<String, VecDeque<PathBuf>>>,
    /// How to cancel them, if the webview does not do so itself when it closes.
    breaks: RefCell<Vec<Box<dyn Fn()>>>,
    is_over: Cell<bool>,
    limits: Arc<PopupLimits>,
    row: DownloadRow,
    #[cfg(target_os = "linux")]
    waiting: RefCell<Vec<WaitingFile>>,
    /// By their IDs.
    saved: RefCell<Vec<PathBuf>>,
}

impl Downloads {
    pub fn for_session(app: AppHandle, session: String, limits: Arc<PopupLimits>) -> Self {
        Self {
            app,
            session,
            who: RefCell::default(),
            under_way: RefCell::default(),
            breaks: RefCell::default(),
            is_over: Cell::new(false),
            limits,
            row: DownloadRow::default(),
            #[cfg(target_os = "linux")]
            waiting: RefCell::default(),
            saved: RefCell::default(),
        }
    }

    /// Says whose session it is.
    pub fn name_user(&self, who: String) {
        *self.who.borrow_mut() = who;
    }

    /// Where to save a file from the page in the window; a launch page has no downloads. What would have to wait for the
    /// operator's answer is not saved.
    #[cfg(not(target_os = "linux"))]
    pub fn accept_download(&self, open: &SessionWindow, url: &str, suggested: &Path) -> Option<PathBuf> {
        if !self.is_accepting(open) {
            return None;
        }
        close_popup_of_download(&self.app, open);
        self.limits.take_pause_for_input();
        if self.row.take_one(self.limits.count_inputs()) {
            return self.begin_download(url, suggested);
        }
        let hint = "The page keeps saving files on its own. If you want this one, download it again.";
        self.show_toast(
            ToastKind::Bad,
            format!("{} was not saved", safe_file_name(suggested)),
            hint.to_owned(),
        );
        None
    }

    /// Decides where to save a file from the page in the window: at once, or when the operator has answered. A launch
    /// page has no downloads.
    #[cfg(target_os = "linux")]
    pub fn decide_download(&self, open: &SessionWindow, url: &str, suggested: &Path, decide: Decide) {
        if !self.is_accepting(open) {
            return decide(None);
        }
        if self.row.take_one(self.limits.count_inputs()) {
            return decide(self.begin_download(url, suggested));
        }
        let file = WaitingFile { url: url.to_owned(), suggested: suggested.to_owned(), decide };
        self.waiting.borrow_mut().push(file);
        let waiting = self.waiting.borrow();
        let asked = WaitingFiles {
            count: waiting.len(),
            name: safe_file_name(&waiting[0].suggested),
            from: host_of(&waiting[0].url),
        };
        emit_to_bars(&self.app, &self.session, "downloads_asked", asked);
    }

    /// The operator's answer about the files that wait.
    #[cfg(target_os = "linux")]
    pub fn answer_waiting(&self, is_wanted: bool) {
        if is_wanted {
            self.row.reset();
        }
        for WaitingFile { url, suggested, decide } in self.waiting.take() {
            let is_saved = is_wanted && !self.is_over.get();
            decide(if is_saved { self.begin_download(&url, &suggested) } else { None });
        }
    }

    /// No file waits here.
    #[cfg(not(target_os = "linux"))]
    pub fn answer_waiting(&self, _is_wanted: bool) {}

    /// Where a file was saved.
    pub fn find_saved(&self, id: usize) -> Option<PathBuf> {
        self.saved.borrow().get(id).cloned()
    }

    fn is_accepting(&self, open: &SessionWindow) -> bool {
        open.is_of_application() && !self.is_over.get()
    }

    /// Cancels the downloads under way and reports that: the session ends, and its cookies must not fetch anything
    /// more.
    pub fn break_off(&self) {
        self.is_over.set(true);
        self.answer_waiting(false);
        for broken in self.breaks.take() {
            broken();
        }
        let left: Vec<PathBuf> = self.under_way.take().into_values().flatten().collect();
        for place in left {
            self.report_interrupted(&place);
        }
    }

    /// How to cancel a download that has begun.
    #[cfg(target_os = "linux")]
    pub fn breaks_by(&self, broken: impl Fn() + 'static) {
        self.breaks.borrow_mut().push(Box::new(broken));
    }

    /// Where to save the file that the webview would save to `suggested`; `None` if that fails, which is reported.
    fn begin_download(&self, url: &str, suggested: &Path) -> Option<PathBuf> {
        match self.choose_path(suggested) {
            Ok(place) => {
                self.under_way.borrow_mut().entry(url.to_owned()).or_default().push_back(place.clone());
                Some(place)
            }
            Err(cause) => {
                self.show_toast(
                    ToastKind::Bad,
                    format!("{} was not saved", safe_file_name(suggested)),
                    format!("Understudy can't write to the downloads folder: {cause}"),
                );
                None
            }
        }
    }

    pub fn finish_download(&self, url: &str, succeeded: bool) {
        let begun = self.under_way.borrow_mut().get_mut(url).and_then(VecDeque::pop_front);
        let Some(place) = begun else { return };
        let (file, who) = (safe_file_name(&place), self.who.borrow());
        if self.is_over.get() {
            self.report_interrupted(&place);
        } else if succeeded {
            let folder = place.parent().unwrap_or(&place).display();
            let hint =
                format!("From the session as {who}, in {folder}. The file is kept after the session ends.");
            let toast = Toast { hint: Some(hint), ..Toast::success(format!("Saved {file}")) };
            let _ = self.app.emit_to(CONSOLE, "toast", toast);
            self.report_saved(url, &place, file);
        } else {
            self.show_toast(
                ToastKind::Bad,
                format!("{file} was not saved"),
                format!("The download was interrupted. Start it again in the session as {who}."),
            );
        }
    }

    fn report_saved(&self, url: &str, place: &Path, name: String) {
        let size = place.metadata().map(|file| file.len()).unwrap_or_default();
        let mut saved = self.saved.borrow_mut();
        saved.push(place.to_owned());
        if let Some(console) = self.app.try_state::<Arc<Console>>() {
            let file = DownloadedFile { name: name.clone(), host: host_of(url), bytes: size };
            console.note_download(&self.session, file);
        }
        let file = SavedFile { id: saved.len() - 1, name, size, from: host_of(url) };
        emit_to_bars(&self.app, &self.session, "file_saved", file);
    }

    fn report_interrupted(&self, place: &Path) {
        let hint =
            format!("The download was interrupted because the session as {} ended.", self.who.borrow());
        self.show_toast(ToastKind::Bad, format!("{} was not saved", safe_file_name(place)), hint);
    }

    fn choose_path(&self, suggested: &Path) -> std::io::Result<PathBuf> {
        let paths = self.app.path();
        let folder = paths
            .download_dir()
            .or_else(|_| paths.home_dir().map(|home| home.join("Downloads")))
            .map_err(std::io::Error::other)?;
        std::fs::create_dir_all(&folder)?;
        let under_way = self.under_way.borrow();
        let is_taken =
            |place: &Path| place.exists() || under_way.values().flatten().any(|other| other == place);
        Ok(find_free_path(&folder, &safe_file_name(suggested), is_taken))
    }

    fn show_toast(&self, kind: ToastKind, text: String, hint: String) {
        let toast = Toast { kind, text, hint: Some(hint), said: Vec::new() };
        emit_to_bars(&self.app, &self.session, "said", toast.clone());
        let _ = self.app.emit_to(CONSOLE, "toast", toast);
    }
}

/// Where a file comes from: the host of its address, or of the page that made it.
fn host_of(url: &str) -> String {
    let inner = url.strip_prefix("blob:").unwrap_or(url);
    Url::parse(inner).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_from_a_host_or_from_the_page_itself() {
        assert_eq!(host_of("https://files.acme.example:8443/a.csv?token=x"), "files.acme.example");
        assert_eq!(host_of("blob:https://app.acme.example/6f1c"), "app.acme.example");
        assert_eq!(host_of("data:text/csv,a"), "");
    }

    #[test]
    fn after_a_few_downloads_on_its_own_a_page_needs_an_answer() {
        let row = DownloadRow::default();
        let taken = |input| (0..8).filter(|_| row.take_one(input)).count();
        assert_eq!((taken(1), taken(1), taken(2)), (MOST_IN_A_ROW as usize, 0, MOST_IN_A_ROW as usize));
        row.reset();
        assert!(row.take_one(2), "the operator wants them");
    }
}
