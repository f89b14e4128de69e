//! How a list becomes SQL, and rows become pages: keyset paging over tiers, without I/O.
//!
//! An engine drives [`Paging`]: it asks for the next [`Statement`], runs it, hands the rows back, and
//! takes the page at the end.
//!
//! A list is answered in *segments*: one per tier, and each cut in two where the ordering column
//! may be NULL: first the rows with a value, in order, then those without, by id. So no statement
//! ever orders or compares NULLs, "NULLs last" costs nothing, and a plain index can serve the order.

use std::time::Duration;

use super::cursor::Cursor;
use super::mapping::Mapping;
use super::sql::{Dialect, Fetched, Match, Statement, qualified, selecting};
use super::{How, Page, Query, Tier};
use crate::error::{Code, Error, Result};

/// Longer texts in the search field are a mistake (a pasted page), and patterns have limits.
const QUERY_CHARS: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All rows of the tier, by id.
    ById,
    /// Those with a value in the ordering column, by it and then by id.
    Valued,
    /// Those without, by id.
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    tier: Tier,
    part: Part,
}

/// One question on its way to a page.
pub(super) struct Paging<'a, D: Dialect> {
    mapping: &'a Mapping<D::Type>,
    query: &'a Query,
    /// The query's text as it is searched: trimmed.
    text: String,
    /// Where in the mapping the ordering column is, and which way it goes.
    key: Option<usize>,
    descending: bool,
    /// The segments not yet asked, the next one last.
    segments: Vec<Segment>,
    /// The tiers of the question, in order; later ones leave out what earlier ones found.
    tiers: Vec<Tier>,
    after: Option<Cursor>,
    asking: Option<Segment>,
    found: Vec<(Segment, Fetched)>,
    last_tier: Tier,
}

impl<'a, D: Dialect> Paging<'a, D> {
    pub(super) fn new(mapping: &'a Mapping<D::Type>, query: &'a Query) -> Result<Self> {
        if !(1..=500).contains(&query.limit) {
            return Err(Error::new(
                Code::QueryInvalid,
                format!("A page has 1 to 500 rows; {} were asked for.", query.limit),
            ));
        }
        // No database text holds NUL, and PostgreSQL takes none.
        let text = query.text.trim().replace('\0', "");
        if text.chars().count() > QUERY_CHARS {
            return Err(Error::new(
                Code::QueryInvalid,
                format!("The search text is longer than {QUERY_CHARS} characters."),
            )
            .hint("Search for an id, an e-mail address or a part of a name."));
        }
        let (key, descending) = order(mapping, query)?;
        let tiers = tiers::<D>(mapping, query, &text);
        let mut segments: Vec<Segment> =
            tiers.iter().flat_map(|&tier| segments_of(mapping, tier, key)).collect();
        let after = query.after.as_deref().map(|text| Cursor::decode(text, query)).transpose()?;
        if let Some(cursor) = &after {
            let begins = segments.iter().position(|segment| segment.holds(cursor)).ok_or_else(|| {
                Error::new(Code::QueryInvalid, "The place to continue from is not in this list.")
                    .hint("Search again from the beginning.")
            })?;
            segments.drain(..begins);
        }
        segments.reverse();
        let last_tier = after.as_ref().map(|cursor| cursor.tier).or(tiers.first().copied());
        Ok(Self {
            mapping,
            query,
            text,
            key,
            descending,
            segments,
            tiers,
            after,
            asking: None,
            found: Vec::new(),
            last_tier: last_tier.unwrap_or(Tier::Id),
        })
    }

    /// What to ask the database next; `None` when the page is full or there is nothing more.
    pub(super) fn next_statement(&mut self) -> Option<Statement> {
        // One row more than the page has tells whether another page follows.
        let missing = usize::from(self.query.limit) + 1 - self.found.len();
        if missing == 0 {
            return None;
        }
        let segment = self.segments.pop()?;
        self.asking = Some(segment);
        self.last_tier = segment.tier;
        let after = self.after.take();
        Some(self.statement(segment, after, missing))
    }

    /// The rows that the last [`Self::next_statement`] asked for.
    pub(super) fn take(&mut self, rows: Vec<Fetched>) {
        let segment = self.asking.take().expect("rows are answers to a statement");
        self.found.extend(rows.into_iter().map(|row| (segment, row)));
    }

    pub(super) fn page(mut self, elapsed: Duration) -> Page {
        let limit = usize::from(self.query.limit);
        let more = self.found.len() > limit;
        self.found.truncate(limit);
        let next = self.found.last().filter(|_| more).map(|(segment, row)| {
            Cursor { tier: segment.tier, key: row.key.clone(), id: row.id.clone() }.encode(self.query)
        });
        let tier = self.found.first().map_or(self.last_tier, |(segment, _)| segment.tier);
        let rows = self.found.into_iter().filter_map(|(_, row)| row.shown()).collect();
        Page { rows, next, how: How { tier, elapsed_ms: elapsed.as_secs_f64() * 1000.0 } }
    }

