//! A directory with related tables: what is typed also leads to users through their orders, invoices or devices, and the
//! records of a user can be listed.
//!
//! Each related table is opened like a table of users, over the same connections. A search first looks for the text in
//! the identifying columns of all related tables, one index probe each. The keys of the users found that way become
//! passes of the ordinary search, so filters, order and paging work as for any other search.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::directory::{Directory, OpenTable};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::{
    Column, Count, FoundThrough, Info, ListRequest, Page, RecordsRequest, RelatedInfo, Row, SearchCoverage,
};
use crate::query::ParsedQuery;
use crate::scope::{LeadingKeys, RowKey, SearchScope};

/// How many records of each table are looked at: what more of them begin with does not identify anyone.
const RECORDS: u16 = 20;
/// Fewer characters are the beginning of too much.
const BEGINNING: usize = 3;
/// What was pasted may identify several things; each costs a probe.
const TEXTS: usize = 3;
/// Longer texts are no numbers.
const LONGEST: usize = 100;

pub(crate) struct RelatedDirectory {
    users: Arc<dyn OpenTable>,
    relations: Vec<Relation>,
    info: Arc<Info>,
    clock: Arc<dyn WallClock>,
}

/// An open related table.
struct Relation {
    label: String,
    records: Arc<dyn OpenTable>,
    /// The column of the records that leads to a user, and the column of the users that it refers to.
    leads_by: usize,
    leads_to: usize,
    /// The identifying columns of the records.
    identify: Vec<usize>,
}

/// What the related tables know about what was typed.
#[derive(Default)]
struct FoundClues {
    clues: Vec<Clue>,
    /// Why a table could not be asked: it may be locked by a migration, or slow.
    failure: Option<DirectoryError>,
}

/// A record that what was typed identifies.
struct Clue {
    key: RowKey,
    through: FoundThrough,
    /// The whole value was typed, not only its beginning.
    whole: bool,
}

impl RelatedDirectory {
    /// Opens the related tables of `config`. Fails with [`DirectoryCode::Mismatch`] if a table or column does not
    /// exist.
    pub(crate) async fn open(
        users: &Arc<dyn OpenTable>,
        config: &DirectoryConfig,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self> {
        let mut info = Info::clone(&users.info());
        let mut relations = Vec::with_capacity(config.related.len());
        for (at, related) in config.related.iter().enumerate() {
            let records_config = config.of_related_table(at);
            let leads_to = related.leads_to.as_ref().unwrap_or(&config.id);
            let leads_to = find_column(&info.columns, leads_to)
                .ok_or_else(|| unmapped_column_error(&records_config.key_of("leads_to"), leads_to))?;
            let records = users.open_another(&records_config).await?;
            let found = records.info();
            let place = |name: &String| find_column(&found.columns, name);
            let leads_by =
                place(&related.user).ok_or_else(|| DirectoryError::internal("the column is mapped"))?;
            info.related.push(RelatedInfo {
                label: related.label.clone(),
                table: related.table.clone(),
                columns: found.columns.clone(),
                leads_by,
                identify: related.identify.iter().filter_map(place).collect(),
                opens: related.url.is_some(),
            });
            info.coverage.extend(found.coverage.iter().map(|served| SearchCoverage {
                column: format!("{}.{}", related.table, served.column),
                ..served.clone()
            }));
            add_grants(&mut info.reader, &found.reader);
            relations.push(Relation {
                label: related.label.clone(),
                identify: related.identify.iter().filter_map(place).collect(),
                records,
                leads_by,
                leads_to,
            });
        }
        Ok(Self { users: Arc::clone(users), relations, info: Arc::new(info), clock: Arc::clone(clock) })
    }

    /// The records that the free text in `text` identifies. A table that can't be asked holds up no other one.
    async fn find_clues(&self, text: &str, cancel: &CancellationToken) -> Result<FoundClues> {
        let texts = self.list_identities(text);
        let mut all = FoundClues::default();
        if texts.is_empty() {
            return Ok(all);
        }
        let scope = SearchScope::Identities(texts.clone());
        let probes = self.relations.iter().filter(|relation| !relation.identify.is_empty()).map(|relation| {
            let (scope, texts) = (&scope, &texts);
            async move {
                let probe = ListRequest::first_page("", RECORDS);
                let found = relation.records.search_rows(&probe, scope, cancel).await?;
                Ok::<Vec<Clue>, DirectoryError>(
                    found.rows.iter().filter_map(|row| relation.to_clue(row, texts)).collect(),
                )
            }
        });
        for found in join_all(probes).await {
            match found {
                Ok(clues) => all.clues.extend(clues),
                Err(error) if error.code == DirectoryCode::Cancelled => return Err(error),
                Err(error) => all.failure = all.failure.or(Some(error)),
            }
        }
        Ok(all)
    }

    /// What the free text may be the number of: as it stands, without the spaces of an IBAN, and what it holds if it
    /// was pasted with text around it.
    fn list_identities(&self, text: &str) -> Vec<String> {
        let asked = ParsedQuery::parse(&text.replace('\0', ""), &self.info.columns, self.clock.read_time());
        let typed = asked.text.as_str();
        let compact: String = typed.split_whitespace().collect();
        let has_digit = compact.contains(|char: char| char.is_ascii_digit());
        let mut texts: Vec<String> = Vec::new();
        let phones = asked.phone.iter().flat_map(|digits| [digits.clone(), format!("+{digits}")]);
        let candidates = asked.identities.iter().map(|identity| identity.as_str().to_owned());
        let compact = (has_digit && compact != typed).then_some(compact);
        for candidate in candidates.chain(compact).chain(phones) {
            let may_be_one = (1..=LONGEST).contains(&candidate.chars().count());
            if may_be_one && !texts.contains(&candidate) && texts.len() < TEXTS {
                texts.push(candidate);
            }
        }
        texts
    }
}

impl Relation {
    /// Where the record leads; `None` if it leads to no user, or only begins with too little.
    fn to_clue(&self, row: &Row, texts: &[String]) -> Option<Clue> {
        let key = RowKey { column: self.leads_to, text: row.cells.get(self.leads_by)?.clone()? };
        let cells = || self.identify.iter().filter_map(|&at| row.cells.get(at)?.as_deref());
        let is_any = |cell: &str| texts.iter().any(|text| text.to_lowercase() == cell.to_lowercase());
        let starts = |cell: &str| {
            let cell = cell.to_lowercase();
            texts
                .iter()
                .any(|text| text.chars().count() >= BEGINNING && cell.starts_with(&text.to_lowercase()))
        };
        let (value, whole) = match cells().find(|cell| is_any(cell)) {
            Some(value) => (value, true),
            None => (cells().find(|cell| starts(cell))?, false),
        };
        let through = FoundThrough { label: self.label.clone(), value: value.to_owned() };
        Some(Clue { key, through, whole })
    }
}

/// The scope of the search for users to whom these records lead.
fn to_scope(clues: &[Clue]) -> SearchScope {
    let mut keys = LeadingKeys::default();
    for clue in clues.iter().filter(|clue| clue.whole) {
        if !keys.exact.contains(&clue.key) {
            keys.exact.push(clue.key.clone());
        }
    }
    for clue in clues {
        if !keys.exact.contains(&clue.key) && !keys.beginning.contains(&clue.key) {
            keys.beginning.push(clue.key.clone());
        }
    }
    if clues.is_empty() { SearchScope::Text } else { SearchScope::Led(keys) }
}

/// Tells each user the record that led there, the whole ones first.
fn explain_rows(rows: &mut [Row], clues: &[Clue]) {
    for row in rows {
        let leads_here = |clue: &&Clue| {
            let cell = row.cells.get(clue.key.column).and_then(Option::as_deref);
            cell.is_some_and(|cell| cell.eq_ignore_ascii_case(&clue.key.text))
        };
        let mut leading = clues.iter().filter(leads_here);
        let first = leading.clone().find(|clue| clue.whole).or_else(|| leading.next());
        row.found_through = first.map(|clue| clue.through.clone());
    }
}

fn find_column(columns: &[Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name == name)
}

/// Adds what a role needs for a related table to the statements for the users' table.
fn add_grants(reader: &mut Vec<String>, related: &[String]) {
    let is_grant = |statement: &&String| statement.starts_with("GRANT SELECT");
    let at = reader.iter().rposition(|statement| is_grant(&statement)).map_or(reader.len(), |at| at + 1);
    let new: Vec<String> =
        related.iter().filter(is_grant).filter(|grant| !reader.contains(grant)).cloned().collect();
    reader.splice(at..at, new);
}

fn unmapped_column_error(key: &str, name: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::ConfigInvalid,
        format!("{key}: the users have no column `{name}` in this connection."),
    )
    .with_hint("Add it to directory.columns.")
}

