//! See `understudy_test_support::bare`.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    understudy_test_support::bare::main()
}

/// It needs WebKitGTK, which only Linux has.
#[cfg(not(target_os = "linux"))]
fn main() {}
