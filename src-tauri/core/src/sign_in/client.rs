//! The console's own way to the application: requests with cookies of their own, for the steps of a
//! sign-in. One client belongs to one session and is forgotten with it. It follows no redirect by itself,
//! reads no more than [`LONGEST`], and nothing that it holds can be printed.

use std::cmp::Reverse;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore, RawCookie};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    SET_COOKIE,
};
use reqwest::redirect::Policy;
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use understudy_gateway::HostCredentials;
use url::{Origin, Url};

use super::authorities;
use super::content_coding;
use super::cookie_rules::{CookieProblem, find_deletion, find_send_problem, find_store_problem, of_path};
use crate::browser::{Answer, PlannedRequest, SameSite, SessionCookie, Unanswered};
use crate::charset;
use crate::connection::{Method, Network};
use crate::error::{Error, Result};
use crate::user_agent::user_agent;
use crate::zeroizing_json::wipe_fields;

/// The most bytes of an answer that are read, both compressed and decoded.
pub const LONGEST: usize = 1 << 20;

/// The most headers of an answer.
const MOST_HEADERS: usize = 2_000;

/// The requests of one session, with the cookies and captured values so far.
pub struct Client {
    http: reqwest::Client,
    cookies: CookieStore,
    /// Every cookie that was ever set, as name, domain and path: the store does not keep their order.
    first_set: Vec<(String, String, String)>,
    captured: Map<String, Value>,
    /// Not captured, but secret all the same: signed tokens, values that a refused step captured.
    hidden: Vec<SecretString>,
    /// Whether it stands in for a window: then it keeps and sends cookies like one.
    is_window: bool,
    /// Cookies that were set and that a window would not keep.
    unkept: Vec<CookieProblem>,
    /// Cookies that were deleted and not set again.
    deleted: Vec<CookieProblem>,
    /// Where answers led unexpectedly, in sentences.
    astray: Vec<String>,
    /// An answer may have started something in the application that has to be ended.
    has_begun: bool,
    /// A request of the sign-in was sent, and its outcome is unknown.
    is_left_open: bool,
    /// The origin behind a gateway, and its `Authorization` header.
    gateway: Option<(Origin, SecretString)>,
}

/// The answer to a request.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The body is longer than [`LONGEST`].
    pub is_cut: bool,
    /// The URL of the answered request; after redirects, of the last one.
    pub url: Url,
}

impl Client {
    /// The console's own client. Fails with [`FileFailed`](crate::error::Code::FileFailed) if `network.ca` cannot be
    /// read.
    pub fn new(network: &Network) -> Result<Self> {
        Self::build_client(network, false)
    }

    /// A client in place of a session's window.
    pub fn in_place_of_window(network: &Network) -> Result<Self> {
        Self::build_client(network, true)
    }

