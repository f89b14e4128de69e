//! Filters that were typed (`plan:pro`, `created:>2026-01`), as MongoDB's own.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, doc};

use super::filter::{self, Column};
use super::values::{self, Class};
use crate::directory::asked::{Bound, Filter, Operand, Test};
use crate::directory::plan::spellings;
use crate::directory::sql::Match;

/// A document's column passes the filter.
pub(super) fn passes(column: &Column, filter: &Filter) -> Document {
    let any = filter::any(filter.any.iter().map(|test| passes_test(column, test)).collect());
    // Whoever has no value passes no test, and so passes its opposite.
    if filter.negated {
        doc! { "$nor": [any] }
    } else {
        any
    }
}

fn passes_test(column: &Column, test: &Test) -> Document {
    let path = column.name.as_str();
    match test {
        Test::Is(operands) => {
            doc! { path: { "$in": operands.iter().flat_map(|one| same(column, one)).collect::<Vec<_>>() } }
        }
        Test::Contains(part) => doc! { path: filter::pattern(Match::Contains, part) },
        Test::BeginsWith(part) => doc! { path: filter::pattern(Match::Prefix, part) },
        Test::EndsWith(part) => doc! { path: filter::pattern(Match::Suffix, part) },
        Test::Range { from, to } => {
            let mut range = Document::new();
            let edge = |bound: &Bound, beyond: &str, exactly: &str| {
                (if bound.inclusive { exactly } else { beyond }.to_owned(), value(&bound.value))
            };
            range.extend(from.as_ref().map(|bound| edge(bound, "$gt", "$gte")));
            range.extend(to.as_ref().map(|bound| edge(bound, "$lt", "$lte")));
            doc! { path: range }
        }
        Test::Null => doc! { path: Bson::Null },
        Test::NotNull => filter::has_value(path),
    }
}

/// Everything that is the same as the operand, for `$in`.
fn same(column: &Column, operand: &Operand) -> Vec<Bson> {
    match operand {
        Operand::Text(wanted) => {
            let form = column.access.equals.as_ref().map(|served| served.form);
            let mut same: Vec<Bson> = match form {
                // So that the index finds them.
                Some(form) if !form.folds => spellings(wanted, form).into_iter().map(Bson::from).collect(),
                _ => vec![filter::whole(wanted, "i")],
            };
            if column.db_type.class != Class::Text {
                let others = values::readings(wanted).into_iter();
                same.extend(others.filter(|value| Class::of(value) != Some(Class::Text)));
            }
            same
        }
        Operand::Number(number) => {
            // One tenth is not the same number in two and in ten.
            let decimal = number.as_str().parse::<Decimal128>().ok().map(Bson::Decimal128);
            std::iter::once(value(operand)).chain(decimal).collect()
        }
        other => vec![value(other)],
    }
}

fn value(operand: &Operand) -> Bson {
    match operand {
        Operand::Integer(number) => (*number).into(),
        Operand::Number(number) => number.to_f64().into(),
        Operand::Boolean(truth) => (*truth).into(),
        Operand::Time(time) => DateTime::from_millis(time.as_millisecond()).into(),
        Operand::Uuid(uuid) => {
            Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() })
        }
        Operand::Text(text) => text.clone().into(),
    }
}
