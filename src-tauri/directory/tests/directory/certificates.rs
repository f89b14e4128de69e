//! TLS certificates of servers and of clients.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use secrecy::SecretString;
use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::certificates::{Authority, Certificate};

use crate::link::{PASSWORD, READER, ada_is_there, build_config, fails, mariadb, mongo, open, postgres};

/// Opening fails with this text in the message and in the hint.
async fn is_refused(config: &DirectoryConfig, expected: (&str, &str)) -> DirectoryError {
    let error = fails(config).await;
    assert!(
        error.message.contains(expected.0) && error.hint.as_ref().unwrap().contains(expected.1),
        "{error}"
    );
    error
}

#[tokio::test]
async fn postgres_and_its_clients_prove_who_they_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut server = postgres();
    let at = |options: &str| {
        let url = format!("postgres://{READER}@localhost:{}/postgres?{options}", server.port());
        build_config(url)
    };
    let known = format!("sslrootcert={}", authority.certificate().display());
    let with = |client: &Certificate| {
        format!("&sslcert={}&sslkey={}", client.certificate.display(), client.key.display())
    };
    let strict = at(&format!("sslmode=verify-full&{known}"));
    is_refused(&strict, ("it does not offer TLS", "sslmode=disable")).await;

    let everybody = "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256";
    let certified = format!("hostssl all {READER} 127.0.0.1/32 cert\nhostssl all {READER} ::1/128 cert");
    let (client, other) = (authority.sign(READER), stranger.sign(READER));
    let by_client = at(&format!("sslmode=verify-full&{known}{}", with(&client)));
    let by_other = at(&format!("sslmode=verify-full&{known}{}", with(&other)));
    let unknown = at("sslmode=verify-full");
    let missing = at("sslmode=verify-full&sslrootcert=/no/such/ca.pem");
    let half = at(&format!("sslmode=verify-full&{known}&sslcert={}", client.certificate.display()));
    let any_name = at(&format!("sslmode=verify-ca&{known}"));
    let any = at("sslmode=require");
    let any_of_stranger = at(&format!("sslmode=verify-ca&sslrootcert={}", stranger.certificate().display()));
    let mut serve = |certificate: &Certificate, rules: &str| {
        server.certify(certificate, &authority.certificate());
        server.let_in(rules);
        server.stop();
        server.start_again();
    };

    serve(&authority.sign("localhost"), everybody);
    for secure in [&strict, &any_name, &any, &by_client] {
        ada_is_there(&*open(secure).await).await;
    }
    for unknown in [&unknown, &any_of_stranger] {
        let error = is_refused(unknown, ("authority that is not known", "sslrootcert=")).await;
        assert_eq!(error.code, DirectoryCode::Refused);
    }
    let error =
        is_refused(&missing, ("sslrootcert=/no/such/ca.pem, but there is no such file", "full path")).await;
    assert_eq!(error.code, DirectoryCode::ConfigInvalid);
    assert_eq!(fails(&half).await.code, DirectoryCode::ConfigInvalid);
    is_refused(&by_other, ("rejected the client certificate", "sslcert= and sslkey=")).await;

    // A certificate instead of a password.
    serve(&authority.sign("localhost"), &certified);
    ada_is_there(&*understudy_directory::open(&by_client, None).await.unwrap()).await;
    is_refused(&strict, ("certificate", "sslcert= and sslkey=")).await;

    serve(&authority.sign("db.acme.internal"), everybody);
    let both_names = "its certificate is not for localhost but for db.acme.internal";
    is_refused(&strict, (both_names, "sslmode=verify-ca")).await;
    ada_is_there(&*open(&any_name).await).await;

    serve(&authority.sign_expired("localhost"), everybody);
    is_refused(&strict, ("its certificate has expired (on 2020-01-02)", "renew it")).await;
    is_refused(&any_name, ("its certificate has expired", "renew it")).await;
}

