//! An agent's day in steps: from a ticket of the demo's helpdesk to the customer and back into the ticket. The
//! end-to-end story and the README's pictures take the same ones.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::desktop::{Desktop, Window};
use crate::stage::{Console, Stage};
use crate::wait::until;
use crate::webdriver::Browser;

/// The ticket that the day begins with: the customer's page has a form that a read-only session does not send.
pub const FIRST_TICKET: &str = "VAT number is missing";
pub const NEXT_TICKET: &str = "A colleague can't be invited";

/// Where the button *Save* of the customer's settings is in a session's window that is 1280 pixels wide.
const SAVE_BUTTON: (u32, u32) = (161, 526);

/// The demo in the console, and its helpdesk in the agent's browser beside it.
pub struct Day<'a> {
    stage: &'a Stage,
    pub console: Console<'a>,
    pub helpdesk: Browser,
    origin: String,
}

impl<'a> Day<'a> {
    pub async fn begin(stage: &'a Stage) -> Result<Self> {
        let console = stage.open(&["demo"]).await?;
        console.ui.with_text("row", "@").await?;
        let draft = console.ask("read_connection", "{ connection: 'demo' }").await?;
        let url = draft["file"]["sign_in"]["url"].as_str().context("the demo's login endpoint")?;
        let origin = url.trim_end_matches("/login").to_owned();
        // Part of WebKitGTK itself.
        let browser = format!("/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser", std::env::consts::ARCH);
        let helpdesk = Browser::launch(Path::new(&browser), &["--automation"], stage.env()).await?;
        Ok(Self { stage, console, helpdesk, origin })
    }

    fn desktop(&self) -> &Desktop {
        &self.stage.desktop
    }

    /// Opens the ticket with this subject; returns its link to the customer.
    pub async fn open_ticket(&self, subject: &str) -> Result<String> {
        self.helpdesk.goto(&format!("{}/helpdesk", self.origin)).await?;
        self.helpdesk.by_role("link", subject).await?.click().await?;
        let link = self.helpdesk.by_role("link", "Open in Understudy").await?;
        link.attr("href").await?.context("the link has an address")
    }

    /// Hands the link to the running console, like the desktop when it is clicked, and waits for its dialog.
    pub async fn follow_link(&self, link: &str) -> Result<()> {
        let (code, said) = self.stage.run(&["open", link], "").await?;
        ensure!(code == 0, "{said}");
        self.console.turn_to().await?;
        let ready = "return document.querySelector('[role=dialog] [type=submit]')?.getAttribute('aria-disabled') === 'false'";
        self.console.ui.wait_for("the dialog that the link filled in", ready).await?;
        Ok(())
    }

    /// Signs in with `Enter`; returns the session's window once the page at `path` has been sent to it.
    pub async fn sign_in_to(&self, path: &str) -> Result<Window> {
        let console = self.console.window().await?;
        self.console.press_until(&console, &["Return"], &["active"]).await?;
        self.wait_until_received(path).await?;
        self.desktop().wait_for_window("development — Understudy").await
    }

    /// Waits until the application has answered a request for `path` in a session; returns as whom.
    pub async fn wait_until_received(&self, path: &str) -> Result<Value> {
        until(&format!("{path} to be asked for"), async || {
            let received = self.received().await?.into_iter().rev();
            let mut pages = received.filter(|one| one["path"] == path && one["status"] == 200);
            Ok(pages.find_map(|one| one.get("signed_in_as").filter(|who| !who.is_null()).cloned()))
        })
        .await
    }

    /// All that the demo's application has received, oldest first.
    pub async fn received(&self) -> Result<Vec<Value>> {
        Ok(reqwest::get(format!("{}/demo/received", self.origin)).await?.json().await?)
    }

    /// Makes the session read-only, then presses the button of its page that saves.
    pub async fn save_in_vain(&self, window: &Window) -> Result<()> {
        self.console.ui.switch_to("bar.html").await?;
        self.desktop().press(window, &["ctrl+shift+m"]).await?;
        until("the session to be read-only", async || {
            Ok((self.console.ask("bar_state", "{}").await?["session"]["mode"] == "read_only").then_some(()))
        })
        .await?;
        self.desktop().click(window, SAVE_BUTTON.0, SAVE_BUTTON.1).await?;
        until("the saving to be held back", async || {
            let held_back = self.console.ask("bar_state", "{}").await?["held_back"]["groups"].clone();
            let is_form = |one: &Value| one["address"].as_str().is_some_and(|at| at.ends_with("/settings"));
            Ok(held_back.as_array().is_some_and(|all| all.iter().any(is_form)).then_some(()))
        })
        .await?;
        self.desktop().wait_until_still(window).await
    }

    /// From the page about what was held back to the customer's page.
    pub async fn go_back(&self, window: &Window) -> Result<()> {
        self.desktop().press(window, &["alt+Left"]).await?;
        until("the page to be left", async || {
            Ok((self.console.ask("bar_state", "{}").await?["can_go_forward"] == true).then_some(()))
        })
        .await?;
        self.desktop().wait_until_still(window).await
    }

