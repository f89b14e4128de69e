//! A connection being written: what its form sees of the database before anything is saved.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use understudy_core::check::TypedSecrets;
use understudy_core::connection::{DirectoryConfig, read_file};
use understudy_core::error::Code;
use understudy_demo::Delay;
use understudy_test_support::wait::PATIENCE;

use crate::rogue::Rogue;
use crate::test_console::Desk;

fn part(desk: &Desk) -> DirectoryConfig {
    desk.console.find_connection("shop").expect("it is there").file.directory.clone()
}

#[tokio::test]
async fn the_form_is_offered_the_users_and_shows_the_newest() {
    let desk = Desk::new().await;
    let written = part(&desk);
    let blank = DirectoryConfig { table: String::new(), id: String::new(), ..written.clone() };
    let discovered = desk
        .console
        .discover_tables(None, &blank, &TypedSecrets::new(), 1)
        .await
        .expect("the tables are listed");
    let first = &discovered.tables[0];
    assert_eq!(first.name, written.table);
    assert!(first.likely);
    assert_eq!(
        (first.guess.email.as_ref(), first.guess.name.as_ref()),
        (written.email.as_ref(), written.name.as_ref())
    );

    let preview =
        desk.console.preview_users(None, &written, &TypedSecrets::new(), 1).await.expect("it opens");
    let newest = desk.find("").await;
    assert_eq!(preview.rows, newest[..5], "as the list shows them");
    assert!(!preview.info.coverage.is_empty() && preview.withheld.is_empty());

    let wrong = DirectoryConfig { email: Some("emial".into()), ..written };
    let error =
        desk.console.preview_users(None, &wrong, &TypedSecrets::new(), 2).await.expect_err("no such column");
    assert!(error.message.contains("directory.email") && error.message.contains("Did you mean"), "{error}");
    let pasted = DirectoryConfig { url: "postgres://kim:canary@db.acme.example/acme".into(), ..blank };
    let error = desk
        .console
        .discover_tables(None, &pasted, &TypedSecrets::new(), 2)
        .await
        .expect_err("it holds a password");
    assert_eq!(error.code, Code::ConnectionInvalid);
    assert!(!format!("{error}").contains("canary"), "{error}");
}

#[tokio::test]
async fn the_form_counts_whom_its_rules_protect() {
    let desk = Desk::new().await;
    let form = part(&desk);
    let count = async |rules: &[&str], turn| {
        let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
        desk.console.count_protected(None, &form, &rules, &TypedSecrets::new(), turn).await
    };
    let newest = desk.find("").await;
    let first = format!("user.id ~ '' == {}", serde_json::json!(newest[0].id));
    let some = count(&["false", &first], 1).await.expect("they are counted");
    assert_eq!(some.by_rule, [0, some.users]);
    if some.complete {
        assert_eq!((some.users, Some(some.read)), (1, some.estimated_total));
    } else {
        assert!(some.users <= 1 && some.read < some.estimated_total.expect("an estimate"));
    }

    let error = count(&["user.rol == 1"], 2).await.expect_err("there is no such column");
    assert_eq!(error.code, Code::ConnectionInvalid);
    assert!(error.message.starts_with("Rule 1: "), "{error}");
    desk.console.stop_discovery(3).expect("nothing is newer");
    assert_eq!(count(&["true"], 2).await.expect_err("the form is closed").code, Code::Cancelled);
}

