//! Evidence as it was taken, and what the operator chose from it.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use understudy_gateway::{RecordedExchange, RequestOutcome};

use super::PageVisit;
use crate::session::SessionView;

/// How many of the newest requests are offered.
pub(crate) const REQUEST_LIMIT: usize = 500;

/// How a message of the browser's console is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum MessageLevel {
    Error,
    Warning,
    Info,
}

/// What a page has written to the browser's console, or an error of it that nothing caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ConsoleMessage {
    /// In milliseconds since 1970.
    #[ts(type = "number")]
    pub at: i64,
    pub level: MessageLevel,
    /// Without its secrets.
    pub text: String,
}

/// What is painted over in a picture before it is taken.
#[derive(Debug, Clone, Default)]
pub struct PictureMasks {
    /// CSS selectors of elements.
    pub selectors: Vec<String>,
    /// Texts: the elements that show them.
    pub values: Vec<SecretString>,
}

/// What only the session's window knows.
#[derive(Debug, Clone)]
pub struct PageCapture {
    /// What is visible, as PNG; an error says why there is none.
    pub picture: Result<Vec<u8>, String>,
    /// The whole page, as PNG; `None` if all of it is visible, or without a picture.
    pub whole: Option<Result<Vec<u8>, String>>,
    /// As the page wrote them.
    pub messages: Vec<ConsoleMessage>,
    /// The engine of the window, and its version.
    pub engine: String,
}

/// A line of facts: its name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct EvidenceFact {
    pub name: String,
    pub value: String,
}

/// A request in the list that the operator chooses from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct EvidenceRequest {
    #[ts(type = "number")]
    pub number: u64,
    pub method: String,
    /// Without its secrets.
    pub url: String,
    pub status: Option<u16>,
    /// Why there is no answer.
    pub problem: Option<String>,
    /// Whether it was refused, held back or not answered.
    pub is_failed: bool,
    /// Understudy did not let it through: the application is not to blame.
    pub is_held_back: bool,
    #[ts(type = "number | null")]
    pub elapsed_ms: Option<u64>,
}

/// What the operator chooses from. Nothing in it is secret, as far as Understudy knows.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub struct EvidenceView {
    pub session: SessionView,
    /// In milliseconds since 1970.
    #[ts(type = "number")]
    pub taken_at: i64,
    /// A PNG file in base64; `None` if there is none.
    pub picture: Option<String>,
    /// Why there is no picture.
    pub no_picture: Option<String>,
    /// The same of the whole page; `None` if there is none, or if all of it is visible.
    pub whole_picture: Option<String>,
    /// Why there is no picture of the whole page.
    pub no_whole_picture: Option<String>,
    /// Oldest first.
    pub requests: Vec<EvidenceRequest>,
    pub messages: Vec<ConsoleMessage>,
    pub pages: Vec<PageVisit>,
    pub facts: Vec<EvidenceFact>,
    /// The helpdesk's origin, if the session's ticket takes evidence.
    pub ticket_origin: Option<String>,
}

/// What of it leaves the console.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[ts(export)]
pub struct EvidenceChoice {
    /// The picture as the operator has marked it: a PNG file in base64. `None`: without a picture.
    pub picture: Option<String>,
    /// The numbers of the requests that were not dropped.
    #[ts(type = "number[]")]
    pub requests: Vec<u64>,
    /// The places of the messages that were not dropped, from 0.
    pub messages: Vec<usize>,
    /// The places of the pages that were not dropped, from 0.
    pub pages: Vec<usize>,
}

/// How evidence is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum EvidenceFormat {
    /// One page that opens anywhere, with everything in it.
    Html,
    /// A picture, an HTTP archive and texts, each as a file of its own.
    Zip,
}

impl EvidenceFormat {
    /// As the name of its file ends.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Zip => "zip",
        }
    }
}

/// Evidence of one session, kept until the operator has used it.
#[derive(Debug, Clone)]
pub struct TakenEvidence {
    pub view: EvidenceView,
    pub(super) exchanges: Vec<RecordedExchange>,
    pub(super) version: String,
}

