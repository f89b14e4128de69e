//! Converts errors of MySQL, MariaDB and the connection to Understudy's.
//!
//! By error number, never by message, since servers speak many languages.
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/kb/en/mariadb-error-code-reference/>

use sqlx::mysql::MySqlDatabaseError;

use crate::config::DirectoryConfig;
use crate::engines::mysql::connect::EXAMPLE;
use crate::error::{DirectoryCode, DirectoryError};
use crate::faults::{query_stopped_error, query_timeout_error, table_locked_error};
use crate::reach::endpoint::Endpoint;
use crate::reach::{no_answer, tls};

pub(crate) const TLS: tls::TlsOptions = tls::TlsOptions {
    authority: "ssl-ca",
    also_authority: &["sslca"],
    client: &["ssl-cert", "ssl-key"],
    any_name: "ssl-mode=VERIFY_CA",
    off: "ssl-mode=DISABLED",
    pins: true,
};

/// Converts any error of a connection or a statement.
pub(crate) fn from_sqlx(error: sqlx::Error, config: &DirectoryConfig) -> DirectoryError {
    match error {
        sqlx::Error::Database(error) => {
            let error = error.downcast_ref::<MySqlDatabaseError>();
            from_number(error.number(), error.message(), config)
        }
        sqlx::Error::Io(cause) => no_answer::from_io(&describe_server(config), &cause),
        sqlx::Error::Protocol(said) => no_answer::from_protocol(&describe_server(config), &said),
        sqlx::Error::PoolClosed => unreachable_error(config, "the connection was closed"),
        sqlx::Error::Configuration(cause) => DirectoryError::new(
            DirectoryCode::ConfigInvalid,
            format!("directory.url cannot be used: {cause}."),
        )
        .with_hint(EXAMPLE),
        other => no_answer::from_driver(&other),
    }
}