#[tokio::test]
async fn only_the_newest_form_query_is_answered() {
    let desk = Arc::new(Desk::new().await);
    // A server that accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("postgres://reader@{}/acme", silent.local_addr().expect("an address"));
    let there = DirectoryConfig { url, ..part(&desk) };
    let typed = TypedSecrets::from([("database_password".to_owned(), SecretString::from("canary"))]);
    let asked = |turn| {
        let (desk, there, typed) = (Arc::clone(&desk), there.clone(), typed.clone());
        tokio::spawn(async move { desk.console.discover_tables(Some("shop"), &there, &typed, turn).await })
    };

    let first = asked(1);
    let _first_connection = silent.accept().await.expect("it connects");
    let second = asked(2);
    let error = first.await.expect("it ends").expect_err("the second took its place");
    assert_eq!(error.code, Code::Cancelled);
    let _second_connection = silent.accept().await.expect("it connects");
    assert_eq!(asked(1).await.expect("it ends").expect_err("it came too late").code, Code::Cancelled);

    // The form is closed.
    let preview = {
        let (desk, there, typed) = (Arc::clone(&desk), there.clone(), typed.clone());
        tokio::spawn(async move { desk.console.preview_users(None, &there, &typed, 3).await })
    };
    let _third_connection = silent.accept().await.expect("it connects");
    desk.console.stop_discovery(4).expect("nothing is newer");
    for ended in [second.await.expect("it ends").err(), preview.await.expect("it ends").err()] {
        assert_eq!(ended.expect("nobody waits any more").code, Code::Cancelled);
    }
}

#[tokio::test]
async fn previewing_does_not_run_an_unsaved_program() {
    let desk = Desk::new().await;
    let trace = desk.home.path().join("it ran");
    let program = ["touch".to_owned(), trace.display().to_string()];
    let there = DirectoryConfig {
        url: "postgres://reader@127.0.0.1:1/acme".into(),
        password_command: Some(program.to_vec()),
        ..part(&desk)
    };
    for (turn, id) in [(1, Some("shop")), (2, None)] {
        let error = desk
            .console
            .discover_tables(id, &there, &TypedSecrets::new(), turn)
            .await
            .expect_err("it was not agreed to");
        assert!(error.hint.expect("what to do").contains("trust"));
        desk.console.preview_users(id, &there, &TypedSecrets::new(), turn).await.expect_err("nor here");
    }
    assert!(!trace.exists());

    // Nor is an ssh login from someone else's file.
    let jump = Rogue::application().await;
    let (_, port) = jump.address.rsplit_once(':').expect("a port");
    let through = format!("[directory]\nssh = {{ host = \"127.0.0.1\", port = {port} }}");
    let text = desk.demo.connection_text.replace("[directory]", &through);
    let ssh = read_file("shop", &text).expect("it reads").directory.ssh;
    let there = DirectoryConfig { password_command: None, ssh, ..there };
    // A typed database password is no consent to the computer on the way.
    let typed = TypedSecrets::from([("database_password".to_owned(), "typed".into())]);
    for (turn, id) in [(3, Some("shop")), (4, None)] {
        let error =
            desk.console.discover_tables(id, &there, &typed, turn).await.expect_err("it was not agreed to");
        assert!(error.hint.expect("what to do").contains("trust"));
        desk.console.preview_users(id, &there, &typed, turn).await.expect_err("nor here");
    }
    assert_eq!(jump.heard(), "");
}

#[tokio::test]
async fn a_trial_that_is_stopped_ends_what_it_had_begun() {
    let desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    let user = desk.find("").await.remove(0);
    let text = desk.demo.connection_text.clone();
    let trying = desk.console.try_sign_in(Some("shop"), &text, &user.id, TypedSecrets::new(), 1);
    let stopping = async {
        let login = desk.demo.application.wait_for(|one| one.path == "/login", PATIENCE).await;
        login.expect("the request left");
        desk.console.stop_trial(2).expect("it is the newer turn");
        desk.demo.application.release_answers();
    };
    let (rehearsal, ()) = tokio::join!(trying, stopping);
    let rehearsal = rehearsal.expect("it begins");
    assert!(!rehearsal.ok);
    assert_eq!(rehearsal.outcome, "The test was stopped");
    let paths: Vec<String> = desk
        .demo
        .application
        .journal()
        .into_iter()
        .map(|one| format!("{} {}", one.method, one.path))
        .collect();
    assert_eq!(paths, ["POST /login", "POST /logout"], "nothing new but the end of what was begun");
}
