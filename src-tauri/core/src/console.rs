//! The console as a whole: its connections, their directories, the vault, the audit log, the sessions.
//!
//! What a window or a command line can ask for, in the words of the product. Each method is one thing
//! a person does.

use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use ts_rs::TS;

use crate::audit::{AuditLog, EndCause, PastSession, Who};
use crate::browser::Browser;
use crate::check::{self, Report};
use crate::clock::Clock;
use crate::connection::{
    Connection, ConnectionDraft, ConnectionProblem, ConnectionSummary, Connections, DATABASE_PASSWORD, DEMO,
    DirectoryConfig, Origin,
};
use crate::destination::{Destination, Moved};
use crate::directories::{Directories, Opened, stopped_waiting};
use crate::directory::{
    self, Count, DiscoveredTables, Highlights, Info, ListRequest, Page, Row, Suggestion, TellWaking, Wider,
};
use crate::error::{Code, Error, Result, SecretName};
use crate::home::Home;
use crate::impersonation::{self, Grounds, ImpersonationRequest, Impersonations};
use crate::introspection::{self, DirectoryDraft, Preview};
use crate::latest_only::{LatestOnly, taken_over};
use crate::notice::{ConnectionList, Notice, Notices, Toast, WakingDirectory};
use crate::policy::{self, Standing};
use crate::secrets::{self, WAY_IN};
use crate::session::SessionView;
use crate::settings::Settings;
use crate::sign_in::{FormChange, Rehearsal, SignInForm};
use crate::trial::{self, Trial};
use crate::vault::{Keep, SecretStatus, Vault};

/// What the form's questions are kept under: there is one form.
const FORM: &str = "form";

/// A user with what the console knows beside the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct UserDetails {
    pub row: Row,
    /// For each cell the filter that finds whoever has the same there; `None` where there is none.
    pub filters: Vec<Option<String>>,
    pub standing: Standing,
    /// Newest first.
    pub past: Vec<PastSession>,
}

/// A page of the list, and what the connection's policy says of each user on it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ListedPage {
    #[serde(flatten)]
    #[ts(flatten)]
    pub page: Page,
    /// In the order of the rows.
    pub standings: Vec<Standing>,
}

/// How long quitting waits for sign-outs, and then for databases: nobody sees that it waits.
const QUIT_LIMIT: Duration = Duration::from_secs(25);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// How long quitting waits for an audit log that somebody holds. What it lacks then, the next start tells as a crash.
const PAY_LIMIT_MS: i64 = 10_000;

pub struct Console {
    home: Home,
    files: Connections,
    connections: RwLock<BTreeMap<String, Arc<Connection>>>,
    problems: RwLock<Vec<ConnectionProblem>>,
    /// Held while the files are read and put in place.
    loading: Mutex<()>,
    directories: Directories,
    searches: LatestOnly,
    counts: LatestOnly,
    widenings: LatestOnly,
    surveys: LatestOnly,
    previews: LatestOnly,
    trials: LatestOnly,
    /// Trials under way.
    trying: TaskTracker,
    /// What happened before there was a window to say it in.
    waiting: Mutex<Vec<Toast>>,
    settings: RwLock<Settings>,
    /// Held by whoever changes the settings, from reading them until they are written.
    changing_settings: Mutex<()>,
    /// The settings' file holds something that could not be read: only the operator replaces it.
    settings_are_faulty: AtomicBool,
    vault: Vault,
    audit: AuditLog,
    notices: Notices,
    clock: Clock,
    impersonations: Arc<Impersonations>,
}

