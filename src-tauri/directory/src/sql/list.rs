//! Turns list requests into SQL and rows into pages: keyset paging over search passes, in both directions, without I/O.
//!
//! An engine drives [`Pager`]: it takes the next [`PageStep`], runs it, hands the rows back, and takes the page at the
//! end.
//!
//! An exact ID or email match is returned immediately, so that page may be short; the cursor continues the list.
//!
//! A list is read in *segments*: one per search pass of the [`crate::plan`]. A quick pass whose ordering column may be
//! NULL is split in two: first the rows with a value, in order, then those without, by ID. This gives NULLS LAST at no
//! cost with a plain index. Quick segments are read together, in one statement.

use std::time::Duration;

use jiff::Timestamp;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::{How, ListRequest, Page, Place, Tier};
use crate::plan::cursor::Cursor;
use crate::plan::{AccessPath, LOOKED_AT, Order, PassTest, Plan, Planner, SearchPass, TableSize};
use crate::query::ParsedQuery;
use crate::schema::mapping::Mapping;
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::sql::dialect::{
    Dialect, FetchedRow, OrderExpression, Statement, build_select_clause, build_select_list, find_duplicate,
    qualify_column, read_columns,
};
use crate::sql::filters;

/// Longer texts in the search field are a mistake (a pasted page), and patterns have limits.
const QUERY_CHARS: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SegmentPart {
    /// All rows of the search pass, by ID.
    ById,
    /// Rows with a value in the ordering column, by value and then by ID.
    Valued,
    /// Rows without a value, by ID.
    Null,
    /// Rows with a value, then rows without, for rows that are sorted after they are found.
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    /// Its index in the list.
    at: usize,
    /// The index of its pass in the plan.
    pass: usize,
    part: SegmentPart,
}

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

