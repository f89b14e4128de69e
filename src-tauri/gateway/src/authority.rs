//! The certificate authority of one session. It's made in memory, only that session's webview trusts it, and it's gone
//! when the session ends.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::GatewayError;

/// What the gateway offers a webview; WebKitGTK takes HTTP/1.1 behind a proxy, Chromium HTTP/2.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Hosts whose certificates are kept: more than any page needs. A page may ask for names without end.
const HOST_LIMIT: usize = 256;

pub(crate) struct SessionAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// One key for all hosts, so that a webview that pins keys needs to know only this one.
    leaf_key: KeyPair,
    configs: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl SessionAuthority {
    pub(crate) fn create() -> Result<Self, GatewayError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Understudy session");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer, leaf_key: KeyPair::generate()?, configs: Mutex::default() })
    }

    /// The authority's own certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.issuer.as_ref().der()
    }

    /// The SHA-256 of the key of every certificate that the gateway shows, in base64: what Chromium's
    /// `--ignore-certificate-errors-spki-list` takes.
    pub(crate) fn key_hash(&self) -> String {
        let key = self.leaf_key.subject_public_key_info();
        BASE64_STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key))
    }

    /// The TLS configuration for a webview that wants `host`: a name, or an IP address without brackets.
    pub(crate) fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, GatewayError> {
        if let Some(config) = self.configs.lock().get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_server_config(host)?);
        let mut configs = self.configs.lock();
        if configs.len() >= HOST_LIMIT {
            configs.clear();
        }
        configs.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    fn make_server_config(&self, host: &str) -> Result<ServerConfig, GatewayError> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "Understudy session");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.leaf_key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate().clone()];
        let key = PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()).into();
        let mut config = ServerConfig::builder_with_provider(crate::crypto_provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_asks_for_names_without_end_fills_no_memory() {
        let authority = SessionAuthority::create().expect("an authority");
        for number in 0..=HOST_LIMIT {
            authority.server_config(&format!("h{number}.example")).expect("a certificate");
        }
        assert!(authority.configs.lock().len() <= HOST_LIMIT);
    }
}
