//! Checks whether a connection works before anyone relies on it: `understudy check` and the form's test button.

use std::collections::{BTreeSet, HashMap};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::access::{SessionMode, UnlockRule};
use crate::connection::{Connection, ConnectionSource, DATABASE_PASSWORD, DirectoryConfig, Environment};
use crate::directory::{self, Caution, Directory, FieldKind, Info, ListRequest, Role, Row, Tier};
use crate::error::{Code, Error, FileFault, Result};
use crate::secrets::{SecretLocation, Secrets};
use crate::sign_in;
use crate::template::MASK;
use crate::vault::{SecretState, Vault};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Status {
    Ok,
    /// Works, but not as it should.
    Warning,
    Failed,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Step {
    /// "Connection file", "Access", "Secrets", "Directory", "Columns", "Search", "Users", "Sign-in".
    pub title: String,
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
    /// A statement that fixes it, to be copied.
    pub statement: Option<String>,
    /// What the driver, library or keyring said; for developers, shown on request.
    pub details: Option<String>,
}

/// Everything that `check` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Report {
    /// No step failed.
    pub ok: bool,
    pub steps: Vec<Step>,
    /// The faults in the text, one by one. If there are any, nothing else was checked.
    pub faults: Vec<FileFault>,
    /// What was found in the database; `None` if it could not be opened.
    pub info: Option<Info>,
    /// The newest few users, for a preview.
    pub sample: Vec<Row>,
}

/// Secrets from a form that are not stored yet, by name.
pub type TypedSecrets = HashMap<String, SecretString>;

/// The number of users in [`Report::sample`].
pub(crate) const SAMPLE: u16 = 5;

/// How many users (one page) are examined: for duplicate IDs, and to see whom the rules of `protect` cover.
const JUDGED: u16 = 200;

/// The ID of a connection without a file. It has no stored secrets, even if another connection has this ID.
pub(crate) const UNSAVED: &str = "new";

impl Report {
    fn empty() -> Self {
        Self { ok: true, steps: Vec::new(), faults: Vec::new(), info: None, sample: Vec::new() }
    }

    /// The report of a check that could not begin because there is no file, or nothing may be sent.
    pub fn of_failure(error: &Error) -> Self {
        let is_file =
            [Code::ConnectionInvalid, Code::ConnectionUnknown, Code::FileFailed].contains(&error.code);
        let mut report = Self { faults: error.faults.clone(), ..Self::empty() };
        report.add_failure(if is_file { "Connection file" } else { "Directory" }, error.clone());
        report
    }

    /// Adds a finding.
    pub fn add_step(&mut self, title: &str, status: Status, detail: impl Into<String>, hint: Option<String>) {
        self.ok &= status != Status::Failed;
        let (statement, details) = (None, None);
        self.steps.push(Step {
            title: title.into(),
            status,
            detail: detail.into(),
            hint,
            statement,
            details,
        });
    }

    fn add_warning(&mut self, title: &str, caution: &Caution) {
        let Caution { message: detail, hint, statement, .. } = caution.clone();
        let (title, status) = (title.into(), Status::Warning);
        self.steps.push(Step { title, status, detail, hint, statement, details: None });
    }

    fn add_failure(&mut self, title: &str, error: Error) {
        self.ok = false;
        let Error { message: detail, hint, statement, details, .. } = error;
        self.steps.push(Step {
            title: title.into(),
            status: Status::Failed,
            detail,
            hint,
            statement,
            details,
        });
    }
}

