//! What `check` reports about the rules that protect users, based on existing rows.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::cli::Terminal;

async fn checked(protect: &str) -> (i32, String) {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &format!("{shop}[policy]\nprotect = [{protect}]\n"));
    let said = terminal.type_in(&["check", "shop.toml"], "").await;
    (said.code, said.out)
}

#[tokio::test]
async fn the_check_counts_the_users_that_each_rule_protects() {
    let (code, said) =
        checked(r#""user.email == 'root@example.com'", "'@example.com' in (user.email or '')""#).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(
            "ok    Protected users  `user.email == 'root@example.com'` protects 1 of the newest 3 users"
        ),
        "{said}"
    );
    assert!(said.contains("`'@example.com' in (user.email or '')` protects 3 of the newest 3"), "{said}");
}

#[tokio::test]
async fn a_rule_that_matches_no_column_fails_the_check() {
    let (code, said) = checked(r#""user.email == 'root@example.com'", "user.email""#).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAIL  Protected users") && said.contains("(3 of the newest 3 users)"), "{said}");
    assert!(said.contains("`user.email == 'root@example.com'` protects 1 of"), "{said}");
}

/// Half of a composite key, or any other column that is not unique.
#[tokio::test]
async fn a_column_with_duplicates_is_not_an_id() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    let url = shop.split('"').find(|text| text.starts_with("sqlite:")).expect("its directory");
    let mut database = SqliteConnection::connect(url).await.expect("opens");
    sqlx::raw_sql(
        "CREATE TABLE members (tenant INTEGER, id INTEGER, email TEXT, PRIMARY KEY (tenant, id));
         INSERT INTO members VALUES (1, 1, 'ada@example.com'), (2, 1, 'grace@example.com'), (2, 2, 'x@example.com')",
    )
    .execute(&mut database)
    .await
    .expect("made");
    terminal.write("shop.toml", &crate::test_console::replace_line(&shop, "table", "table = \"members\""));
    let said = terminal.type_in(&["check", "shop.toml"], "").await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("FAIL  Users") && said.out.contains("Several users have the ID 1"), "{said:?}");
}

/// Of the request at the end of a session, with an application that nobody asks.
#[tokio::test]
async fn the_check_says_how_the_application_would_be_told_of_a_session() {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    let notify = |body: &str| {
        format!("{shop}[notify]\nurl = \"https://tell.example/{{{{ user.id }}}}\"\nbody = {{ {body} }}\n")
    };
    terminal
        .write("shop.toml", &notify("until = \"{{ notification.ended_at }}\", key = \"{{ secret.tell }}\""));
    let said = terminal.type_in(&["check", "shop.toml"], "").await;
    let line = said.out.lines().find(|line| line.starts_with("ok    Notification")).unwrap_or_default();
    let expected =
        "Not tested. After each session, the application would be told by POST https://tell.example/9";
    assert!(line.ends_with(expected), "{said:?}");

    terminal.write("shop.toml", &notify("until = \"{{ notification.until }}\""));
    let said = terminal.type_in(&["check", "shop.toml"], "").await;
    assert_eq!(said.code, 1, "{said:?}");
    let all = format!("{}{}", said.out, said.err);
    assert!(
        all.contains("notify.body.until") && all.contains("unknown name `notification.until`"),
        "{said:?}"
    );
}
