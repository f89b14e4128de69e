//! Recognises columns that hold secrets by their names. They are not suggested or shown until a connection lists them,
//! and never appear in a preview.
//!
//! When in doubt, a column counts as secret: one that is withheld by mistake can still be typed.

use crate::model::FieldKind;
use crate::schema::name_words::{normalize_name, split_name};

/// Any of these words makes a column secret.
const WORDS: &[&str] = &[
    "2fa",
    "argon2",
    "bcrypt",
    "cookie",
    "credential",
    "credentials",
    "crypt",
    "cvc",
    "cvv",
    "digest",
    "hash",
    "hotp",
    "iban",
    "jwt",
    "nonce",
    "otp",
    "pass",
    "passcode",
    "passkey",
    "pin",
    "pwd",
    "salt",
    "scrypt",
    "session",
    "sessions",
    "ssn",
    "totp",
];
/// Any of these makes a column secret anywhere in its name, even within a word.
const PARTS: &[&str] = &[
    "apikey",
    "backupcode",
    "cardnumber",
    "creditcard",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "recoverycode",
    "secret",
    "securityanswer",
    "token",
];
const ENDS: &[&str] = &["hash", "salt", "pwd", "otp"];
/// A key with one of these is a secret: `activation_key` is, `primary_key` is not.
const OPENING_KEYS: &[&str] = &[
    "access",
    "activation",
    "auth",
    "confirmation",
    "encryption",
    "recovery",
    "remember",
    "reset",
    "signing",
    "verification",
];

/// Whether `column`, a name or a path, holds a secret.
pub fn holds_secret(column: &str, kind: FieldKind) -> bool {
    // When a password was changed, or whether one is set, is no secret.
    if matches!(kind, FieldKind::Time | FieldKind::Boolean) {
        return false;
    }
    column.split('.').any(|segment| {
        let (words, plain) = (split_name(segment), normalize_name(segment));
        let opens = words.last().is_some_and(|last| last == "key" || last == "keys")
            && words.iter().any(|word| OPENING_KEYS.contains(&word.as_str()));
        opens
            || words.iter().any(|word| WORDS.contains(&word.as_str()))
            || PARTS.iter().any(|part| plain.contains(part))
            || ENDS.iter().any(|end| plain.ends_with(end))
    })
}

/// Whether `column` holds a password that someone signs in with.
pub(crate) fn is_password(column: &str, kind: FieldKind) -> bool {
    const PASSWORDS: &[&str] = &["password", "passwd", "pwd", "userpass", "passhash", "pass"];
    holds_secret(column, kind)
        && column.split('.').any(|segment| {
            let plain = normalize_name(segment);
            // `reset_password_token` also occurs in tables of invitations.
            !plain.contains("token")
                && PASSWORDS.iter().any(|word| {
                    plain.starts_with(word) || plain.ends_with(word) || plain.contains("password")
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_that_opens_an_account_is_secret() {
        for secret in [
            "password",
            "passwordHash",
            "passwordhash",
            "PASSWORD_DIGEST",
            "encrypted_password",
            "user_pass",
            "salt",
            "remember_token",
            "reset_password_token",
            "otp_secret",
            "totpSecret",
            "two_factor_recovery_codes",
            "api_key",
            "apiKey",
            "user_activation_key",
            "services.password.bcrypt",
            "services.resume.loginTokens",
            "secret_data",
            "pwd",
            "hashed_password",
            "session_id",
            "authKey",
            "pin",
            "ssn",
            "credit_card_number",
        ] {
            assert!(holds_secret(secret, FieldKind::Text), "{secret}");
        }
        for plain in [
            "id",
            "email",
            "full_name",
            "company",
            "passport_country",
            "compass",
            "shipping_code",
            "primary_key",
            "key",
            "plan",
            "profile.name",
            "emails.0.address",
            "last_login_at",
            "keyboard",
            "pinned_project",
        ] {
            assert!(!holds_secret(plain, FieldKind::Text), "{plain}");
        }
        assert!(!holds_secret("password_changed_at", FieldKind::Time));
        assert!(!holds_secret("otp_enabled", FieldKind::Boolean));
        assert!(holds_secret("otp", FieldKind::Integer));
    }

    #[test]
    fn passwords_are_distinguished_from_other_secrets() {
        for column in ["password", "encrypted_password", "user_pass", "pwd_hash", "services.password.bcrypt"]
        {
            assert!(is_password(column, FieldKind::Text), "{column}");
        }
        for column in ["token", "reset_password_token", "api_key", "email"] {
            assert!(!is_password(column, FieldKind::Text), "{column}");
        }
    }
}
