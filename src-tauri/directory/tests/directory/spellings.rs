//! Other spellings: accents, phone numbers, names in reverse order. One story for every engine.

use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, Tier};

use crate::story::{query, search};

/// ID, name, phone number.
pub const ROWS: [(i64, &str, Option<&str>); 9] = [
    (1, "José Núñez", Some("+49 (30) 123-456")),
    (2, "Jose Nunez", Some("4930123456")),
    (3, "Anna Hoffmann", Some("030 98 76 54 3")),
    (4, "Hoffmann, Anna", None),
    (5, "Łukasz Müller", Some("0171/5550100")),
    (6, "100% [odd] *name*", Some("+49 (0)30 123456")),
    (7, "Жанна", None),
    (8, "Tessa Roth", Some("+49 7130 123456")),
    (9, "Ugo Fermi", Some("+39 06 1234567")),
];

/// The rows for SQL's `VALUES`.
pub fn values() -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let row = |(id, name, phone): &(i64, &str, Option<&str>)| {
        format!("({id}, {}, {})", text(name), phone.map_or_else(|| "NULL".to_owned(), text))
    };
    ROWS.iter().map(row).collect::<Vec<_>>().join(", ")
}

pub fn build_config(url: String, table: &str, id: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        id: id.into(),
        email: None,
        created_at: None,
        columns: vec!["phone".into()],
        search: Some(vec!["full_name".into(), "phone".into()]),
        ..crate::build_config(url)
    }
}

/// `folds_itself`: the database itself finds ü when searching for u.
pub async fn told(directory: &dyn Directory, folds_itself: bool) {
    for (text, ids) in [
        ("jose nunez", "1 2"),
        ("José", "1 2"),
        ("NUÑEZ jose", "1 2"),
        ("lukasz", "5"),
        ("muller", "5"),
        ("ŁUKASZ MULLER", "5"),
        ("жанна", "7"),
        ("[odd]", "6"),
        ("*name*", "6"),
        ("100%", "6"),
        ("4930123456", "1 2 6"),
        ("+4930123456", "1 2 6"),
        ("+49 (30) 123-456", "1 2 6"),
        ("0049 30/123456", "1 2 6"),
        ("0309876543", "3"),
        ("(0171) 555 01 00", "5"),
        ("phone:4930123456", "1 2 6"),
        ("phone:\"+49 30 123 456\"", "1 2 6"),
        ("phone:=4930123456", "2"),
        ("-phone:4930123456", "3 4 5 7 8 9"),
        ("Hoffmann, Anna", "3 4"),
        ("anna hoffmann", "3 4"),
        ("4930123457", ""),
        ("joze", ""),
        // In a pasted text, only a whole number counts, but not whether its country code is written or stored.
        ("Call (030) 123456 please.\nThanks", "1 2 6"),
        ("Call +49 30 123456 please.\nThanks", "1 2 6"),
        ("Call +1 301 234 56 please.\nThanks", ""),
        ("Call 0171/555 0100 please.\nThanks", "5"),
        ("Call 07130 123456 please.\nThanks", "8"),
        ("Call 0130 123456 please.\nThanks", ""),
        // Italy keeps the zero after its code.
        ("Call 06 1234567 please.\nThanks", "9"),
        // A number is no ID because it would be one without its zeros.
        ("Call 000 000 0008 please.\nThanks", ""),
        ("It is number 00008.\nThanks", ""),
    ] {
        let page = search(directory, &query(text)).await;
        let mut found: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), ids, "{text}");
        assert_eq!(page.left_out, None, "{text}: so few are searched as a whole");
    }
    let page = search(directory, &query("muller")).await;
    assert_eq!(page.how.tier, if folds_itself { Tier::Contains } else { Tier::Alike });
}
