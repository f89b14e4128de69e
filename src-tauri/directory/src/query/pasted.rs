//! Reads a pasted text, such as an email or a ticket, for what may identify a user.
//!
//! Pure, and linear in the length of the text: each character belongs to one line, one word and one run.
//!
//! A text is a *search* if it has a filter or fewer than 4 words: those mean what was typed. A text of several lines, of
//! more words than a search uses (8) or of more than 500 characters is *pasted*. What is in between, such as `My order
//! ORD-700016 has not arrived`, is a *sentence*: it is searched for as it stands, and read like a pasted text only if no
//! user matches.

use std::collections::HashSet;
use std::ops::Range;

use crate::model::Column;
use crate::query::identity::{WORDS, ids_in, parse_address, parse_loose_url, trim_punctuation};
use crate::query::lexer::{WordKind, lex_query};
use crate::query::names;
use crate::schema::uuids::parse_uuid;
use crate::scope::PhoneNumber;

/// A longer text is not searched for as it stands: patterns have limits.
pub(crate) const SEARCH_CHARS: usize = 500;
/// A longer text is not read at all.
pub(crate) const PASTED_CHARS: usize = 100_000;
/// How many candidates are tried, each with one probe per table.
pub(crate) const CANDIDATES: usize = 20;
/// The addresses of a long list of recipients leave room for the order number.
const OF_A_KIND: usize = 6;
/// Fewer words are a search.
const SENTENCE: usize = 4;
/// Longer runs are images or signatures in the source of an email.
const LONGEST: usize = 100;
/// The longest local part of an address: RFC 5321, 4.5.3.1.1.
const LONGEST_LOCAL: usize = 64;
/// The longest way to write a telephone number.
const LONGEST_PHONE: usize = 40;
/// Stands for the end of a line in the search field, which has only one.
const LINE_SIGN: char = '↵';

/// How a text in the search field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Search,
    Sentence,
    Pasted,
}

/// What a candidate looks like, most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CandidateKind {
    Email,
    /// A UUID, or MongoDB's 24 hexadecimal digits. Other IDs look like codes or numbers.
    Id,
    Phone,
    /// `ORD-700016`, `INV/2024/0012`, an IBAN.
    Code,
    /// Five digits or more.
    Number,
    /// A part of a link.
    Link,
}

/// Something in a pasted text that may identify a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) kind: CandidateKind,
    /// Where it is, in bytes; of a link's part, where the link is.
    pub(crate) span: Range<usize>,
    /// For display, as it stands in the text.
    pub(crate) text: String,
    /// The whole values it may be stored as, likeliest first. Never empty.
    pub(crate) spellings: Vec<String>,
}

impl Candidate {
    /// The telephone number that it is, if it is one.
    pub(crate) fn phone_number(&self) -> Option<PhoneNumber> {
        let is_phone = self.kind == CandidateKind::Phone;
        PhoneNumber::parse(&self.text).filter(|_| is_phone)
    }

    /// What of it may be an ID. The other spellings of a telephone number are numbers that nobody wrote.
    pub(crate) fn list_ids(&self) -> Vec<String> {
        if self.kind == CandidateKind::Phone { vec![self.text.clone()] } else { self.spellings.clone() }
    }

    /// The candidate as a search of its own.
    pub(crate) fn to_query_text(&self) -> String {
        // Quoted, so that no character is an operator.
        format!("\"{}\"", self.text.replace('\\', r"\\").replace('"', "\\\""))
    }
}

/// Whose words they are: of the sender, in the message, quoted, or of the recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Sender,
    Message,
    Quoted,
    Recipient,
    /// IDs of messages and servers.
    Technical,
}

const SENDERS: [&str; 8] = ["from", "von", "de", "da", "reply-to", "sender", "absender", "antwort-an"];
const RECIPIENTS: [&str; 9] =
    ["to", "an", "à", "para", "cc", "bcc", "kopie", "delivered-to", "x-original-to"];
const TECHNICAL: [&str; 8] = [
    "message-id",
    "in-reply-to",
    "references",
    "received",
    "return-path",
    "content-id",
    "content-type",
    "dkim-signature",
];

