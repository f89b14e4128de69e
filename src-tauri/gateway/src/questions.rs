//! Questions for a user name and a password that wait for the operator: one for each realm of an origin, however many
//! requests wait for the answer.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, ORIGIN, REFERER, UPGRADE};
use parking_lot::Mutex;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::watch;
use ts_rs::TS;
use url::{Origin, Url};

use crate::challenges::{Challenge, ChallengeScheme};
use crate::credentials::{CredentialStore, HostCredentials};
use crate::fence::is_top_level;
use crate::observer::SessionObserver;

/// The most questions that wait at once: a page can ask in any number of realms.
const MOST_QUESTIONS: usize = 8;

/// The longest realm that is shown, in characters.
const LONGEST_REALM: usize = 200;

/// A server's question for a user name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct PasswordQuestion {
    /// Names it in an answer, so that no other question gets that answer.
    pub number: u32,
    /// With its port, if that is not the scheme's own.
    pub host: String,
    /// In the server's words; may be anything.
    pub realm: String,
    /// Whether the way to the host is encrypted.
    pub is_encrypted: bool,
    /// Whether the host would get the password itself (Basic) and not only a proof of it (Digest).
    pub sends_password: bool,
    /// The user name that was entered for it, with a password, and not accepted.
    pub refused_user: Option<String>,
}

/// What a session's hosts ask the operator, in the order in which they have asked.
pub(crate) struct PasswordQuestions {
    state: Mutex<QuestionState>,
    observer: Arc<dyn SessionObserver>,
}

#[derive(Default)]
struct QuestionState {
    /// Whether the operator may be asked now; not while the session signs in.
    is_open: bool,
    /// Counts answers, so that a request can tell which came after it was sent.
    answers: u64,
    last_number: u32,
    waiting: Vec<OpenQuestion>,
    entered: Vec<EnteredRealm>,
    /// Until the next page is loaded. Not by realm: a server can name a new one each time.
    declined: Vec<Origin>,
    /// Whether a frame of another site has asked since the last page was loaded.
    has_foreign_frame_asked: bool,
}

struct OpenQuestion {
    question: PasswordQuestion,
    realm: RealmKey,
    requests: usize,
    answer: watch::Sender<Option<OperatorAnswer>>,
}

/// For which the operator has entered a password.
struct EnteredRealm {
    realm: RealmKey,
    /// Which answer it was.
    at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RealmKey {
    origin: Origin,
    realm: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OperatorAnswer {
    /// The credentials are in the store.
    Entered,
    Declined,
}

/// A request that waits for a password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskingRequest<'a> {
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) sent_at: SentAt,
}

/// When a request was sent, counted in answers of the operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentAt(u64);

impl PasswordQuestions {
    pub(crate) fn new(observer: Arc<dyn SessionObserver>) -> Self {
        Self { state: Mutex::default(), observer }
    }

    pub(crate) fn now(&self) -> SentAt {
        SentAt(self.state.lock().answers)
    }

    /// Lets questions be asked or, if not, declines those that wait and all later ones.
    pub(crate) fn set_open(&self, is_open: bool) {
        let mut state = self.state.lock();
        state.is_open = is_open;
        if is_open {
            return;
        }
        let declined = std::mem::take(&mut state.waiting);
        drop(state);
        for question in &declined {
            question.answer.send_replace(Some(OperatorAnswer::Declined));
        }
        if !declined.is_empty() {
            self.observer.on_password_question();
        }
    }

    /// The question that has waited longest.
    pub(crate) fn first(&self) -> Option<PasswordQuestion> {
        self.state.lock().waiting.first().map(|waiting| waiting.question.clone())
    }

    /// Declined questions are asked again from here on, because a page is loaded.
    pub(crate) fn forget_declined(&self) {
        let mut state = self.state.lock();
        state.declined.clear();
        state.has_foreign_frame_asked = false;
    }

