//! Looks for what must not be written anywhere.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The files below a folder that contain this.
pub fn find_in_files(folder: &Path, text: &[u8]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            found.extend(find_in_files(&path, text)?);
        } else if kind.is_file() {
            let content = std::fs::read(&path).with_context(|| path.display().to_string())?;
            if contains(&content, text) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The lines of a log with this text, also written as numbers: that is how a message of bytes is logged.
pub fn find_in_log<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    let bytes = format!("{:?}", text.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    log.lines().filter(|line| line.contains(text) || line.contains(bytes)).collect()
}

pub fn contains(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|part| part == text)
}
