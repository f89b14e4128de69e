//! One try: the request, and what its answer means for the next one.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Origin;

use super::{DeliveryFault, MessageContent, OutgoingMessage};
use crate::browser::{PlannedRequest, Unanswered};
use crate::connection::{Connection, Request};
use crate::error::{Code, Error, Result};
use crate::sign_in::{self, Client};
use crate::zeroizing_json::ZeroizingJson;

/// The header by which the receiver can tell that it has a message already, unless the file sets it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How one try ended.
pub(crate) enum SendOutcome {
    Delivered,
    /// It may succeed later, and not before this time.
    Later(DeliveryFault, Option<Duration>),
    /// The same, and no other message can succeed there now.
    Unreachable(DeliveryFault, Option<Duration>),
    /// It cannot succeed as it is.
    Stopped(DeliveryFault),
}

impl OutgoingMessage {
    /// Keeps only those of `facts` that the connection's request uses.
    pub fn keep_used_facts(&mut self, connection: &Connection) {
        let names = self.find_request(connection).map(Request::names).unwrap_or_default();
        self.facts = select_named(&self.facts, &names);
    }
}

/// The values with these dotted names.
fn select_named(from: &Value, names: &BTreeSet<String>) -> Value {
    let mut selected = json!({});
    for name in names {
        let found = name.split('.').try_fold(from, |value, part| value.get(part));
        let Some(found) = found else { continue };
        let mut place = &mut selected;
        for part in name.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
        *place = found.clone();
    }
    selected
}

/// Renders the request. Fails with [`Code::ConnectionInvalid`] if the connection describes none any longer.
pub(crate) fn plan_message(
    message: &OutgoingMessage,
    connection: &Connection,
    secrets: &[(String, SecretString)],
) -> Result<PlannedRequest> {
    use secrecy::ExposeSecret;
    let mut seen = ZeroizingJson::from(message.facts.clone());
    seen["secret"] = json!({});
    for (name, secret) in secrets {
        seen["secret"][name] = secret.expose_secret().into();
    }
    let (planned, table, instead) = match &message.content {
        MessageContent::Summary { summary, .. } => {
            seen["summary"] = json!({
                "id": message.id,
                "markdown": summary.markdown,
                "html": summary.html,
                "text": summary.text,
            });
            let planned = sign_in::plan_ticket_note(connection, &seen)?;
            (planned, "[ticket] note", "or copy the summary instead")
        }
        MessageContent::Notification { notification } => {
            seen["notification"] = notification.describe(&message.id);
            (sign_in::plan_notification(connection, &seen)?, "[notify]", "or discard the message")
        }
        MessageContent::Unreadable => (None, "request for this message", "or discard the message"),
    };
    let mut planned = planned.ok_or_else(|| {
        let what = format!("The connection `{}` has no `{table}`.", connection.id);
        Error::new(Code::ConnectionInvalid, what)
            .with_hint(format!("Ask the person who looks after the connection, {instead}."))
    })?;
    if !planned.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY)) {
        planned.headers.push((IDEMPOTENCY_KEY.into(), message.id.clone().into()));
    }
    Ok(planned)
}

/// Sends a rendered request once, and follows no redirect.
pub(crate) async fn send_message(
    message: &OutgoingMessage,
    request: &PlannedRequest,
    connection: &Connection,
) -> SendOutcome {
    let origin = request.url.origin();
    let mut client = match Client::new(&connection.network) {
        Ok(client) => client,
        Err(error) => return SendOutcome::Stopped((&error).into()),
    };
    match client.send_for_status(request).await {
        Ok(reply) => judge_answer(&message.content, reply.status, &origin, read_retry_after(&reply.headers)),
        Err(unanswered) => {
            let why = match unanswered {
                Unanswered::Failed(why) | Unanswered::BrokenOff(why) => why,
                _ => "it took too long".into(),
            };
            let place = origin.ascii_serialization();
            let message = format!("{place} did not answer: {why}.");
            SendOutcome::Unreachable(DeliveryFault { message, hint: None }, None)
        }
    }
}

/// What a status says about the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerMeaning {
    Delivered,
    /// It may succeed later.
    Later,
    /// It cannot succeed as it is.
    Never,
}

