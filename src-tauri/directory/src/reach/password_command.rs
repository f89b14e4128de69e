//! Runs `directory.password_command`, a program that prints a password, for tokens that expire.
//!
//! The program runs without a shell and without input, in a process group that is killed with it. Its stdout is a
//! secret, its stderr is not.

use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::error::{DirectoryCode, DirectoryError, Result};

/// Requesting a token from a cloud takes a second or two.
const LIMIT: Duration = Duration::from_secs(20);
/// More than any password needs.
const OUTPUT: usize = 64 * 1024;
/// How much is kept of the end of stderr.
const COMPLAINT: usize = 4096;

/// Runs the program and returns its output without the trailing newline.
pub(crate) async fn run_command(words: &[String]) -> Result<SecretString> {
    run_within(words, LIMIT).await
}

async fn run_within(words: &[String], limit: Duration) -> Result<SecretString> {
    let [program, arguments @ ..] = words else {
        return Err(command_error("names no program"));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = RunningCommand::start(&mut command).map_err(|cause| spawn_error(program, &cause))?;
    let ended = tokio::time::timeout(limit, running.wait_for_output()).await;
    // The path is in the connection file; the name is enough to identify it.
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let (status, output, complaint) = match ended {
        Ok(Ok(ended)) => ended,
        Ok(Err(cause)) => return Err(command_error(&format!("{name} could not be read: {cause}"))),
        Err(_) => {
            return Err(command_error(&format!("{name} did not end within {} s", limit.as_secs()))
                .with_hint("Run it in a terminal. It may be waiting for an answer, or for the network."));
        }
    };
    if output.0.len() > OUTPUT {
        return Err(command_error(&format!("{name} printed more than 64 KB"))
            .with_hint("It must print only the password."));
    }
    if !status.success() {
        let complaint = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
        return Err(command_error(&format!("{name} failed ({}){complaint}", describe_status(status)))
            .with_hint("Run it in a terminal. It may need you to log in first."));
    }
    let Ok(text) = std::str::from_utf8(&output.0) else {
        return Err(command_error(&format!("{name} printed something that is not text")));
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.chars().any(char::is_control) {
        let what = if text.contains('\n') { "several lines" } else { "control characters" };
        return Err(command_error(&format!("{name} printed {what}"))
            .with_hint("It must print only the password. Notices belong on standard error."));
    }
    if text.is_empty() {
        return Err(command_error(&format!("{name} printed nothing"))
            .with_hint("It must print the password to standard output."));
    }
    Ok(SecretString::from(text))
}

/// The program's output, zeroised on drop.
struct Output(Vec<u8>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A running command. Dropping it kills the program and everything the program started.
struct RunningCommand(Child);

impl RunningCommand {
    fn start(command: &mut Command) -> std::io::Result<Self> {
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        hide_console_window(command);
        command.spawn().map(Self)
    }

    /// Waits for the program to end. Returns its status, its output and the last line of stderr.
    async fn wait_for_output(&mut self) -> std::io::Result<(ExitStatus, Output, String)> {
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        // Allocated once, so that no copy of the secret is left behind by growing.
        let mut output = Output(Vec::with_capacity(OUTPUT + 1));
        let read = async {
            let Some(stdout) = stdout else { return Ok(0) };
            stdout.take(OUTPUT as u64 + 1).read_to_end(&mut output.0).await
        };
        let (read, complaint) = tokio::join!(read, last_line(stderr));
        read?;
        Ok((self.0.wait().await?, output, complaint))
    }
}

#[cfg(unix)]
impl Drop for RunningCommand {
    fn drop(&mut self) {
        // The ID is available until the process was waited for, and not reused before that.
        let group =
            self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Prevents the console window that Windows would open for a command-line program.
pub(crate) fn hide_console_window(command: &mut Command) {
    #[cfg(windows)]
    {
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    #[cfg(not(windows))]
    let _ = command;
}

async fn last_line(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    if let Some(mut stream) = stream {
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            kept.extend_from_slice(&piece[..read]);
            kept.drain(..kept.len().saturating_sub(COMPLAINT));
        }
    }
    let text = String::from_utf8_lossy(&kept);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars()
        .filter(|char| !char.is_control())
        .take(300)
        .collect::<String>()
        .trim_end_matches('.')
        .to_owned()
}

fn describe_status(status: ExitStatus) -> String {
    status.code().map_or_else(|| "it was killed".to_owned(), |code| format!("status {code}"))
}

fn spawn_error(program: &str, cause: &std::io::Error) -> DirectoryError {
    match cause.kind() {
        ErrorKind::NotFound => {
            command_error(&format!("there is no program `{program}`")).with_hint(if cfg!(windows) {
                "Install it, and write its name with the extension, as in `az.cmd`, or its full path. Programs \
                 started from a terminal that was opened before the installation do not find it."
            } else {
                "Install it, or write its full path. An application started from the desktop may not search the same \
                 folders as a terminal."
            })
        }
        _ => command_error(&format!("`{program}` could not be started: {cause}")),
    }
}

fn command_error(what: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Refused,
        format!("directory.password_command did not give a password: {what}."),
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Instant;

    use secrecy::ExposeSecret;

    use super::*;

    async fn shell(script: &str, limit: Duration) -> Result<SecretString> {
        run_within(&["/bin/sh".into(), "-c".into(), script.into()], limit).await
    }

    async fn fails(script: &str) -> DirectoryError {
        let error = shell(script, LIMIT).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Refused);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        error
    }

    #[tokio::test]
    async fn the_output_is_the_password() {
        for (script, expected) in [
            ("printf 'to ken\\n'", "to ken"),
            ("printf 'token\\r\\n'", "token"),
            ("printf 'token\\n\\n'", "token"),
            ("printf token; echo warning >&2", "token"),
            ("cat; printf 'nothing to read'", "nothing to read"),
        ] {
            assert_eq!(shell(script, LIMIT).await.unwrap().expose_secret(), expected, "{script}");
        }
        // The words are not interpreted by a shell.
        let words = ["printf", "%s", "$HOME; `id`"].map(str::to_owned);
        assert_eq!(run_command(&words).await.unwrap().expose_secret(), "$HOME; `id`");
    }

    #[tokio::test]
    async fn failures_are_reported_without_the_output() {
        for (script, expected) in [
            (
                "printf canary; echo one >&2; echo 'Token has expired.' >&2; exit 255",
                "sh failed (status 255): Token has expired.",
            ),
            ("printf canary; exit 3", "sh failed (status 3)."),
            ("printf canary; kill -9 $$", "sh failed (it was killed)."),
            ("printf ''", "sh printed nothing."),
            ("printf '\\n'", "sh printed nothing."),
            ("printf 'Logged in.\\ncanary\\n'", "sh printed several lines."),
            ("printf 'can\\0ary'", "sh printed control characters."),
            ("printf 'canary\\377'", "sh printed something that is not text."),
            ("yes canary", "sh printed more than 64 KB."),
        ] {
            let error = fails(script).await;
            assert_eq!(
                error.message,
                format!("directory.password_command did not give a password: {expected}")
            );
        }
        let error = run_command(&["no-such-program".to_owned()]).await.unwrap_err();
        assert!(error.message.contains("no program `no-such-program`") && error.hint.is_some(), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_leaves_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("alive");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        // The child process keeps the pipe open while it lives.
        let script =
            format!("sh -c 'exec 3<>\"$0\"; echo up >&3; exec sleep 600 3>&3' '{}' & wait", pipe.display());
        let words = ["/bin/sh".to_owned(), "-c".to_owned(), script];
        let alive = tokio::task::spawn_blocking({
            let pipe = pipe.clone();
            move || std::fs::File::open(pipe).map(std::io::BufReader::new)
        });
        let began = Instant::now();
        let running = tokio::spawn(async move { run_within(&words, Duration::from_millis(300)).await });
        let mut alive = alive.await.unwrap().unwrap();
        let error = running.await.unwrap().unwrap_err();
        assert!(error.message.contains("did not end within"), "{error}");
        // Reaching the end proves that no process has the pipe open.
        let read = tokio::task::spawn_blocking(move || {
            std::io::Read::read_to_string(&mut alive, &mut String::new())
        });
        read.await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
