//! Connection files: changes by others while the console is open, and changes by the console itself.

use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use secrecy::SecretString;
use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::error::{Code, SecretName};
use understudy_core::home::Home;
use understudy_core::notice::{ConnectionList, Notices};
use understudy_core::session::Phase;
use understudy_core::settings::Settings;
use understudy_core::vault::{Keep, SecretState, Vault};
use understudy_test_support::browser::PlainBrowser;

use crate::test_console::{Desk, TOKEN, ended_by, replace_line};

#[tokio::test]
async fn changed_files_are_reported_once() {
    let mut desk = Desk::new().await;
    desk.connections().await;
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    desk.console.load_connections();
    assert!(desk.is_quiet(), "nothing changed and nothing is told");

    // Added, like `understudy add` in a terminal.
    let text = desk.demo.connection_text.replace("\"Demo\"", "\"Other shop\"");
    std::fs::write(folder.join("other.toml"), &text).expect("written");
    desk.console.load_connections();
    let told = desk.connections().await.connections;
    assert_eq!(told.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Demo", "Other shop"]);
    desk.console.load_connections();
    assert!(desk.is_quiet());

    // A change that no list shows: the open directory is replaced.
    desk.console.directory_info("other").await.expect("it opens");
    let elsewhere = replace_line(&text, "table ", "table = \"nobody\"");
    std::fs::write(folder.join("other.toml"), elsewhere).expect("written");
    desk.console.load_connections();
    assert_eq!(desk.connections().await.connections.len(), 2);
    desk.console.directory_info("other").await.expect_err("there is no such table");

    // A mistake in an editor removes the connection and is reported; the repaired file brings it back.
    std::fs::write(folder.join("other.toml"), "name = ").expect("written");
    desk.console.load_connections();
    let list = desk.connections().await;
    assert_eq!((list.connections.len(), list.problems.len()), (1, 1));
    let fault = &list.problems[0].faults[0];
    assert_eq!((fault.line, fault.column), (1, 8), "{fault:?}");
    // The operator sees the reason and can open the file to repair it.
    let error = desk.console.directory_info("other").await.unwrap_err();
    assert_eq!((error.code, error.faults[0].line), (Code::ConnectionInvalid, 1));
    std::fs::write(folder.join("Bad Name.toml"), &text).expect("written");
    desk.console.load_connections();
    assert_eq!(desk.connections().await.problems.len(), 2);
    let error_of_name = desk.console.read_draft("Bad Name").unwrap_err();
    assert!(
        error_of_name.message.contains("Name the file `bad-name.toml`"),
        "no editing helps: {error_of_name}"
    );
    std::fs::remove_file(folder.join("Bad Name.toml")).expect("removed");
    desk.console.load_connections();
    desk.connections().await;
    let draft = desk.console.read_draft("other").expect("it is opened all the same");
    assert_eq!((draft.text.as_str(), draft.file), ("name = ", None));
    assert_eq!(draft.problem.expect("what is wrong").faults, error.faults);
    desk.console.load_connections();
    assert!(desk.is_quiet(), "the same fault is told once");
    std::fs::write(folder.join("other.toml"), &text).expect("written");
    desk.console.load_connections();
    assert!(desk.connections().await.problems.is_empty());

    std::fs::remove_file(folder.join("other.toml")).expect("removed");
    desk.console.load_connections();
    assert_eq!(desk.connections().await.connections.len(), 1);
}

#[tokio::test]
async fn connections_stand_in_the_order_in_which_they_came_until_they_are_moved() {
    let mut desk = Desk::new().await;
    let names =
        |list: &ConnectionList| list.connections.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let text = |name: &str| desk.demo.connection_text.replace("\"Demo\"", &format!("\"{name}\""));
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    desk.console.save_connection(None, &text("Shop")).await.expect("saved");
    desk.console.save_connection(None, &text("Acme")).await.expect("saved");
    assert_eq!(names(&desk.console.connection_list()), ["Demo", "Shop", "Acme"], "nobody's key has moved");
    assert_eq!(desk.console.connection_list().order, ["shop", "shop-2", "acme"]);

    // A broken connection keeps its place for when it is repaired.
    std::fs::write(folder.join("shop-2.toml"), "name = ").expect("written");
    let broken = desk.console.load_connections();
    assert_eq!(
        (names(&broken), &broken.order[1]),
        (vec!["Demo".into(), "Acme".into()], &"shop-2".to_owned())
    );
    std::fs::write(folder.join("shop-2.toml"), text("Shop")).expect("written");
    assert_eq!(names(&desk.console.load_connections()), ["Demo", "Shop", "Acme"]);

    let order = ["acme", "shop"].map(str::to_owned).to_vec();
    desk.console.order_connections(order).expect("kept");
    assert_eq!(names(&desk.console.connection_list()), ["Acme", "Demo", "Shop"]);
    while names(&desk.connections().await) != ["Acme", "Demo", "Shop"] {}
    // Settings saved by a window do not change the order, and it survives a restart.
    desk.console.save_settings(Settings::default()).expect("saved");
    assert_eq!(names(&desk.console.connection_list()), ["Acme", "Demo", "Shop"]);
    let kept = Settings::load(&Home::in_folder(desk.home.path())).expect("readable");
    assert_eq!(kept.connection_order, ["acme", "shop", "shop-2"]);
}

#[tokio::test]
async fn selection_and_order_of_connections_do_not_overwrite_each_other() {
    let desk = Desk::new().await;
    let text = desk.demo.connection_text.clone();
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..300 {
                let chosen = Settings { operator_name: format!("Olga {at}"), ..Settings::default() };
                desk.console.save_settings(chosen).expect("saved");
                assert_eq!(desk.console.settings().operator_name, format!("Olga {at}"));
            }
        });
        scope.spawn(|| {
            for at in 0..300 {
                desk.console.order_connections(vec![format!("moved-{at}")]).expect("kept");
                assert_eq!(desk.console.settings().connection_order[0], format!("moved-{at}"));
            }
        });
        scope.spawn(|| {
            for at in 0..20 {
                std::fs::write(folder.join(format!("arrived-{at}.toml")), &text).expect("written");
                desk.console.load_connections();
                let order = desk.console.settings().connection_order;
                assert!(order.contains(&format!("arrived-{at}")), "{order:?}");
            }
        });
    });
    let kept = Settings::load(&Home::in_folder(desk.home.path())).expect("readable");
    assert_eq!(kept, desk.console.settings(), "the file says the same");
    assert_eq!((kept.operator_name.as_str(), kept.connection_order[0].as_str()), ("Olga 299", "moved-299"));
    assert_eq!(kept.connection_order.iter().filter(|id| id.starts_with("arrived-")).count(), 20);
}

