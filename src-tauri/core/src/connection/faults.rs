//! What is wrong with a file, with the place of each fault: `acme.toml:12:3: directory.tabel: …`.
//!
//! Faults name keys and places and never quote a line, because any value may be a secret that should not be there.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Code, Error, FileFault};

/// How many faults are reported.
const TOLD: usize = 20;

/// How many faults are collected before the check stops.
const MOST: usize = 500;

/// The faults of one file, and where its keys are.
pub(crate) struct KeyFaults<'text> {
    file: String,
    text: &'text str,
    /// Full key (`sign_in.body.ids[0]`) → byte offset of its value.
    places: BTreeMap<String, usize>,
    found: Vec<KeyFault>,
}

struct KeyFault {
    offset: usize,
    key: String,
    what: String,
}

impl<'text> KeyFaults<'text> {
    /// `file` is the file's name for people.
    pub(crate) fn new(file: impl Into<String>, text: &'text str) -> Self {
        Self { file: file.into(), text, places: BTreeMap::new(), found: Vec::new() }
    }

    /// Records where a key's value is.
    pub(crate) fn record_place(&mut self, key: &str, span: Range<usize>) {
        self.places.insert(key.to_owned(), span.start);
    }

    /// Adds a fault at the key's value, or, if the key is missing, at the table that lacks it.
    pub(crate) fn add_fault(&mut self, key: &str, what: impl Into<String>) {
        let mut at = key;
        let offset = loop {
            if let Some(offset) = self.places.get(at) {
                break *offset;
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break 0,
            }
        };
        self.add_at(offset, key, what);
    }

    /// Adds a fault at a byte offset; the key may be empty.
    pub(crate) fn add_at(&mut self, offset: usize, key: &str, what: impl Into<String>) {
        self.found.push(KeyFault { offset, key: key.to_owned(), what: what.into() });
    }

    /// Whether there are so many faults that the check can stop.
    pub(crate) fn are_too_many(&self) -> bool {
        self.found.len() >= MOST
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The faults as an error: one line each, in file order, also in [`Error::faults`].
    pub(crate) fn into_error(mut self) -> Error {
        self.found.sort_by_key(|fault| fault.offset);
        let faults: Vec<FileFault> =
            self.found.iter().take(TOLD).map(|fault| self.locate_fault(fault)).collect();
        let mut lines: Vec<String> = faults.iter().map(|fault| self.format_fault(fault)).collect();
        if self.found.len() > TOLD {
            lines.push(format!("… and {} more.", self.found.len() - TOLD));
        }
        Error::new(Code::ConnectionInvalid, lines.join("\n")).with_faults(faults)
    }

    fn locate_fault(&self, fault: &KeyFault) -> FileFault {
        let before = self.text.get(..fault.offset).unwrap_or(self.text);
        let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
        FileFault {
            key: fault.key.clone(),
            line: count(before.matches('\n').count()),
            column: count(before.rsplit('\n').next().unwrap_or_default().chars().count()),
            message: fault.what.clone(),
        }
    }

    fn format_fault(&self, fault: &FileFault) -> String {
        let FileFault { key, line, column, message } = fault;
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        format!("{}:{line}:{column}: {key}{message}", self.file)
    }
}
