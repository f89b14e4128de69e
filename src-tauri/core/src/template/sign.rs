//! Functions that sign with a secret, `jwt(secret.<name>, …)` and `hmac(secret.<name>, …)`. The secret itself then
//! never leaves this computer.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use minijinja::value::{Kwargs, Value as Rendered, ValueKind};
use minijinja::{Environment, Error as EngineError, ErrorKind, State};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The functions' names. They are not names of the context.
pub(super) const FUNCTIONS: &[&str] = &["jwt", "hmac"];

/// Marks an error whose text is ours and contains no value.
pub(super) const SAID: &str = "said: ";

/// The context's key for facts that templates cannot name: `now`, in seconds since the epoch, and `audience`, the
/// application's origin.
pub const FACTS: &str = "understudy facts";

/// The context's key for the operator's answers to a form; no template can name it.
pub const GIVEN: &str = "understudy given";

/// Shown in place of a secret.
pub const MASK: &str = "••••";

/// How long a token is valid by default, in seconds: enough for one request and a slow clock.
const EXPIRES: i64 = 60;
/// A token that is valid longer would be as good as a password.
const LONGEST: i64 = 3600;
/// RFC 7518, 3.2: a key must be as long as the hash.
const SHORTEST_KEY: usize = 32;

pub(super) fn add_to(engine: &mut Environment<'static>) {
    engine.add_function("jwt", jwt);
    engine.add_function("hmac", hmac_of);
}

/// A JWT (RFC 7519) of the claims, signed with `key`: by `EdDSA`, ES256 or RS256 if it is a PEM private key, otherwise
/// by HS256. Error texts never contain the key.
pub fn sign_claims(claims: &Value, key: &str) -> Result<String, String> {
    let (algorithm, key) = if key.trim_start().starts_with("-----BEGIN") {
        private_key(key.trim())?
    } else {
        (Algorithm::HS256, EncodingKey::from_secret(key.as_bytes()))
    };
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).map_err(|_| {
        "the private key cannot sign: it must be Ed25519, P-256 or RSA with 2048 bits or more".into()
    })
}

/// Restores the line breaks that PEM (RFC 7468) needs, in case a single-line field removed them on pasting.
fn in_lines(pem: &str) -> String {
    let parts: Vec<&str> = pem.split("-----").map(str::trim).collect();
    match parts.as_slice() {
        ["", begin, key, end, ""] if !pem.contains('\n') => {
            format!("-----{begin}-----\n{key}\n-----{end}-----\n")
        }
        _ => pem.to_owned(),
    }
}

fn private_key(pem: &str) -> Result<(Algorithm, EncodingKey), String> {
    let pem = in_lines(pem);
    let bytes = pem.as_bytes();
    EncodingKey::from_ed_pem(bytes)
        .map(|key| (Algorithm::EdDSA, key))
        .or_else(|_| EncodingKey::from_ec_pem(bytes).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| EncodingKey::from_rsa_pem(bytes).map(|key| (Algorithm::RS256, key)))
        .map_err(|_| {
            "the key is not a usable private key: it must be Ed25519 or P-256 in PKCS#8, or RSA, without a \
             passphrase"
                .into()
        })
}

