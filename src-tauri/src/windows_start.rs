//! What Windows needs for one program with a command line and windows.
//!
//! Windows has two kinds of executables. A shell waits for one of the console subsystem, which prints, pipes, reads
//! without echo and has an exit code as on other systems. It does not wait for one of the windows subsystem, whose
//! output goes nowhere; if that attached itself to the shell's console, both would read the keyboard and write to the
//! screen at once, and a script would not get the exit code. So Understudy belongs to the console subsystem, and its
//! manifest (`windows-app-manifest.xml`) asks for no new console: from the Start menu, no terminal opens. Windows
//! supports that from 11 24H2 on. Older versions open a terminal, which is closed at once.

use std::io::IsTerminal;
use std::os::windows::io::AsRawHandle;

use understudy_core::error::{Code, Error, Result};
use windows::Win32::System::Console::{FreeConsole, GetConsoleProcessList};
use windows::Win32::UI::WindowsAndMessaging::{MB_ICONERROR, MB_OK, MessageBoxW};
use windows::core::{HSTRING, w};

/// Closes a terminal that Windows opened for this program alone. Returns whether standard error still goes somewhere:
/// it may also be a file.
pub fn leave_own_terminal() -> bool {
    let stderr = std::io::stderr();
    let is_own = is_alone_in_console();
    let is_read = !stderr.as_raw_handle().is_null() && !(is_own && stderr.is_terminal());
    if is_own {
        // SAFETY: no memory is passed, and nothing in this process uses its console by now.
        #[allow(unsafe_code, reason = "Windows has no other way to leave a console")]
        let left = unsafe { FreeConsole() };
        if let Err(cause) = left {
            tracing::warn!("the terminal could not be closed: {cause}");
        }
    }
    is_read
}

/// Whether there is a console without a shell.
fn is_alone_in_console() -> bool {
    let mut two = [0; 2];
    // SAFETY: it writes at most as many numbers as the slice has room for.
    #[allow(unsafe_code, reason = "Windows has no other way to ask who shares a console")]
    let attached = unsafe { GetConsoleProcessList(&mut two) };
    attached == 1
}

/// Checked before anything opens, because the windowing library panics without it.
pub fn has_webview() -> Result<()> {
    wry::webview_version().map(drop).map_err(|cause| {
        Error::new(
            Code::WindowFailed,
            format!("Understudy can't open its window: the Microsoft Edge WebView2 Runtime is missing ({cause})."),
        )
        .with_hint(
            "Install the Evergreen Runtime from https://developer.microsoft.com/microsoft-edge/webview2, or ask IT for \
             it, then start Understudy again. `understudy --help` lists what works without it.",
        )
    })
}

/// Shows in a dialog why the console did not open, and waits until it is closed.
pub fn show_start_error(error: &Error) {
    let text = HSTRING::from(error.to_string());
    // SAFETY: both texts end with a zero and outlive the call; no window owns the dialog.
    #[allow(unsafe_code, reason = "the dialogs that need none are those of a running application")]
    unsafe {
        MessageBoxW(None, &text, w!("Understudy can't start"), MB_OK | MB_ICONERROR);
    }
}
