//! Templates and expressions of the connection file: strict, over JSON, in MiniJinja's language.
//!
//! Mistakes in the text are found when it is parsed, against the [`Scope`] of its place: a parsed template uses only
//! known names. Problems with a user's values are found when it is rendered. Faults and errors contain keys and names,
//! never values. There is no I/O here and no clock.
//!
//! This file has the kinds of template. `context` is what they see, `engine` configures MiniJinja, `scope` has the
//! names that they may use, `sign` the functions that sign, `url` the templates of URLs, `mentions` a filter of ours,
//! and `bounds` the limits of their size.

mod bounds;
mod context;
mod engine;
mod json;
mod mentions;
mod scope;
mod sign;
#[cfg(test)]
mod tests;
mod url;

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Serde, Value as Rendered, ValueKind};
use minijinja::{Error as EngineError, ErrorKind};
use serde_json::Value;

use self::engine::{TemplateFlavour, names_of_expression, names_of_template, select_engine, try_out};
use crate::error::{Code, Error, Result};

pub use context::SignInContext;
pub use json::JsonTemplate;
pub use scope::Scope;
pub use sign::{FACTS, GIVEN, MASK, sign_claims};
pub use url::{is_loopback, leads_elsewhere};

/// Why a text is not a valid template; completes "`<key>`: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    pub message: String,
}

impl TemplateFault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl std::fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// The common part of all templates. Parsing proves that the text compiles and collects its names. It is compiled again
/// for each rendering, which takes microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TemplateSource {
    /// The key in the connection file: `sign_in.body.userId`.
    key: String,
    text: String,
    names: BTreeSet<String>,
}

impl TemplateSource {
    /// The names that the text uses below `group.`.
    fn names_below(&self, group: &str) -> BTreeSet<String> {
        let inside = |name: &str| name.strip_prefix(group)?.strip_prefix('.').map(str::to_owned);
        self.names.iter().filter_map(|name| inside(name)).collect()
    }

    /// Names the key that failed and, judging by the names it uses, the reason. The engine's own text may contain
    /// values and is not used.
    fn render_error(&self, context: &Value, cause: &EngineError) -> Error {
        if let Some(words) = cause.detail().and_then(|detail| detail.strip_prefix(sign::SAID)) {
            return Error::new(
                Code::TemplateFailed,
                format!("{} could not be evaluated: {words}.", self.key),
            )
            .with_hint("Correct the connection file, or store another secret.");
        }
        let absent: Vec<String> = self
            .names
            .iter()
            .filter(|name| {
                name.split('.').try_fold(context, |value, part| value.get(part)).is_none_or(Value::is_null)
            })
            .map(|name| format!("`{name}`"))
            .collect();
        let key = &self.key;
        if absent.is_empty() || cause.kind() == ErrorKind::OutOfFuel {
            return Error::new(
                Code::TemplateFailed,
                format!("{key} could not be evaluated: {}.", cause.kind()),
            )
            .with_hint("Correct it in the connection file.");
        }
        let (names, have) = (absent.join(", "), if absent.len() == 1 { "has" } else { "have" });
        Error::new(Code::TemplateFailed, format!("{key} could not be evaluated: {names} {have} no value."))
            .with_hint(
                "If that is allowed, set a substitute in the connection file: `{{ user.email or 'none' }}`.",
            )
    }
}

/// A text with `{{ … }}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: TemplateSource,
    flavour: TemplateFlavour,
    /// Set for URL templates.
    origin: Option<::url::Origin>,
}

impl Template {
    /// For a program to read: an absent value (null) is an error when rendering.
    pub fn parse(key: &str, text: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        Self::with_flavour(TemplateFlavour::Exact, key, text, scope)
    }

    /// For a person to read: an absent value (null) becomes a dash.
    pub fn parse_words(key: &str, text: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        Self::with_flavour(TemplateFlavour::Words, key, text, scope)
    }

    fn with_flavour(
        flavour: TemplateFlavour,
        key: &str,
        text: &str,
        scope: &Scope,
    ) -> Result<Self, TemplateFault> {
        let names = names_of_template(flavour, text)?;
        scope.check_names(&names)?;
        try_out(&names, |context| select_engine(flavour).render_str(text, context).map(drop))?;
        Ok(Self {
            source: TemplateSource { key: key.into(), text: text.into(), names },
            flavour,
            origin: None,
        })
    }

