use http::header::WWW_AUTHENTICATE;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn credentials(origin: &str, password: &str) -> HostCredentials {
    let origin = url(origin).origin();
    HostCredentials { origin, user: "gate".into(), password: password.into(), is_sent_unasked: false }
}

fn challenge(text: &str) -> HeaderMap {
    [(WWW_AUTHENTICATE, HeaderValue::from_str(text).expect("a value"))].into_iter().collect()
}

fn digest(nonce: &str, more: &str) -> HeaderMap {
    challenge(&format!("Digest realm=\"d\", qop=\"auth\", nonce=\"{nonce}\"{more}"))
}

/// Answers a challenge that has to be answered.
fn answer(
    store: &CredentialStore,
    headers: &HeaderMap,
    at: &str,
    sent: Option<&Authorization>,
) -> Authorization {
    match store.answer_challenge(headers, (&Method::GET, &url(at)), sent) {
        Some(ChallengeAnswer::Authorize(authorization)) => authorization,
        other => panic!("no answer at {at}: {:?}", other.is_some()),
    }
}

fn is_refused(store: &CredentialStore, headers: &HeaderMap, sent: &Authorization) -> bool {
    let at = url("https://app.example/a");
    let answered = store.answer_challenge(headers, (&Method::GET, &at), Some(sent));
    matches!(answered, Some(ChallengeAnswer::Refused))
}

fn sent_unasked(store: &CredentialStore, at: &str) -> Option<String> {
    let authorization = store.authorize(&Method::GET, &url(at))?;
    Some(authorization.header.to_str().expect("ASCII").to_owned())
}

fn remove_refused(store: &CredentialStore, headers: &HeaderMap) -> Option<String> {
    let challenge = Challenge::find(headers).expect("a challenge");
    store.remove_refused(&url("https://app.example").origin(), &challenge)
}

/// One parameter of an `Authorization` header.
fn param(header: &str, name: &str) -> Option<String> {
    let (_, params) = header.split_once(' ')?;
    let mut params = params.split(", ").filter_map(|param| param.split_once('='));
    params.find(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('"').to_owned())
}

#[test]
fn credentials_are_for_one_origin_and_no_debug_output() {
    let known = HostCredentials { is_sent_unasked: true, ..credentials("https://app.example", "canary") };
    assert!(!format!("{known:?}").contains("canary"));
    let store = CredentialStore::new(vec![known]);
    let sent = store.authorize(&Method::GET, &url("https://app.example/a")).expect("credentials");
    assert_eq!(sent.header, format!("Basic {}", BASE64_STANDARD.encode("gate:canary")));
    assert!(!format!("{:?}", sent.header).contains("Basic"));
    for other in ["http://app.example/", "https://app.example:8443/", "https://a.app.example/", "data:,x"] {
        assert_eq!(sent_unasked(&store, other), None, "{other}");
        let asked =
            store.answer_challenge(&challenge("Basic realm=\"x\""), (&Method::GET, &url(other)), None);
        assert!(matches!(asked, Some(ChallengeAnswer::Unknown)), "{other}");
    }
    store.replace(Vec::new());
    assert_eq!(sent_unasked(&store, "https://app.example/"), None);
}

#[test]
fn what_is_not_sent_unasked_is_sent_to_the_whole_origin_once_it_was_asked_for() {
    let store = CredentialStore::new(vec![credentials("https://app.example", "canary")]);
    assert_eq!(sent_unasked(&store, "https://app.example/a/b"), None);
    assert!(
        store
            .answer_challenge(&HeaderMap::new(), (&Method::GET, &url("https://app.example/")), None)
            .is_none()
    );
    let basic = challenge("Basic realm=\"x\"");
    let sent = answer(&store, &basic, "https://app.example/a/b", None);
    assert_eq!(sent_unasked(&store, "https://app.example/c").as_deref(), sent.header.to_str().ok());
    assert!(is_refused(&store, &basic, &sent));
    // Basic was not what this server wants.
    let digest = answer(&store, &digest("n", ""), "https://app.example/a", Some(&sent));
    assert!(digest.header.to_str().expect("ASCII").starts_with("Digest "));
}

