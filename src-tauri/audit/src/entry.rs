//! One entry of a session: who, whom, why and what happened. Plain data, and how it maps to columns.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use ts_rs::TS;
use understudy_terms::{Environment, SessionMode};

use crate::error::{AuditCode, AuditError, Result};

/// One event of a session. No field ever carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The session's ID.
    pub session: String,
    pub event: Event,
    pub who: OperatorIdentity,
    pub whom: Subject,
    /// As the operator entered it; empty if the policy requires none.
    pub reason: String,
    /// What the session could do in the application when it began. `None` for what never had a window (a form, a
    /// sign-in test), and in entries before format 4.
    #[serde(default)]
    pub mode: Option<SessionMode>,
    /// The ticket that the session is for, as a link named it. `None` if there was none, and in entries before format 5.
    #[serde(default)]
    pub ticket: Option<String>,
    /// The version of Understudy that wrote the entry.
    pub app_version: String,
}

impl Entry {
    /// The first entry of a session. It is written before anything else happens.
    pub fn for_new_session(
        at_ms: i64,
        session: impl Into<String>,
        who: OperatorIdentity,
        whom: Subject,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            at_ms,
            session: session.into(),
            event: Event::Begun,
            who,
            whom,
            reason: reason.into(),
            mode: None,
            ticket: None,
            app_version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// The same, of a session that begins in this mode.
    #[must_use]
    pub fn with_mode(self, mode: SessionMode) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// The same, of a session for this ticket; empty: for none.
    #[must_use]
    pub fn with_ticket(self, ticket: &str) -> Self {
        Self { ticket: Some(ticket.to_owned()).filter(|ticket| !ticket.is_empty()), ..self }
    }

    /// The next event of the same session.
    #[must_use]
    pub fn with_event(&self, at_ms: i64, event: Event) -> Self {
        Self { at_ms, event, ..self.clone() }
    }
}

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// About to open; nothing has been sent yet.
    Begun,
    /// Signed in as the user.
    Active,
    /// The application refused the sign-in. A retry may still make the session active.
    Refused {
        /// The HTTP status of the answer; `None` if there was no answer.
        status: Option<u16>,
        /// One short sentence, cut at [`CAUSE_CHARS`] characters. Never the answer itself.
        cause: String,
    },
    /// The operator extended the session, as the policy allows.
    Extended {
        /// How far the deadline moved.
        minutes: u32,
    },
    /// The operator is about to get full access.
    Unlocked {
        /// As the operator entered it; empty if the policy requires none.
        reason: String,
    },
    /// The policy has not given the operator full access.
    UnlockDenied { why: String },
    /// The operator has made the session read-only.
    Locked,
    /// The first request of its kind that the session's fence held back; [`Event::Ended`] says how many there were.
    HeldBack(HeldBackRequest),
    /// A page of the session's windows has led out of the application, the first time to this host.
    Left(LeftApplication),
    /// A file was saved from a page of the session.
    Downloaded(DownloadedFile),
    Ended {
        cause: EndCause,
        /// Why the application may still have the session: one short sentence, cut at [`CAUSE_CHARS`] characters.
        /// `None` if the sign-out worked, if there was nothing to sign out of, and if it is unknown: after
        /// [`EndCause::Crash`], and in entries of format 1.
        sign_out_failed: Option<String>,
        /// How many requests were held back. `None` if that is unknown: if there was no window, after
        /// [`EndCause::Crash`], and in entries before format 4.
        #[serde(default)]
        held_back: Option<u64>,
    },
}

/// A request that was held back, without its query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBackRequest {
    pub method: String,
    /// With its port, if that is not the scheme's own.
    pub host: String,
    /// With its secrets masked.
    pub path: String,
}

/// Where a page outside of the application is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftApplication {
    pub host: String,
    /// In the operator's own browser, without the session's cookies.
    #[serde(default)]
    pub in_browser: bool,
}

/// A file from a page of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadedFile {
    pub name: String,
    /// The host it comes from; empty if the page made it.
    pub host: String,
    pub bytes: u64,
}

/// The longest cause that is kept for a refusal or a failed sign-out, in characters.
pub const CAUSE_CHARS: usize = 300;

