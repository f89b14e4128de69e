//! The vault on a real keyring, on one that fails on command, and without any.

#[cfg(windows)]
mod credential_manager;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyring_core::api::CredentialStoreApi;
use keyring_core::{CredentialStore, Error as Fault, mock};
use secrecy::{ExposeSecret, SecretString};
use understudy_core::connection::{Connection, ConnectionSource};
use understudy_core::destination::{Destination, Moved};
use understudy_core::error::{Code, Error, Result, SecretName};
use understudy_core::vault::{self, Keep, SecretState, Vault};

/// Must appear nowhere, except where a secret is asked for.
const CANARY: &str = "canary-7c1f9b-ünïcode";

fn name() -> SecretName {
    SecretName { connection: "acme".into(), name: "admin_token".into() }
}

/// The secret's destination.
fn here() -> Destination {
    at("https://app.acme.com")
}

fn at(origin: &str) -> Destination {
    let text = format!(
        "name = \"Acme\"\nenvironment = \"staging\"\n[directory]\nurl = \"sqlite:///u.db\"\ntable = \"users\"\n\
         id = \"id\"\n[sign_in]\nurl = \"{origin}/login\"\nbody = {{ token = \"{{{{ secret.admin_token }}}}\" }}\n"
    );
    Destination::of_secret(
        &Connection::parse("acme", &text, ConnectionSource::Own, None).unwrap(),
        "admin_token",
    )
}

fn canary() -> SecretString {
    CANARY.into()
}

async fn read(vault: &Vault) -> Result<Option<String>> {
    Ok(vault.get(&name(), &here()).await?.map(|secret| secret.expose_secret().to_owned()))
}

#[track_caller]
fn refused<T>(result: Result<T>, code: Code) -> Error {
    let Err(error) = result else { panic!("it worked") };
    assert_eq!(error.code, code, "{error}");
    assert!(error.hint.is_some(), "no next step in: {error}");
    assert!(!format!("{error} {error:?}").contains(CANARY), "the secret is in an error");
    error
}

/// An in-memory store that can be unreachable, or fail at the next request.
#[derive(Clone)]
struct Fickle {
    store: Arc<mock::Store>,
    reachable: Arc<AtomicBool>,
}

impl Fickle {
    fn new() -> Self {
        Self { store: mock::Store::new().unwrap(), reachable: Arc::new(AtomicBool::new(true)) }
    }

    fn vault(&self) -> Vault {
        let this = self.clone();
        Vault::with_store(Arc::new(move || {
            if this.reachable.load(Ordering::SeqCst) {
                Ok(Arc::clone(&this.store) as Arc<CredentialStore>)
            } else {
                Err(Fault::PlatformFailure("the store is out".into()))
            }
        }))
    }

    /// The same secrets in a keyring that fails once, when it is opened for the `nth` time, counted from 0.
    fn vault_that_fails_at(&self, nth: usize) -> Vault {
        let (store, opened) = (Arc::clone(&self.store), AtomicUsize::new(0));
        Vault::with_store(Arc::new(move || {
            if opened.fetch_add(1, Ordering::SeqCst) == nth {
                return Err(Fault::PlatformFailure("the store is out".into()));
            }
            Ok(Arc::clone(&store) as Arc<CredentialStore>)
        }))
    }

    /// The same secrets in a keyring that is gone from the `nth` time it is opened.
    fn vault_that_is_gone_from(&self, nth: usize) -> Vault {
        let (store, opened) = (Arc::clone(&self.store), AtomicUsize::new(0));
        Vault::with_store(Arc::new(move || {
            if opened.fetch_add(1, Ordering::SeqCst) >= nth {
                return Err(Fault::PlatformFailure("the store is out".into()));
            }
            Ok(Arc::clone(&store) as Arc<CredentialStore>)
        }))
    }

    fn fail_next(&self, fault: Fault) {
        let entry = self.store.build("understudy", "acme/admin_token", None).unwrap();
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(fault);
    }
}

