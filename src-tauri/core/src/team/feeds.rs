//! Checks what the team file says about systems that get the audit log's entries.

use std::collections::BTreeSet;

use super::{OtlpConfig, TEAM, TeamAuditConfig};
use crate::connection::{DATABASE_PASSWORD, KeyFaults, RequestSender, check_header, no_secret_in_text};
use crate::template::{Scope, Template, TemplateFault};

pub(super) fn check_feeds(part: &TeamAuditConfig, faults: &mut KeyFaults) {
    if let Some(webhook) = &part.webhook {
        check_url("audit.webhook.url", &webhook.url, faults);
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
        };
        if webhook.secret.starts_with("whsec_") {
            let what = format!(
                "holds a secret, which does not belong in a file. Write the name of one, such as `audit_webhook`, and \
                 store it with `understudy secret set {TEAM} audit_webhook`"
            );
            faults.add_fault("audit.webhook.secret", what);
        } else if webhook.secret == DATABASE_PASSWORD {
            faults
                .add_fault("audit.webhook.secret", "is the name of the database's password; use another one");
        } else if part.otlp.as_ref().is_some_and(|otlp| secrets_of(otlp).contains(&webhook.secret)) {
            let what =
                "is a secret of `otlp` too, and a stored secret goes to one place only; use another one";
            faults.add_fault("audit.webhook.secret", what);
        } else if !is_name(&webhook.secret) {
            faults
                .add_fault("audit.webhook.secret", "has to be the name of a secret: letters, digits and `_`");
        }
    }
    if let Some(otlp) = &part.otlp {
        check_url("audit.otlp.url", &otlp.url, faults);
        for (name, value) in &otlp.headers {
            let key = format!("audit.otlp.headers.{name}");
            check_header(&key, name, value, RequestSender::Console, faults);
            no_secret_in_text(&key, name, value, TEAM, &Scope::for_secrets(), faults);
            if let Err(fault) = compile_feed_header(name, value) {
                faults.add_fault(&key, fault.message);
            }
        }
    }
}

/// The names of the secrets in a collector's headers.
pub(crate) fn secrets_of(otlp: &OtlpConfig) -> BTreeSet<String> {
    let templates = otlp.headers.iter().filter_map(|(name, value)| compile_feed_header(name, value).ok());
    templates.flat_map(|template| template.secret_names()).collect()
}

/// A header's value, in which secrets may be.
pub(crate) fn compile_feed_header(name: &str, value: &str) -> Result<Template, TemplateFault> {
    Template::parse(&format!("audit.otlp.headers.{name}"), value, &Scope::for_secrets())
}

/// It is written out: nothing in it comes from somewhere else.
fn check_url(key: &str, url: &str, faults: &mut KeyFaults) {
    let nothing = Scope::for_nothing();
    match Template::parse_url(key, url, &nothing) {
        Ok(_) if url.contains("{{") || url.contains("{%") => {
            faults.add_fault(key, "has to be written out: it is no template");
        }
        Ok(_) => {}
        Err(fault) => faults.add_fault(key, fault.message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_team_file;

    fn faults(text: &str) -> Vec<(String, String)> {
        let error = parse_team_file("team.toml", text).expect_err(text);
        error.faults.into_iter().map(|fault| (fault.key, fault.message)).collect()
    }

    #[test]
    fn systems_are_named_with_the_names_of_their_secrets() {
        let text = "[audit]\nwebhook = { url = \"https://siem.example/in\", secret = \"audit_webhook\" }\n\
            otlp = { url = \"http://127.0.0.1:4318/v1/logs\", headers = { x-api-key = \"{{ secret.otlp_key }}\" } }\n";
        let audit = parse_team_file("team.toml", text).unwrap().audit.unwrap();
        assert_eq!(audit.webhook.unwrap().secret, "audit_webhook");
        assert_eq!(audit.otlp.unwrap().headers.len(), 1);
    }

    #[test]
    fn a_secret_in_the_file_and_an_unsafe_place_are_refused() {
        for (rest, key, says) in [
            ("webhook = { url = \"http://siem.example/in\", secret = \"a\" }", "audit.webhook.url", "https"),
            (
                "webhook = { url = \"https://s.example/\", secret = \"whsec_canary\" }",
                "audit.webhook.secret",
                "name of one",
            ),
            (
                "webhook = { url = \"https://s.example/\", secret = \"a b\" }",
                "audit.webhook.secret",
                "letters",
            ),
            (
                "webhook = { url = \"https://s.example/\", secret = \"database_password\" }",
                "audit.webhook.secret",
                "another",
            ),
            (
                "webhook = { url = \"https://s.example/\", secret = \"a\" }\notlp = { url = \"https://s.example/\", headers = { b = \"{{ secret.a }}\" } }",
                "audit.webhook.secret",
                "one place",
            ),
            ("otlp = { url = \"https://s.example/{{ secret.a }}\" }", "audit.otlp.url", "secret"),
            (
                "otlp = { url = \"https://s.example/\", headers = { authorization = \"Bearer canary\" } }",
                "audit.otlp.headers.authorization",
                "holds a secret",
            ),
            (
                "otlp = { url = \"https://s.example/\", headers = { a = \"{{ user.id }}\" } }",
                "audit.otlp.headers.a",
                "user.id",
            ),
        ] {
            let found = faults(&format!("[audit]\n{rest}\n"));
            assert!(found.iter().any(|(at, what)| at == key && what.contains(says)), "{rest}: {found:?}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        }
    }
}
