//! A sign-in without a window: everything is really sent, and ended again, by clients of the console. What
//! the window would hold is in the second client's jar.

use std::time::Instant;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use super::client::Client;
use super::shown::{self, Exchange};
use super::steps::in_words;
use super::{
    Arrival, SIGN_OUT_LIMIT, SIGN_OUT_TIMEOUT, arrive, cookies_for_window, judge, judge_sign_out,
    judge_verify, steps,
};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::clock::Clock;
use crate::connection::{Connection, Recipe};
use crate::error::Result;
use crate::masks::Masks;
use crate::template::GIVEN;
use crate::wiped::Wiped;

/// How long a rehearsal that is stopped waits for the answer to what it has sent: what the application begins meanwhile,
/// it can end.
const LAST_ANSWER_MS: i64 = 5_000;

/// What a rehearsal came to, request by request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Rehearsal {
    pub exchanges: Vec<Exchange>,
    /// What happened, in a sentence.
    pub outcome: String,
    pub hint: Option<String>,
    /// The user was signed in, as far as that can be known without a window.
    pub ok: bool,
}

/// Signs in as the user of `context`, asks who that is, and signs out. `context` has the secrets, `secrets`
/// are the same for masking. After `stop` only what was begun is ended, in seconds, whatever is not answered.
pub async fn rehearse(
    connection: &Connection,
    mut context: Wiped,
    secrets: &[SecretString],
    clock: &Clock,
    stop: &CancellationToken,
) -> Rehearsal {
    let now = clock.now_ms() / 1000;
    let mut exchanges = Vec::new();
    let (mut console, mut window) = match (Client::new(&connection.network), Client::new(&connection.network))
    {
        (Ok(console), Ok(window)) => (console, window),
        (Err(error), _) | (_, Err(error)) => {
            return ended(exchanges, Err(in_words(error)), &Masks::default());
        }
    };
    super::complete(connection, &mut context, console.captured(), now);
    let told = (&mut exchanges, stop);
    let signed_in = tokio::select! {
        biased;
        signed_in = sign_in(connection, &mut context, &mut console, &mut window, secrets, now, told) => signed_in,
        () = given_up(stop, clock) => Err(Refusal::new(
            "The trial was stopped",
            "Its last request was not answered in time. What it had begun before was ended again; what that request \
             began, the application may keep until it expires.",
        )),
    };
    if signed_in.is_err() {
        // Stopped between the steps and the window: the session would be left with nobody to end it.
        window.put(&cookies_for_window(connection, &context, &console).unwrap_or_default());
    }
    let signed_out =
        sign_out(connection, &mut context, &mut console, &mut window, secrets, &mut exchanges).await;
    let outcome = signed_in.and_then(|said| match signed_out {
        Ok(()) => Ok(said),
        Err(why) => Err(Refusal::new(
            format!("Signed in, but the sign-out did not go through: {why}"),
            "Check `[sign_out]`; the application may keep this session until it expires.",
        )),
    });
    // What was captured last may stand in the first answer.
    let (of_console, of_window) = (console.secrets(), window.secrets());
    ended(exchanges, outcome, &Masks::of(secrets.iter().chain(&of_console).chain(&of_window)))
}

async fn given_up(stop: &CancellationToken, clock: &Clock) {
    stop.cancelled().await;
    clock.until(clock.now().plus(LAST_ANSWER_MS)).await;
}

fn ended(mut exchanges: Vec<Exchange>, outcome: Result<String, Refusal>, masks: &Masks) -> Rehearsal {
    for exchange in &mut exchanges {
        exchange.mask_for_good(masks);
    }
    match outcome.map_err(|refusal| masks.refusal(refusal)) {
        Ok(outcome) => Rehearsal { exchanges, outcome: masks.mask(&outcome), hint: None, ok: true },
        Err(refusal) => Rehearsal { exchanges, outcome: refusal.title, hint: Some(refusal.hint), ok: false },
    }
}

