//! The log survives what ends a program or a computer in the middle of a write: whatever [`AuditLog::append`] has
//! returned for is there afterwards, once, and the chain fits.

#[cfg(target_os = "linux")]
mod disk;
mod kills;
#[cfg(target_os = "linux")]
mod power_loss;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

use understudy_audit::reader::{EntryFilter, LogReader};
use understudy_audit::verify::verify_log;

use super::*;

/// The log that the writer appends to.
const LOG: &str = "WRITER_LOG";
/// Where it notes each entry as soon as the log has it.
const NOTES: &str = "WRITER_NOTES";
/// How many sessions it has.
const SESSIONS: &str = "WRITER_SESSIONS";

/// This program as a console that has one session after another.
fn writer(log: &Path, notes: &Path, sessions: u32) -> Command {
    let mut writer = Command::new(std::env::current_exe().unwrap());
    writer
        .args(["--ignored", "--exact", "crashes::write_sessions", "--nocapture"])
        .env(LOG, log)
        .env(NOTES, notes)
        .env(SESSIONS, sessions.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    writer
}

#[tokio::test]
#[ignore = "it is the program that the other tests kill"]
async fn write_sessions() {
    let told = |name| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
    let log = AuditLog::open(Path::new(&told(LOG))).await.unwrap();
    let mut notes = OpenOptions::new().append(true).create(true).open(told(NOTES)).unwrap();
    for n in 0..told(SESSIONS).to_str().unwrap().parse::<u32>().unwrap() {
        let session = uuid::Uuid::new_v4().to_string();
        let first = begun(n.into(), &session, "7", "Ticket 4711");
        let ended = first.with_event(n.into(), EndCause::Operator.into());
        let active = first.with_event(n.into(), Event::Active);
        for (event, entry) in [("begun", first), ("active", active), ("ended", ended)] {
            log.append(entry).await.unwrap();
            notes.write_all(format!("{session} {event}\n").as_bytes()).unwrap();
        }
    }
}

/// Opens the log as the next run does, and compares it with what was noted. Returns how many entries it has.
async fn expect_intact(log: &Path, acknowledged: &BTreeSet<String>, what: &str) -> usize {
    drop(AuditLog::open(log).await.unwrap_or_else(|error| panic!("{what}: {error}")));
    let found = verify_log(log, None).await.unwrap();
    assert!(found.is_intact(), "{what}: {:?}", found.faults);
    let reader = LogReader::open(log).await.unwrap();
    let (mut there, mut count, mut last) = (BTreeSet::new(), 0_usize, 0);
    loop {
        let portion = reader.read_after(&EntryFilter::default(), last, 1_000).await.unwrap();
        let Some(end) = portion.last() else { break };
        last = end.number();
        for entry in portion {
            let entry = format!("{} {}", entry.text("session"), entry.text("event"));
            assert!(there.insert(entry.clone()), "{what}: {entry} is there twice");
            count += 1;
        }
    }
    let missed: Vec<_> = acknowledged.difference(&there).collect();
    assert!(
        missed.is_empty(),
        "{what}: lost {missed:?} of {} acknowledged and {count} written",
        acknowledged.len()
    );
    count
}

/// What the writers noted. A line that was cut off counts for nothing.
fn read_notes(notes: &[u8]) -> BTreeSet<String> {
    let whole = notes.rsplitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    String::from_utf8_lossy(whole).lines().map(str::to_owned).collect()
}

/// A number that is different each time, from one that can be given again.
struct Dice(u64);

impl Dice {
    /// From `CRASH_SEED` if it is set. A failure names the seed.
    fn new() -> Self {
        let given = std::env::var("CRASH_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0) | 1;
        eprintln!("CRASH_SEED={seed}");
        Self(seed)
    }

    /// From 0 up to `below`. Marsaglia's xorshift64*.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % below.max(1)
    }
}

/// How often: from the environment, for `script/bench audit`; otherwise as often as a test can afford.
fn rounds(name: &str, in_a_test: usize) -> usize {
    std::env::var(name).ok().map_or(in_a_test, |given| given.parse().expect("a number"))
}
