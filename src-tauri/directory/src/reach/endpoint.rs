//! How a directory's server is reached: its hosts, its password, and the tunnel to it.
//!
//! Shared by all engines with a server. Each engine's own `connect` turns it into options for its driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::config::DirectoryConfig;
use crate::engine::Engine;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::hosts::{Hosts, TargetServer};
use crate::reach::no_answer::no_answer_error;
use crate::reach::password_command;
use crate::reach::password_source::PasswordSource;
use crate::reach::tunnel::{Tunnel, TunnelEndpoint, TunnelTarget};
use crate::reach::wake_up::{WakeListener, WakingGuard};
use crate::reach::wire::{ConnectStage, Wire};

/// The time limit for connecting, and for everything else that is quick on a working network.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a generated password is used for new connections. Amazon's tokens are valid for 15 minutes, others for an
/// hour.
const FRESH: Duration = Duration::from_mins(10);
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

/// Not `Debug`: it holds the password.
pub(crate) struct Endpoint {
    /// One per server, in the order of the URL; each has a URL with only that host.
    hosts: Vec<DirectoryConfig>,
    wanted: TargetServer,
    /// Gives the stored password, which is used until a server refuses it. It also refuses if the operator has not
    /// allowed programs to run.
    passwords: Arc<dyn PasswordSource>,
    /// The command that prints the password, which expires.
    command: Option<Vec<String>>,
    /// How long a server may take to wake up.
    patience: Duration,
    /// Notified while a server wakes up.
    listener: WakeListener,
    /// The password that the source gave last.
    last: Mutex<Option<Password>>,
    has_password: AtomicBool,
    tunnel: Option<Tunnel>,
}

/// A password with its origin. Not `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Password {
    pub(crate) secret: Option<SecretString>,
    /// Increases with every password from the source.
    pub(crate) number: u64,
    /// `None` once a server has refused it.
    given: Option<Instant>,
    /// The destination it was given for; it changes with the certificate file, for example.
    destination: String,
}

