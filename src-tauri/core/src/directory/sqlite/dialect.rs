//! What SQL calls things in SQLite. Any column may hold a value of any type; each is bound as it is.

use crate::directory::FieldKind;
use crate::directory::catalogue::TableColumn;
use crate::directory::cursor::Value;
use crate::directory::sql::{CELL_CHARS, Dialect, Match, Statement, qualified};

type Column = TableColumn<()>;

pub(super) struct Sqlite;

impl Dialect for Sqlite {
    type Type = ();

    fn cell(column: &Column) -> String {
        let name = qualified(column);
        format!(
            "CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {CELL_CHARS}) \
             WHEN 'blob' THEN substr({name}, 1, {}) ELSE {name} END",
            CELL_CHARS / 2
        )
    }

    fn key(column: &Column) -> String {
        qualified(column)
    }

    fn bind_key(statement: &mut Statement, _: &Column, key: Value) -> String {
        let broken = matches!(key, Value::BrokenText(_));
        let placeholder = statement.bind('?', key);
        // Bytes that are no UTF-8 can only be bound as a blob. The plus takes away the affinity that
        // the cast brought, and that would change what the column's numbers compare like.
        if broken { format!("+CAST({placeholder} AS TEXT)") } else { placeholder }
    }

    fn id_equals(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualified(id);
        let number = text.parse::<i64>().ok();
        if id.kind == FieldKind::Integer && number.is_none() && text.parse::<f64>().is_ok() {
            return None; // such a column would take 1e3 for 1000
        }
        // In a column that holds whole numbers 007 finds 7; anywhere else it is a text of its own.
        let number = number.filter(|number| id.kind == FieldKind::Integer || number.to_string() == text);
        let mut values = vec![Value::Text(text.to_owned())];
        values.extend(number.map(Value::Integer));
        values.extend(bytes(text).map(Value::Blob));
        let placeholders: Vec<String> = values.into_iter().map(|value| statement.bind('?', value)).collect();
        Some(format!("{name} IN ({})", placeholders.join(", ")))
    }

    fn id_shown_as(statement: &mut Statement, id: &Column, text: &str) -> Option<String> {
        let name = qualified(id);
        let found = Self::id_equals(statement, id, text)?;
        let text = statement.bind('?', Value::Text(text.to_owned()));
        // The first finds it by the index, the second makes sure: 007 is not 7, and a column may
        // compare without case.
        Some(format!(
            "{found} AND CASE typeof({name}) WHEN 'blob' THEN '\\x' || lower(hex({name})) \
             ELSE CAST({name} AS TEXT) END = {text} COLLATE BINARY"
        ))
    }

    fn email_equals(statement: &mut Statement, email: &Column, text: &str) -> String {
        let same = cases(text).into_iter().map(|text| {
            format!("{} = {} COLLATE NOCASE", qualified(email), statement.bind('?', Value::Text(text)))
        });
        format!("({})", same.collect::<Vec<_>>().join(" OR "))
    }

    fn matches(statement: &mut Statement, column: &Column, how: Match, text: &str) -> String {
        let like = cases(text).into_iter().map(|text| {
            let pattern = statement.bind('?', Value::Text(how.pattern(&text)));
            format!("{} LIKE {pattern} ESCAPE '\\'", qualified(column))
        });
        format!("({})", like.collect::<Vec<_>>().join(" OR "))
    }
}

/// SQLite knows no case beyond ASCII: for other letters, the text as it is likely to be written.
fn cases(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return vec![text.to_owned()];
    }
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for char in text.chars() {
        if inside {
            titled.extend(char.to_lowercase());
        } else {
            titled.extend(char.to_uppercase());
        }
        inside = char.is_alphanumeric();
    }
    let mut cases = Vec::new();
    for case in [text.to_owned(), text.to_lowercase(), text.to_uppercase(), titled] {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    cases
}

/// The bytes of a blob that is written as people see it: `\x0a1b`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_are_searched_in_their_likely_cases() {
        assert_eq!(cases("ada"), ["ada"]);
        assert_eq!(cases("märz"), ["märz", "MÄRZ", "März"]);
        assert_eq!(cases("Østergård"), ["Østergård", "østergård", "ØSTERGÅRD"]);
    }

    #[test]
    fn a_blob_is_read_as_it_is_shown() {
        assert_eq!(bytes("\\x00Ff10"), Some(vec![0, 255, 16]));
        assert_eq!(bytes("\\x0"), None);
        assert_eq!(bytes("\\xé0"), None);
        assert_eq!(bytes("00ff"), None);
    }
}
