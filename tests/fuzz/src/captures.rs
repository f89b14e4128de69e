//! What a sign-in takes from an application's answers, and what it tells of those that it refuses.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use understudy_core::browser::{Answer, PlannedRequest};
use understudy_core::connection::{Capture, CapturePlace, Method, Network};
use understudy_core::sign_in::{Client, Reply, capture_value, judge_sign_in};
use understudy_core::template::leads_elsewhere;
use url::Url;

use crate::{CANARY, Choices, knows_secret, spell_bytes, split_parts};

/// What all begin from: it takes milliseconds to make.
static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::new(&Network::default()).expect("a client"));

/// The input: choices, a name, and the answer's text.
pub fn check(input: &[u8]) -> bool {
    if knows_secret(input) {
        return false;
    }
    let text = String::from_utf8_lossy(input);
    let [choices, name, text] = split_parts(&text);
    let mut choices = Choices::of(choices);
    match choices.below(7) {
        0 => check_json(name, text),
        1 => check_field(name, text),
        2 => check_link(name, text),
        3 => check_header(name, text),
        4 => check_cookie(name, text),
        5 => check_claim(name, text),
        _ => check_refusal(&mut choices, name, text),
    }
}

fn answer_of(headers: HeaderMap, body: String) -> Reply {
    let url = Url::parse("https://app.example/admin/users/7").expect("a URL");
    Reply { status: 200, headers, body, is_cut: false, url }
}

fn take(place: CapturePlace, claim: Option<&str>, reply: &Reply, client: &Client) -> Result<Value, String> {
    let wanted = Capture { name: "token".into(), place, claim: claim.map(str::to_owned) };
    capture_value(&wanted, reply, client)
}

/// Says what is missing, and no value.
fn check_words(why: &str) {
    assert!(!why.is_empty() && !why.contains(CANARY), "{why}");
}

/// The value that a pointer leads to, and nothing of what it does not.
fn check_json(pointer: &str, text: &str) -> bool {
    let pointer = pointer.to_owned();
    let raw =
        take(CapturePlace::Json(pointer.clone()), None, &answer_of(HeaderMap::new(), text.into()), &CLIENT);
    let Ok(mut json) = serde_json::from_str::<Value>(text) else {
        check_words(&raw.expect_err("it is no JSON"));
        return false;
    };
    let expected = json.pointer(&pointer).filter(|value| !value.is_null());
    assert_eq!(raw.as_ref().ok(), expected, "{pointer} of {text}");
    replace_values(&mut json);
    if let Err(why) =
        take(CapturePlace::Json(pointer), None, &answer_of(HeaderMap::new(), json.to_string()), &CLIENT)
    {
        check_words(&why);
    }
    true
}

/// A secret in place of every text.
fn replace_values(json: &mut Value) {
    match json {
        Value::String(text) => CANARY.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(replace_values),
        Value::Object(fields) => fields.values_mut().for_each(replace_values),
        _ => {}
    }
}

/// HTML's own escapes of an attribute's value.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A field's value is what the page says, whatever follows. A page without it is told of by the names of its fields.
fn check_field(name: &str, text: &str) -> bool {
    // HTML reads these as others.
    let plain = |text: &str| text.replace(['\0', '\r'], "");
    let (name, value) = (plain(name), plain(text));
    let (quoted_name, quoted) = (escape(&name), escape(&value));
    let field = match value.len() % 3 {
        0 => format!("<form><input name=\"{quoted_name}\" value=\"{quoted}\">"),
        1 => format!("<meta name=\"{quoted_name}\" content=\"{quoted}\"><form>"),
        _ => format!("<form><button name=\"{quoted_name}\" value=\"{quoted}\"></button>"),
    };
    let page = answer_of(HeaderMap::new(), format!("<!doctype html>{field}{text}"));
    let found = take(CapturePlace::Form(name.clone()), None, &page, &CLIENT);
    assert_eq!(found, Ok(value.into()), "{name:?}");
    let hidden = format!("<form><input name=\"{quoted_name}\" value=\"{CANARY}\">");
    let page = answer_of(HeaderMap::new(), hidden);
    if let Err(why) = take(CapturePlace::Form(format!("{name}x")), None, &page, &CLIENT) {
        check_words(&why);
    }
    let raw = answer_of(HeaderMap::new(), text.into());
    drop(take(CapturePlace::Form(name), None, &raw, &CLIENT));
    true
}

/// A link of the page leads to the application's own origin, along the path that is wanted.
fn check_link(start: &str, text: &str) -> bool {
    let start = if start.starts_with('/') { start.to_owned() } else { format!("/{start}") };
    let page = answer_of(HeaderMap::new(), text.into());
    match take(CapturePlace::Link(start.clone()), None, &page, &CLIENT) {
        Ok(link) => {
            let link = Url::parse(link.as_str().expect("a text")).expect("a URL");
            assert!(link[url::Position::BeforePath..].starts_with(&start), "{link}");
            assert!(!leads_elsewhere(link.path()), "{link}");
            true
        }
        Err(why) => {
            check_words(&why);
            false
        }
    }
}

