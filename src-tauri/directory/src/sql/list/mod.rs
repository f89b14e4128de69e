//! Turns list requests into SQL and rows into pages: keyset paging over search passes, in both directions, without I/O.
//!
//! An engine drives [`Pager`]: it takes the next [`PageStep`], runs it, hands the rows back, and takes the page at the
//! end. `select` writes the statements, `conditions` what a row has to meet, `count` the statement that counts.
//!
//! An exact ID or email match is returned immediately, so that page may be short; the cursor continues the list.
//!
//! A list is read in *segments*: one per search pass of the [`crate::plan`]. A quick pass whose ordering column may be
//! NULL is split in two: first the rows with a value, in order, then those without, by ID. This gives NULLS LAST at no
//! cost with a plain index. Quick segments are read together, in one statement.

mod conditions;
mod count;
mod segment;
mod select;

use std::time::Duration;

use jiff::Timestamp;

use self::segment::{Segment, segment_parts};
use crate::error::Result;
use crate::model::{How, ListRequest, Page, Place, Tier};
use crate::plan::cursor::{Cursor, foreign_cursor_error};
use crate::plan::{
    AccessPath, Order, Plan, Planner, TableSize, list_possible_ids, parse_query, resolve_sort,
};
use crate::schema::mapping::Mapping;
use crate::schema::value::Value;
use crate::scope::SearchScope;
use crate::sql::dialect::{Dialect, FetchedRow, Statement, find_duplicate};

pub(crate) use count::build_count_query;

/// The next statement to run.
#[derive(Debug)]
pub(crate) struct PageStep {
    pub(crate) statement: Statement,
    /// The same among the newest rows only. If it fills the page, that is enough.
    pub(crate) newest: Option<Statement>,
    pub(crate) reach: AccessPath,
    /// How many rows fill the page, plus one.
    pub(crate) wanted: usize,
}

/// The state of a request on its way to a page.
pub(crate) struct Pager<'a, D: Dialect> {
    mapping: &'a Mapping<D::Type>,
    query: &'a ListRequest,
    plan: Plan,
    /// The segments still to be read, the next one last.
    segments: Vec<Segment>,
    /// The total number of segments.
    count: usize,
    /// Reads from the list's end towards its start.
    backward: bool,
    from: Option<Cursor>,
    found: Vec<FetchedRow>,
    /// The search pass of each segment.
    passes: Vec<usize>,
    asked: usize,
}

impl<'a, D: Dialect> Pager<'a, D> {
    pub(crate) fn new(
        mapping: &'a Mapping<D::Type>,
        query: &'a ListRequest,
        scope: &SearchScope,
        size: TableSize,
        now: Timestamp,
    ) -> Result<Self> {
        let asked = parse_query(mapping, query, now)?;
        let sorted = resolve_sort(mapping, query)?;
        let ids = list_possible_ids(scope, &asked).into_iter();
        let ids = ids.filter(|text| D::id_equals(&mut Statement::default(), mapping.id(), text).is_some());
        let folds_itself = !mapping
            .search
            .iter()
            .any(|column| D::alike_condition(&mut Statement::default(), column, &asked.text).is_some());
        let plan =
            Planner::new(mapping, query, &asked, size, ids.collect(), folds_itself, scope).build_plan(sorted);

        let mut segments: Vec<Segment> = Vec::new();
        for (at, pass) in plan.passes.iter().enumerate() {
            for &part in segment_parts(mapping, pass) {
                segments.push(Segment { at: segments.len(), pass: at, part });
            }
        }
        let (count, passes) = (segments.len(), segments.iter().map(|segment| segment.pass).collect());
        let (backward, from) = match &query.place {
            Place::Start => (false, None),
            Place::End => (true, None),
            Place::After(cursor) => (false, Some(Cursor::decode(cursor, query)?)),
            Place::Before(cursor) => (true, Some(Cursor::decode(cursor, query)?)),
        };
        if let Some(cursor) = &from {
            let known = segments.get(cursor.segment).filter(|segment| segment.accepts_cursor(cursor));
            if known.is_none() || cursor.segments != count {
                return Err(foreign_cursor_error());
            }
            segments.retain(|segment| {
                if backward { segment.at <= cursor.segment } else { segment.at >= cursor.segment }
            });
        }
        if !backward {
            segments.reverse();
        }
        let asked = segments.last().map_or(0, |segment| segment.pass);
        Ok(Self { mapping, query, plan, segments, count, backward, from, found: Vec::new(), passes, asked })
    }

