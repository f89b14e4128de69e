//! Evidence on its way into a ticket: the connection's requests, one after the other, while the operator waits. Nothing
//! of it is written to the disk; what failed is sent again from the window that still shows it.

use serde_json::{Value, json};
use url::Url;

use crate::browser::{Answer, PlannedRequest, Unanswered};
use crate::connection::{Connection, SignInStep};
use crate::error::{Code, Error, Result};
use crate::sign_in::{self, Client};
use crate::template::SignInContext;
use crate::zeroizing_json::ZeroizingJson;

/// The header by which a helpdesk can tell that it has received a request already, unless the file sets it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Sends `evidence`, which templates see under this name, by the connection's requests. `context` has the secrets, and
/// gets what is captured on the way.
///
/// Fails with [`Code::TicketFailed`] if the helpdesk did not take it.
pub(crate) async fn send_evidence(
    connection: &Connection,
    mut context: SignInContext,
    evidence: Value,
) -> Result<()> {
    let evidence = ZeroizingJson::from(evidence);
    let id = evidence["id"].as_str().unwrap_or_default().to_owned();
    let mut client = Client::new(&connection.network)?;
    for (at, step) in connection.ticket_evidence.iter().enumerate() {
        let mut seen = context.rendered();
        seen["evidence"] = Value::clone(&evidence);
        let mut request = sign_in::plan_evidence_step(connection, step, &seen)?;
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY)) {
            // Another request with the same key would be taken for the same.
            let key = if at == 0 { id.clone() } else { format!("{id}-{at}") };
            request.headers.push((IDEMPOTENCY_KEY.into(), key.into()));
        }
        let title = describe_step(at, step, &request.url);
        let is_status_enough = step.capture.is_empty() && request.that.is_empty() && step.redirects == 0;
        let reply = if is_status_enough {
            client.send_for_status(&request).await
        } else {
            client.send_request(&request, step.redirects).await
        };
        let reply = reply.map_err(|unanswered| explain_silence(&title, unanswered))?;
        judge_answer(&title, &request, &reply.to_answer(), seen)?;
        for wanted in &step.capture {
            let value = sign_in::capture_value(wanted, &reply, &client).map_err(|why| {
                failed(format!("{title}: {why}."))
                    .with_hint(format!("`{}` is taken from this answer: {CHECK_THE_FILE}", wanted.name))
            })?;
            context.add_captured(&wanted.name, value);
        }
    }
    Ok(())
}

const CHECK_THE_FILE: &str =
    "ask the person who looks after the connection to check `[[ticket.evidence]]`, or save the evidence.";

fn failed(message: String) -> Error {
    Error::new(Code::TicketFailed, message)
}

/// Which of the requests it was.
fn describe_step(at: usize, step: &SignInStep, url: &Url) -> String {
    let place = url.origin().ascii_serialization();
    match step.name.as_str() {
        "" if at == 0 => place,
        "" => format!("{place} (request {})", at + 1),
        name => format!("{place} ({name})"),
    }
}

fn explain_silence(title: &str, unanswered: Unanswered) -> Error {
    let why = match unanswered {
        Unanswered::Failed(why) | Unanswered::BrokenOff(why) => why,
        _ => "it took too long".into(),
    };
    failed(format!("{title} did not answer: {why}."))
        .with_hint("Check the network or VPN, then send it again, or save the evidence.")
}

/// What the answer means: by its status, and by what the file expects of it.
fn judge_answer(
    title: &str,
    request: &PlannedRequest,
    answer: &Answer,
    mut seen: ZeroizingJson,
) -> Result<()> {
    let is_expected = match request.expect.as_slice() {
        [] => (200..300).contains(&answer.status),
        expect => expect.contains(&answer.status),
    };
    if !is_expected {
        return Err(refused(title, answer.status));
    }
    if request.that.is_empty() {
        return Ok(());
    }
    seen["response"] = sign_in::to_response(answer);
    for that in &request.that {
        let why = match that.eval(&seen) {
            Ok(true) => continue,
            Ok(false) => "is not true for this answer".to_owned(),
            Err(error) => format!("could not be decided: {}", error.message),
        };
        let message = format!("{title} gave an unexpected answer: `{}` {why}.", that.source());
        let hint = CHECK_THE_FILE.replacen('a', "A", 1);
        return Err(failed(message.replace("..", ".")).with_hint(hint));
    }
    Ok(())
}

fn refused(title: &str, status: u16) -> Error {
    let hint = match status {
        401 | 403 => "Check the connection's secret for the helpdesk, then send it again.",
        404 | 410 => "Check that this ticket exists, then send it again.",
        413 => "It is too large for the helpdesk. Leave out the picture or some requests, or save it.",
        408 | 409 | 425 | 429 | 500..=599 => "Send it again in a moment, or save the evidence.",
        300..=399 => {
            "It is a redirect, which is not followed. Ask the person who looks after the connection."
        }
        _ => {
            "Ask the person who looks after the connection to check `[[ticket.evidence]]`, or save the evidence."
        }
    };
    failed(format!("{title} answered with status {status}.")).with_hint(hint)
}

/// What templates see of evidence; `id` is the same whenever the same is sent again.
pub(crate) fn describe_evidence(id: &str, name: &str, html: &[u8], markdown: &str) -> Value {
    use base64::Engine as _;
    json!({
        "id": id,
        "name": name,
        "html": String::from_utf8_lossy(html),
        "base64": base64::prelude::BASE64_STANDARD.encode(html),
        "markdown": markdown,
    })
}
