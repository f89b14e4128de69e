//! Connection files that somebody else writes, changes and removes while the console is open.

use understudy_core::home::Home;

use crate::desk_of_support::{Desk, replace_line};

#[tokio::test]
async fn what_became_of_the_files_meanwhile_is_told_and_only_then() {
    let mut desk = Desk::new().await;
    desk.connections().await;
    let folder = Home::at(desk.home.path()).connections_dir().expect("a folder");
    desk.console.load_connections();
    assert!(desk.is_quiet(), "nothing changed and nothing is told");

    // Added, as `understudy add` does in a terminal.
    let text = desk.demo.connection_text.replace("\"Demo\"", "\"Other shop\"");
    std::fs::write(folder.join("other.toml"), &text).expect("written");
    desk.console.load_connections();
    let told = desk.connections().await.connections;
    assert_eq!(told.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Demo", "Other shop"]);
    desk.console.load_connections();
    assert!(desk.is_quiet());

    // Changed where no list shows it: the directory that was open is asked anew.
    desk.console.directory_info("other").await.expect("it opens");
    let elsewhere = replace_line(&text, "table ", "table = \"nobody\"");
    std::fs::write(folder.join("other.toml"), elsewhere).expect("written");
    desk.console.load_connections();
    assert_eq!(desk.connections().await.connections.len(), 2);
    desk.console.directory_info("other").await.expect_err("there is no such table");

    // A slip in an editor takes it away and says so; the mended file brings it back.
    std::fs::write(folder.join("other.toml"), "name = ").expect("written");
    desk.console.load_connections();
    let list = desk.connections().await;
    assert_eq!((list.connections.len(), list.problems.len()), (1, 1));
    desk.console.load_connections();
    assert!(desk.is_quiet(), "the same fault is told once");
    std::fs::write(folder.join("other.toml"), &text).expect("written");
    desk.console.load_connections();
    assert!(desk.connections().await.problems.is_empty());

    std::fs::remove_file(folder.join("other.toml")).expect("removed");
    desk.console.load_connections();
    assert_eq!(desk.connections().await.connections.len(), 1);
}
