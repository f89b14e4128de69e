//! The command `check --user`: signs in as a user and out again.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use understudy_core::audit::AuditLog;
use understudy_core::clock::Clock;
use understudy_core::error::Result;
use understudy_core::home::Home;
use understudy_core::settings::Settings;
use understudy_core::sign_in_test::{self, SignInTest, SignInTestReport};
use understudy_core::team::Team;
use understudy_core::team_log::TeamLog;
use understudy_core::vault::Vault;
use understudy_core::{check, directory};

use super::agreement::run_with_consent;
use super::named_connection::NamedConnection;
use super::output::{one_line, print_sanitized, print_to_stderr, say_json, say_wrong, tell_waking};
use super::startup_error;
use crate::signals::Signals;

/// How long the end waits for the team's log to have the last entries. A console sends them otherwise.
const LAST_ENTRIES: Duration = Duration::from_secs(2);

/// Signs in as a user and out again, and prints each request and answer.
pub async fn try_sign_in(
    home: &Home,
    vault: &Vault,
    named: &NamedConnection,
    user: &str,
    json: bool,
) -> Result<ExitCode> {
    let settings = Settings::load(home)?;
    let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
    let typed = check::TypedSecrets::default();
    let team = Team::load(home)?;
    let audit = AuditLog::open(&home.audit_file()?).await?;
    let team_log =
        team.and_then(|team| team.file.audit).and_then(|config| TeamLog::start(&config, &audit, vault));
    let mut signals = Signals::listen().map_err(startup_error)?;
    let clock = Clock::system();
    let mut running = Box::pin(run_with_consent(home, vault, named, &stop, async || {
        let trial = SignInTest {
            id: Some(&named.id),
            text: &named.text,
            saved: named.saved.as_ref(),
            typed: &typed,
            user,
            operator: settings.operator(),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let tried =
            Box::pin(sign_in_test::run_sign_in_test(trial, vault, &audit, team_log.as_deref(), &clock));
        directory::with_wake_listener(Arc::new(tell_waking), tried).await
    }));
    let rehearsal = tokio::select! {
        rehearsal = &mut running => rehearsal,
        // What it started in the application is ended before the program exits.
        () = signals.next() => {
            stop.cancel();
            print_to_stderr("Stopping: signing out first. Press Ctrl+C again to quit without signing out.");
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
    if let Err(error) = audit.add_checkpoint(vault, clock.now_ms()).await {
        tracing::info!("no checkpoint of the audit log now: {error:#}");
    }
    if let Some(log) = &team_log {
        log.finish(audit.latest_number(), LAST_ENTRIES).await;
    }
    if json {
        say_json(&rehearsal)?;
    } else {
        say_rehearsal(&rehearsal)?;
    }
    Ok(if rehearsal.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say_rehearsal(rehearsal: &SignInTestReport) -> Result<()> {
    for exchange in &rehearsal.exchanges {
        let mark = if exchange.failed.is_some() { "FAIL" } else { "ok  " };
        let by = if exchange.by_window { " (by the session's window)" } else { "" };
        print_sanitized(&format!("{mark}  {}{by}, {} ms", exchange.title, exchange.took_ms))?;
        print_sanitized(&format!("        {} {}", exchange.method, one_line(&exchange.url)))?;
        for (name, value) in &exchange.headers {
            print_sanitized(&format!("        {name}: {}", one_line(value)))?;
        }
        if let Some(body) = &exchange.body {
            print_sanitized(&format!("        {}", one_line(body)))?;
        }
        let status = match exchange.status {
            Some(0) => "a redirect".to_owned(),
            Some(status) => status.to_string(),
            None => "no answer".to_owned(),
        };
        let to = exchange.leads_to.as_ref().map(|to| format!(" to {}", one_line(to))).unwrap_or_default();
        let answer =
            exchange.answer.as_deref().map(|answer| format!(" {}", one_line(answer))).unwrap_or_default();
        print_sanitized(&format!("      → {status}{to}{answer}"))?;
        if !exchange.captured.is_empty() {
            print_sanitized(&format!("        captured: {}", exchange.captured.join(", ")))?;
        }
    }
    for note in &rehearsal.notes {
        print_sanitized(&format!("warn  {note}."))?;
    }
    print_sanitized(&format!("{}  {}", if rehearsal.ok { "ok  " } else { "FAIL" }, rehearsal.outcome))?;
    if let Some(hint) = rehearsal.hint.as_deref().filter(|hint| !hint.is_empty()) {
        print_sanitized(&format!("      → {hint}"))?;
    }
    Ok(())
}
