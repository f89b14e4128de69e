//! User names and passwords (HTTP Basic, RFC 7617; HTTP Digest, RFC 7616) that hosts want before they answer, and where
//! each of them may be sent.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, Method};
use http_auth::{DigestClient, PasswordParams};
use parking_lot::Mutex;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Origin, Position, Url};

use crate::challenges::{Challenge, ChallengeScheme};

/// The user name and password that one origin wants before it lets a request through.
#[derive(Debug, Clone)]
pub struct HostCredentials {
    pub origin: Origin,
    pub user: String,
    pub password: SecretString,
    /// Whether they are sent as HTTP Basic from the first request on. Otherwise, a host gets them once it has asked, in
    /// the way that it asks for.
    pub is_sent_unasked: bool,
}

/// The credentials of one session, and how its hosts want them. Gives them to no other origin, not even to the same
/// host without TLS.
#[derive(Default)]
pub struct CredentialStore(Mutex<KnownCredentials>);

#[derive(Default)]
struct KnownCredentials {
    last_number: u64,
    logins: Vec<Login>,
    spaces: Vec<ProtectionSpace>,
}

struct Login {
    number: u64,
    credentials: HostCredentials,
    /// `None` if they are for all realms of the origin.
    realm: Option<String>,
    /// Whether the host gets proofs of the password (Digest) and never the password itself (Basic).
    is_proof_only: bool,
}

/// Where a server has asked for which login, and how. Whatever is below one of the paths gets it without being asked.
struct ProtectionSpace {
    login: u64,
    origin: Origin,
    realm: String,
    paths: Vec<String>,
    scheme: ChallengeScheme,
}

/// The most paths of one protection space that are remembered.
const MOST_PATHS: usize = 64;

/// The most protection spaces of one login that are remembered: a server can name a new realm in each answer.
const MOST_SPACES: usize = 64;

/// An `Authorization` header, and what was known when it was made.
pub struct Authorization {
    pub header: HeaderValue,
    login: u64,
    proof: Proof,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Basic,
    /// With a nonce that the server has just sent.
    FreshDigest,
    /// With a nonce that was used before, which the server may not accept again.
    ReusedDigest,
}

/// What can be said to a server that asks for a password.
pub enum ChallengeAnswer {
    /// Send the request again with this.
    Authorize(Authorization),
    /// The server does not accept the user name and password that it got.
    Refused,
    /// There is no user name and password for it.
    Unknown,
}

impl CredentialStore {
    pub fn new(credentials: Vec<HostCredentials>) -> Self {
        let store = Self::default();
        store.replace(credentials);
        store
    }

    /// Replaces the credentials that were stored for whole origins. Those for one realm stay.
    pub fn replace(&self, credentials: Vec<HostCredentials>) {
        let mut known = self.0.lock();
        known.logins.retain(|login| login.realm.is_some());
        for credentials in credentials {
            known.add_login(credentials, None, false);
        }
        known.forget_lost_spaces();
    }

    /// Keeps credentials for one realm of an origin, in place of earlier ones for it. `sends_password`: whether the
    /// operator has agreed to send the password itself, and not only proofs of it.
    pub(crate) fn add_for_realm(&self, credentials: HostCredentials, realm: String, sends_password: bool) {
        let mut known = self.0.lock();
        known.remove_for_realm(&credentials.origin, &realm);
        known.add_login(credentials, Some(realm), !sends_password);
    }

    /// Forgets the credentials for one realm that a server did not accept, and returns their user name. `None` if it
    /// got none: a server that wants the password itself, and not a proof of it, has not tried them.
    pub(crate) fn remove_refused(&self, origin: &Origin, challenge: &Challenge) -> Option<String> {
        let removed = self.0.lock().remove_for_realm(origin, &challenge.realm)?;
        (!removed.withholds(&challenge.scheme)).then_some(removed.credentials.user)
    }

    /// The `Authorization` to send without being asked: where the server has asked before, and where that was agreed on.
    pub fn authorize(&self, method: &Method, url: &Url) -> Option<Authorization> {
        self.0.lock().authorize(method, url)
    }

