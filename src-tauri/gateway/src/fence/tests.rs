//! The fence, request by request, and as properties.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use url::Url;

use super::*;

fn rules(mode: SessionMode) -> FenceRules {
    FenceRules {
        mode,
        application: vec![Url::parse("https://app.example/").expect("a URL").origin()],
        blocked_paths: vec!["/hijack/".into()],
        allowed: vec![
            AllowedRequest {
                kind: AllowedKind::Method(Method::POST),
                origin: None,
                path: PathPattern::parse("/api/search").expect("a pattern"),
            },
            AllowedRequest {
                kind: AllowedKind::Socket,
                origin: None,
                path: PathPattern::parse("/live").expect("a pattern"),
            },
            AllowedRequest {
                kind: AllowedKind::Method(Method::POST),
                origin: Some(OriginPattern::parse("https://*.api.example").expect("a pattern")),
                path: PathPattern::parse("/items/search").expect("a pattern"),
            },
        ],
        open_hosts: vec![HostPattern::parse("*.sso.example").expect("a pattern")],
        blocked_hosts: vec![HostPattern::parse("*.tracker.example").expect("a pattern")],
    }
}

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().expect("a name"), HeaderValue::from_str(value).expect("a value"))
    };
    list.iter().map(header).collect()
}

fn decide(mode: SessionMode, method: &Method, url: &str, list: &[(&str, &str)], body: &[u8]) -> Decision {
    let (url, headers) = (Url::parse(url).expect("a URL"), headers(list));
    rules(mode).decide(&RequestFacts { method, url: &url, headers: &headers, body: BodyFacts::Whole(body) })
}

fn read_only(method: &Method, path: &str, list: &[(&str, &str)], body: &str) -> Decision {
    decide(SessionMode::ReadOnly, method, &format!("https://app.example{path}"), list, body.as_bytes())
}

#[test]
fn a_read_only_session_reads() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(read_only(&method, "/orders?page=2", &[], ""), Decision::Pass);
    }
    assert_eq!(
        read_only(&Method::POST, "/api/search", &[("content-type", "application/json")], "{}"),
        Decision::Pass
    );
    let socket = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
    assert_eq!(read_only(&Method::GET, "/live", &socket, ""), Decision::Pass);
}

#[test]
fn a_read_only_session_writes_nothing() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::CONNECT] {
        let decision = read_only(&method, "/orders/7", &[], "");
        assert_eq!(decision, Decision::Refuse(FenceReason::Writes { method: method.to_string() }));
    }
    let custom = Method::from_bytes(b"PURGE").expect("a method");
    assert!(matches!(read_only(&custom, "/", &[], ""), Decision::Refuse(FenceReason::Writes { .. })));
    let socket = [("connection", "Upgrade"), ("upgrade", "websocket")];
    assert_eq!(read_only(&Method::GET, "/other", &socket, ""), Decision::Refuse(FenceReason::Socket));
    // A socket is opened by a GET. Anything else at its path writes, whatever it says of itself.
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(read_only(&method, "/live", &socket, "{}"), Decision::Refuse(FenceReason::Socket));
    }
    // What is allowed at the application is not allowed elsewhere.
    let elsewhere =
        decide(SessionMode::ReadOnly, &Method::POST, "https://other.example/api/search", &[], b"");
    assert!(matches!(elsewhere, Decision::Refuse(FenceReason::Writes { .. })));
    assert_eq!(
        decide(SessionMode::Full, &Method::POST, "https://app.example/orders", &[], b""),
        Decision::Pass
    );
}

#[test]
fn what_is_allowed_at_another_server_is_allowed_there_alone() {
    let search = |url| decide(SessionMode::ReadOnly, &Method::POST, url, &[], b"");
    assert_eq!(search("https://eu.api.example/items/search"), Decision::Pass);
    for other in [
        "https://app.example/items/search",
        "https://api.example/items/search",
        "http://eu.api.example/items/search",
        "https://eu.api.example:8443/items/search",
        "https://eu.api.example./items/search",
        "https://eu.api.example/items/search/delete",
        "https://eu.api.example.evil.example/items/search",
    ] {
        assert!(matches!(search(other), Decision::Refuse(FenceReason::Writes { .. })), "{other}");
    }
}

