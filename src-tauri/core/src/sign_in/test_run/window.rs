//! What the session's window would do, done by an HTTP client: its own sign-in request, the one-time link, the question
//! who is signed in, the sign-out.

use std::time::Instant;

use secrecy::SecretString;
use url::Url;

use super::{TestStage, to_response};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::Method;
use crate::error::Result;
use crate::masks::Masks;
use crate::sign_in::client::Reply;
use crate::sign_in::exchange::{self, Exchange};
use crate::sign_in::{
    self, Redirect, SIGN_OUT_TIMEOUT, VerifyEvidence, VerifyRequest, judge, judge_sign_in, judge_sign_out,
    judge_verify, link_failed,
};

/// The most redirects of a one-time link that are followed, about as many as a browser would.
const MOST_REDIRECTS: usize = 10;

impl TestStage<'_> {
    /// Sends the window's own request and notes what is remarkable about the answer.
    pub(super) async fn send_sign_in(
        &mut self,
        request: &PlannedRequest,
        exchange: Exchange,
        landed: &mut VerifyEvidence,
    ) -> Result<(), Refusal> {
        let seen = self.context.rendered();
        let mut is_left_open = false;
        let sent = self.send_as_window(request, exchange, |answer, _, secrets| {
            is_left_open = answer.as_ref().is_err_and(Unanswered::may_have_acted);
            judge_sign_in(answer, request, &seen, secrets)
        });
        let sent = sent.await;
        if is_left_open {
            self.window.leave_open();
        }
        let (answer, led_to) = sent?;
        self.context.set_response(to_response(&answer));
        let mut notes: Vec<String> = self
            .window
            .cookie_problems()
            .iter()
            .map(|unkept| format!("The login endpoint answered, but {unkept}"))
            .collect();
        landed.notes.extend(notes.iter().cloned());
        landed.is_redirected = answer.is_redirect();
        if let Some(to) = led_to {
            let redirect = Redirect::from_urls(&request.url, &to);
            if let Some(hint) = redirect.explain_move() {
                let to = exchange::redact_link(&to);
                return Err(Refusal::new(
                    format!("The login endpoint is elsewhere: the answer leads to {to}"),
                    hint,
                ));
            }
            if redirect.is_astray() {
                notes.push(redirect.describe_for("The login endpoint's answer"));
            }
            landed.led_to = Some(redirect);
        }
        notes.extend(self.cookies_beside_the_start()?);
        self.notes.extend(notes);
        Ok(())
    }

    /// If the window has no cookie for the first page, the cookies that it has for other paths.
    fn cookies_beside_the_start(&self) -> Result<Vec<String>, Refusal> {
        let begin = sign_in::redirect_to(self.connection, &self.context.rendered())?;
        if !self.window.cookie_names(&begin).is_empty() {
            return Ok(Vec::new());
        }
        let unsent = self.window.unsent_to(&begin);
        Ok(unsent.iter().map(|cookie| format!("The login endpoint answered, but {cookie}")).collect())
    }

    /// Opens a one-time link like the window, as far as possible without scripts. `Some`: what remains unknown.
    pub(super) async fn open_link(&mut self, link: &Url) -> Result<Option<String>, Refusal> {
        let (origin, timeout) = (self.connection.sign_in.origin.clone(), self.connection.sign_in.timeout);
        let mut url = link.clone();
        for at in 0..MOST_REDIRECTS {
            let request = PlannedRequest {
                method: Method::Get,
                url: url.clone(),
                headers: vec![("accept".into(), "text/html,*/*;q=0.8".to_owned().into())],
                body: None,
                timeout,
                expect: Vec::new(),
                that: Vec::new(),
                secrets: Vec::new(),
            };
            let mut exchange = Exchange::for_request(
                if at == 0 { "The link" } else { "Where the link leads" },
                true,
                &request,
            );
            exchange.mark_followed(&url);
            self.window.mark_begun();
            let begun = Instant::now();
            let reply = self.window.send_request(&request, 0).await;
            exchange.record_answer(&reply.as_ref().map(Reply::to_answer).map_err(Clone::clone));
            let next = reply.as_ref().ok().and_then(Reply::redirects_to);
            if let Some(to) = &next {
                exchange.record_redirect(to);
            }
            let outcome = match &reply {
                Err(why) => Err(link_failed(link, &origin, timeout, why)),
                Ok(reply) if reply.status >= 400 || judge::is_stopped(&reply.to_answer()) => {
                    Err(judge::link_refused(&reply.to_answer(), &Masks::for_secrets(&self.collect_secrets())))
                }
                Ok(_) => Ok(()),
            };
            exchange.record_outcome(begun, outcome.as_ref().map(drop));
            self.exchanges.push(exchange);
            outcome?;
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        let has_cookie = Url::parse(&origin.ascii_serialization())
            .is_ok_and(|url| !self.window.cookie_names(&url).is_empty());
        if url.origin() == origin && has_cookie {
            return Ok(None);
        }
        Ok(Some(format!(
            "The link led to {}, whose page signs in with its scripts. Only a window can tell who that is.",
            url.origin().ascii_serialization()
        )))
    }

    pub(super) async fn ask_who(
        &mut self,
        verify: &VerifyRequest,
        mut landed: VerifyEvidence,
    ) -> Result<(), Refusal> {
        landed.cookies = Some(self.window.cookie_names(&verify.request.url));
        for unkept in self.window.cookie_problems().iter().map(ToString::to_string) {
            if !landed.notes.iter().any(|note| note.ends_with(&unkept)) {
                landed.notes.push(format!("In the window, {unkept}"));
            }
        }
        let unsent = self.window.unsent_to(&verify.request.url);
        landed.notes.extend(unsent.iter().map(|cookie| format!("In the window, {cookie}")));
        let exchange = Exchange::for_request("Who is signed in?", !verify.by_console, &verify.masked);
        let made = exchange::secret_derived_values(&verify.request, &verify.masked);
        self.window.hide_values(made);
        let seen = self.context.rendered();
        self.send_as_window(&verify.request, exchange, |answer, led_to, secrets| {
            landed.asked_led_to = led_to.map(|to| Redirect::from_urls(&verify.request.url, to));
            judge_verify(answer, verify, &landed, &seen, secrets)
        })
        .await
        .map(drop)
    }

    pub(super) async fn sign_out_by_window(&mut self) -> Result<(), String> {
        let connection = self.connection;
        let planned =
            sign_in::plan_sign_out(connection, &self.context.rendered()).map_err(|error| error.message)?;
        let (Some(request), Some(template)) = (planned, &connection.sign_out.request) else { return Ok(()) };
        let masked = sign_in::plan_request(
            template,
            SIGN_OUT_TIMEOUT,
            &exchange::mask_context(&self.context.rendered()),
        );
        let exchange = Exchange::for_request("The sign-out", true, &masked.map_err(|error| error.message)?);
        let judged = self.send_as_window(&request, exchange, |answer, _, _| {
            judge_sign_out(answer, &request).map_err(|title| Refusal::new(title, ""))
        });
        judged.await.map(drop).map_err(|refusal| refusal.title)
    }

    /// Sends a request in place of the window, which would not see where a redirect leads.
    async fn send_as_window(
        &mut self,
        request: &PlannedRequest,
        mut exchange: Exchange,
        judged: impl FnOnce(&Result<Answer, Unanswered>, Option<&Url>, &[SecretString]) -> Result<(), Refusal>,
    ) -> Result<(Answer, Option<Url>), Refusal> {
        let begun = Instant::now();
        let sent = self.window.send_as_page(request).await;
        let led_to = sent.as_ref().ok().and_then(|(_, to)| to.clone());
        if let Some(to) = &led_to {
            exchange.record_redirect(to);
        }
        let as_window = sent.map(|(answer, _)| answer);
        let secrets = self.collect_secrets();
        exchange.record_answer(&as_window);
        let outcome = judged(&as_window, led_to.as_ref(), &secrets);
        if outcome.is_ok() || as_window.as_ref().is_err_and(Unanswered::may_have_acted) {
            self.window.mark_begun();
        }
        exchange.record_outcome(begun, outcome.as_ref().map(drop));
        self.exchanges.push(exchange);
        outcome?;
        Ok((as_window.expect("what is no answer is no yes"), led_to))
    }
}
