//! Five thousand users, the same in every run, some of them hostile; and what a search over them must
//! find, worked out the slow and obvious way.

use std::cmp::Ordering;

use understudy_core::directory::{Sort, Tier};

#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub id: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    pub plan: Option<String>,
    pub score: Option<f64>,
    pub active: Option<bool>,
    /// Microseconds since 1970.
    pub created_at: Option<i64>,
}

/// More than a double can hold exactly.
pub const BEYOND_DOUBLE: i64 = 9_007_199_254_740_993;

pub fn hostile_names() -> Vec<String> {
    [
        "<script>alert(document.cookie)</script>",
        "<img src=x onerror=alert(1)>",
        "'; DROP TABLE \"Users\"; --",
        "Robert'); DELETE FROM Users WHERE ('1'='1",
        "100% _real_ \\back\\slash",
        "%",
        "_",
        "\\",
        "O'Brien \"Quoted\" `ticked` $1 ?1 :name",
        "\u{202e}desrever si siht\u{202c}",
        "control\u{1}\u{7}\u{8}\u{1b}[31m\r\n\tcharacters",
        "👩‍👩‍👧‍👦 🏳️‍🌈 família",
        "Łukasz Ångström",
        "مرحبا بالعالم",
        "{{ secret.admin_token }}",
        "",
        "   ",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["x".repeat(10_240), "ß".repeat(12_000)])
    .collect()
}

pub fn people() -> Vec<Person> {
    const FIRST: [&str; 11] =
        ["Ann", "Annika", "Bob", "Chloé", "Dmitri", "joann", "ANNA", "Noor", "Sam", "Zoë", "Li"];
    const LAST: [&str; 7] = ["Ferrari", "Okafor", "annandale", "Müller", "Nguyen", "Smith", "O'Neil"];
    let hostile = hostile_names();
    (0..5000_usize)
        .map(|at| {
            let number = i64::try_from(at).expect("small");
            // Ids neither begin at 1 nor rise with the time of creation.
            let id = match at {
                17 => BEYOND_DOUBLE,
                18 => BEYOND_DOUBLE - 1,
                19 => i64::MAX,
                20 => -5,
                _ => (number * 2003) % 5003 + 100,
            };
            let name = match hostile.get(at.wrapping_sub(40)) {
                Some(name) => Some(name.clone()),
                None if at % 97 == 0 => None,
                None => Some(format!("{} {}", FIRST[at % FIRST.len()], LAST[at % LAST.len()])),
            };
            let email = match at {
                _ if at % 53 == 0 => None,
                // Several accounts of one address, in several spellings.
                _ if at % 41 == 0 => Some(["shared@example.com", "Shared@Example.com"][at % 2].to_owned()),
                45 => Some("percent%under_score\\@example.com".to_owned()),
                _ => Some(format!("{}{at}@example.com", FIRST[at % FIRST.len()].to_lowercase())),
            };
            Person {
                id,
                email,
                name,
                plan: [Some("free".to_owned()), Some("pro".to_owned()), None][at % 3].clone(),
                score: (at % 7 != 0).then(|| f64::from(u32::try_from(at % 29).expect("small")) / 7.0 - 1.5),
                active: [Some(true), Some(false), None][at % 3],
                // Nine created at the same microsecond, and neighbours one microsecond apart.
                created_at: (at % 31 != 0)
                    .then(|| 1_700_000_000_000_000 + number / 9 * 1_000_000 + number / 9 % 3),
            }
        })
        .collect()
}

/// What a search must find, in order, each with the tier that finds it.
pub fn expected<'a>(people: &'a [Person], text: &str, sort: Option<&Sort>) -> Vec<(Tier, &'a Person)> {
    let text = text.trim().to_lowercase();
    let searched = |person: &Person| -> Vec<String> {
        [&person.email, &person.name].into_iter().flatten().map(|value| value.to_lowercase()).collect()
    };
    let tier = |person: &Person| {
        let email = person.email.as_ref().map(|email| email.to_lowercase());
        let values = searched(person);
        if text.is_empty() {
            Some(Tier::All)
        } else if text.parse::<i64>().is_ok_and(|id| id == person.id) {
            Some(Tier::Id)
        } else if text.contains('@') && email.as_ref() == Some(&text) {
            Some(Tier::Email)
        } else if values.iter().any(|value| value.starts_with(&text)) {
            Some(Tier::Prefix)
        } else if values.iter().any(|value| value.contains(&text)) {
            Some(Tier::Contains)
        } else {
            None
        }
    };
    let mut found: Vec<(Tier, &Person)> =
        people.iter().filter_map(|person| Some((tier(person)?, person))).collect();
    if let Some(sort) = sort {
        for (tier, _) in &mut found {
            *tier = if text.is_empty() { Tier::All } else { Tier::Contains };
        }
        found.sort_by(|(_, left), (_, right)| by_column(left, right, sort));
    } else {
        let newest = Sort { column: "createdAt".into(), descending: true };
        let rank = |tier: Tier| {
            [Tier::All, Tier::Id, Tier::Email, Tier::Prefix, Tier::Contains]
                .iter()
                .position(|known| *known == tier)
        };
        found.sort_by(|(left_tier, left), (right_tier, right)| {
            rank(*left_tier).cmp(&rank(*right_tier)).then_with(|| by_column(left, right, &newest))
        });
    }
    found
}

/// NULLs last either way; ties by id, in the direction of the order.
fn by_column(left: &Person, right: &Person, sort: &Sort) -> Ordering {
    let directed = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let order = match sort.column.as_str() {
        "createdAt" => nulls_last(left.created_at, right.created_at, |left, right| directed(left.cmp(right))),
        "full_name" => {
            nulls_last(left.name.as_ref(), right.name.as_ref(), |left, right| directed(left.cmp(right)))
        }
        "score" => nulls_last(left.score, right.score, |left, right| directed(left.total_cmp(right))),
        "id" => Ordering::Equal,
        other => panic!("the story sorts by no {other}"),
    };
    order.then_with(|| directed(left.id.cmp(&right.id)))
}

fn nulls_last<T>(left: Option<T>, right: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => compare(&left, &right),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    }
}
