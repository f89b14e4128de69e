//! A session that may only read, and one that may go to the application alone.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use understudy_core::audit::{Event, LeftApplication};
use understudy_test_support::wait::until;

use crate::site::Site;

const READ_ONLY: &str = "[policy]\nmode = \"read_only\"\nmay_unlock = \"with_reason\"\n\
    [[policy.allow]]\nmethod = \"POST\"\npath = \"/tell\"\n";

/// Tries to write in a dozen ways, tells what it was answered, and goes on trying to save.
const WRITER: &str = r"<!doctype html><title>Shop</title><h1>Signed in as Ada</h1><script>
  const status = (answer) => answer.then((it) => it.status, () => 'failed');
  const xhr = (method) => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.onloadend = () => done(request.status);
    request.open(method, '/write/xhr');
    request.send('x=1');
  });
  const form = (target) => {
    const frame = Object.assign(document.createElement('iframe'), { name: target });
    document.body.append(frame);
    const one = Object.assign(document.createElement('form'), { method: 'post', action: '/write/form', target });
    document.body.append(one);
    return new Promise((done) => { frame.onload = () => done('loaded'); one.submit(); });
  };
  navigator.sendBeacon('/write/beacon', 'x=1');
  Promise.all([
    status(fetch('/write/post', { method: 'POST' })),
    status(fetch('/write/put', { method: 'PUT', body: 'x' })),
    status(fetch('/write/delete', { method: 'DELETE' })),
    status(fetch('/write/late', { method: 'POST', keepalive: true })),
    status(fetch('/read', { headers: { 'X-HTTP-Method-Override': 'DELETE' } })),
    status(fetch('/read?_method=delete', { method: 'POST' })),
    xhr('PATCH'), form('frame'), status(fetch('/other')),
  ]).then((tried) => fetch('/tell', { method: 'POST', body: JSON.stringify(tried) }));
  setInterval(() => fetch('/save', { method: 'POST' }), 100);
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_writes_nothing_until_the_operator_says_why() -> Result<()> {
    let site = Site::with(WRITER, READ_ONLY).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    let told = site.told(1).await?;
    ensure!(told == json!([403, 403, 403, 403, 403, 403, 403, "loaded", 200]), "{told}");
    let wrote = |site: &Site| {
        let sent = site.sent().into_iter().map(|one| one.what);
        let others = ["POST /login", "POST /tell"];
        sent.filter(|what| !what.starts_with("GET ") && !others.contains(&what.as_str())).collect::<Vec<_>>()
    };
    ensure!(wrote(&site).is_empty() && site.count("GET /read") == 0, "{:#?}", site.sent());

    console.ui.switch_to("bar.html").await?;
    let save = until("the saving to be held back", async || {
        let held_back = console.ask("bar_state", "{}").await?["held_back"]["groups"].clone();
        let is_save = |one: &&Value| one["address"].as_str().is_some_and(|at| at.ends_with("/save"));
        Ok(held_back.as_array().into_iter().flatten().find(is_save).cloned())
    });
    let save = save.await?;
    let rule = save["rule"].as_str().unwrap_or_default();
    ensure!(rule.contains("method = \"POST\"") && rule.contains("path = \"/save\""), "{save:#}");

    // The policy asks why. Until then, nothing changes.
    let refused = console.ask("set_session_mode", r#"{ mode: "full", reason: " " }"#).await;
    ensure!(refused.is_err(), "{refused:?}");
    let full =
        console.ask("set_session_mode", r#"{ mode: "full", reason: "a typo in her address" }"#).await?;
    ensure!(full["mode"] == "full", "{full}");
    site.received("POST /save", 1).await?;
    let locked = console.ask("set_session_mode", r#"{ mode: "read_only", reason: null }"#).await?;
    ensure!(locked["mode"] == "read_only", "{locked}");

    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    site.stage.desktop.press(&window, &["ctrl+w"]).await?;
    console.wait_for_phases(&[]).await?;
    ensure!(site.count("POST /logout") == 1, "the sign-out always passes: {:#?}", site.sent());
    let audit = site.audit().await?;
    ensure!(matches!(audit.last(), Some(Event::Ended { .. })), "{audit:#?}");
    console.ui.quit().await
}

/// Tells what is in its field whenever it is shown.
const FORM: &str = r"<!doctype html><title>Shop</title><form method=post action=/write><input name=text autofocus></form>
  <script>addEventListener('pageshow', () => setTimeout(() => {
    const { value } = document.querySelector('input');
    fetch('/tell', { method: 'POST', body: JSON.stringify({ value, history: history.length }) });
  }));</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_about_a_request_that_was_held_back_leads_back_to_what_was_typed() -> Result<()> {
    let site = Site::with(FORM, READ_ONLY).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    ensure!(site.told(1).await? == json!({ "value": "", "history": 1 }));
    let window = desktop.wait_for_window("development — Understudy").await?;
    desktop.type_text(&window, "seven boxes").await?;
    desktop.press(&window, &["Return"]).await?;
    console.ui.switch_to("bar.html").await?;
    until("the form to be held back", async || {
        let state = console.ask("bar_state", "{}").await?;
        Ok((state["held_back"]["total"] == 1 && state["can_go_back"] == true).then_some(()))
    })
    .await?;
    // Back is the page's only button.
    desktop.press(&window, &["Tab", "Return"]).await?;
    ensure!(
        site.told(2).await? == json!({ "value": "seven boxes", "history": 2 }),
        "{:?}",
        site.told(2).await?
    );
    ensure!(site.count("POST /write") == 0);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_out_of_the_application_waits_for_the_operators_answer() -> Result<()> {
    let site = Site::showing("").await?;
    site.set(|now| {
        now.page = "<!doctype html><title>Shop</title><h1>Signed in</h1><script>\
            const there = location.origin.replace('127.0.0.1', 'localhost');\
            addEventListener('pageshow', async () => {\
              await fetch('/tell', { method: 'POST', body: '1' });\
              location.href = there + '/other';\
            });</script>"
            .into();
    });
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.switch_to("bar.html").await?;
    let asked = async || {
        until("the bar to ask", async || {
            let page = console.ask("bar_state", "{}").await?["off_site"].clone();
            Ok((!page.is_null()).then_some(page))
        })
        .await
    };
    let answer = async |page: &Value, choice: &str| {
        console.ask("answer_off_site", &json!({ "url": page["url"], "choice": choice }).to_string()).await
    };
    let page = asked().await?;
    ensure!(page["host"] == "localhost", "{page}");
    ensure!(site.count("GET /other") == 0, "{:#?}", site.sent());

    // The page comes back, and leads out again.
    answer(&page, "stay").await?;
    site.received("POST /tell", 2).await?;
    let page = asked().await?;
    ensure!(site.count("GET /other") == 0, "{:#?}", site.sent());

    answer(&json!({ "url": "https://another.example/" }), "go_there").await?;
    ensure!(site.count("GET /other") == 0, "an answer about another page counts for nothing");
    answer(&page, "go_there").await?;
    let there = site.received("GET /other", 1).await?;
    ensure!(!there.is_signed_in, "another site gets no cookie");
    // The bar stops asking, and says where the page is as long as that is another site.
    until("the bar to stop asking", async || {
        let state = console.ask("bar_state", "{}").await?;
        let is_there = state["location"].as_str().is_some_and(|at| at.starts_with("http://localhost:"));
        Ok((state["off_site"].is_null() && state["is_off_site"] == true && is_there).then_some(()))
    })
    .await?;
    let chip = "return document.querySelector('.off-site')?.textContent ?? ''";
    let shown = console.ui.wait_for("the host in the bar", chip).await?;
    ensure!(shown.as_str().is_some_and(|text| text.contains("localhost:")), "{shown}");
    let left = Event::Left(LeftApplication { host: "localhost".into(), in_browser: false });
    until("the audit log to have it", async || Ok(site.audit().await?.contains(&left).then_some(()))).await?;
    console.ui.quit().await
}
