//! What a client knows and no one may read: cookies, captured values, the parts of one-time links.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::Client;
use crate::sign_in::SHORTEST_SECRET;

impl Client {
    /// All values to mask in what is shown: cookies, captures, and what links in them carry.
    pub fn collect_secrets(&self) -> Vec<SecretString> {
        let cookies = self.cookies.iter_any().map(|cookie| cookie.value().to_owned());
        let captured: Vec<String> = self.captured.values().flat_map(collect_texts).collect();
        let hidden = self.hidden.iter().map(|value| value.expose_secret().to_owned());
        let sent = self.credentials.encoded_logins();
        let mut values: Vec<String> = cookies.chain(captured).chain(hidden).chain(sent).collect();
        let carried: Vec<String> = values.iter().flat_map(|value| values_in_link(value)).collect();
        values.extend(carried);
        values.into_iter().filter(|value| value.len() >= SHORTEST_SECRET).map(SecretString::from).collect()
    }
}

/// The secret parts of a one-time link: everything after its host, its query, the values in that, and the last part of
/// its path if it is too long for a page's name. Empty for a text that is not a link, and for a plain address.
fn values_in_link(link: &str) -> Vec<String> {
    let Some(url) = Url::parse(link).ok().filter(Url::has_host) else { return Vec::new() };
    let mut carried = Vec::new();
    let last = url.path().rsplit('/').next().unwrap_or_default();
    if last.len() >= 16 {
        carried.push(last.to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !carried.is_empty() {
        carried.push(url[url::Position::BeforePath..].to_owned());
    }
    carried.extend([url.query(), url.fragment()].into_iter().flatten().map(str::to_owned));
    carried.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    carried
}

/// All strings and numbers in it.
pub(in crate::sign_in) fn collect_texts(json: &Value) -> Vec<String> {
    match json {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(collect_texts).collect(),
        Value::Object(fields) => fields.values().flat_map(collect_texts).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}
