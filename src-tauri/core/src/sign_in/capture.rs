//! Takes values from a step's answer: from its JSON, a cookie, a header, a form field or a link.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use scraper::{Html, Selector};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::client::{Client, LONGEST, Reply};
use crate::connection::{Capture, CapturePlace};
use crate::template::leads_elsewhere;

/// The captured value. The error says why there is none, to follow a colon, and never quotes a value.
pub fn capture_value(wanted: &Capture, reply: &Reply, client: &Client) -> Result<Value, String> {
    let found = find_value(&wanted.place, reply, client)?;
    match &wanted.claim {
        None => Ok(found),
        Some(claim) => {
            claim_of(&found, claim).ok_or_else(|| format!("the value is not a JWT with a claim `{claim}`"))
        }
    }
}

fn find_value(place: &CapturePlace, reply: &Reply, client: &Client) -> Result<Value, String> {
    let cut = || {
        let limit = LONGEST >> 10;
        if reply.is_cut {
            format!("; the answer is longer than the {limit} KiB that are read")
        } else {
            String::new()
        }
    };
    match place {
        CapturePlace::Json(pointer) => {
            let json: Value = serde_json::from_str(&reply.body)
                .map_err(|_| format!("the answer is not JSON, so it has no `{pointer}`{}", cut()))?;
            match json.pointer(pointer) {
                None => Err(format!("the answer's JSON has no `{pointer}`; {}", list_keys(&json, pointer))),
                Some(Value::Null) => Err(format!("`{pointer}` is null in the answer's JSON")),
                Some(value) => Ok(value.clone()),
            }
        }
        CapturePlace::Cookie(name) => {
            let cookie = client.find_cookie(name, &reply.url).ok_or_else(|| {
                format!(
                    "no cookie `{name}` was set{}",
                    list_names("; there is", client.cookie_names(&reply.url))
                )
            })?;
            Ok(cookie.value.expose_secret().into())
        }
        CapturePlace::Header(name) => {
            let value = reply.headers.get(name.to_lowercase()).and_then(|value| value.to_str().ok());
            match value {
                // Made absolute, because a relative URL means nothing elsewhere.
                Some(_) if name.eq_ignore_ascii_case("location") => {
                    let url = reply.redirects_to().ok_or("the answer is not a redirect, or leads nowhere")?;
                    Ok(url.as_str().into())
                }
                Some(value) => Ok(value.into()),
                None => {
                    let names = reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
                    Err(format!("the answer has no header `{name}`{}", list_names("; it has", names)))
                }
            }
        }
        CapturePlace::Form(name) => find_field(&reply.body, name)
            .map(Value::from)
            .ok_or_else(|| format!("the page has no field `{name}`{}{}", cut(), fields_there(reply, client))),
        CapturePlace::Link(start) => {
            find_link(&reply.body, &reply.url, start).map(|url| url.as_str().into()).ok_or_else(|| {
                let links = list_names("; its links lead to", list_link_starts(&reply.body, &reply.url));
                format!("the page has no link to `{start}…`{}{links}", cut())
            })
        }
    }
}