/// A header's value is itself, and a redirect an absolute address.
fn check_header(name: &str, text: &str) -> bool {
    let (Ok(header), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text))
    else {
        return false;
    };
    let reply = answer_of(HeaderMap::from_iter([(header.clone(), value.clone())]), String::new());
    if header == LOCATION {
        let (headers, url) = (reply.headers.clone(), reply.url.clone());
        let moved = Reply { status: 302, headers, body: String::new(), is_cut: false, url };
        match take(CapturePlace::Header(name.into()), None, &moved, &CLIENT) {
            Ok(to) => drop(Url::parse(to.as_str().expect("a text")).expect("an absolute address")),
            Err(why) => check_words(&why),
        }
    } else if value.to_str().is_ok() {
        assert_eq!(take(CapturePlace::Header(name.into()), None, &reply, &CLIENT), Ok(text.into()));
    }
    let hidden = HeaderMap::from_iter([(header, HeaderValue::from_static(CANARY))]);
    if let Err(why) =
        take(CapturePlace::Header(format!("{name}-x")), None, &answer_of(hidden, String::new()), &CLIENT)
    {
        check_words(&why);
    }
    true
}

/// A cookie that an answer sets is kept as it was written, for its own host alone.
fn check_cookie(name: &str, text: &str) -> bool {
    let mut client = CLIENT.another();
    let set = text.lines().filter_map(|line| HeaderValue::from_str(line).ok());
    let headers: HeaderMap = set.map(|value| (SET_COOKIE, value)).collect();
    let reply = answer_of(headers, String::new());
    client.keep_cookies(&reply.headers, &reply.url);
    let found = take(CapturePlace::Cookie(name.into()), None, &reply, &client);
    match client.find_cookie(name, &reply.url) {
        Some(cookie) => {
            assert_eq!(found, Ok(cookie.value.expose_secret().into()));
            assert!(text.contains(cookie.value.expose_secret()), "{text:?}");
            assert!(["app.example", "example"].contains(&cookie.domain.as_str()), "{}", cookie.domain);
        }
        None => check_words(&found.expect_err("there is none")),
    }
    for host in ["https://other.example/admin/users/7", "https://evil-app.example/", "http://127.0.0.1/"] {
        let elsewhere = Url::parse(host).expect("a URL");
        let leaked = client.cookies_of(&elsewhere);
        // A cookie for the whole of a domain is for its other hosts too.
        let is_shared = leaked.iter().all(|cookie| !cookie.host_only && cookie.domain == "example");
        assert!(is_shared, "{leaked:?} at {host}");
    }
    !client.cookies_of(&reply.url).is_empty()
}

/// A claim of a token is what its payload says.
fn check_claim(name: &str, text: &str) -> bool {
    let payload = BASE64_URL_SAFE_NO_PAD.encode(text);
    let body = json!({ "token": format!("h.{payload}.s") }).to_string();
    let place = || CapturePlace::Json("/token".into());
    let found = take(place(), Some(name), &answer_of(HeaderMap::new(), body), &CLIENT);
    let expected = serde_json::from_str::<Value>(text).ok().and_then(|claims| claims.get(name).cloned());
    assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text}");
    let raw = json!({ "token": text }).to_string();
    if let Err(why) = take(place(), Some(name), &answer_of(HeaderMap::new(), raw), &CLIENT) {
        check_words(&why);
    }
    expected.is_some()
}

/// An application that refuses may repeat what it was sent: the secret is in none of what is told of that.
fn check_refusal(choices: &mut Choices<'_>, kind: &str, text: &str) -> bool {
    let status = choices.one_of(&[403, 200, 302, 401, 404, 419, 422, 429, 500, 502, 503]);
    let repeated = match choices.below(8) {
        0 => CANARY.to_owned(),
        1 => BASE64_STANDARD.encode(CANARY),
        2 => percent_encoding::utf8_percent_encode(CANARY, percent_encoding::NON_ALPHANUMERIC).to_string(),
        3 => spell_bytes(CANARY.as_bytes(), |byte| format!("&#{byte};")),
        4 => spell_bytes(CANARY.as_bytes(), |byte| format!("\\u{byte:04x}")),
        5 => CANARY.to_uppercase(),
        6 => spell_bytes(CANARY.as_bytes(), |byte| format!("{byte:02x}")),
        // Cut. What follows is no letter in any charset: before one, it would be another word.
        _ => format!("{}\" ", &CANARY[..CANARY.len() - choices.below(8)]),
    };
    let middle = text.floor_char_boundary(text.len() / 2);
    let body = format!("{}{repeated}{}", &text[..middle], &text[middle..]);
    let headers = [("content-type", kind), ("location", &repeated), ("server", &repeated)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let answer = Answer::from_parts(status, headers, body.as_bytes());
    let request = PlannedRequest {
        method: Method::Post,
        url: Url::parse("https://app.example/login").expect("a URL"),
        headers: vec![(CONTENT_TYPE.to_string(), "application/json".to_owned().into())],
        body: Some(SecretString::from(CANARY)),
        timeout: Duration::from_secs(1),
        expect: vec![],
        that: vec![],
        secrets: vec!["admin_token".into()],
    };
    let secrets = [SecretString::from(CANARY)];
    let Err(refusal) = judge_sign_in(&Ok(answer), &request, &json!({}), &secrets) else { return false };
    let told = serde_json::to_string(&refusal).expect("a refusal is JSON");
    // Applications cut what they quote, so most of its beginning is as secret.
    for spelling in [CANARY.to_owned(), BASE64_STANDARD.encode(CANARY), CANARY.to_uppercase()] {
        assert!(!told.contains(&spelling), "{told}");
    }
    assert!(!told.contains(&CANARY[..CANARY.len() - 8]), "{told}");
    assert!(!refusal.title.is_empty() && !refusal.hint.is_empty(), "{told}");
    true
}
