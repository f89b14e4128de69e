//! Turns a recipe into what the session's window does, with a small file for each part.
//!
//! The console takes its steps (`steps`, with its own `client`), `handoff` determines what the window gets from them,
//! and `judge` interprets answers. `impersonation::driver` puts them together.

mod authorities;
mod body;
mod capture;
mod causes;
mod client;
pub(crate) mod content_coding;
mod cookie_rules;
mod csrf;
pub(crate) mod exchange;
mod forest;
mod form;
mod guards;
mod handoff;
mod judge;
mod page_text;
mod reason;
mod redirects;
mod safe_html;
mod steps;
mod verify_evidence;
mod window_cookies;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use understudy_gateway::CredentialStore;
use url::Url;

pub(crate) use authorities::check_authorities;
use body::encode_body;
/// Public for `tests/fuzz`, which captures from answers that no server has sent.
#[doc(hidden)]
pub use capture::capture_value;
pub use client::Client;
#[doc(hidden)]
pub use client::Reply;
pub(crate) use client::{MOST_HEADERS, describe_failure, encode_latin1, http_client};
pub use cookie_rules::CookieProblem;
pub use exchange::Exchange;
pub use form::{FormChange, FormChoice, FormField, SignInForm, fetch_form};
pub use handoff::{Handoff, cookies_for_window, hand_off, render_storage};
pub use judge::{confirm_sign_out, judge_sign_in, judge_sign_out, judge_verify, link_failed};
pub(crate) use judge::{is_stopped, link_refused};
pub use redirects::Redirect;
pub use safe_html::SafeHtml;
pub use steps::{sign_out as take_sign_out_steps, take_step};
pub use verify_evidence::VerifyEvidence;
pub use window_cookies::WindowCookies;

use crate::browser::{Answer, PlannedRequest};
use crate::connection::{Connection, Method, Recipe, Request, SignInStep};
use crate::error::{Code, Error, Result};
use crate::template::{Expression, MASK, SignInContext, Template};
use crate::zeroizing_json::ZeroizingJson;

/// The shortest cookie or captured value that is masked, in bytes. Masking shorter ones would mask ordinary words.
const SHORTEST_SECRET: usize = 6;

/// What hosts that ask for a user name and a password get, for one sign-in without a window.
fn credential_store(connection: &Connection, context: &SignInContext) -> Result<Arc<CredentialStore>> {
    Ok(Arc::new(CredentialStore::new(connection.host_credentials(context)?)))
}

/// How long a sign-out may take before the window closes without an answer.
pub const SIGN_OUT_TIMEOUT: Duration = Duration::from_secs(5);

/// The limit for everything that one side, window or console, sends to sign out: quitting waits for it.
pub const SIGN_OUT_LIMIT: Duration = Duration::from_secs(7);

/// How long an end waits for a sign-in that is still under way, because only then can the application end it; also for
/// a sign-out that the window could not send.
pub const LAST_ANSWER: Duration = Duration::from_secs(3);

/// The question who is signed in, asked before the page is shown.
pub struct VerifyRequest {
    pub request: PlannedRequest,
    /// The console sends it, because it goes to another origin than the window's.
    pub by_console: bool,
    /// The request with every captured value masked, for people.
    pub masked: PlannedRequest,
    pub expect: Expression,
    /// The expression as written, for people.
    pub source: String,
}

impl VerifyRequest {
    /// The parts of the request that `masked` masks.
    pub fn made_of_secrets(&self) -> Vec<SecretString> {
        exchange::secret_derived_values(&self.request, &self.masked)
            .into_iter()
            .map(SecretString::from)
            .collect()
    }
}

/// Adds what templates see besides the user: captured values, and the facts that tokens are made of. `now` is in
/// seconds since the epoch.
pub fn complete_context(
    connection: &Connection,
    context: &mut SignInContext,
    captured: &Map<String, Value>,
    now: i64,
) {
    context.set_captured(captured, now, connection.sign_in.origin.ascii_serialization());
}

