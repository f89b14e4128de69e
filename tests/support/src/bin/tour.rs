//! See `understudy_test_support::tour`.

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    understudy_test_support::tour::main().await
}

/// It needs Xvfb and WebKitWebDriver, which only Linux has.
#[cfg(not(target_os = "linux"))]
fn main() {}