impl Console {
    /// Opens the console: settings and connections are read, the audit log is opened, what a crash
    /// left unfinished there is closed. Faults in settings and connection files are told, not fatal.
    pub async fn open(
        home: Home,
        vault: Vault,
        browser: Arc<dyn Browser>,
        notices: Notices,
        clock: Clock,
    ) -> Result<Arc<Self>> {
        let mut waiting = Vec::new();
        let loaded = Settings::load(&home);
        let settings_are_faulty = AtomicBool::new(loaded.is_err());
        let settings = loaded.unwrap_or_else(|error| {
            waiting.push(Toast::bad(&error));
            Settings::default()
        });
        directory::sweep_tunnel_folders();
        let audit = AuditLog::open(&home.audit_file()?).await?;
        let lost = audit.close_unfinished(clock.now_ms()).await?;
        waiting.extend(Toast::after_crash(&lost));
        let console = Arc::new_cyclic(|console: &Weak<Self>| Self {
            impersonations: Impersonations::new(
                vault.clone(),
                audit.clone(),
                browser,
                notices.clone(),
                clock.clone(),
                console.clone(),
            ),
            files: Connections::new(home.clone()),
            home,
            connections: RwLock::default(),
            problems: RwLock::default(),
            loading: Mutex::default(),
            directories: Directories::new(vault.clone(), notices.clone()),
            searches: LatestOnly::default(),
            counts: LatestOnly::default(),
            widenings: LatestOnly::default(),
            surveys: LatestOnly::default(),
            previews: LatestOnly::default(),
            trials: LatestOnly::default(),
            trying: TaskTracker::new(),
            waiting: Mutex::new(waiting),
            settings: RwLock::new(settings),
            changing_settings: Mutex::default(),
            settings_are_faulty,
            vault,
            audit,
            notices,
            clock,
        });
        console.load_connections();
        Ok(console)
    }

    /// Tells what happened before there was a window to say it in: faults of the settings, and sessions that a crash
    /// cut off. Each is told once.
    pub fn tell_what_waited(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        for toast in waiting {
            self.notices.send(Notice::Toast(toast));
        }
    }

    /// The same for what was found before there was a window.
    pub fn tell_at_first(&self, toast: Toast) {
        self.waiting.lock().push(toast);
    }

    /// What notices have told so far, for a listener that missed some.
    pub fn as_it_stands(&self) -> Vec<Notice> {
        vec![Notice::Sessions(self.sessions()), Notice::Connections(self.connection_list())]
    }

    // ── connections ────────────────────────────────────────────────────────────────────────────

    /// Reads the connection files again; tells what is there now when it is not what was there before.
    pub fn load_connections(&self) -> ConnectionList {
        // The files are read inside: what was read first must not be put in place last.
        let _one_at_a_time = self.loading.lock();
        let (loaded, problems) = self.files.load();
        for connection in loaded.iter().filter(|connection| connection.origin == Origin::System) {
            // Nobody but IT can write there: its word is enough.
            if let Some((name, destination)) = secrets::way_in(connection) {
                self.vault.let_run_for_now(&name, &destination);
            }
        }
        let loaded: BTreeMap<_, _> =
            loaded.into_iter().map(|connection| (connection.id.clone(), Arc::new(connection))).collect();
        let (changed, appeared) = {
            let mut connections = self.connections.write();
            let demo = connections.remove(DEMO).filter(|connection| connection.origin == Origin::Demo);
            let before = std::mem::replace(&mut *connections, loaded);
            let changed: Vec<String> = before
                .iter()
                .filter(|(id, old)| {
                    let now = connections.get(*id).map(|new| (&new.file, new.origin));
                    now != Some((&old.file, old.origin))
                })
                .map(|(id, _)| id.clone())
                .collect();
            let appeared = connections.keys().any(|id| !before.contains_key(id));
            if let Some(demo) = demo {
                connections.insert(DEMO.into(), demo);
            }
            (changed, appeared)
        };
        let problems_before = std::mem::replace(&mut *self.problems.write(), problems.clone());
        let tell = !changed.is_empty() || appeared || problems != problems_before;
        for id in changed {
            self.directories.let_go(&id);
        }
        self.give_places();
        let list = self.connection_list();
        if tell {
            self.notices.send(Notice::Connections(list.clone()));
        }
        list
    }

