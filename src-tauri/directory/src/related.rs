//! A directory with related tables: what is typed also leads to users through their orders, invoices or devices, and the
//! records of a user can be listed.
//!
//! Each related table is opened like a table of users, over the same connections. A search first looks for the text in
//! the identifying columns of all related tables, one index probe each. The keys of the users found that way become
//! passes of the ordinary search, so filters, order and paging work as for any other search.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::directory::{Directory, OpenTable};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::{
    Column, Count, FieldKind, FoundThrough, Info, ListRequest, Page, RecordsRequest, RelatedInfo, Row,
    SearchCoverage,
};
use crate::query::ParsedQuery;
use crate::query::pasted::Candidate;
use crate::scope::{LeadingKeys, NamedUsers, RowKey, SearchScope};

/// How many records of each table are looked at: what more of them begin with does not identify anyone.
const RECORDS: u16 = 20;
/// Fewer characters are the beginning of too much.
const BEGINNING: usize = 3;
/// What was pasted may identify several things; each costs a probe.
const TEXTS: usize = 3;
/// Longer texts are no numbers.
const LONGEST: usize = 100;
/// How many values of a list, and how many members of an organisation, are followed.
const FOLLOWED: u16 = 100;

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
    /// The table between the records and the users, if there is one.
    between: Option<TableBetween>,
}

