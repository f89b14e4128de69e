//! The team file, `team.toml`: what a team has agreed on for all its consoles, such as the database of its audit log.
//!
//! IT hands it out beside its folder of connections, or the operator has one of their own; if both exist, IT's counts,
//! whole. A file that cannot be used is an error wherever the team's rules would count: nothing goes on as if there were
//! none. Like a connection file, it contains no secrets.

mod config;
mod feeds;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use understudy_files::regular_file;

pub use self::config::{OtlpConfig, TeamAuditConfig, TeamFile, WebhookConfig};
pub(crate) use self::feeds::{compile_feed_header, secrets_of};
use crate::connection::{
    ConnectionSource, KeyFaults, directory_url_fault, parse_shape, without_bom, without_null,
};
use crate::directory::Engine;
use crate::error::{Code, Error, Result};
use crate::home::{Home, TEAM_FILE};
use crate::trust;

/// Stands for the connection's ID in the names of the team file's secrets: `understudy secret set team.toml …`. No
/// connection's ID has a dot.
pub const TEAM: &str = TEAM_FILE;

/// The team file that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    pub file: TeamFile,
    pub source: ConnectionSource,
    pub path: PathBuf,
    /// The operator's own file, if IT's is used in its place.
    pub overridden: Option<PathBuf>,
    /// The file's text.
    pub text: String,
}

/// Every part is written out: references are for the connection file's schema.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = schemars::generate::SchemaSettings::default()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut schema = generator.into_root_schema_for::<TeamFile>().to_value();
    without_null(&mut schema);
    schema
});

impl Team {
    /// Reads the team file that counts; `None` if there is none.
    ///
    /// Fails with [`Code::SettingsInvalid`] and all faults of the file, each with line, column and key; with
    /// [`Code::ConnectionLocked`] if IT's file could come from somebody else; and with [`Code::FileFailed`].
    pub fn load(home: &Home) -> Result<Option<Self>> {
        let (system, own) = (home.system_team_file(), home.own_team_file());
        if exists(&system)? {
            trust::only_changed_by(home.system_is_put_by(), &system).map_err(|why| {
                Error::new(
                    Code::ConnectionLocked,
                    format!("The team file that IT handed out is not used from {}: {why}.", system.display()),
                )
                .with_hint(
                    "Only administrators should be able to write there and to every folder above it. Ask IT to fix this.",
                )
            })?;
            let overridden = exists(&own)?.then_some(own);
            return Self::read(ConnectionSource::System, system, overridden).map(Some);
        }
        if exists(&own)? {
            return Self::read(ConnectionSource::Own, own, None).map(Some);
        }
        Ok(None)
    }

    fn read(source: ConnectionSource, path: PathBuf, overridden: Option<PathBuf>) -> Result<Self> {
        let text = regular_file::read_text(&path, regular_file::OF_SETTINGS)?;
        let file = parse_team_file(&path.display().to_string(), &text)?;
        Ok(Self { file, source, path, overridden, text })
    }
}

/// Reads the text of a team file. `name` is what errors call it.
pub fn parse_team_file(name: &str, text: &str) -> Result<TeamFile> {
    let text = without_bom(text);
    let mut faults = KeyFaults::new(name, text);
    let file: Option<TeamFile> = parse_shape(text, "team", &SCHEMA, |_, _| {}, &mut faults);
    if let Some(audit) = file.as_ref().and_then(|file| file.audit.as_ref()) {
        check_audit(audit, &mut faults);
    }
    match file {
        Some(file) if faults.is_empty() => Ok(file),
        _ => Err(Error { code: Code::SettingsInvalid, ..faults.into_error() }),
    }
}

fn check_audit(part: &TeamAuditConfig, faults: &mut KeyFaults) {
    match &part.url {
        Some(url) => {
            if let Some(what) = audit_url_fault(url) {
                faults.add_fault("audit.url", what);
            }
        }
        None if part.required => {
            faults.add_fault("audit.required", "needs `url`: there is no log of the team without one");
        }
        None => {}
    }
    if part.keep_days == Some(0) {
        faults.add_fault("audit.keep_days", "has to be at least 1");
    }
    feeds::check_feeds(part, faults);
}

fn audit_url_fault(text: &str) -> Option<String> {
    let example = "`postgres://understudy@db.example.com/audit`";
    if Engine::of_url(text) != Some(Engine::Postgres) {
        return Some(format!("has to be the URL of a PostgreSQL database: {example}"));
    }
    if let Some(what) = directory_url_fault(text, TEAM) {
        return Some(what);
    }
    match part_of_url(text) {
        // They become names in the SQL of `understudy audit setup`.
        Some((user, database))
            if format!("{user}{database}").contains(|one: char| one == '$' || one.is_control()) =>
        {
            Some("has a `$` or a control character in the name of the role or the database".into())
        }
        Some((user, database)) if !user.is_empty() && !database.is_empty() => None,
        _ => Some(format!("has to name the role and the database, before any `?`: {example}")),
    }
}

/// The user and the database in a URL, decoded. It may name several hosts.
fn part_of_url(text: &str) -> Option<(String, String)> {
    let hosts = crate::directory::Hosts::from_url(text);
    let url = url::Url::parse(hosts.urls.first()?).ok()?;
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decode(url.username()), decode(url.path().trim_start_matches('/'))))
}

