//! Which names a template may use: a tree, so that a misspelt name is reported when the file is loaded.

use std::collections::{BTreeMap, BTreeSet};

use super::TemplateFault;
use crate::directory::find_closest_names;

/// What a name refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ScopeNames {
    /// A single value: text, a number, a boolean, or null.
    Value,
    /// A group of values. It cannot be used as a whole, so the file names everything that is sent.
    Group(BTreeMap<String, ScopeNames>),
    /// The vault: any name, one level deep.
    Secrets,
    /// JSON from the application: may be used as a whole or by any path.
    Json,
}

/// The names that are known at one place of the connection file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    names: BTreeMap<String, ScopeNames>,
    /// Why there are no secrets here, if there are none.
    no_secrets: &'static str,
}

impl Scope {
    /// `user` with these fields: for `[policy] protect`.
    pub fn for_user(fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let scope = Self { names: BTreeMap::new(), no_secrets: "a secret has no use in an expression" };
        scope.with_group("user", fields)
    }

    /// Secrets alone: for what the team file sends.
    pub fn for_secrets() -> Self {
        Self { names: BTreeMap::new(), no_secrets: "" }.with_secrets()
    }

    /// Nothing at all: for the URLs of the team file.
    pub fn for_nothing() -> Self {
        Self { names: BTreeMap::new(), no_secrets: "a URL is written to logs and histories" }
    }

    /// `user` or `record` with these fields: for the pages about them in the team's own tools.
    pub fn for_page(about: &str, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::for_nothing().with_group(about, fields)
    }

    /// Everything that is known when a session begins, except secrets; `why` says why they are missing and completes
    /// "…, so secrets are not available here".
    pub fn for_session(fields: impl IntoIterator<Item = impl Into<String>>, why: &'static str) -> Self {
        let mut scope = Self::for_user(fields)
            .with_group("operator", ["name", "email"])
            .with_group("session", ["id", "mode", "ticket"])
            .with_group("connection", ["id", "name", "environment"]);
        scope.names.insert("reason".into(), ScopeNames::Value);
        scope.no_secrets = why;
        scope
    }

    /// Adds `secret.<any name>`.
    #[must_use]
    pub fn with_secrets(mut self) -> Self {
        self.names.insert("secret".into(), ScopeNames::Secrets);
        self
    }

    /// Adds `response.status`, `response.text` and `response.json.<anything>`.
    #[must_use]
    pub fn with_response(mut self) -> Self {
        let response = BTreeMap::from([
            ("status".into(), ScopeNames::Value),
            ("json".into(), ScopeNames::Json),
            ("text".into(), ScopeNames::Value),
        ]);
        self.names.insert("response".into(), ScopeNames::Group(response));
        self
    }

    /// Adds `summary`: a session's, on its way to the ticket.
    #[must_use]
    pub fn with_summary(self) -> Self {
        self.with_group("summary", ["id", "markdown", "html", "text"])
    }

    /// Adds `notification`: a session that has ended.
    #[must_use]
    pub fn with_notification(self) -> Self {
        let fields = ["id", "began_at", "ended_at", "seconds", "mode", "ended_by"];
        self.with_group("notification", fields)
    }

    /// Adds `evidence`: what was chosen of it, on its way to the ticket.
    #[must_use]
    pub fn with_evidence(self) -> Self {
        self.with_group("evidence", ["id", "name", "html", "base64", "markdown"])
    }

    /// Adds `captured.<name>`: what earlier steps of the sign-in took from their answers.
    #[must_use]
    pub fn with_captured(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with_group("captured", names)
    }

    fn with_group(mut self, name: &str, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut group = BTreeMap::new();
        for field in fields {
            insert_name(&mut group, &field.into());
        }
        self.names.insert(name.into(), ScopeNames::Group(group));
        self
    }

    /// Checks full names (`user.id`); the fault lists all unknown ones.
    pub(super) fn check_names(&self, names: &BTreeSet<String>) -> Result<(), TemplateFault> {
        let faults: Vec<String> = names.iter().filter_map(|name| self.find_fault(name)).collect();
        if faults.is_empty() { Ok(()) } else { Err(TemplateFault::new(faults.join("; "))) }
    }