impl Event {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Active => "active",
            Self::Refused { .. } => "refused",
            Self::Extended { .. } => "extended",
            Self::Unlocked { .. } => "unlocked",
            Self::UnlockDenied { .. } => "unlock_denied",
            Self::Locked => "locked",
            Self::HeldBack(_) => "held_back",
            Self::Left(_) => "left",
            Self::Downloaded(_) => "downloaded",
            Self::Ended { .. } => "ended",
        }
    }

    /// Whether the column `detail` is JSON.
    pub(super) fn has_json_detail(&self) -> bool {
        matches!(self, Self::HeldBack(_) | Self::Left(_) | Self::Downloaded(_))
    }

    /// The columns `status` and `detail`.
    pub(super) fn status_and_detail(&self) -> (Option<u16>, String) {
        match self {
            Self::Begun | Self::Active | Self::Locked => (None, String::new()),
            Self::Refused { status, cause } => (*status, truncate_cause(cause)),
            Self::Extended { minutes } => (None, minutes.to_string()),
            Self::Unlocked { reason } => (None, reason.clone()),
            Self::UnlockDenied { why } => (None, why.clone()),
            Self::HeldBack(request) => (None, to_json(request)),
            Self::Left(left) => (None, to_json(left)),
            Self::Downloaded(file) => (None, to_json(file)),
            Self::Ended { cause, .. } => (None, cause.as_str().into()),
        }
    }

    /// The column `sign_out_failed`.
    pub(super) fn sign_out_failed(&self) -> Option<String> {
        match self {
            Self::Ended { sign_out_failed, .. } => sign_out_failed.as_deref().map(truncate_cause),
            _ => None,
        }
    }

    /// The column `held_back`.
    pub(super) fn held_back(&self) -> Option<i64> {
        match self {
            Self::Ended { held_back, .. } => held_back.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
            _ => None,
        }
    }
}

/// What is written is made of texts and numbers, which JSON always takes.
fn to_json(detail: &impl Serialize) -> String {
    serde_json::to_string(detail).unwrap_or_default()
}

fn truncate_cause(sentence: &str) -> String {
    sentence.chars().take(CAUSE_CHARS).collect()
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum EndCause {
    /// The *End* button, or its key.
    Operator,
    /// The window was closed.
    WindowClosed,
    /// Understudy quit.
    Quit,
    /// The policy's time limit was reached.
    Deadline,
    /// Its window never opened.
    NeverOpened,
    /// Found unfinished when Understudy started again.
    Crash,
}

impl From<EndCause> for Event {
    /// An end without a failed sign-out.
    fn from(cause: EndCause) -> Self {
        Self::Ended { cause, sign_out_failed: None, held_back: None }
    }
}

impl EndCause {
    const ALL: [Self; 6] =
        [Self::Operator, Self::WindowClosed, Self::Quit, Self::Deadline, Self::NeverOpened, Self::Crash];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::WindowClosed => "window_closed",
            Self::Quit => "quit",
            Self::Deadline => "deadline",
            Self::NeverOpened => "never_opened",
            Self::Crash => "crash",
        }
    }
}

/// The operator, their account and their computer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorIdentity {
    /// From the operator's settings; may be empty.
    pub operator_name: String,
    /// From the operator's settings; may be empty.
    pub operator_email: String,
    /// The system account they are logged in with. They cannot change it in the settings.
    pub os_user: String,
    pub host: String,
}

impl OperatorIdentity {
    /// Takes name and email address from the settings; account and host come from the system.
    pub fn new(operator_name: impl Into<String>, operator_email: impl Into<String>) -> Self {
        Self {
            operator_name: operator_name.into(),
            operator_email: operator_email.into(),
            os_user: whoami::username().unwrap_or_else(|_| "unknown".into()),
            host: whoami::hostname().unwrap_or_else(|_| "unknown".into()),
        }
    }

    /// How lists call the operator: by name, else by email address, else by account.
    pub fn display_name(&self) -> &str {
        [&self.operator_name, &self.operator_email]
            .into_iter()
            .find(|word| !word.is_empty())
            .unwrap_or(&self.os_user)
    }
}

