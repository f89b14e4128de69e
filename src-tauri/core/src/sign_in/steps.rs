//! Takes the console's steps: one request after the other, each answer judged, values captured.

use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::client::{Client, collect_texts};
use super::exchange::{self, Exchange};
use super::redirects::Redirect;
use super::{SIGN_OUT_TIMEOUT, capture, judge, plan_request};
use crate::browser::{Answer, PlannedRequest, Refusal};
use crate::connection::SignInStep;
use crate::masks::Masks;
use crate::template::{SignInContext, leads_elsewhere};

/// Takes the step at index `at`. Adds its captures to `context`; `told` receives the exchange.
pub async fn take_step(
    at: usize,
    step: &SignInStep,
    timeout: Duration,
    client: &mut Client,
    context: &mut SignInContext,
    observer: &mut (dyn FnMut(Exchange) + Send),
) -> Result<(), Refusal> {
    let title = step_title(at, step);
    let masked = plan_request(&step.request, timeout, &exchange::mask_context(&context.rendered()))?;
    let mut exchange = Exchange::for_request(title.clone(), false, &masked);
    let begun = Instant::now();
    let outcome = send_step(step, &title, timeout, client, context, (&masked, &mut exchange)).await;
    let masks = Masks::for_secrets(context.secret_values().chain(&client.collect_secrets()));
    let outcome = outcome.map_err(|refusal| masks.mask_refusal(refusal));
    exchange.record_outcome(begun, outcome.as_ref().map(drop));
    exchange.mask_secrets(&masks);
    observer(exchange);
    outcome
}

async fn send_step(
    step: &SignInStep,
    title: &str,
    timeout: Duration,
    client: &mut Client,
    context: &mut SignInContext,
    (masked, exchange): (&PlannedRequest, &mut Exchange),
) -> Result<(), Refusal> {
    let mut request = plan_request(&step.request, timeout, &context.rendered())?;
    client.hide_values(exchange::secret_derived_values(&request, masked));
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
                format!("{title}: the value captured as `{name}` is not a link within the application"),
                "Check where the earlier step captures it.",
            )
        })?;
        exchange.mark_followed(&request.url);
    }
    let reply = match client.send_request(&request, step.redirects).await {
        Ok(reply) => reply,
        Err(unanswered) => {
            if unanswered.may_have_acted() {
                client.leave_open();
            }
            return Err(judge::unanswered_refusal(title, &request, &unanswered));
        }
    };
    let answer = reply.to_answer();
    exchange.record_answer(&Ok(answer.clone()));
    let led_to = reply.redirects_to();
    if let Some(to) = &led_to {
        exchange.record_redirect(to);
    }
    // Everything that can be captured is masked before any of the answer is shown, even if the step fails.
    let found: Vec<_> = step
        .capture
        .iter()
        .map(|wanted| (&wanted.name, capture::capture_value(wanted, &reply, client)))
        .collect();
    found.iter().flat_map(|(_, value)| value).for_each(|value| client.hide_values(collect_texts(value)));
    let masks = Masks::for_secrets(context.secret_values().chain(&client.collect_secrets()));
    if !is_accepted(&request.expect, &answer) || judge::is_stopped(&answer) {
        return Err(judge::step_refused(title, &request, &reply, &masks));
    }
    if let Some(refusal) =
        judge::find_failed_expectation(title, &request, &answer, &context.rendered(), &masks)
    {
        return Err(refusal);
    }
    client.mark_begun();
    let astray = led_to.map(|to| Redirect::from_urls(&reply.url, &to)).filter(Redirect::is_astray);
    if let Some(redirect) = astray {
        client.led_astray(redirect.describe_for(&format!("{title}: the answer")));
    }
    for (name, value) in found {
        let value = value.map_err(|why| Refusal {
            title: format!("{title}: {why}"),
            status: Some(reply.status),
            excerpt: exchange::excerpt_answer(&answer, &masks),
            hint: format!("The sign-in takes `{name}` from this answer: check the step, or what the application answers."),
            secrets: Vec::new(),
        })?;
        client.add_capture(name, value.clone());
        context.add_captured(name, value);
        exchange.captured.push(name.clone());
    }
    Ok(())
}

/// Unlike a window's `fetch`, the console sees where a redirect leads. An unexpected one usually leads to a sign-in
/// page, so it is a refusal.
fn is_accepted(expect: &[u16], answer: &Answer) -> bool {
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
    observer: &mut (dyn FnMut(Exchange) + Send),
) -> Result<(), String> {
    let mut outcome = Ok(());
    for (at, step) in steps.iter().enumerate() {
        if needs_more_than(step, context) {
            continue;
        }
        let taken = take_step(at, step, SIGN_OUT_TIMEOUT, client, context, observer).await;
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
        .flat_map(crate::template::Template::captured_names)
        .chain(request.body.iter().flat_map(crate::template::JsonTemplate::captured_names));
    names.chain(follow.clone()).any(|name| context.captured(&name).is_none())
}

fn step_title(at: usize, step: &SignInStep) -> String {
    let number = at + 1;
    if step.name.is_empty() { format!("Step {number}") } else { format!("Step {number}, {}", step.name) }
}
