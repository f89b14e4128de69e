//! The demo while it runs: a database of invented users, and a customer application on loopback.

use secrecy::SecretString;
use tokio::sync::Mutex;
use understudy_core::connection::{ConnectionSummary, DEMO};
use understudy_core::console::Console;
use understudy_core::error::{Code, Error, Result};
use understudy_demo::{Demo, DemoError, today_in_utc};
use uuid::Uuid;

/// At most one demo runs, until the process ends.
#[derive(Default)]
pub struct RunningDemo(Mutex<Option<Demo>>);

impl RunningDemo {
    /// Starts it once, with an admin token that is new each time and kept in the vault.
    pub async fn start(&self, console: &Console) -> Result<ConnectionSummary> {
        let mut running = self.0.lock().await;
        if running.is_none() {
            let token = SecretString::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
            let demo = Demo::start(&console.demo_dir()?, token.clone(), today_in_utc())
                .await
                .map_err(to_core_error)?;
            console.add_demo(&demo.connection_text, token).await?;
            *running = Some(demo);
        }
        Ok(console.find_connection(DEMO)?.to_summary())
    }
}

impl RunningDemo {
    /// Where the demo's helpdesk is, whose tickets have links to its customers.
    pub async fn helpdesk_url(&self) -> Result<String> {
        let running = self.0.lock().await;
        let demo = running.as_ref().ok_or_else(|| {
            Error::new(Code::ConnectionUnknown, "The demo is not running.").with_hint("Start it first.")
        })?;
        Ok(format!("{}/helpdesk", demo.application.origin()))
    }
}

fn to_core_error(error: DemoError) -> Error {
    let DemoError { message, hint } = error;
    Error { hint, ..Error::new(Code::FileFailed, message) }
}
