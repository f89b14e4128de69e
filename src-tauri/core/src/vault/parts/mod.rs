//! A secret that is longer than one entry of this system's keyring may be: Windows Credential Manager takes 2,560 bytes.
//! It is kept in parts, and the secret's own entry says which.
//!
//! There are two places for parts. A new value is written to the one that is not in use, and counts from the moment at
//! which the secret's own entry names it: that is one write, so that whatever happens in between, the secret is the old
//! one or the new one. What a crash leaves of the other goes with the next change.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::LONGEST;
use super::entries::{Change, read, text};
use super::fault;
use super::keyring::Keyring;
use crate::destination::hexadecimal;
use crate::error::{Result, SecretName};

/// How an entry begins that names parts. A secret that begins so is kept in parts, however short it is.
const MARK: &str = "understudy:parts:";

/// Where the parts of a value are.
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

    fn entry(self, name: &SecretName, number: usize) -> SecretName {
        SecretName {
            connection: name.connection.clone(),
            name: format!("{}/{}{number}", name.name, self.letter()),
        }
    }
}

/// What a secret's own entry says when the secret is in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartsList {
    place: PartsPlace,
    count: usize,
    /// Of the whole value. Two programs that store one secret at the same time may write to the same place.
    sha256: String,
}

impl PartsList {
    fn to_text(&self) -> String {
        format!("{MARK}{}:{}:{}", self.place.letter(), self.count, self.sha256)
    }

    /// `None` when the parts are not named as this version does.
    fn from_text(marked: &str) -> Option<Self> {
        let mut fields = marked.split(':');
        let (place, count, sha256) = (fields.next()?, fields.next()?, fields.next()?);
        let place = [PartsPlace::A, PartsPlace::B].into_iter().find(|one| one.letter() == place)?;
        let count = count.parse().ok().filter(|count| *count <= LONGEST)?;
        fields.next().is_none().then(|| Self { place, count, sha256: sha256.to_owned() })
    }
}

/// The whole secret, however it is kept.
pub(super) fn read_secret(keyring: &dyn Keyring, name: &SecretName) -> Result<Option<SecretString>> {
    let mut before = None;
    loop {
        let Some(own) = read(keyring, name, name)? else { return Ok(None) };
        let Some(marked) = marked(keyring, own.expose_secret()) else { return Ok(Some(own)) };
        let list = PartsList::from_text(marked).ok_or_else(|| fault::not_whole(name))?;
        if let Some(bytes) = join(keyring, name, &list)? {
            return text(bytes).map(Some).ok_or_else(|| fault::not_text(name));
        }
        // Another program may just be replacing it; then the secret's own entry names other parts by now.
        if before.as_ref() == Some(&list) {
            return Err(fault::not_whole(name));
        }
        before = Some(list);
    }
}

/// The changes that put this value, or nothing, in the place of what the keyring holds of the secret.
pub(super) fn replace<'a>(
    keyring: &dyn Keyring,
    name: &'a SecretName,
    value: Option<&'a [u8]>,
) -> Result<Vec<Change<'a>>> {
    let own = |value: Option<Cow<'a, [u8]>>| Change { entry: name.clone(), name, value };
    if !is_divided(keyring) {
        return Ok(vec![own(value.map(Cow::Borrowed))]);
    }
    let gone = |place: PartsPlace, from: usize| {
        // The last one first, so that parts that are left are the first ones.
        let numbers = (from..LONGEST.div_ceil(keyring.longest_entry())).rev();
        let held =
            numbers.map(|number| place.entry(name, number)).map(|entry| Ok((keyring.holds(&entry)?, entry)));
        let held: Result<Vec<_>> = held.collect();
        Ok::<_, crate::error::Error>(
            held?.into_iter().filter(|(is_held, _)| *is_held).map(|(_, entry)| Change {
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
            let list = PartsList { place, count: parts.len(), sha256: sha256(value) };
            changes.extend(parts.enumerate().map(|(number, part)| Change {
                entry: place.entry(name, number),
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
            // Its own entry is the last one: until then the secret is listed, and can be removed again.
            changes.extend(gone(PartsPlace::A, 0)?);
            changes.extend(gone(PartsPlace::B, 0)?);
            changes.push(own(None));
        }
    }
    Ok(changes)
}

/// Whether this keyring's entries are shorter than secrets may be. Elsewhere an entry is the secret, whatever it says.
fn is_divided(keyring: &dyn Keyring) -> bool {
    keyring.longest_entry() < LONGEST
}

/// What stands behind the mark of an entry that names parts.
fn marked<'a>(keyring: &dyn Keyring, own: &'a str) -> Option<&'a str> {
    own.strip_prefix(MARK).filter(|_| is_divided(keyring))
}

fn place_in_use(keyring: &dyn Keyring, name: &SecretName) -> Result<Option<PartsPlace>> {
    // One that cannot be read is no reason not to replace it.
    let Some(bytes) = get(keyring, name, name)? else { return Ok(None) };
    let own = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(marked(keyring, own).and_then(PartsList::from_text).map(|list| list.place))
}

/// `None` when a part is missing, or is one of another value.
fn join(keyring: &dyn Keyring, name: &SecretName, list: &PartsList) -> Result<Option<Vec<u8>>> {
    let mut parts = Vec::new();
    for number in 0..list.count {
        let Some(part) = get(keyring, &list.place.entry(name, number), name)? else { return Ok(None) };
        parts.push(part);
    }
    let length = parts.iter().map(|part| part.len()).sum();
    if length > LONGEST {
        return Ok(None);
    }
    // Of its final size from the start: what moves while it grows leaves copies behind.
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        whole.extend_from_slice(&part);
    }
    Ok((sha256(&whole) == list.sha256).then(|| std::mem::take(&mut *whole)))
}

fn get(keyring: &dyn Keyring, entry: &SecretName, name: &SecretName) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match keyring.entry(entry)?.get_secret() {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(cause) => Err(fault::using("read", name, cause)),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests;
