//! Turns list requests into queries and documents into pages: keyset paging over search passes, in both directions.
//!
//! A list is read in *segments*: one per search pass of the plan. If a column orders it, the segment is split in two:
//! first the rows with a value of the column's main class, in order, then all others, by ID. This way no comparison
//! involves two types, and rows without a value come last in both directions.

mod documents;
mod position;
#[cfg(test)]
mod review;
mod segment;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bson::{Bson, Document, doc};
use jiff::Timestamp;

use self::position::to_cursor_value;
use crate::engines::mongodb::catalogue::{Field, TextIndex};
use crate::engines::mongodb::filter;
use crate::engines::mongodb::filter::{Column, FilterForm};
use crate::engines::mongodb::server::MongoReadTx;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::{How, ListRequest, Page, Place, Tier};
use crate::plan::cursor::{Cursor, foreign_cursor_error};
use crate::plan::{
    AccessPath, Order, PassTest, Plan, Planner, SearchPass, TableSize, list_possible_ids, parse_query,
    resolve_sort,
};
use crate::schema::mapping::Mapping;
use crate::schema::value::Value;
use crate::scope::SearchScope;
use crate::sql::dialect::find_duplicate;

pub(crate) use documents::{FoundDocument, project_shown_columns, to_found_document};
pub(crate) use position::PagePosition;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListPart {
    /// All rows of the search pass, by ID.
    ById,
    /// Rows with a value in the ordering column, by value and then by ID.
    Valued,
    /// All other rows, by ID.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListSegment {
    /// Its index in the list.
    at: usize,
    /// The index of its pass in the plan.
    pass: usize,
    part: ListPart,
}

/// The state of a request on its way to a page.
pub(crate) struct Listing<'a> {
    mapping: &'a Mapping<Field>,
    query: &'a ListRequest,
    plan: Plan,
    /// The search pass that uses a text index.
    whole_words: Option<usize>,
    /// It is a probe for a few rows, among which ties may come in any order.
    is_probe: bool,
    /// The segments still to be read, the next one last.
    segments: Vec<ListSegment>,
    /// The search pass of each segment.
    passes: Vec<usize>,
    /// Reads from the list's end towards its start.
    backward: bool,
    from: Option<PagePosition>,
    found: Vec<FoundDocument>,
    asked: usize,
}

impl<'a> Listing<'a> {
    /// `words`: the text index, if there is one that covers all searched columns.
    pub(crate) fn new(
        mapping: &'a Mapping<Field>,
        query: &'a ListRequest,
        scope: &SearchScope,
        size: TableSize,
        words: Option<&TextIndex>,
        now: Timestamp,
    ) -> Result<Self> {
        let read = parse_query(mapping, query, now)?;
        let by = resolve_sort(mapping, query)?;
        let column = by.and_then(|(at, _)| Some(&mapping.shown[at?]));
        if let Some(column) = column.filter(|column| column.db_type.has_lists) {
            return Err(DirectoryError::new(
                DirectoryCode::QueryInvalid,
                format!("The list cannot be sorted by `{}`: the field holds lists.", column.name.as_str()),
            )
            .with_hint("Sort by a place in its lists, such as `emails.0.address`."));
        }
        let ids = list_possible_ids(scope, &read);
        let mut plan = Planner::new(mapping, query, &read, size, ids, false, scope).build_plan(by);
        let whole_words = words.and_then(|_| with_whole_words(mapping, &mut plan, &read.words));
        for pass in &mut plan.passes {
            in_a_real_order(mapping, pass);
        }
        let mut segments: Vec<ListSegment> = Vec::new();
        for (at, pass) in plan.passes.iter().enumerate() {
            for &part in choose_segment_parts(pass) {
                segments.push(ListSegment { at: segments.len(), pass: at, part });
            }
        }
        let passes: Vec<usize> = segments.iter().map(|segment| segment.pass).collect();
        let (backward, from) = match &query.place {
            Place::Start => (false, None),
            Place::End => (true, None),
            Place::After(cursor) => (false, Some(Cursor::decode(cursor, query)?)),
            Place::Before(cursor) => (true, Some(Cursor::decode(cursor, query)?)),
        };
        let from = from
            .map(|cursor| PagePosition::from_cursor(&cursor, &segments).ok_or_else(foreign_cursor_error))
            .transpose()?;
        if let Some(from) = &from {
            segments.retain(
                |segment| {
                    if backward { segment.at <= from.segment } else { segment.at >= from.segment }
                },
            );
        }
        if !backward {
            segments.reverse();
        }
        let asked = segments.last().map_or(0, |segment| segment.pass);
        let found = Vec::new();
        let is_probe = matches!(scope, SearchScope::Identities(_) | SearchScope::Values(_));
        Ok(Self {
            mapping,
            query,
            plan,
            whole_words,
            is_probe,
            segments,
            passes,
            backward,
            from,
            found,
            asked,
        })
    }

