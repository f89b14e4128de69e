//! Drives the pages of a WebKitGTK application through `WebKitWebDriver`, like its user.
//!
//! Elements are found by role and accessible name, so a page that passes the tests also works with a screen reader. The
//! driver only sees webviews of the application's first web context: the console and its bars, never a session's page
//! (look at that with `desktop`, or ask the application it shows).

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::process::Child;

use crate::desktop::dies_with_us;
use crate::wait::{PATIENCE, until};

/// An application under its own driver. Both end with the value.
pub struct Browser {
    session: thirtyfour::WebDriver,
    driver: Child,
    group: u32,
    log: TempDir,
}

impl Browser {
    /// Starts `binary` with `args` and the given variables on top of this process's environment, and returns when its
    /// first page can be driven.
    ///
    /// Merge the environments of `Desktop`, the keyring and `UNDERSTUDY_HOME` into `env`.
    pub async fn launch(
        binary: &Path,
        args: &[&str],
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        if !binary.exists() {
            bail!("{} does not exist: build the application first", binary.display());
        }
        let log = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = dies_with_us("WebKitWebDriver");
        command
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .envs(env)
            .stdout(std::fs::File::create(log.path().join("stdout"))?)
            .stderr(std::fs::File::create(log.path().join("stderr"))?)
            // The application is the driver's child; with a process group of their own, both can be ended together.
            .process_group(0);
        let mut driver =
            command.spawn().context("WebKitWebDriver cannot be started: script/bootstrap installs it")?;
        let group = driver.id().context("WebKitWebDriver ended at once")?;
        until("WebKitWebDriver to listen", async || {
            if let Some(status) = driver.try_wait()? {
                bail!("WebKitWebDriver ended at once ({status}): {}", read_log(&log));
            }
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok())
        })
        .await?;

