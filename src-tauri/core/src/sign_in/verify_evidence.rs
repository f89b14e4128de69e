//! What is known if no one turns out to be signed in: the window's cookies, where answers led, what went wrong before.
//! A window sees less of it than a sign-in test, and its message says so.

use url::Url;

use super::redirects::Redirect;
use super::{VerifyRequest, capture, exchange};
use crate::browser::Answer;

/// The window's state when it asks who is signed in, for the message if no one is.
#[derive(Debug, Default)]
pub struct VerifyEvidence {
    /// Names of the cookies that it would send; `None` if unknown.
    pub cookies: Option<Vec<String>>,
    /// What went wrong before without being a refusal, in sentences.
    pub notes: Vec<String>,
    /// Cookies of an operator's session, switched to the user, were put into the window.
    pub is_exchange: bool,
    /// The message comes from a window, which sees neither where redirects lead nor which cookies are set.
    pub is_window: bool,
    /// The sign-in was answered with a redirect.
    pub is_redirected: bool,
    /// Where that redirect leads, if known.
    pub led_to: Option<Redirect>,
    /// Where the answer to the question who is signed in redirects to, if known.
    pub asked_led_to: Option<Redirect>,
}

/// What sees more than a window.
const TEST_TELLS: &str = "a test of this sign-in (`understudy check --user`)";

impl VerifyEvidence {
    /// Notes cookies that the window sends to where it signed in, but not to where it asks who is signed in.
    pub fn note_narrow(&mut self, signed_in_at: &Url, names: &[String], verify: &VerifyRequest) {
        let url = &verify.request.url;
        let (from, to) = (signed_in_at.path(), exchange::readable_path(&verify.masked.url));
        let sent = self.cookies.clone().unwrap_or_default();
        let narrow =
            names.iter().filter(|name| signed_in_at.origin() == url.origin() && !sent.contains(name));
        self.notes.extend(narrow.map(|name| {
            format!(
                "The window sends the cookie `{name}` to `{from}`, but not to `{to}`: set it with `Path=/`"
            )
        }));
    }

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
        if self.is_redirected && self.led_to.is_none() {
            said.push(format!(
                "The login endpoint answered with a redirect, and the window cannot see where it leads; {TEST_TELLS} \
                 can. An address without the slash at its end is answered this way, too."
            ));
        }
        said.join(" ")
    }

    fn about_cookies(&self, verify: &VerifyRequest) -> String {
        if verify.by_console {
            return "Check `sign_in.verify.headers`, and that the token is for this address.".into();
        }
        match self.cookies.as_deref() {
            None => "Check that the login endpoint sets its session cookie for this origin, and that `sign_in.verify.url` is right."
                .into(),
            Some([]) => {
                let plain = if verify.request.url.scheme() == "http" {
                    ", and without `Secure`, which windows keep on https only."
                } else {
                    "."
                };
                let untold = if self.is_window && !self.is_exchange {
                    format!(" The window cannot see which cookies were set; {TEST_TELLS} can.")
                } else {
                    String::new()
                };
                format!(
                    "The window has no cookie for this address. Check that the login endpoint sets its session cookie for \
                     this origin{plain}{untold}"
                )
            }
            Some(names) => {
                let there = capture::list_names("The window has", names.to_vec());
                if self.is_exchange {
                    return format!(
                        "{there}. If `sign_in.cookies` is complete, the application ended the session itself: because \
                         the password hash in it is another user's (Laravel's AuthenticateSession, Django's and \
                         Devise's own check), or because it is bound to an address. The recipes say what helps."
                    );
                }
                format!("{there}. Check that one of them is the session's, and that `sign_in.verify.url` is right.")
            }
        }
    }
}
