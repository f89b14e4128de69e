//! What the connection form asks before anything is saved: checks, sign-in tests, tables and previews. There is one
//! form: what it asks anew takes the older question's place.

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

/// What the form's questions are kept under: there is one form.
const FORM: &str = "form";

impl Console {
    /// What the connection is worth: everything is tried that can be tried without signing in.
    /// `typed` are secrets that stand in a form and are not stored yet.
    ///
    /// Fails with [`Code::DestinationChanged`] when a stored secret would go elsewhere than it was stored for.
    pub async fn check_connection(
        &self,
        id: Option<&str>,
        text: &str,
        typed: check::Typed,
    ) -> Result<Report> {
        let checked = Box::pin(check::check(id, text, &self.vault, &typed));
        directory::telling(self.tell_waking(), checked).await
    }

    /// Signs in as one user, and out again, request by request; `typed` as with [`Self::check_connection`]. There
    /// is one form: a newer trial stops an older one.
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

    /// The trial sends nothing new any more and ends what it began, if it is older than `turn`.
    pub fn stop_trial(&self, turn: u64) -> Result<()> {
        self.trials.take(FORM, turn).map(drop)
    }

    /// The tables of a database that a form names, before anything of it is saved. There is one form: a newer
    /// one takes an older one's place.
    pub async fn discover_tables(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        typed: &check::Typed,
        turn: u64,
    ) -> Result<DiscoveredTables> {
        let cancel = self.surveys.take(FORM, turn)?;
        let saved = id.and_then(|id| self.connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(taken_over()),
            discovered = directory::telling(self.tell_waking(), introspection::discover_tables(&form, &self.vault)) => discovered,
        }
    }

    /// A few users of the table that a form names, in the columns that it names; as with [`Self::discover_tables`], a
    /// newer one takes an older one's place.
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

    /// The form is left: what it asked of a database stops, if it is older than `turn`.
    pub fn stop_looking(&self, turn: u64) -> Result<()> {
        self.surveys.take(FORM, turn)?;
        self.previews.take(FORM, turn).map(drop)
    }

    /// Passes on that the database of the form wakes up.
    fn tell_waking(&self) -> TellWaking {
        let notices = self.notices.clone();
        Arc::new(move |wakes| {
            notices.send(Notice::DirectoryWaking(WakingDirectory { connection: None, wakes }));
        })
    }
}
