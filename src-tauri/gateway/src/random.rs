//! Names that cannot be guessed.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::GatewayError;

/// 256 random bits, as 43 characters that are valid in a URL, a header and a user name.
pub(crate) fn random_name() -> Result<String, GatewayError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| GatewayError::Randomness)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
