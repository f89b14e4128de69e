//! Connects with `directory.url` and a password: address, TLS, character set, and the choice between several servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use crate::config::DirectoryConfig;
use crate::engines::mysql::dialect::MySql;
use crate::engines::mysql::driver::MySqlProduct;
use crate::engines::mysql::errors;
use crate::error::Result;
use crate::faults::invalid_url_error;
use crate::reach::endpoint::{CONNECT_TIMEOUT, ConnectObservations, Endpoint, Password, is_loopback};
use crate::reach::tls::{Authorities, TlsMode, Trust};
use crate::reach::tunnel::TunnelEndpoint;
use crate::reach::wire::{Address, Login, Route, Wire};
use crate::sql::server::Connected;

/// An example of `directory.url`, for display.
pub(crate) const EXAMPLE: &str = "Write it as mysql://user@host:3306/database";

/// Connects to one server, and returns whether it is a replica.
pub(crate) async fn connect_to(
    endpoint: Arc<Endpoint>,
    at: usize,
    password: Password,
    signs: Arc<ConnectObservations>,
) -> Result<(Connected<MySql>, bool)> {
    let config = endpoint.hosts()[at].clone();
    let url = MySqlServerUrl::from_config(&config)?;
    let wire = Wire::start_listening(
        url.build_route(&config, endpoint.tunnel_endpoint(at))?,
        endpoint.max_connect_time() + CONNECT_TIMEOUT,
    )
    .await?;
    let options = url.build_connect_options(&wire, password.secret.as_ref());
    let asked = async {
        let mut connection = MySqlConnection::connect_with(&options).await?;
        let question = "SELECT VERSION(), CAST(@@global.read_only AS CHAR)";
        let answer = sqlx::raw_sql(question).fetch_one(&mut connection).await?;
        let read_only = answer.try_get_unchecked::<String, _>(1)?;
        let is_replica = !matches!(read_only.as_str(), "0" | "OFF");
        Ok((connection, answer.try_get(0)?, is_replica))
    };
    match endpoint.await_connection(&wire, &signs, asked).await {
        Some(Ok((connection, version, is_replica))) => {
            let product = MySqlProduct::from_version(version);
            Ok((Connected { connection, options, wire, password, config, product }, is_replica))
        }
        Some(Err(error)) => {
            signs.refused.fetch_or(errors::is_login(&error), Ordering::Relaxed);
            Err(wire
                .login_error()
                .unwrap_or_else(|| errors::from_sqlx_at_endpoint(error, &config, &endpoint)))
        }
        None => Err(wire
            .login_error()
            .unwrap_or_else(|| endpoint.timeout_error(&wire, &errors::describe_server(&config)))),
    }
}

/// A URL with one host.
struct MySqlServerUrl(url::Url);

impl MySqlServerUrl {
    fn from_config(config: &DirectoryConfig) -> Result<Self> {
        let url = url::Url::parse(&config.url)
            .map_err(|cause| invalid_url_error(&format!("is not a URL: {cause}")).with_hint(EXAMPLE))?;
        if url.username().is_empty() {
            // The driver's default would be `root`.
            return Err(invalid_url_error("names no database user").with_hint(EXAMPLE));
        }
        errors::TLS.check_files_exist(&config.url)?;
        Ok(Self(url))
    }

    fn find_option(&self, keys: &[&str]) -> Option<String> {
        let found = self.0.query_pairs().filter(|(key, _)| keys.contains(&key.as_ref())).last();
        found.map(|(_, value)| value.into_owned())
    }

    fn host(&self) -> String {
        let host = self.0.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        percent_decode_str(host.trim_start_matches('[').trim_end_matches(']'))
            .decode_utf8_lossy()
            .into_owned()
    }

    fn socket(&self) -> Option<String> {
        self.find_option(&["socket"])
    }

    fn parse_tls_mode(&self) -> Result<TlsMode> {
        let Some(mode) = self.find_option(&["sslmode", "ssl-mode"]) else {
            // On this computer no one can listen; anywhere else the server must prove its identity.
            let is_local = self.socket().is_some() || is_loopback(&self.host());
            return Ok(if is_local { TlsMode::IfOffered } else { TlsMode::Name });
        };
        match mode.to_ascii_uppercase().as_str() {
            "DISABLED" => Ok(TlsMode::Nothing),
            "PREFERRED" => Ok(TlsMode::IfOffered),
            "REQUIRED" => Ok(TlsMode::Encryption),
            "VERIFY_CA" => Ok(TlsMode::Authority),
            "VERIFY_IDENTITY" => Ok(TlsMode::Name),
            _ => Err(invalid_url_error(&format!("has ssl-mode={mode}"))
                .with_hint("Use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY.")),
        }
    }

