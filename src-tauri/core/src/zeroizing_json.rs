//! JSON with secrets that is overwritten before its memory is freed.

use std::ops::{Deref, DerefMut};

use secrecy::zeroize::Zeroize;
use serde_json::{Map, Value};

/// A value that contains secrets, such as the context of templates. Every string in it is overwritten with zeros on
/// drop.
///
/// Copies that libraries make while rendering or sending (a template engine's values, a driver's buffers) are not
/// overwritten.
#[derive(Clone, Default, PartialEq)]
pub struct ZeroizingJson(Value);

impl From<Value> for ZeroizingJson {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Deref for ZeroizingJson {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for ZeroizingJson {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

impl Drop for ZeroizingJson {
    fn drop(&mut self) {
        wipe_json(&mut self.0);
    }
}

/// Overwrites every string and number; the shape stays the same.
pub fn wipe_json(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe_json),
        Value::Object(fields) => wipe_fields(fields),
        Value::Number(number) => *number = 0.into(),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Does the same for the fields of an object.
pub fn wipe_fields(fields: &mut Map<String, Value>) {
    fields.values_mut().for_each(wipe_json);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_left_of_any_text_or_number() {
        let mut value = json!({ "secret": { "token": "canary-1" }, "list": ["canary-2", { "x": ["canary-3"] }], "n": 42 });
        wipe_json(&mut value);
        assert_eq!(value, json!({ "secret": { "token": "" }, "list": ["", { "x": [""] }], "n": 0 }));
    }

    #[test]
    fn the_text_is_overwritten_where_it_stands() {
        let mut value = json!("canary-canary-canary");
        let Value::String(text) = &value else { unreachable!() };
        let room = text.capacity();
        wipe_json(&mut value);
        let Value::String(text) = &value else { unreachable!() };
        assert_eq!((text.len(), text.capacity()), (0, room), "in its own memory, not a new one");
    }

    #[test]
    fn it_is_used_like_the_value_and_dropping_it_wipes_it() {
        assert!(std::mem::needs_drop::<ZeroizingJson>());
        let mut context = ZeroizingJson::from(json!({ "secret": {} }));
        context["secret"]["token"] = "canary".into();
        let copy = context.clone();
        drop(context);
        assert_eq!(copy["secret"]["token"], "canary", "a copy is another one");
    }
}
