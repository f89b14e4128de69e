//! Converts errors of MongoDB, its driver and the connection to Understudy's.
//!
//! By code, never by message: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>

use std::io::ErrorKind as Io;
use std::time::Duration;

use mongodb::error::{CommandError, Error as DriverError, ErrorKind};

use crate::config::DirectoryConfig;
use crate::engine::is_srv_url;
use crate::error::{DirectoryCode, DirectoryError};
use crate::faults::{query_stopped_error, query_timeout_error, table_locked_error};
use crate::reach::{no_answer, tls};

pub(crate) const TLS: tls::TlsOptions = tls::TlsOptions {
    authority: "tlsCAFile",
    also_authority: &[],
    client: &["tlsCertificateKeyFile"],
    any_name: "tlsAllowInvalidCertificates=true, which accepts any certificate",
    off: "tls=false",
    pins: false,
};

/// Converts any error of a connection or a command. `seen`: the error from the driver's last check of its servers,
/// which says more than that none was found.
pub(crate) fn from_driver(
    error: DriverError,
    config: &DirectoryConfig,
    seen: Option<DriverError>,
) -> DirectoryError {
    let hinted = |error: DirectoryError| error.with_hint("Write it as mongodb://user@host:27017/database");
    match *error.kind {
        ErrorKind::Command(error) => from_server(&error, config),
        ErrorKind::Authentication { .. } => login_refused_error(config),
        ErrorKind::ServerSelection { .. } => match seen {
            Some(seen) if !matches!(*seen.kind, ErrorKind::ServerSelection { .. }) => {
                from_driver(seen, config, None)
            }
            _ => unreachable_error(config, "no readable server was found in time"),
        },
        // A failed TLS handshake arrives like this: an untrusted certificate, one for another host, or no TLS at all.
        ErrorKind::Io(cause) if cause.kind() == Io::InvalidData => {
            TLS.handshake_error(&describe_server(config), &*cause)
        }
        ErrorKind::Io(cause) => no_answer::from_io(&describe_server(config), &cause),
        ErrorKind::InvalidTlsConfig { message, .. } => {
            TLS.handshake_error(&describe_server(config), &std::io::Error::other(message))
        }
        // The server went away while answering.
        ErrorKind::ConnectionPoolCleared { .. } => unreachable_error(config, "the connection was lost"),
        ErrorKind::DnsResolve { message, .. } if is_srv_url(&config.url) => {
            srv_lookup_error(config).with_details(message)
        }
        ErrorKind::DnsResolve { message, .. } => {
            unreachable_error(config, "its host name is not known").with_details(message)
        }
        ErrorKind::ProxyConnect { message, .. } => {
            unreachable_error(config, "the proxy could not connect to it").with_details(message)
        }
        ErrorKind::InvalidResponse { message, .. } => {
            no_answer::from_protocol(&describe_server(config), &message)
        }
        ErrorKind::Shutdown => unreachable_error(config, "the connection was closed"),
        ErrorKind::InvalidArgument { message, .. } => hinted(DirectoryError::new(
            DirectoryCode::ConfigInvalid,
            format!("directory.url cannot be used: {message}."),
        )),
        ErrorKind::IncompatibleServer { message, .. } => DirectoryError::new(
            DirectoryCode::Refused,
            format!("{} is too old: {message}.", describe_server(config)),
        )
        .with_hint("Understudy reads MongoDB 4.4 and newer."),
        other => no_answer::from_driver(&other),
    }
}

/// The URL has neither a user nor a client certificate.
fn has_no_user(config: &DirectoryConfig) -> bool {
    let rest = config.url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    !authority.contains('@') && !config.url.contains("MONGODB-X509")
}

/// A cluster name has to resolve to its servers in the DNS.
pub(crate) fn srv_lookup_error(config: &DirectoryConfig) -> DirectoryError {
    let name = describe_server(config).replace("The database at ", "");
    DirectoryError::new(
        DirectoryCode::Unreachable,
        format!("The DNS names no servers for {name}: there is no SRV record _mongodb._tcp.{name}, or no answer."),
    )
    .with_hint(
        "Check the name after mongodb+srv://, and the VPN if it needs one. Some networks do not pass such records on. \
         In that case, list the servers: mongodb://user@a,b,c/database?replicaSet=…&authSource=admin&tls=true",
    )
}