    /// What to say to an answer with status 401. `sent`: the `Authorization` with which the request was sent. `None` if
    /// the answer asks for no user name and password.
    pub fn answer_challenge(
        &self,
        headers: &HeaderMap,
        (method, url): (&Method, &Url),
        sent: Option<&Authorization>,
    ) -> Option<ChallengeAnswer> {
        Some(self.0.lock().answer(Challenge::find(headers)?, (method, url), sent))
    }

    /// What an `Authorization` of HTTP Basic contains of each, for masking.
    pub fn encoded_logins(&self) -> Vec<String> {
        let known = self.0.lock();
        let encode = |login: &Login| {
            let HostCredentials { user, password, .. } = &login.credentials;
            encode_pair(user, password.expose_secret())
        };
        known.logins.iter().map(encode).collect()
    }

    /// Whether there are credentials for the whole origin of this address.
    pub(crate) fn has_stored(&self, url: &Url) -> bool {
        let known = self.0.lock();
        known.logins.iter().any(|login| login.realm.is_none() && login.credentials.origin == url.origin())
    }

    /// Whether requests for this address get credentials that the operator has entered.
    pub(crate) fn has_entered(&self, url: &Url) -> bool {
        let known = self.0.lock();
        let login = known.find_space(url).map(|at| known.spaces[at].login);
        known.logins.iter().any(|it| Some(it.number) == login && it.realm.is_some())
    }

    /// Whether this was made of credentials that the operator has entered.
    pub(crate) fn is_entered(&self, sent: &Authorization) -> bool {
        let known = self.0.lock();
        known.logins.iter().any(|login| login.number == sent.login && login.realm.is_some())
    }
}

impl KnownCredentials {
    fn add_login(&mut self, credentials: HostCredentials, realm: Option<String>, is_proof_only: bool) {
        self.last_number += 1;
        self.logins.push(Login { number: self.last_number, credentials, realm, is_proof_only });
    }

    fn remove_for_realm(&mut self, origin: &Origin, realm: &str) -> Option<Login> {
        let is_it = |login: &Login| {
            login.credentials.origin == *origin && login.realm.as_deref().is_some_and(|it| it == realm)
        };
        let at = self.logins.iter().position(is_it)?;
        let removed = self.logins.remove(at);
        self.forget_lost_spaces();
        Some(removed)
    }

    fn forget_lost_spaces(&mut self) {
        let logins = &self.logins;
        self.spaces.retain(|space| logins.iter().any(|login| login.number == space.login));
    }

    /// The place of the space that an address is in; of several, the deepest.
    fn find_space(&self, url: &Url) -> Option<usize> {
        let origin = url.origin();
        let depth = |space: &ProtectionSpace| {
            let known = space.paths.iter().filter(|path| url.path().starts_with(path.as_str()));
            known.map(String::len).max().filter(|_| space.origin == origin)
        };
        let known = self.spaces.iter().enumerate().filter_map(|(at, space)| Some((depth(space)?, at)));
        known.max().map(|(_, at)| at)
    }

    fn authorize(&mut self, method: &Method, url: &Url) -> Option<Authorization> {
        let (space, logins, origin) = (self.find_space(url), &self.logins, url.origin());
        if let Some(space) = space.map(|at| &mut self.spaces[at]) {
            let login = logins.iter().find(|login| login.number == space.login)?;
            return login.authorize(&mut space.scheme, false, (method, url));
        }
        let unasked = logins.iter().find(|login| {
            login.credentials.is_sent_unasked && login.credentials.origin == origin && login.realm.is_none()
        });
        unasked?.authorize(&mut ChallengeScheme::Basic, false, (method, url))
    }

