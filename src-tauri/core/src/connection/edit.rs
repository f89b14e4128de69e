//! Writes the form's values into a connection's text. Unchanged parts keep their comments, order and spacing.

use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::parse::without_bom;
use super::schema::COLLECTION;
use super::{ConnectionFile, read_file};
use crate::error::{Code, Error, Result};

/// Tables that always get a heading of their own.
const SECTIONS: &[&str] = &[
    "directory",
    "directory.ssh",
    "sign_in",
    "sign_in.settings",
    "sign_in.storage",
    "sign_in.forest",
    "sign_in.verify",
    "sign_out",
    "network",
    "policy",
    "policy.hosts",
];

/// Arrays of tables, with a heading for each item.
const LISTS: &[&str] = &["sign_in.steps", "sign_out.steps", "policy.allow"];

/// Other tables are written as `{ … }` up to this many bytes, and with a heading beyond.
const INLINE: usize = 100;

/// The text of `file`, written into `text` if there is one. Two laws hold: reading the result gives `file`, and a text
/// that already means `file` is not changed.
///
/// Whole numbers beyond 2^53 in `text` stay as they are: the form's numbers are floats and don't know their last
/// digits.
///
/// Fails with [`Code::ConnectionInvalid`] if `text` cannot be read, or if the body contains what TOML cannot represent:
/// a null, or a whole number beyond signed 64 bits.
pub fn write_into(text: Option<&str>, file: &ConnectionFile) -> Result<String> {
    let Some(text) = text.filter(|text| !without_bom(text).trim().is_empty()) else {
        return Ok(FileEdit::new(file)?.to_new_text());
    };
    let current = as_json(&read_file("the text", text)?);
    let mut exact = as_json(file);
    keep_large(&current, &mut exact);
    let exact: ConnectionFile = serde_json::from_value(exact).map_err(Error::internal)?;
    let wanted = FileEdit::new(&exact)?;
    if current == wanted.json {
        return Ok(text.to_owned());
    }
    let plain = without_bom(text);
    let Ok(mut document) = plain.parse::<DocumentMut>() else { return Ok(wanted.to_new_text()) };
    merge_table(document.as_table_mut(), &current, &wanted.json, wanted.items.as_table(), "");
    let mut edited = document.to_string();
    if plain.contains("\r\n") {
        edited = edited.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    // Losing comments is better than saving other values than the form shows.
    if !read_file("the text", &edited).is_ok_and(|read| as_json(&read) == wanted.json) {
        return Ok(wanted.to_new_text());
    }
    Ok(if plain.len() == text.len() { edited } else { format!("\u{feff}{edited}") })
}

/// The new content: as JSON for comparing, as TOML, in the types' order, for copying.
struct FileEdit {
    json: Json,
    items: DocumentMut,
}

impl FileEdit {
    fn new(file: &ConnectionFile) -> Result<Self> {
        let json = as_json(file);
        // TOML's serialiser would drop a null, and then the file would send something else than the form shows.
        if let Some(key) = find_null(&json, "") {
            return Err(Error::new(
                Code::ConnectionInvalid,
                format!("{key}: TOML, the file's language, has no null."),
            )
            .with_hint("Write `\"{{ none }}\"` instead: it is sent as null."));
        }
        let items = toml_edit::ser::to_document(file).map_err(|cause| {
            Error::new(Code::ConnectionInvalid, "The body has a number that is too large for the file.")
                .with_hint("Write it as text, in quotes.")
                .caused_by(cause)
        })?;
        Ok(Self { json, items })
    }

    fn to_new_text(&self) -> String {
        let mut document = DocumentMut::new();
        for (key, item) in self.items.iter() {
            document.insert(key, style_item(key, key, item));
        }
        document.to_string()
    }
}

/// Turns `table` from `current` into `wanted`. Touches only what differs between the two, so anything else in the text
/// (a spelt-out default, an empty table) stays.
fn merge_table(table: &mut dyn TableLike, current: &Json, wanted: &Json, items: &dyn TableLike, path: &str) {
    for (key, item) in items.iter() {
        if current[key] == wanted[key] {
            continue;
        }
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        // A file that uses `collection` keeps doing so.
        let written =
            if path == "directory.table" && table.contains_key(COLLECTION) { COLLECTION } else { key };
        match (table.get_mut(written), item.as_table_like()) {
            (Some(old), Some(items)) if current[key].is_object() && old.is_table_like() => {
                if let Some(inner) = old.as_table_like_mut() {
                    merge_table(inner, &current[key], &wanted[key], items, &path);
                }
                reformat_inline_table(old, &current[key], &wanted[key]);
            }
            (Some(Item::Value(old)), _) => {
                // Keep the comment after a value and the space around it.
                let decor = old.decor().clone();
                if let Ok(mut value) = item.clone().into_value() {
                    *value.decor_mut() = decor;
                    *old = value;
                }
            }
            _ => {
                table.insert(key, style_item(key, &path, item));
            }
        }
    }
    for key in current.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if wanted.get(key).is_none() {
            table.remove(key);
        }
    }
}

