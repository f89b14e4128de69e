//! A customer application, and a console with the connection `shop` to it.

use std::path::Path;

use anyhow::Result;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_core::audit::{AuditLog, Event};
use understudy_core::directory::{self, ListRequest};
use understudy_demo::{Demo, ReceivedRequest};
use understudy_test_support::stage::Stage;
use understudy_test_support::wait::PATIENCE;

/// The canary: it may only be in the keyring and in the login request.
pub const TOKEN: &str = "canary-51c0ffee-admin-token";

/// The ID of a customer; a double cannot represent it exactly.
pub const LARGE_ID: &str = "9007199254740993";

pub struct Shop {
    pub demo: Demo,
    pub stage: Stage,
    /// The IDs of some customers, newest first.
    pub customers: Vec<String>,
}

impl Shop {
    /// A shop whose connection's text `edit` may change.
    pub async fn with_connection(edit: impl FnOnce(String) -> String) -> Result<Self> {
        // One file of invented users for all tests.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
        let demo = Demo::start(&folder, SecretString::from(TOKEN), understudy_demo::today_in_utc()).await?;
        let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
        let text = edit(demo.connection_text.clone());
        stage.connection("shop", &text)?;
        stage.secret("shop", "admin_token", TOKEN).await?;
        let file = understudy_core::connection::read_file("shop", &text)?;
        let directory = directory::open(&file.directory, None).await?;
        let newest = ListRequest::first_page("", 20);
        let page = directory.search_users(&newest, &CancellationToken::new()).await?;
        let customers = page.rows.into_iter().map(|row| row.id).collect();
        Ok(Self { demo, stage, customers })
    }

    pub async fn open() -> Result<Self> {
        Self::with_connection(|text| text).await
    }

    /// A shop in which sessions begin at this path.
    pub async fn beginning_at(path: &str) -> Result<Self> {
        Self::beginning_with(path, |text| text).await
    }

    /// The same, with a connection's text that `edit` may change.
    pub async fn beginning_with(path: &str, edit: impl FnOnce(String) -> String) -> Result<Self> {
        Self::with_connection(|text| {
            let line = |line: &str| match line.strip_suffix("/\"") {
                Some(origin) if line.starts_with("redirect_to") => format!("{origin}{path}\""),
                _ => line.to_owned(),
            };
            edit(text.lines().map(line).collect::<Vec<_>>().join("\n"))
        })
        .await
    }

    /// The ID of one of the demo's edge cases.
    pub async fn edge_case(&self, who: &str) -> Result<String> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo/ledgerline.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
        let pool = sqlx::SqlitePool::connect_with(options).await?;
        let id: i64 = sqlx::query_scalar("SELECT id FROM users WHERE email = ?")
            .bind(format!("{who}@edge-cases.example"))
            .fetch_one(&pool)
            .await?;
        pool.close().await;
        Ok(id.to_string())
    }

    /// Waits until the application has received such a request.
    pub async fn received(&self, wanted: impl Fn(&ReceivedRequest) -> bool) -> Result<ReceivedRequest> {
        Ok(self.demo.application.wait_for(wanted, PATIENCE).await?)
    }

    /// Method and path of everything received so far, in order, without images and styles.
    pub fn story(&self) -> Vec<String> {
        let journal = self.demo.application.journal();
        let pages = journal.iter().filter(|one| !one.path.contains('.'));
        pages.map(|one| format!("{} {}", one.method, one.path)).collect()
    }

    pub fn count(&self, method: &str, path: &str) -> usize {
        self.demo.application.journal().iter().filter(|one| one.method == method && one.path == path).count()
    }

    /// All events in the audit log, oldest first.
    pub async fn audit(&self) -> Result<Vec<Event>> {
        let entries = AuditLog::open(&self.stage.home().audit_file()?).await?.read_entries(1000).await?;
        Ok(entries.into_iter().rev().map(|entry| entry.event).collect())
    }
}
