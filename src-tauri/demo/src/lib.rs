//! The demo: a directory of invented people, and a small customer application whose customers they are.
//!
//! `understudy demo` shows it, and the tests sign in to its application.

mod application;
mod billing;
mod customers;
mod directory_file;
mod edge_cases;
mod error;
mod faults;
mod helpdesk;
mod hostile;
mod journal;
mod names;
mod oddities;
mod pages;
mod people;
mod rng;
mod sign_in;

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use secrecy::SecretString;
use url::Url;

pub use application::{Application, Options};
pub use directory_file::write_directory;
pub use error::{DemoError, Result};
pub use faults::{CookieSameSite, Delay, Faults, LoginAnswer, MeAnswer};
pub use journal::ReceivedRequest;

/// The name of the secret that the demo's connection reads from the vault.
pub const ADMIN_TOKEN: &str = "admin_token";

/// The running demo. The application stops when this is dropped.
pub struct Demo {
    pub application: Application,
    /// The text of its connection file; see [`connection_text`].
    pub connection_text: String,
}

impl Demo {
    /// Creates the directory in `folder` if it does not exist, and starts the application on a free port.
    ///
    /// `today` is the current day in UTC, on which the newest users were created. `admin_token` is the value that the
    /// connection's `{{ secret.admin_token }}` must have.
    pub async fn start(folder: &Path, admin_token: SecretString, today: Date) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|cause| DemoError::from_io("make the folder", folder, &cause))?;
        let directory = folder.join("ledgerline.sqlite");
        write_directory(&directory, today).await?;
        let options = Options { admin_token, directory: directory.clone(), port: None, today };
        let application = Application::start(options).await?;
        let connection_text = connection_text(application.origin(), &directory);
        Ok(Self { application, connection_text })
    }
}

/// Today in UTC, for [`Demo::start`].
pub fn today_in_utc() -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// The text of the demo's connection file. It has comments because it is the first one that many people read.
///
/// `origin` is the application's origin, without a trailing slash; `directory` is the database file.
pub fn connection_text(origin: &str, directory: &Path) -> String {
    include_str!("connection.toml")
        .replace("http://127.0.0.1:1", origin)
        .replace("sqlite:///ledgerline.sqlite", &sqlite_url(directory))
}

/// `sqlite:///path`, percent-encoded where necessary.
pub fn sqlite_url(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    match Url::from_file_path(&absolute) {
        Ok(url) => url.as_str().replacen("file:", "sqlite:", 1),
        // Only a relative path has no URL.
        Err(()) => format!("sqlite://{}", absolute.display()),
    }
}
