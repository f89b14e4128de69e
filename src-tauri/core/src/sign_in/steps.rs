//! Takes the console's steps: one request after the other, each answer judged, values captured.

use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::client::{Client, texts};
use super::redirects::Redirect;
use super::shown::{self, Exchange};
use super::{SIGN_OUT_TIMEOUT, capture, judge, planned};
use crate::browser::{Answer, PlannedRequest, Refusal};
use crate::connection::SignInStep;
use crate::masks::Masks;
use crate::template::{SignInContext, leads_elsewhere};

/// Takes the step at index `at`. Adds its captures to `context`; `told` receives the exchange.
pub async fn one(
    at: usize,
    step: &SignInStep,
    timeout: Duration,
    client: &mut Client,
    context: &mut SignInContext,
    told: &mut (dyn FnMut(Exchange) + Send),
) -> Result<(), Refusal> {
    let title = title(at, step);
    let masked = planned(&step.request, timeout, &shown::masked(&context.rendered()))?;
    let mut exchange = Exchange::of(title.clone(), false, &masked);
    let begun = Instant::now();
    let outcome = take(step, &title, timeout, client, context, (&masked, &mut exchange)).await;
    let masks = Masks::of(context.secret_values().chain(&client.secrets()));
    let outcome = outcome.map_err(|refusal| masks.refusal(refusal));
    exchange.ended(begun, outcome.as_ref().map(drop));
    exchange.mask(&masks);
    told(exchange);
    outcome
}

async fn take(
    step: &SignInStep,
    title: &str,
    timeout: Duration,
    client: &mut Client,
    context: &mut SignInContext,
    (masked, exchange): (&PlannedRequest, &mut Exchange),
) -> Result<(), Refusal> {
    let mut request = planned(&step.request, timeout, &context.rendered())?;
    client.hide(shown::made_of_secrets(&request, masked));
    if request.secrets.is_empty() {
        // What it sends was obtained with a secret by an earlier step.
        request.secrets = context.secret_names().cloned().collect();
    }
    if let Some(name) = &step.follow {
        let to = context.captured(name).and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
        // The content of a page must not choose where the console's cookies go.
        let is_within = |to: &Url| to.origin() == request.url.origin() && !leads_elsewhere(to.path());
        request.url = to.filter(is_within).ok_or_else(|| {
            Refusal::new(
                format!("{title}: what was captured as `{name}` is no link within the application"),
                "Check where the step before captures it.",
            )
        })?;
        exchange.follows(&request.url);
    }
    let reply = match client.send(&request, step.redirects).await {
        Ok(reply) => reply,
        Err(unanswered) => {
            if unanswered.may_have_acted() {
                client.leave_open();
            }
            return Err(judge::unanswered(title, &request, &unanswered));
        }
    };
    let answer = reply.answer();
    exchange.answered(&Ok(answer.clone()));
    let led_to = reply.redirects_to();
    if let Some(to) = &led_to {
        exchange.led_to(to);
    }
    // Everything that can be captured is masked before any of the answer is shown, even if the step fails.
    let found: Vec<_> =
        step.capture.iter().map(|wanted| (&wanted.name, capture::take(wanted, &reply, client))).collect();
    found.iter().flat_map(|(_, value)| value).for_each(|value| client.hide(texts(value)));
    let masks = Masks::of(context.secret_values().chain(&client.secrets()));
    if !accepted(&request.expect, &answer) || judge::is_stopped(&answer) {
        return Err(judge::step_refused(title, &request, &reply, &masks));
    }
    if let Some(refusal) = judge::untrue(title, &request, &answer, &context.rendered(), &masks) {
        return Err(refusal);
    }
    client.begin();
    let astray = led_to.map(|to| Redirect::of(&reply.url, &to)).filter(Redirect::is_astray);
    if let Some(redirect) = astray {
        client.led_astray(redirect.told(&format!("{title}: the answer")));
    }
    for (name, value) in found {
        let value = value.map_err(|why| Refusal {
            title: format!("{title}: {why}"),
            status: Some(reply.status),
            excerpt: shown::excerpt(&answer, &masks),
            hint: format!("The sign-in takes `{name}` from this answer: check the step, or what the application answers."),
            secrets: Vec::new(),
        })?;
        client.keep(name, value.clone());
        context.add_captured(name, value);
        exchange.captured.push(name.clone());
    }
    Ok(())
}

/// Unlike a window's `fetch`, the console sees where a redirect leads. An unexpected one usually leads to a sign-in
/// page, so it is a refusal.
fn accepted(expect: &[u16], answer: &Answer) -> bool {
    match expect {
        [] => (200..300).contains(&answer.status),
        expect => expect.contains(&answer.status),
    }
}

/// Takes all steps of a sign-out, even after one fails. A step that needs a value that was never captured has nothing
/// to end. Returns the first failure.
pub async fn sign_out(
    steps: &[SignInStep],
    client: &mut Client,
    context: &mut SignInContext,
    told: &mut (dyn FnMut(Exchange) + Send),
) -> Result<(), String> {
    let mut outcome = Ok(());
    for (at, step) in steps.iter().enumerate() {
        if needs_more_than(step, context) {
            continue;
        }
        let taken = one(at, step, SIGN_OUT_TIMEOUT, client, context, told).await;
        if let (Err(refusal), Ok(())) = (taken, &outcome) {
            outcome = Err(refusal.title);
        }
    }
    outcome
}

fn needs_more_than(step: &SignInStep, context: &SignInContext) -> bool {
    let SignInStep { request, follow, .. } = step;
    let names = std::iter::once(&request.url)
        .chain(request.headers.iter().map(|(_, value)| value))
        .flat_map(crate::template::Template::captured)
        .chain(request.body.iter().flat_map(crate::template::JsonTemplate::captured));
    names.chain(follow.clone()).any(|name| context.captured(&name).is_none())
}

fn title(at: usize, step: &SignInStep) -> String {
    let number = at + 1;
    if step.name.is_empty() { format!("Step {number}") } else { format!("Step {number}, {}", step.name) }
}
