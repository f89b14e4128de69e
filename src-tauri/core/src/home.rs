//! Where files are on this computer. Folders are for their owner only. What the files contain is up to the modules that
//! write them.

use std::path::{Path, PathBuf};

use understudy_files::private_file;

use crate::error::{Code, Error, Result};
use crate::trust::{self, TrustedOwners};

const CONFIG: &str = "understudy";

/// On Windows, this must differ from the name of the folder that the installer creates for the program and removes
/// again.
const DATA: &str = if cfg!(windows) { "understudy-data" } else { "understudy" };

/// The name of the file with what the team has agreed on.
pub const TEAM_FILE: &str = "team.toml";

/// The folders of one operator on one computer.
///
/// `UNDERSTUDY_HOME` moves all of them into one folder (for tests and portable installations); otherwise they are where
/// the platform keeps configuration and data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    config: PathBuf,
    data: PathBuf,
    system_connections: PathBuf,
    /// Everything is below one folder of the operator's.
    is_moved: bool,
}

impl Home {
    /// Fails if the platform has no folder for this operator's files.
    pub fn locate() -> Result<Self> {
        match std::env::var_os("UNDERSTUDY_HOME").filter(|folder| !folder.is_empty()) {
            Some(folder) => {
                let folder = PathBuf::from(folder);
                let absolute = std::path::absolute(&folder)
                    .map_err(|cause| Error::for_file("find UNDERSTUDY_HOME at", &folder, cause))?;
                Ok(Self::in_folder(has_text_for_a_name(absolute)?))
            }
            None => Ok(Self {
                config: platform_folder(dirs::config_dir(), CONFIG, "configuration")?,
                // Not Windows' roaming folder: the audit log belongs to this computer.
                data: platform_folder(dirs::data_local_dir(), DATA, "data")?,
                system_connections: system_connections(),
                is_moved: false,
            }),
        }
    }

    /// Everything under one folder, including what IT hands out.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        let config = folder.into();
        Self {
            data: config.join("data"),
            system_connections: config.join("system").join("connections"),
            config,
            is_moved: true,
        }
    }

    /// The operator's own connections. This method and those below create their folder if it is missing.
    pub fn connections_dir(&self) -> Result<PathBuf> {
        ensure_folder(self.config.join("connections"))
    }

    /// Connections handed out by IT. Only read, never created.
    pub fn system_connections_dir(&self) -> &Path {
        &self.system_connections
    }

    /// Whose files in IT's folder are trusted. In a moved home, that folder belongs to the operator.
    pub fn system_is_put_by(&self) -> TrustedOwners {
        if self.is_moved { TrustedOwners::Myself } else { TrustedOwners::Administrators }
    }

    /// The operator's folders that other accounts can write to, although they should not.
    pub fn open_to_others(&self) -> Vec<PathBuf> {
        let folders = [self.config.clone(), self.config.join("connections"), self.data.clone()];
        folders.into_iter().filter(|folder| trust::others_can_write(folder)).collect()
    }

    /// What the team has agreed on, as the operator has it.
    pub fn own_team_file(&self) -> PathBuf {
        self.config.join(TEAM_FILE)
    }

    /// The same, handed out by IT, beside its folder of connections.
    pub fn system_team_file(&self) -> PathBuf {
        self.system_connections.with_file_name(TEAM_FILE)
    }

    pub fn settings_file(&self) -> PathBuf {
        self.config.join("settings.toml")
    }

    pub fn arrangements_file(&self) -> PathBuf {
        self.config.join("arrangements.toml")
    }

    pub fn audit_file(&self) -> Result<PathBuf> {
        Ok(ensure_folder(self.data.clone())?.join("audit.sqlite"))
    }

    /// What was last known of the connection files.
    pub fn known_connections_file(&self) -> Result<PathBuf> {
        Ok(ensure_folder(self.data.clone())?.join("known-connections.json"))
    }

    /// Each quitting console of this home keeps this file locked until its process is gone.
    pub fn quitting_file(&self) -> Result<PathBuf> {
        Ok(ensure_folder(self.data.clone())?.join("quitting"))
    }

    pub fn demo_dir(&self) -> Result<PathBuf> {
        ensure_folder(self.data.join("demo"))
    }

    /// Where summaries wait that are on their way into tickets. Created when there is one.
    pub fn outbox_dir(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// Where it is kept how far the team's systems have the audit log. Created when there is one.
    pub fn feeds_dir(&self) -> PathBuf {
        self.data.join("feeds")
    }

    /// Of which sessions without approval the operator was told. Created when there is something to remember.
    pub fn told_glass_file(&self) -> PathBuf {
        self.data.join("told-broken-glass.json")
    }

    /// Where windows keep their sizes and the storage of the console's page.
    pub fn windows_dir(&self) -> Result<PathBuf> {
        ensure_folder(self.data.join("windows"))
    }
}