#[async_trait]
impl Directory for RelatedDirectory {
    fn info(&self) -> Arc<Info> {
        Arc::clone(&self.info)
    }

    async fn search_users(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        let started = std::time::Instant::now();
        let FoundClues { clues, failure } = self.find_clues(&query.text, cancel).await?;
        let mut page = self.users.search_rows(query, &to_scope(&clues), cancel).await?;
        // Whom the users' own columns find is shown all the same; "no one" would be a guess.
        if let Some(failure) = failure
            && page.rows.is_empty()
        {
            return Err(failure);
        }
        explain_rows(&mut page.rows, &clues);
        page.how.elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(page)
    }

    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        let FoundClues { clues, .. } = self.find_clues(text, cancel).await?;
        self.users.count_rows(text, &to_scope(&clues), cancel).await
    }

    async fn find_user(&self, id: &str) -> Result<Option<Row>> {
        self.users.find_user(id).await
    }

    async fn read_common_values(&self, column: usize) -> Result<Vec<String>> {
        self.users.read_common_values(column).await
    }

    async fn list_records(&self, request: &RecordsRequest, cancel: &CancellationToken) -> Result<Page> {
        let relation = self.relations.get(request.related).ok_or_else(|| {
            DirectoryError::new(DirectoryCode::QueryInvalid, "The connection has no such related table.")
                .with_hint("Search again.")
        })?;
        // The ID is known; any other column's value is the user's own.
        let key = if relation.leads_to == 0 {
            Some(request.user.clone())
        } else {
            let user = self.users.find_user(&request.user).await?;
            user.and_then(|user| user.cells.into_iter().nth(relation.leads_to).flatten())
        };
        // No record leads to a user without a value.
        let Some(text) = key else { return Ok(Page::without_rows()) };
        let list = ListRequest { place: request.place.clone(), ..ListRequest::first_page("", request.limit) };
        let scope = SearchScope::Keyed(RowKey { column: relation.leads_by, text });
        relation.records.search_rows(&list, &scope, cancel).await
    }

    async fn close(&self) {
        // The related tables are read over the same connections.
        self.users.close().await;
    }
}
