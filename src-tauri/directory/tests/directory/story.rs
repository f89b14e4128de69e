//! The story: what an agent and the console do with a directory, in every engine.

use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryCode;
use understudy_directory::{Directory, FieldKind, ListRequest, Page, Place, Role, Row, Sort, Tier};

use crate::people::{BEYOND_DOUBLE, Indexed, Person, expected, people};

pub fn query(text: &str) -> ListRequest {
    ListRequest::first_page(text, 50)
}

pub async fn search(directory: &dyn Directory, query: &ListRequest) -> Page {
    directory.search_users(query, &CancellationToken::new()).await.expect("the search is answered")
}

/// All pages of a list, one after the other.
pub async fn pages(directory: &dyn Directory, mut query: ListRequest) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = search(directory, &query).await;
        assert!(page.rows.len() <= usize::from(query.limit));
        assert!(page.left_out.is_none(), "so few users are searched as a whole");
        let next = page.next.clone();
        let full = page.rows.len() == usize::from(query.limit);
        pages.push(page);
        let Some(next) = next else { return pages };
        query.place = Place::After(next);
        let named = matches!(pages.last().map(|page| page.how.tier), Some(Tier::Id | Tier::Email));
        assert!(full || named, "a page that is followed by another is full, or names somebody");
    }
}

/// All rows of a list, read from the last page to the first, in list order.
pub async fn backwards(directory: &dyn Directory, mut query: ListRequest) -> Vec<Row> {
    query.place = Place::End;
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let page = search(directory, &query).await;
        assert!(page.rows.len() <= usize::from(query.limit));
        rows.splice(..0, page.rows);
        let Some(previous) = page.previous else { return rows };
        query.place = Place::Before(previous);
    }
}

pub async fn told(directory: &dyn Directory, indexed: Indexed) {
    let people = people();
    what_was_found(directory, &people, indexed);
    all_users_newest_first(directory, &people).await;
    searches_answer_in_tiers(directory, &people, indexed).await;
    users_are_counted(directory, &people).await;
    filters_narrow_the_list(directory, &people).await;
    lists_are_ordered_both_ways(directory, &people).await;
    hostile_rows_are_shown_as_they_are(directory, &people).await;
    a_value_that_was_cut_is_said_to_be_missing(directory, &people).await;
    a_user_is_read_again_by_its_id(directory, &people).await;
    wrong_questions_are_refused(directory).await;
}

fn what_was_found(directory: &dyn Directory, people: &[Person], indexed: Indexed) {
    let info = directory.info();
    let columns: Vec<_> = info
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.label.as_str(), column.role, column.kind))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "ID", Role::Id, FieldKind::Integer),
            ("full_name", "Full name", Role::Name, FieldKind::Text),
            ("email", "Email", Role::Email, FieldKind::Text),
            ("plan", "Plan", Role::Other, FieldKind::Text),
            ("score", "Score", Role::Other, FieldKind::Number),
            ("active", "Active", Role::Other, FieldKind::Boolean),
            ("createdAt", "Created at", Role::CreatedAt, FieldKind::Time),
        ]
    );
    let sortable = info.columns.iter().filter(|column| column.sortable).map(|column| column.name.as_str());
    assert_eq!(sortable.collect::<Vec<_>>(), indexed.sortable);
    let total = info.estimated_total.expect("something is known of so few users");
    assert_eq!(total, people.len() as u64);
}

async fn all_users_newest_first(directory: &dyn Directory, people: &[Person]) {
    let expected: Vec<String> = ids(&expected(people, "", None, Indexed::default()));
    for limit in [1, 137, 500] {
        let people = if limit == 1 { 40 } else { people.len() };
        let mut walked = Vec::new();
        let mut question = ListRequest { limit, ..query("  ") };
        while walked.len() < people {
            let page = search(directory, &question).await;
            assert_eq!(page.how.tier, Tier::All);
            assert!(page.how.elapsed_ms > 0.0);
            walked.extend(page.rows.into_iter().map(|row| row.id));
            let Some(next) = page.next else { break };
            question.place = Place::After(next);
        }
        assert_eq!(walked, expected[..people], "in pages of {limit}");
    }
}

