//! What a download is called: a page suggests it, and nothing is overwritten.

use std::path::{Path, PathBuf};

use understudy_core::sanitize;
use understudy_files::device_name::is_device;

/// The longest name in bytes, with room for a number; file systems allow 255.
const LONGEST: usize = 200;

/// Only the file name, without hidden or forbidden characters, because the page chose it.
pub(super) fn safe_file_name(suggested: &Path) -> String {
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
pub fn find_free_path(folder: &Path, name: &str, taken: impl Fn(&Path) -> bool) -> PathBuf {
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
