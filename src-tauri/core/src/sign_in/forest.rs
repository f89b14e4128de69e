//! Calls a Smart Action of a Forest Admin backend as Forest's own page does. The answer says what comes next: a webhook
//! for the session's window to send, a page to open, a message.

use std::time::Instant;

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::causes::{RefusalCause, SentBy};
use super::client::{Client, Reply};
use super::exchange::{self, Exchange};
use super::handoff::Handoff;
use super::{causes, judge, safe_html};
use crate::browser::{PlannedRequest, Refusal};
use crate::connection::{Connection, FOREST_SECRET, Forest, Method};
use crate::error::{Code, Error};
use crate::masks::Masks;
use crate::template::{GIVEN, MASK, sign_claims};

/// As long as Forest's own tokens.
const TOKEN_SECONDS: i64 = 3600;

const TITLE: &str = "The Smart Action";

/// A backend, and the user to call it for (in `context`). `now` is in seconds since the epoch.
pub(super) struct ForestBackend<'a> {
    pub connection: &'a Connection,
    pub forest: &'a Forest,
    pub context: &'a Value,
    /// For masking.
    pub secrets: &'a [SecretString],
    pub now: i64,
}

/// One of the requests that Forest's page sends for an action.
pub(super) struct ForestCall<'a> {
    pub title: &'a str,
    /// What follows the action's own path.
    pub below: &'a str,
    /// Rendered twice: for the real context, and for the masked one.
    pub attributes: &'a (dyn Fn(&Value) -> Result<Value, Error> + Send + Sync),
}

/// Calls the action and returns what the window does next.
pub(super) async fn call_action(
    backend: &ForestBackend<'_>,
    client: &mut Client,
    observer: &mut (dyn FnMut(Exchange) + Send),
) -> Result<Handoff, Refusal> {
    let &ForestBackend { connection, forest, .. } = backend;
    let attributes = |context: &Value| {
        let mut attributes = build_selection(forest, context);
        attributes["values"] = build_values(forest, context)?;
        Ok(attributes)
    };
    let call = ForestCall { title: TITLE, below: "", attributes: &attributes };
    let understood = |reply: &Reply, masks: &Masks| read_handoff(connection, reply, masks);
    let mut handoff = backend.send_call(&call, client, observer, understood).await?;
    // The webhook comes from the backend: its URL and shape are shown, its values are not.
    if let Some(request) = &handoff.request {
        let hidden = || SecretString::from(MASK.to_owned());
        let shape = PlannedRequest {
            method: request.method,
            url: plain_address(&request.url),
            headers: request.headers.iter().map(|(name, _)| (name.clone(), hidden())).collect(),
            body: request.body.as_ref().map(|_| hidden()),
            timeout: connection.sign_in.timeout,
            expect: Vec::new(),
            that: Vec::new(),
            secrets: Vec::new(),
        };
        handoff.shown =
            Some(Exchange::for_request("The webhook that the action answered with", true, &shape));
    }
    Ok(handoff)
}

impl ForestBackend<'_> {
    /// Sends a request with a token for the operator; `understood` interprets the answer.
    pub async fn send_call<T>(
        &self,
        call: &ForestCall<'_>,
        client: &mut Client,
        observer: &mut (dyn FnMut(Exchange) + Send),
        understood: impl FnOnce(&Reply, &Masks) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let key = self.context["secret"][FOREST_SECRET].as_str().unwrap_or_default();
        let token =
            sign_claims(&build_claims(self.forest, self.context, self.now), key).map_err(|words| {
                Refusal::from(Error::new(Code::TemplateFailed, format!("The token for Forest: {words}.")))
            })?;
        let masked = self.plan_request(call, &exchange::mask_context(self.context), MASK)?;
        let mut exchange = Exchange::for_request(call.title, false, &masked);
        let planned = self.plan_request(call, self.context, &token)?;
        let begun = Instant::now();
        client.hide_values(vec![token]);
        let reply = client.send_request(&planned, 0).await;
        let outcome = match &reply {
            Ok(reply) => {
                let json: Value = serde_json::from_str(&reply.body).unwrap_or_default();
                // What the webhook carries is a secret between the backend and the application.
                for (name, part) in [("webhook_headers", "headers"), ("webhook_body", "body")] {
                    client.add_capture(name, json["webhook"][part].clone());
                }
                // A link may sign in by itself; then its last part is a secret.
                for (name, link) in
                    [("redirect_to", &json["redirectTo"]), ("webhook_url", &json["webhook"]["url"])]
                {
                    client.add_capture(name, link_token(link).into());
                }
                exchange.record_answer(&Ok(reply.to_answer()));
                understood(reply, &Masks::for_secrets(self.secrets.iter().chain(&client.collect_secrets())))
            }
            Err(unanswered) => Err(judge::unanswered_refusal(call.title, &planned, unanswered)),
        };
        let masks = Masks::for_secrets(self.secrets.iter().chain(&client.collect_secrets()));
        let outcome = outcome.map_err(|refusal| masks.mask_refusal(refusal));
        exchange.record_outcome(begun, outcome.as_ref().map(drop));
        exchange.mask_secrets(&masks);
        observer(exchange);
        outcome
    }

    fn plan_request(
        &self,
        call: &ForestCall<'_>,
        context: &Value,
        token: &str,
    ) -> Result<PlannedRequest, Error> {
        let url = format!("{}{}", self.forest.url.render(context)?, call.below);
        let mut url = super::parse_url("sign_in.forest.backend", &url)?;
        // Every backend requires a timezone for an action.
        url.query_pairs_mut().append_pair("timezone", "UTC");
        let attributes = (call.attributes)(context)?;
        let body = json!({ "data": { "type": "custom-action-requests", "attributes": attributes } });
        Ok(PlannedRequest {
            method: Method::Post,
            url,
            headers: vec![
                ("accept".into(), "application/json".to_owned().into()),
                ("authorization".into(), format!("Bearer {token}").into()),
                ("content-type".into(), "application/json".to_owned().into()),
            ],
            body: Some(body.to_string().into()),
            timeout: self.connection.sign_in.timeout,
            expect: Vec::new(),
            that: Vec::new(),
            secrets: vec![FOREST_SECRET.to_owned()],
        })
    }
}

