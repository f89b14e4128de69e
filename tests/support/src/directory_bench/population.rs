//! The users of the benchmarks' directories: any number, always the same ones.
//!
//! Everything about a user is computed from their number with integer arithmetic.

/// One row of the table `users`.
pub struct User {
    pub id: i64,
    pub email: String,
    pub full_name: String,
    pub plan: &'static str,
    pub company: String,
    /// Seconds since 1970; increases with the ID.
    pub created_at: i64,
}

const FIRST: [&str; 32] = [
    "Anna", "Bogdan", "Chloe", "Dmitri", "Elena", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Katya", "Liam",
    "Mina", "Noor", "Oskar", "Priya", "Quinn", "Rosa", "Samir", "Tove", "Uma", "Viktor", "Wanda", "Xavier",
    "Yara", "Zoltan", "Amara", "Bruno", "Carla", "Dario", "Emil", "Freya",
];
const LAST: [&str; 29] = [
    "Anderson", "Berger", "Cohen", "Duarte", "Eriksen", "Ferrari", "Garcia", "Horvat", "Ivanov", "Jansen",
    "Kowalski", "Larsson", "Moreau", "Nguyen", "Okafor", "Petrov", "Quist", "Rossi", "Schmidt", "Tanaka",
    "Urbano", "Virtanen", "Weber", "Xu", "Yilmaz", "Zimmer", "Sorensen", "Silva", "Santos",
];
const PLANS: [&str; 4] = ["free", "starter", "pro", "enterprise"];

/// When the newest user was created, whatever their number is.
const NEWEST: i64 = 1_790_000_000;

/// User number `number`, from 0 to `count` - 1; the last one is the newest.
pub fn user(number: u64, count: u64) -> User {
    // Knuth's multiplicative hash distributes neighbours over all names.
    let spread = number.wrapping_mul(11_400_714_819_323_198_485) >> 20;
    let pick =
        |from: &[&'static str], shift: u32| from[usize::try_from(spread >> shift).unwrap_or(0) % from.len()];
    let (first, last) = (pick(&FIRST, 3), pick(&LAST, 11));
    let id = i64::try_from(number).expect("fewer than 2^63 users") + 1;
    let age = i64::try_from(count - number).expect("fewer than 2^63 users");
    User {
        id,
        email: format!("{}.{}{id}@example.com", first.to_lowercase(), last.to_lowercase()),
        full_name: format!("{first} {last}"),
        plan: PLANS[usize::try_from(spread >> 23).unwrap_or(0) % PLANS.len()],
        company: format!("Company {}", spread % 100_003),
        // About one sign-up every 13 seconds.
        created_at: NEWEST - age * 13 - i64::try_from(spread % 7).expect("small"),
    }
}

/// The first ASCII text after all that begin with `prefix`.
pub fn behind(prefix: &str) -> String {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    String::from_utf8(bytes).expect("ASCII")
}

/// A time in SQL's format, in UTC.
pub fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("1970-01-01 {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
        .replace("1970-01-01", &date(days))
}

/// Howard Hinnant's `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + carry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_the_same_every_time_and_their_addresses_are_unique() {
        let addresses: std::collections::HashSet<String> = (0..5000).map(|at| user(at, 5000).email).collect();
        assert_eq!(addresses.len(), 5000);
        assert_eq!(user(7, 5000).email, user(7, 5000).email);
        assert!(user(4999, 5000).created_at > user(0, 5000).created_at);
    }
}
