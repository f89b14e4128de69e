//! Files that a page hands to whoever visits it: they go to the operator's own downloads folder, beside what is
//! there, and the operator hears of it where they look: in the session's bar, and in the console.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tauri::{AppHandle, Emitter, Manager};
use understudy_core::notice::{Toast, ToastKind};

use super::bar_label;
use crate::CONSOLE;

/// The downloads of one session's page, by the URL they come from.
pub struct Downloads {
    app: AppHandle,
    session: String,
    /// Whose session it is, for sentences.
    who: String,
    under_way: RefCell<HashMap<String, PathBuf>>,
}

impl Downloads {
    pub fn of(app: AppHandle, session: String, who: String) -> Self {
        Self { app, session, who, under_way: RefCell::default() }
    }

    /// Where the file goes that the webview would put to `suggested`; `None`: nowhere, which is said.
    pub fn begun(&self, url: &str, suggested: &Path) -> Option<PathBuf> {
        match self.place(suggested) {
            Ok(place) => {
                self.under_way.borrow_mut().insert(url.to_owned(), place.clone());
                Some(place)
            }
            Err(cause) => {
                self.say(
                    ToastKind::Bad,
                    format!("{} was not saved", name(suggested)),
                    format!("The downloads folder cannot be used: {cause}"),
                );
                None
            }
        }
    }

    pub fn ended(&self, url: &str, succeeded: bool) {
        let Some(place) = self.under_way.borrow_mut().remove(url) else { return };
        let (file, who) = (name(&place), &self.who);
        if succeeded {
            let folder = place.parent().unwrap_or(&place).display();
            self.say(
                ToastKind::Good,
                format!("Saved {file}"),
                format!(
                    "It came from the session of {who} and is in {folder}. It stays when the session ends."
                ),
            );
        } else {
            self.say(
                ToastKind::Bad,
                format!("{file} was not saved"),
                format!("The download broke off. Start it again in the session of {who}."),
            );
        }
    }

    fn place(&self, suggested: &Path) -> std::io::Result<PathBuf> {
        let paths = self.app.path();
        let folder = paths
            .download_dir()
            .or_else(|_| paths.home_dir().map(|home| home.join("Downloads")))
            .map_err(std::io::Error::other)?;
        std::fs::create_dir_all(&folder)?;
        Ok(free(&folder, &name(suggested), Path::exists))
    }

    fn say(&self, kind: ToastKind, text: String, hint: String) {
        let toast = Toast { kind, text, hint: Some(hint), said: Vec::new() };
        let _ = self.app.emit_to(bar_label(&self.session), "said", toast.clone());
        let _ = self.app.emit_to(CONSOLE, "toast", toast);
    }
}

/// The file's name alone, fit for every system: a page chose it.
fn name(suggested: &Path) -> String {
    let name = suggested.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name
        .chars()
        .map(|c| if c.is_control() || r#"\/:*?"<>|"#.contains(c) { '_' } else { c })
        .skip_while(|c| *c == '.' || c.is_whitespace())
        .take(120)
        .collect();
    if plain.is_empty() { "download".into() } else { plain }
}

/// A place in `folder` where nothing is yet: `a.csv`, else `a (1).csv`, and so on.
fn free(folder: &Path, name: &str, taken: impl Fn(&Path) -> bool) -> PathBuf {
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
            ("/tmp/a\u{202e}\u{0}b:c?.csv", "a\u{202e}_b_c_.csv"),
            ("/tmp/…", "…"),
            ("/", "download"),
            ("..", "download"),
        ] {
            assert_eq!(name(Path::new(suggested)), expected, "{suggested}");
        }
        assert_eq!(name(Path::new(&"x".repeat(4_000))).len(), 120);
    }

    #[test]
    fn no_file_is_written_over() {
        let taken = ["/d/a.tar.gz", "/d/a (1).tar.gz", "/d/plain"].map(PathBuf::from);
        let place = |name| free(Path::new("/d"), name, |place| taken.contains(&place.to_owned()));
        assert_eq!(place("a.tar.gz"), Path::new("/d/a (2).tar.gz"));
        assert_eq!(place("plain"), Path::new("/d/plain (1)"));
        assert_eq!(place("new.csv"), Path::new("/d/new.csv"));
    }
}