#[tokio::test]
async fn a_secret_is_stored_replaced_read_and_forgotten() {
    let vault = Fickle::new().vault();
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
    assert!(!vault.forget_secret(&name()).await.unwrap());

    vault.store_secret(&name(), "old".into(), Keep::Stored, &here()).await.unwrap();
    vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
    assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));

    assert!(vault.forget_secret(&name()).await.unwrap());
    assert_eq!(read(&vault).await.unwrap(), None);
}

#[tokio::test]
async fn a_missing_secret_names_itself_and_the_command_that_stores_it() {
    let error = refused(Fickle::new().vault().require_secret(&name(), &here()).await, Code::SecretMissing);
    assert_eq!(error.secret, Some(name()));
    assert!(error.hint.unwrap().contains("understudy secret set acme admin_token"));
}

#[tokio::test]
async fn secrets_typed_for_this_run_come_first_and_stay_in_memory() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    vault.store_secret(&name(), "stored".into(), Keep::Stored, &here()).await.unwrap();
    vault.clone().store_secret(&name(), canary(), Keep::ThisRun, &here()).await.unwrap();
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::ThisRun);
    assert_eq!(vault.require_secret(&name(), &here()).await.unwrap().expose_secret(), CANARY);
    // Another run sees only what was stored.
    assert_eq!(read(&keyring.vault()).await.unwrap().as_deref(), Some("stored"));

    // Storing a secret replaces the typed one.
    vault.store_secret(&name(), "newer".into(), Keep::Stored, &here()).await.unwrap();
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
    assert_eq!(read(&vault).await.unwrap().as_deref(), Some("newer"));

    vault.store_secret(&name(), canary(), Keep::ThisRun, &here()).await.unwrap();
    assert!(vault.forget_secret(&name()).await.unwrap());
    assert_eq!(
        vault.secret_state(&name()).await.unwrap(),
        SecretState::Missing,
        "only one place was forgotten"
    );
}

#[track_caller]
fn moved<T>(result: Result<T>) -> Moved {
    *refused(result, Code::DestinationChanged).moved.expect("both places")
}

#[tokio::test]
async fn a_secret_is_released_only_for_the_destination_it_was_stored_for() {
    let keyring = Fickle::new();
    for keep in [Keep::Stored, Keep::ThisRun] {
        let vault = keyring.vault();
        let elsewhere = at("https://evil.example");
        vault.store_secret(&name(), canary(), keep, &here()).await.unwrap();
        let asked = moved(vault.get(&name(), &elsewhere).await);
        assert_eq!((&asked.connection, &asked.secrets[0].name), (&"acme".into(), &"admin_token".into()));
        assert_eq!(asked.secrets[0].stored_for, Some(here()));
        assert_eq!(asked.secrets[0].now, elsewhere);
        moved(vault.require_secret(&name(), &elsewhere).await);
        assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));

        // Only a refused destination can be agreed to, and the consent is stored.
        let mut made_up = asked.clone();
        made_up.secrets[0].now = at("https://another.example");
        assert_eq!(vault.accept_destinations(&made_up, Keep::Stored).await.unwrap_err().code, Code::Internal);
        vault.accept_destinations(&asked, Keep::Stored).await.unwrap();
        let there = vault.get(&name(), &elsewhere).await.unwrap().unwrap();
        assert_eq!(there.expose_secret(), CANARY);
        assert_eq!(moved(vault.get(&name(), &here()).await).secrets[0].stored_for, Some(elsewhere));
        vault.forget_secret(&name()).await.unwrap();
    }
}

#[tokio::test]
async fn consent_for_this_run_does_not_change_stored_secrets() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    let elsewhere = at("https://staging.acme.com");
    vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
    let asked = moved(vault.get(&name(), &elsewhere).await);
    vault.accept_destinations(&asked, Keep::ThisRun).await.unwrap();
    assert!(vault.get(&name(), &elsewhere).await.unwrap().is_some());
    let next = keyring.vault();
    assert_eq!(read(&next).await.unwrap().as_deref(), Some(CANARY));
    moved(next.get(&name(), &elsewhere).await);
}

