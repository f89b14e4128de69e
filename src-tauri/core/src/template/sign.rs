//! What templates can sign with a secret: `jwt(secret.<name>, …)` and `hmac(secret.<name>, …)`. The secret
//! itself then never leaves this machine.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use minijinja::value::{Kwargs, Value as Rendered, ValueKind};
use minijinja::{Environment, Error as EngineError, ErrorKind, State};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The functions, by name: they are not names of the context.
pub(super) const FUNCTIONS: &[&str] = &["jwt", "hmac"];

/// Marks a failure whose words are ours and hold no value.
pub(super) const SAID: &str = "said: ";

/// What the context calls the facts that templates cannot name: `now`, in seconds since the epoch, and
/// `audience`, the application's origin.
pub const FACTS: &str = "understudy facts";

/// What stands for a secret where a request is shown.
pub const MASK: &str = "••••";

/// How long a token counts, unless the template says: long enough for one request and a slow clock.
const EXPIRES: i64 = 60;
/// A longer one would be a password.
const LONGEST: i64 = 3600;
/// RFC 7518, 3.2: a key as long as the hash.
const SHORTEST_KEY: usize = 32;

pub(super) fn add_to(engine: &mut Environment<'static>) {
    engine.add_function("jwt", jwt);
    engine.add_function("hmac", hmac_of);
}

/// A JWT (RFC 7519) of the claims, signed with `key`: by EdDSA, ES256 or RS256 when that is a private key in
/// PEM, and by HS256 otherwise. Fails in words that do not hold the key.
pub fn signed(claims: &Value, key: &str) -> Result<String, String> {
    let (algorithm, key) = if key.trim_start().starts_with("-----BEGIN") {
        private_key(key.trim())?
    } else {
        (Algorithm::HS256, EncodingKey::from_secret(key.as_bytes()))
    };
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).map_err(|_| {
        "the private key cannot sign: it has to be Ed25519, P-256 or RSA with 2048 bits or more".into()
    })
}

fn private_key(pem: &str) -> Result<(Algorithm, EncodingKey), String> {
    let bytes = pem.as_bytes();
    EncodingKey::from_ed_pem(bytes)
        .map(|key| (Algorithm::EdDSA, key))
        .or_else(|_| EncodingKey::from_ec_pem(bytes).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| EncodingKey::from_rsa_pem(bytes).map(|key| (Algorithm::RS256, key)))
        .map_err(|_| {
            "the key is no private key that can be used: it has to be Ed25519 or P-256 in PKCS#8, or RSA, without a \
             passphrase"
                .into()
        })
}

/// `jwt(secret.<name>, expires="60s", claim=value, …)`: a token for one request. Unless they are given,
/// `sub` is the user, `act.sub` the operator (RFC 8693, 4.1), `aud` the application's origin and `iss`
/// "understudy"; `iat`, `exp` and `jti` are always ours.
fn jwt(state: &State, key: &str, claims: Kwargs) -> Result<String, EngineError> {
    if key == MASK {
        return Ok(MASK.into());
    }
    if key.len() < SHORTEST_KEY {
        return fail("jwt: the key is too short; 32 characters are the least: `openssl rand -base64 32`");
    }
    let facts = state.lookup(FACTS).unwrap_or_default();
    let now = facts.get_attr("now").ok().and_then(|now| i64::try_from(now).ok());
    let Some(now) = now else { return fail("jwt: it is not known what time it is") };
    let expires = match claims.get::<Option<Rendered>>("expires")? {
        Some(given) => match seconds(&given).filter(|seconds| (1..=LONGEST).contains(seconds)) {
            Some(seconds) => seconds,
            None => return fail("jwt: `expires` is from \"1s\" to \"60m\""),
        },
        None => EXPIRES,
    };
    let mut body = Map::new();
    body.insert("iss".into(), "understudy".into());
    body.insert("aud".into(), to_json(&facts.get_attr("audience").unwrap_or_default())?);
    body.insert("sub".into(), text_of(state, "user", &["id"]).into());
    body.insert("act".into(), json!({ "sub": text_of(state, "operator", &["email", "name"]) }));
    body.insert("sid".into(), text_of(state, "session", &["id"]).into());
    for name in claims.args().filter(|name| *name != "expires") {
        body.insert(name.into(), to_json(&claims.get::<Rendered>(name)?)?);
    }
    for (name, value) in [("iat", json!(now)), ("exp", json!(now + expires)), ("jti", json!(Uuid::new_v4()))]
    {
        body.insert(name.into(), value);
    }
    signed(&Value::Object(body), key).or_else(|words| fail(&format!("jwt: {words}")))
}

/// `hmac(secret.<name>, text, encoding="hex")`: HMAC-SHA-256 (RFC 2104), as "hex", "base64" or "base64url".
fn hmac_of(key: &str, text: &str, options: Kwargs) -> Result<String, EngineError> {
    if key == MASK {
        return Ok(MASK.into());
    }
    let encoding: Option<String> = options.get("encoding")?;
    options.assert_all_used()?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    match encoding.as_deref() {
        None | Some("hex") => Ok(tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()),
        Some("base64") => Ok(BASE64_STANDARD.encode(tag)),
        Some("base64url") => Ok(BASE64_URL_SAFE_NO_PAD.encode(tag)),
        Some(_) => fail("hmac: `encoding` is \"hex\", \"base64\" or \"base64url\""),
    }
}

/// The first of these that has a value, as text: `sub` is text (RFC 7519, 4.1.2) whatever the id's type.
fn text_of(state: &State, group: &str, names: &[&str]) -> String {
    let group = state.lookup(group).unwrap_or_default();
    let found = names.iter().find_map(|name| group.get_attr(name).ok().filter(|value| value.is_true()));
    found.map(|value| value.to_string()).unwrap_or_default()
}

/// `60`, `"60s"` or `"5m"`.
fn seconds(value: &Rendered) -> Option<i64> {
    if value.kind() == ValueKind::Number {
        return i64::try_from(value.clone()).ok();
    }
    let text = value.as_str()?;
    let (number, unit) = text.split_at(text.len().checked_sub(1)?);
    let number: i64 = number.parse().ok()?;
    match unit {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        _ => None,
    }
}

fn to_json(value: &Rendered) -> Result<Value, EngineError> {
    serde_json::to_value(value).map_err(|_| ErrorKind::BadSerialization.into())
}

fn fail<T>(words: &str) -> Result<T, EngineError> {
    Err(EngineError::new(ErrorKind::InvalidOperation, format!("{SAID}{words}")))
}