impl TeamAuditConfig {
    /// The role that the consoles log in as, and the database; `None` without a URL.
    pub fn role_and_database(&self) -> Option<(String, String)> {
        part_of_url(self.url.as_deref()?)
    }
}

/// Something that cannot be looked at may be a team file.
fn exists(path: &Path) -> Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(cause)
            if matches!(cause.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(cause) => Err(Error::for_file("look at the team file", path, cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(u32, String, String)> {
        let error = parse_team_file("team.toml", text).expect_err(text);
        assert_eq!(error.code, Code::SettingsInvalid);
        error.faults.into_iter().map(|fault| (fault.line, fault.key, fault.message)).collect()
    }

    #[test]
    fn a_team_file_says_where_the_log_is_and_whether_it_has_to_be_in_reach() {
        let file = parse_team_file(
            "team.toml",
            "[audit]\nurl = \"postgres://under%20study@db.example.com/audit\"\nrequired = true\n",
        )
        .unwrap();
        let audit = file.audit.unwrap();
        assert!(audit.required);
        assert_eq!(audit.role_and_database(), Some(("under study".into(), "audit".into())));
        assert_eq!(parse_team_file("team.toml", "").unwrap(), TeamFile::default());
        let several =
            "[audit]\nurl = \"postgres://us@a:5432,b:5433/audit?target_session_attrs=read-write\"\n";
        let audit = parse_team_file("team.toml", several).unwrap().audit.unwrap();
        assert_eq!(audit.role_and_database(), Some(("us".into(), "audit".into())));
        assert!(!audit.required);
    }

    #[test]
    fn each_fault_names_line_and_key_and_quotes_no_password() {
        let found = faults("[audit]\nurll = \"postgres://u@h/d\"\nrequired = \"yes\"\n\n[audits]\n");
        let keys: Vec<(u32, &str)> = found.iter().map(|(line, key, _)| (*line, key.as_str())).collect();
        assert_eq!(keys, [(2, "audit.urll"), (3, "audit.required"), (5, "audits")]);
        assert!(found[0].2.contains("did you mean `url`?"), "{found:?}");
        for (url, says) in [
            ("postgres://us:canary-7c1f9b@db/audit", "holds a password"),
            ("postgres://us:canary/7c1f9b@db/audit", "holds a password"),
            ("postgres://us@db/audit?password=canary-7c1f9b", "holds a password"),
            ("mysql://us@db/audit", "PostgreSQL"),
            ("postgres://db/audit", "name the role"),
            ("postgres://us@db", "name the role"),
            ("postgres://us@db/audit?sslmode=a&sslmode=b", "more than once"),
        ] {
            let found = faults(&format!("[audit]\nurl = \"{url}\"\n"));
            assert_eq!((found[0].0, found[0].1.as_str()), (2, "audit.url"));
            assert!(found[0].2.contains(says), "{url}: {found:?}");
            assert!(!format!("{found:?}").contains("7c1f9b"), "{found:?}");
        }
        assert!(faults("[audit]\nrequired = true\n")[0].2.contains("needs `url`"));
        let found = faults("[audit]\nkeep_days = 0\n");
        assert_eq!((found.len(), found[0].0, found[0].1.as_str()), (1, 2, "audit.keep_days"));
        let found = faults("[audit]\nurl = \"postgres://us@db.example/audit\"\nkeep_days = 0\n");
        assert_eq!((found.len(), found[0].1.as_str()), (1, "audit.keep_days"));
        let kept = parse_team_file("team.toml", "[audit]\nkeep_days = 400\n").unwrap().audit.unwrap();
        assert_eq!((kept.keep_days, kept.url), (Some(400), None));
    }

    #[test]
    fn its_file_counts_whole_in_place_of_the_operators_own() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_folder(folder.path());
        assert_eq!(Team::load(&home).unwrap(), None);
        let own = home.own_team_file();
        std::fs::write(&own, "[audit]\nurl = \"postgres://own@db/audit\"\nrequired = true\n").unwrap();
        let team = Team::load(&home).unwrap().unwrap();
        assert_eq!((team.source, &team.path), (ConnectionSource::Own, &own));

        let system = home.system_team_file();
        std::fs::create_dir_all(system.parent().unwrap()).unwrap();
        std::fs::write(&system, "[audit]\nurl = \"postgres://it@db/audit\"\n").unwrap();
        let team = Team::load(&home).unwrap().unwrap();
        assert_eq!((team.source, team.overridden.as_ref()), (ConnectionSource::System, Some(&own)));
        let audit = team.file.audit.unwrap();
        assert_eq!(audit.role_and_database().unwrap().0, "it");
        assert!(!audit.required, "nothing of the own file counts");

        std::fs::write(&system, "[audit\n").unwrap();
        let error = Team::load(&home).unwrap_err();
        assert!(error.message.contains(&format!("{}:1:", system.display())), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_its_that_others_can_write_is_not_used_and_not_passed_over() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let home = Home::in_folder(folder.path());
        let system = home.system_team_file();
        std::fs::create_dir_all(system.parent().unwrap()).unwrap();
        std::fs::write(&system, "").unwrap();
        std::fs::set_permissions(&system, std::fs::Permissions::from_mode(0o666)).unwrap();
        let error = Team::load(&home).unwrap_err();
        assert_eq!(error.code, Code::ConnectionLocked);
        assert!(error.message.contains("others can write"), "{error}");
    }
}
