//! JSON whose strings are templates.

use std::collections::BTreeSet;

use minijinja::value::{Serde, Value as Rendered};
use serde_json::Value;

use super::engine::{names_of_expression, try_out};
use super::{Scope, Template, TemplateFault, TemplateSource, evaluate_expression, exactly_as_json};
use crate::error::Result;

/// JSON whose strings are templates. A string that is a single `{{ … }}` becomes the value with its JSON type; keys,
/// numbers, booleans and null stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonTemplate(JsonNode);

#[derive(Debug, Clone, PartialEq)]
enum JsonNode {
    /// A number, a boolean or null.
    Plain(Value),
    Text(Template),
    /// The inside of a string that is a single `{{ … }}`.
    Whole(TemplateSource),
    Array(Vec<JsonNode>),
    Object(Vec<(String, JsonNode)>),
}

impl JsonTemplate {
    /// Fails with all faults, each with its key: `sign_in.body.user.id`, `sign_in.body.ids[0]`.
    pub fn parse(key: &str, json: &Value, scope: &Scope) -> Result<Self, Vec<(String, TemplateFault)>> {
        let mut faults = Vec::new();
        let node = JsonNode::parse(key, json, scope, &mut faults);
        if faults.is_empty() { Ok(Self(node)) } else { Err(faults) }
    }

    /// Fails with [`Code::TemplateFailed`](crate::error::Code::TemplateFailed) if a value is absent or cannot be JSON.
    pub fn render(&self, context: &Value) -> Result<Value> {
        self.0.render(context)
    }

    pub fn secret_names(&self) -> BTreeSet<String> {
        self.names_below("secret")
    }

    pub fn captured_names(&self) -> BTreeSet<String> {
        self.names_below("captured")
    }

    /// All names that it uses: `user.email`.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.0.collect_names(&mut names);
        names
    }

    /// The places that use the secret `name`, such as `.user.ids[0]`, each with its template.
    pub fn places_of_secret(&self, name: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.0.places_of_secret(name, "", &mut found);
        found
    }

    pub(super) fn names_below(&self, group: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.0.collect_names_below(group, &mut names);
        names
    }
}

impl JsonNode {
    fn parse(key: &str, json: &Value, scope: &Scope, faults: &mut Vec<(String, TemplateFault)>) -> Self {
        match json {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(json.clone()),
            Value::String(text) => match Self::parse_text(key, text, scope) {
                Ok(node) => node,
                Err(fault) => {
                    faults.push((key.to_owned(), fault));
                    Self::Plain(Value::Null)
                }
            },
            Value::Array(items) => Self::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| Self::parse(&format!("{key}[{at}]"), item, scope, faults))
                    .collect(),
            ),
            Value::Object(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let key = format!("{key}.{name}");
                        if name.contains("{{") || name.contains("{%") {
                            faults.push((
                                key.clone(),
                                TemplateFault::new("a key is sent as it is and cannot be a template"),
                            ));
                        }
                        (name.clone(), Self::parse(&key, value, scope, faults))
                    })
                    .collect(),
            ),
        }
    }

    fn parse_text(key: &str, text: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        // Only the engine can tell a single `{{ … }}` from a text that begins with one and ends with another: the
        // inside of the latter is not an expression.
        let inside = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(inside) = inside {
            let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
            let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside);
            if let Ok(names) = names_of_expression(inside) {
                scope.check_names(&names)?;
                try_out(&names, |context| evaluate_expression(inside, context).map(drop))?;
                return Ok(Self::Whole(TemplateSource { key: key.into(), text: inside.into(), names }));
            }
        }
        Template::parse(key, text, scope).map(Self::Text)
    }

    fn render(&self, context: &Value) -> Result<Value> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => Value::String(template.render(context)?),
            Self::Whole(source) => evaluate_expression(&source.text, Rendered::from(Serde(context)))
                .and_then(|value| exactly_as_json(&value))
                .map_err(|cause| source.render_error(context, &cause))?,
            Self::Array(items) => {
                Value::Array(items.iter().map(|item| item.render(context)).collect::<Result<_>>()?)
            }
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, node)| Ok((name.clone(), node.render(context)?)))
                    .collect::<Result<_>>()?,
            ),
        })
    }

    fn collect_names(&self, found: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) => {}
            Self::Text(template) => found.extend(template.names().iter().cloned()),
            Self::Whole(source) => found.extend(source.names.iter().cloned()),
            Self::Array(items) => items.iter().for_each(|item| item.collect_names(found)),
            Self::Object(fields) => fields.iter().for_each(|(_, node)| node.collect_names(found)),
        }
    }

    fn collect_names_below(&self, group: &str, found: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) => {}
            Self::Text(template) => found.extend(template.source.names_below(group)),
            Self::Whole(source) => found.extend(source.names_below(group)),
            Self::Array(items) => items.iter().for_each(|item| item.collect_names_below(group, found)),
            Self::Object(fields) => {
                for (_, node) in fields {
                    node.collect_names_below(group, found);
                }
            }
        }
    }

    fn places_of_secret(&self, name: &str, at: &str, found: &mut Vec<(String, String)>) {
        match self {
            Self::Text(template) if template.secret_names().contains(name) => {
                found.push((at.to_owned(), template.source.text.clone()));
            }
            Self::Whole(source) if source.names_below("secret").contains(name) => {
                found.push((at.to_owned(), format!("{{{{{}}}}}", source.text)));
            }
            Self::Plain(_) | Self::Text(_) | Self::Whole(_) => {}
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.places_of_secret(name, &format!("{at}[{index}]"), found);
                }
            }
            Self::Object(fields) => {
                for (field, node) in fields {
                    node.places_of_secret(name, &format!("{at}.{field}"), found);
                }
            }
        }
    }
}
