//! The statements of this dialect for review, and the texts that it makes of values.

use super::*;
use crate::schema::name::{CatalogueName, Quote};
use crate::schema::table::IndexSupport;
use crate::sql::review::{
    FOLDS, LOWER, PATTERN, PLAIN, example_column, example_mapping, index_of, write_conditions,
    write_statements,
};

fn example_type(name: &'static str) -> PgType {
    let literal = |name| CatalogueName::from_literal(name, Quote::Double);
    PgType {
        schema: literal("pg_catalog"),
        name: literal(name),
        bytewise: false,
        nondeterministic: false,
        folds_ascii: false,
        collation: None,
    }
}

fn type_of_kind(kind: FieldKind) -> PgType {
    example_type(match kind {
        FieldKind::Integer => "int8",
        FieldKind::Boolean => "bool",
        FieldKind::Time => "timestamptz",
        _ => "text",
    })
}

#[test]
fn statements_where_indexes_serve() {
    let ties = IndexForm { ties: true, ..LOWER };
    let mapping = example_mapping(Quote::Double, type_of_kind, |column| match column {
        "id" => IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() },
        "email" => {
            IndexSupport { equals: index_of(LOWER), prefix: index_of(ties), ..IndexSupport::default() }
        }
        "name" => {
            IndexSupport { prefix: index_of(PATTERN), contains: index_of(LOWER), ..IndexSupport::default() }
        }
        "plan" => IndexSupport { equals: index_of(PLAIN), ..IndexSupport::default() },
        "created_at" => IndexSupport { order: index_of(PLAIN), ..IndexSupport::default() },
        _ => IndexSupport::default(),
    });
    insta::assert_snapshot!(write_statements::<Postgres>(&mapping));
}

#[test]
fn statements_where_only_the_key_has_an_index() {
    let key = IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() };
    let mapping = example_mapping(Quote::Double, type_of_kind, |column| {
        if column == "id" { key.clone() } else { IndexSupport::default() }
    });
    insta::assert_snapshot!(write_statements::<Postgres>(&mapping));
}

#[test]
fn conditions_by_index_form() {
    let column = |name: &'static str, access| {
        example_column(("email", FieldKind::Text), Quote::Double, example_type(name), access)
    };
    let text = column("text", IndexSupport::default());
    let trigrams = column("text", IndexSupport { contains: index_of(LOWER), ..IndexSupport::default() });
    let mut collated = column("varchar", IndexSupport::default());
    let literal = |name| CatalogueName::from_literal(name, Quote::Double);
    collated.db_type.collation = Some((literal("pg_catalog"), literal("tr-x-icu")));
    let mut nondeterministic = collated.clone();
    nondeterministic.db_type.nondeterministic = true;
    let written = [
        write_conditions::<Postgres>("text", &text, PLAIN),
        write_conditions::<Postgres>("lower(text)", &text, LOWER),
        write_conditions::<Postgres>("text text_pattern_ops", &text, PATTERN),
        write_conditions::<Postgres>(
            "lower(text) text_pattern_ops, and trigrams of lower(text)",
            &trigrams,
            IndexForm { lower: true, ..PATTERN },
        ),
        write_conditions::<Postgres>("citext", &column("citext", IndexSupport::default()), FOLDS),
        write_conditions::<Postgres>("lower(varchar COLLATE \"tr-x-icu\")", &collated, LOWER),
        write_conditions::<Postgres>("varchar, nondeterministic", &nondeterministic, FOLDS),
        write_conditions::<Postgres>("bytea", &column("bytea", IndexSupport::default()), PLAIN),
    ];
    insta::assert_snapshot!(written.concat());
}

#[test]
fn bytes_are_escaped_as_the_server_does() {
    assert_eq!(escape_bytes("a\\ä%"), "a\\\\\\303\\244%");
}

#[test]
fn times_become_rfc_3339_where_they_can() {
    for (postgres, expected) in [
        ("0044-03-15 BC", "0044-03-15 BC"),
        ("0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
        ("2024-01-02 03:04:05.678901+00", "2024-01-02T03:04:05.678901Z"),
        ("2024-01-02 03:04:05", "2024-01-02T03:04:05"),
        ("9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
        ("2024-01-02", "2024-01-02"),
        ("infinity", "infinity"),
        ("0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
    ] {
        assert_eq!(to_rfc3339(postgres.to_owned()), expected);
    }
}
