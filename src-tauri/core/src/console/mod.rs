//! The console as a whole: connections, directories, vault, audit log, sessions.
//!
//! Everything that a window or a command line can ask for. Each method is one action of the operator.

mod all_connections;
mod approvals;
mod audit_log;
mod connections;
mod deliveries;
mod demo;
mod form;
mod known_connections;
mod record;
mod retention;
mod secrets;
mod sessions;
mod settings;
mod team;
mod team_log_view;
mod ticket_evidence;
mod tickets;
mod users;

use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

pub use self::all_connections::FoundUsers;
pub use self::audit_log::EntryPage;
use self::known_connections::KnownConnections;
pub use self::secrets::describe_redirects;
use self::team::CurrentTeam;
use self::team_log_view::TeamLogView;
pub use self::users::{FamiliarUser, ListedPage, UserDetails};
use crate::audit::{AuditLog, ConsoleEvent, EntryLink, VerificationProgress};
use crate::browser::Browser;
use crate::clock::Clock;
use crate::colleagues::{Colleagues, Presence};
use crate::connection::{Connection, ConnectionProblem, Connections};
use crate::customer_link::CustomerLink;
use crate::directories::{Directories, OpenConnection};
use crate::directory;
use crate::error::Result;
use crate::home::Home;
use crate::impersonation::{ConnectionProvider, FoundApproval, Impersonations, NeededApproval};
use crate::latest_only::LatestOnly;
use crate::lookups::Lookups;
use crate::notice::{Notice, Notices, Toast};
use crate::outbox::Outbox;
use crate::record_reads::RecordReads;
use crate::settings::Settings;
use crate::vault::Vault;

/// How long quitting waits for sign-outs, and then for databases. Nothing on the screen shows this.
const QUIT_LIMIT: Duration = Duration::from_secs(25);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// How long quitting waits for an audit log that is locked. The next start reports what is missing then as a crash.
const PAY_LIMIT_MS: i64 = 10_000;

pub struct Console {
    home: Home,
    files: Connections,
    connections: RwLock<BTreeMap<String, Arc<Connection>>>,
    problems: RwLock<Vec<ConnectionProblem>>,
    /// The files as the audit log knows them. Held while they are read and the result is stored.
    loading: Mutex<KnownConnections>,
    /// The IDs of connections whose files this console is changing.
    changing: Mutex<BTreeSet<String>>,
    directories: Directories,
    searches: LatestOnly,
    lookups: Lookups,
    record_reads: RecordReads,
    quick_searches: LatestOnly,
    counts: LatestOnly,
    widenings: LatestOnly,
    discoveries: LatestOnly,
    previews: LatestOnly,
    protected_counts: LatestOnly,
    trials: LatestOnly,
    log_readings: LatestOnly,
    /// Of the last verification of a log.
    verification: Mutex<Arc<VerificationProgress>>,
    /// Sign-in tests under way.
    trying: TaskTracker,
    /// What has happened before there was a window to show it in; `None` once it listens.
    waiting: Mutex<Option<Vec<Notice>>>,
    settings: RwLock<Settings>,
    /// Held from reading the settings until the changed ones are written.
    changing_settings: Mutex<()>,
    /// The settings file could not be read: only the operator may replace it.
    settings_are_faulty: AtomicBool,
    vault: Vault,
    audit: AuditLog,
    notices: Notices,
    clock: Clock,
    /// What is sent after sessions, on its way.
    outbox: Arc<Outbox>,
    impersonations: Arc<Impersonations>,
    team: CurrentTeam,
    team_log_view: TeamLogView,
    colleagues: Arc<Colleagues>,
}

