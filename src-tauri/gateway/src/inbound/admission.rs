//! Who may use the gateway: only clients that know the credentials made for its session.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::GatewayError;
use crate::random::random_name;

pub(crate) const USER: &str = "session";

/// The credentials of one gateway, 256 bits of them.
#[derive(Debug)]
pub(crate) struct Admission {
    password: SecretString,
}

impl Admission {
    pub(crate) fn create() -> Result<Self, GatewayError> {
        Ok(Self { password: random_name()?.into() })
    }

    pub(crate) fn password(&self) -> &SecretString {
        &self.password
    }

    /// Whether a user name and a password are those of this gateway; compared in constant time.
    pub(crate) fn accepts(&self, user: &[u8], password: &[u8]) -> bool {
        user == USER.as_bytes()
            && verify_slices_are_equal(password, self.password.expose_secret().as_bytes()).is_ok()
    }

    /// Whether the value of a `Proxy-Authorization` header is right.
    pub(crate) fn accepts_header(&self, value: Option<&http::HeaderValue>) -> bool {
        let Some((scheme, encoded)) =
            value.and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        let Ok(decoded) = BASE64_STANDARD.decode(encoded.trim()) else { return false };
        let Some(colon) = decoded.iter().position(|byte| *byte == b':') else { return false };
        scheme.eq_ignore_ascii_case("basic") && self.accepts(&decoded[..colon], &decoded[colon + 1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sessions_own_credentials_are_accepted() {
        let (ours, others) = (Admission::create().expect("random"), Admission::create().expect("random"));
        let secret = ours.password().expose_secret();
        assert!(
            ours.accepts(b"session", secret.as_bytes()) && !others.accepts(b"session", secret.as_bytes())
        );
        assert!(!ours.accepts(b"root", secret.as_bytes()) && !ours.accepts(b"session", b""));

        let header = |text: String| http::HeaderValue::from_str(&text).expect("a header");
        let encoded = BASE64_STANDARD.encode(format!("session:{secret}"));
        assert!(ours.accepts_header(Some(&header(format!("Basic {encoded}")))));
        assert!(ours.accepts_header(Some(&header(format!("basic {encoded}")))));
        for wrong in
            [format!("Bearer {encoded}"), "Basic".into(), "Basic %%%".into(), format!("Basic {secret}")]
        {
            assert!(!ours.accepts_header(Some(&header(wrong))));
        }
        assert!(!ours.accepts_header(None));
    }

    #[test]
    fn no_debug_output_shows_the_password() {
        let admission = Admission::create().expect("random");
        assert!(!format!("{admission:?}").contains(admission.password().expose_secret()));
    }
}