/// The first page, unless the application names one.
pub fn redirect_to(connection: &Connection, context: &Value) -> Result<Url> {
    let sign_in = &connection.sign_in;
    match &sign_in.redirect_to {
        Some(template) => parse_url("sign_in.redirect_to", &template.render(context)?),
        None => parse_url("sign_in.url", &format!("{}/", sign_in.origin.ascii_serialization())),
    }
}

/// The success message.
pub fn render_success(connection: &Connection, context: &Value) -> Result<String> {
    match &connection.sign_in.success {
        Some(template) => template.render(context),
        None => Ok(format!("Impersonating user {}", describe_user(context))),
    }
}

/// The question who is signed in; `None` if the connection has none.
pub fn plan_verification(connection: &Connection, context: &Value) -> Result<Option<VerifyRequest>> {
    let sign_in = &connection.sign_in;
    let Some(verify) = &sign_in.verify else { return Ok(None) };
    let request = |context: &Value| {
        let mut headers = render_headers(&verify.headers, context)?;
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            headers.push(("accept".into(), "application/json, text/html;q=0.9".to_owned().into()));
        }
        Ok::<_, Error>(PlannedRequest {
            method: Method::Get,
            url: parse_url("sign_in.verify.url", &verify.url.render(context)?)?,
            headers,
            body: None,
            timeout: sign_in.timeout,
            expect: Vec::new(),
            that: Vec::new(),
            secrets: Vec::new(),
        })
    };
    Ok(Some(VerifyRequest {
        request: request(context)?,
        by_console: verify.by_console,
        masked: request(&exchange::mask_context(context))?,
        expect: verify.expect.clone(),
        source: verify.source.clone(),
    }))
}

/// What a sign-in will do, as far as is known before anything is sent.
pub struct SignInOutline {
    /// Each as method and URL, in order.
    pub requests: Vec<String>,
    pub is_verified: bool,
    pub redirect_to: Url,
}

/// Renders a whole sign-in and sign-out for the user of `context`, with placeholders for captured values. Sends
/// nothing.
pub fn render_outline(connection: &Connection, context: &Value) -> Result<SignInOutline> {
    let (sign_in, sign_out) = (&connection.sign_in, &connection.sign_out);
    let mut context = ZeroizingJson::from(context.clone());
    let steps = sign_in.steps.iter().chain(&sign_out.steps);
    for name in steps.clone().flat_map(|step| &step.capture).map(|capture| &capture.name) {
        context["captured"][name] = MASK.into();
    }
    // The answer to the sign-in is unknown, and so is whether it contains what `verify` needs.
    let is_known = !sign_in.verify.as_ref().is_some_and(crate::connection::Verify::needs_response);
    let own = match &sign_in.recipe {
        Recipe::Webhook(request) | Recipe::Storage { request: Some(request), .. } => Some(request),
        _ => None,
    };
    for request in steps.map(|step| &step.request).chain(&sign_out.request) {
        plan_request(request, sign_in.timeout, &context)?;
    }
    let mut requests = Vec::new();
    for request in sign_in.steps.iter().map(|step| &step.request).chain(own) {
        let planned = plan_request(request, sign_in.timeout, &context)?;
        requests.push(format!("{} {}", planned.method.as_str(), planned.url));
    }
    if let Recipe::Forest(action) = &sign_in.recipe {
        requests.push(format!("POST {}", action.url.render(&context)?));
    }
    render_success(connection, &context)?;
    Ok(SignInOutline {
        requests,
        is_verified: sign_in.verify.is_some()
            && (!is_known || plan_verification(connection, &context)?.is_some()),
        redirect_to: redirect_to(connection, &context)?,
    })
}

/// Renders `[sign_out]`, which is sent with the window's cookies; `None` if there is none.
pub fn plan_sign_out(connection: &Connection, context: &Value) -> Result<Option<PlannedRequest>> {
    connection
        .sign_out
        .request
        .as_ref()
        .map(|request| plan_request(request, SIGN_OUT_TIMEOUT, context))
        .transpose()
}

