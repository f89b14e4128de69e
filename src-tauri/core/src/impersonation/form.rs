//! The form that a sign-in asks for before it begins. Fetching it sends a token and the user's ID, so it is recorded in
//! the audit log first, too.

use uuid::Uuid;

use super::denial::Denial;
use super::{ImpersonationRequest, Impersonations, read_user, template_context, user_label};
use crate::audit::{EndCause, Entry, Subject};
use crate::connection::Connection;
use crate::directories::OpenConnection;
use crate::error::{Code, Error, Result, SecretName};
use crate::policy;
use crate::session::UserLabel;
use crate::sign_in::{self, FormChange, SignInForm};

/// The reason in the audit log, because the operator has not given one yet.
pub(crate) const FORM_REASON: &str = "Asked for the sign-in's form";

impl Impersonations {
    /// The form of `request`'s sign-in; with `change`, the form after that change.
    pub async fn fetch_form(
        &self,
        request: &ImpersonationRequest,
        change: Option<&FormChange>,
    ) -> Result<SignInForm> {
        let OpenConnection { connection, directory } = self.open_connection(&request.connection).await?;
        let row = read_user(&directory, &request.user).await?;
        let info = directory.info();
        let mode = connection.policy.access.mode;
        let mut context = template_context(&request.session_facts(&connection, "", "", mode), &info, &row);
        // A protected user's form is not fetched either. The operator's reason is not known yet.
        let judged =
            policy::enforce_policy(&connection.policy, FORM_REASON, &context.rendered(), &info, &row);
        if let Err(refusal) = judged {
            let denial = Denial { user: user_label(&info, &context, &row), refusal };
            return Err(self.record_denial(request, &connection, denial).await);
        }
        let about = (connection.id.clone(), row.id.clone());
        let is_logged = change.is_some() && self.forms.lock().contains(&about);
        if !is_logged {
            self.log_form(request, &connection, user_label(&info, &context, &row)).await?;
            self.forms.lock().insert(about);
        }
        self.add_secrets(&connection, &mut context).await?;
        let told = &mut |exchange: sign_in::Exchange| {
            tracing::debug!(connection = %connection.id, "{}: {:?}", exchange.title, exchange.status);
        };
        sign_in::fetch_form(&connection, &context, change, told).await.map_err(|refusal| {
            let error = Error::new(Code::SignInRefused, refusal.title).with_hint(refusal.hint);
            match refusal.secrets.into_iter().next() {
                Some(name) => error.with_secret(SecretName::new(&connection.id, name)),
                None => error,
            }
        })
    }

    /// Logged as a session of its own that never opens; a session that follows has its own reason.
    async fn log_form(
        &self,
        request: &ImpersonationRequest,
        connection: &Connection,
        user: UserLabel,
    ) -> Result<()> {
        let subject = Subject {
            connection: connection.id.clone(),
            connection_name: connection.file.name.clone(),
            environment: connection.file.environment,
            user_id: user.id,
            user_name: user.name,
            user_email: user.email,
        };
        let session = Uuid::now_v7().to_string();
        let begun = Entry::for_new_session(
            self.clock.now_ms(),
            session,
            request.operator.clone(),
            subject,
            FORM_REASON,
        );
        self.write_entry(begun.clone()).await?;
        let ended = begun.with_event(self.clock.now_ms(), EndCause::NeverOpened.into());
        let written = self.write_entry(ended).await?;
        self.await_team_log(&written).await
    }
}
