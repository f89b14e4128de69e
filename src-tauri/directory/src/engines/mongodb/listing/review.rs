//! Renders MongoDB's filters and pipelines as snapshots for review: per kind of filter, and per search of a list.

use std::fmt::Write as _;

use bson::{Bson, Document};
use mongodb::options::{Collation, CollationStrength};

use super::{ListSegment, Listing, PagePosition};
use crate::config::DirectoryConfig;
use crate::engines::mongodb::catalogue::{Field, TextIndex};
use crate::engines::mongodb::column_filters;
use crate::engines::mongodb::filter::{FilterForm, pass_collation};
use crate::engines::mongodb::server::FindQuery;
use crate::engines::mongodb::values::BsonClass;
use crate::model::{FieldKind, ListRequest, Place, Sort};
use crate::plan::AccessPath;
use crate::query::ParsedQuery;
use crate::schema::bytes::BinaryFormat;
use crate::schema::mapping::Mapping;
use crate::schema::name::CatalogueName;
use crate::schema::table::{IndexSupport, Table, TableColumn};
use crate::scope::SearchScope;
use crate::sql::review::{FOLDS, LARGE, NOW, PLAIN, index_of};

/// A line that is longer is broken.
const WIDTH: usize = 110;

/// The example's users, as a Meteor application keeps them, with these indexes.
fn example_mapping(access: impl Fn(&str) -> IndexSupport) -> Mapping<Field> {
    let config: DirectoryConfig = toml::from_str(
        "url = 'mongodb://reader@db/acme'\ntable = 'users'\nid = '_id'\nemail = 'emails.0.address'\n\
         name = 'profile.name'\ncreated_at = 'createdAt'\n\
         columns = ['plan', 'active', 'seats', 'balance', 'token', 'logins', 'trialEnds']",
    )
    .unwrap();
    let columns = [
        ("_id", FieldKind::Text, BsonClass::ObjectId),
        ("emails.0.address", FieldKind::Text, BsonClass::Text),
        ("profile.name", FieldKind::Text, BsonClass::Text),
        ("createdAt", FieldKind::Time, BsonClass::Date),
        ("plan", FieldKind::Text, BsonClass::Text),
        ("active", FieldKind::Boolean, BsonClass::Boolean),
        ("seats", FieldKind::Integer, BsonClass::Number),
        ("balance", FieldKind::Number, BsonClass::Number),
        ("token", FieldKind::Uuid, BsonClass::Binary),
        ("logins", FieldKind::Time, BsonClass::Date),
        // A time that is stored as a number of seconds, or as text.
        ("trialEnds", FieldKind::Time, BsonClass::Number),
    ];
    let columns = columns.map(|(path, kind, class)| {
        let access = access(path);
        let folding = |is_used: bool| is_used.then(ignore_case);
        TableColumn {
            name: CatalogueName::of_collection(path),
            kind,
            nullable: path != "_id",
            bytes: BinaryFormat::default(),
            within: None,
            db_type: Field {
                class,
                has_lists: matches!(path, "logins" | "emails.0.address"),
                equals_by: folding(access.equals.as_ref().is_some_and(|used| used.form.folds)),
                begins_by: folding(access.prefix.as_ref().is_some_and(|used| used.form.folds)),
                index_path: path.replace(".0.", "."),
                with_id: false,
            },
            access,
        }
    });
    let (schema, name) = (CatalogueName::of_collection("acme"), CatalogueName::of_collection("users"));
    Mapping::new(&config, &Table { schema, name, columns: columns.into() }).unwrap()
}

fn ignore_case() -> Collation {
    Collation::builder().locale("en").strength(CollationStrength::Secondary).build()
}

fn only_the_id(path: &str) -> IndexSupport {
    match path {
        "_id" => IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() },
        _ => IndexSupport::default(),
    }
}

fn well_indexed(path: &str) -> IndexSupport {
    match path {
        "emails.0.address" => {
            IndexSupport { equals: index_of(FOLDS), prefix: index_of(FOLDS), ..IndexSupport::default() }
        }
        "profile.name" => IndexSupport {
            equals: index_of(PLAIN),
            prefix: index_of(PLAIN),
            order: index_of(PLAIN),
            ..IndexSupport::default()
        },
        "plan" => IndexSupport { equals: index_of(PLAIN), ..IndexSupport::default() },
        "createdAt" => IndexSupport { order: index_of(PLAIN), ..IndexSupport::default() },
        _ => only_the_id(path),
    }
}

