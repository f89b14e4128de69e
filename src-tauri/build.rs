//! Tauri's build step, told where this repository keeps things.

use std::path::Path;

use tauri_build::{AppManifest, Attributes, WindowsAttributes};

const CAPABILITIES: &str = "src-tauri/capabilities";
const PERMISSIONS: &str = "src-tauri/permissions";
const WINDOWS_MANIFEST: &str = "src-tauri/windows-app-manifest.xml";

fn main() {
    for path in [CAPABILITIES, PERMISSIONS, WINDOWS_MANIFEST] {
        println!("cargo:rerun-if-changed={path}");
    }
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "macos") {
        // The functions that session windows need of it came with macOS 14; the console starts without them.
        println!("cargo:rustc-link-arg=-Wl,-weak_framework,Network");
    }
    // The UI is embedded, so its folder must be there, even when only Rust is being checked.
    let dist = Path::new("ui/dist");
    if !dist.exists() {
        std::fs::create_dir_all(dist).expect("ui/dist can be created");
    }
    let manifest = std::fs::read_to_string(WINDOWS_MANIFEST).expect("the manifest for Windows can be read");
    let attributes = Attributes::new()
        .windows_attributes(WindowsAttributes::new().app_manifest(manifest))
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*"));
    tauri_build::try_build(attributes).expect("tauri.conf.json, capabilities and permissions are valid");
}
