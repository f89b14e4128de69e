//! Turns typed filters (`plan:pro`, `created:>2026-01`) into MongoDB filters.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, doc};

use crate::engines::mongodb::filter;
use crate::engines::mongodb::filter::Column;
use crate::engines::mongodb::values;
use crate::engines::mongodb::values::BsonClass;
use crate::plan::MatchKind;
use crate::plan::list_case_variants;
use crate::query::{Bound, Filter, FilterTest, Operand};
use crate::schema::time;
use crate::schema::uuids;

/// The conditions for a document to pass all `filters`.
pub(crate) fn passes_all(columns: &[Column], filters: &[Filter]) -> Vec<Document> {
    let mut merged: Vec<Filter> = Vec::new();
    for filter in filters {
        // `logins:>2026-01 logins:<2026-03` means a single login in that range.
        if !merged.iter_mut().any(|other| takes_end(other, filter)) {
            merged.push(filter.clone());
        }
    }
    merged.iter().map(|filter| build_filter_condition(&columns[filter.column], filter)).collect()
}

/// If `filter` is the other end of the range in `other`, adds it there.
fn takes_end(other: &mut Filter, filter: &Filter) -> bool {
    if other.column != filter.column || other.negated || filter.negated {
        return false;
    }
    match (&mut other.any[..], &filter.any[..]) {
        ([FilterTest::Range { from, to: to @ None }], [FilterTest::Range { from: None, to: end }])
            if from.is_some() =>
        {
            to.clone_from(end);
            true
        }
        ([FilterTest::Range { from: from @ None, to }], [FilterTest::Range { from: end, to: None }])
            if to.is_some() =>
        {
            from.clone_from(end);
            true
        }
        _ => false,
    }
}

/// The condition for a document to pass the filter.
fn build_filter_condition(column: &Column, filter: &Filter) -> Document {
    let any = filter::any_of(filter.any.iter().map(|test| passes_test(column, test)).collect());
    // A missing value passes no test, so it passes the negated filter.
    if filter.negated {
        doc! { "$nor": [any] }
    } else {
        any
    }
}

fn passes_test(column: &Column, test: &FilterTest) -> Document {
    let path = column.name.as_str();
    match test {
        FilterTest::Is(operands) => {
            doc! { path: { "$in": operands.iter().flat_map(|one| list_equal_values(column, one)).collect::<Vec<_>>() } }
        }
        FilterTest::Contains(part) => {
            let mut any = vec![doc! { path: filter::to_regex(MatchKind::Contains, part) }];
            if column.db_type.class != BsonClass::Text {
                // Only text has parts; other values have to match as a whole.
                any.push(doc! { path: { "$in": other_than_text(part, column) } });
            }
            filter::any_of(any)
        }
        FilterTest::BeginsWith(part) => doc! { path: filter::to_regex(MatchKind::Prefix, part) },
        FilterTest::EndsWith(part) => doc! { path: filter::to_regex(MatchKind::Suffix, part) },
        FilterTest::Digits(digits) => filter::has_digits(column, digits),
        FilterTest::Range { from, to } => {
            let range = build_range(from.as_ref(), to.as_ref(), |bound| to_bson(&bound.value));
            let mut ways = vec![filter::lies_in(path, &range)];
            let is_time =
                |bound: &Option<Bound>| matches!(bound, Some(Bound { value: Operand::Time(_), .. }));
            if (is_time(from) || is_time(to)) && column.db_type.class != BsonClass::Date {
                ways.extend(kept_times(path, from.as_ref(), to.as_ref()));
            }
            filter::any_of(ways)
        }
        FilterTest::Null => doc! { "$nor": [filter::has_value(path)] },
        FilterTest::NotNull => filter::has_value(path),
    }
}

/// Both ends of a range as conditions on one value.
fn build_range(from: Option<&Bound>, to: Option<&Bound>, value: impl Fn(&Bound) -> Bson) -> Document {
    let edge = |bound: &Bound, beyond: &str, exactly: &str| {
        (if bound.inclusive { exactly } else { beyond }.to_owned(), value(bound))
    };
    let mut range = Document::new();
    range.extend(from.map(|bound| edge(bound, "$gt", "$gte")));
    range.extend(to.map(|bound| edge(bound, "$lt", "$lte")));
    range
}