        let mut capabilities = Capabilities::new();
        capabilities.set("webkitgtk:browserOptions", json!({ "binary": binary, "args": args }))?;
        let opening = thirtyfour::WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .request_timeout(PATIENCE)
            .into_future();
        let session = tokio::select! {
            session = opening => session.map_err(|error| anyhow!(error)),
            () = application_ended(group) => Err(anyhow!("it ended")),
        };
        let session = match session {
            Ok(session) => session,
            Err(error) => {
                end_group(group);
                return Err(error.context(format!(
                    "{} did not open a page to drive; it said: {}",
                    binary.display(),
                    read_log(&log)
                )));
            }
        };
        let browser = Self { session, driver, group, log };
        browser.record_errors().await?;
        Ok(browser)
    }

    /// The WebDriver session itself, for what has no method here.
    pub fn session(&self) -> &thirtyfour::WebDriver {
        &self.session
    }

    /// The process ID of the driver, which is the application's parent.
    pub fn driver_pid(&self) -> u32 {
        self.group
    }

    /// What driver and application have printed so far, standard output before standard error.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }

    /// Loads another page into the current webview.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.session.goto(url).await?;
        self.record_errors().await
    }

    /// The visible element with this ARIA role and exactly this accessible name, once it is there.
    pub async fn by_role(&self, role: &str, name: &str) -> Result<WebElement> {
        self.find(role, Some(name)).await
    }

    /// The first visible element with this ARIA role, whatever its name, once it is there.
    pub async fn first(&self, role: &str) -> Result<WebElement> {
        self.find(role, None).await
    }

    /// All elements with this ARIA role that are visible now, in document order.
    pub async fn all(&self, role: &str) -> Result<Vec<WebElement>> {
        let found = self.session.execute(SEEK, vec![json!(role), Value::Null]).await?;
        Ok(found.elements()?)
    }

    /// Returns when no visible element has this ARIA role and accessible name any more.
    pub async fn wait_until_gone(&self, role: &str, name: &str) -> Result<()> {
        until(&format!("{role} {name:?} to be gone"), async || {
            let found = self.session.execute(SEEK, vec![json!(role), json!(name)]).await?;
            Ok(found.elements()?.is_empty().then_some(()))
        })
        .await
    }

    /// The first visible element with this role whose text contains `text`, once there is one.
    pub async fn with_text(&self, role: &str, text: &str) -> Result<WebElement> {
        let mut shown = Vec::new();
        let found = until(&format!("{role} saying {text:?}"), async || {
            shown.clear();
            for element in self.all(role).await.unwrap_or_default() {
                shown.extend(element.text().await.ok());
                if shown.last().is_some_and(|last| last.contains(text)) {
                    return Ok(Some(element));
                }
            }
            Ok(None)
        })
        .await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => Err(error.context(format!("{}; {role} says {shown:?}", self.describe().await))),
        }
    }

    /// What the script returns in the page, once that is truthy (not false, null, zero or "").
    ///
    /// `script` is a function body; `what` completes "waited for …".
    pub async fn wait_for(&self, what: &str, script: &str) -> Result<Value> {
        let found = until(what, async || {
            let value = self.evaluate(script).await.unwrap_or(Value::Null);
            let falsy = matches!(&value, Value::Null | Value::Bool(false))
                || value.as_str() == Some("")
                || value.as_f64() == Some(0.0);
            Ok((!falsy).then_some(value))
        })
        .await;
        match found {
            Ok(value) => Ok(value),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// What the script returns in the page now, as JSON. `script` is a function body.
    pub async fn evaluate(&self, script: &str) -> Result<Value> {
        Ok(self.session.execute(script, vec![]).await?.json().clone())
    }

    /// Sends keys to the focused element of the page: `Key::Enter`, `Key::Control + "k"`, or text.
    pub async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.session.active_element().await?.send_keys(keys).await?)
    }

    /// Switches to the webview whose URL contains `part`, once there is one.
    pub async fn switch_to(&self, part: &str) -> Result<()> {
        let mut seen = Vec::new();
        let found = until(&format!("a webview at {part:?}"), async || {
            seen.clear();
            for handle in self.session.windows().await? {
                // A webview may close after it was listed.
                if self.session.switch_to_window(handle).await.is_err() {
                    continue;
                }
                let Ok(url) = self.session.current_url().await else { continue };
                if url.as_str().contains(part) {
                    return Ok(Some(()));
                }
                seen.push(url.to_string());
            }
            Ok(None)
        })
        .await;
        found.with_context(|| format!("webviews: {seen:?}"))?;
        self.record_errors().await
    }

    /// The URLs of all webviews that the driver sees. The current webview stays the same.
    pub async fn addresses(&self) -> Result<Vec<String>> {
        let here = self.session.window().await.ok();
        let mut all = Vec::new();
        for handle in self.session.windows().await? {
            self.session.switch_to_window(handle).await?;
            all.push(self.session.current_url().await?.to_string());
        }
        if let Some(here) = here {
            self.session.switch_to_window(here).await?;
        }
        Ok(all)
    }

    /// Uncaught errors, rejected promises, `console.error` calls and CSP violations of the current page since this
    /// driver switched to it. There should be none.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let errors = self.evaluate("return window.__recordedErrors || []").await?;
        Ok(serde_json::from_value(errors)?)
    }

    /// Saves a PNG of the current page's viewport.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(self.session.screenshot(path).await?)
    }

    /// Closes the session, which makes the driver end the application, and the driver.
    pub async fn quit(mut self) -> Result<()> {
        let closed = self.session.clone().quit().await;
        end_group(self.group);
        self.driver.wait().await?;
        Ok(closed?)
    }

    async fn find(&self, role: &str, name: Option<&str>) -> Result<WebElement> {
        let what = name.map_or_else(|| role.to_owned(), |name| format!("{role} {name:?}"));
        let found = until(&what, async || {
            // While a page is being replaced, scripts fail: try again.
            let Ok(found) = self.session.execute(SEEK, vec![json!(role), json!(name)]).await else {
                return Ok(None);
            };
            Ok(found.elements()?.into_iter().next())
        })
        .await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// The page's URL and the roles and names it shows, for the message of a failed search.
    async fn describe(&self) -> String {
        let listed = self.session.execute(SEEK, vec![Value::Null, Value::Null]).await;
        match (self.session.current_url().await, listed) {
            (Ok(url), Ok(listed)) => format!("{url} shows {}", listed.json()),
            (_, Err(error)) | (Err(error), _) => {
                format!("the page cannot be read ({error}); the application said: {}", self.log())
            }
        }
    }

    async fn record_errors(&self) -> Result<()> {
        self.evaluate(RECORD_ERRORS).await.map(|_| ())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        end_group(self.group);
        // Closing the session properly would wait for an answer, and there is no one left to give it.
        self.session.clone().leak().ok();
    }
}

