//! The command `audit`: verifies, lists and exports the audit log, without writing to it but for the export itself.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::DateTime;
use jiff::{Span, Timestamp, ZonedDateTime};
use understudy_core::audit::export::LogFormat;
use understudy_core::audit::reader::{EntryFilter, LogReader, StoredEntry};
use understudy_core::audit::verification_report::VerificationReport;
use understudy_core::audit::verify::verify_watched_log;
use understudy_core::audit::{ConsoleEvent, ExportKind, VerificationProgress};
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::sanitize;
use understudy_core::vault::Vault;

use super::output::{
    check_written, print_sanitized, print_to_stderr, say_json, shorten_input, show_progress,
};
use super::record::record_first;
use super::team_log::{check_team_log, list_of_team, print_setup, show_of_team, verify_team};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Tell whether the audit log is as it was written, and what was changed, removed or cut off.
    ///
    /// Compares the chain of the entries, the signed checkpoints, and the checkpoint that the keyring remembers. Exits
    /// with 0 if all fit, and with 1 if not.
    Verify {
        /// Another log than this computer's, such as a copy. The keyring counts only for logs that it remembers.
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        /// The team's log instead: the chains of all consoles in its database.
        #[arg(long, conflicts_with = "log")]
        team: bool,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the SQL that prepares the team's database, with the role and the database that the team file names.
    Setup,
    /// Connect to the team's database, and tell whether it is set up, whether its role can do no more than insert and
    /// read, and how many entries of this computer wait to be sent.
    ///
    /// Exits with 0 if everything is right, and with 1 if something is not.
    Check,
    /// List the latest entries, the oldest of them first.
    List {
        #[command(flatten)]
        which: Which,
        /// How many entries at most.
        #[arg(long, default_value_t = 50, value_name = "N")]
        latest: u32,
        /// The team's log instead: the entries of all consoles.
        #[arg(long, conflicts_with = "log")]
        team: bool,
    },
    /// Show one session, entry by entry.
    Show {
        /// The session's ID, or its beginning, as `list` shows it.
        session: String,
        /// Another log than this computer's, such as a copy.
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        /// The team's log instead: a session of any console.
        #[arg(long, conflicts_with = "log")]
        team: bool,
    },
    /// Write entries to standard output, for other programs.
    Export {
        /// `jsonl`: an object per line, from which the chain can be recomputed. `csv`: for spreadsheets. `ocsf`: an
        /// event of the Open Cybersecurity Schema Framework per line.
        #[arg(long, value_enum)]
        format: Format,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Jsonl,
    Csv,
    Ocsf,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl,
            Format::Csv => Self::Csv,
            Format::Ocsf => Self::Ocsf,
        }
    }
}

#[derive(Debug, Args)]
pub struct Which {
    /// From then on: a day such as 2026-11-01, a time such as 2026-11-01T09:30Z, or how long ago: 7d, 12h, 30min.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then, said in the same way.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this connection, by its ID.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Only this user, by the ID.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// Only this operator: name, email address, or the account on the computer.
    #[arg(long, value_name = "WHO")]
    operator: Option<String>,
    /// Another log than this computer's, such as a copy.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl Which {
    fn to_filter(&self, now: &ZonedDateTime) -> Result<EntryFilter> {
        let read_time = |option: &str, text: &Option<String>| {
            text.as_deref().map(|text| parse_time(option, text, now)).transpose()
        };
        Ok(EntryFilter {
            since_ms: read_time("--since", &self.since)?,
            until_ms: read_time("--until", &self.until)?,
            connection: self.connection.clone(),
            user: self.user.clone(),
            operator: self.operator.clone(),
            ..EntryFilter::default()
        })
    }
}

