//! Templates and expressions over JSON: MiniJinja, strict.
//!
//! An unknown name is a fault when the file is loaded, never an empty string when the request is sent.
//! Values never stand in an error. Pure: no I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value as Any};
use serde_json::Value;

use crate::error::{Code, Error, Result};

/// Steps one rendering may take: plenty for a header, too few to hang.
const FUEL: u64 = 100_000;

/// Why a template or expression cannot be used: a sentence that goes with the key it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault(pub String);

/// The names that may be used: a tree, in which `Any` lets everything below it be used.
#[derive(Debug, Clone)]
pub enum Scope {
    Any,
    /// A value: nothing below it.
    Leaf,
    /// Usable below the names given; as a whole only through them.
    Tree(BTreeMap<String, Scope>),
}

impl Scope {
    pub fn tree<K: Into<String>>(entries: impl IntoIterator<Item = (K, Scope)>) -> Self {
        Self::Tree(entries.into_iter().map(|(name, scope)| (name.into(), scope)).collect())
    }

    pub fn leaves<K: Into<String>>(names: impl IntoIterator<Item = K>) -> Self {
        Self::tree(names.into_iter().map(|name| (name, Self::Leaf)))
    }

    /// Whether the dotted `name` may be used.
    fn check(&self, name: &str) -> Result<(), TemplateFault> {
        let mut scope = self;
        let mut path = Vec::new();
        for part in name.split('.') {
            match scope {
                Self::Any => return Ok(()),
                Self::Leaf => {
                    let known = path.join(".");
                    return Err(TemplateFault(format!("`{known}` is a value: there is no `{name}`")));
                }
                Self::Tree(entries) => match entries.get(part) {
                    Some(deeper) => {
                        path.push(part);
                        scope = deeper;
                    }
                    None => return Err(unknown(name, &path, part, entries)),
                },
            }
        }
        match scope {
            Self::Tree(_) => Err(TemplateFault(format!("`{name}` has to be used by name: `{name}.…`"))),
            Self::Any if name == "secret" => {
                Err(TemplateFault("a secret has to be used by its name: `secret.<name>`".into()))
            }
            _ => Ok(()),
        }
    }
}

fn unknown(name: &str, path: &[&str], part: &str, entries: &BTreeMap<String, Scope>) -> TemplateFault {
    let prefix = if path.is_empty() { String::new() } else { format!("{}.", path.join(".")) };
    let hint = match closest(part, entries.keys().map(String::as_str)) {
        Some(close) => format!("did you mean `{prefix}{close}`?"),
        None => {
            let known: Vec<String> = entries.keys().map(|known| format!("`{prefix}{known}`")).collect();
            format!("known are {}", known.join(", "))
        }
    };
    TemplateFault(format!("unknown name `{name}`; {hint}"))
}

/// The candidate that was probably meant.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A string with `{{ … }}` in it.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    secrets: BTreeSet<String>,
}

impl Template {
    /// Compiles `source` and checks every name that it uses.
    pub fn parse(source: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        let environment = environment();
        let template = environment.template_from_str(source).map_err(|fault| syntax(&fault))?;
        let names = template.undeclared_variables(true);
        Ok(Self { source: source.to_owned(), secrets: check_names(&names, scope)? })
    }

    /// The names after `secret.`.
    pub fn secrets(&self) -> &BTreeSet<String> {
        &self.secrets
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Fills in; the outcome is a string whatever stood in it.
    pub fn render(&self, context: &Value) -> Result<String> {
        let environment = environment();
        let template = environment.template_from_str(&self.source).map_err(Error::internal)?;
        template.render(value_of(context)).map_err(|cause| self.failed(&cause))
    }

    /// Fills in; a template that is one whole `{{ … }}` keeps the JSON type of its value.
    fn render_json(&self, context: &Value) -> Result<Value> {
        let Some(expression) = whole(&self.source) else {
            return self.render(context).map(Value::String);
        };
        let environment = environment();
        let expression = environment.compile_expression(expression).map_err(Error::internal)?;
        let value = expression.eval(value_of(context)).map_err(|cause| self.failed(&cause))?;
        if value.is_undefined() {
            return Err(failed(&self.source, "a name in it has no value"));
        }
        serde_json::to_value(&value).map_err(|_| failed(&self.source, "its value is no JSON"))
    }

    fn failed(&self, cause: &minijinja::Error) -> Error {
        failed(&self.source, kind(cause))
    }
}

/// The expression of a template that consists of nothing else.
fn whole(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    // `{{ a }}{{ b }}` begins and ends alike but is two.
    environment().compile_expression(inner).is_ok().then_some(inner)
}

/// JSON whose strings are templates.
#[derive(Debug, Clone)]
pub struct JsonTemplate(Node);

#[derive(Debug, Clone)]
enum Node {
    Plain(Value),
    Text(Template),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl JsonTemplate {
    /// Compiles all strings of `source`; a fault comes with the path of keys that leads to it.
    pub fn parse(source: &Value, scope: &Scope) -> Result<Self, (Vec<String>, TemplateFault)> {
        Node::parse(source, scope, &mut Vec::new()).map(Self)
    }

    pub fn secrets(&self) -> BTreeSet<String> {
        let mut secrets = BTreeSet::new();
        self.0.secrets(&mut secrets);
        secrets
    }

    pub fn render(&self, context: &Value) -> Result<Value> {
        self.0.render(context)
    }
}

impl Node {
    fn parse(
        source: &Value,
        scope: &Scope,
        path: &mut Vec<String>,
    ) -> Result<Self, (Vec<String>, TemplateFault)> {
        Ok(match source {
            Value::String(text) => {
                Self::Text(Template::parse(text, scope).map_err(|fault| (path.clone(), fault))?)
            }
            Value::Array(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    nodes.push(Self::parse(item, scope, path)?);
                    path.pop();
                }
                Self::Array(nodes)
            }
            Value::Object(map) => {
                let mut nodes = Vec::with_capacity(map.len());
                for (key, value) in map {
                    path.push(key.clone());
                    nodes.push((key.clone(), Self::parse(value, scope, path)?));
                    path.pop();
                }
                Self::Object(nodes)
            }
            plain => Self::Plain(plain.clone()),
        })
    }

