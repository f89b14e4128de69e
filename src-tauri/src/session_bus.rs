//! Keeps the console running when the desktop's session bus ends (Linux).
//!
//! By default, GIO silently exits the program with its bus, and customers would stay signed in.

use gtk::gio;

/// From now on, the end of the bus only ends notifications. Main thread only.
pub fn outlive_session_bus() {
    // Without an address, the library would start a bus of its own.
    if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return;
    }
    // GTK has already opened this bus, so this returns at once.
    gio::bus_get(gio::BusType::Session, gio::Cancellable::NONE, |bus| match bus {
        Ok(bus) => bus.set_exit_on_close(false),
        Err(error) => tracing::debug!("no session bus: {error}"),
    });
}
