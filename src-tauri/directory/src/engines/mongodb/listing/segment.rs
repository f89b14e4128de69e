//! Queries for one segment of a list.
//!
//! An index on just the ordering column does not return ties in the order of their IDs, and asking for that order would
//! make the server sort everything. So the first query finds the key of the page's last row, and then only the rows up
//! to that key have to be sorted.

use bson::{Bson, Document, doc};

use crate::engines::mongodb::filter;
use crate::engines::mongodb::filter::{Column, Manner};
use crate::engines::mongodb::listing::{From, ListPart, ListSegment, Listing};
use crate::engines::mongodb::reading::{Find, MongoReadTx};
use crate::engines::mongodb::{cut, narrow, paths};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::plan::{AccessPath, LOOKED_AT, Order, SearchPass, Test};

impl<'a> Listing<'a> {
    fn found_by(&self, pass: usize, manner: Manner) -> Option<Document> {
        if self.whole_words == Some(pass) {
            return filter::whole_words(self.mapping, &self.plan.passes[pass], manner);
        }
        filter::found_by(self.mapping, &self.plan.passes[pass], manner)
    }

    pub(crate) async fn documents(
        &self,
        reading: &mut MongoReadTx,
        segment: ListSegment,
        from: Option<&From>,
        wanted: usize,
    ) -> Result<Vec<Document>> {
        let pass = &self.plan.passes[segment.pass];
        if pass.reach == AccessPath::Newest {
            let pipeline = self.among_newest(segment, from, wanted);
            return reading.aggregate(pipeline, None).await;
        }
        let mut conditions = self.conditions(segment, Manner::IndexUse);
        conditions.extend(from.map(|from| self.behind(segment, from)));
        let collation = filter::collation(self.mapping, pass);
        let upwards = self.upwards(pass);
        if let Some(key) = self.key(segment).filter(|key| gives_order(key, pass)) {
            let path = key.name.as_str();
            let last = Find {
                filter: filter::all_of(conditions.clone()),
                projection: paths::projection(std::iter::once(path)),
                sort: doc! { path: direction(upwards) },
                collation: collation.clone(),
                skip: u64::try_from(wanted - 1).unwrap_or(u64::MAX),
                limit: 1,
            };
            let last = reading.find(last).await?;
            Self::gives_single_values(path, &last)?;
            if let Some(last) = last.first().and_then(|last| paths::at(last, path)) {
                conditions.push(doc! { path: { if upwards { "$lte" } else { "$gte" }: last.into_owned() } });
            }
        }
        let find = Find {
            filter: filter::all_of(conditions),
            projection: self.projection(segment),
            sort: self.sort(segment),
            collation,
            skip: 0,
            limit: wanted,
        };
        reading.find(find).await
    }

    /// Fails if a document has a list at the ordering `path`: it would be listed at the position of one element, and
    /// the list continued from another.
    pub(crate) fn gives_single_values(path: &str, documents: &[Document]) -> Result<()> {
        if documents.iter().any(|document| paths::goes_through_list(document, path)) {
            let message = format!("`{path}` contains lists now, unlike when the database was opened.");
            return Err(DirectoryError::new(DirectoryCode::Mismatch, message)
                .hint("Refresh to read the collection's indexes again."));
        }
        Ok(())
    }

    /// The pipeline for a segment's rows among the newest rows after `from`.
    fn among_newest(&self, segment: ListSegment, from: Option<&From>, wanted: usize) -> Vec<Document> {
        let pass = &self.plan.passes[segment.pass];
        let key = self.key(segment);
        let mut newest = vec![self.has_id()];
        newest.extend(key.map(filter::valued));
        newest.extend(from.map(|from| self.behind(segment, from)));
        let path = key.unwrap_or_else(|| self.mapping.id()).name.as_str();
        // The list's last page is among its newest rows too.
        let upwards = self.upwards(pass) && from.is_some();
        vec![
            doc! { "$match": filter::all_of(newest) },
            doc! { "$sort": { path: direction(upwards) } },
            doc! { "$limit": i64::from(LOOKED_AT) },
            doc! { "$match": filter::all_of(self.conditions(segment, Manner::Exact)) },
            doc! { "$sort": self.sort(segment) },
            doc! { "$limit": i64::try_from(wanted).unwrap_or(i64::MAX) },
            doc! { "$project": self.projection(segment) },
        ]
    }

