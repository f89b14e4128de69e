//! Authentication methods: which are supported, and the advice for those that are not.
//!
//! PostgreSQL and MongoDB are real servers. MariaDB's test packages have no login plugins, and no real server here
//! requires SSPI, or SCRAM with channel binding only, so a few lines fake the start of the protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use mongodb::bson::doc;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::certificates::{Authority, Certificate};
use understudy_test_support::mongod::MongoServer;
use understudy_test_support::postgres::PostgresServer;

use crate::link::{PASSWORD, READER, ada_is_there, build_config, fails, mariadb, open, postgres};

fn says(error: &DirectoryError, message: &str, next: &str) {
    let next_step = format!("{:?} {:?}", error.hint, error.statement);
    assert!(error.message.contains(message) && next_step.contains(next), "{message}, {next}: {error}");
    assert!(!error.to_string().contains("VPN"), "it does answer: {error}");
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
}

// ── PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────

/// A user for each method, all with the same password.
fn of_many_ways(authority: &Authority) -> PostgresServer {
    let mut server = postgres();
    for user in [
        "clear",
        "ldap",
        "radius",
        "pam",
        "gss",
        "ident",
        "md5",
        "rejected",
        "only_tls",
        "only_open",
        "certified",
    ] {
        let hash = if user == "md5" { "md5" } else { "scram-sha-256" };
        server.sql(
            "postgres",
            &format!(
                "SET password_encryption = '{hash}'; CREATE ROLE by_{user} LOGIN PASSWORD '{PASSWORD}';
                 GRANT SELECT ON users TO by_{user}"
            ),
        );
    }
    let rules: [(&str, &str, &str); 11] = [
        ("host", "clear", "password"),
        ("host", "ldap", "ldap ldapserver=127.0.0.1 ldapport=9 ldapprefix=\"cn=\" ldapsuffix=\"\""),
        ("host", "radius", "radius radiusservers=127.0.0.1 radiusports=9 radiussecrets=x"),
        ("host", "pam", "pam pamservice=understudy-has-no-such-service"),
        ("host", "gss", "gss"),
        ("host", "ident", "ident"),
        ("host", "md5", "md5"),
        ("host", "rejected", "reject"),
        ("hostssl", "only_tls", "scram-sha-256"),
        ("hostnossl", "only_open", "scram-sha-256"),
        ("hostssl", "certified", "scram-sha-256 clientcert=verify-ca"),
    ];
    let lines = rules.map(|(kind, user, method)| format!("{kind} all by_{user} 127.0.0.1/32 {method}\n"));
    server.certify(&authority.sign("localhost"), &authority.certificate());
    server.let_in(&format!("{}host all nobody 127.0.0.1/32 trust\n", lines.concat()));
    server.stop();
    server.start_again();
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_accepts_many_login_methods_or_says_why_not() {
    let authority = Authority::new();
    let server = of_many_ways(&authority);
    let at = |user: &str, options: &str| {
        let options = options.replace("CA", &authority.certificate().display().to_string());
        build_config(format!(
            "postgres://by_{user}@localhost:{}/postgres?hostaddr=127.0.0.1&{options}",
            server.port()
        ))
    };
    let (open_way, encrypted, certain) =
        ("sslmode=disable", "sslmode=require", "sslmode=verify-full&sslrootcert=CA");

    // A clear-text password is only sent to a verified server.
    for certain in [certain, "sslmode=verify-ca&sslrootcert=CA", "sslmode=require&sslrootcert=CA"] {
        ada_is_there(&*open(&at("clear", certain)).await).await;
    }
    says(
        &fails(&at("clear", open_way)).await,
        "clear text, but the connection is not encrypted",
        "sslmode=verify-full",
    );
    says(
        &fails(&at("clear", encrypted)).await,
        "clear text, but the server's identity is not verified",
        "sslmode=verify-full",
    );
    ada_is_there(&*open(&at("md5", open_way)).await).await;
    for elsewhere in ["ldap", "radius", "pam"] {
        let error = fails(&at(elsewhere, open_way)).await;
        says(&error, "clear text", "LDAP, RADIUS, PAM");
        // The server asks for the password but cannot check it.
        let error = fails(&at(elsewhere, certain)).await;
        says(&error, "refused the login", "checked elsewhere, by LDAP, RADIUS or PAM");
    }
    let error = fails(&at("gss", certain)).await;
    says(&error, "log in by GSSAPI (Kerberos), which", "pg_hba.conf");
    assert_eq!(error.statement.as_deref(), Some("hostssl \"postgres\" \"by_gss\" all scram-sha-256"));

    says(&fails(&at("ident", certain)).await, "refused the login", "peer, ident");
    says(&fails(&at("unheard_of", certain)).await, "refused the login", "No server rule");
    // Advice about encryption would not help against these.
    for (user, next) in
        [("rejected", "(reject)"), ("certified", "Some(\"Besides the login, the server requires")]
    {
        for way in [open_way, encrypted, certain] {
            let error = fails(&at(user, way)).await;
            if user == "certified" && way == open_way {
                says(&error, "refused the login", "sslmode=verify-full");
            } else {
                says(&error, "refused the login", next);
                assert!(!error.hint.as_deref().unwrap_or_default().contains("sslmode"), "{error}");
            }
        }
    }
    says(&fails(&at("only_tls", open_way)).await, "refused the login", "without encryption");
    ada_is_there(&*open(&at("only_tls", encrypted)).await).await;
    says(&fails(&at("only_open", encrypted)).await, "refused the login", "hostnossl");
    ada_is_there(&*open(&at("only_open", open_way)).await).await;

    let nobody = build_config(format!("postgres://nobody@127.0.0.1:{}/postgres", server.port()));
    says(&fails(&nobody).await, "refused the login", "has no such user");
}

/// Acts as a PostgreSQL server without TLS, up to its authentication request. Returns everything it receives after
/// that.
fn postgres_that_asks(asks: &'static [u8]) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (writing, written)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut length = [0; 4];
            client.read_exact(&mut length).unwrap();
            client.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4]).unwrap();
            let length = u32::try_from(asks.len() + 4).unwrap().to_be_bytes();
            client.write_all(&[b"R", &length[..], asks].concat()).unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).unwrap();
            writing.send(rest).unwrap();
        }
    });
    (address.port(), written)
}

