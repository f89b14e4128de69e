//! Tests whether WebKit's sandbox for web processes (bubblewrap) works on this computer. If it did not, WebKit would
//! exit the program or the page, so it is tested first and a missing sandbox is reported once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tauri::{AppHandle, Emitter};
use understudy_core::notice::Toast;

use crate::CONSOLE;

/// Where WebKitGTK was built to look for them.
const BUBBLEWRAP: &str = "/usr/bin/bwrap";
const DBUS_PROXY: &str = "/usr/bin/xdg-dbus-proxy";

/// Whether web processes can be sandboxed here. The error says why not.
pub fn is_usable() -> Result<(), &'static str> {
    static USABLE: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *USABLE.get_or_init(|| test_sandbox(BUBBLEWRAP, DBUS_PROXY))
}

/// Reports once that pages run without a sandbox.
pub fn report_missing_sandbox(app: &AppHandle, why: &str) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if IS_SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    tracing::warn!("customers' pages run without WebKit's sandbox: {why}");
    let toast = Toast::info(
        "Customers' pages run without WebKit's sandbox",
        format!(
            "{why}. A flaw in WebKit would give a page your rights on this computer. Ask your administrator."
        ),
    );
    let _ = app.emit_to(CONSOLE, "toast", toast);
}

fn test_sandbox(bubblewrap: &str, dbus_proxy: &str) -> Result<(), &'static str> {
    if !Path::new(bubblewrap).exists() {
        return Err("bubblewrap is not installed");
    }
    if !Path::new(dbus_proxy).exists() {
        return Err("xdg-dbus-proxy is not installed");
    }
    // The arguments that WebKit uses, for a program that does nothing.
    let tried = Command::new(bubblewrap)
        .args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"])
        .args(["--unshare-all", "--share-net", "--die-with-parent", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match tried {
        Ok(status) if status.success() => Ok(()),
        _ => Err("bubblewrap cannot create namespaces on this system"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(test_sandbox("/nowhere/bwrap", "/bin/true"), Err("bubblewrap is not installed"));
        assert_eq!(test_sandbox("/bin/true", "/nowhere/proxy"), Err("xdg-dbus-proxy is not installed"));
        let refused = Err("bubblewrap cannot create namespaces on this system");
        assert_eq!(
            test_sandbox("/bin/false", "/bin/true"),
            refused,
            "as where user namespaces are forbidden"
        );
        assert_eq!(test_sandbox("/etc/passwd", "/bin/true"), refused, "nothing that runs");
        assert_eq!(test_sandbox("/bin/true", "/bin/true"), Ok(()));
    }
}
