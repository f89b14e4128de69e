//! The ID of a connection: which texts are one, and one for a name.

use understudy_files::device_name::is_device;

use crate::error::{Code, Error};

/// `[a-z0-9][a-z0-9-_]{0,63}`, and not a Windows device name: safe as a file name everywhere and as part of a vault's
/// account.
pub fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_')
        && !is_device(id)
}

pub(super) fn invalid_id(id: &str) -> Error {
    let good = id_for(id, |_| false);
    let why = if is_device(id) {
        "on Windows, it is the name of a device"
    } else {
        "use at most 64 lower-case letters, digits, `-` and `_`"
    };
    Error::new(Code::ConnectionInvalid, format!("`{id}` cannot be a connection's name: {why}."))
        .with_hint(format!("Name the file `{good}.toml`, for example."))
}

/// A free ID for a connection of this name: `Acme GmbH` becomes `acme-gmbh`, or `acme-gmbh-2` if that is taken.
pub fn id_for(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = String::new();
    for char in name.to_lowercase().chars() {
        if char.is_ascii_alphanumeric() {
            id.push(char);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    // Leaves room for a number.
    id.truncate(56);
    let id = id.trim_end_matches('-');
    let id = if id.is_empty() { "connection" } else { id };
    if !is_device(id) && !taken(id) {
        return id.to_owned();
    }
    (2..=u32::MAX)
        .map(|number| format!("{id}-{number}"))
        .find(|id| !taken(id))
        .expect("numbers do not run out")
}
