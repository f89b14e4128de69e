//! From `directory.url` and a password to a connection: address, TLS, name, and which of several servers.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::errors;
use crate::connection::DirectoryPart;
use crate::directory::link::{CONNECT_TIMEOUT, Link, Password};
use crate::directory::tunnel::Entrance;
use crate::error::{Code, Error, Result};

/// A server that let us in. Not `Debug`: the options hold the password, and show it.
pub(in crate::directory) struct Connected {
    pub(in crate::directory) connection: PgConnection,
    /// For more connections to the same server, as long as `password` is good.
    pub(in crate::directory) options: PgConnectOptions,
    pub(in crate::directory) password: Password,
    /// With the URL of that server.
    pub(in crate::directory) part: DirectoryPart,
}

pub(in crate::directory) async fn connect(link: &Arc<Link>) -> Result<Connected> {
    link.connect(connect_to).await
}

/// One server, and whether it is a replica.
async fn connect_to(
    link: Arc<Link>,
    at: usize,
    password: Password,
    refused: Arc<AtomicBool>,
) -> Result<(Connected, bool)> {
    let part = link.hosts()[at].clone();
    let mut options = options(&part, password.secret.as_ref())?;
    if let Some(entrance) = link.entrance(at) {
        options = through(options, entrance, &part)?;
    }
    let asked = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let mut is_replica = false;
        if link.is_choosy() {
            let question =
                "SELECT (pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on')::text";
            let answer = sqlx::raw_sql(question).fetch_one(&mut connection).await?;
            is_replica = answer.try_get::<String, _>(0)? == "true";
        }
        Ok((connection, is_replica))
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, asked).await {
        Ok(Ok((connection, is_replica))) => {
            Ok((Connected { connection, options, password, part }, is_replica))
        }
        Ok(Err(error)) => {
            refused.fetch_or(errors::is_login(&error), Ordering::Relaxed);
            Err(errors::of(error, &part, &link))
        }
        Err(_) => {
            let cause = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
            Err(errors::unreachable(&part, &cause))
        }
    }
}

fn options(part: &DirectoryPart, password: Option<&SecretString>) -> Result<PgConnectOptions> {
    let url = url::Url::parse(&part.url).map_err(|cause| {
        Error::new(Code::ConnectionInvalid, format!("directory.url is no URL: {cause}."))
            .hint("It looks like postgres://user@host:5432/database")
    })?;
    errors::TLS.files_are_there(&part.url)?;
    let mut options =
        PgConnectOptions::from_str(&part.url).map_err(|error| errors::from_sqlx(error, part))?;
    if let Some(url::Host::Ipv6(address)) = url.host().map(|host| host.to_owned()) {
        options = options.host(&address.to_string());
    } else if let Some(address) = url.host_str().and_then(|host| host.strip_prefix('[')?.strip_suffix(']')) {
        options = options.host(address);
    }
    let says_tls = url.query_pairs().any(|(key, _)| matches!(key.as_ref(), "sslmode" | "ssl-mode"));
    if !says_tls {
        // Within this machine nobody listens; anywhere else the server must prove who it is.
        let mode = if is_local(&options) { PgSslMode::Prefer } else { PgSslMode::VerifyFull };
        options = options.ssl_mode(mode);
    }
    if let Some(authority) = errors::TLS.authority_in(&part.url)? {
        options = options.ssl_root_cert_from_pem(authority);
    }
    if !url.query_pairs().any(|(key, _)| key == "statement-cache-capacity") {
        // Named statements do not survive a pooler in transaction mode (PgBouncer and its like).
        options = options.statement_cache_capacity(0);
    }
    Ok(options
        .application_name("understudy")
        // Set per transaction instead: poolers refuse it at start.
        .extra_float_digits(None)
        // The vault's or none: never one from the environment or ~/.pgpass.
        .password(password.map(ExposeSecret::expose_secret).unwrap_or_default())
        .disable_statement_logging())
}

/// By a tunnel. The certificate is still to be that of the host in the URL.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
fn through(options: PgConnectOptions, entrance: Entrance, _: &DirectoryPart) -> Result<PgConnectOptions> {
    let Entrance::Socket(folder) = entrance;
    Ok(options.socket(folder))
}

/// The driver holds the name in the certificate against the address that it connects to, which is this machine's.
#[cfg(not(unix))]
fn through(options: PgConnectOptions, entrance: Entrance, part: &DirectoryPart) -> Result<PgConnectOptions> {
    let Entrance::Port(port) = entrance;
    let options = options.host("127.0.0.1").port(port);
    match options.get_ssl_mode() {
        PgSslMode::VerifyFull if part.url.contains("verify-full") => {
            Err(crate::directory::link::no_name("sslmode=verify-ca"))
        }
        PgSslMode::VerifyFull => Ok(options.ssl_mode(PgSslMode::VerifyCa)),
        _ => Ok(options),
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_of(url: &str) -> PgConnectOptions {
        let part = DirectoryPart {
            url: url.into(),
            table: "users".into(),
            id: "id".into(),
            email: None,
            name: None,
            created_at: None,
            columns: vec![],
            search: None,
            uuid_bytes: None,
            timeout_ms: 3000,
            password_command: None,
            ssh: None,
        };
        options(&part, Some(&"s3cret".into())).unwrap()
    }

    #[test]
    fn tls_is_verified_unless_the_server_is_this_machine_or_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgres://reader@db.acme.internal/acme", PgSslMode::VerifyFull),
            ("postgres://reader@10.0.0.7/acme", PgSslMode::VerifyFull),
            ("postgres://reader@localhost/acme", PgSslMode::Prefer),
            ("postgres://reader@127.0.0.1:5433/acme", PgSslMode::Prefer),
            ("postgresql://reader@[::1]/acme", PgSslMode::Prefer),
            ("postgres://reader@db.acme.internal/acme?sslmode=require", PgSslMode::Require),
            ("postgres://reader@localhost/acme?sslmode=verify-full", PgSslMode::VerifyFull),
        ] {
            let mode = options_of(url).get_ssl_mode();
            assert_eq!(format!("{mode:?}"), format!("{expected:?}"), "{url}");
        }
    }

    #[test]
    fn a_literal_address_is_used_without_its_brackets() {
        assert_eq!(options_of("postgres://reader@[::1]:5433/acme").get_host(), "::1");
        assert_eq!(
            options_of("postgres://reader@[::1]:5433/acme").get_application_name(),
            Some("understudy")
        );
    }
}
