//! What an answer means: signed in, or a refusal that says what to do next.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::Verify;
use super::client::Reply;
use super::shown::{excerpt, path};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::masks::Masks;
use crate::uuids::in_one_spelling;
use crate::wiped::Wiped;

/// Did the application take the sign-in?
pub fn judge(
    answer: &Result<Answer, Unanswered>,
    request: &PlannedRequest,
    secrets: &[SecretString],
) -> Result<(), Refusal> {
    let answer = answered(answer, request)?;
    if request.accepts(answer) {
        return Ok(());
    }
    Err(Refusal {
        title: format!("The application refused the sign-in: {}", status_words(answer.status)),
        status: Some(answer.status),
        excerpt: excerpt(answer, &Masks::of(secrets)),
        hint: in_its_words(&answer.body).unwrap_or_else(|| hint_for(answer.status).into()),
        secrets: if is_about_secrets(answer) { request.secrets.clone() } else { Vec::new() },
    })
}

/// Would another secret have helped? 401 says so (RFC 9110, 15.5.2), and OAuth's token endpoints by a word
/// (RFC 6749, 5.2).
fn is_about_secrets(answer: &Answer) -> bool {
    let says = |word: &str| answer.body.contains(word);
    // A token that is too old or too new is the clock's.
    let by_status = answer.status == 401 && in_its_words(&answer.body).as_deref() != Some(CLOCK);
    by_status || says("INVALID_EMAIL_OR_PASSWORD") || says("invalid_client") || says("invalid_grant")
}

/// A step was answered with something else than a yes.
pub(super) fn step_refused(title: &str, request: &PlannedRequest, reply: &Reply, masks: &Masks) -> Refusal {
    let answer = reply.answer();
    // A sign-in page, again or for the first time, is how applications with forms say 401.
    let is_asked_to_sign_in = in_its_words(&answer.body).is_none() && answer.status < 400;
    let about = is_about_secrets(&answer) || is_asked_to_sign_in;
    let hint = match (in_its_words(&answer.body), reply.redirects_to()) {
        (Some(hint), _) => hint,
        (None, Some(to)) => format!(
            "It leads to {}: a sign-in page, most often. Check the secrets of this connection, and what the step expects.",
            to.path()
        ),
        (None, None) if (200..300).contains(&answer.status) => {
            "The page came again, most often because the user name or the password is wrong: check the secrets of this \
             connection, and what the step expects."
                .into()
        }
        (None, None) => hint_for(answer.status).into(),
    };
    Refusal {
        title: format!("{title}: the application answered {}", status_words(answer.status)),
        status: Some(answer.status),
        excerpt: excerpt(&answer, masks),
        hint,
        secrets: if about { request.secrets.clone() } else { Vec::new() },
    }
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
        Unanswered::Failed(words) => format!("The link of {from} could not be opened ({words})"),
        Unanswered::Broken => "The window's web process ended while the link was opened".into(),
        Unanswered::Closed => "The window was closed".into(),
    };
    Refusal::new(
        title,
        "A link works only once and only for a short time. Try again; if it keeps happening, check where the link leads.",
    )
}

/// What to do about refusals that say by a code or in known words what they are about.
fn in_its_words(body: &str) -> Option<String> {
    let known: &[(&str, &str)] = &[
        (
            "YOU_CANNOT_IMPERSONATE_ADMINS",
            "This user is an administrator, and Better Auth lets nobody become one.",
        ),
        (
            "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
            "The account that the console signs in with may not impersonate: give it a role with `user: [\"impersonate\"]`.",
        ),
        (
            "BANNED_USER",
            "This account is banned in the application: nobody can be signed in with it until that is lifted.",
        ),
        (
            "MISSING_OR_NULL_ORIGIN",
            "The application wants to know where a request comes from: the step needs an `origin` header.",
        ),
        (
            "INVALID_ORIGIN",
            "The application does not trust this origin: add it to Better Auth's trustedOrigins.",
        ),
        (
            "INVALID_EMAIL_OR_PASSWORD",
            "The account that the console signs in with, or its password, is wrong: store it again.",
        ),
        (
            "CSRF verification failed",
            "The application did not accept the request's CSRF token or its Origin: check the steps that fetch the token, and that `Origin` is the application's address.",
        ),
        ("clock skew", CLOCK),
        ("not yet valid", CLOCK),
        ("jwt expired", CLOCK),
        (
            "used already",
            "This token was used before; each sign-in makes a new one. Try again; if it keeps happening, something on the way sends requests twice.",
        ),
        (
            "wrong audience",
            "The application expects tokens for another address: compare its own address with the one in this connection.",
        ),
    ];
    known.iter().find(|(mark, _)| body.contains(mark)).map(|(_, hint)| (*hint).to_owned()).or_else(|| {
        // `{"error":"expired"}`, of the endpoints that the documentation gives.
        let error = serde_json::from_str::<Value>(body).ok()?["error"].as_str()?.to_lowercase();
        (error == "expired" || error == "token expired").then(|| CLOCK.to_owned())
    })
}

