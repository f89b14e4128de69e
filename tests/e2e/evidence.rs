//! Evidence for a ticket, from the key in the session's window to the file: what was seen is in it, and no secret is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use understudy_test_support::har::list_har_faults;
use understudy_test_support::wait::until;

use crate::site::Site;

const PHONE: &str = "+49 30 901820";

/// Everything that must stay here.
const SECRETS: [&str; 10] = [
    // Masked, and stored like this.
    PHONE,
    "canary-cookie-41",
    "canary-bearer-42",
    "canary-url-43",
    "canary-body-44",
    "canary-answer-45",
    "canary-hidden-46",
    "canary-console-47",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiYSI6MX0.c2lnbmF0dXJlLW9mLWNhbmFyeQ",
    "Zk3Qp9xT7bLw2Rv8Nc5YdEfGh",
];

const PAGE: &str = r"<!doctype html><title>Shop</title><body style='margin:0;background:#fff'>
<p class=iban style='margin:0;width:400px;height:100px;background:#0000ff;color:#ff0000;font-size:60px'>DE02 1203</p>
<p style='margin:0;width:400px;height:100px;background:#00ff00'></p>
<p style='margin:0;width:400px;height:100px;background:#0000ff;color:#ff0000;font-size:40px'>+49 <b>(30)</b> 90-18-20</p>
<div style='height:2700px'></div>
<p class=iban style='margin:0;width:400px;height:100px;background:#0000ff;color:#ff0000;font-size:60px'>DE02 1203</p>
<p style='margin:0;width:400px;height:100px;background:#ff00ff'></p>
<input type=hidden name=csrf value='canary-hidden-46'>
<script>
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiYSI6MX0.c2lnbmF0dXJlLW9mLWNhbmFyeQ';
  document.cookie = 'theme=canary-cookie-41';
  addEventListener('load', async () => {
    const answer = await fetch('/api/pay?order=42&token=canary-url-43', {
      method: 'POST',
      headers: { authorization: 'Bearer canary-bearer-42', 'content-type': 'application/json' },
      body: JSON.stringify({ order: 42, phone: '+49 30 901820', password: 'canary-body-44', nested: { jwt, text: 'Zk3Qp9xT7bLw2Rv8Nc5YdEfGh' } }),
    });
    await answer.text();
    console.error('Payment failed', { status: answer.status, session_token: 'canary-console-47' });
    setTimeout(() => { fetch('/tell', { method: 'POST', body: '1' }); missing.order; });
  });
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_a_failed_request_is_saved_without_any_secret() -> Result<()> {
    let site = Site::with(PAGE, "[policy]\nmask = ['.iban']\n").await?;
    let file = site.stage.home().connections_dir()?.join("shop.toml");
    let masked = "name = \"name\"\ncolumns = [\"phone\"]\nmasked = [\"phone\"]\n";
    std::fs::write(&file, std::fs::read_to_string(&file)?.replace("name = \"name\"\n", masked))?;
    site.set(|behaviour| {
        behaviour
            .failures
            .push(("POST /api/pay", r#"{"error":"No such order","api_key":"canary-answer-45"}"#));
    });
    let home = site.stage.env().remove("HOME").context("a desk has a home")?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "cannot pay").await?;
    site.told(1).await?;
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    site.stage.desktop.press(&window, &["ctrl+shift+e"]).await?;

    console.ui.by_role("dialog", "Evidence from the session as Ada").await?;
    // What is chosen by a selector or shows a masked value is one grey area; what is beside it is as it was.
    let points = "const it = [...document.querySelectorAll('canvas')].find((one) => one.getClientRects().length > 0); const at = (x, y) => [...it.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3).join();\
        if (it.width < 400) return null; const grey = new Set();\
        for (let x = 2; x < 398; x += 3) for (let y = 2; y < 98; y += 3) grey.add(at(x, y));\
        const phone = new Set();\
        for (let x = 2; x < 398; x += 3) for (let y = 202; y < 298; y += 3) phone.add(at(x, y));\
        return [[...grey].join(' '), at(200, 150), [...phone].join(' ')]";
    let points = console.ui.wait_for("the picture", points).await?;
    assert_eq!(points, serde_json::json!(["138,143,152", "0,255,0", "138,143,152"]));
    // Below what is visible, it is the same.
    console.ui.by_role("radio", "Whole page").await?.click().await?;
    let below = "const it = [...document.querySelectorAll('canvas')].find((one) => one.getClientRects().length > 0); if (it.height < 3200) return null;\
        const at = (x, y) => [...it.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3).join(); const grey = new Set();\
        for (let x = 2; x < 398; x += 3) for (let y = 3002; y < 3098; y += 3) grey.add(at(x, y));\
        return [at(200, 150), [...grey].join(' '), at(200, 3150)]";
    let below = console.ui.wait_for("the whole page", below).await?;
    assert_eq!(below, serde_json::json!(["0,255,0", "138,143,152", "255,0,255"]));
    console.ui.with_text("dialog", "missing").await?;
    console.ui.by_role("button", "Save as HTML").await?.click().await?;
    console.ui.with_text("status", "Saved evidence-shop-").await?;

    let report = std::fs::read_to_string(saved(&Path::new(&home).join("Downloads")).await?)?;
    let har = read_har(&report)?;
    assert_eq!(list_har_faults(&har), Vec::<String>::new());
    let entries = har["log"]["entries"].as_array().context("entries")?;
    let paid = entries
        .iter()
        .find(|entry| entry["request"]["url"].as_str().is_some_and(|url| url.contains("/api/pay")))
        .context("the failed request")?;
    assert_eq!(paid["response"]["status"], 500);
    assert_eq!(paid["request"]["queryString"][1]["value"], "REDACTED");
    let answer = paid["response"]["content"]["text"].as_str().unwrap_or_default();
    assert_eq!(answer, r#"{"error":"No such order","api_key":"••••"}"#);
    let asked = paid["request"]["postData"]["text"].as_str().unwrap_or_default();
    ensure!(asked.contains(r#""order":42,"phone":"••••","password":"••••""#), "{asked}");
    ensure!(report.contains("Payment failed") && report.contains("data:image/png;base64,iVBOR"), "{report}");
    ensure!(report.contains("missing"), "an error that nothing caught: {report}");
    let har = har.to_string();
    for secret in SECRETS {
        for spelt in [secret.to_owned(), BASE64_STANDARD.encode(secret), secret.replace('-', "%2D")] {
            ensure!(!report.contains(&spelt) && !har.contains(&spelt), "{spelt} is in the evidence");
        }
    }
    // The page goes on, and knows nothing of it.
    console.wait_for_phases(&["active"]).await?;
    assert_eq!(site.count("POST /api/pay"), 1);
    console.ui.quit().await
}

/// The file, once it is complete.
async fn saved(folder: &Path) -> Result<PathBuf> {
    until("the evidence to be saved", async || {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_whole = |path: &PathBuf| {
            std::fs::read_to_string(path).is_ok_and(|text| text.trim_end().ends_with("</html>"))
        };
        Ok(files.filter(is_whole).last())
    })
    .await
}

/// The archive that the report offers as a file.
fn read_har(report: &str) -> Result<Value> {
    let encoded =
        report.split("data:application/json;base64,").nth(1).context("the report has no archive")?;
    let encoded = encoded.split('"').next().unwrap_or_default();
    Ok(serde_json::from_slice(&BASE64_STANDARD.decode(encoded)?)?)
}

/// Asks for five hundred JSON answers of two kilobytes, one after the other.
const BUSY: &str = r"<!doctype html><title>Shop</title><h1>Orders</h1><script>
  addEventListener('load', async () => {
    for (let nth = 0; nth < 500; nth += 1) await (await fetch(`/api/orders?page=${nth}`)).text();
    fetch('/tell', { method: 'POST', body: '1' });
  });
</script>";

/// How often evidence is taken.
const TIMES: usize = 7;

/// Prints times; `script/bench evidence` runs it. What the picture took, and what was ready to be shown, the console's log
/// says; the window that shows it comes after.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_evidence_of_five_hundred_requests() -> Result<()> {
    let mut site = Site::showing(BUSY).await?;
    site.stage.set_env("UNDERSTUDY_LOG", "understudy=debug");
    let orders: Vec<Value> = (0..20)
        .map(|nth| serde_json::json!({ "id": nth, "name": "Ada Byron", "total": 4200 + nth, "note": "delivered on Monday" }))
        .collect();
    let orders = serde_json::to_string(&orders)?;
    site.set(|behaviour| behaviour.failures.push(("GET /api/orders", orders.leak())));
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "a measurement").await?;
    site.told(1).await?;
    let session = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    let asked = serde_json::json!({ "session": session }).to_string();
    for _ in 0..TIMES {
        console.ask("take_evidence", &asked).await?;
    }
    console.ui.by_role("dialog", "Evidence from the session as Ada").await?;
    let begun = std::time::Instant::now();
    console.ui.by_role("button", "Save as HTML").await?.click().await?;
    console.ui.with_text("status", "Saved evidence-shop-").await?;
    let saved = begun.elapsed().as_millis();
    #[allow(clippy::print_stdout, reason = "a measurement")]
    {
        let log = console.ui.log();
        for line in log.lines().filter(|line| line.contains("evidence: the picture took")) {
            println!("{line}");
        }
        println!("from the click until it is said to be saved, in ms: {saved}");
    }
    console.ui.quit().await
}
