//! Converts errors of PostgreSQL and of the connection to Understudy's.
//!
//! By SQLSTATE, never by message, since servers speak many languages.
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::config::DirectoryConfig;
use crate::engines::postgres::connect::EXAMPLE;
use crate::engines::postgres::login_errors;
use crate::error::{DirectoryCode, DirectoryError};
use crate::faults::ASK_ADMINISTRATOR;
use crate::faults::{query_timeout_error, table_locked_error};
use crate::reach::endpoint::Endpoint;
use crate::reach::wire::{LoginFacts, Privacy};
use crate::reach::{no_answer, tls};

pub(crate) const TLS: tls::TlsOptions = tls::TlsOptions {
    authority: "sslrootcert",
    also_authority: &["ssl-root-cert", "ssl-ca"],
    client: &["sslcert", "sslkey"],
    any_name: "sslmode=verify-ca",
    off: "sslmode=disable",
    pins: true,
};

/// Converts any error of a connection or a statement.
pub(crate) fn from_sqlx(error: sqlx::Error, config: &DirectoryConfig) -> DirectoryError {
    match error {
        sqlx::Error::Database(error) => from_database(error.as_ref(), config),
        sqlx::Error::Io(cause) => no_answer::from_io(&describe_server(config), &cause),
        sqlx::Error::Protocol(said) => no_answer::from_protocol(&describe_server(config), &said),
        sqlx::Error::PoolClosed => unreachable_error(config, "the connection was closed"),
        // The driver's message quotes a part of the password.
        sqlx::Error::Configuration(cause) if cause.to_string().contains("saslprep password") => {
            unusable_password_error(config)
        }
        sqlx::Error::Configuration(cause) => DirectoryError::new(
            DirectoryCode::ConfigInvalid,
            format!("directory.url cannot be used: {cause}."),
        )
        .with_hint(EXAMPLE),
        other => no_answer::from_driver(&other),
    }
}

fn from_database(error: &dyn DatabaseError, config: &DirectoryConfig) -> DirectoryError {
    let said = error.message();
    let refused = |message: String| DirectoryError::new(DirectoryCode::Refused, message);
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        "28P01" | "28000" => {
            let error = refused(format!("{} refused the login: {said}.", describe_server(config))).with_hint(
                "Check the user name in directory.url and the stored database password. To log in with a certificate, \
                 name it there too: sslcert= and sslkey=",
            );
            // 28000 is about who may connect from where, and with which certificate.
            if code == "28P01" { error.wants_password() } else { error }
        }
        "3D000" => {
            DirectoryError::new(DirectoryCode::Mismatch, format!("{}: {said}.", describe_server(config)))
                .with_hint("Check the database name at the end of directory.url.")
        }
        "42501" => refused(format!("The database user may not read {}: {said}.", config.table)).with_hint(
            "Ask your database administrator to grant SELECT on the columns that the connection names.",
        ),
        // Class 42: something in the statement does not exist, or has another type than when the directory was opened
        // (so that an operator, function or cast does not exist).
        "42P01" | "42703" | "3F000" | "42883" | "42804" | "42846" | "42725" | "42P18" | "0A000" => {
            DirectoryError::new(
                DirectoryCode::Mismatch,
                format!("{} has changed since the database was opened: {said}.", config.table),
            )
            .with_hint("Check the connection: its table or columns were renamed, removed or recreated.")
        }
        "57014" => query_timeout_error(config),
        "55P03" => table_locked_error(config, said),
        "25006" => refused(format!("{} tried to write to the database: {said}.", config.table))
            .with_hint("Understudy only reads. Name a table or view that can be read without writing."),
        "53300" => refused(format!("{} accepts no more connections: {said}.", describe_server(config)))
            .with_hint("Try again in a moment, or raise the connection limit of this database user."),
        // A replica cancels queries that conflict with changes from its primary.
        "40001" | "40P01" => DirectoryError::new(
            DirectoryCode::Unreachable,
            format!("{} cancelled the query to catch up with its primary: {said}.", describe_server(config)),
        )
        .with_hint(
            "Try again. If it happens often, its administrator can give queries more time \
             (max_standby_streaming_delay, hot_standby_feedback).",
        ),
        "57P03" => not_ready_error(config, said),
        // Shut down, crashed or dropped, or idle for longer than the server allows.
        "57P01" | "57P02" | "57P04" | "57P05" | "25P03" | "25P04" => connection_closed_error(config, said),
        // The connection broke.
        code if code.starts_with("08") => unreachable_error(config, said),
        // Out of memory or space, a failed system call, or damaged data.
        code if ["53", "58", "XX"].iter().any(|class| code.starts_with(class)) => refused(format!(
            "{} reports an internal problem: {said} (SQLSTATE {code}).",
            describe_server(config)
        ))
        .with_hint("Ask its administrator. The connection file is not the cause."),
        _ => refused(format!("The database could not answer: {said} (SQLSTATE {code})."))
            .with_hint("The problem is in the table or view itself. Ask its owner."),
    }
}

