//! Finds what may be an ID or an email address in free text, even if it was pasted with surrounding text, for example
//! from an email or from an address bar.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::query::lexer::{WordKind, lex_query};

/// Each candidate costs a database query, so keep them few.
const IDENTITIES: usize = 4;
/// More words would hardly narrow the list further.
pub(crate) const WORDS: usize = 8;

/// The exact text of a possible ID or email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Looks like an email address, but may be an ID nonetheless.
    Email(String),
    Id(String),
}

impl Identity {
    fn from_text(text: &str) -> Self {
        if is_address(text) { Self::Email(text.to_owned()) } else { Self::Id(text.to_owned()) }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Id(text) => text,
        }
    }
}

/// The users that `text` may identify, best first, without duplicates, at most 4.
///
/// `Ada <ada@acme.com>` and `mailto:ada@acme.com` yield the address, `https://admin.acme.com/users/42` yields 42,
/// `#42.` yields 42 and itself, and any other text yields itself.
pub(crate) fn find_identities(text: &str) -> Vec<Identity> {
    let text = text.trim().replace('\0', "");
    let words = || text.split_whitespace().map(trim_punctuation);
    let mut found: Vec<String> = Vec::new();
    found.extend(text.rsplit_once('<').and_then(|(_, rest)| parse_address(rest.split('>').next()?)));
    found.extend(words().filter(|word| has_scheme(word, "mailto:")).filter_map(parse_address));
    found.extend(words().filter_map(parse_loose_url).flat_map(|url| ids_in(&url)));
    let plain = found.is_empty();
    found.extend(words().filter(|word| is_address(word)).map(str::to_owned));
    if plain {
        found.push(trim_punctuation(&text).to_owned());
        found.push(text.clone());
    }
    let mut identities: Vec<Identity> = Vec::new();
    for text in found.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        if !identities.iter().any(|known| known.as_str() == text) {
            identities.push(Identity::from_text(text));
        }
    }
    identities.truncate(IDENTITIES);
    identities
}

/// The words of `text` without duplicates, at most 8; a quoted phrase is one word. The comma of `Lovelace, Ada` is not
/// part of the name.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in lex_query(text, |_| None) {
        let word = match word.form {
            WordKind::Phrase(phrase) => phrase,
            WordKind::Free(word) => match word.trim_matches([',', ';']) {
                "" => word,
                trimmed => trimmed.to_owned(),
            },
            WordKind::Filter { .. } => continue,
        };
        if !word.trim().is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words.truncate(WORDS);
    words
}

/// `Anna Hoffmann` for `Hoffmann, Anna`; `None` for anything else.
pub(crate) fn invert_name(text: &str) -> Option<String> {
    let (last, first) = text.split_once(',')?;
    let (last, first) = (last.trim(), first.trim());
    let is_name = |text: &str| text.contains(char::is_alphabetic) && !text.contains([',', '@']);
    (is_name(last) && is_name(first)).then(|| format!("{first} {last}"))
}

/// Strips punctuation around a word.
pub(crate) fn trim_punctuation(text: &str) -> &str {
    text.trim_start_matches(['#', '"', '\'', '<', '(', '[', '{', '“', '„', '‘', '«'])
        .trim_end_matches(['.', ',', ';', ':', '!', '?', '"', '\'', '>', ')', ']', '}', '”', '“', '’', '»'])
        .trim()
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        let plain = |text: &str| {
            !text.is_empty() && !text.contains(|char: char| char.is_whitespace() || "<>@/:?\"".contains(char))
        };
        plain(local) && plain(domain)
    })
}

/// The address in `ada@acme.com` or `mailto:ada@acme.com?subject=Hello` (RFC 6068).
pub(crate) fn parse_address(text: &str) -> Option<String> {
    let text = text.trim();
    if !has_scheme(text, "mailto:") {
        return is_address(text).then(|| text.to_owned());
    }
    let to = text["mailto:".len()..].split(['?', ',']).next()?;
    let to = percent_decode_str(to).decode_utf8().ok()?;
    is_address(&to).then(|| to.into_owned())
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Parses a URL, which may lack its scheme (`admin.acme.com/users/42`) or its host (`/users/42`).
pub(crate) fn parse_loose_url(word: &str) -> Option<Url> {
    if has_scheme(word, "http://") || has_scheme(word, "https://") {
        return Url::parse(word).ok();
    }
    let (host, _) = word.split_once('/')?;
    match host {
        "" => Url::parse(&format!("https://host{word}")).ok(),
        host if host.contains('.') && !host.contains('@') => Url::parse(&format!("https://{word}")).ok(),
        _ => None,
    }
}

/// The parts of a URL that look like an ID: parameters that name a user, then path segments from the end (including a
/// path after the `#`, as in single-page applications), then a parameter called just `id`.
pub(crate) fn ids_in(url: &Url) -> Vec<String> {
    let values = |keys: &'static [&str]| {
        let key_is = move |key: &str| keys.contains(&key.to_lowercase().replace(['_', '-'], "").as_str());
        url.query_pairs().filter(move |(key, _)| key_is(key)).map(|(_, value)| value.into_owned())
    };
    let route = url.fragment().filter(|fragment| fragment.contains('/')).unwrap_or_default();
    let route = route.split('?').next().unwrap_or_default();
    let segments = url.path().split('/').chain(route.split('/'));
    let mut ids: Vec<String> = segments
        .filter_map(|segment| percent_decode_str(segment).decode_utf8().ok())
        .filter(|segment| looks_like_an_id(segment))
        .map(std::borrow::Cow::into_owned)
        .collect();
    ids.reverse();
    ids.truncate(2);
    values(&["user", "userid"]).chain(ids).chain(values(&["id"])).collect()
}

