//! From `directory.url` and a password to a connection: address, TLS, character set, and which of several servers.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use super::errors;
use crate::connection::DirectoryPart;
use crate::directory::link::{CONNECT_TIMEOUT, Link, Password};
use crate::directory::tunnel::Entrance;
use crate::error::{Code, Error, Result};

/// What `directory.url` looks like, for people.
pub(super) const EXAMPLE: &str = "It looks like mysql://user@host:3306/database";

/// A server that let us in. Not `Debug`: the options hold the password, and show it.
pub(in crate::directory) struct Connected {
    pub(in crate::directory) connection: MySqlConnection,
    /// For more connections to the same server, as long as `password` is good.
    pub(in crate::directory) options: MySqlConnectOptions,
    pub(in crate::directory) password: Password,
    /// With the URL of that server.
    pub(in crate::directory) part: DirectoryPart,
    /// As the server says it: `10.11.6-MariaDB-0+deb12u1`, `8.4.3`.
    pub(in crate::directory) version: String,
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
        let mut connection = MySqlConnection::connect_with(&options).await?;
        let question = "SELECT VERSION(), CAST(@@global.read_only AS CHAR)";
        let answer = sqlx::raw_sql(question).fetch_one(&mut connection).await?;
        let read_only = answer.try_get_unchecked::<String, _>(1)?;
        let is_replica = !matches!(read_only.as_str(), "0" | "OFF");
        Ok((connection, answer.try_get(0)?, is_replica))
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, asked).await {
        Ok(Ok((connection, version, is_replica))) => {
            Ok((Connected { connection, options, password, part, version }, is_replica))
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

fn options(part: &DirectoryPart, password: Option<&SecretString>) -> Result<MySqlConnectOptions> {
    let url = url::Url::parse(&part.url).map_err(|cause| {
        Error::new(Code::ConnectionInvalid, format!("directory.url is no URL: {cause}.")).hint(EXAMPLE)
    })?;
    if url.username().is_empty() {
        // The driver would take `root`.
        return Err(
            Error::new(Code::ConnectionInvalid, "directory.url names no database user.").hint(EXAMPLE)
        );
    }
    errors::TLS.files_are_there(&part.url)?;
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
    if let Some(authority) = errors::TLS.authority_in(&part.url)? {
        options = options.ssl_ca_from_pem(authority);
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

/// By a tunnel. The certificate is still to be that of the host in the URL.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
fn through(
    options: MySqlConnectOptions,
    entrance: Entrance,
    part: &DirectoryPart,
) -> Result<MySqlConnectOptions> {
    let Entrance::Socket(folder) = entrance;
    let socket = folder.join(crate::directory::link::target(&part.url).socket_name());
    Ok(options.socket(socket))
}

/// The driver holds the name in the certificate against the address that it connects to, which is this machine's.
#[cfg(not(unix))]
fn through(
    options: MySqlConnectOptions,
    entrance: Entrance,
    part: &DirectoryPart,
) -> Result<MySqlConnectOptions> {
    let Entrance::Port(port) = entrance;
    let options = options.host("127.0.0.1").port(port);
    match options.get_ssl_mode() {
        MySqlSslMode::VerifyIdentity if part.url.contains("VERIFY_IDENTITY") => {
            Err(crate::directory::link::no_name("ssl-mode=VERIFY_CA"))
        }
        MySqlSslMode::VerifyIdentity => Ok(options.ssl_mode(MySqlSslMode::VerifyCa)),
        _ => Ok(options),
    }
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
            uuid_bytes: None,
            timeout_ms: 3000,
            password_command: None,
            ssh: None,
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
