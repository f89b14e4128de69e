//! Certificate checks for what webpki rejects: names, validity and key usage.
//!
//! Only certificates that webpki refuses for their age or form get here: version 1, no `subjectAltName`, or an
//! authority's certificate used by a server. OpenSSL, and therefore libpq, accepts them.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, RootCertStore};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate, X509Version};

/// A parsed certificate.
pub(crate) struct ParsedCertificate<'a>(X509Certificate<'a>);

impl<'a> ParsedCertificate<'a> {
    pub(crate) fn from(der: &'a CertificateDer<'_>) -> Result<Self, CertificateError> {
        match X509Certificate::from_der(der.as_ref()) {
            Ok(([], read)) => Ok(Self(read)),
            _ => Err(CertificateError::BadEncoding),
        }
    }

    /// Checks the validity period, and that no critical extension is unknown.
    pub(crate) fn is_current(&self, now: UnixTime) -> Result<(), CertificateError> {
        let since =
            |at: i64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.max(0).unsigned_abs()));
        let validity = self.0.validity();
        let (not_before, not_after) =
            (since(validity.not_before.timestamp()), since(validity.not_after.timestamp()));
        if now.as_secs() < not_before.as_secs() {
            return Err(CertificateError::NotValidYetContext { time: now, not_before });
        }
        if now.as_secs() > not_after.as_secs() {
            return Err(CertificateError::ExpiredContext { time: now, not_after });
        }
        let unknown = self.0.extensions().iter().filter(|extension| extension.critical).any(|extension| {
            !matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::KeyUsage(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::SubjectAlternativeName(_)
                    | ParsedExtension::SubjectKeyIdentifier(_)
                    | ParsedExtension::AuthorityKeyIdentifier(_)
            )
        });
        if unknown { Err(CertificateError::UnhandledCriticalExtension) } else { Ok(()) }
    }

    /// Checks that the key may be a server's. Without a key usage, everything is allowed.
    pub(crate) fn may_serve(&self) -> Result<(), CertificateError> {
        let extended = self.0.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
        let usage = self.0.key_usage().map_err(|_| CertificateError::BadEncoding)?;
        let serves = extended.is_none_or(|usage| usage.value.any || usage.value.server_auth)
            && usage.is_none_or(|usage| {
                usage.value.digital_signature()
                    || usage.value.key_encipherment()
                    || usage.value.key_agreement()
            });
        if serves { Ok(()) } else { Err(CertificateError::InvalidPurpose) }
    }

    /// Whether this certificate signed `other` and was allowed to; `below` is the number of authorities between it and
    /// the server. A version 1 certificate cannot declare itself an authority, so it is one only if the user `named`
    /// it.
    pub(crate) fn is_issuer_of(&self, other: &Self, below: u32, named: bool, by: &Algorithms) -> bool {
        let constraints = self.0.basic_constraints().ok().flatten().map(|found| found.value);
        let is_authority = match constraints {
            Some(constraints) => {
                constraints.ca && constraints.path_len_constraint.is_none_or(|length| below <= length)
            }
            None => named && self.0.version() == X509Version::V1,
        };
        let signs = self
            .0
            .key_usage()
            .ok()
            .is_some_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
        let is_free = self.0.name_constraints().is_ok_and(|found| found.is_none());
        is_authority
            && signs
            && is_free
            && self.0.subject().as_raw() == other.0.issuer().as_raw()
            && is_valid_signature(
                &self.public_key(),
                other.0.tbs_certificate.as_ref(),
                &other.0.signature_value.data,
                by,
            )
    }

    /// The public key, as encoded in the certificate.
    pub(crate) fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        SubjectPublicKeyInfoDer::from(self.0.public_key().raw)
    }

    /// Checks that the certificate is for this host. Like libpq, falls back to the subject's common name if
    /// `subjectAltName` has no host.
    /// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS>
    pub(crate) fn verify_host(&self, host: &ServerName<'_>) -> Result<(), CertificateError> {
        let text = host.to_str();
        let address = text.parse::<IpAddr>().ok();
        let (hosts, addresses) = self.alternative_names();
        let is_named = if hosts.is_empty() && addresses.is_empty() {
            self.common_name().is_some_and(|name| is_host_match(&name, &text, address.is_some()))
        } else {
            match address {
                // Like libpq, accept an IP address among the host names if it is spelled the same.
                Some(address) => {
                    addresses.contains(&address) || hosts.iter().any(|name| is_host_match(name, &text, true))
                }
                None => hosts.iter().any(|name| is_host_match(name, &text, false)),
            }
        };
        if is_named {
            return Ok(());
        }
        let mut presented: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
        presented.extend(addresses.iter().map(ToString::to_string));
        if presented.is_empty() {
            presented.extend(self.common_name());
        }
        Err(CertificateError::NotValidForNameContext { expected: host.to_owned(), presented })
    }

    fn alternative_names(&self) -> (Vec<&str>, Vec<IpAddr>) {
        let names = self.0.subject_alternative_name().ok().flatten();
        let names = names.map(|found| found.value.general_names.as_slice()).unwrap_or_default();
        let hosts = names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        });
        let addresses = names.iter().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
            },
            _ => None,
        });
        (hosts.collect(), addresses.collect())
    }

    fn common_name(&self) -> Option<String> {
        let name = self.0.subject().iter_common_name().last()?;
        name.as_str().ok().filter(|name| !name.contains('\0')).map(str::to_owned)
    }
}

/// Compares a host with a name in a certificate. `*` stands for the whole first label, never for part of an address.
fn is_host_match(pattern: &str, host: &str, is_address: bool) -> bool {
    let (pattern, host) = (pattern.trim_end_matches('.'), host.trim_end_matches('.'));
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(below), Some((label, rest))) = (pattern.strip_prefix("*."), host.split_once('.')) else {
        return false;
    };
    !is_address && !label.is_empty() && below.contains('.') && below.eq_ignore_ascii_case(rest)
}

/// The supported signature algorithms.
pub(crate) type Algorithms = rustls::crypto::WebPkiSupportedAlgorithms;

/// Whether `signature` is the key's signature of `message`, by any supported algorithm.
fn is_valid_signature(
    key: &SubjectPublicKeyInfoDer<'_>,
    message: &[u8],
    signature: &[u8],
    by: &Algorithms,
) -> bool {
    webpki::RawPublicKeyEntity::try_from(key).is_ok_and(|key| {
        by.all.iter().any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
    })
}

/// The certificates as trust anchors for webpki, without those that it cannot parse; they are checked here.
pub(crate) fn to_root_store(certificates: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates.iter().cloned());
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label_and_the_first() {
        for (pattern, host, expected) in [
            ("db.acme.com", "DB.acme.com", true),
            ("*.acme.com", "db.acme.com", true),
            ("*.acme.com", "a.db.acme.com", false),
            ("*.acme.com", "acme.com", false),
            ("*.com", "acme.com", false),
            ("d*.acme.com", "db.acme.com", false),
            ("*", "localhost", false),
        ] {
            assert_eq!(is_host_match(pattern, host, false), expected, "{pattern} {host}");
        }
        assert!(!is_host_match("*.0.0.1", "127.0.0.1", true));
        assert!(is_host_match("127.0.0.1", "127.0.0.1", true));
    }
}
