//! Renders snapshots for review: the statements for queries on an example table, and the errors for messages of
//! databases.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use sqlx::error::{DatabaseError, ErrorKind};

use crate::config::DirectoryConfig;
use crate::model::{FieldKind, ListRequest, Place, Sort};
use crate::plan::{MatchKind, TableSize};
use crate::schema::bytes::BinaryFormat;
use crate::schema::mapping::Mapping;
use crate::schema::name::{CatalogueName, Quote};
use crate::schema::table::{IndexForm, IndexSupport, IndexUse, Table, TableColumn};
use crate::schema::value::Value;
use crate::scope::SearchScope;
use crate::sql::dialect::{Dialect, FetchedRow, Statement, read_columns};
use crate::sql::list::{Pager, build_count_query};

/// 2026-01-31T12:00:00Z
pub(crate) const NOW: Timestamp = Timestamp::constant(1_769_860_800, 0);
/// Too large to be read at each keystroke.
pub(crate) const LARGE: TableSize = TableSize { rows: Some(10_000_000), limit_ms: 3000 };

pub(crate) const FOLDS: IndexForm = IndexForm { folds: true, ..PLAIN };
pub(crate) const LOWER: IndexForm = IndexForm { lower: true, ..PLAIN };
pub(crate) const PATTERN: IndexForm = IndexForm { pattern: true, ..PLAIN };
pub(crate) const PLAIN: IndexForm =
    IndexForm { lower: false, pattern: false, folds: false, ascii: false, ties: false, unique: false };

/// An index of this form.
#[allow(clippy::unnecessary_wraps, reason = "as `Access` has it")]
pub(crate) fn index_of(form: IndexForm) -> Option<IndexUse> {
    Some(IndexUse { index: "an_index".to_owned(), form })
}