    /// Asks the operator, and returns once there is an answer: whether the credentials are in the store. `answered`: the
    /// headers of the server's answer.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        answered: &HeaderMap,
        asking: AskingRequest<'_>,
        credentials: &CredentialStore,
    ) -> bool {
        let Some(challenge) = Challenge::find(answered) else { return false };
        let answer = match self.join(&challenge, asking, credentials) {
            Ok(mut waiting) => {
                let answered = waiting.answer.wait_for(Option::is_some).await;
                answered.ok().and_then(|answer| *answer)
            }
            Err(answer) => Some(answer),
        };
        answer == Some(OperatorAnswer::Entered)
    }

    /// Joins the realm's question, or begins one; `Err` if the operator has answered by now.
    fn join(
        self: &Arc<Self>,
        challenge: &Challenge,
        AskingRequest { url, headers, sent_at }: AskingRequest<'_>,
        credentials: &CredentialStore,
    ) -> Result<WaitingRequest, OperatorAnswer> {
        let realm = RealmKey { origin: url.origin(), realm: challenge.realm.clone() };
        let mut state = self.state.lock();
        if !state.is_open {
            return Err(OperatorAnswer::Declined);
        }
        let known = state.waiting.iter().position(|waiting| waiting.realm == realm);
        if known.is_none() {
            if state.declined.contains(&realm.origin) {
                return Err(OperatorAnswer::Declined);
            }
            if state.entered.iter().any(|entered| entered.realm == realm && entered.at > sent_at.0) {
                return Err(OperatorAnswer::Entered);
            }
        }
        let at = match known {
            Some(at) => at,
            None if state.waiting.len() < MOST_QUESTIONS => {
                let refused_user = credentials.remove_refused(&realm.origin, challenge);
                // Each of a page's frames could ask, one after the other, in front of the page that is worked in.
                if is_foreign_frame(headers)
                    && refused_user.is_none()
                    && std::mem::replace(&mut state.has_foreign_frame_asked, true)
                {
                    return Err(OperatorAnswer::Declined);
                }
                state.last_number += 1;
                let question = PasswordQuestion {
                    number: state.last_number,
                    host: url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
                    realm: realm.realm.chars().take(LONGEST_REALM).collect(),
                    is_encrypted: url.scheme() == "https",
                    sends_password: matches!(challenge.scheme, ChallengeScheme::Basic),
                    refused_user,
                };
                let answer = watch::Sender::new(None);
                state.waiting.push(OpenQuestion { question, realm, requests: 0, answer });
                state.waiting.len() - 1
            }
            None => return Err(OperatorAnswer::Declined),
        };
        let asked = &mut state.waiting[at];
        asked.requests += 1;
        let request = WaitingRequest {
            number: asked.question.number,
            answer: asked.answer.subscribe(),
            questions: Arc::clone(self),
        };
        drop(state);
        if known.is_none() {
            self.observer.on_password_question();
        }
        Ok(request)
    }

    /// Takes the operator's answer: a user name and a password, or `None` to decline. Returns whether the question still
    /// waits.
    pub(crate) fn answer(
        &self,
        number: u32,
        entered: Option<(String, SecretString)>,
        credentials: &CredentialStore,
    ) -> bool {
        let mut state = self.state.lock();
        let Some(at) = state.waiting.iter().position(|waiting| waiting.question.number == number) else {
            return false;
        };
        let OpenQuestion { question, realm, answer: waiting, .. } = state.waiting.remove(at);
        let answer = match entered {
            Some((user, password)) => {
                let entered =
                    HostCredentials { origin: realm.origin.clone(), user, password, is_sent_unasked: false };
                credentials.add_for_realm(entered, realm.realm.clone(), question.sends_password);
                OperatorAnswer::Entered
            }
            None => OperatorAnswer::Declined,
        };
        state.answers += 1;
        let at = state.answers;
        if answer == OperatorAnswer::Entered {
            state.entered.retain(|entered| entered.realm != realm);
            state.entered.push(EnteredRealm { realm, at });
        } else {
            for other in state.waiting.extract_if(.., |other| other.realm.origin == realm.origin) {
                other.answer.send_replace(Some(answer));
            }
            state.declined.push(realm.origin);
        }
        waiting.send_replace(Some(answer));
        drop(state);
        self.observer.on_password_question();
        true
    }
}