/// The range for times that are stored as numbers or text: see [`time`].
fn kept_times(path: &str, from: Option<&Bound>, to: Option<&Bound>) -> Vec<Document> {
    let time = |bound: &Bound| match bound.value {
        Operand::Time(time) => time,
        _ => jiff::Timestamp::UNIX_EPOCH,
    };
    let stretches = |bound: &Bound, beyond: &str, exactly: &str| {
        time::encode_as_numbers(time(bound), if bound.inclusive { exactly } else { beyond })
    };
    let lower = from.map(|bound| (stretches(bound, ">", ">="), if bound.inclusive { "$gte" } else { "$gt" }));
    let upper = to.map(|bound| (stretches(bound, "<", "<="), if bound.inclusive { "$lte" } else { "$lt" }));
    let numbers = time::encode_as_numbers(jiff::Timestamp::UNIX_EPOCH, "<").into_iter().enumerate().map(
        |(at, whole)| {
            let mut range = Document::new();
            let (operator, edge) = match &lower {
                Some((lower, operator)) if lower[at].time >= whole.from => (*operator, lower[at].time),
                _ => ("$gte", whole.from),
            };
            range.insert(operator, edge);
            let (operator, edge) = match &upper {
                Some((upper, operator)) if upper[at].time < whole.to => (*operator, upper[at].time),
                _ => ("$lt", whole.to),
            };
            range.insert(operator, edge);
            filter::lies_in(path, &range)
        },
    );
    let shaped = |pattern: &str, value: &dyn Fn(&Bound) -> Bson| {
        filter::all_of(vec![
            filter::lies_in(path, &build_range(from, to, value)),
            doc! { path: filter::whole_pattern_regex(pattern) },
        ])
    };
    let mut ways: Vec<Document> = numbers.collect();
    ways.extend(time::LENGTHS.into_iter().enumerate().map(|(at, length)| {
        let digits = |bound: &Bound| Bson::from(time::encode_as_digits(time(bound))[at].1.clone());
        shaped(&format!("[0-9]{{{length}}}"), &digits)
    }));
    let dashed = |bound: &Bound| Bson::from(time(bound).strftime("%Y-%m-%dT%H:%M:%S").to_string());
    ways.push(shaped("[0-9]{4}-.*", &dashed));
    ways
}

/// All values equal to the operand, for `$in`.
fn list_equal_values(column: &Column, operand: &Operand) -> Vec<Bson> {
    match operand {
        Operand::Text(wanted) => {
            let form = column.access.equals.as_ref().map(|served| served.form);
            let mut same: Vec<Bson> = match form {
                // In spellings that the index can find.
                Some(form) if !form.folds => {
                    list_case_variants(wanted, form).into_iter().map(Bson::from).collect()
                }
                _ => vec![filter::whole_text_regex(wanted, "i")],
            };
            if column.db_type.class != BsonClass::Text {
                same.extend(other_than_text(wanted, column));
            }
            same
        }
        Operand::Number(number) => {
            // One tenth is not the same number in binary and in decimal.
            let decimal = number.as_str().parse::<Decimal128>().ok().map(Bson::Decimal128);
            std::iter::once(to_bson(operand)).chain(decimal).collect()
        }
        Operand::Uuid(uuid) => {
            let texts = uuids::list_spellings(*uuid).into_iter().map(Bson::from);
            values::uuid_readings(*uuid, column.bytes).into_iter().chain(texts).collect()
        }
        other => vec![to_bson(other)],
    }
}

/// All values other than text that `text` may stand for.
fn other_than_text(text: &str, column: &Column) -> Vec<Bson> {
    let mut values = values::parse_possible_values(text, column.bytes);
    values.retain(|value| BsonClass::from_bson(value) != Some(BsonClass::Text));
    values
}

fn to_bson(operand: &Operand) -> Bson {
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
