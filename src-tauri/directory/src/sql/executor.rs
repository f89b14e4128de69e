//! Runs a search or a count from the request to the result, for the SQL engines.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::error::Result;
use crate::faults::cancelled_error;
use crate::model::{Count, Info, ListRequest, Page, Row};
use crate::plan::TableSize;
use crate::reach::retry::retry_once;
use crate::schema::mapping::Mapping;
use crate::scope::SearchScope;
use crate::sql::dialect::{Dialect, FetchedRow, Statement, build_user_select, into_single_user};
use crate::sql::list::{PageStep, Pager, build_count_query};
use crate::sql::values;

/// An engine that runs SQL statements.
pub(crate) trait SqlExecutor: Sync {
    type Dialect: Dialect;
    /// A read-only transaction.
    type ReadTx: Send;

    fn clock(&self) -> &dyn WallClock;

    /// What was found when the directory was opened.
    fn shared_info(&self) -> &Arc<Info>;

    fn mapping(&self) -> &Mapping<<Self::Dialect as Dialect>::Type>;

    fn table_size(&self) -> TableSize;

    /// Runs `ask` in one transaction, within the connection's time limit. Dropping the future also stops the query in
    /// the database. Outer `Err`: no connection. Inner `Err`: the query failed.
    async fn run_in_transaction<T>(
        &self,
        ask: impl AsyncFnOnce(&mut Self::ReadTx) -> Result<T>,
    ) -> Result<Result<T>>;

    async fn fetch_rows(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<Vec<FetchedRow>>;

    /// The single number that `statement` returns.
    async fn fetch_number(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<u64>;

    /// The texts in the single column that `statement` returns.
    async fn fetch_texts(&self, reading: &mut Self::ReadTx, statement: Statement) -> Result<Vec<String>>;

    /// Fetches the rows of a step. If an index has to gather all matches before they can be ordered, the newest rows
    /// are tried first: they fill the page exactly when there are many matches.
    async fn run_step(&self, reading: &mut Self::ReadTx, step: PageStep) -> Result<Vec<FetchedRow>> {
        step_in_turn(self, reading, step).await
    }

    /// The statement that reads a column's common values from the database's statistics; `None` if it has none.
    fn statistics(&self, _column: usize) -> Option<Statement> {
        None
    }

    /// Opens another table of the same database, over the same connections.
    async fn open_another_table(&self, config: &DirectoryConfig) -> Result<Self>
    where
        Self: Sized;

    async fn close_connections(&self);
}

/// Tries the newest rows first, then all.
pub(crate) async fn step_in_turn<E: SqlExecutor + ?Sized>(
    engine: &E,
    reading: &mut E::ReadTx,
    step: PageStep,
) -> Result<Vec<FetchedRow>> {
    if let Some(newest) = step.newest {
        let rows = engine.fetch_rows(reading, newest).await?;
        if rows.len() >= step.wanted {
            return Ok(rows);
        }
    }
    engine.fetch_rows(reading, step.statement).await
}

pub(crate) async fn run_search<E: SqlExecutor>(
    engine: &E,
    query: &ListRequest,
    scope: &SearchScope,
    cancel: &CancellationToken,
) -> Result<Page> {
    let (started, now) = (Instant::now(), engine.clock().read_time());
    let page = retry_once(|| async {
        let mut paging = Pager::<E::Dialect>::new(engine.mapping(), query, scope, engine.table_size(), now)?;
        let answered = engine.run_in_transaction(async |reading: &mut E::ReadTx| {
            while let Some(step) = paging.next_step() {
                let rows = engine.run_step(reading, step).await?;
                paging.add_rows(rows);
            }
            Ok(())
        });
        Ok(answered.await?.map(|()| paging.into_page(started.elapsed())))
    });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled_error()),
        page = page => page,
    }
}