    fn build_client(network: &Network, is_window: bool) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            // A window accepts this many, and some applications set a cookie for everything.
            .http1_max_headers(MOST_HEADERS)
            .user_agent(user_agent());
        if let Some(proxy) = &network.proxy {
            http = http.proxy(reqwest::Proxy::all(proxy.clone()).map_err(Error::internal)?);
        }
        let authority = network.read_authority()?;
        if !authority.is_empty() {
            let certificates = reqwest::Certificate::from_pem_bundle(&authority).map_err(Error::internal)?;
            http = http.tls_certs_merge(certificates);
        }
        authorities::check_authorities()?;
        // Nothing else can fail here: <https://docs.rs/reqwest/latest/reqwest/struct.ClientBuilder.html#method.build>
        let http = http
            .build()
            .map_err(|cause| authorities::explain_lack(&in_words(&cause), network.ca.as_deref()))?;
        Ok(Self {
            http,
            cookies: CookieStore::new(),
            first_set: Vec::new(),
            captured: Map::new(),
            hidden: Vec::new(),
            is_window,
            unkept: Vec::new(),
            deleted: Vec::new(),
            astray: Vec::new(),
            has_begun: false,
            is_left_open: false,
            gateway: None,
        })
    }

    /// Sends the login for the gateway in front of the application from now on, without waiting to be asked.
    pub fn pass_gateway(&mut self, gateway: Option<HostCredentials>) {
        self.gateway = gateway.map(|HostCredentials { origin, user, password }| {
            let pair = Zeroizing::new(format!("{user}:{}", password.expose_secret()));
            let value = format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()));
            (origin, SecretString::from(value))
        });
    }

    /// Records that from now on the application may have something that has to be ended.
    pub fn mark_begun(&mut self) {
        self.has_begun = true;
    }

    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Records that the application never answered a request of the sign-in and may have acted on it, or still do.
    pub fn leave_open(&mut self) {
        self.has_begun = true;
        self.is_left_open = true;
    }

    pub fn is_left_open(&self) -> bool {
        self.is_left_open
    }

    /// Cookies that were set and that a window would not keep, and why.
    pub fn cookie_problems(&self) -> &[CookieProblem] {
        &self.unkept
    }

    /// Cookies that were set but are not sent to `url`, and why: those for other paths of its host, and those that were
    /// deleted.
    pub fn unsent_to(&self, url: &Url) -> Vec<CookieProblem> {
        let sent = self.cookie_names(url);
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        let elsewhere = of_host
            .filter(|cookie| !cookie.path.matches(url))
            .map(|cookie| of_path(cookie.name(), cookie.path.as_ref(), cookie.path.is_from_path_attr(), url));
        let mut unsent: Vec<CookieProblem> = elsewhere.chain(self.deleted.iter().cloned()).collect();
        unsent.retain(|cookie| !sent.contains(&cookie.name));
        unsent
    }

    /// Records where an answer led, for the message if no one turns out to be signed in.
    pub fn led_astray(&mut self, sentence: String) {
        self.astray.push(sentence);
    }

    pub fn stray_notes(&self) -> &[String] {
        &self.astray
    }

    /// What was captured so far, as templates see it.
    pub fn captured_values(&self) -> &Map<String, Value> {
        &self.captured
    }

    pub fn add_capture(&mut self, name: &str, value: Value) {
        self.captured.insert(name.to_owned(), value);
    }

    /// Masks these values in everything that is shown from now on.
    pub fn hide_values(&mut self, values: Vec<String>) {
        self.hidden.extend(values.into_iter().map(SecretString::from));
    }

    /// Sends a request, and follows at most `redirects` redirects within its origin.
    pub async fn send_request(
        &mut self,
        request: &PlannedRequest,
        redirects: u32,
    ) -> Result<Reply, Unanswered> {
        let whole = async {
            let mut reply = self.send_once(request.method, &request.url, Some(request)).await?;
            for _ in 0..redirects {
                let Some(next) = reply.redirects_to() else { break };
                if next.origin() != request.url.origin() {
                    break;
                }
                // Like browsers, follow with GET. Only 307 and 308 would repeat the POST, and no sign-in needs them.
                reply = self.send_once(Method::Get, &next, None).await?;
            }
            Ok(reply)
        };
        tokio::time::timeout(request.timeout, whole).await.unwrap_or(Err(Unanswered::TimedOut))
    }

    /// Sends a request like the application's own page would. Returns what that page would see of the answer, and where
    /// a redirect leads, which a page would not see.
    pub async fn send_as_page(
        &mut self,
        request: &PlannedRequest,
    ) -> Result<(Answer, Option<Url>), Unanswered> {
        let mut as_sent = request.clone();
        // Browsers add this to every request but GET.
        if request.method != Method::Get {
            as_sent.headers.push(("origin".into(), request.url.origin().ascii_serialization().into()));
        }
        let reply = self.send_request(&as_sent, 0).await?;
        let answer = reply.to_answer();
        // With `redirect: "manual"`, a page's `fetch` only sees that there is a redirect.
        let seen = match answer.status {
            300..400 => Answer { status: 0, ..answer },
            _ => answer,
        };
        Ok((seen, reply.redirects_to()))
    }

    async fn send_once(
        &mut self,
        method: Method,
        url: &Url,
        request: Option<&PlannedRequest>,
    ) -> Result<Reply, Unanswered> {
        let failed = |cause: reqwest::Error| match in_words(&cause) {
            words if cause.is_connect() || cause.is_builder() => Unanswered::Failed(words),
            words => Unanswered::BrokenOff(words),
        };
        let method = method.as_str().parse().expect("one of HTTP's methods");
        let mut sending = self.http.request(method, url.clone());
        if let Some(request) = request {
            for (name, value) in &request.headers {
                let (Ok(name), Ok(mut value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    // Characters up to 0xff, one byte each, as `fetch` sends them.
                    HeaderValue::from_bytes(&encode_latin1(value.expose_secret())),
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
        let names_encoding = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
        });
        if !names_encoding {
            sending = sending.header(ACCEPT_ENCODING, content_coding::accept_encoding(url));
        }
        // A request that says its cookies itself stands beside those kept here: it is of another session.
        let is_beside = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        });
        if let Some(cookies) = self.cookies_for(url).filter(|_| !is_beside) {
            sending = sending.header(COOKIE, cookies);
        }
        let says_itself = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        });
        if let Some((_, value)) =
            self.gateway.as_ref().filter(|(origin, _)| *origin == url.origin() && !says_itself)
        {
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| Unanswered::Failed("the gateway's password cannot be sent".into()))?;
            value.set_sensitive(true);
            sending = sending.header(AUTHORIZATION, value);
        }
        let mut response = sending.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let set: Vec<RawCookie<'static>> =
            set.filter_map(|text| RawCookie::parse(text.to_owned()).ok()).collect();
        if !is_beside {
            self.store_cookies(set, url);
        }
        let (mut bytes, mut is_cut) = (Zeroizing::new(Vec::new()), false);
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let room = LONGEST - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                is_cut = true;
                break;
            }
        }
        let (bytes, goes_on) =
            content_coding::decode_body(bytes, &headers, LONGEST).map_err(Unanswered::BrokenOff)?;
        is_cut |= goes_on;
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let body = charset::decode_text(&bytes, kind);
        Ok(Reply { status, headers, body, is_cut, url: url.clone() })
    }

    fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        // The store takes loopback for https.
        let is_sent = |cookie: &&Cookie<'static>| {
            !self.is_window
                || in_full(cookie, url).is_some_and(|cookie| find_send_problem(&cookie, url).is_none())
        };
        let cookies = self.cookies.matches(url).into_iter().filter(is_sent);
        let pairs: Vec<String> =
            cookies.map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    fn store_cookies(&mut self, set: Vec<RawCookie<'static>>, url: &Url) {
        for raw in set {
            if self.is_window
                && let Some(unkept) = find_store_problem(&raw, url)
            {
                self.unkept.retain(|before| before.name != unkept.name);
                self.unkept.push(unkept);
                continue;
            }
            self.unkept.retain(|before| before.name != raw.name());
            self.deleted.retain(|before| before.name != raw.name());
            self.deleted.extend(find_deletion(&raw, url));
            self.cookies.store_response_cookies(std::iter::once(raw), url);
            let new = self.cookies.iter_any().map(cookie_key).find(|key| !self.first_set.contains(key));
            self.first_set.extend(new);
        }
    }

    /// The cookie with this name that is sent to the host of `url`: one for its path first, then the most specific
    /// path, then the oldest one (RFC 6265, 5.4).
    pub fn find_cookie(&self, name: &str, url: &Url) -> Option<SessionCookie> {
        self.find_best_cookie(name, url, |_| true)
    }

    fn find_best_cookie(
        &self,
        name: &str,
        url: &Url,
        counts: impl Fn(&Cookie<'_>) -> bool,
    ) -> Option<SessionCookie> {
        let rank = |cookie: &&Cookie<'static>| {
            let age = self.first_set.iter().position(|set| *set == cookie_key(cookie));
            (!cookie.path.matches(url), Reverse(cookie.path.as_ref().len()), age)
        };
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        let found = of_host.filter(|cookie| cookie.name() == name && counts(cookie)).min_by_key(rank)?;
        in_full(found, url)
    }

    /// The cookies in `wanted` that belong to the application, whose session begins at `begin`: those that are sent
    /// there, and for `name_*` those for any path of that host. For the hosts of `origins`, any path counts. Never
    /// those in `!name` or `!name_*`. Cookies of other hosts are the operator's own.
    pub fn select_cookies(&self, wanted: &[String], begin: &Url, origins: &[Url]) -> Vec<SessionCookie> {
        let is_named = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let unwanted: Vec<&str> = wanted.iter().filter_map(|pattern| pattern.strip_prefix('!')).collect();
        let mut found = Vec::new();
        for pattern in wanted.iter().filter(|pattern| !pattern.starts_with('!')) {
            if pattern.ends_with('*') {
                let any = self.cookies.iter_unexpired().filter(|cookie| {
                    let name = cookie.name();
                    let hosts = std::iter::once(begin).chain(origins);
                    is_named(pattern, name)
                        && !unwanted.iter().any(|pattern| is_named(pattern, name))
                        && hosts.into_iter().any(|host| cookie.domain.matches(host))
                });
                found.extend(any.filter_map(|cookie| in_full(cookie, begin)));
            } else {
                let of_application =
                    self.find_best_cookie(pattern, begin, |cookie| cookie.path.matches(begin));
                let elsewhere = || origins.iter().find_map(|origin| self.find_cookie(pattern, origin));
                found.extend(of_application.or_else(elsewhere));
            }
        }
        found
    }

    /// The names of the cookies that would be sent to `url`, sorted.
    pub fn cookie_names(&self, url: &Url) -> Vec<String> {
        let mut names: Vec<String> =
            self.cookies.matches(url).iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// All cookies of the host of `url`, for any path.
    pub fn cookies_of(&self, url: &Url) -> Vec<SessionCookie> {
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        of_host.filter_map(|cookie| in_full(cookie, url)).collect()
    }

    /// Puts cookies among those kept here, in the place of those with the same name, domain and path.
    pub fn put_cookies(&mut self, cookies: &[SessionCookie]) {
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
            // The window's rules are applied when a cookie is sent.
            let is_window = std::mem::take(&mut self.is_window);
            self.store_cookies(vec![raw], &url);
            self.is_window = is_window;
        }
    }

    /// All values to mask in what is shown: cookies, captures, and what links in them carry.
    pub fn collect_secrets(&self) -> Vec<SecretString> {
        let cookies = self.cookies.iter_any().map(|cookie| cookie.value().to_owned());
        let captured: Vec<String> = self.captured.values().flat_map(collect_texts).collect();
        let hidden = self.hidden.iter().map(|value| value.expose_secret().to_owned());
        let mut values: Vec<String> = cookies.chain(captured).chain(hidden).collect();
        let carried: Vec<String> = values.iter().flat_map(|value| values_in_link(value)).collect();
        values.extend(carried);
        // Anything shorter is not a secret, and masking it would mask ordinary words.
        values.into_iter().filter(|value| value.len() >= 6).map(SecretString::from).collect()
    }
}

