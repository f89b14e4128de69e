//! The agent's clipboard: pages can access it when the agent pastes or copies, and at no other time.

use anyhow::{Result, ensure};
use understudy_test_support::wait::until;

use crate::site::Site;

const SECRET: &str = "canary-3d0e5b-from-the-password-manager";

/// Tries everything that needs no user action, in the page and in a frame of another origin, repeatedly.
const THIEF: &str = r"<!doctype html><title>Shop</title><textarea id=field></textarea><button id=copy>Copy</button><p id=text>canary-copied-text</p><script>
  const steal = async () => {
    const got = [];
    const field = document.createElement('textarea');
    document.body.append(field);
    field.addEventListener('paste', (event) => got.push('event ' + event.clipboardData.getData('text')));
    field.focus();
    got.push('paste ' + document.execCommand('paste') + ' ' + field.value);
    try { got.push('readText ' + await navigator.clipboard.readText()); } catch (e) { got.push('readText ' + e.name); }
    try { const all = await navigator.clipboard.read(); got.push('read ' + await (await all[0].getType('text/plain')).text()); } catch (e) { got.push('read ' + e.name); }
    field.value = 'forged'; field.select();
    got.push('copy ' + document.execCommand('copy'), 'cut ' + document.execCommand('cut'));
    try { await navigator.clipboard.writeText('forged'); got.push('writeText done'); } catch (e) { got.push('writeText ' + e.name); }
    field.remove();
    return got;
  };
  const tell = (what, got) => fetch('/tell', { method: 'POST', body: JSON.stringify({ what, got }) });
  addEventListener('message', (event) => tell('frame', event.data));
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts';
  frame.srcdoc = '<body><script>const steal = ' + steal + '; steal().then((got) => parent.postMessage(got, \'*\'))<\/script>';
  steal().then((got) => tell('page', got)).then(() => document.body.append(frame));
</script>";

/// Reports what is pasted into it, and copies on a click.
const EDITOR: &str = r"<!doctype html><title>Shop</title><body style='margin:0'><textarea id=field style='width:400px;height:100px'></textarea><br>
  <button id=copy style='width:400px;height:100px'>Copy the link</button><button id=old style='width:400px;height:100px'>Copy as before</button><script>
  const tell = (got) => fetch('/tell', { method: 'POST', body: JSON.stringify(got) });
  field.addEventListener('input', () => tell({ pasted: field.value }));
  copy.onclick = () => navigator.clipboard.writeText('the link').then(() => tell({ copied: true }), (e) => tell({ failed: e.name }));
  old.onclick = () => { field.value = 'as before'; field.select(); tell({ copied: document.execCommand('copy') }); };
  addEventListener('load', () => { field.focus(); tell({ ready: true }); });
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn no_page_reads_or_writes_the_clipboard_by_itself() -> Result<()> {
    let site = Site::showing(THIEF).await?;
    let _owner = site.stage.desktop.copy(SECRET).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "reads the clipboard").await?;
    for nth in [1, 2] {
        let told = site.told(nth).await?;
        ensure!(!told.to_string().contains(SECRET), "{told:#}");
        ensure!(!told.to_string().contains("done") && !told.to_string().contains("true"), "{told:#}");
    }
    ensure!(site.stage.desktop.copied().await? == SECRET, "the clipboard was replaced");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_pastes_and_copies_in_a_page() -> Result<()> {
    let site = Site::showing(EDITOR).await?;
    let desktop = &site.stage.desktop;
    let _owner = desktop.copy("pasted by hand").await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "copies and pastes").await?;
    console.wait_for_phases(&["active"]).await?;
    ensure!(site.told(1).await?["ready"] == true);
    let window = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&window, &["ctrl+v"]).await?;
    ensure!(site.told(2).await?["pasted"] == "pasted by hand");
    // The field's context menu, with its Paste.
    desktop.press(&window, &["ctrl+a"]).await?;
    desktop.right_click(&window, 200, 100).await?;
    desktop.press(&window, &["p"]).await?;
    let by_menu = site.told(3).await?;
    ensure!(by_menu["pasted"].as_str().is_some_and(|text| text.contains("pasted by hand")), "{by_menu}");
    // Buttons that copy, with the new API and the old one.
    desktop.click(&window, 200, 200).await?;
    ensure!(site.told(4).await?["copied"] == true, "{:?}", site.told(4).await?);
    until("the link to be copied", async || Ok((desktop.copied().await? == "the link").then_some(())))
        .await?;
    desktop.click(&window, 600, 200).await?;
    until("the old way", async || Ok((desktop.copied().await? == "as before").then_some(()))).await?;
    // The keyboard shortcut.
    desktop.click(&window, 200, 100).await?;
    desktop.press(&window, &["ctrl+a"]).await?;
    desktop.type_text(&window, "typed").await?;
    desktop.press(&window, &["ctrl+a", "ctrl+c"]).await?;
    until("the text to be copied", async || Ok((desktop.copied().await? == "typed").then_some(()))).await?;
    console.ui.quit().await
}
