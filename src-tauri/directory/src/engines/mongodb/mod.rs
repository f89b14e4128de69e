//! The MongoDB directory. Columns are paths: `profile.name`, `emails.0.address`.

mod advice;
mod catalogue;
pub(crate) mod cells;
mod column_filters;
mod common_values;
mod connect;
mod discovery;
pub(crate) mod errors;
mod filter;
mod listing;
pub(crate) mod paths;
pub(crate) mod server;
mod topology;
pub(crate) mod values;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bson::{Document, doc};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) use self::discovery::discover_tables;
use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::directory::{Directory, OpenTable};
use crate::engines::mongodb::catalogue::{Field, TextIndex};
use crate::engines::mongodb::listing::Listing;
use crate::engines::mongodb::server::{FindQuery, MongoReadTx, MongoServers};
use crate::error::{DirectoryCode, Result};
use crate::faults::{cancelled_error, table_changed_error};
use crate::model::{Count, Info, ListRequest, Page, Place, Row};
use crate::plan::TableSize;
use crate::query::values::keep_suggestible_values;
use crate::reach::endpoint::{ASLEEP, Endpoint};
use crate::reach::password_source::PasswordSource;
use crate::schema::mapping::Mapping;
use crate::schema::value::Value;
use crate::scope::SearchScope;
use crate::sql::dialect::{FetchedRow, into_single_user};

/// Reading the catalogue takes milliseconds; a server that needs longer than this is in trouble.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Reading and comparing a document costs as much as this many rows of a table. A cautious guess, not a measurement: a
/// query without an index reads the collection up to six times, and 31,000 documents took longer than 300 ms on two
/// busy cores.
const ROWS_PER_DOCUMENT: u64 = 10;
/// Suggestions that take longer come too late.
const VALUES_LIMIT: Duration = Duration::from_millis(500);
/// A check of the indexes costs as much as a search, and whoever types searches at each keystroke.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// More matches are shown as "1,000+".
const COUNTED_HITS: u64 = 1000;

pub(crate) struct MongoDirectory {
    server: Arc<MongoServers>,
    config: DirectoryConfig,
    mapping: Mapping<Field>,
    /// A text index that covers all searched columns.
    words: Option<TextIndex>,
    info: Arc<Info>,
    indexes: Arc<MongoIndexes>,
    is_view: bool,
    clock: Arc<dyn WallClock>,
}

/// The collection as it was when it was opened.
struct SeenCollection {
    mapping: Mapping<Field>,
    words: Option<TextIndex>,
    info: Arc<Info>,
    is_view: bool,
}

/// The state of the collection's indexes.
struct MongoIndexes {
    /// `None`: this user may not list them.
    seen: Option<String>,
    /// A check is running.
    looking: AtomicBool,
    /// When the last one began.
    looked_at: Mutex<Instant>,
    /// They have changed, so the directory has to be reopened.
    changed: AtomicBool,
}

