//! What a command asks before it continues: whether to run what a file names, and whether to send a secret to a new
//! destination.

use std::io::{IsTerminal, Write};
use std::path::Path;

use tokio_util::sync::CancellationToken;
use understudy_core::connection::{Connection, ConnectionSource, SshConfig};
use understudy_core::console::describe_redirects;
use understudy_core::destination::Destination;
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::secrets::way_in;
use understudy_core::vault::{Keep, Vault};

use super::named_connection::NamedConnection;
use super::output::print_to_stderr;
use super::record::{name_by_id, record_done};

/// Asks whether to run what reaches the database of a file that was not added. For an added connection there is consent
/// from when it was added; what uses it compares the two.
pub async fn let_run(vault: &Vault, named: &NamedConnection, file: &Path, run_commands: bool) -> Result<()> {
    // The report says what is wrong with the text.
    let Ok(connection) = Connection::parse(&named.id, &named.text, ConnectionSource::Own, None) else {
        return Ok(());
    };
    let Some((name, destination)) = way_in(&connection) else { return Ok(()) };
    let is_saved = named.is_saved_way_in(&destination);
    let is_handed_out =
        is_saved && named.saved.as_ref().is_some_and(|saved| saved.source == ConnectionSource::System);
    if !run_commands && !is_handed_out {
        if named.is_added || is_saved {
            return Ok(());
        }
        agree_to_run(file, &list_local_commands(&connection)).await?;
    }
    vault.let_run_for_now(&name, &destination);
    Ok(())
}

/// What runs on this computer to reach the database.
fn list_local_commands(connection: &Connection) -> Vec<String> {
    let directory = &connection.file.directory;
    let mut commands = Vec::new();
    if let Some(words) = &directory.password_command {
        // Quoted, so that a word cannot look like two or move the terminal's cursor.
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        commands.push(format!("program  {}", words.join(" ")));
    }
    if let Some(ssh) = &directory.ssh {
        commands.push(format!("ssh      {}", ssh_words(ssh).escape_debug()));
    }
    commands
}

pub fn ssh_words(ssh: &SshConfig) -> String {
    let user = ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = ssh.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{user}{}{port}", ssh.host)
}

async fn agree_to_run(file: &Path, commands: &[String]) -> Result<()> {
    print_to_stderr(&format!(
        "{} was not added. To reach its database, this would run as you:",
        file.display().to_string().escape_debug()
    ));
    for command in commands {
        print_to_stderr(&format!("  {command}"));
    }
    if ask_yes_or_no("Run it?", &CancellationToken::new()).await {
        return Ok(());
    }
    Err(Error::new(Code::Cancelled, "Nothing was run.").with_hint(
        "If you trust the author of the file, repeat the command with --run-commands, or add the file with `understudy add`.",
    ))
}

/// Runs `what`, and asks if a stored secret would go to a new destination. For an added connection, the answer is
/// stored; for another file, it counts once. Either is recorded.
pub async fn run_with_consent<T>(
    home: &Home,
    vault: &Vault,
    named: &NamedConnection,
    stop: &CancellationToken,
    what: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    loop {
        let error = match what().await {
            Err(error) if error.moved.is_some() => error,
            other => return other,
        };
        let Some(moved) = error.moved.as_deref() else { return Err(error) };
        print_to_stderr(&error.message);
        let runs = moved.is_way_in();
        for secret in &moved.secrets {
            if runs {
                report_destination("you allowed", secret.stored_for.as_ref());
                report_destination("would run", Some(&secret.now));
            } else {
                print_to_stderr(&format!("  {}", secret.name));
                report_destination("was stored for", secret.stored_for.as_ref());
                report_destination("would go to", Some(&secret.now));
            }
        }
        let question = match (runs, named.is_added) {
            (true, true) => "Run it from now on?",
            (true, false) => "Run it this once?",
            (false, true) => "Use it there from now on?",
            (false, false) => "Use it there this once?",
        };
        if !ask_yes_or_no(question, stop).await {
            if runs {
                return Err(Error::new(error.code, "Nothing was run.").with_hint(
                    "If that is right, answer yes at a terminal, or repeat the command with --run-commands to run it \
                     this once.",
                ));
            }
            let hint = if named.is_added {
                error.hint.clone().unwrap_or_default()
            } else {
                "This file only has the same name as the connection that the secret belongs to. Add it under another \
                 name to give it its own secrets."
                    .to_owned()
            };
            return Err(Error::new(error.code, "The secret was not used.").with_hint(hint));
        }
        vault.accept_destinations(moved, if named.is_added { Keep::Stored } else { Keep::ThisRun }).await?;
        for redirected in describe_redirects(moved) {
            record_done(home, name_by_id(&named.id), redirected).await;
        }
    }
}

fn report_destination(title: &str, destination: Option<&Destination>) {
    let facts = destination.map(|destination| destination.facts.as_slice()).unwrap_or_default();
    if facts.is_empty() {
        print_to_stderr(&format!("    {title:15}  (nothing is known)"));
    }
    for (at, fact) in facts.iter().enumerate() {
        let title = if at == 0 { title } else { "" };
        print_to_stderr(&format!(
            "    {title:15}  {}: {}",
            fact.aspect.as_label(),
            fact.value.escape_debug()
        ));
    }
}

/// Asks at a terminal; without one, the answer is no. Cancelling the command cancels the question.
pub async fn ask_yes_or_no(question: &str, stop: &CancellationToken) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let (answer, answered) = tokio::sync::oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own threads, and this one may never end.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        let _ = answer.send(line);
    });
    let line = tokio::select! {
        () = stop.cancelled() => return false,
        line = answered => line.unwrap_or_default(),
    };
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}