/// `42`, `usr_8f3k`, a UUID or an address; not `users`, and not the `v2` of an API.
fn looks_like_an_id(segment: &str) -> bool {
    let version =
        segment.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let plain = segment.chars().all(|char| char.is_alphanumeric() || "_-.:|".contains(char));
    is_address(segment) || plain && !version && segment.contains(|char: char| char.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_text_identifies_a_user() {
        for (text, expected) in [
            ("", &[][..]),
            (" \" ", &["\""]),
            ("42", &["42"]),
            ("-5", &["-5"]),
            ("#42.", &["42", "#42."]),
            ("\"42\"", &["42", "\"42\""]),
            ("ada", &["ada"]),
            ("Ada Lovelace", &["Ada Lovelace"]),
            ("ada@acme.com", &["ada@acme.com"]),
            ("(ada@acme.com),", &["ada@acme.com", "(ada@acme.com),"]),
            ("Ada Lovelace <ada@acme.com>", &["ada@acme.com"]),
            ("\"Lovelace, Ada\" <ada@acme.com>, ", &["ada@acme.com"]),
            ("<mailto:ada@acme.com>", &["ada@acme.com"]),
            ("MAILTO:ada%2Btest@acme.com?subject=Hello", &["ada+test@acme.com"]),
            ("ticket of ada@acme.com", &["ada@acme.com", "ticket of ada@acme.com"]),
            ("https://admin.acme.com/users/42?tab=1", &["42"]),
            ("https://admin.acme.com/api/v2/orgs/7/users/42/edit", &["42", "7"]),
            (
                "https://admin.acme.com/users/550e8400-e29b-41d4-a716-446655440000.",
                &["550e8400-e29b-41d4-a716-446655440000"],
            ),
            ("https://admin.acme.com/reports/2026?user_id=usr_8&id=9", &["usr_8", "2026", "9"]),
            ("https://admin.acme.com/users?id=42", &["42"]),
            ("https://app.acme.com/#/users/42?tab=1", &["42"]),
            ("https://app.acme.com/users/ada%40acme.com", &["ada@acme.com"]),
            ("admin.acme.com/users/42", &["42"]),
            ("/users/42", &["42"]),
            ("https://acme.com/", &["https://acme.com/"]),
            ("see https://admin.acme.com/users/42 (ada@acme.com)", &["42", "ada@acme.com"]),
        ] {
            let found = find_identities(text);
            assert_eq!(found.iter().map(Identity::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_distinguished_from_ids() {
        assert_eq!(find_identities("ada@acme.com"), [Identity::Email("ada@acme.com".into())]);
        assert_eq!(find_identities("42"), [Identity::Id("42".into())]);
        assert_eq!(find_identities("a@b@c"), [Identity::Id("a@b@c".into())]);
    }

    #[test]
    fn a_name_may_stand_the_other_way_round() {
        assert_eq!(invert_name("Hoffmann, Anna").as_deref(), Some("Anna Hoffmann"));
        assert_eq!(invert_name("van der Berg,Jo Ann ").as_deref(), Some("Jo Ann van der Berg"));
        for text in ["Hoffmann Anna", "Hoffmann,", ", Anna", "a, b, c", "1,5", "ada@acme.com, Ada"] {
            assert_eq!(invert_name(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_those_of_a_name() {
        assert_eq!(split_words("Lovelace, Ada"), ["Lovelace", "Ada"]);
        assert_eq!(split_words("\"ada  lovelace\" acme acme , \" \""), ["ada  lovelace", "acme", ","]);
        assert_eq!(split_words("  "), Vec::<String>::new());
        assert_eq!(split_words("1 2 3 4 5 6 7 8 9").len(), 8);
    }
}