impl MongoDirectory {
    pub(crate) async fn open(
        config: &DirectoryConfig,
        passwords: &Arc<dyn PasswordSource>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self> {
        let server = MongoServers::connect(Endpoint::to_any(config, passwords)?, config).await?;
        match Self::inspect_when_awake(&server, config).await {
            Ok(seen) => Ok(Self::of_collection(server, config, seen, clock).await),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    async fn of_collection(
        server: Arc<MongoServers>,
        config: &DirectoryConfig,
        SeenCollection { mapping, words, info, is_view }: SeenCollection,
        clock: &Arc<dyn WallClock>,
    ) -> Self {
        let seen = describe_indexes(&server).await;
        let indexes = MongoIndexes {
            seen,
            looking: AtomicBool::new(false),
            looked_at: Mutex::new(Instant::now()),
            changed: AtomicBool::new(false),
        };
        let (config, indexes, clock) = (config.clone(), Arc::new(indexes), Arc::clone(clock));
        Self { server, config, mapping, words, info, indexes, is_view, clock }
    }

    /// Reads the catalogue, waiting for a sleeping server to wake up.
    async fn inspect_when_awake(
        server: &Arc<MongoServers>,
        config: &DirectoryConfig,
    ) -> Result<SeenCollection> {
        let began = Instant::now();
        let mut waking = None;
        loop {
            let looked = tokio::select! {
                looked = Self::inspect_collection(server, config) => looked,
                error = server.other_replica_set_error() => return Err(error),
            };
            let error = match looked {
                Err(error) if error.code == DirectoryCode::Unreachable => error,
                looked => return looked,
            };
            if waking.is_none()
                && let Some(stranger) = server.detect_other_service().await
            {
                return Err(stranger);
            }
            let sleeps = server.is_asleep().await;
            if sleeps && began.elapsed() < config.patience() {
                waking.get_or_insert_with(|| server.endpoint().announce_waking());
                // A proxy that hangs up immediately would otherwise be called without a pause.
                tokio::time::sleep(Duration::from_millis(200)).await;
            } else {
                return Err(if sleeps { error.with_hint(ASLEEP) } else { error });
            }
        }
    }

    async fn inspect_collection(
        server: &Arc<MongoServers>,
        config: &DirectoryConfig,
    ) -> Result<SeenCollection> {
        let mut reading = MongoReadTx::begin(server, OPEN_LIMIT).await?;
        let built = match reading.run_command(doc! { "buildInfo": 1 }).await {
            Ok(built) => built,
            Err(error) => return Err(server.explain_unreachable(error).await),
        };
        let is_secondary = server.is_one() && is_secondary(&mut reading).await?;
        let found = catalogue::read_catalogue(&mut reading, config, &server.database).await?;
        let mapping = Mapping::new(config, &found.table)?;
        let words = found.text_index.filter(|index| index.covers_columns(&mapping.search));
        let info = Arc::new(Info {
            server: format!(
                "MongoDB {}{}",
                built.get_str("version").unwrap_or_default(),
                if is_secondary { ", a secondary: it may be a little behind" } else { "" }
            ),
            columns: mapping.columns.clone(),
            estimated_total: found.estimated_rows,
            total_is_exact: false,
            coverage: advice::describe_coverage(&mapping, &config.table, words.as_ref(), found.is_view),
            reader: advice::suggest_reader_account(&server.database, &list_collections(config)),
            cautions: found.cautions,
            related: Vec::new(),
        });
        Ok(SeenCollection { mapping, words, info, is_view: found.is_view })
    }

    /// Checks the indexes in the background, at most once per second: a change takes effect with the next query.
    fn recheck_indexes(&self) {
        if self.indexes.seen.is_none()
            || self.indexes.looked_at.lock().elapsed() < LOOK_AGAIN
            || self.indexes.looking.swap(true, Ordering::Relaxed)
        {
            return;
        }
        *self.indexes.looked_at.lock() = Instant::now();
        let (server, indexes) = (Arc::clone(&self.server), Arc::clone(&self.indexes));
        tokio::spawn(async move {
            let now = describe_indexes(&server).await;
            if now.is_some() && now != indexes.seen {
                indexes.changed.store(true, Ordering::Relaxed);
            }
            indexes.looking.store(false, Ordering::Relaxed);
        });
    }

    /// The size of a table that takes as long to read.
    fn collection_size(&self) -> TableSize {
        let rows = self.info.estimated_total.map(|documents| documents.saturating_mul(ROWS_PER_DOCUMENT));
        TableSize { rows, limit_ms: self.config.timeout_ms }
    }

    fn new_listing<'a>(&'a self, query: &'a ListRequest, scope: &SearchScope) -> Result<Listing<'a>> {
        Listing::new(
            &self.mapping,
            query,
            scope,
            self.collection_size(),
            self.words.as_ref(),
            self.clock.read_time(),
        )
    }

    /// Runs `ask` within the connection's time limit, until it is cancelled. Retries once with a new password if the
    /// old one has expired, or through a new tunnel if the old one broke.
    async fn run_query<T, F: Future<Output = Result<T>>>(
        &self,
        cancel: Option<&CancellationToken>,
        ask: impl Fn(MongoReadTx) -> F,
    ) -> Result<T> {
        let limit = Duration::from_millis(self.config.timeout_ms.into());
        let read = async {
            let asked = ask(MongoReadTx::begin(&self.server, limit).await?);
            let answer = tokio::select! {
                answer = asked => Some(answer),
                () = self.server.wait_until_broken() => None,
            };
            let answer = match answer {
                Some(Err(_)) if self.server.logs_in_again().await => None,
                answer => answer,
            };
            let answer = match answer {
                Some(answer) => answer,
                None => ask(MongoReadTx::begin(&self.server, limit).await?).await,
            };
            match answer {
                Ok(answer) => Ok(answer),
                Err(error) if error.code == DirectoryCode::Timeout && self.is_view => {
                    Err(errors::slow_view_error(&self.config, limit))
                }
                Err(error) => Err(self.server.explain_unreachable(error).await),
            }
        };
        let Some(cancel) = cancel else { return read.await };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled_error()),
            answer = read => answer,
        }
    }
}

#[async_trait]
impl Directory for MongoDirectory {
    fn info(&self) -> Arc<Info> {
        Arc::clone(&self.info)
    }

    async fn search_users(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        self.search_rows(query, &SearchScope::Text, cancel).await
    }

    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        self.count_rows(text, &SearchScope::Text, cancel).await
    }

