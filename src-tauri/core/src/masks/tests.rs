//! Secrets in every spelling that an answer may have them in.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn masked(text: &str, secrets: &[&str]) -> String {
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    Masks::for_secrets(&secrets).mask_text(text)
}

#[test]
fn what_an_application_repeats_is_masked_in_every_spelling() {
    let secret = "to\"ken/1=&<é'";
    for spelt in [
        "to\"ken/1=&<é'",
        r#"to\"ken\/1=&<é'"#,
        r"to\u0022ken\u002F1\u003d\u0026\u003c\u00e9\u0027",
        "to&quot;ken/1=&amp;&lt;é&#39;",
        "to&#34;ken&#x2F;1&#x3D;&#038;&#x3c;&eacute;&apos;",
        "to%22ken%2F1%3D%26%3C%C3%A9%27",
        "to%22ken%2f1%3d%26%3c%c3%a9'",
        "to%22ken/1%3D%26%3C%E9'",
        "to%2522ken%252F1%253D%2526%253C%25C3%25A9%2527",
        "to\\u0026quot;ken/1=\\u0026amp;\\u0026lt;é\\u0026#39;",
    ] {
        assert_eq!(masked(&format!("[{spelt}]"), &[secret]), "[••••]", "{spelt}");
    }
}

#[test]
fn a_password_in_basic_credentials_is_masked() {
    let basic = BASE64_STANDARD.encode("support:hunter2!");
    assert_eq!(
        masked(&format!("authorization: Basic {basic};"), &["hunter2!"]),
        "authorization: Basic ••••;"
    );
    let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"key":"a\"b\/c/d"}"#);
    assert_eq!(masked(&format!("x.{payload}.y"), &["a\"b/c/d"]), "x.••••.y");
}

#[test]
fn a_secret_that_was_changed_or_taken_apart_is_masked() {
    let secret = "to\"Ken/1=é-end";
    for changed in [
        "TO\"KEN/1=É-END",
        "to\"ken/1=é-end",
        "746f224b656e2f313dc3a92d656e64",
        "746F224B656E2F313DC3A92D656E64",
        "to\"Ken/1=\u{fffd}-end",
        "to\"Ken/<wbr>1=é-end",
        "to\"K<b class='x'>en</b>/1=é-end",
        "to\"Ken\u{ad}/1=é\u{200b}-end",
        "to\"Ken/1=\r\né-end",
        "to&quot;Ken<br/>/1=&eacute;-end",
        r"to\x22Ken/1=\xc3\xa9-end",
    ] {
        assert_eq!(masked(&format!("[{changed}]"), &[secret]), "[••••]", "{changed}");
    }
    let spans = each(secret, |char, spelt| write!(spelt, "<span>{char}</span>").expect("a String"));
    assert_eq!(masked(&format!("<p>{spans}!"), &[secret]), "<p><span>••••</span>!");
    let key = "-----BEGIN KEY-----\nMIIabcdefgh\nijklmnop\n-----END KEY-----";
    assert_eq!(masked(&format!("[{}]", key.replace('\n', "\r\n")), &[key]), "[••••]");
    assert_eq!(masked("1 < 2 and 3 > 2", &["12"]), "1 < 2 and 3 > 2", "no tag");
}

