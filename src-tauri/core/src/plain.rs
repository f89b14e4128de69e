//! What strangers wrote, fit for a line of ours: a window's title, a sentence.
//!
//! The UI does the same for itself (`ui/src/text/visible.ts`).

use std::fmt::Write;

/// One line of at most `most` characters. What is hidden in `text` (controls, marks that turn the reading
/// direction, joints without a width) is shown as what it is: it can rearrange or blank nothing around it.
pub fn line(text: &str, most: usize) -> String {
    let text = text.trim();
    let mut line = String::new();
    for char in text.chars().take(most) {
        match char {
            '\0'..='\x1f' => line.extend(char::from_u32(0x2400 + char as u32)),
            '\x7f' => line.push('\u{2421}'),
            _ if is_hidden(char) => {
                write!(line, "‹U+{:04X}›", char as u32).expect("a string takes whatever is written");
            }
            _ => line.push(char),
        }
    }
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// Shows nothing of itself, and may move what stands around it.
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
    use super::line;

    #[test]
    fn what_is_hidden_is_shown() {
        assert_eq!(line("Nu\0l\x1b[31m\x7f", 80), "Nu␀l␛[31m␡");
        assert_eq!(line("Eve \u{202e}elpmaxe\u{202c}", 80), "Eve ‹U+202E›elpmaxe‹U+202C›");
        assert_eq!(line("Zoë 👩‍👩‍👧 Çelik عبد", 80), "Zoë 👩‍👩‍👧 Çelik عبد");
    }

    #[test]
    fn it_is_one_line_and_not_a_long_one() {
        assert_eq!(line(" \u{a0}Anna\n", 80), "Anna");
        assert_eq!(line("a\nb", 80), "a␊b");
        assert_eq!(line(&"x".repeat(81), 80), "x".repeat(80) + "…");
        assert_eq!(line(&"x".repeat(80), 80), "x".repeat(80));
    }
}