/// Reformats an inline table that has gained or lost keys: `{ a = 1, b = 2 }`.
fn reformat_inline_table(item: &mut Item, current: &Json, wanted: &Json) {
    let keys = |json: &Json| json.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    if let Some(table) = item.as_inline_table_mut()
        && keys(current) != keys(wanted)
    {
        table.fmt();
    }
}

/// A new value, formatted as a person would.
fn style_item(key: &str, path: &str, item: &Item) -> Item {
    if LISTS.contains(&path)
        && let Some(list) = item.as_array()
    {
        let tables = list.iter().filter_map(Value::as_inline_table);
        return Item::ArrayOfTables(tables.map(|table| table.clone().into_table()).collect());
    }
    let Some(items) = item.as_table_like() else { return item.clone() };
    let section = SECTIONS.contains(&path);
    if !section && key.len() + item.to_string().len() <= INLINE {
        let mut value = item.clone().into_value().unwrap_or_else(|_| Value::from(""));
        value.decor_mut().clear();
        return Item::Value(value);
    }
    let mut table = Table::new();
    for (key, item) in items.iter() {
        // Everything in the body stays inline: its keys are the application's, not headings.
        let item = if section { style_item(key, &format!("{path}.{key}"), item) } else { item.clone() };
        table.insert(key, item);
    }
    Item::Table(table)
}

/// Restores numbers of `current` that only lost precision as floats in `wanted`.
fn keep_large(current: &Json, wanted: &mut Json) {
    /// From here on, floats cannot represent every whole number.
    const LARGE: f64 = 9_007_199_254_740_992.0;
    match (current, wanted) {
        (Json::Object(current), Json::Object(wanted)) => {
            for (key, wanted) in wanted {
                if let Some(current) = current.get(key) {
                    keep_large(current, wanted);
                }
            }
        }
        (Json::Array(current), Json::Array(wanted)) => {
            current.iter().zip(wanted).for_each(|(current, wanted)| keep_large(current, wanted));
        }
        (Json::Number(current), Json::Number(wanted)) => {
            let (there, here) = (current.as_f64(), wanted.as_f64());
            // Bitwise equality is intended.
            if there.is_some_and(|there| there.abs() >= LARGE)
                && there.map(f64::to_bits) == here.map(f64::to_bits)
            {
                *wanted = current.clone();
            }
        }
        _ => {}
    }
}

fn as_json(file: &ConnectionFile) -> Json {
    serde_json::to_value(file).expect("a connection's file is plain JSON")
}