#[tokio::test]
async fn nothing_is_sent_to_a_postgres_that_asks_too_much() {
    let asks: [(&'static [u8], &str, &str); 5] = [
        (&[0, 0, 0, 3], "The password was not sent", "sslmode=verify-full"),
        (&[0, 0, 0, 7], "GSSAPI (Kerberos)", "scram-sha-256"),
        (&[0, 0, 0, 9], "SSPI (Windows)", "scram-sha-256"),
        (b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0", "SASL with SCRAM-SHA-256-PLUS", "scram-sha-256"),
        (b"\0\0\0\x0aOAUTHBEARER\0\0", "SASL with OAUTHBEARER", "scram-sha-256"),
    ];
    for (asks, message, next) in asks {
        let (port, heard) = postgres_that_asks(asks);
        let error =
            fails(&build_config(format!("postgres://{READER}@127.0.0.1:{port}/acme?sslmode=disable"))).await;
        says(&error, message, next);
        assert_eq!(heard.recv().unwrap(), b"", "{message}: not a word more");
        assert!(heard.try_recv().is_err(), "and it is not tried again");
    }
}

/// Refuses the login with this message, as a server, a pooler or a hosted database does.
fn postgres_that_refuses(code: &'static str, said: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut length = [0; 4];
            if client.read_exact(&mut length).is_err() {
                continue;
            }
            let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
            client.read_exact(&mut startup).unwrap();
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{said}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            client.write_all(&[b"E", &length[..], fields.as_bytes()].concat()).unwrap();
        }
    });
    port
}