/// How `text` is read: see the module.
pub(crate) fn classify_text(text: &str, columns: &[Column]) -> TextKind {
    if !is_searchable(text) {
        return TextKind::Pasted;
    }
    let mut words = 0;
    for word in lex_query(text, |name| names::find_column(columns, name)) {
        match word.form {
            // `Name: Ada`, with a space, is how people write.
            WordKind::Filter { value, .. } if !value.is_empty() => return TextKind::Search,
            _ => words += 1,
        }
    }
    let lines = text.split(is_line_end).filter(|line| !line.trim().is_empty()).count();
    match words {
        _ if lines > 1 => TextKind::Pasted,
        0..SENTENCE => TextKind::Search,
        SENTENCE..=WORDS => TextKind::Sentence,
        _ => TextKind::Pasted,
    }
}

/// Whether `text` is short enough to be searched for as it stands.
pub(crate) fn is_searchable(text: &str) -> bool {
    text.chars().nth(SEARCH_CHARS).is_none()
}

/// What in `text` may identify a user: by kind, then the sender's before the recipients', then in the order of the
/// text. At most 20, without duplicates. A candidate is a whole value and is only compared as one.
pub(crate) fn find_candidates(text: &str) -> Vec<Candidate> {
    let mut reader = TextReader::new(text);
    reader.read_words();
    reader.read_ibans();
    reader.read_phones();
    reader.read_runs();
    let mut found = reader.found;
    found.sort_by_key(|(standing, candidate)| (candidate.kind, *standing, candidate.span.start));
    let mut known = HashSet::new();
    let mut candidates: Vec<Candidate> = Vec::new();
    for (_, candidate) in found {
        let of_its_kind = candidates.iter().filter(|other| other.kind == candidate.kind).count();
        if of_its_kind < OF_A_KIND && known.insert(candidate.spellings[0].to_lowercase()) {
            candidates.push(candidate);
        }
    }
    candidates.truncate(CANDIDATES);
    candidates
}

struct TextReader<'a> {
    text: &'a str,
    /// Each byte's standing, and `None` if it belongs to a candidate already.
    standings: Vec<Option<Standing>>,
    found: Vec<(Standing, Candidate)>,
}

