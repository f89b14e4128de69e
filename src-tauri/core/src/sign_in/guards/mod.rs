//! Services in front of an application that answer in its place: CDNs, firewalls, bot checks, gateways with their own
//! sign-in. Each is recognised by its own pages and headers, never by headers that it also adds to the application's
//! answers. `known` lists them.

mod known;
#[cfg(test)]
mod tests;

use self::GuardAction::{Asks, Blocks, Doubts, Limits, Loses, Proxies};
use self::GuardMark::{Body, Header, Status};
use self::known::GUARDS;
use super::causes::RefusalCause;
use super::page_text;
use crate::browser::Answer;

/// A service, one of its ways of stopping a request, and how to recognise that.
struct Guard {
    name: &'static str,
    deed: GuardAction,
    /// One of these groups, with all marks in it.
    marks: &'static [&'static [GuardMark]],
}

enum GuardAction {
    /// It requires a browser and a person first.
    Doubts,
    /// Its rules refuse the request.
    Blocks,
    /// It counted too many requests.
    Limits,
    /// It could not reach the application.
    Loses,
    /// It requires its own sign-in; the text says how to get past it.
    Asks(&'static str),
    /// It is a proxy in the operator's own network.
    Proxies,
}

enum GuardMark {
    /// The value of this header contains this text, in lower case; an empty text means that the header is there.
    Header(&'static str, &'static str),
    /// The body contains this text, in lower case. For a successful answer, only HTML counts.
    Body(&'static str),
    /// The status is in this range.
    Status(u16, u16),
}

/// The service that gave this answer in the application's place, if any.
pub(super) fn in_front(answer: &Answer) -> Option<RefusalCause> {
    // A window cannot see anything of a redirect.
    if answer.is_redirect() {
        return None;
    }
    let body = if answer.status >= 400 || page_text::is_html(answer) {
        answer.body.to_lowercase()
    } else {
        String::new()
    };
    let found = GUARDS
        .iter()
        .find(|guard| guard.marks.iter().any(|all| all.iter().all(|mark| mark.is_on(answer, &body))));
    found.map(Guard::to_cause)
}

impl GuardMark {
    /// `body` is the answer's body in lower case.
    fn is_on(&self, answer: &Answer, body: &str) -> bool {
        match self {
            Header(name, part) => {
                answer.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(part))
            }
            Body(part) => body.contains(part),
            Status(first, last) => (*first..=*last).contains(&answer.status),
        }
    }
}

const LET_THROUGH: &str = "Let these paths through there (by address, or by a header with a secret of its own), or use the \
     address behind it.";

impl Guard {
    fn to_cause(&self) -> RefusalCause {
        let name = self.name;
        let hint = match &self.deed {
            Doubts => format!(
                "{name}, in front of the application, asks for a browser and a person first, so the request never \
                 reached the application. {LET_THROUGH}"
            ),
            Blocks => format!(
                "{name}, in front of the application, blocked the request by a rule of its own, so it never reached \
                 the application. Another secret does not help. {LET_THROUGH} A reference or an ID in the answer \
                 tells \
                 whoever runs it which rule that was."
            ),
            Limits => format!(
                "{name}, in front of the application, has received too many requests from here: wait a moment and try \
                 again."
            ),
            Loses => format!(
                "{name}, in front of the application, got no proper answer from it: try again, and check that the \
                 application is running where {name} looks for it."
            ),
            Asks(how) => format!(
                "{name}, in front of the application, answered first, so the request never reached the application. {how}"
            ),
            Proxies => format!(
                "{name}, a proxy between this computer and the application, refused the request: have it let this address \
                 through, or set another `network.proxy`."
            ),
        };
        let said = match self.deed {
            Loses => format!("{name} did not reach the application"),
            _ => format!("{name} stopped the request"),
        };
        RefusalCause { said: Some(said), hint, is_secrets: false }
    }
}

/// What any bot check says.
const FOR_PEOPLE: &[&str] = &[
    "verify you are human",
    "verify that you are human",
    "verify you're human",
    "are you a robot",
    "you are not a robot",
    "you're not a robot",
    "i'm not a robot",
    "checking your browser",
    "checking if the site connection is secure",
    "enable javascript and cookies to continue",
    "unusual traffic",
    "bot protection",
    "human verification",
];

/// A bot check from an unknown service, recognised by its wording.
pub(super) fn check_for_people(answer: &Answer, words: &str) -> Option<RefusalCause> {
    let is_refusal = matches!(answer.status, 403 | 405 | 429 | 503);
    let words = words.to_lowercase();
    (is_refusal && FOR_PEOPLE.iter().any(|mark| words.contains(mark))).then(|| RefusalCause {
        said: Some("A check for bots stopped the request".into()),
        hint: format!("The answer asks for a browser and a person first. {LET_THROUGH}"),
        is_secrets: false,
    })
}
