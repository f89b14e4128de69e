//! One query on the servers, in a session of its own that can be ended from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, Utf8Lossy, doc};
use mongodb::error::Error as DriverError;
use mongodb::options::{Collation, ServerAddress};
use mongodb::{Client, ClientSession, Collection, Database, SessionCursor};
use tokio::sync::OwnedSemaphorePermit;

use super::{LATE, MongoServers, SessionId, select_server};
use crate::engines::mongodb::errors;
use crate::error::{DirectoryError, Result};
use crate::faults::query_timeout_error;
use crate::reach::endpoint::CONNECT_TIMEOUT;

/// Before each command that ends a cancelled query.
const KILL_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(1)];

/// The parameters of a `find`.
#[derive(Debug, Default, Clone)]
pub(crate) struct FindQuery {
    pub(crate) filter: Document,
    pub(crate) projection: Document,
    pub(crate) sort: Document,
    pub(crate) collation: Option<Collation>,
    pub(crate) skip: u64,
    pub(crate) limit: usize,
}

/// A query with a deadline.
pub(crate) struct MongoReadTx {
    server: Arc<MongoServers>,
    client: Client,
    session: ClientSession,
    key: SessionId,
    deadline: Instant,
    /// A command is in progress.
    asking: bool,
    _turn: OwnedSemaphorePermit,
}

impl MongoReadTx {
    pub(crate) async fn begin(server: &Arc<MongoServers>, limit: Duration) -> Result<Self> {
        let turn = Arc::clone(&server.turns).acquire_owned().await.expect("it is never closed");
        // Not causally consistent, so that no secondary has to catch up first.
        let client = server.current_client().await?;
        let session = client.start_session().causal_consistency(false).await;
        let session = session.map_err(|error| server.query_error(error))?;
        let key = session_key(session.id()).unwrap_or_default();
        server.addresses.lock().insert(key.clone(), None);
        let deadline = Instant::now() + limit;
        Ok(Self { server: Arc::clone(server), client, session, key, deadline, asking: false, _turn: turn })
    }

    /// Runs a `find`. Text that is not valid UTF-8 is repaired.
    pub(crate) async fn find_documents(&mut self, find: FindQuery) -> Result<Vec<Document>> {
        let found = self.try_find(find.clone()).await?;
        match found {
            Err(error) if self.learns_collation(&error) => self.try_find(find).await?,
            found => found,
        }
        .map_err(|error| self.server.query_error(error))
    }

    /// Learns from an error that the collection is a view with its own collation. Returns whether to retry.
    fn learns_collation(&self, error: &DriverError) -> bool {
        // OptionNotSupportedOnView
        errors::command_error_code(error) == Some(167)
            && !self.server.keeps_collation.swap(true, Ordering::Relaxed)
    }

    fn effective_collation(&self, wanted: Option<Collation>) -> Option<Collation> {
        let keeps = self.server.keeps_collation.load(Ordering::Relaxed);
        (!keeps).then(|| wanted.unwrap_or_else(simple_collation))
    }

    async fn try_find(&mut self, find: FindQuery) -> Result<Result<Vec<Document>, DriverError>> {
        let (collection, collation) = (self.collection(), self.effective_collation(find.collation));
        self.try_run_in_session(async move |session, left| {
            let limit = i64::try_from(find.limit).unwrap_or(i64::MAX);
            let mut asked = collection
                .find(find.filter)
                .projection(find.projection)
                .limit(limit)
                .batch_size(u32::try_from(find.limit).unwrap_or(u32::MAX))
                .max_time(left);
            if let Some(collation) = collation {
                asked = asked.collation(collation);
            }
            if !find.sort.is_empty() {
                asked = asked.sort(find.sort);
            }
            if find.skip > 0 {
                asked = asked.skip(find.skip);
            }
            let cursor = asked.session(&mut *session).await?;
            collect_documents(cursor, session).await
        })
        .await
    }

    /// The same, within a shorter time.
    pub(crate) async fn find_within(&mut self, limit: Duration, find: FindQuery) -> Result<Vec<Document>> {
        let deadline = self.deadline;
        self.deadline = deadline.min(Instant::now() + limit);
        let found = self.find_documents(find).await;
        self.deadline = deadline;
        found
    }

    pub(crate) async fn run_aggregation(
        &mut self,
        pipeline: Vec<Document>,
        collation: Option<Collation>,
    ) -> Result<Vec<Document>> {
        let gathered = self.try_aggregate(pipeline.clone(), collation.clone()).await?;
        match gathered {
            Err(error) if self.learns_collation(&error) => self.try_aggregate(pipeline, collation).await?,
            gathered => gathered,
        }
        .map_err(|error| self.server.query_error(error))
    }

    async fn try_aggregate(
        &mut self,
        pipeline: Vec<Document>,
        collation: Option<Collation>,
    ) -> Result<Result<Vec<Document>, DriverError>> {
        let (collection, collation) = (self.collection(), self.effective_collation(collation));
        self.try_run_in_session(async move |session, left| {
            let mut asked = collection.aggregate(pipeline).with_type::<RawDocumentBuf>().max_time(left);
            if let Some(collation) = collation {
                asked = asked.collation(collation);
            }
            collect_documents(asked.session(&mut *session).await?, session).await
        })
        .await
    }