impl<'a> TextReader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, standings: read_standings(text), found: Vec::new() }
    }

    /// Takes what is at `span`, unless it is part of another candidate.
    fn take(&mut self, kind: CandidateKind, span: Range<usize>, text: &str, spellings: Vec<String>) {
        let Some(standing) = self.standings[span.start] else { return };
        if standing != Standing::Technical {
            self.found.push((standing, Candidate { kind, span, text: text.to_owned(), spellings }));
        }
    }

    fn cover(&mut self, span: Range<usize>) {
        self.standings[span].fill(None);
    }

    fn is_free(&self, at: usize) -> bool {
        self.standings[at].is_some_and(|standing| standing != Standing::Technical)
    }

    /// Addresses and links, which are words.
    fn read_words(&mut self) {
        for word in split_spans(self.text, |char| char.is_whitespace() || char == LINE_SIGN) {
            let bare = &self.text[word.clone()];
            if let Some(link) = find_link(bare) {
                let span = word.start + link.start..word.start + link.end;
                self.read_link(span);
            } else if bare.contains('@') {
                self.read_addresses(word);
            }
        }
    }

    fn read_link(&mut self, span: Range<usize>) {
        let link = &self.text[span.clone()];
        if let Some(address) = parse_address(link) {
            self.take(CandidateKind::Email, span.clone(), &address, vec![address.clone()]);
        } else if let Some(url) = parse_loose_url(link) {
            for id in ids_in(&url).into_iter().filter(|id| id.chars().count() <= LONGEST) {
                self.take(CandidateKind::Link, span.clone(), &id, vec![id.clone()]);
            }
        }
        self.cover(span);
    }

    /// The addresses in a word: what stands around each `@`.
    fn read_addresses(&mut self, word: Range<usize>) {
        let bare = &self.text[word.clone()];
        let is_local = |char: char| char.is_alphanumeric() || "._%+-'".contains(char);
        let is_domain = |char: char| char.is_alphanumeric() || ".-".contains(char);
        for (at, _) in bare.match_indices('@') {
            let (before, after) = (&bare[..at], &bare[at + 1..]);
            let local = before.rsplit(|char| !is_local(char)).next().unwrap_or_default();
            let local = local.trim_start_matches(['.', '\'', '-']);
            let domain = after.split(|char| !is_domain(char)).next().unwrap_or_default();
            let domain = domain.trim_end_matches(['.', '-']);
            let is_named = domain.rsplit_once('.').is_some_and(|(host, top)| {
                !host.is_empty() && top.len() > 1 && !top.contains(char::is_numeric)
            });
            if local.is_empty() || local.len() > LONGEST_LOCAL || domain.len() > LONGEST || !is_named {
                continue;
            }
            let span = word.start + at - local.len()..word.start + at + 1 + domain.len();
            let address = self.text[span.clone()].to_owned();
            self.take(CandidateKind::Email, span.clone(), &address, vec![address.clone()]);
            self.cover(span);
        }
    }

    /// IBANs, which may be written in groups. Their check digits tell where they end.
    fn read_ibans(&mut self) {
        let mut at = 0;
        while let Some(start) = self.text[at..].find(|char: char| char.is_ascii_uppercase()) {
            let start = at + start;
            at = start + 1;
            let begins = self.text[..start].chars().next_back().is_none_or(|char| !char.is_alphanumeric());
            if !begins || !self.is_free(start) {
                continue;
            }
            if let Some(end) = find_iban_end(&self.text[start..]) {
                let written = &self.text[start..start + end];
                let compact: String = written.chars().filter(char::is_ascii_alphanumeric).collect();
                let mut spellings = vec![compact];
                if spellings[0] != written {
                    spellings.push(written.to_owned());
                }
                self.take(CandidateKind::Code, start..start + end, written, spellings);
                self.cover(start..start + end);
                at = start + end;
            }
        }
    }

    /// Telephone numbers: from a plus, a parenthesis or a digit on, digits and the signs between them.
    fn read_phones(&mut self) {
        let is_part = |char: char| char.is_ascii_digit() || " \u{a0}-()./".contains(char);
        let mut at = 0;
        while let Some(start) =
            self.text[at..].find(|char: char| char.is_ascii_digit() || "+(".contains(char))
        {
            let start = at + start;
            let first = self.text.as_bytes()[start];
            let tail = self.text[start + 1..].chars().take(LONGEST_PHONE).take_while(|char| is_part(*char));
            let end = start + 1 + tail.map(char::len_utf8).sum::<usize>();
            // A wide space is between two numbers.
            let run = self.text[start..end].split("  ").next().unwrap_or_default();
            let end = start + run.len();
            // What begins in a parenthesis may be something else, with a number after it.
            at = if first == b'(' { start + 1 } else { end };
            let mut before = self.text[..start].chars().rev();
            let begins = match before.next() {
                // `Tel.:030…`, but not a time.
                Some(':') => before.next().is_none_or(|char| !char.is_ascii_digit()),
                Some(char) => !char.is_alphanumeric() && (first == b'+' || !"_-.,/#@=".contains(char)),
                None => true,
            };
            let run = run.trim_end_matches(|char: char| !char.is_ascii_digit());
            let span = start..start + run.len();
            if !begins || run.is_empty() || !span.clone().all(|at| self.is_free(at)) {
                continue;
            }
            let follows = self.text[span.end..].chars().next();
            if follows.is_some_and(|char| char.is_alphabetic() || "_@".contains(char)) {
                continue;
            }
            let written = run.replace('\u{a0}', " ");
            let Some(PhoneNumber { digits, is_international }) =
                PhoneNumber::parse(&written).filter(|_| looks_like_a_phone(&written))
            else {
                continue;
            };
            at = end;
            let compact: String = written
                .replace("(0)", "")
                .chars()
                .filter(|char| char.is_ascii_digit() || *char == '+')
                .collect();
            // Without its first zero, a number is one that nobody wrote: it may be somebody else's, or an order's.
            let international = is_international.then(|| [format!("+{digits}"), digits]);
            let mut spellings = Vec::new();
            for spelled in
                [compact].into_iter().chain(international.into_iter().flatten()).chain([written.clone()])
            {
                if !spellings.contains(&spelled) {
                    spellings.push(spelled);
                }
            }
            self.take(CandidateKind::Phone, span.clone(), &written, spellings);
            self.cover(span);
        }
    }

    /// UUIDs, codes and numbers: runs of letters, digits and the signs within numbers.
    fn read_runs(&mut self) {
        for run in split_spans(self.text, |char| !(char.is_alphanumeric() || "-_/".contains(char))) {
            let bare = &self.text[run.clone()];
            let left = bare.trim_start_matches(['-', '_', '/']);
            let start = run.end - left.len();
            let bare = left.trim_end_matches(['-', '_', '/']);
            let span = start..start + bare.len();
            if bare.is_empty() || !span.clone().all(|at| self.is_free(at)) {
                continue;
            }
            let kind = classify_run(bare);
            if let Some(kind) = kind.filter(|_| !is_part_of_amount(self.text, &span)) {
                self.take(kind, span, bare, vec![bare.to_owned()]);
            }
        }
    }
}