fn from_server(error: &CommandError, config: &DirectoryConfig) -> DirectoryError {
    let said = strip_command(&error.message);
    let said = said.as_str();
    let refused = |message: String| DirectoryError::new(DirectoryCode::Refused, message);
    match error.code {
        // 8000 is Atlas' own.
        18 | 8000 => login_refused_error(config),
        // The server requires a login, but the URL has no user.
        13 if has_no_user(config) => refused(format!(
            "{} requires a login, but directory.url names no user: {said}.",
            describe_server(config)
        ))
        .with_hint("Name the database user in directory.url, mongodb://user@host/database?authSource=admin, and store its password."),
        13 => refused(format!("The database user may not read {}: {said}.", config.table))
            .with_hint("Ask your database administrator to grant `find` and `listIndexes` on the collection."),
        50 | 262 => query_timeout_error(config),
        24 | 46 => table_locked_error(config, said),
        // The collection does not exist, or was dropped or renamed while it was read.
        26 | 175 => DirectoryError::new(
            DirectoryCode::Mismatch,
            format!("{} has changed since the database was opened: {said}.", config.table),
        )
        .with_hint("Check the connection: its collection was renamed or removed."),
        11601 | 237 | 46841 => query_stopped_error(),
        // Shutting down, recovering, or without a primary; all of these are temporary.
        91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436 => DirectoryError::new(
            DirectoryCode::Unreachable,
            format!("{} is not ready: {said}.", describe_server(config)),
        )
        .with_hint(
            "It answers, so host and port are right. It is being stopped or restarted, or its replica set is choosing \
             a new primary. Try again in a moment.",
        ),
        // A router that cannot reach its shards, or no server of the required kind.
        6 | 7 | 89 | 133 | 134 | 9001 => unreachable_error(config, said),
        // Out of memory or space, or too many sessions.
        39 | 146 | 261 | 292 | 14031 => {
            refused(format!("{} reports an internal problem: {said} (code {}).", describe_server(config), error.code))
                .with_hint("Ask its administrator. The connection file is not the cause.")
        }
        code => refused(format!("The database could not answer: {said} (code {code})."))
            .with_hint("The problem is in the server or the collection itself. Ask its owner."),
    }
}

/// The server's message without the command it may repeat, which contains the search text and the fields that the
/// driver adds.
fn strip_command(message: &str) -> String {
    let words = match message.split_once("command {") {
        Some((before, command)) => {
            let name = command.trim_start().split(':').next().unwrap_or_default();
            format!("{before}command {name}")
        }
        None => match message.find('{').filter(|_| message.contains("lsid:")) {
            Some(at) => message[..at].trim_end_matches([' ', ':']).to_owned(),
            None => message.to_owned(),
        },
    };
    words.trim_end_matches('.').to_owned()
}

/// The error for a view that is too slow.
pub(crate) fn slow_view_error(config: &DirectoryConfig, limit: Duration) -> DirectoryError {
    let seconds = limit.as_secs_f64();
    DirectoryError::new(
        DirectoryCode::Timeout,
        format!("{} is a view, and could not be read within {seconds} s.", config.table),
    )
    .with_hint(
        "All of its stages run for each search. Ask its author to begin it with a $match and $sort that an index of \
         the underlying collection serves, or connect that collection itself. A longer directory.timeout_ms helps too.",
    )
}

/// The server's error code for a command.
pub(crate) fn command_error_code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

/// Whether the server refused the login.
pub(crate) fn is_login(error: &DriverError) -> bool {
    matches!(*error.kind, ErrorKind::Authentication { .. })
        || matches!(command_error_code(error), Some(18 | 8000))
}

/// The error for a server that only accepts TLS.
pub(crate) fn wants_tls(config: &DirectoryConfig) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} accepts only TLS, but directory.url does not use it.", describe_server(config)),
    )
    .with_hint("Add tls=true to directory.url, and tlsCAFile=/path/to/ca.pem for a private authority.")
}

