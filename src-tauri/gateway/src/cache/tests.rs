//! What is kept, for whom, and that nothing of one session reaches another.

use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::body::full_body;

fn ask(headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::get("https://app.example/app.js").body(()).expect("a request");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    request.into_parts().0
}

fn answer(headers: &[(&str, &str)]) -> response::Parts {
    let mut response = Response::new(());
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        response.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    response.into_parts().0
}

/// Whether an answer to a request is kept, once it has passed.
async fn passes_into(cache: &Arc<PublicCache>, asked: &request::Parts, answered: &response::Parts) -> bool {
    match cache.keep_while_passing(asked, answered, full_body("content")) {
        Ok(body) => {
            assert_eq!(body.collect().await.expect("a body").to_bytes(), "content");
            true
        }
        Err(_) => false,
    }
}

fn is_fresh(lookup: &CacheLookup) -> bool {
    matches!(lookup, CacheLookup::Fresh(_))
}

const SCRIPT: (&str, &str) = ("content-type", "text/javascript; charset=utf-8");
const PUBLIC: (&str, &str) = ("cache-control", "public, max-age=60");

#[tokio::test]
async fn a_public_file_is_loaded_once() {
    let cache = Arc::new(PublicCache::new(1 << 20));
    let first = ask(&[("cookie", "session=canary"), ("accept-encoding", "gzip")]);
    assert!(matches!(cache.look_up(&first, SystemTime::now()), CacheLookup::Miss));
    assert!(passes_into(&cache, &first, &answer(&[SCRIPT, PUBLIC])).await);

    let second = ask(&[("cookie", "session=other"), ("accept-encoding", "gzip")]);
    let CacheLookup::Fresh(file) = cache.look_up(&second, SystemTime::now()) else { panic!("it was kept") };
    assert_eq!(file.body(), "content");
    assert!(!is_fresh(&cache.look_up(&second, SystemTime::now() + Duration::from_mins(2))));
    assert!(!is_fresh(&cache.look_up(&ask(&[("cache-control", "no-cache")]), SystemTime::now())), "a reload");
    assert_eq!(cache.measure(), (1, 7));
    cache.clear();
    assert!(!is_fresh(&cache.look_up(&second, SystemTime::now())));
}

#[tokio::test]
async fn what_may_be_personal_is_not_kept() {
    for headers in [
        vec![("content-type", "text/html"), PUBLIC],
        vec![("content-type", "application/json"), PUBLIC],
        vec![("content-type", "application/ld+json"), PUBLIC],
        vec![PUBLIC],
        vec![SCRIPT],
        vec![SCRIPT, ("cache-control", "max-age=60")],
        vec![SCRIPT, ("cache-control", "private, immutable")],
        vec![SCRIPT, ("cache-control", "public, no-store")],
        vec![SCRIPT, ("cache-control", "public, no-cache")],
        vec![SCRIPT, PUBLIC, ("set-cookie", "a=1")],
        vec![SCRIPT, PUBLIC, ("vary", "*")],
        vec![SCRIPT, PUBLIC, ("vary", "accept-encoding, cookie")],
        vec![SCRIPT, PUBLIC, ("access-control-allow-origin", "https://app.example")],
    ] {
        let cache = Arc::new(PublicCache::new(1 << 20));
        assert!(!passes_into(&cache, &ask(&[]), &answer(&headers)).await, "{headers:?}");
    }
    let cache = Arc::new(PublicCache::new(1 << 20));
    for header in [("authorization", "Bearer x"), ("range", "bytes=0-1"), ("if-none-match", "\"a\"")] {
        assert!(!passes_into(&cache, &ask(&[header]), &answer(&[SCRIPT, PUBLIC])).await, "{header:?}");
    }
    let mut failed = answer(&[SCRIPT, PUBLIC]);
    failed.status = StatusCode::NOT_FOUND;
    assert!(!passes_into(&cache, &ask(&[]), &failed).await);
}

