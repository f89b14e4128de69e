//! Whether customers' pages are sandboxed here, for the report on a connection.

use understudy_core::check::{Report, Status};

use super::platform;

/// Adds to a check of a readable file whether customers' pages are sandboxed here: whoever reviews an installation reads
/// it there. It may be tried first, so not on the main thread.
pub fn check_sandbox(report: &mut Report) {
    if report.steps.first().is_none_or(|file| file.status != Status::Ok) {
        return;
    }
    match platform::missing_sandbox() {
        None => report.say("Sandbox", Status::Ok, "Customers' pages run in the webview's sandbox.", None),
        Some(why) => {
            let hint = "A flaw in WebKit would give a page your rights on this computer. Install bubblewrap and \
                        xdg-dbus-proxy, and allow unprivileged user namespaces.";
            let found = format!("Customers' pages run without WebKit's sandbox: {why}.");
            report.say("Sandbox", Status::Warning, found, Some(hint.into()));
        }
    }
}
