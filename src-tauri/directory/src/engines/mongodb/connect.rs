//! Turns `directory.url` and a password into the driver's options: servers, TLS, user, database.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use mongodb::options::{
    AuthMechanism, ClientOptions, ConnectionString, ReadPreference, SelectionCriteria, ServerAddress,
    Socks5Proxy, Tls, TlsOptions,
};
use secrecy::{ExposeSecret, SecretString};

use crate::config::DirectoryConfig;
use crate::engines::mongodb::errors;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::endpoint::CONNECT_TIMEOUT;

/// The number of concurrent queries.
pub(crate) const QUESTIONS: u32 = 2;
/// How long idle connections stay open, apart from the driver's own, while an agent reads a page.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The driver's options, and the database in the URL.
pub(crate) async fn build_connect_options(
    config: &DirectoryConfig,
    password: Option<&SecretString>,
    socks_port: Option<u16>,
) -> Result<(ClientOptions, String)> {
    let unusable = |error| errors::from_driver(error, config, None);
    let mechanism = Mechanism::from_config(config)?;
    let parsed = ConnectionString::parse(&*mechanism.to_driver_url(&config.url)).map_err(unusable)?;
    // For `mongodb+srv`, this queries the DNS.
    let parsed = tokio::time::timeout(CONNECT_TIMEOUT, ClientOptions::parse(parsed)).await;
    let Ok(parsed) = parsed else { return Err(errors::srv_lookup_error(config)) };
    let mut options = parsed.map_err(unusable)?;
    let Some(database) = options.default_database.clone() else {
        return Err(DirectoryError::new(
            DirectoryCode::ConfigInvalid,
            "directory.url does not name a database.",
        )
        .with_hint("Add it after the host: mongodb://user@host/database"));
    };
    if options.tls.is_none() && !options.hosts.iter().all(is_local) {
        // On this computer no one can listen; anywhere else the server must prove its identity.
        options.tls = Some(Tls::Enabled(TlsOptions::default()));
    }
    mechanism.is_safe(config, options.tls.as_ref())?;
    if let (Mechanism::Plain, Some(credential)) = (&mechanism, &mut options.credential) {
        credential.mechanism = Some(AuthMechanism::Plain);
        credential.source.get_or_insert_with(|| "$external".to_owned());
    }
    if let Some(credential) = &mut options.credential {
        // The stored password or none, since the URL cannot contain one.
        let is_certificate = credential.mechanism == Some(AuthMechanism::MongoDbX509);
        credential.password =
            password.filter(|_| !is_certificate).map(|password| password.expose_secret().to_owned());
        if credential.username.is_some() && password.is_none() && !is_certificate {
            return Err(errors::missing_password_error(config));
        }
    }
    // Connect by the servers' own names, which their certificates are checked against.
    options.socks5_proxy =
        socks_port.map(|port| Socks5Proxy::builder().host("127.0.0.1".to_owned()).port(port).build());
    options.app_name = Some("understudy".to_owned());
    options.connect_timeout = Some(CONNECT_TIMEOUT);
    options.server_selection_timeout = Some(CONNECT_TIMEOUT);
    // One more than there are queries, so that a query can always be stopped without waiting for a connection.
    options.max_pool_size = Some(QUESTIONS + 1);
    options.min_pool_size = Some(2);
    options.max_idle_time = Some(IDLE_TIMEOUT);
    if options.selection_criteria.is_none() {
        let secondary = ReadPreference::SecondaryPreferred { options: Option::default() };
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(secondary));
    }
    Ok((options, database))
}

/// The authentication mechanism in the URL.
enum Mechanism {
    /// SCRAM or a certificate, which do not reveal the password to the server.
    Usual,
    /// PLAIN: the server gets the password and has it checked elsewhere.
    Plain,
}