/// The names that were found instead, for the end of an error message: at most twelve, and none as long as a token.
pub(super) fn list_names(before: &str, mut names: Vec<String>) -> String {
    const LONGEST_NAME: usize = 40;
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    if names.is_empty() {
        return String::new();
    }
    let shown = names.iter().take(12).map(|name| match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.clone(),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = if names.len() > 12 { format!(" and {} more", names.len() - 12) } else { String::new() };
    format!("{before} {shown}{more}")
}

const FIELDS: &str = "input[name], button[name], textarea[name], meta[name]";

/// The names of the page's fields; nothing for a page that was cut. A page without fields is rendered by a script, and
/// then the token is usually in a cookie.
fn fields_there(reply: &Reply, client: &Client) -> String {
    if reply.is_cut {
        return String::new();
    }
    let page = Html::parse_document(&reply.body);
    let all = Selector::parse(FIELDS).expect("a selector");
    let is_layout =
        |name: &str| matches!(name, "viewport" | "robots" | "description" | "theme-color" | "generator");
    let names: Vec<String> = page
        .select(&all)
        .filter_map(|field| field.attr("name"))
        .filter(|name| !is_layout(name))
        .map(str::to_owned)
        .collect();
    if !names.is_empty() {
        return list_names("; it has", names);
    }
    let cookies = client.cookie_names(&reply.url);
    let token = cookies
        .iter()
        .find(|name| name.to_lowercase().contains("xsrf") || name.to_lowercase().contains("csrf"));
    match token {
        Some(name) => format!(
            "; it has no fields at all, as pages drawn by a script: take the token from the cookie `{name}`"
        ),
        None => format!("; it has no fields at all{}", list_names(", and the cookies are", cookies)),
    }
}

/// The first path segments of the page's links within its origin.
fn list_link_starts(html: &str, base: &Url) -> Vec<String> {
    let page = Html::parse_document(html);
    let all = Selector::parse("a[href]").expect("a selector");
    let within = page.select(&all).filter_map(|link| base.join(link.attr("href")?.trim()).ok());
    let within = within.filter(|url| url.origin() == base.origin());
    within
        .map(|url| format!("/{}", url.path_segments().and_then(|mut parts| parts.next()).unwrap_or_default()))
        .collect()
}

/// The absolute URL of the page's first link that begins with `start`, compared from its path on.
fn find_link(html: &str, base: &Url, start: &str) -> Option<Url> {
    let page = Html::parse_document(html);
    let all = Selector::parse("a[href]").expect("a selector");
    page.select(&all)
        .filter_map(|link| base.join(link.attr("href")?.trim()).ok())
        // Links written by others must not lead the console elsewhere.
        .find(|url| url[url::Position::BeforePath..].starts_with(start) && !leads_elsewhere(url.path()))
}

fn claim_of(token: &Value, claim: &str) -> Option<Value> {
    let payload = token.as_str()?.split('.').nth(1)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Value>(&bytes).ok()?.get(claim).cloned()
}

/// The value of the first field with that name, or of a `<meta name content>`, where some frameworks put their token.
fn find_field(html: &str, name: &str) -> Option<String> {
    let page = Html::parse_document(html);
    let all = Selector::parse(FIELDS).expect("a selector");
    let found = page.select(&all).find(|element| element.attr("name") == Some(name))?;
    match found.value().name() {
        "textarea" => Some(found.text().collect()),
        "meta" => found.attr("content").map(str::to_owned),
        _ => found.attr("value").map(str::to_owned),
    }
}

/// The keys at the point where the pointer leaves the document, to help find a misspelt one.
fn list_keys(json: &Value, pointer: &str) -> String {
    let mut at = json;
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let next = at.pointer(&format!("/{part}"));
        match next {
            Some(next) => {
                at = next;
                path.push('/');
                path.push_str(part);
            }
            None => break,
        }
    }
    let place = if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
    match at {
        Value::Object(fields) if fields.is_empty() => format!("{place} is empty"),
        Value::Object(fields) => list_names(&format!("{place} has"), fields.keys().cloned().collect()),
        Value::Array(items) => format!("{place} is a list of {}", items.len()),
        _ => format!("{place} is a single value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_found_wherever_frameworks_put_it() {
        let page = r#"<meta name="csrf-token" content="m&amp;m"><form><input type=hidden name="csrfmiddlewaretoken"
            value='a"b'><textarea name=t>x</textarea><input name=empty></form>"#;
        assert_eq!(find_field(page, "csrf-token").as_deref(), Some("m&m"));
        assert_eq!(find_field(page, "csrfmiddlewaretoken").as_deref(), Some("a\"b"));
        assert_eq!(find_field(page, "t").as_deref(), Some("x"));
        assert_eq!(find_field(page, "empty"), None);
        assert_eq!(find_field("not a page <<<", "x"), None);
    }

    #[test]
    fn a_link_is_found_by_how_it_begins_and_made_whole() {
        let base = Url::parse("https://app.example/admin/users/7").expect("a URL");
        let page = r#"<a href="/users/sign_out">x</a> <a href='../../users/masquerade/7?masquerade=a&amp;b=1'>y</a>"#;
        let found = find_link(page, &base, "/users/masquerade/").expect("it is there");
        assert_eq!(found.as_str(), "https://app.example/users/masquerade/7?masquerade=a&b=1");
        assert!(find_link(page, &base, "/users/masq/").is_none());
        for climbing in [
            "/users/masquerade/..;/..;/admin",
            "/users/masquerade/%2e%2e%2f..%2fadmin",
            "/users/masquerade/..%5cx",
        ] {
            let page = format!(r#"<a href="{climbing}">x</a>"#);
            assert!(find_link(&page, &base, "/users/masquerade/").is_none(), "{climbing}");
        }
    }

    #[test]
    fn a_claim_is_read_out_of_a_token() {
        let token = json!(format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(r#"{"sid":"s-1"}"#)));
        assert_eq!(claim_of(&token, "sid"), Some(json!("s-1")));
        assert_eq!(claim_of(&token, "x"), None);
        assert_eq!(claim_of(&json!("no token"), "sid"), None);
    }

    #[test]
    fn what_is_there_is_named_and_never_its_values() {
        assert_eq!(list_names("; it has", vec!["b".into(), "a".into(), "b".into()]), "; it has a, b");
        assert_eq!(list_names("; it has", Vec::new()), "");
        let many: Vec<String> = (10..40).map(|at| at.to_string()).collect();
        assert!(list_names("", many).ends_with("20, 21 and 18 more"));
        assert!(list_names("", vec!["t".repeat(200)]).len() < 60);
        let base = Url::parse("https://app.example/x").expect("a URL");
        assert_eq!(
            list_link_starts("<a href='/magic/abc?t=1'>m</a><a href='//evil.example/x'>e</a>", &base),
            ["/magic"]
        );
    }

    #[test]
    fn a_pointer_that_leads_nowhere_is_told_with_what_is_there() {
        let json = json!({ "data": { "session": 1, "user": {} }, "list": [1] });
        assert_eq!(list_keys(&json, "/data/token"), "`/data` has session, user");
        assert_eq!(list_keys(&json, "/data/user/x"), "`/data/user` is empty");
        assert_eq!(list_keys(&json, "/list/9"), "`/list` is a list of 1");
        assert_eq!(list_keys(&json, "/x"), "it has data, list");
        assert_eq!(list_keys(&json!("s"), "/x"), "it is a single value");
    }
}