#[tokio::test]
async fn login_refusals_of_poolers_and_hosted_databases_have_a_next_step() {
    let refused = "refused the login";
    for (code, said, message, next) in [
        ("XX000", "Tenant or user not found", refused, "postgres.<project reference>"),
        ("XX000", "Control plane request failed: endpoint is disabled", refused, "Enable its endpoint"),
        (
            "08P01",
            "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support",
            refused,
            "options=endpoint%3D",
        ),
        (
            "08P01",
            "unsupported startup parameter: extra_float_digits",
            refused,
            "ignore_startup_parameters in pgbouncer.ini",
        ),
        ("08P01", "SSL required", refused, "sslmode=verify-full"),
        ("08P01", "no such user: reader", refused, "auth_file"),
        (
            "08P01",
            "no more connections allowed (max_client_conn)",
            "accepts no more connections",
            "pooler's limit",
        ),
        ("XX000", "MaxClientsInSessionMode: max clients reached", "accepts no more connections", "pool size"),
        (
            "53300",
            "no more connections allowed (max_client_conn)",
            "accepts no more connections",
            "pooler's limit",
        ),
        // Unknown messages are refused logins too.
        ("XX000", "Circuit breaker open", refused, "host and port are right"),
        ("08P01", "server login has been failing", refused, "host and port are right"),
    ] {
        let port = postgres_that_refuses(code, said);
        // The server has answered, so there is no reason to wait this long.
        let patient = DirectoryConfig {
            patience: 300,
            ..build_config(format!("postgres://{READER}@127.0.0.1:{port}/acme?sslmode=disable"))
        };
        says(&fails(&patient).await, message, next);
    }
    for code in ["08P01", "3D000"] {
        let port = postgres_that_refuses(code, "no such database: acme");
        let error =
            fails(&build_config(format!("postgres://{READER}@127.0.0.1:{port}/acme?sslmode=disable"))).await;
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
        assert!(error.to_string().contains("a pooler knows databases by"), "{error}");
    }
}

// ── MySQL and MariaDB ──────────────────────────────────────────────────────────────────────────────

/// What the fake server does.
#[derive(Clone, Copy)]
enum Does {
    /// Requires this login plugin.
    Asks(&'static str),
    /// Does not have the password cached, and asks for it.
    Forgets,
}

/// Acts as a MySQL server, with TLS if there is a certificate: requests a login plugin, reads the answer and refuses
/// it. `default` is the plugin in its greeting.
fn mysql_that(
    does: Does,
    default: &'static str,
    certificate: Option<&Certificate>,
) -> (u16, Receiver<Vec<u8>>) {
    let tls = certificate.map(|certificate| {
        let chain = CertificateDer::pem_file_iter(&certificate.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap())
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (writing, written)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let offers = if tls.is_some() { 0xff } else { 0xf7 };
            let greeting = [
                &b"\n8.4.3\0\x01\0\0\x0012345678\0\xff"[..],
                &[offers, 0xff, 2, 0, 0xff, 0xc7, 21],
                &[0; 10],
                b"123456789012\0",
                default.as_bytes(),
                b"\0",
            ];
            send(&mut client, 0, &greeting.concat());
            let first = receive(&mut client);
            let answer = match &tls {
                // A TLS request has exactly this length.
                Some(tls) if first.as_ref().is_some_and(|(_, body)| body.len() == 32) => {
                    let mut session = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
                    let mut client = rustls::Stream::new(&mut session, &mut client);
                    let login = receive(&mut client);
                    login.and_then(|login| ask(&mut client, does, login.0))
                }
                _ => first.and_then(|login| ask(&mut client, does, login.0)),
            };
            writing.send(answer.unwrap_or_default()).unwrap();
        }
    });
    (address.port(), written)
}

fn ask(client: &mut (impl Read + Write), does: Does, number: u8) -> Option<Vec<u8>> {
    match does {
        Does::Asks(plugin) => {
            let nonce =
                if plugin == "mysql_clear_password" { &b""[..] } else { &b"12345678901234567890\0"[..] };
            send(client, number + 1, &[b"\xfe", plugin.as_bytes(), b"\0", nonce].concat());
        }
        Does::Forgets => send(client, number + 1, &[1, 4]),
    }
    let (number, answer) = receive(client)?;
    send(client, number + 1, b"\xff\x15\x04#28000Access denied for user");
    Some(answer)
}

fn send(to: &mut impl Write, number: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let _ = to.write_all(&[&length[..3], &[number], body].concat());
    let _ = to.flush();
}

/// `None` if the client hung up.
fn receive(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    from.read_exact(&mut header).ok()?;
    let mut body = vec![0; u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize];
    from.read_exact(&mut body).ok()?;
    Some((header[3], body))
}

