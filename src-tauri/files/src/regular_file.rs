//! Reads regular files of a reasonable size, and refuses everything else that users or other programs may have put in
//! their place. A named pipe would block the reader, and a device might never end.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::FileError;
use crate::device_name::is_device;

type Result<T, E = FileError> = std::result::Result<T, E>;

/// The limit for a connection file or the settings, in bytes: a thousand times the usual size.
pub const OF_SETTINGS: u64 = 256 << 10;

/// The limit for a certificate file, in bytes: four times the size of a system's whole list of authorities.
pub const OF_CERTIFICATES: u64 = 1 << 20;

/// Reads a regular file of at most `limit` bytes as text. Fails without blocking for anything else.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let bytes = read_bytes(path, limit)?;
    String::from_utf8(bytes).map_err(|_| {
        FileError::new(format!("{} is not UTF-8 text.", path.display()), "Save it as UTF-8 in your editor.")
    })
}

/// Like [`read_text`], for binary files.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |cause: io::Error| FileError::from_io("read", path, &cause);
    refuse_device(path)?;
    // Checked before opening, because opening a device can already have effects, and again on the open file, which may
    // have been swapped in between.
    check_metadata(path, &std::fs::metadata(path).map_err(failed)?, limit)?;
    let file = open_at_once(path).map_err(failed)?;
    check_metadata(path, &file.metadata().map_err(failed)?, limit)?;
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(path, limit));
    }
    Ok(bytes)
}

/// Whether [`read_bytes`] would accept the file, without reading it.
pub fn is_readable(path: &Path, limit: u64) -> Result<()> {
    refuse_device(path)?;
    let metadata = std::fs::metadata(path).map_err(|cause| FileError::from_io("read", path, &cause))?;
    check_metadata(path, &metadata, limit)
}

fn check_metadata(path: &Path, metadata: &Metadata, limit: u64) -> Result<()> {
    if metadata.is_file() {
        return if metadata.len() > limit { Err(too_large(path, limit)) } else { Ok(()) };
    }
    Err(no_file(path, describe_kind(metadata)))
}

/// On Windows, such a name is a device in every folder; even querying its metadata opens a serial port.
fn refuse_device(path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if cfg!(windows) && is_device(&name) { Err(no_file(path, "a device")) } else { Ok(()) }
}

fn no_file(path: &Path, kind: &str) -> FileError {
    let message = format!("{} is {kind}, not a file.", path.display());
    FileError::new(message, "Remove it, or put a file in its place.")
}

fn too_large(path: &Path, limit: u64) -> FileError {
    let message = format!("{} is larger than the {} KiB that are read.", path.display(), limit >> 10);
    FileError::new(message, "Check that it is the right file.")
}

#[cfg(unix)]
fn describe_kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn describe_kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "a folder" } else { "a device" }
}

/// Opens without waiting for the other end of a pipe.
#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_refused_at_once_in_every_folder() {
        let base = tempfile::tempdir().unwrap();
        for name in ["con", "CON.toml", "nul", "com1", "aux .toml", "LPT1.txt"] {
            for path in [Path::new(name), &base.path().join(name)] {
                let told = read_text(path, OF_SETTINGS).unwrap_err().message;
                assert!(told.ends_with(" is a device, not a file."), "{told}");
            }
        }
        let told = read_text(base.path(), OF_SETTINGS).unwrap_err().message;
        assert!(told.ends_with(" is a folder, not a file."), "{told}");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn said(path: &Path) -> String {
        read_text(path, 1000).expect_err("refused").message
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), mode).unwrap();
        assert!(said(&at("pipe")).ends_with("pipe is a named pipe, not a file."));
        symlink(at("pipe"), at("link")).unwrap();
        assert!(said(&at("link")).ends_with("link is a named pipe, not a file."));
        symlink("/dev/zero", at("zero")).unwrap();
        assert!(said(&at("zero")).ends_with("zero is a device, not a file."));
        std::fs::create_dir(at("folder")).unwrap();
        assert!(said(&at("folder")).ends_with("folder is a folder, not a file."));
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert!(said(&at("socket")).ends_with("socket is a socket, not a file."));
        symlink(at("loop"), at("loop")).unwrap();
        assert!(said(&at("loop")).starts_with("Could not read"));
        assert!(said(&at("nothing")).starts_with("Could not read"));
    }

    #[test]
    fn a_file_counts_up_to_its_limit_also_behind_a_link() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        std::fs::write(&file, "x".repeat(1000)).unwrap();
        symlink(&file, base.path().join("link")).unwrap();
        assert_eq!(read_text(&base.path().join("link"), 1000).unwrap().len(), 1000);
        std::fs::write(&file, "x".repeat(1001)).unwrap();
        assert!(said(&file).contains("larger than the 0 KiB"));
        // A sparse file: large, but without a block on the disk.
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(
            read_bytes(&file, OF_SETTINGS)
                .unwrap_err()
                .message
                .ends_with("larger than the 256 KiB that are read.")
        );
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(said(&file).ends_with("is not UTF-8 text."));
    }
}
