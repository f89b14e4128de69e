//! MiniJinja as it is used here: strict, with no functions but those that sign, without statements that introduce
//! names, and with a budget. Its errors are read for their kind only, as their texts can hold values.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{TemplateFault, bounds, mentions, sign};

/// What a template's result is for; it decides how a value is written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateFlavour {
    /// For a program: a value that is absent (NULL) is an error, never an empty string.
    Exact,
    /// For a program that reads a URL: as `Exact`, and every value is percent-encoded.
    Url,
    /// As `Url`, with one letter for every value: what the file itself says of the path.
    UrlShape,
    /// For people: a value that is absent is a dash.
    Words,
}

/// One instruction or 64 bytes each: far more than a request needs, used up in milliseconds.
const FUEL: u64 = 200_000;

/// RFC 3986, unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Statements that introduce no name, so that every name in a template is one of the context's.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "raw", "endraw"];

static EXACT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(TemplateFlavour::Exact));
static URL: LazyLock<Environment<'static>> = LazyLock::new(|| environment(TemplateFlavour::Url));
static URL_SHAPE: LazyLock<Environment<'static>> = LazyLock::new(|| environment(TemplateFlavour::UrlShape));
static WORDS: LazyLock<Environment<'static>> = LazyLock::new(|| environment(TemplateFlavour::Words));

pub(super) fn engine(flavour: TemplateFlavour) -> &'static Environment<'static> {
    match flavour {
        TemplateFlavour::Exact => &EXACT,
        TemplateFlavour::Url => &URL,
        TemplateFlavour::UrlShape => &URL_SHAPE,
        TemplateFlavour::Words => &WORDS,
    }
}

fn environment(flavour: TemplateFlavour) -> Environment<'static> {
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
    // `debug()` would print the whole context, and none of the others has a use in one request.
    for function in ["range", "dict", "debug", "namespace"] {
        engine.remove_global(function);
    }
    if matches!(flavour, TemplateFlavour::Url | TemplateFlavour::UrlShape) {
        // In a URL every value is encoded when it is written.
        engine.add_filter("urlencode", |value: Value| value);
    } else {
        engine.add_filter("urlencode", |value: &str| utf8_percent_encode(value, UNRESERVED).to_string());
    }
    // What a cookie holds is often encoded so, and a header wants it plain.
    engine.add_filter("urldecode", |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned());
    engine.add_filter("mentions", mentions::mentions);
    // Words are shown to people, and URLs are written down: neither is signed.
    if flavour == TemplateFlavour::Exact {
        sign::add_to(&mut engine);
    }
    engine.set_formatter(move |out, state, value| write(flavour, out, state, value));
    engine
}

fn write(
    flavour: TemplateFlavour,
    out: &mut Output,
    state: &mut State,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let absent = value.is_undefined() || value.is_none();
    match flavour {
        // `{{ a if b }}` with a false b is undefined without being an error to the engine.
        TemplateFlavour::Exact | TemplateFlavour::Url | TemplateFlavour::UrlShape if absent => {
            Err(ErrorKind::UndefinedError.into())
        }
        TemplateFlavour::Words if absent => escape_formatter(out, state, &Value::from("–")),
        // Whatever filters call safe: nothing that comes of a value is written as it is.
        TemplateFlavour::Url => {
            let encoded = utf8_percent_encode(&value.to_string(), UNRESERVED).to_string();
            escape_formatter(out, state, &Value::from(encoded))
        }
        TemplateFlavour::UrlShape => escape_formatter(out, state, &Value::from("x")),
        _ => escape_formatter(out, state, value),
    }
}

/// Every name that the template uses, in full: `user.id`.
pub(super) fn names_of_template(
    flavour: TemplateFlavour,
    source: &str,
) -> Result<BTreeSet<String>, TemplateFault> {
    bounds::check_template(source)?;
    only_known_statements(source)?;
    let template = engine(flavour).template_from_str(source).map_err(|error| syntax(&error))?;
    Ok(names(flavour, template.undeclared_variables(true)))
}

/// Every name that the expression uses, in full.
pub(super) fn names_of_expression(source: &str) -> Result<BTreeSet<String>, TemplateFault> {
    bounds::check_expression(source)?;
    let expression =
        engine(TemplateFlavour::Exact).compile_expression(source).map_err(|error| syntax(&error))?;
    Ok(names(TemplateFlavour::Exact, expression.undeclared_variables(true)))
}

/// What the engine calls undeclared, but for the functions that it has.
fn names(flavour: TemplateFlavour, found: HashSet<String>) -> BTreeSet<String> {
    found
        .into_iter()
        .filter(|name| flavour != TemplateFlavour::Exact || !sign::FUNCTIONS.contains(&name.as_str()))
        .collect()
}

fn syntax(error: &minijinja::Error) -> TemplateFault {
    // The detail of a syntax error names kinds of tokens, never the text of one but an identifier's.
    TemplateFault::new(match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    })
}

/// `{% set %}`, `{% for %}` and their like introduce names of their own, which the check of names
/// cannot see through; one request needs none of them.
fn only_known_statements(source: &str) -> Result<(), TemplateFault> {
    for (at, _) in source.match_indices("{%") {
        let inside = source[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let end = inside.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(inside.len());
        let word = &inside[..end];
        if !STATEMENTS.contains(&word) {
            return Err(TemplateFault::new(format!(
                "`{{% {word} %}}` cannot be used here; of the statements only `if` and `raw` can"
            )));
        }
    }
    Ok(())
}

/// Filters and tests are looked up when a template is rendered. So render it for two users who are
/// nobody, one with every value and one with none: that walks most branches, and whatever else goes
/// wrong then says nothing about real users.
pub(super) fn try_out(
    names: &BTreeSet<String>,
    run: impl Fn(Value) -> Result<(), minijinja::Error>,
) -> Result<(), TemplateFault> {
    for sample in [serde_json::Value::from("1"), serde_json::Value::Null] {
        let mut context = serde_json::Map::new();
        for name in names {
            place(&mut context, name, &sample);
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
                    return Err(TemplateFault::new("does more work than one request may cost"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn place(context: &mut serde_json::Map<String, serde_json::Value>, name: &str, value: &serde_json::Value) {
    match name.split_once('.') {
        None => {
            context.entry(name).or_insert_with(|| value.clone());
        }
        Some((group, rest)) => {
            let inner = context.entry(group).or_insert_with(|| serde_json::json!({}));
            // `response.json` and `response.json.id` in one template: the deeper name wins.
            if !inner.is_object() {
                *inner = serde_json::json!({});
            }
            place(inner.as_object_mut().expect("it was made an object"), rest, value);
        }
    }
}
