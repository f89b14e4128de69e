//! The query language by example.

use super::*;
use crate::model::{FieldKind, Role};
use crate::schema::label::to_label;

pub(crate) fn now() -> Timestamp {
    "2026-03-10T12:30:15.5Z".parse().unwrap()
}

pub(crate) fn column(name: &str, role: Role, kind: FieldKind) -> Column {
    Column {
        name: name.to_owned(),
        label: to_label(name),
        role,
        kind,
        sortable: false,
        company: false,
        masked: false,
    }
}

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("user_id", Role::Id, FieldKind::Integer),
        column("full_name", Role::Name, FieldKind::Text),
        column("email", Role::Email, FieldKind::Text),
        column("plan", Role::Other, FieldKind::Text),
        column("company", Role::Other, FieldKind::Text),
        column("status", Role::Other, FieldKind::Text),
        column("active", Role::Other, FieldKind::Boolean),
        column("seats", Role::Other, FieldKind::Integer),
        column("balance", Role::Other, FieldKind::Number),
        column("lastLoginAt", Role::Other, FieldKind::Time),
        column("token", Role::Other, FieldKind::Uuid),
        column("flags", Role::Other, FieldKind::Json),
        column("created_at", Role::CreatedAt, FieldKind::Time),
    ]
}

pub(crate) fn read(text: &str) -> ParsedQuery {
    ParsedQuery::parse(text, &columns(), now())
}

pub(crate) fn plain(operand: &Operand) -> String {
    match operand {
        Operand::Integer(number) => number.to_string(),
        Operand::Number(number) => number.as_str().to_owned(),
        Operand::Boolean(yes) => yes.to_string(),
        Operand::Time(time) => time.to_string(),
        Operand::Uuid(uuid) => uuid.to_string(),
        Operand::Text(text) => format!("{text:?}"),
    }
}

