//! Why the application could not be reached, in words for the page, the bar and the sign-in's refusal.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

use http::{StatusCode, Uri};
use rustls::CertificateError;

use crate::OutboundProxy;
use crate::upstream::{NameNotFound, ProxyFault};

/// What kept a request from being answered. `Display` says what happened and why, `hint` what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachFault {
    NameNotFound { host: String },
    ConnectionRefused { server: String },
    NoRoute { server: String },
    TimedOut { server: String },
    CertificateRejected { host: String, reason: CertificateReason },
    TlsFailed { server: String, said: String },
    ProxyUnreachable { proxy: String },
    ProxyCredentialsRefused { proxy: String },
    ProxyRefused { proxy: String, server: String },
    BrokenOff { server: String },
    NotHttp { server: String },
}

/// Why a certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateReason {
    Expired,
    NotYetValid,
    OtherName,
    UnknownIssuer,
    /// It names a trusted authority that did not sign it.
    ForgedSignature,
    Revoked,
    /// An authority's certificate used by a server, as `openssl req -x509` makes them.
    AuthorityAsServer,
    Other(String),
}

impl ReachFault {
    pub(crate) fn from_error(
        error: &(dyn Error + 'static),
        uri: &Uri,
        proxy: Option<&OutboundProxy>,
    ) -> Self {
        let host = uri.host().unwrap_or_default().to_owned();
        let server = uri.authority().map_or_else(|| host.clone(), ToString::to_string);
        let proxy = || proxy.map(|proxy| proxy.address().to_owned()).unwrap_or_default();
        for cause in causes(error) {
            if cause.is::<NameNotFound>() {
                return Self::NameNotFound { host };
            }
            if let Some(fault) = cause.downcast_ref::<ProxyFault>() {
                return match fault {
                    ProxyFault::Unreachable(_) => Self::ProxyUnreachable { proxy: proxy() },
                    ProxyFault::CredentialsRefused => Self::ProxyCredentialsRefused { proxy: proxy() },
                    ProxyFault::ServerRefused(_) => Self::ProxyRefused { proxy: proxy(), server },
                };
            }
            if let Some(fault) = cause.downcast_ref::<rustls::Error>() {
                return match fault {
                    rustls::Error::InvalidCertificate(reason) => {
                        Self::CertificateRejected { host, reason: CertificateReason::from_rustls(reason) }
                    }
                    other => Self::TlsFailed { server, said: other.to_string() },
                };
            }
            if let Some(fault) = cause.downcast_ref::<hyper::Error>()
                && fault.is_parse()
            {
                return Self::NotHttp { server };
            }
        }
        let kinds = causes(error)
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .map(std::io::Error::kind);
        for kind in kinds {
            match kind {
                ErrorKind::ConnectionRefused => return Self::ConnectionRefused { server },
                ErrorKind::TimedOut => return Self::TimedOut { server },
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
                    return Self::NoRoute { server };
                }
                _ => {}
            }
        }
        Self::BrokenOff { server }
    }

    /// The status for the page's own requests, as from any gateway.
    pub(crate) fn status(&self) -> StatusCode {
        if matches!(self, Self::TimedOut { .. }) {
            StatusCode::GATEWAY_TIMEOUT
        } else {
            StatusCode::BAD_GATEWAY
        }
    }