#[tokio::test]
async fn settings_that_could_not_be_read_are_not_written_over_by_a_connection_that_arrives() {
    let home = tempfile::tempdir().expect("a folder");
    let place = Home::in_folder(home.path());
    std::fs::write(place.settings_file(), "theme = 'pink'").expect("written");
    let vault = Vault::with_store(Arc::new(|| Ok(keyring_core::mock::Store::new()? as _)));
    let browser = Arc::new(PlainBrowser::default());
    let console = Console::open(place.clone(), vault, browser, Notices::default(), Clock::manual(0));
    let console = console.await.expect("it opens with the defaults");
    let text = "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\n\
                id = 'id'\n[sign_in]\nurl = 'https://app.acme.com/login'\n";
    console.save_connection(None, text).await.expect("saved");
    assert_eq!(console.connection_list().order, ["acme"]);
    assert_eq!(std::fs::read_to_string(place.settings_file()).expect("readable"), "theme = 'pink'");
}

#[tokio::test]
async fn a_connection_that_is_removed_ends_its_sessions_and_no_other_and_keeps_its_secrets_unless_told() {
    let mut desk = Desk::new().await;
    let other = add_another(&desk).await;
    assert_eq!(state(&desk, &other).await, SecretState::Stored);
    let user = desk.find("").await.remove(0);
    let doomed = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&doomed.id, Phase::Active).await;
    let spared = desk.console.impersonate(&other, &user.id, "b", Map::new()).await.expect("begins");
    desk.until(&spared.id, Phase::Active).await;

    desk.console.remove_connection("shop", false).await.expect("removed");
    assert_eq!(desk.browser.shown(&doomed.id), None, "its window is closed");
    assert!(desk.demo.application.journal().iter().any(|one| one.path == "/logout"), "and signed out");
    let last = desk.audit().await.read_entries(1).await.expect("readable").remove(0);
    assert_eq!(last.event, ended_by(EndCause::Operator));
    assert_eq!(desk.console.find_session(&spared.id).expect("it runs").phase, Phase::Active);
    assert_eq!(files(&desk), ["other-shop.toml"]);
    let left = desk.console.connection_list();
    assert_eq!(left.connections.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [&other]);
    for refused in [
        desk.console.directory_info("shop").await.err(),
        desk.console.impersonate("shop", &user.id, "c", Map::new()).await.err(),
        desk.console.remove_connection("shop", true).await.err(),
    ] {
        assert_eq!(refused.expect("it is gone").code, Code::ConnectionUnknown);
    }
    assert_eq!(state(&desk, "shop").await, SecretState::ThisRun, "for when its file comes back");

    desk.console.remove_connection(&other, true).await.expect("removed");
    assert!(desk.console.sessions().is_empty());
    assert_eq!(state(&desk, &other).await, SecretState::Missing);
    assert_eq!(files(&desk), [""; 0]);
}