/// The examples of RFC 7616, 3.9.1, and RFC 2617, 3.5 without `qop`, checked by calculating again what a server does.
#[test]
fn a_digest_is_what_a_server_calculates() {
    use md5::Digest as _;
    let md5 = |text: String| hex(&md5::Md5::digest(text));
    let sha256 = |text: String| hex(&sha2::Sha256::digest(text));
    let sha512 = |text: String| hex(&sha2::Sha512_256::digest(text));
    let hashes: [(&str, &dyn Fn(String) -> String); 3] =
        [("MD5", &md5), ("SHA-256", &sha256), ("SHA-512-256", &sha512)];
    for (algorithm, hash) in hashes {
        for (session, user_hash) in [(false, false), (true, false), (false, true)] {
            let store = CredentialStore::new(vec![credentials("https://app.example", "pass: word")]);
            let suffix = if session { "-sess" } else { "" };
            let user_hashed = if user_hash { ", userhash=true" } else { "" };
            let asked = digest("abc", &format!(", algorithm={algorithm}{suffix}, opaque=\"o\"{user_hashed}"));
            let sent = answer(&store, &asked, "https://app.example/a?b=c#d", None);
            let header = sent.header.to_str().expect("ASCII");
            let value = |name| param(header, name).expect(name);
            let (cnonce, count) = (value("cnonce"), value("nc"));
            let mut secret = hash("gate:d:pass: word".into());
            if session {
                secret = hash(format!("{secret}:abc:{cnonce}"));
            }
            let asked_for = hash("GET:/a?b=c".into());
            let expected = hash(format!("{secret}:abc:{count}:{cnonce}:auth:{asked_for}"));
            assert_eq!(value("response"), expected, "{algorithm}{suffix}");
            assert_eq!(value("algorithm"), format!("{algorithm}{suffix}"));
            assert_eq!((count.as_str(), value("uri").as_str()), ("00000001", "/a?b=c"));
            assert_eq!((value("opaque").as_str(), value("qop").as_str()), ("o", "auth"));
            let user = if user_hash { hash("gate:d".into()) } else { "gate".into() };
            assert_eq!(value("username"), user);
        }
    }
    // RFC 2069: no `qop`, no count.
    let store = CredentialStore::new(vec![credentials("https://app.example", "canary")]);
    let asked = challenge("Digest realm=\"d\", nonce=\"abc\"");
    let sent = answer(&store, &asked, "https://app.example/a", None);
    let header = sent.header.to_str().expect("ASCII");
    let expected = md5(format!("{}:abc:{}", md5("gate:d:canary".into()), md5("GET:/a".into())));
    assert_eq!(param(header, "response").as_ref(), Some(&expected));
    assert_eq!((param(header, "nc"), param(header, "qop")), (None, None));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + format!("{byte:02x}").as_str())
}

#[test]
fn a_nonce_is_counted_and_given_up_when_the_server_does() {
    let store = CredentialStore::new(vec![credentials("https://app.example", "canary")]);
    let fresh = answer(&store, &digest("one", ""), "https://app.example/a", None);
    let again = |count: &str| {
        let authorization =
            store.authorize(&Method::POST, &url("https://app.example/b")).expect("known by now");
        let header = authorization.header.to_str().expect("ASCII").to_owned();
        assert_eq!(
            (param(&header, "nonce").as_deref(), param(&header, "nc").as_deref()),
            (Some("one"), Some(count))
        );
        authorization
    };
    again("00000002");
    let reused = again("00000003");
    assert!(is_refused(&store, &digest("two", ""), &fresh), "the password is wrong");
    assert!(!is_refused(&store, &digest("two", ", stale=true"), &fresh), "the nonce was too old");
    // A server may forget its nonces without saying so.
    let next = answer(&store, &digest("three", ""), "https://app.example/a", Some(&reused));
    assert!(next.header.to_str().expect("ASCII").contains("three"));
    assert!(sent_unasked(&store, "https://app.example/c").expect("known").contains("three"));
}

