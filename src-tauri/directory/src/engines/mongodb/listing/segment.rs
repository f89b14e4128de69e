//! Queries for one segment of a list.
//!
//! An index on just the ordering column does not return ties in the order of their IDs, and asking for that order would
//! make the server sort everything. So the first query finds the key of the page's last row, and then only the rows up
//! to that key have to be sorted. A probe for a few rows of a related collection does not need that order.

use bson::{Bson, Document, doc};

use crate::engines::mongodb::filter;
use crate::engines::mongodb::filter::{Column, FilterForm};
use crate::engines::mongodb::listing::{ListPart, ListSegment, Listing, PagePosition};
use crate::engines::mongodb::server::{FindQuery, MongoReadTx};
use crate::engines::mongodb::{cells, column_filters, paths};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::plan::{AccessPath, LOOKED_AT, Order, PassTest, SearchPass};

impl<'a> Listing<'a> {
    fn found_by(&self, pass: usize, manner: FilterForm) -> Option<Document> {
        if self.whole_words == Some(pass) {
            return filter::whole_words(self.mapping, &self.plan.passes[pass], manner);
        }
        filter::found_by(self.mapping, &self.plan.passes[pass], manner)
    }

    pub(crate) async fn fetch_documents(
        &self,
        reading: &mut MongoReadTx,
        segment: ListSegment,
        from: Option<&PagePosition>,
        wanted: usize,
    ) -> Result<Vec<Document>> {
        let pass = &self.plan.passes[segment.pass];
        if pass.reach == AccessPath::Newest {
            let pipeline = self.among_newest(segment, from, wanted);
            return reading.run_aggregation(pipeline, None).await;
        }
        let mut conditions = self.build_conditions(segment, FilterForm::ForIndex);
        conditions.extend(from.map(|from| self.build_cursor_condition(segment, from)));
        if let Some((path, find)) = self.find_last_key(segment, &conditions, wanted) {
            let last = reading.find_documents(find).await?;
            Self::gives_single_values(path, &last)?;
            if let Some(last) = last.first().and_then(|last| paths::value_at(last, path)) {
                let within = if self.is_ascending(pass) { "$lte" } else { "$gte" };
                conditions.push(doc! { path: { within: last.into_owned() } });
            }
        }
        reading.find_documents(self.find_segment(segment, conditions, wanted)).await
    }

    /// The query for the key of the page's last row, and its path; `None` if the rows need no such limit.
    pub(super) fn find_last_key(
        &self,
        segment: ListSegment,
        conditions: &[Document],
        wanted: usize,
    ) -> Option<(&'a str, FindQuery)> {
        let pass = &self.plan.passes[segment.pass];
        if self.is_probe {
            return None;
        }
        let path = self.sort_column(segment).filter(|key| gives_order(key, pass))?.name.as_str();
        let find = FindQuery {
            filter: filter::all_of(conditions.to_vec()),
            projection: paths::project_paths(std::iter::once(path)),
            sort: doc! { path: sort_direction(self.is_ascending(pass)) },
            collation: filter::pass_collation(self.mapping, pass),
            skip: u64::try_from(wanted - 1).unwrap_or(u64::MAX),
            limit: 1,
        };
        Some((path, find))
    }

    /// The query for the segment's rows that meet these conditions.
    pub(super) fn find_segment(
        &self,
        segment: ListSegment,
        conditions: Vec<Document>,
        wanted: usize,
    ) -> FindQuery {
        FindQuery {
            filter: filter::all_of(conditions),
            projection: self.project_segment(segment),
            sort: self.build_sort(segment),
            collation: filter::pass_collation(self.mapping, &self.plan.passes[segment.pass]),
            skip: 0,
            limit: wanted,
        }
    }

    /// Fails if a document has a list at the ordering `path`: it would be listed at the position of one element, and
    /// the list continued from another.
    pub(crate) fn gives_single_values(path: &str, documents: &[Document]) -> Result<()> {
        if documents.iter().any(|document| paths::goes_through_list(document, path)) {
            let message = format!("`{path}` contains lists now, unlike when the database was opened.");
            return Err(DirectoryError::new(DirectoryCode::Mismatch, message)
                .with_hint("Refresh to read the collection's indexes again."));
        }
        Ok(())
    }

