//! What a program did to its files, as recorder.c recorded it, and what a disk may hold of it after a power cut.
//!
//! Only what was synced before the cut is certain. Of what was written later, any sectors may have arrived, in any order;
//! a file that was created or removed may be as before until its folder was synced.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::Dice;

/// A disk writes a sector as a whole or not at all.
const SECTOR: usize = 512;

pub enum Step {
    Create { path: String },
    Write { path: String, offset: usize, data: Vec<u8> },
    Truncate { path: String, size: usize },
    Sync { path: String },
    Unlink { path: String },
}

/// Reads a recording.
pub fn read_steps(mut recording: &[u8]) -> Vec<Step> {
    fn take<'a>(from: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = from.split_at(length);
        *from = rest;
        taken
    }
    fn take_number(from: &mut &[u8]) -> usize {
        usize::try_from(u64::from_ne_bytes(take(from, 8).try_into().unwrap())).unwrap()
    }
    let mut steps = Vec::new();
    while !recording.is_empty() {
        let kind = take(&mut recording, 1)[0];
        let path_length = u32::from_ne_bytes(take(&mut recording, 4).try_into().unwrap());
        let (offset, length) = (take_number(&mut recording), take_number(&mut recording));
        let path = String::from_utf8(take(&mut recording, path_length as usize).to_vec()).unwrap();
        let data = take(&mut recording, length).to_vec();
        steps.push(match kind {
            b'c' => Step::Create { path },
            b'w' => Step::Write { path, offset, data },
            b't' => Step::Truncate { path, size: offset },
            b's' => Step::Sync { path },
            b'u' => Step::Unlink { path },
            other => panic!("no kind of step: {other}"),
        });
    }
    steps
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate { size: usize },
}

#[derive(Default)]
struct Inode {
    synced: Vec<u8>,
    /// In order.
    pending: Vec<Change>,
}

/// A disk with the files of one program.
#[derive(Default)]
pub struct Disk {
    inodes: Vec<Inode>,
    /// The file of each name, as the program sees it.
    seen: HashMap<String, usize>,
    /// The same, as of its folder's last sync.
    synced: BTreeMap<String, usize>,
}

impl Disk {
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Create { path } => {
                self.inodes.push(Inode::default());
                self.seen.insert(path.clone(), self.inodes.len() - 1);
            }
            Step::Unlink { path } => {
                self.seen.remove(path);
            }
            Step::Write { path, offset, data } => {
                self.change(path, Change::Write { offset: *offset, data: data.clone() });
            }
            Step::Truncate { path, size } => self.change(path, Change::Truncate { size: *size }),
            Step::Sync { path } => self.sync(path),
        }
    }

    fn change(&mut self, path: &str, change: Change) {
        // SQLite opens a file that was there before the recording only if there was one, which there is not.
        let inode = *self.seen.get(path).unwrap_or_else(|| panic!("{path} was never made"));
        self.inodes[inode].pending.push(change);
    }

    fn sync(&mut self, path: &str) {
        if let Some(inode) = self.seen.get(path) {
            let inode = &mut self.inodes[*inode];
            for change in std::mem::take(&mut inode.pending) {
                apply(&mut inode.synced, &change, |_| true);
            }
            return;
        }
        // A folder: its names are as the program sees them now.
        let is_within = |name: &str| Path::new(name).parent() == Some(Path::new(path));
        self.synced.retain(|name, _| !is_within(name));
        let within = self.seen.iter().filter(|(name, _)| is_within(name));
        self.synced.extend(within.map(|(name, inode)| (name.clone(), *inode)));
    }

    /// What may be on the disk if the power fails now, by file name.
    pub fn cut_power(&self, dice: &mut Dice) -> Vec<(String, Vec<u8>)> {
        let mut names: Vec<_> = self.synced.keys().chain(self.seen.keys()).collect();
        names.sort();
        names.dedup();
        let mut left = Vec::new();
        for name in names {
            let (before, now) = (self.synced.get(name), self.seen.get(name));
            let Some(inode) = (if dice.roll(2) == 0 { before } else { now }) else { continue };
            let inode = &self.inodes[*inode];
            let mut content = inode.synced.clone();
            // Nothing arrived, all of it, or any part.
            let arrives = dice.roll(3);
            for change in &inode.pending {
                apply(&mut content, change, |_| match arrives {
                    0 => false,
                    1 => true,
                    _ => dice.roll(2) == 0,
                });
            }
            left.push((name.clone(), content));
        }
        left
    }
}

/// Changes the content sector by sector, as far as each of them `arrives`.
fn apply(content: &mut Vec<u8>, change: &Change, mut arrives: impl FnMut(usize) -> bool) {
    match change {
        Change::Truncate { size } if arrives(0) => content.resize(*size, 0),
        Change::Truncate { .. } => {}
        Change::Write { offset, data } => {
            let mut done = 0;
            while done < data.len() {
                let at = offset + done;
                let length = (SECTOR - at % SECTOR).min(data.len() - done);
                if arrives(at / SECTOR) {
                    if content.len() < at + length {
                        content.resize(at + length, 0);
                    }
                    content[at..at + length].copy_from_slice(&data[done..done + length]);
                }
                done += length;
            }
        }
    }
}
