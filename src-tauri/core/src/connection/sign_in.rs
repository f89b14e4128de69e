//! Compiles `[sign_in]` and `[sign_out]`: which keys each kind of sign-in has, and what they mean.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use url::{Origin, Url};

use super::parse::{ConnectionCompiler, SECRETS_IN_URL};
use super::rules::{self, RequestSender};
use super::{
    Capture, CaptureConfig, CapturePlace, ConnectionFile, Encoding, Expected, Forest, ForestConfig,
    FormFieldKind, Method, Recipe, Request, SignIn, SignInConfig, SignInKind, SignInStep, SignOut,
    SignOutConfig, StepConfig, StorageConfig, StorageItem, Verify, VerifyConfig, presets,
};
use crate::template::{Expression, JsonTemplate, Scope, Template};

/// The default time limit for each of the application's answers.
const TIMEOUT_MS: u32 = 30_000;

/// A page may have left a service worker behind, which sees whatever its origin sends from then on.
const OVERHEARD: &str = "the application's own pages may overhear what the window sends at the end (`[[sign_out.steps]]` \
                         are sent by the console)";

/// A request that the file describes, in any of its places.
struct RequestConfig<'a> {
    url: &'a str,
    method: Option<Method>,
    headers: &'a std::collections::BTreeMap<String, String>,
    body: Option<&'a Value>,
    encoding: Option<Encoding>,
    expect: &'a [Expected],
}