    fn answer(
        &mut self,
        challenge: Challenge,
        (method, url): (&Method, &Url),
        sent: Option<&Authorization>,
    ) -> ChallengeAnswer {
        let origin = url.origin();
        let find = |realm: Option<&str>| {
            let is_it = |login: &Login| login.credentials.origin == origin && login.realm.as_deref() == realm;
            self.logins.iter().position(is_it)
        };
        let Some(found) = find(Some(&challenge.realm)).or_else(|| find(None)) else {
            return ChallengeAnswer::Unknown;
        };
        let login = &mut self.logins[found];
        let Challenge { realm, mut scheme } = challenge;
        if let Some(sent) = sent.filter(|sent| sent.login == login.number) {
            let is_final = match &scheme {
                ChallengeScheme::Basic => sent.proof == Proof::Basic,
                ChallengeScheme::Digest(client) => sent.proof == Proof::FreshDigest && !client.stale(),
            };
            if is_final {
                return ChallengeAnswer::Refused;
            }
        }
        // On a way that others can read, whoever sits there could ask again, for the password itself.
        login.is_proof_only |= matches!(scheme, ChallengeScheme::Digest(_))
            && url.scheme() != "https"
            && !login.credentials.is_sent_unasked;
        let Some(authorization) = login.authorize(&mut scheme, true, (method, url)) else {
            return ChallengeAnswer::Refused;
        };
        let (login, mut paths) = (login.number, login.protected_paths(&scheme, url));
        let is_same =
            |space: &ProtectionSpace| space.login == login && space.origin == origin && space.realm == realm;
        if let Some(at) = self.spaces.iter().position(is_same) {
            for path in self.spaces.remove(at).paths {
                if paths.len() < MOST_PATHS && !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        if self.spaces.iter().filter(|space| space.login == login).count() >= MOST_SPACES
            && let Some(oldest) = self.spaces.iter().position(|space| space.login == login)
        {
            self.spaces.remove(oldest);
        }
        self.spaces.push(ProtectionSpace { login, origin, realm, paths, scheme });
        ChallengeAnswer::Authorize(authorization)
    }
}

impl Login {
    /// Whether this would send the password itself to a host that is to get only proofs of it.
    fn withholds(&self, scheme: &ChallengeScheme) -> bool {
        self.is_proof_only && matches!(scheme, ChallengeScheme::Basic)
    }

    fn authorize(
        &self,
        scheme: &mut ChallengeScheme,
        is_fresh: bool,
        (method, url): (&Method, &Url),
    ) -> Option<Authorization> {
        if self.withholds(scheme) {
            return None;
        }
        let HostCredentials { user, password, .. } = &self.credentials;
        let password = password.expose_secret();
        let (header, proof) = match scheme {
            ChallengeScheme::Basic => (encode_basic(user, password)?, Proof::Basic),
            ChallengeScheme::Digest(client) => {
                let proof = if is_fresh { Proof::FreshDigest } else { Proof::ReusedDigest };
                (encode_digest(client, user, password, (method, url))?, proof)
            }
        };
        Some(Authorization { header, login: self.number, proof })
    }

    /// The paths below which a server that asked at `url` wants the same again (RFC 7617, 2.2; RFC 7616, 3.3). What is
    /// for a whole origin is sent to all of it.
    fn protected_paths(&self, scheme: &ChallengeScheme, url: &Url) -> Vec<String> {
        let named: Vec<String> = match scheme {
            ChallengeScheme::Basic if self.realm.is_some() => {
                let directory = url.path().rfind('/').map_or(0, |at| at + 1);
                vec![url.path()[..directory].to_owned()]
            }
            ChallengeScheme::Digest(client) => {
                let parsed = client.domain().split_whitespace().filter_map(|it| url.join(it).ok());
                let own = parsed.filter(|it| it.origin() == url.origin());
                own.map(|it| it.path().to_owned()).take(MOST_PATHS).collect()
            }
            ChallengeScheme::Basic => Vec::new(),
        };
        if named.is_empty() { vec!["/".to_owned()] } else { named }
    }
}

/// The value of an `Authorization` or `Proxy-Authorization` header (RFC 7617), which no debug output shows.
pub(crate) fn encode_basic(user: &str, password: &str) -> Option<HeaderValue> {
    let encoded = Zeroizing::new(encode_pair(user, password));
    to_sensitive_header(&Zeroizing::new(format!("Basic {}", *encoded)))
}

fn encode_pair(user: &str, password: &str) -> String {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    BASE64_STANDARD.encode(pair.as_bytes())
}

/// Answers a Digest challenge, and counts how often its nonce was used.
fn encode_digest(
    client: &mut DigestClient,
    user: &str,
    password: &str,
    (method, url): (&Method, &Url),
) -> Option<HeaderValue> {
    let uri = &url[Position::BeforePath..Position::AfterQuery];
    let params = PasswordParams { username: user, password, uri, method: method.as_str(), body: None };
    to_sensitive_header(&client.respond(&params).ok()?)
}

fn to_sensitive_header(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests;