#[tokio::test]
async fn a_secret_without_a_destination_needs_consent_once() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    // As earlier versions, which kept no destinations, and other programs store it.
    let entry = |account: &str| keyring.store.build("understudy", account, None).unwrap();
    entry("acme/admin_token").set_secret(CANARY.as_bytes()).unwrap();
    let asked = moved(vault.get(&name(), &here()).await);
    assert_eq!(asked.secrets[0].stored_for, None);
    entry("acme/admin_token/for").set_secret(b"not ours").unwrap();
    assert_eq!(moved(vault.get(&name(), &here()).await), asked);
    vault.accept_destinations(&asked, Keep::Stored).await.unwrap();
    assert_eq!(read(&keyring.vault()).await.unwrap().as_deref(), Some(CANARY));
    // Another program changes the value; the destination stays.
    entry("acme/admin_token").set_secret(b"renewed").unwrap();
    assert_eq!(read(&vault).await.unwrap().as_deref(), Some("renewed"));
}

#[tokio::test]
async fn secrets_are_forgotten_together_or_not_at_all() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    let other = SecretName { connection: "acme".into(), name: "database_password".into() };
    for name in [&other, &name()] {
        vault.store_secret(name, canary(), Keep::Stored, &here()).await.unwrap();
    }
    let both = [other.clone(), name()];
    // Each of the two secrets and their destinations is read, then removed.
    for nth in 0..8 {
        refused(keyring.vault_that_fails_at(nth).forget_all(&both).await, Code::VaultUnavailable);
        assert!(vault.get(&other, &here()).await.unwrap().is_some(), "it was put back with its place: {nth}");
        assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY), "{nth}");
    }
    assert_eq!(vault.forget_all(&both).await.unwrap(), both);
    assert_eq!(vault.forget_all(&both).await.unwrap(), []);
}

#[tokio::test]
async fn a_secret_and_its_destination_are_stored_together_or_not_at_all() {
    let elsewhere = at("https://other.acme.com");
    for held_before in [false, true] {
        for nth in 0.. {
            let keyring = Fickle::new();
            let vault = keyring.vault();
            if held_before {
                vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
            }
            let fails = keyring.vault_that_fails_at(nth);
            let stored = fails.store_secret(&name(), "the new one".into(), Keep::Stored, &elsewhere).await;
            if stored.is_ok() {
                assert!(nth >= 6, "each of three entries is read and written");
                let new = vault.get(&name(), &elsewhere).await.unwrap().unwrap();
                assert_eq!(new.expose_secret(), "the new one");
                break;
            }
            // Either the old one with its old destination, or none, as before.
            assert_eq!(read(&vault).await.unwrap().is_some(), held_before, "{nth}");
            assert_eq!(read(&vault).await.unwrap().as_deref().unwrap_or(CANARY), CANARY, "{nth}");
            let kept = keyring.store.build("understudy", "acme/admin_token/for", None).unwrap().get_secret();
            assert_eq!(kept.is_ok(), held_before, "{nth}");
        }
    }
}

#[tokio::test]
async fn losing_the_keyring_midway_never_leaves_a_secret_for_another_destination() {
    let elsewhere = at("https://other.acme.com");
    for nth in 0..6 {
        let keyring = Fickle::new();
        let vault = keyring.vault();
        vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
        let fails = keyring.vault_that_is_gone_from(nth);
        fails.store_secret(&name(), "the new one".into(), Keep::Stored, &elsewhere).await.unwrap_err();
        // Whichever value is there, it only goes where it always went, or nowhere without consent.
        let there = vault.get(&name(), &here()).await.map(|value| value.unwrap().expose_secret().to_owned());
        match there {
            Ok(value) => assert_eq!(value, CANARY, "{nth}"),
            Err(error) => assert_eq!(error.moved.unwrap().secrets[0].stored_for, None, "{nth}"),
        }
        assert_eq!(vault.get(&name(), &elsewhere).await.unwrap_err().code, Code::DestinationChanged, "{nth}");
    }
}

#[tokio::test]
async fn an_empty_secret_is_refused() {
    let vault = Fickle::new().vault();
    for keep in [Keep::Stored, Keep::ThisRun] {
        refused(vault.store_secret(&name(), "".into(), keep, &here()).await, Code::SettingsInvalid);
        assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
    }
}

