//! Answers to a sign-in, to a sign-out and to the question who is signed in.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::sign_in::verify_evidence::VerifyEvidence;

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
        crate::connection::Connection::parse("shop", file, crate::connection::ConnectionSource::Own, None)
            .unwrap();
    let (uuid, other) = ("0b5a2a3e6f0e4a569f3c5d1a9f1f7c11", "0b5a2a3e6f0e4a569f3c5d1a9f1f7c12");
    let context = json!({ "user": { "id": uuid } });
    let verify = crate::sign_in::plan_verification(&connection, &context).unwrap().expect("it is verified");
    for (id, is_meant) in [
        (uuid, true),
        ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11", true),
        ("{0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11}", true),
        (other, false),
        ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c12", false),
        ("0b5a2a3e", false),
    ] {
        let answer = answer(200, &json!({ "user": { "id": id } }).to_string());
        let judged = judge_verify(&answer, &verify, &VerifyEvidence::default(), &context, &[]);
        assert_eq!(judged.is_ok(), is_meant, "{id}");
    }
}

#[test]
fn two_hundreds_and_redirects_are_a_yes() {
    for status in [200, 201, 204, 0] {
        assert!(judge_sign_in(&answer(status, ""), &request(), &Value::Null, &[]).is_ok(), "{status}");
    }
}

#[test]
fn a_refusal_says_status_answer_and_next_step_without_the_secret() {
    let secrets = [SecretString::from("s3cret-token")];
    let refusal = judge_sign_in(&answer(401, "bad token s3cret-token"), &request(), &Value::Null, &secrets)
        .unwrap_err();
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
    let refusal = judge_sign_in(&Err(Unanswered::TimedOut), &request(), &Value::Null, &[]).unwrap_err();
    assert_eq!(refusal.title, "https://app.example did not answer within 30 s");
    let refusal =
        judge_sign_in(&Err(Unanswered::Failed("refused".into())), &request(), &Value::Null, &[]).unwrap_err();
    assert!(refusal.title.contains("could not be reached (refused)"));
}
