//! Templates and expressions of connection files, over values from the directory: first the text, then a value.

use serde_json::{Value, json};
use understudy_core::template::{Expression, JsonTemplate, Scope, Template, leads_elsewhere};
use url::Url;

use crate::{CANARY, as_shown, knows_secret, split_parts};

/// Stands before a value, so that it is found in an error.
const MARK: &str = "value-5e0d71";

pub fn check(input: &[u8]) -> bool {
    let Ok(input) = std::str::from_utf8(input) else { return false };
    if knows_secret(input.as_bytes()) || input.contains(MARK) {
        return false;
    }
    let [text, value] = split_parts(input);
    let context = json!({
        "user": { "id": 42, "name": value, "email": format!("{MARK}{value}"), "plan": null },
        "operator": { "name": "Olga", "email": "olga@acme.example" },
        "session": { "id": "s1", "mode": "full", "ticket": "4711" },
        "connection": { "id": "acme", "name": "Acme", "environment": "staging" },
        "captured": { "link": value },
        "secret": { "admin_token": CANARY },
        "reason": value,
    });
    let fields = ["id", "name", "email", "plan"];
    let scope = Scope::for_session(fields, "a URL is written to logs").with_captured(["link"]);
    check_places(value, &scope, &context);
    check_address(text, &scope, &context);
    let with_secrets = scope.clone().with_secrets();
    let is_text = check_text(text, &scope, &with_secrets, &context);
    let is_json = check_json(text, &with_secrets, &context);
    let is_expression = check_expression(text, &scope, &context);
    is_text && !text.is_empty() || is_json || is_expression
}

fn check_error(error: &understudy_core::error::Error) {
    let shown = as_shown(error);
    assert!(!shown.contains(CANARY) && !shown.contains(MARK), "{shown}");
}

/// A secret comes out only where it is named, and where it may not be named, no text is a template that does.
fn check_text(text: &str, scope: &Scope, with_secrets: &Scope, context: &Value) -> bool {
    if let Ok(template) = Template::parse("key", text, scope) {
        assert!(template.secret_names().is_empty(), "{text}");
    }
    let mut is_valid = false;
    for parse in [Template::parse, Template::parse_words] {
        let Ok(template) = parse("key", text, with_secrets) else { continue };
        is_valid = true;
        match template.render(context) {
            Ok(rendered) if template.secret_names().is_empty() => {
                assert!(!rendered.contains(CANARY), "{text}: {rendered}");
            }
            Ok(_) => {}
            Err(error) => check_error(&error),
        }
    }
    is_valid
}

fn check_json(text: &str, scope: &Scope, context: &Value) -> bool {
    let Ok(json) = serde_json::from_str::<Value>(text) else { return false };
    let Ok(template) = JsonTemplate::parse("body", &json, scope) else { return false };
    match template.render(context) {
        Ok(rendered) if template.secret_names().is_empty() => {
            assert!(!rendered.to_string().contains(CANARY), "{text}: {rendered}");
        }
        Ok(_) => {}
        Err(error) => check_error(&error),
    }
    true
}

fn check_expression(text: &str, scope: &Scope, context: &Value) -> bool {
    let Ok(expression) = Expression::parse("policy.protect[0]", text, scope) else { return false };
    if let Err(error) = expression.eval(context) {
        check_error(&error);
    }
    true
}

/// A URL keeps its origin and, where the file's own text does not climb, its values do not either.
fn check_address(text: &str, scope: &Scope, context: &Value) {
    for text in [text.to_owned(), format!("https://app.example/u/{text}")] {
        let Ok(template) = Template::parse_url("sign_in.url", &text, scope) else { continue };
        assert!(template.secret_names().is_empty(), "{text}");
        let origin = template.origin().expect("a URL's template has an origin");
        match template.render(context) {
            Ok(rendered) => {
                let url = Url::parse(&rendered).unwrap_or_else(|fault| panic!("{rendered}: {fault}"));
                assert_eq!(url.origin(), *origin, "{text}");
                assert!(url.username().is_empty() && url.password().is_none(), "{rendered}");
                assert!(!rendered.contains(CANARY), "{text}");
                let is_secure = url.scheme() == "https" || understudy_core::template::is_loopback(&url);
                assert!(is_secure, "{rendered}");
            }
            Err(error) => check_error(&error),
        }
    }
}

/// A value stays what and where it is.
fn check_places(value: &str, scope: &Scope, context: &Value) {
    let parse = |text| Template::parse("key", text, scope).expect("a template");
    assert_eq!(parse("<{{ user.name }}>").render(context).ok(), Some(format!("<{value}>")));
    let body = json!({ "v": ["{{ user.name }}"], "w": "{{ reason }}" });
    let body = JsonTemplate::parse("body", &body, scope).expect("a template");
    assert_eq!(body.render(context).ok(), Some(json!({ "v": [value], "w": value })));
    let url = "https://app.example/u/{{ user.name }}/end?q={{ captured.link }}&x";
    let url = Template::parse_url("key", url, scope).expect("a template");
    if let Ok(rendered) = url.render(context) {
        let url = Url::parse(&rendered).expect("a URL");
        assert_eq!(url.path_segments().expect("a path").count(), 3, "{rendered}");
        assert!(url.path().ends_with("/end") && url.fragment().is_none(), "{rendered}");
        assert!(!leads_elsewhere(url.path()), "{rendered}");
        assert_eq!(url.query_pairs().next().expect("a parameter").1, value);
        assert_eq!(url.query_pairs().count(), 2, "{rendered}");
    }
}