/// Renders the request that sends a session's summary into its ticket; `None` if the connection has none.
pub fn plan_ticket_note(connection: &Connection, context: &Value) -> Result<Option<PlannedRequest>> {
    let note = connection.ticket_note.as_ref();
    note.map(|request| plan_request(request, connection.sign_in.timeout, context)).transpose()
}

/// Renders the request that tells the application of a session; `None` if the connection has none.
pub fn plan_notification(connection: &Connection, context: &Value) -> Result<Option<PlannedRequest>> {
    let notify = connection.notify.as_ref();
    notify.map(|request| plan_request(request, connection.sign_in.timeout, context)).transpose()
}

/// Renders one of the requests that add evidence to a ticket.
pub(crate) fn plan_evidence_step(
    connection: &Connection,
    step: &SignInStep,
    context: &Value,
) -> Result<PlannedRequest> {
    plan_request(&step.request, connection.sign_in.timeout, context)
}

/// Renders header values and checks that a header can carry them.
fn render_headers(templates: &[(String, Template)], context: &Value) -> Result<Vec<(String, SecretString)>> {
    let mut headers = Vec::with_capacity(templates.len() + 1);
    for (name, template) in templates {
        let value = template.render(context)?;
        // The mask is only ever shown.
        if value.replace(MASK, "").chars().any(|c| c.is_control() || c as u32 > 0xff) {
            return Err(not_a_header(name, template));
        }
        headers.push((name.clone(), SecretString::from(value)));
    }
    Ok(headers)
}

/// Renders one request.
fn plan_request(request: &Request, timeout: Duration, context: &Value) -> Result<PlannedRequest> {
    let url = parse_url("url", &request.url.render(context)?)?;
    let mut headers = render_headers(&request.headers, context)?;
    let mut body = None;
    if let Some(template) = &request.body {
        let encoded = encode_body(request.encoding, &ZeroizingJson::from(template.render(context)?));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".into(), encoded.content_type.into()));
        }
        body = Some(SecretString::from(encoded.text));
    }
    Ok(PlannedRequest {
        method: request.method,
        url,
        headers,
        body,
        timeout,
        expect: request.expect.clone(),
        that: request.that.clone(),
        secrets: request.secret_names().into_iter().collect(),
    })
}

/// Names the template's secrets, because one pasted with a line break is the most likely cause.
fn not_a_header(name: &str, template: &Template) -> Error {
    let error = Error::new(
        Code::TemplateFailed,
        format!("The header `{name}` would contain characters that an HTTP header cannot contain."),
    );
    let secrets: Vec<String> = template.secret_names().iter().map(|name| format!("`{name}`")).collect();
    if secrets.is_empty() {
        return error.with_hint("Send that value in the body instead, or through `| urlencode`.");
    }
    error.with_hint(format!(
        "Check the secret {}: a line break, an emoji or a control character may have been stored with it. Store it again without them.",
        secrets.join(" and ")
    ))
}

fn parse_url(key: &str, text: &str) -> Result<Url> {
    Url::parse(text).map_err(|cause| {
        Error::new(Code::TemplateFailed, format!("`{key}` is not a valid URL for this user: {cause}."))
            .with_hint("Correct the connection file.")
    })
}

/// An answer as templates see it.
pub fn to_response(answer: &Answer) -> Value {
    let json = serde_json::from_str::<Value>(&answer.body).ok();
    serde_json::json!({ "status": answer.status, "json": json, "text": answer.body })
}

/// What sentences call the user.
pub(crate) fn describe_user(context: &Value) -> String {
    ["name", "email", "id"]
        .iter()
        .find_map(|key| match &context["user"][*key] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_the_user_is_falls_back_from_name_to_id() {
        assert_eq!(describe_user(&json!({"user": {"id": 7, "email": null, "name": ""}})), "7");
        assert_eq!(describe_user(&json!({"user": {"id": 7, "email": "a@b.example"}})), "a@b.example");
    }
}
