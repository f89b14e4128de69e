//! What the connection form sees of a database before anything is saved: the tables to choose from, and a few users as
//! a preview.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::check::{self, SAMPLE, TypedSecrets};
use crate::connection::{Connection, DATABASE_PASSWORD, DirectoryConfig, directory_url_fault};
use crate::destination::Destination;
use crate::directory::{self, Directory, DiscoveredTables, FieldKind, Info, ListRequest, Row, holds_secret};
use crate::error::{Code, Error, Result, SecretName};
use crate::secrets::Secrets;
use crate::vault::Vault;

/// The newest few users, as the list will show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Preview {
    pub info: Info,
    pub rows: Vec<Row>,
    /// Mapped columns that are not shown here, because their names suggest secrets.
    pub withheld: Vec<String>,
}

/// The form's content, and the connection it belongs to. The form sends requests while the operator is still typing, so
/// anything that needs consent does not run until it is saved.
pub struct DirectoryDraft<'a> {
    /// The connection as it was saved; `None` for a new one.
    pub saved: Option<&'a Connection>,
    /// Where users are read from, as the form has it now.
    pub part: &'a DirectoryConfig,
    /// Typed secrets take precedence over the vault's.
    pub typed: &'a TypedSecrets,
}

/// The tables of the form's database; the form's own table does not matter.
pub async fn discover_tables(form: &DirectoryDraft<'_>, vault: &Vault) -> Result<DiscoveredTables> {
    let password = form.way_in(vault).await?;
    directory::discover_tables(form.part, password.as_ref())
        .await
        .map_err(|error| form.name_missing_password(error, password.is_none()))
}

/// The newest users of the form's table, with the form's columns.
pub async fn preview_users(form: &DirectoryDraft<'_>, vault: &Vault) -> Result<Preview> {
    let (directory, withheld) = open_without_secrets(form, form.part, vault).await?;
    let newest = ListRequest::first_page("", SAMPLE);
    let found = directory.search_users(&newest, &CancellationToken::new()).await;
    directory.close().await;
    let (mut info, mut rows) = ((*directory.info()).clone(), found?.rows);
    // What the saved connection masks stays hidden until another one is saved, which is recorded.
    let masked = form.saved.map(|saved| &*saved.file.directory.masked).unwrap_or_default();
    info.mask_columns(masked);
    for row in &mut rows {
        row.mask(&info.columns);
    }
    Ok(Preview { info, rows, withheld })
}

/// Opens the form's database to read `part` of its columns, but none that hold secrets; also returns the names of those.
pub(crate) async fn open_without_secrets(
    form: &DirectoryDraft<'_>,
    part: &DirectoryConfig,
    vault: &Vault,
) -> Result<(Arc<dyn Directory>, Vec<String>)> {
    let password = form.way_in(vault).await?;
    let (part, withheld) = without_secrets(part);
    let directory = directory::open(&part, password.as_ref())
        .await
        .map_err(|error| form.name_missing_password(error, password.is_none()))?;
    Ok((directory, withheld))
}

impl DirectoryDraft<'_> {
    fn id(&self) -> &str {
        self.saved.map_or(check::UNSAVED, |saved| &saved.id)
    }

    /// The password, if reaching the database is allowed.
    async fn way_in(&self, vault: &Vault) -> Result<Option<SecretString>> {
        if let Some(fault) = directory_url_fault(&self.part.url, self.id()) {
            return Err(Error::new(Code::ConnectionInvalid, format!("directory.url {fault}.")));
        }
        let saved = self.saved.map(|saved| &saved.file.directory);
        // The form asks without a click, and may show a file from anywhere. Only saved commands run, and only for their
        // saved destination.
        let is_saved = saved.is_some_and(|saved| {
            saved.password_command == self.part.password_command
                && saved.ssh == self.part.ssh
                && (saved.password_command.is_none()
                    || Destination::of_password(saved) == Destination::of_password(self.part))
        });
        if Destination::of_way_in(self.part).is_some() && !is_saved {
            let what = if self.part.password_command.is_some() {
                "The password command runs only after you test or save this connection."
            } else {
                "The SSH login runs only after you test or save this connection."
            };
            return Err(Error::new(Code::ConnectionInvalid, what)
                .with_hint("Test or save the connection, if you trust who wrote the file."));
        }
        let id = self.saved.map(|saved| saved.id.as_str());
        Secrets { vault, id, typed: self.typed }.password_if_any(self.part).await
    }

    /// If a password may help, names the missing one.
    fn name_missing_password(&self, error: impl Into<Error>, without_password: bool) -> Error {
        let error = error.into();
        if error.secret.is_none() || !self.part.may_need_password() {
            return Error { secret: None, ..error };
        }
        let name = SecretName::new(self.id(), DATABASE_PASSWORD);
        let error = error.with_secret(name);
        if without_password && error.hint.is_none() {
            return error.with_hint("Type the database password under Secrets.");
        }
        error
    }
}

/// `part` without columns that hold secrets, and the names of those.
fn without_secrets(part: &DirectoryConfig) -> (DirectoryConfig, Vec<String>) {
    let mut part = part.clone();
    let mut withheld: Vec<String> = Vec::new();
    let mut keep = |name: &String| {
        // The column's type is not known yet, so only its name decides.
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

/// Names such as `password_changed_at` and `otp_enabled`, whose values are not secret.
fn says_when(name: &str) -> bool {
    let name = name.to_lowercase();
    ["_at", "_on", "_enabled", "_count"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_asks_for_no_secret() {
        let part: DirectoryConfig = toml::from_str(
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
