//! The demo: a directory of invented people, and a small customer application that they are customers of.
//!
//! It is what `understudy demo` shows, and the customer application that the tests sign in to.

mod application;
mod books;
mod chance;
mod customers;
mod directory_file;
mod edge_cases;
mod error;
mod faults;
mod hostile;
mod journal;
mod names;
mod oddities;
mod pages;
mod people;
mod sign_in;

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use secrecy::SecretString;
use url::Url;

pub use application::{Application, Options};
pub use directory_file::write_directory;
pub use error::{DemoError, Result};
pub use faults::{CookieSameSite, Delay, Faults, LoginAnswer, MeAnswer};
pub use journal::Received;

/// How the secret is called that the demo's connection asks the vault for.
pub const ADMIN_TOKEN: &str = "admin_token";

/// The running demo: keep it, and the application runs.
pub struct Demo {
    pub application: Application,
    /// The connection file that leads to it; see [`connection_text`].
    pub connection_text: String,
}

impl Demo {
    /// Makes the directory in `folder` if it is not there yet, and starts the application on a free port.
    ///
    /// `today` is the day in UTC: the newest users were created on it. `admin_token` is what the
    /// connection's `{{ secret.admin_token }}` must hold.
    pub async fn start(folder: &Path, admin_token: SecretString, today: Date) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|cause| DemoError::file("make the folder", folder, &cause))?;
        let directory = folder.join("ledgerline.sqlite");
        write_directory(&directory, today).await?;
        let options = Options { admin_token, directory: directory.clone(), port: None, today };
        let application = Application::start(options).await?;
        let connection_text = connection_text(application.origin(), &directory);
        Ok(Self { application, connection_text })
    }
}

/// Today in UTC, for [`Demo::start`].
pub fn today() -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// The demo's connection file. It is commented, because it is the first one that many people read.
///
/// `origin` is where the application runs, without a slash at its end; `directory` is the database file.
pub fn connection_text(origin: &str, directory: &Path) -> String {
    include_str!("connection.toml")
        .replace("http://127.0.0.1:1", origin)
        .replace("sqlite:///ledgerline.sqlite", &sqlite_url(directory))
}

/// `sqlite:///path`, with what a URL cannot hold percent-encoded.
pub fn sqlite_url(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    match Url::from_file_path(&absolute) {
        Ok(url) => url.as_str().replacen("file:", "sqlite:", 1),
        // Only a path that is not absolute has no URL.
        Err(()) => format!("sqlite://{}", absolute.display()),
    }
}
