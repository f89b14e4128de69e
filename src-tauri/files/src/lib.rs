//! Reads files that users and other programs provide, without blocking, with errors in plain words.

pub mod device_name;
mod error;
pub mod regular_file;

pub use self::error::FileError;
