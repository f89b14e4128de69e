//! Converts SQLite's errors to Understudy's, by result code: <https://www.sqlite.org/rescode.html>

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::config::{DirectoryConfig, SQLITE_URL};
use crate::error::{DirectoryCode, DirectoryError};
use crate::faults::query_timeout_error;

/// How many bytes at the start of a file identify its format.
const BEGINNING: u64 = 64;

pub(crate) fn from_sqlx(error: sqlx::Error, config: &DirectoryConfig) -> DirectoryError {
    let database = match error {
        sqlx::Error::Database(error) => error,
        sqlx::Error::Configuration(cause) => {
            return DirectoryError::new(
                DirectoryCode::ConfigInvalid,
                format!("directory.url cannot be used: {cause}."),
            )
            .with_hint(format!("Write it as {SQLITE_URL}"));
        }
        sqlx::Error::PoolTimedOut => return query_timeout_error(config),
        sqlx::Error::PoolClosed => {
            return DirectoryError::new(DirectoryCode::Unreachable, "The directory was closed.")
                .with_hint("Try again.");
        }
        other => return DirectoryError::internal(other),
    };
    let said = database.message();
    let extended = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
    // The low byte is the primary code; extended codes add to it.
    match extended & 0xff {
        // SQLITE_READONLY_ROLLBACK
        8 if extended == 776 => DirectoryError::new(
            DirectoryCode::Unreachable,
            "The database file cannot be read without changing it: its -journal holds changes that an interrupted \
             program has to undo.",
        )
        .with_hint("Start the application, or open the file once with `sqlite3` as the application's account."),
        // SQLITE_READONLY_RECOVERY and SQLITE_READONLY_CANTINIT
        8 if matches!(extended, 264 | 1288) => DirectoryError::new(
            DirectoryCode::Unreachable,
            "The database file cannot be read: this account may not write to the -shm file beside it, and no other \
             program has it open.",
        )
        .with_hint("Start the application: while it has the file open, it can be read."),
        9 => query_timeout_error(config),
        5 | 6 => DirectoryError::new(DirectoryCode::Timeout, format!("The database file stayed locked: {said}."))
            .with_hint("Another program is writing to it. Try again in a moment."),
        14 | 10 => {
            DirectoryError::new(DirectoryCode::Unreachable, format!("The database file cannot be read: {said}."))
                .with_hint("Check the file, and the -wal and -shm files beside it if there are any.")
        }
        26 => not_a_database_error(config).with_details(said),
        11 => DirectoryError::new(DirectoryCode::Refused, format!("The database file is damaged: {said}."))
            .with_hint("Tell whoever runs the application: `PRAGMA integrity_check` says what is wrong."),
        8 => DirectoryError::new(
            DirectoryCode::Refused,
            format!("{} tried to write to the database: {said}.", config.table),
        )
        .with_hint("Understudy only reads. Name a table or view that can be read without writing."),
        1 if said.starts_with("no such table") || said.starts_with("no such column") => DirectoryError::new(
            DirectoryCode::Mismatch,
            format!("{} has changed since the database was opened: {said}.", config.table),
        )
        .with_hint("Check the connection: its table or columns were renamed or removed."),
        _ => DirectoryError::new(DirectoryCode::Refused, format!("The database could not answer: {said}."))
            .with_hint("The problem is in the table or view itself. Ask its owner."),
    }
}

/// It may end in the middle of a character.
fn is_text(begins: &[u8]) -> bool {
    std::str::from_utf8(begins).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// What the file is instead of a database, by its first bytes.
fn not_a_database_error(config: &DirectoryConfig) -> DirectoryError {
    let path = crate::engines::sqlite::database_path(config).unwrap_or_default();
    let mut begins = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(BEGINNING).read_to_end(&mut begins));
    let is = |magic: &[u8]| begins.starts_with(magic);
    let (what, hint) = match () {
        () if read.is_ok() && is(b"SQLite format 3\0") => (
            "its header is damaged",
            "Tell whoever runs the application, or name another copy in directory.url.",
        ),
        () if is(b"PK\x03\x04")
            || is(b"\x1f\x8b")
            || is(b"\x28\xb5\x2f\xfd")
            || is(b"BZh")
            || is(b"\xfd7zXZ") =>
        {
            ("it is an archive", "Unpack it, and name the file that was in it in directory.url.")
        }
        () if is_text(&begins) => (
            "it is a text file",
            "directory.url names the database file itself. A dump (.sql) has to be loaded into a database first.",
        ),
        () => (
            "it is encrypted (SQLCipher, SEE), or another kind of file",
            "Understudy cannot read encrypted files. Name a file that is not encrypted in directory.url.",
        ),
    };
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} is not an SQLite database: {what}.", path.display()),
    )
    .with_hint(hint)
}

/// Why the file at `path` cannot be opened, if the system says so.
pub(crate) fn file_open_error(path: &Path) -> Option<DirectoryError> {
    use std::io::ErrorKind;
    let shown = path.display();
    let cause = match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Some(
                DirectoryError::new(DirectoryCode::Unreachable, format!("{shown} is not a file."))
                    .with_hint("directory.url names the database file itself."),
            );
        }
        Ok(_) => std::fs::File::open(path).err()?,
        Err(cause) => cause,
    };
    Some(match cause.kind() {
        ErrorKind::NotFound => {
            DirectoryError::new(DirectoryCode::Unreachable, format!("There is no file {shown}."))
                .with_hint(format!("Check the path in directory.url: {SQLITE_URL}"))
        }
        ErrorKind::PermissionDenied => {
            DirectoryError::new(DirectoryCode::Refused, format!("You may not read the file {shown}."))
                .with_hint("Ask for permission to read it.")
        }
        _ => DirectoryError::from_io("open", path, &cause),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::write_for_review;
    use crate::sql::review::SaidByDatabase;

    /// A file that is no database is recognised by its first bytes instead; the directory's own tests have such files.
    #[test]
    fn what_sqlite_says_in_our_words() {
        let config: DirectoryConfig =
            toml::from_str("url = \"sqlite:///users.sqlite\"\ntable = \"users\"\nid = \"id\"").unwrap();
        let of_code = |code, said| {
            let error = sqlx::Error::Database(Box::new(SaidByDatabase(code, said)));
            write_for_review(&format!("{code}, {said}"), &from_sqlx(error, &config))
        };
        let mut told = ["776", "264", "1288", "8", "9", "5", "14", "10", "11", "1"]
            .map(|code| of_code(code, "what SQLite said"))
            .concat();
        told += &of_code("1", "no such table: users");
        told += &of_code("1", "no such column: email");
        told += &write_for_review("no connection in time", &from_sqlx(sqlx::Error::PoolTimedOut, &config));
        told += &write_for_review("closed", &from_sqlx(sqlx::Error::PoolClosed, &config));
        insta::assert_snapshot!(told);
    }
}