/// A request that waits for an answer. A question for which no request waits any longer is gone.
struct WaitingRequest {
    number: u32,
    answer: watch::Receiver<Option<OperatorAnswer>>,
    questions: Arc<PasswordQuestions>,
}

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        let mut state = self.questions.state.lock();
        let found = state.waiting.iter().position(|waiting| waiting.question.number == self.number);
        let Some(at) = found else { return };
        state.waiting[at].requests -= 1;
        if state.waiting[at].requests == 0 {
            state.waiting.remove(at);
            drop(state);
            self.questions.observer.on_password_question();
        }
    }
}

/// Whether a browser would ask a person for the password that this request lacks: for a page, in the window or in a
/// frame, and for what a page takes from its own origin. A script that sends an `Authorization` of its own also handles
/// its refusal.
pub(crate) fn may_ask(headers: &HeaderMap, url: &Url) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(AUTHORIZATION) || headers.contains_key(UPGRADE) || is_in_advance(headers) {
        return false;
    }
    match text("sec-fetch-dest") {
        Some("document" | "frame" | "iframe") => return true,
        // Browsers send none of these headers to an unencrypted host.
        None if text(ACCEPT.as_str()).is_some_and(|it| it.contains("text/html")) => return true,
        _ => {}
    }
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let is_own = |page: &str| Url::parse(page).is_ok_and(|page| page.origin() == url.origin());
    text(REFERER.as_str()).or_else(|| text(ORIGIN.as_str())).is_some_and(is_own)
}

/// Whether it loads what another site shows in the page.
fn is_foreign_frame(headers: &HeaderMap) -> bool {
    let is =
        |name: &str, wanted: &[&[u8]]| headers.get(name).is_some_and(|it| wanted.contains(&it.as_bytes()));
    is("sec-fetch-dest", &[b"frame", b"iframe"]) && is("sec-fetch-site", &[b"cross-site"])
}

/// Whether a page is loaded, after which declined questions are asked again.
pub(crate) fn is_page_load(headers: &HeaderMap) -> bool {
    is_top_level(headers) && !is_in_advance(headers)
}

/// A browser that fetches a page in advance asks again if a person follows the link.
pub(crate) fn is_in_advance(headers: &HeaderMap) -> bool {
    headers.get("sec-purpose").is_some_and(|it| it.as_bytes().starts_with(b"prefetch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_asked_for_what_a_person_waits_for() {
        let url = Url::parse("http://intern.example/a").expect("a URL");
        let case = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), http::HeaderValue::from_static(value)));
            may_ask(&headers.collect(), &url)
        };
        for asks in [
            &[("sec-fetch-dest", "document"), ("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")],
            &[("accept", "text/html,*/*;q=0.8")],
            &[("referer", "http://intern.example/page"), ("accept", "*/*")],
            &[("origin", "http://intern.example")],
        ] {
            assert!(case(asks), "{asks:?}");
        }
        for silent in [
            &[("sec-fetch-dest", "empty"), ("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-dest", "image"), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin"), ("authorization", "Bearer x")],
            &[("sec-fetch-dest", "document"), ("sec-purpose", "prefetch;prerender")],
            &[("sec-fetch-dest", "websocket"), ("sec-fetch-site", "same-origin"), ("upgrade", "websocket")],
            &[("referer", "http://other.example/"), ("accept", "*/*")],
            &[("accept", "*/*")],
        ] {
            assert!(!case(silent), "{silent:?}");
        }
    }
}
