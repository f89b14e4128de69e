//! Recognises login errors of poolers and hosted databases. They are in English and have an uninformative SQLSTATE, so
//! they are recognised by their wording. PostgreSQL's own errors are in `errors`.
//!
//! <https://www.pgbouncer.org/config.html>, <https://neon.com/docs/connect/connection-errors>,
//! <https://supabase.com/docs/guides/troubleshooting>

use crate::config::DirectoryConfig;
use crate::engines::postgres::errors::describe_server;
use crate::error::{DirectoryCode, DirectoryError};

/// What is wrong, which determines the error's wording.
#[derive(Clone, Copy)]
enum LoginFault {
    Login,
    Password,
    Database,
    Room,
}

struct LoginRefusal {
    fault: LoginFault,
    /// In lower case; any of them.
    words: &'static [&'static str],
    hint: &'static str,
}

const KNOWN: [LoginRefusal; 8] = [
    LoginRefusal {
        fault: LoginFault::Login,
        words: &["tenant or user not found", "enoidentifier", "no tenant identifier"],
        hint: "Supabase's pooler tells projects apart by the user name: postgres.<project reference>, or \
               <role>.<project reference>. Copy the user and the host, which has the project's region, from Connect in \
               the project's dashboard.",
    },
    LoginRefusal {
        fault: LoginFault::Login,
        words: &["endpoint id is not specified"],
        hint: "Neon tells databases apart by the name of the host, which only arrives with TLS: use the host name from \
               its console with sslmode=verify-full, or add options=endpoint%3D<endpoint ID>, the first part of that \
               name.",
    },
    LoginRefusal {
        fault: LoginFault::Login,
        words: &["endpoint is disabled", "endpoint could not be found", "control plane request failed"],
        hint: "Neon does not start this database. Enable its endpoint (compute) in the console, or copy the URL of the \
               one that is in use from there.",
    },
    LoginRefusal {
        fault: LoginFault::Login,
        words: &["unsupported startup parameter"],
        hint: "PgBouncer refuses settings that it does not know. Remove it from directory.url (options=), or ask \
               your database administrator to list it in ignore_startup_parameters in pgbouncer.ini.",
    },
    LoginRefusal {
        fault: LoginFault::Login,
        words: &["ssl required", "ssl connection is required", "tls required", "connection is insecure"],
        hint: "Add sslmode=verify-full to directory.url.",
    },
    LoginRefusal {
        fault: LoginFault::Room,
        words: &[
            "no more connections allowed",
            "max_client_conn",
            "max clients reached",
            "max client connections reached",
        ],
        hint: "Try again in a moment, or raise the pooler's limit (max_client_conn of PgBouncer, the pool size of a \
               hosted database).",
    },
    LoginRefusal {
        fault: LoginFault::Database,
        words: &["no such database"],
        hint: "Check the database name at the end of directory.url: a pooler knows databases by the names in its own \
               settings.",
    },
    LoginRefusal {
        fault: LoginFault::Password,
        words: &["no such user", "auth failed"],
        hint: "Check the user name in directory.url and the stored database password: a pooler has its own list of \
               users (auth_file, auth_query).",
    },
];

/// The error for a login that was answered with message `said` and this SQLSTATE; `None` if the message is PostgreSQL's
/// own.
pub(crate) fn explain_refusal(said: &str, code: &str, config: &DirectoryConfig) -> Option<DirectoryError> {
    let (place, said) = (describe_server(config), said.trim_end_matches('.'));
    let lower = said.to_lowercase();
    let known = KNOWN.iter().find(|known| known.words.iter().any(|words| lower.contains(words)));
    let refused = |message: String| DirectoryError::new(DirectoryCode::Refused, message);
    let Some(LoginRefusal { fault, hint, .. }) = known else {
        // PostgreSQL itself uses neither class to refuse a login.
        let is_unusual = code.starts_with("08") || code.starts_with("XX");
        return is_unusual.then(|| {
            refused(format!("{place} refused the login: {said} (SQLSTATE {code}).")).with_hint(
                "A server, a pooler or a proxy answers there, so host and port are right. Check user and database name in \
                 directory.url, or ask whoever runs it.",
            )
        });
    };
    let error = match fault {
        LoginFault::Login => refused(format!("{place} refused the login: {said}.")),
        LoginFault::Password => refused(format!("{place} refused the login: {said}.")).wants_password(),
        LoginFault::Room => refused(format!("{place} accepts no more connections: {said}.")),
        LoginFault::Database => DirectoryError::new(DirectoryCode::Mismatch, format!("{place}: {said}.")),
    };
    Some(error.with_hint(*hint))
}
