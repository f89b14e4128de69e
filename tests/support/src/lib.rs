//! What the tests stand on: a desktop, a WebDriver and throwaway servers of their own.
//!
//! Nothing here is shipped, and nothing here stands in for a part of Understudy: it starts real programs
//! where a test can have them for itself, and ends them with it.

#[cfg(target_os = "linux")]
pub mod bare;
#[cfg(target_os = "linux")]
pub mod bench;
pub mod browser;
#[cfg(target_os = "linux")]
pub mod certificates;
#[cfg(target_os = "linux")]
pub mod desktop;
#[cfg(target_os = "linux")]
pub mod directory_bench;
#[cfg(target_os = "linux")]
pub mod keyring;
#[cfg(target_os = "linux")]
pub mod list_bench;
#[cfg(target_os = "linux")]
pub mod mariadb;
#[cfg(target_os = "linux")]
pub mod memory;
#[cfg(target_os = "linux")]
pub mod mongod;
#[cfg(target_os = "linux")]
pub mod postgres;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(target_os = "linux")]
pub mod program;
pub mod proxy;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
pub mod sshd;
#[cfg(target_os = "linux")]
pub mod stage;
#[cfg(target_os = "linux")]
pub mod tour;
pub mod wait;
#[cfg(target_os = "linux")]
pub mod webdriver;