#[test]
fn what_was_entered_is_for_its_realm_and_the_paths_below() {
    let store = CredentialStore::new(vec![credentials("https://app.example", "stored")]);
    store.add_for_realm(credentials("https://app.example", "first"), "x".into(), true);
    store.add_for_realm(credentials("https://app.example", "entered"), "x".into(), true);
    let basic = |password: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("gate:{password}")));
    let (x, y) = (challenge("Basic realm=\"x\""), challenge("Basic realm=\"y\""));
    let sent = answer(&store, &x, "https://app.example/admin/a", None);
    assert_eq!(sent.header, basic("entered"), "the last one that was entered");
    assert!(store.is_entered(&sent));
    assert!(store.has_entered(&url("https://app.example/admin/b.js")));
    assert!(!store.has_entered(&url("https://app.example/b.js")), "not asked for there");
    assert_eq!(sent_unasked(&store, "https://app.example/admin/b/c"), Some(basic("entered")));
    assert_eq!(sent_unasked(&store, "https://app.example/other"), None);
    let stored = answer(&store, &y, "https://app.example/other", None);
    assert_eq!(stored.header, basic("stored"));
    assert!(!store.is_entered(&stored));
    assert!(!store.has_entered(&url("https://app.example/b.js")));
    assert_eq!(
        sent_unasked(&store, "https://app.example/admin/b"),
        Some(basic("entered")),
        "the deeper path"
    );
    assert_eq!(remove_refused(&store, &x).as_deref(), Some("gate"));
    assert_eq!(sent_unasked(&store, "https://app.example/admin/b"), Some(basic("stored")));
}

#[test]
fn a_server_names_the_paths_of_a_digest() {
    let store = CredentialStore::default();
    store.add_for_realm(credentials("https://app.example", "canary"), "d".into(), false);
    let named = digest("n", ", domain=\"/api /files/ https://other.example/\"");
    answer(&store, &named, "https://app.example/api/x", None);
    assert!(sent_unasked(&store, "https://app.example/files/a").is_some());
    assert!(sent_unasked(&store, "https://app.example/page").is_none());
    assert!(sent_unasked(&store, "https://other.example/api").is_none());
}

#[test]
fn a_password_of_which_a_host_got_a_proof_is_not_sent_itself_when_the_host_asks_for_it() {
    let basic = challenge("Basic realm=\"d\"");
    for (origin, stored) in
        [("http://app.example", false), ("https://app.example", false), ("http://app.example", true)]
    {
        let login = credentials(origin, "canary");
        let store = CredentialStore::new(if stored { vec![login.clone()] } else { Vec::new() });
        if !stored {
            // The question said: "The password itself is not sent."
            store.add_for_realm(login, "d".into(), false);
        }
        let at = url(&format!("{origin}/a"));
        let sent = answer(&store, &digest("n", ""), at.as_str(), None);
        for sent in [Some(&sent), None] {
            let answered = store.answer_challenge(&basic, (&Method::GET, &at), sent);
            assert!(matches!(answered, Some(ChallengeAnswer::Refused)), "{origin}, stored: {stored}");
        }
        let later = sent_unasked(&store, at.as_str()).expect("known");
        assert!(later.starts_with("Digest "), "{later}");
    }
    let store = CredentialStore::default();
    store.add_for_realm(credentials("https://app.example", "canary"), "d".into(), false);
    assert_eq!(remove_refused(&store, &basic), None, "the host has not tried them");
    store.add_for_realm(credentials("https://app.example", "canary"), "d".into(), true);
    assert_eq!(remove_refused(&store, &basic).as_deref(), Some("gate"));
}

#[test]
fn realms_without_end_fill_no_memory_and_the_newest_are_known() {
    let store = CredentialStore::new(vec![credentials("https://app.example", "stored")]);
    for number in 0..MOST_SPACES * 2 {
        let realm = challenge(&format!("Basic realm=\"{number}\""));
        answer(&store, &realm, "https://app.example/a", None);
        assert!(store.0.lock().spaces.len() <= MOST_SPACES);
        assert_eq!(store.0.lock().spaces.last().expect("a space").realm, number.to_string());
    }
}
