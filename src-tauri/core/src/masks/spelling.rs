//! Decodes a text from each escaping that programs use. Each decoded byte remembers the place it came from.

use std::ops::Range;

use markup5ever::data::NAMED_ENTITIES;

/// A shorter run could be any word.
const SHORTEST_BASE64: usize = 6;

/// One way of escaping characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `%3D`
    Url,
    /// `%3D`, and `+` for a space.
    Form,
    /// `&amp;`, `&#61;`, `&#x3D;`
    Html,
    /// `\/`, `\"`, `\u003d`, `\x3d`
    Json,
    /// `\xc3\xa9`: bytes, as Python writes them.
    Bytes,
    /// `to<wbr>ken`: markup or invisible characters between the letters.
    Apart,
}

impl Spelling {
    pub const ALL: &[Self] = &[Self::Url, Self::Form, Self::Html, Self::Json, Self::Bytes, Self::Apart];

    /// Decodes the escaped character at the beginning of `bytes`. Returns what it stands for and its encoded length.
    fn read_escape(self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        match (self, bytes.first()?) {
            (Self::Form, b'+') => Some((b" ".to_vec(), 1)),
            (Self::Url | Self::Form, b'%') => read_percent(bytes),
            (Self::Html, b'&') => read_entity(bytes),
            (Self::Json, b'\\') => read_backslash(bytes),
            (Self::Bytes, b'\\') if bytes.get(1) == Some(&b'x') => {
                Some((vec![u8::try_from(parse_hex(bytes.get(2..4))?).ok()?], 4))
            }
            (Self::Apart, _) => measure_invisible(bytes).map(|length| (Vec::new(), length)),
            _ => None,
        }
    }
}

/// The length of a tag, a line break or a zero-width character at the beginning of `bytes`.
fn measure_invisible(bytes: &[u8]) -> Option<usize> {
    /// Soft hyphen, zero width space, non-joiner and joiner, word joiner, byte order mark.
    const WITHOUT_WIDTH: [&str; 6] = ["\u{ad}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}"];
    const LONGEST_TAG: usize = 500;
    match bytes.first()? {
        b'\r' | b'\n' => Some(1),
        b'<' if bytes.get(1).is_some_and(|next| next.is_ascii_alphabetic() || b"/!".contains(next)) => {
            bytes.iter().take(LONGEST_TAG).position(|byte| *byte == b'>').map(|end| end + 1)
        }
        byte if byte.is_ascii() => None,
        _ => WITHOUT_WIDTH.iter().find(|char| bytes.starts_with(char.as_bytes())).map(|char| char.len()),
    }
}

/// A text, decoded in one way.
pub(super) struct DecodedText {
    pub bytes: Vec<u8>,
    /// Where each byte comes from in the original text.
    at: Vec<Range<usize>>,
}