/// What Forest's own page says about its signed-in user.
fn build_claims(forest: &Forest, context: &Value, now: i64) -> Value {
    let operator = &context["operator"];
    let name = operator["name"].as_str().unwrap_or_default();
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    json!({
        "id": forest.part.operator,
        "email": operator["email"].as_str().unwrap_or_default(),
        "firstName": first,
        "lastName": last,
        "team": forest.part.team.as_deref().unwrap_or("Operations"),
        "role": "Support",
        "tags": {},
        "permissionLevel": "user",
        "renderingId": forest.part.rendering,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    })
}

/// The record for which the action is called.
pub(super) fn build_selection(forest: &Forest, context: &Value) -> Value {
    let part = &forest.part;
    let slug = part.action.rsplit('/').next().unwrap_or_default();
    let id = match &context["user"]["id"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    json!({
        "ids": [id],
        "collection_name": part.collection,
        "all_records": false,
        "all_records_ids_excluded": [],
        "all_records_subset_query": {},
        "parent_collection_id": null,
        "parent_collection_name": null,
        "parent_association_name": null,
        "smart_action_id": part.action_id.clone().unwrap_or_else(|| format!("{}-{slug}", part.collection)),
    })
}

/// The form's values: the operator's, and those from the file.
fn build_values(forest: &Forest, context: &Value) -> Result<Value, Error> {
    let mut values = context[GIVEN].as_object().cloned().unwrap_or_default();
    for (name, value) in &forest.values {
        values.insert(name.clone(), value.render(context)?);
    }
    Ok(values.into())
}

/// The ways in which a backend refuses any request.
pub(super) fn find_refusal(reply: &Reply, masks: &Masks) -> Option<Refusal> {
    let json: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let told = causes::find_cause(&reply.to_answer(), SentBy::ByStep);
    // The backend's own words are read below; here, only services that answer in its place matter.
    if let Some(RefusalCause { said: Some(said), hint, .. }) = told {
        let title = format!("{said}: {}", judge::status_words(reply.status));
        return Some(Refusal { secrets: Vec::new(), ..build_refusal(title, &hint, reply, &json, masks) });
    }
    let (title, hint) = match reply.status {
        200..300 => return None,
        401 => (
            "Forest's backend did not accept the token".to_owned(),
            "Its FOREST_AUTH_SECRET must be the secret that is stored here, and its clock must be right.",
        ),
        403 if json["errors"][0]["name"] == "CustomActionRequiresApprovalError" => (
            "The action needs an approval in Forest".to_owned(),
            "Ask for it in Forest, or let this role run the action without one.",
        ),
        403 => (
            "Forest does not let this operator run the action".to_owned(),
            "`sign_in.forest.operator` must be the ID of a Forest user whose role may run it.",
        ),
        404 => (
            "Forest's backend has no such action".to_owned(),
            "Check `sign_in.forest.action`: it must be the path that Forest's page calls.",
        ),
        status => {
            let said = json["error"].as_str().unwrap_or_default();
            let title = if said.is_empty() {
                format!("The action failed: {}", judge::status_words(status))
            } else {
                format!("The action refused: {}", masks.mask_text(said))
            };
            (title, judge::hint_for(status))
        }
    };
    Some(build_refusal(title, hint, reply, &json, masks))
}

fn build_refusal(title: String, hint: &str, reply: &Reply, json: &Value, masks: &Masks) -> Refusal {
    Refusal {
        title,
        status: Some(reply.status),
        excerpt: read_message(json)
            .map(|text| masks.mask_text(&text))
            .or_else(|| exchange::excerpt_answer(&reply.to_answer(), masks)),
        hint: hint.into(),
        secrets: if reply.status == 401 { vec![FOREST_SECRET.to_owned()] } else { Vec::new() },
    }
}

fn read_handoff(connection: &Connection, reply: &Reply, masks: &Masks) -> Result<Handoff, Refusal> {
    if let Some(refusal) = find_refusal(reply, masks) {
        return Err(refusal);
    }
    let json: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let refuse = |title: String, hint: &str| Err(build_refusal(title, hint, reply, &json, masks));
    // An agent always sends this; it only matters if it lists something.
    let refresh = json["refresh"]["relationships"].as_array().is_some_and(|changed| !changed.is_empty());
    let success = json["success"].as_str().map(|text| masks.mask_text(text));
    let origin = &connection.sign_in.origin;
    let redirect_to = match json["redirectTo"].as_str() {
        Some(text) => {
            // A relative URL refers to the application, whose page would be open in a browser.
            let base = Url::parse(&format!("{}/", origin.ascii_serialization())).ok();
            match base.and_then(|base| base.join(text).ok()).filter(|url| url.origin() == *origin) {
                Some(url) => Some(url),
                None => {
                    return refuse(
                        "The action's `redirectTo` leads away from the application".into(),
                        "It must begin with the origin of `sign_in.redirect_to`.",
                    );
                }
            }
        }
        None => None,
    };
    let request = match &json["webhook"] {
        Value::Null => None,
        webhook => match self::plan_webhook(connection, webhook) {
            Ok(request) => Some(request),
            Err(what) => {
                return refuse(what, "The action's webhook must go to the origin of `sign_in.redirect_to`.");
            }
        },
    };
    if request.is_none() && redirect_to.is_none() {
        return refuse(
            "The action's answer signs no one in".into(),
            "It must be a `webhook` for the window to send, or a `redirectTo` that signs in.",
        );
    }
    let (link, redirect_to) = if request.is_none() { (redirect_to, None) } else { (None, redirect_to) };
    let mut said = json["html"].as_str().map(safe_html::parse_safe_html).unwrap_or_default();
    safe_html::each_text(&mut said, &|text| masks.mask_text(text));
    Ok(Handoff { request, link, redirect_to, success, said, refresh, ..Handoff::default() })
}

fn plain_address(url: &Url) -> Url {
    let mut plain = url.clone();
    plain.set_fragment(None);
    if plain.query().is_some() {
        plain.set_query(Some(MASK));
    }
    plain
}

/// The parts of a link that may be a token: the last part of its path, or its query; empty for a plain address.
fn link_token(link: &Value) -> String {
    let link = link.as_str().unwrap_or_default();
    let path =
        link.split_once("://").map_or(link, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    match path.split_once(['?', '#']) {
        Some((_, query)) => query.to_owned(),
        // A part this long is not the name of a page.
        None => path.rsplit('/').next().filter(|last| last.len() >= 16).unwrap_or_default().to_owned(),
    }
}

/// The webhook as the action describes it: `{url, method, headers, body}`.
fn plan_webhook(connection: &Connection, webhook: &Value) -> Result<PlannedRequest, String> {
    let url = webhook["url"].as_str().and_then(|text| Url::parse(text).ok());
    let url = url.ok_or("The action's webhook has no URL")?;
    if url.origin() != connection.sign_in.origin {
        return Err("The action's webhook does not go to the application".into());
    }
    let method = webhook["method"].as_str().unwrap_or("POST").to_uppercase();
    let method = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .find(|known| known.as_str() == method)
        .ok_or("The action's webhook has an unknown method")?;
    let mut headers: Vec<(String, SecretString)> = Vec::new();
    for (name, value) in webhook["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.push((name.clone(), value.into()));
    }
    let body = match &webhook["body"] {
        _ if method == Method::Get => None,
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        json => Some(json.to_string()),
    };
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".into(), "application/json".to_owned().into()));
    }
    Ok(PlannedRequest {
        method,
        url,
        headers,
        body: body.map(SecretString::from),
        timeout: connection.sign_in.timeout,
        expect: Vec::new(),
        that: Vec::new(),
        // What it carries is the backend's secret, not the console's.
        secrets: Vec::new(),
    })
}

/// The action's message as text; HTML in it has no effect.
fn read_message(json: &Value) -> Option<String> {
    let html = json["html"]
        .as_str()
        .or_else(|| json["errors"][0]["detail"].as_str())
        .or_else(|| json["error"].as_str())?;
    let text = safe_html::to_text(&safe_html::parse_safe_html(html));
    (!text.is_empty()).then_some(text)
}