async fn filters_narrow_the_list(directory: &dyn Directory, people: &[Person]) {
    type Passes = fn(&Person) -> bool;
    let cases: [(&str, Passes); 28] = [
        ("plan:=pro", |one| one.plan.as_deref() == Some("pro")),
        ("plan:=PRO,=free", |one| one.plan.is_some()),
        ("plan:=r", |_| false),
        ("plan:R", |one| one.plan.is_some()),
        ("plan:ro", |one| one.plan.as_deref() == Some("pro")),
        ("-plan:re", |one| one.plan.as_deref() != Some("free")),
        ("plan:pro", |one| one.plan.as_deref() == Some("pro")),
        ("PLAN:PRO", |one| one.plan.as_deref() == Some("pro")),
        ("plan:pro,free", |one| one.plan.is_some()),
        ("-plan:free", |one| one.plan.as_deref() != Some("free")),
        ("plan:none", |one| one.plan.is_none()),
        ("plan:*", |one| one.plan.is_some()),
        ("plan:pr*", |one| one.plan.as_deref() == Some("pro")),
        ("score:>1", |one| one.score.is_some_and(|score| score > 1.0)),
        ("score:-0.5..0.5", |one| one.score.is_some_and(|score| (-0.5..=0.5).contains(&score))),
        ("active:yes", |one| one.active == Some(true)),
        ("active:false", |one| one.active == Some(false)),
        ("-active:yes", |one| one.active != Some(true)),
        ("id:>5000", |one| one.id > 5000),
        ("id:-5", |one| one.id == -5),
        ("id:9007199254740993", |one| one.id == BEYOND_DOUBLE),
        ("email:@example.com plan:pro", |one| {
            one.plan.as_deref() == Some("pro") && has(one.email.as_deref(), "@example.com")
        }),
        ("full_name:\"ann okafor\"", |one| has(one.name.as_deref(), "ann okafor")),
        ("full_name:\"; drop table\"", |one| has(one.name.as_deref(), "; drop table")),
        ("full_name:100%", |one| has(one.name.as_deref(), "100%")),
        ("created:2023-11-14", |one| one.created_at.is_some_and(|at| at < NEXT_DAY)),
        ("created:>2023-11-14", |one| one.created_at.is_some_and(|at| at >= NEXT_DAY)),
        ("created:>=2023-11-14T22:20:00Z", |one| {
            one.created_at.is_some_and(|at| at >= 1_700_000_400_000_000)
        }),
    ];
    for (text, passes) in cases {
        let expected: Vec<String> = expected(people, "", None, Indexed::default())
            .into_iter()
            .filter(|(_, person)| passes(person))
            .map(|(_, person)| person.id.to_string())
            .collect();
        let question = ListRequest { limit: 500, ..query(text) };
        let back: Vec<String> =
            backwards(directory, question.clone()).await.into_iter().map(|row| row.id).collect();
        let pages = pages(directory, question).await;
        let found: Vec<&str> = pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(back, expected, "{text}, backwards");
    }
    // Combined with a text, filters narrow each of its tiers.
    let narrowed =
        search(directory, &ListRequest { limit: 500, ..query("okafor plan:pro -active:yes") }).await;
    let expected = people.iter().filter(|one| {
        has(one.name.as_deref(), "okafor") && one.plan.as_deref() == Some("pro") && one.active != Some(true)
    });
    assert_eq!(narrowed.rows.len(), expected.count());
    for (text, said) in [("created:soonish", "date"), ("score:many", "number"), ("id:x", "number")] {
        let error = directory.search_users(&query(text), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::QueryInvalid);
        assert!(error.to_string().contains(said) && error.hint.is_some(), "{error:?}");
    }
}

/// 2023-11-15, in microseconds.
const NEXT_DAY: i64 = 1_700_006_400_000_000;

fn has(value: Option<&str>, text: &str) -> bool {
    value.is_some_and(|value| value.to_lowercase().contains(text))
}

