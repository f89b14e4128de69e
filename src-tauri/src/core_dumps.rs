//! Keeps a crash from writing memory, and the secrets in it, to a file.

/// Disables core dumps of this process and of the programs it starts.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Crash handlers that read the dump from a pipe respect this limit too.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // For handlers that don't: exclude every kind of memory from the dump (core(5)). Child processes inherit both
    // settings.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}

/// For a command in a terminal: also keeps other programs of the same account from reading its memory.
///
/// Not for the console: desktop portals read `/proc/<pid>/root` to identify the caller, and don't answer if they can't
/// (for the dark theme, for example).
pub fn forbid_reading() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
