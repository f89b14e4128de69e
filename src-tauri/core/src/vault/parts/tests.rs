//! Long secrets in a keyring with short entries: whole after every change, whatever fails in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyring_core::{CredentialStore, Error as Fault, mock};

use super::super::entries::{remove_all, store_both};
use super::super::keyring::StoreKeyring;
use super::*;

/// Credential Manager's limit.
const ENTRY: usize = 2560;

fn name() -> SecretName {
    SecretName { connection: "acme".into(), name: "impersonation_key".into() }
}

/// A value of `length` bytes. Values with different letters differ in every part.
fn value(letter: char, length: usize) -> String {
    let line = format!("-----{letter}-----\n");
    line.chars().cycle().take(length).collect()
}

/// A keyring of short entries, in memory.
struct ShortEntries(Arc<mock::Store>);

impl ShortEntries {
    fn new() -> Self {
        Self(mock::Store::new().unwrap())
    }

    /// `at(n)` says whether the keyring opens the `n`th time, counted from 0.
    fn keyring(&self, at: impl Fn(usize) -> bool + Send + Sync + 'static) -> StoreKeyring {
        let (store, opened) = (Arc::clone(&self.0), AtomicUsize::new(0));
        let open = move || {
            if at(opened.fetch_add(1, Ordering::SeqCst)) {
                Ok(Arc::clone(&store) as Arc<CredentialStore>)
            } else {
                Err(Fault::PlatformFailure("the store is out".into()))
            }
        };
        StoreKeyring { open: Arc::new(open), longest_entry: ENTRY }
    }

    fn store(&self, value: &str) {
        store_both(&self.keyring(|_| true), &name(), value.as_bytes(), b"here").unwrap();
    }

    fn read(&self) -> Result<Option<String>> {
        Ok(read_secret(&self.keyring(|_| true), &name())?.map(|secret| secret.expose_secret().to_owned()))
    }

    /// All entries, by account.
    fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = self.0.inner.lock().unwrap();
        all.get_mut()
            .iter()
            .filter_map(|cred| {
                let secret = cred.inner.lock().unwrap().get_mut().secret.clone()?;
                Some((cred.specifiers.1.clone(), secret))
            })
            .collect()
    }
}

#[test]
fn a_secret_of_any_length_comes_back_and_no_entry_is_too_long() {
    let keyring = ShortEntries::new();
    // Longer, shorter and longer again, alternating between the two places: nothing of the previous value may be left.
    for length in [1, ENTRY, ENTRY + 1, 3 * ENTRY, 3 * ENTRY + 1, LONGEST, 4000, 2 * ENTRY, 7, LONGEST, 1] {
        let stored = value('x', length);
        keyring.store(&stored);
        assert_eq!(keyring.read().unwrap().as_deref(), Some(stored.as_str()), "{length}");
        let entries = keyring.entries();
        let parts = if length > ENTRY { length.div_ceil(ENTRY) } else { 0 };
        assert_eq!(
            entries.len(),
            parts + 2,
            "itself, what it is for, and its parts: {length}: {:?}",
            entries.keys()
        );
        assert!(entries.values().all(|entry| entry.len() <= ENTRY), "{length}");
        if parts > 0 {
            let own = String::from_utf8(entries["acme/impersonation_key"].clone()).unwrap();
            assert!(own.starts_with(MARK) && !own.contains("-x-"), "{own}");
        }
    }
    let removed = remove_all(&keyring.keyring(|_| true), &[name()]).unwrap();
    assert_eq!((removed, keyring.entries().len()), (vec![true], 0));
    keyring.store(&value('y', LONGEST));
    assert_eq!(remove_all(&keyring.keyring(|_| true), &[name()]).unwrap(), [true]);
    assert!(keyring.entries().is_empty());
    assert_eq!(remove_all(&keyring.keyring(|_| true), &[name()]).unwrap(), [false]);
}

#[test]
fn a_secret_that_looks_like_a_list_of_parts_is_a_secret() {
    let keyring = ShortEntries::new();
    for stored in [MARK.to_owned(), format!("{MARK}a:1:00"), format!("{MARK}b:999999999999:")] {
        keyring.store(&stored);
        assert_eq!(keyring.read().unwrap(), Some(stored));
    }
    // Where entries are long enough, nothing is split, and a value that begins with the mark is not mistaken for a list
    // of parts.
    let long = StoreKeyring { longest_entry: LONGEST, ..keyring.keyring(|_| true) };
    store_both(&long, &name(), format!("{MARK}a:1:00").as_bytes(), b"here").unwrap();
    assert_eq!(read_secret(&long, &name()).unwrap().unwrap().expose_secret(), format!("{MARK}a:1:00"));
}