async fn users_are_counted(directory: &dyn Directory, people: &[Person]) {
    let count = async |text: &str| {
        let count = directory.count_users(text, &CancellationToken::new()).await.expect("it is counted");
        (count.users, count.capped)
    };
    assert_eq!(count("").await, (people.len() as u64, false));
    assert_eq!(count("nothing like this").await, (0, false));
    let okafors = expected(people, "ann okafor", None, Indexed::default()).len() as u64;
    assert_eq!(count("ann okafor").await, (okafors, false));
    assert_eq!(count("example").await, (1000, true), "counting stops where nobody cares any more");
}

async fn searches_answer_in_tiers(directory: &dyn Directory, people: &[Person], indexed: Indexed) {
    let texts = [
        "ann",
        "ANN",
        "anna",
        "joann",
        "  ann ferrari  ",
        "ferrari ann",
        "example ann okafor",
        "nothing like this",
        "shared@example.com",
        "SHARED@EXAMPLE.COM",
        "@example.com",
        "ann11@example.com",
        "100",
        "0100",
        "5102",
        "-5",
        "007",
        "9007199254740993",
        "9223372036854775807",
        "99999999999999999999",
        "1e3",
        "%",
        "_",
        "\\",
        "%%",
        "_real_",
        "100%",
        "\\back",
        "percent%under_score\\@EXAMPLE.com",
        "'",
        "drop table",
        "<script",
        "onerror=",
        "x",
        "xxxxxxxxxx",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "łukasz",
        "ÅNGSTRÖM",
        "مرحبا",
        "\u{202e}",
        "\u{1b}[31m",
        "{{",
        "$1",
        "?1",
        "zoë",
        "müller",
        "ber't",
    ];
    for text in texts {
        let expected = expected(people, text, None, indexed);
        for limit in [7, 500] {
            let few = ListRequest { limit, ..query(text) };
            if limit == 7 && expected.len() > 60 {
                continue; // the same invariant, at a higher cost
            }
            let back = backwards(directory, few.clone()).await;
            let pages = pages(directory, few).await;
            let back: Vec<&str> = back.iter().map(|row| row.id.as_str()).collect();
            let found: Vec<&str> =
                pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
            assert_eq!(found, ids(&expected), "{text:?} in pages of {limit}");
            assert_eq!(back, found, "{text:?} backwards in pages of {limit}");
            let mut at = 0;
            for page in &pages {
                if let Some((tier, _)) = expected.get(at) {
                    assert_eq!(page.how.tier, *tier, "{text:?} at {at}");
                }
                at += page.rows.len();
            }
        }
    }
    // Quotes hold words together, and hostile texts find their user like any other.
    let quoted = search(directory, &query("'; DROP TABLE \"Users\"; --")).await;
    assert_eq!((quoted.rows.len(), quoted.how.tier), (1, Tier::Words));
    assert!(expected(people, "ann", None, indexed).len() > 500, "the story searches for something common");
}

async fn lists_are_ordered_both_ways(directory: &dyn Directory, people: &[Person]) {
    for column in ["id", "full_name", "score", "plan", "createdAt"] {
        for descending in [false, true] {
            for text in ["", "ann", "-5"] {
                let sort = Sort { column: column.into(), descending };
                let question = ListRequest { sort: Some(sort.clone()), limit: 450, ..query(text) };
                let back: Vec<String> =
                    backwards(directory, question.clone()).await.into_iter().map(|row| row.id).collect();
                let pages = pages(directory, question).await;
                let expected = expected(people, text, Some(&sort), Indexed::default());
                assert_eq!(back, ids(&expected), "{text:?} by {sort:?}, backwards");
                let found: Vec<&str> =
                    pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
                assert_eq!(found, ids(&expected), "{text:?} by {sort:?}");
                assert_eq!(pages[0].how.tier, if text.is_empty() { Tier::All } else { Tier::Contains });
            }
        }
    }
}

