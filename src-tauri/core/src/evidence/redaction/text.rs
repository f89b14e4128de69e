//! Secrets in text of any kind, by the names before them: `"token": "…"`, `password=…`, `<input name="csrf" value="…">`.
//!
//! No parser: what is read may be cut, may be no valid JSON or HTML, and one format may stand in a string of another.

use std::ops::Range;

use super::names::is_secret_name;

/// A value to replace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SecretPlace {
    pub(super) range: Range<usize>,
    /// Whether what replaces it needs quotation marks, so that JSON stays valid.
    pub(super) is_bare: bool,
}

impl From<Range<usize>> for SecretPlace {
    fn from(range: Range<usize>) -> Self {
        Self { range, is_bare: false }
    }
}

/// The values whose names say that they are secrets.
pub(super) fn find_named_secrets(text: &str, is_json: bool) -> Vec<SecretPlace> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), is_json, found: Vec::new() };
    scanner.scan_pairs();
    scanner.scan_tags();
    scanner.found
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    is_json: bool,
    found: Vec<SecretPlace>,
}

impl Scanner<'_> {
    /// A name, a colon or an equals sign, and a value; the name or the value may be quoted.
    fn scan_pairs(&mut self) {
        let mut at = 0;
        while at < self.bytes.len() {
            let (name, after) = match self.bytes[at] {
                b'"' | b'\'' => match self.end_of_quoted(at, 200) {
                    Some(end) if self.separator(end + 1, b":").is_some() => (at + 1..end, end + 1),
                    _ => {
                        at += 1;
                        continue;
                    }
                },
                byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let length = self.bytes[at..].iter().take_while(|byte| is_of_name(**byte)).count();
                    (at..at + length, self.skip_quote(at + length))
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            let Some(value) = self.separator(after, b":=") else {
                at = name.end.max(at + 1);
                continue;
            };
            let name = &self.text[name];
            at = if is_secret_name(name) { self.take_value(value, name).max(value) } else { value };
        }
    }

    /// Where the value begins, if a separator stands at `at`.
    fn separator(&self, at: usize, separators: &[u8]) -> Option<usize> {
        let at = self.skip_spaces(at);
        let is_one = self.bytes.get(at).is_some_and(|byte| separators.contains(byte));
        is_one.then(|| {
            let more = self.bytes[at + 1..].iter().take_while(|byte| b"=>".contains(byte)).count();
            self.skip_spaces(at + 1 + more)
        })
    }

    /// Takes the value at `at`; returns where it ends.
    fn take_value(&mut self, at: usize, name: &str) -> usize {
        let slashes = self.count_slashes(at);
        match self.bytes.get(at + slashes) {
            Some(b'"' | b'\'') => self.take_quoted(at + slashes, slashes),
            Some(b'{' | b'[') => self.take_nested(at),
            Some(_) => self.take_bare(at, name),
            None => self.bytes.len(),
        }
    }

    /// A quoted value, whose quotation marks have `slashes` before them.
    fn take_quoted(&mut self, quote: usize, slashes: usize) -> usize {
        let begin = quote + 1;
        let end = if slashes == 0 {
            self.end_of_quoted(quote, usize::MAX).unwrap_or(self.bytes.len())
        } else {
            let close = self.bytes[begin..].iter().position(|byte| *byte == self.bytes[quote]);
            close.map_or(self.bytes.len(), |length| {
                let text = &self.bytes[begin..begin + length];
                begin + length - text.iter().rev().take_while(|byte| **byte == b'\\').count()
            })
        };
        if end > begin {
            self.found.push((begin..end).into());
        }
        end
    }

    /// Every value inside of an object or a list.
    fn take_nested(&mut self, at: usize) -> usize {
        let (mut at, mut depth) = (at, 0_usize);
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                b'"' => {
                    let end = self.end_of_quoted(at, usize::MAX).unwrap_or(self.bytes.len());
                    if self.separator(end + 1, b":").is_none() && end > at + 1 {
                        self.found.push((at + 1..end).into());
                    }
                    at = end;
                }
                b'0'..=b'9' | b'-' => {
                    at = self.take_bare(at, "");
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// A value without quotation marks.
    fn take_bare(&mut self, at: usize, name: &str) -> usize {
        let name = name.to_ascii_lowercase();
        let is_line = name.ends_with("authorization") || name.ends_with("cookie");
        let rest = self.bytes[at..].iter();
        let length = if is_line && !self.is_json {
            rest.take_while(|byte| !b"\r\n\"<".contains(byte)).count()
        } else {
            rest.take_while(|byte| !byte.is_ascii_whitespace() && !b"&;,<>()[]{}\"'\\".contains(byte)).count()
        };
        let value = &self.text[at..at + length];
        if !["", "true", "false", "null", "undefined", "None", "nil"].contains(&value) {
            self.found.push(SecretPlace { range: at..at + length, is_bare: self.is_json });
        }
        at + length
    }

    /// Tags whose value is a secret: by their name, or because people don't see it.
    fn scan_tags(&mut self) {
        let mut at = 0;
        while let Some(begin) = self.text[at..].find('<').map(|found| at + found + 1) {
            at = begin;
            let length = self.bytes[begin..].iter().take_while(|byte| is_of_name(**byte)).count();
            if length == 0 {
                continue;
            }
            let name = &self.text[begin..begin + length];
            let (attributes, end) = self.read_attributes(begin + length);
            at = end;
            let is_secret = attributes.iter().any(|(name, value)| {
                let value = &self.text[value.clone()];
                match name.to_ascii_lowercase().as_str() {
                    "type" => value.eq_ignore_ascii_case("hidden") || value.eq_ignore_ascii_case("password"),
                    "name" | "id" | "property" | "itemprop" => is_secret_name(value),
                    _ => false,
                }
            });
            let values: Vec<_> = attributes
                .iter()
                .filter(|(name, _)| {
                    is_secret_name(name)
                        || is_secret && ["value", "content"].contains(&name.to_ascii_lowercase().as_str())
                })
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
                .collect();
            self.found.extend(values.into_iter().map(SecretPlace::from));
            if is_secret_name(name) && self.bytes.get(end) == Some(&b'>') {
                let close = self.text[end..].find('<').map_or(self.bytes.len(), |found| end + found);
                if !self.text[end + 1..close].trim().is_empty() {
                    self.found.push((end + 1..close).into());
                }
            }
        }
    }

    /// The attributes of a tag with the places of their values, and where the tag ends.
    fn read_attributes(&self, from: usize) -> (Vec<(&str, Range<usize>)>, usize) {
        let (mut attributes, mut at) = (Vec::new(), from);
        while let Some(byte) = self.bytes.get(at) {
            if *byte == b'>' || *byte == b'<' {
                break;
            }
            let length = self.bytes[at..].iter().take_while(|byte| is_of_name(**byte)).count();
            if length == 0 {
                at += 1;
                continue;
            }
            let name = &self.text[at..at + length];
            at = self.skip_spaces(at + length);
            if self.bytes.get(at) != Some(&b'=') {
                continue;
            }
            at = self.skip_spaces(at + 1);
            let quote = self.bytes.get(at).filter(|byte| b"\"'".contains(byte));
            let value = if let Some(quote) = quote {
                let close = self.bytes[at + 1..].iter().position(|byte| byte == quote);
                at + 1..close.map_or(self.bytes.len(), |length| at + 1 + length)
            } else {
                let bare = self.bytes[at..].iter();
                at..at + bare.take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'>').count()
            };
            at = value.end;
            if self.bytes.get(at).is_some_and(|byte| b"\"'".contains(byte)) {
                at += 1;
            }
            attributes.push((name, value));
        }
        (attributes, at.min(self.bytes.len()))
    }

    /// Where the quoted text ends that begins at `at`, if that is within `limit` bytes.
    fn end_of_quoted(&self, at: usize, limit: usize) -> Option<usize> {
        let quote = self.bytes[at];
        let mut end = at + 1;
        while let Some(byte) = self.bytes.get(end).filter(|_| end - at <= limit) {
            match byte {
                b'\\' => end += 1,
                byte if *byte == quote => return Some(end),
                _ => {}
            }
            end += 1;
        }
        None
    }

    fn skip_quote(&self, at: usize) -> usize {
        let slashes = self.count_slashes(at);
        let is_quote = self.bytes.get(at + slashes).is_some_and(|byte| b"\"'".contains(byte));
        if is_quote { at + slashes + 1 } else { at }
    }

    fn count_slashes(&self, at: usize) -> usize {
        self.bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'\\').count()
    }

    fn skip_spaces(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.$[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> String {
        let is_json = text.starts_with(['{', '[']);
        let mut places = find_named_secrets(text, is_json);
        places.sort_by_key(|place| (place.range.start, place.range.end));
        places.dedup_by(|next, first| next.range.start < first.range.end);
        let mut left = text.to_owned();
        for place in places.into_iter().rev() {
            left.replace_range(place.range, if place.is_bare { "\"•\"" } else { "•" });
        }
        left
    }

    #[test]
    fn values_are_found_by_their_names_in_every_notation() {
        for (text, left) in [
            (
                r#"{"id":7,"token":"a\"b","user":{"password" : "x","pin":1234,"plan":"pro"}}"#,
                r#"{"id":7,"token":"•","user":{"password" : "•","pin":"•","plan":"pro"}}"#,
            ),
            (
                r#"{"tokens":{"a":["x",{"b":"y"}],"n":-5},"ok":true,"secret":null}"#,
                r#"{"tokens":{"a":["•",{"b":"•"}],"n":"•"},"ok":true,"secret":null}"#,
            ),
            (
                r#"{"log":"{\"token\":\"abc\",\"id\":1}","api key":"k"}"#,
                r#"{"log":"{\"token\":\"•\",\"id\":1}","api key":"•"}"#,
            ),
            (r#"{"data":"x","token":"cut of"#, r#"{"data":"x","token":"•"#),
            ("window.csrfToken = 'abc'; let plan = 'pro'", "window.csrfToken = '•'; let plan = 'pro'"),
            ("user[password]=hunter2&plan=pro", "user[password]=•&plan=pro"),
            ("Cookie: a=b; c=d\nHost: x", "Cookie: •\nHost: x"),
            ("authorization: Token abc, x\n", "authorization: •\n"),
            (
                r#"<meta name="csrf-token" content="abc"><input type=hidden name=_t value=x>"#,
                r#"<meta name="csrf-token" content="•"><input type=hidden name=_t value=•>"#,
            ),
            (
                r#"<input name="plan" value="pro"><a data-token='q'>"#,
                r#"<input name="plan" value="pro"><a data-token='•'>"#,
            ),
            (
                "<accessToken>abc</accessToken><plan>pro</plan>",
                "<accessToken>•</accessToken><plan>pro</plan>",
            ),
            ("the token is wrong: 5 < 6 and a > b", "the token is wrong: 5 < 6 and a > b"),
        ] {
            assert_eq!(cut(text), left, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_broken(text in "[a-z<>\"'\\\\=:{}\\[\\], é]{0,60}", named in "token[=:\"'\\\\{<> é]{0,12}") {
            for text in [&text, &format!("{text}{named}"), &format!("<{named}{text}")] {
                for place in find_named_secrets(text, true) {
                    proptest::prop_assert!(text.get(place.range).is_some());
                }
            }
        }
    }
}
