//! What an entry says, in words for people: who, about whom, and what happened.

use crate::console_entry::{ConsoleEvent, DiscardedMessage, ExportKind, PolicyRule};
use crate::entry::{DownloadedFile, HeldBackRequest, LeftApplication};
use crate::reader::StoredEntry;

impl StoredEntry {
    /// The operator: by name, else by email address, else by account.
    pub fn operator(&self) -> String {
        self.first_text(&["operator_name", "operator_email", "os_user"])
    }

    /// The user: by email address, else by name, else by ID; empty if it is about none.
    pub fn user(&self) -> String {
        self.first_text(&["user_email", "user_name", "user_id"])
    }

    /// The connection: by name, else by ID; empty if it is about none.
    pub fn connection(&self) -> String {
        self.first_text(&["connection_name", "connection"])
    }

    fn first_text(&self, columns: &[&str]) -> String {
        columns.iter().map(|column| self.text(column)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// What happened, in a word or two.
    pub fn title(&self) -> String {
        self.text("event").replace('_', " ")
    }

    /// Who, and about whom, in which connection.
    pub fn describe_parties(&self) -> String {
        let (mut parties, user, connection) = (self.operator(), self.user(), self.connection());
        if !user.is_empty() {
            let word = if self.text("session").is_empty() { "about" } else { "as" };
            parties = format!("{parties} {word} {user}");
        }
        if connection.is_empty() { parties } else { format!("{parties} in {connection}") }
    }

    /// What it says beside who, about whom and when; empty if that is all.
    pub fn describe(&self) -> String {
        let detail = self.text("detail");
        match self.text("event").as_str() {
            "begun" => join(&[self.text("mode").replace('_', "-"), self.text("ticket"), self.text("reason")]),
            "refused" if !self.text("status").is_empty() => format!("{} {detail}", self.text("status")),
            "extended" => format!("by {detail} minutes"),
            "ended" => {
                let mut parts = vec![detail.replace('_', " ")];
                let held_back = self.text("held_back");
                if !held_back.is_empty() && held_back != "0" {
                    parts.push(format!("{held_back} held back"));
                }
                let failed = self.text("sign_out_failed");
                if !failed.is_empty() {
                    parts.push(format!("sign-out failed: {failed}"));
                }
                parts.join(", ")
            }
            event => describe_detail(event, &detail)
                .map(|words| join(&[words, self.reason_outside_session(), self.ticket_outside_session()]))
                // Text, or an event that a later version has written.
                .unwrap_or(detail),
        }
    }

    /// In a session, each entry repeats what it began with.
    fn reason_outside_session(&self) -> String {
        if self.text("session").is_empty() { self.text("reason") } else { String::new() }
    }

    fn ticket_outside_session(&self) -> String {
        if self.text("session").is_empty() { self.text("ticket") } else { String::new() }
    }
}

fn join(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What the JSON in `detail` says; `None` if this version does not know such an event.
fn describe_detail(event: &str, detail: &str) -> Option<String> {
    Some(match event {
        "held_back" => {
            let HeldBackRequest { method, host, path } = serde_json::from_str(detail).ok()?;
            format!("{method} {host}{path}")
        }
        "left" => {
            let LeftApplication { host, in_browser } = serde_json::from_str(detail).ok()?;
            format!("to {host}{}", if in_browser { ", in the operator's own browser" } else { "" })
        }
        "downloaded" => {
            let DownloadedFile { name, host, bytes } = serde_json::from_str(detail).ok()?;
            let from = if host.is_empty() { "made by the page".into() } else { format!("from {host}") };
            format!("{name}, {}, {from}", count(bytes, "byte", "bytes"))
        }
        _ => describe_console_event(&ConsoleEvent::from_columns(event, detail)?),
    })
}

fn describe_console_event(event: &ConsoleEvent) -> String {
    match event {
        ConsoleEvent::Started | ConsoleEvent::Stopped | ConsoleEvent::DetailsOpened => String::new(),
        ConsoleEvent::Denied { rule, quoted } => {
            let why = match rule {
                PolicyRule::Protected => "the user is protected",
                PolicyRule::ValueCut => "a value that a rule asks for is too long to be seen",
                PolicyRule::RuleFailed => "a rule could not be applied",
                PolicyRule::ReasonMissing => "no reason was given",
                PolicyRule::NotApproved => "nobody has approved it",
                PolicyRule::ReasonTooLong => "the reason was too long",
            };
            quoted.as_ref().map_or_else(|| why.to_owned(), |rule| format!("{why}: {rule}"))
        }
        ConsoleEvent::ApprovalAsked { mode } | ConsoleEvent::GlassBroken { mode } => {
            mode.as_str().replace('_', "-")
        }
        ConsoleEvent::Approved(name)
        | ConsoleEvent::ApprovalDeclined(name)
        | ConsoleEvent::ApprovalExpired(name)
        | ConsoleEvent::ApprovalUsed(name) => {
            format!("entry {} of log {}", name.id, name.log.chars().take(8).collect::<String>())
        }
        ConsoleEvent::SecretStored { name, this_run_only } => {
            format!("{name}{}", if *this_run_only { ", until Understudy quits" } else { "" })
        }
        ConsoleEvent::SecretForgotten { name } => name.clone(),
        ConsoleEvent::ValueRevealed { column } => column.clone(),
        ConsoleEvent::SecretRedirected { name, to } => format!("{name} to {to}"),
        ConsoleEvent::ConnectionAdded { elsewhere } | ConsoleEvent::ConnectionRemoved { elsewhere } => {
            say_elsewhere(*elsewhere).into()
        }
        ConsoleEvent::ConnectionChanged { keys, elsewhere } => {
            join(&[keys.join(", "), say_elsewhere(*elsewhere).into()])
        }
        ConsoleEvent::TeamFileChanged { keys, is_gone } => {
            join(&[keys.join(", "), if *is_gone { "the file is gone".into() } else { String::new() }])
        }
        ConsoleEvent::OperatorChanged { name, email } => {
            let now: Vec<&str> = [name.as_str(), email].into_iter().filter(|part| !part.is_empty()).collect();
            if now.is_empty() { "now without a name".into() } else { format!("now {}", now.join(", ")) }
        }
        ConsoleEvent::MessageDiscarded { what, session } => {
            let what = match what {
                DiscardedMessage::Notification => "message to the application",
                DiscardedMessage::Summary => "summary for the ticket",
                DiscardedMessage::Unreadable => "damaged message",
            };
            what.to_owned() + &of_session(session.as_deref())
        }
        ConsoleEvent::Exported { what, format, rows, session } => {
            let what = match (what, rows) {
                (ExportKind::Users, Some(rows)) => count(*rows, "user", "users"),
                (ExportKind::Users, None) => "users".into(),
                (ExportKind::Evidence, _) => "evidence".into(),
                (ExportKind::Summary, _) => "summary".into(),
                (ExportKind::AuditLog, _) => "audit log".into(),
                (ExportKind::ConnectionFile, _) => "connection file".into(),
            };
            join(&[what + &of_session(session.as_deref()), format.clone()])
        }
        ConsoleEvent::EntriesRemoved { through, keep_days, .. } => {
            format!("up to entry {through}, kept for {}", count(u64::from(*keep_days), "day", "days"))
        }
        ConsoleEvent::Searched { text, columns, rows } => {
            let text =
                text.as_ref().map(|hash| format!("text {}", hash.chars().take(12).collect::<String>()));
            let columns = Some(columns.join(", ")).filter(|names| !names.is_empty());
            join(&[
                text.unwrap_or_default(),
                columns.map(|names| format!("filtered by {names}")).unwrap_or_default(),
                format!("{} shown", count(*rows, "user", "users")),
            ])
        }
    }
}

/// Its ID, as short as lists show it.
fn of_session(session: Option<&str>) -> String {
    let short = |session: &str| format!(" of session {}", session.chars().take(8).collect::<String>());
    session.map(short).unwrap_or_default()
}

fn say_elsewhere(elsewhere: bool) -> &'static str {
    if elsewhere { "outside of the console" } else { "" }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
