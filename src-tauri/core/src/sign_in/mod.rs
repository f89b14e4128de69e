//! A recipe becomes a plan: what the session's window sends, how the answer is judged, where it goes then.
//!
//! Pure: templates in, requests out. Nothing is sent from here.

mod judge;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Origin, Url};

pub use judge::{judge, judge_sign_out, judge_verify};

use crate::browser::PlannedRequest;
use crate::connection::{Connection, Request};
use crate::error::{Code, Error, Result};
use crate::template::Expression;

/// How long a sign-out may take before the window closes without its answer.
pub const SIGN_OUT_TIMEOUT: Duration = Duration::from_secs(5);

/// What one attempt to sign in consists of.
pub struct Plan {
    /// The desk's origin, and that of every request.
    pub origin: Origin,
    pub request: PlannedRequest,
    pub verify: Option<Verify>,
    /// Where the session begins.
    pub redirect_to: Url,
    /// What is said when it worked.
    pub success: String,
}

/// Who am I now? Asked before the page is shown.
pub struct Verify {
    pub request: PlannedRequest,
    pub expect: Expression,
    /// The expression as it is written, for people.
    pub source: String,
}

/// Renders the connection's sign-in for `context` (`user`, `operator`, `secret`, `reason`, `session`, `connection`).
pub fn plan(connection: &Connection, context: &Value) -> Result<Plan> {
    let sign_in = &connection.sign_in;
    let request = planned(&sign_in.request, sign_in.timeout, context)?;
    let origin = request.url.origin();
    let redirect_to = match &sign_in.redirect_to {
        Some(template) => url("sign_in.redirect_to", &template.render(context)?)?,
        None => url("sign_in.url", &format!("{}/", origin.ascii_serialization()))?,
    };
    let success = match &sign_in.success {
        Some(template) => template.render(context)?,
        None => format!("Impersonating user {}", label(context)),
    };
    let verify = match &sign_in.verify {
        Some(verify) => Some(Verify {
            request: PlannedRequest {
                method: crate::connection::Method::Get,
                url: url("sign_in.verify.url", &verify.url.render(context)?)?,
                headers: vec![("accept".into(), "application/json".into())],
                body: None,
                timeout: sign_in.timeout,
            },
            expect: verify.expect.clone(),
            source: verify.source.clone(),
        }),
        None => None,
    };
    Ok(Plan { origin, request, verify, redirect_to, success })
}

/// Renders the connection's sign-out; `None` when it has none.
pub fn plan_sign_out(connection: &Connection, context: &Value) -> Result<Option<PlannedRequest>> {
    connection.sign_out.as_ref().map(|request| planned(request, SIGN_OUT_TIMEOUT, context)).transpose()
}

/// Renders one request.
fn planned(request: &Request, timeout: Duration, context: &Value) -> Result<PlannedRequest> {
    let url = url("url", &request.url.render(context)?)?;
    let mut headers = Vec::with_capacity(request.headers.len() + 1);
    for (name, template) in &request.headers {
        let value = template.render(context)?;
        if value.chars().any(|c| c.is_control() || c as u32 > 0xff) {
            return Err(Error::new(
                Code::TemplateFailed,
                format!("The header `{name}` would hold characters that no HTTP header can carry."),
            )
            .hint("Send that value in the body instead, or through `| urlencode`."));
        }
        headers.push((name.clone(), SecretString::from(value)));
    }
    let body = match &request.body {
        Some(template) => Some(SecretString::from(template.render(context)?.to_string())),
        None => None,
    };
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".into(), "application/json".into()));
    }
    Ok(PlannedRequest { method: request.method, url, headers, body, timeout })
}

fn url(key: &str, text: &str) -> Result<Url> {
    Url::parse(text).map_err(|cause| {
        Error::new(Code::TemplateFailed, format!("`{key}` does not become a URL for this user: {cause}."))
            .hint("Correct the connection file.")
    })
}

/// Who the user is, for sentences.
fn label(context: &Value) -> String {
    ["name", "email", "id"]
        .iter()
        .find_map(|key| match &context["user"][*key] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .unwrap_or_default()
}

/// `text` without any of `secrets`: an application may answer with what it was sent.
pub fn mask(text: &str, secrets: &[SecretString]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
        let plain = secret.expose_secret();
        let json = Value::String(plain.into()).to_string();
        let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        for form in [plain, json.trim_matches('"'), &encoded] {
            if !form.is_empty() {
                masked = masked.replace(form, "••••");
            }
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_application_echoes_is_masked_in_every_spelling() {
        let secrets = [SecretString::from("to\"ken/1")];
        let echoed = r#"{"a":"to\"ken/1","b":"to%22ken%2F1"} to"ken/1"#;
        assert_eq!(mask(echoed, &secrets), r#"{"a":"••••","b":"••••"} ••••"#);
    }

    #[test]
    fn who_the_user_is_falls_back_from_name_to_id() {
        assert_eq!(label(&json!({"user": {"id": 7, "email": null, "name": ""}})), "7");
        assert_eq!(label(&json!({"user": {"id": 7, "email": "a@b.example"}})), "a@b.example");
    }
}
