//! A third-party server for one test. It prints one line of JSON when it listens, and exits when its standard input
//! closes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::wait::PATIENCE;

/// The process ends with the value.
pub struct Program {
    child: Child,
    _input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The line that it printed when it started listening.
    pub ready: Value,
}

impl Program {
    /// Starts `command` in `folder` (a path below the repository). If it does not start, panics with what to do.
    pub fn start(folder: &Path, command: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(folder)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|cause| panic!("{command:?} in {}: {cause}", folder.display()));
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut program = Self { child, _input: input, output, ready: Value::Null };
        program.ready = program.line();
        assert!(
            program.ready["listening"].is_string(),
            "{command:?} in {} did not start; `script/bootstrap` installs what it needs",
            folder.display()
        );
        program
    }

    /// The next line of its output as JSON; null if it is not JSON.
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output is text");
        serde_json::from_str(&line).unwrap_or_default()
    }

    pub fn origin(&self) -> String {
        self.ready["listening"].as_str().expect("it listens").to_owned()
    }

    /// The requests that the server received and its answers, in order.
    pub async fn journal(&self) -> Vec<Value> {
        self.test("journal").await
    }

    /// The reason for which this user is signed in, for each session whose reason the server knows.
    pub async fn reasons_for(&self, user: &str) -> Vec<String> {
        let sessions: Vec<Value> = self.test("sessions").await;
        let of_user = sessions.iter().filter(|session| session["user"] == user);
        of_user.filter_map(|session| session["reason"].as_str().map(str::to_owned)).collect()
    }

    /// The server's current sessions, `{user, impersonated_by}`, sorted.
    pub async fn sessions(&self) -> Vec<Value> {
        let mut sessions: Vec<Value> = self.test("sessions").await;
        for session in &mut sessions {
            // Other fields may change by themselves, such as the remaining time.
            *session =
                serde_json::json!({ "user": session["user"], "impersonated_by": session["impersonated_by"] });
        }
        sessions.sort_by_key(Value::to_string);
        sessions
    }

    async fn test(&self, what: &str) -> Vec<Value> {
        let url = format!("{}/__test/{what}", self.origin());
        reqwest::get(&url).await.expect("it answers").json().await.expect("a list")
    }

    /// Waits until it has received such a request.
    pub async fn received(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                if let Some(found) = self.journal().await.into_iter().find(&wanted) {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, waiting).await else {
            panic!("it was not asked for that; instead: {:#?}", self.journal().await);
        };
        found
    }

    /// Waits until the server has no session of that user left.
    pub async fn forgets(&self, user: &str) {
        let waiting = async {
            while self.sessions().await.iter().any(|session| session["user"] == user) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let is_gone = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(is_gone, "it still has a session of {user}: {:#?}", self.sessions().await);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
