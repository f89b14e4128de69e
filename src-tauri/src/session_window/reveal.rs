//! Shows a file in the folder it is in, with the desktop's own file manager.

use std::path::Path;

use understudy_core::error::{Code, Error, Result};

/// Opens the folder of a file, with the file selected where the file manager can do that.
pub fn reveal_file(path: &Path) -> Result<()> {
    if !path.exists() {
        let message = format!("{} is no longer there.", path.display());
        return Err(Error::new(Code::FileFailed, message).with_hint("Download it again."));
    }
    select_file(path).map_err(|cause| {
        Error::new(Code::FileFailed, format!("Can't open the folder: {cause}."))
            .with_hint(format!("The file is {}.", path.display()))
    })
}

/// By the interface that file managers have for it (File Manager D-Bus Interface); without one, the folder is opened.
#[cfg(target_os = "linux")]
fn select_file(path: &Path) -> std::io::Result<()> {
    use glib::prelude::ToVariant;
    use gtk::gio;

    const SERVICE: &str = "org.freedesktop.FileManager1";
    let folder = path.parent().unwrap_or(path);
    // Without an address, the library would start a bus of its own.
    if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return open::that_detached(folder);
    }
    let file = glib::filename_to_uri(path, None).map_err(std::io::Error::other)?.to_string();
    let called = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE).and_then(|bus| {
        bus.call_sync(
            Some(SERVICE),
            "/org/freedesktop/FileManager1",
            SERVICE,
            "ShowItems",
            Some(&(vec![file], String::new()).to_variant()),
            None,
            gio::DBusCallFlags::NONE,
            5000,
            gio::Cancellable::NONE,
        )
    });
    if called.is_ok() { Ok(()) } else { open::that_detached(folder) }
}

/// <https://learn.microsoft.com/troubleshoot/windows-client/shell-experience/command-line-options-for-windows-explorer>
#[cfg(windows)]
fn select_file(path: &Path) -> std::io::Result<()> {
    use std::os::windows::process::CommandExt;

    // Explorer reads its arguments itself; a file's name holds no quotation mark.
    let argument = format!("/select,\"{}\"", path.display());
    std::process::Command::new("explorer.exe").raw_arg(argument).spawn().map(drop)
}

#[cfg(target_os = "macos")]
fn select_file(path: &Path) -> std::io::Result<()> {
    std::process::Command::new("/usr/bin/open").arg("-R").arg(path).spawn().map(drop)
}