/// The value as MongoDB's shell has it, broken into lines where it is long.
fn write_value(value: &Bson, depth: usize) -> String {
    let flat = value.to_string();
    let indent = "  ".repeat(depth);
    let is_plain = |item: &Bson| item.as_document().is_none() && item.as_array().is_none();
    let (open, lines, close): (_, Vec<String>, _) = match value {
        _ if flat.len() + indent.len() <= WIDTH => return flat,
        Bson::Document(fields) if fields.len() == 1 => {
            let (operator, value) = fields.iter().next().expect("the only field");
            return format!("{{ \"{operator}\": {} }}", write_value(value, depth));
        }
        Bson::Document(fields) => {
            let write_field = |(key, value)| format!("\"{key}\": {}", write_value(value, depth + 1));
            ('{', fields.iter().map(write_field).collect(), '}')
        }
        Bson::Array(items) if !items.iter().all(is_plain) => {
            ('[', items.iter().map(|item| write_value(item, depth + 1)).collect(), ']')
        }
        _ => return flat,
    };
    let lines: Vec<String> = lines.into_iter().map(|line| format!("{indent}  {line}")).collect();
    format!("{open}\n{}\n{indent}{close}", lines.join(",\n"))
}

fn write_document(document: &Document) -> String {
    format!("  {}\n", write_value(&Bson::Document(document.clone()), 1))
}

fn write_order(find: &FindQuery) -> String {
    let FindQuery { sort, skip, limit, .. } = find;
    format!("sort {sort}, skip {skip}, limit {limit}{}", write_collation(find.collation.as_ref()))
}

fn write_collation(collation: Option<&Collation>) -> String {
    collation.map_or_else(String::new, |used| format!(", collation {}", used.locale))
}

/// What reads one segment: a pipeline, or a query with the one before it that finds the page's last key.
fn write_segment(listing: &Listing<'_>, segment: ListSegment, from: Option<&PagePosition>) -> String {
    let pass = &listing.plan.passes[segment.pass];
    let title = format!("{:?}, {:?}, {:?}:\n", pass.tier, pass.reach, segment.part);
    if pass.reach == AccessPath::Newest {
        let mut pipeline = listing.among_newest(segment, from, 51);
        // What is shown is the same in all of them.
        assert!(pipeline.pop().is_some_and(|shown| shown.contains_key("$project")));
        return title + &pipeline.iter().map(write_document).collect::<String>();
    }
    let mut conditions = listing.build_conditions(segment, FilterForm::ForIndex);
    conditions.extend(from.map(|from| listing.build_cursor_condition(segment, from)));
    let last = listing.find_last_key(segment, &conditions, 51);
    let find = listing.find_segment(segment, conditions, 51);
    let first = last.map_or_else(String::new, |(path, last)| {
        assert_eq!(last.filter, find.filter);
        format!("  first the last {path}: {}\n  then, up to that one:\n", write_order(&last))
    });
    format!("{title}{first}{}  {}\n", write_document(&find.filter), write_order(&find))
}

/// The queries of several searches, and of some that read the whole collection.
fn write_searches(mapping: &Mapping<Field>, everywhere: &[&str]) -> String {
    let first = |text: &str| ListRequest::first_page(text, 50);
    let sorted = |column: &str, descending| {
        let sort = Some(Sort { column: column.to_owned(), descending });
        ListRequest { sort, everywhere: true, ..first("") }
    };
    let questions = [
        ("The newest", first("")),
        ("The last page", ListRequest { place: Place::End, ..first("") }),
        ("By name", sorted("profile.name", false)),
        ("An ID", first("65f0c0ffee65f0c0ffee65f0")),
        ("An address", first("Ada@example.com")),
        ("The beginning of a name", first("Ada")),
        ("Two words", first("ada love")),
    ];
    let mut written = String::new();
    let everywhere = everywhere.iter().map(|text| ListRequest { everywhere: true, ..first(text) });
    for (title, question) in questions.into_iter().chain(everywhere.map(|question| ("Everywhere", question)))
    {
        writeln!(written, "{}", format!("── {title}: {}", question.text).trim_end()).unwrap();
        let listing = Listing::new(mapping, &question, &SearchScope::Text, LARGE, None, NOW).unwrap();
        for &segment in listing.segments.iter().rev() {
            written += &write_segment(&listing, segment, None);
        }
        written.push('\n');
    }
    written
}

