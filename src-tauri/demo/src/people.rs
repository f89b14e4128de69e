//! Generates the demo's customers: 100,000 invented people, always the same.
//!
//! Everything about a person follows from a fixed seed with integer arithmetic, so that every machine generates the
//! same people. Only their dates are shifted, by whole days, to match the given day.

use std::collections::HashSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    edge_cases::{self, EdgeCase},
    names::{Company, Culture, Name, read_cultures},
    rng::SeededRng,
};
use crate::error::{DemoError, Result};

/// The number of people, including edge cases.
pub const COUNT: usize = 100_000;

/// A row of the table `users`.
pub(super) struct Person {
    pub id: i64,
    pub email: String,
    pub full_name: Option<String>,
    pub plan: &'static str,
    pub company_name: Option<String>,
    pub role: &'static str,
    pub locale: String,
    /// RFC 3339, whole seconds, `Z`.
    pub created_at: String,
    pub last_login_at: Option<String>,
}

/// Sign-ups go back five years…
const YEARS: u64 = 1826 * DAY;
const DAY: u64 = 86_400;
/// …and end in the first hour of today (UTC), which has passed by the working hours of most of the world.
const LAST_SIGN_UP: u64 = 3_599;

/// The email domains of people without a company.
const MAILBOXES: [&str; 5] =
    ["mailbox.example", "inbox.example", "postfach.example", "correo.example", "courrier.example"];

/// Generates the people one after the other, oldest account first.
pub(super) struct People {
    chance: SeededRng,
    cultures: Vec<Culture>,
    total_weight: u64,
    emails: HashSet<String>,
    /// Domains whose first person, the owner, has been generated.
    owned: HashSet<String>,
    edge_cases: Vec<EdgeCase>,
    /// The creation time of the newest account, in seconds since 1970.
    newest: i64,
    next: usize,
    id: i64,
}

impl People {
    pub fn new(today: Date) -> Result<Self> {
        let midnight = today
            .to_zoned_datetime(TimeZone::UTC)
            .map_err(|cause| DemoError::internal(format!("{today} cannot be the demo's day: {cause}")))?;
        let cultures = read_cultures()?;
        Ok(Self {
            chance: SeededRng::from(0x1ed6_e211_4e00_0001),
            total_weight: cultures.iter().map(|culture| culture.weight).sum(),
            cultures,
            emails: HashSet::with_capacity(COUNT),
            owned: HashSet::new(),
            edge_cases: edge_cases::list_edge_cases(),
            newest: midnight.timestamp().as_second() + LAST_SIGN_UP.cast_signed(),
            next: 0,
            id: 10_000_000,
        })
    }

    fn generate_person(&mut self) -> Person {
        let position = self.next;
        self.next += 1;
        self.id += 1 + self.chance.next_below(799).cast_signed();

        let age = account_age(position, self.chance.next_below(1000));
        let created_at = format_time(self.newest - age.cast_signed());
        // Most signed in recently, some not for a while, a few never.
        let idle = self.chance.next_below(1000).pow(3) * age / 1_000_000_000;
        let last_login_at =
            (!self.chance.happens_in_percent(6)).then(|| format_time(self.newest - idle.cast_signed()));

        if let Some(case) = self.edge_case_at(position) {
            return Person {
                id: case.id.unwrap_or(self.id),
                email: case.email,
                full_name: case.full_name,
                plan: "free",
                company_name: Some(edge_cases::COMPANY.to_owned()),
                role: "member",
                locale: "en-GB".to_owned(),
                created_at,
                last_login_at,
            };
        }

        let culture = pick_culture(&mut self.chance, &self.cultures, self.total_weight);
        let given = self.chance.pick(&culture.given);
        let family = self.chance.pick(&culture.family);
        let second = self.chance.pick(&culture.family);
        let own_script = self.chance.happens_in_percent(culture.own_script);
        let joined =
            if culture.two_families { Some(' ') } else { self.chance.happens_in_percent(15).then_some('-') };
        let second = joined.map(|joint| (joint, second));
        let full_name = full_name(culture, given, family, second, own_script);
        let locale = self.chance.pick(&culture.locales).clone();
        let size = culture.companies.len() as u64;
        // Squared, so that a few companies are large and most are small.
        let rank = self.chance.next_below(1000).pow(2) * size / 1_000_000;
        let company = (!self.chance.happens_in_percent(28))
            .then(|| &culture.companies[usize::try_from(rank).expect("a place in a list")]);
        let (plan, role, domain) = if let Some(company) = company {
            let first = self.owned.insert(company.domain.clone());
            let role = if first { "owner" } else { choose_role(self.chance.next_below(100)) };
            (choose_plan(company, rank * 100 / size), role, company.domain.as_str())
        } else {
            let plan = if self.chance.happens_in_percent(12) { "team" } else { "free" };
            (plan, "owner", *self.chance.pick(&MAILBOXES))
        };
        let company_name = company.map(|company| company.name.clone());
        let email = unique_email(&mut self.emails, given, family, domain);
        Person {
            id: self.id,
            email,
            full_name: Some(full_name),
            plan,
            company_name,
            role,
            locale,
            created_at,
            last_login_at,
        }
    }

