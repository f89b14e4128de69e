//! Why a one-time link did not sign anyone in.

use url::Url;

use super::status::status_words;
use super::within_sentence;
use crate::browser::{Answer, Refusal, Unanswered};
use crate::masks::Masks;
use crate::sign_in::exchange::excerpt_answer;
use crate::sign_in::guards;

/// The refusal for a one-time link that was answered with an error.
pub(crate) fn link_refused(answer: &Answer, masks: &Masks) -> Refusal {
    let words = status_words(answer.status);
    let cause = guards::in_front(answer);
    let said = cause.as_ref().and_then(|cause| cause.said.clone());
    Refusal {
        title: match said {
            Some(said) => format!("The link was not opened: {}: {words}", within_sentence(&said)),
            None => format!("The link was answered with {words}"),
        },
        status: Some(answer.status),
        excerpt: excerpt_answer(answer, masks),
        hint: cause.map_or_else(
            || {
                "A link works only once and only for a short time. Check what the application says about it."
                    .into()
            },
            |cause| cause.hint,
        ),
        secrets: Vec::new(),
    }
}

/// The refusal for a one-time link that did not lead to the application.
pub fn link_failed(
    link: &Url,
    origin: &url::Origin,
    limit: std::time::Duration,
    why: &Unanswered,
) -> Refusal {
    let (from, to) = (link.origin().ascii_serialization(), origin.ascii_serialization());
    let title = match why {
        Unanswered::TimedOut => {
            format!("The link of {from} did not lead to {to} within {} s", limit.as_secs())
        }
        Unanswered::Failed(words) | Unanswered::BrokenOff(words) => {
            format!("The link of {from} could not be opened ({words})")
        }
        Unanswered::Broken => "The window's web process ended while the link was opened".into(),
        Unanswered::Closed => "The window was closed".into(),
    };
    Refusal::new(
        title,
        "A link works only once and only for a short time. Try again; if it keeps happening, check where the link leads.",
    )
}
