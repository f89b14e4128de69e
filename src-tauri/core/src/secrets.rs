//! The one way to a connection's secrets, for search, check, form, sign-in, trial and whatever else uses one:
//! what was typed for this text, or else what is stored, if it is stored for where this text sends it.

use secrecy::{ExposeSecret, SecretString};

use crate::check::Typed;
use crate::connection::{Connection, DATABASE_PASSWORD, DirectoryConfig};
use crate::destination::{Destination, Moved};
use crate::error::{Code, Error, Result, SecretName};
use crate::vault::{self, SecretState, Vault};

/// What the program and the login that reach a directory are agreed to under. No secret has a name with a slash.
pub const WAY_IN: &str = "directory/commands";

/// Where one secret is, as a report tells it.
pub(crate) enum Whereabouts {
    Typed,
    Kept(SecretState),
    /// It is stored, for another place than this text's.
    Elsewhere,
}

/// Where the secrets of one text come from.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    pub vault: &'a Vault,
    /// The connection whose stored secrets it may use; `None` for one that is in no file yet: it has none.
    pub id: Option<&'a str>,
    /// Typed for this text, and not stored. Goes before what is stored.
    pub typed: &'a Typed,
}

impl Secrets<'_> {
    /// The directory's password; `None`: there is none, or the directory takes none.
    ///
    /// Whoever reaches a directory asks this first: it fails with [`Code::DestinationChanged`] too where a program or
    /// a login would run that the operator has not let run.
    pub async fn password(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        let password = self.stored_or_typed(part).await?;
        self.may_reach(part, password.is_some()).await?;
        Ok(password)
    }

    async fn stored_or_typed(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        if let Some(password) = self.typed(DATABASE_PASSWORD)? {
            return Ok(Some(password));
        }
        let Some(id) = self.id.filter(|_| part.may_need_password()) else { return Ok(None) };
        self.vault.get(&SecretName::new(id, DATABASE_PASSWORD), &Destination::of_password(part)).await
    }

    /// What is too long to be kept is not used either.
    fn typed(&self, secret: &str) -> Result<Option<SecretString>> {
        let typed = self.typed.get(secret);
        typed.map(|value| vault::fits(value.expose_secret().len())).transpose()?;
        Ok(typed.cloned())
    }

    /// The same for a text that is only looked at. Many databases want no password: where the vault has no answer,
    /// the database says whether that was a problem.
    pub async fn password_if_any(&self, part: &DirectoryConfig) -> Result<Option<SecretString>> {
        let password = match self.stored_or_typed(part).await {
            Err(error) if error.code != Code::DestinationChanged => None,
            other => other?,
        };
        self.may_reach(part, password.is_some()).await?;
        Ok(password)
    }

    /// A text that is in no file yet is before whoever tests it. A file may change on disk.
    async fn may_reach(&self, part: &DirectoryConfig, has_password: bool) -> Result<()> {
        // Who agreed to where the password goes has agreed to the way there.
        let is_agreed = part.password_command.is_none() && has_password;
        match (self.id, Destination::of_way_in(part)) {
            (Some(id), Some(destination)) if !is_agreed => {
                self.vault.may_run(&SecretName::new(id, WAY_IN), &destination).await
            }
            _ => Ok(()),
        }
    }

    /// Every secret that signing in and out needs, by name. All that would go elsewhere are told in one error.
    pub async fn of_sign_in(&self, connection: &Connection) -> Result<Vec<(String, SecretString)>> {
        let mut found = Vec::new();
        let mut moved = Vec::new();
        for secret in connection.secrets() {
            match self.of(connection, &secret).await {
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

    pub(crate) async fn whereabouts(&self, connection: &Connection, secret: &str) -> Result<Whereabouts> {
        if self.typed.contains_key(secret) {
            return Ok(Whereabouts::Typed);
        }
        let Some(id) = self.id else { return Ok(Whereabouts::Kept(SecretState::Missing)) };
        let (name, destination) = (SecretName::new(id, secret), Destination::of(connection, secret));
        let state = self.vault.state(&name).await?;
        if state == SecretState::Missing {
            return Ok(Whereabouts::Kept(state));
        }
        match self.vault.get(&name, &destination).await {
            Err(error) if error.code == Code::DestinationChanged => Ok(Whereabouts::Elsewhere),
            // Of one in a locked keyring no more is known than that it is there.
            _ => Ok(Whereabouts::Kept(state)),
        }
    }

    /// One secret that signing in or out needs.
    pub async fn of(&self, connection: &Connection, secret: &str) -> Result<SecretString> {
        if let Some(typed) = self.typed(secret)? {
            return Ok(typed);
        }
        let Some(id) = self.id else {
            let message = format!("The secret `{secret}` is needed, and this connection is not saved yet.");
            return Err(Error::new(Code::SecretMissing, message)
                .hint("Type it here, or save the connection first.")
                .secret(SecretName::new(&connection.id, secret)));
        };
        self.vault.require(&SecretName::new(id, secret), &Destination::of(connection, secret)).await
    }
}

/// What reaching the connection's directory runs on this computer, and what it is agreed to under; `None`: nothing.
pub fn way_in(connection: &Connection) -> Option<(SecretName, Destination)> {
    Some((SecretName::new(&connection.id, WAY_IN), Destination::of_way_in(&connection.file.directory)?))
}
