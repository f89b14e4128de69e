//! Names that stand for secrets, and addresses that hide one.

use super::no_secrets::snake_case;
use super::*;

#[test]
fn a_secret_is_known_by_the_name_it_stands_under() {
    for name in
        ["adminToken", "Authorization", "X-API-Key", "client_secret", "PASSWORD", "api.keys", "access-token"]
    {
        assert!(names_a_secret(name), "{name}");
    }
    for name in
        ["userId", "token_type", "tokenTtl", "grant_type", "passwordReset", "key", "x-operator", "secretary"]
    {
        assert!(!names_a_secret(name), "{name}");
    }
}

#[test]
fn the_vault_gets_a_name_in_its_own_style() {
    for (name, expected) in [
        ("adminToken", "admin_token"),
        ("X-API-Key", "x_api_key"),
        ("token", "token"),
        ("2faSecret", "token"),
        ("--", "token"),
    ] {
        assert_eq!(snake_case(name), expected);
    }
}
