//! Another program on the port where a database was expected is identified at once, with what to correct.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::certificates::Authority;
use understudy_test_support::mongod::MongoServer;
use understudy_test_support::sshd::SshServer;

use crate::link::{READER, fails, mariadb, mongo, part, postgres};

/// The error comes long before this.
const PATIENCE: u32 = 300;

fn at(scheme: &str, port: u16, options: &str) -> DirectoryConfig {
    let url = format!("{scheme}://{READER}@127.0.0.1:{port}/acme{options}");
    DirectoryConfig { id: "_id".into(), patience: PATIENCE, ..part(url) }
}

async fn is_named(part: &DirectoryConfig, message: &str, hint: &str) -> DirectoryError {
    let error = fails(part).await;
    let text = error.to_string();
    assert!(error.message.contains(message) && text.contains(hint), "{}: {text}", part.url);
    assert!(!text.contains("broke off") && !text.contains("VPN"), "{}: {text}", part.url);
    error
}

/// A program on a new port that runs `serve` for each connection.
fn program(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for peer in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(peer));
        }
    });
    port
}

/// Reads whole lines, and answers after an empty one.
fn patient_web_server(mut peer: TcpStream) {
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(b"\r\n\r\n") {
        let Ok(1) = peer.read(&mut byte) else { return };
        heard.extend(byte);
    }
    let _ = peer.write_all(b"HTTP/1.0 200 OK\r\ncontent-type: text/html\r\n\r\n<h1>A shop</h1>");
}

/// Rejects immediately what it does not understand.
fn strict_web_server(mut peer: TcpStream) {
    if let Ok(1..) = peer.read(&mut [0; 4096]) {
        let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    }
}

/// Sends a TLS alert that the message was not TLS.
fn tls_server(mut peer: TcpStream) {
    if let Ok(1..) = peer.read(&mut [0; 4096]) {
        let _ = peer.write_all(&[0x15, 3, 1, 0, 2, 2, 0x46]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_or_ssh_is_no_database() {
    let ssh = SshServer::start();
    for (scheme, name, usual) in [
        ("postgres", "PostgreSQL", "5432"),
        ("mysql", "MySQL or MariaDB", "3306"),
        ("mongodb", "MongoDB", "27017"),
    ] {
        let is_no = |who: &str| format!("is not {name}: {who} answers there");
        let in_the_open = match scheme {
            "postgres" => "?sslmode=disable",
            "mysql" => "?ssl-mode=DISABLED",
            _ => "?tls=false",
        };
        for options in ["", in_the_open] {
            for serve in [patient_web_server, strict_web_server] {
                let error =
                    is_named(&at(scheme, program(serve), options), &is_no("a web server (HTTP)"), usual)
                        .await;
                assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
            }
            is_named(
                &at(scheme, ssh.part().port.unwrap(), options),
                &is_no("an SSH server"),
                "[directory.ssh]",
            )
            .await;
        }
        if scheme != "mongodb" {
            is_named(
                &at(scheme, program(tls_server), ""),
                &is_no("a program that speaks only TLS (as HTTPS does)"),
                usual,
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_database_is_named_with_its_scheme() {
    let (postgres, mariadb, mongo) = (postgres(), mariadb(), mongo().await);
    let servers = [
        ("postgres", "PostgreSQL", postgres.port()),
        ("mysql", "MySQL or MariaDB", mariadb.port()),
        ("mongodb", "MongoDB", mongo.port()),
    ];
    for (wanted, name, _) in servers {
        for (scheme, is, port) in servers.into_iter().filter(|(scheme, ..)| *scheme != wanted) {
            let message = format!("is not {name}: {is} answers there");
            is_named(&at(wanted, port, ""), &message, &format!("{scheme}://")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_only_one_of_two_speaks_is_named() {
    let plain = mongo().await;
    let no_tls = "does not offer TLS";
    is_named(&at("mongodb", plain.port(), "?tls=true"), no_tls, "tls=false").await;

    let authority = Authority::new();
    let mut strict = MongoServer::start().await;
    strict.certify(&authority.sign("localhost"), &authority.certificate());
    strict.stop();
    strict.start_again();
    is_named(&at("mongodb", strict.port(), ""), "accepts only TLS", "tls=true").await;

    let postgres = postgres();
    is_named(&at("postgres", postgres.port(), "?sslmode=require"), no_tls, "sslmode=disable").await;
    // A server that agrees to TLS but does not speak it.
    let agreeing = program(|mut peer| {
        if let Ok(1..) = peer.read(&mut [0; 8]) {
            let _ = peer.write_all(b"SHTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    is_named(&at("postgres", agreeing, "?sslmode=require"), "does not speak TLS", "host and port").await;
}
