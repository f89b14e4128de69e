//! Whom a TLS connection of the console trusts where the connection's file says nothing: the certificates of this
//! computer, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. A variable that names nothing usable is told by name.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::regular_file;

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// Refuses a `SSL_CERT_FILE` that cannot be read, or whose reading would not end: a named pipe, a device. The library
/// below would hang, or look elsewhere without a word.
pub fn check() -> Result<()> {
    variable(FILE).map_or(Ok(()), |file| check_file(&file))
}

/// Why there was no certificate to trust. `cause` says it where no variable does.
pub fn explain_lack(cause: &dyn std::fmt::Display) -> Error {
    if let Some(file) = variable(FILE) {
        return unusable(FILE, &no_certificate(&file));
    }
    if let Some(folders) = variable(FOLDERS) {
        return unusable(FOLDERS, &no_certificate(&folders));
    }
    Error::new(
        Code::FileFailed,
        "This computer has no list of certificate authorities, so no application can be told from a false one.",
    )
    .hint("Install the system's certificates (the package is most often called `ca-certificates`), then try again.")
    .details(cause.to_string())
}

/// macOS and Windows ask their own store, whatever the variables say.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|_| cfg!(target_os = "linux"))
}

fn check_file(file: &OsStr) -> Result<()> {
    let pem = regular_file::read(Path::new(file), regular_file::OF_CERTIFICATES)
        .map_err(|error| unusable(FILE, &error.message))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(()),
        _ => Err(unusable(FILE, &no_certificate(file))),
    }
}

fn no_certificate(at: &OsStr) -> String {
    format!("{} holds no certificate in PEM.", Path::new(at).display())
}

fn unusable(variable: &str, why: &str) -> Error {
    Error::new(
        Code::FileFailed,
        format!("The environment variable {variable} names no certificates that can be used. {why}"),
    )
    .hint("Correct the variable, or unset it: without it, the certificates of this computer are trusted.")
}