pub(crate) async fn run_count<E: SqlExecutor>(
    engine: &E,
    text: &str,
    scope: &SearchScope,
    cancel: &CancellationToken,
) -> Result<Count> {
    let counting = build_count_query::<E::Dialect>(
        engine.mapping(),
        text,
        scope,
        engine.table_size(),
        engine.clock().read_time(),
    )?;
    let (statement, cap) = (counting.statement, counting.cap);
    let counted = retry_once(|| {
        let statement = statement.clone();
        engine
            .run_in_transaction(async |reading: &mut E::ReadTx| engine.fetch_number(reading, statement).await)
    });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled_error()),
        counted = counted => Ok(Count::with_cap(counted?, cap)),
    }
}

pub(crate) async fn read_user<E: SqlExecutor>(engine: &E, id: &str) -> Result<Option<Row>> {
    let Some(statement) = build_user_select::<E::Dialect>(engine.mapping(), id) else {
        return Ok(None);
    };
    let rows = retry_once(|| {
        let statement = statement.clone();
        engine.run_in_transaction(async |reading: &mut E::ReadTx| engine.fetch_rows(reading, statement).await)
    });
    into_single_user(rows.await?, id)
}

pub(crate) async fn read_values<E: SqlExecutor>(engine: &E, column: usize) -> Result<Vec<String>> {
    values::read_common_values(engine, column, engine.statistics(column)).await
}

/// Implements `Directory` for an [`SqlExecutor`]. A macro, because the compiler only knows that the futures of a
/// trait's methods are `Send` if the type is concrete.
macro_rules! impl_directory {
    ($engine:ty) => {
        #[async_trait::async_trait]
        impl crate::directory::Directory for $engine {
            fn info(&self) -> std::sync::Arc<crate::model::Info> {
                std::sync::Arc::clone(crate::sql::executor::SqlExecutor::shared_info(self))
            }

            async fn search_users(
                &self,
                query: &crate::model::ListRequest,
                cancel: &tokio_util::sync::CancellationToken,
            ) -> crate::error::Result<crate::model::Page> {
                crate::sql::executor::run_search(self, query, &crate::scope::SearchScope::Text, cancel).await
            }

            async fn count_users(
                &self,
                text: &str,
                cancel: &tokio_util::sync::CancellationToken,
            ) -> crate::error::Result<crate::model::Count> {
                crate::sql::executor::run_count(self, text, &crate::scope::SearchScope::Text, cancel).await
            }

            async fn find_user(&self, id: &str) -> crate::error::Result<Option<crate::model::Row>> {
                crate::sql::executor::read_user(self, id).await
            }

            async fn read_common_values(&self, column: usize) -> crate::error::Result<Vec<String>> {
                crate::sql::executor::read_values(self, column).await
            }

            async fn close(&self) {
                crate::sql::executor::SqlExecutor::close_connections(self).await;
            }
        }

        #[async_trait::async_trait]
        impl crate::directory::OpenTable for $engine {
            async fn search_rows(
                &self,
                query: &crate::model::ListRequest,
                scope: &crate::scope::SearchScope,
                cancel: &tokio_util::sync::CancellationToken,
            ) -> crate::error::Result<crate::model::Page> {
                crate::sql::executor::run_search(self, query, scope, cancel).await
            }

            async fn count_rows(
                &self,
                text: &str,
                scope: &crate::scope::SearchScope,
                cancel: &tokio_util::sync::CancellationToken,
            ) -> crate::error::Result<crate::model::Count> {
                crate::sql::executor::run_count(self, text, scope, cancel).await
            }

            async fn open_another(
                &self,
                config: &crate::config::DirectoryConfig,
            ) -> crate::error::Result<std::sync::Arc<dyn crate::directory::OpenTable>> {
                let opened = crate::sql::executor::SqlExecutor::open_another_table(self, config).await?;
                Ok(std::sync::Arc::new(opened))
            }
        }
    };
}

pub(crate) use impl_directory;
