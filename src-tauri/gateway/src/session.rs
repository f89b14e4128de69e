//! What all connections of one session share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::PublicCache;
use crate::SessionObserver;
use crate::authority::SessionAuthority;
use crate::credentials::CredentialStore;
use crate::fence::HostPattern;
use crate::gate::FenceGate;
use crate::inbound::Admission;
use crate::journal::RequestJournal;
use crate::launch::LaunchRoute;
use crate::preload::PendingPreloads;
use crate::questions::PasswordQuestions;
use crate::upstream::Upstream;

pub(crate) struct SessionState {
    pub(crate) admission: Admission,
    pub(crate) authority: SessionAuthority,
    pub(crate) upstream: Upstream,
    pub(crate) cache: Arc<PublicCache>,
    pub(crate) static_hosts: Vec<HostPattern>,
    pub(crate) preloads: PendingPreloads,
    pub(crate) gate: FenceGate,
    pub(crate) observer: Arc<dyn SessionObserver>,
    pub(crate) journal: Arc<RequestJournal>,
    pub(crate) credentials: Arc<CredentialStore>,
    pub(crate) questions: Arc<PasswordQuestions>,
    pub(crate) launch: Option<LaunchRoute>,
    /// Cancelled when the session ends: every connection closes, with the requests in flight.
    pub(crate) ended: CancellationToken,
    pub(crate) tasks: TaskTracker,
}
