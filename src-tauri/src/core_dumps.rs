//! A crash must not write what is in memory, secrets included, to a file.

/// Forbids core dumps of this process and of the programs that it starts.
pub fn forbid() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Crash handlers that take the dump through a pipe heed this limit, too.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // For one that does not: no kind of memory is in the dump (core(5)). Programs that are started inherit both.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}

/// For a command in a terminal, also against other programs of the same account that would read its memory.
///
/// Not for the console: desktop portals look into `/proc/<pid>/root` to know who asks, and do not answer (the dark
/// theme, for one) when they may not.
pub fn forbid_reading() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