#[tokio::test]
async fn without_a_keyring_a_typed_secret_works_and_a_failed_start_is_not_remembered() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    keyring.reachable.store(false, Ordering::SeqCst);
    refused(vault.check_ready().await, Code::VaultUnavailable);
    refused(vault.require_secret(&name(), &here()).await, Code::VaultUnavailable);
    refused(vault.store_secret(&name(), canary(), Keep::Stored, &here()).await, Code::VaultUnavailable);
    refused(vault.secret_state(&name()).await, Code::VaultUnavailable);
    refused(vault.forget_secret(&name()).await, Code::VaultUnavailable);

    vault.store_secret(&name(), canary(), Keep::ThisRun, &here()).await.unwrap();
    assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));
    assert!(vault.forget_secret(&name()).await.unwrap());

    keyring.reachable.store(true, Ordering::SeqCst);
    vault.check_ready().await.unwrap();
    assert_eq!(read(&vault).await.unwrap(), None);
}

#[tokio::test]
async fn refusals_are_distinguished_and_carry_no_secret() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();

    keyring.fail_next(Fault::PlatformFailure("not for you".into()));
    let error = refused(vault.get(&name(), &here()).await, Code::VaultDenied);
    assert!(error.message.contains("acme/admin_token") && error.message.contains("not for you"), "{error}");

    keyring.fail_next(Fault::BadEncoding(CANARY.into()));
    refused(vault.get(&name(), &here()).await, Code::VaultDenied);
    keyring.fail_next(Fault::BadDataFormat(CANARY.into(), format!("cannot parse {CANARY}").into()));
    refused(vault.get(&name(), &here()).await, Code::VaultDenied);

    keyring.fail_next(Fault::NoDefaultStore);
    refused(vault.get(&name(), &here()).await, Code::VaultUnavailable);

    // If a removal or change is refused, the secret stays.
    keyring.fail_next(Fault::PlatformFailure("read only".into()));
    refused(vault.forget_secret(&name()).await, Code::VaultDenied);
    keyring.fail_next(Fault::PlatformFailure("read only".into()));
    refused(vault.store_secret(&name(), "other".into(), Keep::Stored, &here()).await, Code::VaultDenied);
    assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));
}

#[tokio::test]
async fn an_entry_that_is_not_text_is_an_error_and_not_a_wrong_secret() {
    let keyring = Fickle::new();
    let entry = keyring.store.build("understudy", "acme/admin_token", None).unwrap();
    entry.set_secret(&[0xff, 0xfe, 0x00]).unwrap();
    refused(keyring.vault().get(&name(), &here()).await, Code::VaultDenied);
}

#[tokio::test]
async fn oversized_secrets_are_neither_stored_nor_read() {
    let keyring = Fickle::new();
    let vault = keyring.vault();
    let long = "x".repeat(vault::LONGEST + 1);
    for keep in [Keep::Stored, Keep::ThisRun] {
        refused(
            vault.store_secret(&name(), long.as_str().into(), keep, &here()).await,
            Code::SettingsInvalid,
        );
        assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
    }
    let entry = keyring.store.build("understudy", "acme/admin_token", None).unwrap();
    entry.set_secret(long.as_bytes()).unwrap();
    let error = refused(vault.get(&name(), &here()).await, Code::VaultDenied);
    assert!(error.hint.is_some_and(|hint| hint.contains("secret set acme admin_token")));
}

#[tokio::test]
async fn a_secret_stored_in_parts_reads_as_one() {
    let keyring = Fickle::new();
    let store = Arc::clone(&keyring.store);
    // As on Windows.
    let open = move || Ok(Arc::clone(&store) as Arc<CredentialStore>);
    let vault = Vault::with_store_of_short_entries(Arc::new(open), 2560);
    let key = "line of a key\n".repeat(500);
    vault.store_secret(&name(), key.as_str().into(), Keep::Stored, &here()).await.unwrap();
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
    assert_eq!(read(&vault).await.unwrap().as_ref(), Some(&key));

    let elsewhere = at("https://other.acme.com");
    let asked = moved(vault.get(&name(), &elsewhere).await);
    vault.accept_destinations(&asked, Keep::ThisRun).await.unwrap();
    assert_eq!(vault.get(&name(), &elsewhere).await.unwrap().unwrap().expose_secret(), key);
    assert!(vault.forget_secret(&name()).await.unwrap());
    assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
}

