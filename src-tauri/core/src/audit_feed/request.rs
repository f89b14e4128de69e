//! One system that gets entries, and one request to it.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::batch::Batch;
use super::{FeedKind, FeedState, otlp, webhook};
use crate::connection::Network;
use crate::destination::Destination;
use crate::error::{Code, Error, Result, SecretName};
use crate::outbox::{AnswerMeaning, DeliveryFault, judge_status, read_retry_after};
use crate::sign_in::{describe_failure, http_client};
use crate::team::{OtlpConfig, TEAM, TeamAuditConfig, WebhookConfig, compile_feed_header, secrets_of};
use crate::vault::Vault;
use crate::zeroizing_json::ZeroizingJson;

/// A system that takes longer does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The longest answer of a collector that is read.
const LONGEST_ANSWER: usize = 1 << 16;

/// A system that gets entries, as the team file says.
#[derive(Debug, Clone)]
pub(crate) enum FeedTarget {
    Webhook(WebhookConfig),
    Otlp(OtlpConfig),
}

/// How one request ended.
pub(super) enum FeedTry {
    Delivered,
    /// It may succeed later, and not before this time.
    Later(DeliveryFault, Option<Duration>),
    /// It cannot succeed as it is.
    Stopped(DeliveryFault),
}

/// The names of the secrets that a system needs.
pub(crate) fn secret_names(target: &FeedTarget) -> BTreeSet<String> {
    match target {
        FeedTarget::Webhook(webhook) => BTreeSet::from([webhook.secret.clone()]),
        FeedTarget::Otlp(otlp) => secrets_of(otlp),
    }
}

impl FeedTarget {
    pub fn list(config: &TeamAuditConfig) -> Vec<Self> {
        let webhook = config.webhook.clone().map(Self::Webhook);
        webhook.into_iter().chain(config.otlp.clone().map(Self::Otlp)).collect()
    }

    pub fn kind(&self) -> FeedKind {
        match self {
            Self::Webhook(_) => FeedKind::Webhook,
            Self::Otlp(_) => FeedKind::Otlp,
        }
    }

    pub fn url(&self) -> &str {
        match self {
            Self::Webhook(webhook) => &webhook.url,
            Self::Otlp(otlp) => &otlp.url,
        }
    }

