//! What an answer means: signed in, or a refusal that says what to do next.

use secrecy::SecretString;
use serde_json::Value;

use super::causes::{Cause, Sent};
use super::client::Reply;
use super::shown::{excerpt, path};
use super::{Verify, capture, causes, page, reach};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::{Connection, Method};
use crate::masks::Masks;
use crate::uuids::in_one_spelling;
use crate::wiped::Wiped;

/// Did the application take the sign-in?
pub fn judge(
    answer: &Result<Answer, Unanswered>,
    request: &PlannedRequest,
    context: &Value,
    secrets: &[SecretString],
) -> Result<(), Refusal> {
    let answer = answered(answer, request)?;
    let masks = Masks::of(secrets);
    if request.accepts(answer) {
        return untrue("The login endpoint", request, answer, context, &masks).map_or(Ok(()), Err);
    }
    let Cause { hint, is_secrets } = causes::told_by(answer, Sent::ByWindow)
        .unwrap_or_else(|| Cause { hint: hint_for(answer.status).into(), is_secrets: answer.status == 401 });
    let title = match answer.status {
        500.. => format!("The application failed: {}", status_words(answer.status)),
        status => format!("The application refused the sign-in: {}", status_words(status)),
    };
    Err(Refusal {
        title,
        status: Some(answer.status),
        excerpt: excerpt(answer, &masks),
        hint,
        secrets: if is_secrets { request.secrets.clone() } else { Vec::new() },
    })
}

