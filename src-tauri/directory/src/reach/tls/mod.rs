//! TLS connections: whom a URL trusts (`trust`), which certificates are accepted (`verifier`, `certificate`), and here,
//! why a handshake failed and what to do about it.

mod certificate;
mod trust;
mod verifier;

use std::error::Error as StdError;
use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as Tls};

pub(crate) use self::trust::{Authorities, TlsMode, Trust};
use crate::error::{DirectoryCode, DirectoryError, Result};
use understudy_files::regular_file;

/// The names of an engine's TLS options in a URL.
pub(crate) struct TlsOptions {
    /// The authority's certificate file.
    pub(crate) authority: &'static str,
    /// Alternative spellings of it.
    pub(crate) also_authority: &'static [&'static str],
    /// The client's certificate and key files.
    pub(crate) client: &'static [&'static str],
    /// The setting that skips the check of the host name.
    pub(crate) any_name: &'static str,
    /// The setting that turns off TLS.
    pub(crate) off: &'static str,
    /// Whether an authority's certificate is also accepted as the server's, if the URL names exactly that certificate.
    pub(crate) pins: bool,
}

impl TlsOptions {
    /// The option names of certificate and key, which may be the same.
    fn client_option_names(&self) -> [&'static str; 2] {
        [self.client.first(), self.client.last()].map(|name| name.copied().unwrap_or_default())
    }

    /// Checks that the files in the URL exist, since a driver would not say which one is missing.
    pub(crate) fn check_files_exist(&self, url: &str) -> Result<()> {
        let options = url.split_once('?').map_or("", |(_, options)| options);
        for (key, path) in url::form_urlencoded::parse(options.as_bytes()) {
            let names_file = key == self.authority
                || self.also_authority.contains(&key.as_ref())
                || self.client.contains(&key.as_ref());
            if !names_file {
                continue;
            }
            let path = Path::new(path.as_ref());
            if key == "sslrootcert" && path == Path::new("system") {
                continue;
            }
            if !path.is_absolute() {
                let what = format!(
                    "directory.url has {key}={}, a relative path, which would mean a different file wherever \
                     Understudy is started.",
                    path.display()
                );
                return Err(DirectoryError::new(DirectoryCode::ConfigInvalid, what)
                    .with_hint("Write the full path of the PEM file on this computer."));
            }
            if !path.exists() {
                let what = format!("directory.url has {key}={}, but there is no such file.", path.display());
                return Err(DirectoryError::new(DirectoryCode::ConfigInvalid, what)
                    .with_hint("Write the full path of the PEM file on this computer."));
            }
            regular_file::is_readable(path, regular_file::OF_CERTIFICATES)
                .map_err(|error| DirectoryError { code: DirectoryCode::ConfigInvalid, ..error.into() })?;
        }
        Ok(())
    }