    pub fn origin(&self) -> String {
        Url::parse(self.url()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    pub(super) fn first_state(&self) -> FeedState {
        FeedState {
            kind: self.kind(),
            origin: self.origin(),
            acknowledged: 0,
            waiting: 0,
            waiting_since: None,
            fault: None,
            next_at: None,
        }
    }

    /// Where a secret of this system may go.
    pub fn destination_of(&self, secret: &str) -> Destination {
        let uses = match self {
            Self::Webhook(_) => vec!["signs the audit log's entries".to_owned()],
            Self::Otlp(otlp) => {
                let with = otlp.headers.iter().filter(|(name, value)| {
                    compile_feed_header(name, value)
                        .is_ok_and(|template| template.secret_names().contains(secret))
                });
                with.map(|(name, value)| format!("POST {} {name}: {value}", otlp.url)).collect()
            }
        };
        Destination::of_feed(&self.origin(), uses)
    }

    /// Reads its secrets, and makes it ready to be sent to. Never makes the keyring prompt for its password.
    pub(super) async fn prepare(&self, vault: &Vault) -> Result<PreparedFeed> {
        let mut secrets = Vec::new();
        for name in secret_names(self) {
            secrets.push((name.clone(), self.read_secret(vault, &name).await?));
        }
        let url = Url::parse(self.url()).map_err(Error::internal)?;
        let http = http_client(&Network::default())?;
        Ok(PreparedFeed { target: self.clone(), url, secrets, http })
    }

    async fn read_secret(&self, vault: &Vault, name: &str) -> Result<SecretString> {
        let full = SecretName::new(TEAM, name);
        if !vault.is_open_for(&full).await {
            let message = format!("The secret `{name}` of the team file is locked in the keyring.");
            return Err(Error::new(Code::VaultLocked, message).with_hint("Unlock the keyring."));
        }
        vault.get(&full, &self.destination_of(name)).await?.ok_or_else(|| {
            Error::new(Code::SecretMissing, format!("The secret `{name}` of the team file is not stored."))
                .with_hint(format!("Store it with `understudy secret set {TEAM} {name}`."))
        })
    }
}

/// A system, with its secrets as the keyring had them.
pub(super) struct PreparedFeed {
    target: FeedTarget,
    url: Url,
    secrets: Vec<(String, SecretString)>,
    http: reqwest::Client,
}

impl PreparedFeed {
    /// Sends a batch once, and follows no redirect.
    pub async fn send_once(&self, batch: &Batch, now_ms: i64) -> FeedTry {
        let request = match self.build_request(batch, now_ms) {
            Ok(request) => request,
            Err(error) => return FeedTry::Stopped((&error).into()),
        };
        let place = self.url.origin().ascii_serialization();
        let answer = match request.timeout(ANSWER_LIMIT).send().await {
            Ok(answer) => answer,
            Err(cause) => {
                let why =
                    if cause.is_timeout() { "it took too long".into() } else { describe_failure(&cause) };
                let message = format!("{place} did not answer: {why}.");
                return FeedTry::Later(DeliveryFault { message, hint: None }, None);
            }
        };
        let status = answer.status().as_u16();
        let wait = read_retry_after(answer.headers());
        let message = format!("{place} answered with status {status}.");
        let kind = self.target.kind().as_str();
        match judge_status(status) {
            AnswerMeaning::Delivered => self.read_answer(answer).await,
            AnswerMeaning::Later => FeedTry::Later(DeliveryFault { message, hint: None }, wait),
            AnswerMeaning::Never => {
                let hint = match status {
                    300..=399 => {
                        format!(
                            "It is a redirect, which is not followed. Set `audit.{kind}.url` to where it leads."
                        )
                    }
                    401 | 403 => format!("Check the secrets for `audit.{kind}`, then try again."),
                    _ => format!(
                        "Ask whoever looks after the team file to check `audit.{kind}`, then try again."
                    ),
                };
                FeedTry::Stopped(DeliveryFault { message, hint: Some(hint) })
            }
        }
    }

    fn build_request(&self, batch: &Batch, now_ms: i64) -> Result<reqwest::RequestBuilder> {
        let request = self.http.post(self.url.clone());
        match &self.target {
            FeedTarget::Webhook(webhook) => {
                let secret = self.secrets.iter().find(|(name, _)| *name == webhook.secret);
                let (_, secret) =
                    secret.ok_or_else(|| Error::internal("the webhook's secret was not read"))?;
                let (id, timestamp) = (webhook::message_id(batch), now_ms / 1000);
                let body = webhook::render_body(batch);
                let signature = webhook::sign(secret, &id, timestamp, &body)?;
                Ok(request
                    .header("content-type", "application/json")
                    .header("webhook-id", id)
                    .header("webhook-timestamp", timestamp)
                    .header("webhook-signature", signature)
                    .body(body))
            }
            FeedTarget::Otlp(otlp) => {
                let mut request =
                    request.header("content-type", otlp::CONTENT_TYPE).body(otlp::render_body(batch)?);
                for (name, value) in &otlp.headers {
                    request = request.header(name, self.render_header(name, value)?);
                }
                Ok(request)
            }
        }
    }

    fn render_header(&self, name: &str, value: &str) -> Result<reqwest::header::HeaderValue> {
        let mut seen = ZeroizingJson::from(json!({ "secret": {} }));
        for (name, secret) in &self.secrets {
            seen["secret"][name] = Value::from(secret.expose_secret());
        }
        let template = compile_feed_header(name, value).map_err(|fault| {
            Error::new(Code::TemplateFailed, format!("audit.otlp.headers.{name}: {}", fault.message))
        })?;
        let text = SecretString::from(template.render(&seen)?);
        let mut header = reqwest::header::HeaderValue::from_str(text.expose_secret()).map_err(|_| {
            let message =
                format!("The header `{name}` of `audit.otlp` would contain characters that a header cannot.");
            Error::new(Code::TemplateFailed, message)
                .with_hint("Store its secret anew, without a line break.")
        })?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// A collector can take a part only. What it has not taken must not be sent again, so it is said and passed over.
    async fn read_answer(&self, mut answer: reqwest::Response) -> FeedTry {
        if self.target.kind() != FeedKind::Otlp {
            return FeedTry::Delivered;
        }
        let mut read = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            read.extend_from_slice(&part);
            if read.len() > LONGEST_ANSWER {
                break;
            }
        }
        if let Some((count, why)) = otlp::read_rejection(&read) {
            let why = crate::sanitize::sanitize_line(&why, 200);
            tracing::error!(
                "the OpenTelemetry collector has refused {count} of the audit log's entries: {why}"
            );
        }
        FeedTry::Delivered
    }
}
