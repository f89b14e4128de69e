//! Connects to one of the hosts, through the tunnel if there is one, and waits for a server that wakes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::password::Password;
use super::{CONNECT_TIMEOUT, Endpoint};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::hosts::TargetServer;
use crate::reach::no_answer::no_answer_error;
use crate::reach::wake_up::WakingGuard;
use crate::reach::wire::{ConnectStage, Wire};

/// How long a server that answered waits for a preferred one.
const PREFERENCE: Duration = Duration::from_millis(700);

/// A server that was reached but has not completed the login after this long is asleep or starting.
const SLEEPY: Duration = Duration::from_millis(1500);

/// How long to wait before calling a server again that hangs up while it is waking.
const SNOOZE: Duration = Duration::from_secs(1);

/// The hint for a server that was reached but did not wake up.
pub(crate) const ASLEEP: &str = "It accepted the connection but sent nothing. If it needs longer to wake up, raise \
                                 `patience` in [directory]. Otherwise check that a database is running at this host \
                                 and port.";

impl Endpoint {
    /// Connects to the preferred server, or explains why that is impossible. Retries once with a new password if the
    /// old one was refused, and once with a new tunnel if nothing came through; waits for a server that is waking up.
    /// `to` connects to one server with a password, returns whether it is a replica, and records what it saw.
    pub(crate) async fn connect<T: Send + 'static, F>(
        self: &Arc<Self>,
        to: impl Fn(Arc<Self>, usize, Password, Arc<ConnectObservations>) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<(T, bool)>> + Send + 'static,
    {
        let began = Instant::now();
        let mut is_last = false;
        let mut waking = None;
        loop {
            // The password comes first: if it may not go to this destination, no tunnel to it is opened.
            let password = self.current_password().await?;
            self.ensure_tunnel().await?;
            let signs = Arc::new(ConnectObservations::default());
            let connected =
                self.choose_host(|at| to(Arc::clone(self), at, password.clone(), Arc::clone(&signs)));
            let error = match connected.await {
                Ok((_, connected)) => return Ok(connected),
                Err(error) => error,
            };
            if !is_last && signs.refused.load(Ordering::Relaxed) && self.reread_password(&password).await {
                is_last = true;
                continue;
            }
            if signs.will_wake() && began.elapsed() < self.patience {
                waking.get_or_insert_with(|| self.announce_waking());
                tokio::time::sleep(SNOOZE).await;
                continue;
            }
            if waking.is_some() && signs.asleep.load(Ordering::Relaxed) {
                return Err(error.with_hint(ASLEEP));
            }
            if signs.starting.load(Ordering::Relaxed) {
                // The server's own message says why.
                return Err(error);
            }
            match self.explain_unreachable(error).await {
                (_, true) if !is_last => is_last = true,
                (error, _) => return Err(error),
            }
        }
    }

    /// Runs the driver over `wire`, and waits for a server that is asleep: if it is reached within [`CONNECT_TIMEOUT`],
    /// the connection file decides how long it may take. `None`: time is up.
    pub(crate) async fn await_connection<T>(
        &self,
        wire: &Wire,
        signs: &ConnectObservations,
        connecting: impl Future<Output = T>,
    ) -> Option<T> {
        let mut stage = wire.watch_stage();
        let mut connecting = std::pin::pin!(connecting);
        let reached =
            tokio::time::timeout(CONNECT_TIMEOUT, stage.wait_for(|stage| *stage >= ConnectStage::Reached));
        let answer = tokio::select! {
            biased;
            answer = &mut connecting => Some(answer),
            // The sender cannot be dropped while we hold the wire.
            reached = reached => { reached.ok()?.ok()?; None }
        };
        let answer = match answer {
            Some(answer) => answer,
            None => {
                if let Ok(answer) = tokio::time::timeout(SLEEPY, &mut connecting).await {
                    answer
                } else {
                    let _waking = self.announce_waking();
                    tokio::select! {
                        answer = tokio::time::timeout(self.max_connect_time().saturating_sub(SLEEPY), connecting) => {
                            answer.ok()?
                        }
                        () = wire.wait_for_other_service() => return None,
                    }
                }
            }
        };
        // A proxy accepts connections for the server and hangs up. Through a tunnel, every failure looks like that.
        let hung_up = wire.watch_stage().borrow().eq(&ConnectStage::Reached)
            && wire.login_error().is_some_and(|trouble| trouble.code == DirectoryCode::Unreachable);
        signs.asleep.fetch_or(hung_up && self.tunnel.is_none(), Ordering::Relaxed);
        Some(answer)
    }

