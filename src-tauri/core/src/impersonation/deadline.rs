//! The clock of a session: when its time is up, it ends.

use std::sync::Arc;

use super::{Impersonations, Running};
use crate::audit::EndCause;

impl Impersonations {
    pub(super) async fn keep_deadline(&self, running: &Arc<Running>) {
        let Some(deadline) = running.view().deadline else { return };
        tokio::select! {
            () = running.stop.cancelled() => {}
            () = self.clock.until(deadline) => self.end(&running.id, EndCause::Deadline).await,
        }
    }
}
