//! An entry that belongs to no session: what the operator did in the console, or was refused. Plain data, and how it maps
//! to columns.
//!
//! An event is a word, and what it says besides is a JSON object in the column `detail`: so a later kind needs no other
//! format, and an earlier version shows it as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;
use understudy_terms::{Environment, SessionMode};

use crate::entry::OperatorIdentity;

/// One entry outside of sessions. No field ever carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleEntry {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub event: ConsoleEvent,
    pub who: OperatorIdentity,
    /// The connection that it is about, if it is about one.
    pub connection: Option<NamedConnection>,
    /// The user that it is about, if it is about one.
    pub user: Option<NamedUser>,
    /// As the operator entered it, if they were asked.
    pub reason: String,
    pub ticket: Option<String>,
    /// The version of Understudy that wrote the entry.
    pub app_version: String,
}

/// A connection as it was called then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedConnection {
    pub id: String,
    /// `None` if its file could not be read.
    pub name: Option<String>,
    pub environment: Option<Environment>,
}

/// A user as the directory called them then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedUser {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

impl ConsoleEntry {
    pub fn new(at_ms: i64, who: OperatorIdentity, event: ConsoleEvent) -> Self {
        Self {
            at_ms,
            event,
            who,
            connection: None,
            user: None,
            reason: String::new(),
            ticket: None,
            app_version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    #[must_use]
    pub fn about_connection(self, connection: NamedConnection) -> Self {
        Self { connection: Some(connection), ..self }
    }

    #[must_use]
    pub fn about_user(self, user: NamedUser) -> Self {
        Self { user: Some(user), ..self }
    }

    /// The same, with what the operator gave as reason and ticket; either may be empty.
    #[must_use]
    pub fn with_reason(self, reason: &str, ticket: &str) -> Self {
        let ticket = Some(ticket.to_owned()).filter(|ticket| !ticket.is_empty());
        Self { reason: reason.to_owned(), ticket, ..self }
    }
}

/// What happened in the console. The names of secrets, keys and columns are written, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "detail", rename_all = "snake_case")]
pub enum ConsoleEvent {
    /// Understudy has started.
    Started,
    /// It quits, and all sessions have ended.
    Stopped,
    /// The policy refused an impersonation.
    Denied {
        rule: PolicyRule,
        /// The rule of the connection file, quoted; `None` if it is no expression.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<String>,
    },
    SecretStored {
        name: String,
        /// It is kept until Understudy quits, not in the keyring.
        this_run_only: bool,
    },
    SecretForgotten {
        name: String,
    },
    /// The operator lets a stored secret go to another destination.
    SecretRedirected {
        name: String,
        to: String,
    },
    ConnectionAdded {
        /// The file was put there by other means than this console, perhaps while none ran.
        #[serde(default)]
        elsewhere: bool,
    },
    ConnectionChanged {
        /// The keys of its file that have another value, are new or are gone, as paths with dots.
        keys: Vec<String>,
        /// As in [`Self::ConnectionAdded`].
        #[serde(default)]
        elsewhere: bool,
    },
    ConnectionRemoved {
        /// As in [`Self::ConnectionAdded`].
        #[serde(default)]
        elsewhere: bool,
    },
    /// The team file that counts is another one, or says something else.
    TeamFileChanged {
        /// As in [`Self::ConnectionChanged`]; all of them if the file is new or gone.
        keys: Vec<String>,
        /// There is none any longer.
        #[serde(default)]
        is_gone: bool,
    },
    /// The operator gives themselves another name or email address; the entry is still by the former ones.
    OperatorChanged {
        name: String,
        email: String,
    },
    /// About to leave Understudy. Written before it does.
    Exported {
        what: ExportKind,
        /// Such as `csv`.
        format: String,
        /// How many users or entries; `None` if that is no measure of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
        /// The session that it is from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// About to show what a search has found, where the connection wants that recorded. Written before it is shown.
    Searched {
        /// The salted hash of the text; `None` if there was no text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The columns of its filters.
        columns: Vec<String>,
        rows: u64,
    },
    /// A message that has not arrived is about to be thrown away. Written before it is.
    MessageDiscarded {
        what: DiscardedMessage,
        /// The session that it is about, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// Entries have been kept for long enough and are removed. Written before they are.
    EntriesRemoved {
        /// The last of them; all before it go, too.
        through: i64,
        /// That entry's hash, which stays.
        hash: String,
        /// How long entries are kept, as the team's file says.
        keep_days: u32,
        /// Ed25519, in hexadecimal digits: the keyring's public key, and its signature of what goes. Without the
        /// keyring, nobody can make entries go unnoticed.
        key: String,
        signature: String,
    },
    /// About to show a user's details, where the connection wants that recorded. Written before they are shown.
    DetailsOpened,
    /// About to show the operator a value that is masked. Written before it is shown.
    ValueRevealed {
        column: String,
    },
    /// The operator asks the team to approve a session. Written before anybody is asked.
    ApprovalAsked {
        /// How the session would begin.
        mode: SessionMode,
    },
    /// A colleague's request is approved.
    Approved(RequestName),
    ApprovalDeclined(RequestName),
    /// The operator's own request can no longer be approved or used.
    ApprovalExpired(RequestName),
    /// An approved session is about to begin. An approval is used once.
    ApprovalUsed(RequestName),
    /// A session is about to begin without the approval that it needs.
    GlassBroken {
        mode: SessionMode,
    },
}

/// What in the policy refused an impersonation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyRule {
    /// A rule protects the user.
    Protected,
    /// A rule asks for a value that the database has not given whole.
    ValueCut,
    /// A rule could not be evaluated for this user.
    RuleFailed,
    ReasonMissing,
    ReasonTooLong,
    /// Nobody has approved it.
    NotApproved,
}

/// A request for approval: the entry that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RequestName {
    /// The ID of the log that it is in.
    pub log: String,
    /// The entry's number there.
    #[ts(type = "number")]
    pub id: i64,
}

/// What was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscardedMessage {
    /// For the application, which does not learn of the session then.
    Notification,
    /// For the ticket.
    Summary,
    /// Either of them: its file was damaged.
    Unreadable,
}

/// What left Understudy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// Rows of the list, to the clipboard.
    Users,
    Evidence,
    /// Of a session: to the clipboard, or into its ticket.
    Summary,
    AuditLog,
    ConnectionFile,
}

