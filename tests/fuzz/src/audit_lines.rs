//! Entries of the audit log as they come from elsewhere: rows of the team's database, and lines of a log.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use understudy_core::audit::listing::ListedEntry;
use understudy_core::audit::reader::StoredEntry;
use understudy_core::audit::{complete_line, list_text_columns, to_ocsf};
use understudy_core::team_log::{ChainRow, VerifiedChain, take_row};

use crate::{Choices, spell_bytes, split_parts};

const LOG: &str = "0d5c1a52-9f3e-4a57-8c7c-2f1f3c9a7b10";

/// The input: choices of what is done to a chain, and lines. Each line is a reason in an entry of the chain, and is read as
/// an entry itself.
pub fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let [choices, lines] = split_parts(&text);
    let lines: Vec<&str> = lines.split('\n').take(12).collect();
    let mut is_entry = false;
    for line in &lines {
        is_entry |= check_line(line);
        check_stranger(line);
    }
    check_chain(&mut Choices::of(choices), &lines);
    is_entry || lines.len() > 1
}

fn sha256(line: &str) -> String {
    spell_bytes(digest(&SHA256, line.as_bytes()).as_ref(), |byte| format!("{byte:02x}"))
}

/// What is read of a line: shown as it is, with the hash of what it says and nothing else.
fn check_line(line: &str) -> bool {
    let Ok(entry) = StoredEntry::from_line(line, "ab12") else { return false };
    let listed = ListedEntry::new(entry.clone(), None);
    assert_eq!((listed.id, listed.at, &*listed.hash), (entry.number(), entry.at_ms(), "ab12"));
    assert_eq!(listed.reason, entry.text("reason"));
    let event = to_ocsf(&entry);
    assert_eq!(event["time"], entry.at_ms());
    assert_eq!(event["metadata"]["uid"], "ab12");
    assert!(event["class_uid"].is_i64() || event["class_uid"].is_u64());

    // The columns that it has, as canonical JSON.
    let Value::Object(fields) = serde_json::to_value(&entry).expect("an entry is JSON") else {
        panic!("an entry is an object")
    };
    let mut columns: BTreeMap<String, Value> = fields.into_iter().collect();
    columns.remove("hash");
    // No column holds anything else.
    if !columns.values().all(|value| value.is_string() || value.is_i64()) {
        return false;
    }
    let canonical = |columns: &BTreeMap<String, Value>, previous: &str| {
        let mut columns = columns.clone();
        columns.insert("previous".into(), previous.into());
        serde_json::to_string(&columns).expect("columns are JSON")
    };
    let written = canonical(&columns, "00ff");
    let expected = sha256(&written);
    assert_eq!(entry.expected_hash("00ff"), expected, "{written}");
    assert_eq!(StoredEntry::from_line(&written, "ab12").ok().as_ref(), Some(&entry), "{written}");
    assert_ne!(entry.expected_hash("00fe"), expected);

    // SQLite writes it with the columns that are empty, and the same comes of it.
    let mut with_empty = columns.clone();
    for name in list_text_columns().iter().chain(&["id", "at_ms", "status", "held_back", "previous"]) {
        with_empty.entry((*name).to_owned()).or_insert(Value::Null);
    }
    let json = serde_json::to_string(&with_empty).expect("columns are JSON");
    assert_eq!(complete_line(&json, "00ff"), Some(written), "{json}");

    // Another text in any column is another entry.
    for name in list_text_columns() {
        let mut changed = columns.clone();
        let text = changed.get(*name).and_then(Value::as_str).unwrap_or_default();
        changed.insert((*name).to_owned(), format!("{text}.").into());
        let changed = StoredEntry::from_line(&canonical(&changed, "00ff"), "ab12").expect("an entry");
        assert_ne!(changed.expected_hash("00ff"), expected, "{name}");
    }
    true
}

/// A row of anything is part of no chain, unless its hash is that of what it says.
fn check_stranger(line: &str) {
    drop(complete_line(line, "00ff"));
    for hash in [sha256(line), line.to_owned()] {
        let row = (LOG.into(), 1, hash.clone(), None, None, line.to_owned(), true, "role".into(), None, None);
        let mut chains = Vec::new();
        take_row(&mut chains, &row);
        let [chain] = &chains[..] else { panic!("one chain") };
        if chain.fault.is_none() {
            let entry: Value = serde_json::from_str(line).expect("an entry is JSON");
            assert_eq!((entry["id"].as_i64(), entry["previous"].as_str()), (Some(1), Some(LOG)), "{line}");
            assert_eq!((&chain.head, chain.last), (&sha256(line), 1));
        }
    }
}