#[tokio::test]
async fn mariadb_demands_the_configured_client_certificate() {
    let server = mariadb();
    let own = server.authority().display().to_string();
    server.sql("mysql", &format!("ALTER USER {READER}@'%' REQUIRE X509"));
    let at = |options: &str| {
        build_config(format!(
            "mysql://{READER}@localhost:{}/acme?ssl-mode=VERIFY_IDENTITY&ssl-ca={own}{options}",
            server.port()
        ))
    };
    let client = server.client_certificate(READER);
    let with = |client: &Certificate| {
        format!("&ssl-cert={}&ssl-key={}", client.certificate.display(), client.key.display())
    };
    ada_is_there(&*open(&at(&with(&client))).await).await;
    is_refused(&at(""), ("refused the login", "ssl-cert= and ssl-key=")).await;
    let stranger = Authority::new();
    let error = fails(&at(&with(&stranger.sign(READER)))).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
}

#[tokio::test]
async fn mongodb_and_its_clients_prove_who_they_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut server = mongo().await;
    server.certify(&authority.sign("localhost"), &authority.certificate());
    server.stop();
    server.start_again();
    let at = |host: &str, authority: &Authority, client: Option<&Certificate>| {
        let client = client.map(|client| format!("&tlsCertificateKeyFile={}", client.both.display()));
        let url = format!(
            "mongodb://{READER}@{host}:{}/acme?authSource=admin&tls=true&tlsCAFile={}{}",
            server.port(),
            authority.certificate().display(),
            client.unwrap_or_default()
        );
        DirectoryConfig { id: "_id".into(), ..build_config(url) }
    };
    let (client, other) = (authority.sign(READER), stranger.sign(READER));
    let password = SecretString::from(PASSWORD);
    let directory = understudy_directory::open(&at("localhost", &authority, Some(&client)), Some(&password))
        .await
        .unwrap();
    ada_is_there(&*directory).await;
    is_refused(&at("localhost", &stranger, Some(&client)), ("authority that is not known", "tlsCAFile="))
        .await;
    is_refused(
        &at("127.0.0.1", &authority, Some(&client)),
        ("not for 127.0.0.1 but for localhost", "Name the host"),
    )
    .await;
    for client in [None, Some(&other)] {
        let error = fails(&at("localhost", &authority, client)).await;
        assert!(matches!(error.code, DirectoryCode::Refused | DirectoryCode::Unreachable), "{error}");
    }
}

// ── same verdicts as libpq ─────────────────────────────────────────────────────────────────────────

