//! The report of a sign-in test, for people and for the audit log. Masks every secret that was seen until the end.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::browser::Refusal;
use crate::error::Error;
use crate::masks::Masks;
use crate::sign_in::Exchange;

/// The report of a sign-in test, request by request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignInTestReport {
    pub exchanges: Vec<Exchange>,
    /// What happened, in one sentence.
    pub outcome: String,
    pub hint: Option<String>,
    /// Differences from the file that did not stop the sign-in, one sentence each.
    pub notes: Vec<String>,
    /// The user was signed in, as far as a test without a window can tell.
    pub ok: bool,
}

impl SignInTestReport {
    /// The report of a test that could not begin, so nothing was sent.
    pub fn of_failure(error: &Error) -> Self {
        Self {
            exchanges: Vec::new(),
            outcome: error.message.clone(),
            hint: error.hint.clone(),
            notes: Vec::new(),
            ok: false,
        }
    }
}

/// A sign-in test, with what the audit log records of it.
pub struct SignInTestResult {
    pub shown: SignInTestReport,
    /// Why no one was signed in. `None`: the user was signed in, whether the sign-out worked or not.
    pub refused: Option<TestRefusal>,
    /// Why the application may still have the session.
    pub sign_out_failed: Option<String>,
}

/// A sign-in that failed.
pub struct TestRefusal {
    /// The HTTP status of the decisive answer, if there was one.
    pub status: Option<u16>,
    pub cause: String,
}

impl SignInTestResult {
    /// What came of a test, with everything masked: the value captured last may appear in the first answer.
    pub(super) fn from_outcome(
        signed_in: Result<String, Refusal>,
        signed_out: Result<(), String>,
        (mut exchanges, notes): (Vec<Exchange>, Vec<String>),
        masks: &Masks,
    ) -> Self {
        for exchange in &mut exchanges {
            exchange.mask_for_good(masks);
        }
        let sign_out_failed = signed_out.err().map(|why| masks.mask_text(&why));
        let signed_in = signed_in.map_err(|refusal| masks.mask_refusal(refusal));
        let refused = signed_in.as_ref().err();
        let refused =
            refused.map(|refusal| TestRefusal { status: refusal.status, cause: refusal.title.clone() });
        let notes = notes.iter().map(|note| masks.mask_text(note)).collect();
        let outcome = signed_in.and_then(|said| match &sign_out_failed {
            None => Ok(masks.mask_text(&said)),
            Some(why) => Err(Refusal::new(
                format!("Signed in, but the sign-out failed: {why}"),
                "Check `[sign_out]`. The application may keep this session until it expires.",
            )),
        });
        let shown = match outcome {
            Ok(outcome) => SignInTestReport { exchanges, outcome, hint: None, notes, ok: true },
            Err(refusal) => {
                let (outcome, hint) = (refusal.title, Some(refusal.hint).filter(|hint| !hint.is_empty()));
                SignInTestReport { exchanges, outcome, hint, notes, ok: false }
            }
        };
        Self { shown, refused, sign_out_failed }
    }

    /// A test that could not begin.
    pub(super) fn from_failure(error: Error) -> Self {
        let shown = SignInTestReport::of_failure(&error);
        let refused = Some(TestRefusal { status: None, cause: error.message });
        Self { shown, refused, sign_out_failed: None }
    }
}