    /// The error for a server that did not answer in time.
    pub(crate) fn timeout_error(&self, wire: &Wire, place: &str) -> DirectoryError {
        let was_reached = *wire.watch_stage().borrow() > ConnectStage::Calling;
        let seconds = if was_reached { self.max_connect_time() } else { CONNECT_TIMEOUT }.as_secs();
        let error = no_answer_error(place, &format!("no connection within {seconds} s"));
        if was_reached && self.tunnel.is_none() {
            return error.with_hint(ASLEEP);
        }
        error
    }

    /// Tells the listener that a server is waking up, until the guard is dropped.
    pub(crate) fn announce_waking(&self) -> WakingGuard {
        self.listener.announce_waking()
    }

    /// The most time that connecting may take.
    pub(crate) fn max_connect_time(&self) -> Duration {
        self.patience.max(CONNECT_TIMEOUT)
    }

    /// Connects to all servers at once and picks the preferred one. `ask` returns the connection and whether the server
    /// is a replica, within [`CONNECT_TIMEOUT`]. Among equals, the first to answer wins.
    async fn choose_host<T: Send + 'static, F>(&self, ask: impl Fn(usize) -> F) -> Result<(usize, T)>
    where
        F: Future<Output = Result<(T, bool)>> + Send + 'static,
    {
        let mut asking = JoinSet::new();
        for at in 0..self.hosts.len() {
            let asked = ask(at);
            asking.spawn(async move { (at, asked.await) });
        }
        let mut second_best = None;
        let mut errors: Vec<Option<DirectoryError>> = vec![None; self.hosts.len()];
        while let Some(joined) = match &second_best {
            None => asking.join_next().await,
            Some(_) => tokio::time::timeout(PREFERENCE, asking.join_next()).await.unwrap_or_default(),
        } {
            let (at, answer) = joined.map_err(DirectoryError::internal)?;
            match (answer, self.wanted) {
                (Ok((reached, _)), TargetServer::Any)
                | (Ok((reached, true)), TargetServer::Standby | TargetServer::PreferStandby)
                | (Ok((reached, false)), TargetServer::Primary) => return Ok((at, reached)),
                (Ok((reached, false)), TargetServer::PreferStandby) => second_best = Some((at, reached)),
                (Ok((_, is_replica)), _) => {
                    let (is, wanted) = if is_replica { ("is a", "a primary") } else { ("is not a", "one") };
                    let what = format!("The server {is} replica, but directory.url asks for {wanted}.");
                    let hint = "Check target_session_attrs in directory.url.";
                    errors[at] = Some(DirectoryError::new(DirectoryCode::Unreachable, what).with_hint(hint));
                }
                (Err(error), _) => errors[at] = Some(error),
            }
        }
        second_best.ok_or_else(|| all_of(errors.into_iter().flatten().collect()))
    }
}

/// What was observed while connecting to the servers.
#[derive(Default)]
pub(crate) struct ConnectObservations {
    /// A server refused the password.
    pub(crate) refused: AtomicBool,
    /// A server accepts connections and hangs up without a word.
    pub(crate) asleep: AtomicBool,
    /// A server reports that it is not ready yet.
    pub(crate) starting: AtomicBool,
}

impl ConnectObservations {
    fn will_wake(&self) -> bool {
        self.asleep.load(Ordering::Relaxed) || self.starting.load(Ordering::Relaxed)
    }
}

/// Combines the errors of all servers. An answer from one server says more than silence from the others.
fn all_of(mut errors: Vec<DirectoryError>) -> DirectoryError {
    if errors.iter().any(|error| error.code != DirectoryCode::Unreachable) {
        errors.retain(|error| error.code != DirectoryCode::Unreachable);
        errors.truncate(1);
    }
    let message = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("\n");
    match errors.into_iter().next() {
        Some(first) => DirectoryError { message, ..first },
        None => DirectoryError::internal("a URL names no server"),
    }
}
