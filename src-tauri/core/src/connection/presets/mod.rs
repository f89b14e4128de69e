//! Named sign-ins: everything that a kind of application expects, with settings for what differs. Each is a TOML file
//! in this folder, in the format of connection files; `<setting>` is a placeholder.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;
use url::Url;

use super::faults::KeyFaults;
use super::{SignInConfig, SignOutConfig};
use crate::directory::find_closest_names;
use crate::template::is_loopback;

/// In the order in which they are offered.
const FILES: &[(&str, &str)] = &[
    ("webhook", include_str!("webhook.toml")),
    ("better-auth", include_str!("better-auth.toml")),
    ("django-hijack", include_str!("django-hijack.toml")),
    ("django-impersonate", include_str!("django-impersonate.toml")),
    ("django-loginas", include_str!("django-loginas.toml")),
    ("forest-agent", include_str!("forest-agent.toml")),
    ("forest-legacy", include_str!("forest-legacy.toml")),
    ("laravel-impersonate", include_str!("laravel-impersonate.toml")),
    ("symfony-switch-user", include_str!("symfony-switch-user.toml")),
    ("devise-masquerade", include_str!("devise-masquerade.toml")),
    ("wordpress-user-switching", include_str!("wordpress-user-switching.toml")),
    ("keycloak", include_str!("keycloak.toml")),
    ("supabase", include_str!("supabase.toml")),
    ("clerk", include_str!("clerk.toml")),
];

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| {
        let mut preset: Preset = toml::from_str(text).unwrap_or_else(|fault| panic!("{name}.toml: {fault}"));
        (*name).clone_into(&mut preset.name);
        preset
    };
    FILES.iter().map(read).collect()
});

/// A sign-in to one product, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct Preset {
    /// The name in connection files.
    #[serde(default)]
    pub name: String,
    /// The name for display.
    pub title: String,
    /// What it does, in a sentence or two.
    pub about: String,
    pub settings: Vec<Setting>,
    #[serde(default)]
    pub secrets: Vec<PresetSecret>,
    #[ts(skip)]
    #[serde(skip_serializing)]
    sign_in: toml::Table,
    #[ts(skip)]
    #[serde(default, skip_serializing)]
    sign_out: Option<toml::Table>,
}

/// A value that differs between applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct Setting {
    pub name: String,
    pub label: String,
    pub help: String,
    #[serde(default)]
    pub kind: SettingKind,
    /// Used if the file does not set it; `None`: the file has to.
    #[serde(default)]
    pub default: Option<String>,
    /// Shown while the field is empty.
    #[serde(default)]
    pub example: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SettingKind {
    #[default]
    Text,
    /// Scheme, host and port, and perhaps a path. https, or http on loopback.
    Url,
    /// A path within the application, starting with `/`.
    Path,
    /// Names with dots between them: where a value is in JSON.
    Names,
}

/// A secret that a preset needs, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct PresetSecret {
    pub name: String,
    pub help: String,
}

/// All presets.
pub fn all_presets() -> &'static [Preset] {
    &PRESETS
}

/// The sign-in and sign-out of the preset `name`; what the file itself says takes precedence.
pub(super) fn expand_preset(
    name: &str,
    part: &SignInConfig,
    out: Option<&SignOutConfig>,
    faults: &mut KeyFaults<'_>,
) -> Option<(SignInConfig, SignOutConfig)> {
    let Some(preset) = all_presets().iter().find(|preset| preset.name == name) else {
        let known: Vec<&str> = all_presets().iter().map(|preset| preset.name.as_str()).collect();
        let plain =
            name.len() <= 40 && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
        let said = if plain { format!("`{name}`") } else { "this value".to_owned() };
        let close = find_closest_names(name, known.iter().copied());
        faults.add_fault(
            "sign_in.preset",
            match close {
                Some(close) => format!("there is no preset {said}; did you mean `{close}`?"),
                None => {
                    format!("this version of Understudy does not know {said}; it knows {}", known.join(", "))
                }
            },
        );
        return None;
    };
    let settings = preset.resolve_settings(&part.settings, faults)?;
    let written = |table: &toml::Table| {
        let mut json = serde_json::to_value(table).expect("TOML without dates is JSON");
        substitute_settings(&mut json, &settings);
        json
    };
    let own = SignInConfig { preset: None, settings: BTreeMap::new(), ..part.clone() };
    let sign_in = overlay_sign_in(written(&preset.sign_in), &own);
    let sign_out = match (&preset.sign_out, out) {
        (_, Some(own)) => own.clone(),
        (Some(table), None) => serde_json::from_value(written(table)).expect("checked by the tests"),
        (None, None) => SignOutConfig::default(),
    };
    Some((serde_json::from_value(sign_in).expect("checked by the tests"), sign_out))
}

