//! When two destinations are the same, and what each of them says.

use super::*;
use crate::connection::ConnectionSource;
use crate::path_text::to_forward_slashes;

fn part(url: &str) -> DirectoryConfig {
    toml::from_str(&format!("url = \"{url}\"\ntable = \"users\"\nid = \"id\"")).unwrap()
}

fn password(url: &str) -> Destination {
    Destination::of_password(&part(url))
}

fn told(destination: &Destination) -> Vec<String> {
    let fact = |fact: &DestinationFact| format!("{}: {}", fact.aspect.as_label(), fact.value);
    destination.facts.iter().map(fact).collect()
}

#[test]
fn a_password_is_for_servers_a_user_and_how_the_server_is_known() {
    let stored = password("postgres://reader@db.acme.internal/acme?sslmode=require");
    assert_eq!(
        told(&stored),
        ["Database: PostgreSQL", "Server: db.acme.internal:5432", "User: reader", "TLS: sslmode=require"]
    );
    for same in [
        "postgresql://reader@DB.acme.internal:5432/acme?sslmode=require",
        "postgres://reader@db.acme.internal/another_database?sslmode=require",
        "postgres://reader@db.acme.internal/acme?application_name=x&sslmode=require",
    ] {
        assert_eq!(password(same), stored, "{same}");
    }
    for other in [
        "mysql://reader@db.acme.internal:5432/acme?sslmode=require",
        "postgres://reader@db.acme.internal.evil.example/acme?sslmode=require",
        "postgres://reader@db.acme.internal:5433/acme?sslmode=require",
        "postgres://reader@db.acme.internal,evil.example/acme?sslmode=require",
        "postgres://root@db.acme.internal/acme?sslmode=require",
        "postgres://reader@evil.example@db.acme.internal/acme?sslmode=require",
        // Weaker encryption, or the option given twice: drivers take the last one.
        "postgres://reader@db.acme.internal/acme?sslmode=disable",
        "postgres://reader@db.acme.internal/acme",
        "postgres://reader@db.acme.internal/acme?sslmode=require&sslmode=disable",
        "postgres://reader@db.acme.internal/acme?sslmode=require&ssl-mode=disable",
        "postgres://reader@db.acme.internal/acme?SSLMODE=require",
        "postgres://reader@db.acme.internal/acme?ssl%6Dode=disable&sslmode=require",
        // Options that name another server.
        "postgres://reader@db.acme.internal/acme?sslmode=require&host=evil.example",
        "postgres://reader@db.acme.internal/acme?sslmode=require&hostaddr=203.0.113.9",
        "postgres://reader@db.acme.internal/acme?sslmode=require&port=1",
        "postgres://reader@db.acme.internal/acme?sslmode=require&user=root",
        "postgres://reader@db.acme.internal/acme?sslmode=require&sslrootcert=/nowhere.pem",
    ] {
        assert_ne!(password(other), stored, "{other}");
    }
}

#[test]
fn the_way_through_ssh_and_mongodbs_options_count() {
    let stored = password("mongodb://reader@a,b:27018/acme?tls=true");
    assert_eq!(
        told(&stored),
        ["Database: MongoDB", "Server: a:27017", "Server: b:27018", "User: reader", "TLS: tls=true"]
    );
    for other in [
        "mongodb://reader@a,b:27018/acme?tls=true&tlsAllowInvalidCertificates=true",
        "mongodb://reader@a,b:27018/acme?tls=true&authMechanism=PLAIN",
        "mongodb://reader@a,b:27018/acme?tls=true&proxyHost=evil.example",
        "mongodb+srv://reader@a/acme?tls=true",
        "mongodb://reader@a/acme?tls=true",
    ] {
        assert_ne!(password(other), stored, "{other}");
    }
    assert_eq!(password("mongodb://reader@a,b:27018/acme?readPreference=secondary&tls=true"), stored);

    let mut tunnelled = part("postgres://reader@db/acme");
    let direct = Destination::of_password(&tunnelled);
    tunnelled.ssh = toml::from_str("host = \"jump.acme.internal\"\nuser = \"kim\"").unwrap();
    let through = Destination::of_password(&tunnelled);
    assert_ne!(through, direct);
    assert_eq!(told(&through).last().unwrap(), "Through SSH: kim@jump.acme.internal");
    tunnelled.ssh.as_mut().unwrap().host = "jump.evil.example".into();
    assert_ne!(Destination::of_password(&tunnelled), through);
}