    /// What happened, in a few words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::NameNotFound { .. } => "The application's address is unknown",
            Self::CertificateRejected { .. } => "The application's certificate is not accepted",
            Self::TlsFailed { .. } => "No secure connection to the application",
            Self::ProxyUnreachable { .. } | Self::ProxyRefused { .. } => {
                "Can't reach the application through the proxy"
            }
            Self::ProxyCredentialsRefused { .. } => "The proxy asks for a user name and a password",
            Self::BrokenOff { .. } => "The application closed the connection",
            Self::NotHttp { .. } => "The application's answer can't be read",
            Self::ConnectionRefused { .. } | Self::NoRoute { .. } | Self::TimedOut { .. } => {
                "The application can't be reached"
            }
        }
    }

    /// What to do next: one step.
    pub fn hint(&self) -> String {
        match self {
            Self::NameNotFound { .. } | Self::NoRoute { .. } | Self::TimedOut { .. } => {
                "Check that you're online and that the VPN is connected, then try again.".into()
            }
            Self::ConnectionRefused { .. } | Self::BrokenOff { .. } => {
                "Check that the application is running, then try again.".into()
            }
            Self::CertificateRejected { reason, .. } => reason.hint().into(),
            Self::TlsFailed { .. } => {
                "Ask the application's administrator which TLS versions it speaks.".into()
            }
            Self::ProxyUnreachable { .. } | Self::ProxyRefused { .. } => {
                "Check `[network] proxy` in the connection file, then try again.".into()
            }
            Self::ProxyCredentialsRefused { .. } => {
                "Put the proxy's user name and password into `[network] proxy`, then try again.".into()
            }
            Self::NotHttp { .. } => "Check the application's address and port in the connection file.".into(),
        }
    }
}

impl fmt::Display for ReachFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameNotFound { host } => write!(formatter, "The name {host} can't be resolved."),
            Self::ConnectionRefused { server } => write!(formatter, "{server} refuses connections."),
            Self::NoRoute { server } => write!(formatter, "There is no route to {server}."),
            Self::TimedOut { server } => write!(formatter, "{server} does not answer."),
            Self::CertificateRejected { host, reason } => {
                write!(formatter, "The certificate of {host} {reason}.")
            }
            Self::TlsFailed { server, said } => {
                write!(formatter, "No TLS connection to {server} can be made: {said}.")
            }
            Self::ProxyUnreachable { proxy } => write!(formatter, "The proxy {proxy} can't be reached."),
            Self::ProxyCredentialsRefused { proxy } => {
                write!(formatter, "The proxy {proxy} requires a valid user name and password.")
            }
            Self::ProxyRefused { proxy, server } => {
                write!(formatter, "The proxy {proxy} refused to connect to {server}.")
            }
            Self::BrokenOff { server } => {
                write!(formatter, "{server} closed the connection before it had answered.")
            }
            Self::NotHttp { server } => {
                write!(formatter, "{server} answered with something that is not HTTP.")
            }
        }
    }
}

impl CertificateReason {
    fn from_rustls(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::BadSignature => Self::ForgedSignature,
            CertificateError::Revoked => Self::Revoked,
            other if other.to_string().contains("CaUsedAsEndEntity") => Self::AuthorityAsServer,
            other => Self::Other(other.to_string()),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Expired | Self::Revoked => "Ask the application's administrator to renew the certificate.",
            Self::NotYetValid => "Check this computer's clock, then try again.",
            Self::OtherName => "Check the application's address in the connection file.",
            Self::ForgedSignature => {
                "Someone may be listening in: don't go on, and tell the application's administrator."
            }
            Self::UnknownIssuer => {
                "If your company has an authority of its own, ask the person who looks after the connection to name \
                 its certificate under `[network] ca`. If not, someone may be listening in: don't go on."
            }
            Self::AuthorityAsServer => {
                "It was made as an authority (`CA:TRUE`), as `openssl req -x509` does by default. Ask the \
                 application's administrator for a server certificate, made with `-addext basicConstraints=CA:FALSE`."
            }
            Self::Other(_) => "Ask the application's administrator to check the certificate.",
        }
    }
}

impl fmt::Display for CertificateReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => formatter.write_str("has expired"),
            Self::NotYetValid => formatter.write_str("is not valid yet"),
            Self::OtherName => formatter.write_str("is for another name"),
            Self::UnknownIssuer => {
                formatter.write_str("comes from an authority that this computer does not trust")
            }
            Self::ForgedSignature => formatter.write_str("was not signed by the authority that it names"),
            Self::Revoked => formatter.write_str("has been revoked"),
            Self::AuthorityAsServer => formatter.write_str("is meant for an authority, not for a server"),
            Self::Other(said) => write!(formatter, "is not accepted: {said}"),
        }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| inner(*error))
}

/// The cause of an error; an `io::Error` that wraps another one hides it from `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(wrapped) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        return Some(wrapped);
    }
    error.source()
}
