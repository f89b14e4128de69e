//! A keyring for one test: gnome-keyring on its own D-Bus session, in its own folder.
//!
//! It is the real daemon, so what works here works on a GNOME desktop. A program gets it through its environment
//! ([`Keyring::env`]); code in the test's own process through [`alone`], because changing the environment is not safe
//! once threads run. Everything started here ends with the value.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use zbus::fdo::DBusProxy;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

use crate::desktop::dies_with_us;
use crate::wait::PATIENCE;

/// The Secret Service's name on the bus, and its object.
const SERVICE: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";

/// Unlocks the keyring; a test never types it.
const PASSWORD: &str = "understudy-test";

/// The variable with the keyring folder that [`alone`] made for this process.
const FOLDER: &str = "UNDERSTUDY_TEST_KEYRING";

/// A folder for a D-Bus session and its keyring, and those of the two that run.
pub struct Keyring {
    folder: PathBuf,
    _owned: Option<TempDir>,
    bus: Option<Bus>,
    daemon: Option<Child>,
}

struct Bus {
    connection: zbus::Connection,
    process: Child,
}

impl Keyring {
    /// A running session with an unlocked, empty keyring.
    pub async fn start() -> Result<Self> {
        let mut keyring = Self::absent()?;
        keyring.start_bus().await?;
        keyring.start_daemon().await?;
        Ok(keyring)
    }

    /// A folder for both, with nothing running yet: no D-Bus, no keyring.
    pub fn absent() -> Result<Self> {
        let owned = tempfile::tempdir()?;
        let keyring = Self::at(owned.path().to_owned());
        for folder in [keyring.runtime(), keyring.folder.join("home")] {
            // The XDG base directory specification requires that others cannot access the runtime folder.
            std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        Ok(Self { _owned: Some(owned), ..keyring })
    }

    fn at(folder: PathBuf) -> Self {
        Self { folder, _owned: None, bus: None, daemon: None }
    }

    fn runtime(&self) -> PathBuf {
        self.folder.join("run")
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.runtime().join("bus").display())
    }

    /// The environment that makes a program keep its secrets here. It is complete before anything runs, and moves the
    /// program's home too.
    pub fn env(&self) -> BTreeMap<String, String> {
        let home = self.folder.join("home");
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        BTreeMap::from([
            ("DBUS_SESSION_BUS_ADDRESS".into(), self.address()),
            ("XDG_RUNTIME_DIR".into(), path(self.runtime())),
            ("XDG_DATA_HOME".into(), path(home.join(".local/share"))),
            ("XDG_CONFIG_HOME".into(), path(home.join(".config"))),
            ("XDG_CACHE_HOME".into(), path(home.join(".cache"))),
            ("HOME".into(), path(home)),
        ])
    }

