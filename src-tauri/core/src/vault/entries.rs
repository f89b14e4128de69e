//! What the vault keeps of a secret in the keyring: the secret, and beside it what it is for.
//!
//! Several entries change together or not at all, also where the keyring fails in between.

use std::borrow::Cow;
use std::collections::HashSet;

use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::LONGEST;
use super::fault;
use super::keyring::Keyring;
use super::parts::replace;
use crate::error::{Result, SecretName};

/// The entry that says what a secret is for. An account's last slash is the vault's: no secret's name has one.
pub(super) fn beside(name: &SecretName) -> SecretName {
    SecretName::new(&name.connection, format!("{}/for", name.name))
}

/// What `entry` holds; a failure names the secret that it belongs to.
pub(super) fn read(
    keyring: &dyn Keyring,
    entry: &SecretName,
    name: &SecretName,
) -> Result<Option<SecretString>> {
    match keyring.entry(entry)?.get_secret() {
        Ok(bytes) if bytes.len() > LONGEST => {
            drop(Zeroizing::new(bytes));
            Err(fault::too_long(name))
        }
        Ok(bytes) => text(bytes).map(Some).ok_or_else(|| fault::not_text(name)),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::using("read", name, cause)),
    }
}

pub(super) fn write(
    keyring: &dyn Keyring,
    entry: &SecretName,
    name: &SecretName,
    bytes: &[u8],
) -> Result<()> {
    keyring.entry(entry)?.set_secret(bytes).map_err(|cause| fault::using("store", name, cause))
}

/// Stores a secret and what it is for.
pub(super) fn store_both(
    keyring: &dyn Keyring,
    name: &SecretName,
    value: &[u8],
    destination: &[u8],
) -> Result<()> {
    // A secret without a destination is held back until the agent has said where it may go. So for no moment has the
    // old secret the new destination, or the new one the old.
    let for_nothing = Change { entry: beside(name), name, value: None };
    let for_this = Change { entry: beside(name), name, value: Some(Cow::Borrowed(destination)) };
    let secret = replace(keyring, name, Some(value))?;
    change_all(keyring, "store", [for_nothing].into_iter().chain(secret).chain([for_this])).map(drop)
}

/// Removes each secret with what stands beside it. Says of each whether there was one.
pub(super) fn remove_all(keyring: &dyn Keyring, names: &[SecretName]) -> Result<Vec<bool>> {
    let mut changes = Vec::new();
    for name in names {
        changes.extend(replace(keyring, name, None)?);
        changes.push(Change { entry: beside(name), name, value: None });
    }
    let held = change_all(keyring, "remove", changes)?;
    Ok(names.iter().map(|name| held.contains(name)).collect())
}

/// One entry of the keyring, and what it is to hold; `None`: nothing.
pub(super) struct Change<'a> {
    pub(super) entry: SecretName,
    /// The secret that it belongs to: a failure names it.
    pub(super) name: &'a SecretName,
    pub(super) value: Option<Cow<'a, [u8]>>,
}

/// Makes the changes in their order, or none: where one fails, those before it are taken back, the last one first.
/// Says which entries were there. `verb` completes "could not …".
fn change_all<'a>(
    keyring: &dyn Keyring,
    verb: &str,
    changes: impl IntoIterator<Item = Change<'a>>,
) -> Result<HashSet<SecretName>> {
    let mut made: Vec<(Change<'a>, Option<Zeroizing<Vec<u8>>>)> = Vec::new();
    for change in changes {
        let outcome = held(keyring, verb, &change).and_then(|before| {
            let outcome = set(keyring, verb, &change, change.value.as_deref());
            // One that failed may have been made all the same.
            made.push((change, before));
            outcome
        });
        if let Err(error) = outcome {
            take_back(keyring, verb, &made);
            return Err(error);
        }
    }
    Ok(made.into_iter().filter(|(_, before)| before.is_some()).map(|(change, _)| change.entry).collect())
}

fn take_back(keyring: &dyn Keyring, verb: &str, made: &[(Change<'_>, Option<Zeroizing<Vec<u8>>>)]) {
    let mut stuck = HashSet::new();
    for (change, before) in made.iter().rev() {
        // Where one entry keeps what is new, those that were changed before it must not be the old ones again.
        if stuck.contains(change.name) {
            continue;
        }
        if set(keyring, verb, change, before.as_ref().map(|before| before.as_slice())).is_err() {
            stuck.insert(change.name);
        }
    }
}

fn held(keyring: &dyn Keyring, verb: &str, change: &Change<'_>) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match keyring.entry(&change.entry)?.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::using(verb, change.name, cause)),
    }
}

fn set(keyring: &dyn Keyring, verb: &str, change: &Change<'_>, value: Option<&[u8]>) -> Result<()> {
    let entry = keyring.entry(&change.entry)?;
    let set = match value {
        Some(value) => entry.set_secret(value),
        None => entry.delete_credential(),
    };
    match set {
        Err(keyring_core::Error::NoEntry) if value.is_none() => Ok(()),
        set => set.map_err(|cause| fault::using(verb, change.name, cause)),
    }
}

/// `None` when it is no text; leaves no copy behind.
pub(super) fn text(bytes: Vec<u8>) -> Option<SecretString> {
    // Windows' own programs store UTF-16, which has zeros where a secret has none.
    if cfg!(windows) && bytes.contains(&0) {
        return utf16(&Zeroizing::new(bytes));
    }
    String::from_utf8(bytes).map(SecretString::from).map_err(|not_text| not_text.into_bytes().zeroize()).ok()
}

fn utf16(bytes: &[u8]) -> Option<SecretString> {
    let (units, rest) = bytes.as_chunks();
    let chars = char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)));
    // Two bytes are at most three in UTF-8: it does not move while it grows.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    for char in chars {
        text.push(char.ok()?);
    }
    rest.is_empty().then(|| SecretString::from(text.as_str()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn what_windows_own_programs_store_is_read_as_text() {
        let stored = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for text in ["canary-7c1f9b", "ünïcode", "密码", "🔑"] {
            assert_eq!(utf16(&stored(text)).unwrap().expose_secret(), text);
        }
        for broken in [&stored("🔑")[..2], &stored("abc")[..5]] {
            assert!(utf16(broken).is_none(), "{broken:?}");
        }
    }
}
