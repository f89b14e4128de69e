//! What is particular to each kind of sign-in: the keys that it has, and the recipe that they make.

use std::collections::BTreeSet;

use url::{Origin, Url};

use super::requests::RequestConfig;
use crate::connection::parse::{ConnectionCompiler, SECRETS_IN_URL};
use crate::connection::rules::{self, RequestSender};
use crate::connection::{
    Forest, ForestConfig, FormFieldKind, Recipe, Request, SignInConfig, SignInKind, StorageConfig,
    StorageItem,
};
use crate::template::Template;

impl ConnectionCompiler<'_> {
    pub(super) fn compile_recipe(
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
    pub(super) fn only_keys_of(&mut self, kind: SignInKind, part: &SignInConfig) {
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
}
