//! The audit log as a reviewer reads it, on the command line: what happened, and whether it is what was written.

use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::cli::Terminal;

/// A home in which someone has stored a secret and tried a sign-in: *secret stored*, *begun*, *refused*, *ended*.
async fn tried() -> Terminal {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "a-token").await.succeeded();
    let said = terminal.type_in(&["check", "shop", "--user", "7"], "").await;
    assert_eq!(said.code, 1, "{said:?}");
    terminal
}

/// Changes the log as a program does that means harm.
async fn forge(terminal: &Terminal, attack: &'static str) {
    let path = terminal.audit_file();
    let mut raw = SqliteConnection::connect(path.to_str().expect("text")).await.expect("opens");
    let triggers: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut raw)
        .await
        .expect("read");
    for trigger in triggers {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
        sqlx::raw_sql(drop).execute(&mut raw).await.expect("dropped");
    }
    sqlx::raw_sql(attack).execute(&mut raw).await.expect("changed");
}

#[tokio::test]
async fn a_reviewer_reads_what_happened_and_that_nobody_changed_it() {
    let terminal = tried().await;
    let said = terminal.succeeds(&["audit", "verify"]).await;
    assert!(said.contains("Intact: 4 entries are as written."), "{said}");
    assert!(said.contains("The last one that fits covers the entries up to 4."), "{said}");
    let report: Value =
        serde_json::from_str(&terminal.succeeds(&["audit", "verify", "--json"]).await).unwrap();
    assert_eq!(
        (&report["entries"], &report["covered"], &report["faults"]),
        (&4.into(), &4.into(), &Value::Array(vec![]))
    );

    let listed = terminal.succeeds(&["audit", "list"]).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 4, "{listed}");
    assert!(lines[0].ends_with("in Shop  admin_token"), "{listed}");
    for (line, event) in lines.iter().zip(["secret stored", "begun", "refused", "ended"]) {
        assert!(line.contains(event) && line.contains("in Shop"), "{line}");
    }
    let session = lines[1].split_whitespace().nth(3).expect("the session");
    let shown = terminal.succeeds(&["audit", "show", session]).await;
    assert!(shown.starts_with(&format!("Session     {session}")), "{shown}");
    assert!(shown.contains("Connection  Shop (staging)") && shown.contains("refused"), "{shown}");
    assert_eq!(terminal.succeeds(&["audit", "list", "--latest", "1"]).await, format!("{}\n", lines[3]));
    let of_user = terminal.succeeds(&["audit", "list", "--since", "1h", "--user", "7"]).await;
    assert_eq!(of_user.lines().collect::<Vec<_>>(), lines[1..]);

    let nothing = terminal.type_in(&["audit", "list", "--connection", "other"], "").await;
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.trim()), (0, "", "No entries."));
    let said = terminal.fails(&["audit", "show", "zzz"]).await;
    assert!(said.contains("No session's ID begins with \"zzz\"."), "{said}");
    let said = terminal.fails(&["audit", "list", "--since", "soon"]).await;
    assert!(said.contains("--since: \"soon\" is not a time."), "{said}");
}

#[tokio::test]
async fn other_programs_get_every_entry() {
    let terminal = tried().await;
    let lines = terminal.succeeds(&["audit", "export", "--format", "jsonl"]).await;
    let entries: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let events: Vec<_> = entries.iter().map(|entry| entry["event"].as_str().expect("an event")).collect();
    // The export is an entry itself: it was written before anything left.
    assert_eq!(events, ["secret_stored", "begun", "refused", "ended", "exported"]);
    assert!(
        entries.iter().all(|entry| entry["hash"].as_str().is_some_and(|hash| hash.len() == 64)),
        "{lines}"
    );

    let events = terminal.succeeds(&["audit", "export", "--format", "ocsf"]).await;
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let types: Vec<_> = events.iter().map(|event| event["type_uid"].as_i64().expect("a type")).collect();
    // A secret was stored; Preauth, a refused Account Switch, Logoff; this export and the one before.
    assert_eq!(types, [300_401, 300_206, 300_207, 300_202, 300_402, 300_402], "{events:#?}");

    let table = terminal.succeeds(&["audit", "export", "--format", "csv", "--since", "7d"]).await;
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 8, "{table}");
    assert!(
        rows[0].starts_with("\"id\",\"at_ms\",\"session\",\"event\"") && rows[1].starts_with("\"1\","),
        "{table}"
    );
}

#[tokio::test]
async fn a_forged_log_is_called_one() {
    let terminal = tried().await;
    let copy = terminal.folder().join("copy.sqlite");
    std::fs::copy(terminal.audit_file(), &copy).expect("copied");

    forge(&terminal, "UPDATE entries SET user_id = '8' WHERE id = 3").await;
    let said = terminal.type_in(&["audit", "verify"], "").await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("NOT INTACT: Entry 3 is not what was written"), "{said:?}");
    assert!(said.out.contains("2 entries before that are as written."), "{said:?}");

    std::fs::remove_file(terminal.audit_file()).expect("removed");
    let said = terminal.type_in(&["audit", "verify"], "").await;
    assert!(said.code == 1 && said.out.contains("NOT INTACT: The log is gone."), "{said:?}");
    // The copy that was made in time is intact, and the keyring knows it.
    let said = terminal.succeeds(&["audit", "verify", "--log", "copy.sqlite"]).await;
    assert!(said.contains("Intact: 4 entries"), "{said}");
    // Nothing that only reads has put a new log there.
    assert!(!terminal.audit_file().exists());
    let said = terminal.fails(&["audit", "list"]).await;
    assert!(said.contains("There is no audit log at"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_exported() {
    let terminal = tried().await;
    let path = terminal.audit_file();
    let mut raw = SqliteConnection::connect(path.to_str().expect("text")).await.expect("opens");
    // Another program writes, and never ends: reading is possible, writing is not.
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut raw).await.expect("held");
    let said = terminal.type_in(&["audit", "export", "--format", "csv"], "").await;
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("another program holds it"), "{said:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.expect("free");
    // A copy is read as it is, and not written to.
    std::fs::copy(&path, terminal.folder().join("copy.sqlite")).expect("copied");
    let export = ["audit", "export", "--format", "jsonl", "--log", "copy.sqlite"];
    assert_eq!(terminal.succeeds(&export).await, terminal.succeeds(&export).await);
}

/// Neither the value of a secret nor what was typed elsewhere gets into the log.
#[tokio::test]
async fn a_secret_that_is_stored_and_forgotten_leaves_its_name_in_the_log() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "canary-value").await.succeeded();
    terminal.succeeds(&["secret", "forget", "shop", "admin_token"]).await;
    terminal.succeeds(&["secret", "forget", "shop", "admin_token"]).await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "canary-value").await.succeeded();
    assert_eq!(terminal.type_in(&["remove", "shop", "--yes"], "").await.code, 0);
    let listed = terminal.succeeds(&["audit", "list"]).await;
    let events = ["secret stored", "secret forgotten", "secret stored", "secret forgotten"];
    assert_eq!(listed.lines().count(), events.len(), "what was not there is not forgotten: {listed}");
    for (line, event) in listed.lines().zip(events) {
        assert!(line.contains(event) && line.ends_with("admin_token"), "{line}");
    }
    let bytes = std::fs::read(terminal.audit_file()).expect("read");
    assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
}