/// The server does not accept logins at the moment: it starts, shuts down, recovers, or is a standby.
fn not_ready_error(config: &DirectoryConfig, said: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::Unreachable, format!("{} is not ready: {said}.", describe_server(config))).with_hint(
        "It answers, so host and port are right. Try again in a moment. If it stays like this, ask its administrator. \
         A standby accepts connections only with hot_standby = on.",
    )
}

/// The server ended a working connection.
fn connection_closed_error(config: &DirectoryConfig, said: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Unreachable,
        format!("{} closed the connection: {said}.", describe_server(config)),
    )
    .with_hint(
        "It is being stopped or restarted, or its administrator ended the session. Try again in a moment.",
    )
}

/// The login succeeded, but this user may not use the database, or no one may at the moment.
fn login_denied_error(
    error: &PgDatabaseError,
    config: &DirectoryConfig,
    user: &str,
    database: &str,
) -> Option<DirectoryError> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let said = error.message();
    let refused = DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} does not let this user into the database: {said}.", describe_server(config)),
    );
    match error.code() {
        "42501" => Some(refused.with_hint(ASK_ADMINISTRATOR).with_statement(format!(
            "GRANT CONNECT ON DATABASE {} TO {}",
            quoted(database),
            quoted(user)
        ))),
        "55000" => Some(
            refused
                .with_hint(ASK_ADMINISTRATOR)
                .with_statement(format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", quoted(database))),
        ),
        _ => None,
    }
}

/// The same, taking into account whether there is a password and where it comes from.
pub(crate) fn from_sqlx_at_endpoint(
    error: sqlx::Error,
    config: &DirectoryConfig,
    endpoint: &Endpoint,
) -> DirectoryError {
    let code = error.as_database_error().and_then(DatabaseError::code).map(Cow::into_owned);
    match (code.as_deref(), endpoint.has_password()) {
        (Some("28P01"), true) => endpoint.to_login_refusal(from_sqlx(error, config)),
        (Some("28P01"), false) => endpoint.to_login_refusal(missing_password_error(config)),
        // Failed logins without a password have code 28000.
        _ => from_sqlx(error, config),
    }
}

/// The same for a login; `facts` says how far it got.
pub(crate) fn of_login(
    error: sqlx::Error,
    config: &DirectoryConfig,
    endpoint: &Endpoint,
    facts: LoginFacts,
    (user, database): (&str, &str),
) -> DirectoryError {
    let refusal = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    if let Some(shut_out) = refusal.and_then(|refusal| login_denied_error(refusal, config, user, database)) {
        return shut_out;
    }
    if let Some(told) =
        refusal.and_then(|refusal| login_errors::explain_refusal(refusal.message(), refusal.code(), config))
    {
        return told;
    }
    let Some(refusal) = refusal.filter(|refusal| refusal.code() == "28000") else {
        return from_sqlx_at_endpoint(error, config, endpoint);
    };
    // By the function in the server's source, since messages are translated.
    let hint = match (refusal.routine(), facts) {
        (Some("InitializeSessionUserId"), _) => {
            "Check the user name in directory.url: the server has no such user, or it may not log in.".to_owned()
        }
        (_, LoginFacts { clear: true, .. }) => {
            "The server has this password checked elsewhere, by LDAP, RADIUS or PAM. Check the user name in directory.url \
             and the stored database password."
                .to_owned()
        }
        (_, LoginFacts { asked: true, .. }) => {
            "Check the user name in directory.url and the stored database password.".to_owned()
        }
        (Some("auth_failed"), _) => {
            "The server does not identify this user by a password, but by the operating system's account (peer, \
             ident), or by a certificate with the user's name as its common name (sslcert= and sslkey=). Use one of \
             these, or ask your database administrator for a line with scram-sha-256 in pg_hba.conf, above the others."
                .to_owned()
        }
        (_, LoginFacts { privacy, .. }) => hba_rejection_hint(refusal.message(), privacy).to_owned(),
    };
    let error = from_sqlx(error, config).with_hint(hint);
    if facts.asked && endpoint.has_password() {
        endpoint.to_login_refusal(error.wants_password())
    } else {
        error
    }
}