/// Kills the driver, the application and WebKit's own processes.
fn end_group(group: u32) {
    std::process::Command::new("kill")
        .args(["-KILL", "--", &format!("-{group}")])
        .stderr(Stdio::null())
        .status()
        .ok();
}

/// Returns when the driver's child has ended; the driver itself would keep waiting for its page.
async fn application_ended(driver: u32) {
    let children = format!("/proc/{driver}/task/{driver}/children");
    let mut started = false;
    loop {
        let running = std::fs::read_to_string(&children).is_ok_and(|pids| !pids.trim().is_empty());
        if started && !running {
            return;
        }
        started |= running;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn read_log(log: &TempDir) -> String {
    ["stdout", "stderr"]
        .map(|name| std::fs::read_to_string(log.path().join(name)).unwrap_or_default())
        .concat()
}

/// Finds elements by ARIA role and accessible name, in document order; without a role, lists all of them.
///
/// Roles follow HTML-AAM for the elements that the console uses; names follow the steps of accname 1.2 that matter
/// there: labelledby, label, `<label>`, alt, content, title, placeholder. Hidden elements have no role.
const SEEK: &str = r#"
const [wantedRole, wantedName] = arguments;
const inputs = { search: 'searchbox', checkbox: 'checkbox', radio: 'radio', range: 'slider', number: 'spinbutton',
                 button: 'button', submit: 'button', reset: 'button', image: 'button', hidden: null };
const tags = { BUTTON: 'button', SUMMARY: 'button', TEXTAREA: 'textbox', SELECT: 'combobox', OPTION: 'option',
               DIALOG: 'dialog', TABLE: 'table', TR: 'row', TD: 'cell', TH: 'columnheader', UL: 'list', OL: 'list',
               LI: 'listitem', OUTPUT: 'status', IMG: 'img', NAV: 'navigation', MAIN: 'main', PROGRESS: 'progressbar',
               H1: 'heading', H2: 'heading', H3: 'heading', H4: 'heading', H5: 'heading', H6: 'heading' };
function roleOf(element) {
  const explicit = element.getAttribute('role');
  if (explicit) return explicit.trim().split(/\s+/)[0];
  if (element.tagName === 'A') return element.hasAttribute('href') ? 'link' : null;
  if (element.tagName === 'INPUT') return element.type in inputs ? inputs[element.type] : 'textbox';
  return tags[element.tagName] ?? null;
}
const flat = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
function content(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE) return '';
  if (node.getAttribute('aria-hidden') === 'true' || !node.checkVisibility()) return '';
  const label = node.getAttribute('aria-label');
  if (label) return label;
  if (node.tagName === 'IMG') return node.alt;
  const text = [...node.childNodes].map(content).join('');
  return getComputedStyle(node).display.startsWith('inline') ? text : ` ${text} `;
}
const namedByContent = ['button', 'link', 'option', 'heading', 'cell', 'gridcell', 'columnheader', 'row', 'tab',
  'menuitem', 'menuitemcheckbox', 'menuitemradio', 'checkbox', 'radio', 'switch', 'tooltip', 'treeitem'];
function nameOf(element, role) {
  const ids = element.getAttribute('aria-labelledby');
  if (ids) return flat(ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent).join(' '));
  const label = element.getAttribute('aria-label');
  if (label) return flat(label);
  if (element.labels?.length) return flat([...element.labels].map(content).join(' '));
  if (element.alt) return flat(element.alt);
  if (element.tagName === 'INPUT' && role === 'button') return flat(element.value);
  if (namedByContent.includes(role)) { const text = flat(content(element)); if (text) return text; }
  return flat(element.title || element.placeholder);
}
const found = [];
for (const element of document.querySelectorAll('*')) {
  const role = roleOf(element);
  if (!role || (wantedRole && role !== wantedRole)) continue;
  if (!element.checkVisibility({ visibilityProperty: true }) || element.closest('[aria-hidden="true"], [inert]')) continue;
  if (!wantedRole) { found.push(`${role} "${nameOf(element, role)}"`); continue; }
  if (wantedName === null || nameOf(element, role) === wantedName) found.push(element);
}
return wantedRole ? found : found.slice(0, 80);
"#;

