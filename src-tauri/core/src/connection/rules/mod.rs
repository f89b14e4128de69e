//! What a file may contain beyond keys and types: where users are read from (`directory`), what a page can send
//! (`requests`), and no secrets (`no_secrets`). A fault never quotes a value that could be a secret.

mod directory;
mod network;
mod no_secrets;
mod requests;
#[cfg(test)]
mod tests;

pub(super) use directory::check_directory;
pub(crate) use directory::directory_url_fault;
pub(super) use network::{compile_credentials, compile_network};
pub(crate) use no_secrets::{names_a_secret, no_secret_in_text};
pub(super) use no_secrets::{no_secret_in_json, no_secret_in_query};
pub(crate) use requests::{RequestSender, check_header};
pub(super) use requests::{body_allowed, form_body, multipart_body, no_content_type, text_body};
