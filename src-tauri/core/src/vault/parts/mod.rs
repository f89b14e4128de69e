//! Splits a secret that is longer than an entry of this system's keyring: Windows Credential Manager takes 2,560 bytes.
//! The secret's own entry then says where the parts are.
//!
//! There are two places for parts. A new value goes to the one that is not in use, and then a single write points the
//! secret's own entry to it. So a crash leaves either the old secret or the new one; the next change removes leftovers
//! from the other place.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::LONGEST;
use super::entries::{EntryChange, decode_text, read_entry};
use super::fault;
use super::keyring::Keyring;
use crate::destination::encode_hex;
use crate::error::{Result, SecretName};

/// How an entry that points to parts begins. A secret that begins like this is split too, however short it is.
const MARK: &str = "understudy:parts:";

/// One of the two places for a secret's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartsPlace {
    A,
    B,
}

impl PartsPlace {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn part_entry(self, name: &SecretName, number: usize) -> SecretName {
        SecretName {
            connection: name.connection.clone(),
            name: format!("{}/{}{number}", name.name, self.letter()),
        }
    }
}

/// What the secret's own entry says if the secret is split.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartsList {
    place: PartsPlace,
    count: usize,
    /// The hash of the whole value. Two programs that store the same secret at once may write to the same place.
    sha256: String,
}

impl PartsList {
    fn to_text(&self) -> String {
        format!("{MARK}{}:{}:{}", self.place.letter(), self.count, self.sha256)
    }

    /// `None` if the text is not in this version's format.
    fn from_text(marked: &str) -> Option<Self> {
        let mut fields = marked.split(':');
        let (place, count, sha256) = (fields.next()?, fields.next()?, fields.next()?);
        let place = [PartsPlace::A, PartsPlace::B].into_iter().find(|one| one.letter() == place)?;
        let count = count.parse().ok().filter(|count| *count <= LONGEST)?;
        fields.next().is_none().then(|| Self { place, count, sha256: sha256.to_owned() })
    }
}

/// Reads the whole secret, split or not.
pub(super) fn read_secret(keyring: &dyn Keyring, name: &SecretName) -> Result<Option<SecretString>> {
    let mut before = None;
    loop {
        let Some(own) = read_entry(keyring, name, name)? else { return Ok(None) };
        let Some(marked) = strip_mark(keyring, own.expose_secret()) else { return Ok(Some(own)) };
        let list = PartsList::from_text(marked).ok_or_else(|| fault::not_whole(name))?;
        if let Some(bytes) = join_parts(keyring, name, &list)? {
            return decode_text(bytes).map(Some).ok_or_else(|| fault::not_text(name));
        }
        // Another program may be replacing the secret right now; if so, its own entry already points to other parts. If
        // it still points to the same ones, they are broken.
        if before.as_ref() == Some(&list) {
            return Err(fault::not_whole(name));
        }
        before = Some(list);
    }
}

/// The changes that replace the secret in the keyring with this value, or remove it.
pub(super) fn plan_replacement<'a>(
    keyring: &dyn Keyring,
    name: &'a SecretName,
    value: Option<&'a [u8]>,
) -> Result<Vec<EntryChange<'a>>> {
    let own = |value: Option<Cow<'a, [u8]>>| EntryChange { entry: name.clone(), name, value };
    if !is_divided(keyring) {
        return Ok(vec![own(value.map(Cow::Borrowed))]);
    }
    let gone = |place: PartsPlace, from: usize| {
        // The last part first, so that a failure leaves the first parts.
        let numbers = (from..LONGEST.div_ceil(keyring.longest_entry())).rev();
        let held = numbers
            .map(|number| place.part_entry(name, number))
            .map(|entry| Ok((keyring.has_secret(&entry)?, entry)));
        let held: Result<Vec<_>> = held.collect();
        Ok::<_, crate::error::Error>(
            held?.into_iter().filter(|(is_held, _)| *is_held).map(|(_, entry)| EntryChange {
                entry,
                name,
                value: None,
            }),
        )
    };
    let mut changes = Vec::new();
    match value {
        Some(value) if value.len() > keyring.longest_entry() || value.starts_with(MARK.as_bytes()) => {
            let place = place_in_use(keyring, name)?.map_or(PartsPlace::A, PartsPlace::other);
            let parts = value.chunks(keyring.longest_entry());
            let list = PartsList { place, count: parts.len(), sha256: sha256_hex(value) };
            changes.extend(parts.enumerate().map(|(number, part)| EntryChange {
                entry: place.part_entry(name, number),
                name,
                value: Some(Cow::Borrowed(part)),
            }));
            changes.extend(gone(place, list.count)?);
            changes.push(own(Some(Cow::Owned(list.to_text().into_bytes()))));
            changes.extend(gone(place.other(), 0)?);
        }
        Some(value) => {
            changes.push(own(Some(Cow::Borrowed(value))));
            changes.extend(gone(PartsPlace::A, 0)?);
            changes.extend(gone(PartsPlace::B, 0)?);
        }
        None => {
            // The secret's own entry goes last: until then the secret is listed and can be removed again.
            changes.extend(gone(PartsPlace::A, 0)?);
            changes.extend(gone(PartsPlace::B, 0)?);
            changes.push(own(None));
        }
    }
    Ok(changes)
}

/// Whether this keyring's entries are shorter than a secret may be. If not, an entry is always the secret itself, even
/// if it begins with the mark.
fn is_divided(keyring: &dyn Keyring) -> bool {
    keyring.longest_entry() < LONGEST
}

/// The text after the mark, if the entry points to parts.
fn strip_mark<'a>(keyring: &dyn Keyring, own: &'a str) -> Option<&'a str> {
    own.strip_prefix(MARK).filter(|_| is_divided(keyring))
}

fn place_in_use(keyring: &dyn Keyring, name: &SecretName) -> Result<Option<PartsPlace>> {
    // An unreadable entry can still be replaced.
    let Some(bytes) = read_part(keyring, name, name)? else { return Ok(None) };
    let own = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(strip_mark(keyring, own).and_then(PartsList::from_text).map(|list| list.place))
}

/// `None` if a part is missing or belongs to another value.
fn join_parts(keyring: &dyn Keyring, name: &SecretName, list: &PartsList) -> Result<Option<Vec<u8>>> {
    let mut parts = Vec::new();
    for number in 0..list.count {
        let Some(part) = read_part(keyring, &list.place.part_entry(name, number), name)? else {
            return Ok(None);
        };
        parts.push(part);
    }
    let length = parts.iter().map(|part| part.len()).sum();
    if length > LONGEST {
        return Ok(None);
    }
    // Allocated at its final size: a vector that grows leaves copies of the secret in memory.
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        whole.extend_from_slice(&part);
    }
    Ok((sha256_hex(&whole) == list.sha256).then(|| std::mem::take(&mut *whole)))
}

fn read_part(
    keyring: &dyn Keyring,
    entry: &SecretName,
    name: &SecretName,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match keyring.open_entry(entry)?.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::entry_error("read", name, cause)),
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    encode_hex(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests;