#[tokio::test]
async fn an_old_file_is_asked_for_again() {
    let cache = Arc::new(PublicCache::new(1 << 20));
    let headers = [SCRIPT, ("cache-control", "public, max-age=0"), ("etag", "\"one\"")];
    assert!(passes_into(&cache, &ask(&[]), &answer(&headers)).await);
    let now = SystemTime::now() + Duration::from_secs(1);
    let CacheLookup::Stale(stale, conditions) = cache.look_up(&ask(&[]), now) else {
        panic!("it can be asked for")
    };
    assert_eq!(conditions.len(), 1);
    assert_eq!(conditions[IF_NONE_MATCH], "\"one\"");
    let mut not_modified = answer(&[("etag", "\"one\""), ("cache-control", "public, max-age=60")]);
    not_modified.status = StatusCode::NOT_MODIFIED;
    let again = cache.revalidate(stale, &ask(&[]), &not_modified, now).expect("it still holds");
    assert_eq!((again.status(), again.body().as_ref()), (StatusCode::OK, &b"content"[..]));
    assert!(is_fresh(&cache.look_up(&ask(&[]), now)));

    let later = now + Duration::from_mins(2);
    let mut personal =
        answer(&[("etag", "\"one\""), ("cache-control", "private"), ("set-cookie", "a=canary")]);
    personal.status = StatusCode::NOT_MODIFIED;
    let CacheLookup::Stale(stale, _) = cache.look_up(&ask(&[]), later) else { panic!("it is old again") };
    let last = cache.revalidate(stale, &ask(&[]), &personal, later).expect("it still holds, for who asked");
    assert!(!last.headers().contains_key(SET_COOKIE));
    assert_eq!(cache.measure(), (0, 0), "what became personal is not kept");
}

#[tokio::test]
async fn a_file_that_broke_off_is_not_kept() {
    let cache = Arc::new(PublicCache::new(1 << 20));
    assert!(passes_into(&cache, &ask(&[]), &answer(&[SCRIPT, PUBLIC, ("content-length", "9")])).await);
    assert_eq!(cache.measure(), (0, 0));
    let dropped = cache.keep_while_passing(&ask(&[]), &answer(&[SCRIPT, PUBLIC]), full_body("content"));
    drop(dropped);
    assert_eq!(cache.measure(), (0, 0));
}

#[tokio::test]
async fn the_least_used_file_makes_room() {
    let cache = Arc::new(PublicCache::new(20));
    for path in ["one", "two"] {
        let mut asked = ask(&[]);
        asked.uri = format!("https://app.example/{path}.js").parse().expect("a URL");
        assert!(passes_into(&cache, &asked, &answer(&[SCRIPT, PUBLIC])).await);
    }
    let mut one = ask(&[]);
    one.uri = "https://app.example/one.js".parse().expect("a URL");
    assert!(is_fresh(&cache.look_up(&one, SystemTime::now())));
    assert!(passes_into(&cache, &ask(&[]), &answer(&[SCRIPT, PUBLIC])).await);
    assert_eq!(cache.measure(), (2, 14));
    assert!(is_fresh(&cache.look_up(&one, SystemTime::now())));
}

fn any_headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let directive =
        prop_oneof![Just("public"), Just("immutable"), Just("private"), Just("max-age=60"), Just("no-store")];
    let list = proptest::collection::vec(directive, 0..4).prop_map(|list| ("cache-control", list.join(", ")));
    let header = prop_oneof![
        list,
        prop_oneof![
            Just("text/javascript"),
            Just("text/css"),
            Just("image/png"),
            Just("text/html"),
            Just("application/json")
        ]
        .prop_map(|it| ("content-type", it.to_owned())),
        prop_oneof![Just("accept-encoding"), Just("origin"), Just("cookie"), Just("*"), Just("user-agent")]
            .prop_map(|it| ("vary", it.to_owned())),
        Just(("set-cookie", "id=1".to_owned())),
        prop_oneof![Just("*"), Just("https://app.example")]
            .prop_map(|it| ("access-control-allow-origin", it.to_owned())),
        Just(("etag", "\"a\"".to_owned())),
    ];
    proptest::collection::vec(header, 0..6)
}

proptest! {
    /// Two sessions with different cookies and headers ask for the same address. Whatever the second one gets from the
    /// cache, the application had marked for all; and nothing of the first one's request is in it.
    #[test]
    fn nothing_of_one_session_reaches_another(headers in any_headers(), secret in "canary[a-z]{8}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let cache = Arc::new(PublicCache::new(1 << 20));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let cookie = format!("session={secret}");
        let first = ask(&[("cookie", &cookie), ("user-agent", &secret), ("x-own", &secret), ("referer", &secret)]);
        runtime.block_on(passes_into(&cache, &first, &answer(&headers)));
        let kept = format!("{:?}", cache.files.lock().by_address.values().map(|file| &file.policy).collect::<Vec<_>>());
        prop_assert!(!kept.contains(&secret));
        if let CacheLookup::Fresh(file) = cache.look_up(&ask(&[("cookie", "session=other")]), SystemTime::now()) {
            let says = |name: &str, text: &str| headers.iter().any(|(it, value)| *it == name && value.contains(text));
            prop_assert!(says("cache-control", "public") || says("cache-control", "immutable"));
            prop_assert!(!says("cache-control", "private") && !says("cache-control", "no-store"));
            prop_assert!(!says("vary", "cookie") && !says("vary", "*") && !says("vary", "user-agent"));
            prop_assert!(!file.headers().contains_key(SET_COOKIE) && !file.headers().contains_key(COOKIE));
        }
    }
}
