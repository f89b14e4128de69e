//! Compares the chains of all consoles in the team's log, and this computer's with its own log and its keyring.
//!
//! What the database's checks prevent, somebody with more rights may have done nonetheless. So nothing is taken from
//! them: each hash is computed anew.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::database::TeamDatabase;
use crate::audit::reader::LogReader;
use crate::audit::{LogBreak, VerificationProgress, recall_logs};
use crate::error::Result;
use crate::vault::Vault;

/// How many entries are asked for at a time. They are compared as they come, so their size does not matter.
const PORTION: i64 = 5_000;

/// What the team's log was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TeamVerification {
    /// One per console's log.
    pub logs: Vec<VerifiedChain>,
    /// Why the keyring could not be asked. What was cut off from this computer's log, or computed anew, may stay unknown
    /// then.
    pub keyring_failed: Option<String>,
}

/// The chain of one console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedChain {
    /// The log's ID.
    pub log: String,
    /// Whose it is, as its first entry says: `ada on desk-4`.
    pub whose: String,
    /// The database role that wrote it.
    pub role: String,
    /// It is this computer's.
    pub is_own: bool,
    /// How many entries were compared.
    pub entries: u64,
    /// The number of the first; greater than 1 if earlier ones were no longer kept when it came here.
    pub first: i64,
    /// The last entry that fits.
    pub last: i64,
    /// Its hash, in hexadecimal digits.
    pub head: String,
    /// Entries that never came: its console no longer had them when it could send again. What comes after them fits.
    pub gaps: Vec<ChainGap>,
    /// The last of the entries that the chain itself says were removed because of their age; 0 if none were.
    pub removed_through: i64,
    /// What does not fit, as a sentence; the first of it in the chain.
    pub fault: Option<String>,
}

/// Entries that are missing between others, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChainGap {
    pub first: i64,
    pub last: i64,
}

impl ChainGap {
    /// What it means, as a sentence about its chain.
    pub fn explain(&self) -> String {
        format!(
            "It lacks {self}: its console no longer had them when it could send again, and there is nothing to compare \
             them with."
        )
    }

    fn contains(&self, id: i64) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

impl std::fmt::Display for ChainGap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "entry {first}") } else { write!(f, "entries {first} to {last}") }
    }
}

impl TeamVerification {
    pub fn is_intact(&self) -> bool {
        self.logs.iter().all(|log| log.fault.is_none() && log.gaps.is_empty())
    }
}

/// The last two: the number and the hash of the entry before a gap, after which this one is the first.
pub type Row =
    (String, i64, String, Option<i64>, Option<String>, String, bool, String, Option<i64>, Option<String>);

/// Compares everything. `own`: this computer's log.
///
/// Fails if the database or this computer's log cannot be read; that something does not fit is no error.
pub async fn verify_team_log(database: &TeamDatabase, own: &Path, vault: &Vault) -> Result<TeamVerification> {
    verify_watched_team_log(database, own, vault, &VerificationProgress::default()).await
}

/// The same, for somebody who watches how far it is.
pub async fn verify_watched_team_log(
    database: &TeamDatabase,
    own: &Path,
    vault: &Vault,
    progress: &VerificationProgress,
) -> Result<TeamVerification> {
    let mut found = TeamVerification::default();
    let own = if own.exists() { Some(LogReader::open(own).await?) } else { None };
    let mut position = (String::new(), 0_i64);
    let gap = name_gap_columns(database).await?;
    progress.expect(estimate_entries(database).await?);
    loop {
        let statement = format!(
            "SELECT log, id, hash, previous_id, previous_hash, line,
                    coalesce(entry = replace(line, '\\u0000', '\\ufffd')::jsonb, false), written_by, {gap}
             FROM understudy.entries WHERE (log, id) > ($1, $2) ORDER BY log, id LIMIT $3",
        );
        let mut rows = sqlx::query_as::<_, Row>(AssertSqlSafe(statement))
            .bind(position.0.clone())
            .bind(position.1)
            .bind(PORTION)
            .fetch(database.pool());
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(|error| database.explain(error))? {
            take_row(&mut found.logs, &row);
            position = (row.0, row.1);
            count += 1;
            progress.add(1);
        }
        if count < PORTION {
            break;
        }
    }
    let remembered = match recall_logs(vault).await {
        Ok(logs) => logs,
        Err(error) => {
            found.keyring_failed = Some(error.message);
            Vec::new()
        }
    };
    for one in &remembered {
        let place = found.logs.iter().position(|chain| chain.log == one.log);
        let chain = match place {
            Some(at) => &mut found.logs[at],
            // It may be of a time before the team had a log.
            None if own.as_ref().is_none_or(|own| own.id() != one.log) => continue,
            None => {
                found.logs.push(VerifiedChain { log: one.log.clone(), ..VerifiedChain::default() });
                found.logs.last_mut().expect("it was just added")
            }
        };
        chain.is_own = true;
        let is_in_gap = chain.gaps.iter().any(|gap| gap.contains(one.entry));
        if chain.fault.is_some() || one.entry < chain.first || is_in_gap {
            continue;
        }
        // The last that the team's log still has as it was signed.
        let mut own_break = None;
        for missed in one.missed.iter().rev() {
            if read_hash(database, &one.log, missed.entry).await?.as_ref() == Some(&missed.hash) {
                own_break = Some(missed);
                break;
            }
        }
        if let Some(missed) = own_break {
            chain.fault = Some(explain_own_break(missed));
            continue;
        }
        chain.fault = match read_hash(database, &one.log, one.entry).await? {
            Some(hash) if hash == one.hash => None,
            Some(_) => Some(format!(
                "Its entries up to {} are not those that this keyring signed: the chain was computed anew.",
                one.entry
            )),
            None => Some(format!(
                "Its entries after {} are missing: this keyring knows {}. They were not sent yet, or were removed.",
                chain.last, one.entry
            )),
        };
    }
    if let Some(own) = &own
        && let Some(chain) = found.logs.iter_mut().find(|chain| chain.log == own.id())
    {
        chain.is_own = true;
        if chain.fault.is_none() {
            chain.fault = compare_with_own(database, own, chain).await?;
        }
    }
    for chain in found.logs.iter_mut().filter(|chain| chain.fault.is_none()) {
        chain.fault = find_unexplained_absence(chain);
    }
    Ok(found)
}

