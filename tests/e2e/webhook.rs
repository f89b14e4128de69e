//! The webhook as written in the connection file, and as the application receives it from the window.

use anyhow::Result;
use serde_json::{Value, json};
use understudy_demo::ReceivedRequest;

use crate::shop::{LARGE_ID, Shop};

/// The demo's own sign-in with this body.
async fn sending(lines: &str) -> Result<Shop> {
    Shop::with_connection(|text| {
        let line = |line: &str| if line.starts_with("body ") { lines.to_owned() } else { line.to_owned() };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_a_json_body_arrive_with_every_type_as_written() -> Result<()> {
    const REASON: &str = "Sie sagt: \"geht nicht\", it's \\ 5 < 6 & {{ user.id }}";
    let shop = sending(
        r#"headers = { X-Operator = "{{ operator.name }} <{{ operator.email }}>", x-user = "no. {{ user.id }}", x-plain = "a, b; c=\"d\"" }
body.adminToken = "{{ secret.admin_token }}"
body.userId = "{{ user.id }}"
body.reason = "{{ reason }}"
body.as_text = "{{ user.id }}!"
body.whole = 9007199254740993
body.half = 0.5
body.yes = true
body.no = false
body.is_large = "{{ user.id > 9007199254740992 }}"
body.nothing = "{{ none }}"
body.list = [1, "{{ user.id }}", [true, "🦊"], { deep = "{{ user.email }}" }]
body.emoji = "🧾 👩‍👩‍👧 {{ user.id }}"
body.empty = { list = [], table = {}, text = "" }
body.quotes = '''"'\ </script> {"a":1}'''
body.nested.deeper."key with \"quotes\" 🗝" = "{{ [user.id, none, false] }}"
"#,
    )
    .await?;
    shop.stage.settings("operator_name = \"Ada L.\"\noperator_email = \"ada@example.org\"\n")?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(LARGE_ID, REASON).await?;
    let login = shop.received(|one| one.path == "/login" && one.status.is_some()).await?;
    assert!(login.admin_token_ok, "{login:?}");
    let id: i64 = LARGE_ID.parse()?;
    assert_eq!(
        login.json_body(),
        json!({
            "adminToken": "••••",
            "userId": id,
            "reason": REASON,
            "as_text": format!("{id}!"),
            "whole": 9_007_199_254_740_993_i64,
            "half": 0.5,
            "yes": true,
            "no": false,
            "is_large": true,
            "nothing": null,
            "list": [1, id, [true, "🦊"], { "deep": "large.id@edge-cases.example" }],
            "emoji": format!("🧾 👩‍👩‍👧 {id}"),
            "empty": { "list": [], "table": {}, "text": "" },
            "quotes": r#""'\ </script> {"a":1}"#,
            "nested": { "deeper": { "key with \"quotes\" 🗝": [id, null, false] } },
        })
    );
    assert_eq!(login.headers["content-type"], "application/json");
    assert_eq!(
        own_headers(&login),
        json!({
            "x-operator": "Ada L. <ada@example.org>",
            "x-user": format!("no. {id}"),
            "x-plain": "a, b; c=\"d\"",
            "x-understudy-mode": "full",
        })
    );
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_arrives_as_a_browser_would_send_it() -> Result<()> {
    const REASON: &str = "ä+b & c=d \"%\"";
    let shop = sending(
        r#"encoding = "form"
body = { token = "{{ secret.admin_token }}", user = "{{ user.id }}", reason = "{{ reason }}", remember = true, "a b" = 2, emoji = "🧾" }"#,
    )
    .await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(LARGE_ID, REASON).await?;
    let login = shop.received(|one| one.path == "/login" && one.status.is_some()).await?;
    assert_eq!(login.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(
        login.body,
        format!(
            "a+b=2&emoji=%F0%9F%A7%BE&reason=%C3%A4%2Bb+%26+c%3Dd+%22%25%22&remember=true&token=••••&user={LARGE_ID}"
        )
    );
    // This application only accepts JSON, and the operator is told so.
    console.wait_for_phases(&["refused"]).await?;
    assert_eq!(login.status, Some(415));
    console.ui.quit().await
}

fn own_headers(login: &ReceivedRequest) -> Value {
    let own = login.headers.iter().filter(|(name, _)| name.starts_with("x-"));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
