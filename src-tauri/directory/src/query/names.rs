//! Resolves the names that users type for columns.

use crate::closest::find_closest_names;
use crate::model::{Column, Role};
use crate::schema::json_path::to_dotted_name;

/// The column that `written` names: by exact name (a path may be written with dots instead of arrows), then ignoring
/// case, then by role, then by label.
pub(crate) fn find_column(columns: &[Column], written: &str) -> Option<usize> {
    if written.is_empty() {
        return None;
    }
    let plain = normalize_label(written);
    let lower = written.to_lowercase();
    let in_role = |column: &Column| role_words(column.role).contains(&lower.as_str());
    let exact = |column: &Column| column.name == written || to_dotted_name(&column.name) == written;
    let alike = |column: &Column| {
        column.name.to_lowercase() == lower || to_dotted_name(&column.name).to_lowercase() == lower
    };
    // A database column may have two roles; `email:` then means the email address.
    columns
        .iter()
        .position(|column| exact(column) && in_role(column))
        .or_else(|| columns.iter().position(exact))
        .or_else(|| columns.iter().position(|column| alike(column) && in_role(column)))
        .or_else(|| columns.iter().position(alike))
        .or_else(|| columns.iter().position(in_role))
        .or_else(|| columns.iter().position(|column| self::normalize_label(&column.label) == plain))
}

/// Every spelling that resolves to the column at `at` and can be typed as one word, best first.
pub(crate) fn list_spellings(columns: &[Column], at: usize) -> Vec<String> {
    let column = &columns[at];
    let roles = role_words(column.role).iter().map(|&word| word.to_owned());
    let mut spellings: Vec<String> = Vec::new();
    for word in
        roles.chain([to_dotted_name(&column.name), column.name.clone(), normalize_label(&column.label)])
    {
        let typable =
            !word.starts_with(['-', '"']) && !word.contains(|char: char| char == ':' || char.is_whitespace());
        if typable && find_column(columns, &word) == Some(at) && !spellings.contains(&word) {
            spellings.push(word);
        }
    }
    spellings
}

/// The known spelling closest to `written`.
pub(crate) fn find_closest_spelling(columns: &[Column], written: &str) -> Option<String> {
    let known: Vec<String> = (0..columns.len()).flat_map(|at| list_spellings(columns, at)).collect();
    find_closest_names(written, known.iter().map(String::as_str)).map(str::to_owned)
}

/// Turns `Last login at` and `last-login-at` into `last_login_at`.
pub(crate) fn normalize_label(text: &str) -> String {
    text.to_lowercase().replace([' ', '-'], "_")
}

fn role_words(role: Role) -> &'static [&'static str] {
    match role {
        Role::Id => &["id"],
        Role::Email => &["email"],
        Role::Name => &["name"],
        Role::CreatedAt => &["created", "created_at"],
        Role::Other => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::stories::columns;

    fn found(written: &str) -> Option<String> {
        let columns = columns();
        find_column(&columns, written).map(|at| columns[at].name.clone())
    }

    #[test]
    fn columns_are_found_by_name_role_and_label() {
        for (written, name) in [
            ("id", "user_id"),
            ("user_id", "user_id"),
            ("User-ID", "user_id"),
            ("name", "full_name"),
            ("created", "created_at"),
            ("CREATED_AT", "created_at"),
            ("Plan", "plan"),
            ("last-login-at", "lastLoginAt"),
            ("lastloginat", "lastLoginAt"),
            ("Last_Login_At", "lastLoginAt"),
        ] {
            assert_eq!(found(written).as_deref(), Some(name), "{written}");
        }
        assert_eq!(found("https"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn an_exact_name_wins_over_a_role() {
        let mut columns = columns();
        let plan = columns.iter().position(|column| column.name == "plan").unwrap();
        columns[plan].name = "name".into();
        assert_eq!(find_column(&columns, "name"), Some(plan));
        assert_eq!(find_column(&columns, "full_name"), Some(1));
    }

    #[test]
    fn a_path_is_typed_with_dots() {
        let mut columns = columns();
        let plan = columns.iter().position(|column| column.name == "plan").unwrap();
        columns[plan].name = "profile->address->>city".into();
        columns[plan].label = "Profile address city".into();
        for written in [
            "profile.address.city",
            "Profile.Address.City",
            "profile->address->>city",
            "profile_address_city",
        ] {
            assert_eq!(find_column(&columns, written), Some(plan), "{written}");
        }
        assert_eq!(list_spellings(&columns, plan)[0], "profile.address.city");
        assert_eq!(
            find_closest_spelling(&columns, "profile.adress.city").as_deref(),
            Some("profile.address.city")
        );
    }

    #[test]
    fn a_column_with_two_roles_answers_in_the_one_that_was_named() {
        let mut columns = columns();
        columns[0].name = "email".into();
        let email = columns.iter().position(|column| column.role == Role::Email);
        assert_eq!(find_column(&columns, "email"), email);
        assert_eq!(find_column(&columns, "id"), Some(0));
    }

    #[test]
    fn a_typo_finds_the_intended_column() {
        assert_eq!(find_closest_spelling(&columns(), "plna").as_deref(), Some("plan"));
        assert_eq!(find_closest_spelling(&columns(), "emial").as_deref(), Some("email"));
        assert_eq!(find_closest_spelling(&columns(), "xyzzy"), None);
    }
}