    async fn find_user(&self, id: &str) -> Result<Option<Row>> {
        let path = self.mapping.id().name.as_str();
        let find = FindQuery {
            filter: doc! { path: { "$in": values::parse_possible_values(id, self.mapping.id().bytes) } },
            projection: listing::project_shown_columns(&self.mapping),
            limit: 50,
            ..FindQuery::default()
        };
        let find = &find;
        let ask = |mut reading: MongoReadTx| async move {
            let found = reading.find_documents(find.clone()).await?;
            if found.is_empty() {
                catalogue::is_there(&mut reading, &self.config).await?;
            }
            Ok(found)
        };
        let documents = self.run_query(None, ask).await?;
        // The query may match other spellings: 007 is not 7.
        let rows = documents
            .iter()
            .filter_map(|document| listing::to_found_document(&self.mapping, 0, None, document))
            .map(|found| found.row)
            .filter(|row| row.id == id)
            .map(|row| FetchedRow {
                segment: 0,
                cells: row.cells,
                id: Value::Text(row.id),
                shown_id: None,
                key: Value::Null,
            });
        into_single_user(rows.collect(), id)
    }

    async fn read_common_values(&self, column: usize) -> Result<Vec<String>> {
        let ask = async |pipeline: Vec<Document>| {
            let mut reading = MongoReadTx::begin(&self.server, VALUES_LIMIT).await?;
            reading.run_aggregation(pipeline, None).await
        };
        let shown = &self.mapping.shown[column];
        let found = ask(common_values::among_newest(&self.mapping, shown)).await?;
        let mut values = common_values::to_suggestions(&found);
        if let Some(pipeline) = common_values::by_index(shown) {
            // If the server reads the whole index instead, this soon times out.
            values.extend(common_values::to_suggestions(&ask(pipeline).await.unwrap_or_default()));
        }
        Ok(keep_suggestible_values(values))
    }

    async fn close(&self) {
        self.server.close().await;
    }
}

#[async_trait]
impl OpenTable for MongoDirectory {
    async fn search_rows(
        &self,
        query: &ListRequest,
        scope: &SearchScope,
        cancel: &CancellationToken,
    ) -> Result<Page> {
        if self.indexes.changed.load(Ordering::Relaxed) {
            return Err(table_changed_error(&self.config, "its indexes are different"));
        }
        let started = Instant::now();
        let ask = |mut reading: MongoReadTx| async move {
            let mut listing = self.new_listing(query, scope)?;
            listing.fill_page(&mut reading).await?;
            // A missing collection looks like an empty one.
            if listing.is_empty() {
                catalogue::is_there(&mut reading, &self.config).await?;
            }
            Ok(listing.into_page(started.elapsed()))
        };
        let mut page = self.run_query(Some(cancel), ask).await?;
        if query.place == Place::Start {
            self.recheck_indexes();
        }
        if let Some(left_out) = &mut page.left_out {
            left_out.rows = self.info.estimated_total;
        }
        Ok(page)
    }

    async fn count_rows(&self, text: &str, scope: &SearchScope, cancel: &CancellationToken) -> Result<Count> {
        let query = ListRequest::first_page(text, 1);
        let query = &query;
        let ask = |mut reading: MongoReadTx| async move {
            if text.trim().is_empty() {
                return Ok(Count { users: reading.estimate_count().await?, capped: false });
            }
            let listing = self.new_listing(query, scope)?;
            let users = listing::count_matches(&self.mapping, listing, &mut reading, COUNTED_HITS).await?;
            Ok(Count { users: users.min(COUNTED_HITS), capped: users > COUNTED_HITS })
        };
        self.run_query(Some(cancel), ask).await
    }

    async fn open_another(&self, config: &DirectoryConfig) -> Result<Arc<dyn OpenTable>> {
        let server = self.server.for_another_collection(config);
        let seen = Self::inspect_collection(&server, config).await?;
        Ok(Arc::new(Self::of_collection(server, config, seen, &self.clock).await))
    }
}

/// The collection's indexes, as described by the server.
async fn describe_indexes(server: &Arc<MongoServers>) -> Option<String> {
    let mut reading = MongoReadTx::begin(server, OPEN_LIMIT).await.ok()?;
    let said = reading.run_command(doc! { "listIndexes": &server.config.table }).await.ok()?;
    Some(
        said.get_document("cursor")
            .ok()?
            .get_array("firstBatch")
            .ok()?
            .iter()
            .map(ToString::to_string)
            .collect(),
    )
}

/// The collections that are read: of users, and the related ones.
fn list_collections(config: &DirectoryConfig) -> Vec<&str> {
    let mut collections = vec![config.table.as_str()];
    for related in &config.related {
        let between = related.split_through().map(|(table, _)| table);
        for collection in std::iter::once(related.table.as_str()).chain(between) {
            if !collections.contains(&collection) {
                collections.push(collection);
            }
        }
    }
    collections
}

/// Whether the only server in use is a secondary, which may lack the latest writes.
async fn is_secondary(reading: &mut MongoReadTx) -> Result<bool> {
    let said = reading.run_command(doc! { "hello": 1 }).await?;
    Ok(said.get_bool("secondary").unwrap_or(false))
}
