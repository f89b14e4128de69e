//! Runs a query so that nothing can be left running on the servers.
//!
//! Dropping a future closes its connection, but a server checks for that only twice a second. So each query has its own
//! session. If a [`MongoReadTx`] is dropped early (a cancelled search, a deadline, a closed window), it spawns a task
//! that ends the session on the server that works for it, which every user may do with their own sessions.
//! <https://www.mongodb.com/docs/manual/reference/command/killSessions/>

mod read_tx;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::doc;
use mongodb::Client;
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{AuthMechanism, ClientOptions, SelectionCriteria, ServerAddress, Tls};
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use tokio::sync::{Notify, Semaphore};

use self::read_tx::session_key;
use crate::config::DirectoryConfig;
use crate::engines::mongodb::connect::QUESTIONS;
use crate::engines::mongodb::topology::TopologyView;
use crate::engines::mongodb::{connect, errors};
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::endpoint::{CONNECT_TIMEOUT, Endpoint, Password};
use crate::reach::wire::service_detection::{DetectedService, MONGODB};
use crate::reach::wire::{Address, service_detection};

pub(crate) use read_tx::{FindQuery, MongoReadTx};

/// How much later than the time limit a server may report that it was reached.
const LATE: Duration = Duration::from_millis(250);

/// A server that is alive answers a ping within this time, however busy it is.
const PULSE: Duration = Duration::from_secs(2);

/// The server that works for each session, recorded while a query runs.
type Addresses = Arc<Mutex<HashMap<SessionId, Option<ServerAddress>>>>;

/// The bytes of a session's UUID.
type SessionId = Vec<u8>;

/// The connections of one directory. Not `Debug`: the client's options hold the password.
pub(crate) struct MongoServers {
    client: Arc<tokio::sync::Mutex<CurrentClient>>,
    /// Including its event handlers and the password of the first client.
    options: ClientOptions,
    endpoint: Arc<Endpoint>,
    pub(crate) config: DirectoryConfig,
    pub(crate) database: String,
    turns: Arc<Semaphore>,
    addresses: Addresses,
    sight: Arc<Mutex<TopologyView>>,
    /// Signalled when a server has answered the driver.
    seen: Arc<Notify>,
    /// The client's connections are useless; the next query creates a new client.
    is_stale: AtomicBool,
    login_refused: AtomicBool,
    /// The collection is a view with its own collation, which cannot be overridden.
    keeps_collation: AtomicBool,
}

/// The client and its password.
struct CurrentClient {
    client: Client,
    password: Password,
}

impl MongoServers {
    /// Creates a client, which then finds its servers and connects to them by itself.
    pub(crate) async fn connect(endpoint: Arc<Endpoint>, config: &DirectoryConfig) -> Result<Arc<Self>> {
        errors::TLS.check_files_exist(&config.url)?;
        // The password comes first: if it may not go to this destination, no tunnel to it is opened.
        let password = endpoint.current_password().await?;
        endpoint.ensure_tunnel().await?;
        let made =
            connect::build_connect_options(config, password.secret.as_ref(), endpoint.socks_port()).await;
        let (mut options, database) = made?;
        let addresses = Addresses::default();
        let sight: Arc<Mutex<TopologyView>> = Arc::default();
        let seen = Arc::new(Notify::new());
        options.command_event_handler = Some(EventHandler::callback({
            let addresses = Arc::clone(&addresses);
            move |event| {
                if let CommandEvent::Started(event) = event
                    && let Some(session) = event.command.get_document("lsid").ok().and_then(session_key)
                    && let Some(address) = addresses.lock().get_mut(&session)
                {
                    *address = Some(event.connection.address);
                }
            }
        }));
        options.sdam_event_handler = Some(EventHandler::callback({
            let (sight, seen) = (Arc::clone(&sight), Arc::clone(&seen));
            move |event| {
                sight.lock().record_event(event);
                seen.notify_one();
            }
        }));
        let made = Client::with_options(options.clone());
        let client = made.map_err(|error| errors::from_driver(error, config, None))?;
        Ok(Arc::new(Self {
            client: Arc::new(tokio::sync::Mutex::new(CurrentClient { client, password })),
            options,
            endpoint,
            config: config.clone(),
            database,
            turns: Arc::new(Semaphore::new(QUESTIONS as usize)),
            addresses,
            sight,
            seen,
            is_stale: AtomicBool::new(false),
            login_refused: AtomicBool::new(false),
            keeps_collation: AtomicBool::new(false),
        }))
    }

