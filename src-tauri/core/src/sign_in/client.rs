//! The console's own way to the application: requests with a cookie jar of their own, for the steps of a
//! sign-in. One client belongs to one session and is forgotten with it. It follows no redirect by itself,
//! reads no more than [`LONGEST`], and nothing that it holds can be printed.

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore, RawCookie};
use reqwest::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use crate::browser::{Answer, PlannedRequest, SameSite, SessionCookie, Unanswered};
use crate::connection::{Method, Network};
use crate::error::{Code, Error, Result};

/// Bytes of an answer that are read.
pub const LONGEST: usize = 1 << 20;

/// Requests of one session, with the cookies that were answered and the values that were captured.
pub struct Client {
    http: reqwest::Client,
    jar: CookieStore,
    captured: Map<String, Value>,
}

/// What was answered.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The body goes on where [`LONGEST`] ends.
    pub is_cut: bool,
    /// Of the request that was answered: the last one, when redirects were followed.
    pub url: Url,
}

impl Client {
    /// Fails with [`Code::FileFailed`] when the certificates that are to be trusted cannot be read.
    pub fn new(network: &Network) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .user_agent(concat!("Understudy/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &network.proxy {
            http = http.proxy(reqwest::Proxy::all(proxy.clone()).map_err(Error::internal)?);
        }
        if let Some(path) = &network.ca {
            let pem = std::fs::read(path).map_err(|cause| Error::file("read", path, &cause))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            let certificates = certificates.ok_or_else(|| {
                Error::new(Code::FileFailed, format!("{} holds no certificate in PEM.", path.display()))
                    .hint("Correct `network.ca`: it names a file with `-----BEGIN CERTIFICATE-----` in it.")
            })?;
            http = http.tls_certs_merge(certificates);
        }
        let http = http.build().map_err(Error::internal)?;
        Ok(Self { http, jar: CookieStore::new(), captured: Map::new() })
    }

    /// What was captured so far, as templates see it.
    pub fn captured(&self) -> &Map<String, Value> {
        &self.captured
    }

    pub fn keep(&mut self, name: &str, value: Value) {
        self.captured.insert(name.to_owned(), value);
    }

    /// Sends a request, and follows so many redirects as long as they stay within its origin.
    pub async fn send(&mut self, request: &PlannedRequest, redirects: u32) -> Result<Reply, Unanswered> {
        let whole = async {
            let mut reply = self.send_once(request.method, &request.url, Some(request)).await?;
            for _ in 0..redirects {
                let Some(next) = reply.redirects_to() else { break };
                if next.origin() != request.url.origin() {
                    break;
                }
                // As browsers do: what was posted is not posted again, but for 307 and 308, which nobody needs here.
                reply = self.send_once(Method::Get, &next, None).await?;
            }
            Ok(reply)
        };
        tokio::time::timeout(request.timeout, whole).await.unwrap_or(Err(Unanswered::TimedOut))
    }

