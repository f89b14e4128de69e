//! Programs that are killed at any point, several on one home.

use std::time::Duration;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_is_lost_or_doubled_when_programs_are_killed() {
    let desk = Desk::new();
    let notes = desk.dir.path().join("notes");
    drop(desk.log().await);
    let mut dice = Dice::new();
    // However slow the computer is, one of them comes as far as to write.
    let mut first = writer(&desk.path(), &notes, u32::MAX).spawn().unwrap();
    while read_notes(&std::fs::read(&notes).unwrap_or_default()).is_empty() {
        assert!(first.try_wait().unwrap().is_none(), "the first writer ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let kills = rounds("AUDIT_KILLS", 30);
    let mut acknowledged = BTreeSet::new();
    for killed in (0..kills).step_by(2) {
        let mut two = [(); 2].map(|()| writer(&desk.path(), &notes, u32::MAX).spawn().unwrap());
        for writer in &mut two {
            // Any point will do: while it starts, waits for the other one, writes or syncs.
            std::thread::sleep(Duration::from_micros(dice.roll(120_000)));
            writer.kill().unwrap();
        }
        for writer in two {
            let ended = writer.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.code().is_none(), "a writer ended by itself: {said}");
        }
        acknowledged = read_notes(&std::fs::read(&notes).unwrap_or_default());
        if killed % 1_000 == 0 {
            expect_intact(&desk.path(), &acknowledged, &format!("after {} kills", killed + 2)).await;
        }
    }
    let written = expect_intact(&desk.path(), &acknowledged, "after the last kill").await;
    println!(
        "{kills} kills: {} entries acknowledged, {written} written, none lost, none double",
        acknowledged.len()
    );
}