/// Records a page's errors for `console_errors`. Does nothing the second time.
const RECORD_ERRORS: &str = r"
if (window.__recordedErrors) return;
const errors = window.__recordedErrors = [];
addEventListener('error', (event) => errors.push(`error: ${event.message ?? event.target?.src ?? event.target?.href}`), true);
addEventListener('unhandledrejection', (event) => errors.push(`unhandled rejection: ${event.reason?.message ?? JSON.stringify(event.reason)}`));
document.addEventListener('securitypolicyviolation', (event) => errors.push(`content security policy: ${event.violatedDirective} ${event.blockedURI}`));
const original = console.error;
console.error = (...args) => { errors.push(`console.error: ${args.map(String).join(' ')}`); original(...args); };
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Desktop;

    const PAGE: &str = r#"<!doctype html><title>Mini</title>
        <button hidden>Save</button>
        <button aria-label="Save"><kbd aria-hidden="true">Ctrl S</kbd></button>
        <label>Reason <input id="reason"></label>
        <p role="status"></p>
        <script>
          document.querySelector('[aria-label=Save]').onclick = () => setTimeout(() => {
            document.querySelector('[role=status]').textContent = 'Saved: ' + reason.value; document.title = 'Done';
            document.querySelector('[aria-label=Save]').remove();
          }, 50);
        </script>"#;

    #[tokio::test]
    async fn a_page_is_operated_by_role_and_name_and_its_window_by_hand() -> Result<()> {
        let desktop = Desktop::start().await?;
        let folder = tempfile::tempdir()?;
        let page = folder.path().join("page.html");
        std::fs::write(&page, PAGE)?;

        // Part of WebKitGTK itself.
        let mini_browser =
            format!("/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser", std::env::consts::ARCH);
        let browser = Browser::launch(Path::new(&mini_browser), &["--automation"], desktop.env()).await?;
        browser.goto(&format!("file://{}", page.display())).await?;
        let window = desktop.wait_for_window("Mini").await?;

        // With the desktop's keyboard, like an operator.
        browser.by_role("textbox", "Reason").await?.click().await?;
        desktop.type_text(&window, "Ticket 88121").await?;
        desktop.press(&window, &["BackSpace"]).await?;
        browser.by_role("button", "Save").await?.click().await?;
        browser.with_text("status", "Saved: Ticket 8812").await?;
        browser.wait_until_gone("button", "Save").await?;
        assert!(browser.console_errors().await?.is_empty());

        browser.evaluate("console.error('spilt')").await?;
        assert_eq!(browser.console_errors().await?, ["console.error: spilt"]);

        let picture = folder.path().join("window.png");
        desktop.screenshot(Some(&window), &picture).await?;
        desktop.screenshot(None, &folder.path().join("screen.png")).await?;
        assert!(std::fs::read(&picture)?.starts_with(b"\x89PNG"));

        desktop.close(&desktop.wait_for_window("Done").await?).await?;
        desktop.wait_until_gone("Done").await?;
        Ok(())
    }

    #[tokio::test]
    async fn a_binary_that_opens_nothing_is_named_with_what_it_said() -> Result<()> {
        let desktop = Desktop::start().await?;
        let script = "sleep 0.2; echo cannot open the database; exit 1";
        let refused = Browser::launch(Path::new("/bin/sh"), &["-c", script], desktop.env()).await;
        let message = format!("{:#}", refused.err().expect("a shell opens no page"));
        assert!(message.contains("/bin/sh") && message.contains("cannot open the database"), "{message}");
        Ok(())
    }
}
