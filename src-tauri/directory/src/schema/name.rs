//! Names of tables and columns: as a person writes them, and as a database's catalogue has them; and the one place where
//! a name becomes SQL text.

/// A name that a database's catalogue has. It can be made from a row of a catalogue query and from a literal of this
/// code, and from nothing else: nothing that a person wrote can reach SQL other than as a bound value, but for the keys
/// of a path into JSON, which `json_column` writes as literals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogueName {
    name: String,
    /// What its database puts around it.
    quote: Quote,
}

/// What stands around a name in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// SQL-92, 5.2.
    Double,
    /// <https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>
    Backtick,
    /// MongoDB's, which are part of no SQL: whatever they would be quoted with.
    NoSql,
}

/// A row of a query on a catalogue; `At` is how its columns are named.
pub(crate) trait CatalogueRow<At> {
    const QUOTE: Quote;

    fn name_at(&self, at: At) -> Result<String, sqlx::Error>;
}

impl CatalogueName {
    /// The name that this column of a catalogue's row holds.
    pub(crate) fn of_row<At, R: CatalogueRow<At>>(row: &R, at: At) -> Result<Self, sqlx::Error> {
        Ok(Self { name: row.name_at(at)?, quote: R::QUOTE })
    }

    /// A name that every database of its kind has.
    pub(crate) fn literal(name: &'static str, quote: Quote) -> Self {
        Self { name: name.to_owned(), quote }
    }

    /// A collection, or a path of its documents.
    pub(crate) fn of_collection(name: impl Into<String>) -> Self {
        Self { name: name.into(), quote: Quote::NoSql }
    }

    /// What a connection file calls a value within this column.
    pub(super) fn of_path(&self, written: &str) -> Self {
        Self { name: written.to_owned(), quote: self.quote }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }
}

/// A name as SQL text.
pub(crate) fn quoted(name: &CatalogueName) -> String {
    name.quote.around(&name.name)
}

impl Quote {
    /// The only place where an identifier is quoted. A quote within it is doubled.
    pub(crate) fn around(self, name: &str) -> String {
        match self {
            Self::Double | Self::NoSql => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Backtick => format!("`{}`", name.replace('`', "``")),
        }
    }
}

/// A table's name as a person wrote it, in the connection file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrittenName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// Every way to read `written`: `public.users` is a schema and a table, `"Users"` is a quoted name,
/// and a table may have a dot or quotes in its own name.
pub(crate) fn readings(written: &str) -> Vec<WrittenName> {
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
    // As they stand: a name may have dots, quotes and spaces of its own, and whoever copied it wrote none of ours.
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

/// A table's name as a person has to write it, so that [`readings`] reads it back.
pub(crate) fn written(schema: Option<&str>, name: &str) -> String {
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

/// Names from the catalogue for tests of pure code; real ones come from a database.
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
        assert_eq!(readings("users"), [written(None, "users")]);
        assert_eq!(readings("Users"), [written(None, "Users")]);
        assert_eq!(readings("\"Users\"")[0], written(None, "Users"));
        assert_eq!(readings("public.users")[0], written(Some("public"), "users"));
        assert_eq!(readings("\"My App\".\"a.b\"\"c\"")[0], written(Some("My App"), "a.b\"c"));
        assert!(readings("odd.name").contains(&written(None, "odd.name")));
        assert_eq!(
            readings("a.b.c"),
            [written(None, "a.b.c"), written(Some("a"), "b.c"), written(Some("a.b"), "c")]
        );
        assert!(readings("My App.User\"s").contains(&written(Some("My App"), "User\"s")));
        assert!(readings(" lead").contains(&written(None, " lead")));
    }

    #[test]
    fn a_name_that_was_written_down_is_read_back() {
        for name in ["users", "Users", "odd.name", "say \"hi\"", " padded ", "a.b.c", "`ticked`"] {
            for schema in [None, Some("public"), Some("My.App")] {
                let written = crate::schema::name::written(schema, name);
                let expected = WrittenName { schema: schema.map(str::to_owned), name: name.to_owned() };
                assert_eq!(readings(&written)[0], expected, "{written}");
            }
        }
        assert_eq!(crate::schema::name::written(Some("public"), "Users"), "public.Users");
    }

    #[test]
    fn a_quoted_name_cannot_end_its_own_quotes() {
        assert_eq!(quoted(&name_for_test("Users")), "\"Users\"");
        let ticked = CatalogueName::literal("x`; DROP TABLE users; --\"", Quote::Backtick);
        assert_eq!(quoted(&ticked), "`x``; DROP TABLE users; --\"`");
        assert_eq!(quoted(&name_for_test("x\"; DROP TABLE users; --")), "\"x\"\"; DROP TABLE users; --\"");
    }
}
