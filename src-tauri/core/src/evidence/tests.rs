//! A thousand archives with secrets in every place that has one.

use std::time::{Duration, SystemTime};

use self::har_format::list_har_faults;
use super::*;
use crate::masks::Masks;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde_json::{Value, json};
use understudy_gateway::{
    JournalEntry, RecordedExchange, RecordedMessage, RecordedText, RedactSecrets, RequestOutcome,
};

/// The crate that this file belongs to stands above this one.
#[path = "../../../../tests/support/src/har.rs"]
mod har_format;

/// The same numbers in every run: one that finds a secret can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("small")
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[3]).collect()
    }

    /// What people choose, with a digit: only its name gives it away.
    fn password(&mut self) -> String {
        let length = 6 + self.below(8);
        format!("{}{}!", self.text("abcdefghijklmnopqrstuvwxyz", length), self.below(90) + 10)
    }

    /// What machines make: its shape gives it away.
    fn token(&mut self) -> String {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let more = self.below(30);
        match self.below(6) {
            0 => self.text(LETTERS, 24 + more),
            1 => self.text("0123456789abcdef", 32 + more),
            2 => BASE64_URL_SAFE_NO_PAD.encode(self.bytes(18 + more)),
            3 => BASE64_STANDARD.encode(self.bytes(20 + more)),
            4 => self.text("abcdefghijklmnopqrstuvwxyz234567", 32),
            _ => {
                let claims = json!({ "sub": self.below(1000), "n": self.text(LETTERS, 8) }).to_string();
                let signature = self.bytes(32);
                format!(
                    "eyJhbGciOiJIUzI1NiJ9.{}.{}",
                    BASE64_URL_SAFE_NO_PAD.encode(claims),
                    BASE64_URL_SAFE_NO_PAD.encode(signature)
                )
            }
        }
    }
}

