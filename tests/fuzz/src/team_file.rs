//! Team files.

use understudy_core::team::parse_team_file;
use url::Url;

use crate::{CANARY, as_shown, knows_secret};

pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    if knows_secret(input) {
        return false;
    }
    check_secrets(text);
    let file = match parse_team_file("team.toml", text) {
        Ok(file) => file,
        Err(error) => {
            let lines = text.lines().count() + 1;
            for fault in &error.faults {
                assert!((1..=lines).contains(&(fault.line as usize)) && fault.column > 0, "{fault:?}");
            }
            return false;
        }
    };
    if !text.starts_with('\u{feff}') {
        let marked = format!("\u{feff}{text}");
        assert_eq!(parse_team_file("team.toml", &marked).ok().as_ref(), Some(&file));
    }
    let Some(audit) = file.audit else { return true };
    assert!(audit.url.is_some() || !audit.required);
    assert_ne!(audit.keep_days, Some(0));
    if audit.url.is_some() {
        // They become names in SQL.
        let (role, database) = audit.role_and_database().expect("a role and a database");
        assert!(!role.is_empty() && !database.is_empty());
        assert!(!format!("{role}{database}").contains(|one: char| one == '$' || one.is_control()));
    }
    for url in
        [audit.webhook.map(|webhook| webhook.url), audit.otlp.map(|otlp| otlp.url)].into_iter().flatten()
    {
        let url = Url::parse(&url).expect("a URL");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        let host = url.host_str().expect("a host").trim_end_matches('.');
        let is_here = host == "localhost"
            || host.ends_with(".localhost")
            || host.starts_with("127.")
            || host == "[::1]";
        assert!(url.scheme() == "https" || url.scheme() == "http" && is_here, "{url}");
    }
    true
}

/// Whatever else a file says, secrets in it are refused, and not repeated.
fn check_secrets(text: &str) {
    let Ok(file) = toml::from_str::<toml::Table>(text) else { return };
    if !file.get("audit").is_some_and(toml::Value::is_table) {
        return;
    }
    let otlp = toml::toml! { url = "https://collector.example/v1/logs" };
    let header = toml::Table::from_iter([("authorization".into(), format!("Bearer {CANARY}").into())]);
    let otlp = otlp.into_iter().chain([("headers".into(), header.into())]).collect::<toml::Table>();
    let webhook = toml::Table::from_iter([
        ("url".into(), "https://siem.example/in".into()),
        ("secret".into(), format!("whsec_{CANARY}").into()),
    ]);
    for (key, value) in [
        ("url", format!("postgres://understudy:{CANARY}@db.example/audit").into()),
        ("url", format!("postgres://understudy@db.example/audit?password={CANARY}").into()),
        ("webhook", webhook.into()),
        ("otlp", otlp.into()),
    ] {
        let mut file = file.clone();
        file["audit"].as_table_mut().expect("a table").insert(key.into(), value);
        let Ok(text) = toml::to_string(&file) else { continue };
        let error = parse_team_file("team.toml", &text).expect_err("a secret in the file is refused");
        assert!(!as_shown(&error).contains(CANARY), "{error}");
    }
}
