//! Entries in the Open Cybersecurity Schema Framework (<https://schema.ocsf.io>), for the systems that collect such.
//!
//! What a session did is an *Authentication* event (3002): its sign-in an *Account Switch*, by which OCSF means that one
//! user acts as another. What was done in the console outside of sessions is *Entity Management* (3004). What OCSF has no
//! attribute for stands in `unmapped`, under the log's own names.

use serde_json::{Map, Value, json};

use crate::reader::StoredEntry;

/// The version of the schema that has these classes and attributes.
const SCHEMA: &str = "1.6.0";

const CATEGORY: i64 = 3;
const AUTHENTICATION: i64 = 3002;
const ENTITY_MANAGEMENT: i64 = 3004;

/// `activity_id` for what has none of its own; `activity_name` then says what it was.
const OTHER: i64 = 99;

/// `account_switch_type_id`: *Impersonate*.
const IMPERSONATE: i64 = 2;

/// `status_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Unknown = 0,
    Success = 1,
    Failure = 2,
}

/// What kind of event an entry is.
struct Class {
    uid: i64,
    activity: i64,
    status: Status,
    /// What was managed; only of [`ENTITY_MANAGEMENT`].
    entity: &'static str,
}

fn classify(entry: &StoredEntry) -> Class {
    let event = entry.text("event");
    let of_session = |activity, status| Class { uid: AUTHENTICATION, activity, status, entity: "" };
    let of_console =
        |activity, entity| Class { uid: ENTITY_MANAGEMENT, activity, status: Status::Success, entity };
    match event.as_str() {
        // Nothing has been sent yet.
        "begun" => of_session(6, Status::Unknown),
        "active" => of_session(7, Status::Success),
        "refused" => of_session(7, Status::Failure),
        "ended" if entry.text("sign_out_failed").is_empty() => of_session(2, Status::Success),
        "ended" => of_session(2, Status::Failure),
        // The policy did not let it begin.
        "denied" if !entry.user().is_empty() => of_session(7, Status::Failure),
        _ if !entry.text("session").is_empty() => of_session(OTHER, Status::Success),
        "connection_added" => of_console(1, "connection"),
        "connection_changed" => of_console(3, "connection"),
        "connection_removed" => of_console(4, "connection"),
        "team_file_changed" => of_console(3, "team file"),
        "operator_changed" => of_console(3, "operator"),
        "secret_stored" => of_console(1, "secret"),
        "secret_redirected" => of_console(3, "secret"),
        "secret_forgotten" => of_console(4, "secret"),
        "searched" | "details_opened" | "value_revealed" => of_console(2, "users"),
        "exported" => of_console(2, "export"),
        "message_discarded" => of_console(4, "message"),
        "entries_removed" => of_console(4, "audit log"),
        "started" => of_console(10, "console"),
        "stopped" => of_console(11, "console"),
        _ => of_console(OTHER, "console"),
    }
}

