//! The signals that ask a program to go: from a service, a terminal, or a person.

use std::io::Result;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From when it listens, none of them ends the process by itself.
pub struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    /// The terminal was closed.
    #[cfg(unix)]
    hang_up: Signal,
}

/// From then on a file that may not grow (`ulimit -f`) is an error of the write and no end of the process without a
/// word. Needs a runtime around it; lasts as long as the process.
pub fn outlive_full_files() -> Result<()> {
    #[cfg(unix)]
    drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
    Ok(())
}

impl Signals {
    pub fn listen() -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the next one comes.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