#[test]
fn a_secret_of_which_only_the_beginning_is_quoted_is_masked() {
    let secret = "canary-0815/é-of-the-support-desk";
    for (quoted, shown) in [
        ("Unknown token 'canary-0815/é-o...'", "Unknown token '••••...'"),
        ("Unknown token canary-0815/é-o\u{2026}", "Unknown token ••••\u{2026}"),
        ("canary-0815/", "••••"),
        ("<code>CANARY-0815/É-OF</code>, then", "<code>••••</code>, then"),
        (r#"{"given":"canary-0815\/\u00e9-of-th"}"#, r#"{"given":"••••"}"#),
        ("?t=canary-0815%2F%C3%A9-of&x", "?t=••••&x"),
        ("?t=canary-0815%2F%C3", "?t=••••"),
        ("canary&#45;0815&#x2F;&eacute;&hellip;", "••••&hellip;"),
        ("can<wbr>ary-08<wbr>15/é<b>", "••••<b>"),
        ("63616e6172792d303831352f…", "••••…"),
        // Too short to give anything away, or part of another word.
        ("canary-08 was here", "canary-08 was here"),
        ("canary-0815/edition", "canary-0815/edition"),
        ("canary-0815/écru", "canary-0815/écru"),
    ] {
        assert_eq!(masked(quoted, &[secret]), shown, "{quoted}");
    }
    let basic = BASE64_STANDARD.encode(format!("support:{secret}"));
    assert_eq!(masked(&format!("Basic {}...", &basic[..40]), &[secret]), "Basic ••••...");
    let link = "https://app.example/tickets/accept?ticket=0815-4711";
    assert_eq!(masked("https://app.example/tickets is down", &[link]), "https://app.example/tickets is down");
    assert_eq!(masked("/tickets/accept is down", &["/tickets/accept?x=1"]), "/tickets/accept is down");
    assert_eq!(
        masked("the pass is wrong", &["pass is", "password1"]),
        "the •••• wrong",
        "none is cut as short"
    );
}

#[test]
fn no_end_of_a_longer_secret_is_left() {
    assert_eq!(masked("token-1-and-more", &["token-1", "token-1-and-more"]), "••••");
    assert_eq!(masked("abcdef", &["abcd", "cdef"]), "••••", "they overlap");
    assert_eq!(masked("plain words stay", &["words", ""]), "plain •••• stay");
}

#[test]
fn a_long_answer_is_masked_of_thousands_of_cookies() {
    // Signed cookies all begin alike. Comparing each one at each position would take hours.
    let cookie = |at: usize| format!("eyJhbGciOiJIUzI1NiJ9.{at:06}.c0ffee");
    let cookies: Vec<SecretString> = (0..5000).map(|at| cookie(at).into()).collect();
    let words = "eyJhbGciOi is how a token begins; a &amp; b, 100%25. ".repeat(2000);
    let text = format!("{words}{} {}", cookie(7), BASE64_STANDARD.encode(cookie(4999)));
    assert_eq!(Masks::for_secrets(&cookies).mask_text(&text), format!("{words}•••• ••••"));
}

#[test]
fn a_refusal_is_masked_in_all_that_people_read() {
    let refusal = Refusal {
        title: "/me/s3cret%2Fs says no".into(),
        excerpt: Some("s3cret/s".into()),
        hint: "try s3cret&#47;s".into(),
        ..Refusal::default()
    };
    let shown = Masks::for_secrets(&[SecretString::from("s3cret/s")]).mask_refusal(refusal);
    assert_eq!((shown.title.as_str(), shown.hint.as_str()), ("/me/•••• says no", "try ••••"));
    assert_eq!(shown.excerpt.as_deref(), Some("••••"));
}

fn each(text: &str, spell: impl Fn(char, &mut String)) -> String {
    let mut written = String::new();
    text.chars().for_each(|char| spell(char, &mut written));
    written
}

fn url(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The encodings that programs use for a text.
fn spellings() -> Vec<fn(&str) -> String> {
    vec![
        |text| text.to_owned(),
        url,
        |text| {
            each(text, |char, spelt| {
                spelt.push_str(&if char.is_ascii_alphanumeric() {
                    char.to_string()
                } else {
                    url(&char.to_string()).to_lowercase()
                });
            })
        },
        |text| text.bytes().fold(String::new(), |spelt, byte| spelt + &format!("%{byte:02x}")),
        |text| url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        |text| {
            let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            html.replace('"', "&quot;").replace('\'', "&#39;")
        },
        |text| each(text, |char, spelt| write!(spelt, "&#{};", u32::from(char)).expect("a String")),
        |text| each(text, |char, spelt| write!(spelt, "&#x{:X};", u32::from(char)).expect("a String")),
        |text| serde_json::Value::from(text).to_string().trim_matches('"').to_owned(),
        |text| {
            serde_json::Value::from(text).to_string().replace('/', "\\/").trim_start_matches('"').to_owned()
        },
        |text| {
            each(text, |char, spelt| {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(spelt, "\\u{unit:04x}").expect("a String");
                }
            })
        },
        |text| BASE64_STANDARD.encode(format!("u:{text}")),
        |text| BASE64_STANDARD.encode(format!("user:{text}!")),
        |text| BASE64_URL_SAFE_NO_PAD.encode(format!("someone:{text}")),
    ]
}

proptest! {
    #[test]
    fn no_spelling_of_any_secret_comes_out(
        secret in prop_oneof!["[ -~]{4,40}", "[^•\\p{Cc}]{4,20}"],
        first in 0..14_usize,
        then in 0..14_usize,
    ) {
        prop_assume!(secret.trim().len() >= 4 && !secret.starts_with('"') && !secret.ends_with('"'));
        let spellings = spellings();
        // Escaped once and twice.
        for spelt in [spellings[first](&secret), spellings[then](&spellings[first](&secret))] {
            let text = format!("<p title=\"{spelt}\"> {spelt} </p>");
            let shown = masked(&text, &[&secret]);
            for spell in &spellings {
                prop_assert!(!shown.contains(&spell(&secret)), "{:?} in {:?} of {:?}", spell(&secret), shown, text);
            }
            prop_assert!(!shown.contains(&spelt), "{:?} in {:?}", spelt, shown);
        }
    }

    #[test]
    fn no_spelling_of_a_quoted_beginning_comes_out(
        secret in "[A-Za-z0-9_/+=.~-]{9,60}",
        of_hundred in 34..100_usize,
        spelt in 0..10_usize,
        then in 0..10_usize,
        end in prop_oneof![Just("; it is cut"), Just("\u{2026}"), Just("\" is unknown"), Just("</p>"), Just("&#8230;"), Just("")],
    ) {
        prop_assume!(!begins_with_an_address(&secret));
        let cut = &secret[..(secret.len() * of_hundred).div_ceil(100).max(8)];
        let case: [fn(&str) -> String; 3] = [str::to_owned, str::to_uppercase, str::to_lowercase];
        let mut spellings: Vec<_> = spellings().into_iter().take(11).collect();
        // This one adds a quotation mark.
        spellings.remove(9);
        for case in case {
            for quoted in [spellings[spelt](&case(cut)), spellings[then](&spellings[spelt](&case(cut)))] {
                let shown = masked(&format!("<p>Unknown token {quoted}{end}"), &[&secret]);
                prop_assert_eq!(shown, format!("<p>Unknown token ••••{end}"), "{:?}", quoted);
            }
        }
    }

    #[test]
    fn a_text_without_the_secret_stays_as_it_is(text in "[a-y &%+;.\\\\/=]{0,80}") {
        prop_assert_eq!(masked(&text, &["zzzz-0815"]), text);
    }
}