/// The impersonated user, and in which connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The connection's ID.
    pub connection: String,
    /// The connection's name at that time; it may have changed since.
    pub connection_name: String,
    pub environment: Environment,
    pub user_id: String,
    pub user_name: Option<String>,
    pub user_email: Option<String>,
}

/// The columns that [`read_entry`] needs.
pub(super) const COLUMNS: &str = "at_ms, session, event, operator_name, operator_email, os_user, host, \
     connection, connection_name, environment, user_id, user_name, user_email, reason, status, detail, \
     sign_out_failed, held_back, mode, ticket, app_version";

/// Reads one row of `SELECT COLUMNS`.
pub(super) fn read_entry(row: &SqliteRow) -> Result<Entry> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(|e| damaged_entry_error(&e));
    let maybe = |column: &str| row.try_get::<Option<String>, _>(column).map_err(|e| damaged_entry_error(&e));
    let event = match text("event")?.as_str() {
        "begun" => Event::Begun,
        "active" => Event::Active,
        "refused" => Event::Refused {
            status: row.try_get("status").map_err(|e| damaged_entry_error(&e))?,
            cause: text("detail")?,
        },
        "extended" => {
            let minutes = text("detail")?;
            Event::Extended {
                minutes: minutes.parse().map_err(|_| damaged_entry_error(&format!("{minutes} minutes")))?,
            }
        }
        "unlocked" => Event::Unlocked { reason: text("detail")? },
        "unlock_denied" => Event::UnlockDenied { why: text("detail")? },
        "locked" => Event::Locked,
        "held_back" => Event::HeldBack(from_json(&text("detail")?)?),
        "left" => Event::Left(from_json(&text("detail")?)?),
        "downloaded" => Event::Downloaded(from_json(&text("detail")?)?),
        "ended" => {
            let word = text("detail")?;
            let cause = EndCause::ALL.into_iter().find(|cause| cause.as_str() == word);
            Event::Ended {
                cause: cause.ok_or_else(|| damaged_entry_error(&format!("unknown cause \"{word}\"")))?,
                sign_out_failed: maybe("sign_out_failed")?,
                held_back: row
                    .try_get::<Option<i64>, _>("held_back")
                    .map_err(|e| damaged_entry_error(&e))?
                    .and_then(|count| u64::try_from(count).ok()),
            }
        }
        word => return Err(damaged_entry_error(&format!("unknown event \"{word}\""))),
    };
    let word = text("environment")?;
    let environment = find_environment(&word)
        .ok_or_else(|| damaged_entry_error(&format!("unknown environment \"{word}\"")))?;
    Ok(Entry {
        at_ms: row.try_get("at_ms").map_err(|e| damaged_entry_error(&e))?,
        session: text("session")?,
        event,
        who: OperatorIdentity {
            operator_name: text("operator_name")?,
            operator_email: text("operator_email")?,
            os_user: text("os_user")?,
            host: text("host")?,
        },
        whom: Subject {
            connection: text("connection")?,
            connection_name: text("connection_name")?,
            environment,
            user_id: text("user_id")?,
            user_name: maybe("user_name")?,
            user_email: maybe("user_email")?,
        },
        reason: text("reason")?,
        mode: maybe("mode")?.map(|word| parse_mode(&word)).transpose()?,
        ticket: maybe("ticket")?,
        app_version: text("app_version")?,
    })
}

fn from_json<T: for<'a> Deserialize<'a>>(detail: &str) -> Result<T> {
    serde_json::from_str(detail).map_err(|error| damaged_entry_error(&error))
}

/// The environment that is written like this.
pub(super) fn find_environment(word: &str) -> Option<Environment> {
    Environment::ALL.into_iter().find(|environment| environment.as_str() == word)
}

fn parse_mode(word: &str) -> Result<SessionMode> {
    SessionMode::ALL
        .into_iter()
        .find(|mode| mode.as_str() == word)
        .ok_or_else(|| damaged_entry_error(&format!("unknown mode \"{word}\"")))
}

fn damaged_entry_error(cause: &dyn std::fmt::Display) -> AuditError {
    AuditError::new(
        AuditCode::LogFailed,
        format!("Could not read the audit log: an entry is damaged ({cause})."),
    )
    .with_hint("Keep the file as it is and show it to whoever reviews the log.")
}
