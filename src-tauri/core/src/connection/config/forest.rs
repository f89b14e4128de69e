//! `[sign_in.forest]`: a Smart Action of a Forest Admin backend, and its form.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

/// `[sign_in.forest]`: a Smart Action of a Forest Admin backend.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestConfig {
    /// The admin backend's URL, without `/forest`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backend: String,
    /// The action's path in the backend: `/forest/actions/impersonate`, or `/forest/_actions/users/0/impersonate` for
    /// an agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The collection's name in Forest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
    /// The Smart Action's ID. Default: the collection, `-` and the last part of the action's path.
    #[serde(default)]
    pub action_id: Option<String>,
    /// The ID of the rendering whose permissions apply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rendering: String,
    /// The ID of the Forest user whose permissions apply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// The operator's team in Forest. Default: `Operations`.
    #[serde(default)]
    pub team: Option<String>,
    /// Values for the action's form, by field. Their strings are templates. Fields listed here are not asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// `[[sign_in.forest.fields]]`: what the action's form asks, if the backend does not describe the form itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ForestFieldConfig>,
}

/// One field of a Smart Action's form, asked for in the sign-in dialog.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestFieldConfig {
    /// The action's name for the field.
    pub name: String,
    /// The label that people see. Default: the name.
    #[serde(default)]
    pub label: Option<String>,
    /// A short help text.
    #[serde(default)]
    pub description: Option<String>,
    /// The type of the value. Default: `text`, or `choice` if there are `choices`.
    #[serde(default, rename = "type")]
    pub kind: FormFieldKind,
    /// Whether the field has to be filled in.
    #[serde(default)]
    pub required: bool,
    /// The values to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The field's initial value.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub value: Option<serde_json::Value>,
}

/// The type of a form field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FormFieldKind {
    #[default]
    Text,
    /// Text of several lines.
    LongText,
    Number,
    Boolean,
    /// A date: `2026-11-26`.
    Date,
    /// A date and time: `2026-11-26T12:00:00Z`.
    DateTime,
    /// A time of day: `12:00`.
    Time,
    /// One of `choices`.
    Choice,
    /// Any number of `choices`.
    Choices,
    /// A list of texts.
    Texts,
    /// A list of numbers.
    Numbers,
    Json,
    /// A type that cannot be filled in here, such as a file. Connection files cannot use it.
    #[schemars(skip)]
    Unsupported,
}
