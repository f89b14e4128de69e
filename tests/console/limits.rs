//! The command line on a system that lacks resources, and with unusable input: each problem is named, with what to do
//! next.

use crate::cli::Terminal;

/// A terminal where the shop has been added.
async fn with_shop() -> Terminal {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    terminal.succeeds(&["add", "shop.toml"]).await;
    terminal
}

#[tokio::test]
async fn oversized_input_is_not_stored_as_a_secret() {
    let terminal = with_shop().await;
    let set = ["secret", "set", "shop", "admin_token"];
    let said = terminal.type_in(&set, &"x".repeat((64 << 10) + 1)).await.failed();
    assert!(said.contains("longer than the maximum of 65536 bytes"), "{said}");
    let said = terminal.shell("\"$understudy\" secret set shop admin_token < /dev/zero").await.failed();
    assert!(said.contains("longer than the maximum of 65536 bytes"), "{said}");
    let binary = "printf 'ab\\377\\n' | \"$understudy\" secret set shop admin_token";
    let said = terminal.shell(binary).await.failed();
    assert!(said.contains("is not UTF-8 text") && said.contains("Base64"), "{said}");
    assert_eq!(terminal.stored("shop/admin_token").await, None);
    // The longest possible secret.
    terminal.type_in(&set, &format!("{}\r\n", "x".repeat(64 << 10))).await.succeeded();
}

#[tokio::test]
async fn certificates_that_the_environment_names_and_that_cannot_be_used_are_told_by_name() {
    let terminal = with_shop().await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "t-0815").await.succeeded();
    terminal.write("empty", "");
    terminal.write("garbage", "no certificate");
    terminal.shell("mkfifo pipe && mkdir folder && ln -s /dev/zero zero").await.succeeded();
    for (file, why) in [
        ("missing", "No such file"),
        ("empty", "contains no PEM certificate"),
        ("garbage", "contains no PEM certificate"),
        ("folder", "is a folder, not a file"),
        ("pipe", "is a named pipe, not a file"),
        ("zero", "is a device, not a file"),
    ] {
        let said =
            terminal.shell(&format!("SSL_CERT_FILE=$PWD/{file} \"$understudy\" check shop --user 7")).await;
        assert_eq!(said.code, 1, "{file}: {said:?}");
        for part in ["SSL_CERT_FILE", &format!("/{file}"), why] {
            assert!(said.out.contains(part), "{file}, {part}: {said:?}");
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_says_why_and_nothing_of_how_it_is_written() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    let said = terminal.shell("ulimit -f 0; \"$understudy\" add shop.toml").await.failed();
    assert!(said.contains("file too large") && said.contains("raise the limit"), "{said}");
    assert!(said.contains("shop.toml") && !said.contains(".understudy-"), "{said}");
    let said = terminal.shell("\"$understudy\" --help > /dev/full").await.failed();
    assert!(said.contains("Could not write the output"), "{said}");
}

#[tokio::test]
async fn refusals_of_the_system_are_reported_as_such() {
    let terminal = Terminal::new().await;
    // Descriptors inherited from the test must not count towards the four.
    let close = "for at in 3 4 5 6 7 8 9; do eval \"exec $at>&-\"; done";
    let said = terminal.shell(&format!("{close}; ulimit -n 4; \"$understudy\" schema")).await.failed();
    assert!(said.contains("Too many open files") && said.contains("raise the limits"), "{said}");
}

#[tokio::test]
async fn a_home_whose_name_is_no_text_is_refused_before_anything_is_put_there() {
    let terminal = Terminal::new().await;
    terminal.write("shop.toml", &terminal.shop().await);
    let line = "UNDERSTUDY_HOME=\"$PWD/$(printf 'home\\377')\" \"$understudy\" add shop.toml";
    let said = terminal.shell(line).await.failed();
    assert!(said.contains("is not UTF-8 text") && said.contains("UNDERSTUDY_HOME"), "{said}");
}

#[tokio::test]
async fn unknown_names_and_ids_are_reported_briefly() {
    let terminal = with_shop().await;
    terminal.type_in(&["secret", "set", "shop", "admin_token"], "t-0815").await.succeeded();
    let said = terminal.fails(&["check", "shop", "--user", &"9".repeat(100_000)]).await;
    assert!(
        said.starts_with("understudy: No user has the ID 999") && said.len() < 1000,
        "{} bytes",
        said.len()
    );
    let said = terminal.fails(&["check", &"9".repeat(100_000)]).await;
    assert!(said.contains("is neither a file nor a connection") && said.len() < 1000, "{} bytes", said.len());
}
