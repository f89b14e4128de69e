//! The webhook: entries as the log's own lines, signed as in Standard Webhooks (<https://www.standardwebhooks.com>), so that
//! libraries for it can verify them.
//!
//! The lines are what the entries' hashes cover, to the byte: whoever gets them can compute the chain, and has evidence.
//! OCSF events, which are made from them, would leave that out.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::json;

use super::batch::Batch;
use crate::error::{Code, Error, Result};

/// How a secret of Standard Webhooks begins; the rest is base64.
const SECRET_PREFIX: &str = "whsec_";

/// What Standard Webhooks allows, in bytes.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The message's ID: the same whenever the same entries are sent again.
pub(super) fn message_id(batch: &Batch) -> String {
    format!("{}-{}-{}", batch.log, batch.first(), batch.last())
}

/// The same bytes whenever the same entries are sent again.
pub(super) fn render_body(batch: &Batch) -> String {
    let entries: Vec<_> = batch
        .lines
        .iter()
        .map(|line| json!({ "log": batch.log, "id": line.id, "hash": line.hash, "line": line.line }))
        .collect();
    let written_at = batch.lines.last().map(|line| line.at_ms).unwrap_or_default();
    let timestamp = Timestamp::from_millisecond(written_at).map(|time| time.to_string()).unwrap_or_default();
    json!({ "type": "audit.entries", "timestamp": timestamp, "data": { "entries": entries } }).to_string()
}

/// The value of `webhook-signature`.
///
/// Fails with [`Code::TemplateFailed`] if the secret is none of Standard Webhooks.
pub(super) fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &str) -> Result<String> {
    let key = read_key(secret.expose_secret()).ok_or_else(|| {
        Error::new(
            Code::TemplateFailed,
            "The secret of the audit log's webhook is not one of Standard Webhooks.",
        )
        .with_hint(
            "It has to be `whsec_` and 24 to 64 random bytes in base64, as in \
                 `echo \"whsec_$(openssl rand -base64 32)\"`. Store it anew.",
        )
    })?;
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret()));
    signing.update(format!("{id}.{timestamp}.").as_bytes());
    signing.update(body.as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(signing.sign().as_ref())))
}

fn read_key(secret: &str) -> Option<SecretSlice<u8>> {
    let key = STANDARD.decode(secret.trim().strip_prefix(SECRET_PREFIX)?).ok().map(SecretSlice::from)?;
    SECRET_LENGTHS.contains(&key.expose_secret().len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    /// Computed by the reference implementation (`standardwebhooks` 1.1.0 for Python).
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            sign(&key, id, 1_614_265_330, r#"{"test": 2432232314}"#).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_that_a_receiver_could_not_use_is_refused_without_being_quoted() {
        for unfit in ["canary", "whsec_canary!", "whsec_Y2FuYXJ5", ""] {
            let error = sign(&secret(unfit), "a", 1, "b").unwrap_err();
            assert_eq!(error.code, Code::TemplateFailed);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
}
