//! Decodes the body of an answer from its character set, which is determined as in browsers: by a byte order mark,
//! `Content-Type`, the page's own declaration, or else a guess.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a page its declaration is searched. The standard says 1,024 bytes; browsers read on.
const SEARCHED: usize = 4096;

/// The text of these bytes. What the character set cannot represent becomes U+FFFD.
pub fn decode_text(bytes: &[u8], content_type: Option<&str>) -> String {
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let is_text =
        content_type.is_empty() || ["text/", "html", "xml"].iter().any(|kind| content_type.contains(kind));
    let encoding = Encoding::for_bom(bytes)
        .map(|(encoding, _)| encoding)
        .or_else(|| value_of(&content_type, "charset").and_then(encoding_for_label))
        .or_else(|| guess_utf16(bytes))
        .or_else(|| is_text.then(|| said_by_page(bytes)).flatten())
        .unwrap_or_else(|| if is_text { guess_encoding(bytes) } else { UTF_8 });
    encoding.decode_with_bom_removal(bytes).0.into_owned()
}

fn encoding_for_label(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes())
}

/// JSON in UTF-16 without a byte order mark begins with an ASCII character (RFC 4627, 3).
fn guess_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, 1..=0x7f, 0, _, ..] => Some(UTF_16BE),
        [1..=0x7f, 0, _, 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// Declared by `<meta charset>`, `<meta http-equiv>` or an XML declaration.
fn said_by_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.iter().take(SEARCHED).map(|&byte| char::from(byte.to_ascii_lowercase()));
    let head = without_comments(&head.collect::<String>());
    let xml = head
        .trim_start()
        .strip_prefix("<?xml")
        .and_then(|rest| value_of(rest.split("?>").next()?, "encoding"));
    let meta = head.split("<meta").skip(1).filter_map(|rest| value_of(rest.split('>').next()?, "charset"));
    let said = xml.into_iter().chain(meta).find_map(encoding_for_label)?;
    // The declaration could be read as ASCII, so the text is not UTF-16, whatever it says.
    Some(if said == UTF_16BE || said == UTF_16LE { UTF_8 } else { said })
}

fn without_comments(page: &str) -> String {
    let mut parts = page.split("<!--");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("-->").map_or("", |(_, rest)| rest))
}

/// The value after `name=`, with or without quotation marks.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.match_indices(name).find_map(|(at, _)| {
        let value = text[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        value
            .split(['"', '\'', ';', ',', ' ', '\t', '\r', '\n', '/'])
            .next()
            .filter(|value| !value.is_empty())
    })
}

/// Western browsers take text that is not UTF-8 for Windows-1252.
fn guess_encoding(bytes: &[u8]) -> &'static Encoding {
    // A character that is cut off at the end proves nothing.
    let is_utf8 = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    let is_binary = || bytes.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31));
    if is_utf8 || is_binary() { UTF_8 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_in_the_character_set_that_it_names() {
        let refused = "Zugriff verweigert für Müller";
        let latin1: Vec<u8> =
            refused.chars().map(|char| u8::try_from(u32::from(char)).expect("Latin-1")).collect();
        for charset in ["iso-8859-1", "\"ISO-8859-1\"", "windows-1252", "latin1", "cp1252"] {
            let kind = format!("text/html; Charset = {charset}; x=y");
            assert_eq!(decode_text(&latin1, Some(&kind)), refused, "{kind}");
        }
        for (label, text) in [
            ("shift_jis", "アクセス拒否"),
            ("euc-jp", "アクセス拒否"),
            ("iso-2022-jp", "アクセス拒否"),
            ("gbk", "访问被拒绝"),
            ("gb18030", "访问被拒绝"),
            ("big5", "存取被拒"),
            ("euc-kr", "접근 거부"),
            ("windows-1251", "Доступ запрещён"),
            ("koi8-r", "Доступ запрещен"),
            ("iso-8859-2", "Přístup odepřen"),
            ("windows-1250", "Přístup odepřen"),
            ("iso-8859-15", "Prix 5 €"),
            ("windows-1253", "Απαγορεύεται"),
            ("windows-1255", "הגישה נדחתה"),
            ("windows-1256", "رفض"),
        ] {
            let encoding = encoding_for_label(label).expect("a character set");
            let (bytes, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy, "{label}");
            assert_eq!(decode_text(&bytes, Some(&format!("text/plain;charset={label}"))), text);
            assert_eq!(
                decode_text(&bytes, Some(&format!("application/json; charset={}", label.to_uppercase()))),
                text
            );
            for page in [
                format!("<html><head><!-- <meta charset=koi8-u> --><meta charset=\"{label}\"></head><p>"),
                format!("<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset={label}'><p>"),
                format!("<?xml version=\"1.0\" encoding='{label}'?><p>"),
            ] {
                let whole: Vec<u8> = page.bytes().chain(bytes.iter().copied()).collect();
                assert!(decode_text(&whole, Some("text/html")).ends_with(text), "{page}");
                assert!(decode_text(&whole, None).ends_with(text), "{page}");
                // The header takes precedence over the page.
                assert!(!decode_text(&whole, Some("text/html; charset=utf-8")).ends_with(text), "{page}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_counts_first_and_is_no_part_of_the_text() {
        let text = r#"{"ok":"é"}"#;
        let wide = |swap: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(swap).collect::<Vec<u8>>();
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        for bytes in [
            marked(&[0xef, 0xbb, 0xbf], text.as_bytes()),
            marked(&[0xff, 0xfe], &little),
            marked(&[0xfe, 0xff], &big),
            little,
            big,
        ] {
            assert_eq!(decode_text(&bytes, Some("application/json")), text);
            assert_eq!(decode_text(&bytes, None), text);
        }
    }

    #[test]
    fn where_nothing_names_it_utf8_is_tried_first() {
        assert_eq!(decode_text("für".as_bytes(), Some("text/html")), "für");
        assert_eq!(decode_text(b"f\xfcr", Some("text/html")), "für");
        assert_eq!(decode_text(b"f\xfcr", Some("text/html; charset=none-such")), "für");
        assert_eq!(decode_text(&"für –".as_bytes()[..6], None), "für \u{fffd}", "cut within a character");
        assert_eq!(
            decode_text(b"\x00\xff\x1f\x8b", Some("application/octet-stream")),
            "\0\u{fffd}\u{1f}\u{fffd}"
        );
        assert_eq!(decode_text(b"", None), "");
    }
}
