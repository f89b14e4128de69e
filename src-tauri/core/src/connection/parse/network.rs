//! The way to the application, with the authorities that it trusts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ::url::Origin;
use understudy_files::regular_file;

use crate::error::{Code, Error, Result};
use crate::template::Template;

/// How the application is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// `http` or `socks5`, with host and port.
    pub proxy: Option<::url::Url>,
    /// A PEM file with certificates to trust in addition to the system's.
    pub ca: Option<PathBuf>,
    /// The content of `ca`, once it has been read for a sign-in: see `Connection::with_authority`.
    pub authority: Option<Arc<[u8]>>,
    /// The user name for the server in front of the application (HTTP Basic with
    /// [`GATEWAY_PASSWORD`](super::GATEWAY_PASSWORD)).
    pub gateway_user: Option<String>,
    /// For hosts that ask for a user name and a password.
    pub credentials: Vec<HostLogin>,
}

/// The user name and password for one host, as the file says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLogin {
    pub origin: Origin,
    pub user: Template,
    pub password: Template,
}

impl HostLogin {
    /// The names of the secrets in it.
    pub fn secret_names(&self) -> BTreeSet<String> {
        self.user.secret_names().into_iter().chain(self.password.secret_names()).collect()
    }
}

impl Network {
    /// The PEM text of the authorities to trust besides the system's; empty if the file names none.
    ///
    /// Fails with [`Code::FileFailed`] if the file cannot be read or contains no certificate.
    pub(crate) fn read_authority(&self) -> Result<Vec<u8>> {
        let Some(path) = &self.ca else { return Ok(Vec::new()) };
        let pem = match &self.authority {
            Some(read) => read.to_vec(),
            None => regular_file::read_bytes(path, regular_file::OF_CERTIFICATES)?,
        };
        if understudy_gateway::read_certificates(&pem).is_empty() {
            let message = format!("{} contains no PEM certificate.", path.display());
            return Err(Error::new(Code::FileFailed, message).with_hint(
                "Correct `network.ca`: it must name a file that contains `-----BEGIN CERTIFICATE-----`.",
            ));
        }
        Ok(pem)
    }
}
