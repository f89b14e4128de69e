//! Recognises another program on the port where a database was expected (a web server, another database, TLS instead of
//! plain text) by the first bytes it sends.
//!
//! It is probed only when a login fails because the peer sent something unexpected, hung up, or stays silent.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::error::{DirectoryCode, DirectoryError};
use crate::reach::wire::Address;
use crate::reach::wire::postgres::TLS_PLEASE;

/// How long to wait for a program to send something.
const A_WORD: Duration = Duration::from_millis(500);
/// Enough to recognise it: MongoDB identifies itself after the HTTP headers.
const WORDS: usize = 512;
const WEB_PAGE_PLEASE: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DetectedService {
    Web,
    Ssh,
    MySql,
    Postgres,
    MongoDb,
    /// It only speaks TLS.
    Tls,
    /// It sends something that is not recognised.
    Unknown,
}

impl DetectedService {
    /// Recognises a program by its first bytes.
    pub(crate) fn from_first_bytes(words: &[u8]) -> Option<Self> {
        match words {
            [b'H', b'T', b'T', b'P', b'/', ..] => {
                let is_mongodb = String::from_utf8_lossy(words).contains("MongoDB over HTTP");
                Some(if is_mongodb { Self::MongoDb } else { Self::Web })
            }
            [b'S', b'S', b'H', b'-', ..] => Some(Self::Ssh),
            // A greeting, or instead of it an error: too many connections, or host not allowed.
            [_, _, 0, 0, 10, ..] | [_, _, 0, 0, 0xff, 0x10 | 0x69 | 0x6a, 4, ..] => Some(Self::MySql),
            // A handshake or an alert.
            [0x15 | 0x16, 3, ..] => Some(Self::Tls),
            _ => None,
        }
    }

    /// Recognises a program when the first byte was already read.
    pub(crate) async fn identify_after(first: u8, from: &mut (impl AsyncRead + Unpin)) -> Self {
        let words = [&[first][..], &read_greeting(from).await].concat();
        Self::from_first_bytes(&words).unwrap_or(Self::Unknown)
    }

    /// Probes the program at `address`; `None` if it cannot be recognised.
    pub(crate) async fn detect_at(address: &Address) -> Option<Self> {
        let mut server = address.open_stream().await.ok()?;
        let words = read_greeting(&mut server).await;
        if !words.is_empty() {
            return Self::from_first_bytes(&words);
        }
        server.write_all(&TLS_PLEASE).await.ok();
        match &*read_greeting(&mut server).await {
            [b'S' | b'N'] => return Some(Self::Postgres),
            words if Self::from_first_bytes(words).is_some() => return Self::from_first_bytes(words),
            _ => {}
        }
        for question in [WEB_PAGE_PLEASE, &tls_client_hello()?] {
            let mut server = address.open_stream().await.ok()?;
            server.write_all(question).await.ok();
            let answer = Self::from_first_bytes(&read_greeting(&mut server).await);
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// The error for finding another program at `place`, with what to correct.
    pub(crate) fn to_error_at(self, place: &str, wanted: &ExpectedServer) -> DirectoryError {
        let place = place.strip_prefix("The database at ").unwrap_or(place);
        let (is, hint) = match self {
            Self::Web => ("a web server (HTTP)", None),
            Self::Ssh => ("an SSH server", Some("For a database behind it, add [directory.ssh].".to_owned())),
            Self::MySql => ("MySQL or MariaDB", Some(other_scheme("mysql"))),
            Self::Postgres => ("PostgreSQL", Some(other_scheme("postgres"))),
            Self::MongoDb => ("MongoDB", Some(other_scheme("mongodb"))),
            Self::Tls => ("a program that speaks only TLS (as HTTPS does)", None),
            Self::Unknown => ("another program", None),
        };
        let check =
            format!("Check the host and port in directory.url; {} usually has {}.", wanted.name, wanted.port);
        let hint = hint.map_or(check.clone(), |hint| format!("{check} {hint}"));
        DirectoryError::new(
            DirectoryCode::Unreachable,
            format!("{place} is not {}: {is} answers there.", wanted.name),
        )
        .with_hint(hint)
    }
}

/// The database that was expected.
pub(crate) struct ExpectedServer {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) is: DetectedService,
}

pub(crate) const POSTGRES: ExpectedServer =
    ExpectedServer { name: "PostgreSQL", port: 5432, is: DetectedService::Postgres };
pub(crate) const MYSQL: ExpectedServer =
    ExpectedServer { name: "MySQL or MariaDB", port: 3306, is: DetectedService::MySql };
pub(crate) const MONGODB: ExpectedServer =
    ExpectedServer { name: "MongoDB", port: 27017, is: DetectedService::MongoDb };

fn other_scheme(scheme: &str) -> String {
    format!("If that is the right one, begin directory.url with {scheme}://.")
}

/// Reads what is sent within a moment; empty if the peer is silent or hangs up.
async fn read_greeting(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut words = Vec::new();
    let listening = async {
        let mut some = [0; WORDS];
        while let Ok(read @ 1..) = from.read(&mut some).await {
            words.extend_from_slice(&some[..read]);
            // Only an HTTP response is needed in full.
            if words.len() >= WORDS || !words.starts_with(b"HTTP") {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(A_WORD, listening).await;
    words
}

/// Whether a TLS server answers there.
pub(crate) async fn speaks_tls(address: &Address) -> bool {
    let (Some(hello), Ok(mut server)) = (tls_client_hello(), address.open_stream().await) else {
        return false;
    };
    server.write_all(&hello).await.ok();
    DetectedService::from_first_bytes(&read_greeting(&mut server).await) == Some(DetectedService::Tls)
}

/// A TLS client hello.
fn tls_client_hello() -> Option<Vec<u8>> {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").ok()?).ok()?;
    let mut hello = Vec::new();
    client.write_tls(&mut hello).ok()?;
    Some(hello)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_recognised_by_their_first_bytes() {
        for (words, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Some(DetectedService::Web)),
            (
                b"HTTP/1.0 200 OK\r\n\r\nIt looks like you are trying to access MongoDB over HTTP on",
                Some(DetectedService::MongoDb),
            ),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", Some(DetectedService::Ssh)),
            (b"\x5b\0\0\0\n10.11.6-MariaDB\0", Some(DetectedService::MySql)),
            (b"\x45\0\0\0\xff\x6a\x04Host is not allowed", Some(DetectedService::MySql)),
            (b"\x15\x03\x01\0\x02\x02\x46", Some(DetectedService::Tls)),
            (b"E\0\0\0\xffSFATAL\0", None),
            (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", None),
            (b"", None),
        ] {
            assert_eq!(DetectedService::from_first_bytes(words), expected, "{words:?}");
        }
    }
}
