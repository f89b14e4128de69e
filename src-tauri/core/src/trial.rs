//! A sign-in tried against one user, request by request, before anybody relies on it: the form's "Try it" and
//! `understudy check --user`. It really signs in, and out again; no window opens. What it does is in the audit
//! log like any other session.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::audit::{AuditLog, EndCause, Entry, Event, Subject, Who};
use crate::check::{Typed, password};
use crate::clock::Clock;
use crate::connection::{Connection, Origin};
use crate::directory;
use crate::error::{Code, Error, Result, SecretName};
use crate::impersonation::{self, About};
use crate::policy;
use crate::sign_in::{self, Rehearsal};
use crate::vault::Vault;

/// The reason in the audit log.
pub(crate) const REASON: &str = "Trying the sign-in";

/// What a trial needs beside the connection's text.
pub struct Trial<'a> {
    /// The connection's id, for its secrets.
    pub id: &'a str,
    pub text: &'a str,
    /// The same connection as it is stored, if it is.
    pub saved: Option<&'a Connection>,
    /// Secrets that are not stored yet.
    pub typed: &'a Typed,
    /// As the operator writes the user: an id.
    pub user: &'a str,
    pub operator: Who,
    /// Nothing new is sent from then on, but for what ends what was begun.
    pub stop: CancellationToken,
}

/// Signs in as the user, asks who that is, and signs out.
///
/// Fails when it cannot even begin: the text, the directory, the policy, a secret. What the application
/// says is in the [`Rehearsal`].
pub async fn run(trial: Trial<'_>, vault: &Vault, audit: &AuditLog, clock: &Clock) -> Result<Rehearsal> {
    let connection = Connection::parse(trial.id, trial.text, Origin::Own, None)?;
    let secrets = secrets(&connection, &trial, vault).await?;
    let key = password(trial.id, &connection.file.directory, vault, trial.typed).await;
    let directory = directory::open(&connection.file.directory, key.as_ref()).await?;
    let row = directory.user(trial.user).await;
    let info = directory.info();
    directory.close().await;
    let row = row?.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the id {}.", trial.user))
            .hint("Give the id as the directory shows it.")
    })?;
    let session = Uuid::now_v7().to_string();
    let given = Map::new();
    let about = About {
        connection: &connection,
        operator: &trial.operator,
        reason: REASON,
        given: &given,
        session: &session,
    };
    let mut context = impersonation::context(&about, &info, &row);
    policy::decide(&connection.policy, REASON, &context)?;
    let label = impersonation::user_label(&context, &row);
    let subject = Subject {
        connection: connection.id.clone(),
        connection_name: connection.file.name.clone(),
        environment: connection.file.environment,
        user_id: label.id,
        user_name: label.name,
        user_email: label.email,
    };
    for (name, secret) in &secrets {
        context["secret"][name] = secret.expose_secret().into();
    }
    let values: Vec<SecretString> = secrets.into_iter().map(|(_, secret)| secret).collect();
    sign_in::outline(&connection, &stamped(&context, &connection, clock))?;
    let begun = Entry::begun(clock.now_ms(), session.as_str(), trial.operator.clone(), subject, REASON);
    if trial.stop.is_cancelled() {
        return Err(Error::new(Code::Cancelled, "The trial was stopped before anything was sent."));
    }
    // No entry, no session: this one is short, but it is one.
    audit.append(begun.clone()).await?;
    let rehearsal =
        sign_in::rehearse(&connection, context, &values, clock.now_ms() / 1000, &trial.stop).await;
    let event = if rehearsal.ok {
        Event::Active
    } else {
        let status = rehearsal.exchanges.last().and_then(|exchange| exchange.status);
        Event::Refused { status, cause: rehearsal.outcome.clone() }
    };
    for event in [event, EndCause::Operator.into()] {
        // It has happened, and its report is worth having without the log. What is owed is written with the next.
        if let Err(error) = audit.append_or_owe(&begun, begun.then(clock.now_ms(), event)).await {
            tracing::error!("{error}");
        }
    }
    Ok(rehearsal)
}

fn stamped(context: &Value, connection: &Connection, clock: &Clock) -> Value {
    let mut context = context.clone();
    sign_in::complete(connection, &mut context, &Map::new(), clock.now_ms() / 1000);
    context
}

/// What was typed, or else what is stored. A stored secret goes only where it was stored for: a text that sends
/// it elsewhere has to be saved first, by somebody who means it.
async fn secrets(
    connection: &Connection,
    trial: &Trial<'_>,
    vault: &Vault,
) -> Result<Vec<(String, SecretString)>> {
    let is_as_saved = trial.saved.is_some_and(|saved| {
        saved.file.sign_in == connection.file.sign_in && saved.file.sign_out == connection.file.sign_out
    });
    let mut secrets = Vec::new();
    for name in connection.secrets() {
        let secret = match trial.typed.get(&name) {
            Some(typed) => typed.clone(),
            None if is_as_saved => {
                vault.require(&SecretName { connection: trial.id.to_owned(), name: name.clone() }).await?
            }
            None => {
                let wanted = SecretName { connection: trial.id.to_owned(), name: name.clone() };
                return Err(Error::new(
                    Code::SecretMissing,
                    format!("`{name}` is needed, and stored secrets go only where they were stored for."),
                )
                .hint("Type it here, or save the connection first, so that its sign-in is the one that you mean.")
                .secret(wanted));
            }
        };
        secrets.push((name, secret));
    }
    Ok(secrets)
}
