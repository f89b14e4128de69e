//! What is kept, sent and told of the window's cookies, whatever pages and answers do.

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}

fn sent(header: Option<&str>, is_complete: bool) -> SentCookies<'_> {
    SentCookies { header, is_complete }
}

fn carried(cookies: &WindowCookies, at: &Url) -> String {
    cookies.write_header(at).map(|header| header.expose_secret().to_owned()).unwrap_or_default()
}

/// As if the last answer was long ago.
fn grow_old(cookies: &WindowCookies) {
    for seen in cookies.kept.lock().values_mut().flatten() {
        seen.set_at = None;
    }
}

#[test]
fn what_answers_set_is_sent_and_what_they_delete_is_not() {
    let cookies = WindowCookies::default();
    let login = url("https://app.example/login");
    cookies.record_set(&login, &["sid=1; Path=/; HttpOnly", "theme=dark", "x=1; Domain=other.example"]);
    assert_eq!(carried(&cookies, &url("https://app.example/logout")), "sid=1; theme=dark");
    cookies.record_set(&login, &["sid=; Path=/; Max-Age=0"]);
    assert_eq!(carried(&cookies, &login), "theme=dark");
    assert_eq!(carried(&cookies.take_all(), &login), "theme=dark");
    assert_eq!(carried(&cookies, &login), "");
}

#[test]
fn what_the_window_lacks_is_told_with_the_reason() {
    let cookies = WindowCookies::default();
    let login = url("http://127.0.0.1/hooks/login");
    cookies.record_set(&login, &["sid=1", "lax=1; Secure", "old=; Max-Age=0; Path=/", "all=1; Path=/"]);
    let told = |problems: Vec<CookieProblem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(told(cookies.list_unkept()).starts_with("the cookie `lax` is marked `Secure`"));
    let unsent = told(cookies.list_unsent(&url("http://127.0.0.1/api/me")));
    assert_eq!(
        unsent,
        "the cookie `sid` was set without `Path`, so it is for `/hooks` and what is below it, but `/api/me` is \
         not: set it with `Path=/`\nthe cookie `old` was deleted by the answer, whose `Max-Age` makes it expire at once"
    );
    assert!(cookies.list_unsent(&url("http://127.0.0.1/hooks/x")).iter().all(|cookie| cookie.name == "old"));
    cookies.record_set(&login, &["lax=1; Path=/", "old=1; Path=/"]);
    assert!(cookies.list_unkept().is_empty());
    assert!(!told(cookies.list_unsent(&login)).contains("old"));
    for number in 0..2 * MOST_LOST {
        cookies.record_set(&login, &[&format!("c{number}=1; Secure")]);
    }
    assert_eq!(cookies.list_unkept().len(), MOST_LOST, "a page cannot fill the memory");
    drop(cookies.take_all());
    assert!(cookies.list_unkept().is_empty() && cookies.list_unsent(&login).is_empty());
}

#[test]
fn cookies_go_where_engines_send_them() {
    let cookies = WindowCookies::default();
    cookies.record_set(
        &url("https://app.acme.example/shop/cart"),
        &["a=1; Domain=.acme.example; Path=/", "b=1", "c=1; Path=/shop", "d=1; Secure; Path=/"],
    );
    for (at, expected) in [
        ("https://app.acme.example/shop/cart", "b=1; c=1; a=1; d=1"),
        ("https://app.acme.example/shopping", "a=1; d=1"),
        ("https://acme.example/", "a=1"),
        ("https://other.acme.example/", "a=1"),
        ("http://app.acme.example/", "a=1"),
        ("https://notacme.example/", ""),
    ] {
        let mut pairs: Vec<_> = carried(&cookies, &url(at)).split("; ").map(str::to_owned).collect();
        pairs.sort();
        let mut wanted: Vec<_> = expected.split("; ").map(str::to_owned).collect();
        wanted.sort();
        assert_eq!(pairs, wanted, "{at}");
    }
}