/// A chain as a console writes it.
fn write_chain(reasons: &[&str]) -> Vec<ChainRow> {
    let mut rows: Vec<ChainRow> = Vec::new();
    for (at, reason) in reasons.iter().enumerate() {
        let id = i64::try_from(at).expect("a small number") + 1;
        let before = rows.last().map(|row| (row.1, row.2.clone()));
        let previous = before.as_ref().map_or(LOG, |(_, hash)| hash);
        let columns: BTreeMap<&str, Value> = BTreeMap::from([
            ("id", id.into()),
            ("at_ms", (1_764_500_000_000 + id).into()),
            ("event", "searched".into()),
            ("os_user", "ada".into()),
            ("host", "desk-4".into()),
            ("reason", (*reason).into()),
            ("previous", previous.into()),
        ]);
        let line = serde_json::to_string(&columns).expect("columns are JSON");
        let (before_id, before_hash) = before.unzip();
        rows.push((
            LOG.into(),
            id,
            sha256(&line),
            before_id,
            before_hash,
            line,
            true,
            "understudy".into(),
            None,
            None,
        ));
    }
    rows
}

fn follow(rows: &[ChainRow]) -> Vec<VerifiedChain> {
    let mut chains = Vec::new();
    for row in rows {
        take_row(&mut chains, row);
    }
    chains
}

/// A chain fits as it was written, and no longer once anything is done to it.
fn check_chain(choices: &mut Choices<'_>, reasons: &[&str]) {
    let mut rows = write_chain(reasons);
    let [whole] = &follow(&rows)[..] else { panic!("one chain") };
    let last = rows.last().expect("a line");
    assert_eq!(whole.fault, None);
    assert_eq!((whole.entries, whole.last, &whole.head), (rows.len() as u64, last.1, &last.2));
    assert!(whole.gaps.is_empty() && whole.whose == "ada on desk-4");

    let what = choices.below(9);
    let at = choices.below(rows.len());
    let is_last = at + 1 == rows.len();
    match what {
        // A character of the line is another one.
        0 => {
            let mut chars: Vec<char> = rows[at].5.chars().collect();
            let place = choices.below(256) * 7 % chars.len();
            chars[place] = if chars[place] == 'x' { 'y' } else { 'x' };
            rows[at].5 = chars.into_iter().collect();
        }
        // The same, with the hash computed anew: what comes after it does not fit.
        1 if !is_last => {
            rows[at].5 = rows[at].5.replacen("desk-4", "desk-5", 1);
            rows[at].2 = sha256(&rows[at].5);
        }
        // A digit of the hash is another one, or written differently.
        2 => {
            let place = choices.below(64);
            let digit = &rows[at].2[place..=place];
            let other = if digit == "0" { "1" } else { "0" };
            rows[at].2.replace_range(place..=place, other);
        }
        3 if !is_last => drop(rows.remove(at)),
        4 if !is_last => rows.swap(at, at + 1),
        5 => {
            let again = rows[at].clone();
            rows.insert(at, again);
        }
        6 if at > 0 => rows[at].7 = "somebody".into(),
        7 => rows[at].6 = false,
        // An entry is gone, and the next says that its console no longer had it: that is told.
        8 if at > 0 && !is_last => {
            rows.remove(at);
            let before = (rows[at - 1].1, rows[at - 1].2.clone());
            rows[at].3 = None;
            (rows[at].8, rows[at].9) = (Some(before.0), Some(before.1));
            let [chain] = &follow(&rows)[..] else { panic!("one chain") };
            assert_eq!(chain.fault, None);
            let gap = chain.gaps.first().expect("a gap");
            let missing = i64::try_from(at).expect("a small number") + 1;
            assert_eq!((gap.first, gap.last, chain.gaps.len()), (missing, missing, 1));
            return;
        }
        _ => return,
    }
    let [chain] = &follow(&rows)[..] else { panic!("one chain") };
    assert!(chain.fault.is_some(), "{what} at {at}: {rows:?}");
    assert!(chain.entries <= at as u64 + 1, "{what} at {at}");
}
