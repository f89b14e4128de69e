//! The command line: what works without a window, and how the console is opened.

mod agreement;
mod audit;
mod check;
mod connections;
mod named_connection;
mod output;
mod record;
mod secrets;
mod sign_in_test;
mod team_log;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use understudy_core::error::{Error, Result};
use understudy_core::home::Home;

use self::audit::{Audit, on_audit};
use self::check::check_connection;
use self::connections::{add_connection, remove_connection};
use self::output::{check_written, print_sanitized, say_wrong};
use self::secrets::on_secret;
use crate::desktop::StartOptions;
use crate::links::is_link;
use crate::{core_dumps, desktop, signals};

const WHERE_THINGS_ARE: &str = if cfg!(windows) {
    "%APPDATA%\\understudy and %LOCALAPPDATA%\\understudy-data, or those below %UNDERSTUDY_HOME% if it is set."
} else {
    "the system's config and data folders, or those below $UNDERSTUDY_HOME if it is set."
};

/// Find a customer, sign in as them.
///
/// Without a command, opens the console.
#[derive(Debug, Parser)]
#[command(
    name = "understudy",
    version,
    after_help = format!("\
A first look:           understudy demo
Your own application:   write a connection file, then
                          understudy check acme.toml
                          understudy add acme.toml
                          understudy secret set acme database_password
                          understudy secret set acme impersonation_key
                          understudy check acme --user 42
For programs:           `understudy check … --json` prints the whole report
Where things are:       {WHERE_THINGS_ARE}
")
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Bring the running console to the front, with the search field focused (on Wayland, bind a key to this).
    // Every start has this effect, on a new console and on a running one; the flag only gives it a name.
    #[arg(long)]
    search: bool,
    /// When something fails, say what the system and the libraries said, too.
    #[arg(long, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the console on 100,000 invented users and a small application, all on this computer.
    Demo,
    /// Open the console at the customer that a link names, ready to sign in.
    Open {
        /// `understudy://open?connection=NAME&user=WHO`, with `ticket`, `reason` and `page` if there are any.
        link: String,
    },
    /// Check a connection file and copy it to your connections.
    Add {
        /// The connection file.
        file: PathBuf,
        /// Replace the connection that already has this name.
        #[arg(long)]
        replace: bool,
    },
    /// Remove a connection and its secrets, after asking.
    Remove {
        /// The name of a connection that was added.
        connection: String,
        /// Leave its secrets in the keyring.
        #[arg(long)]
        keep_secrets: bool,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
    /// Connect to the database, resolve the columns, and report what works and what doesn't. Signs in as a user only
    /// with `--user`.
    ///
    /// Exits with 0 if everything is right, and with 1 if something is not.
    Check {
        /// A connection file, or the name of a connection that was added.
        file: PathBuf,
        /// Sign in as the user with this ID and out again, without a window, and show each request. Recorded in the
        /// audit log.
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        user: Option<String>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Without asking, run the password command and use the SSH host that the file names, this once.
        /// A connection that was added needs this only if its command or host has changed since.
        #[arg(long)]
        run_commands: bool,
    },
    /// Store, remove and list a connection's secrets, which are kept in the system's keyring.
    #[command(subcommand)]
    Secret(Secret),
    /// Verify, list and export the audit log. Never writes to it.
    #[command(subcommand)]
    Audit(Audit),
    /// Print the JSON schema of connection files, for editors.
    Schema,
}

#[derive(Debug, Subcommand)]
enum Secret {
    /// Store a secret. You type it without echo, or it is read from standard input; it is never an argument.
    ///
    #[cfg_attr(
        not(windows),
        doc = "For a key of several lines, use its file: `understudy secret set acme impersonation_key < key.pem`"
    )]
    #[cfg_attr(
        windows,
        doc = "For a key of several lines, use its file, in PowerShell: `Get-Content key.pem | understudy secret set acme \
               impersonation_key`"
    )]
    Set {
        /// The name of a connection that was added.
        connection: String,
        /// The name in `{{ secret.NAME }}`, or `database_password`.
        name: String,
    },
    /// Remove a secret from the keyring.
    Forget {
        /// The connection's name, even if it has been removed.
        connection: String,
        /// The secret's name.
        name: String,
    },
    /// List the secrets that a connection needs, and which are stored. Values are never shown.
    List {
        /// The name of a connection that was added.
        connection: String,
        /// Only this secret; exits with 1 if it is missing.
        name: Option<String>,
    },
}

pub fn main() -> ExitCode {
    // A desktop starts the program with nothing but the link.
    let link = std::env::args().nth(1).filter(|argument| is_link(argument));
    if link.is_some() {
        return exit_with(desktop::run_desktop(StartOptions { demo: false, link }), false);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return print_clap_message(&told),
    };
    let verbose = arguments.verbose;
    let outcome = match arguments.command {
        None => desktop::run_desktop(StartOptions::default()),
        Some(Command::Demo) => desktop::run_desktop(StartOptions { demo: true, link: None }),
        Some(Command::Open { link }) => desktop::run_desktop(StartOptions { demo: false, link: Some(link) }),
        Some(command) => in_terminal(command),
    };
    exit_with(outcome, verbose)
}

fn exit_with(outcome: Result<ExitCode>, verbose: bool) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        say_wrong(&error, verbose);
        ExitCode::FAILURE
    })
}

/// Prints clap's message: a mistake, the help or the version. Fails if it cannot be written.
fn print_clap_message(told: &clap::Error) -> ExitCode {
    match check_written(told.print().and_then(|()| std::io::stdout().flush())) {
        Ok(()) => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(1)),
        Err(error) => {
            say_wrong(&error, false);
            ExitCode::FAILURE
        }
    }
}

fn in_terminal(command: Command) -> Result<ExitCode> {
    core_dumps::forbid_reading();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(startup_error)?;
    let home = Home::locate()?;
    runtime.block_on(async {
        signals::outlive_full_files().map_err(startup_error)?;
        match command {
            Command::Demo | Command::Open { .. } => Ok(ExitCode::SUCCESS),
            Command::Add { file, replace } => add_connection(&home, &file, replace).await,
            Command::Remove { connection, keep_secrets, yes } => {
                remove_connection(&home, &connection, keep_secrets, yes).await
            }
            Command::Check { file, user, json, run_commands } => {
                Box::pin(check_connection(&home, &file, user.as_deref(), json, run_commands)).await
            }
            Command::Secret(secret) => on_secret(&home, secret).await,
            Command::Audit(audit) => Box::pin(on_audit(&home, audit)).await,
            Command::Schema => {
                print_sanitized(understudy_core::connection::render_schema().trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn startup_error(cause: std::io::Error) -> Error {
    Error::out_of_resources("start", cause)
}