/// What a run of letters, digits and signs may be.
fn classify_run(run: &str) -> Option<CandidateKind> {
    if run.chars().nth(LONGEST).is_some() {
        return None;
    }
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let has_letter = run.contains(char::is_alphabetic);
    if parse_uuid(run).is_some() {
        return Some(CandidateKind::Id);
    }
    let is_hex = run.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (has_letter, digits) {
        (true, 1..) if is_hex && run.len() == 24 => Some(CandidateKind::Id),
        (true, 2..) if run.chars().nth(4).is_some() && !is_quantity(run) => Some(CandidateKind::Code),
        (false, 5..=20) if digits == run.len() => Some(CandidateKind::Number),
        (false, 6..) if digits < run.len() && !is_date(run) => Some(CandidateKind::Code),
        _ => None,
    }
}

/// `250EUR`, `1000ml`, `2nd`.
fn is_quantity(run: &str) -> bool {
    let unit = run.trim_start_matches(|char: char| char.is_ascii_digit());
    let digits = run.len() - unit.len();
    (1..5).contains(&digits) && unit.chars().all(char::is_alphabetic) && unit.chars().nth(4).is_none()
}

/// `2026-01-31`, `31/1/2026`, `31.01.26`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let is_part = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    parts.iter().all(is_part) && matches!(lengths[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4])
}

/// Whether the run is a part of `1,234.56`, `14:30:00` or `10.0.0.1`, or an amount of money.
fn is_part_of_amount(text: &str, span: &Range<usize>) -> bool {
    const CURRENCIES: [&str; 8] = ["€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF"];
    let mut before = text[..span.start].chars().rev();
    let mut after = text[span.end..].chars();
    let (first, second) = (before.next(), before.next());
    let is_inner = |sign: Option<char>, digit: Option<char>| {
        sign.is_some_and(|char| ".,:'’".contains(char)) && digit.is_some_and(|char| char.is_ascii_digit())
    };
    if is_inner(first, second) || is_inner(after.next(), after.next()) {
        return true;
    }
    // The signs are next to it, with a space at most.
    let ahead = text[span.end..].strip_prefix([' ', '\u{a0}']).unwrap_or(&text[span.end..]);
    let behind = text[..span.start].strip_suffix([' ', '\u{a0}']).unwrap_or(&text[..span.start]);
    text[span.clone()].bytes().all(|byte| byte.is_ascii_digit())
        && CURRENCIES.iter().any(|currency| ahead.starts_with(currency) || behind.ends_with(currency))
}

/// Whether the number is written as telephone numbers are. Any other one may be a date or an order's.
fn looks_like_a_phone(written: &str) -> bool {
    let mut groups = written.split([' ', '-', '.', '/', '(', ')']).filter(|group| !group.is_empty());
    let is_long_enough = written.bytes().filter(u8::is_ascii_digit).count() >= 7;
    let is_american = || {
        let lengths: Vec<usize> = written.split(['-', '.', ' ']).map(str::len).collect();
        lengths == [3, 3, 4]
    };
    let is_dated = written.split_whitespace().any(|word| is_date(word.trim_matches(['(', ')'])));
    let is_area_code = || {
        let area = written.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        area.is_some_and(|(area, _)| (2..=6).contains(&area.len()))
    };
    is_long_enough
        && !is_dated
        && (written.starts_with('+')
            || is_area_code()
            || written.starts_with('0') && groups.next().is_some_and(|group| group.len() > 1)
            || is_american())
}