    /// Fails with [`Code::TemplateFailed`] if a value is absent or does not fit.
    pub fn render(&self, context: &Value) -> Result<String> {
        let rendered = select_engine(self.flavour)
            .render_str(&self.source.text, Rendered::from(Serde(context)))
            .map_err(|cause| self.source.render_error(context, &cause))?;
        if let Some(origin) = &self.origin {
            let shape = select_engine(TemplateFlavour::UrlShape)
                .render_str(&self.source.text, Rendered::from(Serde(context)))
                .map_err(|cause| self.source.render_error(context, &cause))?;
            self.check_rendered_url(origin, &rendered, &shape)?;
        }
        Ok(rendered)
    }

    /// The text as it is in the file.
    pub fn source(&self) -> &str {
        &self.source.text
    }

    /// The names below `secret.`. The template uses no other secrets.
    pub fn secret_names(&self) -> BTreeSet<String> {
        self.source.names_below("secret")
    }

    /// All names that it uses: `user.email`.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.source.names
    }

    /// The names below `captured.`.
    pub fn captured_names(&self) -> BTreeSet<String> {
        self.source.names_below("captured")
    }

    /// Whether the template uses a name of this group.
    pub fn uses(&self, group: &str) -> bool {
        !self.source.names_below(group).is_empty()
    }

    /// Whether the template uses no names and so always renders the same text.
    pub fn is_literal(&self) -> bool {
        self.source.names.is_empty()
    }
}

/// An expression that is true or false: `user.plan == 'pro'`. Compiled once, because a list evaluates it for each row.
#[derive(Clone)]
pub struct Expression {
    source: TemplateSource,
    compiled: Arc<minijinja::Expression<'static, 'static>>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl Expression {
    pub fn parse(key: &str, text: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        if text.trim_start().starts_with("{{") {
            return Err(TemplateFault::new("an expression is written without `{{` and `}}`"));
        }
        let names = names_of_expression(text)?;
        scope.check_names(&names)?;
        try_out(&names, |context| evaluate_expression(text, context).map(drop))?;
        let compiled = select_engine(TemplateFlavour::Exact).compile_expression_owned(text.to_owned());
        let compiled = compiled.map_err(|cause| TemplateFault::new(cause.kind().to_string()))?;
        let source = TemplateSource { key: key.into(), text: text.into(), names };
        Ok(Self { source, compiled: Arc::new(compiled) })
    }

    /// The text as it is in the file.
    pub fn source(&self) -> &str {
        &self.source.text
    }

    /// The names that it uses below `user.`.
    pub fn of_user(&self) -> BTreeSet<String> {
        self.source.names_below("user")
    }

    /// Fails with [`Code::TemplateFailed`] if a value is missing, or the result is neither true nor false.
    pub fn eval(&self, context: &Value) -> Result<bool> {
        let value = self
            .compiled
            .eval(Rendered::from(Serde(context)))
            .and_then(require_defined)
            .map_err(|cause| self.source.render_error(context, &cause))?;
        bool::try_from(value.clone()).ok().filter(|_| value.kind() == ValueKind::Bool).ok_or_else(|| {
            let kind = match value.kind() {
                ValueKind::Number => "a number",
                ValueKind::String => "text",
                ValueKind::None | ValueKind::Undefined => "nothing",
                ValueKind::Seq | ValueKind::Iterable => "a list",
                _ => "a value",
            };
            Error::new(
                Code::TemplateFailed,
                format!("{} is {kind}, but has to be true or false.", self.source.key),
            )
            .with_hint("Compare the value with something, as in `user.plan == 'pro'`.")
        })
    }
}

fn evaluate_expression(expression: &str, context: Rendered) -> Result<Rendered, EngineError> {
    select_engine(TemplateFlavour::Exact)
        .compile_expression(expression)?
        .eval(context)
        .and_then(require_defined)
}

fn require_defined(value: Rendered) -> Result<Rendered, EngineError> {
    if value.is_undefined() { Err(ErrorKind::UndefinedError.into()) } else { Ok(value) }
}

/// Rejects what JSON cannot represent: numbers beyond 64 bits, infinity and NaN.
fn exactly_as_json(value: &Rendered) -> Result<Value, EngineError> {
    let json = serde_json::to_value(value).map_err(|_| EngineError::from(ErrorKind::BadSerialization))?;
    if json.is_null() && !value.is_none() { Err(ErrorKind::BadSerialization.into()) } else { Ok(json) }
}