/// `jwt(secret.<name>, expires="60s", claim=value, …)`: a token for one request. By default, `sub` is the user,
/// `act.sub` the operator (RFC 8693, 4.1), `aud` the application's origin and `iss` "understudy"; `iat`, `exp` and
/// `jti` cannot be set.
#[allow(clippy::needless_pass_by_value, reason = "the engine calls it so")]
fn jwt(state: &State, key: &str, claims: Kwargs) -> Result<String, EngineError> {
    if key == MASK {
        return Ok(MASK.into());
    }
    if key.len() < SHORTEST_KEY {
        return fail_with(
            "jwt: the key is too short; it needs at least 32 characters: `openssl rand -base64 32`",
        );
    }
    let facts = state.lookup(FACTS).unwrap_or_default();
    let now = facts.get_attr("now").ok().and_then(|now| i64::try_from(now).ok());
    let Some(now) = now else { return fail_with("jwt: the time is not known") };
    let expires = match claims.get::<Option<Rendered>>("expires")? {
        Some(given) => match parse_seconds(&given).filter(|seconds| (1..=LONGEST).contains(seconds)) {
            Some(seconds) => seconds,
            None => return fail_with("jwt: `expires` must be from \"1s\" to \"60m\""),
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
    sign_claims(&Value::Object(body), key).or_else(|words| fail_with(&format!("jwt: {words}")))
}

/// `hmac(secret.<name>, text, encoding="hex")`: HMAC-SHA-256 (RFC 2104), as "hex", "base64" or "base64url".
#[allow(clippy::needless_pass_by_value, reason = "the engine calls it so")]
fn hmac_of(key: &str, text: &str, options: Kwargs) -> Result<String, EngineError> {
    if key == MASK {
        return Ok(MASK.into());
    }
    let encoding: Option<String> = options.get("encoding")?;
    options.assert_all_used()?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    match encoding.as_deref() {
        None | Some("hex") => {
            Ok(tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect())
        }
        Some("base64") => Ok(BASE64_STANDARD.encode(tag)),
        Some("base64url") => Ok(BASE64_URL_SAFE_NO_PAD.encode(tag)),
        Some(_) => fail_with("hmac: `encoding` is \"hex\", \"base64\" or \"base64url\""),
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).expect("four bits")
}

/// The first of these names that has a value, as text: `sub` is a string (RFC 7519, 4.1.2) whatever type the ID has.
fn text_of(state: &State, group: &str, names: &[&str]) -> String {
    let group = state.lookup(group).unwrap_or_default();
    let found = names.iter().find_map(|name| group.get_attr(name).ok().filter(Rendered::is_true));
    found.map(|value| value.to_string()).unwrap_or_default()
}

/// `60`, `"60s"` or `"5m"`.
fn parse_seconds(value: &Rendered) -> Option<i64> {
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

fn fail_with<T>(words: &str) -> Result<T, EngineError> {
    Err(EngineError::new(ErrorKind::InvalidOperation, format!("{SAID}{words}")))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{self, KeyPair, UnparsedPublicKey};
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::super::{JsonTemplate, Scope, Template};
    use super::{FACTS, MASK, sign_claims};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn scope() -> Scope {
        Scope::for_session(["id", "email"], "a URL is written to logs").with_secrets()
    }

    fn context(key: &str) -> Value {
        json!({
            "user": { "id": 7, "email": "ada@example.com" },
            "operator": { "name": "Olga", "email": "olga@example.com" },
            "session": { "id": "s-1", "mode": "read_only", "ticket": "" },
            "reason": "ticket 12",
            "secret": { "key": key },
            FACTS: { "now": 1_772_452_800, "audience": "https://app.example.com" },
        })
    }

    fn rendered(template: &str, key: &str) -> Result<String, String> {
        let template =
            Template::parse("sign_in.headers.authorization", template, &scope()).expect("it is one");
        template.render(&context(key)).map_err(|error| error.message)
    }

    fn part(token: &str, at: usize) -> Value {
        let part = token.split('.').nth(at).expect("three parts");
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    }

    #[test]
    fn a_token_names_user_operator_application_and_session_and_counts_for_a_minute() {
        let header = rendered("Bearer {{ jwt(secret.key, reason=reason) }}", KEY).expect("a token");
        let token = header.strip_prefix("Bearer ").expect("as it was written");
        let mut claims = part(token, 1);
        let id = claims["jti"].take();
        assert_eq!(id.as_str().map(str::len), Some(36), "{id}");
        assert_eq!(
            claims,
            json!({
                "iss": "understudy", "aud": "https://app.example.com", "sub": "7", "act": { "sub": "olga@example.com" },
                "sid": "s-1", "reason": "ticket 12", "iat": 1_772_452_800, "exp": 1_772_452_860, "jti": null,
            })
        );
        assert_eq!(part(token, 0)["alg"], "HS256");
        let (signed, tag) = token.rsplit_once('.').expect("three parts");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, KEY.as_bytes());
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).expect("base64url");
        aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &tag).expect("signed with the key");
        let again = rendered("{{ jwt(secret.key) }}", KEY).expect("a token");
        assert_ne!(part(&again, 1)["jti"], id, "each is another");
    }

    #[test]
    fn claims_can_be_given_and_times_cannot() {
        let token = rendered(
            "{{ jwt(secret.key, sub=user.email, aud='x', expires='5m', exp=1, jti='j', admin=false, \
             read_only=(session.mode == 'read_only')) }}",
            KEY,
        )
        .expect("a token");
        let claims = part(&token, 1);
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("ada@example.com"), &json!("x")));
        assert_eq!(claims["exp"], 1_772_453_100);
        assert_ne!(claims["jti"], "j");
        assert_eq!((&claims["admin"], &claims["read_only"]), (&json!(false), &json!(true)));
    }

    #[test]
    fn what_cannot_be_signed_is_told_without_the_key() {
        let short = rendered("{{ jwt(secret.key) }}", "canary-short").unwrap_err();
        assert!(short.contains("the key is too short; it needs at least 32 characters"), "{short}");
        let long = rendered("{{ jwt(secret.key, expires='2h') }}", KEY).unwrap_err();
        assert!(long.contains("`expires` must be from \"1s\" to \"60m\""), "{long}");
        let pem = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LWNhbmFyeS1jYW5hcnk=\n-----END PRIVATE KEY-----";
        let key = rendered("{{ jwt(secret.key) }}", pem).unwrap_err();
        assert!(key.contains("not a usable private key") && !key.contains("Y2Fu"), "{key}");
        assert_eq!(rendered("{{ jwt(secret.key) }}", MASK).as_deref(), Ok(MASK));
    }

    #[test]
    fn a_private_key_signs_by_its_own_algorithm() {
        let pem = |der: &[u8]| {
            format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                BASE64_STANDARD.encode(der)
            )
        };
        let random = SystemRandom::new();
        let ed = signature::Ed25519KeyPair::generate_pkcs8v1(&random).expect("a key");
        let p256 =
            signature::EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .expect("a key");
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let ed_public = signature::Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("the key");
        let p256_public =
            signature::EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, p256.as_ref())
                .expect("the key");
        let rsa_private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().expect("the key");
        let cases: [(&str, String, &dyn signature::VerificationAlgorithm, Vec<u8>); 3] = [
            ("EdDSA", pem(ed.as_ref()), &signature::ED25519, ed_public.public_key().as_ref().to_vec()),
            (
                "ES256",
                pem(p256.as_ref()),
                &signature::ECDSA_P256_SHA256_FIXED,
                p256_public.public_key().as_ref().to_vec(),
            ),
            (
                "RS256",
                pem(rsa_private.as_ref()),
                &signature::RSA_PKCS1_2048_8192_SHA256,
                rsa.public_key().as_ref().to_vec(),
            ),
        ];
        for (name, pem, algorithm, public) in cases {
            let token =
                sign_claims(&json!({ "sub": "7" }), &pem).unwrap_or_else(|words| panic!("{name}: {words}"));
            assert_eq!(part(&token, 0)["alg"], name);
            assert!(sign_claims(&json!({}), &pem.replace('\n', "")).is_ok(), "{name}, pasted into one line");
            let (body, tag) = token.rsplit_once('.').expect("three parts");
            let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).expect("base64url");
            UnparsedPublicKey::new(algorithm, public).verify(body.as_bytes(), &tag).expect(name);
        }
    }

    #[test]
    fn a_text_is_signed_as_rfc_4231_has_it() {
        // Test case 2.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let text = "what do ya want for nothing?";
        let template = |more: &str| format!("{{{{ hmac(secret.key, '{text}'{more}) }}}}");
        assert_eq!(rendered(&template(""), "Jefe").as_deref(), Ok(hex));
        let base64 = rendered(&template(", encoding='base64'"), "Jefe").expect("a tag");
        assert_eq!(base64, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
        assert!(rendered(&template(", encoding='x'"), "Jefe").unwrap_err().contains("`encoding` is"));
    }

    #[test]
    fn a_url_and_a_text_for_people_can_sign_nothing() {
        for parse in [Template::parse_url, Template::parse_words] {
            let fault = parse("k", "https://a.example/{{ jwt(secret.key) }}", &scope()).unwrap_err();
            assert!(fault.message.contains("jwt"), "{fault}");
        }
        let whole =
            JsonTemplate::parse("b", &json!({ "t": "{{ jwt(secret.key) }}" }), &scope()).expect("a body");
        assert_eq!(whole.secret_names().into_iter().collect::<Vec<_>>(), ["key"]);
    }
}