    /// The pipeline for a segment's rows among the newest rows after `from`.
    pub(super) fn among_newest(
        &self,
        segment: ListSegment,
        from: Option<&PagePosition>,
        wanted: usize,
    ) -> Vec<Document> {
        let pass = &self.plan.passes[segment.pass];
        let key = self.sort_column(segment);
        let mut newest = vec![self.has_id()];
        newest.extend(key.map(filter::valued_condition));
        newest.extend(from.map(|from| self.build_cursor_condition(segment, from)));
        let path = key.unwrap_or_else(|| self.mapping.id()).name.as_str();
        // The list's last page is among its newest rows too.
        let upwards = self.is_ascending(pass) && from.is_some();
        vec![
            doc! { "$match": filter::all_of(newest) },
            doc! { "$sort": { path: sort_direction(upwards) } },
            doc! { "$limit": i64::from(LOOKED_AT) },
            doc! { "$match": filter::all_of(self.build_conditions(segment, FilterForm::Exact)) },
            doc! { "$sort": self.build_sort(segment) },
            doc! { "$limit": i64::try_from(wanted).unwrap_or(i64::MAX) },
            doc! { "$project": self.project_segment(segment) },
        ]
    }

    /// The conditions for a row to be in `segment`.
    pub(crate) fn build_conditions(&self, segment: ListSegment, manner: FilterForm) -> Vec<Document> {
        let pass = &self.plan.passes[segment.pass];
        let mut conditions: Vec<Document> = Vec::new();
        conditions.extend(self.found_by(segment.pass, manner));
        match (segment.part, self.ordering_column(pass)) {
            // It starts with a text, so it is one.
            (ListPart::Valued, Some(_)) if matches!(pass.order, Order::Searched(..)) => {}
            (ListPart::Valued, Some(key)) => conditions.push(filter::valued_condition(key)),
            (ListPart::Rest, Some(key)) => conditions.push(filter::not_valued_condition(key)),
            _ => {}
        }
        if self.mapping.id().nullable {
            conditions.push(self.has_id());
        }
        conditions.extend(column_filters::passes_all(&self.mapping.shown, &self.plan.filters));
        let earlier: Vec<Document> =
            (0..segment.pass).filter_map(|earlier| self.found_by(earlier, FilterForm::Exact)).collect();
        if !earlier.is_empty() {
            conditions.push(doc! { "$nor": earlier });
        }
        conditions
    }

    /// The condition for rows after a position, in the direction of reading.
    pub(super) fn build_cursor_condition(&self, segment: ListSegment, from: &PagePosition) -> Document {
        let upwards = self.is_ascending(&self.plan.passes[segment.pass]);
        let id = from.id.as_ref().unwrap_or(&Bson::Null);
        let by_id = filter::beyond_condition(self.mapping.id().name.as_str(), id, upwards);
        let (Some(key), Some(value)) = (self.sort_column(segment), &from.key) else { return by_id };
        let path = key.name.as_str();
        let (within, beyond) = if upwards { ("$gte", "$gt") } else { ("$lte", "$lt") };
        // The first condition uses the index; the rest breaks ties.
        doc! { "$and": [
            { path: { within: value } },
            { "$or": [{ path: { beyond: value } }, { "$and": [{ path: value }, by_id] }] },
        ] }
    }

    fn build_sort(&self, segment: ListSegment) -> Document {
        let direction = sort_direction(self.is_ascending(&self.plan.passes[segment.pass]));
        let mut sort = Document::new();
        let key = self.sort_column(segment);
        sort.extend(key.map(|key| (key.name.as_str().to_owned(), Bson::from(direction))));
        if key.is_none() || !self.is_probe {
            sort.insert(self.mapping.id().name.as_str(), direction);
        }
        sort
    }

    /// The column that orders the segment's rows before the ID.
    pub(crate) fn sort_column(&self, segment: ListSegment) -> Option<&'a Column> {
        self.ordering_column(&self.plan.passes[segment.pass]).filter(|_| segment.part == ListPart::Valued)
    }

    fn ordering_column(&self, pass: &SearchPass) -> Option<&'a Column> {
        match pass.order {
            Order::Id => None,
            Order::Shown(at) => Some(&self.mapping.shown[at]),
            Order::Searched(at, _) => Some(&self.mapping.search[at]),
        }
    }

    fn is_ascending(&self, pass: &SearchPass) -> bool {
        pass.descending == self.backward
    }

    /// A row without an ID cannot be found again or signed in as.
    fn has_id(&self) -> Document {
        filter::is_identity(self.mapping.id().name.as_str())
    }

    fn project_segment(&self, segment: ListSegment) -> Document {
        cells::project_cells(self.mapping, self.sort_column(segment).map(|key| key.name.as_str()))
    }
}

/// Whether an index returns the pass's rows in the order of `key`, but not of their IDs.
fn gives_order(key: &Column, pass: &SearchPass) -> bool {
    match (&pass.tests[..], pass.order) {
        _ if pass.reach != AccessPath::Quick => false,
        ([PassTest::Begins { .. }], Order::Searched(..)) => true,
        ([PassTest::Everything], Order::Shown(_)) => key.access.order.is_some() && !key.db_type.with_id,
        _ => false,
    }
}

fn sort_direction(upwards: bool) -> i32 {
    if upwards { 1 } else { -1 }
}
