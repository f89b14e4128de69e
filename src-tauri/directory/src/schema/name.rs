//! Table and column names, as users write them and as the catalogue has them, and the only place where a name becomes
//! SQL text.

/// A name from a database's catalogue. It can only be made from a row of a catalogue query or from a literal in this
/// code, so nothing a user writes reaches SQL except as a bound value. The one exception, the keys of JSON paths, is
/// handled in `json_column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogueName {
    name: String,
    /// How its database quotes identifiers.
    quote: Quote,
}

/// An identifier's quote character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// SQL-92, 5.2.
    Double,
    /// <https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>
    Backtick,
    /// MongoDB's names, which never reach SQL; the quotes are irrelevant.
    NoSql,
}

/// A row of a catalogue query; `At` addresses its columns.
pub(crate) trait CatalogueRow<At> {
    const QUOTE: Quote;

    fn name_at(&self, at: At) -> Result<String, sqlx::Error>;
}

impl CatalogueName {
    /// Reads the name from a column of a catalogue row.
    pub(crate) fn of_row<At, R: CatalogueRow<At>>(row: &R, at: At) -> Result<Self, sqlx::Error> {
        Ok(Self { name: row.name_at(at)?, quote: R::QUOTE })
    }

    /// A name that exists in every database of this kind.
    pub(crate) fn from_literal(name: &'static str, quote: Quote) -> Self {
        Self { name: name.to_owned(), quote }
    }

    /// A MongoDB collection, or a path in its documents.
    pub(crate) fn of_collection(name: impl Into<String>) -> Self {
        Self { name: name.into(), quote: Quote::NoSql }
    }

    /// The connection file's name for a value within this column.
    pub(super) fn of_path(&self, written: &str) -> Self {
        Self { name: written.to_owned(), quote: self.quote }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }
}

/// The name as a quoted SQL identifier.
pub(crate) fn quote_name(name: &CatalogueName) -> String {
    name.quote.apply_to(&name.name)
}

impl Quote {
    /// The only place where an identifier is quoted. Quotes within it are doubled.
    pub(crate) fn apply_to(self, name: &str) -> String {
        match self {
            Self::Double | Self::NoSql => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Backtick => format!("`{}`", name.replace('`', "``")),
        }
    }
}

/// A table's name as the connection file writes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrittenName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// Every way to read `written`: `public.users` is a schema and a table, `"Users"` is quoted, and a table's own name may
/// contain dots or quotes.
pub(crate) fn parse_possible_names(written: &str) -> Vec<WrittenName> {
    let mut parts = vec![String::new()];
    let mut in_quotes = false;
    let mut chars = written.trim().chars().peekable();
    while let Some(char) = chars.next() {
        let part = parts.last_mut().expect("there is always a part");
        match char {
            '"' if in_quotes && chars.peek() == Some(&'"') => {
                chars.next();
                part.push('"');
            }
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => parts.push(String::new()),
            other => part.push(other),
        }
    }
    let mut readings = Vec::new();
    match <[String; 2]>::try_from(parts) {
        Ok([schema, name]) => readings.push(WrittenName { schema: Some(schema), name }),
        Err(mut parts) if parts.len() == 1 => {
            readings.push(WrittenName { schema: None, name: parts.remove(0) });
        }
        Err(_) => {}
    }
    // Also take the name literally: it may contain dots, quotes and spaces, and may have been copied without quoting.
    for whole in [written.trim(), written] {
        let dots = whole.match_indices('.').map(|(at, _)| (Some(&whole[..at]), &whole[at + 1..]));
        for (schema, name) in std::iter::once((None, whole)).chain(dots) {
            let plain = WrittenName { schema: schema.map(str::to_owned), name: name.to_owned() };
            if !readings.contains(&plain) {
                readings.push(plain);
            }
        }
    }
    readings
}

/// A table's name written so that [`parse_possible_names`] parses it back.
pub(crate) fn format_table_name(schema: Option<&str>, name: &str) -> String {
    let part = |part: &str| {
        if part.contains(['.', '"', '`']) || part.trim() != part || part.is_empty() {
            format!("\"{}\"", part.replace('"', "\"\""))
        } else {
            part.to_owned()
        }
    };
    match schema {
        Some(schema) => format!("{}.{}", part(schema), part(name)),
        None => part(name),
    }
}

/// A catalogue name for tests of pure code; real ones come from a database.
#[cfg(test)]
pub(crate) fn name_for_test(name: &str) -> CatalogueName {
    CatalogueName { name: name.to_owned(), quote: Quote::Double }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(schema: Option<&str>, name: &str) -> WrittenName {
        WrittenName { schema: schema.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn a_table_can_be_written_plain_qualified_or_quoted() {
        assert_eq!(parse_possible_names("users"), [written(None, "users")]);
        assert_eq!(parse_possible_names("Users"), [written(None, "Users")]);
        assert_eq!(parse_possible_names("\"Users\"")[0], written(None, "Users"));
        assert_eq!(parse_possible_names("public.users")[0], written(Some("public"), "users"));
        assert_eq!(parse_possible_names("\"My App\".\"a.b\"\"c\"")[0], written(Some("My App"), "a.b\"c"));
        assert!(parse_possible_names("odd.name").contains(&written(None, "odd.name")));
        assert_eq!(
            parse_possible_names("a.b.c"),
            [written(None, "a.b.c"), written(Some("a"), "b.c"), written(Some("a.b"), "c")]
        );
        assert!(parse_possible_names("My App.User\"s").contains(&written(Some("My App"), "User\"s")));
        assert!(parse_possible_names(" lead").contains(&written(None, " lead")));
    }

    #[test]
    fn a_written_name_parses_to_the_same_name() {
        for name in ["users", "Users", "odd.name", "say \"hi\"", " padded ", "a.b.c", "`ticked`"] {
            for schema in [None, Some("public"), Some("My.App")] {
                let written = crate::schema::name::format_table_name(schema, name);
                let expected = WrittenName { schema: schema.map(str::to_owned), name: name.to_owned() };
                assert_eq!(parse_possible_names(&written)[0], expected, "{written}");
            }
        }
        assert_eq!(crate::schema::name::format_table_name(Some("public"), "Users"), "public.Users");
    }

    #[test]
    fn a_quoted_name_cannot_end_its_own_quotes() {
        assert_eq!(quote_name(&name_for_test("Users")), "\"Users\"");
        let ticked = CatalogueName::from_literal("x`; DROP TABLE users; --\"", Quote::Backtick);
        assert_eq!(quote_name(&ticked), "`x``; DROP TABLE users; --\"`");
        assert_eq!(
            quote_name(&name_for_test("x\"; DROP TABLE users; --")),
            "\"x\"\"; DROP TABLE users; --\""
        );
    }
}