/// The length of the IBAN at the start of `text`: two letters, then digits that fit (ISO 13616), in groups of four or
/// without spaces.
fn find_iban_end(text: &str) -> Option<usize> {
    const LENGTHS: Range<usize> = 15..35;
    let mut compact = String::new();
    let mut ends = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let fits = match compact.len() {
            0 | 1 => char.is_ascii_uppercase(),
            2 | 3 => char.is_ascii_digit(),
            length => length < LENGTHS.end && (char.is_ascii_uppercase() || char.is_ascii_digit()),
        };
        if char == ' ' && compact.len() >= 4 && compact.len().is_multiple_of(4) {
            continue;
        }
        if !fits {
            break;
        }
        compact.push(char);
        let is_end = chars.peek().is_none_or(|(_, next)| !next.is_alphanumeric());
        if is_end && LENGTHS.contains(&compact.len()) {
            ends.push((compact.len(), at + 1));
        }
    }
    let checks = |compact: &str| {
        let moved = compact[4..].bytes().chain(compact[..4].bytes());
        let rest = moved.fold(0_u32, |rest, byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
        });
        rest == 1
    };
    ends.into_iter().rev().find(|(length, _)| checks(&compact[..*length])).map(|(_, end)| end)
}

/// The link or `mailto:` in a word, as a span.
fn find_link(word: &str) -> Option<Range<usize>> {
    let lower = word.to_ascii_lowercase();
    let schemes = ["https://", "http://", "mailto:"].into_iter().filter_map(|scheme| lower.find(scheme));
    let start = if let Some(start) = schemes.min() {
        start
    } else {
        // `admin.acme.com/users/42`, but not `INV/2024.1/7`.
        let (host, _) = trim_punctuation(word).split_once('/')?;
        let (_, top) = host.rsplit_once('.')?;
        if top.len() < 2 || !top.chars().all(char::is_alphabetic) || host.contains('@') {
            return None;
        }
        word.len() - word.trim_start_matches(|char: char| !char.is_alphanumeric()).len()
    };
    let link = trim_punctuation(&word[start..]);
    let link = &link[..link.find(['<', '>', '"']).unwrap_or(link.len())];
    Some(start..start + link.len())
}

/// Whose words each byte belongs to. `From:` and the like count at the start of a line, and of a text with one line,
/// where the lines were lost, anywhere in it.
fn read_standings(text: &str) -> Vec<Option<Standing>> {
    let mut standings = Vec::with_capacity(text.len());
    let has_lines = text.trim().contains(is_line_end);
    let mut header = None;
    for line in split_lines(text) {
        let whole = &text[line.clone()];
        let bare = whole.trim_start();
        let usual = if bare.starts_with('>') { Standing::Quoted } else { Standing::Message };
        // A header's value goes on in indented lines. Around the sign, there are spaces.
        let follows_sign = text[..line.start].ends_with(LINE_SIGN);
        let own = whole.strip_prefix(' ').filter(|_| follows_sign).unwrap_or(whole);
        if !own.starts_with([' ', '\t']) || !has_lines {
            header = None;
        }
        let mut at_start = true;
        standings.resize(line.start, Some(usual));
        for word in split_spans(whole, char::is_whitespace) {
            let word = line.start + word.start..line.start + word.end;
            let bare = text[word.clone()].trim_matches(['>', '*', '|']);
            if at_start || !has_lines {
                header = match bare.strip_suffix(':') {
                    Some(name) => header_standing(name),
                    None => header,
                };
            }
            at_start &= bare.is_empty();
            standings.resize(word.start, Some(usual));
            standings.resize(word.end, Some(header.unwrap_or(usual)));
        }
        standings.resize(line.end, Some(usual));
    }
    standings.resize(text.len(), Some(Standing::Message));
    standings
}

fn header_standing(name: &str) -> Option<Standing> {
    let name = name.to_lowercase();
    let is_any = |names: &[&str]| names.contains(&name.as_str());
    if is_any(&SENDERS) {
        Some(Standing::Sender)
    } else if is_any(&RECIPIENTS) {
        Some(Standing::Recipient)
    } else if is_any(&TECHNICAL) {
        Some(Standing::Technical)
    } else {
        None
    }
}

fn is_line_end(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}' | LINE_SIGN)
}

fn split_lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    split_spans(text, is_line_end)
}

/// The spans between characters that are between.
fn split_spans(text: &str, is_between: impl Fn(char) -> bool) -> impl Iterator<Item = Range<usize>> {
    let start_of = move |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    text.split(is_between).filter(|part| !part.is_empty()).map(move |part| {
        let start = start_of(part);
        start..start + part.len()
    })
}

#[cfg(test)]
mod tests;