    /// Starts only the D-Bus session, without service activation. Returns when it accepts connections.
    pub async fn start_bus(&mut self) -> Result<()> {
        ensure!(self.bus.is_none(), "the bus runs already");
        let config = self.folder.join("bus.conf");
        // No service folders: what is missing in a test stays missing, and no prompt appears.
        std::fs::write(
            &config,
            format!(
                "<busconfig><type>session</type><listen>{}</listen><auth>EXTERNAL</auth>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>\
                 </busconfig>",
                self.address()
            ),
        )?;
        let mut process = dies_with_us("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .envs(self.env())
            .stdout(Stdio::piped())
            .stderr(self.log("bus.log")?)
            .spawn()
            .context("dbus-daemon cannot be started: script/bootstrap installs it")?;
        // It prints its address once it listens.
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        tokio::time::timeout(PATIENCE, stdout.read_line(&mut line))
            .await
            .context("dbus-daemon did not get ready")??;
        if line.is_empty() {
            bail!("dbus-daemon ended at once: {}", self.read_log("bus.log"));
        }
        let connection = zbus::connection::Builder::address(self.address().as_str())?.build().await?;
        self.bus = Some(Bus { connection, process });
        Ok(())
    }

    /// Starts the keyring on the running bus and returns when it is there and unlocked. What an earlier daemon stored
    /// in this folder is still there.
    pub async fn start_daemon(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the keyring runs already");
        let bus = DBusProxy::new(self.connection()?).await?;
        let mut owners = bus.receive_name_owner_changed_with_args(&[(0, SERVICE)]).await?;

        let mut daemon = dies_with_us("gnome-keyring-daemon")
            .args(["--unlock", "--components=secrets", "--foreground"])
            .envs(self.env())
            .env_remove("GNOME_KEYRING_CONTROL")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(self.log("keyring.log")?)
            .spawn()
            .context("gnome-keyring-daemon cannot be started: script/bootstrap installs it")?;
        // It reads the password up to the end of its input.
        let mut stdin = daemon.stdin.take().expect("stdin is piped");
        stdin.write_all(PASSWORD.as_bytes()).await?;
        drop(stdin);

        let appeared = async {
            while let Some(change) = owners.next().await {
                if change.args()?.new_owner().is_some() {
                    return Ok(());
                }
            }
            bail!("the bus went away")
        };
        tokio::select! {
            appeared = tokio::time::timeout(PATIENCE, appeared) => appeared.context("no keyring on the bus")??,
            status = daemon.wait() => bail!("the keyring ended ({}): {}", status?, self.read_log("keyring.log")),
        }
        self.daemon = Some(daemon);
        ensure!(!self.is_locked().await?, "the keyring did not unlock: {}", self.read_log("keyring.log"));
        Ok(())
    }

    /// Locks the keyring. Without a prompter ([`Self::ignore_prompts`]), a prompt is dismissed at once.
    pub async fn lock(&self) -> Result<()> {
        let collection = self.collection().await?;
        self.connection()?
            .call_method(
                Some(SERVICE),
                SERVICE_PATH,
                Some("org.freedesktop.Secret.Service"),
                "Lock",
                &vec![collection],
            )
            .await?;
        ensure!(self.is_locked().await?, "the keyring did not lock");
        Ok(())
    }

    /// Whether the default collection is locked.
    pub async fn is_locked(&self) -> Result<bool> {
        let answer = self
            .connection()?
            .call_method(
                Some(SERVICE),
                self.collection().await?,
                Some("org.freedesktop.DBus.Properties"),
                "Get",
                &("org.freedesktop.Secret.Collection", "Locked"),
            )
            .await?;
        Ok(answer.body().deserialize::<OwnedValue>()?.try_into()?)
    }

    /// How many entries have all of these attributes; any program may ask that.
    pub async fn count(&self, attributes: &[(&str, &str)]) -> Result<usize> {
        let attributes: HashMap<_, _> = attributes.iter().copied().collect();
        let answer = self
            .connection()?
            .call_method(
                Some(SERVICE),
                SERVICE_PATH,
                Some("org.freedesktop.Secret.Service"),
                "SearchItems",
                &attributes,
            )
            .await?;
        let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = answer.body().deserialize()?;
        Ok(unlocked.len() + locked.len())
    }

    /// From now on, a prompt is accepted and then left unanswered, as if the operator had gone for lunch.
    pub async fn ignore_prompts(&self) -> Result<IgnoredPrompts> {
        let (asked, prompts) = watch::channel(0);
        let connection = zbus::connection::Builder::address(self.address().as_str())?
            .name("org.gnome.keyring.SystemPrompter")?
            .serve_at("/org/gnome/keyring/Prompter", Prompter { asked })?
            .build()
            .await?;
        Ok(IgnoredPrompts { prompts, _connection: connection })
    }

    /// From now on, the keyring neither answers nor exits.
    pub async fn freeze_daemon(&self) -> Result<()> {
        let pid = self.daemon.as_ref().and_then(Child::id).context("no keyring runs")?;
        let sent = tokio::process::Command::new("kill").args(["-STOP", &pid.to_string()]).status().await?;
        ensure!(sent.success(), "the keyring was not stopped");
        Ok(())
    }

    /// Ends the keyring; the bus stays.
    pub async fn stop_daemon(&mut self) -> Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().await?;
        }
        Ok(())
    }

    /// Ends the keyring and the bus. The folder stays until the value is dropped.
    pub async fn stop(&mut self) -> Result<()> {
        self.stop_daemon().await?;
        if let Some(Bus { connection, mut process }) = self.bus.take() {
            drop(connection);
            process.kill().await?;
        }
        Ok(())
    }

    fn connection(&self) -> Result<&zbus::Connection> {
        Ok(&self.bus.as_ref().context("no bus runs")?.connection)
    }

    async fn collection(&self) -> Result<OwnedObjectPath> {
        let answer = self
            .connection()?
            .call_method(
                Some(SERVICE),
                SERVICE_PATH,
                Some("org.freedesktop.Secret.Service"),
                "ReadAlias",
                &"default",
            )
            .await?;
        Ok(answer.body().deserialize()?)
    }

    fn log(&self, name: &str) -> Result<std::fs::File> {
        Ok(std::fs::File::create(self.folder.join(name))?)
    }

    fn read_log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default().trim().to_owned()
    }
}

/// Leaves prompts unanswered until it is dropped.
pub struct IgnoredPrompts {
    prompts: watch::Receiver<usize>,
    _connection: zbus::Connection,
}

impl IgnoredPrompts {
    /// Returns when the first prompt is up.
    pub async fn asked(&mut self) -> Result<()> {
        tokio::time::timeout(PATIENCE, self.prompts.wait_for(|count| *count > 0))
            .await
            .context("the keyring asked nobody")??;
        Ok(())
    }

    /// How many prompts have come up so far.
    pub fn count(&self) -> usize {
        *self.prompts.borrow()
    }
}

/// The part of GNOME's prompter that the keyring calls first (gcr, `org.gnome.keyring.Prompter.xml`).
struct Prompter {
    asked: watch::Sender<usize>,
}

#[zbus::interface(name = "org.gnome.keyring.internal.Prompter")]
impl Prompter {
    fn begin_prompting(&self, callback: OwnedObjectPath) {
        drop(callback);
        self.asked.send_modify(|asked| *asked += 1);
    }

    #[allow(clippy::unused_self, reason = "the shape zbus wants")]
    fn stop_prompting(&self, callback: OwnedObjectPath) {
        drop(callback);
    }
}

/// Runs `story` in a process of its own, with the environment of a keyring that is [`absent`](Keyring::absent) until
/// the story starts it.
///
/// Call it from a `#[test]` with that test's own full name: the test program is started again for this one test. Panics
/// if the story does, or if it does not end within [`PATIENCE`].
pub fn alone(test: &str, story: impl AsyncFnOnce(Keyring)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        let told = folder.join("told");
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, story(Keyring::at(folder)))
                .await
                .expect("the story did not end in time");
        });
        std::fs::write(told, test).expect("the folder takes a file");
        return;
    }
    let keyring = Keyring::absent().expect("a folder for the keyring");
    let program = std::env::current_exe().expect("the test's own program");
    let status = std::process::Command::new(program)
        .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .envs(keyring.env())
        .env(FOLDER, &keyring.folder)
        .status()
        .expect("the test's own program starts");
    assert!(status.success(), "the story failed in its own process; see above");
    assert!(was_told(&keyring.folder, test), "there is no test named \"{test}\"");
}

fn was_told(folder: &Path, test: &str) -> bool {
    std::fs::read_to_string(folder.join("told")).is_ok_and(|told| told == test)
}
