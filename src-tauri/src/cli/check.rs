//! `check`: the report on a connection.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use understudy_core::check::{self, Report, Status};
use understudy_core::directory::{self, Info};
use understudy_core::error::Result;
use understudy_core::home::Home;
use understudy_core::sign_in_test::SignInTestReport;
use understudy_core::team::Team;
use understudy_core::vault::Vault;

use super::agreement::{let_run, run_with_consent};
use super::named_connection::NamedConnection;
use super::output::{one_line, print_sanitized, say_json, tell_waking};
use super::sign_in_test::try_sign_in;
use crate::session_window::check_sandbox;

pub async fn check_connection(
    home: &Home,
    file: &Path,
    user: Option<&str>,
    json: bool,
    run_commands: bool,
) -> Result<ExitCode> {
    let outcome = Box::pin(check_openly(home, file, user, json, run_commands)).await;
    if let Err(error) = &outcome
        && json
    {
        // A program reads the report, however far the check got.
        match user {
            Some(_) => say_json(&SignInTestReport::of_failure(error))?,
            None => say_json(&Report::of_failure(error))?,
        }
    }
    outcome
}

async fn check_openly(
    home: &Home,
    file: &Path,
    user: Option<&str>,
    json: bool,
    run_commands: bool,
) -> Result<ExitCode> {
    let named = NamedConnection::find_connection(home, file)?;
    let vault = Vault::system();
    let_run(&vault, &named, file, run_commands).await?;
    if let Some(user) = user {
        return try_sign_in(home, &vault, &named, user, json).await;
    }
    let typed = check::TypedSecrets::default();
    let mut report = run_with_consent(home, &vault, &named, &CancellationToken::new(), async || {
        let checked = Box::pin(check::check_connection(Some(&named.id), &named.text, &vault, &typed, &[]));
        directory::with_wake_listener(Arc::new(tell_waking), checked).await
    })
    .await?;
    check_sandbox(&mut report);
    check_team_file(home, &mut report);
    if json {
        say_json(&report)?;
    } else {
        say_report(&report)?;
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// With a team file that cannot be used, no session begins.
fn check_team_file(home: &Home, report: &mut Report) {
    const TITLE: &str = "Team file";
    match Team::load(home) {
        Ok(None) => {}
        Ok(Some(Team { path, overridden: None, .. })) => {
            report.add_step(TITLE, Status::Ok, path.display().to_string(), None);
        }
        Ok(Some(Team { path, overridden: Some(own), .. })) => report.add_step(
            TITLE,
            Status::Warning,
            format!("{} counts, because IT handed it out. {} is not used.", path.display(), own.display()),
            Some("Remove your own file, or keep it in case IT's is removed.".into()),
        ),
        Err(error) => report.add_step(
            TITLE,
            Status::Failed,
            format!("No session begins with a team file that cannot be used.\n{}", error.message),
            error.hint,
        ),
    }
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
        print_sanitized(&format!("{mark}  {:width$}  {}", step.title, step.detail.replace('\n', &indent)))?;
        if let Some(hint) = &step.hint {
            print_sanitized(&format!("{:1$}→ {hint}", "", width + 8))?;
        }
        for more in [&step.statement, &step.details].into_iter().flatten() {
            print_sanitized(&format!("{:1$}{more}", "", width + 10))?;
        }
    }
    if let Some(info) = &report.info {
        for row in &report.sample {
            let cells: Vec<String> = info
                .columns
                .iter()
                .zip(&row.cells)
                .map(|(column, cell)| {
                    format!("{}={}", column.name, to_printable(cell.as_deref().unwrap_or("NULL")))
                })
                .collect();
            print_sanitized(&format!("      {}", cells.join("  ")))?;
        }
        say_plan(info)?;
    }
    Ok(())
}

/// Prints which index serves each search, if something can be improved, and the statements for a role with just the
/// necessary rights.
fn say_plan(info: &Info) -> Result<()> {
    let cells: Vec<[String; 3]> = info
        .coverage
        .iter()
        .map(|service| {
            let note = service.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            let index = service.index.as_deref().unwrap_or("no index");
            [service.tier.as_phrase().into(), service.column.clone(), format!("{index}{note}")]
        })
        .collect();
    let width = |at: usize| cells.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
    let (tiers, columns) = (width(0), width(1));
    if info.coverage.iter().any(|service| service.advice.is_some() || service.index.is_none()) {
        print_sanitized("\nSearch plan")?;
        let mut said: Vec<&str> = Vec::new();
        for (service, [tier, column, index]) in info.coverage.iter().zip(&cells) {
            let mark = if service.index.is_some() { "ok  " } else { "--  " };
            print_sanitized(&format!("{mark}  {tier:tiers$}  {column:columns$}  {index}"))?;
            // One index may serve several searches.
            if let Some(advice) = service.advice.as_deref().filter(|advice| !said.contains(advice)) {
                said.push(advice);
                print_sanitized(&format!("{:1$}→ {advice};", "", tiers + 8))?;
            }
        }
    }
    if !info.reader.is_empty() {
        print_sanitized("\nA role that can read only this")?;
        for statement in &info.reader {
            // psql's own commands end with the line.
            let end = if statement.starts_with('\\') { "" } else { ";" };
            print_sanitized(&format!("      {statement}{end}"))?;
        }
    }
    Ok(())
}

/// A cell on one line of a terminal: without control characters, and shortened.
fn to_printable(cell: &str) -> String {
    let mut short: String = one_line(cell).chars().take(60).collect();
    if short.len() < cell.len() {
        short.push('…');
    }
    short
}
