//! Tauri's build step, told where this repository keeps things.

use std::path::Path;

use tauri_build::{AppManifest, Attributes};

const CAPABILITIES: &str = "src-tauri/capabilities";
const PERMISSIONS: &str = "src-tauri/permissions";

fn main() {
    for folder in [CAPABILITIES, PERMISSIONS] {
        println!("cargo:rerun-if-changed={folder}");
    }
    // The UI is embedded, so its folder must be there, even when only Rust is being checked.
    let dist = Path::new("ui/dist");
    if !dist.exists() {
        std::fs::create_dir_all(dist).expect("ui/dist can be created");
    }
    let attributes = Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*"));
    tauri_build::try_build(attributes).expect("tauri.conf.json, capabilities and permissions are valid");
}