#[test]
fn a_request_that_asks_for_another_method_is_taken_at_its_word() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--";
    for (method, path, list, body) in [
        (Method::GET, "/orders/7", vec![("x-http-method-override", "DELETE")], ""),
        (Method::GET, "/orders/7", vec![("X-HTTP-Method", "put")], ""),
        (Method::GET, "/orders/7", vec![("x-method-override", "PATCH")], ""),
        (Method::GET, "/orders/7?_method=delete", vec![], ""),
        (Method::GET, "/orders/7?X-HTTP-Method-Override=PUT", vec![], ""),
        (Method::POST, "/api/search", vec![form], "q=1&_method=DELETE"),
        (Method::POST, "/api/search", vec![], "q=1&%5Fmethod=DELETE"),
        (Method::POST, "/api/search", vec![("content-type", "application/json")], r#"{"_method":"DELETE"}"#),
        (Method::POST, "/api/search", vec![("content-type", "multipart/form-data; boundary=x")], multipart),
        (Method::GET, "/orders/7", vec![("x_http_method_override", "DELETE")], ""),
        (Method::GET, "/orders/7", vec![("X-HTTP_Method", "DELETE")], ""),
        (Method::GET, "/orders/7?a=1;_method=delete", vec![], ""),
        (Method::POST, "/api/search", vec![form], "q=1&.method=DELETE"),
        (Method::POST, "/api/search", vec![form], "q=1&[method=DELETE"),
        (Method::POST, "/api/search", vec![form], "q=1&_method[]=DELETE"),
        (Method::POST, "/api/search", vec![form], "q=1&_method%00x=DELETE"),
        (Method::POST, "/api/search", vec![form], "q=1&+_method=DELETE"),
        (Method::POST, "/api/search", vec![form], "q=1;_method=DELETE"),
        (Method::POST, "/api/search", vec![form], "x_http_method_override=DELETE"),
        (
            Method::POST,
            "/api/search",
            vec![("content-type", "application/x-www-form-urlencoded; x=json")],
            "_method=DELETE",
        ),
        (
            Method::POST,
            "/api/search",
            vec![("content-type", "application/x-www-form-urlencoded;json")],
            "_method=DELETE",
        ),
        (Method::POST, "/api/search", vec![("content-type", "multipart")], multipart),
        (Method::POST, "/api/search", vec![("content-type", "application/json; charset=utf-7")], "{}"),
        (
            Method::POST,
            "/api/search",
            vec![("content-type", "application/json")],
            r#"{"_method":"DELETE","_method":"POST"}"#,
        ),
    ] {
        let decision = read_only(&method, path, &list, body);
        assert!(
            matches!(decision, Decision::Refuse(FenceReason::MethodOverride { .. })),
            "{method} {path} {body}"
        );
    }
    let multi = [("content-type", "multipart/form-data; boundary=x")];
    for field in [
        "Content-Disposition: form-data; NAME=\"_method\"",
        "content-disposition: form-data; name='_method'",
        "Content-Disposition: form-data; name = \"_method\"",
        "Content-Disposition: form-data; name=_method",
        "Content-Disposition: form-data; name*=utf-8''%5Fmethod",
        "Content-Disposition: form-data;\r\n name=\"\\_method\"",
        "Content-Disposition: form-data; name=\".method\"",
        "Content-Disposition: form-data; filename=\"a\"; name=\"_method\"",
    ] {
        let body = format!("--x\r\n{field}\r\n\r\nDELETE\r\n--x--");
        let decision = read_only(&Method::POST, "/api/search", &multi, &body);
        assert_eq!(
            decision,
            Decision::Refuse(FenceReason::MethodOverride { method: "DELETE".into() }),
            "{field}"
        );
    }
    let search = "--x\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n_method\r\n--x--";
    assert_eq!(read_only(&Method::POST, "/api/search", &multi, search), Decision::Pass);
    for body in ["q=1&method=DELETE", "my_method=DELETE", "q=_method"] {
        assert_eq!(read_only(&Method::POST, "/api/search", &[form], body), Decision::Pass, "{body}");
    }
    assert_eq!(read_only(&Method::GET, "/orders?_method=GET", &[], ""), Decision::Pass);
    for (written, told) in [
        ("DELETE%0A\u{202e}".to_owned(), "DELETE"),
        ("%20".into(), "another method"),
        ("x".repeat(9_000), &*"x".repeat(20)),
    ] {
        let decision = read_only(&Method::GET, &format!("/?_method={written}"), &[], "");
        assert_eq!(
            decision,
            Decision::Refuse(FenceReason::MethodOverride { method: told.into() }),
            "{written:.20}"
        );
    }
}

