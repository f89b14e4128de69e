//! The signals that ask a program to exit, sent by a service manager, a terminal or a person.

use std::io::Result;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// While this exists, none of these signals ends the process.
#[cfg(unix)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed.
    hang_up: Signal,
}

/// While this exists, none of these signals ends the process. But when Windows ends all programs of a terminal or a
/// session, it only waits a few seconds.
#[cfg(windows)]
pub struct Signals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    /// The terminal was closed.
    hang_up: CtrlClose,
    shut_down: CtrlShutdown,
}

/// From now on, exceeding the file size limit (`ulimit -f`) makes a write fail instead of silently killing the process.
/// Needs a runtime; lasts as long as the process.
pub fn outlive_full_files() -> Result<()> {
    #[cfg(unix)]
    drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
    Ok(())
}

#[cfg(unix)]
impl Signals {
    pub fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the next signal comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

#[cfg(windows)]
impl Signals {
    pub fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            terminate: ctrl_break()?,
            hang_up: ctrl_close()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// Returns when the next signal comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.shut_down.recv() => {}
        }
    }
}
