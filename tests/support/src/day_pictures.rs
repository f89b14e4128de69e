//! Takes the README's pictures of an agent's day.

use std::path::Path;

use anyhow::{Context, Result};

use crate::day::{Day, FIRST_TICKET, NEXT_TICKET};
use crate::desktop::Window;
use crate::session_pictures::{save_picture, shrink_picture};
use crate::stage::Stage;

/// As wide as a session's bar needs to show everything that these pictures are about.
const SIZE: (u32, u32) = (1280, 700);

pub async fn take_pictures(binary: &Path, folder: &Path, theme: &str) -> Result<()> {
    let mut stage = Stage::set(binary).await?;
    if theme == "dark" {
        // The browser with the helpdesk takes its theme from here; the console from its settings.
        stage.set_env("GTK_THEME", "Adwaita:dark");
    }
    let taken = take_on(&stage, folder, theme).await;
    if taken.is_err() {
        stage.desktop.screenshot(None, &folder.join(format!("failed-day-{theme}.png"))).await?;
    }
    taken
}

async fn take_on(stage: &Stage, folder: &Path, theme: &str) -> Result<()> {
    stage.settings(&format!("theme = \"{theme}\"\noperator_name = \"Robin Agent\"\n"))?;
    let day = Day::begin(stage).await?;
    let desktop = &stage.desktop;
    let path = |name: &str| folder.join(format!("day-{name}-{theme}.png"));
    let picture = async |name: &str, of: &Window| {
        save_picture(stage, of, &path(name)).await.with_context(|| name.to_owned())
    };
    let of_helpdesk = async |name: &str| {
        day.helpdesk.screenshot(&path(name)).await?;
        shrink_picture(&path(name))
    };
    let console = day.console.window().await?;
    desktop.resize(&console, SIZE).await?;

    let link = day.open_ticket(FIRST_TICKET).await?;
    desktop.resize(&desktop.wait_for_window("Ticket · Ledgerline").await?, SIZE).await?;
    of_helpdesk("ticket").await?;
    day.follow_link(&link).await?;
    picture("link", &console).await?;

    let window = day.sign_in_to("/settings").await?;
    desktop.resize(&window, SIZE).await?;
    day.save_in_vain(&window).await?;
    picture("read-only", &window).await?;

    day.go_back(&window).await?;
    day.write_note(&window, "The default profile has no VAT number.").await?;
    day.take_evidence(&window).await?;
    dismiss_messages(&day).await?;
    picture("evidence", &console).await?;
    desktop.press(&console, &["Escape"]).await?;

    day.end_and_copy_summary(&window).await?;
    day.paste_into_ticket().await?;
    of_helpdesk("summary").await?;

    let link = day.open_ticket(NEXT_TICKET).await?;
    day.follow_link(&link).await?;
    let window = day.sign_in_to("/team").await?;
    day.end_and_copy_summary(&window).await?;
    // The key comes last: a focus ring is shown after keys only.
    dismiss_messages(&day).await?;
    day.go_to_previous_customer().await?;
    picture("again", &console).await?;
    day.close().await
}

/// Messages go by themselves, but until then they cover what a picture is about.
async fn dismiss_messages(day: &Day<'_>) -> Result<()> {
    let dismiss =
        "document.querySelectorAll('.toast > button').forEach((button) => button.click()); return true";
    day.console.ui.evaluate(dismiss).await?;
    day.console
        .ui
        .wait_for("no message to be shown", "return document.querySelector('.toast') === null")
        .await?;
    Ok(())
}