    /// Reads segments until the page is full or the list has ended.
    pub(crate) async fn fill_page(&mut self, reading: &mut MongoReadTx) -> Result<()> {
        // One row more than the page holds shows whether another page follows.
        let full = usize::from(self.query.limit) + 1;
        while self.found.len() < full
            && !self.has_named_one()
            && let Some(segment) = self.segments.pop()
        {
            self.asked = segment.pass;
            let from = self.from.take().filter(|from| from.id.is_some());
            let wanted = full - self.found.len();
            let documents = self.fetch_documents(reading, segment, from.as_ref(), wanted).await?;
            let key = self.sort_column(segment).map(|column| column.name.as_str().to_owned());
            if let Some(path) = &key {
                Self::gives_single_values(path, &documents)?;
            }
            for document in documents {
                self.found.extend(to_found_document(self.mapping, segment.at, key.as_deref(), &document));
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn into_page(mut self, elapsed: Duration) -> Page {
        let limit = usize::from(self.query.limit);
        let more = self.found.len() > limit;
        let doubled = find_duplicate(self.found.iter().map(|found| &found.row.id)).cloned();
        self.found.truncate(limit);
        if self.backward {
            self.found.reverse();
        }
        let cursor = |row: &FoundDocument| {
            Cursor {
                segment: row.segment,
                segments: self.passes.len(),
                key: row.key.as_ref().map_or(Value::Null, to_cursor_value),
                id: to_cursor_value(&row.id),
            }
            .encode(self.query)
        };
        // A page that starts at a cursor has rows on the other side of it.
        let came_from = matches!(self.query.place, Place::After(_) | Place::Before(_));
        let (before, behind) = if self.backward { (more, came_from) } else { (came_from, more) };
        let previous = self.found.first().filter(|_| before).map(cursor);
        let mut next = self.found.last().filter(|_| behind).map(cursor);
        if next.is_none()
            && self.has_named_one()
            && let Some(segment) = self.segments.last()
        {
            let (segment, segments) = (segment.at, self.passes.len());
            next = Some(Cursor { segment, segments, key: Value::Null, id: Value::Null }.encode(self.query));
        }
        let pass = self.found.first().map_or(self.asked, |row| self.passes[row.segment]);
        let pass = self.plan.passes.get(pass);
        let by = pass.and_then(|pass| match pass.order {
            Order::Searched(at, _) => Some(self.mapping.search[at].name.as_str().to_owned()),
            _ => None,
        });
        let tier = pass.map_or(Tier::All, |pass| pass.tier);
        let how = How { tier, by, elapsed_ms: elapsed.as_secs_f64() * 1000.0 };
        let nobody = self.found.is_empty() && self.query.place == Place::Start;
        let left_out = self.plan.left_out(next.is_some(), nobody);
        let rows = self.found.into_iter().map(|found| found.row).collect();
        Page { rows, previous, next, how, left_out, doubled, pasted: None }
    }

    /// The pipeline that counts the users whom only this pass finds, up to `most`.
    fn count_pass(&self, pass: usize, most: u64) -> Vec<Document> {
        let segment = ListSegment { at: pass, pass, part: ListPart::ById };
        vec![
            doc! { "$match": filter::all_of(self.build_conditions(segment, FilterForm::ForIndex)) },
            doc! { "$limit": i64::try_from(most).unwrap_or(i64::MAX) },
            doc! { "$count": "users" },
        ]
    }

    /// Whether an exact match was found, which is shown without waiting for similar ones.
    fn has_named_one(&self) -> bool {
        self.query.place == Place::Start
            && self.found.iter().any(|row| self.plan.passes[self.passes[row.segment]].tier.names_one())
    }
}

/// How many users a text matches, counting each only once although several passes may find it.
pub(crate) async fn count_matches(
    mapping: &Mapping<Field>,
    listing: Listing<'_>,
    reading: &mut MongoReadTx,
    cap: u64,
) -> Result<u64> {
    let mut users = 0;
    for (at, pass) in listing.plan.passes.iter().enumerate() {
        if pass.reach == AccessPath::Newest || users > cap {
            continue;
        }
        let pipeline = listing.count_pass(at, cap + 1 - users);
        let collation = filter::pass_collation(mapping, pass);
        let counted = reading.run_aggregation(pipeline, collation).await?;
        let number = counted.first().map_or(0, |counted| match counted.get("users") {
            Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
            Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        });
        users += number;
    }
    Ok(users)
}

/// Adds a pass that uses a text index to find whole words, in addition to searching the newest rows. Returns its index
/// in the plan; `None` if everything is searched anyway.
fn with_whole_words(mapping: &Mapping<Field>, plan: &mut Plan, words: &[String]) -> Option<usize> {
    // In an operator's order, all matches are one list, and there is no pass over the newest.
    let newest = plan.passes.iter().position(|pass| pass.reach == AccessPath::Newest)?;
    if words.len() < 2 {
        return None;
    }
    let columns = (0..mapping.search.len()).collect();
    let pass = SearchPass {
        tier: Tier::Words,
        tests: vec![PassTest::Words { columns, words: words.to_vec() }],
        reach: AccessPath::Gathered,
        ..plan.passes[newest].clone()
    };
    plan.passes.insert(newest, pass);
    Some(newest)
}

/// A path through a list cannot order rows, so its matches are listed newest first.
fn in_a_real_order(mapping: &Mapping<Field>, pass: &mut SearchPass) {
    let orders =
        |column: &Column| !column.db_type.has_lists && column.db_type.index_path == column.name.as_str();
    let newest = mapping.created_at.filter(|&at| !mapping.shown[at].db_type.has_lists);
    match pass.order {
        Order::Searched(at, _) if !orders(&mapping.search[at]) => {
            pass.order = newest.map_or(Order::Id, Order::Shown);
            pass.descending = true;
        }
        Order::Shown(at) if mapping.shown[at].db_type.has_lists => pass.order = Order::Id,
        _ => {}
    }
}

fn choose_segment_parts(pass: &SearchPass) -> &'static [ListPart] {
    match pass.order {
        Order::Id => &[ListPart::ById],
        Order::Searched(..) => &[ListPart::Valued],
        Order::Shown(_) if pass.reach == AccessPath::Newest => &[ListPart::Valued],
        Order::Shown(_) => &[ListPart::Valued, ListPart::Rest],
    }
}
