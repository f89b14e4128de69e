//! A directory that also takes pasted texts: a whole email or ticket. What may identify a user in it is tried one after
//! the other, and the first candidate that finds anyone is taken.
//!
//! Above the engines: a candidate is a search for whole values, of one page like any other. If no candidate finds
//! anyone, that costs one probe of each table per candidate, at most 20; once the time limit of one search has passed
//! since the first answer, no other one is begun. Where no index serves a searched column, a small table is read for each of them; of a large one, the
//! newest rows are checked, as by any search.
//!
//! A candidate is compared as a whole value with the ID, the searched columns and what identifies related records. None
//! of these is ever a masked column: the text of an email gives away no part of a masked value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::config::DirectoryConfig;
use crate::directory::Directory;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::faults::query_timeout_error;
use crate::model::{Count, Info, LeftOut, ListRequest, Page, PastedText, Place, RecordsRequest, Row};
use crate::plan::cursor::{Cursor, foreign_cursor_error};
use crate::query::pasted::{
    Candidate, PASTED_CHARS, TextKind, classify_text, find_candidates, is_searchable,
};
use crate::related::RelatedDirectory;

pub(crate) struct PastedTextDirectory {
    users: RelatedDirectory,
    config: DirectoryConfig,
}

/// How a text is searched for.
struct ReadText {
    /// As it stands; the candidates follow if that finds no one.
    searched_first: bool,
    /// Best first.
    candidates: Vec<Candidate>,
}

impl PastedTextDirectory {
    pub(crate) fn new(users: RelatedDirectory, config: &DirectoryConfig) -> Self {
        Self { users, config: config.clone() }
    }

    fn read_text(&self, text: &str) -> Result<ReadText> {
        if text.chars().nth(PASTED_CHARS).is_some() {
            return Err(too_long_error());
        }
        let kind = classify_text(text, &self.info().columns);
        if kind == TextKind::Search {
            return Ok(ReadText { searched_first: true, candidates: Vec::new() });
        }
        let mut candidates = find_candidates(text);
        // An IBAN in groups is a search for just that.
        candidates.retain(|candidate| candidate.text != text.trim());
        let searched_first = kind == TextKind::Sentence || candidates.is_empty() && is_searchable(text);
        Ok(ReadText { searched_first, candidates })
    }

    /// Tries the candidates.
    async fn search_candidates(
        &self,
        query: &ListRequest,
        candidates: &[Candidate],
        cancel: &CancellationToken,
    ) -> Result<Page> {
        let mut failure: Option<DirectoryError> = None;
        let page = self.try_candidates(query, candidates, &mut failure, cancel).await;
        // A table that could not be asked may know the user: "no one" would be a guess.
        match (page, failure) {
            (Ok(page), Some(failure)) if page.rows.is_empty() => Err(failure),
            (Err(error), Some(failure)) if error.code == DirectoryCode::Timeout => Err(failure),
            (page, _) => page,
        }
    }

    async fn try_candidates(
        &self,
        query: &ListRequest,
        candidates: &[Candidate],
        failure: &mut Option<DirectoryError>,
        cancel: &CancellationToken,
    ) -> Result<Page> {
        let looked_for: Vec<String> = candidates.iter().map(|candidate| candidate.text.clone()).collect();
        let mut left_out: Option<LeftOut> = None;
        let limit = Duration::from_millis(self.config.timeout_ms.into());
        // The first one may have to wait until the database has woken up, and each finds out by itself if it is gone.
        let mut answered: Option<Instant> = None;
        for candidate in candidates {
            if answered.is_some_and(|since| since.elapsed() >= limit) {
                return Err(query_timeout_error(&self.config));
            }
            let (page, failed) =
                self.users.search_named(&to_request(query, candidate), candidate, cancel).await?;
            answered.get_or_insert_with(Instant::now);
            *failure = failure.take().or(failed);
            if !page.rows.is_empty() {
                let pasted = PastedText { taken: Some(candidate.text.clone()), looked_for };
                return Ok(Page { pasted: Some(pasted), ..page });
            }
            left_out = left_out.or(page.left_out);
        }
        let pasted = Some(PastedText { taken: None, looked_for });
        Ok(Page { left_out, pasted, ..Page::without_rows() })
    }

    async fn search(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        let ReadText { searched_first, candidates } = self.read_text(&query.text)?;
        if let Place::After(cursor) | Place::Before(cursor) = &query.place {
            // Each cursor belongs to one search, so it tells which candidate was taken.
            let is_its = |one: &&Candidate| Cursor::decode(cursor, &to_request(query, one)).is_ok();
            return match candidates.iter().find(is_its) {
                Some(taken) => self.search_candidates(query, std::slice::from_ref(taken), cancel).await,
                None if searched_first => self.users.search_users(query, cancel).await,
                None => Err(foreign_cursor_error()),
            };
        }
        if !searched_first {
            return self.search_candidates(query, &candidates, cancel).await;
        }
        let page = self.users.search_users(query, cancel).await?;
        if candidates.is_empty() || !page.rows.is_empty() {
            return Ok(page);
        }
        let named = self.search_candidates(query, &candidates, cancel).await?;
        let left_out = if named.rows.is_empty() { page.left_out.or(named.left_out) } else { named.left_out };
        Ok(Page { left_out, ..named })
    }
}

/// The request for a page of the users whom a candidate names.
fn to_request(query: &ListRequest, candidate: &Candidate) -> ListRequest {
    ListRequest { text: candidate.to_query_text(), ..query.clone() }
}

fn too_long_error() -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::QueryInvalid,
        "The pasted text is longer than 100,000 characters, so it was not searched for a user.",
    )
    .with_hint("Paste only the part with the address or the number, or search for it alone.")
}

#[async_trait]
impl Directory for PastedTextDirectory {
    fn info(&self) -> Arc<Info> {
        self.users.info()
    }

    async fn search_users(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        let started = Instant::now();
        let mut page = self.search(query, cancel).await?;
        page.how.elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(page)
    }

    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        let ReadText { candidates, .. } = self.read_text(text)?;
        if candidates.is_empty() && is_searchable(text) {
            return self.users.count_users(text, cancel).await;
        }
        let found = self.search(&ListRequest::first_page(text, 1), cancel).await?;
        let Some(PastedText { taken, .. }) = found.pasted else {
            return self.users.count_users(text, cancel).await;
        };
        match candidates.iter().find(|candidate| Some(&candidate.text) == taken.as_ref()) {
            Some(taken) => self.users.count_named(&taken.to_query_text(), taken, cancel).await,
            None => Ok(Count { users: 0, capped: false }),
        }
    }

    async fn find_user(&self, id: &str) -> Result<Option<Row>> {
        self.users.find_user(id).await
    }

    async fn read_common_values(&self, column: usize) -> Result<Vec<String>> {
        self.users.read_common_values(column).await
    }

    async fn list_records(&self, request: &RecordsRequest, cancel: &CancellationToken) -> Result<Page> {
        self.users.list_records(request, cancel).await
    }

    async fn close(&self) {
        self.users.close().await;
    }
}