    pub fn connection_list(&self) -> ConnectionList {
        let connections = self.connections.read();
        let mut connections: Vec<ConnectionSummary> =
            connections.values().map(|connection| connection.summary()).collect();
        let problems = self.problems.read().clone();
        let order = self.settings().connection_order;
        let place = |id: &str| order.iter().position(|one| one == id).unwrap_or(usize::MAX);
        connections.sort_by_cached_key(|connection| (place(&connection.id), connection.name.to_lowercase()));
        ConnectionList { connections, problems, order }
    }

    /// Puts the connections in this order. It is kept; whoever is not named keeps their place behind the others.
    pub fn order_connections(&self, mut order: Vec<String>) -> Result<()> {
        let mut seen = HashSet::new();
        order.retain(|id| seen.insert(id.clone()));
        self.keep_order(|before| {
            order.extend(before.iter().filter(|id| !seen.contains(*id)).cloned());
            order
        })?;
        self.notices.send(Notice::Connections(self.connection_list()));
        Ok(())
    }

    /// Whoever has no place yet comes last: so nobody's place, and key, is another one's from one day to the next. A
    /// file that breaks or goes keeps its place for when it comes back.
    fn give_places(&self) {
        let mut arrived: Vec<(String, String)> = {
            let connections = self.connections.read();
            let problems = self.problems.read();
            let named = connections.values().map(|one| (one.file.name.to_lowercase(), one.id.clone()));
            named.chain(problems.iter().map(|one| (one.id.clone(), one.id.clone()))).collect()
        };
        arrived.retain(|(_, id)| !id.is_empty());
        arrived.sort();
        arrived.dedup_by(|one, other| one.1 == other.1);
        let kept = self.keep_order(|before| {
            let new = arrived.into_iter().map(|(_, id)| id).filter(|id| !before.contains(id));
            before.iter().cloned().chain(new).collect()
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "the order of the connections is not kept");
        }
    }

    pub fn connection(&self, id: &str) -> Result<Arc<Connection>> {
        let connections = self.connections.read();
        connections.get(id).cloned().ok_or_else(|| {
            let problems = self.problems.read();
            match problems.iter().find(|problem| problem.id == id) {
                Some(problem) => {
                    Error::new(Code::ConnectionInvalid, &problem.message).faults(problem.faults.clone())
                }
                None => Error::new(Code::ConnectionUnknown, format!("There is no connection `{id}`."))
                    .hint("It may have been removed or renamed; `understudy add FILE` adds one."),
            }
        })
    }

    pub fn draft(&self, id: &str) -> Result<ConnectionDraft> {
        match self.connection(id) {
            Ok(connection) if connection.origin == Origin::Demo => Ok(ConnectionDraft {
                text: connection.text.clone(),
                file: Some(connection.file.clone()),
                problem: None,
                origin: Origin::Demo,
            }),
            Ok(_) => self.files.draft(id),
            // One whose file cannot be used is opened to be mended, unless no editing helps, as with its name.
            Err(why) => self.files.draft(id).map_err(|error| match error.code {
                Code::ConnectionUnknown => why,
                _ => error,
            }),
        }
    }

    /// Saves a connection; `id` is `None` for a new one.
    pub async fn save_connection(&self, id: Option<&str>, text: &str) -> Result<ConnectionSummary> {
        let connection = self.files.save(id, text)?;
        if id.is_none() {
            return Ok(self.added(&connection).await);
        }
        self.load_connections();
        Ok(connection.summary())
    }

    /// The connection is new. Adding it lets run what it runs, as it is now; of what changes later, the operator is
    /// asked.
    async fn added(&self, connection: &Connection) -> ConnectionSummary {
        let way_in = secrets::way_in(connection);
        if let Some((name, destination)) = &way_in {
            // Before anybody hears of it, and opens it.
            self.vault.let_run_for_now(name, destination);
        }
        self.load_connections();
        if let Some((name, destination)) = &way_in
            && let Err(error) = self.vault.let_run_from_now_on(name, destination).await
        {
            tracing::info!(code = ?error.code, "what a connection runs is let run until Understudy quits");
        }
        connection.summary()
    }

