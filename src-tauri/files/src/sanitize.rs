//! Makes texts from others safe to show on a line of ours, such as a window's title or a sentence.
//!
//! The UI has its own version (`ui/src/text/visible.ts`).

use std::fmt::Write;

/// One line of at most `most` characters. Hidden characters (controls, marks that change the reading direction,
/// zero-width joiners) are written out, so that they cannot rearrange or hide anything around them.
pub fn sanitize_line(text: &str, most: usize) -> String {
    let text = text.trim();
    let mut line = String::new();
    text.chars().take(most).for_each(|char| push_visible(char, &mut line));
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// Does the same for a text of several lines of any length, so that a terminal does not interpret any of it.
pub fn sanitize_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for char in text.chars() {
        if char == '\n' {
            lines.push(char);
        } else {
            push_visible(char, &mut lines);
        }
    }
    lines
}

/// Escapes every character of the JSON that a terminal would interpret. The JSON's meaning does not change.
pub fn sanitize_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    for char in text.chars() {
        // Line breaks only occur between values; inside strings, serde has already escaped all control characters below
        // a space.
        if char == '\x7f' || is_hidden(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(json, "\\u{unit:04x}").expect("a string takes whatever is written");
            }
        } else {
            json.push(char);
        }
    }
    json
}

fn push_visible(char: char, line: &mut String) {
    match char {
        '\0'..='\x1f' => line.extend(char::from_u32(0x2400 + char as u32)),
        '\x7f' => line.push('\u{2421}'),
        _ if is_hidden(char) => {
            write!(line, "‹U+{:04X}›", char as u32).expect("a string takes whatever is written");
        }
        _ => line.push(char),
    }
}

/// Whether the character is invisible and may rearrange its surroundings.
pub fn is_hidden(char: char) -> bool {
    matches!(
        char,
        '\u{80}'..='\u{9f}'
            | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::{sanitize_json, sanitize_line, sanitize_lines};

    #[test]
    fn what_is_hidden_is_shown() {
        assert_eq!(sanitize_line("Nu\0l\x1b[31m\x7f", 80), "Nu␀l␛[31m␡");
        assert_eq!(sanitize_line("Eve \u{202e}elpmaxe\u{202c}", 80), "Eve ‹U+202E›elpmaxe‹U+202C›");
        assert_eq!(sanitize_line("Zoë 👩‍👩‍👧 Çelik عبد", 80), "Zoë 👩‍👩‍👧 Çelik عبد");
    }

    #[test]
    fn several_lines_stay_and_json_says_the_same() {
        assert_eq!(sanitize_lines("a\n\x1b]0;x\x07\r\u{9b}1m\u{2066}"), "a\n␛]0;x␇␍‹U+009B›1m‹U+2066›");
        let value = serde_json::json!({ "name": "Eve\x1b\x7f\u{9b}\u{202e}\u{feff}👩‍👧é" });
        let text = sanitize_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            text.chars().all(|char| char == '\n' || !char.is_control() && !super::is_hidden(char)),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn it_is_one_line_and_not_a_long_one() {
        assert_eq!(sanitize_line(" \u{a0}Anna\n", 80), "Anna");
        assert_eq!(sanitize_line("a\nb", 80), "a␊b");
        assert_eq!(sanitize_line(&"x".repeat(81), 80), "x".repeat(80) + "…");
        assert_eq!(sanitize_line(&"x".repeat(80), 80), "x".repeat(80));
    }
}
