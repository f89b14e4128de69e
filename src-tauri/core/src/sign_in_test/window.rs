//! The window of a sign-in test: a client that plays the launch page, and opens one-time links as far as that is
//! possible without scripts.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use url::Url;

use crate::browser::{PlannedRequest, Unanswered};
use crate::client_window::ClientWindow;
use crate::connection::Method;
use crate::error::Result;
use crate::impersonation::driver::{LinkArrival, LinkEnd, LinkFailure, SignInDriver, SignInWindow};
use crate::impersonation::session_gateway::SessionGateway;
use crate::sign_in::{self, Exchange};

/// The most redirects of a one-time link that are followed, about as many as a browser would.
const MOST_REDIRECTS: usize = 10;

pub(super) struct TestWindow(ClientWindow);

impl TestWindow {
    /// Loads the launch page.
    pub(super) async fn open(gateway: &SessionGateway, origin: &url::Origin) -> Result<Self> {
        let jar = Arc::clone(gateway.cookies());
        let window = ClientWindow::open(gateway.gateway(), gateway.launch(), origin, jar)?;
        gateway.launch().page().wait_until_ready().await?;
        Ok(Self(window))
    }
}

#[async_trait]
impl SignInWindow for TestWindow {
    async fn open_link(
        &self,
        driver: &SignInDriver,
        link: &Url,
        mut arrival: LinkArrival,
    ) -> Result<LinkEnd, LinkFailure> {
        driver.gateway.launch().page().leave_for(link).await.map_err(LinkFailure::Error)?;
        let mut next = Some(link.clone());
        let mut last = link.clone();
        for at in 0..MOST_REDIRECTS {
            let Some(url) = next.take() else { break };
            let title = if at == 0 { "The link" } else { "Where the link leads" };
            next = self.follow_once(driver, (link, &url), title, &mut arrival).await?;
            last = url;
        }
        driver.gateway.set_mode(driver.connection.policy.access.mode);
        let origin = last.origin();
        let is_at_application = origin == driver.connection.sign_in.origin;
        let has_cookie = !driver.gateway.cookies().list_names(&last).is_empty();
        Ok(if is_at_application && has_cookie { LinkEnd::Application } else { LinkEnd::Scripts(origin) })
    }
}

impl TestWindow {
    /// Loads one page of a link's way, and returns where it leads.
    async fn follow_once(
        &self,
        driver: &SignInDriver,
        (link, url): (&Url, &Url),
        title: &str,
        arrival: &mut LinkArrival,
    ) -> Result<Option<Url>, LinkFailure> {
        let limit = driver.connection.sign_in.timeout;
        let shown = PlannedRequest {
            method: Method::Get,
            url: url.clone(),
            headers: Vec::new(),
            body: None,
            timeout: limit,
            expect: Vec::new(),
            that: Vec::new(),
            secrets: Vec::new(),
        };
        let mut exchange = Exchange::for_request(title, true, &shown);
        exchange.mark_followed(url);
        let begun = Instant::now();
        let loaded = tokio::time::timeout(limit, self.0.load_page(url)).await;
        let loaded = loaded.unwrap_or(Err(Unanswered::TimedOut));
        // Then the gateway has answered in the application's place.
        let reply = match arrival.try_recv() {
            Ok(Err(LinkFailure::Unanswered(why))) => Err(why),
            _ => loaded,
        };
        let redirect = reply.as_ref().ok().and_then(|reply| reply.redirect.clone());
        let answer = reply.map(|reply| reply.to_answer());
        exchange.record_answer(&answer);
        if let Some(to) = &redirect {
            exchange.record_redirect(to);
        }
        let failure = match answer {
            Err(why) => Some(LinkFailure::Unanswered(why)),
            Ok(answer) if answer.status >= 400 || sign_in::is_stopped(&answer) => {
                Some(LinkFailure::Refused(answer))
            }
            Ok(_) => None,
        };
        let refusal = failure.as_ref().map(|failure| driver.refuse_link(link, failure));
        exchange.record_outcome(begun, refusal.as_ref().map_or(Ok(()), Err));
        (driver.observer)(exchange);
        failure.map_or(Ok(redirect), Err)
    }
}