fn in_url(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn in_json(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}

/// One archive, and what was planted in it.
#[allow(clippy::too_many_lines, reason = "one place after the other")]
fn plant_secrets(random: &mut Random, count: u64) -> (Vec<RecordedExchange>, SessionRedactor, Vec<String>) {
    let known: Vec<String> =
        vec![random.password(), format!("{} {}", random.password(), random.password()), random.token()];
    let secrets: Vec<SecretString> = known.iter().map(|secret| SecretString::from(secret.as_str())).collect();
    let redactor = SessionRedactor::new(std::sync::Arc::default());
    redactor.replace_masks(Masks::for_secrets(&secrets));
    let mut planted = known.clone();
    let mut exchanges = Vec::new();
    let kind = random.next();
    for number in 1..=count {
        let mut password = || {
            planted.push(random.password());
            planted[planted.len() - 1].clone()
        };
        let [cookie, key, pass, reset, field, hidden, script, fragment] = std::array::from_fn(|_| password());
        let mut token = || {
            planted.push(random.token());
            planted[planted.len() - 1].clone()
        };
        let [bearer, linked, value, set, text, nested] = std::array::from_fn(|_| token());
        let spelt = |text: &str, way: usize| match way {
            0 => text.to_owned(),
            1 => in_url(text),
            2 => BASE64_STANDARD.encode(text),
            3 => in_json(text),
            _ => BASE64_STANDARD.encode(format!("support:{text}")),
        };
        let echoed = spelt(&known[random.below(3)], random.below(5));
        let in_text = spelt(&known[random.below(3)], random.below(5));
        let url = format!(
            "https://app.example/api/v1/customers/{number}/reset/{}/{}?page=2&token={}&q={}&next={}#key={}",
            in_url(&reset),
            in_url(&linked),
            in_url(&key),
            in_url(&text),
            in_url(&format!("https://id.example/cb?code={}", in_url(&pass))),
            in_url(&fragment),
        );
        let request_headers = [
            ("cookie", format!("sid={cookie}; _ga={linked}")),
            (
                "authorization",
                if number % 2 == 0 {
                    format!("Bearer {bearer}")
                } else {
                    format!("Basic {}", BASE64_STANDARD.encode(format!("me:{pass}")))
                },
            ),
            ("x-api-key", key.clone()),
            ("x-csrf-token", hidden.clone()),
            ("referer", url.clone()),
            ("x-note", format!("sent for {echoed}")),
            ("sec-fetch-dest", "empty".to_owned()),
        ];
        let response_headers = [
            ("content-type", "application/json".to_owned()),
            ("set-cookie", format!("session={set}; Path=/; HttpOnly")),
            ("location", format!("/magic/{}?sig={}", in_url(&set), in_url(&field))),
            ("x-debug", text.clone()),
        ];
        let inner = json!({ "refreshToken": script, "n": 1 }).to_string();
        let (media_type, body) = match (number + kind) % 3 {
            0 => ("application/json", json!({
                "id": number, "user": { "name": "Anna", "password": pass, "api_keys": [key, { "k": field }] },
                "value": value, "log": inner, "echo": echoed, "nested": { "deep": [nested, 7] },
            }).to_string()),
            1 => ("text/html", format!(
                "<meta name=csrf-token content=\"{hidden}\"><p>Anna's plan: {text}</p><input type=\"hidden\" name=\"t\" \
                 value='{field}'><script>var config = {{\"accessToken\": \"{script}\", id: 7}}; start('{nested}')</script> {in_text}"
            )),
            _ => ("text/plain", format!("Error for Anna and {value}\npassword={pass}\nAuthorization: Bearer {bearer}\n{in_text}\n")),
        };
        let form =
            format!("plan=pro&password={}&x={}&data={}", in_url(&pass), in_url(&value), in_url(&inner));
        let message = |headers: &[(&str, String)], (media_type, body): (&str, String)| RecordedMessage {
            version: "HTTP/2.0".into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), redactor.redact_header(name, value)))
                .collect(),
            body: Some(RecordedText {
                media_type: media_type.into(),
                text: redactor.redact_body(media_type, &body),
                is_cut: false,
            }),
        };
        exchanges.push(RecordedExchange {
            entry: JournalEntry {
                number,
                method: "POST".into(),
                url: redactor.redact_url(&url),
                outcome: RequestOutcome::Answered { status: 500 },
                started_ms: number * 100,
                elapsed_ms: Some(20),
                sent_bytes: 10,
                received_bytes: 20,
                from_cache: false,
            },
            started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_000 + number * 100),
            is_page: number == 1,
            request: message(&request_headers, ("application/x-www-form-urlencoded", form)),
            response: message(&response_headers, (media_type, body)),
            waited: Some(Duration::from_millis(15)),
            elapsed: Some(Duration::from_millis(20)),
        });
    }
    (exchanges, redactor, planted)
}

#[test]
fn no_planted_secret_is_found_in_a_thousand_archives() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut found = Vec::new();
    for archive in 0..1000 {
        let (exchanges, redactor, planted) = plant_secrets(&mut random, 1);
        let har = serde_json::to_value(write_har(&exchanges, "1.0.0")).expect("JSON");
        let faults = list_har_faults(&har);
        assert!(faults.is_empty(), "{faults:?}");
        let text = har.to_string();
        for secret in &planted {
            for spelt in [secret.clone(), in_url(secret), in_json(secret), BASE64_STANDARD.encode(secret)] {
                if let Some(at) = text.find(&spelt) {
                    let around = &text[text.floor_char_boundary(at.saturating_sub(60))
                        ..text.ceil_char_boundary((at + 90).min(text.len()))];
                    found.push(format!("{archive}: {spelt} in {around}"));
                }
            }
        }
        // What a developer needs is still there.
        for kept in
            ["Anna", "/api/v1/customers/1/reset/", "page=2", "\"plan=pro&", "HttpOnly", "id.example/cb"]
        {
            assert!(
                text.contains(kept) || in_url(kept) != kept && text.contains(&in_url(kept)),
                "{kept} in {text}"
            );
        }
        assert_eq!(redactor.redact_text("Anna"), "Anna");
    }
    assert!(found.is_empty(), "{} found, such as {:#?}", found.len(), &found[..found.len().min(12)]);
}