/// One event, as JSON.
pub fn to_ocsf(entry: &StoredEntry) -> Value {
    let class = classify(entry);
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| {
        if !is_nothing(&value) {
            event.insert(name.to_owned(), value);
        }
    };
    set("category_uid", CATEGORY.into());
    set("class_uid", class.uid.into());
    set("activity_id", class.activity.into());
    set("type_uid", (class.uid * 100 + class.activity).into());
    if class.activity == OTHER {
        set("activity_name", entry.title().into());
    }
    set("time", entry.at_ms().into());
    // 1: informational, 3: medium, 4: high.
    let severity = match entry.text("event").as_str() {
        "glass_broken" => 4,
        "team_file_changed" | "message_discarded" => 3,
        _ if class.status == Status::Failure || entry.text("detail") == "crash" => 3,
        _ => 1,
    };
    set("severity_id", severity.into());
    set("status_id", (class.status as i64).into());
    set("status_code", entry.text("status").into());
    set("status_detail", entry.describe().into());
    set("message", format!("{}: {}", entry.title(), entry.describe_parties()).into());
    set("metadata", metadata_of(entry));
    let operator = without_nothing(json!({
        "name": entry.operator(),
        "uid": entry.text("os_user"),
        "email_addr": entry.text("operator_email"),
        "type_id": 1,
    }));
    set("actor", json!({ "user": operator }));
    set("src_endpoint", without_nothing(json!({ "hostname": entry.text("host") })));
    if class.uid == AUTHENTICATION {
        set("user", user_of(entry));
        set(
            "service",
            without_nothing(json!({ "name": entry.connection(), "uid": entry.text("connection") })),
        );
        set("session", without_nothing(json!({ "uid": entry.text("session") })));
        set("is_remote", true.into());
        if class.activity == 7 {
            set("account_switch_type_id", IMPERSONATE.into());
        }
    } else {
        let name = match entry.connection() {
            connection if connection.is_empty() => "Understudy".into(),
            connection => connection,
        };
        let entity = json!({ "name": name, "uid": entry.text("connection"), "type": class.entity });
        set("entity", without_nothing(entity));
        set("comment", entry.text("reason").into());
    }
    set("unmapped", unmapped_of(entry));
    Value::Object(event)
}

fn metadata_of(entry: &StoredEntry) -> Value {
    without_nothing(json!({
        "version": SCHEMA,
        "product": {
            "name": "Understudy",
            "vendor_name": "Understudy",
            "version": entry.text("app_version"),
        },
        "log_name": "audit",
        "event_code": entry.text("event"),
        "sequence": entry.number(),
        // No other entry of any log has it.
        "uid": entry.hash.clone().unwrap_or_default(),
    }))
}

fn user_of(entry: &StoredEntry) -> Value {
    without_nothing(json!({
        "uid": entry.text("user_id"),
        "name": entry.user(),
        "full_name": entry.text("user_name"),
        "email_addr": entry.text("user_email"),
    }))
}

fn unmapped_of(entry: &StoredEntry) -> Value {
    let held_back = entry.text("held_back").parse::<u64>().ok();
    without_nothing(json!({
        "reason": entry.text("reason"),
        "ticket": entry.text("ticket"),
        "mode": entry.text("mode"),
        "environment": entry.text("environment"),
        "held_back": held_back,
        "detail": entry.text("detail"),
        "sign_out_failed": entry.text("sign_out_failed"),
    }))
}

