//! The ways in which a server asks for credentials (RFC 9110, 11.6.1), and those that a window may see.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

/// For each of these, an engine opens a dialog of its own in front of the page: for a load as for a fetch, since it
/// asks on behalf of the origin and not of the script. That dialog belongs to the system's window, cannot be told from
/// the application's, and would take a password past the console. So the window never sees them. A script still gets the
/// status, and challenges that only a script answers (`Bearer`, `DPoP`, …) stay.
const ANSWERED_BY_ENGINES: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];

/// Whether a server would take a user name and a password.
pub(crate) fn asks_for_basic(headers: &HeaderMap) -> bool {
    let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    challenges.any(|value| split_challenges(value).iter().any(|(scheme, _)| scheme == "basic"))
}

/// Takes out what an engine would ask the operator about, and says whether there was any.
pub(crate) fn remove_dialog_challenges(headers: &mut HeaderMap) -> bool {
    let values: Vec<HeaderValue> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    headers.remove(WWW_AUTHENTICATE);
    let mut has_removed = false;
    for value in values {
        // What is not text is no challenge that a script could read.
        let challenges = value.to_str().map(split_challenges).unwrap_or_default();
        let left: Vec<_> = challenges
            .iter()
            .filter(|(scheme, _)| !ANSWERED_BY_ENGINES.contains(&scheme.as_str()))
            .map(|(_, text)| *text)
            .collect();
        has_removed |= left.len() < challenges.len();
        if let Ok(left) = HeaderValue::from_str(&left.join(", "))
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
            let had_basic = told.iter().any(|value| {
                let outside = !value.starts_with("Bearer realm=\"a, ") && !value.starts_with("Digest");
                outside && value.to_ascii_lowercase().contains("basic")
            });
            assert_eq!(asks_for_basic(&headers), had_basic, "{told:?}");
            let has_removed = remove_dialog_challenges(&mut headers);
            assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().collect::<Vec<_>>(), left, "{told:?}");
            assert_eq!(has_removed, told != left, "{told:?}");
        }
    }
}
