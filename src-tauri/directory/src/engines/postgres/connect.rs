//! Connects with `directory.url` and a password: address, TLS, user and database, and the choice between several
//! servers.
//!
//! Only the URL counts: `PG…` variables, `~/.pgpass`, service files and `~/.postgresql` are ignored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};

use crate::config::DirectoryConfig;
use crate::engines::postgres::dialect::Postgres;
use crate::engines::postgres::errors;
use crate::error::Result;
use crate::faults::invalid_url_error;
use crate::reach::endpoint::{CONNECT_TIMEOUT, ConnectObservations, Endpoint, Password, is_loopback};
use crate::reach::tls::{Authorities, TlsMode, Trust};
use crate::reach::tunnel::TunnelEndpoint;
use crate::reach::wire;
use crate::reach::wire::{Address, Login, Route, Wire};
use crate::sql::server::Connected;

/// An example of `directory.url`, for display.
pub(crate) const EXAMPLE: &str = "Write it as postgres://user@host:5432/database";

/// Connects to one server, and returns whether it is a replica.
pub(crate) async fn connect_to(
    endpoint: Arc<Endpoint>,
    at: usize,
    password: Password,
    signs: Arc<ConnectObservations>,
) -> Result<(Connected<Postgres>, bool)> {
    let config = endpoint.hosts()[at].clone();
    let url = PgServerUrl::from_config(&config)?;
    let wire = Wire::start_listening(
        url.build_route(&config, endpoint.tunnel_endpoint(at))?,
        endpoint.max_connect_time() + CONNECT_TIMEOUT,
    )
    .await?;
    let options = url.build_connect_options(&wire, password.secret.as_ref());
    let asked = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let mut is_replica = false;
        if endpoint.is_choosy() {
            let question =
                "SELECT (pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on')::text";
            let answer = sqlx::raw_sql(question).fetch_one(&mut connection).await?;
            is_replica = answer.try_get::<String, _>(0)? == "true";
        }
        Ok((connection, is_replica))
    };
    match endpoint.await_connection(&wire, &signs, asked).await {
        Some(Ok((connection, is_replica))) => {
            Ok((Connected { connection, options, wire, password, config, product: () }, is_replica))
        }
        Some(Err(error)) => {
            signs.refused.fetch_or(errors::is_login(&error), Ordering::Relaxed);
            signs.starting.fetch_or(errors::is_starting(&error), Ordering::Relaxed);
            let (user, database) = (url.user(), url.database());
            let told = || errors::of_login(error, &config, &endpoint, wire.login_facts(), (&user, &database));
            Err(wire.login_error().unwrap_or_else(told))
        }
        None => Err(wire
            .login_error()
            .unwrap_or_else(|| endpoint.timeout_error(&wire, &errors::describe_server(&config)))),
    }
}

/// A URL with one host.
struct PgServerUrl {
    url: url::Url,
    /// Its options; the last of several with the same name wins.
    said: HashMap<String, String>,
}

impl PgServerUrl {
    fn from_config(config: &DirectoryConfig) -> Result<Self> {
        let url = url::Url::parse(&config.url)
            .map_err(|cause| invalid_url_error(&format!("is not a URL: {cause}")).with_hint(EXAMPLE))?;
        errors::TLS.check_files_exist(&config.url)?;
        let said: HashMap<String, String> =
            url.query_pairs().map(|(key, value)| (to_libpq_option(&key), value.into_owned())).collect();
        let url = Self { url, said };
        url.reject_unsupported_options()?;
        Ok(url)
    }

    /// Rejects options that would be ignored silently although they matter.
    fn reject_unsupported_options(&self) -> Result<()> {
        let elsewhere = [
            ("service", "write host, port, user and database in the URL instead"),
            ("servicefile", "write host, port, user and database in the URL instead"),
            ("passfile", "store the password with understudy secret set <id> database_password"),
            ("sslpassword", "use a key without a passphrase"),
            ("sslcrl", "revocation lists are not checked"),
            ("sslcrldir", "revocation lists are not checked"),
            (
                "require_auth",
                "the login method cannot be chosen. A password is sent in clear text only over verified TLS",
            ),
            ("requirepeer", "the owner of a socket is not checked"),
        ];
        for (key, instead) in elsewhere {
            if self.find_option(key).is_some_and(|value| !value.is_empty()) {
                return Err(invalid_url_error(&format!("has {key}=, which Understudy does not support"))
                    .with_hint(format!("Remove it: {instead}.")));
            }
        }
        if self.find_option("gssencmode") == Some("require") {
            return Err(invalid_url_error("has gssencmode=require, but Understudy does not support GSSAPI")
                .with_hint("Replace it with sslmode=verify-full."));
        }
        if self.find_option("channel_binding") == Some("require") && self.parse_tls_mode()? != TlsMode::Name {
            return Err(invalid_url_error("has channel_binding=require, which Understudy does not support")
                .with_hint("Replace it with sslmode=verify-full, which verifies the server."));
        }
        Ok(())
    }

