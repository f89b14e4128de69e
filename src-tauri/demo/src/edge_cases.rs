//! Rows that trip up careless programs. Every directory has some; the demo has them on purpose.

/// Their company, so that one search finds them all.
pub(super) const COMPANY: &str = "Edge Cases";

pub(super) struct EdgeCase {
    /// Set if the ID itself is the edge case.
    pub id: Option<i64>,
    pub email: String,
    pub full_name: Option<String>,
}

/// All edge cases, in no particular order.
pub(super) fn list_edge_cases() -> Vec<EdgeCase> {
    let long_word = "Donaudampfschifffahrtskapitänswitwe".repeat(3);
    let named = [
        ("html", "<script>document.title='owned'</script><b>Bold</b> & \"Co\"".to_owned()),
        ("attribute", "\"><img src=x onerror=\"document.title='owned'\">".to_owned()),
        ("template", "{{ secret.admin_token }}{% raw %}".to_owned()),
        ("sql", "Robert'); DROP TABLE users;--".to_owned()),
        ("wildcards", "100%_real \\ [A-Z]* ?".to_owned()),
        ("formula", "=HYPERLINK(\"http://edge-cases.example\",\"Click\")".to_owned()),
        ("long", "Very long name ".repeat(700)),
        ("long.word", long_word),
        ("rtl", "عبد الرحمن بن خالد (Abd) 123".to_owned()),
        ("override", "Eve \u{202e}elpmaxe.knab@troppus\u{202c} Adams".to_owned()),
        ("emoji", "Zoë 👩‍👩‍👧‍👦 🏳️‍🌈 Çelik 🧑🏽‍🚀".to_owned()),
        ("control", "Bell\u{7} Escape\u{1b}[31m Tab\t Line\nEnd\r".to_owned()),
        ("nul", "Nu\0l".to_owned()),
        ("zero.width", "Ze\u{200b}ro\u{feff} Wi\u{200d}dth\u{2060}".to_owned()),
        (
            "stacked",
            "Z\u{311}\u{34b}\u{36b}a\u{30f}\u{352}l\u{33f}\u{346}g\u{31a}\u{323}o\u{33d}\u{353} Stack"
                .to_owned(),
        ),
        ("empty", String::new()),
        ("blank", " \u{a0}\u{3000} ".to_owned()),
        ("looks.like.an.id", "10000000".to_owned()),
    ]
    .map(|(who, name)| EdgeCase { id: None, email: edge_case_email(who), full_name: Some(name) });

    let mut all = Vec::from(named);
    all.push(EdgeCase { id: None, email: edge_case_email("no.name"), full_name: None });
    // RFC 5321 allows 64 bytes before the @ and 254 in total.
    let longest = format!(
        "{}@{}.edge-cases.example",
        "l".repeat(64),
        [&"d".repeat(50); 3].map(String::as_str).join(".")
    );
    all.push(EdgeCase { id: None, email: longest, full_name: Some("Long Address".to_owned()) });
    // The first integer that a double cannot represent: a program that converts IDs to floats signs in as someone else.
    all.push(EdgeCase {
        id: Some((1 << 53) + 1),
        email: edge_case_email("large.id"),
        full_name: Some("Beyond a Double".to_owned()),
    });
    all
}

fn edge_case_email(who: &str) -> String {
    format!("{who}@edge-cases.example")
}