fn find_null(json: &Json, key: &str) -> Option<String> {
    match json {
        Json::Null => Some(key.to_owned()),
        Json::Object(fields) => fields.iter().find_map(|(name, value)| {
            find_null(value, &if key.is_empty() { name.clone() } else { format!("{key}.{name}") })
        }),
        Json::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| find_null(item, &format!("{key}[{at}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::*;
    use super::write_into;

    const WRITTEN: &str = r#"# Ours since 2019
name        = "Acme"   # as agents say it
environment = "production"

[directory]
url = "postgres://readonly@db/acme"
table = "users"
id = "id"
timeout_ms = 3000      # the default, written out

# How we sign in
[sign_in]
url     = "https://app.acme.com/login"
headers = { "x-operator" = "{{ operator.email }}" } # for the log
body    = { adminToken = "{{ secret.admin_token }}", userId = "{{ user.id }}" }

[policy]
"#;

    fn read(text: &str) -> ConnectionFile {
        read_file("acme.toml", text).unwrap()
    }

    #[test]
    fn a_change_in_the_form_leaves_the_rest_as_it_was_written() {
        let mut file = read(WRITTEN);
        file.name = "Acme Inc.".into();
        file.directory.email = Some("email".into());
        file.sign_in.headers.insert("x-reason".into(), "{{ reason }}".into());
        file.sign_out = Some(SignOutConfig {
            url: Some("https://app.acme.com/logout".into()),
            ..SignOutConfig::default()
        });
        let expected = WRITTEN
            .replace("\"Acme\"", "\"Acme Inc.\"")
            .replace("# the default, written out\n", "# the default, written out\nemail = \"email\"\n")
            .replace("operator.email }}\" }", "operator.email }}\", x-reason = \"{{ reason }}\" }")
            + "\n[sign_out]\nurl = \"https://app.acme.com/logout\"\n";
        let edited = write_into(Some(WRITTEN), &file).unwrap();
        assert_eq!(edited, expected);
        assert_eq!(write_into(Some(&edited), &read(WRITTEN)).unwrap(), WRITTEN);
    }

    #[test]
    fn a_new_file_is_laid_out_like_the_handbook() {
        let mut file = read(WRITTEN);
        file.sign_in.verify = Some(VerifyConfig {
            url: "https://app.acme.com/api/me".into(),
            headers: std::collections::BTreeMap::new(),
            expect: "response.json.id == user.id".into(),
        });
        file.policy.max_minutes = Some(60);
        assert_eq!(
            write_into(None, &file).unwrap(),
            r#"name = "Acme"
environment = "production"

[directory]
url = "postgres://readonly@db/acme"
table = "users"
id = "id"

[sign_in]
url = "https://app.acme.com/login"
headers = { x-operator = "{{ operator.email }}" }
body = { adminToken = "{{ secret.admin_token }}", userId = "{{ user.id }}" }

[sign_in.verify]
url = "https://app.acme.com/api/me"
expect = "response.json.id == user.id"

[policy]
reason = "required"
max_minutes = 60
"#
        );
    }

    #[test]
    fn windows_line_ends_and_mark_stay() {
        let text = format!("\u{feff}{}", WRITTEN.replace('\n', "\r\n"));
        let mut file = read(&text);
        file.name = "Other".into();
        let edited = write_into(Some(&text), &file).unwrap();
        assert_eq!(edited, text.replace("\"Acme\"", "\"Other\""));
    }

    #[test]
    fn null_in_a_body_is_refused_with_what_to_write() {
        let mut file = read(WRITTEN);
        file.sign_in.body = Some(json!({ "a": [1, null] }));
        let error = write_into(None, &file).unwrap_err();
        assert_eq!(error.message, "sign_in.body.a[1]: TOML, the file's language, has no null.");
        assert!(error.hint.unwrap().contains("{{ none }}"));
    }

    fn body() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>()
                .prop_filter("JSON has no other", |n| n.is_finite())
                .prop_map(serde_json::Value::from),
            ".*".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
            ]
        })
    }

    fn method() -> impl Strategy<Value = Option<Method>> {
        prop::option::of(prop_oneof![Just(Method::Get), Just(Method::Put)])
    }

    fn headers() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
        prop::collection::btree_map(".*", ".*", 0..3)
    }

    prop_compose! {
        fn step()(
            (name, url, follow) in (prop::option::of(".*"), prop::option::of(".*"), prop::option::of(".*")),
            (method, headers, body) in (method(), headers(), prop::option::of(body())),
            encoding in prop::option::of(Just(Encoding::Form)),
            expect in prop::collection::vec(
                prop_oneof![(200..400_u16).prop_map(Expected::Status), ".*".prop_map(Expected::That)],
                0..3,
            ),
            redirects in prop::option::of(0..=10_u32),
            capture in prop::collection::btree_map(".*", prop::option::of(".*"), 0..3),
        ) -> StepConfig {
            let place = |json| CaptureConfig { json, ..CaptureConfig::default() };
            let capture = capture.into_iter().map(|(name, json)| (name, place(json))).collect();
            StepConfig { name, url, follow, method, headers, body, encoding, expect, redirects, capture }
        }
    }

    prop_compose! {
        fn sign_in()(
            (preset, url, success, redirect_to) in
                (prop::option::of(".*"), prop::option::of(".*"), prop::option::of(".*"), prop::option::of(".*")),
            (settings, headers) in (headers(), headers()),
            (method, body) in (method(), prop::option::of(body())),
            kind in prop::option::of(prop_oneof![Just(SignInKind::Webhook), Just(SignInKind::Exchange)]),
            steps in prop::collection::vec(step(), 0..3),
            cookies in prop::collection::vec(".*", 0..3),
            local in prop::option::of(prop::collection::btree_map(".*", body(), 0..3)),
            timeout_ms in prop::option::of(1000..120_000_u32),
            verify in prop::option::of((".*", headers(), ".*")),
        ) -> SignInConfig {
            SignInConfig {
                preset, settings, kind, url, method, headers, body, steps, cookies, success, redirect_to, timeout_ms,
                storage: local.map(|local| StorageConfig { local, ..StorageConfig::default() }),
                verify: verify.map(|(url, headers, expect)| VerifyConfig { url, headers, expect }),
                ..SignInConfig::default()
            }
        }
    }

    prop_compose! {
        fn sign_out()(
            url in prop::option::of(".*"),
            (method, headers, body) in (method(), headers(), prop::option::of(body())),
            steps in prop::collection::vec(step(), 0..3),
        ) -> SignOutConfig {
            SignOutConfig { url, method, headers, body, steps, encoding: None }
        }
    }

    prop_compose! {
        fn directory()(
            url in ".*", table in ".*", id in ".*",
            email in prop::option::of(".*"), name in prop::option::of(".*"), created_at in prop::option::of(".*"),
            columns in prop::collection::vec(".*", 0..3),
            search in prop::option::of(prop::collection::vec(".*", 0..3)),
            (uuid_bytes, timeout_ms, patience) in (
                prop::option::of(Just(UuidBytes::LittleEndian)),
                prop_oneof![Just(3000_u32), 100..60_000_u32],
                prop_oneof![Just(30_u32), 5..300_u32],
            ),
            password_command in prop::option::of(prop::collection::vec(".*", 0..3)),
            ssh in prop::option::of(ssh()),
        ) -> DirectoryConfig {
            DirectoryConfig {
                url, table, id, email, name, created_at, columns, search, uuid_bytes, timeout_ms, patience, password_command, ssh,
            }
        }
    }

    prop_compose! {
        fn ssh()(
            host in ".*", user in prop::option::of(".*"), port in prop::option::of(1..=u16::MAX),
            key in prop::option::of(".*"), host_key in prop::option::of(".*"),
        ) -> SshConfig {
            SshConfig { host, user, port, key, host_key }
        }
    }

    type AccessConfig = (Option<SessionMode>, Option<UnlockConfig>, Vec<AllowConfig>, Option<HostsConfig>);

    fn access() -> impl Strategy<Value = AccessConfig> {
        let rule = (".*", prop::option::of(".*"), ".*", prop::option::of(".*"))
            .prop_map(|(method, origin, path, why)| AllowConfig { method, origin, path, why });
        let unlock = prop_oneof![
            any::<bool>().prop_map(UnlockConfig::Plain),
            Just(UnlockConfig::Conditional(UnlockCondition::WithReason)),
        ];
        let hosts = (prop::collection::vec(".*", 0..3), any::<bool>())
            .prop_map(|(block, block_telemetry)| HostsConfig { block, block_telemetry });
        (
            prop::option::of(prop_oneof![Just(SessionMode::ReadOnly), Just(SessionMode::Full)]),
            prop::option::of(unlock),
            prop::collection::vec(rule, 0..3),
            prop::option::of(hosts),
        )
    }

    prop_compose! {
        fn any_file()(
            name in ".*",
            environment in prop_oneof![Just(Environment::Production), Just(Environment::Development)],
            directory in directory(),
            sign_in in sign_in(),
            sign_out in prop::option::of(sign_out()),
            reason in prop_oneof![Just(ReasonRule::Required), Just(ReasonRule::Optional)],
            max_minutes in prop::option::of(1..1440_u32),
            max_extensions in prop::option::of(0..20_u32),
            network in prop::option::of((prop::option::of(".*"), prop::option::of(".*"))),
            (protect, origins) in (prop::collection::vec(".*", 0..3), prop::collection::vec(".*", 0..3)),
            (mode, may_unlock, allow, hosts) in access(),
        ) -> ConnectionFile {
            ConnectionFile {
                name, environment, directory, sign_in, sign_out,
                network: network.map(|(proxy, ca)| NetworkConfig { proxy, ca, ..NetworkConfig::default() }),
                policy: PolicyConfig {
                    reason, max_minutes, max_extensions, protect, mode, may_unlock, origins, allow, hosts,
                },
            }
        }
    }

    #[test]
    fn a_large_number_is_not_rounded_by_whoever_writes_floats() {
        let text = "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\n\
                    id = 'id'\n[sign_in]\nkind = 'exchange'\ncookies = ['sid']\nredirect_to = 'https://app.acme.com/'\n\
                    [[sign_in.steps]]\nurl = 'https://app.acme.com/a'\nbody = { team = 9007199254740993, small = 7 }\n";
        let mut file = read_file("acme", text).expect("it can be read");
        // The form's values pass through JSON with floats.
        file.sign_in.steps[0].body = Some(json!({ "team": 9_007_199_254_740_992_i64, "small": 8 }));
        let written = write_into(Some(text), &file).expect("it can be written");
        assert!(written.contains("team = 9007199254740993, small = 8"), "{written}");
        // A really different number must be written.
        file.sign_in.steps[0].body = Some(json!({ "team": 9_007_199_254_740_994_i64, "small": 8 }));
        assert!(write_into(Some(text), &file).expect("written").contains("team = 9007199254740994"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_is_written_is_what_is_read(before in any_file(), after in any_file()) {
            let fresh = write_into(None, &before).unwrap();
            prop_assert_eq!(&read(&fresh), &before);
            prop_assert_eq!(&write_into(Some(&fresh), &before).unwrap(), &fresh);
            let commented = format!("# kept\n{fresh}");
            let edited = write_into(Some(&commented), &after).unwrap();
            prop_assert_eq!(&read(&edited), &after);
            prop_assert!(edited.starts_with("# kept\n"), "{}", edited);
            let windows = write_into(Some(&WRITTEN.replace('\n', "\r\n")), &after).unwrap();
            prop_assert_eq!(&read(&windows), &after);
            prop_assert!(windows.starts_with("# Ours since 2019\r\n"), "{}", windows);
        }
    }
}