    /// The conditions for a row to be in `segment`.
    pub(crate) fn conditions(&self, segment: ListSegment, manner: Manner) -> Vec<Document> {
        let pass = &self.plan.passes[segment.pass];
        let mut conditions: Vec<Document> = Vec::new();
        conditions.extend(self.found_by(segment.pass, manner));
        match (segment.part, self.ordering(pass)) {
            // It starts with a text, so it is one.
            (ListPart::Valued, Some(_)) if matches!(pass.order, Order::Searched(..)) => {}
            (ListPart::Valued, Some(key)) => conditions.push(filter::valued(key)),
            (ListPart::Rest, Some(key)) => conditions.push(filter::not_valued(key)),
            _ => {}
        }
        if self.mapping.id().nullable {
            conditions.push(self.has_id());
        }
        conditions.extend(narrow::passes_all(&self.mapping.shown, &self.plan.filters));
        let earlier: Vec<Document> =
            (0..segment.pass).filter_map(|earlier| self.found_by(earlier, Manner::Exact)).collect();
        if !earlier.is_empty() {
            conditions.push(doc! { "$nor": earlier });
        }
        conditions
    }

    /// The condition for rows after a position, in the direction of reading.
    fn behind(&self, segment: ListSegment, from: &From) -> Document {
        let upwards = self.upwards(&self.plan.passes[segment.pass]);
        let id = from.id.as_ref().unwrap_or(&Bson::Null);
        let by_id = filter::beyond(self.mapping.id().name.as_str(), id, upwards);
        let (Some(key), Some(value)) = (self.key(segment), &from.key) else { return by_id };
        let path = key.name.as_str();
        let (within, beyond) = if upwards { ("$gte", "$gt") } else { ("$lte", "$lt") };
        // The first condition uses the index; the rest breaks ties.
        doc! { "$and": [
            { path: { within: value } },
            { "$or": [{ path: { beyond: value } }, { "$and": [{ path: value }, by_id] }] },
        ] }
    }

    fn sort(&self, segment: ListSegment) -> Document {
        let direction = direction(self.upwards(&self.plan.passes[segment.pass]));
        let mut sort = Document::new();
        sort.extend(self.key(segment).map(|key| (key.name.as_str().to_owned(), Bson::from(direction))));
        sort.insert(self.mapping.id().name.as_str(), direction);
        sort
    }

    /// The column that orders the segment's rows before the ID.
    pub(crate) fn key(&self, segment: ListSegment) -> Option<&'a Column> {
        self.ordering(&self.plan.passes[segment.pass]).filter(|_| segment.part == ListPart::Valued)
    }

    fn ordering(&self, pass: &SearchPass) -> Option<&'a Column> {
        match pass.order {
            Order::Id => None,
            Order::Shown(at) => Some(&self.mapping.shown[at]),
            Order::Searched(at, _) => Some(&self.mapping.search[at]),
        }
    }

    fn upwards(&self, pass: &SearchPass) -> bool {
        pass.descending == self.backward
    }

    /// A row without an ID cannot be found again or signed in as.
    fn has_id(&self) -> Document {
        filter::is_identity(self.mapping.id().name.as_str())
    }

    fn projection(&self, segment: ListSegment) -> Document {
        cut::projection(self.mapping, self.key(segment).map(|key| key.name.as_str()))
    }
}

/// Whether an index returns the pass's rows in the order of `key`, but not of their IDs.
fn gives_order(key: &Column, pass: &SearchPass) -> bool {
    match (&pass.tests[..], pass.order) {
        _ if pass.reach != AccessPath::Quick => false,
        ([Test::Begins { .. }], Order::Searched(..)) => true,
        ([Test::Everything], Order::Shown(_)) => key.access.order.is_some() && !key.db_type.with_id,
        _ => false,
    }
}

fn direction(upwards: bool) -> i32 {
    if upwards { 1 } else { -1 }
}
