//! One request: its address, headers, body, and what counts as success.

use std::collections::BTreeSet;

use serde_json::Value;
use url::{Origin, Url};

use super::WITHOUT_KEYRING;
use crate::connection::parse::{ConnectionCompiler, SECRETS_IN_URL};
use crate::connection::rules::{self, RequestSender};
use crate::connection::{Encoding, Expected, Method, Request};
use crate::template::{Expression, JsonTemplate, Scope, Template};

/// A request that the file describes, in any of its places.
pub(in crate::connection) struct RequestConfig<'a> {
    pub(in crate::connection) url: &'a str,
    pub(in crate::connection) method: Option<Method>,
    pub(in crate::connection) headers: &'a std::collections::BTreeMap<String, String>,
    pub(in crate::connection) body: Option<&'a Value>,
    pub(in crate::connection) encoding: Option<Encoding>,
    pub(in crate::connection) expect: &'a [Expected],
}

impl ConnectionCompiler<'_> {
    /// Compiles the headers of a request; `key` is its table's.
    pub(super) fn compile_headers(
        &mut self,
        key: &str,
        headers: &std::collections::BTreeMap<String, String>,
        sender: RequestSender,
        scope: &Scope,
    ) -> Vec<(String, Template)> {
        let mut parsed = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, value) in headers {
            let key = format!("{key}.headers.{name}");
            rules::check_header(&key, name, value, sender, &mut self.faults);
            if !seen.insert(name.to_lowercase()) {
                self.faults
                    .add_fault(&key, "is set twice: a header's name is the same in upper and lower case");
            }
            rules::no_secret_in_text(&key, name, value, self.id, scope, &mut self.faults);
            let value = Template::parse(&key, value, scope);
            parsed.extend(self.ok_or_fault(&key, value).map(|value| (name.clone(), value)));
        }
        parsed
    }

    /// Compiles the conditions for success: statuses, and expressions over the answer.
    fn compile_expectations(
        &mut self,
        key: &str,
        expected: &[Expected],
        captured: &BTreeSet<String>,
    ) -> (Vec<u16>, Vec<Expression>) {
        let scope = self
            .session_scope("what is expected does not depend on a secret")
            .with_response()
            .with_captured(captured);
        let (mut statuses, mut that) = (Vec::new(), Vec::new());
        for (at, expected) in expected.iter().enumerate() {
            let key = format!("{key}.expect[{at}]");
            match expected {
                Expected::Status(status) if (200..500).contains(status) => statuses.push(*status),
                Expected::Status(_) => {
                    self.faults.add_fault(&key, "has to be from 200 to 499, a status that can mean success");
                }
                Expected::That(text) => {
                    let parsed = Expression::parse(&key, text, &scope);
                    that.extend(self.ok_or_fault(&key, parsed));
                }
            }
        }
        (statuses, that)
    }

    /// `key` is the table's: `sign_in`, `sign_out`, `sign_in.steps[0]`, `ticket.note`, `notify`.
    pub(in crate::connection) fn compile_request(
        &mut self,
        key: &str,
        described: &RequestConfig<'_>,
        sender: RequestSender,
        captured: &BTreeSet<String>,
    ) -> Option<Request> {
        let method = described.method.unwrap_or(Method::Post);
        let url = self.compile_url(&format!("{key}.url"), described.url, captured);
        let scope = match key {
            "sign_out" => self.session_scope(WITHOUT_KEYRING),
            "ticket.note" => self.session_scope(SECRETS_IN_URL).with_secrets().with_summary(),
            "notify" => self.session_scope(SECRETS_IN_URL).with_secrets().with_notification(),
            _ if key.starts_with("ticket.evidence") => {
                self.session_scope(SECRETS_IN_URL).with_secrets().with_captured(captured).with_evidence()
            }
            _ => self.session_scope(SECRETS_IN_URL).with_secrets().with_captured(captured),
        };
        let headers = self.compile_headers(key, described.headers, sender, &scope);
        let body_key = format!("{key}.body");
        let encoding = described.encoding.unwrap_or_default();
        rules::body_allowed(&body_key, method, described.body.is_some(), &mut self.faults);
        match encoding {
            Encoding::Json => {}
            Encoding::Form => rules::form_body(&body_key, described.body, &mut self.faults),
            Encoding::Multipart => {
                rules::multipart_body(&body_key, described.body, &mut self.faults);
                rules::no_content_type(key, described.headers.keys(), &mut self.faults);
            }
            Encoding::Text => rules::text_body(&body_key, described.body, &mut self.faults),
        }
        let body = described.body.and_then(|json| {
            rules::no_secret_in_json(&body_key, "", json, self.id, &scope, &mut self.faults);
            self.compile_json(&body_key, json, &scope)
        });
        let (expect, that) = self.compile_expectations(key, described.expect, captured);
        Some(Request { method, url: url?, headers, body, encoding, expect, that })
    }

    pub(super) fn compile_json(&mut self, key: &str, json: &Value, scope: &Scope) -> Option<JsonTemplate> {
        JsonTemplate::parse(key, json, scope)
            .map_err(|found| {
                for (key, fault) in found {
                    self.faults.add_fault(&key, fault.message);
                }
            })
            .ok()
    }

    /// An origin, written as a URL without path and query.
    pub(super) fn compile_origin(&mut self, key: &str, text: &str) -> Option<Origin> {
        let parsed = self.compile_url(key, text, &BTreeSet::new())?;
        let is_bare = Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none());
        if !is_bare {
            self.faults.add_fault(key, "has to be only scheme, host and port: `https://app.example.com`");
        }
        parsed.origin().cloned()
    }
}