/// The column that orders a segment before the ID, and the form of its index.
type Key<'a, D> = (&'a TableColumn<<D as Dialect>::Type>, IndexForm);

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
        size: TableSize,
        now: Timestamp,
    ) -> Result<Self> {
        if !(1..=500).contains(&query.limit) {
            return Err(DirectoryError::new(
                DirectoryCode::QueryInvalid,
                format!("A page has 1 to 500 rows, but {} were requested.", query.limit),
            ));
        }
        let asked = parse_query(mapping, query, now)?;
        let sorted = resolve_sort(mapping, query)?;
        let ids = asked.identities.iter().map(|identity| identity.as_str().to_owned());
        let ids = ids.filter(|text| D::id_equals(&mut Statement::default(), mapping.id(), text).is_some());
        let folds_itself = !mapping
            .search
            .iter()
            .any(|column| D::alike_condition(&mut Statement::default(), column, &asked.text).is_some());
        let plan = Planner::new(mapping, query, &asked, size, ids.collect(), folds_itself).build_plan(sorted);

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
                return Err(DirectoryError::new(
                    DirectoryCode::QueryInvalid,
                    "The list cannot continue from here: the position belongs to another list.",
                )
                .with_hint("Search again."));
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
        while reach == AccessPath::Quick
            && self.segments.last().is_some_and(|next| self.plan.passes[next.pass].reach == AccessPath::Quick)
        {
            together.extend(self.segments.pop());
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
        Page { rows, previous, next, how, left_out, doubled }
    }

    /// Whether an exact match was found, which is shown without waiting for similar ones.
    fn has_named_one(&self) -> bool {
        self.query.place == Place::Start
            && self
                .found
                .iter()
                .any(|row| matches!(self.plan.passes[self.passes[row.segment]].tier, Tier::Id | Tier::Email))
    }

    /// The query for one segment's rows, from its edge or after `from`.
    fn build_segment_select(
        &self,
        segment: Segment,
        from: Option<&Cursor>,
        limit: usize,
        statement: &mut Statement,
    ) -> String {
        let (pass, key) = self.find_pass_and_key(segment);
        let mut conditions = self.build_conditions(segment, key, statement);
        let from = from.filter(|cursor| cursor.id != Value::Null);
        conditions.extend(from.map(|cursor| self.build_cursor_condition(segment, cursor, statement)));
        let order = self.order_by(segment.part, pass, key);
        let found = all_of(&conditions);
        let first = match key {
            Some((column, form)) if form.ties => {
                let OrderExpression { expression, up, down, .. } = D::order_expression(column, form);
                let direction = if pass.descending == self.backward { up } else { down };
                format!("ORDER BY {expression} {direction} FETCH FIRST {limit} ROWS WITH TIES")
            }
            // Many rows may be found before they are sorted, so only those of the page are converted to text.
            _ if pass.reach != AccessPath::Quick => format!("ORDER BY {order} LIMIT {limit}"),
            _ => {
                let selecting = build_select_clause::<D>(self.mapping, segment.at, key);
                return format!("{selecting}{found} ORDER BY {order} LIMIT {limit}");
            }
        };
        format!(
            "SELECT {} FROM (SELECT {} FROM {} AS u{found} {first}) AS u ORDER BY {order} LIMIT {limit}",
            build_select_list::<D>(self.mapping, segment.at, key),
            self.build_column_list(),
            self.mapping.table,
        )
    }

    /// The columns to read, unconverted.
    fn build_column_list(&self) -> String {
        let names: Vec<String> =
            read_columns(self.mapping).into_iter().map(|name| format!("u.{name}")).collect();
        names.join(", ")
    }

    /// The query for a segment's rows among the newest rows after `from`; `None` if that is not possible.
    fn build_newest_statement(
        &self,
        segment: Segment,
        from: Option<&Cursor>,
        limit: usize,
    ) -> Option<Statement> {
        let (pass, key) = self.find_pass_and_key(segment);
        let ordered_by = key.map_or_else(|| self.mapping.id(), |(column, _)| column);
        // Rows without a value are at the end of the list.
        let among_valued = match (key, from) {
            (None, _) => true,
            (Some(_), Some(cursor)) => cursor.key != Value::Null || cursor.id == Value::Null,
            (Some((column, _)), None) => !(self.backward && column.nullable),
        };
        if ordered_by.access.order.is_none() || !among_valued {
            return None;
        }
        let from = from.filter(|cursor| cursor.id != Value::Null);
        let part = if key.is_some() { SegmentPart::Valued } else { SegmentPart::ById };
        let valued = Segment { part, ..segment };
        let mut statement = Statement::default();
        let mut inner = Vec::new();
        inner.extend(key.filter(|(column, _)| column.nullable).map(|(column, _)| is_not_null(column)));
        inner.extend(from.map(|cursor| self.build_cursor_condition(valued, cursor, &mut statement)));
        let order = self.order_by(part, pass, key);
        let newest = format!(
            "SELECT {} FROM {} AS u{} ORDER BY {order} LIMIT {LOOKED_AT}",
            self.build_column_list(),
            self.mapping.table,
            all_of(&inner),
        );
        statement.scans = true;
        let conditions = self.build_conditions(valued, None, &mut statement);
        statement.sql = format!(
            "SELECT {} FROM ({newest}) AS u{} ORDER BY {order} LIMIT {limit}",
            build_select_list::<D>(self.mapping, segment.at, key),
            all_of(&conditions),
        );
        Some(statement)
    }

    /// A segment's search pass, and the column that orders its rows before the ID.
    fn find_pass_and_key(&self, segment: Segment) -> (&SearchPass, Option<Key<'_, D>>) {
        let pass = &self.plan.passes[segment.pass];
        let by_value = matches!(segment.part, SegmentPart::Valued | SegmentPart::Mixed);
        (pass, find_order_key(self.mapping, pass.order).filter(|_| by_value))
    }

    fn order_by(&self, part: SegmentPart, pass: &SearchPass, key: Option<Key<'_, D>>) -> String {
        let down = pass.descending != self.backward;
        let mut order = Vec::new();
        if let Some((column, form)) = key {
            let ordering = D::order_expression(column, form);
            if part == SegmentPart::Mixed {
                let nulls = if self.backward { "DESC" } else { "ASC" };
                order.push(format!("({} IS NULL) {nulls}", ordering.expression));
            }
            order.push(format!("{} {}", ordering.expression, if down { ordering.down } else { ordering.up }));
        }
        if part != SegmentPart::Valued || key.is_none_or(|(_, form)| !form.unique) {
            order.push(format!(
                "{} {}",
                qualify_column(self.mapping.id()),
                if down { "DESC" } else { "ASC" }
            ));
        }
        order.join(", ")
    }

    /// The conditions for a row to be in `segment`.
    fn build_conditions(
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
    fn found_by(&self, pass: &SearchPass, statement: &mut Statement) -> Option<String> {
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
        })
    }

    /// The condition for rows after the cursor, in the direction of reading.
    fn build_cursor_condition(&self, segment: Segment, cursor: &Cursor, statement: &mut Statement) -> String {
        let pass = &self.plan.passes[segment.pass];
        let down = pass.descending != self.backward;
        let id = self.mapping.id();
        let id_order = OrderExpression::new(qualify_column(id));
        let behind = |ordering: &OrderExpression| if down { ordering.less } else { ordering.greater };
        let by_id = |statement: &mut Statement| {
            let value = D::bind_key(statement, id, cursor.id.clone());
            format!("{} {} {value}", id_order.expression, behind(&id_order))
        };
        let Some((column, form)) = find_order_key(self.mapping, pass.order)
            .filter(|_| matches!(segment.part, SegmentPart::Valued | SegmentPart::Mixed))
        else {
            return by_id(statement);
        };
        let ordering = D::order_expression(column, form);
        if cursor.key == Value::Null {
            // After a row without a value come other such rows, and in backward direction also all rows with a value.
            let by_id = by_id(statement);
            let null = format!("{} IS NULL", ordering.expression);
            return if self.backward {
                format!("(({null} AND {by_id}) OR {} IS NOT NULL)", ordering.expression)
            } else {
                format!("({null} AND {by_id})")
            };
        }
        let comparison = behind(&ordering);
        let valued = if D::ROW_VALUES && comparison.len() == 1 {
            let value = D::bind_key(statement, column, cursor.key.clone());
            let id_value = D::bind_key(statement, id, cursor.id.clone());
            format!("({}, {}) {comparison} ({value}, {id_value})", ordering.expression, id_order.expression)
        } else {
            // The first comparison uses the index; the rest breaks ties.
            let within = D::bind_key(statement, column, cursor.key.clone());
            let beyond = D::bind_key(statement, column, cursor.key.clone());
            let by_id = by_id(statement);
            let opposite = if down { ordering.greater } else { ordering.less };
            format!(
                "(NOT ({0} {opposite} {within}) AND ({0} {comparison} {beyond} OR {by_id}))",
                ordering.expression
            )
        };
        // In backward direction, the rows without a value have already been passed.
        if segment.part == SegmentPart::Mixed && !self.backward {
            format!("({valued} OR {} IS NULL)", ordering.expression)
        } else {
            valued
        }
    }
}

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
    size: TableSize,
    now: Timestamp,
) -> Result<CountQuery> {
    let query = ListRequest::first_page(text, 1);
    let paging = Pager::<D>::new(mapping, &query, size, now)?;
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

/// A condition that no row meets.
const NEVER: &str = "1 = 0";

impl Segment {
    fn accepts_cursor(self, cursor: &Cursor) -> bool {
        if cursor.id == Value::Null {
            return cursor.key == Value::Null;
        }
        match self.part {
            SegmentPart::Valued => cursor.key != Value::Null,
            SegmentPart::ById | SegmentPart::Null => cursor.key == Value::Null,
            SegmentPart::Mixed => true,
        }
    }
}

/// Parses the text. An invalid filter is an error: ignoring it would answer a different query.
pub(crate) fn parse_query<T>(
    mapping: &Mapping<T>,
    query: &ListRequest,
    now: Timestamp,
) -> Result<ParsedQuery> {
    if query.text.chars().count() > QUERY_CHARS {
        return Err(DirectoryError::new(
            DirectoryCode::QueryInvalid,
            format!("The search text is longer than {QUERY_CHARS} characters."),
        )
        .with_hint("Search for an ID, an email address or part of a name."));
    }
    // No database stores NUL in text, and PostgreSQL rejects it.
    let asked = ParsedQuery::parse(&query.text.replace('\0', ""), &mapping.columns, now);
    match asked.highlights.faults.first() {
        Some(fault) => Err(DirectoryError::new(DirectoryCode::QueryInvalid, fault.message.clone())
            .with_hint(fault.hint.clone())),
        None => Ok(asked),
    }
}

/// The column that the operator sorts by (`None`: the ID), and whether in descending order.
pub(crate) fn resolve_sort<T: Clone>(
    mapping: &Mapping<T>,
    query: &ListRequest,
) -> Result<Option<(Option<usize>, bool)>> {
    let Some(sort) = &query.sort else { return Ok(None) };
    let at = mapping.columns.iter().position(|column| column.name == sort.column).ok_or_else(|| {
        let names: Vec<String> = mapping.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        DirectoryError::new(
            DirectoryCode::QueryInvalid,
            format!("There is no column `{}` to sort by.", sort.column),
        )
        .with_hint(format!("The columns are {}.", names.join(", ")))
    })?;
    let by_id = mapping.shown[at].name == mapping.id().name;
    Ok(Some(((!by_id).then_some(at), sort.descending)))
}

/// The column that an order uses before the ID, and the form of its index.
fn find_order_key<T>(mapping: &Mapping<T>, order: Order) -> Option<(&TableColumn<T>, IndexForm)> {
    match order {
        Order::Id => None,
        Order::Shown(at) => {
            let column = &mapping.shown[at];
            let unique = column.access.order.as_ref().is_some_and(|served| served.form.unique);
            Some((column, IndexForm { unique, ..IndexForm::default() }))
        }
        Order::Searched(at, form) => Some((&mapping.search[at], form)),
    }
}

fn key_of_null<'a, T>(mapping: &'a Mapping<T>, pass: &SearchPass) -> &'a TableColumn<T> {
    find_order_key(mapping, pass.order)
        .expect("only an ordering column has NULLs in a segment of their own")
        .0
}

fn segment_parts<T>(mapping: &Mapping<T>, pass: &SearchPass) -> &'static [SegmentPart] {
    match (find_order_key(mapping, pass.order), pass.order) {
        (None, _) => &[SegmentPart::ById],
        // It starts with a text, so it is not NULL.
        (Some(_), Order::Searched(..)) => &[SegmentPart::Valued],
        (Some((column, _)), _) if !column.nullable => &[SegmentPart::Valued],
        (Some(_), _) if pass.reach == AccessPath::Newest => &[SegmentPart::Valued],
        (Some(_), _) if pass.reach == AccessPath::Quick && pass.tier == Tier::All => {
            &[SegmentPart::Valued, SegmentPart::Null]
        }
        (Some(_), _) => &[SegmentPart::Mixed],
    }
}

fn is_not_null<T>(column: &TableColumn<T>) -> String {
    format!("{} IS NOT NULL", qualify_column(column))
}

fn all_of(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

fn any_of(conditions: &[String]) -> String {
    match conditions {
        [] => NEVER.to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(" OR ")),
    }
}