/// A filter in set notation: `plan ∈ {"pro"}`, `seats ∈ (5, ∞)`.
fn told(filter: &Filter) -> String {
    let tell = |test: &FilterTest| match test {
        FilterTest::Is(operands) => {
            format!("∈ {{{}}}", operands.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        FilterTest::Contains(text) => format!("∋ {text:?}"),
        FilterTest::BeginsWith(text) => format!("begins {text:?}"),
        FilterTest::EndsWith(text) => format!("ends {text:?}"),
        FilterTest::Digits(digits) => format!("digits {digits}"),
        FilterTest::Range { from, to } => {
            let end =
                |bound: &Option<Bound>| bound.as_ref().map_or("∞".to_owned(), |bound| plain(&bound.value));
            let inclusive = |bound: &Option<Bound>| bound.as_ref().is_some_and(|bound| bound.inclusive);
            let opens = if inclusive(from) { '[' } else { '(' };
            format!("∈ {opens}{}, {}{}", end(from), end(to), if inclusive(to) { ']' } else { ')' })
        }
        FilterTest::Null => "= NULL".to_owned(),
        FilterTest::NotNull => "≠ NULL".to_owned(),
    };
    let any: Vec<String> = filter.any.iter().map(tell).collect();
    let not = if filter.negated { "not " } else { "" };
    format!("{not}{} {}", columns()[filter.column].name, any.join(" or "))
}

/// A chip as it is displayed.
fn said(chip: &Chip) -> String {
    let words = [chip.label.as_str(), chip.relation.as_str(), chip.value.as_str()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_search_is_free_text_and_filters() {
    let text = "  plan:pro Ada created:>2026-01 email:@acme.com \"de la  Cruz\" -status:deleted company:\"North Star\" ";
    let asked = read(text);
    assert_eq!(asked.text, "Ada de la  Cruz");
    assert_eq!(asked.words, ["Ada", "de la  Cruz"]);
    assert_eq!(
        asked.filters.iter().map(told).collect::<Vec<_>>(),
        [
            r#"plan ∋ "pro""#,
            "created_at ∈ [2026-02-01T00:00:00Z, ∞)",
            r#"email ∋ "@acme.com""#,
            r#"not status ∋ "deleted""#,
            r#"company ∋ "North Star""#,
        ]
    );
    assert_eq!(asked.highlights.faults, []);
    assert_eq!(asked.highlights.unknown, []);
    assert_eq!(
        asked.highlights.chips.iter().map(said).collect::<Vec<_>>(),
        [
            "Plan contains pro",
            "Created at > 2026-01",
            "Email contains @acme.com",
            "Status does not contain deleted",
            "Company contains North Star"
        ]
    );
}

#[test]
fn only_filters_leave_no_free_text_and_blank_is_nothing() {
    let asked = read("plan:pro  -active:yes");
    assert_eq!((asked.text.as_str(), asked.filters.len()), ("", 2));
    assert_eq!((asked.words, asked.identities), (Vec::new(), Vec::new()));
    let blank = read(" \t ");
    assert_eq!(
        (blank.text.as_str(), blank.filters, blank.highlights),
        ("", Vec::new(), Highlights::default())
    );
}

#[test]
fn values_have_the_type_of_their_column() {
    for (text, expected) in [
        ("plan:pro,free,pro", r#"plan ∋ "pro" or ∋ "free""#),
        ("plan:=pro,=free,=pro", r#"plan ∈ {"pro", "free"}"#),
        ("plan:=\"very pro\"", r#"plan ∈ {"very pro"}"#),
        ("plan:none", "plan = NULL"),
        ("-plan:*", "not plan ≠ NULL"),
        ("plan:\"none\"", r#"plan ∋ "none""#),
        ("plan:=none", r#"plan ∈ {"none"}"#),
        ("plan:\"\"", r#"plan ∈ {""}"#),
        ("plan:pro,none,north*", r#"plan ∋ "pro" or = NULL or begins "north""#),
        ("company:north*", r#"company begins "north""#),
        ("company:*north*", r#"company ∋ "north""#),
        ("company:*\"north star\"*", r#"company ∋ "north star""#),
        ("company:*star", r#"company ends "star""#),
        ("company:\"north*\"", r#"company ∋ "north*""#),
        ("company:a*b", r#"company ∋ "a*b""#),
        ("company:\"+49 (30) 123-456\"", r#"company ∋ "+49 (30) 123-456" or digits 4930123456"#),
        ("company:4930123456", r#"company ∋ "4930123456""#),
        ("company:=\"+49 30 123456\"", r#"company ∈ {"+49 30 123456"}"#),
        ("name:ada,\"grace h\"", r#"full_name ∋ "ada" or ∋ "grace h""#),
        ("email:=ada@acme.com", r#"email ∈ {"ada@acme.com"}"#),
        ("flags:beta", r#"flags ∋ "beta""#),
        ("flags:=beta", r#"flags ∋ "beta""#),
        ("flags:beta*", r#"flags ∋ "beta""#),
        ("flags:\"\"", "flags = NULL"),
        ("id:-5,7", "user_id ∈ {-5, 7}"),
        ("seats:>5", "seats ∈ (5, ∞)"),
        ("seats:>=5", "seats ∈ [5, ∞)"),
        ("seats:<5", "seats ∈ (∞, 5)"),
        ("seats:<=5", "seats ∈ (∞, 5]"),
        ("seats:=5", "seats ∈ {5}"),
        ("seats:5..10", "seats ∈ [5, 10]"),
        ("seats:..10", "seats ∈ (∞, 10]"),
        ("seats:5..", "seats ∈ [5, ∞)"),
        ("balance:-2.50", "balance ∈ {-2.50}"),
        ("active:YES", "active ∈ {true}"),
        ("active:0", "active ∈ {false}"),
        ("token:550E8400E29B41D4A716446655440000", "token ∈ {550e8400-e29b-41d4-a716-446655440000}"),
    ] {
        let asked = read(text);
        assert_eq!(asked.highlights.faults, [], "{text}");
        assert_eq!(asked.filters.iter().map(told).collect::<Vec<_>>(), [expected], "{text}");
    }
}

#[test]
fn times_are_compared_by_their_edges() {
    for (text, expected) in [
        ("created:2026-01", "[2026-01-01T00:00:00Z, 2026-02-01T00:00:00Z)"),
        ("created:=2026-01", "[2026-01-01T00:00:00Z, 2026-02-01T00:00:00Z)"),
        ("created:>2026-01", "[2026-02-01T00:00:00Z, ∞)"),
        ("created:>=2026-01", "[2026-01-01T00:00:00Z, ∞)"),
        ("created:<2026-01", "(∞, 2026-01-01T00:00:00Z)"),
        ("created:<=2026-01", "(∞, 2026-02-01T00:00:00Z)"),
        ("created:2026-01..2026-03", "[2026-01-01T00:00:00Z, 2026-04-01T00:00:00Z)"),
        ("created:2025..", "[2025-01-01T00:00:00Z, ∞)"),
        ("created:..yesterday", "(∞, 2026-03-10T00:00:00Z)"),
        ("created:7d", "[2026-03-03T12:30:15Z, 2026-03-10T12:30:15.5Z]"),
        ("created:>7d", "(2026-03-03T12:30:15Z, ∞)"),
        ("created:<7d", "(∞, 2026-03-03T12:30:15Z)"),
        ("created:30d..7d", "[2026-02-08T12:30:15Z, 2026-03-03T12:30:15Z]"),
        ("created:2026-01-31T10:30:05.5Z", "[2026-01-31T10:30:05.5Z, 2026-01-31T10:30:05.5Z]"),
        ("created:\"2026-01-31 10:30\"", "[2026-01-31T10:30:00Z, 2026-01-31T10:31:00Z)"),
    ] {
        let told: Vec<String> = read(text).filters.iter().map(told).collect();
        assert_eq!(told, [format!("created_at ∈ {expected}")], "{text}");
    }
}

#[test]
fn values_of_the_wrong_type_are_reported_with_their_position() {
    for (text, at, message, hint) in [
        (
            "ada created:soonish",
            "soonish",
            "`soonish` is not a date.",
            "`created` takes a date: 2026-01, 2026-01-31, today, 7d, >2026-01 or 2026-01..2026-03.",
        ),
        (
            "seats:1,many",
            "many",
            "`many` is not a whole number of up to 64 bits.",
            "`seats` takes whole numbers: 5, >5, <=5 or 5..10.",
        ),
        (
            "Balance:>lots",
            "lots",
            "`lots` is not a number.",
            "`Balance` takes numbers: 5, 2.5, >5, <=5 or 5..10.",
        ),
        ("active:maybe", "maybe", "`maybe` is neither true nor false.", "`active` takes true or false."),
        (
            "token:42x",
            "42x",
            "`42x` is not a UUID.",
            "`token` takes a full UUID, like 550e8400-e29b-41d4-a716-446655440000.",
        ),
        (
            "plan:>5",
            ">5",
            "`plan` holds text, which cannot be compared with `<` and `>`.",
            "`plan` takes text: pro (contains it), =pro (is it), pro* (begins with it) or *pro (ends with it). \
             To search for the signs themselves, use quotes: plan:\">5\".",
        ),
        ("seats:10..5", "10..5", "`10..5` ends before it begins.", "Put the smaller or earlier one first."),
        (
            "created:2026-02..2026-01",
            "2026-02..2026-01",
            "`2026-02..2026-01` ends before it begins.",
            "Put the smaller or earlier one first.",
        ),
    ] {
        let asked = read(text);
        assert_eq!(asked.filters, [], "{text}");
        let start = text.find(at).unwrap();
        let fault = Fault { start, end: start + at.len(), message: message.into(), hint: hint.into() };
        assert_eq!(asked.highlights.faults, [fault], "{text}");
    }
}

#[test]
fn unfinished_input_is_not_an_error() {
    for text in [
        "plan:",
        "-plan:",
        "plan:pro,",
        "plan:,pro",
        "plan:\"",
        "plan:=",
        "created:>",
        "created:>=",
        "created:..",
        "created:202",
        "created:2026-0",
        "created:tod",
        "created:2026-01..2026-0",
        "created:\"",
        "active:tr",
        "active:n",
        "seats:-",
        "seats:no",
        "balance:2.",
        "seats:5.",
        "created:2026-01.",
        "token:550e84",
    ] {
        let asked = read(text);
        assert_eq!((asked.filters, asked.highlights.faults), (Vec::new(), Vec::new()), "{text}");
        assert!(matches!(asked.highlights.chips.as_slice(), [Chip { complete: false, .. }]), "{text}");
        assert_eq!(asked.text, "", "{text}");
    }
}

#[test]
fn words_with_a_colon_that_are_no_filters_are_searched_and_hinted_at() {
    let asked = read("https://acme.com/users/42 12:30 C:\\x mailto:ada@acme.com ");
    assert_eq!(asked.text, "https://acme.com/users/42 12:30 C:\\x mailto:ada@acme.com");
    assert_eq!(asked.highlights, Highlights::default());
    let asked = read("😀 -plna:pro foo:bar");
    assert_eq!(asked.text, "😀 -plna:pro foo:bar");
    let unknown = |start, name: &str, closest: Option<&str>| UnknownColumn {
        start,
        end: start + name.len(),
        name: name.to_owned(),
        closest: closest.map(str::to_owned),
    };
    assert_eq!(asked.highlights.unknown, [unknown(4, "plna", Some("plan")), unknown(13, "foo", None)]);
}

#[test]
fn chips_say_how_long_ago() {
    let values =
        |text: &str| read(text).highlights.chips.into_iter().map(|chip| chip.value).collect::<Vec<_>>();
    assert_eq!(values("created:7d created:<=7d created:30d..7d"), ["last 7d", "≤ 7d ago", "30d..7d"]);
    assert_eq!(values("active:* plan:7d plan:\"a b\",c seats:>"), ["any", "7d", "a b, c", ">"]);
}

#[test]
fn chips_say_how_a_text_is_compared() {
    for (text, expected) in [
        ("plan:pro", "Plan contains pro"),
        ("plan:*pro*", "Plan contains pro"),
        ("plan:=pro", "Plan is pro"),
        ("plan:pro*", "Plan begins with pro"),
        ("plan:*pro", "Plan ends with pro"),
        ("plan:pro,free", "Plan contains pro, free"),
        ("plan:=pro,=free", "Plan is pro, free"),
        ("plan:=pro,fr*,none", "Plan is pro or begins with fr or has no value"),
        ("plan:*", "Plan has a value"),
        ("-plan:*", "Plan has no value"),
        ("plan:\"\"", "Plan is \"\""),
        ("plan:", "Plan contains"),
        ("plan:=", "Plan is"),
        ("-plan:=pro", "Plan is not pro"),
        ("-plan:pro*", "Plan does not begin with pro"),
        ("-plan:none", "Plan has a value"),
        ("flags:=beta", "Flags contains beta"),
        ("id:7", "User ID 7"),
        ("-active:yes", "Active not yes"),
    ] {
        assert_eq!(read(text).highlights.chips.iter().map(said).collect::<Vec<_>>(), [expected], "{text}");
    }
}

#[test]
fn a_telephone_number_is_its_digits() {
    let columns = [column("mobile_phone", Role::Other, FieldKind::Text)];
    let digits = |text: &str| ParsedQuery::parse(text, &columns, now()).filters.remove(0).any.pop();
    for text in
        ["mobile_phone:4930123456", "-mobile_phone:\"+49 (0)30 123 456\"", "mobile_phone:*4930123456*"]
    {
        assert_eq!(digits(text), Some(FilterTest::Digits("4930123456".into())), "{text}");
    }
    assert_eq!(digits("mobile_phone:4930"), Some(FilterTest::Contains("4930".into())));
    assert_eq!(read("+49 30 123456").phone.as_deref(), Some("4930123456"));
}

#[test]
fn a_text_that_identifies_is_compared_as_a_whole() {
    let columns = [column("login", Role::Id, FieldKind::Text)];
    for (text, expected) in [
        ("id:usr_8", FilterTest::Is(vec![Operand::Text("usr_8".into())])),
        ("id:*usr_8*", FilterTest::Contains("usr_8".into())),
        ("id:usr*", FilterTest::BeginsWith("usr".into())),
    ] {
        let asked = ParsedQuery::parse(text, &columns, now());
        assert_eq!(asked.filters[0].any, [expected], "{text}");
    }
    assert_eq!(said(&ParsedQuery::parse("id:usr_8", &columns, now()).highlights.chips[0]), "Login is usr_8");
}

#[test]
fn places_are_counted_as_javascript_does() {
    let chip = read("😀ä plan:\"😀\" x").highlights.chips.remove(0);
    assert_eq!((chip.start, chip.end), (4, 13));
    assert_eq!(
        (highlights::byte_at("😀a", 1), highlights::byte_at("😀a", 2), highlights::byte_at("😀a", 9)),
        (0, 4, 5)
    );
}