impl Console {
    /// Opens the console: reads settings and connections, opens the audit log, and closes what a crash left unfinished
    /// there. Faults in settings and connection files are reported, not fatal.
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
            waiting.push(Notice::Toast(Toast::from_error(&error)));
            Settings::default()
        });
        directory::sweep_tunnel_folders();
        let audit = AuditLog::open(&home.audit_file()?).await?;
        let lost = audit.close_unfinished(clock.now_ms()).await?;
        let outbox = Arc::new(Outbox::new(&home));
        outbox.complete_notifications(&audit).await;
        let own_log = audit.id().await?;
        let former = audit.find_last_operator(&settings.operator()).await?;
        let known = KnownConnections::load(home.known_connections_file()?, former.is_some());
        waiting.extend(Toast::after_crash(&lost).map(Notice::Toast));
        let console = Arc::new_cyclic(|console: &Weak<Self>| Self {
            impersonations: Impersonations::new(
                vault.clone(),
                audit.clone(),
                browser,
                notices.clone(),
                clock.clone(),
                Arc::clone(&outbox),
                console.clone(),
            ),
            team: CurrentTeam::default(),
            team_log_view: TeamLogView::default(),
            colleagues: Colleagues::new(
                own_log,
                clock.clone(),
                notices.clone(),
                console.clone(),
                home.told_glass_file(),
            ),
            files: Connections::new(home.clone()),
            outbox,
            home,
            connections: RwLock::default(),
            problems: RwLock::default(),
            loading: Mutex::new(known),
            changing: Mutex::default(),
            directories: Directories::new(vault.clone(), clock.clone(), notices.clone()),
            searches: LatestOnly::default(),
            lookups: Lookups::default(),
            record_reads: RecordReads::default(),
            quick_searches: LatestOnly::default(),
            counts: LatestOnly::default(),
            widenings: LatestOnly::default(),
            discoveries: LatestOnly::default(),
            previews: LatestOnly::default(),
            protected_counts: LatestOnly::default(),
            trials: LatestOnly::default(),
            log_readings: LatestOnly::default(),
            verification: Mutex::default(),
            trying: TaskTracker::new(),
            waiting: Mutex::new(Some(waiting)),
            settings: RwLock::new(settings),
            changing_settings: Mutex::default(),
            settings_are_faulty,
            vault,
            audit,
            notices,
            clock,
        });
        Self::keep_checkpoints(&console);
        console.record_former_operator(former).await;
        console.record(console.new_entry(ConsoleEvent::Started)).await;
        console.load_connections();
        console.resume_requests().await?;
        Self::keep_retention(&console);
        Ok(console)
    }

    /// The window listens now: sends what has waited for it, such as faults of the settings, sessions that a crash cut
    /// off, the link that Understudy was started with, and which colleagues have signed in without approval.
    pub fn send_queued_notices(&self) {
        for notice in self.waiting.lock().take().into_iter().flatten() {
            self.notices.send(notice);
        }
        self.colleagues.begin_telling();
    }

    /// Sends a message as soon as the window listens.
    pub fn queue_toast(&self, toast: Toast) {
        self.queue_notice(Notice::Toast(toast));
    }

    /// Hands a link from outside to the window, as soon as it listens; if it can't be read, says why.
    pub fn receive_link(&self, text: &str) {
        self.queue_notice(match CustomerLink::parse(text) {
            Ok(link) => Notice::CustomerLink(link),
            Err(error) => Notice::Toast(Toast::from_error(&error)),
        });
    }

    fn queue_notice(&self, notice: Notice) {
        match &mut *self.waiting.lock() {
            Some(waiting) => waiting.push(notice),
            None => self.notices.send(notice),
        }
    }

    /// The current state as notices, for a listener that missed some.
    pub async fn current_notices(&self) -> Vec<Notice> {
        vec![
            Notice::Sessions(self.sessions()),
            Notice::WaitingMessages(self.waiting_messages().await),
            Notice::Connections(self.connection_list()),
            Notice::Presence(self.presence()),
            Notice::Approvals(self.approval_requests()),
        ]
    }

    /// Who of the team is in which account, as far as is known.
    pub fn presence(&self) -> Presence {
        self.colleagues.presence()
    }

    /// Ends everything before the process exits; from then on, nothing begins. Takes at most half a minute, even if
    /// something does not answer.
    pub async fn shut_down(&self) {
        for turns in [
            &self.searches,
            &self.quick_searches,
            &self.counts,
            &self.widenings,
            &self.discoveries,
            &self.previews,
            &self.protected_counts,
            &self.trials,
            &self.log_readings,
        ] {
            turns.close();
        }
        self.lookups.stop(u64::MAX);
        self.trying.close();
        self.outbox.stop.cancel();
        self.colleagues.close();
        let ends = async { tokio::join!(self.impersonations.quit(), self.trying.wait()) };
        if tokio::time::timeout(QUIT_LIMIT, ends).await.is_err() {
            tracing::error!(
                "not everything had ended when Understudy quit; the audit log says it at the next start"
            );
        }
        self.audit.owe_console_entry(self.new_entry(ConsoleEvent::Stopped));
        self.pay_before_quitting().await;
        self.sign_before_quitting().await;
        if let Some(log) = self.team_log() {
            log.finish(self.audit.latest_number(), CLOSE_LIMIT).await;
        }
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.directories.close_all()).await;
    }

    /// Signs the audit log now and then. The operator is told if it lacks what was signed before.
    fn keep_checkpoints(console: &Arc<Self>) {
        let (clock, telling) = (console.clock.clone(), Arc::downgrade(console));
        console.audit.keep_checkpoints(
            console.vault.clone(),
            move || clock.now_ms(),
            move |error| {
                if let Some(console) = telling.upgrade() {
                    console.queue_toast(Toast::from_error(&error.into()));
                }
            },
        );
    }

    /// So that what was written last is covered too. Whatever prevents it, the next start does it.
    async fn sign_before_quitting(&self) {
        let signed = self.audit.add_checkpoint(&self.vault, self.clock.now_ms());
        match tokio::time::timeout(CLOSE_LIMIT, signed).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::info!("no checkpoint of the audit log at the end: {error:#}"),
            Err(_) => tracing::info!("no checkpoint of the audit log at the end: the keyring takes too long"),
        }
    }

    async fn pay_before_quitting(&self) {
        let limit = self.clock.now().add_ms(PAY_LIMIT_MS);
        tokio::select! {
            biased;
            paid = self.audit.write_owed_entries() => {
                if let Err(error) = paid {
                    tracing::error!("the audit log lacks entries: {error:#}");
                }
            }
            () = self.clock.wait_until(limit) => {
                tracing::error!("the audit log lacks entries: it was locked until Understudy quit; the next start writes them");
                self.audit.keep_owed().await;
            }
        }
    }
}

#[async_trait]
impl ConnectionProvider for Console {
    fn find_connection(&self, id: &str) -> Result<Arc<Connection>> {
        self.find_connection(id)
    }

    async fn open_connection(&self, id: &str) -> Result<OpenConnection> {
        self.open_directory(id).await
    }

    fn check_team_rules(&self) -> Result<()> {
        self.read_team().map(drop)
    }

    async fn await_team_log(&self, written: &EntryLink) -> Result<()> {
        self.await_team_log(written).await
    }

    async fn find_approval(&self, needed: NeededApproval<'_>) -> Result<Option<FoundApproval>> {
        self.find_approval(needed).await
    }

    async fn use_approval(&self, found: FoundApproval) -> Result<()> {
        self.use_approval(found).await
    }
}
