//! The story of an impersonation with the real core, a real directory and the real customer application; only the
//! window is a plain HTTP client with a cookie jar.

#[cfg(target_os = "linux")]
mod action_forms;
#[cfg(target_os = "linux")]
mod all_connections;
#[cfg(target_os = "linux")]
mod approvals;
#[cfg(target_os = "linux")]
mod arrivals;
mod audit_feeds;
mod audit_log;
#[cfg(target_os = "linux")]
mod broken_glass;
mod causes;
mod checks;
#[cfg(target_os = "linux")]
mod chromium;
mod cli;
#[cfg(target_os = "linux")]
mod colleagues;
mod destinations;
mod documents;
mod endings;
mod files;
mod form;
mod in_front;
#[cfg(target_os = "linux")]
mod limits;
mod login_endpoint;
mod masked;
mod notifications;
mod on_record;
#[cfg(target_os = "linux")]
mod postgres;
mod read_only;
mod recipes;
#[cfg(target_os = "linux")]
mod reports;
mod retention;
mod retry;
mod rogue;
#[cfg(target_os = "linux")]
mod runs;
mod siem;
mod sign_in_tests;
mod slow_shop;
mod spare_window;
mod story;
#[cfg(target_os = "linux")]
mod team_log;
mod test_console;
mod ticket_evidence;
mod ticket_notes;
mod time;
mod tokens_and_csrf;
#[cfg(target_os = "linux")]
mod weakened;
