//! Splits the text into free words, quoted phrases, and filters with their unparsed values.
//!
//! The lexer only knows white space, quotes and colons; the column decides what a value means.

use std::ops::Range;

/// A word and its span in bytes.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) span: Range<usize>,
    pub(crate) form: WordKind,
}

#[derive(Debug)]
pub(crate) enum WordKind {
    Free(String),
    /// The content, without the quotes.
    Phrase(String),
    Filter {
        column: usize,
        negated: bool,
        /// The span of the name, without minus and colon.
        name: Range<usize>,
        value: FilterValue,
    },
}

/// The text after the colon.
#[derive(Debug)]
pub(crate) struct FilterValue {
    glyphs: Vec<Glyph>,
    /// The last quote was never closed.
    unclosed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Glyph {
    at: usize,
    char: char,
    sense: GlyphKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GlyphKind {
    /// May be an operator.
    Bare,
    /// Was quoted, so it has no special meaning.
    Literal,
    /// A quotation mark; only its position matters.
    Quote,
}

/// Splits all of `text`; `find` looks up the column for a name before a colon.
pub(crate) fn lex_query(text: &str, find: impl Fn(&str) -> Option<usize>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(skipped) = text[at..].find(|char: char| !char.is_whitespace()) {
        let start = at + skipped;
        let form;
        (form, at) = lex_word(text, start, &find);
        words.push(Word { span: start..at, form });
    }
    words
}

/// The word that starts at `start`, and its end.
fn lex_word(text: &str, start: usize, find: &impl Fn(&str) -> Option<usize>) -> (WordKind, usize) {
    if text[start..].starts_with('"') {
        let mut phrase = String::new();
        let (end, _) = lex_quoted(text, start + 1, |_, char| phrase.push(char));
        return (WordKind::Phrase(phrase), end);
    }
    let end = text[start..].find(char::is_whitespace).map_or(text.len(), |length| start + length);
    let bare = &text[start..end];
    if let Some((named, _)) = bare.split_once(':') {
        let name = named.strip_prefix('-').unwrap_or(named);
        if let Some(column) = find(name) {
            let colon = start + named.len();
            let (value, end) = lex_value(text, colon + 1);
            let negated = name.len() < named.len();
            return (WordKind::Filter { column, negated, name: colon - name.len()..colon, value }, end);
        }
    }
    (WordKind::Free(bare.replace('\0', "")), end)
}

/// The value that starts at `start`, and its end: the first white space outside quotes.
fn lex_value(text: &str, start: usize) -> (FilterValue, usize) {
    let mut glyphs: Vec<Glyph> = Vec::new();
    let mut unclosed = false;
    // A quotation mark opens quotes only at the start of an operand; elsewhere it is a character, as in `5"`.
    let mut begins = true;
    let mut at = start;
    while let Some(char) = text[at..].chars().next().filter(|char| !char.is_whitespace()) {
        if char == '"' && begins {
            glyphs.push(Glyph { at, char, sense: GlyphKind::Quote });
            let literal = |at, char| glyphs.push(Glyph { at, char, sense: GlyphKind::Literal });
            let (end, closed) = lex_quoted(text, at + 1, literal);
            if closed {
                glyphs.push(Glyph { at: end - 1, char, sense: GlyphKind::Quote });
            }
            unclosed = !closed;
            begins = false;
            at = end;
            continue;
        }
        begins = match char {
            ',' => true,
            '<' | '>' | '=' | '*' => begins,
            '.' => glyphs.last().is_some_and(|before| before.is_bare_char('.')),
            _ => false,
        };
        // No database stores NUL in text.
        if char != '\0' {
            glyphs.push(Glyph { at, char, sense: GlyphKind::Bare });
        }
        at += char.len_utf8();
    }
    (FilterValue { glyphs, unclosed }, at)
}

/// Passes the quoted characters after an opening quotation mark to `take`. Returns where the quotes end and whether
/// they were closed; unclosed quotes extend to the end.
fn lex_quoted(text: &str, start: usize, mut take: impl FnMut(usize, char)) -> (usize, bool) {
    let mut chars = text[start..].char_indices().map(|(at, char)| (start + at, char)).peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (at + 1, true),
            '\0' => {}
            '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((at, escaped)) => take(at, escaped),
                None => take(at, char),
            },
            _ => take(at, char),
        }
    }
    (text.len(), false)
}

impl FilterValue {
    /// Whether nothing follows the colon, not even quotes.
    pub(crate) fn is_empty(&self) -> bool {
        self.glyphs.is_empty()
    }