impl ConnectionCompiler<'_> {
    pub(super) fn sign_in_and_out(&mut self, file: &ConnectionFile) -> Option<(SignIn, SignOut)> {
        let (sign_in, sign_out) = if let Some(name) = &file.sign_in.preset {
            presets::expand_preset(name, &file.sign_in, file.sign_out.as_ref(), &mut self.faults)?
        } else {
            if !file.sign_in.settings.is_empty() {
                self.faults
                    .add_fault("sign_in.settings", "are for a preset, but `sign_in.preset` is not set");
            }
            (file.sign_in.clone(), file.sign_out.clone().unwrap_or_default())
        };
        let mut captured = BTreeSet::new();
        let sign_in = self.sign_in(&sign_in, &mut captured);
        let sign_out = self.sign_out(&sign_out, &mut captured);
        Some((sign_in?, sign_out?))
    }

    fn sign_in(&mut self, part: &SignInConfig, captured: &mut BTreeSet<String>) -> Option<SignIn> {
        let kind = part.kind.unwrap_or_default();
        self.only_keys_of(kind, part);
        let steps = self.compile_steps("sign_in.steps", &part.steps, captured);
        let recipe = self.compile_recipe(kind, part, captured);
        let redirect_to =
            part.redirect_to.as_ref().map(|text| self.compile_url("sign_in.redirect_to", text, captured));
        let own_origin = match &recipe {
            Some(Recipe::Webhook(request) | Recipe::Storage { request: Some(request), .. }) => {
                request.url.origin().cloned()
            }
            _ => None,
        };
        let origin = own_origin.or_else(|| redirect_to.as_ref()?.as_ref()?.origin().cloned());
        if recipe.is_some() && origin.is_none() && part.redirect_to.is_none() {
            self.faults.add_fault(
                "sign_in.redirect_to",
                format!("is missing. With `kind = \"{}\"`, it says where the session begins", kind.as_str()),
            );
        }
        let success = part.success.as_ref().map(|text| {
            let scope = self.session_scope("this text is shown to people");
            self.ok_or_fault("sign_in.success", Template::parse_words("sign_in.success", text, &scope))
        });
        let verify = part.verify.as_ref().map(|part| self.compile_verify(part, origin.as_ref(), captured));
        for (at, path) in part.block.iter().enumerate() {
            if !path.starts_with('/') || path.len() < 2 || path.contains(['*', '?', '#', ' ']) {
                self.faults.add_fault(
                    &format!("sign_in.block[{at}]"),
                    "has to be the beginning of a path: `/hijack/`",
                );
            }
        }
        let timeout = Duration::from_millis(part.timeout_ms.unwrap_or(TIMEOUT_MS).into());
        let mut recipe = recipe?;
        let origin = origin?;
        if let Recipe::Link { origins, .. } = &mut recipe
            && origins.is_empty()
        {
            origins.push(origin.clone());
        }
        Some(SignIn {
            recipe,
            steps: steps?,
            origin,
            timeout,
            success: success.flatten(),
            redirect_to: redirect_to.flatten(),
            verify: verify.flatten(),
            block: part.block.clone(),
        })
    }

    fn compile_recipe(
        &mut self,
        kind: SignInKind,
        part: &SignInConfig,
        captured: &BTreeSet<String>,
    ) -> Option<Recipe> {
        match kind {
            SignInKind::Webhook => {
                let request = self.own_request(part);
                if part.url.is_none() {
                    self.faults.add_fault(
                        "sign_in.url",
                        "is missing. The login endpoint that the session's window calls",
                    );
                }
                Some(Recipe::Webhook(request?))
            }
            SignInKind::Exchange => {
                self.require_key(!part.steps.is_empty(), "steps", kind, "the console sends them");
                self.require_key(
                    !part.cookies.is_empty(),
                    "cookies",
                    kind,
                    "they are put into the session's window",
                );
                let mut origins = Vec::new();
                for (at, text) in part.cookie_origins.iter().enumerate() {
                    let url =
                        self.compile_url(&format!("sign_in.cookie_origins[{at}]"), text, &BTreeSet::new());
                    let origin = url.as_ref().and_then(Template::origin).map(Origin::ascii_serialization);
                    origins.extend(origin.and_then(|origin| Url::parse(&origin).ok()));
                }
                Some(Recipe::Exchange { cookies: part.cookies.clone(), origins })
            }
            SignInKind::Link => {
                self.require_key(!part.steps.is_empty(), "steps", kind, "one of them asks for the link");
                let open = part.open.clone().unwrap_or_default();
                self.require_key(
                    part.open.is_some(),
                    "open",
                    kind,
                    "it names the captured value that holds the link",
                );
                if part.open.is_some() && !captured.contains(&open) {
                    self.faults.add_fault("sign_in.open", format!("no step captures `{open}`"));
                }
                let mut origins = Vec::new();
                for (at, text) in part.open_origins.iter().enumerate() {
                    origins.extend(self.compile_origin(&format!("sign_in.open_origins[{at}]"), text));
                }
                Some(Recipe::Link { open, origins })
            }
            SignInKind::Storage => {
                let request = self.own_request(part);
                let given = !part.steps.is_empty() || part.url.is_some();
                self.require_key(given, "url", kind, "or `steps`: what is stored comes from an answer");
                let items = part
                    .storage
                    .as_ref()
                    .map(|storage| self.compile_storage(storage, captured))
                    .unwrap_or_default();
                self.require_key(
                    !items.is_empty(),
                    "storage",
                    kind,
                    "what is put into localStorage or sessionStorage",
                );
                Some(Recipe::Storage { request, items })
            }
            SignInKind::Forest => {
                self.require_key(part.forest.is_some(), "forest", kind, "the backend and its Smart Action");
                self.compile_forest(part.forest.as_ref()?).map(Recipe::Forest)
            }
        }
    }

    /// The request in `[sign_in]` itself; `None` if there is none or it has a fault.
    fn own_request(&mut self, part: &SignInConfig) -> Option<Request> {
        let described = RequestConfig {
            url: part.url.as_ref()?,
            method: part.method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &part.expect,
        };
        self.compile_request("sign_in", &described, RequestSender::Window, &BTreeSet::new())
    }

    /// Rejects keys that this kind of sign-in does not use: they are a misunderstanding.
    fn only_keys_of(&mut self, kind: SignInKind, part: &SignInConfig) {
        use SignInKind::{Exchange, Forest, Link, Storage, Webhook};
        let keys = [
            ("url", part.url.is_some(), &[Webhook, Storage][..]),
            ("method", part.method.is_some(), &[Webhook, Storage]),
            ("headers", !part.headers.is_empty(), &[Webhook, Storage]),
            ("body", part.body.is_some(), &[Webhook, Storage]),
            ("encoding", part.encoding.is_some(), &[Webhook, Storage]),
            ("expect", !part.expect.is_empty(), &[Webhook, Storage]),
            ("steps", !part.steps.is_empty(), &[Exchange, Link, Storage]),
            ("cookies", !part.cookies.is_empty(), &[Exchange]),
            ("cookie_origins", !part.cookie_origins.is_empty(), &[Exchange]),
            ("open", part.open.is_some(), &[Link]),
            ("open_origins", !part.open_origins.is_empty(), &[Link]),
            ("storage", part.storage.is_some(), &[Storage]),
            ("forest", part.forest.is_some(), &[Forest]),
        ];
        for (key, there, kinds) in keys {
            if there && !kinds.contains(&kind) {
                let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.as_str())).collect();
                self.faults.add_fault(
                    &format!("sign_in.{key}"),
                    format!(
                        "is for a sign-in of kind {}, but this one is `{}`",
                        kinds.join(" or "),
                        kind.as_str()
                    ),
                );
            }
        }
    }

    fn require_key(&mut self, there: bool, key: &str, kind: SignInKind, what: &str) {
        if !there {
            self.faults.add_fault(
                &format!("sign_in.{key}"),
                format!("is missing. A sign-in of kind `{}` needs it: {what}", kind.as_str()),
            );
        }
    }

    fn sign_out(&mut self, part: &SignOutConfig, captured: &mut BTreeSet<String>) -> Option<SignOut> {
        let described = part.url.as_ref().map(|url| RequestConfig {
            url,
            method: part.method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &[],
        });
        let request = described.map(|described| {
            self.compile_request("sign_out", &described, RequestSender::Window, &BTreeSet::new())
        });
        if part.url.is_none() && (part.method.is_some() || !part.headers.is_empty() || part.body.is_some()) {
            self.faults.add_fault(
                "sign_out.url",
                "is missing. It says where the session's window sends the sign-out",
            );
        }
        let steps = self.compile_steps("sign_out.steps", &part.steps, captured);
        Some(SignOut { request: request.flatten(), steps: steps? })
    }

    fn compile_steps(
        &mut self,
        key: &str,
        parts: &[StepConfig],
        captured: &mut BTreeSet<String>,
    ) -> Option<Vec<SignInStep>> {
        let mut steps: Vec<Option<SignInStep>> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let before = steps.last().and_then(Option::as_ref).cloned();
            let step = self.compile_step(&format!("{key}[{at}]"), part, before.as_ref(), captured);
            steps.push(step);
        }
        steps.into_iter().collect()
    }

    fn compile_step(
        &mut self,
        key: &str,
        part: &StepConfig,
        before: Option<&SignInStep>,
        captured: &mut BTreeSet<String>,
    ) -> Option<SignInStep> {
        let mut url = part.url.clone();
        if let Some(name) = &part.follow {
            if url.is_some() {
                self.faults.add_fault(&format!("{key}.follow"), "replaces `url`, but `url` is set too");
            } else if !captured.contains(name) {
                self.faults.add_fault(&format!("{key}.follow"), format!("no step before captures `{name}`"));
            }
            if before.is_none() {
                self.faults.add_fault(
                    &format!("{key}.follow"),
                    "needs a step before it, because it stays within that step's origin",
                );
            }
            // The origin of the step before is what counts: a captured URL must not lead anywhere else.
            url = before.map(|step| step.request.url.source().to_owned());
        } else if url.is_none() {
            self.faults
                .add_fault(&format!("{key}.url"), "is missing. It says where the console sends this request");
        }
        let method = part.method.or(part.follow.as_ref().map(|_| Method::Get));
        let described = RequestConfig {
            url: url.as_ref()?,
            method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &part.expect,
        };
        let request = self.compile_request(key, &described, RequestSender::Console, captured);
        let mut capture = Vec::new();
        for (name, place) in &part.capture {
            let key = format!("{key}.capture.{name}");
            if !is_name(name) {
                self.faults.add_fault(
                    &key,
                    "is not a valid name for a value; use lower-case letters, digits and `_`",
                );
            }
            captured.insert(name.clone());
            capture.extend(self.compile_capture(&key, name, place));
        }
        let name = part.name.clone().unwrap_or_default();
        let redirects = part.redirects.unwrap_or(0);
        Some(SignInStep { name, request: request?, follow: part.follow.clone(), redirects, capture })
    }

    fn compile_capture(&mut self, key: &str, name: &str, part: &CaptureConfig) -> Option<Capture> {
        let CaptureConfig { json, cookie, header, form, link, claim } = part.clone();
        if json.as_ref().is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            self.faults.add_fault(
                &format!("{key}.json"),
                "has to be a path that begins with `/`, as in `/data/token` (RFC 6901)",
            );
        }
        if link.as_ref().is_some_and(|start| !start.starts_with('/')) {
            self.faults
                .add_fault(&format!("{key}.link"), "has to be how the link's path begins: `/users/switch`");
        }
        let given = [
            json.map(CapturePlace::Json),
            cookie.map(CapturePlace::Cookie),
            header.map(CapturePlace::Header),
            form.map(CapturePlace::Form),
            link.map(CapturePlace::Link),
        ];
        let mut given: Vec<CapturePlace> = given.into_iter().flatten().collect();
        if given.len() != 1 {
            self.faults.add_fault(key, "has to name one place: `json`, `cookie`, `header`, `form` or `link`");
        }
        Some(Capture { name: name.to_owned(), place: given.pop()?, claim })
    }

    fn compile_storage(&mut self, part: &StorageConfig, captured: &BTreeSet<String>) -> Vec<StorageItem> {
        let scope = self
            .session_scope("the page's scripts can read its storage")
            .with_captured(captured)
            .with_response();
        let of_local = part.local.iter().map(|(name, value)| (false, name, value));
        let of_session = part.session.iter().map(|(name, value)| (true, name, value));
        let mut items = Vec::new();
        for (of_session, name, value) in of_local.chain(of_session) {
            let key = format!("sign_in.storage.{}.{name}", if of_session { "session" } else { "local" });
            let value = self.compile_json(&key, value, &scope);
            items.extend(value.map(|value| StorageItem { of_session, name: name.clone(), value }));
        }
        items
    }

    fn compile_forest(&mut self, part: &ForestConfig) -> Option<Forest> {
        let key = "sign_in.forest";
        for (name, value, what) in [
            ("backend", &part.backend, "The address of the admin backend, without `/forest`"),
            ("action", &part.action, "The path that Forest's page calls, starting with `/forest/`"),
            ("collection", &part.collection, "The name of the users' collection in Forest"),
            ("rendering", &part.rendering, "The ID of the rendering whose permissions apply"),
            ("operator", &part.operator, "The ID of the Forest user whose role may run the action"),
        ] {
            if value.is_empty() {
                self.faults.add_fault(&format!("{key}.{name}"), format!("is missing. {what}"));
            }
        }
        if part.backend.is_empty() || part.action.is_empty() {
            return None;
        }
        for (at, field) in part.fields.iter().enumerate() {
            let key = format!("{key}.fields[{at}]");
            let is_there_before = part.fields[..at].iter().any(|before| before.name == field.name);
            if field.name.trim().is_empty() || is_there_before {
                self.faults.add_fault(&format!("{key}.name"), "has to be a name that no other field has");
            }
            if part.values.contains_key(&field.name) {
                self.faults.add_fault(
                    &format!("{key}.name"),
                    "has its value in `sign_in.forest.values`, so it is not asked for",
                );
            }
            let may_choose =
                matches!(field.kind, FormFieldKind::Text | FormFieldKind::Choice | FormFieldKind::Choices);
            let wants_choices = matches!(field.kind, FormFieldKind::Choice | FormFieldKind::Choices);
            if !field.choices.is_empty() && !may_choose || field.choices.is_empty() && wants_choices {
                self.faults.add_fault(
                    &format!("{key}.choices"),
                    "are for a field of type `choice` or `choices`, which needs them",
                );
            }
        }
        if !part.action.starts_with("/forest/") {
            self.faults.add_fault(
                &format!("{key}.action"),
                "has to be the action's path: `/forest/actions/impersonate`, or \
                 `/forest/_actions/users/0/impersonate` for an agent",
            );
        }
        let backend = part.backend.trim_end_matches('/');
        let url = self.compile_url(
            &format!("{key}.backend"),
            &format!("{backend}{}", part.action),
            &BTreeSet::new(),
        );
        let scope = self.session_scope(SECRETS_IN_URL).with_secrets();
        let mut values = Vec::new();
        for (name, value) in &part.values {
            let key = format!("{key}.values.{name}");
            rules::no_secret_in_json(&key, name, value, self.id, &scope, &mut self.faults);
            values.extend(self.compile_json(&key, value, &scope).map(|value| (name.clone(), value)));
        }
        Some(Forest { part: part.clone(), url: url?, values })
    }

    fn compile_verify(
        &mut self,
        part: &VerifyConfig,
        origin: Option<&Origin>,
        captured: &BTreeSet<String>,
    ) -> Option<Verify> {
        let url = self.compile_url("sign_in.verify.url", &part.url, captured);
        // Here, `response` is the sign-in's own answer.
        let scope = self
            .session_scope("who is signed in does not depend on a secret")
            .with_response()
            .with_captured(captured);
        let by_console = url.as_ref().zip(origin).is_some_and(|(url, origin)| url.origin() != Some(origin));
        let sender = if by_console { RequestSender::Console } else { RequestSender::Window };
        let headers = self.compile_headers("sign_in.verify", &part.headers, sender, &scope);
        let expect = Expression::parse("sign_in.verify.expect", &part.expect, &scope);
        let expect = self.ok_or_fault("sign_in.verify.expect", expect);
        let verify = Verify { url: url?, headers, by_console, expect: expect?, source: part.expect.clone() };
        if let Some(origin) = origin.filter(|_| by_console && !verify.shows_a_token()) {
            self.faults.add_fault(
                "sign_in.verify.url",
                format!(
                    "has to begin with {}, as the session does, because its cookies are sent only there (elsewhere, \
                     `sign_in.verify.headers` needs a captured value)",
                    origin.ascii_serialization()
                ),
            );
        }
        Some(verify)
    }

    /// Compiles the headers of a request; `key` is its table's.
    fn compile_headers(
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

    /// `key` is the table's: `sign_in`, `sign_out`, `sign_in.steps[0]`.
    fn compile_request(
        &mut self,
        key: &str,
        described: &RequestConfig<'_>,
        sender: RequestSender,
        captured: &BTreeSet<String>,
    ) -> Option<Request> {
        let method = described.method.unwrap_or(Method::Post);
        let url = self.compile_url(&format!("{key}.url"), described.url, captured);
        let scope = match key {
            "sign_out" => self.session_scope(OVERHEARD),
            _ => self.session_scope(SECRETS_IN_URL).with_secrets().with_captured(captured),
        };
        let headers = self.compile_headers(key, described.headers, sender, &scope);
        let body_key = format!("{key}.body");
        let encoding = described.encoding.unwrap_or_default();
        rules::body_allowed(&body_key, method, described.body.is_some(), &mut self.faults);
        if encoding == Encoding::Form {
            rules::form_body(&body_key, described.body, &mut self.faults);
        }
        let body = described.body.and_then(|json| {
            rules::no_secret_in_json(&body_key, "", json, self.id, &scope, &mut self.faults);
            self.compile_json(&body_key, json, &scope)
        });
        let (expect, that) = self.compile_expectations(key, described.expect, captured);
        Some(Request { method, url: url?, headers, body, encoding, expect, that })
    }

    fn compile_json(&mut self, key: &str, json: &Value, scope: &Scope) -> Option<JsonTemplate> {
        JsonTemplate::parse(key, json, scope)
            .map_err(|found| {
                for (key, fault) in found {
                    self.faults.add_fault(&key, fault.message);
                }
            })
            .ok()
    }

    /// An origin, written as a URL without path and query.
    fn compile_origin(&mut self, key: &str, text: &str) -> Option<Origin> {
        let parsed = self.compile_url(key, text, &BTreeSet::new())?;
        let is_bare = Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none());
        if !is_bare {
            self.faults.add_fault(key, "has to be only scheme, host and port: `https://app.example.com`");
        }
        parsed.origin().cloned()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}
