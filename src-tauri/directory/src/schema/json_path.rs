//! Parses the path to a value within a JSON column as the connection file writes it: `profile->>name`,
//! `profile->address->>city`, `emails->0->>address`.

/// A parsed path. Its parts are kept as written and are not SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    /// The column that holds the JSON.
    pub column: String,
    /// Never empty.
    pub steps: Vec<PathStep>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// A key of an object.
    Key(String),
    /// An index into an array, from 0: only digits, without quotes.
    Place(u32),
}

impl JsonPath {
    /// Parses `written`, or returns `None` if it is not a complete path. Keys may be in single quotes, as in SQL. The
    /// last arrow is `->>`, all others are `->`.
    pub fn parse(written: &str) -> Option<Self> {
        let (path, last) = written.rsplit_once("->>")?;
        let mut parts = path.split("->");
        let column = parts.next()?.trim();
        let steps: Option<Vec<PathStep>> = parts.chain([last]).map(parse_step).collect();
        // No database stores NUL in text.
        let is_whole = !column.is_empty() && !written.contains('\0');
        Some(Self { column: column.to_owned(), steps: steps? }).filter(|_| is_whole)
    }
}

fn parse_step(written: &str) -> Option<PathStep> {
    let written = written.trim();
    if let Some(key) = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(PathStep::Key(key.replace("''", "'")));
    }
    if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) {
        return written.parse().ok().map(PathStep::Place);
    }
    // `a->>b->>c` has a `>` too many.
    (!written.is_empty() && !written.starts_with('>')).then(|| PathStep::Key(written.to_owned()))
}

/// A column's name as templates and filters write it: `profile->address->>city` becomes `profile.address.city`, any
/// other name stays as it is.
pub fn to_dotted_name(name: &str) -> String {
    let Some(JsonPath { column, steps }) = JsonPath::parse(name) else { return name.to_owned() };
    steps.iter().fold(column, |name, step| match step {
        PathStep::Key(key) => format!("{name}.{key}"),
        PathStep::Place(place) => format!("{name}.{place}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> PathStep {
        PathStep::Key(key.into())
    }

    #[test]
    fn a_path_is_read_with_and_without_quotes() {
        for (written, column, steps) in [
            ("profile->>name", "profile", vec![key("name")]),
            ("profile ->> 'name'", "profile", vec![key("name")]),
            ("profile->address->>city", "profile", vec![key("address"), key("city")]),
            ("emails->0->>address", "emails", vec![PathStep::Place(0), key("address")]),
            ("tags->>1", "tags", vec![PathStep::Place(1)]),
            ("tags->>'1'", "tags", vec![key("1")]),
            ("p->>'it''s; DROP'", "p", vec![key("it's; DROP")]),
            ("p->>\"a\\", "p", vec![key("\"a\\")]),
        ] {
            assert_eq!(
                JsonPath::parse(written),
                Some(JsonPath { column: column.into(), steps }),
                "{written}"
            );
        }
        for written in
            ["profile", "profile->name", "->>name", "a->>", "a->>b->>c", "a->>99999999999", "a\0->>b"]
        {
            assert_eq!(JsonPath::parse(written), None, "{written}");
        }
    }

    #[test]
    fn a_path_is_typed_with_dots() {
        assert_eq!(to_dotted_name("profile->address->>city"), "profile.address.city");
        assert_eq!(to_dotted_name("emails->0->>address"), "emails.0.address");
        assert_eq!(to_dotted_name("last_login_at"), "last_login_at");
    }
}
