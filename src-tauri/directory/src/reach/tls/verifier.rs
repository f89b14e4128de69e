//! Decides which server certificates are accepted: those that webpki accepts, and those that libpq accepts if the URL
//! names their authority.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as Tls, RootCertStore, SignatureScheme};

use crate::reach::tls::certificate::{ParsedCertificate, to_root_store};

/// The maximum number of authorities between a server's certificate and a named one.
const DEPTH: u32 = 5;

#[derive(Debug)]
pub(crate) struct Verifier {
    /// Encryption only: any certificate is accepted.
    takes_anybody: bool,
    webpki: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates in the file that the URL names.
    named: Vec<CertificateDer<'static>>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(crate) fn accept_any(provider: Arc<CryptoProvider>) -> Self {
        Self { takes_anybody: true, webpki: None, named: Vec::new(), checks_name: false, provider }
    }

    /// Accepts certificates signed by these authorities.
    pub(crate) fn of_authorities(
        provider: Arc<CryptoProvider>,
        roots: RootCertStore,
        checks_name: bool,
    ) -> Result<Self, String> {
        let webpki = build_webpki_verifier(&provider, roots)?;
        Ok(Self { takes_anybody: false, webpki, named: Vec::new(), checks_name, provider })
    }

    /// Accepts only these certificates, and those that they signed.
    pub(crate) fn of_named(
        provider: Arc<CryptoProvider>,
        named: Vec<CertificateDer<'static>>,
        checks_name: bool,
    ) -> Result<Self, String> {
        let webpki = build_webpki_verifier(&provider, to_root_store(&named))?;
        Ok(Self { takes_anybody: false, webpki, named, checks_name, provider })
    }

    /// Checks as OpenSSL does: version 1 certificates and authorities' certificates may be a server's, and a named
    /// certificate needs no chain.
    fn is_known(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let server = ParsedCertificate::from(certificate)?;
        server.is_current(now)?;
        server.may_serve()?;
        if self.named.iter().any(|named| named.as_ref() == certificate.as_ref())
            || self.leads_to_named(&server, intermediates, now, 0)
        {
            return Ok(());
        }
        Err(CertificateError::UnknownIssuer)
    }

    fn leads_to_named(
        &self,
        below: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        depth: u32,
    ) -> bool {
        let algorithms = &self.provider.signature_verification_algorithms;
        let signed = |der: &CertificateDer<'_>, is_named: bool| {
            ParsedCertificate::from(der).is_ok_and(|read| {
                read.is_current(now).is_ok() && read.is_issuer_of(below, depth, is_named, algorithms)
            })
        };
        if self.named.iter().any(|named| signed(named, true)) {
            return true;
        }
        depth < DEPTH
            && intermediates.iter().filter(|der| signed(der, false)).any(|der| {
                ParsedCertificate::from(der)
                    .is_ok_and(|read| self.leads_to_named(&read, intermediates, now, depth + 1))
            })
    }
}

fn build_webpki_verifier(
    provider: &Arc<CryptoProvider>,
    roots: RootCertStore,
) -> Result<Option<Arc<WebPkiServerVerifier>>, String> {
    // WebPKI may be unable to parse any certificate in the file.
    if roots.is_empty() {
        return Ok(None);
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map(Some).map_err(|error| error.to_string())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Tls> {
        use CertificateError as Why;
        if self.takes_anybody {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = match &self.webpki {
            Some(webpki) => webpki.verify_server_cert(certificate, intermediates, host, ocsp_response, now),
            None => Err(Why::UnknownIssuer.into()),
        };
        let Err(Tls::InvalidCertificate(why)) = verified else { return verified };
        match why {
            // The name is checked last, so everything else was valid.
            Why::NotValidForName | Why::NotValidForNameContext { .. } => {}
            Why::UnknownIssuer | Why::BadEncoding | Why::InvalidPurpose | Why::Other(_)
                if !self.named.is_empty() =>
            {
                self.is_known(certificate, intermediates, now)?;
            }
            why => return Err(Tls::InvalidCertificate(why)),
        }
        if self.checks_name {
            ParsedCertificate::from(certificate)?.verify_host(host)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Tls> {
        if self.takes_anybody {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Tls> {
        if self.takes_anybody {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        match verify_tls13_signature(message, certificate, signed, algorithms) {
            // WebPKI rejects version 1 certificates, but their keys are like any other.
            Err(Tls::InvalidCertificate(_)) => {
                let read = ParsedCertificate::from(certificate)?;
                verify_tls13_signature_with_raw_key(message, &read.public_key(), signed, algorithms)
            }
            verified => verified,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
