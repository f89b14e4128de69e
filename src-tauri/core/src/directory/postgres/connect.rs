//! From `directory.url` and a password to how a connection is made: address, TLS, name.

use std::net::IpAddr;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::errors;
use crate::connection::DirectoryPart;
use crate::error::{Code, Error, Result};

pub(super) fn options(part: &DirectoryPart, password: Option<&SecretString>) -> Result<PgConnectOptions> {
    let url = url::Url::parse(&part.url).map_err(|cause| {
        Error::new(Code::ConnectionInvalid, format!("directory.url is no URL: {cause}."))
            .hint("It looks like postgres://user@host:5432/database")
    })?;
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
            timeout_ms: 3000,
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
