//! What connection files contain, what is sent, and the errors if it cannot be.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn scope() -> Scope {
    Scope::for_session(["id", "email", "name", "plan"], "a URL is written to logs").with_secrets()
}

fn context() -> Value {
    json!({
        "user": { "id": 42, "email": "ada@example.com", "name": "Ada & Bob/../x", "plan": null },
        "operator": { "name": "Olga", "email": "olga@acme.com" },
        "secret": { "admin_token": "canary-4711" },
        "reason": "ticket 7", "session": { "id": "s1" },
        "connection": { "id": "acme", "name": "Acme", "environment": "staging" },
    })
}

fn text(template: &str) -> String {
    Template::parse("key", template, &scope()).unwrap().render(&context()).unwrap()
}

fn fault(template: &str) -> String {
    Template::parse("key", template, &scope()).unwrap_err().message
}

fn body(json: &Value) -> Value {
    JsonTemplate::parse("body", json, &scope()).unwrap().render(&context()).unwrap()
}

#[test]
fn values_are_put_into_text() {
    assert_eq!(text("Hello {{ user.name }} ({{ user.id }})"), "Hello Ada & Bob/../x (42)");
    assert_eq!(text("{{ user.plan or 'free' }}"), "free");
    assert_eq!(text("{% if user.plan %}paid{% else %}free{% endif %}\n"), "free\n");
    assert_eq!(text("{{ user.email|upper }}"), "ADA@EXAMPLE.COM");
    assert_eq!(text("{{ user.name|urlencode }}"), "Ada%20%26%20Bob%2F..%2Fx");
    assert_eq!(text("Bearer {{ secret.admin_token }}"), "Bearer canary-4711");
}

#[test]
fn a_name_that_nobody_knows_is_refused_with_the_one_that_was_meant() {
    for (template, expected) in [
        ("{{ user.nmae }}", "unknown name `user.nmae`; did you mean `user.name`?"),
        ("{{ usr.id }}", "unknown name `usr.id`; did you mean `user.id`?"),
        ("{{ email }}", "unknown name `email`; did you mean `user.email`?"),
        (
            "{{ user.phone }}",
            "unknown name `user.phone`; the known names are `user.email`, `user.id`, `user.name`, `user.plan`",
        ),
        (
            "{{ user.a }}{{ user.nam }}",
            "unknown name `user.a`; the known names are `user.email`, `user.id`, `user.name`, `user.plan`; \
          unknown name `user.nam`; did you mean `user.name`?",
        ),
        (
            "{{ user }}",
            "`user` cannot be used as a whole; name one of `user.email`, `user.id`, `user.name`, `user.plan`",
        ),
        (
            "{{ user.name.upper() }}",
            "unknown name `user.name.upper`: `user.name` is a single value; a filter is written `user.name|upper`",
        ),
        (
            "{{ 'x' if true else user.nope }}",
            "unknown name `user.nope`; the known names are `user.email`, `user.id`, `user.name`, `user.plan`",
        ),
        ("{{ user.name|uper }}", "unknown filter `uper`"),
        ("{{ user.name is emtpy }}", "unknown test `emtpy`"),
        (
            "{{ range(9) }}",
            "unknown name `range`; the known names are `connection`, `operator`, `reason`, `secret`, `session`, `user`",
        ),
        (
            "{{ debug() }}",
            "unknown name `debug`; the known names are `connection`, `operator`, `reason`, `secret`, `session`, `user`",
        ),
        ("{{ user.id", "syntax error: unexpected end of input, expected end of variable block"),
        (
            "{% set user = secret %}{{ user.x }}",
            "`{% set %}` cannot be used here; the only statements are `if` and `raw`",
        ),
        (
            "{%-for x in user.name %}{{ x }}{% endfor %}",
            "`{% for %}` cannot be used here; the only statements are `if` and `raw`",
        ),
        ("{{ 'x' * 100000000 }}", "does more work than one request may"),
    ] {
        assert_eq!(fault(template), expected, "{template}");
    }
}

