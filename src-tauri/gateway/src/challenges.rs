//! The ways in which a server asks for credentials (RFC 9110, 11.6.1), and those that a window may see.

use std::borrow::Cow;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use http_auth::{ChallengeParser, DigestClient, digest};

/// For each of these, an engine opens a dialog of its own in front of the page: for a load as for a fetch, since it
/// asks on behalf of the origin and not of the script. That dialog belongs to the system's window, cannot be told from
/// the application's, and would take a password past the console. So the window never sees them. A script still gets the
/// status, and challenges that only a script answers (`Bearer`, `DPoP`, …) stay.
const ANSWERED_BY_ENGINES: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];

/// A server's question for a user name and a password.
#[derive(Debug)]
pub(crate) struct Challenge {
    /// What the password is for, in the server's words; may be anything.
    pub(crate) realm: String,
    pub(crate) scheme: ChallengeScheme,
}

#[derive(Debug)]
pub(crate) enum ChallengeScheme {
    Basic,
    Digest(DigestClient),
}

impl Challenge {
    /// The strongest challenge of an answer that a user name and a password can meet (RFC 7616, 3.7): the first Digest
    /// whose algorithm is known, before Basic. `None` if there is no such challenge.
    pub(crate) fn find(headers: &HeaderMap) -> Option<Self> {
        let mut found = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            for (scheme, text) in split_challenges(&read_text(value)) {
                match scheme.as_str() {
                    "digest" => {
                        if let Some(digest) = Self::read_digest(text) {
                            return Some(digest);
                        }
                    }
                    "basic" if found.is_none() => {
                        found = Some(Self { realm: read_realm(text), scheme: ChallengeScheme::Basic });
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn read_digest(text: &str) -> Option<Self> {
        let parsed = ChallengeParser::new(text).next()?.ok()?;
        let client = DigestClient::try_from(&parsed).ok()?;
        // The other kind (`auth-int`) would need the whole body first.
        (client.qop() & digest::Qop::Auth)
            .then(|| Self { realm: client.realm().to_owned(), scheme: ChallengeScheme::Digest(client) })
    }
}

/// The realm of one challenge; empty if it has none.
fn read_realm(text: &str) -> String {
    if let Some(Ok(parsed)) = ChallengeParser::new(text).next() {
        let realm = parsed.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("realm"));
        return realm.map(|(_, value)| value.to_unescaped()).unwrap_or_default();
    }
    // With letters that are not ASCII, which that parser refuses.
    let rest = text.split_once("realm=").map(|(_, rest)| rest.trim_start_matches('"'));
    rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

/// Not every server sticks to ASCII.
fn read_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// Takes out what an engine would ask the operator about, and says whether there was any.
pub(crate) fn remove_dialog_challenges(headers: &mut HeaderMap) -> bool {
    let values: Vec<HeaderValue> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    headers.remove(WWW_AUTHENTICATE);
    let mut has_removed = false;
    for value in values {
        let text = read_text(&value);
        let challenges = split_challenges(&text);
        let left: Vec<_> = challenges
            .iter()
            .filter(|(scheme, _)| !ANSWERED_BY_ENGINES.contains(&scheme.as_str()))
            .map(|(_, text)| *text)
            .collect();
        has_removed |= left.len() < challenges.len();
        if let Ok(left) = HeaderValue::from_bytes(left.join(", ").as_bytes())
            && !left.is_empty()
        {
            headers.append(WWW_AUTHENTICATE, left);
        }
    }
    has_removed
}

/// The challenges of one field, each with its scheme in lower case. Commas divide challenges and parameters alike: what
/// starts with a word of its own is a challenge, and `name=value` belongs to the one before.
fn split_challenges(value: &str) -> Vec<(String, &str)> {
    let mut starts = Vec::new();
    let (mut is_quoted, mut is_escaped, mut begin) = (false, false, 0);
    for (at, char) in value.char_indices().chain([(value.len(), ',')]) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted || at == value.len() => {
                if let Some(scheme) = read_scheme(&value[begin..at]) {
                    starts.push((scheme, begin));
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([value.len()]);
    let text = |start: usize, end: usize| value[start..end].trim_matches([' ', '\t', ',']);
    starts.iter().zip(ends).map(|((scheme, start), end)| (scheme.clone(), text(*start, end))).collect()
}

fn read_scheme(item: &str) -> Option<String> {
    let item = item.trim();
    let (word, rest) = item.split_once([' ', '\t']).unwrap_or((item, ""));
    let is_parameter = word.contains('=') || rest.trim_start().starts_with('=');
    (!word.is_empty() && !is_parameter).then(|| word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_sees_only_challenges_that_scripts_answer() {
        for (told, left) in [
            (vec!["Basic realm=\"staging\""], vec![]),
            (vec!["basic"], vec![]),
            (vec!["Negotiate", "NTLM"], vec![]),
            (vec!["NTLM TlRMTVNTUAACAAAA=="], vec![]),
            (vec!["Digest realm=\"a, Bearer b\", qop=\"auth, auth-int\", nonce=\"x\""], vec![]),
            (vec!["Bearer realm=\"a, Basic b\""], vec!["Bearer realm=\"a, Basic b\""]),
            (
                vec!["Bearer realm = \"a\", error=\"x\", Basic realm=\"b\""],
                vec!["Bearer realm = \"a\", error=\"x\""],
            ),
            (vec!["Basic realm=\"b\" , DPoP algs=\"ES256\",Negotiate"], vec!["DPoP algs=\"ES256\""]),
            (vec!["Basic realm=\"a \\\" b, c\", Bearer"], vec!["Bearer"]),
            (vec!["Basic realm=\"never closed"], vec![]),
            (vec![", ,Basic"], vec![]),
            (vec!["Bearer", "Basic realm=\"x\""], vec!["Bearer"]),
        ] {
            let mut headers = HeaderMap::new();
            for value in &told {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).expect("a value"));
            }
            let has_removed = remove_dialog_challenges(&mut headers);
            assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().collect::<Vec<_>>(), left, "{told:?}");
            assert_eq!(has_removed, told != left, "{told:?}");
        }
    }

    #[test]
    fn a_window_sees_no_challenge_in_other_letters_either() {
        for realm in [&b"Gesch\xfctzt"[..], "Gesch\u{fc}tzt".as_bytes()] {
            let mut headers = HeaderMap::new();
            for (before, after) in [(&b"Basic realm=\""[..], &b"\""[..]), (b"Bearer realm=\"", b"\", NTLM")] {
                let value = HeaderValue::from_bytes(&[before, realm, after].concat()).expect("a value");
                headers.append(WWW_AUTHENTICATE, value);
            }
            assert!(remove_dialog_challenges(&mut headers));
            let left: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(left, ["Bearer realm=\"Gesch\u{fc}tzt\"".as_bytes()]);
        }
    }

    fn find(told: &[&[u8]]) -> Option<(String, &'static str)> {
        let mut headers = HeaderMap::new();
        for value in told {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(value).expect("a value"));
        }
        let found = Challenge::find(&headers)?;
        let scheme = match found.scheme {
            ChallengeScheme::Basic => "Basic",
            ChallengeScheme::Digest(digest) if digest.algorithm() == digest::Algorithm::Md5 => "MD5",
            ChallengeScheme::Digest(_) => "SHA",
        };
        Some((found.realm, scheme))
    }

    #[test]
    fn the_strongest_challenge_that_a_password_meets_counts() {
        let digest = |more: &str| format!("Digest realm=\"d\", nonce=\"n\", qop=\"auth\"{more}");
        let (md5, sha) = (digest(""), digest(", algorithm=SHA-256"));
        let (unknown, whole) = (digest(", algorithm=SHA3"), md5.replace("\"auth\"", "\"auth-int\""));
        for (told, found) in [
            (vec!["Bearer realm=\"a, Basic b\""], None),
            (vec!["Negotiate", "NTLM"], None),
            (vec!["Basic"], Some(("", "Basic"))),
            (vec!["basic REALM=\"a \\\"b\\\", c\""], Some(("a \"b\", c", "Basic"))),
            (vec!["Basic realm=unquoted, charset=\"UTF-8\""], Some(("unquoted", "Basic"))),
            (vec!["Basic realm=\"Geschützt\""], Some(("Geschützt", "Basic"))),
            (vec!["NTLM TlRMTVNTUAACAAAA==", "Basic realm=\"b\""], Some(("b", "Basic"))),
            (vec!["NTLM TlRMTVNTUAACAAAA==, Basic realm=\"b\""], Some(("b", "Basic"))),
            (vec!["Basic realm=\"b\"", &md5], Some(("d", "MD5"))),
            (vec![&sha, &md5], Some(("d", "SHA"))),
            (vec![&unknown, &md5], Some(("d", "MD5"))),
            (vec![&unknown], None),
            (vec![&whole], None),
            (vec![&whole, "Basic realm=\"b\""], Some(("b", "Basic"))),
            (vec!["Digest realm=\"d\""], None),
        ] {
            let bytes: Vec<&[u8]> = told.iter().map(|value| value.as_bytes()).collect();
            let found = found.map(|(realm, scheme)| (realm.to_owned(), scheme));
            assert_eq!(find(&bytes), found, "{told:?}");
        }
        assert_eq!(find(&[b"Basic realm=\"Gesch\xfctzt\""]), Some(("Geschützt".into(), "Basic")));
    }
}
