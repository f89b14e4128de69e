//! What is known if no one turns out to be signed in: the window's cookies, where answers led, what went wrong before.

use super::redirects::Redirect;
use super::{VerifyRequest, capture, exchange};
use crate::browser::Answer;

/// The window's state when it asks who is signed in, for the message if no one is.
#[derive(Debug, Default)]
pub struct VerifyEvidence {
    /// Names of the cookies that it sends.
    pub cookies: Vec<String>,
    /// What went wrong before without being a refusal, in sentences.
    pub notes: Vec<String>,
    /// Cookies of an operator's session, switched to the user, were put into the window.
    pub is_exchange: bool,
    /// What shows who is signed in was put into the page's storage, and the question does not carry it.
    pub is_only_stored: bool,
    /// Where the sign-in's answer redirects to.
    pub led_to: Option<Redirect>,
    /// Where the answer to the question who is signed in redirects to.
    pub asked_led_to: Option<Redirect>,
}

impl VerifyEvidence {
    /// What to do if, according to this answer, no one is signed in.
    pub(super) fn explain_no_user(&self, verify: &VerifyRequest, answer: &Answer) -> String {
        let path = exchange::readable_path(&verify.masked.url);
        let mut said: Vec<String> = self.notes.iter().map(|note| format!("{note}.")).collect();
        said.extend(
            self.led_to.as_ref().map(|led| format!("{}.", led.describe_for("The login endpoint's answer"))),
        );
        said.extend(match &self.asked_led_to {
            Some(led) => Some(format!("{}.", led.describe_for(&format!("The answer of {path}")))),
            None => answer
                .is_redirect()
                .then(|| format!("{path} was answered with a redirect, usually to a sign-in page.")),
        });
        let of_gate =
            self.asked_led_to.as_ref().filter(|led| led.is_of_gate()).and_then(Redirect::suggest_fix);
        let advice = of_gate.or_else(|| self.led_to.as_ref().and_then(Redirect::suggest_fix));
        said.push(advice.unwrap_or_else(|| self.about_cookies(verify)));
        said.join(" ")
    }

    fn about_cookies(&self, verify: &VerifyRequest) -> String {
        if verify.by_console {
            return "Check `sign_in.verify.headers`, and that the token is for this address.".into();
        }
        if self.is_only_stored && self.cookies.is_empty() {
            return "A request does not carry the page's storage: show the token in `sign_in.verify.headers`.".into();
        }
        match self.cookies.as_slice() {
            [] => {
                let plain = if verify.request.url.scheme() == "http" {
                    ", and without `Secure`, which windows keep on https only."
                } else {
                    "."
                };
                format!(
                    "The window has no cookie for this address. Check that the login endpoint sets its session cookie for \
                     this origin{plain}"
                )
            }
            names => {
                let there = capture::list_names("The window has", names.to_vec());
                if self.is_exchange {
                    return format!(
                        "{there}. If `sign_in.cookies` is complete, the application ended the session itself: because \
                         the password hash in it is another user's (Laravel's AuthenticateSession, Django's and \
                         Devise's own check), or because it is bound to an address. The recipes say what helps."
                    );
                }
                format!(
                    "{there}. Check that one of them is the session's, and that `sign_in.verify.url` is right."
                )
            }
        }
    }
}
