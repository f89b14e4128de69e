//! A sign-in test with one user, request by request, before anyone relies on the connection: *Test sign-in* in the form
//! and `understudy check --user`. It really signs in and out again, without a window, and is in the audit log like any
//! other session.
//!
//! This file decides whether a test may begin, and writes the audit log. `run` signs in and out, with a client in the
//! place of a window (`window`); `report` has what people read of it.

mod report;
mod run;
mod window;

use std::sync::Arc;

use serde_json::Map;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::audit::{AuditLog, EndCause, Entry, Event, OperatorIdentity, Subject};
use crate::check::{TypedSecrets, UNSAVED};
use crate::clock::Clock;
use crate::connection::{Connection, ConnectionSource};
use crate::customer_link::TicketContext;
use crate::directory::{self, Directory, Info, ListRequest, Row, Tier};
use crate::error::{Code, Error, Result, SecretName};
use crate::impersonation::{self, SessionFacts};
use crate::policy::{self, PolicyRefusal};
use crate::sanitize;
use crate::secrets::Secrets;
use crate::session::UserLabel;
use crate::sign_in;
use crate::team_log::TeamLog;
use crate::template::SignInContext;
use crate::vault::Vault;

pub use self::report::SignInTestReport;
use self::report::{SignInTestResult, TestRefusal};
use self::run::{PlannedTest, perform_sign_in_test};

/// The reason in the audit log.
pub(crate) const REASON: &str = "Trying the sign-in";

/// How much of an unknown ID a message quotes, in characters.
const MOST_OF_AN_ID: usize = 100;

/// No email address is longer, nor any ID with several spellings.
const LONGEST_NAMED: usize = 320;

/// What a sign-in test needs besides the connection's text.
pub struct SignInTest<'a> {
    /// The connection's ID, for its secrets; `None` if it is not saved yet.
    pub id: Option<&'a str>,
    pub text: &'a str,
    /// The saved connection, if there is one. If its stored secrets are used, its policy and its directory apply,
    /// whatever the text says.
    pub saved: Option<&'a Connection>,
    /// Secrets that are not stored yet.
    pub typed: &'a TypedSecrets,
    /// The user's ID, as the operator writes it.
    pub user: &'a str,
    pub operator: OperatorIdentity,
    /// Once cancelled, the test only sends what ends what it began.
    pub stop: CancellationToken,
    /// Once cancelled, the test waits for nothing more, not even for the end of what it began.
    pub abandon: CancellationToken,
}

/// What is known before anything is written or sent.
struct PreparedTest {
    connection: Connection,
    context: SignInContext,
    begun: Entry,
}

/// Signs in as the user, asks who is signed in, and signs out.
///
/// Fails if it cannot begin, because of the text, the directory, the policy or a secret. What the application answers
/// is in the [`SignInTestReport`].
pub async fn run_sign_in_test(
    trial: SignInTest<'_>,
    vault: &Vault,
    audit: &AuditLog,
    team_log: Option<&TeamLog>,
    clock: &Clock,
) -> Result<SignInTestReport> {
    // Stopping must not wait for a keyring's prompt or a database.
    let PreparedTest { connection, context, begun } = tokio::select! {
        biased;
        () = trial.stop.cancelled() => {
            return Err(Error::new(Code::Cancelled, "The test was stopped before anything was sent."));
        }
        prepared = Box::pin(prepare_test(&trial, vault, audit, clock)) => prepared?,
    };
    // No entry, no session: this one is short, but it is one.
    let written = audit.append(begun.clone()).await?;
    if let Some(log) = team_log
        && let Err(error) = log.await_required(&written).await
    {
        let ended = begun.with_event(clock.now_ms(), EndCause::NeverOpened.into());
        audit.append_or_owe(&begun, ended).await?;
        return Err(error);
    }
    let connection = Arc::new(connection);
    let planned = PlannedTest {
        session: &begun.session,
        connection: &connection,
        context,
        operator_email: &trial.operator.operator_email,
    };
    let rehearsing = Box::pin(perform_sign_in_test(planned, clock, &trial.stop));
    let tried = tokio::select! {
        biased;
        tried = rehearsing => tried,
        () = trial.abandon.cancelled() => {
            let sign_out_failed = Some("not confirmed: the test was abandoned before it had signed out".to_owned());
            let ended = Event::Ended { cause: EndCause::Operator, sign_out_failed, held_back: None };
            if let Err(error) = audit.append_or_owe(&begun, begun.with_event(clock.now_ms(), ended)).await {
                tracing::error!("{error:#}");
            }
            return Err(abandoned_error(&connection, &begun.whom));
        }
    };
    let SignInTestResult { shown, refused, sign_out_failed } = tried;
    let event = match refused {
        None => Event::Active,
        Some(TestRefusal { status, cause }) => Event::Refused { status, cause },
    };
    for event in [event, Event::Ended { cause: EndCause::Operator, sign_out_failed, held_back: None }] {
        // The test has happened, and its report is useful even if the log fails. The owed entry is written later.
        if let Err(error) = audit.append_or_owe(&begun, begun.with_event(clock.now_ms(), event)).await {
            tracing::error!("{error:#}");
        }
    }
    Ok(shown)
}

