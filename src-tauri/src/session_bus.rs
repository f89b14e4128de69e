//! The desktop's session bus, on Linux: the console stays when it ends.
//!
//! GIO ends the program with its bus, without a word, and customers would stay signed in.

use gtk::gio;

/// From now on the end of the bus is the end of notifications, and of nothing else. Main thread only.
pub fn outlive() {
    // Without an address the library would start a bus of its own.
    if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() {
        return;
    }
    // The one that GTK itself has opened by now: nobody waits.
    gio::bus_get(gio::BusType::Session, gio::Cancellable::NONE, |bus| match bus {
        Ok(bus) => bus.set_exit_on_close(false),
        Err(error) => tracing::debug!("no session bus: {error}"),
    });
}