fn from_number(number: u16, said: &str, config: &DirectoryConfig) -> DirectoryError {
    let refused = |message: String| DirectoryError::new(DirectoryCode::Refused, message);
    match number {
        1698 => refused(format!("{} refused the login: {said}.", describe_server(config))).with_hint(
            "This account logs in with the operating system's account (unix_socket, auth_socket), not with a \
             password. Name another user in directory.url, one with a password and SELECT on the table.",
        ),
        4151 | 3118 => refused(format!("{} refused the login: this account is locked.", describe_server(config)))
            .with_hint(OF_AN_ACCOUNT)
            .with_statement(format!("ALTER USER {} ACCOUNT UNLOCK", quote_account(config)))
            .with_details(said),
        // Too many wrong passwords: MariaDB's max_password_errors, MySQL's FAILED_LOGIN_ATTEMPTS.
        4150 | 3955 => refused(format!(
            "{} refused the login: this account is blocked after too many wrong passwords.",
            describe_server(config)
        ))
        .with_hint(OF_AN_ACCOUNT)
        .with_statement(if number == 4150 { "FLUSH PRIVILEGES".to_owned() } else { format!("ALTER USER {} ACCOUNT UNLOCK", quote_account(config)) })
        .with_details(said),
        1820 | 1862 => refused(format!("{} refused the login: this account's password has expired.", describe_server(config)))
            .with_hint(format!("{OF_AN_ACCOUNT} Then store the new password."))
            .with_statement(format!("ALTER USER {} IDENTIFIED BY '…' PASSWORD EXPIRE NEVER", quote_account(config)))
            .with_details(said),
        // A wrong password; no password; a login plugin that one side lacks.
        1045 | 1251 | 1524 => {
            let error = refused(format!("{} refused the login: {said}.", describe_server(config))).with_hint(
                "Check the user name in directory.url and the stored database password. To log in with a certificate, \
                 name it there too: ssl-cert= and ssl-key=",
            );
            if number == 1045 { error.wants_password() } else { error }
        }
        // This computer's address is not allowed, or was blocked after too many errors.
        1129 | 1130 => refused(format!("{} accepts no connection from here: {said}.", describe_server(config))).with_hint(
            "Ask your database administrator to allow this user from this computer's address ('user'@'%' allows any \
             address).",
        ),
        1044 => refused(format!("{} does not let this user into the database: {said}.", describe_server(config))).with_hint(
            "Check the database name at the end of directory.url, or ask your database administrator to grant SELECT \
             on one of its tables. If a role was granted, it must be the user's default role: SET DEFAULT ROLE.",
        ),
        1049 | 1046 => DirectoryError::new(DirectoryCode::Mismatch, format!("{}: {said}.", describe_server(config)))
            .with_hint("Check the database name at the end of directory.url."),
        // A table, a column, or something that a view or function of theirs needs.
        1142 | 1143 | 1227 | 1370 => refused(format!("The database user may not read {}: {said}.", config.table))
            .with_hint(
                "Ask your database administrator to grant SELECT on the columns that the connection names. If a role \
                 was granted, it must be the user's default role: SET DEFAULT ROLE.",
            ),
        1356 => DirectoryError::new(DirectoryCode::Mismatch, format!("The view {} cannot be read: {said}.", config.table))
            .with_hint(
                "One of its tables or columns was renamed or removed, or the account that defined the view may no \
                 longer read them. Ask your database administrator.",
            ),
        // Something in the statement no longer exists.
        1054 | 1146 => DirectoryError::new(
            DirectoryCode::Mismatch,
            format!("{} has changed since the database was opened: {said}.", config.table),
        )
        .with_hint("Check the connection: its table or columns were renamed or removed."),
        // MySQL's max_execution_time; MariaDB's max_statement_time.
        3024 | 1969 => query_timeout_error(config),
        1205 | 3572 => table_locked_error(config, said),
        // Interrupted, but not by us.
        1317 => query_stopped_error(),
        1792 | 1290 | 1836 => {
            refused(format!("{} tried to write to the database: {said}.", config.table))
                .with_hint("Understudy only reads. Name a table or view that can be read without writing.")
        }
        // The account's hourly limits. The resource has the same name in every language.
        1226 if said.contains("_per_hour") => {
            let resource = ["max_queries_per_hour", "max_updates_per_hour", "max_connections_per_hour"];
            let resource = resource.into_iter().find(|name| said.contains(name));
            let error = refused(format!(
                "{} refuses this account for the rest of the hour: {said}.",
                describe_server(config)
            ));
            match resource {
                Some(name) => error.with_hint(OF_AN_ACCOUNT).with_statement(format!(
                    "ALTER USER {} WITH {} 0",
                    quote_account(config),
                    name.to_uppercase()
                )),
                None => error.with_hint("Try again later, or ask your database administrator to raise the limit."),
            }
        }
        1040 | 1203 | 1226 => refused(format!("{} accepts no more connections: {said}.", describe_server(config)))
            .with_hint("Try again in a moment, or raise the connection limit of this database user."),
        // Shutting down, killed, or idle for longer than the server allows.
        1053 | 1077 | 1079 | 1080 | 1927 | 3169 | 4031 => DirectoryError::new(
            DirectoryCode::Unreachable,
            format!("{} closed the connection: {said}.", describe_server(config)),
        )
        .with_hint("It is being stopped or restarted, or its administrator ended the session. Try again in a moment."),
        // The connection broke.
        1152..=1161 | 1184 => unreachable_error(config, said),
        // Out of memory, space or files; a damaged table; an error of the storage engine.
        126 | 127 | 145 | 1016 | 1021 | 1023 | 1026 | 1030 | 1034 | 1035 | 1037 | 1038 | 1041 | 1114
        | 1135 | 1194 | 1195 | 1459 => {
            refused(format!("{} reports an internal problem: {said} (error {number}).", describe_server(config)))
                .with_hint("Ask its administrator. The connection file is not the cause.")
        }
        _ => refused(format!("The database could not answer: {said} (error {number})."))
            .with_hint("The problem is in the table or view itself. Ask its owner."),
    }
}

/// Introduces a statement about the account.
const OF_AN_ACCOUNT: &str =
    "Ask your database administrator to run this. (The part after @ is the account's host.)";

/// The account of the URL's user as SQL names it, for any host.
fn quote_account(config: &DirectoryConfig) -> String {
    let user = url::Url::parse(&config.url).map(|url| url.username().to_owned()).unwrap_or_default();
    let user = percent_encoding::percent_decode_str(&user).decode_utf8_lossy();
    format!("'{}'@'%'", user.replace('\'', "''"))
}

