//! Compiles `[ticket]` and `[notify]`: what is sent after a session.

use std::collections::BTreeSet;

use url::Origin;

use super::parse::ConnectionCompiler;
use super::rules::RequestSender;
use super::sign_in::RequestConfig;
use super::{NotifyConfig, Request, SignInStep, TicketConfig};

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

    /// The request that tells the application of a session that has ended.
    pub(super) fn compile_notify(&mut self, part: &NotifyConfig) -> Option<Request> {
        let described = RequestConfig {
            url: &part.url,
            method: part.method,
            headers: &part.headers,
            body: part.body.as_ref(),
            encoding: part.encoding,
            expect: &[],
        };
        self.compile_request("notify", &described, RequestSender::Console, &BTreeSet::new())
    }

    /// The requests that add evidence to the ticket.
    pub(super) fn compile_ticket_evidence(&mut self, part: &TicketConfig) -> Vec<SignInStep> {
        for (at, step) in part.evidence.iter().enumerate() {
            if step.follow.is_some() {
                let key = format!("ticket.evidence[{at}].follow");
                self.faults.add_fault(&key, "is only for the steps of a sign-in. Set `url`");
            }
        }
        let steps =
            self.compile_steps("ticket.evidence", &part.evidence, &mut BTreeSet::new()).unwrap_or_default();
        let origin = |step: &SignInStep| step.request.url.origin().map(Origin::ascii_serialization);
        for (at, step) in steps.iter().enumerate().skip(1) {
            if origin(step) != origin(&steps[0]) {
                let what = "leads to another site than the first request. All go to the one that the operator is shown";
                self.faults.add_fault(&format!("ticket.evidence[{at}].url"), what);
            }
        }
        steps
    }
}
