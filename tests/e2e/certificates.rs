//! An application whose certificate the company's own authority has signed.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use understudy_test_support::certificates::Authority;
use understudy_test_support::program::Program;
use understudy_test_support::wait::until;

use crate::site::stage;

/// Signs in with a cookie that only a secure origin may set, and lists what it received under `/sent`.
const SERVER: &str = r"
  const https = require('node:https'), fs = require('node:fs');
  const { CERTIFICATE, KEY } = process.env, sent = [];
  const page = `<!doctype html><title>Shop</title><script>
    fetch('/api/me').then((me) => fetch('/tell', { method: 'POST', body: JSON.stringify([me.status, isSecureContext]) }));
  </script>`;
  const server = https.createServer({ cert: fs.readFileSync(CERTIFICATE), key: fs.readFileSync(KEY) }, (request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; }).on('end', () => {
      const what = request.method + ' ' + request.url, isSignedIn = (request.headers.cookie ?? '').includes('__Host-sid=7');
      if (what === 'GET /sent') return response.end(JSON.stringify(sent));
      sent.push([what, isSignedIn, body]);
      if (what === 'POST /login') response.setHeader('set-cookie', '__Host-sid=7; Path=/; Secure; HttpOnly; SameSite=Strict');
      if (what === 'GET /api/me') response.statusCode = isSignedIn ? 200 : 401;
      response.setHeader('content-type', 'text/html');
      response.end(what === 'GET /' ? page : '{}');
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ listening: 'https://localhost:' + server.address().port })));
  process.stdin.resume().on('end', () => process.exit());";

#[tokio::test(flavor = "multi_thread")]
async fn a_window_trusts_the_authority_that_the_connection_names_and_no_other() -> Result<()> {
    let authority = Authority::new();
    let signed = authority.sign("localhost");
    let [certificate, key] = [&signed.certificate, &signed.key].map(|path| path.display().to_string());
    let server = Program::start(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["node", "-e", SERVER],
        &[("CERTIFICATE", &certificate), ("KEY", &key)],
    );
    let origin = server.origin();
    let root = reqwest::Certificate::from_pem(&std::fs::read(authority.certificate())?)?;
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build()?;
    let sent = async || -> Result<Vec<Value>> {
        Ok(serde_json::from_slice(&http.get(format!("{origin}/sent")).send().await?.bytes().await?)?)
    };

    let verify = "[sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.status == 200\"\n";
    let unknown = stage(&origin, verify).await?;
    let console = unknown.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["refused"]).await?;
    ensure!(sent().await?.is_empty(), "nothing is sent to a server that may be another");
    console.ui.quit().await?;

    let named = format!("{verify}[network]\nca = \"{}\"\n", authority.certificate().display());
    let known = stage(&origin, &named).await?;
    let console = known.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    let told = until("the page to tell what it is", async || {
        Ok(sent().await?.into_iter().find(|one| one[0] == "POST /tell"))
    });
    let told = told.await.with_context(|| origin.clone())?;
    ensure!(told == json!(["POST /tell", true, "[200,true]"]), "{told}");
    let window = known.desktop.wait_for_window("development — Understudy").await?;
    known.desktop.press(&window, &["ctrl+w"]).await?;
    console.wait_for_phases(&[]).await?;
    ensure!(sent().await?.iter().any(|one| one[0] == "POST /logout" && one[1] == true));
    console.ui.quit().await
}
