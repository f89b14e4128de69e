//! The commands about the team's log: `audit setup`, `audit check`, and `audit verify`, `list` and `show` with `--team`.

use std::process::ExitCode;

use jiff::ZonedDateTime;
use understudy_core::audit::reader::{EntryFilter, StoredEntry};
use understudy_core::audit::{AuditLog, VerificationProgress};
use understudy_core::audit_feed::{FeedKind, FeedProgress, read_progress};
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::sanitize;
use understudy_core::team::{TEAM, Team, TeamAuditConfig};
use understudy_core::team_log::{
    CollectedEntry, CollectedSession, TeamDatabase, TeamLogReader, find_faults, find_last_shipped,
    password_name, render_setup, verify_watched_team_log,
};
use understudy_core::vault::Vault;

use super::audit::{render_session, show_time, unclear_session};
use super::output::{print_sanitized, print_to_stderr, say_json, show_progress};

/// The SQL is for a program: what a terminal would interpret in it is escaped nonetheless, and a database has no use for
/// such names.
pub fn print_setup(home: &Home) -> Result<ExitCode> {
    let (team, _) = load_team(home)?;
    let audit = team.file.audit.as_ref();
    let (role, database) = audit.and_then(TeamAuditConfig::role_and_database).ok_or_else(no_team_log)?;
    print_sanitized(render_setup(&role, &database).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Tells how far the team's systems have this computer's log, and checks the database of the team's log.
pub async fn check_team_log(home: &Home) -> Result<ExitCode> {
    let team = load_team_file(home)?;
    let audit = team.file.audit.clone().ok_or_else(no_team_log)?;
    print_sanitized(&format!("ok    Team file  {}", team.path.display()))?;
    if let Some(own) = &team.overridden {
        print_sanitized(&format!("warn  Team file  {} is not used: IT handed out one.", own.display()))?;
    }
    let are_fed = say_systems(home, &audit).await?;
    let Some(url) = audit.url else {
        return if has_systems(&audit) { Ok(are_fed) } else { Err(no_team_log()) };
    };
    let of_database = check_database(home, &url, audit.required).await?;
    Ok(if of_database == ExitCode::SUCCESS { are_fed } else { of_database })
}

fn has_systems(audit: &TeamAuditConfig) -> bool {
    audit.webhook.is_some() || audit.otlp.is_some()
}

/// How far the team's systems have this computer's log.
async fn say_systems(home: &Home, audit: &TeamAuditConfig) -> Result<ExitCode> {
    let path = home.audit_file()?;
    if !has_systems(audit) || !path.exists() {
        return Ok(ExitCode::SUCCESS);
    }
    let log = AuditLog::open(&path).await?;
    let vault = Vault::system();
    let mut code = ExitCode::SUCCESS;
    for system in read_progress(audit, &log, &vault, &home.feeds_dir()).await? {
        let FeedProgress { kind, origin, acknowledged, waiting, missing } = system;
        let name = match kind {
            FeedKind::Webhook => "Webhook  ",
            FeedKind::Otlp => "Collector",
        };
        if !missing.is_empty() {
            code = ExitCode::FAILURE;
            print_sanitized(&format!(
                "FAIL  {name}  {origin} gets no entries: not stored: {}.\n                 → Store it with `understudy \
                 secret set {TEAM} NAME`.",
                missing.join(", ")
            ))?;
        } else if waiting.count == 0 {
            print_sanitized(&format!(
                "ok    {name}  {origin} has all {acknowledged} entries of this computer."
            ))?;
        } else {
            print_sanitized(&format!(
                "warn  {name}  {} entries of this computer wait to be sent to {origin}.\n                 → A console \
                 sends them while it is open, and says why if it can't.",
                waiting.count
            ))?;
        }
    }
    Ok(code)
}

/// Connects, compares the database with the setup, and tells how much waits to be sent.
async fn check_database(home: &Home, url: &str, required: bool) -> Result<ExitCode> {
    print_sanitized(if required {
        "ok    Policy     No session begins before the team's log has its first entry."
    } else {
        "ok    Policy     Sessions begin even if the team's log is out of reach."
    })?;
    let vault = Vault::system();
    let database = match connect(url, &vault).await {
        Ok(database) => database,
        Err(error) => {
            print_sanitized(&format!("FAIL  Database   {}", indent(&error.to_string())))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let faults = find_faults(&database).await?;
    for fault in &faults {
        let place = database.describe_place();
        print_sanitized(&if fault.is_serious {
            format!("FAIL  Database   {place} does not fit: {}", fault.what)
        } else {
            format!("warn  Database   {place} is slower than it has to be: {}", fault.what)
        })?;
        print_sanitized(&format!("                 → {}", fault.hint))?;
    }
    if faults.iter().any(|fault| fault.is_serious) {
        return Ok(ExitCode::FAILURE);
    }
    print_sanitized(&format!(
        "ok    Database   {} is set up, and its role can insert and read and nothing else.",
        database.describe_place()
    ))?;
    say_waiting(home, &database).await
}

/// How much of this computer's log the team's does not have.
async fn say_waiting(home: &Home, database: &TeamDatabase) -> Result<ExitCode> {
    let path = home.audit_file()?;
    if !path.exists() {
        print_sanitized("ok    Entries    This computer has no audit log yet.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let audit = AuditLog::open(&path).await?;
    let lines = audit.lines();
    let shipped = match find_last_shipped(database, &audit).await {
        Ok(last) => last.number,
        Err(error) if error.code == Code::AuditFailed => {
            print_sanitized(&format!("FAIL  Entries    {}", indent(&error.to_string())))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };
    let waiting = lines.count_after(shipped).await?;
    print_sanitized(&match (waiting.count, waiting.since.map(jiff::Timestamp::from_millisecond)) {
        (0, _) => format!("ok    Entries    All {shipped} entries of this computer are in the team's log."),
        (count, Some(Ok(since))) => format!(
            "warn  Entries    {count} of this computer wait to be sent, since {}.\n                 → A console sends them \
             while it is open.",
            since.strftime("%Y-%m-%d %H:%M:%S UTC")
        ),
        (count, _) => format!("warn  Entries    {count} of this computer wait to be sent."),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Verifies the chains of all consoles.
pub async fn verify_team(home: &Home, json: bool) -> Result<ExitCode> {
    let (_, url) = load_team(home)?;
    let vault = Vault::system();
    let database = connect(&url, &vault).await?;
    let (own, progress) = (home.audit_file()?, VerificationProgress::default());
    let verifying = verify_watched_team_log(&database, &own, &vault, &progress);
    let found = show_progress(&progress, verifying).await?;
    if json {
        say_json(&found)?;
    } else {
        for chain in &found.logs {
            let own = if chain.is_own { ", this computer's" } else { "" };
            let whose = format!("{} ({}{own})", chain.log, chain.whose);
            print_sanitized(&match &chain.fault {
                None if !chain.gaps.is_empty() => format!("INCOMPLETE: {whose}, {} entries.", chain.entries),
                None if chain.first > 1 => format!(
                    "Intact: {whose}, {} entries, from {} on. The first was the oldest that its console had then.",
                    chain.entries, chain.first
                ),
                None => format!("Intact: {whose}, {} entries.", chain.entries),
                Some(fault) => format!("NOT INTACT: {whose}: {fault}"),
            })?;
            for gap in &chain.gaps {
                print_sanitized(&format!("  {}", gap.explain()))?;
            }
        }
        if found.logs.is_empty() {
            print_sanitized("The team's log has no entries.")?;
        }
        if let Some(why) = &found.keyring_failed {
            print_sanitized(&format!(
                "The keyring could not be asked, so what it remembers of this computer's log was not compared. {why}"
            ))?;
        }
    }
    Ok(if found.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lists the latest entries of all consoles, the oldest of them first.
pub async fn list_of_team(
    home: &Home,
    filter: &EntryFilter,
    latest: u32,
    now: &ZonedDateTime,
) -> Result<ExitCode> {
    let entries = open_reader(home).await?.read_latest(filter, latest).await?;
    if entries.is_empty() {
        print_to_stderr("No entries.");
    }
    for CollectedEntry { entry, .. } in &entries {
        let parts = [
            show_time(entry.at_ms(), now),
            format!("{:<18}", entry.title()),
            // Its beginning says when the session began, which many of a team may have at a time.
            format!("{:<36}", entry.text("session")),
            format!("{} on {}:", entry.text("os_user"), entry.text("host")),
            entry.describe_parties(),
            entry.describe(),
        ];
        print_sanitized(&sanitize::sanitize_line(parts.join("  ").trim_end(), usize::MAX))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows one session of any console.
pub async fn show_of_team(home: &Home, typed: &str, now: &ZonedDateTime) -> Result<ExitCode> {
    let reader = open_reader(home).await?;
    let mut found = reader.find_sessions(typed, 2).await?;
    let (Some((log, session)), true) = (found.pop(), found.is_empty()) else {
        return Err(unclear_session(typed, found.is_empty())
            .with_hint("`understudy audit list --team` shows the IDs of sessions."));
    };
    let CollectedSession { entries: collected, is_cut } = reader.read_session(&log, &session).await?;
    let role = collected.first().map(|first| first.written_by.clone()).unwrap_or_default();
    let entries: Vec<StoredEntry> = collected.into_iter().map(|one| one.entry).collect();
    print_sanitized(&format!("{:<11} {log}, written as {role}", "Log"))?;
    print_sanitized(&render_session(&entries, now))?;
    if is_cut {
        print_sanitized("… and more entries, not shown. Understudy never writes that many for one session.")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn open_reader(home: &Home) -> Result<TeamLogReader> {
    let (_, url) = load_team(home)?;
    let vault = Vault::system();
    unlock(&vault).await;
    Ok(TeamLogReader::new(&url, &vault))
}

async fn connect(url: &str, vault: &Vault) -> Result<TeamDatabase> {
    unlock(vault).await;
    TeamDatabase::connect(url, vault).await
}

/// Asks for the keyring's password if it is locked.
async fn unlock(vault: &Vault) {
    if !vault.is_open_for(&password_name()).await {
        // A database may need no password; it will say so.
        let _ = vault.unlock().await;
    }
}

/// The team file, and the URL of its database.
fn load_team(home: &Home) -> Result<(Team, String)> {
    let team = load_team_file(home)?;
    let url = team.file.audit.as_ref().and_then(|audit| audit.url.clone()).ok_or_else(no_team_log)?;
    Ok((team, url))
}

fn load_team_file(home: &Home) -> Result<Team> {
    Team::load(home)?.ok_or_else(|| {
        Error::new(
            Code::SettingsInvalid,
            format!(
                "There is no team file: neither {} nor {}.",
                home.system_team_file().display(),
                home.own_team_file().display()
            ),
        )
        .with_hint("Write one, with the URL of the database in [audit]; docs/team-log.md says how.")
    })
}

fn no_team_log() -> Error {
    Error::new(Code::SettingsInvalid, format!("{TEAM} names no database for the team's log."))
        .with_hint("Add to it: [audit] url = \"postgres://understudy@db.example.com/audit\"")
}

/// A text of several lines, below the first step's column.
fn indent(text: &str) -> String {
    text.replace('\n', "\n                 → ")
}
