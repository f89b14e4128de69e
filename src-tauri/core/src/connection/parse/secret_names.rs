//! Which secrets a connection needs, and the credentials for hosts that some of them make.

use std::collections::BTreeSet;

use understudy_gateway::HostCredentials;

use super::sign_in_parts::{Recipe, Request};
use super::{Connection, HostLogin};
use crate::error::{Result, SecretName};
use crate::template::SignInContext;

/// The name of the directory's password; it is never sent to the application.
pub const DATABASE_PASSWORD: &str = "database_password";

/// The name of the secret that a Forest Admin backend signs its tokens with: `FOREST_AUTH_SECRET`.
pub const FOREST_SECRET: &str = "forest_auth_secret";

/// The name of the password for a server in front of the application (HTTP Basic).
pub const GATEWAY_PASSWORD: &str = "gateway_password";

impl Connection {
    /// The names of all secrets that signing in and out needs, sorted, without the database password.
    pub fn sign_in_secret_names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let (sign_in, sign_out) = (&self.sign_in, &self.sign_out);
        let own = match &sign_in.recipe {
            Recipe::Webhook(request) => Some(request),
            Recipe::Storage { request, .. } => request.as_ref(),
            Recipe::Exchange { .. } | Recipe::Link { .. } => None,
            Recipe::Forest(forest) => {
                names.insert(FOREST_SECRET.to_owned());
                names.extend(forest.values.iter().flat_map(|(_, value)| value.secret_names()));
                None
            }
        };
        names.extend(self.network.gateway_user.as_ref().map(|_| GATEWAY_PASSWORD.to_owned()));
        let logins = &self.network.credentials;
        names.extend(logins.iter().flat_map(HostLogin::secret_names));
        let steps = sign_in.steps.iter().chain(&sign_out.steps).map(|step| &step.request);
        names.extend(own.into_iter().chain(steps).chain(&sign_out.request).flat_map(Request::secret_names));
        names.into_iter().collect()
    }

    /// The names of the secrets that the console's sign-out steps need, sorted. The window's sign-out needs none.
    pub fn sign_out_secrets(&self) -> Vec<String> {
        let names: BTreeSet<String> =
            self.sign_out.steps.iter().flat_map(|step| step.request.secret_names()).collect();
        names.into_iter().collect()
    }

    /// The user names and passwords for hosts that ask for them, with the secrets from `context`.
    ///
    /// Fails with [`Code::TemplateFailed`](crate::error::Code::TemplateFailed) if one has no value.
    pub fn host_credentials(&self, context: &SignInContext) -> Result<Vec<HostCredentials>> {
        let mut found = Vec::new();
        if let (Some(user), Some(password)) = (&self.network.gateway_user, context.secret(GATEWAY_PASSWORD)) {
            found.push(HostCredentials {
                origin: self.sign_in.origin.clone(),
                user: user.clone(),
                password: password.clone(),
                is_sent_unasked: true,
            });
        }
        let seen = context.rendered();
        for HostLogin { origin, user, password } in &self.network.credentials {
            found.push(HostCredentials {
                origin: origin.clone(),
                user: user.render(&seen)?,
                password: password.render(&seen)?.into(),
                is_sent_unasked: false,
            });
        }
        Ok(found)
    }

    /// The name of the directory's password in the vault.
    pub fn database_secret(&self) -> SecretName {
        SecretName::new(&self.id, DATABASE_PASSWORD)
    }

    /// The names of the secrets that sending summaries and evidence into tickets needs, sorted.
    pub fn ticket_secret_names(&self) -> Vec<String> {
        let names: BTreeSet<String> = self.ticket_requests().flat_map(Request::secret_names).collect();
        names.into_iter().collect()
    }

    /// The names of the secrets that telling the application of a session needs, sorted.
    pub fn notify_secret_names(&self) -> Vec<String> {
        self.notify.iter().flat_map(Request::secret_names).collect()
    }

    /// The names of the secrets in its templates, sorted.
    pub fn template_secret_names(&self) -> Vec<String> {
        let names: BTreeSet<String> =
            [self.sign_in_secret_names(), self.ticket_secret_names(), self.notify_secret_names()]
                .into_iter()
                .flatten()
                .collect();
        names.into_iter().collect()
    }

    /// The names of all secrets that the connection can use: the database password, and those of its templates.
    pub fn secret_names(&self) -> Vec<String> {
        let mut names = self.template_secret_names();
        if self.may_need_password() {
            names.insert(0, DATABASE_PASSWORD.into());
        }
        names
    }

    /// Whether the directory's password comes from the vault: a file needs none, and a command prints its own.
    pub fn may_need_password(&self) -> bool {
        self.file.directory.may_need_password()
    }
}
