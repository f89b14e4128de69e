//! From `directory.url` and a password to how a connection is made: address, TLS, character set.

use std::net::IpAddr;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::errors;
use crate::connection::DirectoryPart;
use crate::error::{Code, Error, Result};

/// What `directory.url` looks like, for people.
pub(super) const EXAMPLE: &str = "It looks like mysql://user@host:3306/database";

pub(super) fn options(part: &DirectoryPart, password: Option<&SecretString>) -> Result<MySqlConnectOptions> {
    let url = url::Url::parse(&part.url).map_err(|cause| {
        Error::new(Code::ConnectionInvalid, format!("directory.url is no URL: {cause}.")).hint(EXAMPLE)
    })?;
    if url.username().is_empty() {
        // The driver would take `root`.
        return Err(
            Error::new(Code::ConnectionInvalid, "directory.url names no database user.").hint(EXAMPLE)
        );
    }
    let mut options =
        MySqlConnectOptions::from_str(&part.url).map_err(|error| errors::from_sqlx(error, part))?;
    if let Some(address) = url.host_str().and_then(|host| host.strip_prefix('[')?.strip_suffix(']')) {
        options = options.host(address);
    }
    if !url.query_pairs().any(|(key, _)| matches!(key.as_ref(), "sslmode" | "ssl-mode")) {
        // Within this machine nobody listens; anywhere else the server must prove who it is.
        let mode = if is_local(&options) { MySqlSslMode::Preferred } else { MySqlSslMode::VerifyIdentity };
        options = options.ssl_mode(mode);
    }
    if let Some(password) = password {
        options = options.password(password.expose_secret());
    }
    Ok(options
        // Whatever a column's own: texts come as UTF-8, and what is cast to text compares exactly.
        .charset("utf8mb4")
        .collation("utf8mb4_bin")
        .timezone(Some("+00:00".to_owned()))
        // Set per transaction instead, and not added to what the server's administrator prefers.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging())
}

fn is_local(options: &MySqlConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_of(url: &str) -> Result<MySqlConnectOptions> {
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
        options(&part, Some(&"s3cret".into()))
    }

    #[test]
    fn tls_is_verified_unless_the_server_is_this_machine_or_the_url_says_otherwise() {
        for (url, expected) in [
            ("mysql://reader@db.acme.internal/acme", MySqlSslMode::VerifyIdentity),
            ("mariadb://reader@10.0.0.7/acme", MySqlSslMode::VerifyIdentity),
            ("mysql://reader@localhost/acme", MySqlSslMode::Preferred),
            ("mysql://reader@127.0.0.1:3307/acme", MySqlSslMode::Preferred),
            ("mariadb://reader@[::1]/acme", MySqlSslMode::Preferred),
            ("mysql://reader@any/acme?socket=/run/mysqld/mysqld.sock", MySqlSslMode::Preferred),
            ("mysql://reader@db.acme.internal/acme?ssl-mode=REQUIRED", MySqlSslMode::Required),
            ("mysql://reader@localhost/acme?ssl-mode=VERIFY_CA", MySqlSslMode::VerifyCa),
        ] {
            let mode = options_of(url).unwrap().get_ssl_mode();
            assert_eq!(format!("{mode:?}"), format!("{expected:?}"), "{url}");
        }
    }

    #[test]
    fn what_the_url_leaves_open_is_not_guessed() {
        assert_eq!(options_of("mysql://reader@[::1]:3307/acme").unwrap().get_host(), "::1");
        let options = options_of("mysql://reader@db/acme?charset=latin1&collation=latin1_bin").unwrap();
        assert_eq!((options.get_charset(), options.get_collation()), ("utf8mb4", Some("utf8mb4_bin")));
        let error = options_of("mysql://db/acme").unwrap_err();
        assert_eq!(error.code, Code::ConnectionInvalid);
        assert!(error.message.contains("no database user"), "{error}");
    }
}
