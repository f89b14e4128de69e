//! The command line: what can be done without a window, and how one is opened.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio_util::sync::CancellationToken;
use understudy_core::audit::{AuditLog, Who};
use understudy_core::check::{Report, Status};
use understudy_core::clock::Clock;
use understudy_core::connection::{
    Connection, Connections, DATABASE_PASSWORD, DEMO, Origin, SshConfig, id_for, is_id, read_file,
};
use understudy_core::destination::Destination;
use understudy_core::directory::{self, Info};
use understudy_core::error::{Code, Error, Result, SecretName};
use understudy_core::home::Home;
use understudy_core::sanitize;
use understudy_core::secrets::way_in;
use understudy_core::settings::Settings;
use understudy_core::sign_in::Rehearsal;
use understudy_core::trial::Trial;
use understudy_core::vault::{self, Keep, LONGEST, SecretState, Vault};
use understudy_core::{check, trial};
use understudy_files::regular_file;

use crate::session_window::check_sandbox;
use crate::signals::{self, Signals};
use crate::{core_dumps, desktop};

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
    // A console always starts so, and one that runs already answers every start so: the flag is its name.
    #[arg(long)]
    search: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the console on 100,000 invented users and a small application, all on this computer.
    Demo,
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return tell(&told),
    };
    let outcome = match arguments.command {
        None => desktop::run(desktop::Start { demo: false }),
        Some(Command::Demo) => desktop::run(desktop::Start { demo: true }),
        Some(command) => in_terminal(command),
    };
    outcome.unwrap_or_else(|error| {
        say_wrong(&error);
        ExitCode::FAILURE
    })
}

/// What clap has to say: a slip, or the help or the version that was asked for. Fails when it cannot be written.
fn tell(told: &clap::Error) -> ExitCode {
    match written(told.print().and_then(|()| std::io::stdout().flush())) {
        Ok(()) => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(1)),
        Err(error) => {
            say_wrong(&error);
            ExitCode::FAILURE
        }
    }
}