/// What the server does, its default plugin, the URL's options and the server's certificate; then the expected message,
/// the expected hint, and what the server receives.
type Asked<'a> = (Does, &'static str, String, Option<&'a Certificate>, &'static str, &'static str, &'a [u8]);

const CLEAR: &str = "mysql_clear_password";
const SHA256: &str = "sha256_password";
const NATIVE: &str = "mysql_native_password";

#[tokio::test]
async fn mysql_gets_a_password_only_over_a_verified_connection() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificate = authority.sign("localhost");
    let known = format!("ssl-ca={}", authority.certificate().display());
    let other = format!("ssl-ca={}", stranger.certificate().display());
    let seen = [PASSWORD.as_bytes(), b"\0"].concat();
    let certain = format!("ssl-mode=VERIFY_IDENTITY&{known}");
    let unsure = ["ssl-mode=REQUIRED".to_owned(), "ssl-mode=PREFERRED".to_owned()];
    let refused = "refused the login: Access denied";
    let asked: Vec<Asked> = vec![
        (
            Does::Asks(CLEAR),
            NATIVE,
            certain.clone(),
            Some(&certificate),
            refused,
            "stored database password",
            &seen,
        ),
        (
            Does::Asks(CLEAR),
            CLEAR,
            format!("ssl-mode=VERIFY_CA&{known}"),
            Some(&certificate),
            refused,
            "",
            &seen,
        ),
        (
            Does::Asks(CLEAR),
            NATIVE,
            unsure[0].clone(),
            Some(&certificate),
            "identity is not verified",
            "VERIFY_IDENTITY",
            b"",
        ),
        (
            Does::Asks(CLEAR),
            NATIVE,
            unsure[1].clone(),
            Some(&certificate),
            "identity is not verified",
            "VERIFY_IDENTITY",
            b"",
        ),
        (
            Does::Asks(CLEAR),
            NATIVE,
            "ssl-mode=DISABLED".into(),
            None,
            "(login plugin mysql_clear_password), but the connection is not encrypted",
            "VERIFY_IDENTITY",
            b"",
        ),
        (
            Does::Asks(CLEAR),
            NATIVE,
            format!("ssl-mode=VERIFY_IDENTITY&{other}"),
            Some(&certificate),
            "authority that is not known",
            "ssl-ca=",
            b"",
        ),
        (Does::Asks(CLEAR), NATIVE, certain.clone(), None, "does not offer TLS", "ssl-mode=DISABLED", b""),
        // Over TLS, MySQL's own client sends it to any server as well.
        (Does::Asks(SHA256), SHA256, unsure[0].clone(), Some(&certificate), refused, "", &seen),
        (
            Does::Asks(SHA256),
            NATIVE,
            "ssl-mode=DISABLED".into(),
            None,
            "plugin sha256_password, but the connection is not",
            "VERIFY_IDENTITY",
            b"",
        ),
        (Does::Forgets, "caching_sha2_password", certain.clone(), Some(&certificate), refused, "", &seen),
        (
            Does::Forgets,
            "caching_sha2_password",
            "ssl-mode=DISABLED".into(),
            None,
            "plugin caching_sha2_password, but the",
            "VERIFY_IDENTITY",
            b"",
        ),
    ];
    for (does, default, options, certificate, message, next, expected) in asked {
        let (port, heard) = mysql_that(does, default, certificate);
        let error = fails(&build_config(format!("mysql://{READER}@localhost:{port}/acme?{options}"))).await;
        says(&error, message, next);
        assert_eq!(heard.recv().unwrap(), expected, "{options}: {error}");
        assert!(heard.try_recv().is_err(), "it is not tried again: {options}");
    }
}

#[tokio::test]
async fn mysql_login_plugins_that_are_not_supported_are_named() {
    for (plugin, named) in [
        ("client_ed25519", "client_ed25519 (ed25519)"),
        ("auth_gssapi_client", "auth_gssapi_client (Kerberos)"),
        ("dialog", "dialog (PAM)"),
        ("parsec", "parsec"),
        ("authentication_ldap_sasl_client", "(LDAP)"),
        ("authentication_webauthn_client", "(a security key)"),
        ("mysql_old_password", "(from before MySQL 4.1)"),
        ("acme_login", "the plugin acme_login,"),
    ] {
        // The server's default may be that plugin too.
        for default in [NATIVE, plugin] {
            let (port, heard) = mysql_that(Does::Asks(plugin), default, None);
            let error =
                fails(&build_config(format!("mysql://{READER}@127.0.0.1:{port}/acme?ssl-mode=DISABLED")))
                    .await;
            says(&error, named, "ALTER USER 'reader'@'%' IDENTIFIED WITH caching_sha2_password");
            assert_eq!(heard.recv().unwrap(), b"");
            assert!(heard.try_recv().is_err(), "it is not tried again");
        }
    }
}

