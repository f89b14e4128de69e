//! Secrets that are recognised by what they look like: long random text, tokens with a signature, private keys, and
//! passwords in addresses.
//!
//! Text of people and programs consists of pairs of letters that are common in words; random text does not. That is
//! measured, because no set of classes of characters tells `getUserByIdAndNameForCompany` from a token.

use std::ops::Range;

/// The shortest text that counts as long, in letters and digits.
const SHORTEST: usize = 20;
/// How many of a text's pairs are common at least, if it is no random one. Of 200,000 random texts of each kind
/// (base64, base36, base32; 20 to 32 characters), at most two reached it, and none with 32; names in programs have more.
const COMMON: f64 = 0.78;
/// The same for any twenty characters in a row: a name may stand before a token.
const COMMON_IN_PART: f64 = 0.5;

/// For each letter, those that follow it in words and names of programs: the 255 pairs that are 93% of them.
const FOLLOWING: [&str; 26] = [
    "abcdgiklmnprstuvy",
    "aeilorsu",
    "acdehiklorstu",
    "adefilorsu",
    "abcdefgilmnopqrstvwxy",
    "aefilortu",
    "aehilnorsu",
    "aeiort",
    "abcdefglmnoprstvxz",
    "",
    "eis",
    "acdeilostuy",
    "abeilmopsu",
    "acdefgiknostuv",
    "abcdfgiklmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdegiklmnoprstuvy",
    "acefhiklmopstuy",
    "acehilorstuy",
    "abcdefgilmnprst",
    "aei",
    "aehio",
    "ept",
    "ps",
    "e",
];
/// What names of files end with. Their hashes are public.
const FILES: &[&str] = &[
    "js", "mjs", "css", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff", "woff2",
    "ttf", "html", "wasm",
];

/// The places of all that looks like a secret.
pub(super) fn find_secret_shapes(text: &str) -> Vec<Range<usize>> {
    let mut found = find_private_keys(text);
    find_credentials(text, &mut found);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| is_of_word(**byte)).count();
        if length >= SHORTEST {
            judge_word(&text[at..at + length], at, &mut found);
        }
        at += length.max(1);
    }
    found
}

/// Whether the whole text is long and random.
pub(super) fn is_random(text: &str) -> bool {
    let chars: Vec<u8> = text.bytes().collect();
    let count = chars.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    if count < SHORTEST || is_uuid(text) || chars.iter().all(|byte| !byte.is_ascii_alphabetic()) {
        return false;
    }
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    if chars.iter().all(is_hex) && chars.iter().any(u8::is_ascii_digit) {
        return true;
    }
    share_of_common(&chars) < COMMON
        || chars
            .windows(SHORTEST)
            .any(|part| part.iter().all(u8::is_ascii_alphanumeric) && share_of_common(part) < COMMON_IN_PART)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_+/=.~%".contains(&byte)
}

/// A word is a path, the name of a file, parts between dots, or one long text.
fn judge_word(word: &str, at: usize, found: &mut Vec<Range<usize>>) {
    if let Some(begin) = find_signed_token(word) {
        found.push(at + begin..at + word.len());
        return judge_word(&word[..begin], at, found);
    }
    // A name may stand before it, and base64 may end with equals signs.
    if let Some(equals) = word.trim_end_matches('=').find('=') {
        judge_word(&word[..equals], at, found);
        return judge_word(&word[equals + 1..], at + equals + 1, found);
    }
    let is_file =
        word.rsplit_once('.').is_some_and(|(_, end)| FILES.contains(&end.to_ascii_lowercase().as_str()));
    let is_base64 = !word.starts_with(['/', '.']) && (word.contains('+') || word.ends_with('='));
    if is_base64 && !is_file && is_random(word) {
        found.push(at..at + word.len());
        return;
    }
    let mut begin = 0;
    for part in word.split_inclusive(['/', '.', '~', '=']) {
        let bare = part.trim_end_matches(['/', '.', '~', '=']);
        if !is_file && is_random(bare) {
            found.push(at + begin..at + begin + bare.len());
        }
        begin += part.len();
    }
    // Slashes belong to base64 too, and then its pieces may be short.
    let is_whole = !word.contains("//") && !is_file && word.contains('/');
    if is_whole && is_dense(word) && is_random(word) {
        found.push(at..at + word.len());
    }
}

/// Whether its parts are longer than those of paths, or letters of both cases and digits are mixed in them.
fn is_dense(word: &str) -> bool {
    let classes = |part: &str| {
        let has = |is: fn(&u8) -> bool| usize::from(part.bytes().any(|byte| is(&byte)));
        has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit)
    };
    let (mixed, plain): (Vec<&str>, Vec<&str>) =
        word.split('/').filter(|part| part.len() > 2).partition(|part| classes(part) > 1);
    mixed.len() > plain.len()
}