impl Preset {
    /// The value of each setting: from the file, else the default.
    fn resolve_settings(
        &self,
        given: &BTreeMap<String, String>,
        faults: &mut KeyFaults<'_>,
    ) -> Option<BTreeMap<&str, String>> {
        let known: Vec<&str> = self.settings.iter().map(|setting| setting.name.as_str()).collect();
        let mut whole = true;
        for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
            let what = match find_closest_names(name, known.iter().copied()) {
                Some(close) => format!("unknown setting; did you mean `{close}`?"),
                None => {
                    format!("the preset {} has no setting `{name}`; it has {}", self.name, known.join(", "))
                }
            };
            faults.add_fault(&format!("sign_in.settings.{name}"), what);
            whole = false;
        }
        let mut values = BTreeMap::new();
        for setting in &self.settings {
            let key = format!("sign_in.settings.{}", setting.name);
            let value = given.get(&setting.name).or(setting.default.as_ref());
            match value.map(|value| setting.check_value(value)) {
                Some(Ok(value)) => drop(values.insert(setting.name.as_str(), value)),
                Some(Err(what)) => {
                    faults.add_fault(&key, what);
                    whole = false;
                }
                None => {
                    faults.add_fault(&key, format!("is missing. {}", setting.help));
                    whole = false;
                }
            }
        }
        whole.then_some(values)
    }
}

impl Setting {
    /// The value as it is inserted, or what is wrong with it. Nothing in it may be read as a template.
    fn check_value(&self, value: &str) -> Result<String, String> {
        let value = value.trim();
        if value.is_empty() && self.default.as_deref() != Some("") {
            return Err(format!("cannot be empty. {}", self.help));
        }
        if value.chars().any(|char| char.is_control() || "{}<>\"'\\".contains(char)) {
            return Err(
                "contains a character that is not allowed: { } < > \" ' \\ cannot be used here".into()
            );
        }
        match self.kind {
            SettingKind::Text => Ok(value.to_owned()),
            SettingKind::Url => {
                let url = Url::parse(value).map_err(|cause| format!("is not a valid URL: {cause}"))?;
                if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                    return Err("has to be https (http only on this computer)".into());
                }
                if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
                    return Err("has to be only the address, without `?`, `#` and `@`".into());
                }
                Ok(value.trim_end_matches('/').to_owned())
            }
            SettingKind::Path if value.starts_with('/') && !value.starts_with("//") => Ok(value.to_owned()),
            SettingKind::Path => Err("has to be a path that begins with `/`".into()),
            SettingKind::Names => {
                let is_name = |name: &str| {
                    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
                        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
                };
                if value.split('.').all(is_name) {
                    Ok(value.to_owned())
                } else {
                    Err("has to be names with dots between them, as in `user.id`".into())
                }
            }
        }
    }
}

/// Replaces the placeholders by the settings.
fn substitute_settings(json: &mut Value, settings: &BTreeMap<&str, String>) {
    match json {
        Value::String(text) => {
            for (name, value) in settings {
                *text = text.replace(&format!("<{name}>"), value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| substitute_settings(item, settings)),
        Value::Object(fields) => {
            let named = std::mem::take(fields);
            for (name, mut value) in named {
                substitute_settings(&mut value, settings);
                let mut name = Value::String(name);
                substitute_settings(&mut name, settings);
                fields.insert(name.as_str().unwrap_or_default().to_owned(), value);
            }
        }
        _ => {}
    }
}

/// `below`, overridden by what `own` sets itself.
fn overlay_sign_in(below: Value, own: &SignInConfig) -> Value {
    let mut whole = below;
    let own = serde_json::to_value(own).expect("a part is plain JSON");
    for (key, value) in own.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            // A form's values and fields are merged into the preset's table, which says where the action is.
            ("forest", Value::Object(own)) if whole[key].is_object() => {
                for (key, value) in own {
                    whole["forest"][key] = value.clone();
                }
            }
            _ => whole[key] = value.clone(),
        }
    }
    whole
}