impl Drop for DecodedText {
    fn drop(&mut self) {
        secrecy::zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

impl DecodedText {
    /// The text as it is.
    pub fn from_text(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            at: (0..text.len()).zip(1..).map(|(start, end)| start..end).collect(),
        }
    }

    /// Decodes Base64 of either alphabet from the character `shift` on; `None` if that gives nothing.
    pub fn of_base64(run: &[u8], shift: usize) -> Option<Self> {
        let mut bytes = Vec::with_capacity(run.len());
        let (mut bits, mut held) = (0_u32, 0);
        for char in run.get(shift..)? {
            let value = match char {
                b'A'..=b'Z' => char - b'A',
                b'a'..=b'z' => char - b'a' + 26,
                b'0'..=b'9' => char - b'0' + 52,
                b'+' | b'-' => 62,
                _ => 63,
            };
            bits = bits << 6 | u32::from(value);
            held += 6;
            if held >= 8 {
                held -= 8;
                bytes.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
            }
        }
        let at = vec![0..0; bytes.len()];
        (!bytes.is_empty()).then_some(Self { bytes, at })
    }

    /// Decodes this escaping; `None` if there is nothing to decode.
    pub fn unescape_as(&self, spelling: Spelling) -> Option<Self> {
        // Without a plus, `Form` is the same as `Url`.
        if spelling == Spelling::Form && !self.bytes.contains(&b'+') {
            return None;
        }
        let mut read = Self { bytes: Vec::new(), at: Vec::new() };
        let (mut at, mut is_changed) = (0, false);
        while at < self.bytes.len() {
            let (bytes, length) = match spelling.read_escape(&self.bytes[at..]) {
                Some(read) => {
                    is_changed = true;
                    read
                }
                None => (vec![self.bytes[at]], 1),
            };
            let written = self.at[at].start..self.at[at + length - 1].end;
            read.at.resize(read.at.len() + bytes.len(), written);
            read.bytes.extend(bytes);
            at += length;
        }
        is_changed.then_some(read)
    }

    /// The same place in the original text. `place` must not be empty.
    pub fn source(&self, place: Range<usize>) -> Range<usize> {
        // An escape for several bytes is masked as a whole.
        self.at[place.start].start..self.at[place.end - 1].end
    }
}

/// All runs of at least `shortest` characters that may be Base64, with their padding.
pub(super) fn base64_runs(bytes: &[u8], shortest: usize) -> Vec<Range<usize>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| is_digit(byte)).count();
        if length >= shortest.max(SHORTEST_BASE64) {
            let padding = bytes[at + length..].iter().take(2).take_while(|byte| **byte == b'=').count();
            runs.push(at..at + length + padding);
        }
        at += length.max(1);
    }
    runs
}

fn parse_hex(bytes: Option<&[u8]>) -> Option<u32> {
    let digits = bytes?;
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

fn encode_char(code: u32) -> Option<Vec<u8>> {
    char::from_u32(code).map(|char| char.to_string().into_bytes())
}

fn read_percent(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    if let Some(byte) = parse_hex(bytes.get(1..3)) {
        return Some((vec![u8::try_from(byte).ok()?], 3));
    }
    // From JavaScript's old `escape()`.
    let code = parse_hex(bytes.get(2..6).filter(|_| bytes[1] == b'u'))?;
    Some((encode_char(code)?, 6))
}

/// <https://html.spec.whatwg.org/multipage/parsing.html#character-reference-state>
fn read_entity(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    if bytes.get(1) == Some(&b'#') {
        let is_hex = bytes.get(2).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x'));
        let (begin, radix) = if is_hex { (3, 16) } else { (2, 10) };
        let digits = bytes[begin..].iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let code =
            u32::from_str_radix(std::str::from_utf8(&bytes[begin..begin + digits]).ok()?, radix).ok()?;
        let end = begin + digits;
        return Some((encode_char(code)?, end + usize::from(bytes.get(end) == Some(&b';'))));
    }
    let name = bytes[1..].iter().take(40).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let with_end = 1 + name + usize::from(bytes.get(1 + name) == Some(&b';'));
    // The longest name wins: `&notin;` is not `&not` and `in;`.
    (2..=with_end).rev().find_map(|end| {
        let (first, second) = NAMED_ENTITIES.get(std::str::from_utf8(&bytes[1..end]).ok()?)?;
        let mut text = encode_char(*first).filter(|_| *first != 0)?;
        text.extend(encode_char(*second).filter(|_| *second != 0).into_iter().flatten());
        Some((text, end))
    })
}

fn read_backslash(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let next = *bytes.get(1)?;
    let plain = |byte: u8| Some((vec![byte], 2));
    match next {
        b'u' => match parse_hex(bytes.get(2..6)) {
            Some(high @ 0xd800..0xdc00) => {
                let low = parse_hex(bytes.get(8..12).filter(|_| bytes[6..8] == *b"\\u"))?;
                let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                Some((encode_char(0x10000 + ((high - 0xd800) << 10) + low)?, 12))
            }
            Some(code) => Some((encode_char(code)?, 6)),
            None => plain(b'u'),
        },
        b'x' => match parse_hex(bytes.get(2..4)) {
            Some(code) => Some((encode_char(code)?, 4)),
            None => plain(b'x'),
        },
        b'n' => plain(b'\n'),
        b'r' => plain(b'\r'),
        b't' => plain(b'\t'),
        b'b' => plain(8),
        b'f' => plain(12),
        other => plain(other),
    }
}
