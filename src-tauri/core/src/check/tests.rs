//! Checks of connections that work, and of those that do not.

use super::database::{check_columns, check_search};
use super::*;
use crate::connection::DirectoryConfig;
use crate::directory::{Column, Info, SearchCoverage, Tier};

fn searched(rows: u64, index: Option<&str>) -> (Status, String, Option<String>) {
    found_by(Tier::Prefix, rows, index)
}

fn found_by(tier: Tier, rows: u64, index: Option<&str>) -> (Status, String, Option<String>) {
    let part: DirectoryConfig =
        toml::from_str("url = \"sqlite:///users.sqlite\"\ntable = \"users\"\nid = \"id\"\ntimeout_ms = 3000")
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
        related: Vec::new(),
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
            Box::pin(check_connection(Some("shop"), &text, &vault, &TypedSecrets::new(), &[])).await.unwrap();
        told.push(format!("# {kind}\n{}", as_read(&report)));
    }
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn production_that_can_be_changed_without_a_reason_is_a_warning() {
    for (environment, policy, status, said) in [
        ("production", "", Status::Ok, "Sessions begin read-only. Full access needs a reason of its own."),
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
    assert_eq!((status, detail.as_str(), hint), (Status::Ok, "An index serves every way to search.", None));
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
        masked: false,
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
            related: Vec::new(),
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