/// The error for a user who may still be signed in after an abandoned test.
fn abandoned_error(connection: &Connection, whom: &Subject) -> Error {
    let who = whom.user_email.as_ref().or(whom.user_name.as_ref()).unwrap_or(&whom.user_id);
    let place = connection.sign_in.origin.ascii_serialization();
    Error::new(
        Code::Cancelled,
        format!("The test was abandoned: {} may still be signed in at {place}.", sanitize::sanitize_line(who, LONGEST_NAMED)),
    )
    .with_hint("The application keeps such a session until it expires, or until you end it there. The audit log says so.")
}

async fn prepare_test(
    trial: &SignInTest<'_>,
    vault: &Vault,
    audit: &AuditLog,
    clock: &Clock,
) -> Result<PreparedTest> {
    let connection = Connection::parse(trial.id.unwrap_or(UNSAVED), trial.text, ConnectionSource::Own, None)?;
    let connection = connection.with_authority()?;
    let binding = find_binding_connection(&connection, trial)?;
    let from = Secrets { vault, id: trial.id, typed: trial.typed };
    let secrets = from.of_sign_in(&connection).await?;
    let (info, row) = read_user(&connection, trial, &from).await?;
    let session = Uuid::now_v7().to_string();
    let (given, ticket) = (Map::new(), TicketContext::default());
    let about = SessionFacts {
        connection: &connection,
        operator: &trial.operator,
        reason: REASON,
        given: &given,
        session: &session,
        mode: connection.policy.access.mode,
        ticket: &ticket,
    };
    let mut context = impersonation::template_context(&about, &info, &row);
    let label = impersonation::user_label(&info, &context, &row);
    if let Err(refusal) = policy::enforce_policy(&connection.policy, REASON, &context.rendered(), &info, &row)
    {
        return Err(record_denial(trial, audit, clock, (&connection, label), refusal).await);
    }
    for asking in [Some(&connection), binding].into_iter().flatten() {
        if asking.policy.approval.is_some() {
            let refusal = PolicyRefusal::not_approved(approval_error());
            return Err(record_denial(trial, audit, clock, (asking, label), refusal).await);
        }
    }
    if let Some(saved) = binding {
        let (info, row) = if saved.file.directory == connection.file.directory {
            (info.clone(), row.clone())
        } else {
            read_user(saved, trial, &from).await?
        };
        let context = impersonation::template_context(&about, &info, &row);
        if let Err(refusal) = policy::enforce_policy(&saved.policy, REASON, &context.rendered(), &info, &row)
        {
            return Err(record_denial(trial, audit, clock, (saved, label), refusal).await);
        }
    }
    let subject = Subject {
        connection: connection.id.clone(),
        connection_name: connection.file.name.clone(),
        environment: connection.file.environment,
        user_id: label.id,
        user_name: label.name,
        user_email: label.email,
    };
    for (name, secret) in secrets {
        context.add_secret(name, secret);
    }
    sign_in::render_outline(&connection, &stamp_context(&context, &connection, clock).rendered())?;
    let begun = Entry::for_new_session(clock.now_ms(), session, trial.operator.clone(), subject, REASON);
    Ok(PreparedTest { connection, context, begun })
}

/// A test signs in like a session, and nobody could approve it.
fn approval_error() -> Error {
    Error::new(
        Code::PolicyRefused,
        "This connection needs a colleague's approval for each sign-in, so its sign-in cannot be tested.",
    )
    .with_hint("Impersonate a user instead, with approval.")
}

