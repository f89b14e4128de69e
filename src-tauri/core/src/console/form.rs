//! What the connection form can do before anything is saved: checks, sign-in tests, lists of tables, previews. There is
//! only one form, so each new request replaces the previous one of its kind.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Console;
use crate::check::{self, Report};
use crate::connection::DirectoryConfig;
use crate::directory::{self, DiscoveredTables, WakeCallback};
use crate::error::Result;
use crate::introspection::{self, DirectoryDraft, Preview};
use crate::latest_only::superseded_error;
use crate::notice::{Notice, WakingDirectory};
use crate::protected_count::{self, ProtectedCount};
use crate::sign_in_test::{self, SignInTest, SignInTestReport};

/// The key of the form's requests: there is only one form.
const FORM: &str = "form";

impl Console {
    /// Checks a connection without signing in. `typed` are secrets from the form that are not stored yet.
    ///
    /// Fails with `Code::DestinationChanged` if a stored secret would go to a new destination.
    pub async fn check_connection(
        &self,
        id: Option<&str>,
        text: &str,
        typed: check::TypedSecrets,
    ) -> Result<Report> {
        let saved = id.and_then(|id| self.find_connection(id).ok());
        let masked = saved.as_ref().map(|saved| &*saved.file.directory.masked).unwrap_or_default();
        let checked = Box::pin(check::check_connection(id, text, &self.vault, &typed, masked));
        directory::with_wake_listener(self.tell_waking(), checked).await
    }

    /// Signs in as one user and out again, request by request; `typed` is as in [`Self::check_connection`]. A newer
    /// test stops an older one.
    pub async fn try_sign_in(
        &self,
        id: Option<&str>,
        text: &str,
        user: &str,
        typed: check::TypedSecrets,
        turn: u64,
    ) -> Result<SignInTestReport> {
        let _under_way = self.trying.token();
        self.read_team()?;
        let saved = id.and_then(|id| self.find_connection(id).ok());
        let trial = SignInTest {
            id,
            text,
            saved: saved.as_deref(),
            typed: &typed,
            user,
            operator: self.operator(),
            stop: self.trials.take_turn(FORM, turn)?,
            abandon: CancellationToken::new(),
        };
        let team_log = self.team_log();
        let tried = Box::pin(sign_in_test::run_sign_in_test(
            trial,
            &self.vault,
            &self.audit,
            team_log.as_deref(),
            &self.clock,
        ));
        let tried = directory::with_wake_listener(self.tell_waking(), tried).await;
        self.impersonations.settle_owed_entries();
        tried
    }

    /// Stops a sign-in test that is older than `turn`: it sends nothing new and ends what it began.
    pub fn stop_trial(&self, turn: u64) -> Result<()> {
        self.trials.take_turn(FORM, turn).map(drop)
    }

    /// The tables of the database in the form, before anything is saved. A newer call replaces an older one.
    pub async fn discover_tables(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        typed: &check::TypedSecrets,
        turn: u64,
    ) -> Result<DiscoveredTables> {
        let cancel = self.discoveries.take_turn(FORM, turn)?;
        let saved = id.and_then(|id| self.find_connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(superseded_error()),
            discovered = directory::with_wake_listener(self.tell_waking(), introspection::discover_tables(&form, &self.vault)) => discovered,
        }
    }

    /// A few users of the table in the form, with the columns chosen there. A newer call replaces an older one.
    pub async fn preview_users(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        typed: &check::TypedSecrets,
        turn: u64,
    ) -> Result<Preview> {
        let cancel = self.previews.take_turn(FORM, turn)?;
        let saved = id.and_then(|id| self.find_connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        let preview = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(superseded_error()),
            preview = directory::with_wake_listener(self.tell_waking(), introspection::preview_users(&form, &self.vault)) => preview,
        }?;
        if let Some(saved) = saved.as_deref() {
            self.record_preview(saved, preview.rows.len()).await?;
        }
        Ok(preview)
    }

    /// How many users of the table in the form `rules` protect. A newer call replaces an older one.
    pub async fn count_protected(
        &self,
        id: Option<&str>,
        part: &DirectoryConfig,
        rules: &[String],
        typed: &check::TypedSecrets,
        turn: u64,
    ) -> Result<ProtectedCount> {
        let cancel = self.protected_counts.take_turn(FORM, turn)?;
        let saved = id.and_then(|id| self.find_connection(id).ok());
        let form = DirectoryDraft { saved: saved.as_deref(), part, typed };
        let counted = protected_count::count_protected(&form, rules, &self.vault);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(superseded_error()),
            count = directory::with_wake_listener(self.tell_waking(), counted) => count,
        }
    }

    /// Stops what the form asked of a database before `turn`, because the form was closed.
    pub fn stop_discovery(&self, turn: u64) -> Result<()> {
        self.discoveries.take_turn(FORM, turn)?;
        self.protected_counts.take_turn(FORM, turn)?;
        self.previews.take_turn(FORM, turn).map(drop)
    }

    /// Reports that the form's database is waking up.
    fn tell_waking(&self) -> WakeCallback {
        let notices = self.notices.clone();
        Arc::new(move |wakes| {
            notices.send(Notice::DirectoryWaking(WakingDirectory { connection: None, wakes }));
        })
    }
}