    pub fn duplicate_connection(&self, id: &str) -> Result<ConnectionSummary> {
        let connection = self.files.duplicate(id)?;
        self.load_connections();
        Ok(connection.summary())
    }

    pub fn export_connection(&self, id: &str, path: &Path) -> Result<()> {
        if self.connection(id)?.origin == Origin::Demo {
            let text = &self.connection(id)?.text;
            return std::fs::write(path, text).map_err(|cause| Error::file("write", path, &cause));
        }
        self.files.export(id, path)
    }

    pub async fn add_connection(&self, path: &Path) -> Result<ConnectionSummary> {
        let connection = self.files.add(path)?;
        Ok(self.added(&connection).await)
    }

    /// Removes a connection and, if wanted, its secrets. Its running sessions end first. What fails leaves the file
    /// and all of its secrets where they were.
    pub async fn remove_connection(&self, id: &str, forget_secrets: bool) -> Result<()> {
        let connection = self.connection(id)?;
        // Said before anything is lost.
        if connection.origin != Origin::Own {
            let why = match connection.origin {
                Origin::Demo => "goes when the console closes",
                _ => "was handed out by IT",
            };
            let message = format!("The connection `{id}` {why}: it cannot be removed here.");
            return Err(Error::new(Code::ConnectionLocked, message));
        }
        // The file is the first to go, as that can be taken back.
        let aside = self.files.set_aside(id)?;
        for session in self.sessions().into_iter().filter(|session| session.connection == id) {
            self.end_session(&session.id, EndCause::Operator).await;
        }
        if forget_secrets {
            let names: Vec<SecretName> = connection
                .secret_names()
                .iter()
                .map(String::as_str)
                .chain([WAY_IN])
                .map(|name| SecretName::new(id, name))
                .collect();
            if let Err(error) = self.vault.forget_all(&names).await {
                aside.put_back()?;
                self.load_connections();
                return Err(error);
            }
        }
        let removed = aside.remove();
        self.load_connections();
        removed
    }

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

    // ── secrets ────────────────────────────────────────────────────────────────────────────────

    /// The secrets that the connection names, and where each one is.
    pub async fn secret_status(&self, id: &str) -> Result<Vec<SecretStatus>> {
        let mut status = Vec::new();
        for name in self.connection(id)?.secret_names() {
            let state = self.vault.state(&SecretName::new(id, &name)).await?;
            status.push(SecretStatus { name, state });
        }
        Ok(status)
    }

    /// Stores a secret for where the connection, as it is saved, sends it.
    pub async fn store_secret(&self, id: &str, name: &str, value: SecretString, keep: Keep) -> Result<()> {
        let destination = Destination::of(&*self.connection(id)?, name);
        self.vault.store(&SecretName::new(id, name), value, keep, &destination).await?;
        if name == DATABASE_PASSWORD {
            self.directories.let_go(id);
        }
        Ok(())
    }

    pub async fn forget_secret(&self, id: &str, name: &str) -> Result<bool> {
        self.vault.forget(&SecretName::new(id, name)).await
    }

    /// The agent has compared where these secrets would go with where they were to go, and wants them there.
    pub async fn use_secrets_there(&self, moved: &Moved) -> Result<()> {
        self.vault.agree(moved, Keep::Stored).await?;
        if moved.secrets.iter().any(|secret| [DATABASE_PASSWORD, WAY_IN].contains(&secret.name.as_str())) {
            self.directories.let_go(&moved.connection);
        }
        Ok(())
    }

    /// Has the keyring ask the operator for its password.
    pub async fn unlock_keyring(&self) -> Result<()> {
        self.vault.unlock().await
    }

    /// Why the keyring cannot be used, if it cannot.
    pub async fn keyring_problem(&self) -> Option<Error> {
        self.vault.probe().await.err()
    }

