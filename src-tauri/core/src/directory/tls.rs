//! Why a connection is not secure, for people: what a handshake failed of, and what to do about it.

use std::error::Error as StdError;

use rustls::{AlertDescription, CertificateError, Error as Tls};

use crate::error::{Code, Error, Result};
use crate::regular_file;

/// How a URL of an engine's says what a handshake needs.
pub(super) struct Options {
    /// Names the authority's file.
    pub(super) authority: &'static str,
    /// Other spellings of it.
    pub(super) also_authority: &'static [&'static str],
    /// Name the files of the client's certificate and key.
    pub(super) client: &'static [&'static str],
    /// Gives up on the name in the certificate.
    pub(super) any_name: &'static str,
    /// Gives up on TLS.
    pub(super) off: &'static str,
}

impl Options {
    /// The files that a URL names are there: a driver would say no more than that a file is not.
    pub(super) fn files_are_there(&self, url: &str) -> Result<()> {
        let options = url.split_once('?').map_or("", |(_, options)| options);
        for (key, path) in url::form_urlencoded::parse(options.as_bytes()) {
            let names_file = key == self.authority || self.client.contains(&key.as_ref());
            if !names_file {
                continue;
            }
            let path = std::path::Path::new(path.as_ref());
            if !path.exists() {
                let what = format!("directory.url says {key}={}, and there is no such file.", path.display());
                return Err(Error::new(Code::ConnectionInvalid, what)
                    .hint("Name the PEM file by its whole path, as it is on this computer."));
            }
            regular_file::is_readable(path, regular_file::OF_CERTIFICATES)
                .map_err(|error| Error { code: Code::ConnectionInvalid, ..error })?;
        }
        Ok(())
    }

    /// What is in the file of the authority that a URL names, if it names one. Once read, it is what is trusted by every
    /// connection of these options, whatever becomes of the file.
    pub(super) fn authority_in(&self, url: &str) -> Result<Option<Vec<u8>>> {
        let options = url.split_once('?').map_or("", |(_, options)| options);
        let names_it = |key: &str| key == self.authority || self.also_authority.contains(&key);
        // Of two, drivers take the last.
        let path = url::form_urlencoded::parse(options.as_bytes()).filter(|(key, _)| names_it(key)).last();
        path.map(|(_, path)| {
            regular_file::read(std::path::Path::new(path.as_ref()), regular_file::OF_CERTIFICATES)
        })
        .transpose()
        .map_err(|error| Error { code: Code::ConnectionInvalid, ..error })
    }

    /// `place` gave no secure connection, for this reason.
    pub(super) fn insecure(&self, place: &str, cause: &(dyn StdError + 'static)) -> Error {
        let (what, hint) = match rooted(cause) {
            Some(tls) => self.told(tls),
            // The drivers' own words; there is no type for it.
            None if cause.to_string().contains("does not support TLS") => (
                "it does not offer TLS".to_owned(),
                format!("Let its administrator turn TLS on. {} sends everything in the open.", self.off),
            ),
            None => (cause.to_string(), self.hint()),
        };
        Error::new(Code::DirectoryRefused, format!("{place} gave no secure connection: {what}.")).hint(hint)
    }

    fn told(&self, tls: &Tls) -> (String, String) {
        let client = self.client.join("= and ");
        match tls {
            Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
                "its certificate has expired".to_owned(),
                "Let its administrator renew it; and check the date of this computer.".to_owned(),
            ),
            Tls::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => {
                ("its certificate is not valid yet".to_owned(), "Check the date of this computer.".to_owned())
            }
            Tls::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })
                if !presented.is_empty() =>
            {
                (
                    format!("its certificate is not for this host but for {}", presented.join(", ")),
                    format!(
                        "Name the host in directory.url as the certificate does, or say {}.",
                        self.any_name
                    ),
                )
            }
            Tls::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => (
                "its certificate does not name this host".to_owned(),
                format!(
                    "Let its administrator name the host in the certificate's subjectAltName, or say {}.",
                    self.any_name
                ),
            ),
            // The latter: of the same name as one that is known.
            Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
                "an authority that is not known here signed its certificate".to_owned(),
                format!("Name the authority in directory.url: {}=/path/to/ca.pem", self.authority),
            ),
            Tls::AlertReceived(AlertDescription::CertificateRequired) => (
                "it wants a certificate of the client's".to_owned(),
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
                format!("it does not take the client's certificate ({tls})"),
                format!(
                    "See {client}= in directory.url: it has to be valid, and signed by an authority that the server knows."
                ),
            ),
            other => (other.to_string(), self.hint()),
        }
    }

    fn hint(&self) -> String {
        format!(
            "Check the server's certificate and host name. The URL may say {}=/path/to/ca.pem for a private \
             authority, or another {}.",
            self.authority,
            self.off.split('=').next().unwrap_or_default()
        )
    }
}

/// The TLS library's own error, below what drivers and streams have wrapped around it.
fn rooted<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a Tls> {
    if let Some(tls) = cause.downcast_ref::<Tls>() {
        return Some(tls);
    }
    // An io::Error's source is that of what it holds, not what it holds.
    let inner = match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => cause.source(),
    };
    inner.and_then(rooted)
}
