//! What is on the screen, and since when: Xvfb's framebuffer, read without a program in between that would take time
//! from what is measured.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Every how many pixels one is looked at, in both directions.
const STEP: usize = 4;

/// A screen is looked at this often.
const INTERVAL: Duration = Duration::from_millis(4);

/// Nothing more happens on a screen that has hardly changed for this long.
const SETTLED: Duration = Duration::from_millis(1_500);

/// A screen counts as painted when this share of it looks as it does in the end; the rest is a caret or a progress line.
const PAINTED: f64 = 0.995;

/// Records a screen from now on.
pub struct ScreenRecording {
    began: Instant,
    is_over: Arc<AtomicBool>,
    recorder: JoinHandle<Result<Vec<Frame>>>,
}

struct Frame {
    at: Instant,
    pixels: Vec<u32>,
}

impl ScreenRecording {
    /// `framebuffer` is the file that Xvfb writes with `-fbdir`.
    pub fn start(framebuffer: &Path) -> Result<Self> {
        let screen = Screen::open(framebuffer)?;
        let first = Frame { at: Instant::now(), pixels: screen.read()? };
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let began = first.at;
        let recorder = std::thread::spawn(move || {
            // The last frame that differs visibly from the one before.
            let (mut frames, mut moved) = (vec![first], 0);
            while !seen.load(Ordering::Relaxed) || frames[moved].at.elapsed() < SETTLED {
                let pixels = screen.read()?;
                if pixels != last(&frames).pixels {
                    if share_equal(&pixels, &frames[moved].pixels) < PAINTED {
                        moved = frames.len();
                    }
                    frames.push(Frame { at: Instant::now(), pixels });
                }
                std::thread::sleep(INTERVAL);
            }
            Ok(frames)
        });
        Ok(Self { began, is_over, recorder })
    }

    /// Waits until the screen has settled; returns how long after the start of the recording it looked as it does now.
    pub async fn measure_painting(self) -> Result<Duration> {
        self.is_over.store(true, Ordering::Relaxed);
        let recorder = self.recorder;
        let frames = tokio::task::spawn_blocking(move || recorder.join()).await?;
        let frames = frames.ok().context("the recorder does not panic")??;
        let end = &last(&frames).pixels;
        ensure!(share_equal(&frames[0].pixels, end) < PAINTED, "nothing has been painted");
        // From the end, as a page may look finished, and then once more change.
        let before = frames.iter().rposition(|frame| share_equal(&frame.pixels, end) < PAINTED);
        Ok(frames[before.map_or(0, |at| at + 1)].at - self.began)
    }
}

fn last(frames: &[Frame]) -> &Frame {
    frames.last().expect("there is a first frame")
}

#[allow(clippy::cast_precision_loss, reason = "a hundred thousand pixels")]
fn share_equal(one: &[u32], other: &[u32]) -> f64 {
    let equal = one.iter().zip(other).filter(|(one, other)| one == other).count();
    equal as f64 / other.len() as f64
}

/// The file in XWD's format: a header of 32-bit numbers in network order, colours of 12 bytes, lines of pixels.
struct Screen {
    file: File,
    offset: u64,
    width: usize,
    height: usize,
    bytes_per_line: usize,
}

impl Screen {
    fn open(framebuffer: &Path) -> Result<Self> {
        let file = File::open(framebuffer).context("Xvfb writes its framebuffer")?;
        let mut header = [0; 80];
        file.read_exact_at(&mut header, 0)?;
        let number =
            |at: usize| u32::from_be_bytes(header[at * 4..at * 4 + 4].try_into().expect("four bytes"));
        ensure!(number(11) == 32, "a pixel has 32 bits");
        Ok(Self {
            file,
            offset: u64::from(number(0)) + 12 * u64::from(number(19)),
            width: number(4) as usize,
            height: number(5) as usize,
            bytes_per_line: number(12) as usize,
        })
    }

    fn read(&self) -> Result<Vec<u32>> {
        let mut line = vec![0; self.width * 4];
        let mut pixels = Vec::with_capacity(self.width * self.height / STEP / STEP);
        for row in (0..self.height).step_by(STEP) {
            self.file.read_exact_at(&mut line, self.offset + (row * self.bytes_per_line) as u64)?;
            let read = line
                .chunks_exact(4 * STEP)
                .map(|pixel| u32::from_ne_bytes([pixel[0], pixel[1], pixel[2], 0]));
            pixels.extend(read);
        }
        Ok(pixels)
    }
}
