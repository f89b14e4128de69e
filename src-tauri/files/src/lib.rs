//! Files that people and other programs put somewhere: read without waiting, and refused in words.

pub mod device_name;
mod error;
pub mod regular_file;

pub use self::error::FileError;