/// The table between records and users, opened for each direction: a row is identified by its first column, and listed
/// by the second one.
struct TableBetween {
    users_of_record: Arc<dyn OpenTable>,
    records_of_user: Arc<dyn OpenTable>,
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
            let leads_by = records_config.columns.first().and_then(place);
            let leads_by = leads_by.ok_or_else(|| DirectoryError::internal("the column is mapped"))?;
            let between = open_table_between(users, config, at).await?;
            let users_kind = info.columns[leads_to].kind;
            let is_list = found.columns[leads_by].kind == FieldKind::Json;
            info.related.push(RelatedInfo {
                label: related.label.clone(),
                table: related.table.clone(),
                columns: found.columns.clone(),
                leads_by,
                identify: related.identify.iter().filter_map(place).collect(),
                shared: leads_by == 0 || is_list,
                shared_value: (leads_by == 0 && between.is_none() && users_kind != FieldKind::Json)
                    .then_some(leads_to),
                opens: related.url.is_some(),
            });
            info.coverage.extend(found.coverage.iter().map(|served| SearchCoverage {
                column: format!("{}.{}", related.table, served.column),
                ..served.clone()
            }));
            add_grants(&mut info.reader, &found.reader);
            if let Some(TableBetween { users_of_record, records_of_user }) = &between {
                let table = related.split_through().map_or("", |(table, _)| table);
                for side in [users_of_record.info(), records_of_user.info()] {
                    info.coverage.extend(side.coverage.iter().map(|served| SearchCoverage {
                        column: format!("{table}.{}", served.column),
                        ..served.clone()
                    }));
                }
                add_grants(&mut info.reader, &users_of_record.info().reader);
            }
            relations.push(Relation {
                label: related.label.clone(),
                identify: related.identify.iter().filter_map(place).collect(),
                records,
                leads_by,
                leads_to,
                between,
            });
        }
        Ok(Self { users: Arc::clone(users), relations, info: Arc::new(info), clock: Arc::clone(clock) })
    }

    /// The records that the free text in `text` identifies.
    async fn find_typed_clues(&self, text: &str, cancel: &CancellationToken) -> Result<FoundClues> {
        if self.relations.is_empty() {
            return Ok(FoundClues::default());
        }
        let texts = self.list_identities(text);
        self.find_clues(&texts, SearchScope::Identities(texts.clone()), cancel).await
    }

    /// The records in `scope`, to which the texts lead. A table that can't be asked holds up no other one.
    async fn find_clues(
        &self,
        texts: &[String],
        scope: SearchScope,
        cancel: &CancellationToken,
    ) -> Result<FoundClues> {
        let mut all = FoundClues::default();
        if texts.is_empty() {
            return Ok(all);
        }
        let is_whole = matches!(scope, SearchScope::Values(_));
        let probes = self.relations.iter().filter(|relation| !relation.identify.is_empty()).map(|relation| {
            let scope = &scope;
            async move {
                let probe = ListRequest::first_page("", RECORDS);
                let found = relation.records.search_rows(&probe, scope, cancel).await?;
                let mut clues: Vec<Clue> =
                    found.rows.iter().flat_map(|row| relation.to_clues(row, texts)).collect();
                clues.retain(|clue| clue.whole || !is_whole);
                relation.follow_members(clues, cancel).await
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

    /// Searches for the users whom a candidate from a pasted text names: one probe of each table. `query.text` is only
    /// what the page's cursors belong to. The failure, if there is one, says why a related table could not be asked.
    pub(crate) async fn search_named(
        &self,
        query: &ListRequest,
        candidate: &Candidate,
        cancel: &CancellationToken,
    ) -> Result<(Page, Option<DirectoryError>)> {
        let FoundClues { clues, failure } = self.find_named_clues(candidate, cancel).await?;
        let scope = to_named_scope(candidate, &clues);
        let mut page = self.users.search_rows(query, &scope, cancel).await?;
        explain_rows(&mut page.rows, &clues, &self.info.columns);
        Ok((page, failure))
    }

    /// Counts the users whom a candidate names.
    pub(crate) async fn count_named(
        &self,
        text: &str,
        candidate: &Candidate,
        cancel: &CancellationToken,
    ) -> Result<Count> {
        let FoundClues { clues, .. } = self.find_named_clues(candidate, cancel).await?;
        self.users.count_rows(text, &to_named_scope(candidate, &clues), cancel).await
    }

    /// The records that a candidate identifies as a whole.
    async fn find_named_clues(
        &self,
        candidate: &Candidate,
        cancel: &CancellationToken,
    ) -> Result<FoundClues> {
        let texts = &candidate.spellings;
        self.find_clues(texts, SearchScope::Values(texts.clone()), cancel).await
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
    /// Where the record leads; nowhere if no user is named in it, or it only begins with too little.
    fn to_clues(&self, row: &Row, texts: &[String]) -> Vec<Clue> {
        let Some((value, whole)) = self.find_identity(row, texts) else { return Vec::new() };
        let Some(Some(cell)) = row.cells.get(self.leads_by) else { return Vec::new() };
        let keys = split_list(cell, self.records.info().columns[self.leads_by].kind);
        let keys = keys.into_iter().map(|text| RowKey { column: self.leads_to, text });
        let through = FoundThrough { label: self.label.clone(), value: value.to_owned() };
        keys.map(|key| Clue { key, through: through.clone(), whole }).collect()
    }

    /// Where the records lead through the table between, if there is one.
    async fn follow_members(&self, clues: Vec<Clue>, cancel: &CancellationToken) -> Result<Vec<Clue>> {
        let Some(TableBetween { users_of_record, .. }) = &self.between else { return Ok(clues) };
        let followed = clues.into_iter().map(|clue| async move {
            let scope = SearchScope::Keyed(vec![RowKey { column: 1, text: clue.key.text }]);
            let members = ListRequest::first_page("", FOLLOWED);
            let members = users_of_record.search_rows(&members, &scope, cancel).await?;
            let to_clue = |row: Row| Clue {
                key: RowKey { column: clue.key.column, text: row.id },
                through: clue.through.clone(),
                whole: clue.whole,
            };
            Ok::<Vec<Clue>, DirectoryError>(members.rows.into_iter().map(to_clue).collect())
        });
        let mut all = Vec::new();
        for members in join_all(followed).await {
            all.extend(members?);
        }
        all.truncate(FOLLOWED.into());
        Ok(all)
    }

    /// A page of the records to which the table between leads from a user.
    async fn list_through(
        &self,
        between: &TableBetween,
        keys: Vec<String>,
        list: &ListRequest,
        cancel: &CancellationToken,
    ) -> Result<Page> {
        let keys = keys.into_iter().map(|text| RowKey { column: 1, text }).collect();
        let mut page = between.records_of_user.search_rows(list, &SearchScope::Keyed(keys), cancel).await?;
        let found = join_all(page.rows.iter().map(|row| self.records.find_user(&row.id))).await;
        page.rows = found.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
        Ok(page)
    }

    /// The value of the record that one of the texts equals or begins, and whether it equals it.
    fn find_identity<'a>(&self, row: &'a Row, texts: &[String]) -> Option<(&'a str, bool)> {
        let cells = || self.identify.iter().filter_map(|&at| row.cells.get(at)?.as_deref());
        let is_any = |cell: &str| texts.iter().any(|text| text.to_lowercase() == cell.to_lowercase());
        let starts = |cell: &str| {
            let cell = cell.to_lowercase();
            texts
                .iter()
                .any(|text| text.chars().count() >= BEGINNING && cell.starts_with(&text.to_lowercase()))
        };
        match cells().find(|cell| is_any(cell)) {
            Some(value) => Some((value, true)),
            None => Some((cells().find(|cell| starts(cell))?, false)),
        }
    }
}

async fn open_table_between(
    users: &Arc<dyn OpenTable>,
    config: &DirectoryConfig,
    at: usize,
) -> Result<Option<TableBetween>> {
    let related = &config.related[at];
    let Some((table, record)) = related.split_through() else { return Ok(None) };
    let open = |id: &str, listed_by: &str| {
        let config = config.of_table_between(at, table, id, listed_by);
        async move { users.open_another(&config).await }
    };
    let records_of_user = open(record, &related.user).await?;
    let users_of_record = open(&related.user, record).await?;
    Ok(Some(TableBetween { users_of_record, records_of_user }))
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
    // Each of them is a condition of every later pass.
    keys.exact.truncate(FOLLOWED.into());
    keys.beginning.truncate(FOLLOWED.into());
    if clues.is_empty() { SearchScope::Text } else { SearchScope::Led(keys) }
}

/// The scope of the search for users whom a candidate or these records name.
fn to_named_scope(candidate: &Candidate, clues: &[Clue]) -> SearchScope {
    let mut keys: Vec<RowKey> = Vec::new();
    for clue in clues {
        if !keys.contains(&clue.key) {
            keys.push(clue.key.clone());
        }
    }
    keys.truncate(FOLLOWED.into());
    SearchScope::Named(NamedUsers {
        texts: candidate.spellings.clone(),
        ids: candidate.list_ids(),
        phone: candidate.phone_number(),
        keys,
    })
}

/// The values in a cell. MongoDB's documents may have a list where they lead to several others.
fn split_list(cell: &str, kind: FieldKind) -> Vec<String> {
    let whole = || vec![cell.to_owned()];
    if kind != FieldKind::Json {
        return whole();
    }
    // A long cell is cut: what it ends with is left out.
    let cut = || Some(format!("{}]", &cell[..cell.rfind(',')?]));
    let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).ok();
    let Some(items) = read(cell).or_else(|| read(&cut()?)) else { return whole() };
    let to_text = |item: Value| match item {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        // An ObjectId or a UUID, as extended JSON writes it.
        Value::Object(fields) => fields.into_iter().find_map(|(_, value)| value.as_str().map(str::to_owned)),
        _ => None,
    };
    items.into_iter().filter_map(to_text).take(FOLLOWED.into()).collect()
}

/// Tells each user the record that led there, the whole ones first.
fn explain_rows(rows: &mut [Row], clues: &[Clue], columns: &[Column]) {
    for row in rows {
        let leads_here = |clue: &&Clue| {
            let cell = row.cells.get(clue.key.column).and_then(Option::as_deref);
            let values = cell.map(|cell| split_list(cell, columns[clue.key.column].kind)).unwrap_or_default();
            values.iter().any(|value| value.eq_ignore_ascii_case(&clue.key.text))
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
        let FoundClues { clues, failure } = self.find_typed_clues(&query.text, cancel).await?;
        let mut page = self.users.search_rows(query, &to_scope(&clues), cancel).await?;
        // Whom the users' own columns find is shown all the same; "no one" would be a guess.
        if let Some(failure) = failure
            && page.rows.is_empty()
        {
            return Err(failure);
        }
        explain_rows(&mut page.rows, &clues, &self.info.columns);
        page.how.elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(page)
    }

    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        let FoundClues { clues, .. } = self.find_typed_clues(text, cancel).await?;
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
        let Some(key) = key else { return Ok(Page::without_rows()) };
        let keys = split_list(&key, self.info.columns[relation.leads_to].kind);
        if keys.is_empty() {
            return Ok(Page::without_rows());
        }
        let list = ListRequest { place: request.place.clone(), ..ListRequest::first_page("", request.limit) };
        if let Some(between) = &relation.between {
            return relation.list_through(between, keys, &list, cancel).await;
        }
        let keys = keys.into_iter().map(|text| RowKey { column: relation.leads_by, text });
        let scope = SearchScope::Keyed(keys.collect());
        relation.records.search_rows(&list, &scope, cancel).await
    }

    async fn close(&self) {
        // The related tables are read over the same connections.
        self.users.close().await;
    }
}
