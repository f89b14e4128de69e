//! An application that answers 401 with a challenge, for which browsers ask for a password: here, no one is asked.

use anyhow::{Result, ensure};
use understudy_core::audit::Event;

use crate::site::Site;

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in</h1>";

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_a_refusal_at_once() -> Result<()> {
    let verify = "[sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";
    let site = Site::with(PAGE, verify).await?;
    let console = site.stage.open(&[]).await?;
    let window = "development — Understudy";
    for (index, what) in ["POST /login", "GET /api/me"].into_iter().enumerate() {
        site.set(|behaviour| behaviour.challenges = vec![what]);
        console.become_user("7", what).await?;
        console.wait_for_phases(&["refused"]).await?;
        let refused: Vec<_> = site
            .audit()
            .await?
            .into_iter()
            .filter_map(|event| if let Event::Refused { status, .. } = event { Some(status) } else { None })
            .collect();
        ensure!(refused.last() == Some(&Some(401)) && refused.len() == index + 1, "{what}: {refused:?}");
        // No dialog covers the launch page: Retry has the keyboard focus.
        site.set(|behaviour| behaviour.challenges.clear());
        let window_ = site.stage.desktop.wait_for_window(window).await?;
        console.press_until(&window_, &["Return"], &["active"]).await?;

        site.set(|behaviour| behaviour.challenges = vec!["POST /logout"]);
        console.press_until(&window_, &["ctrl+w"], &[]).await?;
        site.stage.desktop.wait_until_gone(window).await?;
        let last = site.audit().await?.pop();
        ensure!(
            matches!(&last, Some(Event::Ended { sign_out_failed: Some(why), .. }) if why.contains("401")),
            "{last:?}"
        );
    }
    console.ui.quit().await
}
