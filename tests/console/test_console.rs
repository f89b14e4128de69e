//! The start of every story: a console with the demo's directory and customer application.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use understudy_core::audit::reader::{EntryFilter, LogReader, StoredEntry};
use understudy_core::audit::{AuditLog, EndCause, Event};
use understudy_core::browser::Browser;
use understudy_core::clock::Clock;
use understudy_core::colleagues::Presence;
use understudy_core::connection::ConnectionSource;
use understudy_core::console::Console;
use understudy_core::directory::{ListRequest, Row};
use understudy_core::home::Home;
use understudy_core::notice::{ConnectionList, Notice, Notices, Toast};
use understudy_core::session::{EndedSession, Phase, SessionView};
use understudy_core::settings::Settings;
use understudy_core::vault::{Keep, Vault};
use understudy_demo::Demo;
use understudy_test_support::browser::PlainBrowser;

/// The canary: this text may only be in the vault and in the login request.
pub const TOKEN: &str = "canary-7f3d9a51-admin-token";

/// The time of every story: 2026-03-02, 12:00 UTC.
const NOON: i64 = 1_772_452_800_000;

pub struct Desk {
    pub console: Arc<Console>,
    pub browser: Arc<PlainBrowser>,
    pub demo: Demo,
    pub vault: Vault,
    pub keyring: Arc<TestKeyring>,
    /// The keyring's content.
    pub entries: Arc<keyring_core::mock::Store>,
    /// Stands still until a story moves it.
    pub clock: Clock,
    pub home: TempDir,
    notices: Receiver<Notice>,
    /// All notices so far, to be searched for the canary.
    pub told: Vec<String>,
}

/// How the keyring behaves: it works, prompts for its password first, or is gone.
#[derive(Default)]
pub struct TestKeyring {
    is_gone: AtomicBool,
    is_locked: AtomicBool,
    asks: Mutex<bool>,
    is_asked: AtomicBool,
    answered: Condvar,
}

/// The keyring prompts for its password and answers no one until this is dropped.
pub struct Prompt(Arc<TestKeyring>);

impl Drop for Prompt {
    fn drop(&mut self) {
        *self.0.asks.lock().expect("no panic") = false;
        self.0.answered.notify_all();
    }
}

impl TestKeyring {
    /// Locks it; no one will unlock it.
    pub fn lock(&self) {
        self.is_locked.store(true, Ordering::SeqCst);
    }

    /// Makes it unavailable, as after a crash.
    pub fn go(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
    }

    pub fn ask(self: &Arc<Self>) -> Prompt {
        *self.asks.lock().expect("no panic") = true;
        Prompt(Arc::clone(self))
    }

    /// Whether a request is waiting for its answer.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }

    fn answer(&self) -> keyring_core::Result<()> {
        let asks = self.asks.lock().expect("no panic");
        self.is_asked.store(*asks, Ordering::SeqCst);
        drop(self.answered.wait_while(asks, |asks| *asks).expect("no panic"));
        if self.is_locked.load(Ordering::SeqCst) {
            return Err(keyring_core::Error::NoStorageAccess("locked".into()));
        }
        if self.is_gone.load(Ordering::SeqCst) { Err(keyring_core::Error::NoDefaultStore) } else { Ok(()) }
    }
}

impl Desk {
    /// A desk with the connection `shop`, whose text `edit` may change first.
    pub async fn with_connection(edit: impl FnOnce(String) -> String) -> Self {
        let plain = Arc::new(PlainBrowser::default());
        Self::with_windows(edit, Arc::clone(&plain) as _, plain).await
    }

    /// The desk of this operator, in a team whose log is at `url`.
    pub async fn in_team(url: &str, operator: &str, edit: impl FnOnce(String) -> String) -> Self {
        Self::in_team_with(&format!("url = \"{url}\""), operator, edit).await
    }

