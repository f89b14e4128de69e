//! What templates and expressions see of an impersonation, and what the audit log records of it.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::access::SessionMode;
use crate::audit::{NamedConnection, NamedUser, OperatorIdentity, Subject};
use crate::connection::Connection;
use crate::customer_link::TicketContext;
use crate::directory::{FieldKind, Info, Row};
use crate::error::{Code, Error};
use crate::session::{SessionView, UserLabel};
use crate::template::SignInContext;

/// What templates see besides the user.
pub(crate) struct SessionFacts<'a> {
    pub connection: &'a Connection,
    pub operator: &'a OperatorIdentity,
    pub reason: &'a str,
    pub given: &'a Map<String, Value>,
    pub session: &'a str,
    /// What the session may do in the application when it is signed in.
    pub mode: SessionMode,
    pub ticket: &'a TicketContext,
}

/// The context for templates and expressions, without secrets.
pub(crate) fn template_context(about: &SessionFacts<'_>, info: &Info, row: &Row) -> SignInContext {
    let SessionFacts { connection, operator: who, reason, given, session, mode, ticket } = about;
    let mut operator = json!({ "name": who.display_name() });
    if !who.operator_email.is_empty() {
        operator["email"] = who.operator_email.clone().into();
    }
    let open = json!({
        "user": info.user_context(row),
        "operator": operator,
        "reason": reason,
        "session": describe_session(session, *mode, ticket),
        "connection": {
            "id": connection.id,
            "name": connection.file.name,
            "environment": connection.file.environment,
        },
    });
    SignInContext::new(open, (*given).clone()).with_masked_values(list_masked_values(info, row))
}

/// `session` in templates.
pub(crate) fn describe_session(id: &str, mode: SessionMode, ticket: &TicketContext) -> Value {
    json!({ "id": id, "mode": mode, "ticket": ticket.ticket })
}

/// Shorter values stand in too much else: `DE`, `42`.
const SHORTEST_MASKED: usize = 6;

/// The user's values that the directory masks, as the database has them, to keep them out of what is shown and kept of a
/// session; of JSON, also what stands in it.
fn list_masked_values(info: &Info, row: &Row) -> Vec<SecretString> {
    let mut values = Vec::new();
    for (column, cell) in info.columns.iter().zip(&row.cells).filter(|(column, _)| column.masked) {
        let Some(cell) = cell else { continue };
        values.push(cell.clone());
        if column.kind == FieldKind::Json {
            list_json_values(&serde_json::from_str(cell).unwrap_or_default(), &mut values);
        }
    }
    let is_long = |value: &String| value.trim().chars().count() >= SHORTEST_MASKED;
    values.into_iter().filter(is_long).map(SecretString::from).collect()
}

fn list_json_values(json: &Value, values: &mut Vec<String>) {
    match json {
        Value::String(text) => values.push(text.clone()),
        Value::Number(number) => values.push(number.to_string()),
        Value::Array(items) => {
            for item in items {
                list_json_values(item, values);
            }
        }
        Value::Object(fields) => {
            for field in fields.values() {
                list_json_values(field, values);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

pub(crate) fn user_label(info: &Info, context: &SignInContext, row: &Row) -> UserLabel {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    let text = |key: &str| context.user()[key].as_str().and_then(said);
    let company = info.columns.iter().position(|column| column.company);
    let company = company.and_then(|at| row.cells.get(at)?.as_deref()).and_then(said);
    UserLabel { id: row.id.clone(), name: text("name"), email: text("email"), company }
}

/// If a template fails because the operator's email address is missing, the operator can fix that, and the
/// connection's maintainer can't. So the hint changes.
pub(super) fn add_email_hint(error: Error, operator_email: &str) -> Error {
    let wants_email = error.code == Code::TemplateFailed && error.message.contains("`operator.email`");
    if wants_email && operator_email.is_empty() {
        let hint = "The connection uses {{ operator.email }}: enter your email address in Settings.";
        return Error { hint: Some(hint.into()), ..error };
    }
    error
}

pub(crate) fn to_subject(view: &SessionView) -> Subject {
    Subject {
        connection: view.connection.clone(),
        connection_name: view.connection_name.clone(),
        environment: view.environment,
        user_id: view.user.id.clone(),
        user_name: view.user.name.clone(),
        user_email: view.user.email.clone(),
    }
}

pub(crate) fn name_connection(connection: &Connection) -> NamedConnection {
    NamedConnection {
        id: connection.id.clone(),
        name: Some(connection.file.name.clone()),
        environment: Some(connection.file.environment),
    }
}

pub(crate) fn name_user(user: UserLabel) -> NamedUser {
    NamedUser { id: user.id, name: user.name, email: user.email }
}
