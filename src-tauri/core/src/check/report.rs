//! What a check found, step by step, with what to do next.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::directory::{Caution, Info, Row};
use crate::error::{Code, Error, FileFault};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Status {
    Ok,
    /// Works, but not as it should.
    Warning,
    Failed,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Step {
    /// "Connection file", "Access", "Secrets", "Directory", "Columns", "Search", "Users", "Sign-in".
    pub title: String,
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
    /// A statement that fixes it, to be copied.
    pub statement: Option<String>,
    /// What the driver, library or keyring said; for developers, shown on request.
    pub details: Option<String>,
}

/// Everything that `check` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Report {
    /// No step failed.
    pub ok: bool,
    pub steps: Vec<Step>,
    /// The faults in the text, one by one. If there are any, nothing else was checked.
    pub faults: Vec<FileFault>,
    /// What was found in the database; `None` if it could not be opened.
    pub info: Option<Info>,
    /// The newest few users, for a preview.
    pub sample: Vec<Row>,
}

impl Report {
    pub(super) fn empty() -> Self {
        Self { ok: true, steps: Vec::new(), faults: Vec::new(), info: None, sample: Vec::new() }
    }

    /// The report of a check that could not begin because there is no file, or nothing may be sent.
    pub fn of_failure(error: &Error) -> Self {
        let is_file =
            [Code::ConnectionInvalid, Code::ConnectionUnknown, Code::FileFailed].contains(&error.code);
        let mut report = Self { faults: error.faults.clone(), ..Self::empty() };
        report.add_failure(if is_file { "Connection file" } else { "Directory" }, error.clone());
        report
    }

    /// Adds a finding.
    pub fn add_step(&mut self, title: &str, status: Status, detail: impl Into<String>, hint: Option<String>) {
        self.ok &= status != Status::Failed;
        let (statement, details) = (None, None);
        self.steps.push(Step {
            title: title.into(),
            status,
            detail: detail.into(),
            hint,
            statement,
            details,
        });
    }

    pub(super) fn add_warning(&mut self, title: &str, caution: &Caution) {
        let Caution { message: detail, hint, statement, .. } = caution.clone();
        let (title, status) = (title.into(), Status::Warning);
        self.steps.push(Step { title, status, detail, hint, statement, details: None });
    }

    pub(super) fn add_failure(&mut self, title: &str, error: Error) {
        self.ok = false;
        let Error { message: detail, hint, statement, details, .. } = error;
        self.steps.push(Step {
            title: title.into(),
            status: Status::Failed,
            detail,
            hint,
            statement,
            details,
        });
    }
}