pub(crate) fn judge_status(status: u16) -> AnswerMeaning {
    match status {
        200..=299 => AnswerMeaning::Delivered,
        // Too slow, in conflict with another change, too early, too often, or a fault of the server.
        408 | 409 | 425 | 429 | 500..=599 => AnswerMeaning::Later,
        _ => AnswerMeaning::Never,
    }
}

/// How long an answer asks to wait (RFC 9110, 10.2.3): in seconds, or until a date by the server's own clock.
pub(crate) fn read_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let said = text("retry-after")?;
    if let Ok(seconds) = said.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::parse(said).ok()?.timestamp();
    let now = text("date").and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    Duration::try_from(until.duration_since(now?)).ok()
}

fn judge_answer(
    content: &MessageContent,
    status: u16,
    origin: &Origin,
    wait: Option<Duration>,
) -> SendOutcome {
    let message = format!("{} answered with status {status}.", origin.ascii_serialization());
    match judge_status(status) {
        AnswerMeaning::Delivered => return SendOutcome::Delivered,
        AnswerMeaning::Later => {
            let fault = DeliveryFault { message, hint: None };
            // Any other is about this message, or this ticket.
            let is_about_all = matches!(status, 429 | 502..=504);
            return if is_about_all {
                SendOutcome::Unreachable(fault, wait)
            } else {
                SendOutcome::Later(fault, wait)
            };
        }
        AnswerMeaning::Never => {}
    }
    let table = match content {
        MessageContent::Notification { .. } => "notify",
        _ => "ticket.note",
    };
    let hint = match (status, content) {
        (300..=399, _) => {
            format!("It is a redirect, which is not followed. Set `{table}.url` to where it leads.")
        }
        (401 | 403, _) => format!("Check the connection's secret for `{table}`, then try again."),
        (404 | 410, MessageContent::Summary { .. }) => {
            "Check that this ticket exists, then try again.".into()
        }
        (413, MessageContent::Summary { .. }) => {
            "The summary is too long for the helpdesk. Copy it instead.".into()
        }
        _ => format!("Ask the person who looks after the connection to check `{table}`, then try again."),
    };
    SendOutcome::Stopped(DeliveryFault { message, hint: Some(hint) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session_summary::SummaryText;

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let origin = url::Url::parse("https://help.example").unwrap().origin();
        let content = MessageContent::Summary { ticket: "4711".into(), summary: SummaryText::default() };
        let outcome = |status| match judge_answer(&content, status, &origin, None) {
            SendOutcome::Delivered => "delivered",
            SendOutcome::Later(..) => "later",
            SendOutcome::Unreachable(..) => "all later",
            SendOutcome::Stopped(fault) => {
                assert!(fault.message.contains(&status.to_string()), "{fault:?}");
                "stopped"
            }
        };
        for status in [200, 201, 202, 204] {
            assert_eq!(outcome(status), "delivered", "{status}");
        }
        for status in [408, 409, 425, 500, 507] {
            assert_eq!(outcome(status), "later", "{status}");
        }
        for status in [429, 502, 503, 504] {
            assert_eq!(outcome(status), "all later", "{status}");
        }
        for status in [301, 302, 307, 400, 401, 403, 404, 405, 410, 413, 422] {
            assert_eq!(outcome(status), "stopped", "{status}");
        }
    }

    #[test]
    fn an_answer_says_in_seconds_or_by_a_date_how_long_to_wait() {
        let wait = |said: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", said.parse().unwrap());
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap());
            }
            read_retry_after(&headers).map(|wait| wait.as_secs())
        };
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait("120", date), Some(120));
        assert_eq!(wait(" 7 ", None), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:51:07 GMT", date), Some(90));
        // In the past, without the server's own time, or nothing that can be read.
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", date), None);
        assert_eq!(wait("Sun, 06 Nov 1994 08:51:07 GMT", None), None);
        assert_eq!(wait("soon", date), None);
        assert_eq!(read_retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn of_the_facts_only_those_in_use_are_kept() {
        let facts = json!({
            "user": { "id": 7, "email": "anna@example.com", "address": { "city": "Bern", "street": "canary" } },
            "reason": "canary",
            "session": { "ticket": "4711" },
        });
        let names = ["user.id", "user.address.city", "session.ticket", "summary.text"].map(str::to_owned);
        let kept = select_named(&facts, &names.into());
        let expected =
            json!({ "user": { "id": 7, "address": { "city": "Bern" } }, "session": { "ticket": "4711" } });
        assert_eq!(kept, expected);
    }
}
