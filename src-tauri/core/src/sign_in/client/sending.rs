//! Sends one request, with cookies and the credentials that its host wants, and reads the answer.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use understudy_gateway::ChallengeAnswer;
use url::Url;

use super::reply::Reply;
use super::{Client, describe_failure};
use crate::browser::{Answer, PlannedRequest, Unanswered};
use crate::charset;
use crate::connection::Method;
use crate::sign_in::content_coding;

/// How often a request is sent: without credentials, with them, and with a nonce of HTTP Digest that is younger.
const MOST_TRIES: u32 = 3;

/// The most bytes of an answer that are read, both compressed and decoded.
pub const LONGEST: usize = 1 << 20;

impl Client {
    /// Sends a request, and follows at most `redirects` redirects within its origin.
    pub async fn send_request(
        &mut self,
        request: &PlannedRequest,
        redirects: u32,
    ) -> Result<Reply, Unanswered> {
        let whole = async {
            let mut reply = self.send_once(request.method, &request.url, Some(request)).await?;
            for _ in 0..redirects {
                let Some(next) = reply.redirects_to() else { break };
                if next.origin() != request.url.origin() {
                    break;
                }
                // Like browsers, follow with GET. Only 307 and 308 would repeat the POST, and no sign-in needs them.
                reply = self.send_once(Method::Get, &next, None).await?;
            }
            Ok(reply)
        };
        tokio::time::timeout(request.timeout, whole).await.unwrap_or(Err(Unanswered::TimedOut))
    }

    /// Sends a request, follows no redirect, and reads no body: a receiver that has answered with a status has the
    /// request, however its body goes on.
    pub async fn send_for_status(&mut self, request: &PlannedRequest) -> Result<Reply, Unanswered> {
        let begun = self.begin_request(request.method, &request.url, Some(request));
        let response =
            tokio::time::timeout(request.timeout, begun).await.unwrap_or(Err(Unanswered::TimedOut))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: String::new(), is_cut: false, url: request.url.clone() })
    }

    /// Sends a request like the application's own page would. Returns what that page would see of the answer, and where
    /// a redirect leads, which a page would not see.
    pub async fn send_as_page(
        &mut self,
        request: &PlannedRequest,
    ) -> Result<(Answer, Option<Url>), Unanswered> {
        let mut as_sent = request.clone();
        // Browsers add this to every request but GET.
        if request.method != Method::Get {
            as_sent.headers.push(("origin".into(), request.url.origin().ascii_serialization().into()));
        }
        let reply = self.send_request(&as_sent, 0).await?;
        let answer = reply.to_answer();
        // With `redirect: "manual"`, a page's `fetch` only sees that there is a redirect.
        let seen = match answer.status {
            300..400 => Answer { status: 0, ..answer },
            _ => answer,
        };
        Ok((seen, reply.redirects_to()))
    }

    async fn send_once(
        &mut self,
        method: Method,
        url: &Url,
        request: Option<&PlannedRequest>,
    ) -> Result<Reply, Unanswered> {
        let mut response = self.begin_request(method, url, request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (mut bytes, mut is_cut) = (Zeroizing::new(Vec::new()), false);
        while let Some(chunk) = response.chunk().await.map_err(to_unanswered)? {
            let room = LONGEST - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                is_cut = true;
                break;
            }
        }
        let (bytes, goes_on) =
            content_coding::decode_body(bytes, &headers, LONGEST).map_err(Unanswered::BrokenOff)?;
        is_cut |= goes_on;
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let body = charset::decode_text(&bytes, kind);
        Ok(Reply { status, headers, body, is_cut, url: url.clone() })
    }

    /// Sends one request, and returns when the head of its answer is there.
    async fn begin_request(
        &mut self,
        method: Method,
        url: &Url,
        request: Option<&PlannedRequest>,
    ) -> Result<reqwest::Response, Unanswered> {
        let method = method.as_str().parse().expect("one of HTTP's methods");
        let mut sending = self.http.request(method, url.clone());
        if let Some(request) = request {
            for (name, value) in &request.headers {
                let (Ok(name), Ok(mut value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    // Characters up to 0xff, one byte each, as `fetch` sends them.
                    HeaderValue::from_bytes(&encode_latin1(value.expose_secret())),
                ) else {
                    return Err(Unanswered::Failed(format!("the header `{name}` cannot be sent")));
                };
                value.set_sensitive(true);
                sending = sending.header(name, value);
            }
            if let Some(body) = &request.body {
                sending = sending.body(body.expose_secret().to_owned());
            }
        }
        let names_encoding = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
        });
        if !names_encoding {
            sending = sending.header(ACCEPT_ENCODING, content_coding::accept_encoding(url));
        }
        // A request that says its cookies itself stands beside those kept here: it is of another session.
        let is_beside = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        });
        if let Some(cookies) = self.cookies_for(url).filter(|_| !is_beside) {
            sending = sending.header(COOKIE, cookies);
        }
        let says_itself = request.is_some_and(|request| {
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        });
        let request = sending.build().map_err(to_unanswered)?;
        let response = if says_itself {
            self.http.execute(request).await.map_err(to_unanswered)?
        } else {
            self.send_with_credentials(request).await.map_err(to_unanswered)?
        };
        if !is_beside {
            self.keep_cookies(response.headers(), url);
        }
        Ok(response)
    }
}

impl Client {
    /// Sends a request with the user name and the password that its host wants, if they are known.
    async fn send_with_credentials(&self, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        let mut sent = self.credentials.authorize(request.method(), request.url());
        for _ in 1..MOST_TRIES {
            let mut next = request.try_clone().expect("a text as body can be sent again");
            if let Some(authorization) = &sent {
                next.headers_mut().insert(AUTHORIZATION, authorization.header.clone());
            }
            let response = self.http.execute(next).await?;
            let is_asked = response.status() == StatusCode::UNAUTHORIZED;
            let answer = is_asked.then(|| {
                let at = (request.method(), request.url());
                self.credentials.answer_challenge(response.headers(), at, sent.as_ref())
            });
            match answer.flatten() {
                Some(ChallengeAnswer::Authorize(next)) => sent = Some(next),
                _ => return Ok(response),
            }
        }
        let mut last = request;
        if let Some(authorization) = sent {
            last.headers_mut().insert(AUTHORIZATION, authorization.header);
        }
        self.http.execute(last).await
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn to_unanswered(cause: reqwest::Error) -> Unanswered {
    match describe_failure(&cause) {
        words if cause.is_connect() || cause.is_builder() => Unanswered::Failed(words),
        words => Unanswered::BrokenOff(words),
    }
}

pub(crate) fn encode_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}