    /// Checks that the client's key is not encrypted, since a driver would only say that it cannot read it.
    pub(crate) fn check_key_file(&self, path: &str) -> Result<()> {
        let text = regular_file::read_text(Path::new(path), regular_file::OF_CERTIFICATES)?;
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(trust::encrypted_key_error(self.client_option_names()[1], path));
        }
        Ok(())
    }

    /// The error for a failed TLS handshake with `place`.
    pub(crate) fn handshake_error(&self, place: &str, cause: &(dyn StdError + 'static)) -> DirectoryError {
        let (what, hint) = match find_tls_error(cause) {
            Some(tls) => self.explain_tls_error(tls),
            // The drivers have no type for this, only a message.
            None if cause.to_string().contains("does not support TLS") => (
                "it does not offer TLS".to_owned(),
                format!("Ask its administrator to turn TLS on. {} sends everything unencrypted.", self.off),
            ),
            None => (cause.to_string(), self.general_hint()),
        };
        DirectoryError::new(DirectoryCode::Refused, format!("{place} cannot be reached securely: {what}."))
            .with_hint(hint)
    }

    fn explain_tls_error(&self, tls: &Tls) -> (String, String) {
        let client = self.client.join("= and ");
        match tls {
            Tls::InvalidCertificate(why) if Self::about_time(why).is_some() => {
                Self::about_time(why).unwrap_or_default()
            }
            Tls::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented })
                if !presented.is_empty() =>
            {
                let names: Vec<&str> = presented.iter().map(|name| strip_name_type(name)).collect();
                (
                    format!("its certificate is not for {} but for {}", expected.to_str(), names.join(", ")),
                    format!(
                        "Name the host in directory.url as the certificate does, or set {}.",
                        self.any_name
                    ),
                )
            }
            Tls::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => (
                "its certificate does not name this host".to_owned(),
                format!(
                    "Ask its administrator to add the host to the certificate's subjectAltName, or set {}.",
                    self.any_name
                ),
            ),
            Tls::InvalidCertificate(
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
            ) => (
                "its certificate is not meant for a server".to_owned(),
                "Ask its administrator for one whose extendedKeyUsage includes serverAuth.".to_owned(),
            ),
            Tls::InvalidCertificate(CertificateError::Other(why))
                if why.to_string().contains("CaUsedAsEndEntity") =>
            {
                (
                    "its certificate is an authority's own (CA:TRUE), not a server's".to_owned(),
                    if self.pins {
                        format!(
                            "Name this certificate itself in directory.url: {}=/path/to/server.crt",
                            self.authority
                        )
                    } else {
                        "Ask its administrator for a server certificate: openssl req -x509 -addext \
                     basicConstraints=CA:FALSE"
                            .to_owned()
                    },
                )
            }
            // A bad signature means that a known authority has the same name.
            Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
                "its certificate was signed by an authority that is not known here".to_owned(),
                format!(
                    "Name the authority in directory.url: {}=/path/to/ca.pem. If it is already there, that file lacks \
                     the certificate that signed the server's, or the server does not send the intermediate \
                     certificates.",
                    self.authority
                ),
            ),
            Tls::AlertReceived(AlertDescription::CertificateRequired) => (
                "it requires a client certificate".to_owned(),
                format!("Name the certificate and its key in directory.url: {client}="),
            ),
            Tls::AlertReceived(
                AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError,
            ) => (
                format!("it rejected the client certificate ({tls})"),
                format!(
                    "See {client}= in directory.url: it must be valid, and signed by an authority that the server \
                     trusts."
                ),
            ),
            // The peer sent something that is not TLS.
            Tls::InvalidMessage(_) => (
                "the program that answers there does not speak TLS".to_owned(),
                format!(
                    "Check the host and port in directory.url. {} sends everything unencrypted.",
                    self.off
                ),
            ),
            other => (other.to_string(), self.general_hint()),
        }
    }

    fn about_time(why: &CertificateError) -> Option<(String, String)> {
        let renew = "Ask its administrator to renew it, and check this computer's date.".to_owned();
        let check = "Check this computer's date.".to_owned();
        Some(match why {
            CertificateError::Expired => ("its certificate has expired".to_owned(), renew),
            CertificateError::ExpiredContext { not_after, .. } => {
                (format!("its certificate has expired (on {})", format_day(*not_after)), renew)
            }
            CertificateError::NotValidYet => ("its certificate is not valid yet".to_owned(), check),
            CertificateError::NotValidYetContext { not_before, .. } => {
                (format!("its certificate is not valid yet (until {})", format_day(*not_before)), check)
            }
            _ => return None,
        })
    }

    fn general_hint(&self) -> String {
        format!(
            "Check the server's certificate and host name. In the URL, {}=/path/to/ca.pem names a private authority, \
             and {} changes what is checked.",
            self.authority,
            self.off.split('=').next().unwrap_or_default()
        )
    }
}

/// Whether the handshake failed because the peer does not speak TLS: it sent something else or hung up.
pub(crate) fn is_not_tls(cause: &std::io::Error) -> bool {
    find_tls_error(cause).is_none_or(|tls| matches!(tls, Tls::InvalidMessage(_)))
}

/// Finds the TLS library's error under the wrappers of drivers and streams.
fn find_tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a Tls> {
    if let Some(tls) = cause.downcast_ref::<Tls>() {
        return Some(tls);
    }
    // `io::Error::source` skips the error it wraps; `get_ref` returns it.
    let inner = match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => cause.source(),
    };
    inner.and_then(find_tls_error)
}

/// Extracts the name from webpki's `DnsName("db.acme.com")`.
fn strip_name_type(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

fn format_day(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
