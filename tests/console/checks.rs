//! What `check` says of the rules that protect users, from the rows that are there.

use crate::cli::Terminal;

async fn checked(protect: &str) -> (i32, String) {
    let terminal = Terminal::new().await;
    let shop = terminal.shop().await;
    terminal.write("shop.toml", &format!("{shop}[policy]\nprotect = [{protect}]\n"));
    let said = terminal.type_in(&["check", "shop.toml"], "").await;
    (said.code, said.out)
}

#[tokio::test]
async fn it_counts_whom_each_rule_protects() {
    let (code, said) =
        checked(r#""user.email == 'root@example.com'", "(user.email or '').endswith('@example.com')""#).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(
            "ok    Protected users  `user.email == 'root@example.com'` protects 1 of the newest 3 users"
        ),
        "{said}"
    );
    assert!(
        said.contains("`(user.email or '').endswith('@example.com')` protects 3 of the newest 3"),
        "{said}"
    );
}

#[tokio::test]
async fn a_rule_that_no_user_can_be_judged_by_fails_the_check() {
    let (code, said) = checked(r#""user.email == 'root@example.com'", "user.email""#).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAIL  Protected users") && said.contains("(3 of the newest 3 users)"), "{said}");
    assert!(said.contains("`user.email == 'root@example.com'` protects 1 of"), "{said}");
}