#[tokio::test]
async fn debug_output_of_a_vault_shows_no_secrets() {
    let vault = Fickle::new().vault();
    vault.store_secret(&name(), canary(), Keep::ThisRun, &here()).await.unwrap();
    let secret = vault.require_secret(&name(), &here()).await.unwrap();
    let printed = format!("{vault:?} {secret:?}");
    assert!(!printed.contains(CANARY) && !printed.contains("admin_token"), "{printed}");
}

/// The same on the operating system's keyring, here GNOME's.
#[cfg(target_os = "linux")]
mod gnome_keyring {
    use std::process::Command;
    use std::sync::Mutex;
    use std::time::Duration;

    use understudy_test_support::keyring::{Keyring, alone};

    use super::*;

    /// Reads it like any other program of the operator.
    fn secret_tool(args: &[&str]) -> (bool, String) {
        let output = Command::new("secret-tool").args(args).output().expect("secret-tool is installed");
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// A running keyring that contains the canary.
    async fn start_with_the_canary(keyring: &mut Keyring) -> Vault {
        keyring.start_bus().await.unwrap();
        keyring.start_daemon().await.unwrap();
        let vault = Vault::system();
        vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
        vault
    }

    /// Everything that this process logs, from any crate and at any level.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn everything() -> Self {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .init();
            log
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_secret_lives_in_the_keyring_under_the_documented_name() {
        alone(
            "gnome_keyring::a_secret_lives_in_the_keyring_under_the_documented_name",
            async |mut keyring| {
                keyring.start_bus().await.unwrap();
                keyring.start_daemon().await.unwrap();
                let log = Log::everything();
                let vault = Vault::system();
                vault.check_ready().await.unwrap();
                assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
                refused(vault.require_secret(&name(), &here()).await, Code::SecretMissing);

                vault.store_secret(&name(), "old".into(), Keep::Stored, &here()).await.unwrap();
                vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
                assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
                assert_eq!(read(&Vault::system()).await.unwrap().as_deref(), Some(CANARY));
                assert_eq!(
                    keyring.count(&[("service", "understudy")]).await.unwrap(),
                    2,
                    "one for the secret and one for what it is for, however often it is replaced"
                );

                let lookup = ["lookup", "service", "understudy", "username", "acme/admin_token"];
                assert_eq!(secret_tool(&lookup), (true, CANARY.into()));

                assert!(vault.forget_secret(&name()).await.unwrap());
                assert!(!vault.forget_secret(&name()).await.unwrap());
                assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Missing);
                assert_eq!(keyring.count(&[("service", "understudy")]).await.unwrap(), 0);

                let log = log.text();
                assert!(log.contains("acme/admin_token"), "the log was not kept: {log}");
                assert!(!log.contains(CANARY) && !log.contains(&format!("{:?}", CANARY.as_bytes())));
            },
        );
    }

