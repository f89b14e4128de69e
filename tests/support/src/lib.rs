//! What the tests stand on: a desktop, a WebDriver and throwaway servers of their own.
//!
//! Nothing here is shipped, and nothing here stands in for a part of Understudy: it starts real programs
//! where a test can have them for itself, and ends them with it.

pub mod browser;
pub mod desktop;
#[cfg(target_os = "linux")]
pub mod keyring;
#[cfg(target_os = "linux")]
pub mod postgres;
#[cfg(target_os = "linux")]
pub mod stage;
pub mod wait;
pub mod webdriver;
