//! Runs a search or a count from the request to the result, for the SQL engines.

use std::time::Instant;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::faults::cancelled;
use crate::model::{Count, ListRequest, Page};
use crate::plan::Size;
use crate::reach::retry::again;
use crate::schema::mapping::Mapping;
use crate::sql::dialect::{Dialect, Fetched, Statement};
use crate::sql::list::{PageStep, Paging, counting};

/// An engine that runs SQL statements.
pub(crate) trait SqlExecutor: Sync {
    type Dialect: Dialect;
    /// A read-only transaction.
    type ReadTx: Send;

    fn mapping(&self) -> &Mapping<<Self::Dialect as Dialect>::Type>;

    fn size(&self) -> Size;

    /// Runs `ask` in one transaction, within the connection's time limit. Dropping the future also stops the query in
    /// the database. Outer `Err`: no connection. Inner `Err`: the query failed.
    async fn read<T>(&self, ask: impl AsyncFnOnce(&mut Self::ReadTx) -> Result<T>) -> Result<Result<T>>;

    async fn fetch(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<Vec<Fetched>>;

    /// The single number that `statement` returns.
    async fn number(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<u64>;

    /// The texts in the single column that `statement` returns.
    async fn texts(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<Vec<String>>;

    /// Fetches the rows of a step. If an index has to gather all matches before they can be ordered, the newest rows
    /// are tried first: they fill the page exactly when there are many matches.
    async fn step(&self, reading: &mut Self::ReadTx, step: PageStep) -> Result<Vec<Fetched>> {
        if let Some(newest) = step.newest {
            let rows = self.fetch(reading, newest).await?;
            if rows.len() >= step.wanted {
                return Ok(rows);
            }
        }
        self.fetch(reading, step.statement).await
    }
}

pub(crate) async fn search<E: SqlExecutor>(
    engine: &E,
    query: &ListRequest,
    cancel: &CancellationToken,
) -> Result<Page> {
    let (started, now) = (Instant::now(), Timestamp::now());
    let page = again(|| async {
        let mut paging = Paging::<E::Dialect>::new(engine.mapping(), query, engine.size(), now)?;
        let answered = engine.read(async |reading: &mut E::ReadTx| {
            while let Some(step) = paging.next_step() {
                let rows = engine.step(reading, step).await?;
                paging.take(rows);
            }
            Ok(())
        });
        Ok(answered.await?.map(|()| paging.page(started.elapsed())))
    });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        page = page => page,
    }
}

pub(crate) async fn count<E: SqlExecutor>(
    engine: &E,
    text: &str,
    cancel: &CancellationToken,
) -> Result<Count> {
    let counting = counting::<E::Dialect>(engine.mapping(), text, engine.size(), Timestamp::now())?;
    let (statement, cap) = (counting.statement, counting.cap);
    let counted = again(|| {
        let statement = statement.clone();
        engine.read(async |reading: &mut E::ReadTx| engine.number(reading, statement).await)
    });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        counted = counted => Ok(Count::of(counted?, cap)),
    }
}