fn ensure_folder(folder: PathBuf) -> Result<PathBuf> {
    private_folder(&folder)?;
    Ok(folder)
}

fn platform_folder(base: Option<PathBuf>, folder: &str, what: &str) -> Result<PathBuf> {
    let base = base.ok_or_else(|| {
        Error::new(Code::FileFailed, format!("This system has no folder for your {what} files.")).with_hint(
            if cfg!(windows) {
                "Set UNDERSTUDY_HOME to the folder that Understudy may use."
            } else {
                "Set HOME, or set UNDERSTUDY_HOME to the folder that Understudy may use."
            },
        )
    })?;
    has_text_for_a_name(base.join(folder))
}

/// SQLite can only open paths that are valid text, and without SQLite there is no audit log.
fn has_text_for_a_name(folder: PathBuf) -> Result<PathBuf> {
    if folder.to_str().is_some() {
        return Ok(folder);
    }
    Err(Error::new(
        Code::FileFailed,
        format!("The name of the folder {} is not UTF-8 text.", folder.display()),
    )
    .with_hint("Set UNDERSTUDY_HOME to a folder whose name is UTF-8."))
}

fn system_connections() -> PathBuf {
    if cfg!(windows) {
        let program_data =
            std::env::var_os("ProgramData").map_or_else(|| PathBuf::from(r"C:\ProgramData"), PathBuf::from);
        program_data.join("Understudy").join("connections")
    } else if cfg!(target_os = "macos") {
        PathBuf::from("/Library/Application Support/Understudy/connections")
    } else {
        PathBuf::from("/etc/understudy/connections")
    }
}

/// Does this on a thread that may wait: a home may be on a slow network, and everything else goes on meanwhile.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
}

/// Creates a folder and its missing parents for their owner only (0700 on Unix).
pub fn private_folder(folder: &Path) -> Result<()> {
    Ok(private_file::create_folder(folder)?)
}

/// Writes a file for its owner only (0600 on Unix) and replaces an older one atomically: readers see the old text or
/// the new one, even after a power cut.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    Ok(private_file::write_text(path, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_holds_everything_and_is_made_on_demand() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::in_folder(base.path().join("portable"));
        assert!(!base.path().join("portable").exists());
        for folder in [home.connections_dir(), home.demo_dir(), home.windows_dir()] {
            let folder = folder.unwrap();
            assert!(folder.starts_with(base.path()) && folder.is_dir(), "{}", folder.display());
        }
        assert!(home.audit_file().unwrap().parent().unwrap().is_dir());
        assert!(home.settings_file().starts_with(base.path()));
        assert!(home.system_connections_dir().starts_with(base.path()));
        assert!(!home.system_connections_dir().exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("taken");
        std::fs::write(&file, "").unwrap();
        let error = write_private(&file.join("settings.toml"), "one").unwrap_err();
        assert_eq!(error.code, Code::FileFailed);
        assert!(error.message.starts_with("Could not make the folder"), "{error}");
        assert!(error.message.contains("taken"), "{error}");
    }
}