    /// The same servers, for another collection, with the same connections.
    pub(crate) fn for_another_collection(&self, config: &DirectoryConfig) -> Arc<Self> {
        Arc::new(Self {
            client: Arc::clone(&self.client),
            options: self.options.clone(),
            endpoint: Arc::clone(&self.endpoint),
            config: config.clone(),
            database: self.database.clone(),
            turns: Arc::clone(&self.turns),
            addresses: Arc::clone(&self.addresses),
            sight: Arc::clone(&self.sight),
            seen: Arc::clone(&self.seen),
            is_stale: AtomicBool::new(false),
            login_refused: AtomicBool::new(false),
            keeps_collation: AtomicBool::new(false),
        })
    }

    /// The client for a new query. It is replaced if its connections went silent, as it would wait for them, or if its
    /// password expired, as it could not make new ones.
    async fn current_client(&self) -> Result<Client> {
        self.endpoint.ensure_tunnel().await?;
        let mut current = self.client.lock().await;
        if self.is_stale.swap(false, Ordering::Relaxed) {
            let password = self.endpoint.current_password().await?;
            let mut options = self.options.clone();
            if let Some(credential) = &mut options.credential {
                let is_certificate = credential.mechanism == Some(AuthMechanism::MongoDbX509);
                credential.password = password
                    .secret
                    .as_ref()
                    .filter(|_| !is_certificate)
                    .map(|password| password.expose_secret().to_owned());
            }
            let made = Client::with_options(options);
            let client = made.map_err(|error| errors::from_driver(error, &self.config, None))?;
            // Queries that still use the old client keep it until they are done or stopped.
            *current = CurrentClient { client, password };
        }
        Ok(current.client.clone())
    }