/// What to do if no rule in `pg_hba.conf` allows the login. The message contains that file name in every language,
/// except when only a certificate is missing.
fn hba_rejection_hint(said: &str, privacy: Privacy) -> &'static str {
    if !said.contains("pg_hba.conf") {
        return "Besides the login, the server requires a client certificate that its own authority has signed. Name \
                it in directory.url: sslcert= and sslkey=";
    }
    if said.starts_with("pg_hba.conf rejects") {
        return "A server rule refuses this user from here (reject). Ask your database administrator which users \
                and addresses pg_hba.conf lets in.";
    }
    match privacy {
        Privacy::Open => {
            "No server rule lets this user in from here without encryption. Try sslmode=verify-full. Otherwise ask \
             your database administrator for a line in pg_hba.conf."
        }
        Privacy::Encrypted | Privacy::Certain => {
            "No server rule lets this user in from here. Ask your database administrator for a line in pg_hba.conf. \
             If there is one for unencrypted connections only (hostnossl), set sslmode=disable."
        }
    }
}

/// Whether the server is still starting.
pub(crate) fn is_starting(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some("57P03")
}

/// Whether the server refused the login.
pub(crate) fn is_login(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("28P01" | "28000"))
}

/// Without a hint: only the caller knows where a password can be stored.
fn missing_password_error(config: &DirectoryConfig) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} requires a password, but none is stored.", describe_server(config)),
    )
    .wants_password()
}

/// SCRAM prepares passwords with `SASLprep` (RFC 4013), which rejects some characters.
fn unusable_password_error(config: &DirectoryConfig) -> DirectoryError {
    let what = "has a character that a SCRAM login does not allow: an emoji, a control character, or text that runs \
                in both directions";
    DirectoryError::new(DirectoryCode::Refused, format!("{} cannot use the password, which {what}.", describe_server(config)))
        .with_hint(
            "Check that the password was stored correctly. If it was, give the database user a password of letters, \
             digits and punctuation (ALTER ROLE … PASSWORD).",
        )
        .wants_password()
}

pub(crate) fn unreachable_error(config: &DirectoryConfig, cause: &str) -> DirectoryError {
    no_answer::no_answer_error(&describe_server(config), cause)
}

/// Host and port of the URL, and nothing else from it.
pub(crate) fn describe_server(directory: &DirectoryConfig) -> String {
    let url = url::Url::parse(&directory.url).ok();
    let host = url.as_ref().and_then(url::Url::host_str).filter(|host| !host.is_empty());
    match host {
        Some(host) => {
            let port = url.as_ref().and_then(url::Url::port);
            format!("The database at {host}:{}", port.unwrap_or(5432))
        }
        None => "The database".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::write_for_review;
    use crate::sql::review::SaidByDatabase;

    #[test]
    fn what_the_server_says_in_our_words() {
        let config: DirectoryConfig =
            toml::from_str("url = \"postgres://reader@db/acme\"\ntable = \"users\"\nid = \"id\"").unwrap();
        let codes = [
            "28P01", "28000", "3D000", "42501", "42P01", "57014", "55P03", "25006", "53300", "40001",
            "57P03", "57P01", "08006", "53200", "58030", "XX001", "22012",
        ];
        let mut told = codes
            .map(|code| {
                write_for_review(code, &from_database(&SaidByDatabase(code, "what the server said"), &config))
            })
            .concat();
        told += &write_for_review("no password", &missing_password_error(&config));
        told += &write_for_review("a password that SCRAM refuses", &unusable_password_error(&config));
        told += &write_for_review("unreachable", &unreachable_error(&config, "it fell silent"));
        for (said, privacy) in [
            ("connection requires a valid client certificate", Privacy::Certain),
            ("pg_hba.conf rejects connection for host", Privacy::Certain),
            ("no pg_hba.conf entry for host", Privacy::Open),
            ("no pg_hba.conf entry for host", Privacy::Certain),
        ] {
            told.extend(["── ", said, "\n  → ", hba_rejection_hint(said, privacy), "\n\n"]);
        }
        insta::assert_snapshot!(told);
    }
}
