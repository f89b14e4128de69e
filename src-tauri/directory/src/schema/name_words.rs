//! Splits names into words, so that `createdAt`, `created_at` and `CREATED-AT` are the same, and rates how likely a
//! table is to hold users.

/// The words of a name, in lower case.
pub fn split_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let chars: Vec<char> = name.chars().collect();
    for (at, &char) in chars.iter().enumerate() {
        if !char.is_alphanumeric() {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(at + 1);
        // A word starts at the I of `userId` and at the S of `HTTPServer`.
        let begins = char.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            words.push(String::new());
        }
        words.last_mut().expect("there is always a word").extend(char.to_lowercase());
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the name ends like an identifier's: `company_id`, `tenantUUID`.
pub(crate) fn ends_in_identity(name: &str) -> bool {
    split_name(name).last().is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "guid"))
}

/// Whether numbers in this column are times: `last_login_at`, `lastAccess`, `creation_ts`. Prefers a miss to a false
/// match: `play_time` and `birth_date` may hold other numbers.
pub(crate) fn names_time(name: &str) -> bool {
    const ENDS: &[&str] = &["at", "epoch", "timestamp", "ts"];
    const WHOLE: &[&str] = &[
        "currentlogin",
        "datecreated",
        "firstaccess",
        "firstlogin",
        "joindate",
        "joined",
        "lastaccess",
        "lastactive",
        "lastactivity",
        "lastlogin",
        "lastlogindate",
        "lastlogintime",
        "lastseen",
        "lastsignin",
        "lastupdate",
        "lastupdated",
        "lastvisit",
        "lastvisited",
        "logintime",
        "regdate",
        "registered",
        "registerdate",
        "registrationdate",
        "timecreated",
        "timemodified",
        "timeupdated",
    ];
    // Only the last segment of a path counts.
    let words = split_name(name.rsplit('.').next().unwrap_or(name));
    let plain = words.concat();
    let own = plain.strip_prefix("user").unwrap_or(&plain);
    WHOLE.contains(&own) || words.len() > 1 && words.last().is_some_and(|last| ENDS.contains(&last.as_str()))
}

/// The words, joined without separators.
pub(crate) fn normalize_name(name: &str) -> String {
    split_name(name).concat()
}

/// Words for users of an application, with the weight that each gives.
const PEOPLE: &[(&str, i32)] = &[
    ("user", 6),
    ("usr", 5),
    ("account", 4),
    ("customer", 4),
    ("member", 4),
    ("person", 4),
    ("people", 4),
    ("client", 3),
    ("subscriber", 3),
    ("student", 3),
    ("patient", 3),
    ("player", 3),
    ("employee", 3),
    ("profile", 3),
    ("contact", 2),
    ("login", 2),
];
/// Suffixes that add no meaning.
const NOTHING_ADDED: &[&str] =
    &["entity", "record", "data", "info", "detail", "model", "table", "tbl", "master"];
/// Words for tables that do not hold the current users.
const LEFT_OVER: &[&str] = &[
    "archive",
    "archived",
    "audit",
    "backup",
    "bak",
    "copy",
    "deleted",
    "history",
    "import",
    "log",
    "migration",
    "old",
    "staging",
    "temp",
    "tmp",
    "version",
];

/// How likely a table is to hold users, by its name: 6 for `users`, 3 or more is likely, 0 is neutral, less is
/// unlikely.
pub(crate) fn score_table_name(table: &str) -> i32 {
    let words: Vec<String> = split_name(table).iter().map(|word| to_singular(word).to_owned()).collect();
    let weight =
        |word: &str| PEOPLE.iter().find(|(known, _)| *known == word).map_or(0, |(_, weight)| *weight);
    if words.iter().any(|word| LEFT_OVER.contains(&word.as_str())) {
        return -2;
    }
    match words.as_slice() {
        // `tblusers`, `appuser`
        [only] if weight(only) == 0 && only.ends_with("user") => 4,
        [only] => weight(only),
        [first, last] if NOTHING_ADDED.contains(&last.as_str()) => (weight(first) - 2).max(0),
        // `auth_user`, `wp_users`, `user_account`
        [.., last] if weight(last) > 0 => weight(last) - 1,
        // A join table, such as `user_roles`.
        words if words.iter().any(|word| weight(word) > 0) => -1,
        _ => 0,
    }
}

fn to_singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(one) if one.len() > 2 && !one.ends_with('s') => one,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_some_columns_are_times() {
        for name in [
            "last_login_at",
            "lastLoginAt",
            "lastaccess",
            "user_lastvisit",
            "LAST_SIGN_IN_AT",
            "creation_ts",
            "timecreated",
            "profile.lastSeen",
            "last_login",
        ] {
            assert!(names_time(name), "{name}");
        }
        for name in
            ["seat", "format", "at", "play_time", "birth_date", "logins", "points", "is_on", "lat", "age"]
        {
            assert!(!names_time(name), "{name}");
        }
    }

    #[test]
    fn a_name_is_split_into_words() {
        for (name, expected) in [
            ("createdAt", "created at"),
            ("created_at", "created at"),
            ("userID", "user id"),
            ("HTTPServer", "http server"),
            ("ID", "id"),
            ("user2FASecret", "user2 fa secret"),
            ("e-mail", "e mail"),
            ("Straße", "straße"),
            ("__v", "v"),
            ("", ""),
        ] {
            assert_eq!(split_name(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn user_tables_are_recognised_by_name() {
        for likely in [
            "users",
            "Users",
            "user",
            "auth_user",
            "wp_users",
            "user_entity",
            "tblUsers",
            "tblusers",
            "customers",
            "app_customers",
            "accounts",
            "Members",
            "people",
            "UserAccount",
            "usr",
        ] {
            assert!(score_table_name(likely) >= 3, "{likely}: {}", score_table_name(likely));
        }
        for unlikely in [
            "orders",
            "user_roles",
            "users_groups",
            "user_sessions",
            "users_backup",
            "old_users",
            "address",
            "status",
            "knex_migrations",
            "user_role_mapping",
        ] {
            assert!(score_table_name(unlikely) < 3, "{unlikely}: {}", score_table_name(unlikely));
        }
        assert!(score_table_name("users") > score_table_name("accounts"));
        assert!(score_table_name("users") > score_table_name("user_profiles"));
    }
}
