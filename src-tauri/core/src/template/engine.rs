//! MiniJinja as configured here: strict, only with functions that sign, without statements that introduce names, and
//! with a budget. Only the kind of its errors is used, because their texts may contain values.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{TemplateFault, bounds, mentions, sign};

/// What a template's result is for; determines how values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateFlavour {
    /// For programs: an absent value (NULL) is an error, never an empty string.
    Exact,
    /// For programs that read a URL: like `Exact`, with every value percent-encoded.
    Url,
    /// Like `Url`, with one letter in place of every value: the path as the file defines it.
    UrlShape,
    /// For people: an absent value is a dash.
    Words,
}

/// One unit per instruction or 64 bytes: far more than a request needs, and used up within milliseconds.
const FUEL: u64 = 200_000;

/// RFC 3986, unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Statements that introduce no name, so every name in a template comes from the context.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "raw", "endraw"];

static EXACT: LazyLock<Environment<'static>> = LazyLock::new(|| build_environment(TemplateFlavour::Exact));
static URL: LazyLock<Environment<'static>> = LazyLock::new(|| build_environment(TemplateFlavour::Url));
static URL_SHAPE: LazyLock<Environment<'static>> =
    LazyLock::new(|| build_environment(TemplateFlavour::UrlShape));
static WORDS: LazyLock<Environment<'static>> = LazyLock::new(|| build_environment(TemplateFlavour::Words));

pub(super) fn select_engine(flavour: TemplateFlavour) -> &'static Environment<'static> {
    match flavour {
        TemplateFlavour::Exact => &EXACT,
        TemplateFlavour::Url => &URL,
        TemplateFlavour::UrlShape => &URL_SHAPE,
        TemplateFlavour::Words => &WORDS,
    }
}

fn build_environment(flavour: TemplateFlavour) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .expect("the delimiters are the default ones"),
    );
    // `debug()` would print the whole context; the others have no use in a request.
    for function in ["range", "dict", "debug", "namespace"] {
        engine.remove_global(function);
    }
    if matches!(flavour, TemplateFlavour::Url | TemplateFlavour::UrlShape) {
        // In a URL, every value is encoded when it is written.
        engine.add_filter("urlencode", |value: Value| value);
    } else {
        engine.add_filter("urlencode", |value: &str| utf8_percent_encode(value, UNRESERVED).to_string());
    }
    // Cookie values are often encoded like this, while a header needs them decoded.
    engine.add_filter("urldecode", |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned());
    engine.add_filter("mentions", mentions::mentions);
    // `Words` are shown to people, and URLs get logged: neither may contain a signature.
    if flavour == TemplateFlavour::Exact {
        sign::add_to(&mut engine);
    }
    engine.set_formatter(move |out, state, value| write_value(flavour, out, state, value));
    engine
}

fn write_value(
    flavour: TemplateFlavour,
    out: &mut Output,
    state: &mut State,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let absent = value.is_undefined() || value.is_none();
    match flavour {
        // `{{ a if b }}` with a false `b` is undefined, but the engine does not treat that as an error.
        TemplateFlavour::Exact | TemplateFlavour::Url | TemplateFlavour::UrlShape if absent => {
            Err(ErrorKind::UndefinedError.into())
        }
        TemplateFlavour::Words if absent => escape_formatter(out, state, &Value::from("–")),
        // Even values that filters call safe are encoded.
        TemplateFlavour::Url => {
            let encoded = utf8_percent_encode(&value.to_string(), UNRESERVED).to_string();
            escape_formatter(out, state, &Value::from(encoded))
        }
        TemplateFlavour::UrlShape => escape_formatter(out, state, &Value::from("x")),
        _ => escape_formatter(out, state, value),
    }
}

/// All names that the template uses, in full: `user.id`.
pub(super) fn names_of_template(
    flavour: TemplateFlavour,
    source: &str,
) -> Result<BTreeSet<String>, TemplateFault> {
    bounds::check_template(source)?;
    only_known_statements(source)?;
    let template = select_engine(flavour).template_from_str(source).map_err(|error| syntax_fault(&error))?;
    Ok(undeclared_names(flavour, template.undeclared_variables(true)))
}

/// All names that the expression uses, in full.
pub(super) fn names_of_expression(source: &str) -> Result<BTreeSet<String>, TemplateFault> {
    bounds::check_expression(source)?;
    let expression = select_engine(TemplateFlavour::Exact)
        .compile_expression(source)
        .map_err(|error| syntax_fault(&error))?;
    Ok(undeclared_names(TemplateFlavour::Exact, expression.undeclared_variables(true)))
}

/// Of the names that the engine calls undeclared, those that are not functions.
fn undeclared_names(flavour: TemplateFlavour, found: HashSet<String>) -> BTreeSet<String> {
    found
        .into_iter()
        .filter(|name| flavour != TemplateFlavour::Exact || !sign::FUNCTIONS.contains(&name.as_str()))
        .collect()
}

fn syntax_fault(error: &minijinja::Error) -> TemplateFault {
    // The detail of a syntax error names kinds of tokens; the only text it may quote is an identifier.
    TemplateFault::new(match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    })
}

/// `{% set %}`, `{% for %}` and the like introduce names that the check of names cannot follow, and a request needs
/// none of them.
fn only_known_statements(source: &str) -> Result<(), TemplateFault> {
    for (at, _) in source.match_indices("{%") {
        let inside = source[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let end = inside.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(inside.len());
        let word = &inside[..end];
        if !STATEMENTS.contains(&word) {
            return Err(TemplateFault::new(format!(
                "`{{% {word} %}}` cannot be used here; the only statements are `if` and `raw`"
            )));
        }
    }
    Ok(())
}

/// The engine looks up filters and tests only when it renders. So the template is rendered for two invented users, one
/// with all values and one with none, which covers most branches. Any other error then says nothing about real users.
pub(super) fn try_out(
    names: &BTreeSet<String>,
    run: impl Fn(Value) -> Result<(), minijinja::Error>,
) -> Result<(), TemplateFault> {
    for sample in [serde_json::Value::from("1"), serde_json::Value::Null] {
        let mut context = serde_json::Map::new();
        for name in names {
            insert_nested(&mut context, name, &sample);
        }
        if let Err(error) = run(Value::from(Serde(&context))) {
            let unknown = error.detail().and_then(|detail| detail.split(' ').nth(1)).unwrap_or_default();
            match error.kind() {
                ErrorKind::UnknownFilter => {
                    return Err(TemplateFault::new(format!("unknown filter `{unknown}`")));
                }
                ErrorKind::UnknownTest => {
                    return Err(TemplateFault::new(format!("unknown test `{unknown}`")));
                }
                ErrorKind::OutOfFuel => {
                    return Err(TemplateFault::new("does more work than one request may"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn insert_nested(
    context: &mut serde_json::Map<String, serde_json::Value>,
    name: &str,
    value: &serde_json::Value,
) {
    match name.split_once('.') {
        None => {
            context.entry(name).or_insert_with(|| value.clone());
        }
        Some((group, rest)) => {
            let inner = context.entry(group).or_insert_with(|| serde_json::json!({}));
            // For `response.json` and `response.json.id` in one template, the deeper name wins.
            if !inner.is_object() {
                *inner = serde_json::json!({});
            }
            insert_nested(inner.as_object_mut().expect("it was made an object"), rest, value);
        }
    }
}