/// What is wrong with this computer's own log, of which the team's still has what was signed.
fn explain_own_break(missed: &LogBreak) -> String {
    format!(
        "Its entries up to {} are as this keyring signed them, but this computer's own log has lost some of them, or has \
         other ones in their place. What was recorded here since can't follow them.",
        missed.entry
    )
}

/// What is missing before the first entry or in a gap, if no entry of the chain says that it was removed: a console can
/// lose entries in no other way. The columns that a gap is marked with are covered by no hash.
fn find_unexplained_absence(chain: &VerifiedChain) -> Option<String> {
    let before = ChainGap { first: 1, last: chain.first - 1 };
    let mut absences =
        Some(before).filter(|before| before.last > 0).into_iter().chain(chain.gaps.iter().copied());
    let unexplained = absences.find(|absence| absence.last > chain.removed_through)?;
    let (what, are) =
        (unexplained.to_string(), if unexplained.first == unexplained.last { "is" } else { "are" });
    Some(format!(
        "Its {what} {are} missing, and none of the entries that came later says that its console removed what was old: \
         they were removed here, or it has not sent that yet."
    ))
}

/// How many entries there are, as the planner of the database believes: to count millions would take seconds.
async fn estimate_entries(database: &TeamDatabase) -> Result<u64> {
    let rows: f32 =
        sqlx::query_scalar("SELECT reltuples FROM pg_class WHERE oid = 'understudy.entries'::regclass")
            .fetch_one(database.pool())
            .await
            .map_err(|error| database.explain(error))?;
    // -1 if it has not looked yet.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number, and not below 0"
    )]
    Ok(rows.max(0.0) as u64)
}

/// A database that an earlier version set up knows no gaps.
async fn name_gap_columns(database: &TeamDatabase) -> Result<&'static str> {
    let has_them: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_attribute
         WHERE attrelid = 'understudy.entries'::regclass AND attname = 'gap_after_id' AND NOT attisdropped)",
    )
    .fetch_one(database.pool())
    .await
    .map_err(|error| database.explain(error))?;
    Ok(if has_them { "gap_after_id, gap_after_hash" } else { "NULL::bigint, NULL::text" })
}

/// Compares the next row, of the last chain or of another one.
pub fn take_row(chains: &mut Vec<VerifiedChain>, row: &Row) {
    if chains.last().is_none_or(|chain| chain.log != row.0) {
        chains.push(begin_chain(row));
    }
    if let Some(chain) = chains.last_mut().filter(|chain| chain.fault.is_none()) {
        follow(chain, row);
    }
}

