//! The launch page's route: one unguessable path at the application's origins that the gateway answers itself. A request for it
//! never leaves the computer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use url::{Origin, Url};

use crate::GatewayError;
use crate::body::{Body, full_body};
use crate::random::random_name;

/// The largest report that a launch page makes: an application's answer to a sign-in, with headers.
const REPORT_LIMIT: usize = 4 << 20;

/// Answers the launch page's requests. The request's URI is whole (`https://app.example/<path>/…`).
pub trait LaunchResponder: Send + Sync {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes>;
}

/// Where the launch page is, and what answers there.
#[derive(Clone)]
pub struct LaunchRoute {
    /// `/` and an unguessable name.
    path: String,
    /// Where the page is asked for. Elsewhere, its path is any other path.
    origins: Vec<Origin>,
    page: Arc<dyn LaunchResponder>,
}

impl LaunchRoute {
    /// Creates a route that can't be guessed.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn create(origins: Vec<Origin>, page: Arc<dyn LaunchResponder>) -> Result<Self, GatewayError> {
        Ok(Self { path: format!("/{}", random_name()?), origins, page })
    }

    /// The launch page's address at an application's origin. `below` starts with a slash, or is empty.
    pub fn to_url(&self, origin: &Url, below: &str) -> Url {
        let mut url = origin.clone();
        url.set_path(&format!("{}{below}", self.path));
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    pub(crate) fn holds(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(&self.path);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && self.origins.contains(&url.origin())
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>, uri: http::Uri) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        let Ok(body) = Limited::new(body, REPORT_LIMIT).collect().await else {
            let mut response = Response::new(full_body(""));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        };
        let mut response = self.page.answer(Request::from_parts(parts, body.to_bytes())).map(full_body);
        // The address is the secret: no other page may learn it, and no cache keep what is there.
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