    // ── users ──────────────────────────────────────────────────────────────────────────────────

    pub async fn directory_info(&self, id: &str) -> Result<Info> {
        Ok((*self.open_directory(id).await?.directory.info()).clone())
    }

    /// The same, after the database's catalogue was read again: an index or a column that was made since counts.
    pub async fn refresh_directory(&self, id: &str) -> Result<Info> {
        let directory = self.open_directory(id).await?.directory;
        directory.refresh().await?;
        Ok((*directory.info()).clone())
    }

    /// Searches; an older search of the same connection is cancelled, on the server too. `turn` says which
    /// one is older, because what was asked first need not arrive first.
    pub async fn search(&self, id: &str, query: &ListRequest, turn: u64) -> Result<Page> {
        Ok(self.search_in(id, query, turn).await?.0)
    }

    /// The same, with what answered.
    async fn search_in(&self, id: &str, query: &ListRequest, turn: u64) -> Result<(Page, Opened)> {
        let cancel = self.searches.take(id, turn)?;
        let opened = tokio::select! {
            () = cancel.cancelled() => return Err(taken_over()),
            opened = self.open_directory(id) => opened?,
        };
        let page = tokio::select! {
            () = self.directories.impatient(id) => Err(stopped_waiting()),
            page = opened.directory.search(query, &cancel) => page.map_err(Error::from),
        };
        Ok((page.map_err(|error| opened.whose_password(error))?, opened))
    }

    /// As [`Self::search`], with who of the users found can never be impersonated.
    pub async fn list(&self, id: &str, query: &ListRequest, turn: u64) -> Result<ListedPage> {
        // The policy is that of the connection that was asked, however long the answer took.
        let (page, Opened { connection, directory }) = self.search_in(id, query, turn).await?;
        let standings = policy::standings(&connection.policy, &directory.info(), &page.rows);
        Ok(ListedPage { page, standings })
    }

    /// Stops the search under way, if it is older than `turn`.
    pub fn stop_search(&self, id: &str, turn: u64) -> Result<()> {
        self.searches.take(id, turn).map(drop)
    }

    /// Counts what `text` finds. As with [`Self::search`], a newer count takes an older one's place; the
    /// search goes on beside it.
    pub async fn count(&self, id: &str, text: &str, turn: u64) -> Result<Count> {
        let cancel = self.counts.take(id, turn)?;
        let opened = tokio::select! {
            () = cancel.cancelled() => return Err(taken_over()),
            opened = self.open_directory(id) => opened?,
        };
        opened.directory.count(text, &cancel).await.map_err(|error| opened.whose_password(error))
    }

    /// What to search for instead of `text`, which found nobody. A newer call takes an older one's place.
    pub async fn widen(&self, id: &str, text: &str, turn: u64) -> Result<Vec<Wider>> {
        let cancel = self.widenings.take(id, turn)?;
        let opened = self.open_directory(id).await?;
        let found = directory::wider(&**opened.directory, text, &cancel).await;
        found.map_err(|error| opened.whose_password(error))
    }

    /// Stops the count under way, if it is older than `turn`.
    pub fn stop_count(&self, id: &str, turn: u64) -> Result<()> {
        self.counts.take(id, turn).map(drop)
    }

