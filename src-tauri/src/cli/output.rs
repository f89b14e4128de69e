//! The ways to the terminal: reports to standard output, everything else to standard error.

use std::io::Write;

use understudy_core::error::{Code, Error, Result};
use understudy_core::sanitize;

/// The way to standard output: nothing in the text does anything to the terminal, wherever it comes from. Fails when
/// it cannot be written; a closed pipe is the reader's business.
pub fn say(text: &str) -> Result<()> {
    write_out(&sanitize::lines(text))
}

/// The same for JSON, which says the same with such characters escaped.
pub fn say_json(value: &impl serde::Serialize) -> Result<()> {
    write_out(&sanitize::json(&serde_json::to_string_pretty(value).map_err(Error::internal)?))
}

fn write_out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

pub fn written(outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Code::FileFailed, format!("Could not write the output: {cause}"))
                .hint("Check the place that it is written to, and that there is free space."))
        }
        _ => Ok(()),
    }
}

/// What was typed and is not known, as far as it tells which it was.
pub fn short(typed: &str) -> String {
    sanitize::line(typed, 100)
}

pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Beside the report, which may be read by a program.
pub fn tell_waking(wakes: bool) {
    // Whether it woke up is what the report says.
    if wakes {
        let _ = writeln!(std::io::stderr(), "The database is waking up… (Ctrl+C to stop waiting)");
    }
}

/// What was sent or answered, in full on one line: what matters often stands at its end.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// With `verbose`, the causes too.
pub fn say_wrong(error: &Error, verbose: bool) {
    let text = if verbose { format!("{error:#}") } else { error.to_string() };
    let _ = writeln!(std::io::stderr(), "understudy: {}", sanitize::lines(&text));
}
