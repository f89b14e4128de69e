//! Connecting to a server: hosts, passwords, tunnels and encryption, and the errors when it fails.

pub(crate) mod endpoint;
pub(crate) mod hosts;
pub(crate) mod no_answer;
pub(crate) mod password_command;
pub(crate) mod password_source;
pub(crate) mod pool;
pub(crate) mod retry;
pub(crate) mod single_flight;
pub(crate) mod tls;
pub(crate) mod tunnel;
pub(crate) mod tunnel_folder;
pub(crate) mod wake_up;
pub(crate) mod wire;
