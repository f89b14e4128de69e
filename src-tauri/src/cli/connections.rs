//! The commands `add` and `remove`.

use std::path::Path;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use understudy_core::audit::ConsoleEvent;
use understudy_core::connection::{AddOutcome, Connection, ConnectionSource, Connections, DATABASE_PASSWORD};
use understudy_core::error::{Code, Error, Result, SecretName};
use understudy_core::home::Home;
use understudy_core::secrets::{WAY_IN, way_in};
use understudy_core::vault::{SecretState, Vault};

use super::agreement::{ask_yes_or_no, ssh_words};
use super::named_connection::text_of;
use super::output::{print_sanitized, print_to_stderr};
use super::record::{name_by_id, name_connection, record_done};

pub async fn add_connection(home: &Home, file: &Path, replace: bool) -> Result<ExitCode> {
    let connections = Connections::new(home.clone());
    let (connection, outcome) = if replace { connections.replace(file)? } else { connections.add(file)? };
    if let Some((name, destination)) = way_in(&connection)
        && let Err(error) = Vault::system().let_run_from_now_on(&name, &destination).await
    {
        print_to_stderr(&format!(
            "You will be asked before it runs anything, because your consent could not be stored: {}",
            error.message
        ));
    }
    let (name, id) = (&connection.file.name, &connection.id);
    print_sanitized(&match outcome {
        AddOutcome::Added => format!("Added {name} as `{id}`."),
        AddOutcome::Replaced => format!("Updated {name} as `{id}`."),
        AddOutcome::Unchanged => format!("Nothing changed: {name} was added as `{id}` before."),
    })?;
    if let Some(command) = &connection.file.directory.password_command {
        print_sanitized(&format!(
            "To get the database password, it runs this program as you: {}",
            command.join(" ")
        ))?;
    }
    if let Some(ssh) = &connection.file.directory.ssh {
        print_sanitized(&format!("To reach the database, it logs in by SSH as you: {}", ssh_words(ssh)))?;
    }
    for name in connection.sign_in_secret_names() {
        print_sanitized(&format!("Store its secret: understudy secret set {} {name}", connection.id))?;
    }
    // Not every database needs a password, and none is contacted here.
    if connection.may_need_password() {
        let id = &connection.id;
        print_sanitized(&format!(
            "If its database needs a password: understudy secret set {id} {DATABASE_PASSWORD}"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks first, and says which secrets will be removed.
pub async fn remove_connection(home: &Home, id: &str, keep_secrets: bool, yes: bool) -> Result<ExitCode> {
    let connections = Connections::new(home.clone());
    let vault = Vault::system();
    let text = text_of(home, id)?;
    // The secrets of an unreadable file may exist, but nothing names them.
    let parsed = Connection::parse(id, &text, ConnectionSource::Own, None);
    let mut stored = Vec::new();
    for name in parsed.as_ref().map(Connection::secret_names).unwrap_or_default() {
        let name = SecretName::new(id, name);
        if vault.secret_state(&name).await.is_ok_and(|state| state != SecretState::Missing) {
            stored.push(name);
        }
    }
    let names = stored.iter().map(|secret| secret.name.clone()).collect::<Vec<_>>().join(", ");
    let goes = match (stored.is_empty(), keep_secrets) {
        (true, _) => "None of its secrets is stored.".to_owned(),
        (false, true) => format!("Its secrets stay in the keyring: {names}."),
        (false, false) => format!("Its secrets are removed from the keyring too: {names}."),
    };
    print_to_stderr(&format!("This removes the connection `{id}`. {goes}"));
    if !yes && !ask_yes_or_no("Remove it?", &CancellationToken::new()).await {
        return Err(Error::new(Code::Cancelled, "Nothing was removed.")
            .with_hint("Answer y at a terminal, or repeat the command with --yes."));
    }
    let mut forgotten = if keep_secrets { Vec::new() } else { stored };
    // The consent to run commands is removed too.
    forgotten.extend(parsed.as_ref().ok().and_then(way_in).map(|(name, _)| name));
    // The file goes first, because that can be undone.
    let aside = connections.set_aside(id)?;
    let gone = if forgotten.is_empty() { Ok(Vec::new()) } else { vault.forget_all(&forgotten).await };
    let gone = match gone {
        Ok(gone) => gone,
        Err(error) => {
            aside.put_back()?;
            return Err(error);
        }
    };
    aside.remove()?;
    let about = parsed.as_ref().map_or_else(|_| name_by_id(id), name_connection);
    for SecretName { name, .. } in gone.into_iter().filter(|one| one.name != WAY_IN) {
        record_done(home, about.clone(), ConsoleEvent::SecretForgotten { name }).await;
    }
    print_sanitized(&format!("Removed `{id}`."))?;
    Ok(ExitCode::SUCCESS)
}