pub(crate) fn example_column<T>(
    (name, kind): (&'static str, FieldKind),
    quote: Quote,
    db_type: T,
    access: IndexSupport,
) -> TableColumn<T> {
    TableColumn {
        name: CatalogueName::from_literal(name, quote),
        kind,
        nullable: !matches!(name, "id" | "email"),
        access,
        bytes: BinaryFormat::default(),
        within: None,
        db_type,
    }
}

/// The mapping of the example's users, with a dialect's types and indexes.
pub(crate) fn example_mapping<T: Clone>(
    quote: Quote,
    db_type: impl Fn(FieldKind) -> T,
    access: impl Fn(&str) -> IndexSupport,
) -> Mapping<T> {
    let config: DirectoryConfig = toml::from_str(
        "url = 'postgres://reader@db/acme'\ntable = 'users'\nid = 'id'\nemail = 'email'\nname = 'name'\n\
         created_at = 'created_at'\ncolumns = ['plan', 'active']",
    )
    .unwrap();
    let columns = [
        ("id", FieldKind::Integer),
        ("email", FieldKind::Text),
        ("name", FieldKind::Text),
        ("plan", FieldKind::Text),
        ("active", FieldKind::Boolean),
        ("created_at", FieldKind::Time),
    ];
    let columns =
        columns.map(|column| example_column(column, quote, db_type(column.1), access(column.0))).into();
    let (schema, name) =
        (CatalogueName::from_literal("acme", quote), CatalogueName::from_literal("users", quote));
    Mapping::new(&config, &Table { schema, name, columns }).unwrap()
}

/// The statements for several queries on the example's users.
pub(crate) fn write_statements<D: Dialect>(mapping: &Mapping<D::Type>) -> String {
    let first = |text: &str| ListRequest::first_page(text, 50);
    let newest = first("");
    let by_name = Sort { column: "name".to_owned(), descending: false };
    let questions = [
        ("The newest", newest.clone()),
        ("The page behind", ListRequest { place: second_page::<D>(mapping), ..newest.clone() }),
        ("The last page", ListRequest { place: Place::End, ..newest.clone() }),
        ("By name", ListRequest { sort: Some(by_name), everywhere: true, ..newest }),
        ("An ID", first("7")),
        ("An address", first("Ada@example.com")),
        ("Two words", ListRequest { everywhere: !mapping_has_order(mapping), ..first("ada love") }),
        ("Filters", ListRequest { everywhere: true, ..first("plan:=pro -plan:free active:true created:7d") }),
    ];
    let shown = mapping.shown.iter().enumerate();
    let cells: Vec<String> =
        shown.map(|(at, column)| format!("{} AS c{at}", D::cell_expression(column))).collect();
    let cells = cells.join(", ");
    let columns = read_columns(mapping).into_iter().map(|name| format!("u.{name}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let mut written = String::new();
    for (title, question) in questions {
        writeln!(written, "── {title}: {}", question.text).unwrap();
        let mut paging = Pager::<D>::new(mapping, &question, &SearchScope::Text, LARGE, NOW).unwrap();
        while let Some(step) = paging.next_step() {
            let path = step.reach;
            write!(written, "{path:?}:\n{}", write_statement(&step.statement)).unwrap();
            written += &step.newest.map_or_else(String::new, |newest| {
                format!("beside it, among the newest:\n{}", write_statement(&newest))
            });
            paging.add_rows(Vec::new());
        }
        written.push('\n');
    }
    for text in ["", "Ada", "plan:=pro"] {
        let counting = build_count_query::<D>(mapping, text, &SearchScope::Text, LARGE, NOW).unwrap();
        writeln!(written, "── Counted: {text}\n{}", write_statement(&counting.statement)).unwrap();
    }
    let written = written.replace(&cells, "‹cells›").replace(&columns, "‹columns›");
    format!("‹cells›: {cells}\n‹columns›: {columns}\n\n{written}")
}

/// The conditions and the order of a text column with an index of this form.
pub(crate) fn write_conditions<D: Dialect>(
    title: &str,
    column: &TableColumn<D::Type>,
    form: IndexForm,
) -> String {
    let written = |write: &dyn Fn(&mut Statement) -> String| {
        let mut statement = Statement::default();
        let sql = write(&mut statement);
        write_statement(&Statement { sql, ..statement })
    };
    let order = D::order_expression(column, form);
    format!(
        "── {title}\nis:\n{}begins:\n{}contains:\n{}ordered by: {} {} and {}\n\n",
        written(&|statement| D::equals_condition(statement, column, "Ada_L", Some(form))),
        written(&|statement| D::begins_with_condition(statement, column, "Ada_L", form)),
        written(&|statement| D::match_condition(statement, column, MatchKind::Contains, "Ada_L")),
        order.expression,
        order.up,
        order.down,
    )
}

fn second_page<D: Dialect>(mapping: &Mapping<D::Type>) -> Place {
    let question = ListRequest::first_page("", 1);
    let mut paging = Pager::<D>::new(mapping, &question, &SearchScope::Text, LARGE, NOW).unwrap();
    paging.next_step().unwrap();
    let row = |id: &str| FetchedRow {
        segment: 0,
        cells: Vec::new(),
        id: Value::Text(id.to_owned()),
        shown_id: None,
        key: mapping_key(mapping),
    };
    paging.add_rows(vec![row("7"), row("6")]);
    Place::After(paging.into_page(std::time::Duration::ZERO).next.unwrap())
}

/// The cursor's key: a time if that orders the list.
fn mapping_key<T>(mapping: &Mapping<T>) -> Value {
    if mapping_has_order(mapping) { Value::Text("2026-01-30 09:00:00".to_owned()) } else { Value::Null }
}

/// Whether an index returns the newest users first.
fn mapping_has_order<T>(mapping: &Mapping<T>) -> bool {
    mapping.created_at.is_some_and(|at| mapping.shown[at].access.order.is_some())
}

/// The statement split into lines, with its values.
fn write_statement(statement: &Statement) -> String {
    let sql = [" FROM ", " WHERE ", " ORDER BY "]
        .into_iter()
        .fold(statement.sql.clone(), |sql, word| sql.replace(word, &format!("\n    {}", word.trim_start())));
    let sql = sql.replace(" UNION ALL ", "\n  UNION ALL ");
    let values: Vec<String> = statement
        .binds
        .iter()
        .map(|value| value.clone().into_text().unwrap_or_else(|| "NULL".to_owned()))
        .collect();
    let values = if values.is_empty() { String::new() } else { format!("    -- {}\n", values.join(" | ")) };
    format!("  {sql}\n{values}")
}

/// A database error with this code and message, since the drivers' own errors cannot be constructed.
#[derive(Debug)]
pub(crate) struct SaidByDatabase(pub(crate) &'static str, pub(crate) &'static str);

impl fmt::Display for SaidByDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl StdError for SaidByDatabase {}

impl DatabaseError for SaidByDatabase {
    fn message(&self) -> &str {
        self.1
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::from(self.0))
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