#[test]
fn a_cookie_that_a_script_sets_or_changes_is_taken_from_the_request_that_carries_it() {
    let cookies = WindowCookies::default();
    let app = url("https://app.example/home");
    cookies.record_sent(&app, sent(Some("tab=7; token=a=b"), false));
    assert_eq!(carried(&cookies, &url("https://app.example/logout")), "tab=7; token=a=b");
    cookies.record_sent(&app, sent(Some("tab=8"), false));
    assert_eq!(carried(&cookies, &app), "tab=8; token=a=b", "a fetch may leave some out");
    cookies.record_sent(&app, sent(Some("tab=8"), true));
    assert_eq!(carried(&cookies, &app), "tab=8", "a script has deleted it");
    cookies.record_sent(&app, sent(None, true));
    assert_eq!(carried(&cookies, &app), "");
}

#[test]
fn a_request_that_was_under_way_brings_no_old_value_back() {
    let cookies = WindowCookies::default();
    let app = url("https://app.example/");
    cookies.record_set(&app, &["sid=new; Path=/", "csrf=1; Path=/"]);
    cookies.record_sent(&app, sent(Some("sid=old"), true));
    assert_eq!(carried(&cookies, &app), "sid=new; csrf=1");
}

#[test]
fn no_script_takes_the_place_of_a_cookie_that_it_cannot_see() {
    let cookies = WindowCookies::default();
    let app = url("https://app.example/");
    cookies.record_set(&app, &["sid=real; Path=/; HttpOnly"]);
    grow_old(&cookies);
    cookies.record_sent(&app, sent(None, true));
    assert_eq!(carried(&cookies, &app), "sid=real");
    // A script of the page: document.cookie = "sid=fake; Domain=app.example".
    cookies.record_sent(&app, sent(Some("sid=real; sid=fake"), true));
    cookies.record_sent(&app, sent(Some("sid=real; sid=fake"), true));
    assert_eq!(carried(&cookies, &app), "sid=real; sid=fake");
    cookies.record_sent(&app, sent(Some("sid=fake"), true));
    assert!(carried(&cookies, &app).contains("sid=real"));
    // An answer sets another one for the domain, and takes it away again.
    cookies.record_set(&app, &["sid=wide; Domain=app.example; Path=/"]);
    cookies.record_set(&app, &["sid=; Domain=app.example; Path=/; Max-Age=0"]);
    assert_eq!(carried(&cookies, &app), "sid=real");
}

#[test]
fn a_page_can_fill_neither_the_memory_nor_the_place_of_the_session() {
    let cookies = WindowCookies::default();
    let app = url("https://app.example/");
    cookies.record_set(&app, &["sid=real; Path=/; HttpOnly"]);
    for number in 0..10 * MOST_OF_DOMAIN {
        cookies.record_sent(&app, sent(Some(&format!("c{number}=1")), false));
        cookies.record_set(&url(&format!("https://t{number}.example/")), &["a=1"]);
    }
    cookies.record_set(&app, &[&format!("long={}", "x".repeat(5_000))]);
    let all = cookies.list_cookies(&app);
    assert!(all.len() == MOST_OF_DOMAIN && all.iter().any(|cookie| cookie.name == "sid"));
    assert_eq!(cookies.kept.lock().len(), MOST_DOMAINS);
    cookies.record_set(&app, &["sid=next; Path=/; HttpOnly"]);
    assert!(carried(&cookies, &app).contains("sid=next"));
}

proptest! {
    /// Whatever requests carry, a cookie that scripts cannot see stays as the answer set it.
    #[test]
    fn requests_never_change_what_scripts_cannot_see(headers in prop::collection::vec("(sid|a)=[a-c]{1,2}(; (sid|a)=[a-c]{1,2}){0,3}", 0..12), complete in any::<bool>()) {
        let cookies = WindowCookies::default();
        let app = url("https://app.example/");
        cookies.record_set(&app, &["sid=the-real-one; Path=/; HttpOnly"]);
        grow_old(&cookies);
        for header in &headers {
            cookies.record_sent(&app, sent(Some(header), complete));
        }
        prop_assert!(carried(&cookies, &app).contains("sid=the-real-one"));
    }
}