    fn statement(&self, segment: Segment, after: Option<Cursor>, limit: usize) -> Statement {
        let id = self.mapping.id();
        let key = self.key.filter(|_| segment.part == Part::Valued).map(|at| &self.mapping.shown[at]);
        let mut statement = Statement::default();
        let mut conditions = self.conditions(segment, &mut statement);
        if let Some(cursor) = after {
            let beyond = if self.descending { '<' } else { '>' };
            let after_id = |statement: &mut Statement, cursor_id| D::bind_key(statement, id, cursor_id);
            conditions.push(match (key, cursor.key) {
                (Some(key), Some(value)) => {
                    let value = D::bind_key(&mut statement, key, value);
                    let after_id = after_id(&mut statement, cursor.id);
                    format!("({}, {}) {beyond} ({value}, {after_id})", qualified(key), qualified(id))
                }
                _ => format!("{} {beyond} {}", qualified(id), after_id(&mut statement, cursor.id)),
            });
        }
        let direction = if self.descending { "DESC" } else { "ASC" };
        let order = key.into_iter().chain([id]);
        let order: Vec<String> = order.map(|column| format!("{} {direction}", qualified(column))).collect();
        statement.sql = format!(
            "{}{} ORDER BY {} LIMIT {limit}",
            selecting::<D>(self.mapping, key),
            if conditions.is_empty() {
                String::new()
            } else {
                format!(" WHERE {}", conditions.join(" AND "))
            },
            order.join(", "),
        );
        statement
    }

    /// What a row must be to stand in `segment`.
    fn conditions(&self, segment: Segment, statement: &mut Statement) -> Vec<String> {
        let mut conditions = Vec::new();
        let own = self.found_by(segment.tier, statement);
        conditions.extend(own);
        for tier in self.tiers.iter().take_while(|tier| **tier != segment.tier) {
            if let Some(earlier) = self.found_by(*tier, statement) {
                conditions.push(format!("({earlier}) IS NOT TRUE"));
            }
        }
        if let Some(key) = self.key.map(|at| &self.mapping.shown[at]) {
            match segment.part {
                Part::Valued if key.nullable => conditions.push(format!("{} IS NOT NULL", qualified(key))),
                Part::Null => conditions.push(format!("{} IS NULL", qualified(key))),
                Part::Valued | Part::ById => {}
            }
        }
        if self.mapping.id().nullable {
            // Nobody can be found again, or impersonated, without an id.
            conditions.push(format!("{} IS NOT NULL", qualified(self.mapping.id())));
        }
        conditions
    }

    /// The condition under which `tier` finds a row; `None`: always.
    fn found_by(&self, tier: Tier, statement: &mut Statement) -> Option<String> {
        let mapping = self.mapping;
        let any_column = |how, statement: &mut Statement| -> Vec<String> {
            mapping.search.iter().map(|column| D::matches(statement, column, how, &self.text)).collect()
        };
        match tier {
            Tier::All => None,
            Tier::Id => D::id_equals(statement, mapping.id(), &self.text),
            Tier::Email => {
                mapping.searched_email.map(|at| D::email_equals(statement, &mapping.shown[at], &self.text))
            }
            Tier::Prefix => Some(format!("({})", any_column(Match::Prefix, statement).join(" OR "))),
            Tier::Contains => {
                let mut any = any_column(Match::Contains, statement);
                if self.query.sort.is_some() {
                    // One list of all matches: what begins with the text or is it contains it too.
                    any.extend(D::id_equals(statement, mapping.id(), &self.text));
                }
                if any.is_empty() {
                    return Some("1 = 0".to_owned());
                }
                Some(format!("({})", any.join(" OR ")))
            }
        }
    }
}

impl Segment {
    fn holds(self, cursor: &Cursor) -> bool {
        self.tier == cursor.tier && (self.part == Part::Valued) == cursor.key.is_some()
    }
}

/// The column that orders the list (`None`: the id does), and whether it goes down.
fn order<T: Clone>(mapping: &Mapping<T>, query: &Query) -> Result<(Option<usize>, bool)> {
    let Some(sort) = &query.sort else {
        return Ok((mapping.created_at, true));
    };
    let at = mapping.columns.iter().position(|column| column.name == sort.column).ok_or_else(|| {
        let names: Vec<String> = mapping.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        Error::new(Code::QueryInvalid, format!("There is no column `{}` to order by.", sort.column))
            .hint(format!("The columns are {}.", names.join(", ")))
    })?;
    if !mapping.columns[at].sortable {
        return Err(Error::new(
            Code::QueryInvalid,
            format!("The directory cannot order by `{}` without reading all of it.", sort.column),
        )
        .hint("An index that begins with this column makes it possible."));
    }
    let by_id = mapping.shown[at].name == mapping.id().name;
    Ok(((!by_id).then_some(at), sort.descending))
}

fn tiers<D: Dialect>(mapping: &Mapping<D::Type>, query: &Query, text: &str) -> Vec<Tier> {
    if text.is_empty() {
        return vec![Tier::All];
    }
    if query.sort.is_some() {
        return vec![Tier::Contains];
    }
    let mut tiers = Vec::new();
    if D::id_equals(&mut Statement::default(), mapping.id(), text).is_some() {
        tiers.push(Tier::Id);
    }
    // Without an @ it is no whole address; its matches still come first among the prefixes' or so.
    if mapping.searched_email.is_some() && text.contains('@') {
        tiers.push(Tier::Email);
    }
    if !mapping.search.is_empty() {
        tiers.extend([Tier::Prefix, Tier::Contains]);
    }
    tiers
}

fn segments_of<T>(mapping: &Mapping<T>, tier: Tier, key: Option<usize>) -> Vec<Segment> {
    let segment = |part| Segment { tier, part };
    match key.map(|at| &mapping.shown[at]) {
        // One row at the most: nothing to order.
        _ if tier == Tier::Id => vec![segment(Part::ById)],
        None => vec![segment(Part::ById)],
        Some(column) if column.nullable => vec![segment(Part::Valued), segment(Part::Null)],
        Some(_) => vec![segment(Part::Valued)],
    }
}
