//! The launch page's route: one unguessable path that the gateway answers itself, at whatever host it is asked for. A
//! request for it never leaves the computer.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use url::Url;

use crate::GatewayError;
use crate::body::{Body, full_body};
use crate::random::random_name;

/// The largest report that a launch page makes: an application's answer to a sign-in, with headers.
const REPORT_LIMIT: usize = 4 << 20;

/// Answers the launch page's requests.
#[async_trait]
pub trait LaunchResponder: Send + Sync {
    /// `below` is what follows the launch page's own path: empty, or it starts with a slash. The request's URI is whole
    /// (`https://app.example/<path>/…`). It may wait: the answer is given up when the session ends.
    async fn answer(&self, below: &str, request: Request<Bytes>) -> Response<Bytes>;
}

/// Where the launch page is, and what answers there.
#[derive(Clone)]
pub struct LaunchRoute {
    /// `/` and an unguessable name.
    path: String,
    page: Arc<dyn LaunchResponder>,
}

impl LaunchRoute {
    /// Creates a route that can't be guessed.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn create(page: Arc<dyn LaunchResponder>) -> Result<Self, GatewayError> {
        Ok(Self { path: format!("/{}", random_name()?), page })
    }

    /// The launch page's address at an application's origin. `below` starts with a slash, or is empty.
    pub fn to_url(&self, origin: &Url, below: &str) -> Url {
        let mut url = origin.clone();
        url.set_path(&format!("{}{below}", self.path));
        url.set_query(None);
        url.set_fragment(None);
        url
    }

    /// What follows the route's path in an address; `None` for any other address.
    pub fn strip_path<'a>(&self, url: &'a Url) -> Option<&'a str> {
        let below = url.path().strip_prefix(&self.path)?;
        (below.is_empty() || below.starts_with('/')).then_some(below)
    }

    pub(crate) async fn answer(
        &self,
        below: &str,
        request: Request<Incoming>,
        uri: http::Uri,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        let Ok(body) = Limited::new(body, REPORT_LIMIT).collect().await else {
            let mut response = Response::new(full_body(""));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        };
        let asked = Request::from_parts(parts, body.to_bytes());
        let mut response = self.page.answer(below, asked).await.map(full_body);
        // The address is the secret: no other page may learn it, and no cache keep what is there.
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