    /// What is wrong with one name; `None` if it is known.
    fn find_fault(&self, name: &str) -> Option<String> {
        if name.split('.').next() == Some("secret") && !self.names.contains_key("secret") {
            return Some(format!("{}, so `{name}` is not available here", self.no_secrets));
        }
        let mut fields = &self.names;
        let mut rest = name;
        loop {
            let (part, after) =
                rest.split_once('.').map_or((rest, None), |(part, after)| (part, Some(after)));
            let above = &name[..name.len() - rest.len()];
            match (fields.get(part), after) {
                (None, _) => return Some(self.describe_unknown(name, above, part, fields)),
                (Some(ScopeNames::Value), None) | (Some(ScopeNames::Json), _) => return None,
                (Some(ScopeNames::Value), Some(after)) => {
                    return Some(format!(
                        "unknown name `{name}`: `{above}{part}` is a single value; \
                         a filter is written `{above}{part}|{after}`"
                    ));
                }
                (Some(ScopeNames::Group(inner)), None) if inner.is_empty() => {
                    return Some(format!("`{name}` is empty here"));
                }
                (Some(ScopeNames::Group(inner)), None) => {
                    let inner: Vec<String> =
                        inner.keys().map(|key| format!("`{above}{part}.{key}`")).collect();
                    return Some(format!(
                        "`{name}` cannot be used as a whole; name one of {}",
                        inner.join(", ")
                    ));
                }
                (Some(ScopeNames::Group(inner)), Some(after)) => {
                    fields = inner;
                    rest = after;
                }
                (Some(ScopeNames::Secrets), after) => return secret_fault(after),
            }
        }
    }

    /// Describes an unknown `part`, which is not among `fields`, the names below `above` (`user.`).
    fn describe_unknown(
        &self,
        name: &str,
        above: &str,
        part: &str,
        fields: &BTreeMap<String, ScopeNames>,
    ) -> String {
        let suggested = find_closest_names(part, fields.keys().map(String::as_str))
            .map(|close| format!("{above}{close}{}", &name[above.len() + part.len()..]))
            .filter(|close| self.find_fault(close).is_none())
            .or_else(|| {
                // `email` alone means `user.email`. Searched backwards, to find the user's before the operator's.
                let group = fields.iter().rev().find_map(|(group, names)| match names {
                    ScopeNames::Group(inner) if inner.contains_key(name) => Some(group),
                    _ => None,
                });
                group.map(|group| format!("{group}.{name}"))
            });
        if let Some(close) = suggested {
            return format!("unknown name `{name}`; did you mean `{close}`?");
        }
        if fields.is_empty() {
            return match above {
                "captured." => format!("unknown name `{name}`: no step before this place captures anything"),
                _ => format!("unknown name `{name}`: nothing of that kind is available here"),
            };
        }
        let known: Vec<String> = fields.keys().map(|key| format!("`{above}{key}`")).collect();
        format!("unknown name `{name}`; the known names are {}", known.join(", "))
    }
}

/// `after` is the rest of the name after `secret.`.
fn secret_fault(after: Option<&str>) -> Option<String> {
    match after {
        None => Some("a secret is written `secret.<name>`; `secret` has no other use".into()),
        Some("database_password") => Some(
            "`secret.database_password` is only for the database and is never sent; give the application's secret a \
             name of its own"
                .into(),
        ),
        Some(name) => name.split_once('.').map(|(name, filter)| {
            format!("`secret.{name}` is a single value; a filter is written `secret.{name}|{filter}`")
        }),
    }
}

/// Adds a field to `names`, in groups if it has dots. A name that already is a value stays one.
fn insert_name(names: &mut BTreeMap<String, ScopeNames>, field: &str) {
    match field.split_once('.') {
        None => drop(names.insert(field.to_owned(), ScopeNames::Value)),
        Some((group, rest)) => {
            let inner = names.entry(group.to_owned()).or_insert_with(|| ScopeNames::Group(BTreeMap::new()));
            if let ScopeNames::Group(inner) = inner {
                insert_name(inner, rest);
            }
        }
    }
}
