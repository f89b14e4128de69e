//! Turns a URL's TLS options into the configuration of a handshake: how much TLS it requires and whom it trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{Error as Pem, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::tls::TlsOptions;
use crate::reach::tls::verifier::Verifier;
use understudy_files::regular_file;

/// What a connection requires, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    /// No TLS.
    Nothing,
    /// TLS if the server offers it, without verification.
    IfOffered,
    /// TLS without verification.
    Encryption,
    /// A certificate signed by a trusted authority.
    Authority,
    /// A certificate signed by a trusted authority for this host name.
    Name,
}

/// The authorities to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// The system's and those that browsers know.
    Public,
    /// Only the system's.
    System,
    /// Only the certificates in this file.
    File(String),
}

/// The TLS settings for a connection.
#[derive(Clone)]
pub(crate) struct Trust {
    pub(crate) demand: TlsMode,
    pub(crate) config: Arc<ClientConfig>,
    /// The server's identity is verified, so a secret may be sent as plain text within TLS.
    pub(crate) is_certain: bool,
}

impl Trust {
    /// Reads the certificate files. `client`: the client's certificate and key.
    pub(crate) fn new(
        options: &TlsOptions,
        demand: TlsMode,
        authorities: &Authorities,
        client: Option<(&str, &str)>,
    ) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let checks_name = demand == TlsMode::Name;
        let verifier = if demand < TlsMode::Authority {
            Ok(Verifier::accept_any(Arc::clone(&provider)))
        } else {
            match authorities {
                Authorities::File(path) => {
                    let named = read_certificates(options.authority, path)?;
                    Verifier::of_named(Arc::clone(&provider), named, checks_name)
                }
                known => {
                    let mut roots = load_system_roots();
                    if *known == Authorities::Public {
                        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                    }
                    Verifier::of_authorities(Arc::clone(&provider), roots, checks_name)
                }
            }
        };
        let verifier = verifier.map_err(DirectoryError::internal)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(DirectoryError::internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match client {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let [certificate_option, key_option] = options.client_option_names();
                let chain = read_certificates(certificate_option, certificate)?;
                let key = private_key(key_option, key)?;
                config.with_client_auth_cert(chain, key).map_err(|cause| {
                    unusable_file_error(
                        certificate_option,
                        certificate,
                        &format!("does not fit its key ({cause})"),
                    )
                    .with_hint(format!(
                        "Check that {key_option}= names the key that belongs to this certificate."
                    ))
                })?
            }
        };
        // A public authority signs for anyone, so without a name check its signature proves nothing.
        let is_certain =
            checks_name || (demand == TlsMode::Authority && matches!(authorities, Authorities::File(_)));
        Ok(Self { demand, config: Arc::new(config), is_certain })
    }
}

/// The system's authorities. As with OpenSSL, `SSL_CERT_FILE` and `SSL_CERT_DIR` override their location.
fn load_system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("an authority of the system's cannot be read: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

fn read_certificates(option: &str, path: &str) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read_pem_file(option, path)?;
    // Windows editors may write a byte order mark.
    let pem = pem.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&pem);
    let read: Result<Vec<_>, Pem> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if !read.is_empty() => Ok(read),
        Ok(_) if String::from_utf8_lossy(pem).contains("BEGIN TRUSTED CERTIFICATE") => {
            Err(unusable_file_error(
                option,
                path,
                "holds a certificate in OpenSSL's own form (TRUSTED CERTIFICATE)",
            )
            .with_hint(format!(
                "Convert it to plain PEM, and name that file: openssl x509 -in '{path}' -out plain.pem"
            )))
        }
        Ok(_) => Err(unusable_file_error(option, path, "holds no certificate").with_hint(
            "Name a PEM file, which contains -----BEGIN CERTIFICATE-----. To convert a DER file: openssl \
                        x509 -inform der",
        )),
        Err(cause) => {
            Err(unusable_file_error(option, path, "cannot be read as PEM").with_details(cause.to_string()))
        }
    }
}

fn private_key(option: &str, path: &str) -> Result<PrivateKeyDer<'static>> {
    let pem = read_pem_file(option, path)?;
    let text = String::from_utf8_lossy(&pem);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(encrypted_key_error(option, path));
    }
    let pem = pem.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&pem);
    PrivateKeyDer::from_pem_slice(pem).map_err(|cause| {
        unusable_file_error(option, path, "holds no private key that can be read")
            .with_hint("Name a PEM file (PKCS#8, PKCS#1 or SEC1).")
            .with_details(cause.to_string())
    })
}

/// The error for a key with a passphrase, which no one could enter each time a connection is made.
pub(crate) fn encrypted_key_error(option: &str, path: &str) -> DirectoryError {
    unusable_file_error(option, path, "is encrypted with a passphrase; Understudy needs a key without one").with_hint(format!(
        "Make a copy without a passphrase that only you can read, and name that file: (umask 077; openssl pkey -in \
         '{path}' -out \
         client.key)"
    ))
}

fn read_pem_file(option: &str, path: &str) -> Result<Vec<u8>> {
    regular_file::read_bytes(Path::new(path), regular_file::OF_CERTIFICATES).map_err(|error| {
        let message = format!("{option}=: {}", error.message);
        DirectoryError::new(DirectoryCode::ConfigInvalid, message).with_hint(error.hint)
    })
}

fn unusable_file_error(option: &str, path: &str, what: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::ConfigInvalid, format!("{option}={path} in directory.url {what}."))
        .with_hint("Check the file. The option takes the full path of a PEM file.")
}
