//! What the connection form sees of a database before anything is saved: the tables to choose from, and a
//! few users as a preview of what is written so far.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::check::{self, SAMPLE, Typed};
use crate::connection::{DATABASE_PASSWORD, DirectoryPart};
use crate::directory::{self, FieldKind, Info, Query, Row, Survey, holds_secret};
use crate::error::{Code, Error, Result, SecretName};
use crate::vault::Vault;

/// The newest few users, as the list will show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Preview {
    pub info: Info,
    pub rows: Vec<Row>,
    /// Columns that are mapped and not shown here, because they hold secrets by their name.
    pub withheld: Vec<String>,
}

/// The tables of the database that `part` names; what it says of a table does not matter. `id` is the
/// connection's, for its password in the vault; `typed` goes before that.
pub async fn survey(id: &str, part: &DirectoryPart, vault: &Vault, typed: &Typed) -> Result<Survey> {
    let password = way_in(id, part, vault, typed).await?;
    directory::survey(part, password.as_ref())
        .await
        .map_err(|error| asking(error, id, part, password.is_none()))
}

/// The newest users of the table that `part` names, in the columns that it names.
pub async fn preview(id: &str, part: &DirectoryPart, vault: &Vault, typed: &Typed) -> Result<Preview> {
    let password = way_in(id, part, vault, typed).await?;
    let (part, withheld) = without_secrets(part);
    let directory = directory::open(&part, password.as_ref())
        .await
        .map_err(|error| asking(error, id, &part, password.is_none()))?;
    let newest = Query::first("", SAMPLE);
    let found = directory.search(&newest, &CancellationToken::new()).await;
    directory.close().await;
    Ok(Preview { info: directory.info().clone(), rows: found?.rows, withheld })
}

async fn way_in(
    id: &str,
    part: &DirectoryPart,
    vault: &Vault,
    typed: &Typed,
) -> Result<Option<SecretString>> {
    if let Some(fault) = part.url_fault(id) {
        return Err(Error::new(Code::ConnectionInvalid, format!("directory.url {fault}.")));
    }
    Ok(check::password(id, part, vault, typed).await)
}

/// A refusal that a password may change names the one that is missing.
fn asking(error: Error, id: &str, part: &DirectoryPart, without_password: bool) -> Error {
    if error.code != Code::DirectoryRefused || !part.may_need_password() {
        return error;
    }
    let error = error.secret(SecretName { connection: id.to_owned(), name: DATABASE_PASSWORD.to_owned() });
    if without_password && error.hint.is_none() {
        return error.hint("Type the database password under Secrets.");
    }
    error
}

/// `part` without the columns that hold secrets, and their names.
fn without_secrets(part: &DirectoryPart) -> (DirectoryPart, Vec<String>) {
    let mut part = part.clone();
    let mut withheld: Vec<String> = Vec::new();
    let mut keep = |name: &String| {
        // What its type is, is not known yet: the name has to do.
        let secret = holds_secret(name, FieldKind::Text) && !says_when(name);
        if secret && !withheld.contains(name) {
            withheld.push(name.clone());
        }
        !secret
    };
    part.columns.retain(&mut keep);
    for role in [&mut part.email, &mut part.name, &mut part.created_at] {
        *role = role.take().filter(&mut keep);
    }
    (part, withheld)
}

/// `password_changed_at`, `otp_enabled`
fn says_when(name: &str) -> bool {
    let name = name.to_lowercase();
    ["_at", "_on", "_enabled", "_count"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_asks_for_no_secret() {
        let part: DirectoryPart = toml::from_str(
            "url = \"sqlite:///users.sqlite\"\ntable = \"users\"\nid = \"id\"\nname = \"api_token\"\nemail = \"email\"\n\
             columns = [\"plan\", \"password_hash\", \"password_changed_at\"]\nsearch = [\"email\"]",
        )
        .unwrap();
        let (part, withheld) = without_secrets(&part);
        assert_eq!(part.columns, ["plan", "password_changed_at"]);
        assert_eq!((part.name, part.email), (None, Some("email".to_owned())));
        assert_eq!(withheld, ["password_hash", "api_token"]);
    }
}