    async fn send_once(
        &mut self,
        method: Method,
        url: &Url,
        request: Option<&PlannedRequest>,
    ) -> Result<Reply, Unanswered> {
        let failed = |cause: reqwest::Error| Unanswered::Failed(in_words(&cause));
        let method = method.as_str().parse().expect("one of HTTP's methods");
        let mut sending = self.http.request(method, url.clone());
        if let Some(request) = request {
            for (name, value) in &request.headers {
                let (Ok(name), Ok(mut value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    // Characters up to 0xff, one byte each, as `fetch` sends them.
                    HeaderValue::from_bytes(&latin1(value.expose_secret())),
                ) else {
                    return Err(Unanswered::Failed(format!("the header `{name}` cannot be sent")));
                };
                value.set_sensitive(true);
                sending = sending.header(name, value);
            }
            if let Some(body) = &request.body {
                sending = sending.body(body.expose_secret().to_owned());
            }
        }
        // A request that says its cookies itself stands beside the jar: it is of another session.
        let is_beside = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        });
        if let Some(cookies) = self.cookies_for(url).filter(|_| !is_beside) {
            sending = sending.header(COOKIE, cookies);
        }
        let mut response = sending.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let set: Vec<RawCookie<'static>> =
            set.filter_map(|text| RawCookie::parse(text.to_owned()).ok()).collect();
        if !is_beside {
            self.jar.store_response_cookies(set.into_iter(), url);
        }
        let (mut bytes, mut is_cut) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let room = LONGEST - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                is_cut = true;
                break;
            }
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Reply { status, headers, body, is_cut, url: url.clone() })
    }

    fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        let pairs: Vec<String> =
            self.jar.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The cookie that would be sent to `url`, or else one of that name wherever it belongs.
    pub fn cookie(&self, name: &str, url: &Url) -> Option<SessionCookie> {
        let matching = self.jar.matches(url).into_iter().find(|cookie| cookie.name() == name);
        let found = matching.or_else(|| self.jar.iter_unexpired().find(|cookie| cookie.name() == name))?;
        in_full(found, url)
    }

    /// The cookies that `wanted` names: each name as with [`Self::cookie`], `name_*` with any end and wherever they
    /// belong, and never what `!name` or `!name_*` names.
    pub fn cookies(&self, wanted: &[String], url: &Url) -> Vec<SessionCookie> {
        let is_named = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let unwanted: Vec<&str> = wanted.iter().filter_map(|pattern| pattern.strip_prefix('!')).collect();
        let mut found = Vec::new();
        for pattern in wanted.iter().filter(|pattern| !pattern.starts_with('!')) {
            if pattern.ends_with('*') {
                let any = self.jar.iter_unexpired().filter(|cookie| {
                    let name = cookie.name();
                    is_named(pattern, name) && !unwanted.iter().any(|pattern| is_named(pattern, name))
                });
                found.extend(any.filter_map(|cookie| in_full(cookie, url)));
            } else {
                found.extend(self.cookie(pattern, url));
            }
        }
        found
    }

    /// Puts cookies into the jar, in the place of those with the same name, domain and path.
    pub fn put(&mut self, cookies: &[SessionCookie]) {
        for cookie in cookies {
            let scheme = if cookie.secure { "https" } else { "http" };
            let Ok(url) = Url::parse(&format!("{scheme}://{}/", cookie.domain)) else { continue };
            let mut raw = RawCookie::new(cookie.name.clone(), cookie.value.expose_secret().to_owned());
            raw.set_path(cookie.path.clone());
            raw.set_secure(cookie.secure);
            raw.set_http_only(cookie.http_only);
            if !cookie.host_only {
                raw.set_domain(cookie.domain.clone());
            }
            self.jar.store_response_cookies(std::iter::once(raw), &url);
        }
    }

    /// Every value that no one may read in what is shown: cookies and captures.
    pub fn secrets(&self) -> Vec<SecretString> {
        let cookies = self.jar.iter_any().map(|cookie| cookie.value().to_owned());
        let mut captured = Vec::new();
        self.captured.values().for_each(|value| texts(value, &mut captured));
        let captured = captured.into_iter();
        // What is as short as this is no secret, and to hide it would hide words that people need.
        cookies.chain(captured).filter(|value| value.len() >= 6).map(SecretString::from).collect()
    }
}

impl Reply {
    /// Where it redirects to, made whole.
    pub fn redirects_to(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        (300..400).contains(&self.status).then(|| self.url.join(location).ok()).flatten()
    }

    /// As the judges of answers want it.
    pub fn answer(&self) -> Answer {
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        Answer { status: self.status, content_type: content_type.map(str::to_owned), body: self.body.clone() }
    }

    /// How far this machine's clock is ahead of the server's, in seconds; `None`: the answer has no date.
    pub fn clock_skew(&self, now: i64) -> Option<i64> {
        let date = self.headers.get("date")?.to_str().ok()?;
        let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
        Some(now - server)
    }
}

fn in_full(cookie: &Cookie<'_>, url: &Url) -> Option<SessionCookie> {
    let (domain, host_only) = match &cookie.domain {
        CookieDomain::HostOnly(host) => (host.clone(), true),
        CookieDomain::Suffix(suffix) => (suffix.clone(), false),
        CookieDomain::NotPresent | CookieDomain::Empty => (url.host_str()?.to_owned(), true),
    };
    Some(SessionCookie {
        name: cookie.name().to_owned(),
        value: SecretString::from(cookie.value().to_owned()),
        domain,
        host_only,
        path: cookie.path.as_ref().to_owned(),
        secure: cookie.secure().unwrap_or(false),
        http_only: cookie.http_only().unwrap_or(false),
        same_site: cookie.same_site().map(|site| {
            if site.is_strict() {
                SameSite::Strict
            } else if site.is_lax() {
                SameSite::Lax
            } else {
                SameSite::None
            }
        }),
        expires_at: match &cookie.expires {
            CookieExpiration::AtUtc(at) => Some(at.unix_timestamp()),
            CookieExpiration::SessionEnd => None,
        },
    })
}

fn texts(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

/// The innermost cause, which names what happened and not the URL.
fn in_words(cause: &reqwest::Error) -> String {
    if cause.is_timeout() {
        return "it took too long".into();
    }
    let mut source: &dyn std::error::Error = cause;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}
