//! The vault's entries in the keyring: each secret, and its destination beside it.
//!
//! Several entries change together or not at all, even if the keyring fails in between.

use std::borrow::Cow;
use std::collections::HashSet;

use secrecy::SecretString;
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::LONGEST;
use super::fault;
use super::keyring::Keyring;
use super::parts::plan_replacement;
use crate::error::{Result, SecretName};

/// The entry that keeps the secret's destination. A secret's name has no slash, so the account's last slash is the
/// vault's own.
pub(super) fn destination_entry(name: &SecretName) -> SecretName {
    SecretName::new(&name.connection, format!("{}/for", name.name))
}

/// The content of `entry`; an error names the secret it belongs to.
pub(super) fn read_entry(
    keyring: &dyn Keyring,
    entry: &SecretName,
    name: &SecretName,
) -> Result<Option<SecretString>> {
    match keyring.open_entry(entry)?.get_secret() {
        Ok(bytes) if bytes.len() > LONGEST => {
            drop(Zeroizing::new(bytes));
            Err(fault::too_long(name))
        }
        Ok(bytes) => decode_text(bytes).map(Some).ok_or_else(|| fault::not_text(name)),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::entry_error("read", name, cause)),
    }
}

pub(super) fn write_entry(
    keyring: &dyn Keyring,
    entry: &SecretName,
    name: &SecretName,
    bytes: &[u8],
) -> Result<()> {
    keyring.open_entry(entry)?.set_secret(bytes).map_err(|cause| fault::entry_error("store", name, cause))
}

/// Stores a secret and its destination.
pub(super) fn store_both(
    keyring: &dyn Keyring,
    name: &SecretName,
    value: &[u8],
    destination: &[u8],
) -> Result<()> {
    // The destination is removed first and written last. A secret without a destination is held back until the operator
    // agrees to one, so the old secret is never paired with the new destination, nor the new secret with the old one.
    let for_nothing = EntryChange { entry: destination_entry(name), name, value: None };
    let for_this =
        EntryChange { entry: destination_entry(name), name, value: Some(Cow::Borrowed(destination)) };
    let secret = plan_replacement(keyring, name, Some(value))?;
    change_all(keyring, "store", [for_nothing].into_iter().chain(secret).chain([for_this])).map(drop)
}

/// Removes each secret and its destination. Returns for each whether it existed.
pub(super) fn remove_all(keyring: &dyn Keyring, names: &[SecretName]) -> Result<Vec<bool>> {
    let mut changes = Vec::new();
    for name in names {
        changes.extend(plan_replacement(keyring, name, None)?);
        changes.push(EntryChange { entry: destination_entry(name), name, value: None });
    }
    let held = change_all(keyring, "remove", changes)?;
    Ok(names.iter().map(|name| held.contains(name)).collect())
}

/// A change of one entry in the keyring; `None` removes it.
pub(super) struct EntryChange<'a> {
    pub(super) entry: SecretName,
    /// The secret that the entry belongs to; errors name it.
    pub(super) name: &'a SecretName,
    pub(super) value: Option<Cow<'a, [u8]>>,
}

/// Makes all changes in order, or none: if one fails, the earlier ones are undone, last one first. Returns which
/// entries existed before. `verb` completes "could not …".
fn change_all<'a>(
    keyring: &dyn Keyring,
    verb: &str,
    changes: impl IntoIterator<Item = EntryChange<'a>>,
) -> Result<HashSet<SecretName>> {
    let mut made: Vec<(EntryChange<'a>, Option<Zeroizing<Vec<u8>>>)> = Vec::new();
    for change in changes {
        let outcome = read_entry_bytes(keyring, verb, &change).and_then(|before| {
            let outcome = set_or_delete_entry(keyring, verb, &change, change.value.as_deref());
            // A change that failed may have taken effect all the same.
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

fn take_back(keyring: &dyn Keyring, verb: &str, made: &[(EntryChange<'_>, Option<Zeroizing<Vec<u8>>>)]) {
    let mut stuck = HashSet::new();
    for (change, before) in made.iter().rev() {
        // If one entry of a secret cannot be restored, the entries changed before it must not get their old values
        // back.
        if stuck.contains(change.name) {
            continue;
        }
        if set_or_delete_entry(keyring, verb, change, before.as_ref().map(|before| before.as_slice()))
            .is_err()
        {
            stuck.insert(change.name);
        }
    }
}

fn read_entry_bytes(
    keyring: &dyn Keyring,
    verb: &str,
    change: &EntryChange<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match keyring.open_entry(&change.entry)?.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::entry_error(verb, change.name, cause)),
    }
}

fn set_or_delete_entry(
    keyring: &dyn Keyring,
    verb: &str,
    change: &EntryChange<'_>,
    value: Option<&[u8]>,
) -> Result<()> {
    let entry = keyring.open_entry(&change.entry)?;
    let set = match value {
        Some(value) => entry.set_secret(value),
        None => entry.delete_credential(),
    };
    match set {
        Err(keyring_core::Error::NoEntry) if value.is_none() => Ok(()),
        set => set.map_err(|cause| fault::entry_error(verb, change.name, cause)),
    }
}

/// `None` if it is not text. Leaves no copy in memory.
pub(super) fn decode_text(bytes: Vec<u8>) -> Option<SecretString> {
    // Windows' own programs store UTF-16, which has zero bytes where a secret has none.
    if cfg!(windows) && bytes.contains(&0) {
        return decode_utf16(&Zeroizing::new(bytes));
    }
    String::from_utf8(bytes).map(SecretString::from).map_err(|not_text| not_text.into_bytes().zeroize()).ok()
}

fn decode_utf16(bytes: &[u8]) -> Option<SecretString> {
    let (units, rest) = bytes.as_chunks();
    let chars = char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)));
    // A UTF-16 unit takes at most three bytes in UTF-8, so the string never reallocates.
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
            assert_eq!(decode_utf16(&stored(text)).unwrap().expose_secret(), text);
        }
        for broken in [&stored("🔑")[..2], &stored("abc")[..5]] {
            assert!(decode_utf16(broken).is_none(), "{broken:?}");
        }
    }
}
