//! The demo's customer application: "Ledgerline", an invoicing service whose customers are the users in the directory.
//!
//! It is a real application, though small, and listens only on loopback: a login webhook, cookies, pages. Tests use the
//! same application and make it misbehave with [`Faults`].

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::billing::Profile;
use super::customers::Customers;
use super::faults::{Faults, Gate};
use super::helpdesk::{self, Helpdesk, LONGEST_FILE};
use super::journal::{Journal, ReceivedRequest};
use super::sign_in::Sessions;
use super::{hostile, oddities, pages, sign_in};
use crate::error::{DemoError, Result};

/// The options to start the application with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Allows its holder to sign in as anyone. Must not be empty.
    pub admin_token: SecretString,
    /// The file written by [`super::write_directory`].
    pub directory: PathBuf,
    /// The port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// The day (UTC) to which the invoices are relative.
    pub today: Date,
}

/// The running application. It stops on drop.
pub struct Application {
    origin: String,
    other_origin: String,
    shared: Arc<AppState>,
    server: JoinHandle<()>,
}

/// State shared by all requests.
pub(super) struct AppState {
    pub customers: Customers,
    pub sessions: Sessions,
    pub journal: Journal,
    pub faults: Mutex<Faults>,
    pub gate: Gate,
    pub today: Date,
    /// The billing profiles that customers chose in the settings.
    pub profiles: Mutex<HashMap<i64, Profile>>,
    pub helpdesk: Helpdesk,
    pub stopping: CancellationToken,
    hosts: [String; 2],
}

impl AppState {
    /// The current faults.
    pub fn faults(&self) -> Faults {
        self.faults.lock().clone()
    }
}

/// The largest request body that is read.
const LARGEST_BODY: usize = 128 * 1024;

impl Application {
    /// Starts listening on loopback. Fails if the directory or the port cannot be opened.
    pub async fn start(options: Options) -> Result<Self> {
        if options.admin_token.expose_secret().is_empty() {
            return Err(DemoError::internal("the demo's admin token is empty"));
        }
        let port = options.port.unwrap_or(0);
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = listener.local_addr()?.port();
            Ok::<_, std::io::Error>((listener, port))
        };
        let (listener, port) = listening.await.map_err(|cause| {
            DemoError::new(format!("The demo application could not listen on 127.0.0.1:{port}: {cause}"))
                .with_hint("Choose another port, or none to take a free one.")
        })?;
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let shared = Arc::new(AppState {
            customers: Customers::open(&options.directory).await?,
            sessions: Sessions::default(),
            journal: Journal::new(options.admin_token),
            faults: Mutex::default(),
            gate: Gate::new(),
            today: options.today,
            profiles: Mutex::default(),
            helpdesk: Helpdesk::default(),
            stopping: CancellationToken::new(),
            hosts: hosts.clone(),
        });
        let stopped = shared.stopping.clone().cancelled_owned();
        let serving = axum::serve(listener, build_router(shared.clone())).with_graceful_shutdown(stopped);
        let server = tokio::spawn(async move {
            // It is documented never to fail; clients notice failed connections themselves.
            let _ = serving.await;
        });
        let [origin, other_origin] = hosts.map(|host| format!("http://{host}"));
        Ok(Self { origin, other_origin, shared, server })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The same application at `http://localhost:<port>`, which browsers treat as another origin.
    pub fn other_origin(&self) -> &str {
        &self.other_origin
    }

    /// Changes the faults from now on.
    pub fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.faults.lock());
    }

    /// Sends all answers that are delayed by [`super::Delay::UntilReleased`] or `/slow`.
    pub fn release_answers(&self) {
        self.shared.gate.release_all();
    }

    /// The last thousand requests, oldest first.
    pub fn journal(&self) -> Vec<ReceivedRequest> {
        self.shared.journal.all_entries()
    }

    /// Returns the first request for which `wanted` is true, waiting for it if it has not arrived yet. Entries are
    /// checked when they arrive and again when they are answered. Fails after `patience`.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&ReceivedRequest) -> bool,
        patience: Duration,
    ) -> Result<ReceivedRequest> {
        self.shared.journal.wait_for(wanted, patience).await
    }

    /// Stops listening, aborts pending answers, and returns when the port is free.
    pub async fn stop(mut self) {
        self.shared.stopping.cancel();
        // It could only fail with a panic, which has been printed already.
        let _ = (&mut self.server).await;
        self.shared.customers.close().await;
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
    }
}

fn build_router(shared: Arc<AppState>) -> Router {
    let application = Router::new()
        .merge(sign_in::build_routes())
        .merge(pages::build_routes())
        .merge(helpdesk::build_routes())
        .merge(oddities::build_routes())
        .merge(hostile::build_routes())
        .fallback(pages::not_found)
        .layer(from_fn_with_state(shared.clone(), record_request));
    // Requests for the journal are not recorded themselves.
    Router::new()
        .route("/demo/received", get(show_journal))
        .merge(application)
        .layer(from_fn_with_state(shared.clone(), check_host))
        .with_state(shared)
}

/// Accepts only its own host names, so that pages elsewhere cannot reach it by DNS rebinding.
async fn check_host(State(shared): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| shared.hosts.iter().any(|own| own == host)) {
        return (StatusCode::MISDIRECTED_REQUEST, "This is not the host you are looking for.")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(Ok(options)) = shared.faults().frame_options.map(HeaderValue::try_from) {
        headers.insert(header::X_FRAME_OPTIONS, options);
    }
    response
}

/// Records the request in the journal, and later its answer.
async fn record_request(State(shared): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let is_file = parts.uri.path().starts_with("/helpdesk/") && parts.uri.path().ends_with("/files");
    let largest = if is_file { LONGEST_FILE } else { LARGEST_BODY };
    let Ok(body) = to_bytes(body, largest).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let signed_in_as = shared.sessions.find_session(&parts.headers).map(|session| session.user);
    let pending = shared.journal.record_arrival(&parts, &body, signed_in_as);
    let request = Request::from_parts(parts, Body::from(body));
    let response = tokio::select! {
        response = next.run(request) => response,
        () = shared.stopping.cancelled() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    pending.record_answer(&response);
    response
}

/// The journal for people and for the tour, with the names of cookies but not their values.
async fn show_journal(State(shared): State<Arc<AppState>>) -> Response {
    let entries: Vec<serde_json::Value> = shared
        .journal
        .all_entries()
        .into_iter()
        .map(|entry| {
            let names: Vec<String> = entry.cookies.keys().cloned().collect();
            let mut entry = serde_json::json!(entry);
            entry["cookies"] = names.into();
            entry
        })
        .collect();
    axum::Json(entries).into_response()
}