    fn find_option(&self, key: &str) -> Option<&str> {
        self.said.get(key).map(String::as_str)
    }

    /// A socket folder or a host. As in libpq, `hostaddr` may give the host's address.
    fn host(&self) -> Cow<'_, str> {
        let named = self.url.host_str().filter(|host| !host.is_empty());
        let named = named.map(|host| percent_decode_str(host).decode_utf8_lossy());
        match self.find_option("host").map(Cow::from).or(named) {
            Some(host) => match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
                Some(address) => Cow::from(address.to_owned()),
                None => host,
            },
            None => default_host(self.port()),
        }
    }

    fn port(&self) -> u16 {
        self.find_option("port").and_then(|port| port.parse().ok()).or(self.url.port()).unwrap_or(wire::PORT)
    }

    fn user(&self) -> String {
        let named = percent_decode_str(self.url.username()).decode_utf8_lossy();
        let named = self.find_option("user").map(Cow::from).or(Some(named)).filter(|user| !user.is_empty());
        // As in libpq, the default is the account's name.
        named.map_or_else(|| whoami::username().unwrap_or_default(), Cow::into_owned)
    }

    fn database(&self) -> String {
        let named = percent_decode_str(self.url.path().trim_start_matches('/')).decode_utf8_lossy();
        let named = self.find_option("dbname").map(Cow::from).or(Some(named)).filter(|name| !name.is_empty());
        named.map_or_else(|| self.user(), Cow::into_owned)
    }

    /// Session settings: `options=-c geqo=off` and `options[geqo]=off`.
    fn session_settings(&self) -> Option<String> {
        let mut settings: Vec<String> = self.find_option("options").map(str::to_owned).into_iter().collect();
        let mut named: Vec<(&str, &str)> = self
            .said
            .iter()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix("options[")?.strip_suffix(']')?, value.as_str()))
            })
            .collect();
        named.sort_unstable();
        settings.extend(
            named
                .iter()
                .map(|(key, value)| format!("-c {key}={}", value.replace('\\', "\\\\").replace(' ', "\\ "))),
        );
        (!settings.is_empty()).then(|| settings.join(" "))
    }

    fn parse_tls_mode(&self) -> Result<TlsMode> {
        let is_system = self.parse_authorities() == Authorities::System;
        let demand = match self.find_option("sslmode") {
            Some("disable" | "allow") => TlsMode::Nothing,
            Some("prefer") => TlsMode::IfOffered,
            // As in libpq, naming an authority implies verification.
            Some("require") if self.find_option("sslrootcert").is_some() && !is_system => TlsMode::Authority,
            Some("require") => TlsMode::Encryption,
            Some("verify-ca") => TlsMode::Authority,
            Some("verify-full") => TlsMode::Name,
            Some(other) => {
                return Err(invalid_url_error(&format!("has sslmode={other}"))
                    .with_hint("Use disable, allow, prefer, require, verify-ca or verify-full."));
            }
            // On this computer no one can listen; anywhere else the server must prove its identity.
            None if self.is_local() && self.find_option("sslrootcert").is_none() => TlsMode::IfOffered,
            None => TlsMode::Name,
        };
        if is_system && demand != TlsMode::Name {
            return Err(invalid_url_error("has sslrootcert=system with a weaker sslmode than verify-full").with_hint(
                "Public authorities sign for anyone, so the host name must be checked too. Set sslmode=verify-full.",
            ));
        }
        Ok(demand)
    }

    fn is_local(&self) -> bool {
        let host = self.host();
        host.starts_with('/') || is_loopback(self.find_option("hostaddr").unwrap_or(&host))
    }

    fn parse_authorities(&self) -> Authorities {
        match self.find_option("sslrootcert") {
            None => Authorities::Public,
            Some("system") => Authorities::System,
            Some(path) => Authorities::File(path.to_owned()),
        }
    }

    fn build_route(&self, config: &DirectoryConfig, tunnel: Option<TunnelEndpoint>) -> Result<Route> {
        let client = match (self.find_option("sslcert"), self.find_option("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(invalid_url_error("names only one of sslcert= and sslkey=")
                    .with_hint("A client certificate needs its key. Name both."));
            }
        };
        let host = self.host();
        let address = match tunnel {
            Some(entrance) => Address::Tunnel(entrance, format!(".s.PGSQL.{}", self.port())),
            #[cfg(unix)]
            None if host.starts_with('/') => {
                Address::Socket(std::path::Path::new(&*host).join(format!(".s.PGSQL.{}", self.port())))
            }
            None => Address::Tcp(self.find_option("hostaddr").unwrap_or(&host).to_owned(), self.port()),
        };
        Ok(Route {
            address,
            host: host.into_owned(),
            place: errors::describe_server(config),
            trust: Trust::new(&errors::TLS, self.parse_tls_mode()?, &self.parse_authorities(), client)?,
            options: &errors::TLS,
            login: Login::Postgres { options: self.session_settings() },
        })
    }

    /// The driver's options for connecting to the wire.
    fn build_connect_options(&self, wire: &Wire, password: Option<&SecretString>) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass();
        let options = match wire.local_endpoint() {
            #[cfg(unix)]
            TunnelEndpoint::Socket(folder) => options.socket(folder).port(wire::PORT),
            #[cfg(not(unix))]
            TunnelEndpoint::Port(port) => options.host("127.0.0.1").port(*port),
        };
        // Named statements do not work through a pooler in transaction mode (such as PgBouncer).
        let kept =
            self.find_option("statement-cache-capacity").and_then(|kept| kept.parse().ok()).unwrap_or(0);
        options
            .ssl_mode(PgSslMode::Disable)
            .username(&self.user())
            .database(&self.database())
            .application_name("understudy")
            .statement_cache_capacity(kept)
            // Set per transaction instead: poolers reject it at start-up.
            .extra_float_digits(None)
            // The stored password or none, but never one from the environment.
            .password(password.map(ExposeSecret::expose_secret).unwrap_or_default())
            .disable_statement_logging()
    }
}