    /// The same, with these lines in the team file's `[audit]`.
    pub async fn in_team_with(audit: &str, operator: &str, edit: impl FnOnce(String) -> String) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let place = Home::in_folder(home.path());
        std::fs::write(place.own_team_file(), format!("[audit]\n{audit}\n")).expect("written");
        let settings = Settings { operator_name: operator.into(), ..Settings::default() };
        settings.save(&place).expect("written");
        let plain = Arc::new(PlainBrowser::default());
        Self::in_home(home, edit, Arc::clone(&plain) as _, plain).await
    }

    /// A desk whose windows are `windows`; `browser` is what they are if they are no real ones.
    pub async fn with_windows(
        edit: impl FnOnce(String) -> String,
        windows: Arc<dyn Browser>,
        browser: Arc<PlainBrowser>,
    ) -> Self {
        Self::in_home(tempfile::tempdir().expect("a folder"), edit, windows, browser).await
    }

    async fn in_home(
        home: TempDir,
        edit: impl FnOnce(String) -> String,
        windows: Arc<dyn Browser>,
        browser: Arc<PlainBrowser>,
    ) -> Self {
        let place = Home::in_folder(home.path());
        let token = SecretString::from(TOKEN);
        let demo = Demo::start(&demo_folder(), token.clone(), understudy_demo::today_in_utc())
            .await
            .expect("the demo starts");
        let file = place.connections_dir().expect("a folder").join("shop.toml");
        std::fs::write(&file, edit(demo.connection_text.clone())).expect("the connection is written");
        // A working, empty keyring.
        let store = keyring_core::mock::Store::new().expect("in memory");
        let keyring = Arc::new(TestKeyring::default());
        let (asked, entries) = (Arc::clone(&keyring), Arc::clone(&store));
        let vault = Vault::with_store(Arc::new(move || asked.answer().map(|()| Arc::clone(&store) as _)));
        let notices = Notices::default();
        let listening = notices.subscribe();
        let clock = Clock::manual(NOON);
        let console = Console::open(place, vault.clone(), windows, notices, clock.clone())
            .await
            .expect("the console opens");
        let list = console.connection_list();
        assert!(list.problems.is_empty(), "{:?}", list.problems);
        let (notices, told) = (listening, Vec::new());
        let desk = Self { console, browser, demo, vault, keyring, entries, clock, home, notices, told };
        // The operator sees what is told.
        desk.console.send_queued_notices();
        desk.keep("admin_token", TOKEN).await;
        desk
    }

    pub async fn new() -> Self {
        Self::with_connection(|text| text).await
    }

    /// Another console in the same home, as at the next start.
    pub async fn open_again(&self) -> Arc<Console> {
        let (home, browser) = (Home::in_folder(self.home.path()), Arc::clone(&self.browser) as _);
        let opened = Console::open(home, self.vault.clone(), browser, Notices::default(), self.clock.clone());
        opened.await.expect("the console opens")
    }

    pub async fn set_token(&self, value: &str) {
        self.keep("admin_token", value).await;
    }

    /// Stores a secret of the connection in the keyring.
    pub async fn store(&self, name: &str, value: &str) {
        let stored = self.console.store_secret("shop", name, SecretString::from(value), Keep::Stored);
        stored.await.expect("stored");
    }

    /// Stores a secret of the connection in memory.
    pub async fn keep(&self, name: &str, value: &str) {
        let kept = self.console.store_secret("shop", name, SecretString::from(value), Keep::ThisRun);
        kept.await.expect("kept in memory");
    }

    /// The newest users that match the search.
    pub async fn find(&self, text: &str) -> Vec<Row> {
        let query = ListRequest::first_page(text, 20);
        self.console.search_users("shop", &query, 0).await.expect("the directory answers").rows
    }

    /// Waits until the session is in `phase`; fails if the sign-in is refused instead.
    pub async fn until(&mut self, session: &str, phase: Phase) -> SessionView {
        let browser = Arc::clone(&self.browser);
        self.told(|notice| match notice {
            Notice::Sessions(sessions) => {
                let view = sessions.iter().find(|view| view.id == session)?;
                // A refused session does not retry by itself.
                let is_stuck = phase == Phase::Active && view.phase == Phase::Refused;
                assert!(!is_stuck, "refused: {:?}", browser.shown(session));
                Some(view.clone()).filter(|view| view.phase == phase)
            }
            _ => None,
        })
        .await
    }

    /// Waits until the session is in one of these phases; returns which.
    pub async fn until_one_of(&mut self, session: &str, phases: &[Phase]) -> Phase {
        self.told(|notice| match notice {
            Notice::Sessions(sessions) => {
                let phase = sessions.iter().find(|view| view.id == session)?.phase;
                phases.contains(&phase).then_some(phase)
            }
            _ => None,
        })
        .await
    }

    /// The session in the next notice.
    pub async fn until_changed(&mut self, session: &str) -> SessionView {
        self.told(|notice| match notice {
            Notice::Sessions(sessions) => sessions.iter().find(|view| view.id == session).cloned(),
            _ => None,
        })
        .await
    }

    /// Waits until the session has ended and its window is closed.
    pub async fn until_gone(&mut self, session: &str) {
        self.told(|notice| match notice {
            Notice::Sessions(sessions) => sessions.iter().all(|view| view.id != session).then_some(()),
            _ => None,
        })
        .await;
    }

    /// The audit log, as another program reads it.
    pub async fn audit(&self) -> AuditLog {
        let file = Home::in_folder(self.home.path()).audit_file().expect("a path");
        AuditLog::open(&file).await.expect("it opens")
    }

    /// What the log has outside of sessions, oldest first.
    pub async fn console_entries(&self) -> Vec<StoredEntry> {
        let path = Home::in_folder(self.home.path()).audit_file().expect("a path");
        let log = LogReader::open(&path).await.expect("opens");
        let mut entries = log.read_after(&EntryFilter::default(), 0, 1_000).await.expect("readable");
        entries.retain(|entry| entry.text("session").is_empty());
        entries
    }

    pub async fn toast(&mut self) -> Toast {
        self.told(|notice| match notice {
            Notice::Toast(toast) => Some(toast.clone()),
            _ => None,
        })
        .await
    }

    /// The next message like this.
    pub async fn toast_that(&mut self, wanted: impl Fn(&Toast) -> bool) -> Toast {
        self.told(|notice| match notice {
            Notice::Toast(toast) if wanted(toast) => Some(toast.clone()),
            _ => None,
        })
        .await
    }

    /// The notices from now on, for a story that waits for its own.
    pub fn later_notices(&self) -> Receiver<Notice> {
        self.notices.resubscribe()
    }

    pub async fn ends_soon(&mut self) -> SessionView {
        self.told(|notice| match notice {
            Notice::SessionEndsSoon(session) => Some(session.clone()),
            _ => None,
        })
        .await
    }

    pub async fn ended(&mut self) -> EndedSession {
        self.told(|notice| match notice {
            Notice::SessionEnded(ended) => Some(ended.clone()),
            _ => None,
        })
        .await
    }

    /// Locks the audit log like another program: until the connection is dropped, nothing can be written.
    pub async fn hold_audit_log(&self) -> sqlx::SqliteConnection {
        use sqlx::Connection;
        let file = Home::in_folder(self.home.path()).audit_file().expect("a path");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut held = sqlx::SqliteConnection::connect_with(&options).await.expect("opens");
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut held).await.expect("held");
        held
    }

    pub async fn connections(&mut self) -> ConnectionList {
        self.told(|notice| match notice {
            Notice::Connections(list) => Some(list.clone()),
            _ => None,
        })
        .await
    }

    /// What is known of colleagues, once it is like this: now, or as soon as it is told.
    pub async fn presence(&mut self, wanted: impl Fn(&Presence) -> bool) -> Presence {
        let now = self.console.presence();
        if wanted(&now) {
            return now;
        }
        self.told(|notice| match notice {
            Notice::Presence(presence) if wanted(presence) => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    /// The next notice that is wanted.
    pub async fn notice<T>(&mut self, wanted: impl Fn(&Notice) -> Option<T>) -> T {
        self.told(wanted).await
    }

    /// Whether all notices have been received.
    pub fn is_quiet(&self) -> bool {
        self.notices.is_empty()
    }

    async fn told<T>(&mut self, wanted: impl Fn(&Notice) -> Option<T>) -> T {
        let told = &mut self.told;
        let notices = &mut self.notices;
        let waiting = async {
            loop {
                let notice = notices.recv().await.expect("the console lives");
                told.push(format!("{notice:?}"));
                if let Some(found) = wanted(&notice) {
                    return found;
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), waiting).await {
            Ok(found) => found,
            Err(late) => panic!("it was not told ({late}); instead: {:#?}", self.told),
        }
    }
}

/// One directory of invented users for all stories, because creating it takes a second.
fn demo_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo")
}

/// The audit log's entry for a session that was signed out and held nothing back.
pub fn ended_by(cause: EndCause) -> Event {
    Event::Ended { cause, sign_out_failed: None, held_back: Some(0) }
}

/// A small directory: the customer 7, the administrator 8, and 9, whom the application does not know.
pub async fn three_users(folder: &Path) -> String {
    let file = folder.join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("opens");
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, plan TEXT, company_name TEXT, created_at TEXT)").execute(&pool).await.expect("made");
    sqlx::query("INSERT INTO users (id, email) VALUES (7, 'ada@example.com'), (8, 'root@example.com'), (9, 'gone@example.com')")
        .execute(&pool)
        .await
        .expect("filled");
    pool.close().await;
    format!("sqlite://{}", file.display())
}

/// Replaces the first line of a connection file that starts like this.
pub fn replace_line(text: &str, starts: &str, with: &str) -> String {
    let first = text.lines().position(|line| line.starts_with(starts));
    let first = first.unwrap_or_else(|| panic!("no line starts with {starts}: {text}"));
    let lines = text.lines().enumerate().map(|(at, line)| if at == first { with } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The demo's connection without its orders, for users in another database.
pub fn without_orders(text: &str) -> String {
    let (before, rest) = text.split_once("[[directory.related]]").expect("the demo has orders");
    let (_, after) = rest.split_once("\n\n").expect("an empty line follows");
    format!("{before}\n{after}")
}

#[test]
fn the_demos_connection_is_a_valid_one() {
    let text = understudy_demo::connection_text("http://127.0.0.1:1", Path::new("/tmp/demo.sqlite"));
    understudy_core::connection::Connection::parse("demo", &text, ConnectionSource::Demo, None)
        .expect("valid");
}
