//! Connecting to a server: hosts, passwords, tunnels and encryption, and the errors when it fails.

pub(crate) mod borrowing;
pub(crate) mod endpoint;
pub(crate) mod hosts;
pub(crate) mod joined;
pub(crate) mod password_command;
pub(crate) mod password_source;
pub(crate) mod retry;
pub(crate) mod tls;
pub(crate) mod tunnel;
pub(crate) mod tunnel_folder;
pub(crate) mod unanswered;
pub(crate) mod waking;
pub(crate) mod wire;
