//! Filters as SQL: `plan:pro` and `created:>2026-01`, read by [`super::asked`], become conditions with
//! bound values.

use super::alike;
use super::asked::{Bound, Filter, Operand, Test};
use super::catalogue::TableColumn;
use super::sql::{Dialect, Match, Statement, qualified};

/// A row's column passes the filter. In a form that an index serves, where one does.
pub(super) fn condition<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    filter: &Filter,
) -> String {
    let any: Vec<String> = filter.any.iter().map(|test| passes::<D>(statement, column, test)).collect();
    let any = format!("({})", any.join(" OR "));
    // Whoever has no value passes no test, and so passes its opposite.
    if filter.negated { format!("({any} IS NOT TRUE)") } else { any }
}

/// An index finds the rows that pass.
pub(super) fn is_served<T>(column: &TableColumn<T>, filter: &Filter) -> bool {
    let access = &column.access;
    !filter.negated
        && filter.any.iter().all(|test| match test {
            Test::Is(_) => access.equals.is_some(),
            Test::Range { .. } => access.order.is_some(),
            Test::Contains(text) | Test::EndsWith(text) => {
                access.contains.is_some() && super::plan::has_trigram(text)
            }
            Test::BeginsWith(_) => access.contains.is_some(),
            Test::Digits(_) | Test::Null | Test::NotNull => false,
        })
}

/// The column's text has these digits, whatever stands between them.
pub(super) fn has_digits<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    digits: &str,
) -> String {
    let pattern = D::bound_text(statement, Match::Contains.pattern(digits));
    format!("{} LIKE {pattern}", alike::only_digits(&D::text(column)))
}

fn passes<D: Dialect>(statement: &mut Statement, column: &TableColumn<D::Type>, test: &Test) -> String {
    let name = qualified(column);
    match test {
        Test::Is(values) => {
            let form = column.access.equals.as_ref().map(|served| served.form);
            let same = values.iter().map(|value| match value {
                Operand::Text(value) => D::equals(statement, column, value, form),
                other => D::compare(statement, column, "=", other),
            });
            same.collect::<Vec<_>>().join(" OR ")
        }
        Test::Contains(part) => D::matches(statement, column, Match::Contains, part),
        Test::BeginsWith(part) => D::matches(statement, column, Match::Prefix, part),
        Test::EndsWith(part) => D::matches(statement, column, Match::Suffix, part),
        Test::Digits(digits) => has_digits::<D>(statement, column, digits),
        Test::Range { from, to } => {
            let mut edge = |bound: &Option<Bound>, beyond, exactly| {
                bound.as_ref().map(|bound| {
                    let comparison = if bound.inclusive { exactly } else { beyond };
                    D::compare(statement, column, comparison, &bound.value)
                })
            };
            let edges = [edge(from, ">", ">="), edge(to, "<", "<=")];
            format!("({})", edges.into_iter().flatten().collect::<Vec<_>>().join(" AND "))
        }
        Test::Null => format!("{name} IS NULL"),
        Test::NotNull => format!("{name} IS NOT NULL"),
    }
}