#[test]
fn graphql_reads_where_the_path_names_it_and_writes_nowhere() {
    let json = [("content-type", "application/json; charset=utf-8")];
    let query = r#"{"query":"query A($id: ID!) { user(id: $id) { ...f } } fragment f on User { name }","variables":{"id":1}}"#;
    for body in [query, r#"{"query":"{ user { name } }"}"#, &format!("[{query},{query}]")] {
        for path in ["/graphql", "/api/v1.2/graphql/", "/gql"] {
            assert_eq!(read_only(&Method::POST, path, &json, body), Decision::Pass, "{path} {body}");
        }
        // What needs no body is done whatever stands in it.
        for path in ["/orders/7/cancel", "/graphql/7/cancel", "/cancel.php/graphql", "/"] {
            let decision = read_only(&Method::POST, path, &json, body);
            assert!(matches!(decision, Decision::Refuse(FenceReason::Writes { .. })), "{path} {body}");
        }
    }
    let plain = [("content-type", "application/graphql")];
    assert_eq!(read_only(&Method::POST, "/graphql", &plain, "{ user { name } }"), Decision::Pass);
    assert_eq!(read_only(&Method::GET, "/graphql?query={user{name}}", &[], ""), Decision::Pass);
    assert_eq!(read_only(&Method::GET, "/search?query=mutation+of+genes", &[], ""), Decision::Pass);

    let refused = |fault| Decision::Refuse(FenceReason::Graphql(fault));
    for (body, fault) in [
        (r#"{"query":"mutation { pay(id: 1) { id } }"}"#.to_owned(), GraphqlFault::Mutation),
        (r#"{"query":"{ a } mutation B { b }","operationName":"B"}"#.to_owned(), GraphqlFault::Mutation),
        (
            r#"{"query":"query A { a } mutation B { b }","operationName":"A"}"#.to_owned(),
            GraphqlFault::Mutation,
        ),
        (r#"{"query":"subscription { a }"}"#.to_owned(), GraphqlFault::Subscription),
        (format!(r#"[{query},{{"query":"mutation {{ a }}"}}]"#), GraphqlFault::Mutation),
        (
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#.to_owned(),
            GraphqlFault::Persisted,
        ),
        (r#"{"query":"{ a }","id":"stored"}"#.to_owned(), GraphqlFault::Persisted),
        (r#"{"query":"{ a }","extensions":{"operationId":"stored"}}"#.to_owned(), GraphqlFault::Persisted),
        (format!(r#"{{"query":"{}{}"}}"#, "{a".repeat(900), "}".repeat(900)), GraphqlFault::TooComplex),
    ] {
        assert_eq!(read_only(&Method::POST, "/graphql", &json, &body), refused(fault), "{body:.80}");
    }
    let in_url = read_only(&Method::GET, "/graphql?query=mutation{pay{id}}", &[], "");
    assert_eq!(in_url, refused(GraphqlFault::Mutation));
    let elsewhere = read_only(&Method::POST, "/whatever", &json, r#"{"query":"mutation { pay { id } }"}"#);
    assert_eq!(elsewhere, refused(GraphqlFault::Mutation), "no rule is proposed for that");
    let beside = read_only(&Method::POST, "/graphql?query=mutation{pay{id}}", &json, r#"{"query":"{ a }"}"#);
    assert_eq!(beside, refused(GraphqlFault::Mutation), "some servers prefer the address to the body");

    // Not GraphQL, though it has a query.
    for body in [
        r#"{"query":"{ a }","action":"delete"}"#,
        r#"{"query":"shoes"}"#,
        r#"{"query":"type A { b: C }"}"#,
        r#"{"query":["{ a }"]}"#,
        "[]",
        "{ a }",
        r#"[{"query":"{ a }"},{"delete":1}]"#,
        // Servers differ in which of the two they run.
        r#"{"query":"mutation { a }","query":"{ a }"}"#,
        r#"[{"query":"{ a }","query":"{ b }"}]"#,
    ] {
        let decision = read_only(&Method::POST, "/graphql", &json, body);
        assert!(matches!(decision, Decision::Refuse(FenceReason::Writes { .. })), "{body}");
    }
}

#[test]
fn a_form_that_is_json_at_the_same_time_is_no_graphql() {
    // A server that looks only for the beginning of the type reads a form.
    let body = r#"{"query":"{a}","operationName":"&email=evil%40evil.example&confirm=yes&"}"#;
    for kind in [
        "application/x-www-form-urlencoded;json",
        "application/x-www-form-urlencoded; x=json",
        "application/x-www-form-urlencoded, application/json",
        "application/json, application/x-www-form-urlencoded",
        "application/json; x=multipart/form-data",
        "application/json; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
    ] {
        let decision = read_only(&Method::POST, "/graphql", &[("content-type", kind)], body);
        assert!(matches!(decision, Decision::Refuse(FenceReason::Writes { .. })), "{kind} {decision:?}");
    }
    let twice = [("content-type", "application/json"), ("content_type", "application/x-www-form-urlencoded")];
    let decision = read_only(&Method::POST, "/graphql", &twice, body);
    assert!(matches!(decision, Decision::Refuse(FenceReason::Writes { .. })), "{decision:?}");
}

#[test]
fn graphql_in_another_charset_is_not_what_was_checked() {
    let body = r#"{"query":"{a}#+ACI-,+ACI-query+ACI-:+ACI-mutation{pay}"}"#;
    for kind in
        ["application/json; charset=", "application/graphql+json;charset=", "application/graphql; charset="]
    {
        for charset in ["utf-7", "utf-16le", "ibm037", "\"\"", "utf-8; charset=utf-7"] {
            let kind = format!("{kind}{charset}");
            let decision = read_only(&Method::POST, "/graphql", &[("content-type", &kind)], body);
            assert!(matches!(decision, Decision::Refuse(_)), "{kind} {decision:?}");
        }
    }
    for kind in
        ["application/json; charset=UTF-8", "application/json;charset=\"utf-8\"", "application/graphql+json"]
    {
        let decision =
            read_only(&Method::POST, "/graphql", &[("content-type", kind)], r#"{"query":"{ a }"}"#);
        assert_eq!(decision, Decision::Pass, "{kind}");
    }
}

#[test]
fn a_body_that_could_not_be_read_does_not_pass_as_allowed() {
    let url = Url::parse("https://app.example/api/search").expect("a URL");
    let headers = headers(&[("content-type", "application/json")]);
    let request =
        RequestFacts { method: &Method::POST, url: &url, headers: &headers, body: BodyFacts::Unread };
    let rules = rules(SessionMode::ReadOnly);
    assert!(rules.needs_body(&request));
    assert_eq!(rules.decide(&request), Decision::Refuse(FenceReason::TooLarge));
}

#[test]
fn blocked_paths_and_hosts_hold_in_every_mode() {
    for mode in [SessionMode::ReadOnly, SessionMode::Full] {
        let blocked = decide(mode, &Method::GET, "https://app.example/x/..%2fhijac%6b/release", &[], b"");
        assert_eq!(blocked, Decision::Refuse(FenceReason::BlockedPath));
        let dotted = decide(mode, &Method::GET, "https://app.example./hijack/release", &[], b"");
        assert_eq!(dotted, Decision::Refuse(FenceReason::BlockedPath), "the same host, written in full");
        let loud = decide(mode, &Method::GET, "https://APP.example:443/HIJACK/?next=/", &[], b"");
        assert_eq!(loud, Decision::Refuse(FenceReason::BlockedPath));
        let asked_for = decide(mode, &Method::GET, "https://app.example/?to=/hijack/#/hijack/", &[], b"");
        assert_eq!(asked_for, Decision::Pass, "a path is not a parameter");
        let other_port = decide(mode, &Method::GET, "https://app.example:8443/hijack/", &[], b"");
        assert_eq!(other_port, Decision::Pass, "another application");
        assert_eq!(decide(mode, &Method::GET, "https://other.example/hijack/", &[], b""), Decision::Pass);
        let tracked = decide(mode, &Method::GET, "https://a.tracker.example/pixel", &[], b"");
        assert_eq!(tracked, Decision::Refuse(FenceReason::BlockedHost));
    }
}

#[test]
fn a_page_elsewhere_is_a_question() {
    let page = [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
    let at = |url, list: &[(&str, &str)]| decide(SessionMode::Full, &Method::GET, url, list, b"");
    assert_eq!(at("https://other.example/", &page), Decision::AskOperator);
    assert_eq!(at("https://login.sso.example/", &page), Decision::Pass);
    assert_eq!(at("https://app.example/", &page), Decision::Pass);
    assert_eq!(at("http://app.example/", &page), Decision::AskOperator);
    assert_eq!(at("https://other.example/frame", &[("sec-fetch-dest", "iframe")]), Decision::Pass);
    assert_eq!(at("https://other.example/api", &[]), Decision::Pass);
    let old = [("accept", "text/html,*/*"), ("upgrade-insecure-requests", "1")];
    assert_eq!(at("http://other.example/", &old), Decision::AskOperator);
}

fn any_path() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            "[a-z]{1,6}",
            "%[0-9a-f]{2}",
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just(String::new())
        ],
        0..6,
    )
    .prop_map(|parts| format!("/{}", parts.join("/")))
}

proptest! {
    /// Whatever it's called, wherever it goes and whatever it carries: without a rule, nothing but a safe method and a
    /// GraphQL query, at a path that names it, passes in a read-only session.
    #[test]
    fn nothing_unsafe_passes(method in "[A-Z]{3,8}", path in any_path(), body in ".{0,200}", kind in prop_oneof![
        Just("text/plain"), Just("application/json"), Just("application/graphql"), Just("multipart/form-data")]) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        prop_assume!(!is_safe(&method));
        let mut rules = rules(SessionMode::ReadOnly);
        rules.allowed.clear();
        let headers = headers(&[("content-type", kind)]);
        let url = Url::parse(&format!("https://app.example{path}")).expect("a URL");
        let request = RequestFacts { method: &method, url: &url, headers: &headers, body: BodyFacts::Whole(body.as_bytes()) };
        let is_query = path::names_graphql(url.path())
            && graphql::check_body(&headers, body.as_bytes()) == Some(Ok(()));
        prop_assert!(is_query || rules.decide(&request) != Decision::Pass);
    }

    /// A rule of one origin lets no request to another pass, and one without an origin only the application's.
    #[test]
    fn no_rule_reaches_another_origin(
        schemes in (any::<bool>(), any::<bool>()), is_socket in any::<bool>(), is_own in any::<bool>(),
        hosts in ("(a|b|app)\\.example|a\\.b\\.example", "(a|b|app)\\.example|a\\.b\\.example"),
        ports in (prop_oneof![Just(80), Just(443), Just(3000)], prop_oneof![Just(80), Just(443), Just(3000)]),
    ) {
        let url = |is_secure: bool, host: &str, port: u16| {
            let scheme = match (is_socket, is_secure) { (true, true) => "wss", (true, false) => "ws", (false, true) => "https", _ => "http" };
            Url::parse(&format!("{scheme}://{host}:{port}/items")).expect("a URL")
        };
        let (named, asked) = (url(schemes.0, &hosts.0, ports.0), url(schemes.1, &hosts.1, ports.1));
        let mut rules = rules(SessionMode::ReadOnly);
        rules.allowed = vec![AllowedRequest {
            kind: if is_socket { AllowedKind::Socket } else { AllowedKind::Method(Method::POST) },
            origin: (!is_own).then(|| OriginPattern::for_url(&named).expect("an origin")),
            path: PathPattern::parse("/items").expect("a pattern"),
        }];
        let upgrade: &[(&str, &str)] = if is_socket { &[("connection", "Upgrade"), ("upgrade", "websocket")] } else { &[] };
        let (method, headers) = (if is_socket { Method::GET } else { Method::POST }, headers(upgrade));
        let request = RequestFacts { method: &method, url: &asked, headers: &headers, body: BodyFacts::Whole(b"") };
        let is_named = if is_own { schemes.1 && hosts.1 == "app.example" && ports.1 == 443 } else { named == asked };
        prop_assert_eq!(rules.decide(&request) == Decision::Pass, is_named);
    }

    /// Percent signs, dots and slashes in front, in the middle or doubled do not get past a block.
    #[test]
    fn no_spelling_gets_past_a_block(letters in proptest::collection::vec(any::<bool>(), 6), before in prop_oneof![
        Just("/"), Just("//"), Just("/./"), Just("/a/../"), Just("/a/%2e%2e/"), Just("/index.php/"), Just("/;x/")],
        after in prop_oneof![Just("/release"), Just("%2Frelease"), Just("//release"), Just("/;a/x"), Just("/./x"), Just("%5Cx")]) {
        let spelled: String = "hijack".bytes().zip(letters)
            .map(|(byte, encode)| if encode { format!("%{byte:02X}") } else { char::from(byte).to_string() })
            .collect();
        let url = format!("https://app.example{before}{spelled}{after}");
        prop_assert_eq!(decide(SessionMode::Full, &Method::GET, &url, &[], b""), Decision::Refuse(FenceReason::BlockedPath));
    }

    /// A request that passes in a read-only session passes in a full one.
    #[test]
    fn read_only_is_the_stricter_mode(path in any_path(), is_get in any::<bool>(), host in prop_oneof![
        Just("app.example"), Just("other.example"), Just("a.tracker.example")]) {
        let method = if is_get { Method::GET } else { Method::POST };
        let url = format!("https://{host}{path}");
        if decide(SessionMode::ReadOnly, &method, &url, &[], b"") == Decision::Pass {
            prop_assert_eq!(decide(SessionMode::Full, &method, &url, &[], b""), Decision::Pass);
        }
    }
}