    fn secrets(&self, secrets: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) => {}
            Self::Text(template) => secrets.extend(template.secrets.iter().cloned()),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.secrets(secrets)),
            Self::Object(nodes) => nodes.iter().for_each(|(_, node)| node.secrets(secrets)),
        }
    }

    fn render(&self, context: &Value) -> Result<Value> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => template.render_json(context)?,
            Self::Array(nodes) => {
                Value::Array(nodes.iter().map(|node| node.render(context)).collect::<Result<_>>()?)
            }
            Self::Object(nodes) => Value::Object(
                nodes.iter().map(|(key, node)| Ok((key.clone(), node.render(context)?))).collect::<Result<_>>()?,
            ),
        })
    }
}

/// An expression that is true or false.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
}

impl Expression {
    /// Compiles `source` and checks every name that it uses. Secrets are no business of an expression.
    pub fn parse(source: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        let environment = environment();
        let expression = environment.compile_expression(source).map_err(|fault| syntax(&fault))?;
        check_names(&expression.undeclared_variables(true), scope)?;
        Ok(Self { source: source.to_owned() })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Decides; anything but `true` or `false` is an error that says what it was.
    pub fn eval(&self, context: &Value) -> Result<bool> {
        let environment = environment();
        let expression = environment.compile_expression(&self.source).map_err(Error::internal)?;
        let value =
            expression.eval(value_of(context)).map_err(|cause| failed(&self.source, kind(&cause)))?;
        bool::try_from(value.clone())
            .ok()
            .filter(|_| value.kind() == minijinja::value::ValueKind::Bool)
            .ok_or_else(|| failed(&self.source, &format!("it must be true or false, and is a {}", value.kind())))
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the usual braces do not clash"));
    environment.set_fuel(Some(FUEL));
    environment
}

fn value_of(context: &Value) -> Any {
    Any::from(Serde(context))
}

/// All names must be in scope; gives the secrets among them.
fn check_names(
    names: &std::collections::HashSet<String>,
    scope: &Scope,
) -> Result<BTreeSet<String>, TemplateFault> {
    let globals: BTreeSet<String> = environment().globals().map(|(name, _)| name.to_owned()).collect();
    let mut secrets = BTreeSet::new();
    let sorted: BTreeSet<&String> = names.iter().collect();
    for name in sorted {
        if globals.contains(name.as_str()) {
            continue;
        }
        scope.check(name)?;
        if let Some(secret) = name.strip_prefix("secret.") {
            secrets.insert(secret.split('.').next().unwrap_or(secret).to_owned());
        }
    }
    Ok(secrets)
}

fn syntax(fault: &minijinja::Error) -> TemplateFault {
    TemplateFault(match fault.detail() {
        Some(detail) => format!("cannot be read: {detail}"),
        None => format!("cannot be read: {}", fault.kind()),
    })
}

/// What failed, without values: a detail may quote one.
fn kind(cause: &minijinja::Error) -> &'static str {
    match cause.kind() {
        minijinja::ErrorKind::UndefinedError => "a name in it has no value",
        minijinja::ErrorKind::OutOfFuel => "it does not come to an end",
        minijinja::ErrorKind::UnknownFilter => "it uses an unknown filter",
        minijinja::ErrorKind::UnknownTest => "it uses an unknown test",
        minijinja::ErrorKind::UnknownFunction | minijinja::ErrorKind::UnknownMethod => {
            "it uses an unknown function"
        }
        _ => "one of its operations does not fit its values",
    }
}

fn failed(source: &str, why: &str) -> Error {
    Error::new(Code::TemplateFailed, format!("`{source}` cannot be filled in for this user: {why}."))
        .hint("Correct the connection file, for example with `| default(…)` for what may be missing.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn scope() -> Scope {
        Scope::tree([
            ("user", Scope::leaves(["id", "name", "email"])),
            ("secret", Scope::Any),
            ("reason", Scope::Leaf),
        ])
    }

    fn rendered(source: Value, context: &Value) -> Value {
        JsonTemplate::parse(&source, &scope()).expect("valid").render(context).expect("rendered")
    }

    #[test]
    fn a_whole_template_keeps_its_type_and_a_part_becomes_text() {
        let context = json!({"user": {"id": 9_007_199_254_740_993_i64, "name": null, "email": true}});
        let source = json!({"a": "{{ user.id }}", "b": ["id {{ user.id }}", "{{ user.name }}", 1.5], "c": " {{- user.email -}} "});
        let expected = json!({"a": 9_007_199_254_740_993_i64, "b": ["id 9007199254740993", null, 1.5], "c": true});
        assert_eq!(rendered(source, &context), expected);
        assert_eq!(rendered(json!("{{ user.id }}{{ user.id }}"), &json!({"user": {"id": 1}})), json!("11"));
    }

    #[test]
    fn an_unknown_name_is_a_fault_with_a_suggestion() {
        let fault = Template::parse("hello {{ user.nmae }}", &scope()).unwrap_err();
        assert_eq!(fault.0, "unknown name `user.nmae`; did you mean `user.name`?");
        let fault = Template::parse("{{ nobody }}", &scope()).unwrap_err();
        assert_eq!(fault.0, "unknown name `nobody`; known are `reason`, `secret`, `user`");
        assert!(Template::parse("{% if user.id %}{{ usr.id }}{% endif %}", &scope()).is_err());
        assert!(Template::parse("{{ user.id.deeper }}", &scope()).is_err());
        assert!(Template::parse("{{ user.id", &scope()).unwrap_err().0.starts_with("cannot be read"));
    }

    #[test]
    fn secrets_are_used_by_name_only() {
        let template = Template::parse("Bearer {{ secret.token }}{{ secret.other | upper }}", &scope());
        assert_eq!(template.expect("valid").secrets().iter().collect::<Vec<_>>(), ["other", "token"]);
        for source in ["{{ secret }}", "{{ secret[user.id] }}", "{% for s in secret %}{{ s }}{% endfor %}", "{{ secret | items }}"] {
            assert!(Template::parse(source, &scope()).is_err(), "{source}");
        }
    }

    #[test]
    fn what_fails_never_shows_a_value() {
        let template = Template::parse("{{ secret.token + 1 }}", &scope()).expect("valid");
        let error = template.render(&json!({"secret": {"token": "canary"}})).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        let template = Template::parse("a{{ secret.token }}", &scope()).expect("valid");
        let error = template.render(&json!({"secret": {}})).unwrap_err();
        assert!(error.message.contains("has no value"), "{error}");
    }

    #[test]
    fn an_expression_decides_or_says_what_it_is() {
        let scope = Scope::tree([("user", Scope::leaves(["role"]))]);
        let expression = Expression::parse("user.role in ['admin', 'staff']", &scope).expect("valid");
        assert!(expression.eval(&json!({"user": {"role": "admin"}})).expect("decides"));
        assert!(!expression.eval(&json!({"user": {"role": "owner"}})).expect("decides"));
        let expression = Expression::parse("user.role", &scope).expect("valid");
        let error = expression.eval(&json!({"user": {"role": "admin"}})).unwrap_err();
        assert!(error.message.contains("is a string"), "{error}");
    }

    #[test]
    fn a_template_cannot_hang() {
        let source = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        let error = Template::parse(source, &scope()).expect("valid").render(&json!({})).unwrap_err();
        assert!(error.message.contains("does not come to an end"), "{error}");
    }

    proptest! {
        #[test]
        fn text_without_braces_is_itself(text in "[^{}]*") {
            let template = Template::parse(&text, &scope()).expect("valid");
            prop_assert_eq!(template.render(&json!({})).expect("rendered"), text);
        }

        #[test]
        fn integers_come_through_exactly(id in any::<i64>(), big in any::<u64>()) {
            prop_assert_eq!(rendered(json!("{{ user.id }}"), &json!({"user": {"id": id}})), json!(id));
            prop_assert_eq!(rendered(json!("{{ user.id }}"), &json!({"user": {"id": big}})), json!(big));
        }

        #[test]
        fn any_value_keeps_its_type(text in "\\PC*", flag: bool) {
            prop_assert_eq!(rendered(json!("{{ user.name }}"), &json!({"user": {"name": text.clone()}})), json!(text));
            prop_assert_eq!(rendered(json!("{{ user.name }}"), &json!({"user": {"name": flag}})), json!(flag));
        }
    }
}