impl Mechanism {
    fn from_config(config: &DirectoryConfig) -> Result<Self> {
        let options = config.url.split_once('?').map_or("", |(_, options)| options);
        let said = |name: &str| {
            let found = url::form_urlencoded::parse(options.as_bytes())
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.into_owned())
        };
        let invalid = |message: String| DirectoryError::new(DirectoryCode::ConfigInvalid, message);
        if let Some(file) = said("tlsCertificateKeyFile") {
            errors::TLS.check_key_file(&file)?;
        }
        let mechanism = said("authMechanism").unwrap_or_default();
        match mechanism.to_ascii_uppercase().as_str() {
            "" | "SCRAM-SHA-256" | "SCRAM-SHA-1" => Ok(Self::Usual),
            "MONGODB-X509" if said("tlsCertificateKeyFile").is_some() => Ok(Self::Usual),
            "MONGODB-X509" => Err(invalid(
                "directory.url has authMechanism=MONGODB-X509, but names no certificate.".to_owned(),
            )
            .with_hint(
                "Add tlsCertificateKeyFile=/path/to/client.pem, a file with the certificate and its key.",
            )),
            "PLAIN" => Ok(Self::Plain),
            other => {
                let kerberos = if other == "GSSAPI" { " (Kerberos)" } else { "" };
                Err(invalid(format!(
                    "directory.url has authMechanism={other}{kerberos}, which Understudy does not support."
                ))
                .with_hint(
                    "Ask your database administrator for a user with a password (SCRAM-SHA-256), or with a certificate \
                     (MONGODB-X509).",
                ))
            }
        }
    }

    /// The URL without PLAIN, for which the driver's parser requires a password.
    fn to_driver_url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        match (self, url.split_once('?')) {
            (Self::Plain, Some((before, options))) => {
                let kept = options.split('&').filter(|option| {
                    option.split('=').next().is_none_or(|key| !key.eq_ignore_ascii_case("authMechanism"))
                });
                Cow::from(format!("{before}?{}", kept.collect::<Vec<_>>().join("&")))
            }
            _ => Cow::from(url),
        }
    }

    /// A clear-text password is only sent to a verified server.
    fn is_safe(&self, config: &DirectoryConfig, tls: Option<&Tls>) -> Result<()> {
        if matches!(self, Self::Usual) {
            return Ok(());
        }
        let doubt = match tls {
            Some(Tls::Enabled(tls)) if tls.allow_invalid_certificates == Some(true) => {
                "the server's identity is not verified"
            }
            Some(Tls::Enabled(_)) => return Ok(()),
            _ => "the connection is not encrypted",
        };
        Err(DirectoryError::new(
            DirectoryCode::Refused,
            format!(
                "{} would get the password in clear text (PLAIN, for LDAP), but {doubt}. It was not sent.",
                errors::describe_server(config)
            ),
        )
        .with_hint("Add tls=true to directory.url, and tlsCAFile=/path/to/ca.pem for a private authority."))
    }
}

fn is_local(address: &ServerAddress) -> bool {
    match address {
        ServerAddress::Tcp { host, .. } => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        ServerAddress::Unix { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_config(url: &str) -> DirectoryConfig {
        DirectoryConfig { id: "_id".into(), ..DirectoryConfig::of_table(url, "users") }
    }

    #[tokio::test]
    async fn tls_is_verified_unless_the_server_is_this_machine_or_the_url_says_otherwise() {
        for (url, expected) in [
            ("mongodb://reader@db.acme.internal/acme", true),
            ("mongodb://reader@10.0.0.7,localhost:27018/acme", true),
            ("mongodb://reader@localhost/acme", false),
            ("mongodb://reader@127.0.0.1:27018,[::1]:27019/acme", false),
            ("mongodb://reader@db.acme.internal/acme?tls=false", false),
            ("mongodb://reader@localhost/acme?tls=true", true),
            ("mongodb://reader@localhost/acme?tlsCAFile=/etc/ca.pem&tls=true", true),
        ] {
            let (options, database) =
                build_connect_options(&build_config(url), Some(&"s3cret".into()), None).await.unwrap();
            assert_eq!(matches!(options.tls, Some(Tls::Enabled(_))), expected, "{url}");
            assert_eq!(database, "acme");
            assert_eq!(options.credential.unwrap().password.as_deref(), Some("s3cret"));
        }
    }

    #[tokio::test]
    async fn a_user_without_a_password_makes_no_login_attempt() {
        let error = build_connect_options(&build_config("mongodb://reader@localhost/acme"), None, None)
            .await
            .unwrap_err();
        assert_eq!(error.code, DirectoryCode::Refused);
        assert!(error.message.contains("none is stored"), "{error}");
        build_connect_options(&build_config("mongodb://localhost/acme"), None, None).await.unwrap();
        let error =
            build_connect_options(&build_config("mongodb://localhost/"), None, None).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::ConfigInvalid);
    }
}
