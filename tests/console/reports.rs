//! What the command line prints, word for word: its help, its reports and its errors.
//!
//! A changed snapshot is looked at before it is accepted: `INSTA_UPDATE=always` writes them again.

use std::fmt::Write;
use std::path::Path;

use understudy_test_support::keyring::Keyring;

use crate::cli::Terminal;
use crate::test_console::replace_line;

/// The commands as they are typed, what each prints, and with what it exits.
async fn record_commands(terminal: &Terminal, commands: &[&[&str]]) -> String {
    let mut recorded = String::new();
    for arguments in commands {
        let said = terminal.type_in(arguments, "").await;
        let typed = format!("$ understudy {}", arguments.join(" "));
        writeln!(recorded, "{typed}\n{}{}[exits with {}]\n", said.out, said.err, said.code).expect("written");
    }
    hide_what_differs(&recorded, terminal.folder())
}

/// Replaces what is another one on each computer and in each run: the folder, how long something took, the version of
/// SQLite and of Understudy.
fn hide_what_differs(text: &str, folder: &Path) -> String {
    let folder = folder.to_str().expect("a path in Unicode");
    let text = text.replace(folder, "[FOLDER]").replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut parts: Vec<String> = text.split(" ms").map(str::to_owned).collect();
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        part.truncate(part.trim_end_matches(is_number).len());
        part.push_str("[TIME]");
    }
    let text = parts.join(" ms");
    let mut versions = text.split("SQLite ");
    let mut hidden = versions.next().unwrap_or_default().to_owned();
    for rest in versions {
        let rest_without = rest.trim_start_matches(is_number);
        hidden.push_str(if rest_without.len() < rest.len() { "SQLite [VERSION]" } else { "SQLite " });
        hidden.push_str(rest_without);
    }
    hidden
}

/// A terminal with `ledgerline.toml`, the demo's connection, whose users were made on a day long ago.
async fn with_the_demos_connection() -> Terminal {
    let terminal = Terminal::new().await;
    let users = terminal.folder().join("ledgerline.sqlite");
    let today = "2026-01-15".parse().expect("a day");
    understudy_demo::write_directory(&users, today).await.expect("the demo's users");
    terminal.write("ledgerline.toml", &understudy_demo::connection_text("http://127.0.0.1:1", &users));
    terminal
}

#[tokio::test]
async fn help_for_every_command() {
    let terminal = Terminal::with(Keyring::absent().expect("a folder"));
    let commands: [&[&str]; 16] = [
        &["--help"],
        &["demo", "--help"],
        &["add", "--help"],
        &["remove", "--help"],
        &["check", "--help"],
        &["secret", "--help"],
        &["secret", "set", "--help"],
        &["secret", "forget", "--help"],
        &["secret", "list", "--help"],
        &["audit", "--help"],
        &["audit", "verify", "--help"],
        &["audit", "list", "--help"],
        &["audit", "show", "--help"],
        &["audit", "export", "--help"],
        &["schema", "--help"],
        &["--version"],
    ];
    insta::assert_snapshot!("help", record_commands(&terminal, &commands).await);
}

#[tokio::test]
async fn the_report_on_the_demos_connection() {
    let terminal = with_the_demos_connection().await;
    insta::assert_snapshot!("check", record_commands(&terminal, &[&["check", "ledgerline.toml"]]).await);
    let json = record_commands(&terminal, &[&["check", "ledgerline.toml", "--json"]]).await;
    insta::assert_snapshot!("check_json", json);
}

#[tokio::test]
async fn a_connection_from_adding_to_removing() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    let commands: [&[&str]; 7] = [
        &["add", "shop.toml"],
        &["add", "shop.toml", "--replace"],
        &["secret", "list", "shop"],
        &["secret", "list", "shop", "admin_token"],
        &["secret", "forget", "shop", "admin_token"],
        &["remove", "shop"],
        &["remove", "shop", "--yes"],
    ];
    insta::assert_snapshot!("connection", record_commands(&terminal, &commands).await);
}

#[tokio::test]
async fn errors_and_their_next_steps() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &shop);
    terminal.write("unknown-key.toml", &replace_line(&shop, "table", "tabel = \"users\""));
    terminal.write("unknown-table.toml", &replace_line(&shop, "table", "table = \"user\""));
    terminal.succeeds(&["add", "shop.toml"]).await;
    let commands: [&[&str]; 10] = [
        &["chekc"],
        &["add", "nowhere.toml"],
        &["add", "unknown-key.toml"],
        &["check", "unknown-key.toml"],
        &["check", "unknown-table.toml"],
        &["check", "shpo"],
        &["check", "shop", "--user", "4711"],
        &["remove", "shpo", "--yes"],
        &["secret", "set", "shop", "admin_tokn"],
        &["secret", "list", "shpo"],
    ];
    insta::assert_snapshot!("errors", record_commands(&terminal, &commands).await);
}
