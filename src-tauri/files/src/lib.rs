//! Reads files that users and other programs provide, without blocking, with errors in plain words; makes their texts
//! safe to show; and writes files that are for their owner only.

pub mod device_name;
mod error;
pub mod private_file;
pub mod regular_file;
pub mod sanitize;

pub use self::error::FileError;
pub use self::private_file::WriteError;
