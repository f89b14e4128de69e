//! Turns filters such as `plan:pro` and `created:>2026-01`, parsed by [`crate::query`], into SQL conditions with bound
//! values.

use crate::plan::MatchKind;
use crate::query::spelling;
use crate::query::{Bound, Filter, FilterTest, Operand};
use crate::schema::table::TableColumn;
use crate::scope::PhoneNumber;
use crate::sql::dialect::{Dialect, Statement, qualify_column};

/// The condition for a row to pass the filter, in a form that uses an index if there is one.
pub(crate) fn build_filter_condition<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    filter: &Filter,
) -> String {
    let any: Vec<String> =
        filter.any.iter().map(|test| build_test_condition::<D>(statement, column, test)).collect();
    let any = format!("({})", any.join(" OR "));
    // NULL passes no test, so it passes the negated filter.
    if filter.negated { format!("({any} IS NOT TRUE)") } else { any }
}

/// The column's text has these digits, ignoring punctuation between them.
pub(crate) fn has_digits<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    digits: &str,
) -> String {
    let pattern = D::bound_text(statement, MatchKind::Contains.to_like_pattern(digits));
    format!("{} LIKE {pattern}", spelling::only_digits(&D::text_expression(column)))
}

/// The column's text is this telephone number, ignoring punctuation. Where it has no country code, any may be stored.
pub(crate) fn is_phone_number<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    number: &PhoneNumber,
) -> String {
    let stored = spelling::only_digits(&D::text_expression(column));
    let same = number.list_digits().map(|digits| D::bound_text(statement, digits)).join(", ");
    let same = format!("{stored} IN ({same})");
    if number.is_international {
        return same;
    }
    let digits = &number.digits;
    let ending = D::bound_text(statement, format!("%{digits}"));
    // Whatever precedes the number is left when the number is taken away, which is in it once.
    let twice = D::bound_text(statement, format!("%{digits}%{digits}"));
    let number = D::bound_text(statement, digits.clone());
    let prefixes = spelling::list_country_prefixes().join("', '");
    format!(
        "({same} OR ({stored} LIKE {ending} AND {stored} NOT LIKE {twice} \
         AND replace({stored}, {number}, '') IN ('{prefixes}')))"
    )
}

fn build_test_condition<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    test: &FilterTest,
) -> String {
    let name = qualify_column(column);
    match test {
        FilterTest::Is(values) => {
            let form = column.access.equals.as_ref().map(|served| served.form);
            let same = values.iter().map(|value| match value {
                Operand::Text(value) => D::equals_condition(statement, column, value, form),
                other => D::comparison_condition(statement, column, "=", other),
            });
            same.collect::<Vec<_>>().join(" OR ")
        }
        FilterTest::Contains(part) => D::match_condition(statement, column, MatchKind::Contains, part),
        FilterTest::BeginsWith(part) => D::match_condition(statement, column, MatchKind::Prefix, part),
        FilterTest::EndsWith(part) => D::match_condition(statement, column, MatchKind::Suffix, part),
        FilterTest::Digits(digits) => has_digits::<D>(statement, column, digits),
        FilterTest::Range { from, to } => {
            let mut edge = |bound: &Option<Bound>, beyond, exactly| {
                bound.as_ref().map(|bound| {
                    let comparison = if bound.inclusive { exactly } else { beyond };
                    D::comparison_condition(statement, column, comparison, &bound.value)
                })
            };
            let edges = [edge(from, ">", ">="), edge(to, "<", "<=")];
            format!("({})", edges.into_iter().flatten().collect::<Vec<_>>().join(" AND "))
        }
        FilterTest::Null => format!("{name} IS NULL"),
        FilterTest::NotNull => format!("{name} IS NOT NULL"),
    }
}