#[test]
fn every_secret_is_known_from_the_text_alone() {
    let secrets = |text: &str| Template::parse("key", text, &scope()).unwrap().secret_names();
    assert_eq!(
        secrets("{{ secret.a }}{{ 'x' if user.id else secret.b|upper }}"),
        BTreeSet::from(["a".into(), "b".into()])
    );
    assert!(secrets("{{ user.id }}").is_empty());
    for template in [
        "{{ secret[user.name] }}",
        "{{ secret['a'] }}",
        "{{ secret }}",
        "{{ secret|tojson }}",
        "{{ secret|attr('a') }}",
    ] {
        assert_eq!(
            fault(template),
            "a secret is written `secret.<name>`; `secret` has no other use",
            "{template}"
        );
    }
    assert!(fault("{{ secret.database_password }}").contains("only for the database"));
    let json = json!({ "a": ["{{ secret.z }}", { "b": "x{{ secret.y }}" }] });
    assert_eq!(
        JsonTemplate::parse("body", &json, &scope()).unwrap().secret_names(),
        BTreeSet::from(["y".into(), "z".into()])
    );
    let without = Scope::for_session(["id"], "a URL is written to logs");
    assert_eq!(
        Template::parse("key", "{{ secret.a }}", &without).unwrap_err().message,
        "a URL is written to logs, so `secret.a` is not available here"
    );
}

#[test]
fn a_whole_expression_keeps_its_type_and_nothing_else_does() {
    assert_eq!(
        body(&json!({
            "id": "{{ user.id }}", "tight": "{{user.id}}", "trimmed": "{{- user.id -}}", "text": " {{ user.id }}",
            "two": "{{ user.id }}{{ user.id }}", "null": "{{ user.plan }}", "none": "{{ none }}",
            "yes": "{{ user.id == 42 }}", "braces": "{{ '}}' ~ '{{' }}", "list": "{{ [user.id, 'a'] }}",
            "map": "{{ {'id': user.id} }}", "plain": [1, 2.5, true, null, "x"],
        })),
        json!({
            "id": 42, "tight": 42, "trimmed": 42, "text": " 42",
            "two": "4242", "null": null, "none": null,
            "yes": true, "braces": "}}{{", "list": [42, "a"],
            "map": { "id": 42 }, "plain": [1, 2.5, true, null, "x"],
        })
    );
}

#[test]
fn a_faulty_body_tells_all_its_keys() {
    let json = json!({ "a": ["{{ user.nmae }}"], "b": { "c": "{{ user.id" }, "{{ user.id }}": 1 });
    let faults = JsonTemplate::parse("sign_in.body", &json, &scope()).unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["sign_in.body.a[0]", "sign_in.body.b.c", "sign_in.body.{{ user.id }}"]);
}