    /// The same, within a shorter time: a view has no metadata to read it from.
    pub(crate) async fn estimate_within(&mut self, limit: Duration) -> Result<u64> {
        let deadline = self.deadline;
        self.deadline = deadline.min(Instant::now() + limit);
        let estimate = self.estimate_count().await;
        self.deadline = deadline;
        estimate
    }

    /// The number of documents according to the server's metadata.
    pub(crate) async fn estimate_count(&mut self) -> Result<u64> {
        let count = doc! { "count": &self.server.config.table };
        let said = self.run_command(count).await?;
        let number = said.get("n").map(|number| match number {
            Bson::Int32(number) => i64::from(*number),
            Bson::Int64(number) => *number,
            Bson::Double(number) => {
                #[allow(clippy::cast_possible_truncation, reason = "a count")]
                let number = *number as i64;
                number
            }
            _ => 0,
        });
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    /// Runs a command on the directory's database, within the remaining time.
    pub(crate) async fn run_command(&mut self, mut command: Document) -> Result<Document> {
        let database = self.database();
        let preference = database.selection_criteria().cloned();
        self.run_in_session(async move |session, left| {
            command.insert("maxTimeMS", i64::try_from(left.as_millis()).unwrap_or(i64::MAX).max(1));
            let mut asked = database.run_command(command);
            if let Some(preference) = preference {
                asked = asked.selection_criteria(preference);
            }
            asked.session(session).await
        })
        .await
    }

    pub(crate) async fn run_in_session<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut ClientSession, Duration) -> Result<T, DriverError>,
    ) -> Result<T> {
        self.try_run_in_session(ask).await?.map_err(|error| self.server.query_error(error))
    }

    /// Like `ask`, but returns the server's error as it is.
    pub(crate) async fn try_run_in_session<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut ClientSession, Duration) -> Result<T, DriverError>,
    ) -> Result<Result<T, DriverError>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(query_timeout_error(&self.server.config));
        }
        if let Some(address) = self.server.addresses.lock().get_mut(&self.key) {
            *address = None;
        }
        self.asking = true;
        // The server enforces the time limit, except in operations that it cannot interrupt; a silent network does not.
        let mut answer = std::pin::pin!(ask(&mut self.session, left));
        let mut answered = tokio::time::timeout(left + LATE, &mut answer).await;
        if answered.is_err() {
            // The server has not even reported the timeout, so it may have gone silent.
            self.server.is_stale.store(true, Ordering::Relaxed);
            let working = self.server.addresses.lock().get(&self.key).cloned().flatten();
            if let Some(address) = working {
                if self.server.is_alive(&self.client, address).await {
                    return Err(query_timeout_error(&self.server.config));
                }
                let silent = "it stopped answering in the middle of a query";
                return Err(errors::unreachable_error(&self.server.config, silent));
            }
            // The query has not reached a server yet.
            answered = tokio::time::timeout(CONNECT_TIMEOUT, answer).await;
        }
        let answer = answered.map_err(|_| {
            errors::unreachable_error(&self.server.config, "no connection could be made in time")
        })?;
        self.asking = false;
        Ok(answer)
    }

    pub(crate) fn database(&self) -> Database {
        self.client.database(&self.server.database)
    }

    pub(crate) fn query_error(&self, error: DriverError) -> DirectoryError {
        self.server.query_error(error)
    }

    fn collection(&self) -> Collection<RawDocumentBuf> {
        self.database().collection(&self.server.config.table)
    }
}

impl Drop for MongoReadTx {
    fn drop(&mut self) {
        let address = self.server.addresses.lock().remove(&self.key).flatten();
        // Without a runtime, the process is ending, and the time limit bounds what is left on the server.
        if self.asking
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(cancel_on_server(self.client.clone(), self.session.id().clone(), address));
        }
    }
}

/// Ends the session and everything that runs for it.
///
/// A query that the server has not quite begun, or whose JavaScript is being prepared, escapes the command, and
/// JavaScript doesn't notice a closed connection either. So the command is sent again; without anything left to end, it
/// does nothing.
async fn cancel_on_server(client: Client, session: Document, address: Option<ServerAddress>) {
    for pause in KILL_PAUSES {
        tokio::time::sleep(pause).await;
        let admin = client.database("admin");
        let mut kill = admin.run_command(doc! { "killSessions": [session.clone()] });
        if let Some(working) = address.clone() {
            kill = kill.selection_criteria(select_server(working));
        }
        // If this fails, closing the connection has the same effect on most queries half a second later.
        match tokio::time::timeout(CONNECT_TIMEOUT, kill).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return tracing::debug!("a session could not be ended: {error}"),
            Err(_) => return tracing::debug!("a session could not be ended in time"),
        }
    }
}

async fn collect_documents(
    mut cursor: SessionCursor<RawDocumentBuf>,
    session: &mut ClientSession,
) -> Result<Vec<Document>, DriverError> {
    let mut documents = Vec::new();
    while let Some(document) = cursor.next(session).await {
        let document: Utf8Lossy<Document> = document?.as_ref().try_into()?;
        documents.push(document.0);
    }
    Ok(documents)
}

/// Compares byte by byte, overriding the collection's default collation.
fn simple_collation() -> Collation {
    Collation::builder().locale("simple").build()
}

pub(super) fn session_key(session: &Document) -> Option<SessionId> {
    match session.get("id") {
        Some(Bson::Binary(id)) => Some(id.bytes.clone()),
        _ => None,
    }
}