/// Creates certificates with openssl in a temporary folder, as manuals and administrators do.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        std::fs::write(
            workshop.path("ca.ext"),
            "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n",
        )
        .unwrap();
        std::fs::write(workshop.path("plain.ext"), "basicConstraints=CA:FALSE\n").unwrap();
        std::fs::write(
            workshop.path("client.ext"),
            "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:localhost\n",
        )
        .unwrap();
        std::fs::write(workshop.path("san.ext"), "subjectAltName=DNS:localhost\n").unwrap();
        std::fs::write(
            workshop.path("ca-san.ext"),
            "basicConstraints=CA:TRUE\nsubjectAltName=DNS:localhost\n",
        )
        .unwrap();
        std::fs::write(workshop.path("address.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let made =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.0.path()).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// As at the start of PostgreSQL's manual:
    /// <https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CERTIFICATE-CREATION>
    fn of_itself(&self, name: &str, more: &str) -> Certificate {
        self.openssl(&format!(
            "req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost {more} \
             -out {name}.crt -keyout {name}.key"
        ));
        self.made(name, &[])
    }

    /// As later in the manual: a certificate signed by `by`, with extensions from a file, or version 1 without any.
    fn signed(
        &self,
        name: &str,
        host: &str,
        by: &str,
        extensions: Option<&str>,
        chain: &[&str],
    ) -> Certificate {
        self.openssl(&format!(
            "req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN={host} -out {name}.csr -keyout {name}.key"
        ));
        let extensions = extensions.map(|file| format!("-extfile {file}.ext")).unwrap_or_default();
        self.openssl(&format!(
            "x509 -req -in {name}.csr -days 2 -CA {by}.crt -CAkey {by}.key -CAcreateserial {extensions} -out {name}.crt"
        ));
        self.made(name, chain)
    }

    /// The certificate with the chain that the server sends.
    fn made(&self, name: &str, chain: &[&str]) -> Certificate {
        let read = |name: &str| std::fs::read_to_string(self.path(&format!("{name}.crt"))).unwrap();
        let sent = std::iter::once(name).chain(chain.iter().copied()).map(read).collect::<String>();
        let certificate = self.path(&format!("{name}.sent"));
        std::fs::write(&certificate, sent).unwrap();
        let key = self.path(&format!("{name}.key"));
        Certificate { certificate, both: key.clone(), key }
    }
}

/// Whether libpq connects in the same mode.
fn psql_takes(port: u16, host: &str, options: &str) -> bool {
    let options = options.replace('&', " ");
    let said = Command::new("psql")
        .args(["--no-psqlrc", "--command", "SELECT 1"])
        .arg(format!("host={host} hostaddr=127.0.0.1 port={port} user={READER} dbname=postgres {options}"))
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    said.status.success()
}

/// In each mode, exactly the certificates that libpq accepts are accepted. The one exception is an intermediate
/// authority named in the URL, which libpq accepts only together with its root.
#[tokio::test]
async fn postgres_certificates_are_taken_as_libpq_takes_them() {
    let shop = Workshop::new();
    shop.openssl("req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=root -out root.crt -keyout root.key");
    shop.openssl("req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=root -out stranger.crt -keyout stranger.key");
    shop.signed("middle", "middle", "root", Some("ca"), &[]);
    shop.signed("no-authority", "no-authority", "root", Some("plain"), &[]);
    let servers = [
        ("its own, CA:TRUE", shop.of_itself("own", "")),
        (
            "its own, CA:TRUE, with names",
            shop.of_itself("named", "-addext subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ),
        ("version 1", shop.signed("first", "localhost", "root", None, &[])),
        ("without names", shop.signed("plain", "localhost", "root", Some("plain"), &[])),
        ("with names", shop.signed("usual", "other", "root", Some("san"), &[])),
        ("an authority of the root's", shop.signed("below", "localhost", "root", Some("ca-san"), &[])),
        (
            "by the one in the middle, sent",
            shop.signed("far", "localhost", "middle", Some("san"), &["middle"]),
        ),
        (
            "by the one in the middle, version 1",
            shop.signed("far1", "localhost", "middle", None, &["middle"]),
        ),
        ("by the one in the middle, not sent", shop.signed("lost", "localhost", "middle", Some("san"), &[])),
        (
            "by one that is no authority",
            shop.signed("forged", "localhost", "no-authority", Some("san"), &["no-authority"]),
        ),
        (
            "version 1, by one that is none",
            shop.signed("forged1", "localhost", "no-authority", None, &["no-authority"]),
        ),
        ("another host's", shop.signed("other", "elsewhere", "root", Some("plain"), &[])),
        ("another host's, version 1", shop.signed("other1", "elsewhere", "root", None, &[])),
        ("of an address", shop.signed("address", "localhost", "root", Some("address"), &[])),
        ("a client's", shop.signed("client", "localhost", "root", Some("client"), &[])),
        ("by a stranger of the same name", shop.signed("strange", "localhost", "stranger", Some("san"), &[])),
        (
            "version 1, by a stranger of the same name",
            shop.signed("strange1", "localhost", "stranger", None, &[]),
        ),
    ];
    let mut server = postgres();
    let (mut taken, mut refused) = (0, 0);
    for (what, certificate) in &servers {
        server.certify(certificate, &shop.path("root.crt"));
        server.stop();
        server.start_again();
        let own = certificate.certificate.with_extension("crt");
        for named in [&own, &shop.path("root.crt"), &shop.path("middle.crt"), &shop.path("stranger.crt")] {
            for mode in ["require", "verify-ca", "verify-full"] {
                let options = format!("sslmode={mode}&sslrootcert={}", named.display());
                let host = if *what == "of an address" { "127.0.0.1" } else { "localhost" };
                let url = format!(
                    "postgres://{READER}@{host}:{}/postgres?hostaddr=127.0.0.1&{options}",
                    server.port()
                );
                let opened =
                    understudy_directory::open(&build_config(url), Some(&SecretString::from(PASSWORD))).await;
                let by_libpq = psql_takes(server.port(), host, &options);
                let file = named.file_name().unwrap().display();
                // OpenSSL requires the root above a named certificate. Trusting the named certificate directly is as
                // safe.
                let is_beyond = !by_libpq && (*named == own || file.to_string() == "middle.crt");
                assert!(
                    opened.is_ok() == by_libpq || is_beyond,
                    "{what}, {mode} with {file}: libpq says {by_libpq}, {:?}",
                    opened.err()
                );
                if by_libpq { taken += 1 } else { refused += 1 }
            }
        }
    }
    assert!(taken > 30 && refused > 60, "{taken} are taken and {refused} refused");
}

/// If names are checked, a named self-signed certificate still has to be for the host.
#[tokio::test]
async fn a_named_certificate_counts_only_for_its_host() {
    let shop = Workshop::new();
    let mut server = postgres();
    let own = shop.of_itself("own", "-addext subjectAltName=DNS:db.acme.internal");
    server.certify(&own, &own.certificate);
    server.stop();
    server.start_again();
    let at = |options: &str| {
        build_config(format!("postgres://{READER}@localhost:{}/postgres?{options}", server.port()))
    };
    let named = format!("sslrootcert={}", own.certificate.display());
    is_refused(
        &at(&format!("sslmode=verify-full&{named}")),
        ("not for localhost but for db.acme.internal", "verify-ca"),
    )
    .await;
    ada_is_there(&*open(&at(&format!("sslmode=verify-ca&{named}"))).await).await;
    // If it is not named, no trusted authority has signed it.
    is_refused(&at("sslmode=verify-full"), ("", "sslrootcert=")).await;
    let key = shop.path("locked.key");
    shop.openssl(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:canary -out locked.key",
    );
    let locked =
        format!("sslmode=verify-ca&{named}&sslcert={}&sslkey={}", own.certificate.display(), key.display());
    let error = is_refused(&at(&locked), ("is encrypted with a passphrase", "openssl pkey -in")).await;
    assert_eq!(error.code, DirectoryCode::ConfigInvalid);
    let empty = shop.path("empty.crt");
    std::fs::write(&empty, "nothing").unwrap();
    let error = fails(&at(&format!("sslmode=verify-ca&sslrootcert={}", empty.display()))).await;
    assert!(error.message.contains("holds no certificate"), "{error}");
    is_refused(
        &at("sslmode=verify-ca&sslrootcert=system"),
        ("weaker sslmode than verify-full", "verify-full"),
    )
    .await;
}

const SYSTEM: &str = "UNDERSTUDY_TEST_SYSTEM";

/// `sslrootcert=system`, and no option at all: both use this computer's authorities, wherever they are stored.
#[tokio::test]
async fn an_authority_that_the_system_knows_needs_no_name() {
    if let Ok(port) = std::env::var(SYSTEM) {
        for options in ["sslmode=verify-full", "sslrootcert=system", "sslmode=verify-full&sslrootcert=system"]
        {
            let url = format!("postgres://{READER}@localhost:{port}/postgres?hostaddr=127.0.0.1&{options}");
            ada_is_there(&*open(&build_config(url)).await).await;
        }
        writeln!(std::io::stdout(), "{SYSTEM}").unwrap();
        return;
    }
    let authority = Authority::new();
    let mut server = postgres();
    server.certify(&authority.sign("localhost"), &authority.certificate());
    server.stop();
    server.start_again();
    let inside = |known: &Path| {
        let ended = Command::new(std::env::current_exe().unwrap())
            .args([
                "certificates::an_authority_that_the_system_knows_needs_no_name",
                "--exact",
                "--nocapture",
            ])
            .env(SYSTEM, server.port().to_string())
            .env("SSL_CERT_FILE", known)
            .output()
            .unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (succeeded, said) = inside(&authority.certificate());
    assert!(succeeded && said.contains(SYSTEM), "{said}");
    let (succeeded, said) = inside(&Authority::new().certificate());
    assert!(!succeeded && said.contains("authority that is not known"), "{said}");
}

#[tokio::test]
async fn mariadbs_own_certificate_is_accepted_when_named() {
    let (shop, mut server) = (Workshop::new(), mariadb());
    let own = shop.of_itself("own", "");
    server.certify_as(&own);
    server.stop();
    server.start_again();
    let at =
        |options: &str| build_config(format!("mysql://{READER}@localhost:{}/acme?{options}", server.port()));
    let named = format!("ssl-ca={}", own.certificate.display());
    for mode in ["REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"] {
        ada_is_there(&*open(&at(&format!("ssl-mode={mode}&{named}"))).await).await;
    }
    is_refused(&at("ssl-mode=VERIFY_IDENTITY"), ("cannot be reached securely", "ssl-ca=")).await;
}