/// Records that the policy refuses the test, and returns what the operator is told.
async fn record_denial(
    trial: &SignInTest<'_>,
    audit: &AuditLog,
    clock: &Clock,
    (connection, user): (&Connection, UserLabel),
    refusal: PolicyRefusal,
) -> Error {
    let denied = impersonation::denied_entry(clock.now_ms(), &trial.operator, connection, user, &refusal);
    audit.owe_console_entry(denied.with_reason(REASON, ""));
    if let Err(error) = audit.write_owed_entries().await {
        tracing::error!("{error:#}");
    }
    refusal.into()
}

fn stamp_context(context: &SignInContext, connection: &Connection, clock: &Clock) -> SignInContext {
    let mut context = context.clone();
    sign_in::complete_context(connection, &mut context, &Map::new(), clock.now_ms() / 1000);
    context
}

/// Reads the user from `connection`'s directory.
async fn read_user(
    connection: &Connection,
    trial: &SignInTest<'_>,
    from: &Secrets<'_>,
) -> Result<(Arc<Info>, Row)> {
    let part = &connection.file.directory;
    let password = from.password_if_any(part).await?;
    let directory = directory::open(part, password.as_ref()).await?;
    let row = match directory.find_user(trial.user).await {
        Ok(None) if trial.user.len() <= LONGEST_NAMED => find_respelled_user(&*directory, trial.user).await,
        answer => answer.map_err(Error::from),
    };
    let info = directory.info();
    directory.close().await;
    let row = row?.ok_or_else(|| {
        Error::new(
            Code::UserNotFound,
            format!("No user has the ID {}.", sanitize::sanitize_line(trial.user, MOST_OF_AN_ID)),
        )
        .with_hint("Enter the ID as the list shows it.")
    })?;
    Ok((info, row))
}

/// The only user whose ID or email address is `text` in another spelling.
async fn find_respelled_user(directory: &dyn Directory, text: &str) -> Result<Option<Row>> {
    let page = directory.search_users(&ListRequest::first_page(text, 2), &CancellationToken::new()).await?;
    let is_named = matches!(page.how.tier, Tier::Id | Tier::Email);
    Ok(<[Row; 1]>::try_from(page.rows).ok().filter(|_| is_named).map(|[row]| row))
}

/// The saved connection whose policy also applies because its stored secrets are used: an edited text must not use them
/// to sign in as a user whom the saved policy protects, or as a made-up one. `None` if all secrets that are needed were
/// typed.
fn find_binding_connection<'a>(
    connection: &Connection,
    trial: &SignInTest<'a>,
) -> Result<Option<&'a Connection>> {
    let Some(id) = trial.id else { return Ok(None) };
    let stored: Vec<String> = connection
        .sign_in_secret_names()
        .into_iter()
        .filter(|name| !trial.typed.contains_key(name))
        .collect();
    if stored.is_empty() {
        return Ok(None);
    }
    let refused = |message: String, hint: &str| {
        let secret = SecretName::new(id, &stored[0]);
        Err(Error::new(Code::SecretMissing, message).with_hint(hint).with_secret(secret))
    };
    let Some(saved) = trial.saved else {
        let message = format!(
            "`{}` is needed, but stored secrets are used only for connections that have been added.",
            stored[0]
        );
        return refused(message, "Add the file first, or type the secret in the connection's form.");
    };
    let (then, now) = (&saved.file.directory, &connection.file.directory);
    if (&then.url, &then.table, &then.id, &then.ssh) != (&now.url, &now.table, &now.id, &now.ssh) {
        let message = format!(
            "`{}` is stored for `{id}`, whose users are not in the same place as this text's.",
            stored[0]
        );
        return refused(message, "Save the connection first, or type the secret here.");
    }
    // The columns matter too: the sign-in may send any of them.
    let same_sign_in = saved.file.sign_in == connection.file.sign_in
        && saved.file.sign_out == connection.file.sign_out
        && then == now;
    if saved.source == ConnectionSource::System && !same_sign_in {
        let message = format!(
            "`{}` is stored for the sign-in and the users that IT handed out with `{id}`, but this text changes them.",
            stored[0]
        );
        return refused(message, "Test it as a connection of your own, with its own secret.");
    }
    Ok(Some(saved))
}
