//! What MongoDB, its driver and the way to it say, as Understudy's errors.
//!
//! By code, never by sentence: <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>

use std::io::ErrorKind as Io;

use mongodb::error::{CommandError, Error as DriverError, ErrorKind};

use crate::connection::DirectoryPart;
use crate::directory::{stopped, timed_out, tls, unanswered};
use crate::error::{Code, Error};

pub(super) const TLS: tls::Options = tls::Options {
    authority: "tlsCAFile",
    also_authority: &[],
    client: &["tlsCertificateKeyFile"],
    any_name: "tlsAllowInvalidCertificates=true, which trusts anybody",
    off: "tls=false",
    pins: false,
};

/// Any failure of a connection or a command. `seen`: what the driver saw last when it looked after its
/// servers, which says more than that none was found.
pub(in crate::directory) fn from_driver(
    error: DriverError,
    part: &DirectoryPart,
    seen: Option<DriverError>,
) -> Error {
    let hinted = |error: Error| error.hint("It looks like mongodb://user@host:27017/database");
    match *error.kind {
        ErrorKind::Command(error) => from_server(&error, part),
        ErrorKind::Authentication { .. } => refused_login(part),
        ErrorKind::ServerSelection { .. } => match seen {
            Some(seen) if !matches!(*seen.kind, ErrorKind::ServerSelection { .. }) => {
                from_driver(seen, part, None)
            }
            _ => unreachable(part, "no server that can be read from was found in time"),
        },
        // How a failed handshake arrives: an untrusted certificate, another host's, no TLS at all.
        ErrorKind::Io(cause) if cause.kind() == Io::InvalidData => TLS.insecure(&place(part), &*cause),
        ErrorKind::Io(cause) => unanswered::from_io(&place(part), &cause),
        ErrorKind::InvalidTlsConfig { message, .. } => {
            TLS.insecure(&place(part), &std::io::Error::other(message))
        }
        // A server that goes away in the middle of an answer.
        ErrorKind::ConnectionPoolCleared { .. } => unreachable(part, "the connection was lost"),
        ErrorKind::DnsResolve { message, .. } if is_srv(part) => no_cluster(part).details(message),
        ErrorKind::DnsResolve { message, .. } => {
            unreachable(part, "its host name is not known").details(message)
        }
        ErrorKind::ProxyConnect { message, .. } => {
            unreachable(part, "the proxy could not connect to it").details(message)
        }
        ErrorKind::InvalidResponse { message, .. } => unanswered::from_protocol(&place(part), &message),
        ErrorKind::Shutdown => unreachable(part, "the connection was closed"),
        ErrorKind::InvalidArgument { message, .. } => {
            hinted(Error::new(Code::ConnectionInvalid, format!("directory.url cannot be used: {message}.")))
        }
        ErrorKind::IncompatibleServer { message, .. } => {
            Error::new(Code::DirectoryRefused, format!("{} is too old: {message}.", place(part)))
                .hint("Understudy reads MongoDB 4.4 and newer.")
        }
        other => unanswered::from_driver(&other),
    }
}

fn is_srv(part: &DirectoryPart) -> bool {
    part.url.get(..12).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mongodb+srv:"))
}

/// The name of a cluster stands for its servers in the DNS.
pub(super) fn no_cluster(part: &DirectoryPart) -> Error {
    let name = place(part).replace("The database at ", "");
    Error::new(
        Code::DirectoryUnreachable,
        format!("The DNS names no servers for {name}: there is no SRV record _mongodb._tcp.{name}, or no answer."),
    )
    .hint(
        "Check the name after mongodb+srv://, and the VPN if it needs one. Some networks do not pass such records on: \
         name the servers instead, mongodb://user@a,b,c/database?replicaSet=…&authSource=admin&tls=true",
    )
}

fn from_server(error: &CommandError, part: &DirectoryPart) -> Error {
    let said = error.message.trim_end_matches('.');
    let refused = |message: String| Error::new(Code::DirectoryRefused, message);
    match error.code {
        // 8000 is Atlas' own.
        18 | 8000 => refused_login(part),
        13 => refused(format!("The database user may not read {}: {said}.", part.table))
            .hint("Let the database's administrator grant `find` and `listIndexes` on the collection."),
        50 | 262 => timed_out(part),
        26 => Error::new(
            Code::DirectoryMismatch,
            format!("{} has changed since the database was opened: {said}.", part.table),
        )
        .hint("Check the connection: its collection was renamed or removed."),
        11601 | 237 | 46841 => stopped(),
        // Shutting down, recovering, no primary: each is over by itself.
        91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436 => unreachable(part, said),
        code => refused(format!("The database could not answer: {said} (code {code})."))
            .hint("This comes from the server or the collection itself; its owner can tell more."),
    }
}

/// The code with which the server refused a command.
pub(in crate::directory) fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

/// The server did not let this user in.
pub(super) fn is_login(error: &DriverError) -> bool {
    matches!(*error.kind, ErrorKind::Authentication { .. }) || matches!(code(error), Some(18 | 8000))
}

fn refused_login(part: &DirectoryPart) -> Error {
    if part.url.contains("MONGODB-X509") {
        return Error::new(Code::DirectoryRefused, format!("{} refused the login.", place(part))).hint(
            "No user is called as the certificate of tlsCertificateKeyFile= is: its whole subject, in the order of \
             `openssl x509 -noout -subject -nameopt RFC2253`, known to the database $external.",
        );
    }
    Error::new(Code::DirectoryRefused, format!("{} refused the login.", place(part)))
        .hint(
            "Check the user name in directory.url and the stored database password. A user that another database \
             knows needs its name there: ?authSource=admin",
        )
        .wants_password()
}

/// Without a hint: where a password can be stored is known to whoever asked for the directory.
pub(super) fn password_missing(part: &DirectoryPart) -> Error {
    Error::new(Code::DirectoryRefused, format!("{} wants a password, and none is stored.", place(part)))
        .wants_password()
}

pub(super) fn unreachable(part: &DirectoryPart, cause: &str) -> Error {
    unanswered::unanswered(&place(part), cause)
}

/// The hosts of the URL, and nothing else of it.
pub(super) fn place(part: &DirectoryPart) -> String {
    let rest = part.url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit('@').next().unwrap_or_default() {
        "" => "The database".to_owned(),
        hosts => format!("The database at {hosts}"),
    }
}
