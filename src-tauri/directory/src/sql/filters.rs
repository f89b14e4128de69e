//! Turns filters such as `plan:pro` and `created:>2026-01`, parsed by [`crate::query`], into SQL conditions with bound
//! values.

use crate::plan::Match;
use crate::query::spelling;
use crate::query::{Bound, Filter, Operand, Test};
use crate::schema::table::TableColumn;
use crate::sql::dialect::{Dialect, Statement, qualified};

/// The condition for a row to pass the filter, in a form that uses an index if there is one.
pub(crate) fn condition<D: Dialect>(
    statement: &mut Statement,
    column: &TableColumn<D::Type>,
    filter: &Filter,
) -> String {
    let any: Vec<String> = filter.any.iter().map(|test| passes::<D>(statement, column, test)).collect();
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
    let pattern = D::bound_text(statement, Match::Contains.pattern(digits));
    format!("{} LIKE {pattern}", spelling::only_digits(&D::text(column)))
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