#[tokio::test]
async fn mariadb_accounts_of_the_operating_system_are_named() {
    let server = mariadb();
    server.sql(
        "mysql",
        "CREATE USER os_user@'%' IDENTIFIED VIA unix_socket; GRANT SELECT ON acme.* TO os_user@'%'",
    );
    let error = fails(&build_config(server.url("os_user", "acme"))).await;
    says(&error, "refused the login", "unix_socket, auth_socket");
    assert!(!error.wants_password, "no password helps: {error}");
    // A normal reader can log in through the server's socket and over TLS.
    let socket = format!("mysql://{READER}@localhost/acme?socket={}", server.socket().display());
    ada_is_there(&*open(&build_config(socket)).await).await;
}

// ── MongoDB ────────────────────────────────────────────────────────────────────────────────────────

async fn mongo_fails(config: &DirectoryConfig) -> DirectoryError {
    match understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await {
        Ok(_) => panic!("{} was opened", config.url),
        Err(error) => error,
    }
}

#[tokio::test]
async fn mongodb_accepts_scram_or_names_the_method_it_wants() {
    let server = MongoServer::start().await;
    let role = || vec![doc! { "role": "read", "db": "acme" }];
    server.user(READER, PASSWORD, role()).await;
    let only_sha1 =
        doc! { "createUser": "old", "pwd": PASSWORD, "roles": role(), "mechanisms": ["SCRAM-SHA-1"] };
    server.command("admin", only_sha1).await;
    let users = server.database("acme").collection("users");
    users.insert_one(doc! { "_id": 1, "email": "ada@example.com" }).await.unwrap();
    let at = |user: &str, options: &str| DirectoryConfig {
        id: "_id".into(),
        ..build_config(format!("mongodb://{user}@127.0.0.1:{}/acme{options}", server.port()))
    };
    for user in [READER, "old"] {
        ada_is_there(&*open(&at(user, "?authSource=admin")).await).await;
    }
    // A user of another database.
    says(&mongo_fails(&at(READER, "")).await, "refused the login", "?authSource=admin");
    says(&mongo_fails(&at(READER, "?authSource=acme")).await, "refused the login", "?authSource=admin");
    for (mechanism, message, next) in [
        (
            "PLAIN&authSource=$external",
            "clear text (PLAIN, for LDAP), but the connection is not encrypted",
            "tls=true",
        ),
        ("GSSAPI&authSource=$external", "authMechanism=GSSAPI (Kerberos), which", "SCRAM-SHA-256"),
        ("MONGODB-AWS&authSource=$external", "authMechanism=MONGODB-AWS, which", "SCRAM-SHA-256"),
        ("MONGODB-OIDC&authSource=$external", "authMechanism=MONGODB-OIDC, which", "SCRAM-SHA-256"),
    ] {
        let error = mongo_fails(&at(READER, &format!("?authMechanism={mechanism}"))).await;
        assert!(error.message.contains(message) && error.hint.as_ref().unwrap().contains(next), "{error}");
        assert!(!error.to_string().contains("VPN"), "{error}");
    }
    let error = mongo_fails(&at("CN=reader", "?authMechanism=MONGODB-X509&authSource=$external")).await;
    assert!(
        error.message.contains("MONGODB-X509") && error.to_string().contains("tlsCertificateKeyFile"),
        "{error}"
    );
}