#[test]
fn what_a_user_lacks_is_named_and_what_they_have_is_not_told() {
    let error = Template::parse("sign_in.headers.x-plan", "{{ user.plan }}", &scope())
        .unwrap()
        .render(&context())
        .unwrap_err();
    assert_eq!(error.code, Code::TemplateFailed);
    assert_eq!(error.message, "sign_in.headers.x-plan could not be evaluated: `user.plan` has no value.");
    // An `if` without `else` would render an empty string.
    assert!(Template::parse("k", "{{ user.id if false }}", &scope()).unwrap().render(&context()).is_err());
    assert!(
        JsonTemplate::parse("k", &json!("{{ user.id if false }}"), &scope())
            .unwrap()
            .render(&context())
            .is_err()
    );
    for json in [
        json!("{{ secret.admin_token + 1 }}"),
        json!("x {{ secret.admin_token - user.id }}"),
        json!("{{ secret.admin_token|int }}"),
    ] {
        let error =
            JsonTemplate::parse("sign_in.body.t", &json, &scope()).unwrap().render(&context()).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("sign_in.body.t could not be evaluated: invalid operation."), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn words_for_people_show_a_dash_where_there_is_nothing() {
    let words = Template::parse_words("success", "{{ user.name }}, {{ user.plan }}", &scope()).unwrap();
    assert_eq!(words.render(&context()).unwrap(), "Ada & Bob/../x, –");
}

#[test]
fn an_expression_is_true_or_false() {
    let scope = Scope::for_session(["id", "role"], "no").with_response();
    let eval =
        |text: &str, context: &Value| Expression::parse("verify.expect", text, &scope).unwrap().eval(context);
    let answer = json!({ "user": { "id": 42, "role": null }, "response": { "status": 200, "json": { "id": 42, "users": [{ "id": 7 }] } } });
    assert!(eval("response.json.id == user.id", &answer).unwrap());
    assert!(!eval("response.json.id == '42'", &answer).unwrap());
    assert!(eval("response.status == 200 and response.json.users[0].id == 7", &answer).unwrap());
    assert!(!eval("user.role in ['admin', 'staff']", &answer).unwrap());
    assert_eq!(
        eval("response.json.id", &answer).unwrap_err().message,
        "verify.expect is a number, but has to be true or false."
    );
    assert_eq!(
        eval("response.json.uid == user.id and true", &answer).map_err(|error| error.message),
        Err("verify.expect could not be evaluated: `response.json.uid` has no value.".into())
    );
    let fault = |text: &str| Expression::parse("k", text, &scope).unwrap_err().message;
    assert_eq!(
        fault("response.jsn.id == 1"),
        "unknown name `response.jsn.id`; did you mean `response.json.id`?"
    );
    assert_eq!(fault("{{ user.id == 1 }}"), "an expression is written without `{{` and `}}`");
    assert_eq!(fault("user.id ="), "syntax error: unexpected input after expression");
    let protect = Scope::for_user(["id", "role"]);
    assert_eq!(
        Expression::parse("k", "secret.x == 1", &protect).unwrap_err().message,
        "a secret has no use in an expression, so `secret.x` is not available here"
    );
}

#[test]
fn no_value_leads_up_the_path_or_leaves_a_part_of_it_empty() {
    let scope = Scope::for_session(["id", "name"], "a URL is written to logs").with_captured(["link"]);
    let with = |text: &str, name: &str| {
        let context = json!({ "user": { "name": name, "id": 7 }, "captured": { "link": name } });
        Template::parse_url("sign_in.url", text, &scope).expect("a URL").render(&context)
    };
    // Every way to write a value.
    let places = [
        "{{ user.name }}",
        "{{ user.name|urlencode }}",
        "{{ user.name|safe }}",
        "{{ user.name|trim|urlencode|safe }}",
        "{{ user.name|urlencode ~ '' }}",
        "{{ ('' ~ user.name)|safe }}",
        "{{ user.name|replace('x', 'y')|urlencode }}",
        "{{ [user.name]|join('') }}",
        "{{ user.name|default('') }}",
        "{{ user.name[:1] }}{{ user.name[1:] }}",
        "{% if user.id %}{{ user.name }}{% endif %}",
        "{{ captured.link }}",
    ];
    let climbing = [
        "..",
        ".",
        "...",
        "../x",
        "x/../../y",
        "%2e%2e",
        "%2E%2e",
        "%252e%252e",
        "..\\x",
        "..;",
        "..;a=b",
        "..%00",
        ".. ",
        "\t..",
        "．．",
        "‥",
        "..／x",
        "",
        " ",
        "\n",
        ";a=b",
        "a//b",
        "/",
        "%2f",
    ];
    for place in places {
        let url = format!("https://app.acme.com/users/{place}/impersonate?next=/../{{{{ user.id }}}}");
        for name in climbing {
            let error = with(&url, name).expect_err(&format!("{place} of {name:?}"));
            assert!(error.message.starts_with("sign_in.url "), "{error}");
        }
        for name in ["ada", "a.b", ".a", "a..", "a/b", "ü ;x", "..a", "a%2fb", "50%"] {
            assert!(with(&url, name).is_ok(), "{place} of {name:?}");
        }
    }
    assert!(with("https://app.acme.com/a.{{ user.name }}/x", ".").is_ok());
    assert!(with("https://app.acme.com/.{{ user.name }}/x", ".").is_err(), "with what stands beside it");
    assert!(with("https://app.acme.com/a//b/{{ user.name }}/", "x").is_ok(), "the file says so itself");
    assert!(
        with("https://app.acme.com/?q={{ user.name }}#{{ user.name }}", "..").is_ok(),
        "no part of the path"
    );
    assert!(with("https://app.acme.com/?q={{ user.name }}", "").is_ok());
}

#[test]
fn a_url_keeps_its_origin_whatever_the_values_are() {
    let url = |text: &str| {
        Template::parse_url(
            "sign_in.url",
            text,
            &Scope::for_session(["id", "name"], "a URL is written to logs"),
        )
    };
    let with = |text: &str, name: &str| {
        url(text).unwrap().render(&json!({ "user": { "name": name } })).map_err(|error| error.message)
    };
    assert_eq!(
        with("https://app.acme.com/u/{{ user.name }}?q={{ user.name }}", "a/b?&#@ ü").unwrap(),
        "https://app.acme.com/u/a%2Fb%3F%26%23%40%20%C3%BC?q=a%2Fb%3F%26%23%40%20%C3%BC"
    );
    assert_eq!(
        with("https://app.acme.com/{{ user.name|urlencode }}", "a/b").unwrap(),
        "https://app.acme.com/a%2Fb"
    );
    assert_eq!(
        with("https://app.acme.com/{{ user.name|safe }}", "a/?b").unwrap(),
        "https://app.acme.com/a%2F%3Fb"
    );
    for good in [
        "https://app.acme.com",
        "https://app.acme.com:8443/x",
        "http://localhost:3000/{{ user.id }}",
        "http://app.localhost/",
        "http://127.8.0.1/",
        "http://[::1]:80/",
    ] {
        assert!(url(good).is_ok(), "{good}");
    }
    for (bad, part) in [
        ("/login", "has to be an absolute URL"),
        ("app.acme.com/login", "has to be an absolute URL"),
        ("{{ user.name }}://app.acme.com/", "has to be an absolute URL"),
        ("https://{{ user.name }}/login", "have to be written out"),
        ("https://app.acme.com{{ user.name }}", "have to be written out"),
        ("https://app.acme.com{{ '/' }}", "have to be written out"),
        ("https://app{{ user.name }}.acme.com/", "have to be written out"),
        ("http://app.acme.com/login", "has to be https, as app.acme.com is not this machine"),
        ("http://localhost.acme.com/", "has to be https"),
        ("http://10.0.0.1/", "has to be https"),
        ("ftp://app.acme.com/", "has to be https, not ftp"),
        ("javascript://app.acme.com/%0aalert(1)", "has to be https, not javascript"),
        ("https://bob:canary@app.acme.com/", "has a user name or password"),
        ("https:///login", "names no host"),
        ("https://a b/login", "not a valid URL"),
        ("https://app.acme.com/{{ secret.x }}", "a URL is written to logs"),
        (" https://app.acme.com/", "spaces around it"),
    ] {
        let message = url(bad).unwrap_err().message;
        assert!(message.contains(part), "{bad}: {message}");
        assert!(!message.contains("canary"), "{message}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[^{]*", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn a_whole_expression_is_the_value_itself(value in any_json()) {
        let template = JsonTemplate::parse("body", &json!({ "v": ["{{ user.id }}"] }), &scope()).unwrap();
        let rendered = template.render(&json!({ "user": { "id": value } })).unwrap();
        prop_assert_eq!(rendered.to_string(), json!({ "v": [value] }).to_string());
    }

    #[test]
    fn text_without_braces_is_itself(text in "[^{}]*") {
        let rendered = Template::parse("key", &text, &scope()).unwrap().render(&json!({})).unwrap();
        prop_assert_eq!(&rendered, &text);
        prop_assert_eq!(JsonTemplate::parse("key", &json!(text), &scope()).unwrap().render(&json!({})).unwrap(), json!(text));
    }

    #[test]
    fn values_are_never_templates_themselves(value in ".*") {
        let template = Template::parse("key", "<{{ user.name }}>", &scope()).unwrap();
        prop_assert_eq!(template.render(&json!({ "user": { "name": value } })).unwrap(), format!("<{value}>"));
    }

    #[test]
    fn whole_numbers_are_written_exactly(signed in any::<i64>(), unsigned in any::<u64>()) {
        let template = Template::parse("key", "{{ user.id }},{{ user.plan }}", &scope()).unwrap();
        let rendered = template.render(&json!({ "user": { "id": signed, "plan": unsigned } })).unwrap();
        prop_assert_eq!(rendered, format!("{signed},{unsigned}"));
    }

    #[test]
    fn no_value_leaves_its_place_in_a_url(value in ".*") {
        let url = Template::parse_url("key", "https://app.acme.com/u/{{ user.name }}/end?q={{ user.name }}&x", &Scope::for_user(["name"])).unwrap();
        if let Ok(url) = url.render(&json!({ "user": { "name": value } })) {
            let url = ::url::Url::parse(&url).unwrap();
            prop_assert_eq!(url.path_segments().unwrap().count(), 3);
            prop_assert!(url.path().ends_with("/end"));
            prop_assert_eq!(url.query_pairs().next().unwrap().1, value.as_str());
            prop_assert_eq!(url.query_pairs().count(), 2);
            prop_assert!(url.fragment().is_none());
        }
    }

    #[test]
    fn no_text_hangs_or_panics(text in "(\\{\\{|\\}\\}|\\{%|%\\}|user|\\.id|secret|\\||[ -~]){0,12}") {
        if let Ok(template) = Template::parse("key", &text, &scope()) {
            let _ = template.render(&context());
        }
    }
}
