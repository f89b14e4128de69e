//! Why a request was not answered, and what to do about it.

use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};

/// The refusal for a step without an answer.
pub(in crate::sign_in) fn unanswered_refusal(
    title: &str,
    request: &PlannedRequest,
    why: &Unanswered,
) -> Refusal {
    let refusal = require_answer(&Err(why.clone()), request).expect_err("there is no answer");
    Refusal { title: format!("{title}: {}", refusal.title), ..refusal }
}

pub(super) fn require_answer<'a>(
    answer: &'a Result<Answer, Unanswered>,
    request: &PlannedRequest,
) -> Result<&'a Answer, Refusal> {
    let origin = request.url.origin().ascii_serialization();
    let refusal = |title: String, hint: &str| Refusal::new(title, hint);
    match answer {
        Ok(answer) => Ok(answer),
        Err(Unanswered::TimedOut) => Err(refusal(
            format!("{origin} did not answer within {} s", request.timeout.as_secs()),
            "Try again. If the endpoint is known to be slow, raise `sign_in.timeout_ms`.",
        )),
        Err(Unanswered::Failed(words)) if is_about_certificate(words) => Err(refusal(
            format!("{origin} has a certificate that is not trusted here ({words})"),
            "If your company has an authority of its own, name its certificate under `[network] ca` in the connection \
             file. If not, ask the application's administrator.",
        )),
        Err(Unanswered::Failed(words)) => Err(refusal(
            format!("{origin} could not be reached ({words})"),
            "Check the network or VPN, that the application is running, and that its certificate is trusted here.",
        )),
        Err(Unanswered::BrokenOff(words)) => Err(refusal(
            format!("{origin} was reached, but its answer broke off ({words})"),
            "Check the application's own log. It may have failed, or a proxy in front of it may have cut the \
             connection.",
        )),
        Err(Unanswered::Broken) => Err(refusal(
            format!("The window's web process ended before {origin} answered"),
            "Retry. If it happens again, this computer may be out of memory, or WebKit may be broken.",
        )),
        Err(Unanswered::Closed) => Err(refusal("The window was closed".into(), "Sign in as the user again.")),
    }
}

/// Whether a failure's words are the gateway's or rustls's about a certificate.
fn is_about_certificate(words: &str) -> bool {
    words.contains("certificate")
}