/// Tries everything that can be tried without signing in: reads the file, looks for the secrets, opens the directory,
/// reads a few users, renders the sign-in for the first one. `typed` are secrets that are not stored yet; they are used
/// from memory.
///
/// Fails with [`Code::DestinationChanged`], before anything is sent, if the stored password is for another destination.
pub async fn check_connection(
    id: Option<&str>,
    text: &str,
    vault: &Vault,
    typed: &TypedSecrets,
) -> Result<Report> {
    let mut report = Report::empty();
    let connection = match Connection::parse(id.unwrap_or(UNSAVED), text, ConnectionSource::Own, None) {
        Ok(connection) => connection,
        Err(error) => {
            report.faults.clone_from(&error.faults);
            report.add_failure("Connection file", error);
            return Ok(report);
        }
    };
    let secrets = Secrets { vault, id, typed };
    let password = secrets.password_if_any(&connection.file.directory).await?;
    let file = &connection.file;
    report.add_step(
        "Connection file",
        Status::Ok,
        format!("{} · {}", file.name, json!(file.environment).as_str().unwrap_or_default()),
        None,
    );
    check_access(&connection, &mut report);
    check_secrets(&connection, &secrets, &mut report).await;
    if let Some(directory) = open_directory(&connection, password.as_ref(), &mut report).await {
        let newest = read_some(&*directory, &connection.file.directory, &mut report).await;
        check_policy(&directory.info(), &newest, &connection, &mut report);
        check_sign_in(&connection, &directory.info(), &mut report);
        directory.close().await;
    }
    Ok(report)
}

