//! Code shared by the SQL engines.

pub(crate) mod dialect;
pub(crate) mod executor;
pub(crate) mod filters;
pub(crate) mod fingerprint;
pub(crate) mod list;
#[cfg(test)]
pub(crate) mod review;
pub(crate) mod server;
pub(crate) mod server_directory;
pub(crate) mod values;