/// Each pair of a value in the keyring before, and the value stored over it.
fn each_change() -> Vec<(Option<String>, String)> {
    let lengths = [12, ENTRY + 1, 3 * ENTRY];
    let before = std::iter::once(None).chain(lengths.map(|length| Some(value('o', length))));
    before.flat_map(|old| lengths.map(|length| (old.clone(), value('n', length)))).collect()
}

#[test]
fn a_crash_at_any_point_leaves_the_old_secret_or_the_new_one() {
    for (old, new) in each_change() {
        for crash in 0.. {
            let keyring = ShortEntries::new();
            if let Some(old) = &old {
                keyring.store(old);
            }
            // After the failure, the rollback fails too.
            let fails = keyring.keyring(move |nth| nth < crash);
            let stored = store_both(&fails, &name(), new.as_bytes(), b"elsewhere");
            let found = keyring.read().unwrap();
            assert!(found == old || found.as_ref() == Some(&new), "a mixture, at {crash}");
            // Despite any leftovers, the next secret is complete, and nothing else remains.
            let third = value('t', 2 * ENTRY);
            keyring.store(&third);
            assert_eq!(keyring.read().unwrap(), Some(third), "{crash}");
            assert_eq!(keyring.entries().len(), 4, "{crash}: {:?}", keyring.entries().keys());
            if stored.is_ok() {
                assert_eq!(found, Some(new));
                break;
            }
        }
    }
}

#[test]
fn a_failure_at_any_point_is_taken_back() {
    for (old, new) in each_change() {
        for nth in 0.. {
            let keyring = ShortEntries::new();
            if let Some(old) = &old {
                keyring.store(old);
            }
            let before = keyring.entries();
            let fails = keyring.keyring(move |opened| opened != nth);
            if store_both(&fails, &name(), new.as_bytes(), b"elsewhere").is_ok() {
                break;
            }
            assert_eq!(keyring.entries(), before, "{nth}");
        }
    }
}

#[test]
fn what_could_not_be_removed_whole_is_as_it_was_or_can_be_removed_again() {
    for crash in 0.. {
        let keyring = ShortEntries::new();
        keyring.store(&value('o', 3 * ENTRY));
        let before = keyring.entries();
        if remove_all(&keyring.keyring(move |opened| opened != crash), &[name()]).is_ok() {
            break;
        }
        assert_eq!(keyring.entries(), before, "{crash}");

        let is_gone = remove_all(&keyring.keyring(move |opened| opened < crash), &[name()]).is_ok();
        let listed = keyring.entries().contains_key("acme/impersonation_key");
        assert!(is_gone || listed || keyring.entries().len() <= 1, "parts that nobody sees: {crash}");
        if listed && keyring.entries() != before {
            // What is left must not be read as a secret.
            match keyring.read() {
                Ok(found) => assert_eq!(found, Some(value('o', 3 * ENTRY)), "{crash}"),
                Err(error) => assert!(error.message.contains("do not belong together"), "{error}"),
            }
        }
        remove_all(&keyring.keyring(|_| true), &[name()]).unwrap();
        assert!(keyring.entries().is_empty(), "{crash}");
    }
}

#[test]
fn a_secret_that_is_replaced_while_it_is_read_is_one_of_the_two() {
    let (old, new) = (value('o', 3 * ENTRY), value('n', 3 * ENTRY + 5));
    for nth in 0..6 {
        let keyring = ShortEntries::new();
        keyring.store(&old);
        let (other, then) = (ShortEntries(Arc::clone(&keyring.0)), new.clone());
        let reads = keyring.keyring(move |opened| {
            if opened == nth {
                other.store(&then);
            }
            true
        });
        let found = read_secret(&reads, &name()).unwrap().unwrap();
        assert!([&old, &new].contains(&&found.expose_secret().to_owned()), "{nth}");
    }
}

#[test]
fn parts_of_two_values_are_never_put_together() {
    let keyring = ShortEntries::new();
    keyring.store(&value('o', 3 * ENTRY));
    // Two programs that store the same secret at once may leave this.
    let entry = keyring.keyring(|_| true).open_entry(&PartsPlace::A.part_entry(&name(), 1)).unwrap();
    entry.set_secret(&value('n', 2 * ENTRY).as_bytes()[ENTRY..]).unwrap();
    let error = keyring.read().unwrap_err();
    assert!(error.message.contains("do not belong together") && error.hint.is_some(), "{error}");
    entry.delete_credential().unwrap();
    assert!(keyring.read().unwrap_err().message.contains("do not belong together"));
    keyring.store("a new one");
    assert_eq!(keyring.read().unwrap().as_deref(), Some("a new one"));
    assert_eq!(keyring.entries().len(), 2);
}