/// Converts an error of a statement after the login.
pub(crate) fn of_statement(
    error: sqlx::Error,
    config: &DirectoryConfig,
    endpoint: &Endpoint,
) -> DirectoryError {
    match number_of(&error) {
        // Only administrators see the definer's name; others get the error number of a failed login.
        Some(1045 | 1449) => {
            let said = error.as_database_error().map(|error| error.message().to_owned());
            DirectoryError::new(
                DirectoryCode::Refused,
                format!(
                    "{} cannot be read: it is a view, read with the rights of the account that defined it, and that \
                     account no longer exists.",
                    config.table
                ),
            )
            .with_hint(
                "Ask your database administrator for another definer: SHOW CREATE VIEW shows the view's definition, \
                 and ALTER DEFINER = … VIEW … creates it again.",
            )
            .with_details(said.unwrap_or_default())
        }
        _ => from_sqlx_at_endpoint(error, config, endpoint),
    }
}

/// The same, taking into account whether there is a password and where it comes from.
pub(crate) fn from_sqlx_at_endpoint(
    error: sqlx::Error,
    config: &DirectoryConfig,
    endpoint: &Endpoint,
) -> DirectoryError {
    match (is_login(&error), endpoint.has_password()) {
        (true, true) => endpoint.to_login_refusal(from_sqlx(error, config)),
        (true, false) => endpoint.to_login_refusal(missing_password_error(config)),
        (false, _) => from_sqlx(error, config),
    }
}

fn number_of(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.downcast_ref::<MySqlDatabaseError>().number())
}

/// Whether the server refused the login.
pub(crate) fn is_login(error: &sqlx::Error) -> bool {
    number_of(error) == Some(1045)
}

/// Whether a KILL QUERY interrupted the statement.
pub(crate) fn is_interruption(error: &sqlx::Error) -> bool {
    number_of(error) == Some(1317)
}

/// Without a hint: only the caller knows where a password can be stored.
fn missing_password_error(config: &DirectoryConfig) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("{} requires a password, but none is stored.", describe_server(config)),
    )
    .wants_password()
}

pub(crate) fn unreachable_error(config: &DirectoryConfig, cause: &str) -> DirectoryError {
    no_answer::no_answer_error(&describe_server(config), cause)
}

/// Socket, or host and port of the URL, and nothing else from it.
pub(crate) fn describe_server(directory: &DirectoryConfig) -> String {
    let url = url::Url::parse(&directory.url).ok();
    let socket =
        url.as_ref().and_then(|url| url.query_pairs().find(|(key, _)| key == "socket").map(|(_, path)| path));
    let host = url.as_ref().and_then(url::Url::host_str).filter(|host| !host.is_empty());
    match (socket, host) {
        (Some(path), _) => format!("The database at {path}"),
        (None, Some(host)) => {
            let port = url.as_ref().and_then(url::Url::port);
            format!("The database at {host}:{}", port.unwrap_or(3306))
        }
        (None, None) => "The database".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::write_for_review;

    /// Error numbers of both MySQL and MariaDB; the test server is only one of them.
    #[test]
    fn what_the_servers_say_in_our_words() {
        let config: DirectoryConfig =
            toml::from_str("url = \"mysql://o'hara@db/acme\"\ntable = \"users\"\nid = \"id\"").unwrap();
        let numbers = [
            1698, 4151, 3118, 4150, 3955, 1820, 1862, 1045, 1251, 1129, 1044, 1049, 1142, 1356, 1054, 3024,
            1969, 1205, 3572, 1317, 1792, 1226, 1040, 1053, 4031, 1152, 1114, 1365,
        ];
        let told = numbers.map(|number| (number, "what the server said"));
        let hourly = [
            (1226, "User 'o'hara' has exceeded the 'max_queries_per_hour' resource (current value: 5)"),
            (1226, "User 'o'hara' has exceeded the 'max_statements_per_hour' resource (current value: 5)"),
        ];
        let told = told.into_iter().chain(hourly);
        let mut told: String = told
            .map(|(number, said)| write_for_review(&number.to_string(), &from_number(number, said, &config)))
            .collect();
        told += &write_for_review("no password", &missing_password_error(&config));
        told += &write_for_review("unreachable", &unreachable_error(&config, "it fell silent"));
        insta::assert_snapshot!(told);
    }
}