const CLOCK: &str = "The token counts for a minute, and the application's clock says otherwise than this machine's. \
                     Set both by a time server, then try again.";

/// Did the application take the sign-out? If not: why, to go after a colon.
pub fn judge_sign_out(answer: &Result<Answer, Unanswered>, request: &PlannedRequest) -> Result<(), String> {
    let answer = answered(answer, request).map_err(|refusal| refusal.title)?;
    if answer.is_success() {
        return Ok(());
    }
    Err(format!("it was answered with {}", status_words(answer.status)))
}

/// Is the application's user the one that was meant?
pub fn judge_verify(
    answer: &Result<Answer, Unanswered>,
    verify: &Verify,
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
    if answer.is_redirect() || !answer.is_success() {
        return refuse(
            format!("The sign-in was answered, but {path} says nobody is signed in"),
            "Check that the login endpoint sets its session cookie for this origin, and that `sign_in.verify.url` is right.",
        );
    }
    let body = serde_json::from_str::<Value>(&answer.body).ok();
    if body.is_none() && verify.source.contains("response.json") {
        return refuse(
            format!("{path} did not answer with JSON"),
            "It may be a login page: check `sign_in.verify.url`, and that the login endpoint really signs in.",
        );
    }
    let mut context = Wiped::from(context.clone());
    context["response"] = json!({ "status": answer.status, "json": body, "text": answer.body });
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
            &format!("`{}` could not be decided: {}", verify.source, error.message),
        ),
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
        Err(Unanswered::Failed(words)) => Err(refusal(
            format!("{origin} could not be reached ({words})"),
            "Check the network or VPN, that the application runs, and that its certificate is trusted here.",
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
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        415 => "Unsupported Media Type",
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
            "It does not know this address or this user: check `sign_in.url`, and that both sides look at the same database."
        }
        405 => "It does not take this method at this address: check `sign_in.method` and `sign_in.url`.",
        429 => "It asks to slow down: wait a moment and try again.",
        500..=599 => "The application itself failed: try again, and show this to whoever runs it.",
        _ => "Check `[sign_in]` of this connection, or try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "what judge takes")]
    fn answer(status: u16, body: &str) -> Result<Answer, Unanswered> {
        Ok(Answer { status, content_type: None, body: body.into() })
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
            assert_eq!(judge_verify(&answer, &verify, &context, &[]).is_ok(), is_meant, "{id}");
        }
    }

    #[test]
    fn two_hundreds_and_redirects_are_a_yes() {
        for status in [200, 201, 204, 0] {
            assert!(judge(&answer(status, ""), &request(), &[]).is_ok(), "{status}");
        }
    }

    #[test]
    fn a_refusal_says_status_answer_and_next_step_without_the_secret() {
        let secrets = [SecretString::from("s3cret-token")];
        let refusal = judge(&answer(401, "bad token s3cret-token"), &request(), &secrets).unwrap_err();
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
        let refusal = judge(&Err(Unanswered::TimedOut), &request(), &[]).unwrap_err();
        assert_eq!(refusal.title, "https://app.example did not answer within 30 s");
        let refusal = judge(&Err(Unanswered::Failed("refused".into())), &request(), &[]).unwrap_err();
        assert!(refusal.title.contains("could not be reached (refused)"));
    }
}
