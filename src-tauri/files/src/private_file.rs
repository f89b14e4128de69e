//! Writes our own files: for their owner only, and atomically.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the names of temporary files begin.
const TEMPORARY: &str = ".understudy-";

/// No file takes longer to be written.
const LONGEST_WRITE: Duration = Duration::from_hours(1);

/// A file or a folder could not be written.
#[derive(Debug)]
pub struct WriteError {
    /// What failed: `write`, `make the folder`.
    pub doing: &'static str,
    pub path: PathBuf,
    pub cause: io::Error,
}

/// Creates a folder and its missing parents for their owner only (0700 on Unix).
pub fn create_folder(folder: &Path) -> Result<(), WriteError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| WriteError {
        doing: "make the folder",
        path: folder.to_owned(),
        cause,
    })
}

/// Writes a file for its owner only (0600 on Unix) and replaces an older one atomically: readers see the old text or
/// the new one, even after a power cut.
pub fn write_text(path: &Path, text: &str) -> Result<(), WriteError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let failed = |cause: io::Error| WriteError { doing: "write", path: path.to_owned(), cause };
    // The temporary file has mode 0600 and is renamed to `path` within the same folder.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The rename is durable once the folder has been synced; other systems cannot open a folder.
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    remove_leftovers(folder);
    Ok(())
}

/// Removes temporary files of programs that were killed while they wrote. A young one may still be written.
fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        let written =
            entry.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|file| file.modified().ok());
        let age = written.and_then(|written| written.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > LONGEST_WRITE) {
            // Whatever prevents it, the next write tries again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn folders_and_files_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("a/b/settings.toml");
        write_text(&file, "one").unwrap();
        assert_eq!(mode(&base.path().join("a")), 0o700);
        assert_eq!(mode(&base.path().join("a/b")), 0o700);
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("settings.toml");
        write_text(&file, "one").unwrap();
        write_text(&file, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_program_left_is_removed_and_what_is_being_written_is_not() {
        let base = tempfile::tempdir().unwrap();
        let (left, young) = (base.path().join(".understudy-left"), base.path().join(".understudy-young"));
        let others = base.path().join("others");
        for (path, age) in
            [(&left, 2 * LONGEST_WRITE), (&young, LONGEST_WRITE / 2), (&others, 2 * LONGEST_WRITE)]
        {
            std::fs::write(path, "half a se").unwrap();
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        write_text(&base.path().join("settings.toml"), "one").unwrap();
        assert!(!left.exists() && young.exists() && others.exists());
    }
}
