//! Smart Actions that ask for more than the reason: in the dialog, with the real packages.

use anyhow::{Result, ensure};
use thirtyfour::prelude::*;
use understudy_test_support::stage::Console;

use crate::recipes::{ADA, Running, forest, of_forest, postgres, staged, wait_until_active};

/// Replaces the action's path in the preset.
fn with_action(mut running: Running, action: &str) -> Running {
    running.connection = format!("{}\naction = \"{action}\"\n", running.connection.trim_end());
    running
}

async fn choose(console: &Console<'_>, field: &str, label: &str) -> Result<()> {
    let select = console.ui.by_role("combobox", field).await?;
    select.send_keys(label).await?;
    select.send_keys(Key::Tab).await?;
    Ok(())
}

async fn signed_in_because(running: &Running, reason: &str) -> Result<()> {
    let told = running.program.reasons_for(ADA).await;
    ensure!(told.iter().any(|one| one == reason), "{told:?}\n{:#?}", running.program.journal().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_form_is_asked_in_the_dialog_and_changes_with_what_is_chosen() -> Result<()> {
    let server = postgres();
    let url = server.url("postgres", "shop");
    let program = forest("agent.mjs", ("DATABASE_URL", &url));
    let directory = format!("url = \"{url}\"\ntable = \"public.users\"\nid = \"id\"");
    let running = of_forest(program, "forest-agent", &directory, ["1".into(), "2".into()]);
    let running = with_action(running, "/forest/_actions/users/1/impersonate-with-reason");
    let stage = staged(&running).await?;
    let console = stage.open(&[]).await?;
    console.prepare("1", "ticket 7").await?;

    // The form also asks for a reason, which is the dialog's own; the channel is Forest's.
    choose(&console, "Channel", "Phone").await?;
    let number = console.ui.by_role("textbox", "Number").await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    console.ui.wait_for("the empty field to be marked", "return document.activeElement?.ariaInvalid === 'true' || document.activeElement?.getAttribute('aria-invalid') === 'true'").await?;
    ensure!(running.program.sessions().await.is_empty(), "nothing is sent before the form is filled in");
    number.send_keys("555").await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    wait_until_active(&console, &["active"], &running.program).await?;
    signed_in_because(&running, "ticket 7 (Phone 555)").await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_forest_express_are_asked_whether_the_backend_describes_them_or_the_file() -> Result<()> {
    let server = postgres();
    let url = server.url("postgres", "shop");
    let program = forest("sequelize.mjs", ("DATABASE_URL", &url));
    let directory = format!("url = \"{url}\"\ntable = \"public.users\"\nid = \"id\"");
    let running = of_forest(program, "forest-legacy", &directory, ["1".into(), "2".into()]);
    let mut running = with_action(running, "/forest/actions/impersonate-with-reason");
    let stage = staged(&running).await?;
    let console = stage.open(&[]).await?;
    console.prepare("1", "ticket 8").await?;
    // The backend's hook fills it in.
    console.ui.by_role("combobox", "Channel").await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    wait_until_active(&console, &["active"], &running.program).await?;
    signed_in_because(&running, "ticket 8 (E-mail)").await?;
    // The action's longer message can be read, but does nothing.
    let said = console.ui.with_text("status", "Plan: pro").await?.text().await?;
    ensure!(said.contains("Impersonating user 1") && said.contains("Account"), "{said}");
    console.ui.wait_for("nothing of it to act", "return document.title === 'Understudy' && !document.querySelector('[role=status] img, [role=status] script')").await?;
    console.ui.quit().await?;

    let fields = "[[sign_in.forest.fields]]\nname = \"Reason\"\nrequired = true\n\
                  [[sign_in.forest.fields]]\nname = \"Channel\"\nchoices = [\"Phone\", \"Chat\"]\nvalue = \"Chat\"\n";
    running.connection =
        running.connection.replace("impersonate-with-reason", "impersonate-as-declared") + fields;
    let stage = staged(&running).await?;
    let console = stage.open(&[]).await?;
    console.prepare("1", "ticket 9").await?;
    choose(&console, "Channel", "Phone").await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    wait_until_active(&console, &["active"], &running.program).await?;
    signed_in_because(&running, "ticket 9 (Phone)").await?;
    console.ui.quit().await
}