    fn port(&self) -> u16 {
        self.0.port().unwrap_or(3306)
    }

    fn build_route(&self, config: &DirectoryConfig, tunnel: Option<TunnelEndpoint>) -> Result<Route> {
        let authorities =
            self.find_option(&["sslca", "ssl-ca"]).map_or(Authorities::Public, Authorities::File);
        let (certificate, key) =
            (self.find_option(&["sslcert", "ssl-cert"]), self.find_option(&["sslkey", "ssl-key"]));
        let client = match (&certificate, &key) {
            (Some(certificate), Some(key)) => Some((certificate.as_str(), key.as_str())),
            (None, None) => None,
            _ => {
                return Err(invalid_url_error("names only one of ssl-cert= and ssl-key=")
                    .with_hint("A client certificate needs its key. Name both."));
            }
        };
        let address = match (tunnel, self.socket()) {
            (Some(entrance), _) => Address::Tunnel(entrance, format!(".s.PGSQL.{}", self.port())),
            #[cfg(unix)]
            (None, Some(socket)) => Address::Socket(socket.into()),
            (None, _) => Address::Tcp(self.host(), self.port()),
        };
        Ok(Route {
            address,
            host: self.host(),
            place: errors::describe_server(config),
            trust: Trust::new(&errors::TLS, self.parse_tls_mode()?, &authorities, client)?,
            options: &errors::TLS,
            login: Login::MySql,
        })
    }

    /// The driver's options for connecting to the wire.
    fn build_connect_options(&self, wire: &Wire, password: Option<&SecretString>) -> MySqlConnectOptions {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let options = MySqlConnectOptions::new();
        let mut options = match wire.local_endpoint() {
            #[cfg(unix)]
            TunnelEndpoint::Socket(folder) => options.socket(folder.join(crate::reach::wire::SOCKET)),
            #[cfg(not(unix))]
            TunnelEndpoint::Port(port) => options.host("127.0.0.1").port(*port),
        };
        let database = decoded(self.0.path().trim_start_matches('/'));
        if !database.is_empty() {
            options = options.database(&database);
        }
        if let Some(password) = password {
            options = options.password(password.expose_secret());
        }
        let kept = self.find_option(&["statement-cache-capacity"]).and_then(|kept| kept.parse().ok());
        if let Some(kept) = kept {
            options = options.statement_cache_capacity(kept);
        }
        options
            .ssl_mode(MySqlSslMode::Disabled)
            // The password goes to the wire, which decides whether the server may see it.
            .enable_cleartext_plugin(true)
            .username(&decoded(self.0.username()))
            // Whatever the column's character set, text arrives as UTF-8, and values cast to text compare exactly.
            .charset("utf8mb4")
            .collation("utf8mb4_bin")
            .timezone(Some("+00:00".to_owned()))
            // The SQL mode is set per transaction instead of being added to the administrator's.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .disable_statement_logging()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DirectoryCode;

    fn read(url: &str) -> Result<MySqlServerUrl> {
        MySqlServerUrl::from_config(&DirectoryConfig::of_table(url, "users"))
    }

    #[test]
    fn tls_is_verified_unless_the_server_is_this_machine_or_the_url_says_otherwise() {
        for (url, expected) in [
            ("mysql://reader@db.acme.internal/acme", TlsMode::Name),
            ("mariadb://reader@10.0.0.7/acme", TlsMode::Name),
            ("mysql://reader@localhost/acme", TlsMode::IfOffered),
            ("mysql://reader@127.0.0.1:3307/acme", TlsMode::IfOffered),
            ("mariadb://reader@[::1]/acme", TlsMode::IfOffered),
            ("mysql://reader@any/acme?socket=/run/mysqld/mysqld.sock", TlsMode::IfOffered),
            ("mysql://reader@db.acme.internal/acme?ssl-mode=REQUIRED", TlsMode::Encryption),
            ("mysql://reader@localhost/acme?ssl-mode=verify_ca", TlsMode::Authority),
        ] {
            assert_eq!(read(url).unwrap().parse_tls_mode().unwrap(), expected, "{url}");
        }
        assert!(read("mysql://reader@db/acme?ssl-mode=on").unwrap().parse_tls_mode().is_err());
    }

    #[test]
    fn options_missing_from_the_url_are_not_guessed() {
        assert_eq!(read("mysql://reader@[::1]:3307/acme").unwrap().host(), "::1");
        let Err(error) = read("mysql://db/acme") else { panic!("it names no user") };
        assert_eq!(error.code, DirectoryCode::ConfigInvalid);
        assert!(error.message.contains("no database user"), "{error}");
    }
}
