//! What a verification found, in words: for the command line and for the log's view.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::verify::{Verification, show_time};

/// What a verification found, sentence by sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct VerificationReport {
    /// All is as it was written.
    pub is_intact: bool,
    /// That it is, or what does not fit.
    pub findings: Vec<String>,
    /// How far that can be relied on.
    pub remarks: Vec<String>,
    /// The last entry's hash, in hexadecimal digits. Whoever notes it elsewhere can tell later that nothing before it
    /// has changed.
    pub head: Option<String>,
    /// What to do if something does not fit.
    pub advice: Option<String>,
}

impl VerificationReport {
    pub fn of(found: &Verification) -> Self {
        let is_intact = found.is_intact();
        let mut remarks = Vec::new();
        let findings = if is_intact {
            vec![format!("Intact: {} as written.", count(found.entries, "entry is", "entries are"))]
        } else {
            let before = count(found.entries, "entry before that is", "entries before that are");
            remarks.push(format!("{before} as written."));
            found.faults.iter().map(ToString::to_string).collect()
        };
        if let Some(removed) = &found.removed {
            let by = match found.is_removal_own {
                Some(true) => {
                    "The entry that says so is part of the chain, and signed with this keyring's key.".into()
                }
                Some(false) => "The entry that says so is part of the chain.".to_owned(),
                None => format!(
                    "The entry that says so is part of the chain, and signed with the key {}, which could not be \
                     compared with a keyring's.",
                    removed.key
                ),
            };
            remarks.push(format!(
                "The entries up to {} were removed on {} because they were older than {}. {by}",
                removed.through,
                show_time(removed.at_ms),
                count(u64::from(removed.keep_days), "day", "days")
            ));
        }
        remarks.push(describe_checkpoints(found));
        if found.foreign > 0 {
            remarks.push(format!(
                "{} signed with another key than this keyring's, by another computer or an earlier keyring. They prove \
                 nothing here.",
                count(found.foreign, "of them is", "of them are")
            ));
        }
        if let Some(why) = &found.keyring_failed {
            remarks.push(format!(
                "The keyring could not be asked, so entries removed at the end, and a log replaced as a whole, would not \
                 be noticed. {why}"
            ));
        }
        let advice =
            (!is_intact).then(|| "Keep the file as it is, and show it to whoever reviews the log.".into());
        Self { is_intact, findings, remarks, head: found.head.clone(), advice }
    }
}

fn describe_checkpoints(found: &Verification) -> String {
    match found.covered {
        Some(entry) => format!(
            "Checkpoints: {}. The last one that fits covers the entries up to {entry}.",
            found.checkpoints
        ),
        None if found.checkpoints == found.foreign && found.foreign > 0 => {
            format!("Checkpoints: {}.", found.checkpoints)
        }
        None if found.checkpoints > 0 => format!("Checkpoints: {}. None of them fits.", found.checkpoints),
        None => {
            "Checkpoints: none. Without them, a chain that was computed anew can't be told from the real one."
                .into()
        }
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
