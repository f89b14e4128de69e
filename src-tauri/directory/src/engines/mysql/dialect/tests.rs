//! The statements of this dialect for review.

use super::*;
use crate::engines::mysql::types::MyTextType;
use crate::model::FieldKind;
use crate::schema::name::{CatalogueName, Quote};
use crate::schema::table::IndexSupport;
use crate::sql::review::{
    FOLDS, PLAIN, example_column, example_mapping, index_of, write_conditions, write_statements,
};

fn text_type(charset: &'static str, collation: &'static str) -> MyType {
    let literal = |name| CatalogueName::from_literal(name, Quote::Backtick);
    MyType::Text(MyTextType { charset: literal(charset), collation: literal(collation), chars: 190 })
}

fn type_of_kind(kind: FieldKind) -> MyType {
    match kind {
        FieldKind::Integer => MyType::Unsigned,
        FieldKind::Boolean => MyType::Boolean,
        FieldKind::Time => MyType::DateTime,
        _ => text_type("utf8mb4", "utf8mb4_0900_ai_ci"),
    }
}

#[test]
fn statements_where_indexes_serve() {
    let mapping = example_mapping(Quote::Backtick, type_of_kind, |column| match column {
        "id" => IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() },
        "email" | "name" => {
            IndexSupport { equals: index_of(FOLDS), prefix: index_of(FOLDS), ..IndexSupport::default() }
        }
        "plan" => IndexSupport { equals: index_of(FOLDS), ..IndexSupport::default() },
        "created_at" => IndexSupport { order: index_of(PLAIN), ..IndexSupport::default() },
        _ => IndexSupport::default(),
    });
    insta::assert_snapshot!(write_statements::<MySql>(&mapping));
}

#[test]
fn statements_where_only_the_key_has_an_index() {
    let key = IndexSupport { equals: index_of(PLAIN), order: index_of(PLAIN), ..IndexSupport::default() };
    let mapping = example_mapping(Quote::Backtick, type_of_kind, |column| {
        if column == "id" { key.clone() } else { IndexSupport::default() }
    });
    insta::assert_snapshot!(write_statements::<MySql>(&mapping));
}

#[test]
fn conditions_by_index_form() {
    let column = |db_type| {
        example_column(("email", FieldKind::Text), Quote::Backtick, db_type, IndexSupport::default())
    };
    let written = [
        ("utf8mb4_0900_ai_ci", column(text_type("utf8mb4", "utf8mb4_0900_ai_ci")), FOLDS),
        ("utf8mb4_bin", column(text_type("utf8mb4", "utf8mb4_bin")), PLAIN),
        ("latin1_swedish_ci", column(text_type("latin1", "latin1_swedish_ci")), FOLDS),
        ("varbinary", column(MyType::Binary { bytes: 190, uuid: false }), PLAIN),
        (
            "utf8mb4_bin, unique",
            column(text_type("utf8mb4", "utf8mb4_bin")),
            IndexForm { unique: true, ..PLAIN },
        ),
    ]
    .map(|(title, column, form)| write_conditions::<MySql>(title, &column, form));
    insta::assert_snapshot!(written.concat());
}

#[test]
fn decimals_are_distinguished_from_other_text() {
    for (text, expected) in [
        ("1.50", true),
        ("-7", true),
        ("123456789012345678901", true),
        ("1e3", false),
        (&"9".repeat(36), false),
        ("1.", false),
        ("", false),
    ] {
        assert_eq!(is_decimal(text), expected, "{text}");
    }
}
