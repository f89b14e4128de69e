//! Why a server does not answer, in plain words. The system's or driver's own message is for developers, and goes into
//! the error's details.

use std::io::{self, ErrorKind};

use crate::error::{DirectoryCode, DirectoryError};

/// `place` does not answer: `why`.
pub(crate) fn unanswered(place: &str, why: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::Unreachable, format!("{place} does not answer: {why}."))
        .hint("Check that the database runs, that the host and port are right, and the VPN if it needs one.")
}

/// The network, or a local socket, failed.
pub(crate) fn from_io(place: &str, cause: &io::Error) -> DirectoryError {
    let said = cause.to_string();
    let why = match cause.kind() {
        ErrorKind::ConnectionRefused => "it refused the connection; perhaps nothing is running there",
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => BROKE_OFF,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no reply came in time",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            "there is no network route to it"
        }
        ErrorKind::NotFound => "its socket does not exist",
        ErrorKind::PermissionDenied => "this account may not connect to it",
        // The standard library has no kind for it.
        _ if said.contains("lookup address") || said.contains("resolve") => "its host name is not known",
        _ => "the connection failed",
    };
    unanswered(place, why).details(said)
}

/// The driver could not parse the answer. A server that goes away mid-answer looks like one that breaks the protocol,
/// and so does another program on its port.
pub(crate) fn from_protocol(place: &str, said: &str) -> DirectoryError {
    unanswered(place, BROKE_OFF).details(said)
}

/// The driver failed in a way that it should not.
pub(crate) fn from_driver(said: &impl std::fmt::Display) -> DirectoryError {
    DirectoryError::internal("the database's driver failed").details(said.to_string())
}

const BROKE_OFF: &str = "the connection broke off while it was in use";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_says_is_for_developers() {
        let said = "unexpected response from SSLRequest: 0x00 (sqlx_postgres::connection::tls:95)";
        let refused = "Connection refused (os error 111)";
        for error in [
            from_protocol("The database at db:5432", said),
            from_io("The database at db:5432", &io::Error::other(said)),
            from_io("The database at db:5432", &io::Error::new(ErrorKind::ConnectionRefused, refused)),
            from_driver(&said),
        ] {
            let shown = format!("{} {:?}", error.message, error.hint);
            assert!(!shown.contains("::") && !shown.contains("os error"), "{shown}");
            assert!(error.details.is_some_and(|details| details == said || details == refused));
        }
    }
}
