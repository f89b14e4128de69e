//! Reports in `check` whether customers' pages are sandboxed on this computer.

use understudy_core::check::{Report, Status};

use super::platform;

/// Adds the sandbox to the report on a readable file, for people who review an installation. May run the test, so not
/// on the main thread.
pub fn check_sandbox(report: &mut Report) {
    if report.steps.first().is_none_or(|file| file.status != Status::Ok) {
        return;
    }
    match platform::missing_sandbox() {
        None => {
            report.add_step("Sandbox", Status::Ok, "Customers' pages run in the webview's sandbox.", None);
        }
        Some(why) => {
            let hint = "A flaw in WebKit would give a page your rights on this computer. Install bubblewrap and \
                        xdg-dbus-proxy, and allow unprivileged user namespaces.";
            let found = format!("Customers' pages run without WebKit's sandbox: {why}.");
            report.add_step("Sandbox", Status::Warning, found, Some(hint.into()));
        }
    }
}