    /// What a search text says: its filters, and what is wrong with them.
    pub async fn read_search(&self, id: &str, text: &str) -> Result<Highlights> {
        let directory = self.open_directory(id).await?.directory;
        Ok(directory::reading(text, &directory.info().columns, Timestamp::now()))
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_search(&self, id: &str, text: &str, caret: usize) -> Result<Vec<Suggestion>> {
        let directory = self.open_directory(id).await?.directory;
        let columns = &directory.info().columns;
        let known = match directory::completed_column(text, caret, columns) {
            Some(column) => directory.values(column).await?,
            None => Vec::new(),
        };
        Ok(directory::complete(text, caret, columns, &known, Timestamp::now()))
    }

    pub async fn user_details(&self, id: &str, user: &str) -> Result<UserDetails> {
        let opened = self.open_directory(id).await?;
        let Opened { connection, directory } = &opened;
        let found = directory.user(user).await.map_err(|error| opened.whose_password(error))?;
        let row = found.ok_or_else(|| {
            Error::new(Code::UserNotFound, format!("No user has the id {user} any more."))
                .hint("It may have been deleted: search again.")
        })?;
        let mut past = self.audit.past_sessions(id, user, 20).await?;
        // Nobody signed in for that.
        past.retain(|session| session.reason != impersonation::FORM_REASON);
        let info = directory.info();
        let mut standings = policy::standings(&connection.policy, &info, std::slice::from_ref(&row));
        let standing = standings.pop().unwrap_or(Standing::Undecided);
        let filter = |(at, cell): (usize, &Option<String>)| {
            directory::filter_by(&info.columns, at, cell.as_deref(), Timestamp::now())
        };
        let filters = row.cells.iter().enumerate().map(filter).collect();
        Ok(UserDetails { row, filters, standing, past })
    }

    /// The operator's last reasons for this connection, newest first.
    pub async fn recent_reasons(&self, id: &str) -> Result<Vec<String>> {
        let mut reasons = self.audit.recent_reasons(id, self.operator().operator(), 7).await?;
        reasons.retain(|reason| ![trial::REASON, impersonation::FORM_REASON].contains(&reason.as_str()));
        reasons.truncate(5);
        Ok(reasons)
    }

    // ── sessions ───────────────────────────────────────────────────────────────────────────────

    /// Becomes a user; all that comes from outside is the connection, the user's id and the reason.
    /// `given` is what the sign-in's form asked for.
    pub async fn impersonate(
        &self,
        id: &str,
        user: &str,
        reason: &str,
        given: Map<String, Value>,
    ) -> Result<SessionView> {
        let request = ImpersonationRequest { reason: reason.to_owned(), given, ..self.request(id, user) };
        self.impersonations.begin(request).await
    }

    /// What has to be asked before becoming this user; with `change`: what has to be asked now.
    pub async fn sign_in_form(
        &self,
        id: &str,
        user: &str,
        change: Option<&FormChange>,
    ) -> Result<SignInForm> {
        self.impersonations.form(&self.request(id, user), change).await
    }

    fn request(&self, id: &str, user: &str) -> ImpersonationRequest {
        ImpersonationRequest {
            connection: id.to_owned(),
            user: user.to_owned(),
            reason: String::new(),
            given: Map::new(),
            operator: self.operator(),
        }
    }

    pub fn sessions(&self) -> Vec<SessionView> {
        self.impersonations.sessions()
    }

    pub fn session(&self, session: &str) -> Result<SessionView> {
        self.impersonations.session(session)
    }

    pub async fn focus_session(&self, session: &str) -> Result<()> {
        self.impersonations.focus(session).await
    }

    pub fn retry_session(&self, session: &str) -> Result<()> {
        self.impersonations.retry(session)
    }

    /// Gives the session the policy's time again.
    pub async fn extend_session(&self, session: &str) -> Result<SessionView> {
        self.impersonations.extend(session).await
    }

    pub async fn end_session(&self, session: &str, cause: EndCause) {
        self.impersonations.end(session, cause).await;
    }

    /// Ends everything, before the process does: from then on nothing begins. Takes half a minute at most, whatever
    /// does not answer.
    pub async fn shut_down(&self) {
        for turns in
            [&self.searches, &self.counts, &self.widenings, &self.surveys, &self.previews, &self.trials]
        {
            turns.close();
        }
        self.trying.close();
        let ends = async { tokio::join!(self.impersonations.quit(), self.trying.wait()) };
        if tokio::time::timeout(QUIT_LIMIT, ends).await.is_err() {
            tracing::error!(
                "not everything had ended when Understudy quit; the audit log says it at the next start"
            );
        }
        self.pay_before_quitting().await;
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.directories.close_all()).await;
    }