#[test]
fn an_authority_is_known_by_its_content_and_not_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let url = format!("mysql://reader@db/acme?ssl-ca={}", to_forward_slashes(&file));
    std::fs::write(&file, "one").unwrap();
    let stored = password(&url);
    assert!(
        told(&stored).iter().any(|fact| fact.starts_with("Trusted authority: ssl-ca SHA-256 ")),
        "{stored:?}"
    );
    std::fs::write(&file, "another").unwrap();
    assert_ne!(password(&url), stored);
    std::fs::write(&file, "one").unwrap();
    assert_eq!(password(&url), stored);

    assert_ne!(password(&url.replace("ssl-ca", "SSL-CA")), stored, "which no driver knows");

    std::fs::rename(&file, folder.path().join("other.pem")).unwrap();
    assert_ne!(password(&url), stored, "one that cannot be read is none that was agreed to");
    assert_eq!(password(&url.replace("ca.pem", "other.pem")), stored);
}

const FILE: &str = r#"
name = "Acme"
environment = "staging"
[directory]
url = "sqlite:///u.db"
table = "users"
id = "id"
email = "email"
[sign_in]
url = "https://app.acme.com/login"
headers = { x-operator = "{{ operator.email }}" }
body = { adminToken = "{{ secret.admin_token }}", user = { id = "{{ user.id }}" } }
redirect_to = "https://app.acme.com/"
[sign_in.verify]
url = "https://app.acme.com/api/me"
expect = "response.json.id == user.id"
[sign_out]
url = "https://app.acme.com/logout"
"#;

fn token(text: &str) -> Destination {
    let connection = Connection::parse("acme", text, ConnectionSource::Own, None).unwrap();
    Destination::of_secret(&connection, "admin_token")
}

const NO_AUTHORITY: &str = if cfg!(windows) {
    "[network]\nca = \"C:/nowhere/ca.pem\"\n[sign_out]"
} else {
    "[network]\nca = \"/nowhere/ca.pem\"\n[sign_out]"
};

#[test]
fn a_sign_in_secret_is_for_sites_and_for_its_place_in_the_request() {
    let stored = token(FILE);
    assert_eq!(
        told(&stored),
        [
            "Site: https://app.acme.com",
            "Sent in: POST https://app.acme.com/login body.adminToken: {{ secret.admin_token }}"
        ]
    );
    // Changes that don't concern the secret need no consent.
    for (from, to) in [
        ("name = \"Acme\"", "name = \"Acme Inc.\""),
        ("email = \"email\"", "email = \"mail\"\ncolumns = [\"plan\"]"),
        ("sqlite:///u.db", "postgres://reader@db/acme"),
        ("{{ operator.email }}", "{{ operator.name }}"),
        ("user = { id", "user = { why = \"{{ reason }}\", id"),
        ("/api/me", "/whoami"),
        ("/logout", "/sign-out"),
        ("redirect_to = \"https://app.acme.com/\"", "redirect_to = \"https://app.acme.com/home\""),
        ("[sign_out]", "[policy]\nprotect = [\"user.id == 1\"]\n[sign_out]"),
    ] {
        assert_eq!(token(&FILE.replace(from, to)), stored, "{from} became {to}");
    }
    for (from, to) in [
        ("https://app.acme.com", "https://app.evil.example"),
        ("https://app.acme.com/logout", "https://evil.example/logout"),
        ("/login\"", "/feedback\""),
        ("/login\"", "/login\"\nmethod = \"PUT\""),
        ("adminToken = \"{{ secret.admin_token }}\"", "comment = \"{{ secret.admin_token }}\""),
        (
            "\"{{ secret.admin_token }}\"",
            "\"{{ secret.admin_token }}\", again = \"{{ secret.admin_token }}\"",
        ),
        ("{{ secret.admin_token }}", "{{ secret.admin_token|upper }}"),
        ("x-operator = \"{{ operator.email }}\"", "x-operator = \"{{ secret.admin_token }}\""),
        ("[sign_out]", "[network]\nproxy = \"http://evil.example:8080\"\n[sign_out]"),
        ("[sign_out]", NO_AUTHORITY),
    ] {
        assert_ne!(token(&FILE.replace(from, to)), stored, "{from} became {to}");
    }
}