#[tokio::test]
async fn a_connection_is_removed_completely_or_not_at_all() {
    let mut desk = Desk::new().await;
    desk.connections().await;
    for name in ["admin_token", "database_password"] {
        desk.console
            .store_secret("shop", name, SecretString::from(TOKEN), Keep::Stored)
            .await
            .expect("stored");
    }
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");

    // The file cannot be removed: something is in the way.
    let in_its_way = folder.join(".shop.removed");
    std::fs::create_dir_all(in_its_way.join("full")).expect("made");
    let error = desk.console.remove_connection("shop", true).await.unwrap_err();
    assert_eq!(error.code, Code::FileFailed, "{error}");
    assert_eq!(desk.console.find_session(&session.id).expect("it runs").phase, Phase::Active);
    assert_eq!(state(&desk, "shop").await, SecretState::Stored);
    std::fs::remove_dir_all(in_its_way).expect("removed");

    // The keyring is locked.
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let entry = desk.entries.build("understudy", "shop/admin_token", None).expect("an entry");
    let entry = entry.as_any().downcast_ref::<keyring_core::mock::Cred>().expect("the mock's");
    entry.set_error(keyring_core::Error::PlatformFailure("locked".into()));
    desk.console.remove_connection("shop", true).await.unwrap_err();
    assert_eq!(files(&desk), ["shop.toml"]);
    assert_eq!(state(&desk, "shop").await, SecretState::Stored);
    desk.console.find_connection("shop").expect("it is still there");

    desk.console.remove_connection("shop", true).await.expect("removed");
    assert_eq!((files(&desk), state(&desk, "shop").await), (Vec::new(), SecretState::Missing));
}

#[tokio::test]
async fn managed_connections_cannot_be_removed() {
    let mut desk = Desk::new().await;
    let folder = Home::in_folder(desk.home.path()).system_connections_dir().to_owned();
    std::fs::create_dir_all(&folder).expect("made");
    let own = Home::in_folder(desk.home.path()).connections_dir().expect("a folder").join("shop.toml");
    std::fs::rename(own, folder.join("shop.toml")).expect("moved");
    desk.console.load_connections();
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;

    let error = desk.console.remove_connection("shop", true).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectionLocked);
    assert!(error.message.contains("handed out by IT"), "{error}");
    assert_eq!(desk.console.find_session(&session.id).expect("it runs").phase, Phase::Active);
    assert_ne!(state(&desk, "shop").await, SecretState::Missing);
    assert!(folder.join("shop.toml").exists());
}

#[tokio::test]
async fn copies_and_exports_carry_no_secrets() {
    let mut desk = Desk::new().await;
    desk.connections().await;
    let copy = desk.console.duplicate_connection("shop").expect("copied");
    assert_eq!((copy.id.as_str(), copy.name.as_str()), ("demo-copy", "Demo copy"));
    assert_eq!(desk.connections().await.connections.len(), 2, "it is told");
    assert_eq!(desk.console.secret_status("demo-copy").await.expect("known")[0].state, SecretState::Missing);
    // The copy reads the same users, but cannot sign in yet.
    let user = desk.find("").await.remove(0);
    desk.console.user_details("demo-copy", &user.id).await.expect("the same user");
    let error = desk.console.impersonate("demo-copy", &user.id, "a", Map::new()).await.unwrap_err();
    assert_eq!(error.code, Code::SecretMissing);

    let elsewhere = desk.home.path().join("for-a-colleague.toml");
    desk.console.export_connection("shop", &elsewhere).await.expect("exported");
    let text = std::fs::read_to_string(&elsewhere).expect("it is there");
    assert_eq!(text, desk.demo.connection_text, "with its comments");
    assert!(!text.contains(TOKEN));
    // A colleague can add it.
    std::fs::rename(&elsewhere, desk.home.path().join("given.toml")).expect("moved");
    let given = desk.console.add_connection(&desk.home.path().join("given.toml")).await.expect("added");
    assert_eq!(given.id, "given");
    let error = desk.console.export_connection("nobody", &elsewhere).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectionUnknown);
    assert!(!elsewhere.exists());
}

/// Adds a second connection to the same application, with its own secret; returns its ID.
async fn add_another(desk: &Desk) -> String {
    let text = desk.demo.connection_text.replace("\"Demo\"", "\"Other shop\"");
    let id = desk.console.save_connection(None, &text).await.expect("saved").id;
    let token = SecretString::from(TOKEN);
    desk.console.store_secret(&id, "admin_token", token, Keep::Stored).await.expect("stored");
    id
}

async fn state(desk: &Desk, connection: &str) -> SecretState {
    let name = SecretName { connection: connection.into(), name: "admin_token".into() };
    desk.vault.secret_state(&name).await.expect("the keyring answers")
}

/// The operator's own connection files.
fn files(desk: &Desk) -> Vec<String> {
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    let entries = std::fs::read_dir(folder).expect("readable").flatten();
    entries.map(|one| one.file_name().to_string_lossy().into_owned()).collect()
}
