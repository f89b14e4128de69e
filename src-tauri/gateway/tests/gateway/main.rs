//! What passes a session's gateway, what does not, and who may use it: a browser's requests, played by an HTTP client,
//! and an application with certificates of every kind.

mod admission;
mod application;
#[cfg(target_os = "linux")]
mod applications;
#[cfg(target_os = "linux")]
mod browsers;
mod credentials;
#[cfg(target_os = "linux")]
mod engines;
mod faults;
mod fence;
mod launch;
mod leaving;
mod passing;
mod preload;
mod proxies;
mod recording;
mod session;
mod writes;