/// What continues a list behind a row, with a value in the ordering column and without.
fn write_next_pages(mapping: &Mapping<Field>) -> String {
    let question = ListRequest::first_page("", 50);
    let listing = Listing::new(mapping, &question, &SearchScope::Text, LARGE, None, NOW).unwrap();
    let mut written = String::new();
    for &segment in listing.segments.iter().rev() {
        let key = listing
            .sort_column(segment)
            .map(|_| Bson::DateTime(bson::DateTime::from_millis(1_769_000_000_000)));
        let id = Some(Bson::ObjectId(bson::oid::ObjectId::from_bytes([7; 12])));
        let from = PagePosition { segment: segment.at, key, id };
        written += &write_segment(&listing, segment, Some(&from));
    }
    written
}

#[test]
fn filters_by_kind() {
    let mapping = example_mapping(well_indexed);
    let mut written = String::new();
    for text in [
        "plan:pro",
        "plan:=pro",
        "plan:=pro,=team",
        "profile.name:=Ada",
        "plan:pro*",
        "plan:*pro",
        "-plan:pro",
        "plan:none",
        "plan:*",
        "plan:\"\"",
        "active:true",
        "-active:true",
        "seats:7",
        "seats:>=10",
        "seats:10..20",
        "balance:0.1",
        "balance:<0.5",
        "token:0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
        "createdAt:7d",
        "createdAt:2026-01",
        "logins:>2026-01 logins:<2026-03",
        "trialEnds:>2026-01-15",
        "_id:=65f0c0ffee65f0c0ffee65f0",
        "emails.0.address:*@example.com",
    ] {
        let query = ParsedQuery::parse(text, &mapping.columns, NOW);
        assert!(query.highlights.faults.is_empty() && !query.filters.is_empty(), "{text}");
        writeln!(written, "── {text}").unwrap();
        for condition in column_filters::passes_all(&mapping.shown, &query.filters) {
            written += &write_document(&condition);
        }
        written.push('\n');
    }
    insta::assert_snapshot!(written);
}

#[test]
fn searches_where_indexes_serve() {
    let mapping = example_mapping(well_indexed);
    insta::assert_snapshot!(write_searches(&mapping, &["plan:=pro active:true"]));
}

#[test]
fn searches_where_only_the_id_has_an_index() {
    insta::assert_snapshot!(write_searches(
        &example_mapping(only_the_id),
        &["ada love", "+49 (30) 123-456", "ada plan:=pro"]
    ));
}

#[test]
fn two_words_with_a_text_index() {
    let mapping = example_mapping(only_the_id);
    let index = TextIndex { name: "words".to_owned(), paths: vec!["$**".to_owned()] };
    let question = ListRequest::first_page("ada \"love", 50);
    let listing = Listing::new(&mapping, &question, &SearchScope::Text, LARGE, Some(&index), NOW).unwrap();
    let segments = listing.segments.iter().rev();
    insta::assert_snapshot!(
        segments.map(|&segment| write_segment(&listing, segment, None)).collect::<String>()
    );
}

#[test]
fn pages_behind_a_row() {
    let mapping = example_mapping(well_indexed);
    insta::assert_snapshot!(write_next_pages(&mapping));
}

#[test]
fn pipelines_that_count() {
    let mapping = example_mapping(well_indexed);
    let mut written = String::new();
    for text in ["", "Ada", "plan:=pro"] {
        let question = ListRequest::first_page(text, 1);
        let listing = Listing::new(&mapping, &question, &SearchScope::Text, LARGE, None, NOW).unwrap();
        writeln!(written, "{}", format!("── Counted: {text}").trim_end()).unwrap();
        for (at, pass) in listing.plan.passes.iter().enumerate() {
            if pass.reach == AccessPath::Newest {
                continue;
            }
            let collation = pass_collation(&mapping, pass)
                .map_or_else(String::new, |used| format!(", collation {}", used.locale));
            writeln!(written, "{:?}{collation}:", pass.tier).unwrap();
            written += &listing.count_pass(at, 1001).iter().map(write_document).collect::<String>();
        }
        written.push('\n');
    }
    insta::assert_snapshot!(written);
}
