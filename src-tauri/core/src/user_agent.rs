//! The `User-Agent` of session windows. Some applications bind a session to it (Flask-Login's `strong`, many PHP
//! frameworks), so the console's own requests send the same one, with or without a window.

use std::sync::LazyLock;

/// The engine's own user agent on each system: on Linux WebKitGTK's, which its maintainers froze in 2.44; on macOS
/// `WKWebView`'s; on Windows WebView2's, with its version at the time of writing. The windows are configured to use
/// this value, so the two never differ.
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

/// The `User-Agent` header of windows and the console.
pub fn user_agent() -> &'static str {
    &NAME
}
