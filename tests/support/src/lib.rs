//! Test support: a desktop, a WebDriver client and throwaway servers.
//!
//! Nothing here is shipped. Real programs are started for a test and end with it.

#[cfg(target_os = "linux")]
pub mod bare;
#[cfg(target_os = "linux")]
pub mod bench;
pub mod browser;
#[cfg(target_os = "linux")]
pub mod certificates;
#[cfg(target_os = "linux")]
pub mod chromium;
#[cfg(target_os = "linux")]
pub mod day;
#[cfg(target_os = "linux")]
pub mod day_pictures;
#[cfg(target_os = "linux")]
pub mod desktop;
pub mod digest;
#[cfg(target_os = "linux")]
pub mod directory_bench;
#[cfg(target_os = "linux")]
pub mod file_manager;
pub mod har;
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
pub mod screen;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
pub mod session_pictures;
#[cfg(target_os = "linux")]
pub mod sshd;
#[cfg(target_os = "linux")]
pub mod stage;
#[cfg(target_os = "linux")]
pub mod tour;
pub mod wait;
#[cfg(target_os = "linux")]
pub mod webdriver;
