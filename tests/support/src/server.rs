//! What every throwaway server needs: a port, an account if it refuses root, and a reader for its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use crate::processes::family;
use crate::wait::PATIENCE;

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// For root: the user and group ID of the account `name`.
pub(crate) fn instead_of_root(name: &str) -> Option<(u32, u32)> {
    (this_user() == 0).then(|| {
        let account = account(name, 0).unwrap_or_else(|| panic!("there is no user `{name}`"));
        (account[2].parse().expect("a user id"), account[3].parse().expect("a group id"))
    })
}

pub(crate) fn this_user() -> u32 {
    std::fs::metadata("/proc/self").expect("a Linux system").uid()
}

/// A suspended server: it neither answers nor closes connections, although the system still accepts them for it. It
/// resumes when this is dropped.
pub struct Frozen(Vec<u32>);

impl Frozen {
    pub(crate) fn server(server: Option<&Child>) -> Self {
        let frozen = Self(family(server.expect("the server runs").id()));
        frozen.signal("STOP");
        frozen
    }

    fn signal(&self, name: &str) {
        let pids = self.0.iter().map(u32::to_string);
        // Processes that have ended meanwhile don't matter.
        let _ = Command::new("kill").args(["-s", name]).args(pids).stderr(Stdio::null()).status();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

/// The account whose `field` in /etc/passwd has this value.
pub(crate) fn account(value: &str, field: usize) -> Option<Vec<String>> {
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users");
    let mut lines = users.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    lines.find(|fields| fields.get(field).is_some_and(|found| found == value))
}

/// Returns when the server's log has a line with one of these texts.
pub(crate) fn wait_until_logged(server: &str, log: impl Read + Send + 'static, ready: &[&str]) {
    let (line_read, lines) = mpsc::channel();
    // Keeps reading: once the pipe is full, a server whose log is not read stops.
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = line_read.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if ready.iter().any(|ready| line.contains(ready)) {
            return;
        }
        said.push(line);
    }
    panic!("{server} does not start within {} s:\n{}", PATIENCE.as_secs(), said.join("\n"));
}

/// The output of a server's client for a script.
pub(crate) fn answer(client: &mut Command, script: &str) -> String {
    let name = format!("{client:?}");
    let mut running = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|cause| panic!("{name}: {cause}"));
    let mut input = running.stdin.take().expect("piped");
    let script = script.to_owned();
    // On a thread, because a client prints output before it has read everything.
    let writing = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let answered = running.wait_with_output().expect("it ends");
    let written = writing.join().expect("the script is written");
    let complaint = String::from_utf8_lossy(&answered.stderr);
    assert!(answered.status.success() && written.is_ok(), "{name}: {complaint}");
    String::from_utf8(answered.stdout).expect("it answers in UTF-8").trim_end().to_owned()
}
