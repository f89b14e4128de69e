//! Output to the terminal: reports go to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use understudy_core::audit::VerificationProgress;
use understudy_core::error::{Code, Error, Result};
use understudy_core::sanitize;

/// Prints to standard output, with everything escaped that a terminal would interpret. Fails if it cannot be written; a
/// closed pipe is not an error.
pub fn print_sanitized(text: &str) -> Result<()> {
    write_out(&sanitize::sanitize_lines(text))
}

/// Does the same for JSON, where such characters can be escaped without changing the meaning.
pub fn say_json(value: &impl serde::Serialize) -> Result<()> {
    write_out(&sanitize::sanitize_json(&serde_json::to_string_pretty(value).map_err(Error::internal)?))
}

fn write_out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    check_written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

pub fn check_written(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Code::FileFailed, format!("Could not write the output: {cause}"))
                .with_hint("Check the place that it is written to, and that there is free space."))
        }
        _ => Ok(()),
    }
}

/// An unknown name for an error message, shortened.
pub fn shorten_input(typed: &str) -> String {
    sanitize::sanitize_line(typed, 100)
}

pub fn print_to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Shows a person how far it is, until it is done.
pub async fn show_progress<T>(progress: &VerificationProgress, verifying: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return verifying.await;
    }
    let mut verifying = std::pin::pin!(verifying);
    let mut shown = String::new();
    loop {
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(250), &mut verifying).await {
            let _ = write!(std::io::stderr(), "\r{:1$}\r", "", shown.chars().count());
            return done;
        }
        if let Some(percent) = progress.percent() {
            shown = format!("Verifying… {percent}% (Ctrl+C to stop)");
            let _ = write!(std::io::stderr(), "\r{shown}");
        }
    }
}

/// On standard error, because a program may read the report.
pub fn tell_waking(wakes: bool) {
    // The report says whether it woke up.
    if wakes {
        let _ = writeln!(std::io::stderr(), "The database is waking up… (Ctrl+C to stop waiting)");
    }
}

/// A request or answer on one line, not shortened: the important part is often at the end.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// With `verbose`, prints the causes too.
pub fn say_wrong(error: &Error, verbose: bool) {
    let text = if verbose { format!("{error:#}") } else { error.to_string() };
    let _ = writeln!(std::io::stderr(), "understudy: {}", sanitize::sanitize_lines(&text));
}