/// JSON Web Tokens and all that begins like one: `{"` in base64.
fn find_signed_token(word: &str) -> Option<usize> {
    let mut beginnings = word.match_indices("eyJ").map(|(at, _)| at);
    let begin = beginnings
        .find(|at| word[..*at].bytes().next_back().is_none_or(|before| !before.is_ascii_alphanumeric()))?;
    let token = &word[begin..];
    (token.len() >= SHORTEST && (token.contains('.') || is_random(token))).then_some(begin)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The share of pairs of neighbours that are common in words. Between digits, at a sign, and where a word begins in the
/// middle of a name, there is no pair.
#[allow(clippy::cast_precision_loss, reason = "both are small")]
fn share_of_common(text: &[u8]) -> f64 {
    let (mut common, mut all) = (0_usize, 0_usize);
    for at in 1..text.len() {
        let (before, here) = (text[at - 1], text[at]);
        if !before.is_ascii_alphanumeric()
            || !here.is_ascii_alphanumeric()
            || before.is_ascii_digit() && here.is_ascii_digit()
        {
            continue;
        }
        let begins_word = before.is_ascii_lowercase()
            && here.is_ascii_uppercase()
            && at > 1
            && text[at - 2].is_ascii_alphabetic()
            && text.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if begins_word {
            continue;
        }
        all += 1;
        common += usize::from(is_common_pair(before, here));
    }
    if all == 0 { 1.0 } else { common as f64 / all as f64 }
}

fn is_common_pair(before: u8, here: u8) -> bool {
    if !before.is_ascii_alphabetic() || before.is_ascii_lowercase() && here.is_ascii_uppercase() {
        return false;
    }
    let following = FOLLOWING[usize::from(before.to_ascii_lowercase() - b'a')];
    following.as_bytes().contains(&here.to_ascii_lowercase())
}

fn find_private_keys(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        let end = text[begin..].find("-----END ").map_or(text.len(), |at| begin + at);
        let end = text[end..].find(['\n', '"', '<']).map_or(text.len(), |at| end + at);
        found.push(begin..end);
        from = end.max(begin + 1);
    }
    found
}

/// `Bearer …`, `Basic …`, and `user:password@` in an address.
fn find_credentials(text: &str, found: &mut Vec<Range<usize>>) {
    for scheme in ["bearer ", "basic ", "token "] {
        for begin in find_ignoring_case(text, scheme) {
            let begin = begin + scheme.len();
            let length = text.as_bytes()[begin..].iter().take_while(|byte| is_of_word(**byte)).count();
            let value = &text[begin..begin + length];
            // In a sentence, a word follows, and in a challenge the name of a parameter.
            let is_named = value.ends_with('=') && text[begin + length..].starts_with('"');
            if !is_named && value.len() >= 6 && value.bytes().any(|byte| !byte.is_ascii_lowercase()) {
                found.push(begin..begin + length);
            }
        }
    }
    let mut from = 0;
    while let Some(begin) = text[from..].find("://").map(|at| from + at + 3) {
        let authority =
            text[begin..].find(|char: char| "/?#\"'<> \\".contains(char)).map_or(text.len(), |at| begin + at);
        if let Some(at) = text[begin..authority].rfind('@') {
            found.push(begin..begin + at);
        }
        from = begin;
    }
}

fn find_ignoring_case<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.as_bytes()
        .windows(wanted.len())
        .enumerate()
        .filter(|(_, part)| part.eq_ignore_ascii_case(wanted.as_bytes()))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_is_told_from_names_paths_and_dates() {
        for random in [
            "Zk3Qp9xT7bLw2Rv8Nc5Y",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "sk_live_51HqLyjWDarjtT1zdp7dcXKzmq",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "xk7q2m9vb4n1zc8w5t3rj6yp",
            "ABCD2345WXYZ7QRSTU6VGH3K",
            "invoice-of-november-Zk3Qp9xT7bLw2Rv8Nc5YdE",
        ] {
            assert_eq!(find_secret_shapes(random).first(), Some(&(0..random.len())), "{random}");
        }
        for plain in [
            "getUserByIdAndNameForCompany",
            "application-settings-v2-production",
            "no-cache,no-store,must-revalidate",
            "/assets/index-9f86d081884c7d659a2feaa0c55ad015.js",
            "/api/v1/customers/12345/invoices/67890/lines",
            "0b1f7ad0-6d0e-4b7f-9a55-2f6a0e8ec4c1",
            "Donaudampfschifffahrtsgesellschaft",
            "INTERNAL_SERVER_ERROR_CODE_500",
            "2026-11-29T11:20:30.000Z",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "1234567890123456789012345",
        ] {
            assert!(find_secret_shapes(plain).is_empty(), "{plain}");
        }
    }

    #[test]
    fn keys_signed_tokens_and_passwords_in_addresses_are_found() {
        let cut = |text: &str| {
            let mut left = text.to_owned();
            let mut found = find_secret_shapes(text);
            found.sort_by_key(|place| place.start);
            for place in found.into_iter().rev() {
                left.replace_range(place, "•");
            }
            left
        };
        assert_eq!(
            cut("t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. ok"),
            "t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. ok"
                .replace("t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "t=•")
        );
        assert_eq!(cut("(Bearer abc123)"), "(Bearer •)");
        assert_eq!(cut("The bearer token is wrong"), "The bearer token is wrong");
        assert_eq!(cut("postgres://me:pw@db/acme"), "postgres://•@db/acme");
        assert_eq!(cut("-----BEGIN KEY-----\nMII\n-----END KEY-----\nend"), "•\nend");
        assert_eq!(cut("q=/8UeM5uW0wXGRa/5iRDFrg44ar/pDBUi9sQEJg=="), "q=•");
        assert_eq!(cut("in dGhpcyBp+cyBhIHNlY3JldA== it"), "in • it");
    }
}
