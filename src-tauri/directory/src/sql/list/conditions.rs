//! The conditions for a row to be in a segment: found by its pass and by no earlier one, and passing every filter.

use super::Pager;
use super::segment::{Segment, SegmentPart, key_of_null};
use super::select::Key;
use crate::model::FieldKind;
use crate::plan::{PassTest, SearchPass};
use crate::schema::table::TableColumn;
use crate::sql::dialect::{Dialect, Statement, qualify_column};
use crate::sql::filters;

impl<D: Dialect> Pager<'_, D> {
    /// The conditions for a row to be in `segment`.
    pub(super) fn build_conditions(
        &self,
        segment: Segment,
        key: Option<Key<'_, D>>,
        statement: &mut Statement,
    ) -> Vec<String> {
        let mut conditions = Vec::new();
        conditions.extend(self.found_by(&self.plan.passes[segment.pass], statement));
        let scans = std::mem::replace(&mut statement.scans, true);
        for earlier in &self.plan.passes[..segment.pass] {
            if let Some(earlier) = self.found_by(earlier, statement) {
                conditions.push(format!("({earlier}) IS NOT TRUE"));
            }
        }
        statement.scans = scans;
        for filter in &self.plan.filters {
            let column = &self.mapping.shown[filter.column];
            conditions.push(filters::build_filter_condition::<D>(statement, column, filter));
        }
        match (segment.part, key) {
            (SegmentPart::Valued, Some((column, _))) if column.nullable => {
                conditions.push(is_not_null(column));
            }
            (SegmentPart::Null, _) => {
                let column = key_of_null(self.mapping, &self.plan.passes[segment.pass]);
                conditions.push(format!("{} IS NULL", qualify_column(column)));
            }
            _ => {}
        }
        if self.mapping.id().nullable {
            // A row without an ID cannot be found again or signed in as.
            conditions.push(is_not_null(self.mapping.id()));
        }
        conditions
    }

    /// The condition for `pass` to find a row; `None`: it finds every row.
    pub(super) fn found_by(&self, pass: &SearchPass, statement: &mut Statement) -> Option<String> {
        let tests: Option<Vec<String>> =
            pass.tests.iter().map(|test| self.build_test_condition(test, statement)).collect();
        tests.map(|tests| any_of(&tests))
    }

    fn build_test_condition(&self, test: &PassTest, statement: &mut Statement) -> Option<String> {
        let mapping = self.mapping;
        Some(match test {
            PassTest::Everything => return None,
            PassTest::Id(wanted) => {
                D::id_equals(statement, mapping.id(), wanted).unwrap_or_else(|| NEVER.to_owned())
            }
            PassTest::Key { column, text } => {
                D::id_equals(statement, &mapping.shown[*column], text).unwrap_or_else(|| NEVER.to_owned())
            }
            PassTest::Equals { column, text, form } => {
                let column = &mapping.search[*column];
                if column.kind == FieldKind::Text {
                    D::equals_condition(statement, column, text, Some(*form))
                } else {
                    D::id_equals(statement, column, text).unwrap_or_else(|| NEVER.to_owned())
                }
            }
            PassTest::Email(wanted, form) => {
                let email = &mapping.shown[mapping.searched_email?];
                D::equals_condition(statement, email, wanted, *form)
            }
            PassTest::Begins { column, text: wanted, form } => {
                D::begins_with_condition(statement, &mapping.search[*column], wanted, *form)
            }
            PassTest::Any { columns, how, text: wanted } => {
                let any: Vec<String> = columns
                    .iter()
                    .map(|&at| D::match_condition(statement, &mapping.search[at], *how, wanted))
                    .collect();
                any_of(&any)
            }
            PassTest::Words { columns, words } => {
                let mut all = Vec::with_capacity(words.len());
                for word in words {
                    let any: Vec<String> = columns
                        .iter()
                        .map(|&at| {
                            D::match_condition(
                                statement,
                                &mapping.search[at],
                                crate::plan::MatchKind::Contains,
                                word,
                            )
                        })
                        .collect();
                    all.push(any_of(&any));
                }
                format!("({})", all.join(" AND "))
            }
            PassTest::Alike { columns, words } => {
                let mut all = Vec::with_capacity(words.len());
                for word in words {
                    let any = columns.iter().map(|&at| {
                        let column = &mapping.search[at];
                        D::alike_condition(statement, column, word).unwrap_or_else(|| {
                            D::match_condition(statement, column, crate::plan::MatchKind::Contains, word)
                        })
                    });
                    all.push(any_of(&any.collect::<Vec<_>>()));
                }
                format!("({})", all.join(" AND "))
            }
            PassTest::Digits { columns, digits } => {
                let any = columns
                    .iter()
                    .map(|&at| filters::has_digits::<D>(statement, &mapping.search[at], digits));
                any_of(&any.collect::<Vec<_>>())
            }
            PassTest::Phone { columns, number } => {
                let any = columns
                    .iter()
                    .map(|&at| filters::is_phone_number::<D>(statement, &mapping.search[at], number));
                any_of(&any.collect::<Vec<_>>())
            }
        })
    }
}

/// A condition that no row meets.
const NEVER: &str = "1 = 0";

pub(super) fn is_not_null<T>(column: &TableColumn<T>) -> String {
    format!("{} IS NOT NULL", qualify_column(column))
}

pub(super) fn all_of(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

pub(super) fn any_of(conditions: &[String]) -> String {
    match conditions {
        [] => NEVER.to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(" OR ")),
    }
}