    /// Types a note for the ticket into the session's bar.
    pub async fn write_note(&self, window: &Window, note: &str) -> Result<()> {
        self.desktop().press(window, &["ctrl+shift+n"]).await?;
        self.console.ui.switch_to("bar.html").await?;
        let has_field = "return document.activeElement instanceof HTMLTextAreaElement";
        self.console.ui.wait_for("the note's field", has_field).await?;
        self.desktop().type_text(window, note).await?;
        until("the note to be kept", async || {
            Ok((self.console.ask("session_note", "{}").await? == note).then_some(()))
        })
        .await
    }

    /// Takes evidence in the session's window; returns when the console shows it.
    pub async fn take_evidence(&self, window: &Window) -> Result<()> {
        self.desktop().press(window, &["ctrl+shift+e"]).await?;
        self.console.turn_to().await?;
        let drawn = "return (document.querySelector('[role=dialog] canvas')?.width ?? 0) > 300";
        self.console.ui.wait_for("the evidence and its picture", drawn).await?;
        self.desktop().wait_until_still(&self.console.window().await?).await?;
        Ok(())
    }

    /// The first file of a ticket, once the helpdesk shows it there.
    pub async fn read_attached_file(&self, ticket: u32) -> Result<String> {
        let page = format!("{}/helpdesk/{ticket}", self.origin);
        let link = format!("/helpdesk/{ticket}/files/0\">evidence-demo-");
        until("the file in the ticket", async || {
            Ok(reqwest::get(&page).await?.text().await?.contains(&link).then_some(()))
        })
        .await?;
        let file = reqwest::get(format!("{page}/files/0")).await?.error_for_status()?;
        Ok(file.text().await?)
    }

    /// Ends the session in its window, and copies its summary with the console's key.
    pub async fn end_and_copy_summary(&self, window: &Window) -> Result<String> {
        self.desktop().press(window, &["ctrl+w"]).await?;
        self.console.wait_for_phases(&[]).await?;
        self.console.ui.with_text("status", "has ended").await?;
        self.desktop().press(&self.console.window().await?, &["ctrl+shift+s"]).await?;
        until("the summary to be copied", async || {
            // While the clipboard changes hands, there may be no text on it.
            let copied = self.desktop().copied().await.unwrap_or_default();
            Ok(copied.contains("ended by the operator").then_some(copied))
        })
        .await
    }

    /// Pastes what was copied into the open ticket; returns the comment as the helpdesk shows it.
    pub async fn paste_into_ticket(&self) -> Result<String> {
        let field = self.helpdesk.by_role("textbox", "Internal comment").await?;
        field.click().await?;
        let window = self.desktop().wait_for_window("Ticket · Ledgerline").await?;
        self.desktop().press(&window, &["ctrl+v"]).await?;
        until("the comment to be pasted", async || {
            Ok(field.prop("value").await?.is_some_and(|text| !text.is_empty()).then_some(()))
        })
        .await?;
        self.helpdesk.by_role("button", "Add comment").await?.click().await?;
        let shown = "return document.querySelector('[aria-label=\"Comment 1\"]')?.textContent ?? ''";
        let shown = self.helpdesk.wait_for("the comment in the ticket", shown).await?;
        Ok(shown.as_str().unwrap_or_default().trim().to_owned())
    }

    /// Empties the console's search field and moves from it to the user before the latest one.
    pub async fn go_to_previous_customer(&self) -> Result<()> {
        self.console.turn_to().await?;
        let (desktop, console) = (self.desktop(), self.console.window().await?);
        desktop.press(&console, &["ctrl+f", "BackSpace"]).await?;
        let both = "return document.querySelectorAll('[aria-label=\"Recent and pinned users\"] button').length === 2";
        self.console.ui.wait_for("the recent customers", both).await?;
        desktop.press(&console, &["Up"]).await?;
        let focused = |nth: u32| {
            format!(
                "const all = [...document.querySelectorAll('[aria-label=\"Recent and pinned users\"] button')]; \
                 return all.indexOf(document.activeElement) === {nth}"
            )
        };
        self.console.ui.wait_for("the latest customer to have the focus", &focused(0)).await?;
        desktop.press(&console, &["Right"]).await?;
        self.console.ui.wait_for("the customer before to have the focus", &focused(1)).await?;
        Ok(())
    }

    /// Opens the dialog for the selected user, with a reason.
    pub async fn give_reason(&self, reason: &str) -> Result<()> {
        self.console.ui.press(Key::Control + Key::Enter).await?;
        let field = self.console.ui.by_role("textbox", "Reason").await?;
        field.send_keys(reason).await?;
        Ok(())
    }

    /// The running sessions, oldest first.
    pub async fn sessions(&self) -> Result<Value> {
        self.console.turn_to().await?;
        Ok(json!(self.console.ask("console_state", "{}").await?["sessions"]))
    }

    pub async fn close(self) -> Result<()> {
        self.helpdesk.quit().await?;
        self.console.ui.quit().await
    }
}
