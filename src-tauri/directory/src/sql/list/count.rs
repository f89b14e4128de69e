//! The statement that counts the users who match a text.

use jiff::Timestamp;

use super::Pager;
use super::conditions::{all_of, any_of, is_not_null};
use crate::error::Result;
use crate::model::ListRequest;
use crate::plan::{AccessPath, PassTest, TableSize};
use crate::schema::mapping::Mapping;
use crate::scope::SearchScope;
use crate::sql::dialect::{Dialect, Statement};
use crate::sql::filters;

/// The statement that counts the users matching a text: all of them if it is empty, otherwise up to just beyond the
/// cap.
pub(crate) struct CountQuery {
    pub(crate) statement: Statement,
    pub(crate) cap: Option<u64>,
}

/// More matches are shown as "1,000+".
const COUNTED_HITS: u64 = 1000;

pub(crate) fn build_count_query<D: Dialect>(
    mapping: &Mapping<D::Type>,
    text: &str,
    scope: &SearchScope,
    size: TableSize,
    now: Timestamp,
) -> Result<CountQuery> {
    let query = ListRequest::first_page(text, 1);
    let paging = Pager::<D>::new(mapping, &query, scope, size, now)?;
    let mut statement = Statement::default();
    let tests: Vec<String> = paging
        .plan
        .passes
        .iter()
        .filter(|pass| pass.reach != AccessPath::Newest)
        .filter_map(|pass| paging.found_by(pass, &mut statement))
        .collect();
    let everything = paging.plan.passes.iter().any(|pass| pass.tests == [PassTest::Everything]);
    let all = everything && paging.plan.filters.is_empty();
    let cap = (!all).then_some(COUNTED_HITS);
    let mut conditions = if everything { Vec::new() } else { vec![any_of(&tests)] };
    for filter in &paging.plan.filters {
        let column = &mapping.shown[filter.column];
        conditions.push(filters::build_filter_condition::<D>(&mut statement, column, filter));
    }
    if mapping.id().nullable {
        conditions.push(is_not_null(mapping.id()));
    }
    let limit = cap.map(|cap| format!(" LIMIT {}", cap + 1)).unwrap_or_default();
    let counted = format!("SELECT 1 AS one FROM {} AS u{}{limit}", mapping.table, all_of(&conditions));
    statement.sql = format!("SELECT {} AS counted FROM ({counted}) AS counted", D::COUNT);
    Ok(CountQuery { statement, cap })
}
