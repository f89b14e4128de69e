//! Compiles `[ticket]`.

use std::collections::BTreeSet;

use super::parse::ConnectionCompiler;
use super::rules::RequestSender;
use super::sign_in::RequestConfig;
use super::{Request, TicketConfig};

impl ConnectionCompiler<'_> {
    /// The request that sends a session's summary into its ticket.
    pub(super) fn compile_ticket_note(&mut self, part: &TicketConfig) -> Option<Request> {
        let note = &part.note;
        let described = RequestConfig {
            url: &note.url,
            method: note.method,
            headers: &note.headers,
            body: Some(&note.body),
            encoding: note.encoding,
            expect: &[],
        };
        self.compile_request("ticket.note", &described, RequestSender::Console, &BTreeSet::new())
    }
}
