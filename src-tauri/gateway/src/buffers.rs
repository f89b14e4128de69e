//! How much of a body may be under way: enough that a distant server is never waited for, and no more for a body of any
//! size.

/// Of one HTTP/2 stream and one connection, as browsers have them. Windows that grow by themselves start at 64 kB, and
/// stay small where a server is near.
pub(crate) const STREAM_WINDOW: u32 = 6 << 20;
pub(crate) const CONNECTION_WINDOW: u32 = 15 << 20;

/// What HTTP/2 collects before it writes.
pub(crate) const SEND_BUFFER: usize = 1 << 20;

/// What is read at once below TLS, which by itself asks the system for 4 kB at a time: a few records.
pub(crate) const READ_BUFFER: usize = 64 << 10;
