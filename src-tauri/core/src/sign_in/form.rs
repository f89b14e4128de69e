//! The form of a Smart Action, which Forest's page shows before it calls the action. The backend describes it on
//! request (`hooks/load`), and again when a watched field changes (`hooks/change`); if it does not, the connection file
//! can.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_rs::TS;

use super::client::{Client, Reply};
use super::exchange::Exchange;
use super::forest::{self, ForestBackend, ForestCall};
use crate::browser::Refusal;
use crate::connection::{Connection, Forest, ForestFieldConfig, FormFieldKind, Recipe};
use crate::masks::Masks;
use crate::template::SignInContext;

/// What the sign-in dialog asks besides the reason.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignInForm {
    pub fields: Vec<FormField>,
}

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[allow(clippy::struct_excessive_bools, reason = "they are what a form's fields have, each by itself")]
pub struct FormField {
    /// The name under which the value is sent.
    pub name: String,
    pub label: String,
    pub description: Option<String>,
    pub kind: FormFieldKind,
    pub required: bool,
    /// Shown, but cannot be changed.
    pub read_only: bool,
    /// The initial value; `null`: empty.
    #[ts(type = "any")]
    pub value: Value,
    /// For `choice` and `choices`.
    pub choices: Vec<FormChoice>,
    pub placeholder: Option<String>,
    /// The form is loaded again when this field changes.
    pub watched: bool,
    /// The connection file sets the value, so the field is neither shown nor asked for.
    pub given: bool,
    /// The field as the backend described it; it is sent back with a change.
    #[ts(type = "any")]
    pub source: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FormChoice {
    #[ts(type = "any")]
    pub value: Value,
    pub label: String,
}

/// A watched field has changed.
#[derive(Debug, Clone, PartialEq, Deserialize, TS)]
#[ts(export)]
pub struct FormChange {
    /// All fields, as they are now.
    pub fields: Vec<FormField>,
    /// The name of the field that changed.
    pub changed: String,
}

const TITLE: &str = "The action's form";

/// What has to be asked before this sign-in; nothing for most.
pub async fn fetch_form(
    connection: &Connection,
    context: &SignInContext,
    change: Option<&FormChange>,
    observer: &mut (dyn FnMut(Exchange) + Send),
) -> Result<SignInForm, Refusal> {
    let Recipe::Forest(forest) = &connection.sign_in.recipe else { return Ok(SignInForm::default()) };
    let mut client = Client::new(&connection.network)?;
    client.use_credentials(super::credential_store(connection, context)?);
    let attributes = |context: &Value| {
        let mut attributes = forest::build_selection(forest, context);
        if let Some(change) = change {
            let mut fields: Vec<Value> = change.fields.iter().map(describe_field).collect();
            // The form may depend on values from the file, which the operator did not see.
            for field in &mut fields {
                let name = field["field"].as_str().unwrap_or_default();
                if let Some((_, value)) = forest.values.iter().find(|(given, _)| given == name) {
                    field["value"] = value.render(context)?;
                }
            }
            attributes["fields"] = fields.into();
            attributes["changed_field"] = change.changed.clone().into();
        }
        Ok(attributes)
    };
    let below = if change.is_some() { "/hooks/change" } else { "/hooks/load" };
    let call = ForestCall { title: TITLE, below, attributes: &attributes };
    let understood = |reply: &Reply, masks: &Masks| read_form(forest, reply, masks);
    let (seen, secrets) = (context.rendered(), context.secret_values().cloned().collect::<Vec<_>>());
    let backend = ForestBackend { connection, forest, context: &seen, secrets: &secrets, now: context.now() };
    backend.send_call(&call, &mut client, observer, understood).await
}

fn read_form(forest: &Forest, reply: &Reply, masks: &Masks) -> Result<SignInForm, Refusal> {
    // forest-express only describes a form that code fills in.
    if reply.status == 404 {
        return Ok(SignInForm { fields: forest.part.fields.iter().map(of_file).collect() });
    }
    if let Some(refusal) = forest::find_refusal(reply, masks) {
        return Err(refusal);
    }
    let json: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let mut form = SignInForm::default();
    for mut field in json["fields"].as_array().into_iter().flatten().filter_map(read_field) {
        // Forest's page identifies fields by name only.
        if form.fields.iter().any(|before| before.name == field.name) {
            continue;
        }
        field.given = forest.part.values.contains_key(&field.name);
        if field.given {
            // The backend echoes what it was sent, and the file may have made that from a secret.
            field.value = Value::Null;
            field.source["value"] = Value::Null;
        }
        form.fields.push(field);
    }
    Ok(form)
}

impl SignInForm {
    /// The form's values if there is no operator to ask: the defaults, and `reason` in place of any required text.
    /// Fails if the form requires anything else.
    pub fn filled_in(self, reason: &Value) -> Result<Map<String, Value>, Refusal> {
        let mut values = Map::new();
        for FormField { name, kind, required, value, .. } in
            self.fields.into_iter().filter(|field| !field.given)
        {
            let is_empty = value.is_null() || value.as_str() == Some("");
            let value = match kind {
                FormFieldKind::Text | FormFieldKind::LongText if required && is_empty => reason.clone(),
                _ if required && is_empty => {
                    return Err(Refusal::new(
                        format!("The action's form asks for `{name}`, which only the agent can answer"),
                        "Sign in as a user to try it, or set a value in `[sign_in.forest.values]`.",
                    ));
                }
                _ => value,
            };
            values.insert(name, value);
        }
        Ok(values)
    }
}

/// A field, as either kind of backend describes it; `None` if it is not a field.
fn read_field(source: &Value) -> Option<FormField> {
    let text = |key: &str| source[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let name = text("field")?;
    // Agents send this for Forest's page while they have no fields yet.
    if name == "Loading..." {
        return None;
    }
    let widget = &source["widgetEdit"];
    let choices = read_choices(source, widget);
    let (is_list, of) = match &source["type"] {
        Value::Array(of) => (true, of.first().and_then(Value::as_str).unwrap_or_default()),
        other => (false, other.as_str().unwrap_or_default()),
    };
    let is_long =
        widget["name"].as_str().is_some_and(|name| name.contains("text area") || name == "rich text");
    let kind = match (of, is_list) {
        ("File", _) => FormFieldKind::Unsupported,
        (_, false) if !choices.is_empty() => FormFieldKind::Choice,
        (_, true) if !choices.is_empty() => FormFieldKind::Choices,
        ("Number", true) => FormFieldKind::Numbers,
        (_, true) => FormFieldKind::Texts,
        ("Number", _) => FormFieldKind::Number,
        ("Boolean", _) => FormFieldKind::Boolean,
        ("Dateonly", _) => FormFieldKind::Date,
        ("Date", _) => FormFieldKind::DateTime,
        ("Time" | "Timeonly", _) => FormFieldKind::Time,
        ("Json", _) => FormFieldKind::Json,
        _ if is_long => FormFieldKind::LongText,
        _ => FormFieldKind::Text,
    };
    let value = if source["value"].is_null() { &source["defaultValue"] } else { &source["value"] };
    Some(FormField {
        label: text("label").unwrap_or_else(|| name.clone()),
        description: text("description"),
        kind,
        required: source["isRequired"] == true,
        read_only: source["isReadOnly"] == true,
        value: value.clone(),
        choices,
        placeholder: widget["parameters"]["placeholder"].as_str().map(str::to_owned),
        watched: source["hook"].is_string(),
        given: false,
        source: source.clone(),
        name,
    })
}

fn read_choices(source: &Value, widget: &Value) -> Vec<FormChoice> {
    let plain = |value: &Value| FormChoice {
        label: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        value: value.clone(),
    };
    let options = &widget["parameters"]["static"]["options"];
    let listed = options.as_array().into_iter().flatten().map(|option| match option["label"].as_str() {
        Some(label) => FormChoice { value: option["value"].clone(), label: label.to_owned() },
        None if option.is_object() => plain(&option["value"]),
        None => plain(option),
    });
    let enumerated = source["enums"].as_array().into_iter().flatten().map(plain);
    let listed: Vec<FormChoice> = listed.collect();
    if listed.is_empty() { enumerated.collect() } else { listed }
}

/// The field in the backend's own format, with its current value.
fn describe_field(field: &FormField) -> Value {
    let mut source = field.source.clone();
    source["value"] = field.value.clone();
    source
}

fn of_file(part: &ForestFieldConfig) -> FormField {
    let kind = match part.kind {
        FormFieldKind::Text if !part.choices.is_empty() => FormFieldKind::Choice,
        kind => kind,
    };
    FormField {
        name: part.name.clone(),
        label: part.label.clone().unwrap_or_else(|| part.name.clone()),
        description: part.description.clone(),
        kind,
        required: part.required,
        read_only: false,
        value: part.value.clone().unwrap_or_default(),
        choices: part
            .choices
            .iter()
            .map(|text| FormChoice { value: text.as_str().into(), label: text.clone() })
            .collect(),
        placeholder: None,
        watched: false,
        given: false,
        source: json!({ "field": part.name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_fields_are_read() {
        let field = read_field(&json!({
            "field": "Channel", "label": "How", "description": "Where they wrote", "isRequired": true,
            "isReadOnly": false, "type": "Enum", "enums": ["Phone", "E-mail"], "value": "E-mail",
            "hook": "changeHook", "widgetEdit": null,
        }))
        .expect("a field");
        assert_eq!((field.name.as_str(), field.label.as_str()), ("Channel", "How"));
        assert_eq!(field.kind, FormFieldKind::Choice);
        assert!(field.required && field.watched && !field.read_only);
        assert_eq!(field.value, "E-mail");
        assert_eq!(field.choices[0], FormChoice { value: "Phone".into(), label: "Phone".into() });
        let mut changed = field.clone();
        changed.value = "Phone".into();
        assert_eq!(describe_field(&changed)["value"], "Phone");
        assert_eq!(describe_field(&changed)["enums"][1], "E-mail", "all else comes back as it was");
    }

    #[test]
    fn types_become_what_a_person_can_fill_in() {
        let kind = |more: Value| {
            let mut source = json!({ "field": "a" });
            for (key, value) in more.as_object().expect("a table") {
                source[key] = value.clone();
            }
            read_field(&source).expect("a field").kind
        };
        for (more, expected) in [
            (json!({ "type": "String" }), FormFieldKind::Text),
            (
                json!({ "type": "String", "widgetEdit": { "name": "text area editor" } }),
                FormFieldKind::LongText,
            ),
            (json!({ "type": "Number" }), FormFieldKind::Number),
            (json!({ "type": "Boolean" }), FormFieldKind::Boolean),
            (json!({ "type": "Dateonly" }), FormFieldKind::Date),
            (json!({ "type": "Date" }), FormFieldKind::DateTime),
            (json!({ "type": "Time" }), FormFieldKind::Time),
            (json!({ "type": "Json" }), FormFieldKind::Json),
            (json!({ "type": "File" }), FormFieldKind::Unsupported),
            (json!({ "type": ["String"] }), FormFieldKind::Texts),
            (json!({ "type": ["Number"] }), FormFieldKind::Numbers),
            (json!({ "type": ["Enum"], "enums": ["a"] }), FormFieldKind::Choices),
            (json!({ "type": "Number", "reference": "users.id" }), FormFieldKind::Number),
            (json!({}), FormFieldKind::Text),
        ] {
            assert_eq!(kind(more.clone()), expected, "{more}");
        }
        let drop_down = json!({ "field": "a", "type": "String", "widgetEdit": { "name": "dropdown",
            "parameters": { "static": { "options": [{ "label": "One", "value": 1 }, "two"] } } } });
        let field = read_field(&drop_down).expect("a field");
        assert_eq!(field.kind, FormFieldKind::Choice);
        assert_eq!(field.choices[0], FormChoice { value: 1.into(), label: "One".into() });
        assert_eq!(field.choices[1].label, "two");
    }

    #[test]
    fn what_is_no_field_is_not_asked() {
        assert_eq!(read_field(&json!({ "field": "Loading...", "type": "String" })), None);
        assert_eq!(read_field(&json!({ "type": "String" })), None);
        assert_eq!(read_field(&json!("a")), None);
    }

    #[test]
    fn where_nobody_can_be_asked_the_reason_stands_for_texts_alone() {
        let form = |more: Value| {
            let fields = [
                json!({ "field": "Reason", "isRequired": true }),
                json!({ "field": "Channel", "isRequired": true, "type": "Enum", "enums": ["E-mail"], "value": "E-mail" }),
                json!({ "field": "Note" }),
                more,
            ];
            SignInForm { fields: fields.iter().filter_map(read_field).collect() }.filled_in(&"Trying".into())
        };
        assert_eq!(
            form(Value::Null).map(Value::Object),
            Ok(json!({ "Reason": "Trying", "Channel": "E-mail", "Note": null }))
        );
        let refusal = form(json!({ "field": "Seats", "type": "Number", "isRequired": true })).unwrap_err();
        assert!(refusal.title.contains("`Seats`"), "{refusal:?}");
    }
}