    /// Spreads the edge cases out, and keeps them off the first pages.
    fn edge_case_at(&mut self, position: usize) -> Option<EdgeCase> {
        const FIRST: usize = 61_003;
        const APART: usize = 1_009;
        let here = position >= FIRST && (position - FIRST).is_multiple_of(APART);
        if here { self.edge_cases.pop() } else { None }
    }
}

impl Iterator for People {
    type Item = Person;

    fn next(&mut self) -> Option<Person> {
        (self.next < COUNT).then(|| self.generate_person())
    }
}

/// An account's age in seconds, relative to the newest. Sign-ups grow: 2.5 times the average lately, 0.6 times at
/// first. `jitter` is 0 to 999 thousandths of the way to the next account, so that accounts stay in order.
fn account_age(position: usize, jitter: u64) -> u64 {
    let whole = u128::from(COUNT as u64 * 1000);
    let part = u128::from((COUNT - 1 - position) as u64 * 1000 + jitter);
    let seconds = u128::from(YEARS) * (2 * part * whole + 3 * part * part) / (5 * whole * whole);
    u64::try_from(seconds).expect("less than five years")
}

fn format_time(second: i64) -> String {
    Timestamp::from_second(second).expect("a date within five years of one that exists").to_string()
}

fn pick_culture<'a>(chance: &mut SeededRng, cultures: &'a [Culture], total_weight: u64) -> &'a Culture {
    let mut ticket = chance.next_below(total_weight);
    for culture in cultures {
        if ticket < culture.weight {
            return culture;
        }
        ticket -= culture.weight;
    }
    unreachable!("a ticket is below the sum of all weights")
}

/// `second` is a second family name, with the character that joins it to the first.
fn full_name(
    culture: &Culture,
    given: &Name,
    family: &Name,
    second: Option<(char, &Name)>,
    own_script: bool,
) -> String {
    match (&given.own, &family.own) {
        (Some(given), Some(family)) if own_script => {
            // Chinese, Japanese and Korean names are written without a space.
            if culture.family_first { format!("{family}{given}") } else { format!("{given} {family}") }
        }
        _ if culture.family_first => format!("{} {}", family.latin, given.latin),
        _ => match second {
            Some((joint, second)) if second.latin != family.latin => {
                format!("{} {}{joint}{}", given.latin, family.latin, second.latin)
            }
            _ => format!("{} {}", given.latin, family.latin),
        },
    }
}

/// All members of a company are on its plan; larger companies (a lower percentile) are on larger plans.
fn choose_plan(company: &Company, percentile: u64) -> &'static str {
    match percentile {
        0..5 => "enterprise",
        5..35 => "business",
        _ if company.name.len().is_multiple_of(7) => "free",
        _ => "team",
    }
}

fn choose_role(percent: u64) -> &'static str {
    match percent {
        0..8 => "admin",
        8..14 => "billing",
        14..18 => "viewer",
        _ => "member",
    }
}

/// `given.family@domain`, with a number if that address is taken.
fn unique_email(taken: &mut HashSet<String>, given: &Name, family: &Name, domain: &str) -> String {
    let mut address = format!("{}.{}@{domain}", given.ascii, family.ascii);
    let mut number = 1;
    while !taken.insert(address.clone()) {
        number += 1;
        address = format!("{}.{}{number}@{domain}", given.ascii, family.ascii);
    }
    address
}
