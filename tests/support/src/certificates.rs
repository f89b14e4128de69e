//! A throwaway certificate authority and the certificates that it signs.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;

/// An authority in a folder of its own, which is removed when the value is dropped.
pub struct Authority {
    folder: TempDir,
}

/// PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Certificate and key in one file.
    pub both: PathBuf,
}

impl Authority {
    /// Panics with the reason if openssl is missing.
    pub fn new() -> Self {
        let authority =
            Self { folder: tempfile::Builder::new().prefix("understudy-ca-").tempdir().expect("a folder") };
        let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n\
                        default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n";
        for (name, text) in [("settings", settings), ("index", "")] {
            std::fs::write(authority.path(name), text).expect("the authority's files are written");
        }
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Understudy-Test-CA \
             -keyout ca.key -out ca.pem",
        );
        authority
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The same in DER.
    pub fn certificate_der(&self) -> Vec<u8> {
        let pem = std::fs::read_to_string(self.certificate()).expect("a PEM file");
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        BASE64_STANDARD.decode(lines).expect("base64")
    }

    /// A certificate for a server on this host, or for a client with this name.
    pub fn sign(&self, name: &str) -> Certificate {
        self.sign_for(name, "-days 2")
    }

    /// A certificate that was valid for one day, long ago.
    pub fn sign_expired(&self, name: &str) -> Certificate {
        self.sign_for(name, "-startdate 20200101000000Z -enddate 20200102000000Z")
    }

    fn sign_for(&self, name: &str, time: &str) -> Certificate {
        let made = std::fs::read_dir(self.folder.path()).expect("the folder").count();
        let file = format!("{name}-{made}");
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {file}.key -out {file}.csr"
        ));
        std::fs::write(self.path("names"), format!("subjectAltName=DNS:{name}\n"))
            .expect("the name is written");
        self.openssl(&format!(
            "ca -batch -notext -config settings -cert ca.pem -keyfile ca.key -in {file}.csr -out {file}.pem {time} \
             -extfile names"
        ));
        let signed = Certificate {
            certificate: self.path(&format!("{file}.pem")),
            key: self.path(&format!("{file}.key")),
            both: self.path(&format!("{file}.both")),
        };
        let read = |path: &Path| std::fs::read_to_string(path).expect("a PEM file");
        std::fs::write(&signed.both, [read(&signed.certificate), read(&signed.key)].concat())
            .expect("both are written");
        signed
    }

    /// The SHA-256 of a certificate's public key, in base64, as Chromium's list of keys to trust has it.
    pub fn key_hash(&self, of: &Certificate) -> String {
        self.openssl(&format!("pkey -in {} -pubout -outform DER -out public.key", of.key.display()));
        self.openssl("dgst -sha256 -binary -out public.hash public.key");
        BASE64_STANDARD.encode(std::fs::read(self.path("public.hash")).expect("the hash"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("openssl runs: script/bootstrap installs it");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
