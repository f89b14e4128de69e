//! The real application as its user has it: on a desktop, with a keyring, in a home of its own.
//!
//! WebDriver drives the console and the bars, the keyboard drives the application's page, and the customer application
//! is asked what the page did.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use thirtyfour::WindowHandle;
use thirtyfour::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use understudy_core::home::Home;

use crate::desktop::{Desktop, Window};
use crate::keyring::Keyring;
use crate::processes;
use crate::wait::until;
use crate::webdriver::Browser;

/// A desktop with a keyring and a home; the application is not running yet.
pub struct Stage {
    pub desktop: Desktop,
    pub keyring: Keyring,
    home: TempDir,
    /// The application.
    binary: PathBuf,
    /// What is started: the application, or a script that starts it on a computer with another name.
    program: PathBuf,
    more_env: BTreeMap<String, String>,
}

impl Stage {
    pub async fn set(binary: &Path) -> Result<Self> {
        let (desktop, keyring) = tokio::try_join!(Desktop::start(), Keyring::start())?;
        Self::on(desktop, keyring, binary)
    }

    /// A stage whose screen can be recorded.
    pub async fn set_recordable(binary: &Path) -> Result<Self> {
        let (desktop, keyring) = tokio::try_join!(Desktop::start_recordable(), Keyring::start())?;
        Self::on(desktop, keyring, binary)
    }

    /// A stage without a keyring and without a D-Bus session to find one on.
    pub async fn without_keyring(binary: &Path) -> Result<Self> {
        Self::on(Desktop::start().await?, Keyring::absent()?, binary)
    }

    fn on(desktop: Desktop, keyring: Keyring, binary: &Path) -> Result<Self> {
        let (home, binary) = (tempfile::tempdir()?, binary.to_owned());
        let program = binary.clone();
        Ok(Self { desktop, keyring, home, binary, program, more_env: BTreeMap::new() })
    }

    /// From now on, the application runs on a computer with this name: as far as the system tells, on another one than
    /// the tests.
    pub fn name_computer(&mut self, name: &str) -> Result<()> {
        // Only root needs no user namespace to have a computer's name of its own.
        let unshare = "[ \"$(id -u)\" = 0 ] && alone='' || alone='--user --map-current-user --keep-caps'";
        let start = "exec unshare $alone --uts -- sh -c 'hostname \"$0\" && exec \"$@\"'";
        let script = format!("#!/bin/sh\n{unshare}\n{start} {name} '{}' \"$@\"\n", self.binary.display());
        self.program = self.home.path().join("start");
        std::fs::write(&self.program, script)?;
        std::fs::set_permissions(&self.program, std::fs::Permissions::from_mode(0o700))?;
        Ok(())
    }

    /// Sets one more variable in the application's environment.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.more_env.insert(name.into(), value.into());
    }

    /// The application's home.
    pub fn home(&self) -> Home {
        Home::in_folder(self.home.path())
    }

    pub fn home_path(&self) -> &Path {
        self.home.path()
    }

    /// Writes a connection file `<id>.toml`.
    pub fn connection(&self, id: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.home().connections_dir()?.join(format!("{id}.toml")), text)?)
    }

    /// Writes the settings file.
    pub fn settings(&self, text: &str) -> Result<()> {
        Ok(std::fs::write(self.home().settings_file(), text)?)
    }

    /// Runs the program with `input` on its standard input; returns its exit code and output.
    pub async fn run(&self, args: &[&str], input: &str) -> Result<(i32, String)> {
        let output = run_to_end(Command::new(&self.program).args(args).envs(self.env()), input).await?;
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Ok((output.status.code().unwrap_or(-1), said))
    }

    /// Stores a secret like a person: with the command line, from standard input.
    pub async fn secret(&self, connection: &str, name: &str, value: &str) -> Result<()> {
        let (code, said) = self.run(&["secret", "set", connection, name], &format!("{value}\n")).await?;
        ensure!(code == 0, "{said}");
        Ok(())
    }

    /// Starts the program like a desktop, without a driver. It ends with the value.
    pub fn start(&self) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command.envs(self.env()).stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command.spawn()?)
    }

    /// Opens the console and returns when it can be driven.
    pub async fn open(&self, args: &[&str]) -> Result<Console<'_>> {
        let ui = Browser::launch(&self.program, args, self.env()).await?;
        let page = ui.session().window().await?;
        Ok(Console { stage: self, ui, page })
    }

    pub fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.desktop.env();
        env.extend(self.keyring.env());
        env.insert("UNDERSTUDY_HOME".into(), self.home.path().display().to_string());
        env.extend(self.more_env.clone());
        env
    }
}