    /// The parts between commas. An empty value is one empty operand.
    pub(crate) fn operands(&self) -> impl Iterator<Item = RawOperand<'_>> {
        self.glyphs.split(|glyph| glyph.is_bare_char(',')).map(RawOperand)
    }

    /// Whether the value ends in an opening quotation mark with nothing after it.
    pub(crate) fn ends_in_open_quote(&self) -> bool {
        self.unclosed && self.glyphs.last().is_some_and(|glyph| glyph.sense == GlyphKind::Quote)
    }
}

impl Glyph {
    fn is_bare_char(self, char: char) -> bool {
        self.sense == GlyphKind::Bare && self.char == char
    }
}

/// A part of a value, as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawOperand<'a>(&'a [Glyph]);

impl RawOperand<'_> {
    /// Whether there is nothing here, not even quotes.
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text without its quotation marks.
    pub(crate) fn to_text(self) -> String {
        self.0.iter().filter(|glyph| glyph.sense != GlyphKind::Quote).map(|glyph| glyph.char).collect()
    }

    /// The text, if no part of it is quoted.
    pub(crate) fn to_bare_text(self) -> Option<String> {
        self.0.iter().all(|glyph| glyph.sense == GlyphKind::Bare).then(|| self.to_text())
    }

    /// The span in bytes; `None` if it is empty.
    pub(crate) fn span(self) -> Option<Range<usize>> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some(first.at..last.at + last.char.len_utf8())
    }

    /// The rest after an unquoted `char` at the start, if there is one.
    pub(crate) fn strip_start(self, char: char) -> Option<Self> {
        self.0.split_first().filter(|(first, _)| first.is_bare_char(char)).map(|(_, rest)| Self(rest))
    }

    /// The rest before an unquoted `char` at the end, if there is one.
    pub(crate) fn strip_end(self, char: char) -> Option<Self> {
        self.0.split_last().filter(|(last, _)| last.is_bare_char(char)).map(|(_, rest)| Self(rest))
    }

    /// Splits at the first unquoted `..`.
    pub(crate) fn around_dots(self) -> Option<(Self, Self)> {
        let at = self.0.windows(2).position(|pair| pair.iter().all(|glyph| glyph.is_bare_char('.')))?;
        Some((Self(&self.0[..at]), Self(&self.0[at + 2..])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word as one line; `plan` is the only column.
    fn lexed(text: &str) -> Vec<String> {
        lex_query(text, |name| (name == "plan").then_some(0))
            .into_iter()
            .map(|word| match word.form {
                WordKind::Free(word) => word,
                WordKind::Phrase(phrase) => format!("[{phrase}]"),
                WordKind::Filter { negated, value, .. } => {
                    let operands: Vec<String> = value.operands().map(RawOperand::to_text).collect();
                    format!("{}plan={}", if negated { "not " } else { "" }, operands.join("|"))
                }
            })
            .collect()
    }

    #[test]
    fn words_phrases_and_filters_are_told_apart() {
        for (text, expected) in [
            ("", &[][..]),
            ("  anna\t schmidt\n", &["anna", "schmidt"]),
            ("\"anna  schmidt\" x", &["[anna  schmidt]", "x"]),
            ("plan:pro,free anna", &["plan=pro|free", "anna"]),
            ("-plan:pro -5 -x", &["not plan=pro", "-5", "-x"]),
            ("plan: pro", &["plan=", "pro"]),
            ("plan:\"very pro\",x y", &["plan=very pro|x", "y"]),
            ("plan:*\"a b\"* y", &["plan=*a b*", "y"]),
            ("https://acme.com/x 12:30 other:\"a b\"", &["https://acme.com/x", "12:30", "other:\"a", "b\""]),
        ] {
            assert_eq!(lexed(text), expected, "{text}");
        }
    }

    #[test]
    fn quotes_can_be_escaped_left_open_and_be_inches() {
        for (text, expected) in [
            (r#""say \"hi\" now""#, &[r#"[say "hi" now]"#][..]),
            (r#""C:\temp\\""#, &[r"[C:\temp\]"]),
            ("\"anna sch", &["[anna sch]"]),
            ("plan:\"very p", &["plan=very p"]),
            ("5\" screen", &["5\"", "screen"]),
            ("plan:5\" screen", &["plan=5\"", "screen"]),
        ] {
            assert_eq!(lexed(text), expected, "{text}");
        }
    }

    #[test]
    fn nul_is_dropped() {
        assert_eq!(lexed("an\0na \"a\0b\" plan:p\0ro"), ["anna", "[ab]", "plan=pro"]);
    }
}
