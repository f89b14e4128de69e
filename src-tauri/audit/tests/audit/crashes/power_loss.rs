//! The power fails at any point: what the disk was not told to keep may be lost, in part, and in any order.

use std::fs;

use super::disk::{Disk, Step, read_steps};
use super::*;

/// Builds the recorder and lets a writer run with it. Returns what it did to files in the log's folder and to its notes.
fn record_writer(desk: &Desk) -> Vec<Step> {
    let folder = desk.dir.path().canonicalize().unwrap();
    let recorder = folder.join("recorder.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit/crashes/recorder.c");
    let options = ["-shared", "-fPIC", "-O1", source, "-ldl", "-o"];
    let built = Command::new("cc").args(options).arg(&recorder).status().unwrap();
    assert!(built.success(), "{source} does not compile");
    let data = folder.join("recorded");
    fs::create_dir(&data).unwrap();
    let recording = folder.join("recording");
    let written = writer(&data.join("log").join("audit.sqlite"), &data.join("notes"), 6)
        .env("LD_PRELOAD", &recorder)
        .env("RECORDING", &recording)
        .env("RECORDED_FOLDER", &data)
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    read_steps(&fs::read(recording).unwrap())
}

#[tokio::test]
async fn no_entry_is_lost_when_the_power_fails() {
    let desk = Desk::new();
    let steps = record_writer(&desk);
    let mut dice = Dice::new();
    let cuts = rounds("AUDIT_POWER_CUTS", 300);
    let mut kept = 0;
    for cut in 0..cuts {
        let end = usize::try_from(dice.roll(steps.len() as u64 + 1)).unwrap();
        let (mut drive, mut notes) = (Disk::default(), Vec::new());
        for step in &steps[..end] {
            match step {
                // The notes are ours: they say what the log has promised, whatever the disk does.
                Step::Write { path, data, .. } if path.ends_with("/notes") => notes.extend_from_slice(data),
                step => drive.apply(step),
            }
        }
        let left = Desk::new();
        fs::create_dir(left.path().parent().unwrap()).unwrap();
        for (name, content) in drive.cut_power(&mut dice) {
            let name = Path::new(&name).file_name().unwrap();
            if name.to_str().unwrap().starts_with("audit.sqlite") {
                fs::write(left.path().with_file_name(name), content).unwrap();
            }
        }
        let acknowledged = read_notes(&notes);
        let what = format!("cut {cut}, after step {end} of {}", steps.len());
        kept += expect_intact(&left.path(), &acknowledged, &what).await;
    }
    println!("{cuts} power cuts in {} steps: none of {kept} entries lost, every log opens", steps.len());
}

/// The disk of these tests is not kinder than a real one: a program that does not sync loses what it was told it has.
#[test]
fn what_was_not_synced_can_be_lost() {
    let write = |data: &[u8]| Step::Write { path: "/d/file".into(), offset: 0, data: data.to_vec() };
    let sync = |path: &str| Step::Sync { path: path.into() };
    let mut drive = Disk::default();
    for step in [Step::Create { path: "/d/file".into() }, write(b"old"), sync("/d/file")] {
        drive.apply(&step);
    }
    let mut dice = Dice::new();
    assert!((0..100).any(|_| drive.cut_power(&mut dice).is_empty()), "its folder was not synced");
    drive.apply(&sync("/d"));
    drive.apply(&write(b"new"));
    let left: BTreeSet<Vec<u8>> =
        (0..100).flat_map(|_| drive.cut_power(&mut dice)).map(|(_, is)| is).collect();
    assert_eq!(left, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}
