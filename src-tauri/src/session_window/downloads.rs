//! Downloads from a session's page: they go to the operator's downloads folder without overwriting anything, and are
//! reported in the session's bar and in the console.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use tauri::{AppHandle, Emitter, Manager};
use understudy_core::notice::{Toast, ToastKind};
use understudy_core::sanitize;
use understudy_files::device_name::is_device;

use super::emit_to_bars;
use super::stage::SessionWindow;
use crate::CONSOLE;

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
}

impl Downloads {
    pub fn for_session(app: AppHandle, session: String) -> Self {
        Self {
            app,
            session,
            who: RefCell::default(),
            under_way: RefCell::default(),
            breaks: RefCell::default(),
            is_over: Cell::new(false),
        }
    }

    /// Says whose session it is.
    pub fn name_user(&self, who: String) {
        *self.who.borrow_mut() = who;
    }

    /// Where to save a file from the page in the window; a launch page has no downloads.
    pub fn accept_download(&self, open: &SessionWindow, url: &str, suggested: &Path) -> Option<PathBuf> {
        let is_of_page = open.is_of_application();
        if is_of_page && !self.is_over.get() { self.begin_download(url, suggested) } else { None }
    }

    /// Cancels the downloads under way and reports that: the session ends, and its cookies must not fetch anything
    /// more.
    pub fn break_off(&self) {
        self.is_over.set(true);
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
            self.show_toast(
                ToastKind::Good,
                format!("Saved {file}"),
                format!("From the session as {who}, in {folder}. The file is kept after the session ends."),
            );
        } else {
            self.show_toast(
                ToastKind::Bad,
                format!("{file} was not saved"),
                format!("The download was interrupted. Start it again in the session as {who}."),
            );
        }
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

/// The longest name in bytes, with room for a number; file systems allow 255.
const LONGEST: usize = 200;

/// Only the file name, without hidden or forbidden characters, because the page chose it.
fn safe_file_name(suggested: &Path) -> String {
    let name = suggested.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name
        .chars()
        .map(|c| if c.is_control() || sanitize::is_hidden(c) || r#"\/:*?"<>|"#.contains(c) { '_' } else { c })
        .skip_while(|c| *c == '.' || c.is_whitespace())
        .collect();
    let plain = plain.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let (stem, extension) = plain.rsplit_once('.').unwrap_or((plain, ""));
    let short = |text: &str, most: usize| text[..text.floor_char_boundary(most)].to_owned();
    let dot = if extension.is_empty() { "" } else { "." };
    let extension = short(extension, 20);
    let name = format!("{}{dot}{extension}", short(stem, LONGEST - extension.len()));
    match name.as_str() {
        "" => "download".into(),
        // The folder may be on a disk that Windows reads.
        name if is_device(name) => format!("_{name}"),
        _ => name,
    }
}

/// A free path in `folder`: `a.csv`, else `a (1).csv`, and so on.
fn find_free_path(folder: &Path, name: &str, taken: impl Fn(&Path) -> bool) -> PathBuf {
    let (stem, extension) = match name.split_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (name, String::new()),
    };
    let mut place = folder.join(name);
    let mut count = 0_u32;
    while taken(&place) {
        count += 1;
        place = folder.join(format!("{stem} ({count}){extension}"));
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_chooses_a_files_name_and_no_more() {
        for (suggested, expected) in [
            ("/tmp/invoices.csv", "invoices.csv"),
            ("/tmp/.bashrc", "bashrc"),
            ("/tmp/a\u{202e}\u{0}b:c?.csv", "a__b_c_.csv"),
            ("/tmp/…", "…"),
            ("/", "download"),
            ("..", "download"),
            ("/tmp/con.csv", "_con.csv"),
            ("/tmp/COM1", "_COM1"),
            ("/tmp/nul .tar.gz", "_nul .tar.gz"),
            ("/tmp/console.csv", "console.csv"),
        ] {
            assert_eq!(safe_file_name(Path::new(suggested)), expected, "{suggested}");
        }
        let long = safe_file_name(Path::new(&format!("{}.csv", "名".repeat(4_000))));
        assert!(long.len() <= LONGEST + 1 && long.ends_with("名.csv"), "{long}");
    }

    #[test]
    fn no_file_is_written_over() {
        let taken = ["/d/a.tar.gz", "/d/a (1).tar.gz", "/d/plain"].map(PathBuf::from);
        let place = |name| find_free_path(Path::new("/d"), name, |place| taken.contains(&place.to_owned()));
        assert_eq!(place("a.tar.gz"), Path::new("/d/a (2).tar.gz"));
        assert_eq!(place("plain"), Path::new("/d/plain (1)"));
        assert_eq!(place("new.csv"), Path::new("/d/new.csv"));
    }
}