#[test]
fn a_step_that_sends_on_what_the_secret_bought_counts_and_so_does_a_links_goal() {
    let steps = |origin: &str, more: &str| {
        FILE.replace(
            "url = \"https://app.acme.com/login\"\nheaders = { x-operator = \"{{ operator.email }}\" }\nbody = { adminToken = \"{{ secret.admin_token }}\", user = { id = \"{{ user.id }}\" } }",
            "kind = \"link\"\nopen = \"link\"",
        )
        .replace("[sign_in.verify]", &format!(
            "{more}\n[[sign_in.steps]]\nurl = \"https://api.acme.com/tokens\"\nheaders = {{ authorization = \"Bearer {{{{ secret.admin_token }}}}\" }}\ncapture = {{ link = {{ json = \"/link\" }} }}\n\
             [[sign_in.steps]]\nurl = \"{origin}/use\"\nbody = {{ it = \"{{{{ captured.link }}}}\" }}\n[sign_in.verify]"
        ))
    };
    let stored = token(&steps("https://api.acme.com", ""));
    assert_eq!(
        told(&stored),
        [
            "Site: https://api.acme.com",
            "Site: https://app.acme.com",
            "Sent in: POST https://api.acme.com/tokens authorization: Bearer {{ secret.admin_token }}"
        ]
    );
    assert_ne!(token(&steps("https://evil.example", "")), stored);
    assert_ne!(token(&steps("https://api.acme.com", "open_origins = [\"https://evil.example\"]")), stored);
}

#[test]
fn what_is_kept_fits_into_every_keyring_and_is_still_the_same() {
    let long = FILE.replace("{{ secret.admin_token }}", &"{{ secret.admin_token }} ".repeat(400));
    let many: Vec<String> = (0..80).map(|at| format!("f{at} = \"{{{{ secret.admin_token }}}}\", ")).collect();
    let many = FILE.replace("body = { ", &format!("body = {{ {}", many.concat()));
    for text in [FILE.to_owned(), long, many] {
        let destination = token(&text);
        let kept = destination.to_kept();
        assert!(kept.len() <= LONGEST, "{}", kept.len());
        let back = Destination::from_kept(&kept).unwrap();
        assert_eq!(back, destination);
        assert_eq!(back.facts[0], destination.facts[0]);
    }
    assert_eq!(Destination::from_kept("what another program wrote"), None);
}

/// A public certificate; its key no longer exists.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIURb52P/9/hReYdt8qfDkflU8bOqUwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHQWNtZS1DQTAgFw0yNjExMjgxMDI2MzZaGA8yMTI2MTEwNDEw
MjYzNlowEjEQMA4GA1UEAwwHQWNtZS1DQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOUbVuespvGQDuO/SFIKZegQTzrBbpjDDklQXvbBx7HgwG/U1GX2igky/Cpu
N3K2UcA9z69bXchqWXKZqsQqmDqjUzBRMB0GA1UdDgQWBBSXs5uwwgjgFjqsyu7Q
9TDGKfZlOjAfBgNVHSMEGDAWgBSXs5uwwgjgFjqsyu7Q9TDGKfZlOjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQC0pkWCiuToPmpMpRdxgkpo0hzH
c74xnwC/kTm+tzsXLgIgRLRQxeLB1gX3p8uYUAZ41UJoudfhP+Tbtulp7DE1fKs=
-----END CERTIFICATE-----
";

/// script/windows skips this test: Wine cannot add an authority to the system's.
#[test]
fn an_authority_is_trusted_beside_those_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let network = crate::connection::Network {
        ca: Some(folder.path().join("gone.pem")),
        authority: Some(AUTHORITY.as_bytes().into()),
        ..crate::connection::Network::default()
    };
    crate::sign_in::Client::new(&network).map(drop).expect("it trusts what was read and compared before");
}

#[test]
fn the_authority_that_was_read_is_the_one_that_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, AUTHORITY).unwrap();
    let text = format!(
        "name = \"Acme\"\nenvironment = \"staging\"\n[directory]\nurl = \"sqlite:///u.db\"\ntable = \"users\"\n\
         id = \"id\"\n[sign_in]\nurl = \"https://acme.example/login\"\nbody = {{ token = \"{{{{ secret.t }}}}\" }}\n\
         [network]\nca = \"{}\"\n",
        to_forward_slashes(&file)
    );
    let connection = Connection::parse("acme", &text, ConnectionSource::Own, None).unwrap();
    let stored = Destination::of_secret(&connection, "t");
    let read = connection.clone().with_authority().unwrap();
    // The file is swapped right after it was read.
    std::fs::write(&file, "somebody else's").unwrap();
    assert_ne!(Destination::of_secret(&connection, "t"), stored);
    assert_eq!(Destination::of_secret(&read, "t"), stored);
    assert!(crate::sign_in::Client::new(&connection.network).is_err(), "this one reads the file");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(connection.with_authority().unwrap_err().code, crate::error::Code::FileFailed);
}
