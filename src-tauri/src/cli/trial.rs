//! The command `check --user`: signs in as a user and out again.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use understudy_core::audit::AuditLog;
use understudy_core::clock::Clock;
use understudy_core::error::Result;
use understudy_core::home::Home;
use understudy_core::settings::Settings;
use understudy_core::sign_in::Rehearsal;
use understudy_core::trial::{self, Trial};
use understudy_core::vault::Vault;
use understudy_core::{check, directory};

use super::agreement::asking;
use super::lack;
use super::named::Named;
use super::output::{complain, one_line, say, say_json, say_wrong, tell_waking};
use crate::signals::Signals;

/// Signs in as a user and out again, and prints each request and answer.
pub async fn try_sign_in(
    home: &Home,
    vault: &Vault,
    named: &Named,
    user: &str,
    json: bool,
) -> Result<ExitCode> {
    let settings = Settings::load(home)?;
    let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
    let typed = check::Typed::default();
    let audit = AuditLog::open(&home.audit_file()?).await?;
    let mut signals = Signals::listen().map_err(lack)?;
    let clock = Clock::wall();
    let mut running = Box::pin(asking(vault, named, &stop, async || {
        let trial = Trial {
            id: Some(&named.id),
            text: &named.text,
            saved: named.saved.as_ref(),
            typed: &typed,
            user,
            operator: settings.operator(),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let tried = Box::pin(trial::run(trial, vault, &audit, &clock));
        directory::telling(Arc::new(tell_waking), tried).await
    }));
    let rehearsal = tokio::select! {
        rehearsal = &mut running => rehearsal,
        // What it started in the application is ended before the program exits.
        () = signals.next() => {
            stop.cancel();
            complain("Stopping: signing out first. Press Ctrl+C again to quit without signing out.");
            tokio::select! {
                rehearsal = &mut running => rehearsal,
                () = signals.next() => {
                    abandon.cancel();
                    // The audit log is written first, which takes a moment; a third signal does not wait for it.
                    let left = tokio::select! {
                        left = &mut running => left.err(),
                        () = signals.next() => None,
                    };
                    if let Some(error) = left {
                        say_wrong(&error, false);
                    }
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
