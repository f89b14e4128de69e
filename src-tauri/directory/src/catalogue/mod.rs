//! What a database says it holds: tables, columns, types, indexes; and the one place where a name
//! becomes SQL text.
//!
//! A [`CatalogueName`] can only be made by this module's children, which read catalogues, so
//! nothing that a person wrote can reach SQL other than as a bound value; but for the keys of a path
//! into JSON, which `within` writes as literals.

pub(super) mod mongodb;
pub(super) mod mysql;
pub(super) mod postgres;
pub(super) mod sqlite;
mod within;

pub(super) use self::within::Within;
use self::within::{Spelling, add_paths};
use super::FieldKind;
use super::bytes::Bytes;

/// A name that was read from the database's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CatalogueName {
    name: String,
    /// What its database puts around it.
    quote: Quote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    /// SQL-92, 5.2.
    Double,
    /// <https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>
    Backtick,
}

impl CatalogueName {
    fn double_quoted(name: String) -> Self {
        Self { name, quote: Quote::Double }
    }

    fn in_backticks(name: String) -> Self {
        Self { name, quote: Quote::Backtick }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }
}

/// A name as SQL text: the only place where an identifier is quoted. A quote within it is doubled.
pub(super) fn quoted(name: &CatalogueName) -> String {
    match name.quote {
        Quote::Double => format!("\"{}\"", name.name.replace('"', "\"\"")),
        Quote::Backtick => format!("`{}`", name.name.replace('`', "``")),
    }
}

/// The table or view that holds the users. `T` is what an engine wants to know of a column's type.
#[derive(Debug)]
pub(super) struct Table<T> {
    pub(super) schema: CatalogueName,
    pub(super) name: CatalogueName,
    pub(super) columns: Vec<TableColumn<T>>,
}

#[derive(Debug, Clone)]
pub(super) struct TableColumn<T> {
    /// As the connection file has it; the database's own name but for a value within a JSON column.
    pub(super) name: CatalogueName,
    pub(super) kind: FieldKind,
    pub(super) nullable: bool,
    /// What the table's indexes can do for it.
    pub(super) access: Access,
    /// What its bytes are, where it holds bytes; known once the column has its role.
    pub(super) bytes: Bytes,
    /// It is a value within this JSON column.
    pub(super) within: Option<Within>,
    /// What the engine's own SQL needs to know of the type.
    pub(super) db_type: T,
}

impl<T> TableColumn<T> {
    /// Its value as SQL; `of` stands before a column's name.
    pub(super) fn sql(&self, of: &str) -> String {
        match &self.within {
            Some(within) => within.sql(of),
            None => format!("{of}{}", quoted(&self.name)),
        }
    }

    /// The column that the database has.
    pub(super) fn own(&self) -> &CatalogueName {
        self.within.as_ref().map_or(&self.name, Within::column)
    }
}

/// What the table's indexes can do for a column: each time the best one, or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Access {
    /// Finds the rows with a value.
    pub(super) equals: Option<Served>,
    /// Finds the rows whose text begins with something, in the text's order.
    pub(super) prefix: Option<Served>,
    /// Finds the rows whose text contains something, in no order.
    pub(super) contains: Option<Served>,
    /// Gives all rows in the column's order.
    pub(super) order: Option<Served>,
}

/// An index that serves something, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// Its name, for people.
    pub(super) index: String,
    pub(super) form: Form,
}

/// How a condition has to be written so that an index serves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(super) struct Form {
    /// The index is on `lower(column)`.
    pub(super) lower: bool,
    /// It compares byte by byte, by operators of its own (PostgreSQL's `text_pattern_ops`).
    pub(super) pattern: bool,
    /// The column's own comparison does not mind the case (citext, NOCASE, `_ci`).
    pub(super) folds: bool,
    /// … but knows only the letters of ASCII (SQLite).
    pub(super) ascii: bool,
    /// The first rows are asked for with all that tie with the last of them (PostgreSQL 13), and only those
    /// are put in order: the planner, left to order by the id as well, may sort all rows that match.
    pub(super) ties: bool,
    /// No two rows have the same value: nothing is left to put in order (MySQL sorts all rows by the id else).
    pub(super) unique: bool,
}

impl Form {
    /// Whether `text` is found whatever its case.
    pub(super) fn any_case(self, text: &str) -> bool {
        (self.lower || self.folds) && (!self.ascii || text.is_ascii())
    }
}

/// A table's name as a person wrote it, in the connection file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenName {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

/// Every way to read `written`: `public.users` is a schema and a table, `"Users"` is a quoted name,
/// and a table may have a dot or quotes in its own name.
pub(super) fn readings(written: &str) -> Vec<WrittenName> {
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
pub(super) fn written(schema: Option<&str>, name: &str) -> String {
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
pub(super) fn name_for_test(name: &str) -> CatalogueName {
    CatalogueName::double_quoted(name.to_owned())
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
                let written = super::written(schema, name);
                let expected = WrittenName { schema: schema.map(str::to_owned), name: name.to_owned() };
                assert_eq!(readings(&written)[0], expected, "{written}");
            }
        }
        assert_eq!(super::written(Some("public"), "Users"), "public.Users");
    }

    #[test]
    fn a_quoted_name_cannot_end_its_own_quotes() {
        assert_eq!(quoted(&name_for_test("Users")), "\"Users\"");
        let ticked = CatalogueName::in_backticks("x`; DROP TABLE users; --\"".to_owned());
        assert_eq!(quoted(&ticked), "`x``; DROP TABLE users; --\"`");
        assert_eq!(quoted(&name_for_test("x\"; DROP TABLE users; --")), "\"x\"\"; DROP TABLE users; --\"");
    }
}
