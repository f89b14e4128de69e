//! The form's values, written into texts that people wrote by hand.

use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use super::write_into;
use crate::access::SessionMode;

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
    file.sign_out =
        Some(SignOutConfig { url: Some("https://app.acme.com/logout".into()), ..SignOutConfig::default() });
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
        any::<f64>().prop_filter("JSON has no other", |n| n.is_finite()).prop_map(serde_json::Value::from),
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
    fn ticket()(
        url in ".*", method in method(), headers in headers(), body in body(),
        evidence in prop::collection::vec(step(), 0..3),
    ) -> TicketConfig {
        TicketConfig { note: NoteConfig { url, method, headers, body, encoding: None }, evidence }
    }
}

prop_compose! {
    fn notify()(
        url in ".*", method in method(), headers in headers(), body in prop::option::of(body()),
    ) -> NotifyConfig {
        NotifyConfig { url, method, headers, body, encoding: None }
    }
}

prop_compose! {
    fn directory()(
        url in ".*", table in ".*", id in ".*",
        email in prop::option::of(".*"), name in prop::option::of(".*"), created_at in prop::option::of(".*"),
        columns in prop::collection::vec(".*", 0..3),
        masked in prop::collection::vec(".*", 0..3),
        search in prop::option::of(prop::collection::vec(".*", 0..3)),
        (uuid_bytes, timeout_ms, patience) in (
            prop::option::of(Just(UuidBytes::LittleEndian)),
            prop_oneof![Just(3000_u32), 100..60_000_u32],
            prop_oneof![Just(30_u32), 5..300_u32],
        ),
        password_command in prop::option::of(prop::collection::vec(".*", 0..3)),
        (ssh, page, related) in (
            prop::option::of(ssh()), prop::option::of(".*"), prop::collection::vec(related_table(), 0..3),
        ),
    ) -> DirectoryConfig {
        DirectoryConfig {
            url, table, id, email, name, created_at, columns, masked, search, uuid_bytes, timeout_ms, patience,
            password_command, ssh, page, related, origin: None,
        }
    }
}

prop_compose! {
    fn related_table()(
        label in ".*", table in ".*", user in ".*", through in prop::option::of(".*"),
        leads_to in prop::option::of(".*"), id in prop::option::of(".*"),
        created_at in prop::option::of(".*"), identify in prop::collection::vec(".*", 0..3),
        describe in prop::collection::vec(".*", 0..3), url in prop::option::of(".*"),
    ) -> RelatedTable {
        RelatedTable { label, table, user, through, leads_to, id, created_at, identify, describe, url }
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

fn credentials() -> impl Strategy<Value = Vec<CredentialsConfig>> {
    let one =
        (".*", ".*", ".*").prop_map(|(origin, user, password)| CredentialsConfig { origin, user, password });
    prop::collection::vec(one, 0..3)
}

prop_compose! {
    fn any_file()(
        name in ".*",
        environment in prop_oneof![Just(Environment::Production), Just(Environment::Development)],
        directory in directory().boxed(),
        sign_in in sign_in().boxed(),
        sign_out in prop::option::of(sign_out()).boxed(),
        reason in prop_oneof![Just(ReasonRule::Required), Just(ReasonRule::Optional)],
        max_minutes in prop::option::of(1..1440_u32),
        max_extensions in prop::option::of(0..20_u32),
        network in prop::option::of((prop::option::of(".*"), prop::option::of(".*"), credentials())),
        (protect, origins, mask) in (
            prop::collection::vec(".*", 0..3),
            prop::collection::vec(".*", 0..3),
            prop::collection::vec(".*", 0..3),
        ),
        ((mode, may_unlock, allow, hosts), (record_lookups, break_glass, approval)) in (
            access(),
            (any::<bool>(), any::<bool>(), prop::option::of(Just(ApprovalRule::SecondPerson))),
        ),
        (ticket, notify) in (prop::option::of(ticket()), prop::option::of(notify())).boxed(),
    ) -> ConnectionFile {
        ConnectionFile {
            name, environment, directory, sign_in, sign_out, ticket, notify,
            network: network.map(|(proxy, ca, credentials)| NetworkConfig { proxy, ca, gateway_user: None, credentials }),
            policy: PolicyConfig {
                reason, max_minutes, max_extensions, protect, mode, may_unlock, origins, mask, allow, record_lookups, approval, break_glass, hosts,
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