/// The error for a server without TLS.
pub(crate) fn missing_tls_error(config: &DirectoryConfig) -> DirectoryError {
    let cause = std::io::Error::other("the server does not support TLS");
    TLS.handshake_error(&describe_server(config), &cause)
}

fn login_refused_error(config: &DirectoryConfig) -> DirectoryError {
    if config.url.contains("MONGODB-X509") {
        return DirectoryError::new(DirectoryCode::Refused, format!("{} refused the login.", describe_server(config))).with_hint(
            "No user has the name in the certificate of tlsCertificateKeyFile=. Ask your database administrator for a \
             user in $external that is named like the certificate's whole subject, as `openssl x509 -noout -subject \
             -nameopt RFC2253` prints it.",
        );
    }
    DirectoryError::new(DirectoryCode::Refused, format!("{} refused the login.", describe_server(config)))
        .with_hint(
            "Check the user name in directory.url and the stored database password. If the user is defined in another \
             database, add its name: ?authSource=admin",
        )
        .wants_password()
}

/// Without a hint: only the caller knows where a password can be stored.
pub(crate) fn missing_password_error(config: &DirectoryConfig) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} requires a password, but none is stored.", describe_server(config)),
    )
    .wants_password()
}

pub(crate) fn unreachable_error(config: &DirectoryConfig, cause: &str) -> DirectoryError {
    no_answer::no_answer_error(&describe_server(config), cause)
}

/// The URL's hosts, and nothing else from it.
pub(crate) fn describe_server(config: &DirectoryConfig) -> String {
    let rest = config.url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit('@').next().unwrap_or_default() {
        "" => "The database".to_owned(),
        hosts => format!("The database at {hosts}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::write_for_review;

    #[test]
    fn error_messages_do_not_repeat_the_command() {
        for (message, expected) in [
            (
                r#"not authorized on acme to execute command { find: "orders", filter: { email: "ada@example.com" }, lsid: { id: UUID("0190") }, $clusterTime: { clusterTime: Timestamp(1, 1) }, $db: "acme" }"#,
                "not authorized on acme to execute command find",
            ),
            (
                "Executor error during find command: { find: \"users\", lsid: { id: 1 } } :: caused by :: x",
                "Executor error during find command",
            ),
            ("The field 'a' must be a {string}.", "The field 'a' must be a {string}"),
        ] {
            assert_eq!(strip_command(message), expected);
        }
    }

    #[test]
    fn what_the_server_says_in_our_words() {
        let config = |url: &str| -> DirectoryConfig {
            toml::from_str(&format!("url = \"{url}\"\ntable = \"users\"\nid = \"_id\"")).unwrap()
        };
        let named = config("mongodb://reader@db/acme");
        let certified = config("mongodb://db/acme?authMechanism=MONGODB-X509");
        let nobody = config("mongodb://db/acme");
        let told = |code: i32, config: &DirectoryConfig| {
            let error: CommandError = serde_json::from_value(
                json!({ "code": code, "codeName": "Any", "errmsg": "what the server said" }),
            )
            .unwrap();
            from_server(&error, config)
        };
        let codes = [18, 13, 50, 24, 26, 11601, 91, 6, 292, 2];
        let mut all: String =
            codes.map(|code| write_for_review(&code.to_string(), &told(code, &named))).concat();
        all += &write_for_review("18, by a certificate", &told(18, &certified));
        all += &write_for_review("13, without a user", &told(13, &nobody));
        all += &write_for_review("no password", &missing_password_error(&named));
        all += &write_for_review("only TLS", &wants_tls(&named));
        all += &write_for_review("a slow view", &slow_view_error(&named, Duration::from_secs(3)));
        all += &write_for_review(
            "no cluster",
            &srv_lookup_error(&config("mongodb+srv://reader@acme.example/acme")),
        );
        all += &write_for_review("unreachable", &unreachable_error(&named, "it fell silent"));
        insta::assert_snapshot!(all);
    }
}