/// Runs a program with `input` on its standard input.
pub async fn run_to_end(command: &mut Command, input: &str) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("piped")?;
    // A program need not read its input.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    Ok(child.wait_with_output().await?)
}

/// The running console, and what its operator does.
pub struct Console<'a> {
    pub stage: &'a Stage,
    pub ui: Browser,
    /// The driver's handle of the console's page.
    page: WindowHandle,
}

impl Console<'_> {
    /// Switches the driver to the console's page, directly: passing over a bar would give it the keyboard focus.
    pub async fn turn_to(&self) -> Result<()> {
        Ok(self.ui.session().switch_to_window(self.page.clone()).await?)
    }

    /// The console's own window on the desktop, once it is shown.
    pub async fn window(&self) -> Result<Window> {
        until("the console's window to be shown", async || {
            let windows = self.stage.desktop.windows().await?;
            Ok(windows.into_iter().find(|window| window.title == "Understudy"))
        })
        .await
    }

    /// Closes the console's window and confirms that its sessions may end.
    pub async fn close(&self) -> Result<()> {
        self.turn_to().await?;
        let runs =
            self.ask("console_state", "{}").await?["sessions"].as_array().is_some_and(|all| !all.is_empty());
        self.stage.desktop.close(&self.window().await?).await?;
        if runs {
            self.ui.with_text("button", "and quit").await?;
            // The click closes the window, and a driver that waits for the click would wait for the program to exit.
            let click = "const buttons = [...document.querySelectorAll('button')];
                const quit = buttons.find((button) => button.textContent.includes('and quit'));
                setTimeout(() => quit.click());
                return true";
            self.ui.evaluate(click).await?;
        }
        Ok(())
    }

    /// The process ID of the application, while it runs.
    pub fn pid(&self) -> Option<u32> {
        let binary = self.stage.binary.canonicalize().ok()?;
        let mut family = processes::family(self.ui.driver_pid()).into_iter();
        family.find(|pid| processes::program(*pid).as_ref() == Some(&binary))
    }

    /// Sends the application a signal: `TERM`, `INT`, `HUP`.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid().context("the application runs")?;
        processes::signal(pid, name).await
    }

    /// The web processes of sessions' pages: all but the console's, which is the oldest.
    pub fn page_processes(&self) -> Result<Vec<u32>> {
        let family = processes::family(self.pid().context("the application runs")?);
        let mut pages: Vec<u32> =
            family.into_iter().filter(|pid| processes::is_named(*pid, "WebKitWebProces")).collect();
        pages.sort_by_key(|pid| processes::started_at(*pid));
        Ok(pages.split_off(1.min(pages.len())))
    }

    /// Sends a signal to the web process of the only page. A process that has just been replaced may still be exiting.
    pub async fn signal_page(&self, name: &str) -> Result<()> {
        let page = until("one web process of a page", async || {
            let pages = self.page_processes()?;
            Ok(<[u32; 1]>::try_from(pages).ok().map(|[page]| page))
        });
        processes::signal(page.await?, name).await
    }

    /// Returns when the application's process has ended.
    pub async fn wait_until_ended(&self) -> Result<()> {
        until("the application to end", async || Ok(self.pid().is_none().then_some(()))).await
    }

    /// Types into the search field and waits until the first row shows `expected`.
    pub async fn search(&self, text: &str, expected: &str) -> Result<()> {
        self.turn_to().await?;
        let field = self.ui.by_role("searchbox", "Search users").await?;
        // There is nothing to search before the list is loaded.
        self.ui
            .wait_for("a list", "return document.querySelector('[role=grid] [aria-selected]') !== null")
            .await?;
        field.click().await?;
        field.send_keys(Key::Control + "a").await?;
        field.send_keys(text).await?;
        self.ui.with_text("row", expected).await?;
        Ok(())
    }

    /// From the selected row to an open session window: Ctrl+Enter, the reason, Ctrl+Enter.
    pub async fn impersonate(&self, reason: &str) -> Result<()> {
        self.give_reason(reason).await?;
        self.ui.press(Key::Control + Key::Enter).await?;
        self.ui.wait_until_gone("textbox", "Reason").await
    }

    /// Searches for a user by ID and signs in as them.
    pub async fn become_user(&self, id: &str, reason: &str) -> Result<()> {
        self.prepare(id, reason).await?;
        self.ui.press(Key::Control + Key::Enter).await?;
        self.ui.wait_until_gone("textbox", "Reason").await
    }

    /// Does everything but the last keystroke: finds the user by ID and enters the reason.
    pub async fn prepare(&self, id: &str, reason: &str) -> Result<()> {
        self.find(id).await?;
        self.give_reason(reason).await
    }

    /// Searches until the user with this ID is the only one in the list.
    pub async fn find(&self, id: &str) -> Result<()> {
        self.turn_to().await?;
        // There is nothing to search before the list is loaded.
        self.ui
            .wait_for("a list", "return document.querySelector('[role=grid] [aria-selected]') !== null")
            .await?;
        let field = self.ui.by_role("searchbox", "Search users").await?;
        let found = format!(
            "const rows = document.querySelectorAll('[role=grid] [role=row][aria-selected]'); \
             return rows.length === 1 && rows[0].dataset.id === '{id}'"
        );
        // A window that opens elsewhere on the desktop may take the keyboard focus between two letters. A person looks
        // at the field and types again.
        until(&format!("the one row with the id {id}"), async || {
            if field.prop("value").await?.as_deref() != Some(id) {
                field.click().await?;
                field.send_keys(Key::Control + "a").await?;
                field.send_keys(id).await?;
            }
            Ok((self.ui.evaluate(&found).await? == true).then_some(()))
        })
        .await
    }

    async fn give_reason(&self, reason: &str) -> Result<()> {
        self.ui.press(Key::Control + Key::Enter).await?;
        self.ui.by_role("textbox", "Reason").await?.send_keys(reason).await?;
        Ok(())
    }

    /// Calls a command of the core, like the page.
    pub async fn ask(&self, command: &str, arguments: &str) -> Result<serde_json::Value> {
        self.ui.evaluate(&format!("return window.__TAURI_INTERNALS__.invoke('{command}', {arguments})")).await
    }

    /// Presses keys in a session's window until the sessions are in these phases. Once is enough, unless another window
    /// takes the keyboard focus just then.
    pub async fn press_until(&self, window: &Window, keys: &[&str], phases: &[&str]) -> Result<()> {
        until(&format!("{keys:?} to lead to {phases:?}"), async || {
            let pressed = self.stage.desktop.press(window, keys).await;
            // The previous keys may just have closed it.
            if pressed.is_err() && self.stage.desktop.windows().await?.contains(window) {
                pressed?;
            }
            let short = tokio::time::timeout(std::time::Duration::from_secs(4), self.wait_for_phases(phases));
            Ok(short.await.is_ok_and(|waited| waited.is_ok()).then_some(()))
        })
        .await
    }

    /// Waits until exactly these phases are those of the running sessions, oldest first.
    pub async fn wait_for_phases(&self, phases: &[&str]) -> Result<()> {
        self.turn_to().await?;
        let waited = until(&format!("sessions in the phases {phases:?}"), async || {
            let state = self.ask("console_state", "{}").await?;
            let now: Vec<&str> = state["sessions"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["phase"].as_str())
                .collect();
            Ok((now == phases).then_some(()))
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => {
                Err(error.context(format!("instead: {}", self.ask("console_state", "{}").await?["sessions"])))
            }
        }
    }
}