impl TakenEvidence {
    /// The evidence of `session`; `exchanges`, `pages` and the messages of `capture` have no secrets any more.
    pub(crate) fn new(
        session: SessionView,
        taken_at: i64,
        capture: PageCapture,
        exchanges: Vec<RecordedExchange>,
        pages: Vec<PageVisit>,
        version: &str,
    ) -> Self {
        let encode = |picture: Option<Result<Vec<u8>, String>>| match picture {
            Some(Ok(picture)) => (Some(BASE64_STANDARD.encode(picture)), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let (picture, no_picture) = encode(Some(capture.picture));
        let (whole_picture, no_whole_picture) = encode(capture.whole);
        let fact = |name: &str, value: &str| EvidenceFact { name: name.into(), value: value.into() };
        let facts = vec![
            fact("Understudy", version),
            fact("Engine", &capture.engine),
            fact("System", &format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH)),
        ];
        let requests = exchanges.iter().map(to_request).collect();
        let view = EvidenceView {
            session,
            taken_at,
            picture,
            no_picture,
            whole_picture,
            no_whole_picture,
            requests,
            messages: capture.messages,
            pages,
            facts,
            ticket_origin: None,
        };
        Self { view, exchanges, version: version.to_owned() }
    }

    /// The requests that the operator did not drop. What loaded a page goes with the page, and so does its address in the
    /// `Referer` of other requests.
    pub(super) fn chosen_exchanges(&self, choice: &EvidenceChoice) -> Vec<RecordedExchange> {
        let kept = self.chosen_pages(choice);
        let kept: BTreeSet<&str> = kept.iter().map(|visit| without_fragment(&visit.url)).collect();
        let visited = self.view.pages.iter().map(|visit| without_fragment(&visit.url));
        let dropped: BTreeSet<&str> = visited.filter(|url| !kept.contains(url)).collect();
        let is_dropped = |url: &str| dropped.contains(without_fragment(url));
        let is_chosen = |exchange: &&RecordedExchange| {
            let RecordedExchange { entry, .. } = exchange;
            choice.requests.contains(&entry.number) && !(entry.method == "GET" && is_dropped(&entry.url))
        };
        let mut chosen: Vec<RecordedExchange> = self.exchanges.iter().filter(is_chosen).cloned().collect();
        for exchange in &mut chosen {
            exchange.request.headers.retain(|(name, value)| name != "referer" || !is_dropped(value));
        }
        chosen
    }

    /// The messages that the operator did not drop.
    pub(super) fn chosen_messages(&self, choice: &EvidenceChoice) -> Vec<&ConsoleMessage> {
        pick(&self.view.messages, &choice.messages)
    }

    /// The pages that the operator did not drop.
    pub(super) fn chosen_pages(&self, choice: &EvidenceChoice) -> Vec<&PageVisit> {
        pick(&self.view.pages, &choice.pages)
    }
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// Those at the chosen places, in their own order.
fn pick<'a, T>(all: &'a [T], chosen: &[usize]) -> Vec<&'a T> {
    all.iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, one)| one).collect()
}

/// Only the last minutes count.
pub(crate) fn keep_recent(exchanges: Vec<RecordedExchange>, now_ms: i64) -> Vec<RecordedExchange> {
    const RECENT: Duration = Duration::from_mins(15);
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
    let is_recent = |exchange: &RecordedExchange| {
        now.duration_since(exchange.started_at).map_or(true, |age| age <= RECENT)
    };
    exchanges.into_iter().filter(is_recent).collect()
}

pub(super) fn to_request(exchange: &RecordedExchange) -> EvidenceRequest {
    let entry = &exchange.entry;
    let (status, problem) = match &entry.outcome {
        RequestOutcome::Answered { status } => (Some(*status), None),
        RequestOutcome::Waiting => (None, Some("No answer yet".to_owned())),
        RequestOutcome::Refused { reason } | RequestOutcome::Failed { reason } => {
            (None, Some(reason.clone()))
        }
    };
    EvidenceRequest {
        number: entry.number,
        method: entry.method.clone(),
        url: entry.url.clone(),
        is_failed: status.is_none_or(|status| status >= 400),
        is_held_back: matches!(entry.outcome, RequestOutcome::Refused { .. }),
        status,
        problem,
        elapsed_ms: entry.elapsed_ms,
    }
}
