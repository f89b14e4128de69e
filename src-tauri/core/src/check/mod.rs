//! Checks whether a connection works before anyone relies on it: `understudy check` and the form's test button.
//!
//! `report` is what it finds; `database` reads users as the list will, `usage` renders what the file would do with one.

mod database;
mod report;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::HashMap;

use secrecy::SecretString;
use serde_json::json;

use self::database::{open_directory, read_some};
use self::usage::{check_access, check_notify, check_policy, check_sign_in, check_ticket};
use crate::connection::{Connection, ConnectionSource};
use crate::directory::{FieldKind, Info, Role};
use crate::error::Result;
use crate::masks::Masks;
use crate::secrets::{SecretLocation, Secrets};
use crate::vault::{SecretState, Vault};

pub(crate) use database::SAMPLE;
pub use report::{Report, Status, Step};

/// Secrets from a form that are not stored yet, by name.
pub type TypedSecrets = HashMap<String, SecretString>;

/// The ID of a connection without a file. It has no stored secrets, even if another connection has this ID.
pub(crate) const UNSAVED: &str = "new";

/// Tries everything that can be tried without signing in: reads the file, looks for the secrets, opens the directory,
/// reads a few users, renders the sign-in for the first one. `typed` are secrets that are not stored yet; they are used
/// from memory.
///
/// Fails with [`Code::DestinationChanged`](crate::error::Code::DestinationChanged), before anything is sent, if the
/// stored password is for another destination.
///
/// `masked` are columns whose values stay hidden besides those that `text` masks.
pub async fn check_connection(
    id: Option<&str>,
    text: &str,
    vault: &Vault,
    typed: &TypedSecrets,
    masked: &[String],
) -> Result<Report> {
    let mut report = Report::empty();
    let connection = match Connection::parse(id.unwrap_or(UNSAVED), text, ConnectionSource::Own, None) {
        Ok(connection) => connection,
        Err(error) => {
            report.faults.clone_from(&error.faults);
            report.add_failure("Connection file", error);
            return Ok(report);
        }
    };
    let secrets = Secrets { vault, id, typed };
    let password = secrets.password_if_any(&connection.file.directory).await?;
    let file = &connection.file;
    report.add_step(
        "Connection file",
        Status::Ok,
        format!("{} · {}", file.name, json!(file.environment).as_str().unwrap_or_default()),
        None,
    );
    check_access(&connection, &mut report);
    check_secrets(&connection, &secrets, &mut report).await;
    if let Some(directory) = open_directory(&connection, password.as_ref(), &mut report).await {
        let newest = read_some(&*directory, &connection.file.directory, &mut report).await;
        let mut info = (*directory.info()).clone();
        info.mask_columns(masked);
        check_policy(&info, &newest, &connection, &mut report);
        let rendered = report.steps.len();
        check_sign_in(&connection, &info, &mut report);
        check_ticket(&connection, &info, &mut report);
        check_notify(&connection, &info, &mut report);
        mask_values(&info, rendered, &mut report);
        directory.close().await;
    }
    Ok(report)
}

/// Hides masked values in the sample, and in the steps from `rendered` on, whose templates see them.
fn mask_values(info: &Info, rendered: usize, report: &mut Report) {
    let mut values: Vec<SecretString> = Vec::new();
    for row in &mut report.sample {
        let cells = info.columns.iter().zip(&row.cells).filter(|(column, _)| column.masked);
        values.extend(cells.filter_map(|(_, cell)| cell.clone()).map(SecretString::from));
        row.mask(&info.columns);
    }
    let masks = Masks::for_secrets(&values);
    for step in &mut report.steps[rendered..] {
        step.detail = masks.mask_text(&step.detail);
        for text in [&mut step.hint, &mut step.details].into_iter().flatten() {
            *text = masks.mask_text(text);
        }
    }
}

async fn check_secrets(connection: &Connection, secrets: &Secrets<'_>, report: &mut Report) {
    let names = connection.template_secret_names();
    if names.is_empty() {
        report.add_step("Secrets", Status::Ok, "The sign-in needs no secrets.", None);
        return;
    }
    let (mut found, mut missing, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match secrets.locate_secret(connection, &name).await {
            Ok(SecretLocation::Typed) => found.push(format!("{name} (typed, not stored yet)")),
            Ok(SecretLocation::Kept(SecretState::Stored)) => found.push(format!("{name} (in the keyring)")),
            Ok(SecretLocation::Kept(SecretState::ThisRun)) => found.push(format!("{name} (until you quit)")),
            Ok(SecretLocation::Kept(SecretState::Missing)) => missing.push(name),
            Ok(SecretLocation::Elsewhere) => elsewhere.push(name),
            Err(error) => return report.add_failure("Secrets", error),
        }
    }
    let commands = |names: &[String]| {
        let each = names.iter().map(|name| format!("understudy secret set {} {name}", connection.id));
        format!("Store them: {}", each.collect::<Vec<_>>().join("; "))
    };
    if missing.is_empty() && elsewhere.is_empty() {
        report.add_step("Secrets", Status::Ok, found.join(", "), None);
        return;
    }
    let mut said = Vec::new();
    if !missing.is_empty() {
        said.push(format!("Not stored yet: {}", missing.join(", ")));
    }
    if !elsewhere.is_empty() {
        said.push(format!("Stored for another place, so not used here: {}", elsewhere.join(", ")));
    }
    missing.extend(elsewhere);
    let hint = if secrets.id.is_some() {
        commands(&missing)
    } else {
        "Enter them here. They are stored when you save the connection.".to_owned()
    };
    report.add_step("Secrets", Status::Warning, said.join("; "), Some(hint));
}

fn describe_field(role: Role, name: &str, kind: FieldKind) -> String {
    let kind = json!(kind);
    let kind = kind.as_str().unwrap_or_default();
    match role {
        Role::Other => format!("{name} ({kind})"),
        role => format!("{} = {name} ({kind})", json!(role).as_str().unwrap_or_default()),
    }
}
