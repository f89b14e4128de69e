//! Five thousand users, the same in every run, some of them hostile, and a slow and obvious implementation of what a
//! search over them must find.

use std::cmp::Ordering;

use understudy_directory::{Sort, Tier};

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

/// The first integer that a double cannot represent.
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
            // IDs neither start at 1 nor increase with the creation time.
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
                // Several accounts with the same address in different spellings.
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
                // Groups of nine created at the same microsecond, some one microsecond apart.
                created_at: (at % 31 != 0)
                    .then(|| 1_700_000_000_000_000 + number / 9 * 1_000_000 + number / 9 % 3),
            }
        })
        .collect()
}

/// How the table's indexes affect the order in which a search finds people.
#[derive(Debug, Clone, Copy, Default)]
pub struct Indexed {
    /// The index on the email is case-sensitive: addresses as typed and in lower case come first.
    pub email: bool,
    /// Indexes for prefixes, in the order in which they are searched.
    pub prefix: &'static [PrefixIndex],
    /// Columns that an index returns in order.
    pub sortable: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
pub struct PrefixIndex {
    pub column: &'static str,
    /// It ignores case.
    pub folds: bool,
}

impl Indexed {
    /// The index that finds a person whose email or name starts with `typed`, and the position in it; `None` if no
    /// index does.
    fn place(&self, person: &Person, typed: &str) -> Option<(usize, Vec<u8>)> {
        let mut at = 0;
        for index in self.prefix {
            let (value, is_email) = match index.column {
                "email" => (person.email.as_ref(), true),
                "full_name" => (person.name.as_ref(), false),
                other => panic!("the story searches no {other}"),
            };
            let titled = || {
                let mut inside = false;
                let titled = typed.chars().flat_map(|char| {
                    let char: Vec<char> =
                        if inside { char.to_lowercase().collect() } else { char.to_uppercase().collect() };
                    inside = char.iter().all(|char| char.is_alphanumeric());
                    char
                });
                titled.collect::<String>()
            };
            let mut spellings = vec![typed.to_owned(), typed.to_lowercase(), titled(), typed.to_uppercase()];
            spellings.truncate(if index.folds {
                1
            } else if is_email {
                2
            } else {
                4
            });
            let mut known: Vec<String> = Vec::new();
            for spelling in spellings {
                if known.contains(&spelling) {
                    continue;
                }
                let fold = |text: &str| if index.folds { text.to_lowercase() } else { text.to_owned() };
                if let Some(value) = value.filter(|value| fold(value).starts_with(&fold(&spelling))) {
                    return Some((at, fold(value).into_bytes()));
                }
                known.push(spelling);
                at += 1;
            }
        }
        None
    }
}

/// What a search must find, in order, each with the tier that finds it.
pub fn expected<'a>(
    people: &'a [Person],
    text: &str,
    sort: Option<&Sort>,
    indexed: Indexed,
) -> Vec<(Tier, &'a Person)> {
    let typed = text.trim().to_owned();
    let text = typed.to_lowercase();
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
        } else if text.split_whitespace().count() > 1
            && text.split_whitespace().all(|word| values.iter().any(|value| value.contains(word)))
        {
            Some(Tier::Words)
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
            [Tier::All, Tier::Id, Tier::Email, Tier::Prefix, Tier::Contains, Tier::Words]
                .iter()
                .position(|known| *known == tier)
        };
        found.sort_by(|(left_tier, left), (right_tier, right)| {
            let by_time = || by_column(left, right, &newest);
            rank(*left_tier).cmp(&rank(*right_tier)).then_with(|| match left_tier {
                Tier::Email if indexed.email => {
                    let as_typed = |person: &Person| {
                        person.email.as_ref().is_some_and(|email| *email == typed || *email == text)
                    };
                    as_typed(right).cmp(&as_typed(left)).then_with(by_time)
                }
                Tier::Prefix => match (indexed.place(left, &typed), indexed.place(right, &typed)) {
                    (Some(left_place), Some(right_place)) => {
                        left_place.cmp(&right_place).then(left.id.cmp(&right.id))
                    }
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => by_time(),
                },
                _ => by_time(),
            })
        });
    }
    found
}

/// NULLs last in both directions; ties by ID, in the direction of the order.
fn by_column(left: &Person, right: &Person, sort: &Sort) -> Ordering {
    let directed = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let order = match sort.column.as_str() {
        "createdAt" => nulls_last(left.created_at, right.created_at, |left, right| directed(left.cmp(right))),
        "full_name" => {
            nulls_last(left.name.as_ref(), right.name.as_ref(), |left, right| directed(left.cmp(right)))
        }
        "score" => nulls_last(left.score, right.score, |left, right| directed(left.total_cmp(right))),
        "plan" => {
            nulls_last(left.plan.as_ref(), right.plan.as_ref(), |left, right| directed(left.cmp(right)))
        }
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
