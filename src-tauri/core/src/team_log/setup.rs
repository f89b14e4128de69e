//! The SQL that prepares a database for the team's log.

/// The SQL for this role and this database. The administrator runs it once.
pub fn render_setup(role: &str, database: &str) -> String {
    // What a name contains is never taken for a placeholder: each is replaced in the text of this program only.
    let mut sql = String::new();
    let mut rest = include_str!("setup.sql");
    while let Some(at) = rest.find('{') {
        let (before, placeholder) = rest.split_at(at);
        let end = placeholder.find('}').expect("a placeholder ends");
        sql.push_str(before);
        sql.push_str(&match &placeholder[..=end] {
            "{role}" => quote_identifier(role),
            "{role:literal}" => quote_literal(role),
            "{database}" => quote_identifier(database),
            // In a comment, which ends with the line.
            "{database:plain}" => database.replace(char::is_control, " "),
            other => unreachable!("{other} in setup.sql"),
        });
        rest = &placeholder[end + 1..];
    }
    sql.push_str(rest);
    sql
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A backslash has no meaning in it: `standard_conforming_strings` is on since PostgreSQL 9.1.
fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        let sql = render_setup("o'neil\"; DROP {database}", "audit\nDROP TABLE x; --");
        assert!(sql.contains(r#"TO "o'neil""; DROP {database}";"#), "{sql}");
        assert!(sql.contains("rolname = 'o''neil\"; DROP {database}'"), "{sql}");
        assert!(sql.contains("--dbname audit DROP TABLE x; --"), "{sql}");
    }
}