/// An object without what says nothing.
fn without_nothing(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !is_nothing(value));
    }
    object
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Required attributes, constraints and values, from the schema's own files: see its `source`.
    const SCHEMA_EXCERPT: &str = include_str!("ocsf-1.6.json");

    fn entry(columns: &Value) -> StoredEntry {
        let mut whole = json!({
            "id": 7, "at_ms": 1_700_000_000_000_i64, "session": "s1", "operator_name": "Ada",
            "operator_email": "ada@acme.com", "os_user": "ada", "host": "desk-7", "connection": "acme",
            "connection_name": "Acme", "environment": "production", "user_id": "42", "reason": "Ticket 1",
            "detail": "", "app_version": "1.4.0",
        });
        let fields = whole.as_object_mut().unwrap();
        for (name, value) in columns.as_object().unwrap() {
            fields.insert(name.clone(), value.clone());
        }
        fields.retain(|_, value| !value.is_null());
        StoredEntry::from_json(&whole, "ab12")
    }

    /// One of each kind, and one that a later version has written.
    fn all_kinds() -> Vec<StoredEntry> {
        let in_session = [
            ("begun", ""),
            ("active", ""),
            ("refused", "Not allowed"),
            ("extended", "15"),
            ("unlocked", "She asked for it"),
            ("locked", ""),
            ("held_back", r#"{"method":"POST","host":"acme.com","path":"/orders"}"#),
            ("ended", "crash"),
            ("of_a_later_version", "{}"),
        ];
        let outside = [
            "denied",
            "started",
            "stopped",
            "secret_stored",
            "secret_forgotten",
            "secret_redirected",
            "connection_added",
            "connection_changed",
            "connection_removed",
            "team_file_changed",
            "operator_changed",
            "message_discarded",
            "glass_broken",
            "exported",
            "searched",
            "details_opened",
            "value_revealed",
            "entries_removed",
            "of_a_later_version",
        ];
        let in_session =
            in_session.into_iter().map(|(event, detail)| entry(&json!({ "event": event, "detail": detail })));
        let outside = outside.into_iter().flat_map(|event| {
            let about_no_one = json!({ "event": event, "session": null, "user_id": null, "connection": null,
                "connection_name": null, "environment": null });
            [entry(&json!({ "event": event, "session": null })), entry(&about_no_one)]
        });
        in_session.chain(outside).collect()
    }

    fn check(schema: &Value, what: &str, object: &Value) {
        let rules = &schema[what];
        assert!(rules.is_object(), "{what}");
        let names =
            |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap_or_default() };
        for required in names(&rules["required"]) {
            assert!(object.get(&required).is_some(), "{what} without {required}: {object:#}");
        }
        let one_of = names(&rules["at_least_one"]);
        assert!(
            one_of.is_empty() || one_of.iter().any(|name| object.get(name).is_some()),
            "{what} without any of {one_of:?}: {object:#}"
        );
        for (name, value) in object.as_object().unwrap() {
            let attribute = &rules["attributes"][name];
            assert!(!attribute.is_null(), "{what} has no {name}");
            match attribute {
                Value::Array(values) => assert!(values.contains(value), "{what}: {name} is {value}"),
                Value::String(kind) if schema.get(kind).is_some() => check(schema, kind, value),
                Value::String(kind) => assert_eq!(
                    kind,
                    match value {
                        Value::String(_) => "string",
                        Value::Bool(_) => "boolean",
                        Value::Number(_) => "integer",
                        _ => "object",
                    },
                    "{what}: {name}"
                ),
                other => panic!("{what}: {name} is {other}"),
            }
        }
    }

    #[test]
    fn every_kind_of_entry_is_what_the_schema_wants() {
        let schema: Value = serde_json::from_str(SCHEMA_EXCERPT).unwrap();
        for entry in all_kinds() {
            let event = to_ocsf(&entry);
            let class = event["class_uid"].to_string();
            check(&schema, &class, &event);
            let type_uid =
                event["class_uid"].as_i64().unwrap() * 100 + event["activity_id"].as_i64().unwrap();
            assert_eq!(event["type_uid"], type_uid);
            // Only an activity that is not the schema's has a name of ours.
            assert_eq!(event.get("activity_name").is_some(), event["activity_id"] == OTHER, "{event:#}");
        }
    }

    #[test]
    fn a_sign_in_is_an_account_switch_from_operator_to_user() {
        let event = to_ocsf(&entry(&json!({ "event": "active", "mode": "read_only" })));
        assert_eq!((&event["class_uid"], &event["activity_id"]), (&3002.into(), &7.into()));
        assert_eq!((&event["status_id"], &event["account_switch_type_id"]), (&1.into(), &2.into()));
        assert_eq!(event["actor"]["user"]["email_addr"], "ada@acme.com");
        assert_eq!((&event["user"]["uid"], &event["service"]["name"]), (&"42".into(), &"Acme".into()));
        assert_eq!(
            (&event["session"]["uid"], &event["unmapped"]["mode"]),
            (&"s1".into(), &"read_only".into())
        );
        let event = to_ocsf(&entry(&json!({ "event": "refused", "status": 403, "detail": "Not allowed" })));
        assert_eq!((&event["status_id"], &event["severity_id"]), (&2.into(), &3.into()));
        assert_eq!(
            (&event["status_code"], &event["status_detail"]),
            (&"403".into(), &"403 Not allowed".into())
        );
    }
}