    #[test]
    fn a_secret_that_another_program_stored_is_found() {
        alone("gnome_keyring::a_secret_that_another_program_stored_is_found", async |mut keyring| {
            keyring.start_bus().await.unwrap();
            keyring.start_daemon().await.unwrap();
            let mut store = Command::new("secret-tool")
                .args(["store", "--label=By IT", "service", "understudy", "username", "acme/admin_token"])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut store.stdin.take().unwrap(), CANARY.as_bytes()).unwrap();
            assert!(store.wait().unwrap().success());
            let vault = Vault::system();
            assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
            // The other program did not store a destination.
            let asked = moved(vault.get(&name(), &here()).await);
            assert_eq!(asked.secrets[0].stored_for, None);
            vault.accept_destinations(&asked, Keep::Stored).await.unwrap();
            assert_eq!(read(&Vault::system()).await.unwrap().as_deref(), Some(CANARY));
        });
    }

    #[test]
    fn a_locked_keyring_is_not_a_missing_secret_and_works_once_unlocked() {
        alone(
            "gnome_keyring::a_locked_keyring_is_not_a_missing_secret_and_works_once_unlocked",
            async |mut keyring| {
                let vault = start_with_the_canary(&mut keyring).await;

                keyring.lock().await.unwrap();
                refused(vault.check_ready().await, Code::VaultLocked);
                // Without a prompter, the prompt is dismissed at once, as by Cancel.
                refused(vault.require_secret(&name(), &here()).await, Code::VaultLocked);
                refused(
                    vault.store_secret(&name(), "other".into(), Keep::Stored, &here()).await,
                    Code::VaultLocked,
                );
                refused(vault.forget_secret(&name()).await, Code::VaultLocked);
                let error = refused(vault.unlock().await, Code::VaultLocked);
                assert!(error.message.starts_with("The keyring is"), "{error}");
                // Whether it exists is known without unlocking.
                assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);

                keyring.stop_daemon().await.unwrap();
                keyring.start_daemon().await.unwrap();
                vault.unlock().await.unwrap();
                assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));
            },
        );
    }

    #[test]
    fn an_unanswered_prompt_does_not_block_the_caller_forever() {
        alone(
            "gnome_keyring::an_unanswered_prompt_does_not_block_the_caller_forever",
            async |mut keyring| {
                let vault = start_with_the_canary(&mut keyring).await;
                keyring.lock().await.unwrap();
                let mut prompts = keyring.ignore_prompts().await.unwrap();

                let patient = vault.clone();
                let waiting = tokio::spawn(async move { read(&patient).await });
                prompts.asked().await.unwrap();
                // A second request waits for the first one's window and opens none of its own.
                let hasty = vault.clone().with_patience(Duration::from_millis(100));
                let error = refused(hasty.forget_secret(&name()).await, Code::VaultLocked);
                assert!(error.message.contains("no one unlocked it"), "{error}");
                // What needs no window still works.
                assert_eq!(vault.secret_state(&name()).await.unwrap(), SecretState::Stored);
                refused(vault.check_ready().await, Code::VaultLocked);
                assert_eq!(prompts.count(), 1, "the keyring asked more than once");

                // A request that is aborted makes room for the next one.
                waiting.abort();
                refused(hasty.get(&name(), &here()).await, Code::VaultLocked);
                keyring.stop_daemon().await.unwrap();
                keyring.start_daemon().await.unwrap();
                assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));
            },
        );
    }

    #[test]
    fn a_hanging_keyring_is_distinguished_from_a_slow_person() {
        alone("gnome_keyring::a_hanging_keyring_is_distinguished_from_a_slow_person", async |mut keyring| {
            keyring.start_bus().await.unwrap();
            keyring.start_daemon().await.unwrap();
            keyring.freeze_daemon().await.unwrap();
            let stored = Vault::system().store_secret(&name(), canary(), Keep::Stored, &here()).await;
            let error = refused(stored, Code::VaultUnavailable);
            assert!(error.message.contains("it did not answer within 10 s"), "{error}");
        });
    }

    #[test]
    fn bus_and_keyring_may_appear_vanish_and_return() {
        alone("gnome_keyring::bus_and_keyring_may_appear_vanish_and_return", async |mut keyring: Keyring| {
            let vault = Vault::system();
            let absent = async || {
                refused(vault.check_ready().await, Code::VaultUnavailable);
                refused(vault.secret_state(&name()).await, Code::VaultUnavailable);
                refused(
                    vault.store_secret(&name(), canary(), Keep::Stored, &here()).await,
                    Code::VaultUnavailable,
                );
                refused(vault.require_secret(&name(), &here()).await, Code::VaultUnavailable)
            };
            absent().await;
            keyring.start_bus().await.unwrap();
            absent().await;
            keyring.start_daemon().await.unwrap();
            vault.check_ready().await.unwrap();
            vault.store_secret(&name(), canary(), Keep::Stored, &here()).await.unwrap();
            assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY));

            keyring.stop().await.unwrap();
            absent().await;
            keyring.start_bus().await.unwrap();
            keyring.start_daemon().await.unwrap();
            assert_eq!(read(&vault).await.unwrap().as_deref(), Some(CANARY), "the keyring lost the secret");
        });
    }
}