/// An answer whose status means yes, and that says something else: what the file expects of it is not true.
pub(super) fn untrue(
    title: &str,
    request: &PlannedRequest,
    answer: &Answer,
    context: &Value,
    masks: &Masks,
) -> Option<Refusal> {
    let mut context = Wiped::from(context.clone());
    if !request.that.is_empty() {
        context["response"] = super::response(answer);
    }
    let untrue = request.that.iter().find_map(|that| match that.eval(&context) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{}` is not true for this answer.", that.source())),
        Err(error) => Some(format!("`{}` could not be decided: {}", that.source(), error.message)),
    })?;
    let cause = causes::told_by(answer, Sent::ByStep);
    Some(Refusal {
        title: format!("{title}: the answer is not what is expected"),
        status: Some(answer.status).filter(|status| *status != 0),
        excerpt: excerpt(answer, masks),
        hint: cause.map_or(untrue, |cause| cause.hint),
        secrets: request.secrets.clone(),
    })
}

/// A step was answered with something else than a yes.
pub(super) fn step_refused(title: &str, request: &PlannedRequest, reply: &Reply, masks: &Masks) -> Refusal {
    let answer = reply.answer();
    let by_status = || {
        match answer.status {
        200..300 if request.method != Method::Get && page::is_html(&answer) => Cause {
            hint: "The page came again, most often because the user name or the password is wrong: check the secrets of \
                   this connection, and what the step expects."
                .into(),
            is_secrets: true,
        },
        200..300 => Cause {
            hint: "It worked, as far as the status says: check what the step expects.".into(),
            is_secrets: false,
        },
        status => Cause { hint: hint_for(status).into(), is_secrets: status == 401 || is_oauth_no(&answer) },
    }
    };
    let Cause { hint, is_secrets } = causes::told_by(&answer, Sent::ByStep)
        .or_else(|| reply.redirects_to().map(|to| causes::of_redirect(&reply.url, &to)))
        .unwrap_or_else(by_status);
    let said = match answer.status {
        500.. => "the application failed with",
        _ => "the application answered",
    };
    Refusal {
        title: format!("{title}: {said} {}", status_words(answer.status)),
        status: Some(answer.status),
        excerpt: excerpt(&answer, masks),
        hint,
        secrets: if is_secrets { request.secrets.clone() } else { Vec::new() },
    }
}

/// OAuth's token endpoints say by a word that another secret would help (RFC 6749, 5.2).
fn is_oauth_no(answer: &Answer) -> bool {
    ["invalid_client", "invalid_grant"].iter().any(|word| answer.body.contains(word))
}

/// A step was not answered.
pub(super) fn unanswered(title: &str, request: &PlannedRequest, why: &Unanswered) -> Refusal {
    let refusal = answered(&Err(why.clone()), request).expect_err("there is no answer");
    Refusal { title: format!("{title}: {}", refusal.title), ..refusal }
}

/// A one-time link led nowhere.
pub fn link_failed(
    link: &url::Url,
    origin: &url::Origin,
    limit: std::time::Duration,
    why: &Unanswered,
) -> Refusal {
    let (from, to) = (link.origin().ascii_serialization(), origin.ascii_serialization());
    let title = match why {
        Unanswered::TimedOut => {
            format!("The link of {from} did not lead to {to} within {} s", limit.as_secs())
        }
        Unanswered::Failed(words) | Unanswered::BrokenOff(words) => {
            format!("The link of {from} could not be opened ({words})")
        }
        Unanswered::Broken => "The window's web process ended while the link was opened".into(),
        Unanswered::Closed => "The window was closed".into(),
    };
    Refusal::new(
        title,
        "A link works only once and only for a short time. Try again; if it keeps happening, check where the link leads.",
    )
}

/// Did the application take the sign-out? If not: why, to go after a colon.
pub fn judge_sign_out(answer: &Result<Answer, Unanswered>, request: &PlannedRequest) -> Result<(), String> {
    let answer = answered(answer, request).map_err(|refusal| refusal.title)?;
    if answer.is_success() {
        return Ok(());
    }
    Err(format!("it was answered with {}", status_words(answer.status)))
}

/// An answered sign-out says nothing of a sign-in that was not answered (`is_left_open`). Fails with why, as
/// [`judge_sign_out`] does.
pub fn confirm_sign_out(connection: &Connection, is_left_open: bool) -> Result<(), String> {
    let signs_out = connection.sign_out.request.is_some() || !connection.sign_out.steps.is_empty();
    if signs_out && is_left_open {
        return Err(
            "not confirmed: the sign-in was never answered, so the application may finish it later".into()
        );
    }
    Ok(())
}

/// What the window holds when it is asked who is signed in, for whoever reads that nobody is.
#[derive(Debug, Default)]
pub struct Landed {
    /// Names of the cookies that it would send; `None`: that is not known.
    pub cookies: Option<Vec<String>>,
    /// Sentences about what went wrong on the way, without being a refusal.
    pub notes: Vec<String>,
    /// Cookies of an operator's session, turned into the user's, were put into it.
    pub is_exchange: bool,
    /// Where the question was redirected to, where that is known.
    pub led_to: Option<String>,
}

/// Is the application's user the one that was meant?
pub fn judge_verify(
    answer: &Result<Answer, Unanswered>,
    verify: &Verify,
    landed: &Landed,
    context: &Value,
    secrets: &[SecretString],
) -> Result<(), Refusal> {
    let answer = answered(answer, &verify.request)?;
    // As it is shown: what was captured may be in it.
    let path = path(&verify.masked.url);
    let masks = Masks::of(secrets);
    let refuse = |title: String, hint: &str| {
        Err(Refusal {
            title,
            status: Some(answer.status).filter(|status| *status != 0),
            excerpt: excerpt(answer, &masks),
            hint: hint.into(),
            secrets: Vec::new(),
        })
    };
    let nobody = || format!("The sign-in was answered, but {path} says nobody is signed in");
    if answer.is_redirect() || !answer.is_success() {
        if let Some(cause) = causes::told_by(answer, Sent::ByWindow) {
            return refuse(nobody(), &cause.hint);
        }
        return match answer.status {
            500.. => refuse(
                format!("The sign-in was answered, but {path} failed: {}", status_words(answer.status)),
                "The application itself failed: try again, and show this to whoever runs it.",
            ),
            404 | 405 | 410 => refuse(
                format!("The sign-in was answered, but {path} answered {}", status_words(answer.status)),
                "Check `sign_in.verify.url`: it has to be a path that says who is signed in.",
            ),
            _ => refuse(nobody(), &landed.why_nobody(verify)),
        };
    }
    let body = serde_json::from_str::<Value>(&answer.body).ok();
    if body.is_none() && verify.source.contains("response.json") {
        return refuse(
            format!("{path} did not answer with JSON"),
            "It may be a login page: check `sign_in.verify.url`, and that the login endpoint really signs in.",
        );
    }
    // How some say that there is no session: Better Auth and Auth.js among them.
    let is_nothing = body
        .as_ref()
        .is_some_and(|json| json.is_null() || json.as_object().is_some_and(serde_json::Map::is_empty));
    if is_nothing && verify.source.contains("response.json") {
        return refuse(nobody(), &landed.why_nobody(verify));
    }
    let there = match &body {
        Some(Value::Object(fields)) => capture::there(" The answer has", fields.keys().cloned().collect()),
        _ => String::new(),
    };
    let mut context = Wiped::from(context.clone());
    context["response"] = super::response(answer);
    match verify.expect.eval(&context) {
        Ok(true) => Ok(()),
        // Two spellings of one UUID are the same user.
        Ok(false) if matches!(verify.expect.eval(&Wiped::from(in_one_spelling(&context))), Ok(true)) => {
            Ok(())
        }
        Ok(false) => refuse(
            "The application signed in somebody else".into(),
            &format!(
                "`{}` is not true for this answer. The page is not shown; check the login endpoint, or the expression.",
                verify.source
            ),
        ),
        // What the expression asks for is not in this answer: the answer is to blame as often as the file.
        Err(error) => refuse(
            format!("{path} answered with something unexpected"),
            &format!("`{}` could not be decided: {}{there}", verify.source, error.message),
        ),
    }
}

/// The window is not told where a redirect leads.
const SLASH: &str = " A redirect counts as an answer, too: an address of the login endpoint that lacks the slash at its end \
                     is answered by one.";

impl Landed {
    /// What to do when nobody is signed in.
    fn why_nobody(&self, verify: &Verify) -> String {
        let mut hint = String::new();
        for note in &self.notes {
            hint.push_str(note);
            hint.push_str(". ");
        }
        if let Some(to) = &self.led_to {
            hint.push_str("It leads to ");
            hint.push_str(to);
            hint.push_str(". ");
        }
        let url = &verify.request.url;
        match self.cookies.as_deref() {
            _ if verify.by_console => hint.push_str("Check `sign_in.verify.headers`, and that the token is for this address."),
            Some([]) => {
                hint.push_str("The window has no cookie for this address. ");
                hint.push_str(if url.scheme() == "http" {
                    "Check that the login endpoint sets its session cookie for this origin, and without `Secure`, which \
                     windows keep on https only."
                } else {
                    "Check that the login endpoint sets its session cookie for this origin."
                });
                if !self.is_exchange {
                    hint.push_str(SLASH);
                }
            }
            Some(names) if self.is_exchange => {
                hint.push_str(&capture::there("The window has", names.to_vec()));
                hint.push_str(
                    ". If `sign_in.cookies` is complete, the application ended the session by itself: because the password \
                     hash in it is another user's (Laravel's AuthenticateSession, Django's and Devise's own check), or \
                     because it is bound to an address. The recipes say what helps.",
                );
            }
            Some(names) => {
                hint.push_str(&capture::there("The window has", names.to_vec()));
                hint.push_str(
                    ". Check that one of them is the session's, and that `sign_in.verify.url` is right.",
                );
                hint.push_str(SLASH);
            }
            None => hint.push_str(
                "Check that the login endpoint sets its session cookie for this origin, and that `sign_in.verify.url` is right.",
            ),
        }
        hint
    }
}

fn answered<'a>(
    answer: &'a Result<Answer, Unanswered>,
    request: &PlannedRequest,
) -> Result<&'a Answer, Refusal> {
    let origin = request.url.origin().ascii_serialization();
    let refusal = |title: String, hint: &str| Refusal::new(title, hint);
    match answer {
        Ok(answer) => Ok(answer),
        Err(Unanswered::TimedOut) => Err(refusal(
            format!("{origin} did not answer within {} s", request.timeout.as_secs()),
            "Try again; if the endpoint is known to be slow, raise `sign_in.timeout_ms`.",
        )),
        Err(Unanswered::Failed(words)) if reach::is_certificate(words) => Err(refusal(
            format!("{origin} has a certificate that is not trusted here ({words})"),
            &format!(
                "If a private authority signed it, install that in the system: {}. Then restart Understudy.",
                reach::how_to_install("ca.pem")
            ),
        )),
        Err(Unanswered::Failed(words)) => Err(refusal(
            format!("{origin} could not be reached ({words})"),
            "Check the network or VPN, that the application runs, and that its certificate is trusted here.",
        )),
        Err(Unanswered::BrokenOff(words)) => Err(refusal(
            format!("{origin} was reached, but gave no whole answer ({words})"),
            "Look into the application's own log: it may have failed, or a proxy in front of it may have cut the connection.",
        )),
        Err(Unanswered::Broken) => Err(refusal(
            format!("The window's web process ended before {origin} answered"),
            "Retry. If it happens again, this computer may be out of memory, or WebKit may be broken.",
        )),
        Err(Unanswered::Closed) => Err(refusal("The window was closed".into(), "Impersonate again.")),
    }
}

pub(super) fn status_words(status: u16) -> String {
    let words = match status {
        202 => "Accepted",
        204 => "No Content",
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        415 => "Unsupported Media Type",
        419 => "Page Expired",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return status.to_string(),
    };
    format!("{status} {words}")
}

pub(super) fn hint_for(status: u16) -> &'static str {
    match status {
        400 | 415 | 422 => {
            "It did not understand the request: compare `[sign_in]` with what its login endpoint expects."
        }
        401 | 403 => {
            "It did not accept the credentials: check the secrets of this connection, and that this user may be impersonated."
        }
        404 => {
            "It does not know this address or this user: check the address in `[sign_in]`, and that both sides look at the same database."
        }
        405 => "It does not take this method at this address: check `method` and the address in `[sign_in]`.",
        429 => "It asks to slow down: wait a moment and try again.",
        502..=504 => {
            "The server in front of the application got no answer from it: try again, and check that the application runs."
        }
        500..=599 => "The application itself failed: try again, and show this to whoever runs it.",
        _ => "Check `[sign_in]` of this connection, or try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn request() -> PlannedRequest {
        PlannedRequest {
            secrets: vec!["admin_token".into()],
            method: crate::connection::Method::Post,
            url: "https://app.example/login".parse().expect("a URL"),
            headers: vec![],
            body: None,
            timeout: Duration::from_secs(30),
            expect: vec![],
            that: vec![],
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "what judge takes")]
    fn answer(status: u16, body: &str) -> Result<Answer, Unanswered> {
        Ok(Answer { status, body: body.into(), ..Answer::default() })
    }

    #[test]
    fn two_spellings_of_one_uuid_are_the_same_user() {
        let file = "name = 'Shop'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
                    [sign_in]\nurl = 'https://app.example/login'\n\
                    [sign_in.verify]\nurl = 'https://app.example/me'\nexpect = 'response.json.user.id == user.id'\n";
        let connection =
            crate::connection::Connection::parse("shop", file, crate::connection::Origin::Own, None).unwrap();
        let (uuid, other) = ("0b5a2a3e6f0e4a569f3c5d1a9f1f7c11", "0b5a2a3e6f0e4a569f3c5d1a9f1f7c12");
        let context = json!({ "user": { "id": uuid } });
        let verify = crate::sign_in::verify(&connection, &context).unwrap().expect("it is verified");
        for (id, is_meant) in [
            (uuid, true),
            ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11", true),
            ("{0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11}", true),
            (other, false),
            ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c12", false),
            ("0b5a2a3e", false),
        ] {
            let answer = answer(200, &json!({ "user": { "id": id } }).to_string());
            let judged = judge_verify(&answer, &verify, &Landed::default(), &context, &[]);
            assert_eq!(judged.is_ok(), is_meant, "{id}");
        }
    }

    #[test]
    fn two_hundreds_and_redirects_are_a_yes() {
        for status in [200, 201, 204, 0] {
            assert!(judge(&answer(status, ""), &request(), &Value::Null, &[]).is_ok(), "{status}");
        }
    }

    #[test]
    fn a_refusal_says_status_answer_and_next_step_without_the_secret() {
        let secrets = [SecretString::from("s3cret-token")];
        let refusal =
            judge(&answer(401, "bad token s3cret-token"), &request(), &Value::Null, &secrets).unwrap_err();
        assert_eq!(refusal.title, "The application refused the sign-in: 401 Unauthorized");
        assert_eq!(refusal.status, Some(401));
        assert_eq!(refusal.excerpt.as_deref(), Some("bad token ••••"));
        assert!(refusal.hint.contains("secrets of this connection"));
    }

    #[test]
    fn a_sign_out_that_failed_is_not_called_a_sign_in() {
        assert_eq!(judge_sign_out(&answer(0, ""), &request()), Ok(()), "to a login page, most often");
        let why = |answer| judge_sign_out(&answer, &request()).unwrap_err();
        assert_eq!(why(answer(500, "token")), "it was answered with 500 Internal Server Error");
        assert_eq!(why(Err(Unanswered::TimedOut)), "https://app.example did not answer within 30 s");
    }

    #[test]
    fn no_answer_names_the_origin() {
        let refusal = judge(&Err(Unanswered::TimedOut), &request(), &Value::Null, &[]).unwrap_err();
        assert_eq!(refusal.title, "https://app.example did not answer within 30 s");
        let refusal =
            judge(&Err(Unanswered::Failed("refused".into())), &request(), &Value::Null, &[]).unwrap_err();
        assert!(refusal.title.contains("could not be reached (refused)"));
    }
}
