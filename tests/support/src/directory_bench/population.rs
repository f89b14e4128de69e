//! Who the measured directories hold: any number of users, the same ones every time.
//!
//! Everything about a user follows from its number by whole-number arithmetic.

/// One row of the table `users`.
pub struct User {
    pub id: i64,
    pub email: String,
    pub full_name: String,
    pub plan: &'static str,
    pub company: String,
    /// Seconds since 1970; rises with the id.
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

/// The newest user's time, for as many as there are.
const NEWEST: i64 = 1_790_000_000;

/// The user of this number, 0 to `count` - 1; the last one is the newest.
pub fn user(number: u64, count: u64) -> User {
    // Knuth's multiplicative hash spreads neighbours over all names.
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
        // A sign-up every 13 seconds, more or less.
        created_at: NEWEST - age * 13 - i64::try_from(spread % 7).expect("small"),
    }
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