#[test]
fn a_held_back_request_and_one_without_an_answer_are_in_it() {
    let mut random = Random(7);
    let (mut exchanges, ..) = plant_secrets(&mut random, 3);
    exchanges[1].entry.outcome = RequestOutcome::Refused { reason: "This session is read-only.".into() };
    exchanges[1].response = RecordedMessage::default();
    exchanges[2].entry.outcome = RequestOutcome::Waiting;
    (exchanges[2].waited, exchanges[2].elapsed) = (None, None);
    let har = serde_json::to_value(write_har(&exchanges, "1.0.0")).expect("JSON");
    assert_eq!(list_har_faults(&har), Vec::<String>::new());
    let entries = &har["log"]["entries"];
    assert_eq!(entries[1]["comment"], "Held back by Understudy: This session is read-only.");
    assert_eq!((&entries[1]["response"]["status"], &entries[2]["time"]), (&json!(0), &json!(0.0)));
    assert_eq!(entries[0]["startedDateTime"], "2026-11-18T11:06:40.100Z");
    assert_eq!(entries[0]["_resourceType"], "fetch", "the filters of a network panel have it");
    assert_eq!((&har["log"]["pages"][0]["id"], &entries[2]["pageref"]), (&json!("page_1"), &json!("page_1")));
    assert_eq!(
        (&entries[0]["timings"]["wait"], &entries[0]["timings"]["receive"]),
        (&json!(15.0), &json!(5.0))
    );
}

fn taken(exchanges: Vec<RecordedExchange>, messages: Vec<ConsoleMessage>) -> TakenEvidence {
    let session = crate::session::tests::example_view();
    let capture = PageCapture {
        picture: Ok(b"a picture".to_vec()),
        whole: None,
        messages,
        engine: "WebKitGTK 2.50.6".into(),
    };
    let pages = vec![PageVisit { at: 0, url: "https://app.example/<b>".into(), status: Some(500) }];
    TakenEvidence::new(session, 1_795_000_000_000, capture, exchanges, pages, "1.0.0")
}

#[test]
fn the_report_has_what_was_chosen_and_runs_nothing() {
    let (exchanges, ..) = plant_secrets(&mut Random(7), 3);
    let text = "<script>alert(1)</script> `x`".to_owned();
    let message = ConsoleMessage { at: 0, level: MessageLevel::Error, text };
    let taken = taken(exchanges, vec![message]);
    let choice = EvidenceChoice {
        picture: taken.view.picture.clone(),
        requests: vec![1, 3],
        messages: vec![0],
        pages: vec![0],
    };
    let report = render_report(&taken, &choice);
    assert!(report.contains("default-src 'none'") && !report.contains("<script"), "{report}");
    assert!(report.contains("&lt;script&gt;alert(1)") && report.contains("https://app.example/&lt;b&gt;"));
    assert!(report.contains(&format!("base64,{}", BASE64_STANDARD.encode("a picture"))));
    let har = report.split("data:application/json;base64,").nth(1).and_then(|rest| rest.split('"').next());
    let har: Value =
        serde_json::from_slice(&BASE64_STANDARD.decode(har.expect("a HAR")).expect("base64")).expect("JSON");
    assert_eq!(list_har_faults(&har), Vec::<String>::new());
    assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(2), "the second was dropped");
    let text = render_markdown(&taken, &choice);
    assert!(text.contains("`<script>alert(1)</script> 'x'`") && text.contains("(2 of 2)"), "{text}");
    let nothing = EvidenceChoice { picture: Some("\"><script>".into()), ..EvidenceChoice::default() };
    let report = render_report(&taken, &nothing);
    assert!(!report.contains("<script") && !report.contains("<h2>"), "{report}");
    assert_eq!(taken.file_name(EvidenceFormat::Html), "evidence-acme-2026-11-18-11-06-40.html");
}

