//! Who is at the other end, and who is at this one: certificates of servers and of clients.

use secrecy::SecretString;
use understudy_core::connection::DirectoryPart;
use understudy_core::directory;
use understudy_core::error::{Code, Error};
use understudy_test_support::certificates::{Authority, Certificate};

use crate::link::{PASSWORD, READER, ada_is_there, fails, mariadb, mongo, open, part, postgres};

/// It is opened, or refused as `expected` says: with words of the sentence, and of the next step.
async fn is_refused(part: &DirectoryPart, expected: (&str, &str)) -> Error {
    let error = fails(part).await;
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
        part(url)
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
        assert_eq!(error.code, Code::DirectoryRefused);
    }
    let error =
        is_refused(&missing, ("sslrootcert=/no/such/ca.pem, and there is no such file", "whole path")).await;
    assert_eq!(error.code, Code::ConnectionInvalid);
    assert_eq!(fails(&half).await.code, Code::ConnectionInvalid);
    is_refused(&by_other, ("does not take the client's certificate", "sslcert= and sslkey=")).await;

    // A certificate in the place of a password.
    serve(&authority.sign("localhost"), &certified);
    ada_is_there(&*directory::open(&by_client, None).await.unwrap()).await;
    is_refused(&strict, ("certificate", "sslcert= and sslkey=")).await;

    serve(&authority.sign("db.acme.internal"), everybody);
    is_refused(&strict, ("not for this host but for", "sslmode=verify-ca")).await;
    ada_is_there(&*open(&any_name).await).await;

    serve(&authority.sign_expired("localhost"), everybody);
    is_refused(&strict, ("its certificate has expired", "renew it")).await;
    is_refused(&any_name, ("its certificate has expired", "renew it")).await;
}

#[tokio::test]
async fn mariadb_wants_a_certificate_of_whom_it_was_told_to() {
    let server = mariadb();
    let own = server.authority().display().to_string();
    server.sql("mysql", &format!("ALTER USER {READER}@'%' REQUIRE X509"));
    let at = |options: &str| {
        part(format!(
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
    assert_eq!(error.code, Code::DirectoryRefused, "{error}");
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
        DirectoryPart { id: "_id".into(), ..part(url) }
    };
    let (client, other) = (authority.sign(READER), stranger.sign(READER));
    let password = SecretString::from(PASSWORD);
    let directory =
        directory::open(&at("localhost", &authority, Some(&client)), Some(&password)).await.unwrap();
    ada_is_there(&*directory).await;
    is_refused(&at("localhost", &stranger, Some(&client)), ("authority that is not known", "tlsCAFile="))
        .await;
    is_refused(&at("127.0.0.1", &authority, Some(&client)), ("not for this host", "Name the host")).await;
    for client in [None, Some(&other)] {
        let error = fails(&at("localhost", &authority, client)).await;
        assert!(matches!(error.code, Code::DirectoryRefused | Code::DirectoryUnreachable), "{error}");
    }
}