    /// Waits until the tunnel breaks, and all connections with it; without a tunnel, forever.
    pub(crate) async fn wait_until_broken(&self) {
        self.endpoint.wait_until_broken().await;
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// Whether the servers refused a password that can be renewed; if so, the next query uses a new one.
    pub(crate) async fn logs_in_again(&self) -> bool {
        let refused = self.login_refused.swap(false, Ordering::Relaxed);
        let again = refused && self.endpoint.reread_password(&self.client.lock().await.password).await;
        self.is_stale.fetch_or(again, Ordering::Relaxed);
        again
    }

    /// Adds the tunnel's own explanation to an error.
    pub(crate) async fn explain_unreachable(&self, error: DirectoryError) -> DirectoryError {
        if error.code == DirectoryCode::Unreachable {
            self.is_stale.store(true, Ordering::Relaxed);
        }
        self.endpoint.explain_unreachable(error).await.0
    }

    pub(crate) fn query_error(&self, error: DriverError) -> DirectoryError {
        if matches!(*error.kind, ErrorKind::ServerSelection { .. })
            && let Some(error) = self.server_selection_error()
        {
            return error;
        }
        let seen = self.sight.lock().last.clone();
        let is_login = errors::is_login(&error) || seen.as_ref().is_some_and(errors::is_login);
        let error = errors::from_driver(error, &self.config, seen);
        if !is_login {
            return error;
        }
        self.login_refused.store(true, Ordering::Relaxed);
        self.endpoint.to_login_refusal(error)
    }

    /// Why no server is found although one answers.
    fn server_selection_error(&self) -> Option<DirectoryError> {
        let sight = self.sight.lock();
        let wanted = self.options.repl_set_name.as_deref();
        sight.replica_set_error(&self.config, wanted).or_else(|| sight.unknown_member_error(&self.config))
    }

    /// Waits until it is certain that the servers belong to another replica set than the URL says, since the driver
    /// would keep looking. Otherwise waits forever.
    pub(crate) async fn other_replica_set_error(&self) -> DirectoryError {
        let Some(wanted) = self.options.repl_set_name.as_deref() else { return std::future::pending().await };
        loop {
            self.seen.notified().await;
            let sight = self.sight.lock();
            if sight.is_another_set(wanted, self.options.hosts.len())
                && let Some(error) = sight.replica_set_error(&self.config, Some(wanted))
            {
                return error;
            }
        }
    }

    /// Whether the servers sleep: one of them can be reached, but none has sent anything.
    pub(crate) async fn is_asleep(&self) -> bool {
        // Through a tunnel this cannot be known.
        if self.endpoint.socks_port().is_some() || self.sight.lock().has_answer() {
            return false;
        }
        for host in &self.options.hosts {
            if let ServerAddress::Tcp { host, port, .. } = host {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let calling = tokio::net::TcpStream::connect((host, port.unwrap_or(27017)));
                if tokio::time::timeout(CONNECT_TIMEOUT, calling).await.is_ok_and(|called| called.is_ok()) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether the server answers a ping. A server that is merely busy does.
    async fn is_alive(&self, client: &Client, address: ServerAddress) -> bool {
        let admin = client.database("admin");
        let ping = admin.run_command(doc! { "ping": 1 }).selection_criteria(select_server(address));
        match tokio::time::timeout(PULSE, ping).await {
            Ok(Ok(_)) => true,
            // Any answer will do, even an error.
            Ok(Err(error)) => errors::command_error_code(&error).is_some(),
            Err(_) => false,
        }
    }

    /// The error if another program is running there instead of the server.
    pub(crate) async fn detect_other_service(&self) -> Option<DirectoryError> {
        // Through a tunnel this cannot be known.
        if self.endpoint.socks_port().is_some() || self.sight.lock().has_answer() {
            return None;
        }
        let place = errors::describe_server(&self.config);
        for host in &self.options.hosts {
            let ServerAddress::Tcp { host, port, .. } = host else { continue };
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let address = Address::Tcp(host.to_owned(), port.unwrap_or(MONGODB.port));
            let met = tokio::time::timeout(CONNECT_TIMEOUT, DetectedService::detect_at(&address)).await;
            let encrypts = matches!(self.options.tls, Some(Tls::Enabled(_)));
            match met.ok().flatten() {
                Some(DetectedService::Tls) if !encrypts => return Some(errors::wants_tls(&self.config)),
                // It is MongoDB, but perhaps only one side speaks TLS.
                Some(DetectedService::MongoDb) => {
                    match (encrypts, service_detection::speaks_tls(&address).await) {
                        (true, false) => return Some(errors::missing_tls_error(&self.config)),
                        (false, true) => return Some(errors::wants_tls(&self.config)),
                        _ => {}
                    }
                }
                None | Some(DetectedService::Tls) => {}
                Some(stranger) => return Some(stranger.to_error_at(&place, &MONGODB)),
            }
        }
        None
    }

    /// The URL names a single server, to be connected to directly.
    pub(crate) fn is_one(&self) -> bool {
        self.options.direct_connection == Some(true)
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) async fn close(&self) {
        let client = self.client.lock().await.client.clone();
        client.shutdown().immediate(true).await;
    }
}

/// Selects exactly this server.
fn select_server(address: ServerAddress) -> SelectionCriteria {
    SelectionCriteria::Predicate(Arc::new(move |server| *server.address() == address))
}
