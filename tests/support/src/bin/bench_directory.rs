//! See `understudy_test_support::directory_bench`.
#![recursion_limit = "256"]

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    understudy_test_support::directory_bench::main().await
}

/// It needs throwaway servers, which only Linux has.
#[cfg(not(target_os = "linux"))]
fn main() {}
