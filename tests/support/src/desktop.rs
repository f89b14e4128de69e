//! A desktop for one test: an X server without a screen (Xvfb) and a window manager (openbox).
//!
//! This is what an operator does with hands and eyes: look at windows, press keys, click, close, take a screenshot.
//! What happens inside a page is up to `webdriver`. Everything started here ends with the value, and with the test's
//! process if that is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::screen::ScreenRecording;
use crate::wait::{PATIENCE, until};

/// Width and height of the screen, in pixels.
pub const SCREEN: (u32, u32) = (1600, 1000);

/// A running X server with a window manager.
pub struct Desktop {
    display: String,
    _window_manager: Child,
    _server: Child,
    folder: TempDir,
}

/// A top-level window, as listed by the window manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// X11's ID of the window.
    pub id: u32,
    pub title: String,
}

impl Desktop {
    /// Starts both on a free display and returns when windows can be opened on it.
    pub async fn start() -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, &[]).await
    }

    /// The same, with a screen that can be recorded.
    pub async fn start_recordable() -> Result<Self> {
        // In memory, so that no disk is busy with it.
        let folder = tempfile::tempdir_in("/dev/shm")?;
        let path = folder.path().display().to_string();
        Self::start_in(folder, &["-fbdir", &path]).await
    }

    /// Records what is on the screen from now on.
    pub fn record_screen(&self) -> Result<ScreenRecording> {
        ScreenRecording::start(&self.folder.path().join("Xvfb_screen0"))
    }

    async fn start_in(folder: TempDir, more: &[&str]) -> Result<Self> {
        let server_log = folder.path().join("xvfb.log");
        let screen = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        let mut server = dies_with_us("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-dpi", "96", "-nolisten", "tcp", "-noreset"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&server_log)?)
            .spawn()
            .context("Xvfb cannot be started: script/bootstrap installs it")?;

        // Xvfb chooses a free display number and prints it once it accepts clients.
        let mut number = String::new();
        let mut stdout = BufReader::new(server.stdout.take().expect("stdout is piped"));
        tokio::time::timeout(PATIENCE, stdout.read_line(&mut number))
            .await
            .context("Xvfb did not get ready")??;
        let number = number.trim();
        if number.is_empty() {
            bail!("Xvfb ended at once: {}", std::fs::read_to_string(&server_log).unwrap_or_default().trim());
        }
        let display = format!(":{number}");

        let window_manager = dies_with_us("openbox")
            .arg("--sm-disable")
            .env("DISPLAY", &display)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("openbox.log"))?)
            .spawn()
            .context("openbox cannot be started: script/bootstrap installs it")?;

        let desktop = Self { display, _window_manager: window_manager, _server: server, folder };
        until("openbox to manage windows", async || {
            // EWMH 1.5, "_NET_SUPPORTING_WM_CHECK": set on the root window once a window manager runs.
            let answer = desktop.x("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"]).await?;
            Ok(answer.contains("window id").then_some(()))
        })
        .await?;
        Ok(desktop)
    }

    /// The environment that makes a program open its windows here.
    pub fn env(&self) -> BTreeMap<String, String> {
        [
            ("DISPLAY", self.display.as_str()),
            // Not the developer's own Wayland desktop, whatever WAYLAND_DISPLAY says.
            ("GDK_BACKEND", "x11"),
            // No accessibility bus: GTK would wait for one and log an error.
            ("NO_AT_BRIDGE", "1"),
            // Xvfb has no GPU to share buffers with.
            ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// All current windows, oldest first.
    pub async fn windows(&self) -> Result<Vec<Window>> {
        // One line each: ID, workspace, host, title.
        let list = loop {
            match self.x("wmctrl", &["-u", "-l"]).await {
                // A window was closed after it was listed and before all of it was read: BadWindow, or BadDrawable.
                Err(error) if error.to_string().contains("X Error of failed request") => {}
                list => break list?,
            }
        };
        Ok(list
            .lines()
            .filter_map(|line| {
                let mut parts = line.splitn(2, char::is_whitespace);
                let id = u32::from_str_radix(parts.next()?.trim_start_matches("0x"), 16).ok()?;
                let (_workspace, rest) = parts.next()?.trim_start().split_once(' ')?;
                let title = rest.trim_start().split_once(' ').map_or("", |(_host, title)| title);
                Some(Window { id, title: title.to_owned() })
            })
            .collect())
    }

    /// The first window whose title contains `title`, once there is one.
    pub async fn wait_for_window(&self, title: &str) -> Result<Window> {
        let found = until(&format!("a window titled {title:?}"), async || {
            Ok(self.windows().await?.into_iter().find(|window| window.title.contains(title)))
        })
        .await;
        match found {
            Ok(window) => Ok(window),
            Err(error) => Err(error.context(format!("open windows: {:?}", self.windows().await?))),
        }
    }

    /// Returns when no window's title contains `title` any more.
    pub async fn wait_until_gone(&self, title: &str) -> Result<()> {
        until(&format!("the window titled {title:?} to be gone"), async || {
            Ok(self.windows().await?.iter().all(|window| !window.title.contains(title)).then_some(()))
        })
        .await
    }

    /// The window with the keyboard focus, if any.
    pub async fn active_window(&self) -> Result<Option<Window>> {
        let answer = self.x("xprop", &["-root", "-notype", "32x", " $0", "_NET_ACTIVE_WINDOW"]).await?;
        let id =
            answer.split_whitespace().find_map(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok());
        Ok(self.windows().await?.into_iter().find(|window| Some(window.id) == id))
    }

    /// Brings the window to the front and waits until it has the keyboard focus.
    pub async fn focus(&self, window: &Window) -> Result<()> {
        self.x("wmctrl", &["-i", "-a", &format!("{:#x}", window.id)]).await?;
        self.wait_until_active(window).await
    }

    /// Returns when the window has the keyboard focus, for whatever reason. Fails at once if the window is gone: a test
    /// that presses keys until a window closes may press one too many.
    pub async fn wait_until_active(&self, window: &Window) -> Result<()> {
        until(&format!("{:?} to have the keyboard", window.title), async || {
            if self.active_window().await?.is_some_and(|active| active.id == window.id) {
                return Ok(Some(()));
            }
            let is_there = self.windows().await?.iter().any(|one| one.id == window.id);
            ensure!(is_there, "the window {:?} is gone", window.title);
            Ok(None)
        })
        .await
    }

    /// Presses keys one after another in the window, with xdotool's names: `ctrl+Return`, `Escape`, `Down`.
    pub async fn press(&self, window: &Window, keys: &[&str]) -> Result<()> {
        self.focus(window).await?;
        self.x("xdotool", &[&["key", "--clearmodifiers"], keys].concat()).await?;
        Ok(())
    }

    /// Types text into the focused element of the window.
    ///
    /// # Errors
    ///
    /// Also for a character without a key on a US keyboard: xdotool would bind a spare key to it, and a window that
    /// learns of the new keyboard map too late loses the character.
    pub async fn type_text(&self, window: &Window, text: &str) -> Result<()> {
        ensure!(
            text.is_ascii(),
            "{text:?} cannot be typed on a US keyboard: paste it, or use Browser::press"
        );
        self.focus(window).await?;
        self.x("xdotool", &["type", "--clearmodifiers", "--delay", "12", "--", text]).await?;
        Ok(())
    }

    /// Clicks with the left button at a point relative to the window's content, in pixels.
    pub async fn click(&self, window: &Window, x: u32, y: u32) -> Result<()> {
        self.click_with("1", window, x, y).await
    }

    /// Clicks with the middle button, as [`Self::click`].
    pub async fn middle_click(&self, window: &Window, x: u32, y: u32) -> Result<()> {
        self.click_with("2", window, x, y).await
    }

    /// Opens the context menu, as [`Self::click`].
    pub async fn right_click(&self, window: &Window, x: u32, y: u32) -> Result<()> {
        self.click_with("3", window, x, y).await
    }

    async fn click_with(&self, button: &str, window: &Window, x: u32, y: u32) -> Result<()> {
        self.focus(window).await?;
        let (id, x, y) = (window.id.to_string(), x.to_string(), y.to_string());
        // Without `--sync`, which waits 15 s for a pointer that is there already. The server takes both in order anyway.
        self.x("xdotool", &["mousemove", "--window", &id, &x, &y, "click", button]).await?;
        Ok(())
    }

    /// Presses the left button at a point relative to the window's content, and keeps it pressed.
    pub async fn hold(&self, window: &Window, x: u32, y: u32) -> Result<()> {
        self.focus(window).await?;
        let (id, x, y) = (window.id.to_string(), x.to_string(), y.to_string());
        self.x("xdotool", &["mousemove", "--window", &id, &x, &y, "mousedown", "1"]).await?;
        Ok(())
    }

    /// Moves the pointer by so many pixels, step by step.
    pub async fn move_pointer(&self, by: (u32, u32)) -> Result<()> {
        for _ in 0..5 {
            let [x, y] = [by.0, by.1].map(|way| (way / 5).to_string());
            self.x("xdotool", &["mousemove_relative", &x, &y]).await?;
        }
        Ok(())
    }

    /// Releases the left button.
    pub async fn release(&self) -> Result<()> {
        self.x("xdotool", &["mouseup", "1"]).await?;
        Ok(())
    }

    /// Puts text on the clipboard, like another program. It stays until the value is dropped or something else is
    /// copied.
    pub async fn copy(&self, text: &str) -> Result<Child> {
        let mut owner = dies_with_us("xclip")
            .args(["-selection", "clipboard", "-quiet", "-in"])
            .env("DISPLAY", &self.display)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("xclip cannot be started: script/bootstrap installs it")?;
        let mut input = owner.stdin.take().context("piped")?;
        input.write_all(text.as_bytes()).await?;
        drop(input);
        until("the text to be in the clipboard", async || {
            Ok(self.copied().await.is_ok_and(|copied| copied == text).then_some(()))
        })
        .await?;
        Ok(owner)
    }

    /// The text on the clipboard.
    pub async fn copied(&self) -> Result<String> {
        self.x("xclip", &["-selection", "clipboard", "-out"]).await
    }

    /// Closes the window like its close button (`WM_DELETE_WINDOW`); the application decides what happens.
    pub async fn close(&self, window: &Window) -> Result<()> {
        self.x("wmctrl", &["-i", "-c", &format!("{:#x}", window.id)]).await?;
        Ok(())
    }

    /// Maximises the window, like a double click on its title.
    pub async fn maximize(&self, window: &Window) -> Result<()> {
        let id = format!("{:#x}", window.id);
        self.x("wmctrl", &["-i", "-r", &id, "-b", "add,maximized_vert,maximized_horz"]).await?;
        self.wait_until_maximized(window).await
    }

    /// Returns when the window is maximised.
    pub async fn wait_until_maximized(&self, window: &Window) -> Result<()> {
        until(&format!("{:?} to fill the screen", window.title), async || {
            let said = self.x("xprop", &["-id", &window.id.to_string(), "_NET_WM_STATE"]).await?;
            Ok(said.contains("MAXIMIZED_HORZ").then_some(()))
        })
        .await
    }

    /// Resizes the window's content, in pixels, like dragging its frame.
    pub async fn resize(&self, window: &Window, size: (u32, u32)) -> Result<()> {
        let (id, width, height) = (window.id.to_string(), size.0.to_string(), size.1.to_string());
        self.x("xdotool", &["windowsize", &id, &width, &height]).await?;
        self.wait_for_size(window, size).await
    }

    /// Returns when the window's content has this size, in pixels.
    pub async fn wait_for_size(&self, window: &Window, size: (u32, u32)) -> Result<()> {
        let wanted = format!("WIDTH={}\nHEIGHT={}\n", size.0, size.1);
        until(&format!("{:?} to be {} by {} pixels large", window.title, size.0, size.1), async || {
            let said = self.x("xdotool", &["getwindowgeometry", "--shell", &window.id.to_string()]).await?;
            Ok(said.contains(&wanted).then_some(()))
        })
        .await
    }

    /// Returns when the window shows a page: when the area below the session's bar has as many colours as a page has,
    /// and a launch page hasn't. The demo's pages have 1,500, a launch page has 340.
    pub async fn wait_until_painted(&self, window: &Window) -> Result<()> {
        until(&format!("{:?} to be painted", window.title), async || {
            let id = window.id.to_string();
            let colours = self
                .x("import", &["-window", &id, "-crop", "+0+60", "+repage", "-format", "%k", "info:"])
                .await?;
            Ok(colours.trim().parse::<u32>().is_ok_and(|colours| colours > 700).then_some(()))
        })
        .await
    }

    /// Returns when the bar above the session's page is painted, rather than an empty grey area.
    pub async fn wait_until_bar_painted(&self, window: &Window) -> Result<()> {
        until(&format!("the bar of {:?} to be painted", window.title), async || {
            let id = window.id.to_string();
            let colours = self
                .x("import", &["-window", &id, "-crop", "x40+0+0", "+repage", "-format", "%k", "info:"])
                .await?;
            Ok(colours.trim().parse::<u32>().is_ok_and(|colours| colours > 40).then_some(()))
        })
        .await
    }

    /// Returns when the window looks the same twice in a row.
    pub async fn wait_until_still(&self, window: &Window) -> Result<()> {
        let id = window.id.to_string();
        let mut before = String::new();
        until(&format!("{:?} to stand still", window.title), async || {
            let now = self.x("import", &["-window", &id, "-format", "%#", "info:"]).await?;
            let is_still = now == before;
            before = now;
            Ok(is_still.then_some(()))
        })
        .await
    }

    /// The colour at a point relative to the window's content, such as `FBFBFA`.
    pub async fn colour_at(&self, window: &Window, x: u32, y: u32) -> Result<String> {
        let (id, crop) = (window.id.to_string(), format!("1x1+{x}+{y}"));
        let found = self
            .x(
                "import",
                &[
                    "-window",
                    &id,
                    "-depth",
                    "8",
                    "-crop",
                    &crop,
                    "+repage",
                    "-format",
                    "%[hex:p{0,0}]",
                    "info:",
                ],
            )
            .await?;
        Ok(found.trim().chars().take(6).collect())
    }

    /// Saves a PNG of the whole screen, or of one window without its frame.
    pub async fn screenshot(&self, of: Option<&Window>, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let target = of.map_or_else(|| "root".to_owned(), |window| window.id.to_string());
        let path = path.to_str().context("a path in UTF-8")?;
        self.x("import", &["-window", &target, path]).await?;
        Ok(())
    }

    /// Runs an X client on this display until it exits, and returns its output.
    async fn x(&self, program: &str, args: &[&str]) -> Result<String> {
        let output = Command::new(program)
            .args(args)
            .env("DISPLAY", &self.display)
            .output()
            .await
            .with_context(|| format!("{program} cannot be started: script/bootstrap installs it"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        // On a desktop without windows, wmctrl fails; that is an answer too.
        let empty = program == "wmctrl" && args.contains(&"-l") && said.contains("client list");
        ensure!(output.status.success() || empty, "{program} {} failed: {}", args.join(" "), said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A command whose process ends with the value, and with this process even if that is killed.
pub(crate) fn dies_with_us(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]).stdin(Stdio::null()).kill_on_drop(true);
    command
}
