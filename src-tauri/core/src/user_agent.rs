//! What the session's window calls itself. Applications bind a session to it (Flask-Login's `strong`, many PHP
//! frameworks), so the console's own requests call themselves the same, with and without a window.

use std::sync::LazyLock;

/// The engine's own name for itself on each system. On Linux WebKitGTK's since 2.44, which its maintainers have frozen;
/// on macOS `WKWebView`'s; on Windows WebView2's, whose version is the one that it had when this was written. The windows
/// are told to use it, so that the two can never differ.
static NAME: LazyLock<String> = LazyLock::new(|| {
    if cfg!(windows) {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 \
         Edg/142.0.0.0"
            .to_owned()
    } else if cfg!(target_os = "macos") {
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)".to_owned()
    } else {
        format!(
            "Mozilla/5.0 (X11; Linux {}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/60.5 Safari/605.1.15",
            std::env::consts::ARCH
        )
    }
});

/// The value of `User-Agent` for windows and console alike.
pub fn user_agent() -> &'static str {
    &NAME
}