impl Endpoint {
    /// Creates the endpoint without connecting. If the configuration has a password command, it overrides `passwords`.
    pub(crate) fn new(config: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Arc<Self>> {
        let named = Hosts::from_url(&config.url);
        let tunnel = match &config.ssh {
            Some(ssh) => {
                Some(Tunnel::with_forwards(ssh, named.urls.iter().map(|url| parse_target(url)).collect())?)
            }
            None => None,
        };
        let hosts = named.urls.into_iter().map(|url| DirectoryConfig { url, ..config.clone() }).collect();
        Ok(Self::with_hosts(config, hosts, named.wanted, passwords, tunnel))
    }

    /// The same for a driver that resolves the servers itself and connects through SOCKS.
    pub(crate) fn to_any(config: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Arc<Self>> {
        let tunnel = config.ssh.as_ref().map(Tunnel::with_socks).transpose()?;
        Ok(Self::with_hosts(config, vec![config.clone()], None, passwords, tunnel))
    }

    fn with_hosts(
        config: &DirectoryConfig,
        hosts: Vec<DirectoryConfig>,
        wanted: Option<TargetServer>,
        passwords: &Arc<dyn PasswordSource>,
        tunnel: Option<Tunnel>,
    ) -> Arc<Self> {
        let (passwords, command) = (Arc::clone(passwords), config.password_command.clone());
        let wanted = wanted.unwrap_or(TargetServer::Any);
        let (last, has_password) = (Mutex::default(), AtomicBool::new(false));
        let (patience, listener) = (config.patience(), WakeListener::of_current_task());
        Arc::new(Self { hosts, wanted, passwords, command, patience, listener, last, has_password, tunnel })
    }

    /// Waits until the tunnel is up, if there is one.
    pub(crate) async fn ensure_tunnel(&self) -> Result<()> {
        match &self.tunnel {
            Some(tunnel) => tunnel.ensure_running().await,
            None => Ok(()),
        }
    }

    /// Waits until the tunnel breaks; without a tunnel, forever.
    pub(crate) async fn wait_until_broken(&self) {
        match &self.tunnel {
            Some(tunnel) => tunnel.wait_until_broken().await,
            None => std::future::pending().await,
        }
    }

    /// The local end of the tunnel to a server; `None` if there is no tunnel.
    pub(crate) fn tunnel_endpoint(&self, at: usize) -> Option<TunnelEndpoint> {
        self.tunnel.as_ref()?.tunnel_endpoint(at)
    }

    pub(crate) fn socks_port(&self) -> Option<u16> {
        self.tunnel.as_ref()?.socks_port()
    }

    /// Adds the tunnel's own explanation to an error. `true`: the tunnel itself may have been broken and was closed, so
    /// it is worth retrying with a new one.
    pub(crate) async fn explain_unreachable(&self, mut error: DirectoryError) -> (DirectoryError, bool) {
        let Some(tunnel) = self.tunnel.as_ref().filter(|_| error.code == DirectoryCode::Unreachable) else {
            return (error, false);
        };
        let Some(complaint) = tunnel.next_complaint().await else {
            tunnel.give_up().await;
            return (error, true);
        };
        error.message = format!("{}\nSeen from {}: {complaint}.", error.message, tunnel.host());
        error.hint = Some(format!(
            "Check that the host and port in directory.url are as {} sees them, and that its sshd allows forwarding.",
            tunnel.host()
        ));
        (error, false)
    }

    /// One per server in the URL.
    pub(crate) fn hosts(&self) -> &[DirectoryConfig] {
        &self.hosts
    }

    /// Whether it matters which server is the primary and which is a replica.
    pub(crate) fn is_choosy(&self) -> bool {
        self.wanted != TargetServer::Any
    }

    /// Whether the source had a password when it was last asked.
    pub(crate) fn has_password(&self) -> bool {
        self.has_password.load(Ordering::Relaxed)
    }

    /// Whether a command generates passwords, which then expire.
    pub(crate) fn makes_passwords(&self) -> bool {
        self.command.is_some()
    }

    /// The password for a new connection, from the cache while it is good, otherwise from the source.
    pub(crate) async fn current_password(&self) -> Result<Password> {
        // Holding the lock while the source is asked makes concurrent callers wait for its answer.
        let mut last = self.last.lock().await;
        let destination = self.passwords.destination();
        if let Some(password) =
            last.as_ref().filter(|last| self.is_good(last) && last.destination == destination)
        {
            return Ok(password.clone());
        }
        // Ask even if there is a command: the operator may have allowed it only for another destination.
        let stored = self.passwords.read_password().await.map_err(DirectoryError::of_password_source)?;
        let secret = match &self.command {
            Some(words) => Some(password_command::run_command(words).await?),
            None => stored,
        };
        let number = last.as_ref().map_or(0, |last| last.number) + 1;
        self.has_password.store(secret.is_some(), Ordering::Relaxed);
        let password = Password { secret, number, given: Some(Instant::now()), destination };
        *last = Some(password.clone());
        Ok(password)
    }

    fn is_good(&self, password: &Password) -> bool {
        password.given.is_some_and(|given| !self.makes_passwords() || given.elapsed() < FRESH)
    }

    /// Marks `password` as refused and asks the source again. `true`: there is a different one to try.
    pub(crate) async fn reread_password(&self, password: &Password) -> bool {
        let is_same = |one: &Password| {
            let [one, other] = [one, password].map(|it| it.secret.as_ref().map(ExposeSecret::expose_secret));
            one == other
        };
        if let Some(last) = self.last.lock().await.as_mut().filter(|last| is_same(last)) {
            last.given = None;
        }
        // If the source fails, the server's refusal is the error to report.
        self.makes_passwords() || self.current_password().await.is_ok_and(|now| !is_same(&now))
    }

    /// Marks a failed login as solvable by another password, if one can be stored.
    pub(crate) fn to_login_refusal(&self, error: DirectoryError) -> DirectoryError {
        let is_replaceable = self.passwords.is_replaceable() && !self.makes_passwords();
        if is_replaceable { error.wants_password() } else { error }
    }

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

/// The host and port of a URL, for a tunnel to connect to.
pub(crate) fn parse_target(url: &str) -> TunnelTarget {
    let default = Engine::of_url(url).and_then(Engine::default_port).unwrap_or(3306);
    let Ok(url) = url::Url::parse(url) else {
        return TunnelTarget { host: "localhost".to_owned(), port: default };
    };
    let said =
        |keys: &[&str]| url.query_pairs().find(|(key, _)| keys.contains(&key.as_ref())).map(|(_, said)| said);
    let host = said(&["hostaddr"]).or_else(|| said(&["host"]));
    let host = host.as_deref().or(url.host_str()).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let port = said(&["port"]).and_then(|port| port.parse().ok()).or(url.port()).unwrap_or(default);
    TunnelTarget { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port }
}

/// Whether the host is this computer.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use async_trait::async_trait;

    use super::*;
    use crate::reach::password_source::PasswordSourceError;

    /// Counts how often it is asked; its destination can change.
    #[derive(Default)]
    struct Asked {
        times: AtomicUsize,
        destination: std::sync::Mutex<String>,
    }

    #[async_trait]
    impl PasswordSource for Asked {
        async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
            self.times.fetch_add(1, Ordering::SeqCst);
            Ok(Some("a password".into()))
        }

        fn destination(&self) -> String {
            self.destination.lock().unwrap().clone()
        }

        fn is_replaceable(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn a_password_for_one_destination_is_not_used_for_another() {
        let config: DirectoryConfig = toml::from_str(
            "url = \"postgres://reader@db.acme.internal/acme\"\ntable = \"users\"\nid = \"id\"",
        )
        .unwrap();
        let asked = Arc::new(Asked::default());
        let endpoint = Endpoint::new(&config, &(Arc::clone(&asked) as Arc<dyn PasswordSource>)).unwrap();
        for _ in 0..2 {
            endpoint.current_password().await.unwrap();
        }
        assert_eq!(asked.times.load(Ordering::SeqCst), 1, "it is kept");
        // As if the authority's certificate file had been replaced.
        "another".clone_into(&mut asked.destination.lock().unwrap());
        endpoint.current_password().await.unwrap();
        assert_eq!(asked.times.load(Ordering::SeqCst), 2);
    }
}
