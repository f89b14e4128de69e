//! Explains in plain words why a server does not answer. The message of the system or driver goes into the error's
//! details.

use std::io::{self, ErrorKind};

use crate::error::{DirectoryCode, DirectoryError};

/// The error for a server at `place` that does not answer.
pub(crate) fn no_answer_error(place: &str, why: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::Unreachable, format!("{place} does not answer: {why}.")).with_hint(
        "Check that the database is running, that the host and port are right, and that the VPN is connected if it \
         needs one.",
    )
}

/// The error for a failure of the network or a local socket.
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
        // The standard library has no `ErrorKind` for it.
        _ if said.contains("lookup address") || said.contains("resolve") => "its host name is not known",
        _ => "the connection failed",
    };
    no_answer_error(place, why).with_details(said)
}

/// The error for an answer that the driver could not parse. The server may have gone away while answering, or another
/// program may be listening on its port.
pub(crate) fn from_protocol(place: &str, said: &str) -> DirectoryError {
    no_answer_error(place, BROKE_OFF).with_details(said)
}

/// The error for an unexpected failure of the driver.
pub(crate) fn from_driver(said: &impl std::fmt::Display) -> DirectoryError {
    DirectoryError::internal("the database's driver failed").with_details(said.to_string())
}

const BROKE_OFF: &str = "the connection was lost while in use";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_messages_are_only_details() {
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
