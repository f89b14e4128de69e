//! Which authorities the console's TLS connections trust if `network.ca` is not set: those of this computer, or those
//! in `SSL_CERT_FILE` and `SSL_CERT_DIR`. An error about a variable names it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::error::{Code, Error, Result};
use understudy_files::regular_file;

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// Refuses an `SSL_CERT_FILE` that cannot be read or never ends (a named pipe, a device). The TLS library would hang,
/// or silently look elsewhere.
pub fn check_authorities() -> Result<()> {
    read_variable(FILE).map_or(Ok(()), |file| check_file(&file))
}

/// The error if no certificate can be checked. `cause` is used if no variable is to blame; `named` is the file of
/// `network.ca`.
pub fn explain_lack(cause: &str, named: Option<&Path>) -> Error {
    if let Some(file) = read_variable(FILE) {
        return variable_error(FILE, &no_certificate(&file));
    }
    if let Some(folders) = read_variable(FOLDERS) {
        return variable_error(FOLDERS, &no_certificate(&folders));
    }
    lack_on(std::env::consts::OS, named).with_details(cause)
}

/// On Windows and macOS, the authorities are part of the system. There, the verifier itself could not be set up, most
/// likely because of what `network.ca` adds.
fn lack_on(system: &str, named: Option<&Path>) -> Error {
    let (message, hint) = match (system, named) {
        ("windows" | "macos", Some(file)) => (
            format!("This computer does not accept the certificates in {} as authorities.", file.display()),
            "`network.ca` must name the authority's own certificate. Ask your company's IT for it.",
        ),
        ("windows", None) => (
            "Windows could not check certificates, so no application's identity can be verified.".into(),
            "In Services, make sure that \"Cryptographic Services\" is running, then try again.",
        ),
        ("macos", None) => (
            "macOS could not check certificates, so no application's identity can be verified.".into(),
            "Restart the computer, then try again. If that does not help, ask your IT whether a profile restricts \
             certificates.",
        ),
        _ => (
            "This computer has no list of certificate authorities, so no application's identity can be verified."
                .into(),
            "Install the system's certificates (the package is most often called `ca-certificates`), then try again.",
        ),
    };
    Error::new(Code::FileFailed, message).with_hint(hint)
}

/// macOS and Windows use their own store and ignore the variables.
fn read_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|_| cfg!(target_os = "linux"))
}

fn check_file(file: &OsStr) -> Result<()> {
    let pem = regular_file::read_bytes(Path::new(file), regular_file::OF_CERTIFICATES)
        .map_err(|error| variable_error(FILE, &error.message))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(()),
        _ => Err(variable_error(FILE, &no_certificate(file))),
    }
}

fn no_certificate(at: &OsStr) -> String {
    format!("{} contains no PEM certificate.", Path::new(at).display())
}

fn variable_error(variable: &str, why: &str) -> Error {
    Error::new(
        Code::FileFailed,
        format!("The environment variable {variable} names no usable certificates. {why}"),
    )
    .with_hint(
        "Correct the variable, or unset it: without it, the certificates of this computer are trusted.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_is_told_in_words_of_its_system() {
        let ca = Path::new("C:/acme.pem");
        for system in ["windows", "macos"] {
            let ours = lack_on(system, Some(ca));
            assert!(ours.message.contains("C:/acme.pem"), "{}", ours.message);
            assert!(ours.hint.expect("a hint").contains("`network.ca`"), "{system}");
        }
        let hint = |system| lack_on(system, None).hint.expect("a hint");
        assert!(hint("windows").contains("Cryptographic Services") && !hint("windows").contains("package"));
        assert!(hint("macos").contains("profile") && !hint("macos").contains("package"));
        // Only Linux installs its authorities as a package, with or without `network.ca`.
        for named in [None, Some(ca)] {
            assert!(lack_on("linux", named).hint.expect("a hint").contains("`ca-certificates`"));
        }
    }
}
