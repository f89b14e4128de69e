//! The possible answers of an application to a sign-in, in a real webview.

use anyhow::Result;
use understudy_core::audit::Event;
use understudy_demo::{Delay, Faults, LoginAnswer, MeAnswer};
use understudy_test_support::wait::until;

use crate::shop::Shop;

/// Makes the application misbehave in one way.
type Fault = fn(&mut Faults);

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_saying_yes_signs_in() -> Result<()> {
    let shop = Shop::open().await?;
    let elsewhere = shop.demo.application.other_origin().to_owned();
    let console = shop.stage.open(&[]).await?;
    let answers = [
        LoginAnswer::Usual,
        LoginAnswer::Status(201),
        LoginAnswer::Status(204),
        LoginAnswer::Redirect { status: 302, to: "/".into() },
        // Not followed: the session begins where the connection says.
        LoginAnswer::Redirect { status: 302, to: format!("{elsewhere}/stolen") },
        LoginAnswer::Redirect { status: 307, to: format!("{elsewhere}/stolen") },
        LoginAnswer::Huge,
        LoginAnswer::Endless,
    ];
    for (answer, customer) in answers.into_iter().zip(&shop.customers) {
        shop.demo.application.change_faults(|faults| faults.login = answer.clone());
        console.become_user(customer, "an answer").await?;
        console.wait_for_phases(&["active"]).await.map_err(|error| error.context(format!("{answer:?}")))?;
        let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
        console.ask("end_session", &format!("{{ session: {id} }}")).await?;
        console.wait_for_phases(&[]).await?;
        shop.stage.desktop.wait_until_gone("development — Understudy").await?;
    }
    assert!(
        shop.demo.application.journal().iter().all(|one| !one.path.contains("stolen")),
        "the request with the token was sent on to nobody"
    );
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_saying_no_is_said_in_the_window_and_can_be_tried_again() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    // With the status and the text of the refusal in the audit log.
    let refused = "refused the sign-in";
    let faults: [(&str, u16, &str, Fault); 8] = [
        ("401", 401, refused, |faults| faults.login = LoginAnswer::Status(401)),
        ("403", 403, refused, |faults| faults.login = LoginAnswer::Status(403)),
        ("404", 404, refused, |faults| faults.login = LoginAnswer::Status(404)),
        ("500", 500, "The application failed", |faults| faults.login = LoginAnswer::Status(500)),
        ("a proxy's page, 200", 401, "/api/me says that no one is signed in", |faults| {
            faults.login = LoginAnswer::Html;
        }),
        ("somebody else", 200, "signed in another user", |faults| faults.me = MeAnswer::WrongUser),
        ("a page for JSON", 200, "/api/me did not answer with JSON", |faults| faults.me = MeAnswer::Html),
        ("nobody signed in", 401, "/api/me says that no one is signed in", |faults| {
            faults.me = MeAnswer::Status(401);
        }),
    ];
    for ((what, status, words, fault), customer) in faults.iter().zip(&shop.customers) {
        let pages = shop.count("GET", "/");
        shop.demo.application.change_faults(|all| {
            *all = Faults::default();
            fault(all);
        });
        console.become_user(customer, what).await?;
        console.wait_for_phases(&["refused"]).await.map_err(|error| error.context((*what).to_owned()))?;
        assert_eq!(shop.count("GET", "/"), pages, "{what}: a page was shown");
        let audit = shop.audit().await?;
        let last = audit.last();
        assert!(
            matches!(last, Some(Event::Refused { status: Some(told), cause }) if told == status && cause.contains(words)),
            "{what}: {last:?}"
        );

        // The cause is fixed. Retry has the focus, unless another secret may help: then it comes second.
        let retry: &[&str] = if *what == "401" { &["Tab", "Return"] } else { &["Return"] };
        shop.demo.application.change_faults(|all| *all = Faults::default());
        let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
        console
            .press_until(&window, retry, &["active"])
            .await
            .map_err(|error| error.context((*what).to_owned()))?;
        until("the page", async || Ok((shop.count("GET", "/") == pages + 1).then_some(()))).await?;

        let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
        console.ask("end_session", &format!("{{ session: {id} }}")).await?;
        console.wait_for_phases(&[]).await?;
        shop.stage.desktop.wait_until_gone("development — Understudy").await?;
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_application_is_waited_for_and_can_be_given_up_on() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    shop.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    console.become_user(&shop.customers[0], "slow").await?;
    shop.received(|one| one.path == "/login").await?;
    console.wait_for_phases(&["opening"]).await?;
    shop.demo.application.release_answers();
    console.wait_for_phases(&["active"]).await?;

    shop.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    console.become_user(&shop.customers[1], "too slow").await?;
    shop.received(|one| one.path == "/login" && one.json_body()["reason"] == "too slow").await?;
    console.wait_for_phases(&["active", "opening"]).await?;
    let title = console.ask("console_state", "{}").await?["sessions"][1]["user"]["name"].clone();
    let window = shop.stage.desktop.wait_for_window(title.as_str().unwrap_or("— Understudy")).await?;
    console.press_until(&window, &["Escape"], &["active"]).await?;
    let login = shop.received(|one| one.json_body()["reason"] == "too slow" && one.cut_off).await?;
    assert_eq!(login.status, None, "whoever asked went away");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_down_is_said_to_be_unreachable() -> Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let shop = Shop::with_connection(|text| {
        let origin =
            text.split('"').find(|part| part.starts_with("http://127")).expect("an origin").to_owned();
        let origin = origin.trim_end_matches("/login").to_owned();
        text.replace(&origin, &format!("http://127.0.0.1:{port}"))
    })
    .await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "down").await?;
    console.wait_for_phases(&["refused"]).await?;
    // Esc closes the window. There is no sign-out to wait for.
    let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
    console.press_until(&window, &["Escape"], &[]).await?;
    console.ui.quit().await
}
