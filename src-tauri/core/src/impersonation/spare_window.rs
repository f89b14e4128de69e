//! A window made ready while the operator gives a reason: opening one takes longer than everything else of a sign-in.
//!
//! It is hidden, belongs to no user and to no entry of the audit log, and sends no request: its launch page has nothing
//! to do until a session takes the window over. Only its gateway opens a connection to the application. There is one at
//! most.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::session_gateway::SessionGateway;
use super::{Impersonations, quitting_error};
use crate::browser::WindowOptions;
use crate::connection::Connection;
use crate::error::Result;
use crate::launch::{LaunchPage, LaunchPress, LaunchView};

/// A hidden window with its gateway.
pub(super) struct SpareWindow {
    /// The ID of the session that takes it over.
    pub(super) id: String,
    /// What it was made for.
    connection: Arc<Connection>,
    pub(super) gateway: SessionGateway,
    pub(super) pressed: mpsc::UnboundedReceiver<LaunchPress>,
}

/// The spare window, locked while one is being made.
pub(super) type SpareSlot = tokio::sync::Mutex<Option<SpareWindow>>;

impl SpareWindow {
    /// Whether it was made for this connection as it is now: with its authority, and with what this session may do.
    fn fits(&self, now: &Connection) -> bool {
        let then = &self.connection;
        then.id == now.id
            && then.text == now.text
            && then.network == now.network
            && then.policy.access == now.policy.access
    }
}

impl Impersonations {
    /// Makes a window ready for a session of this connection. A session does not need it, so a failure is only logged.
    pub async fn prepare_window(&self, connection: &str) {
        if let Err(error) = self.make_spare_window(connection).await {
            tracing::debug!("no window is made ready: {error:#}");
        }
    }

    /// Throws the spare window away, if there is one.
    pub async fn discard_spare_window(&self) {
        if let Some(spare) = self.spare.lock().await.take() {
            self.close_spare_window(spare).await;
        }
    }

    async fn make_spare_window(&self, connection: &str) -> Result<()> {
        // Quitting waits for this token, and no window is made after it has begun.
        let _beginning = self.beginning.token();
        let mut slot = self.spare.lock().await;
        let listed = self.connection_provider()?.find_connection(connection)?;
        let connection = Arc::new(Connection::clone(&listed).with_authority()?);
        if slot.as_ref().is_some_and(|spare| spare.fits(&connection)) {
            return Ok(());
        }
        if let Some(unfit) = slot.take() {
            self.close_spare_window(unfit).await;
        }
        if self.quitting.is_cancelled() {
            return Ok(());
        }
        let id = Uuid::now_v7().to_string();
        let blank = LaunchView::Busy { title: String::new(), subtitle: String::new() };
        let (page, pressed) = LaunchPage::create(blank);
        let started = Box::pin(SessionGateway::start(&id, page, &connection, self.gateway_surroundings()));
        let gateway = started.await?;
        let spare = SpareWindow { id, connection, gateway, pressed };
        let opening = WindowOptions {
            origin: &spare.connection.sign_in.origin,
            launch: spare.gateway.launch(),
            gateway: spare.gateway.gateway(),
        };
        let made = async {
            self.browser.prepare_window(&spare.id, &opening).await?;
            spare.gateway.launch().page().wait_until_ready().await
        };
        let made = tokio::select! {
            biased;
            () = self.quitting.cancelled() => Err(quitting_error()),
            made = made => made,
        };
        if let Err(error) = made {
            self.close_spare_window(spare).await;
            return Err(error);
        }
        *slot = Some(spare);
        Ok(())
    }

    /// The spare window, if it was made for this connection as it is now. If one is being made, waits for it: a second
    /// one would take as long.
    pub(super) async fn take_spare_window(&self, connection: &Connection) -> Option<SpareWindow> {
        self.spare.lock().await.take_if(|spare| spare.fits(connection))
    }

    pub(super) async fn close_spare_window(&self, spare: SpareWindow) {
        self.browser.close_window(&spare.id).await;
        spare.gateway.close().await;
    }
}
