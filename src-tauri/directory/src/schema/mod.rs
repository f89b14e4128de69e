//! The model of a table: names, columns, types and values, and how a connection's columns map to it.

pub(crate) mod bytes;
pub(crate) mod cell;
pub(crate) mod json_column;
pub mod json_path;
pub(crate) mod label;
pub(crate) mod mapping;
pub(crate) mod name;
pub(crate) mod name_words;
pub(crate) mod numbers;
pub(crate) mod secrets;
pub(crate) mod table;
pub(crate) mod time;
mod user_context;
pub mod uuids;
pub(crate) mod value;