/// Milliseconds since the Unix epoch. A day begins, and a time without an offset is, where this computer is.
fn parse_time(option: &str, text: &str, now: &ZonedDateTime) -> Result<i64> {
    let exact = || text.parse::<Timestamp>().ok();
    let local = || {
        let at = text.parse::<DateTime>().ok()?;
        at.to_zoned_datetime(now.time_zone().clone()).ok().map(|at| at.timestamp())
    };
    let ago = || {
        let span = text.parse::<Span>().ok().filter(|span| !span.is_negative())?;
        now.checked_sub(span).ok().map(|at| at.timestamp())
    };
    // A local time would be read without its offset.
    exact().or_else(local).or_else(ago).map(Timestamp::as_millisecond).ok_or_else(|| {
        Error::new(Code::SettingsInvalid, format!("{option}: \"{}\" is not a time.", shorten_input(text)))
            .with_hint(
                "Give a day (2026-11-01), a time (2026-11-01T09:30Z), or how long ago (7d, 12h, 30min).",
            )
    })
}

pub async fn on_audit(home: &Home, audit: Audit) -> Result<ExitCode> {
    let now = ZonedDateTime::now();
    match audit {
        Audit::Verify { team: true, json, .. } => verify_team(home, json).await,
        Audit::Verify { log, json, .. } => verify(&path_of(home, log)?, json).await,
        Audit::Setup => print_setup(home),
        Audit::Check => check_team_log(home).await,
        Audit::List { which, latest, team: true } => {
            list_of_team(home, &which.to_filter(&now)?, latest, &now).await
        }
        Audit::List { which, latest, .. } => {
            let filter = which.to_filter(&now)?;
            let log = LogReader::open(&path_of(home, which.log)?).await?;
            let entries = log.read_latest(&filter, latest).await?;
            if entries.is_empty() {
                print_to_stderr("No entries.");
            }
            for entry in &entries {
                print_sanitized(&render_line(entry, &now))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Audit::Show { session, team: true, .. } => show_of_team(home, &session, &now).await,
        Audit::Show { session, log, .. } => {
            let log = LogReader::open(&path_of(home, log)?).await?;
            let entries = find_session(&log, &session).await?;
            print_sanitized(&render_session(&entries, &now))?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Export { format, which } => {
            let filter = which.to_filter(&now)?;
            let is_own = which.log.is_none();
            let log = LogReader::open(&path_of(home, which.log)?).await?;
            if is_own {
                let exported = ConsoleEvent::Exported {
                    what: ExportKind::AuditLog,
                    format: LogFormat::from(format).as_str().into(),
                    rows: None,
                    session: None,
                };
                record_first(home, exported, "Nothing was exported").await?;
            }
            export(&log, &filter, format).await
        }
    }
}

fn path_of(home: &Home, log: Option<PathBuf>) -> Result<PathBuf> {
    log.map_or_else(|| home.audit_file(), Ok)
}

async fn verify(path: &Path, json: bool) -> Result<ExitCode> {
    let (vault, progress) = (Vault::system(), VerificationProgress::default());
    let verifying = verify_watched_log(path, Some(&vault), &progress);
    let found = show_progress(&progress, verifying).await?;
    if json {
        say_json(&found)?;
    } else {
        print_sanitized(&render_verification(path, &VerificationReport::of(&found)))?;
    }
    Ok(if found.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render_verification(path: &Path, report: &VerificationReport) -> String {
    let mut lines = vec![path.display().to_string()];
    let findings = report.findings.iter();
    lines.extend(
        findings.map(|one| if report.is_intact { one.clone() } else { format!("NOT INTACT: {one}") }),
    );
    lines.extend(report.remarks.iter().cloned());
    if let Some(head) = &report.head {
        lines.push(format!("The last entry's hash. Keep it in another place: {head}"));
    }
    lines.extend(report.advice.iter().cloned());
    lines.join("\n")
}

/// One entry on one line.
fn render_line(entry: &StoredEntry, now: &ZonedDateTime) -> String {
    let session = entry.text("session").chars().take(8).collect::<String>();
    let parts = [
        show_time(entry.at_ms(), now),
        format!("{:<18}", entry.title()),
        format!("{session:<8}"),
        entry.describe_parties(),
        entry.describe(),
    ];
    sanitize::sanitize_line(parts.join("  ").trim_end(), usize::MAX)
}

pub(super) fn render_session(entries: &[StoredEntry], now: &ZonedDateTime) -> String {
    let Some(first) = entries.first() else { return String::new() };
    let head = [
        ("Session", first.text("session")),
        ("Operator", format!("{} ({} on {})", first.operator(), first.text("os_user"), first.text("host"))),
        ("User", format!("{}, ID {}", first.user(), first.text("user_id"))),
        ("Connection", format!("{} ({})", first.text("connection_name"), first.text("environment"))),
        ("Mode", first.text("mode").replace('_', "-")),
        ("Ticket", first.text("ticket")),
        ("Reason", first.text("reason")),
    ];
    let facts = head.into_iter().filter(|(_, value)| !value.is_empty());
    let mut lines: Vec<String> = facts
        .map(|(name, value)| format!("{name:<11} {}", sanitize::sanitize_line(&value, usize::MAX)))
        .collect();
    lines.push(String::new());
    lines.extend(entries.iter().map(|entry| {
        let line = format!("{}  {:<10}  {}", show_time(entry.at_ms(), now), entry.title(), entry.describe());
        sanitize::sanitize_line(line.trim_end(), usize::MAX)
    }));
    lines.join("\n")
}

pub(super) fn show_time(at_ms: i64, now: &ZonedDateTime) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.to_zoned_datetime(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The session whose ID begins so.
async fn find_session(log: &LogReader, typed: &str) -> Result<Vec<StoredEntry>> {
    let mut found = log.find_sessions(typed, 2).await?;
    if found.len() == 1 {
        let filter = EntryFilter { session: found.pop(), ..EntryFilter::default() };
        return Ok(log.read_after(&filter, 0, u32::MAX).await?);
    }
    Err(unclear_session(typed, found.is_empty()).with_hint(
        "`understudy audit list` shows how the IDs of sessions begin; `export` has the whole ones.",
    ))
}

pub(super) fn unclear_session(typed: &str, is_unknown: bool) -> Error {
    let how_many = if is_unknown { "No session's ID begins" } else { "Several sessions' IDs begin" };
    Error::new(Code::SettingsInvalid, format!("{how_many} with \"{}\".", shorten_input(typed)))
}

async fn export(log: &LogReader, filter: &EntryFilter, format: Format) -> Result<ExitCode> {
    let stdout = std::io::stdout();
    // A program gets a field as it is; a terminal must not interpret it.
    let show: fn(&str) -> String =
        if stdout.is_terminal() { |text| sanitize::sanitize_line(text, usize::MAX) } else { str::to_owned };
    let mut out = std::io::BufWriter::new(stdout);
    log.write_entries(filter, format.into(), show, &mut out, check_written).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn now() -> ZonedDateTime {
        "2026-11-29T12:00:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .to_zoned_datetime(TimeZone::fixed(jiff::tz::offset(1)))
    }

    #[test]
    fn times_are_days_times_and_how_long_ago() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        for (typed, then) in [
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01T09:30Z", "2026-11-01T09:30:00Z"),
            ("2026-11-01T09:30+02:00", "2026-11-01T07:30:00Z"),
            ("2026-11-01T09:30", "2026-11-01T08:30:00Z"),
            ("2026-11-01 09:30", "2026-11-01T08:30:00Z"),
            ("7d", "2026-11-22T12:00:00Z"),
            ("12h", "2026-11-29T00:00:00Z"),
            ("30min", "2026-11-29T11:30:00Z"),
        ] {
            assert_eq!(parse_time("--since", typed, &now()).unwrap(), at(then), "{typed}");
        }
        for typed in ["", "yesterday", "7", "-7d", "2026-13-01", "01.11.2026"] {
            let error = parse_time("--since", typed, &now()).expect_err(typed);
            assert!(error.message.contains("--since") && error.hint.is_some(), "{error}");
        }
    }
}
