//! The vault on Windows Credential Manager.

use super::*;

/// Entries outlive a test, so each test has a connection of its own.
fn of(connection: &str, name: &str) -> SecretName {
    SecretName { connection: format!("understudy-test-{connection}"), name: name.into() }
}

async fn value(vault: &Vault, name: &SecretName) -> String {
    vault.get(name, &here()).await.unwrap().expect("it is stored").expose_secret().to_owned()
}

#[tokio::test]
async fn a_secret_is_stored_replaced_read_and_forgotten() {
    let vault = Vault::system();
    vault.probe().await.unwrap();
    let name = of("life", "admin_token");
    vault.forget(&name).await.unwrap();
    assert_eq!(vault.state(&name).await.unwrap(), SecretState::Missing);
    refused(vault.require(&name, &here()).await, Code::SecretMissing);
    vault.store(&name, "old".into(), Keep::Stored, &here()).await.unwrap();
    vault.store(&name, canary(), Keep::Stored, &here()).await.unwrap();
    assert_eq!(vault.state(&name).await.unwrap(), SecretState::Stored);
    assert_eq!(value(&Vault::system(), &name).await, CANARY);
    assert_eq!(
        moved(vault.get(&name, &at("https://other.acme.com")).await).secrets[0].stored_for,
        Some(here())
    );
    assert!(vault.forget(&name).await.unwrap());
    assert!(!vault.forget(&name).await.unwrap());
    assert_eq!(vault.state(&name).await.unwrap(), SecretState::Missing);
}

/// An entry takes 2,560 bytes.
#[tokio::test]
async fn a_key_of_any_length_is_stored_whole_and_leaves_nothing_behind() {
    let vault = Vault::system();
    let name = of("long", "impersonation_key");
    let store = windows_native_keyring_store::Store::new().unwrap();
    let held = |entry: &str| {
        let account = format!("{}/impersonation_key{entry}", name.connection);
        store.build("understudy", &account, None).unwrap().get_secret().ok()
    };
    for stored in [
        "-----BEGIN\r\nabc\n\n-----END".to_owned(),
        "x".repeat(2560),
        "y".repeat(2561),
        "ünïcode".repeat(900),
        "z".repeat(vault::LONGEST),
        "a".repeat(3000),
        "short again".to_owned(),
    ] {
        vault.store(&name, stored.clone().into(), Keep::Stored, &here()).await.unwrap();
        assert_eq!(value(&Vault::system(), &name).await, stored);
        let own = held("").unwrap();
        assert_eq!(own == stored.as_bytes(), stored.len() <= 2560);
    }
    for number in 0..30 {
        assert!(held(&format!("/a{number}")).is_none() && held(&format!("/b{number}")).is_none(), "{number}");
    }
    let too_long = vault.store(&name, "x".repeat(vault::LONGEST + 1).into(), Keep::Stored, &here()).await;
    refused(too_long, Code::SettingsInvalid);
    assert_eq!(value(&vault, &name).await, "short again", "the old one is kept");
    vault.forget(&name).await.unwrap();
    assert!(held("").is_none() && held("/for").is_none());
}

#[tokio::test]
async fn a_stored_secret_is_found() {
    let vault = Vault::system();
    let name = of("by-it", "admin_token");
    let store = windows_native_keyring_store::Store::new().unwrap();
    let entry = store.build("understudy", &format!("{}/admin_token", name.connection), None).unwrap();
    // UTF-16, as `cmdkey /generic:… /pass:…` and the control panel store it.
    entry.set_password(CANARY).unwrap();
    assert_eq!(vault.state(&name).await.unwrap(), SecretState::Stored);
    let asked = moved(vault.get(&name, &here()).await);
    assert_eq!(asked.secrets[0].stored_for, None);
    vault.agree(&asked, Keep::Stored).await.unwrap();
    assert_eq!(value(&Vault::system(), &name).await, CANARY);
    vault.forget(&name).await.unwrap();
}

#[tokio::test]
async fn the_longest_names_fit() {
    let vault = Vault::system();
    let name = SecretName { connection: "c".repeat(64), name: "n".repeat(64) };
    for stored in ["v".to_owned(), "v".repeat(6000)] {
        vault.store(&name, stored.clone().into(), Keep::Stored, &here()).await.unwrap();
        assert_eq!(value(&vault, &name).await, stored);
    }
    assert!(vault.forget(&name).await.unwrap());
}

#[tokio::test]
async fn concurrent_accesses_do_not_interfere() {
    let vault = Vault::system();
    let all: Vec<_> = (0..16)
        .map(|number| {
            let vault = vault.clone();
            tokio::spawn(async move {
                let name = of("many", &format!("token{number}"));
                for round in 0..5 {
                    let stored = format!("{number}-{round} ").repeat(1 + 500 * (round % 2));
                    vault.store(&name, stored.clone().into(), Keep::Stored, &here()).await.unwrap();
                    assert_eq!(vault.state(&name).await.unwrap(), SecretState::Stored);
                    assert_eq!(value(&vault, &name).await, stored);
                }
                assert!(vault.forget(&name).await.unwrap());
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
}