fn begin_chain(row: &Row) -> VerifiedChain {
    let (log, first, _, previous_id, previous_hash, line, _, role, gap_after, _) = row;
    let entry: Value = serde_json::from_str(line).unwrap_or_default();
    let said = |name: &str| entry[name].as_str().unwrap_or("?").to_owned();
    let fault = match (previous_id, previous_hash, gap_after) {
        (None, None, None) if *first == 1 => None,
        // Before it were entries that this console no longer had.
        (None, Some(_), None) if *first > 1 => None,
        _ => Some(format!("Its entries before {first} are missing.")),
    };
    VerifiedChain {
        log: log.clone(),
        whose: format!("{} on {}", said("os_user"), said("host")),
        role: role.clone(),
        is_own: false,
        entries: 0,
        first: *first,
        last: first - 1,
        head: previous_hash.clone().unwrap_or_else(|| log.clone()),
        gaps: Vec::new(),
        removed_through: 0,
        fault,
    }
}

fn follow(chain: &mut VerifiedChain, row: &Row) {
    let (_, id, hash, previous_id, previous_hash, line, entry_fits, role, gap_after_id, gap_after_hash) = row;
    if let Some(previous_hash) = previous_hash
        && previous_id.is_none()
        && *id > chain.last + 1
        && (*gap_after_id, gap_after_hash) == (Some(chain.last), &Some(chain.head.clone()))
    {
        chain.gaps.push(ChainGap { first: chain.last + 1, last: id - 1 });
        chain.last = id - 1;
        chain.head.clone_from(previous_hash);
    }
    let missing = (chain.last + 1, id - 1);
    chain.fault = if *id != chain.last + 1 {
        Some(if missing.0 == missing.1 {
            format!("Its entry {} was removed.", missing.0)
        } else {
            format!("Its entries {} to {} were removed.", missing.0, missing.1)
        })
    } else if !fits(line, hash, *id, &chain.head) || !entry_fits {
        Some(format!("Its entry {id} is not what was written: it was changed, moved, or put in later."))
    } else if *role != chain.role {
        Some(format!("Its entry {id} was written as {role}, and those before it as {}.", chain.role))
    } else {
        None
    };
    if chain.fault.is_none() {
        chain.entries += 1;
        chain.last = *id;
        chain.head.clone_from(hash);
        let removed = read_removal(line).filter(|through| through < id);
        chain.removed_through = chain.removed_through.max(removed.unwrap_or_default());
    }
}

/// Up to which entry this one says that entries were removed.
fn read_removal(line: &str) -> Option<i64> {
    // Lines are canonical JSON, so most need not be read for that.
    if !line.contains(r#""event":"entries_removed""#) {
        return None;
    }
    let entry: Value = serde_json::from_str(line).ok()?;
    if entry["event"] != "entries_removed" {
        return None;
    }
    serde_json::from_str::<Value>(entry["detail"].as_str()?).ok()?["through"].as_i64()
}

/// Whether a line is this entry, after the one with the hash `previous`, and has this hash.
fn fits(line: &str, hash: &str, id: i64, previous: &str) -> bool {
    let computed = digest(&SHA256, line.as_bytes());
    let computed = computed.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let is_hash = hash.len() == 64
        && computed
            .zip(hash.bytes())
            .all(|(half, digit)| char::from_digit(half.into(), 16) == Some(digit.into()));
    let entry: Value = serde_json::from_str(line).unwrap_or_default();
    is_hash && entry["id"].as_i64() == Some(id) && entry["previous"].as_str() == Some(previous)
}

async fn read_hash(database: &TeamDatabase, log: &str, id: i64) -> Result<Option<String>> {
    sqlx::query_scalar("SELECT hash FROM understudy.entries WHERE log = $1 AND id = $2")
        .bind(log)
        .bind(id)
        .fetch_optional(database.pool())
        .await
        .map_err(|error| database.explain(error))
}

/// The first entry that is another one here. Since each hash covers the one before, those after it differ too.
async fn compare_with_own(
    database: &TeamDatabase,
    own: &LogReader,
    chain: &VerifiedChain,
) -> Result<Option<String>> {
    let differs = async |id: i64| -> Result<bool> {
        // What never came there says nothing, but the next one that did.
        let id = chain.gaps.iter().find(|gap| gap.contains(id)).map_or(id, |gap| gap.last + 1);
        let (here, there) = (own.read_hash(id).await?, read_hash(database, &chain.log, id).await?);
        // What is no longer kept here says nothing.
        Ok(here.is_some() && here != there)
    };
    if own.read_hash(chain.last).await?.is_none() {
        return Ok(Some(format!(
            "It has {} entries, and this computer's own log fewer: its last entries are gone there.",
            chain.last
        )));
    }
    if !differs(chain.last).await? {
        return Ok(None);
    }
    let (mut same, mut other) = (chain.first - 1, chain.last);
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if differs(middle).await? { other = middle } else { same = middle }
    }
    let other = chain.gaps.iter().find(|gap| gap.contains(other)).map_or(other, |gap| gap.last + 1);
    Ok(Some(format!(
        "Its entry {other} is another one than in this computer's own log, and so are all after it."
    )))
}
