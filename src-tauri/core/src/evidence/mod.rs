//! Evidence of what happened in a session, for a ticket: a picture, requests as HAR, pages, messages of the browser's
//! console.
//!
//! `redaction` takes secrets out before anything is kept; `har` writes requests in the format that browsers open;
//! `trail` has the pages; `taken` is what the operator chooses from; `report` and
//! `archive` write what leaves. Nothing here does I/O, and
//! the window takes its own picture.

mod archive;
mod har;
mod redaction;
mod report;
mod taken;
#[cfg(test)]
mod tests;
mod trail;

pub use self::archive::write_archive;
pub use self::har::{Har, write_har};
pub(crate) use self::redaction::SessionRedactor;
pub use self::report::{render_markdown, render_report};
pub use self::taken::{
    ConsoleMessage, EvidenceChoice, EvidenceFact, EvidenceFormat, EvidenceRequest, EvidenceView,
    MessageLevel, PageCapture, PictureMasks, TakenEvidence,
};
pub(crate) use self::taken::{REQUEST_LIMIT, keep_recent};
pub use self::trail::{PageTrail, PageVisit};