    /// The next statement to run; `None` if the page is full or the list has ended.
    pub(crate) fn next_step(&mut self) -> Option<PageStep> {
        if self.has_named_one() {
            return None;
        }
        // One row more than the page holds shows whether another page follows.
        let wanted =
            (usize::from(self.query.limit) + 1).checked_sub(self.found.len()).filter(|&more| more > 0)?;
        let first = self.segments.pop()?;
        let mut together = vec![first];
        let reach = self.plan.passes[first.pass].reach;
        // Records lead to users who are there, so what is only similar is seldom asked for: each branch costs the planner.
        let mut leads = self.plan.passes[first.pass].tier == Tier::Related;
        while reach == AccessPath::Quick
            && !leads
            && self.segments.last().is_some_and(|next| self.plan.passes[next.pass].reach == AccessPath::Quick)
        {
            let next = self.segments.pop();
            leads = next.is_some_and(|next| self.plan.passes[next.pass].tier == Tier::Related);
            together.extend(next);
        }
        self.asked = first.pass;
        let from = self.from.take();
        let newest = (reach == AccessPath::Gathered)
            .then(|| self.build_newest_statement(first, from.as_ref(), wanted))
            .flatten();
        let mut statement = Statement::default();
        if reach == AccessPath::Newest {
            statement = self.build_newest_statement(first, from.as_ref(), wanted)?;
        } else if let [only] = together[..] {
            statement.sql = self.build_segment_select(only, from.as_ref(), wanted, &mut statement);
        } else {
            // One segment after the other, and no further once the page is full.
            let mut from = from.as_ref();
            let branches: Vec<String> = together
                .iter()
                .map(|&segment| {
                    let select = self.build_segment_select(segment, from.take(), wanted, &mut statement);
                    D::union_branch(&select, segment.at)
                })
                .collect();
            statement.sql = format!("{} LIMIT {wanted}", branches.join(" UNION ALL "));
        }
        Some(PageStep { statement, newest, reach, wanted })
    }

    /// Takes the rows for the last [`Self::next_step`].
    pub(crate) fn add_rows(&mut self, mut rows: Vec<FetchedRow>) {
        // The branches of a UNION arrive in order, but SQL does not guarantee it.
        rows.sort_by_key(|row| if self.backward { self.count - row.segment } else { row.segment });
        self.found.extend(rows);
    }

    pub(crate) fn into_page(mut self, elapsed: Duration) -> Page {
        let limit = usize::from(self.query.limit);
        let more = self.found.len() > limit;
        // Includes the row after the page: rows with the same ID are adjacent, and the next page starts after all of
        // them.
        let doubled = find_duplicate(self.found.iter().map(|row| (&row.id, &row.shown_id)));
        let doubled = doubled.and_then(|(id, shown)| shown.clone().or_else(|| id.clone().into_text()));
        self.found.truncate(limit);
        if self.backward {
            self.found.reverse();
        }
        let cursor = |row: &FetchedRow| {
            Cursor { segment: row.segment, segments: self.count, key: row.key.clone(), id: row.id.clone() }
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
            let edge =
                Cursor { segment: segment.at, segments: self.count, key: Value::Null, id: Value::Null };
            next = Some(edge.encode(self.query));
        }
        let pass = self.found.first().map_or(self.asked, |row| self.passes[row.segment]);
        let pass = self.plan.passes.get(pass);
        let by = pass.and_then(|pass| match pass.order {
            Order::Searched(at, _) => Some(self.mapping.search[at].name.as_str().to_owned()),
            _ => None,
        });
        let how = How {
            tier: pass.map_or(Tier::All, |pass| pass.tier),
            by,
            elapsed_ms: elapsed.as_secs_f64() * 1000.0,
        };
        let nobody = self.found.is_empty() && self.query.place == Place::Start;
        let left_out = self.plan.left_out(next.is_some(), nobody);
        let rows = self.found.into_iter().filter_map(FetchedRow::into_row).collect();
        Page { rows, previous, next, how, left_out, doubled, pasted: None }
    }

    /// Whether an exact match was found, which is shown without waiting for similar ones.
    fn has_named_one(&self) -> bool {
        self.query.place == Place::Start
            && self.found.iter().any(|row| self.plan.passes[self.passes[row.segment]].tier.names_one())
    }
}
