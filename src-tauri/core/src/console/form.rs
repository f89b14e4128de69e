//! What the connection form can do before anything is saved: checks, sign-in tests, lists of tables, previews. There is
//! only one form, so each new request replaces the previous one of its kind.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Console;
use crate::check::{self, Report};
use crate::connection::DirectoryConfig;
use crate::directory::{self, DiscoveredTables, TellWaking};
use crate::error::Result;
use crate::introspection::{self, DirectoryDraft, Preview};
use crate::latest_only::taken_over;
use crate::notice::{Notice, WakingDirectory};
use crate::sign_in::Rehearsal;
use crate::trial::{self, Trial};

/// The key of the form's requests: there is only one form.
const FORM: &str = "form";

impl Console {
    /// Checks a connection without signing in. `typed` are secrets from the form that are not stored yet.
    ///
    /// Fails with [`Code::DestinationChanged`] if a stored secret would go to a new destination.
    pub async fn check_connection(
        &self,
        id: Option<&str>,
        text: &str,
        typed: check::Typed,
    ) -> Result<Report> {
        let checked = Box::pin(check::check(id, text, &self.vault, &typed));
        directory::telling(self.tell_waking(), checked).await
    }

    /// Signs in as one user and out again, request by request; `typed` is as in [`Self::check_connection`]. A newer
    /// test stops an older one.
    pub async fn try_sign_in(
        &self,
        id: Option<&str>,
        text: &str,
        user: &str,
        typed: check::Typed,
        turn: u64,
    ) -> Result<Rehearsal> {
        let _under_way = self.trying.token();
        let saved = id.and_then(|id| self.connection(id).ok());
        let trial = Trial {
            id,
            text,
            saved: saved.as_deref(),
            typed: &typed,
            user,
            operator: self.operator(),
            stop: self.trials.take(FORM, turn)?,
            abandon: CancellationToken::new(),
        };
        let tried = Box::pin(trial::run(trial, &self.vault, &self.audit, &self.clock));
        let tried = directory::telling(self.tell_waking(), tried).await;
        self.impersonations.settle();
        tried
    }

    /// Stops a sign-in test that is older than `turn`: it sends nothing new and ends what it began.
    pub fn stop_trial(&self, turn: u64) -> Result<()> {
        self.trials.take(FORM, turn).map(drop)
    }

    /// The tables of the database in the form, before anything is saved. A newer call replaces an older one.
    pub async fn discover_tables(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        typed: &check::Typed,
        turn: u64,
    ) -> Result<DiscoveredTables> {
        let cancel = self.discoveries.take(FORM, turn)?;
        let saved = id.and_then(|id| self.connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(taken_over()),
            discovered = directory::telling(self.tell_waking(), introspection::discover_tables(&form, &self.vault)) => discovered,
        }
    }

    /// A few users of the table in the form, with the columns chosen there. A newer call replaces an older one.
    pub async fn preview(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        typed: &check::Typed,
        turn: u64,
    ) -> Result<Preview> {
        let cancel = self.previews.take(FORM, turn)?;
        let saved = id.and_then(|id| self.connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(taken_over()),
            preview = directory::telling(self.tell_waking(), introspection::preview(&form, &self.vault)) => preview,
        }
    }

    /// Stops what the form asked of a database before `turn`, because the form was closed.
    pub fn stop_discovery(&self, turn: u64) -> Result<()> {
        self.discoveries.take(FORM, turn)?;
        self.previews.take(FORM, turn).map(drop)
    }

    /// Reports that the form's database is waking up.
    fn tell_waking(&self) -> TellWaking {
        let notices = self.notices.clone();
        Arc::new(move |wakes| {
            notices.send(Notice::DirectoryWaking(WakingDirectory { connection: None, wakes }));
        })
    }
}
