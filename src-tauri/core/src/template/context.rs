//! What the templates of one sign-in see: the user, the operator, the reason, the secrets, and what was captured on the
//! way. The code that signs in holds this; it becomes JSON only while something is rendered.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{FACTS, GIVEN};
use crate::zeroizing_json::ZeroizingJson;

/// The context of one sign-in. It prints no value, and is overwritten in memory when it is dropped.
#[derive(Clone, Default)]
pub struct SignInContext {
    /// `user`, `operator`, `reason`, `session` and `connection`: not secret, but personal.
    open: ZeroizingJson,
    /// What the sign-in's form asked for.
    given: ZeroizingJson,
    /// Values of `user` that the directory masks.
    masked: Vec<SecretString>,
    /// By name, in the order in which they were added.
    secrets: Vec<(String, SecretString)>,
    captured: ZeroizingJson,
    /// The answer of the sign-in, once there is one.
    response: Option<ZeroizingJson>,
    facts: Option<SigningFacts>,
}

/// What tokens are made of.
#[derive(Clone)]
struct SigningFacts {
    /// In seconds since the epoch.
    now: i64,
    audience: String,
}

impl SignInContext {
    /// Without secrets. `open` is an object of `user`, `operator`, `reason`, `session` and `connection`.
    pub fn new(open: Value, given: Map<String, Value>) -> Self {
        Self { open: open.into(), given: Value::Object(given).into(), ..Self::default() }
    }

    /// The same, with the values of `user` that the directory masks.
    #[must_use]
    pub fn with_masked_values(self, masked: Vec<SecretString>) -> Self {
        Self { masked, ..self }
    }

    pub fn masked_values(&self) -> &[SecretString] {
        &self.masked
    }

    /// `user`, `operator`, `reason`, `session` and `connection`: not secret, but personal.
    pub fn open_facts(&self) -> &Value {
        &self.open
    }

    pub fn user(&self) -> &Value {
        &self.open["user"]
    }

    pub fn reason(&self) -> &Value {
        &self.open["reason"]
    }

    /// When tokens are made, in seconds since the epoch.
    pub fn now(&self) -> i64 {
        self.facts.as_ref().map_or(0, |facts| facts.now)
    }

    pub fn add_secret(&mut self, name: impl Into<String>, secret: SecretString) {
        self.secrets.push((name.into(), secret));
    }

    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }

    pub fn secret_names(&self) -> impl Iterator<Item = &String> {
        self.secrets.iter().map(|(name, _)| name)
    }

    /// The values, for masking.
    pub fn secret_values(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.iter().map(|(_, secret)| secret)
    }

    pub fn set_given(&mut self, given: Map<String, Value>) {
        self.given = Value::Object(given).into();
    }

    /// What was captured so far, and what tokens are made of. `now` is in seconds since the epoch.
    pub fn set_captured(&mut self, captured: &Map<String, Value>, now: i64, audience: String) {
        self.captured = Value::Object(captured.clone()).into();
        self.facts = Some(SigningFacts { now, audience });
    }

    pub fn add_captured(&mut self, name: &str, value: Value) {
        self.captured[name] = value;
    }

    pub fn captured(&self, name: &str) -> Option<&Value> {
        self.captured.get(name)
    }

    /// How the sign-in was answered, as templates see it.
    pub fn set_response(&mut self, response: Value) {
        self.response = Some(response.into());
    }

    /// All of it as templates see it.
    pub fn rendered(&self) -> ZeroizingJson {
        let mut seen = self.open.clone();
        seen["secret"] = json!({});
        for (name, secret) in &self.secrets {
            seen["secret"][name] = secret.expose_secret().into();
        }
        let parts = [
            (GIVEN, Some(&self.given)),
            ("captured", Some(&self.captured)),
            ("response", self.response.as_ref()),
        ];
        for (name, part) in parts {
            if let Some(part) = part.filter(|part| !part.is_null()) {
                seen[name] = Value::clone(part);
            }
        }
        if let Some(SigningFacts { now, audience }) = &self.facts {
            seen[FACTS] = json!({ "now": now, "audience": audience });
        }
        seen
    }
}

/// The names of what it holds, and no value.
impl fmt::Debug for SignInContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captured: Vec<&String> = self.captured.as_object().into_iter().flat_map(Map::keys).collect();
        f.debug_struct("SignInContext")
            .field("secrets", &self.secret_names().collect::<Vec<_>>())
            .field("captured", &captured)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> SignInContext {
        let open = json!({
            "user": { "id": 7, "email": "canary-user@example.org" },
            "operator": { "name": "canary-operator" },
            "reason": "canary-reason",
            "session": { "id": "1" },
            "connection": { "id": "shop" },
        });
        let given = Map::from_iter([("note".to_owned(), "canary-given".into())]);
        let mut context = SignInContext::new(open, given);
        context.add_secret("admin_token", "canary-secret".to_owned().into());
        let captured = Map::from_iter([("link".to_owned(), "canary-link".into())]);
        context.set_captured(&captured, 1_772_452_800, "https://app.example".into());
        context.add_captured("token", "canary-captured".into());
        context.set_response(json!({ "text": "canary-response" }));
        context
    }

    #[test]
    fn it_prints_names_and_no_value() {
        let context = context();
        for printed in [format!("{context:?}"), format!("{context:#?}"), format!("{:?}", context.clone())] {
            assert!(!printed.contains("canary"), "{printed}");
            assert!(printed.contains("admin_token") && printed.contains("link"), "{printed}");
        }
    }

    #[test]
    fn templates_see_each_name_where_the_file_says_that_it_is() {
        assert_eq!(
            *context().rendered(),
            json!({
                "user": { "id": 7, "email": "canary-user@example.org" },
                "operator": { "name": "canary-operator" },
                "reason": "canary-reason",
                "session": { "id": "1" },
                "connection": { "id": "shop" },
                "secret": { "admin_token": "canary-secret" },
                GIVEN: { "note": "canary-given" },
                "captured": { "link": "canary-link", "token": "canary-captured" },
                "response": { "text": "canary-response" },
                FACTS: { "now": 1_772_452_800, "audience": "https://app.example" },
            })
        );
    }

    #[test]
    fn it_is_overwritten_when_it_is_dropped() {
        assert!(std::mem::needs_drop::<SignInContext>());
        let context = context();
        let copy = context.clone();
        drop(context);
        assert_eq!(copy.secret("admin_token").map(ExposeSecret::expose_secret), Some("canary-secret"));
        assert_eq!(copy.captured("link"), Some(&"canary-link".into()), "a copy is another one");
    }
}
