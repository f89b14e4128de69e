//! Another program on the port where a database was expected is identified at once, with what to correct.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use futures_util::future::join_all;
use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::certificates::Authority;
use understudy_test_support::mongod::MongoServer;
use understudy_test_support::sshd::SshServer;

use crate::link::{READER, build_config, fails, mariadb, mongo, postgres};

/// The error comes long before this.
const PATIENCE: u32 = 300;

fn at(scheme: &str, port: u16, options: &str) -> DirectoryConfig {
    let url = format!("{scheme}://{READER}@127.0.0.1:{port}/acme{options}");
    DirectoryConfig { id: "_id".into(), patience: PATIENCE, ..build_config(url) }
}

async fn is_named(config: DirectoryConfig, message: &str, hint: &str) -> DirectoryError {
    let error = fails(&config).await;
    let text = error.to_string();
    assert!(error.message.contains(message) && text.contains(hint), "{}: {text}", config.url);
    assert!(!text.contains("broke off") && !text.contains("VPN"), "{}: {text}", config.url);
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
async fn web_and_ssh_servers_are_named() {
    let ssh = SshServer::start();
    let mut cases = Vec::new();
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
        let [web, ssh_server] = ["a web server (HTTP)", "an SSH server"].map(is_no);
        for options in ["", in_the_open] {
            for serve in [patient_web_server, strict_web_server] {
                cases.push((at(scheme, program(serve), options), web.clone(), usual));
            }
            cases.push((
                at(scheme, ssh.part().port.unwrap(), options),
                ssh_server.clone(),
                "[directory.ssh]",
            ));
        }
        if scheme != "mongodb" {
            let tls = is_no("a program that speaks only TLS (as HTTPS does)");
            cases.push((at(scheme, program(tls_server), ""), tls, usual));
        }
    }
    // All at once: each waits for a while in case its server is only slow.
    let errors = cases.into_iter().map(|(config, message, hint)| async move {
        let error = is_named(config, &message, hint).await;
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    });
    join_all(errors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_database_is_named_with_its_scheme() {
    let (postgres, mariadb, mongo) = (postgres(), mariadb(), mongo().await);
    let servers = [
        ("postgres", "PostgreSQL", postgres.port()),
        ("mysql", "MySQL or MariaDB", mariadb.port()),
        ("mongodb", "MongoDB", mongo.port()),
    ];
    let pairs = servers.into_iter().flat_map(|wanted| servers.map(|found| (wanted, found)));
    let errors = pairs.filter(|(wanted, found)| wanted != found).map(
        |((wanted, name, _), (scheme, found, port))| async move {
            let message = format!("is not {name}: {found} answers there");
            is_named(at(wanted, port, ""), &message, &format!("{scheme}://")).await;
        },
    );
    join_all(errors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_mismatch_is_named() {
    let plain = mongo().await;
    let no_tls = "does not offer TLS";
    is_named(at("mongodb", plain.port(), "?tls=true"), no_tls, "tls=false").await;

    let authority = Authority::new();
    let mut strict = MongoServer::start().await;
    strict.certify(&authority.sign("localhost"), &authority.certificate());
    strict.stop();
    strict.start_again();
    is_named(at("mongodb", strict.port(), ""), "accepts only TLS", "tls=true").await;

    let postgres = postgres();
    is_named(at("postgres", postgres.port(), "?sslmode=require"), no_tls, "sslmode=disable").await;
    // A server that agrees to TLS but does not speak it.
    let agreeing = program(|mut peer| {
        if let Ok(1..) = peer.read(&mut [0; 8]) {
            let _ = peer.write_all(b"SHTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    is_named(at("postgres", agreeing, "?sslmode=require"), "does not speak TLS", "host and port").await;
}
