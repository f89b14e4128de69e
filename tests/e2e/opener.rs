//! What a desktop opens addresses and folders with: a stand-in for `xdg-open`, which comes first in the application's
//! `PATH`.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;
use understudy_test_support::stage::Stage;
use understudy_test_support::wait::until;

pub struct Opener {
    calls: PathBuf,
}

/// One start of the program.
#[derive(Debug)]
pub struct Opened {
    pub arguments: Vec<String>,
    pub environment: String,
}

impl Opener {
    /// Puts it into the stage's environment, before the application starts.
    pub fn install(stage: &mut Stage) -> Result<Self> {
        let folder = stage.home_path().join("programs");
        let calls = folder.join("calls");
        std::fs::create_dir_all(&calls)?;
        let program = folder.join("xdg-open");
        let calls_ = calls.display();
        std::fs::write(
            &program,
            format!(
                "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{calls_}/arguments.new'\nenv > '{calls_}/environment'\n\
                 mv '{calls_}/arguments.new' '{calls_}/arguments'\n"
            ),
        )?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let path = std::env::var("PATH").unwrap_or_default();
        stage.set_env("PATH", &format!("{}:{path}", folder.display()));
        Ok(Self { calls })
    }

    /// What it was started with, once it was.
    pub async fn opened(&self) -> Result<Opened> {
        let arguments = self.calls.join("arguments");
        let text =
            until("something to be opened", async || Ok(std::fs::read_to_string(&arguments).ok())).await?;
        std::fs::remove_file(&arguments)?;
        let environment = std::fs::read_to_string(self.calls.join("environment"))?;
        Ok(Opened { arguments: text.lines().map(str::to_owned).collect(), environment })
    }

    pub fn has_opened(&self) -> bool {
        self.calls.join("arguments").exists()
    }
}