/// Reports what sessions may do in the application, and warns if they may change production without a reason.
fn check_access(connection: &Connection, report: &mut Report) {
    let access = &connection.policy.access;
    let said = match (access.mode, access.may_unlock) {
        (SessionMode::Full, _) => "Sessions begin with full access.",
        (SessionMode::ReadOnly, UnlockRule::Never) => "Sessions are read-only.",
        (SessionMode::ReadOnly, UnlockRule::Always) => {
            "Sessions begin read-only. The operator can switch to full access."
        }
        (SessionMode::ReadOnly, UnlockRule::WithReason) => {
            "Sessions begin read-only. Full access needs a reason of its own."
        }
    };
    let elsewhere: BTreeSet<String> =
        access.allowed.iter().filter_map(|rule| rule.origin.as_ref().map(ToString::to_string)).collect();
    let elsewhere = match elsewhere.len() {
        0 => String::new(),
        _ => format!(", also to {}", elsewhere.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let rules = match access.allowed.len() {
        0 => String::new(),
        1 => format!(" One rule lets requests pass in read-only sessions{elsewhere}."),
        many => format!(" {many} rules let requests pass in read-only sessions{elsewhere}."),
    };
    let said = format!("{said}{rules}");
    let needs_reason = access.mode == SessionMode::ReadOnly && access.may_unlock != UnlockRule::Always;
    if connection.file.environment == Environment::Production && !needs_reason {
        let hint = "In production, anything can be changed without a reason for it. Remove `policy.mode` and \
                    `policy.may_unlock`, unless this is intended: then sessions begin read-only, and full access \
                    needs a reason.";
        return report.add_step("Access", Status::Warning, said, Some(hint.into()));
    }
    report.add_step("Access", Status::Ok, said, None);
}

async fn check_secrets(connection: &Connection, secrets: &Secrets<'_>, report: &mut Report) {
    let names = connection.sign_in_secret_names();
    if names.is_empty() {
        report.add_step("Secrets", Status::Ok, "The sign-in needs no secrets.", None);
        return;
    }
    let (mut found, mut missing, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match secrets.locate_secret(connection, &name).await {
            Ok(SecretLocation::Typed) => found.push(format!("{name} (typed, not stored yet)")),
            Ok(SecretLocation::Kept(SecretState::Stored)) => found.push(format!("{name} (in the keyring)")),
            Ok(SecretLocation::Kept(SecretState::ThisRun)) => found.push(format!("{name} (until you quit)")),
            Ok(SecretLocation::Kept(SecretState::Missing)) => missing.push(name),
            Ok(SecretLocation::Elsewhere) => elsewhere.push(name),
            Err(error) => return report.add_failure("Secrets", error),
        }
    }
    let commands = |names: &[String]| {
        let each = names.iter().map(|name| format!("understudy secret set {} {name}", connection.id));
        format!("Store them: {}", each.collect::<Vec<_>>().join("; "))
    };
    if missing.is_empty() && elsewhere.is_empty() {
        report.add_step("Secrets", Status::Ok, found.join(", "), None);
        return;
    }
    let mut said = Vec::new();
    if !missing.is_empty() {
        said.push(format!("Not stored yet: {}", missing.join(", ")));
    }
    if !elsewhere.is_empty() {
        said.push(format!("Stored for another place, so not used here: {}", elsewhere.join(", ")));
    }
    missing.extend(elsewhere);
    let hint = if secrets.id.is_some() {
        commands(&missing)
    } else {
        "Enter them here. They are stored when you save the connection.".to_owned()
    };
    report.add_step("Secrets", Status::Warning, said.join("; "), Some(hint));
}

async fn open_directory(
    connection: &Connection,
    password: Option<&SecretString>,
    report: &mut Report,
) -> Option<std::sync::Arc<dyn Directory>> {
    match directory::open(&connection.file.directory, password).await {
        Ok(directory) => {
            let info = directory.info();
            report.add_step("Directory", Status::Ok, format!("{}, read only", info.server), None);
            report.info = Some((*info).clone());
            Some(directory)
        }
        Err(error) => {
            let error = Error::from(error);
            let error = match error.code {
                Code::DirectoryRefused
                    if password.is_none() && error.hint.is_none() && connection.may_need_password() =>
                {
                    error.with_hint(format!(
                        "If it needs a password: understudy secret set {} {DATABASE_PASSWORD}",
                        connection.id
                    ))
                }
                _ => error,
            };
            report.add_failure("Directory", error);
            None
        }
    }
}

/// Reads the newest users; the report shows the first few.
async fn read_some(directory: &dyn Directory, part: &DirectoryConfig, report: &mut Report) -> Vec<Row> {
    let info = directory.info();
    for caution in &info.cautions {
        report.add_warning("Directory", caution);
    }
    check_columns(&info, report);
    check_search(&info, part, report);
    // More than are shown, because duplicate IDs only appear among many.
    let newest = ListRequest::first_page("", JUDGED);
    match directory.search_users(&newest, &CancellationToken::new()).await {
        Ok(page) if page.doubled.is_some() => {
            report.add_failure(
                "Users",
                directory::duplicate_id_error(page.doubled.as_deref().unwrap_or_default()).into(),
            );
        }
        Ok(page) if page.rows.is_empty() => {
            let (said, hint) = if info.cautions.iter().any(|caution| caution.hides_users) {
                ("This user sees no rows.", "The warning above says what hides them.")
            } else {
                ("The table is empty.", "Check that `directory.table` and the database are the right ones.")
            };
            report.add_step("Users", Status::Warning, said, Some(hint.into()));
        }
        Ok(page) => {
            let total = match (info.estimated_total, info.total_is_exact) {
                (Some(1), true) => "1 user".into(),
                (Some(total), true) => format!("{total} users"),
                (Some(total), false) => format!("about {total} users"),
                (None, _) => "there are users; their number is unknown".into(),
            };
            report.add_step(
                "Users",
                Status::Ok,
                format!("{total}; newest read in {:.1} ms", page.how.elapsed_ms),
                None,
            );
            report.sample = page.rows.iter().take(SAMPLE.into()).cloned().collect();
            return page.rows;
        }
        Err(error) => report.add_failure("Users", error.into()),
    }
    Vec::new()
}

/// Reports the columns, and warns about those that had better not be shown.
fn check_columns(info: &Info, report: &mut Report) {
    let columns: Vec<String> =
        info.columns.iter().map(|column| describe_field(column.role, &column.name, column.kind)).collect();
    let secrets: Vec<String> = info
        .columns
        .iter()
        .filter(|column| column.role != Role::Id && directory::holds_secret(&column.name, column.kind))
        .map(|column| format!("`{}`", column.name))
        .collect();
    let status = if secrets.is_empty() { Status::Ok } else { Status::Warning };
    let hint = (!secrets.is_empty()).then(|| {
        format!(
            "Judging by its name, {} holds a secret, and every agent will see it. Remove it from [directory], unless \
             this is intended.",
            secrets.join(" and ")
        )
    });
    report.add_step("Columns", status, columns.join(", "), hint);
}

/// Reports which ways of searching have an index. [`Info::coverage`] has each one's index, or the statement that
/// creates it.
fn check_search(info: &Info, part: &DirectoryConfig, report: &mut Report) {
    let unserved: Vec<String> = info
        .coverage
        .iter()
        .filter(|service| service.index.is_none())
        .map(|service| format!("{} ({})", service.tier.as_phrase(), service.column))
        .collect();
    if info.coverage.iter().all(|service| matches!(service.tier, Tier::All | Tier::Id)) {
        let hint = "Set `directory.email` or `directory.name`, or list other columns in `directory.search`.";
        let detail = "Users are found only by their full ID: no other column is searched.";
        report.add_step("Search", Status::Warning, detail, Some(hint.into()));
    } else if unserved.is_empty() {
        report.add_step("Search", Status::Ok, "An index serves every way to search.", None);
    } else if info.is_small(part) {
        let detail = format!(
            "No index serves these searches, but the table is small enough to be read: {}",
            unserved.join("; ")
        );
        report.add_step("Search", Status::Ok, detail, None);
    } else {
        let advice = info.coverage.iter().any(|service| service.advice.is_some());
        report.add_step(
            "Search",
            Status::Warning,
            format!("No index serves: {}", unserved.join("; ")),
            Some(
                if advice {
                    "These searches check only the newest users, until you choose to search all rows. \
                     The search plan has the statements that change that."
                } else {
                    "These searches check only the newest users, until you choose to search all rows."
                }
                .into(),
            ),
        );
    }
}

/// Applies the rules of `protect` to the newest users: how many each protects, and whether each can be evaluated.
fn check_policy(info: &Info, newest: &[Row], connection: &Connection, report: &mut Report) {
    let rules = &connection.policy.protect;
    if rules.is_empty() || newest.is_empty() {
        return;
    }
    let users: Vec<_> = newest.iter().map(|row| json!({ "user": info.user_context(row) })).collect();
    let of = match users.len() {
        1 => "the only user".to_owned(),
        many => format!("the newest {many} users"),
    };
    let (mut said, mut undecided) = (Vec::new(), Vec::new());
    let mut is_hopeless = false;
    for (source, rule) in rules {
        let outcomes: Vec<_> = users.iter().map(|user| rule.eval(user)).collect();
        let protected = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
        let faults: Vec<&Error> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        is_hopeless |= faults.len() == users.len();
        said.push(format!("`{source}` protects {protected} of {of}"));
        if let Some(first) = faults.first() {
            undecided.push(format!("{} ({} of {of})", first.message.trim_end_matches('.'), faults.len()));
        }
    }
    if undecided.is_empty() {
        return report.add_step("Protected users", Status::Ok, said.join("\n"), None);
    }
    said.extend(undecided);
    let status = if is_hopeless { Status::Failed } else { Status::Warning };
    let hint = "No one can sign in as a user for whom a rule cannot be decided. Make each rule a comparison, as in \
                `user.admin == 1` or `(user.role or '') == 'admin'`.";
    report.add_step("Protected users", status, said.join("\n"), Some(hint.into()));
}

/// Renders the sign-in for the first user, with masks as secrets. Sends nothing.
fn check_sign_in(connection: &Connection, info: &Info, report: &mut Report) {
    let Some(row) = report.sample.first() else { return };
    let mut secrets = json!({});
    for name in connection.sign_in_secret_names() {
        secrets[name] = MASK.into();
    }
    let context = json!({
        "user": info.user_context(row),
        "operator": { "name": "operator", "email": "operator@example.com" },
        "secret": secrets,
        "reason": "check",
        "session": { "id": "check", "mode": connection.policy.access.mode },
        "connection": { "id": connection.id, "name": connection.file.name, "environment": connection.file.environment },
    });
    match sign_in::render_outline(connection, &context) {
        Ok(outline) => {
            let verify = if outline.is_verified { ", ask who is signed in" } else { "" };
            report.add_step(
                "Sign-in",
                if outline.is_verified { Status::Ok } else { Status::Warning },
                format!(
                    "Not tested yet. It would send {}{verify}, then open {}",
                    outline.requests.join(", "),
                    outline.redirect_to
                ),
                Some(if outline.is_verified {
                    "Test it with a test account: “Test sign-in” in the form, or `understudy check … --user ID`.".into()
                } else {
                    "Without `[sign_in.verify]`, nothing checks that the application signed in the right user.".into()
                }),
            );
        }
        Err(error) => report.add_failure("Sign-in", error),
    }
}

fn describe_field(role: Role, name: &str, kind: FieldKind) -> String {
    let kind = json!(kind);
    let kind = kind.as_str().unwrap_or_default();
    match role {
        Role::Other => format!("{name} ({kind})"),
        role => format!("{} = {name} ({kind})", json!(role).as_str().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Column, SearchCoverage};

    fn searched(rows: u64, index: Option<&str>) -> (Status, String, Option<String>) {
        found_by(Tier::Prefix, rows, index)
    }

    fn found_by(tier: Tier, rows: u64, index: Option<&str>) -> (Status, String, Option<String>) {
        let part: DirectoryConfig = toml::from_str(
            "url = \"sqlite:///users.sqlite\"\ntable = \"users\"\nid = \"id\"\ntimeout_ms = 3000",
        )
        .unwrap();
        let service = SearchCoverage {
            tier,
            column: "name".into(),
            index: index.map(str::to_owned),
            note: None,
            advice: index.is_none().then(|| "CREATE INDEX".into()),
        };
        let info = Info {
            server: "SQLite".into(),
            columns: Vec::new(),
            estimated_total: Some(rows),
            total_is_exact: true,
            coverage: vec![service],
            reader: Vec::new(),
            cautions: Vec::new(),
        };
        let mut report = Report::empty();
        check_search(&info, &part, &mut report);
        let step = report.steps.pop().unwrap();
        (step.status, step.detail, step.hint)
    }

    /// A report as it reads, without what differs from one run to the next.
    fn as_read(report: &Report) -> String {
        let told = report.steps.iter().map(|step| {
            let hint = step.hint.as_ref().map_or_else(String::new, |hint| format!("\n  → {hint}"));
            format!("{} {}: {}{hint}", json!(step.status).as_str().unwrap(), step.title, step.detail)
        });
        let told = told.collect::<Vec<_>>().join("\n");
        let server = report.info.as_ref().map_or("no server", |info| info.server.as_str());
        let timed = told.find("newest read in ").map(|at| at + "newest read in ".len());
        let told = match timed.and_then(|from| Some((from, from + told[from..].find(" ms")?))) {
            Some((from, to)) => format!("{}…{}", &told[..from], &told[to..]),
            None => told,
        };
        told.replace(server, "SQLite …")
    }

    #[tokio::test]
    async fn the_report_of_a_good_file_and_of_bad_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let made = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE COLLATE NOCASE, plan TEXT);
                    INSERT INTO users VALUES (1, 'ada@example.org', 'pro'), (2, 'bea@example.org', 'free')";
        sqlx::raw_sql(made).execute(&pool).await.unwrap();
        pool.close().await;
        let url = url::Url::from_file_path(&path).unwrap().as_str().replacen("file:", "sqlite:", 1);
        let good = format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{url}\"\ntable = \"users\"\n\
             id = \"id\"\nemail = \"email\"\n[sign_in]\nurl = \"https://shop.example/login\"\n\
             body = {{ token = \"{{{{ secret.admin_token }}}}\", id = \"{{{{ user.id }}}}\" }}\n\
             [policy]\nprotect = [\"user.email == 'ada@example.org'\"]\n"
        );
        let store = keyring_core::mock::Store::new().unwrap();
        let vault = Vault::with_store(std::sync::Arc::new(move || Ok(std::sync::Arc::clone(&store) as _)));
        let mut told = Vec::new();
        for (kind, text) in [
            ("good", good.clone()),
            ("an unknown key", good.replace("table", "tabel")),
            ("no such table", good.replace("\"users\"", "\"usres\"")),
            ("a rule that can't be decided", good.replace("user.email ==", "user.email.x ==")),
        ] {
            let report =
                Box::pin(check_connection(Some("shop"), &text, &vault, &TypedSecrets::new())).await.unwrap();
            told.push(format!("# {kind}\n{}", as_read(&report)));
        }
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn production_that_can_be_changed_without_a_reason_is_a_warning() {
        for (environment, policy, status, said) in [
            (
                "production",
                "",
                Status::Ok,
                "Sessions begin read-only. Full access needs a reason of its own.",
            ),
            ("production", "may_unlock = false", Status::Ok, "Sessions are read-only."),
            (
                "production",
                "may_unlock = true",
                Status::Warning,
                "Sessions begin read-only. The operator can switch to full access.",
            ),
            ("production", "mode = 'full'", Status::Warning, "Sessions begin with full access."),
            ("staging", "", Status::Ok, "Sessions begin with full access."),
            (
                "staging",
                "mode = 'read_only'\n[[policy.allow]]\nmethod = 'POST'\npath = '/search'",
                Status::Ok,
                "Sessions begin read-only. The operator can switch to full access. One rule lets requests pass in \
                 read-only sessions.",
            ),
            (
                "staging",
                "mode = 'read_only'\nmay_unlock = false\n[[policy.allow]]\nmethod = 'POST'\npath = '/search'\n\
                 [[policy.allow]]\nmethod = 'POST'\norigin = 'https://api.shop.example'\npath = '/search'",
                Status::Ok,
                "Sessions are read-only. 2 rules let requests pass in read-only sessions, also to \
                 https://api.shop.example.",
            ),
        ] {
            let text = format!(
                "name = 'Shop'\nenvironment = '{environment}'\n[directory]\nurl = 'sqlite:///u.db'\n\
                 table = 'users'\nid = 'id'\n[sign_in]\nurl = 'https://shop.example/login'\n[policy]\n{policy}\n"
            );
            let connection = Connection::parse("shop", &text, ConnectionSource::Own, None).unwrap();
            let mut report = Report::empty();
            check_access(&connection, &mut report);
            let step = report.steps.pop().unwrap();
            assert_eq!((step.status, step.detail.as_str()), (status, said), "{environment} {policy}");
            assert_eq!(step.hint.is_some(), status == Status::Warning);
        }
    }

    #[test]
    fn that_only_whole_ids_are_found_is_a_warning() {
        let (status, detail, hint) = found_by(Tier::Id, 20, Some("users_pkey"));
        assert_eq!(
            (status, detail.as_str()),
            (Status::Warning, "Users are found only by their full ID: no other column is searched.")
        );
        assert!(hint.is_some_and(|hint| hint.contains("`directory.email`")));
    }

    #[test]
    fn what_no_index_serves_is_a_warning_where_the_table_is_large() {
        let (status, detail, hint) = searched(10_000_000, None);
        assert_eq!((status, detail.as_str()), (Status::Warning, "No index serves: by prefix (name)"));
        assert!(hint.is_some_and(|hint| hint.contains("search plan")));
        assert_eq!(searched(20_000, None).0, Status::Ok, "a small table is simply read");
        let (status, detail, hint) = searched(10_000_000, Some("by_name"));
        assert_eq!(
            (status, detail.as_str(), hint),
            (Status::Ok, "An index serves every way to search.", None)
        );
    }

    #[test]
    fn a_column_that_holds_a_secret_is_a_warning() {
        let column = |role, name: &str, kind| Column {
            name: name.into(),
            label: String::new(),
            role,
            kind,
            sortable: false,
            company: false,
        };
        let checked = |columns| {
            let info = Info {
                server: "SQLite".into(),
                columns,
                estimated_total: None,
                total_is_exact: false,
                coverage: Vec::new(),
                reader: Vec::new(),
                cautions: Vec::new(),
            };
            let mut report = Report::empty();
            check_columns(&info, &mut report);
            assert!(report.ok, "it works all the same");
            report.steps.pop().unwrap()
        };
        let id = column(Role::Id, "token", FieldKind::Text);
        let when = column(Role::Other, "password_changed_at", FieldKind::Time);
        assert_eq!(checked(vec![id.clone(), when]).status, Status::Ok);
        let step = checked(vec![id, column(Role::Other, "password_hash", FieldKind::Text)]);
        assert_eq!(step.status, Status::Warning);
        assert!(step.hint.is_some_and(|hint| hint.contains("`password_hash` holds a secret")));
    }
}
