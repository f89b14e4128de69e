//! Which cookies a window gets, and what counts as a secret.

use cookie_store::RawCookie;
use secrecy::ExposeSecret;
use url::Url;

use super::*;

/// A client that was sent these cookies, each given as URL and header.
fn client(set: &[(&str, &str)]) -> Client {
    let mut client = Client::new(&Network::default()).expect("a client");
    for (url, cookie) in set {
        let raw = RawCookie::parse((*cookie).to_owned()).expect("a cookie");
        client.store_cookies(vec![raw], &url.parse().expect("a URL"));
    }
    client
}

fn taken(client: &Client, wanted: &[&str], begin: &str, origins: &[&str]) -> Vec<String> {
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    let origins: Vec<Url> = origins.iter().map(|origin| origin.parse().expect("a URL")).collect();
    let cookies = client.select_cookies(&wanted, &begin.parse().expect("a URL"), &origins);
    cookies.iter().map(|cookie| cookie.value.expose_secret().to_owned()).collect()
}

#[test]
fn a_cookie_of_another_host_is_never_the_windows() {
    let operators = client(&[
        ("https://admin.acme.example/login", "session=of-the-operator; Path=/"),
        ("https://acme.example/login", "session=of-the-main-site"),
        ("https://app.acme.example.evil.example/", "session=of-evil"),
    ]);
    let app = "https://app.acme.example/";
    assert!(taken(&operators, &["session"], app, &[]).is_empty());
    assert!(taken(&operators, &["ses*"], app, &[]).is_empty());
    let of_domain =
        client(&[("https://login.acme.example/", "session=for-all; Domain=acme.example; Path=/")]);
    assert_eq!(taken(&of_domain, &["session"], app, &[]), ["for-all"], "it is sent to the application");
}

#[test]
fn a_cookie_of_another_path_is_another() {
    let both = client(&[
        ("https://app.example/admin/login", "session=of-the-operator; Path=/admin"),
        ("https://app.example/adm", "session=other; Path=/adm"),
    ]);
    assert!(taken(&both, &["session"], "https://app.example/administer", &[]).is_empty());
    assert!(taken(&both, &["session"], "https://app.example/", &[]).is_empty());
    assert_eq!(taken(&both, &["session"], "https://app.example/admin/users", &[]), ["of-the-operator"]);
}

#[test]
fn of_two_of_one_name_the_most_specific_path_counts_then_the_first() {
    let many = client(&[
        ("https://app.example/", "a=root; Path=/"),
        ("https://app.example/", "a=deep; Path=/shop/cart"),
        ("https://app.example/", "a=shop; Path=/shop"),
        ("https://app.example/", "b=first; Domain=app.example; Path=/"),
        ("https://app.example/", "b=second; Path=/"),
        ("https://app.example/", "b=first-again; Domain=app.example; Path=/"),
    ]);
    assert_eq!(taken(&many, &["a", "b"], "https://app.example/shop/x", &[]), ["shop", "first-again"]);
    assert_eq!(taken(&many, &["a"], "https://app.example/shop/cart/1", &[]), ["deep"]);
    assert_eq!(taken(&many, &["a"], "https://app.example/", &[]), ["root"]);
}

#[test]
fn the_file_may_name_where_cookies_belong_and_any_path_counts_there() {
    let login = client(&[
        ("https://login.example/realms/x/impersonate", "IDENTITY=of-ada; Path=/realms/x/"),
        ("https://admin.example/", "IDENTITY=of-the-operator"),
    ]);
    let app = "https://app.example/";
    assert!(taken(&login, &["IDENTITY"], app, &[]).is_empty());
    assert_eq!(taken(&login, &["IDENTITY"], app, &["https://login.example"]), ["of-ada"]);
    assert_eq!(taken(&login, &["ID*"], app, &["https://login.example"]), ["of-ada"]);
}

#[test]
fn of_a_one_time_link_every_part_that_counts_is_a_secret() {
    let mut client = client(&[]);
    client.add_capture(
        "link",
        "https://app.example/tickets/accept?ticket=one%2Dtime-0815&x=1#frag-0815".into(),
    );
    client.add_capture("magic", "https://app.example/magic/0123456789abcdef0123".into());
    client.add_capture("plain", "https://app.example/users".into());
    client.add_capture("code", 123_456.into());
    let secrets = client.collect_secrets();
    let has = |text: &str| secrets.iter().any(|secret| secret.expose_secret() == text);
    for text in ["ticket=one%2Dtime-0815&x=1", "one-time-0815", "frag-0815", "0123456789abcdef0123", "123456"]
    {
        assert!(has(text), "{text}");
    }
    assert!(!has("/users") && !has("1"));
}
