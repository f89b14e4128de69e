//! The only access to a connection's secrets, for searches, checks, the form, sign-ins and sign-in tests: what was
//! typed for this text, or else what is stored, if it is stored for this text's destination.

use secrecy::{ExposeSecret, SecretString};

use crate::check::TypedSecrets;
use crate::connection::{Connection, DATABASE_PASSWORD, DirectoryConfig};
use crate::destination::{Destination, Moved};
use crate::error::{Code, Error, Result, SecretName};
use crate::vault::{self, SecretState, Vault};

/// The name under which consent to a directory's command and ssh login is stored. No secret's name has a slash.
pub const WAY_IN: &str = "directory/commands";

/// Where a secret is, for a report.
pub(crate) enum SecretLocation {
    Typed,
    Kept(SecretState),
    /// It is stored, but for another destination than this text's.
    Elsewhere,
}

/// The sources of one text's secrets.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    pub vault: &'a Vault,
    /// The connection whose stored secrets may be used; `None` for one without a file, which has none.
    pub id: Option<&'a str>,
    /// Secrets typed for this text and not stored. They take precedence over stored ones.
    pub typed: &'a TypedSecrets,
}

impl Secrets<'_> {
    /// The directory's password; `None` if there is none, or the directory takes none.
    ///
    /// Everything that reaches a directory calls this first: it also fails with [`Code::DestinationChanged`] if a
    /// command or login would run to which the operator has not agreed.
    pub async fn database_password(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        let password = self.stored_or_typed(part).await?;
        self.may_reach(part, password.is_some()).await?;
        Ok(password)
    }

    async fn stored_or_typed(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        if let Some(password) = self.typed_secret(DATABASE_PASSWORD)? {
            return Ok(Some(password));
        }
        let Some(id) = self.id.filter(|_| part.may_need_password()) else { return Ok(None) };
        self.vault.get(&SecretName::new(id, DATABASE_PASSWORD), &Destination::of_password(part)).await
    }

    /// A secret that is too long to be stored is not used either.
    fn typed_secret(&self, secret: &str) -> Result<Option<SecretString>> {
        let typed = self.typed.get(secret);
        typed.map(|value| vault::check_length(value.expose_secret().len())).transpose()?;
        Ok(typed.cloned())
    }

    /// Like [`Self::database_password`], for a check, a preview or a sign-in test. Many databases need no password, so
    /// an error of the vault does not count; the database will say if a password is missing.
    pub async fn password_if_any(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        let password = match self.stored_or_typed(part).await {
            Err(error) if error.code != Code::DestinationChanged => None,
            other => other?,
        };
        self.may_reach(part, password.is_some()).await?;
        Ok(password)
    }

    /// Checks the consent to commands and logins. A text without a file needs none, because the operator is testing
    /// what is on the screen; a file may change on disk.
    async fn may_reach(&self, part: &DirectoryConfig, has_password: bool) -> Result<()> {
        // Consent to the password's destination includes the way there.
        let is_agreed = part.password_command.is_none() && has_password;
        match (self.id, Destination::of_way_in(part)) {
            (Some(id), Some(destination)) if !is_agreed => {
                self.vault.may_run(&SecretName::new(id, WAY_IN), &destination).await
            }
            _ => Ok(()),
        }
    }

    /// All secrets that signing in and out needs, by name. If several have a new destination, one error lists them all.
    pub async fn of_sign_in(&self, connection: &Connection) -> Result<Vec<(String, SecretString)>> {
        self.of_names(connection, connection.sign_in_secret_names()).await
    }

    /// The secrets with these names. If several have a new destination, one error lists them all.
    pub async fn of_names(
        &self,
        connection: &Connection,
        names: Vec<String>,
    ) -> Result<Vec<(String, SecretString)>> {
        let mut found = Vec::new();
        let mut moved = Vec::new();
        for secret in names {
            match self.require_secret(connection, &secret).await {
                Ok(value) => found.push((secret, value)),
                Err(Error { moved: Some(one), .. }) => moved.extend(one.secrets),
                Err(error) => return Err(error),
            }
        }
        match self.id {
            Some(id) if !moved.is_empty() => {
                Err(Error::moved(Moved { connection: id.to_owned(), secrets: moved }))
            }
            _ => Ok(found),
        }
    }

    pub(crate) async fn locate_secret(
        &self,
        connection: &Connection,
        secret: &str,
    ) -> Result<SecretLocation> {
        if self.typed.contains_key(secret) {
            return Ok(SecretLocation::Typed);
        }
        let Some(id) = self.id else { return Ok(SecretLocation::Kept(SecretState::Missing)) };
        let (name, destination) = (SecretName::new(id, secret), Destination::of_secret(connection, secret));
        let state = self.vault.secret_state(&name).await?;
        if state == SecretState::Missing {
            return Ok(SecretLocation::Kept(state));
        }
        match self.vault.get(&name, &destination).await {
            Err(error) if error.code == Code::DestinationChanged => Ok(SecretLocation::Elsewhere),
            // In a locked keyring, only the secret's existence is known.
            _ => Ok(SecretLocation::Kept(state)),
        }
    }

    /// One secret in the file's templates.
    pub async fn require_secret(&self, connection: &Connection, secret: &str) -> Result<SecretString> {
        if let Some(typed) = self.typed_secret(secret)? {
            return Ok(typed);
        }
        let Some(id) = self.id else {
            let message = format!("The secret `{secret}` is needed, but this connection is not saved yet.");
            return Err(Error::new(Code::SecretMissing, message)
                .with_hint("Type it here, or save the connection first.")
                .with_secret(SecretName::new(&connection.id, secret)));
        };
        self.vault
            .require_secret(&SecretName::new(id, secret), &Destination::of_secret(connection, secret))
            .await
    }
}

/// What reaching the connection's directory runs on this computer, and the name of the consent to it; `None` if nothing
/// runs.
pub fn way_in(connection: &Connection) -> Option<(SecretName, Destination)> {
    Some((SecretName::new(&connection.id, WAY_IN), Destination::of_way_in(&connection.file.directory)?))
}
