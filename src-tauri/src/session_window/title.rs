//! The title of a session's window, which the desktop also shows in lists of windows.

use understudy_core::connection::Environment;
use understudy_core::sanitize;
use understudy_core::session::UserLabel;

/// What every title ends with.
const ENDING: &str = " — Understudy";

/// Who, what tells two users with one name apart, and where:
/// `Anna Hoffmann · anna@lindenhof.example · Acme · staging — Understudy`. Titles are cut at the end, and production
/// must not be overlooked, so it comes first, in capitals.
pub(super) fn window_title(user: &UserLabel, connection: &str, environment: Environment) -> String {
    format!("{}{ENDING}", describe_session(user, connection, environment))
}

/// The same without the program's name, in one line.
pub fn describe_session(user: &UserLabel, connection: &str, environment: Environment) -> String {
    let mut parts = vec![format_part(&user.display_name(), 40)];
    parts.extend(user.distinguishing_label().map(|apart| format_part(&apart, 40)));
    parts.push(format_part(connection, 40));
    match environment {
        Environment::Production => parts.insert(0, "PRODUCTION".into()),
        environment => parts.push(environment.as_str().into()),
    }
    parts.join(" · ")
}

/// The title of another window of the same session: the session's, with the window's number.
pub(super) fn popup_title(title: &str, number: u32) -> String {
    format!("{} · window {number}{ENDING}", title.strip_suffix(ENDING).unwrap_or(title))
}

/// One part of the title. A right-to-left name is isolated (UAX #9), so that it cannot reorder the others.
fn format_part(text: &str, most: usize) -> String {
    let line = sanitize::sanitize_line(text, most);
    if line.chars().any(is_right_to_left) { format!("\u{2068}{line}\u{2069}") } else { line }
}

/// The Unicode blocks of right-to-left scripts.
fn is_right_to_left(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(name: Option<&str>, email: Option<&str>, connection: &str, environment: Environment) -> String {
        let user = UserLabel {
            id: "49852393".into(),
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
            company: None,
        };
        window_title(&user, connection, environment)
    }

    #[test]
    fn two_customers_of_one_name_have_two_titles() {
        let titles = [Some("anna@one.example"), Some("anna@two.example"), None]
            .map(|email| title(Some("Anna Aebischer"), email, "Acme", Environment::Staging));
        assert_eq!(
            titles,
            [
                "Anna Aebischer · anna@one.example · Acme · staging — Understudy",
                "Anna Aebischer · anna@two.example · Acme · staging — Understudy",
                "Anna Aebischer · 49852393 · Acme · staging — Understudy",
            ]
        );
        assert_eq!(
            title(None, None, "Acme", Environment::Staging),
            "49852393 · Acme · staging — Understudy",
            "nothing is said twice"
        );
    }

    #[test]
    fn another_window_of_the_session_has_a_number() {
        let first = title(Some("Ada"), None, "Acme", Environment::Production);
        assert_eq!(popup_title(&first, 2), "PRODUCTION · Ada · 49852393 · Acme · window 2 — Understudy");
    }

    #[test]
    fn production_is_read_even_where_the_title_is_cut() {
        let long = "Wolfeschlegelsteinhausenbergerdorff ".repeat(4);
        let title = title(Some(&long), Some(&"a".repeat(200)), &long, Environment::Production);
        assert!(title.starts_with("PRODUCTION · "), "{title}");
        assert!(title.chars().count() < 160, "{title}");
    }

    #[test]
    fn a_name_cannot_turn_the_title_around() {
        let turned = title(Some("محمد الفارسي"), Some("m@x.example"), "Acme", Environment::Development);
        assert_eq!(turned, "\u{2068}محمد الفارسي\u{2069} · m@x.example · Acme · development — Understudy");
        let tricky = title(Some("Eve\u{202e}evE"), None, "Acme", Environment::Development);
        assert!(tricky.starts_with("Eve‹U+202E›evE · "), "{tricky}");
    }
}