impl ConsoleEvent {
    /// The columns `event` and `detail`.
    pub(super) fn to_columns(&self) -> (String, String) {
        let value = serde_json::to_value(self).unwrap_or_default();
        let word = value.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        (word, value.get("detail").map(Value::to_string).unwrap_or_default())
    }

    /// `None` if this version does not know such an event.
    pub(super) fn from_columns(event: &str, detail: &str) -> Option<Self> {
        let mut value = serde_json::json!({ "event": event });
        if !detail.is_empty() {
            value["detail"] = serde_json::from_str(detail).ok()?;
        }
        serde_json::from_value(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = ConsoleEvent> {
        let rule = prop_oneof![Just(PolicyRule::Protected), Just(PolicyRule::ReasonTooLong)];
        let columns = proptest::collection::vec(".*", 0..4);
        prop_oneof![
            Just(ConsoleEvent::Started),
            Just(ConsoleEvent::DetailsOpened),
            ".*".prop_map(|column| ConsoleEvent::ValueRevealed { column }),
            Just(ConsoleEvent::ApprovalAsked { mode: SessionMode::ReadOnly }),
            (".*", any::<i64>()).prop_map(|(log, id)| ConsoleEvent::ApprovalUsed(RequestName { log, id })),
            (rule, proptest::option::of(".*"))
                .prop_map(|(rule, quoted)| ConsoleEvent::Denied { rule, quoted }),
            (".*", any::<bool>())
                .prop_map(|(name, this_run_only)| ConsoleEvent::SecretStored { name, this_run_only }),
            (".*", ".*").prop_map(|(name, to)| ConsoleEvent::SecretRedirected { name, to }),
            (any::<i64>(), "[0-9a-f]{64}", any::<u32>()).prop_map(|(through, hash, keep_days)| {
                let (key, signature) = (hash.clone(), hash.clone());
                ConsoleEvent::EntriesRemoved { through, hash, keep_days, key, signature }
            }),
            (columns.clone(), any::<bool>())
                .prop_map(|(keys, elsewhere)| ConsoleEvent::ConnectionChanged { keys, elsewhere }),
            (columns.clone(), any::<bool>())
                .prop_map(|(keys, is_gone)| ConsoleEvent::TeamFileChanged { keys, is_gone }),
            (".*", ".*").prop_map(|(name, email)| ConsoleEvent::OperatorChanged { name, email }),
            (
                prop_oneof![
                    Just(DiscardedMessage::Notification),
                    Just(DiscardedMessage::Summary),
                    Just(DiscardedMessage::Unreadable)
                ],
                proptest::option::of(".*")
            )
                .prop_map(|(what, session)| ConsoleEvent::MessageDiscarded { what, session }),
            (proptest::option::of("[0-9a-f]{64}"), columns, any::<u64>())
                .prop_map(|(text, columns, rows)| ConsoleEvent::Searched { text, columns, rows }),
        ]
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_it_was_written(event in any_event()) {
            let (word, detail) = event.to_columns();
            prop_assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", word);
            prop_assert_eq!(ConsoleEvent::from_columns(&word, &detail), Some(event));
        }

        #[test]
        fn what_is_not_an_event_is_none(word in "[a-z_]*", detail in ".*") {
            // Does not panic, and makes nothing up.
            if let Some(event) = ConsoleEvent::from_columns(&word, &detail) {
                prop_assert_eq!(event.to_columns().0, word);
            }
        }
    }
}