/// The secret parts of a one-time link: everything after its host, its query, the values in that, and the last part of
/// its path if it is too long for a page's name. Empty for a text that is not a link, and for a plain address.
fn values_in_link(link: &str) -> Vec<String> {
    let Some(url) = Url::parse(link).ok().filter(Url::has_host) else { return Vec::new() };
    let mut carried = Vec::new();
    let last = url.path().rsplit('/').next().unwrap_or_default();
    if last.len() >= 16 {
        carried.push(last.to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !carried.is_empty() {
        carried.push(url[url::Position::BeforePath..].to_owned());
    }
    carried.extend([url.query(), url.fragment()].into_iter().flatten().map(str::to_owned));
    carried.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    carried
}

impl Drop for Client {
    fn drop(&mut self) {
        wipe_fields(&mut self.captured);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl Reply {
    /// The absolute URL that it redirects to.
    pub fn redirects_to(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        (300..400).contains(&self.status).then(|| self.url.join(location).ok()).flatten()
    }

    /// The answer as `judge` needs it.
    pub fn to_answer(&self) -> Answer {
        let told = self.headers.iter().filter(|(name, _)| *name != SET_COOKIE);
        // One character per byte, like `fetch`.
        let text = |value: &HeaderValue| value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
        let headers = told.map(|(name, value)| (name.to_string(), text(value))).collect();
        Answer { status: self.status, headers, body: self.body.clone() }
    }

    /// How many seconds this computer's clock is ahead of the server's; `None` if the answer has no date.
    pub fn clock_skew(&self, now: i64) -> Option<i64> {
        let date = self.headers.get("date")?.to_str().ok()?;
        let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
        Some(now - server)
    }
}

fn cookie_key(cookie: &Cookie<'_>) -> (String, String, String) {
    let domain = match &cookie.domain {
        CookieDomain::HostOnly(host) => host.clone(),
        CookieDomain::Suffix(suffix) => format!(".{suffix}"),
        CookieDomain::NotPresent | CookieDomain::Empty => String::new(),
    };
    (cookie.name().to_owned(), domain, cookie.path.as_ref().to_owned())
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

/// All strings and numbers in it.
pub(super) fn collect_texts(json: &Value) -> Vec<String> {
    match json {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(collect_texts).collect(),
        Value::Object(fields) => fields.values().flat_map(collect_texts).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn encode_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

/// The innermost cause, which says what happened without the URL.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that was sent these cookies, each given as URL and header.
    fn client(set: &[(&str, &str)]) -> Client {
        let mut client = Client::new(&Network::default()).expect("a client");
        for (url, cookie) in set {
            let raw = RawCookie::parse((*cookie).to_owned()).expect("a cookie");
            client.store_cookies(vec![raw], &url.parse().expect("a URL"));
        }
        client
    }

    fn taken(client: &Client, wanted: &[&str], begin: &str, origins: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let origins: Vec<Url> = origins.iter().map(|origin| origin.parse().expect("a URL")).collect();
        let cookies = client.select_cookies(&wanted, &begin.parse().expect("a URL"), &origins);
        cookies.iter().map(|cookie| cookie.value.expose_secret().to_owned()).collect()
    }

    #[test]
    fn a_cookie_of_another_host_is_never_the_windows() {
        let operators = client(&[
            ("https://admin.acme.example/login", "session=of-the-operator; Path=/"),
            ("https://acme.example/login", "session=of-the-main-site"),
            ("https://app.acme.example.evil.example/", "session=of-evil"),
        ]);
        let app = "https://app.acme.example/";
        assert!(taken(&operators, &["session"], app, &[]).is_empty());
        assert!(taken(&operators, &["ses*"], app, &[]).is_empty());
        let of_domain =
            client(&[("https://login.acme.example/", "session=for-all; Domain=acme.example; Path=/")]);
        assert_eq!(taken(&of_domain, &["session"], app, &[]), ["for-all"], "it is sent to the application");
    }

    #[test]
    fn a_cookie_of_another_path_is_another() {
        let both = client(&[
            ("https://app.example/admin/login", "session=of-the-operator; Path=/admin"),
            ("https://app.example/adm", "session=other; Path=/adm"),
        ]);
        assert!(taken(&both, &["session"], "https://app.example/administer", &[]).is_empty());
        assert!(taken(&both, &["session"], "https://app.example/", &[]).is_empty());
        assert_eq!(taken(&both, &["session"], "https://app.example/admin/users", &[]), ["of-the-operator"]);
    }

    #[test]
    fn of_two_of_one_name_the_most_specific_path_counts_then_the_first() {
        let many = client(&[
            ("https://app.example/", "a=root; Path=/"),
            ("https://app.example/", "a=deep; Path=/shop/cart"),
            ("https://app.example/", "a=shop; Path=/shop"),
            ("https://app.example/", "b=first; Domain=app.example; Path=/"),
            ("https://app.example/", "b=second; Path=/"),
            ("https://app.example/", "b=first-again; Domain=app.example; Path=/"),
        ]);
        assert_eq!(taken(&many, &["a", "b"], "https://app.example/shop/x", &[]), ["shop", "first-again"]);
        assert_eq!(taken(&many, &["a"], "https://app.example/shop/cart/1", &[]), ["deep"]);
        assert_eq!(taken(&many, &["a"], "https://app.example/", &[]), ["root"]);
    }

    #[test]
    fn the_file_may_name_where_cookies_belong_and_any_path_counts_there() {
        let login = client(&[
            ("https://login.example/realms/x/impersonate", "IDENTITY=of-ada; Path=/realms/x/"),
            ("https://admin.example/", "IDENTITY=of-the-operator"),
        ]);
        let app = "https://app.example/";
        assert!(taken(&login, &["IDENTITY"], app, &[]).is_empty());
        assert_eq!(taken(&login, &["IDENTITY"], app, &["https://login.example"]), ["of-ada"]);
        assert_eq!(taken(&login, &["ID*"], app, &["https://login.example"]), ["of-ada"]);
    }

    #[test]
    fn of_a_one_time_link_every_part_that_counts_is_a_secret() {
        let mut client = client(&[]);
        client.add_capture(
            "link",
            "https://app.example/tickets/accept?ticket=one%2Dtime-0815&x=1#frag-0815".into(),
        );
        client.add_capture("magic", "https://app.example/magic/0123456789abcdef0123".into());
        client.add_capture("plain", "https://app.example/users".into());
        client.add_capture("code", 123_456.into());
        let secrets = client.collect_secrets();
        let has = |text: &str| secrets.iter().any(|secret| secret.expose_secret() == text);
        for text in
            ["ticket=one%2Dtime-0815&x=1", "one-time-0815", "frag-0815", "0123456789abcdef0123", "123456"]
        {
            assert!(has(text), "{text}");
        }
        assert!(!has("/users") && !has("1"));
    }
}
