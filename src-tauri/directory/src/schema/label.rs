//! Turns column names into labels, and recognises columns that name a company.

/// `last_login_at` and `lastLoginAt` become "Last login at".
pub(crate) fn to_label(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        if !char.is_alphanumeric() {
            before = '_';
            continue;
        }
        // A word starts after a separator, at the A of createdAt and at the P of HTMLPage.
        let begins = !before.is_alphanumeric()
            || char.is_uppercase()
                && (!before.is_uppercase() || chars.peek().is_some_and(|next| next.is_lowercase()));
        if begins {
            words.push(String::new());
        }
        words.last_mut().expect("the first letter began a word").push(char);
        before = char;
    }
    for (at, word) in words.iter_mut().enumerate() {
        let acronym = word.chars().count() > 1 && word.chars().all(|char| !char.is_lowercase());
        if word.eq_ignore_ascii_case("id") {
            "ID".clone_into(word);
        } else if at == 0 {
            let mut chars = word.chars();
            *word = chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
        } else if !acronym {
            *word = word.to_lowercase();
        }
    }
    if words.is_empty() { name.to_owned() } else { words.join(" ") }
}

/// Words for the organisation that a user belongs to.
const COMPANIES: &[&str] =
    &["company", "organisation", "organization", "org", "tenant", "workspace", "employer", "firm", "team"];

/// Whether the column names a user's company: `company`, `orgName` and `tenant->>title` do, `company_id` and
/// `team_size` do not.
pub(crate) fn names_company(name: &str) -> bool {
    let label = to_label(name).to_lowercase();
    let words: Vec<&str> = label.split(' ').collect();
    match words[..] {
        [.., company, "name" | "title"] | [.., company] => COMPANIES.contains(&company),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::label::{names_company, to_label};

    #[test]
    fn a_company_is_known_by_its_columns_name() {
        for name in ["company", "company_name", "orgName", "billing_organization", "tenant->>title", "Firm"] {
            assert!(names_company(name), "{name}");
        }
        for name in ["company_id", "team_size", "accompany", "name", "plan", "companies_seen", ""] {
            assert!(!names_company(name), "{name}");
        }
    }

    #[test]
    fn labels_read_like_words() {
        for (name, expected) in [
            ("last_login_at", "Last login at"),
            ("createdAt", "Created at"),
            ("CreatedAt", "Created at"),
            ("id", "ID"),
            ("userId", "User ID"),
            ("VATNumber", "VAT number"),
            ("plan", "Plan"),
            ("company-name", "Company name"),
            ("étage_no2", "Étage no2"),
            ("__", "__"),
        ] {
            assert_eq!(to_label(name), expected);
        }
    }
}