#[test]
fn the_archive_has_what_was_chosen_as_files_and_no_secret() {
    let (exchanges, redactor, planted) = plant_secrets(&mut Random(7), 3);
    let text = redactor.redact_line(&format!("token={}", planted[0]));
    let message = ConsoleMessage { at: 0, level: MessageLevel::Error, text };
    let taken = taken(exchanges, vec![message]);
    let choice = EvidenceChoice {
        picture: taken.view.picture.clone(),
        requests: vec![1, 3],
        messages: vec![0],
        pages: vec![0],
    };
    assert_eq!(taken.file_name(EvidenceFormat::Zip), "evidence-acme-2026-11-18-11-06-40.zip");
    let files = unpack(&taken.to_file(EvidenceFormat::Zip, &choice).expect("an archive"));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["README.txt", "picture.png", "requests.har", "console.txt", "pages.txt"]);
    assert_eq!(files[1].1, b"a picture");
    let har: Value = serde_json::from_slice(&files[2].1).expect("JSON");
    assert_eq!(list_har_faults(&har), Vec::<String>::new());
    assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(2), "the second was dropped");
    let all: String = files.iter().map(|(_, content)| String::from_utf8_lossy(content)).collect();
    assert!(all.contains("Taken: 2026-11-18 11:06:40 UTC") && all.contains("500 https://app.example/<b>"));
    for secret in &planted {
        assert!(!all.contains(secret.as_str()), "{secret} is in the archive");
    }
    let nothing = EvidenceChoice { picture: Some("\"><script>".into()), ..EvidenceChoice::default() };
    let files = unpack(&taken.to_file(EvidenceFormat::Zip, &nothing).expect("an archive"));
    assert_eq!(files.len(), 1, "the facts alone");
}

#[test]
fn a_dropped_message_or_page_is_in_nothing_that_leaves() {
    let (exchanges, ..) = plant_secrets(&mut Random(7), 3);
    let message = |text: &str| ConsoleMessage { at: 0, level: MessageLevel::Error, text: text.into() };
    let mut taken = taken(exchanges, vec![message("first"), message("dropped message"), message("third")]);
    let visit =
        |path: &str| PageVisit { at: 0, url: format!("https://app.example/{path}"), status: Some(200) };
    taken.view.pages = vec![visit("orders"), visit("dropped-page")];
    // The request that loaded a dropped page, and others from there.
    let page = "https://app.example/dropped-page";
    taken.exchanges[0].entry.url = format!("{page}#top");
    taken.exchanges[0].entry.method = "GET".into();
    taken.exchanges[1].request.headers.push(("referer".into(), page.into()));
    // Also a place that there is none for.
    let choice = EvidenceChoice {
        requests: vec![1, 2, 3],
        messages: vec![2, 0, 9],
        pages: vec![0],
        ..EvidenceChoice::default()
    };
    let files = unpack(&taken.to_file(EvidenceFormat::Zip, &choice).expect("an archive"));
    let archive = files.iter().map(|(_, content)| String::from_utf8_lossy(content)).collect::<String>();
    let report = render_report(&taken, &choice);
    let har = report.split("data:application/json;base64,").nth(1).and_then(|rest| rest.split('"').next());
    let har = BASE64_STANDARD.decode(har.expect("a HAR")).expect("base64");
    let har: Value = serde_json::from_slice(&har).expect("JSON");
    assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(2), "not the page's own");
    assert!(!har.to_string().contains("dropped"), "{har}");
    for text in [archive, report, render_markdown(&taken, &choice)] {
        assert!(!text.contains("dropped"), "{text}");
        let places = ["app.example/orders", "first", "third"].map(|it| text.find(it));
        assert!(places.iter().all(Option::is_some) && places[1] < places[2], "{text}");
    }
    let none = EvidenceChoice { messages: vec![0], ..EvidenceChoice::default() };
    assert!(!render_markdown(&taken, &none).contains("app.example"), "the last page is no fact, either");
}

fn unpack(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("a ZIP file");
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a file");
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut content).expect("it can be unpacked");
        let name = file.name().expect("a name").into_owned();
        files.push((name, content));
    }
    files
}