/// Alternative spellings of libpq's options, for compatibility.
fn to_libpq_option(key: &str) -> String {
    match key {
        "ssl-mode" => "sslmode",
        "ssl-root-cert" | "ssl-ca" => "sslrootcert",
        "ssl-cert" => "sslcert",
        "ssl-key" => "sslkey",
        other => other,
    }
    .to_owned()
}

/// The socket folder of a server installed on this computer.
fn default_host(port: u16) -> Cow<'static, str> {
    let folders = ["/var/run/postgresql", "/private/tmp", "/tmp"];
    let socket = format!(".s.PGSQL.{port}");
    let found = folders.into_iter().find(|folder| std::path::Path::new(folder).join(&socket).exists());
    Cow::from(found.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<PgServerUrl> {
        PgServerUrl::from_config(&DirectoryConfig::of_table(url, "users"))
    }

    #[test]
    fn tls_is_verified_unless_the_server_is_this_machine_or_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgres://reader@db.acme.internal/acme", TlsMode::Name),
            ("postgres://reader@10.0.0.7/acme", TlsMode::Name),
            ("postgres://reader@localhost/acme", TlsMode::IfOffered),
            ("postgres://reader@127.0.0.1:5433/acme", TlsMode::IfOffered),
            ("postgresql://reader@[::1]/acme", TlsMode::IfOffered),
            ("postgresql:///acme?host=/run/postgresql", TlsMode::IfOffered),
            ("postgres://reader@localhost/acme?hostaddr=10.0.0.7", TlsMode::Name),
            ("postgres://reader@db.acme.internal/acme?sslmode=require", TlsMode::Encryption),
            ("postgres://reader@localhost/acme?sslmode=verify-full", TlsMode::Name),
            ("postgres://reader@localhost/acme?sslrootcert=system", TlsMode::Name),
            ("postgres://reader@db/acme?sslmode=require&sslrootcert=/etc/hostname", TlsMode::Authority),
        ] {
            assert_eq!(read(url).unwrap().parse_tls_mode().unwrap(), expected, "{url}");
        }
        let weak = read("postgres://reader@db/acme?sslmode=verify-ca&sslrootcert=system").unwrap();
        assert!(weak.parse_tls_mode().unwrap_err().message.contains("weaker sslmode"));
    }

    #[test]
    fn a_url_says_where_who_and_how() {
        let url =
            read("postgres://r%40acme@[::1]:5433/a%20b?options=-c%20geqo%3Doff&options[search_path]=x y")
                .unwrap();
        assert_eq!((&*url.host(), url.port()), ("::1", 5433));
        assert_eq!((url.user().as_str(), url.database().as_str()), ("r@acme", "a b"));
        assert_eq!(url.session_settings().as_deref(), Some("-c geqo=off -c search_path=x\\ y"));
        let url = read("postgres://%2Frun%2Fpostgresql/acme?user=ann&port=7").unwrap();
        assert_eq!((&*url.host(), url.port(), url.user().as_str()), ("/run/postgresql", 7, "ann"));
        assert_eq!(read("postgres://ann@db").unwrap().database(), "ann");
    }

    #[test]
    fn what_is_not_read_is_told() {
        for (options, expected) in [
            ("service=acme", "service="),
            ("passfile=/home/ann/.pgpass", "passfile="),
            ("require_auth=scram-sha-256", "require_auth="),
            ("gssencmode=require", "GSSAPI"),
            ("sslmode=require&channel_binding=require", "channel_binding=require"),
        ] {
            let Err(error) = read(&format!("postgres://ann@db/acme?{options}")) else { panic!("{options}") };
            assert!(error.message.contains(expected) && error.hint.is_some(), "{error}");
        }
        // If the certificate is checked by name, channel binding adds nothing.
        read("postgres://ann@db/acme?sslmode=verify-full&channel_binding=require").unwrap();
    }
}
