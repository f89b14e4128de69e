//! The command `secret`: stores, removes and lists a connection's secrets.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use understudy_core::audit::ConsoleEvent;
use understudy_core::audit_feed::{self, feed_secret_names};
use understudy_core::connection::{Connection, ConnectionSource, DEMO};
use understudy_core::destination::Destination;
use understudy_core::error::{Code, Error, Result, SecretName};
use understudy_core::home::Home;
use understudy_core::team::{TEAM, Team, TeamAuditConfig};
use understudy_core::team_log::{password_destination, password_name};
use understudy_core::vault::{self, Keep, LONGEST, SecretState, Vault};

use super::Secret;
use super::named_connection::text_of;
use super::output::{print_sanitized, shorten_input};
use super::record::{name_by_id, name_connection, record_done};

pub async fn on_secret(home: &Home, secret: Secret) -> Result<ExitCode> {
    let vault = Vault::system();
    let connection_of = |id: &str| -> Result<Connection> {
        if id == DEMO {
            return Err(Error::new(Code::ConnectionUnknown, "The demo makes its own secret at each start."));
        }
        let text = text_of(home, id)?;
        Connection::parse(id, &text, ConnectionSource::Own, None)
    };
    match secret {
        Secret::Set { connection, name } if connection == TEAM => {
            let audit = team_audit(home, &name)?;
            let value = read_secret(&format!("{name} of {connection}: "))?;
            match &audit.url {
                Some(url) if name == password_name().name => {
                    vault
                        .store_secret(&password_name(), value, Keep::Stored, &password_destination(url))
                        .await?;
                }
                _ => audit_feed::store_secret(&audit, &vault, &name, value).await?,
            }
            let stored = ConsoleEvent::SecretStored { name: name.clone(), this_run_only: false };
            record_done(home, name_by_id(TEAM), stored).await;
            print_sanitized(&format!("Stored {name} of {connection} in the keyring."))?;
            Ok(ExitCode::SUCCESS)
        }
        Secret::Set { connection, name } => {
            let file = connection_of(&connection)?;
            has_use_for(&file, &name)?;
            let value = read_secret(&format!("{name} of {connection}: "))?;
            let destination = Destination::of_secret(&file, &name);
            let wanted = SecretName::new(&connection, &name);
            vault.store_secret(&wanted, value, Keep::Stored, &destination).await?;
            let stored = ConsoleEvent::SecretStored { name: name.clone(), this_run_only: false };
            record_done(home, name_connection(&file), stored).await;
            print_sanitized(&format!("Stored {name} of {connection} in the keyring."))?;
            Ok(ExitCode::SUCCESS)
        }
        Secret::Forget { connection, name } => {
            let was_there = vault.forget_secret(&SecretName::new(&connection, &name)).await?;
            if was_there {
                let forgotten = ConsoleEvent::SecretForgotten { name: name.clone() };
                record_done(home, name_by_id(&connection), forgotten).await;
            }
            print_sanitized(&if was_there {
                format!("Forgot {name} of {connection}.")
            } else {
                format!("The keyring has no {} of {}.", shorten_input(&name), shorten_input(&connection))
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Secret::List { connection, name } => {
            let names = match &name {
                Some(name) => vec![name.clone()],
                None if connection == TEAM => team_secret_names(&load_audit(home)?),
                None => connection_of(&connection)?.secret_names(),
            };
            if names.is_empty() {
                print_sanitized(&format!("{connection} needs no secrets."))?;
            }
            let (mut missing, mut failed) = (false, None);
            for name in names {
                let mut state = None;
                // A keyring that does not answer is not asked again.
                if failed.is_none() {
                    match vault.secret_state(&SecretName::new(&connection, &name)).await {
                        Ok(found) => state = Some(found),
                        Err(error) => failed = Some(error),
                    }
                }
                if state == Some(SecretState::Missing) {
                    missing = true;
                    // Refuse a secret that is obviously a typing mistake.
                    if connection == TEAM {
                        team_audit(home, &name)?;
                    } else {
                        has_use_for(&connection_of(&connection)?, &name)?;
                    }
                }
                print_sanitized(&match state {
                    Some(SecretState::Missing) => format!("{name}: missing"),
                    Some(_) => format!("{name}: stored"),
                    None => format!("{name}: unknown: the keyring cannot be reached"),
                })?;
            }
            if let Some(error) = failed {
                return Err(error);
            }
            Ok(if name.is_some() && missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}

/// What the team file says about the audit log. Fails if none of it needs this secret.
fn team_audit(home: &Home, name: &str) -> Result<TeamAuditConfig> {
    let audit = load_audit(home)?;
    let known = team_secret_names(&audit);
    if known.iter().any(|known| known == name) {
        return Ok(audit);
    }
    let message = format!("The team file uses no secret `{}`.", shorten_input(name));
    Err(Error::new(Code::SecretMissing, message).with_hint(if known.is_empty() {
        "A secret is stored for one destination: write the URL of the database, the webhook or the collector first."
            .to_owned()
    } else {
        format!("It uses: {}", known.join(", "))
    }))
}

fn load_audit(home: &Home) -> Result<TeamAuditConfig> {
    let audit = Team::load(home)?.and_then(|team| team.file.audit);
    audit.ok_or_else(|| {
        Error::new(Code::SettingsInvalid, format!("There is no {TEAM} with a part [audit].")).with_hint(
            "A secret is stored for one destination: write the URL of the database, the webhook or the collector first.",
        )
    })
}

fn team_secret_names(audit: &TeamAuditConfig) -> Vec<String> {
    let password = audit.url.iter().map(|_| password_name().name);
    password.chain(feed_secret_names(audit)).collect()
}

fn has_use_for(connection: &Connection, name: &str) -> Result<()> {
    let known = connection.secret_names();
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let id = &connection.id;
    Err(Error::new(Code::SecretMissing, format!("`{id}` uses no secret `{}`.", shorten_input(name)))
        .with_hint(if known.is_empty() {
            "It uses no secrets.".to_owned()
        } else {
            format!("It uses: {}", known.join(", "))
        }))
}

/// PowerShell's pipes and Notepad's files may begin with it; a secret doesn't.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Asks without echo at a terminal; otherwise reads all of standard input, because a key has several lines, and drops
/// the final line break.
fn read_secret(prompt: &str) -> Result<SecretString> {
    let failed = |cause: std::io::Error| {
        Error::new(Code::FileFailed, format!("Could not read the secret: {cause}"))
            .with_hint("Check the file or program that it comes from.")
    };
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(SecretString::from).map_err(failed);
    }
    // Enough to tell that it is too long, however long it is.
    let most = LONGEST + BYTE_ORDER_MARK.len() + "\r\n".len() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    std::io::stdin().take(most as u64).read_to_end(&mut bytes).map_err(failed)?;
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let value = bytes[..end].strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes[..end]);
    vault::check_length(value.len())?;
    let text = std::str::from_utf8(value).map_err(|_| {
        Error::new(Code::FileFailed, "The secret is not UTF-8 text.")
            .with_hint("Check that this is the right file. Convert a binary key to PEM or Base64 first.")
    })?;
    Ok(SecretString::from(text))
}