fn in_terminal(command: Command) -> Result<ExitCode> {
    core_dumps::forbid_reading();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|cause| lack(&cause))?;
    let home = Home::locate()?;
    runtime.block_on(async {
        signals::outlive_full_files().map_err(|cause| lack(&cause))?;
        match command {
            Command::Demo => Ok(ExitCode::SUCCESS),
            Command::Add { file, replace } => add(&home, &file, replace).await,
            Command::Remove { connection, keep_secrets, yes } => {
                remove(&home, &connection, keep_secrets, yes).await
            }
            Command::Check { file, user, json, run_commands } => {
                Box::pin(check(&home, &file, user.as_deref(), json, run_commands)).await
            }
            Command::Secret(secret) => on_secret(&home, secret).await,
            Command::Schema => {
                say(understudy_core::connection::schema().trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

async fn add(home: &Home, file: &Path, replace: bool) -> Result<ExitCode> {
    let connections = Connections::new(home.clone());
    let (connection, was_there) =
        if replace { connections.replace(file)? } else { (connections.add(file)?, false) };
    let done = if was_there { "Updated" } else { "Added" };
    if let Some((name, destination)) = way_in(&connection)
        && let Err(error) = Vault::system().let_run_from_now_on(&name, &destination).await
    {
        complain(&format!(
            "You will be asked before it runs anything, because your consent could not be stored: {}",
            error.message
        ));
    }
    say(&format!("{done} {} as `{}`.", connection.file.name, connection.id))?;
    if let Some(command) = &connection.file.directory.password_command {
        say(&format!("To get the database password, it runs this program as you: {}", command.join(" ")))?;
    }
    if let Some(ssh) = &connection.file.directory.ssh {
        say(&format!("To reach the database, it logs in by SSH as you: {}", ssh_words(ssh)))?;
    }
    for name in connection.secrets() {
        say(&format!("Store its secret: understudy secret set {} {name}", connection.id))?;
    }
    // Not every database wants one, and none is asked here.
    if connection.may_need_password() {
        let id = &connection.id;
        say(&format!("If its database needs a password: understudy secret set {id} {DATABASE_PASSWORD}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks first, and says which secrets go with it.
async fn remove(home: &Home, id: &str, keep_secrets: bool, yes: bool) -> Result<ExitCode> {
    let connections = Connections::new(home.clone());
    let vault = Vault::system();
    let text = text_of(home, id, &format!("There is no connection `{}`.", short(id)))?;
    // A file that cannot be read any more has secrets all the same, but nothing that names them.
    let parsed = Connection::parse(id, &text, Origin::Own, None);
    let mut stored = Vec::new();
    for name in parsed.as_ref().map(Connection::secret_names).unwrap_or_default() {
        let name = SecretName::new(id, name);
        if vault.state(&name).await.is_ok_and(|state| state != SecretState::Missing) {
            stored.push(name);
        }
    }
    let names = stored.iter().map(|secret| secret.name.clone()).collect::<Vec<_>>().join(", ");
    let goes = match (stored.is_empty(), keep_secrets) {
        (true, _) => "None of its secrets is stored.".to_owned(),
        (false, true) => format!("Its secrets stay in the keyring: {names}."),
        (false, false) => format!("Its secrets are removed from the keyring too: {names}."),
    };
    complain(&format!("This removes the connection `{id}`. {goes}"));
    if !yes && !agrees("Remove it?", &CancellationToken::new()).await {
        return Err(Error::new(Code::Cancelled, "Nothing was removed.")
            .hint("Answer y at a terminal, or repeat the command with --yes."));
    }
    let mut forgotten = if keep_secrets { Vec::new() } else { stored };
    // That it may run a program goes with it.
    forgotten.extend(parsed.as_ref().ok().and_then(way_in).map(|(name, _)| name));
    // The file is the first to go, as that can be taken back.
    let aside = connections.set_aside(id)?;
    if !forgotten.is_empty()
        && let Err(error) = vault.forget_all(&forgotten).await
    {
        aside.put_back()?;
        return Err(error);
    }
    aside.remove()?;
    say(&format!("Removed `{id}`."))?;
    Ok(ExitCode::SUCCESS)
}

async fn check(
    home: &Home,
    file: &Path,
    user: Option<&str>,
    json: bool,
    run_commands: bool,
) -> Result<ExitCode> {
    let named = Named::find(home, file)?;
    let vault = Vault::system();
    let_run(&vault, &named, file, run_commands).await?;
    if let Some(user) = user {
        return try_sign_in(home, &vault, &named, user, json).await;
    }
    let typed = check::Typed::default();
    let mut report = asking(&vault, &named, &CancellationToken::new(), async || {
        let checked = Box::pin(check::check(Some(&named.id), &named.text, &vault, &typed));
        directory::telling(Arc::new(tell_waking), checked).await
    })
    .await?;
    check_sandbox(&mut report);
    if json {
        say_json(&report)?;
    } else {
        say_report(&report)?;
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `check` was asked about.
struct Named {
    /// The name that its secrets are stored under.
    id: String,
    text: String,
    /// The connection of that name, if one was added.
    saved: Option<Connection>,
    /// It is that connection, and not another file that is called the same.
    is_added: bool,
}

impl Named {
    fn find(home: &Home, file: &Path) -> Result<Self> {
        let saved_as =
            |id: &str| Connections::new(home.clone()).load().0.into_iter().find(|one| one.id == id);
        // A folder may have a connection's name.
        if file.exists() && !file.is_dir() {
            let text = regular_file::read_text(file, regular_file::OF_SETTINGS)?;
            let id = id_as_added(home, file, &text);
            let saved = saved_as(&id);
            let own = saved.as_ref().and_then(|saved| saved.path.as_ref()?.canonicalize().ok());
            let is_added = own.is_some() && own == file.canonicalize().ok();
            return Ok(Self { id, text, saved, is_added });
        }
        let id = file.to_string_lossy().into_owned();
        let text = text_of(home, &id, &format!("`{}` is neither a file nor a connection.", short(&id)))?;
        let saved = saved_as(&id);
        Ok(Self { id, text, saved, is_added: true })
    }

    /// The saved connection runs the same, and for the same place. Whether the operator let it run there is another
    /// question: the file may have changed since.
    fn is_saved_way_in(&self, destination: &Destination) -> bool {
        let saved = self.saved.as_ref().and_then(way_in);
        saved.is_some_and(|(_, saved)| saved == *destination)
    }
}

/// Lets run what reaches the database of a file that nobody has added, if the operator says so. What a connection that
/// was added runs is compared with what was let run when it was: whoever uses it asks.
async fn let_run(vault: &Vault, named: &Named, file: &Path, run_commands: bool) -> Result<()> {
    // What is wrong with the text is the report's to say.
    let Ok(connection) = Connection::parse(&named.id, &named.text, Origin::Own, None) else { return Ok(()) };
    let Some((name, destination)) = way_in(&connection) else { return Ok(()) };
    let is_saved = named.is_saved_way_in(&destination);
    let is_handed_out = is_saved && named.saved.as_ref().is_some_and(|saved| saved.origin == Origin::System);
    if !run_commands && !is_handed_out {
        if named.is_added || is_saved {
            return Ok(());
        }
        agree_to_run(file, &commands(&connection)).await?;
    }
    vault.let_run_for_now(&name, &destination);
    Ok(())
}

/// What runs on this computer to reach the database.
fn commands(connection: &Connection) -> Vec<String> {
    let directory = &connection.file.directory;
    let mut commands = Vec::new();
    if let Some(words) = &directory.password_command {
        // Quoted, so that no word hides another or moves the terminal's cursor.
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        commands.push(format!("program  {}", words.join(" ")));
    }
    if let Some(ssh) = &directory.ssh {
        commands.push(format!("ssh      {}", ssh_words(ssh).escape_debug()));
    }
    commands
}

fn ssh_words(ssh: &SshConfig) -> String {
    let user = ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = ssh.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{user}{}{port}", ssh.host)
}

async fn agree_to_run(file: &Path, commands: &[String]) -> Result<()> {
    complain(&format!(
        "{} was not added. To reach its database, this would run as you:",
        file.display().to_string().escape_debug()
    ));
    for command in commands {
        complain(&format!("  {command}"));
    }
    if agrees("Run it?", &CancellationToken::new()).await {
        return Ok(());
    }
    Err(Error::new(Code::Cancelled, "Nothing was run.").hint(
        "If you trust the author of the file, repeat the command with --run-commands, or add the file with `understudy add`.",
    ))
}

/// Does `what`, and asks where a stored secret would go elsewhere than it was stored for. For a connection that was
/// added the answer is kept; for another file it is good for this once.
async fn asking<T>(
    vault: &Vault,
    named: &Named,
    stop: &CancellationToken,
    what: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    loop {
        let error = match what().await {
            Err(error) if error.moved.is_some() => error,
            other => return other,
        };
        let Some(moved) = error.moved.as_deref() else { return Err(error) };
        complain(&error.message);
        let runs = moved.is_way_in();
        for secret in &moved.secrets {
            if runs {
                complain_destination("you allowed", secret.stored_for.as_ref());
                complain_destination("would run", Some(&secret.now));
            } else {
                complain(&format!("  {}", secret.name));
                complain_destination("was stored for", secret.stored_for.as_ref());
                complain_destination("would go to", Some(&secret.now));
            }
        }
        let question = match (runs, named.is_added) {
            (true, true) => "Run it from now on?",
            (true, false) => "Run it this once?",
            (false, true) => "Use it there from now on?",
            (false, false) => "Use it there this once?",
        };
        if !agrees(question, stop).await {
            if runs {
                return Err(Error::new(error.code, "Nothing was run.").hint(
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
            return Err(Error::new(error.code, "The secret was not used.").hint(hint));
        }
        vault.agree(moved, if named.is_added { Keep::Stored } else { Keep::ThisRun }).await?;
    }
}

fn complain_destination(title: &str, destination: Option<&Destination>) {
    let facts = destination.map(|destination| destination.facts.as_slice()).unwrap_or_default();
    if facts.is_empty() {
        complain(&format!("    {title:15}  (nothing is known)"));
    }
    for (at, fact) in facts.iter().enumerate() {
        let title = if at == 0 { title } else { "" };
        complain(&format!("    {title:15}  {}: {}", fact.aspect.words(), fact.value.escape_debug()));
    }
}

/// Asks at a terminal; elsewhere nobody can agree. What stops the command stops the question too.
async fn agrees(question: &str, stop: &CancellationToken) -> bool {
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

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The name that `add` would give a file, which is the one that its secrets are stored under.
fn id_as_added(home: &Home, file: &Path, text: &str) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if is_id(&stem) && stem != DEMO {
        return stem;
    }
    let name = read_file(&stem, text).map_or(stem, |file| file.name);
    // A file's content does not choose whose stored secrets it gets.
    let connections = Connections::new(home.clone());
    id_for(&name, |id| id == DEMO || connections.draft(id).is_ok())
}

/// The file of a connection that was added; `unknown` is said when there is none.
fn text_of(home: &Home, id: &str, unknown: &str) -> Result<String> {
    let connections = Connections::new(home.clone());
    match connections.draft(id) {
        Ok(draft) => Ok(draft.text),
        Err(error) if error.code == Code::ConnectionUnknown => {
            let (usable, faulty) = connections.load();
            let mut names: Vec<String> = usable.into_iter().map(|one| one.id).collect();
            names.extend(faulty.into_iter().map(|one| one.id).filter(|id| !id.is_empty()));
            Err(Error::new(Code::ConnectionUnknown, unknown).hint(if names.is_empty() {
                "There are no connections yet. Add one: understudy add FILE".to_owned()
            } else {
                format!("Connections: {}. Add another: understudy add FILE", names.join(", "))
            }))
        }
        Err(error) => Err(error),
    }
}

/// Signs in as a user and out again, and says what was sent and answered.
async fn try_sign_in(home: &Home, vault: &Vault, named: &Named, user: &str, json: bool) -> Result<ExitCode> {
    let settings = Settings::load(home)?;
    let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
    let typed = check::Typed::default();
    let audit = AuditLog::open(&home.audit_file()?).await?;
    let mut signals = Signals::listen().map_err(|cause| lack(&cause))?;
    let clock = Clock::wall();
    let mut running = Box::pin(asking(vault, named, &stop, async || {
        let trial = Trial {
            id: Some(&named.id),
            text: &named.text,
            saved: named.saved.as_ref(),
            typed: &typed,
            user,
            operator: Who::new(settings.operator_name.trim(), settings.operator_email.trim()),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let tried = Box::pin(trial::run(trial, vault, &audit, &clock));
        directory::telling(Arc::new(tell_waking), tried).await
    }));
    let rehearsal = tokio::select! {
        rehearsal = &mut running => rehearsal,
        // What it began in the application is ended before the program is.
        () = signals.next() => {
            stop.cancel();
            complain("Stopping: signing out first. Press Ctrl+C again to quit without signing out.");
            tokio::select! {
                rehearsal = &mut running => rehearsal,
                () = signals.next() => {
                    abandon.cancel();
                    // It has to be written, which takes a moment; a third signal does not wait for that either.
                    let left = tokio::select! {
                        left = &mut running => left.err(),
                        () = signals.next() => None,
                    };
                    left.iter().for_each(say_wrong);
                    return Ok(ExitCode::from(130));
                }
            }
        }
    }?;
    if json {
        say_json(&rehearsal)?;
    } else {
        say_rehearsal(&rehearsal)?;
    }
    Ok(if rehearsal.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say_rehearsal(rehearsal: &Rehearsal) -> Result<()> {
    for exchange in &rehearsal.exchanges {
        let mark = if exchange.failed.is_some() { "FAIL" } else { "ok  " };
        let by = if exchange.by_window { " (by the session's window)" } else { "" };
        say(&format!("{mark}  {}{by}, {} ms", exchange.title, exchange.took_ms))?;
        say(&format!("        {} {}", exchange.method, one_line(&exchange.url)))?;
        for (name, value) in &exchange.headers {
            say(&format!("        {name}: {}", one_line(value)))?;
        }
        if let Some(body) = &exchange.body {
            say(&format!("        {}", one_line(body)))?;
        }
        let status = match exchange.status {
            Some(0) => "a redirect".to_owned(),
            Some(status) => status.to_string(),
            None => "no answer".to_owned(),
        };
        let to = exchange.leads_to.as_ref().map(|to| format!(" to {}", one_line(to))).unwrap_or_default();
        let answer =
            exchange.answer.as_deref().map(|answer| format!(" {}", one_line(answer))).unwrap_or_default();
        say(&format!("      → {status}{to}{answer}"))?;
        if !exchange.captured.is_empty() {
            say(&format!("        captured: {}", exchange.captured.join(", ")))?;
        }
    }
    for note in &rehearsal.notes {
        say(&format!("warn  {note}."))?;
    }
    say(&format!("{}  {}", if rehearsal.ok { "ok  " } else { "FAIL" }, rehearsal.outcome))?;
    if let Some(hint) = rehearsal.hint.as_deref().filter(|hint| !hint.is_empty()) {
        say(&format!("      → {hint}"))?;
    }
    Ok(())
}

fn say_report(report: &Report) -> Result<()> {
    let width = report.steps.iter().map(|step| step.title.chars().count()).max().unwrap_or(0);
    for step in &report.steps {
        let mark = match step.status {
            Status::Ok => "ok  ",
            Status::Warning => "warn",
            Status::Failed => "FAIL",
        };
        let indent = format!("\n{:1$}", "", width + 8);
        say(&format!("{mark}  {:width$}  {}", step.title, step.detail.replace('\n', &indent)))?;
        if let Some(hint) = &step.hint {
            say(&format!("{:1$}→ {hint}", "", width + 8))?;
        }
        for more in [&step.statement, &step.details].into_iter().flatten() {
            say(&format!("{:1$}{more}", "", width + 10))?;
        }
    }
    if let Some(info) = &report.info {
        for row in &report.sample {
            let cells: Vec<String> = info
                .columns
                .iter()
                .zip(&row.cells)
                .map(|(column, cell)| {
                    format!("{}={}", column.name, printable(cell.as_deref().unwrap_or("NULL")))
                })
                .collect();
            say(&format!("      {}", cells.join("  ")))?;
        }
        say_plan(info)?;
    }
    Ok(())
}

/// What serves the search, when there is something to do about it; and a role of just the rights needed.
fn say_plan(info: &Info) -> Result<()> {
    let cells: Vec<[String; 3]> = info
        .services
        .iter()
        .map(|service| {
            let note = service.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            let index = service.index.as_deref().unwrap_or("no index");
            [service.tier.words().into(), service.column.clone(), format!("{index}{note}")]
        })
        .collect();
    let width = |at: usize| cells.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
    let (tiers, columns) = (width(0), width(1));
    if info.services.iter().any(|service| service.advice.is_some() || service.index.is_none()) {
        say("\nSearch plan")?;
        let mut said: Vec<&str> = Vec::new();
        for (service, [tier, column, index]) in info.services.iter().zip(&cells) {
            let mark = if service.index.is_some() { "ok  " } else { "--  " };
            say(&format!("{mark}  {tier:tiers$}  {column:columns$}  {index}"))?;
            // One index may serve several ways.
            if let Some(advice) = service.advice.as_deref().filter(|advice| !said.contains(advice)) {
                said.push(advice);
                say(&format!("{:1$}→ {advice};", "", tiers + 8))?;
            }
        }
    }
    if !info.reader.is_empty() {
        say("\nA role that can read just this")?;
        for statement in &info.reader {
            // Commands of psql end with their line.
            let end = if statement.starts_with('\\') { "" } else { ";" };
            say(&format!("      {statement}{end}"))?;
        }
    }
    Ok(())
}

/// What was sent or answered, in full on one line: what matters often stands at its end.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// A cell on one line of a terminal: no control characters, not endless.
fn printable(cell: &str) -> String {
    let mut short: String = one_line(cell).chars().take(60).collect();
    if short.len() < cell.len() {
        short.push('…');
    }
    short
}

async fn on_secret(home: &Home, secret: Secret) -> Result<ExitCode> {
    let vault = Vault::system();
    let connection_of = |id: &str| -> Result<Connection> {
        if id == DEMO {
            return Err(Error::new(Code::ConnectionUnknown, "The demo makes its own secret at each start."));
        }
        let text = text_of(home, id, &format!("There is no connection `{}`.", short(id)))?;
        Connection::parse(id, &text, Origin::Own, None)
    };
    match secret {
        Secret::Set { connection, name } => {
            let file = connection_of(&connection)?;
            has_use_for(&file, &name)?;
            let value = read_secret(&format!("{name} of {connection}: "))?;
            let destination = Destination::of(&file, &name);
            let wanted = SecretName::new(&connection, &name);
            vault.store(&wanted, value, Keep::Stored, &destination).await?;
            say(&format!("Stored {name} of {connection} in the keyring."))?;
            Ok(ExitCode::SUCCESS)
        }
        Secret::Forget { connection, name } => {
            let was_there = vault.forget(&SecretName::new(&connection, &name)).await?;
            say(&if was_there {
                format!("Forgot {name} of {connection}.")
            } else {
                format!("The keyring has no {} of {}.", short(&name), short(&connection))
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Secret::List { connection, name } => {
            let names = match &name {
                Some(name) => vec![name.clone()],
                None => connection_of(&connection)?.secret_names(),
            };
            if names.is_empty() {
                say(&format!("{connection} needs no secrets."))?;
            }
            let mut missing = false;
            for name in names {
                let state = vault.state(&SecretName::new(&connection, &name)).await?;
                if state == SecretState::Missing {
                    missing = true;
                    // Nobody stores what is a slip of the pen.
                    has_use_for(&connection_of(&connection)?, &name)?;
                }
                say(&format!(
                    "{name}: {}",
                    if state == SecretState::Missing { "missing" } else { "stored" }
                ))?;
            }
            Ok(if name.is_some() && missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}

fn has_use_for(connection: &Connection, name: &str) -> Result<()> {
    let known = connection.secret_names();
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let id = &connection.id;
    Err(Error::new(Code::SecretMissing, format!("`{id}` uses no secret `{}`.", short(name))).hint(
        if known.is_empty() {
            "It uses no secrets.".to_owned()
        } else {
            format!("It uses: {}", known.join(", "))
        },
    ))
}

/// What PowerShell pipes may begin with it, and so may a file of Notepad's. No secret does.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Asks without echo at a terminal; otherwise takes all of standard input but for the line's end, as a key has lines.
fn read_secret(prompt: &str) -> Result<SecretString> {
    let failed = |cause: std::io::Error| {
        Error::new(Code::FileFailed, format!("Could not read the secret: {cause}"))
            .hint("Check the file or program that it comes from.")
    };
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(SecretString::from).map_err(failed);
    }
    // What is longer is refused, however much longer it is.
    let most = LONGEST + BYTE_ORDER_MARK.len() + "\r\n".len() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    std::io::stdin().take(most as u64).read_to_end(&mut bytes).map_err(failed)?;
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let value = bytes[..end].strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes[..end]);
    vault::fits(value.len())?;
    let text = std::str::from_utf8(value).map_err(|_| {
        Error::new(Code::FileFailed, "The secret is not UTF-8 text.")
            .hint("Check that this is the right file. Convert a binary key to PEM or Base64 first.")
    })?;
    Ok(SecretString::from(text))
}

/// Beside the report, which may be read by a program.
fn tell_waking(wakes: bool) {
    // Whether it woke up is what the report says.
    if wakes {
        let _ = writeln!(std::io::stderr(), "The database is waking up… (Ctrl+C to stop waiting)");
    }
}

/// The way to standard output: nothing in the text does anything to the terminal, wherever it comes from. Fails when
/// it cannot be written; a closed pipe is the reader's business.
fn say(text: &str) -> Result<()> {
    write_out(&sanitize::lines(text))
}

/// The same for JSON, which says the same with such characters escaped.
fn say_json(value: &impl serde::Serialize) -> Result<()> {
    write_out(&sanitize::json(&serde_json::to_string_pretty(value).map_err(Error::internal)?))
}

fn write_out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

fn written(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Code::FileFailed, format!("Could not write the output: {cause}"))
                .hint("Check the place that it is written to, and that there is free space."))
        }
        _ => Ok(()),
    }
}

/// What was typed and is not known, as far as it tells which it was.
fn short(typed: &str) -> String {
    sanitize::line(typed, 100)
}

fn lack(cause: &std::io::Error) -> Error {
    Error::lack("start", cause)
}

fn say_wrong(error: &Error) {
    let _ = writeln!(std::io::stderr(), "understudy: {}", sanitize::lines(&error.to_string()));
}