    async fn pay_before_quitting(&self) {
        let limit = self.clock.now().plus(PAY_LIMIT_MS);
        tokio::select! {
            biased;
            paid = self.audit.pay() => {
                if let Err(error) = paid {
                    tracing::error!("the audit log lacks entries: {error}");
                }
            }
            () = self.clock.until(limit) => {
                tracing::error!("the audit log lacks entries: it was locked until Understudy quit; the next start writes them");
                self.audit.keep_owed().await;
            }
        }
    }

    // ── settings and the demo ──────────────────────────────────────────────────────────────────

    pub fn settings(&self) -> Settings {
        self.settings.read().clone()
    }

    /// What a window chose. The order of the connections is not its to say: it may have moved meanwhile.
    pub fn save_settings(&self, settings: Settings) -> Result<Settings> {
        let _one_at_a_time = self.changing_settings.lock();
        let connection_order = self.settings().connection_order;
        let settings = Settings { connection_order, ..settings };
        settings.save(&self.home)?;
        self.settings_are_faulty.store(false, Ordering::SeqCst);
        *self.settings.write() = settings.clone();
        Ok(settings)
    }

    /// Keeps the connections in the order that `order` makes of the one they have. In memory only while the file waits
    /// for somebody to mend it.
    fn keep_order(&self, order: impl FnOnce(&[String]) -> Vec<String>) -> Result<()> {
        let _one_at_a_time = self.changing_settings.lock();
        let before = self.settings();
        let settings = Settings { connection_order: order(&before.connection_order), ..before.clone() };
        if settings == before {
            return Ok(());
        }
        let saved =
            if self.settings_are_faulty.load(Ordering::SeqCst) { Ok(()) } else { settings.save(&self.home) };
        *self.settings.write() = settings;
        saved
    }

    /// Where the demo keeps its users.
    pub fn demo_dir(&self) -> Result<std::path::PathBuf> {
        self.home.demo_dir()
    }

    /// Takes in the connection of a demo that runs as long as this process; `admin_token` is its secret of that name.
    pub async fn add_demo(&self, text: &str, admin_token: SecretString) -> Result<()> {
        let connection = Connection::parse(DEMO, text, Origin::Demo, None)?;
        let name = SecretName::new(DEMO, "admin_token");
        let destination = Destination::of(&connection, &name.name);
        if let Err(error) = self.vault.store(&name, admin_token.clone(), Keep::Stored, &destination).await {
            tracing::info!(code = ?error.code, "the demo's token stays in memory");
            self.vault.store(&name, admin_token, Keep::ThisRun, &destination).await?;
        }
        let mut connections = self.connections.write();
        connections.insert(DEMO.into(), Arc::new(connection));
        drop(connections);
        self.give_places();
        self.notices.send(Notice::Connections(self.connection_list()));
        Ok(())
    }

    fn operator(&self) -> Who {
        let settings = self.settings();
        Who::new(settings.operator_name.trim(), settings.operator_email.trim())
    }

    /// The connection as it is now, and its directory.
    async fn open_directory(&self, id: &str) -> Result<Opened> {
        self.directories.open(|| self.connection(id)).await
    }

    /// Nobody wants to wait any longer for the database of this connection to wake up.
    pub fn stop_waiting(&self, id: &str) {
        self.directories.stop_waiting(id);
    }

    /// Passes on that the database of the form wakes up.
    fn tell_waking(&self) -> TellWaking {
        let notices = self.notices.clone();
        Arc::new(move |wakes| {
            notices.send(Notice::DirectoryWaking(WakingDirectory { connection: None, wakes }));
        })
    }
}

#[async_trait]
impl Grounds for Console {
    fn connection(&self, id: &str) -> Result<Arc<Connection>> {
        self.connection(id)
    }

    async fn opened(&self, id: &str) -> Result<Opened> {
        self.open_directory(id).await
    }
}