async fn hostile_rows_are_shown_as_they_are(directory: &dyn Directory, people: &[Person]) {
    for person in people.iter().take(100) {
        let row = directory.find_user(&person.id.to_string()).await.unwrap().expect("the person is there");
        let cut = |text: &String| match text.char_indices().nth(2000) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.clone(),
        };
        assert_eq!(row.cells[1], person.name.as_ref().map(cut));
        assert_eq!(row.cells[2], person.email);
        assert_eq!(row.cells[3], person.plan);
        assert_eq!(row.cells[4].as_ref().map(|score| score.parse().unwrap()), person.score);
        assert_eq!(row.cells[5], person.active.map(|active| active.to_string()));
        match (&row.cells[6], person.created_at) {
            (Some(shown), Some(micros)) => {
                // SQLite's texts have no zone; the story wrote UTC.
                let shown = if shown.ends_with('Z') { shown.clone() } else { format!("{shown}Z") };
                let shown: jiff::Timestamp = shown.parse().expect("RFC 3339");
                // MongoDB stores milliseconds.
                let is_whole = directory.info().server.starts_with("MongoDB");
                let micros = if is_whole { micros.div_euclid(1000) * 1000 } else { micros };
                assert_eq!(shown.as_microsecond(), micros);
            }
            (shown, created_at) => assert_eq!((shown, created_at), (&None, None)),
        }
    }
}

/// A policy must not clear a user because of a value of which it has only seen the start.
async fn a_value_that_was_cut_is_said_to_be_missing(directory: &dyn Directory, people: &[Person]) {
    let info = directory.info();
    let mut long = 0;
    for person in people.iter().take(100) {
        let row = directory.find_user(&person.id.to_string()).await.unwrap().expect("the person is there");
        let is_long = person.name.as_ref().is_some_and(|name| name.chars().count() > 2000);
        long += usize::from(is_long);
        assert_eq!(info.has_cut_value(&row, |name| name == "name"), is_long);
        assert_eq!(info.user_context(&row).contains_key("name"), !is_long);
    }
    assert!(long > 0, "some are too long to be shown");
}

async fn a_user_is_read_again_by_its_id(directory: &dyn Directory, people: &[Person]) {
    let beyond = BEYOND_DOUBLE.to_string();
    let row = directory.find_user(&beyond).await.unwrap().expect("an id of 2^53 + 1");
    assert_eq!(row.id, beyond);
    assert_eq!(directory.info().user_context(&row)["id"], serde_json::json!(BEYOND_DOUBLE));
    let other: Row =
        directory.find_user(&(BEYOND_DOUBLE - 1).to_string()).await.unwrap().expect("its neighbour");
    assert_ne!(other.cells, row.cells);

    let known = people[0].id;
    assert!(directory.find_user(&known.to_string()).await.unwrap().is_some());
    let spelled = [format!("0{known}"), format!(" {known}"), format!("+{known}"), format!("{known}.0")];
    let never = ["", "1", "ann", "99999999999999999999", "1 OR 1=1", "100\0", "%", "'"];
    for id in spelled.iter().map(String::as_str).chain(never) {
        assert_eq!(directory.find_user(id).await.unwrap(), None, "{id:?}");
    }
}

async fn wrong_questions_are_refused(directory: &dyn Directory) {
    let refused = async |question: ListRequest| {
        let error = directory.search_users(&question, &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::QueryInvalid, "{question:?}: {error}");
    };
    let by = |column: &str| Some(Sort { column: column.into(), descending: false });
    refused(ListRequest { limit: 0, ..query("") }).await;
    refused(ListRequest { limit: 501, ..query("") }).await;
    refused(query(&"long ".repeat(20_001))).await;
    for column in ["password", "id; DROP TABLE \"Users\"", "\"id\"", ""] {
        refused(ListRequest { sort: by(column), ..query("") }).await;
    }
    let next = search(directory, &query("ann")).await.next.expect("more than a page of them");
    for after in ["", "nonsense", &next[1..], &format!("{next}A")] {
        refused(ListRequest { place: Place::After(after.into()), ..query("ann") }).await;
    }
    refused(ListRequest { place: Place::After(next.clone()), ..query("bob") }).await;
    refused(ListRequest { place: Place::Before(next.clone()), ..query("bob") }).await;
    refused(ListRequest { place: Place::After(next.clone()), sort: by("id"), ..query("ann") }).await;
    search(directory, &ListRequest { place: Place::After(next), ..query("ann") }).await;
}

fn ids(found: &[(Tier, &Person)]) -> Vec<String> {
    found.iter().map(|(_, person)| person.id.to_string()).collect()
}