#[tokio::test]
async fn mongodb_accepts_a_client_certificate() {
    let authority = Authority::new();
    let mut server = MongoServer::start().await;
    let client = authority.sign("reader");
    let user = doc! { "createUser": "CN=reader", "roles": [{ "role": "read", "db": "acme" }] };
    server.command("$external", user).await;
    server
        .database("acme")
        .collection("users")
        .insert_one(doc! { "_id": 1, "email": "ada@example.com" })
        .await
        .unwrap();
    server.certify(&authority.sign("localhost"), &authority.certificate());
    server.stop();
    server.start_again();
    let at = |client: &Certificate| DirectoryConfig {
        id: "_id".into(),
        ..build_config(format!(
            "mongodb://localhost:{}/acme?authMechanism=MONGODB-X509&authSource=$external&tls=true&tlsCAFile={}\
             &tlsCertificateKeyFile={}",
            server.port(),
            authority.certificate().display(),
            client.both.display()
        ))
    };
    ada_is_there(&*understudy_directory::open(&at(&client), None).await.unwrap()).await;
    let error = mongo_fails(&at(&authority.sign("somebody"))).await;
    says(&error, "refused the login", "certificate");
}

// ── the environment ────────────────────────────────────────────────────────────────────────────────

/// The configurations for this test program when it starts itself in another environment.
const INSIDE: &str = "UNDERSTUDY_TEST_INSIDE";

/// The program may be started from any shell, so settings for other clients are ignored.
#[tokio::test]
async fn only_the_url_says_where_a_password_goes() {
    if let Ok(inside) = std::env::var(INSIDE) {
        for config in serde_json::from_str::<Vec<DirectoryConfig>>(&inside).unwrap() {
            ada_is_there(&*open(&config).await).await;
            // A password in such a settings file is not used.
            let Err(error) = understudy_directory::open(&config, None).await else {
                panic!("{} without a password", config.url)
            };
            assert!(error.message.contains("none is stored"), "{error}");
        }
        writeln!(std::io::stdout(), "{INSIDE}").unwrap();
        return;
    }
    let (postgres, maria) = (postgres(), mariadb());
    let home = tempfile::tempdir().unwrap();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = trap.local_addr().unwrap().port();
    let caught: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    std::thread::spawn({
        let caught = Arc::clone(&caught);
        move || trap.incoming().map_while(Result::ok).for_each(|client| caught.lock().unwrap().push(client))
    });
    let write = |name: &str, text: String| {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write(".pgpass", format!("*:*:*:*:{PASSWORD}\n"));
    write(
        ".pg_service.conf",
        format!("[hostile]\nhost=127.0.0.1\nport={port}\nuser=postgres\nsslmode=require\n"),
    );
    write(".postgresql/root.crt", "no certificate".into());
    write(".my.cnf", format!("[client]\npassword={PASSWORD}\nport={port}\nssl-mode=VERIFY_IDENTITY\n"));
    let parts = [
        build_config(format!("postgres://{READER}@127.0.0.1:{}/postgres", postgres.port())),
        build_config(maria.url(READER, "acme")),
    ];
    let port = port.to_string();
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside
        .args(["logins::only_the_url_says_where_a_password_goes", "--exact", "--nocapture"])
        .env(INSIDE, serde_json::to_string(&parts).unwrap())
        .env("HOME", home.path())
        .env("PGPASSFILE", home.path().join(".pgpass"))
        .env("PGOPTIONS", "-c statement_timeout=1 -c search_path=pg_catalog");
    for (name, value) in [
        ("PGHOST", "127.0.0.1"),
        ("PGHOSTADDR", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", "postgres"),
        ("PGDATABASE", "template1"),
        ("PGPASSWORD", PASSWORD),
        ("PGSERVICE", "hostile"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/no/such/root.crt"),
        ("PGSSLCERT", "/no/such/client.crt"),
        ("PGSSLKEY", "/no/such/client.key"),
        ("PGREQUIREAUTH", "none"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGAPPNAME", "hostile"),
        ("PGTZ", "Asia/Tokyo"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("MYSQL_HOST", "127.0.0.1"),
        ("MYSQL_TCP_PORT", &port),
        ("MYSQL_UNIX_PORT", "/no/such/socket"),
        ("MYSQL_PWD", PASSWORD),
    ] {
        inside.env(name, value);
    }
    let ended = inside.output().unwrap();
    let said = BufReader::new(&ended.stdout[..]).lines().map_while(Result::ok);
    let report =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && said.into_iter().any(|line| line.contains(INSIDE)), "{report}");
    assert!(caught.lock().unwrap().is_empty(), "somebody was asked whom the URL does not name");
}