async fn sign_in(
    connection: &Connection,
    context: &mut Value,
    console: &mut Client,
    window: &mut Client,
    secrets: &[SecretString],
    now: i64,
    (exchanges, stop): (&mut Vec<Exchange>, &CancellationToken),
) -> Result<String, Refusal> {
    let go_on = || {
        if stop.is_cancelled() {
            let hint = "What it had begun in the application was ended again.";
            return Err(Refusal::new("The trial was stopped", hint));
        }
        Ok(())
    };
    let sign_in = &connection.sign_in;
    let mut told = |exchange| exchanges.push(exchange);
    for (at, step) in sign_in.steps.iter().enumerate() {
        go_on()?;
        steps::one(at, step, sign_in.timeout, console, context, secrets, &mut told).await?;
    }
    go_on()?;
    if let Recipe::Forest(_) = sign_in.recipe {
        let form = super::form(connection, context, None, secrets, now, &mut told).await?;
        context[GIVEN] = form.filled_in(&context["reason"])?.into();
        go_on()?;
    }
    let arrival = arrive(connection, context, console, secrets, now, &mut told).await?;
    let Arrival { cookies, request, shown, storage, link, .. } = arrival;
    window.put(&cookies);
    let secrets: Vec<SecretString> = secrets.iter().cloned().chain(console.secrets()).collect();
    let secrets = secrets.as_slice();
    if let (Some(request), Some(exchange)) = (request, shown) {
        go_on()?;
        let answer = send(window, &request, exchange, secrets, exchanges, |answer, secrets| {
            judge(answer, &request, secrets)
        })
        .await?;
        context["response"] = response(&answer);
    }
    let stored = super::storage(&storage, context).map_err(in_words)?;
    if let Some(link) = link {
        return Ok(format!(
            "A one-time link to {} was given. It is not opened here, so that who it signs in is not known.",
            link.origin().ascii_serialization()
        ));
    }
    let Some(verify) = super::verify(connection, context).map_err(in_words)? else {
        return Ok(
            "The application took the sign-in. Without `[sign_in.verify]`, who is signed in is not known."
                .into(),
        );
    };
    if !stored.local.is_empty() || !stored.session.is_empty() {
        return Ok(
            "The page's storage was filled; only a page can use it, so that who is signed in is not known."
                .into(),
        );
    }
    go_on()?;
    let exchange = Exchange::of("Who is signed in?", true, &verify.masked);
    let request = &verify.request;
    send(window, request, exchange, secrets, exchanges, |answer, secrets| {
        judge_verify(answer, &verify, context, secrets)
    })
    .await?;
    Ok(format!("{} was signed in and out again.", super::label(context)))
}

async fn sign_out(
    connection: &Connection,
    context: &mut Value,
    console: &mut Client,
    window: &mut Client,
    secrets: &[SecretString],
    exchanges: &mut Vec<Exchange>,
) -> Result<(), String> {
    let by_window = sign_out_by_window(connection, context, window, secrets, exchanges).await;
    let told = &mut |mut exchange: Exchange| {
        exchange.title = format!("Sign-out: {}", exchange.title);
        exchanges.push(exchange);
    };
    let steps = steps::sign_out(&connection.sign_out.steps, console, context, secrets, told);
    let steps = tokio::time::timeout(SIGN_OUT_LIMIT, steps).await;
    by_window.and(steps.unwrap_or_else(|_| Err("the application did not answer in time".into())))
}

async fn sign_out_by_window(
    connection: &Connection,
    context: &Value,
    window: &mut Client,
    secrets: &[SecretString],
    exchanges: &mut Vec<Exchange>,
) -> Result<(), String> {
    let planned = super::plan_sign_out(connection, context).map_err(|error| error.message)?;
    let (Some(request), Some(template)) = (planned, &connection.sign_out.request) else { return Ok(()) };
    let masked =
        super::planned(template, SIGN_OUT_TIMEOUT, &shown::masked(context)).map_err(|error| error.message)?;
    let exchange = Exchange::of("The sign-out", true, &masked);
    let judged = send(window, &request, exchange, secrets, exchanges, |answer, _| {
        judge_sign_out(answer, &request).map_err(|title| Refusal::new(title, ""))
    });
    judged.await.map(drop).map_err(|refusal| refusal.title)
}

async fn send(
    window: &mut Client,
    request: &PlannedRequest,
    mut exchange: Exchange,
    secrets: &[SecretString],
    exchanges: &mut Vec<Exchange>,
    judged: impl FnOnce(&Result<Answer, Unanswered>, &[SecretString]) -> Result<(), Refusal>,
) -> Result<Answer, Refusal> {
    let begun = Instant::now();
    let answer = window.send_as_page(request).await;
    let secrets: Vec<SecretString> = secrets.iter().cloned().chain(window.secrets()).collect();
    exchange.answered(&answer);
    let outcome = judged(&answer, &secrets);
    exchange.ended(begun, outcome.as_ref().map(drop));
    exchanges.push(exchange);
    outcome?;
    Ok(answer.expect("what is no answer is no yes"))
}

/// An answer as templates see it.
pub fn response(answer: &Answer) -> Value {
    let json = serde_json::from_str::<Value>(&answer.body).ok();
    json!({ "status": answer.status, "json": json, "text": answer.body })
}
