//! Entries for other programs: an object per line, or a table.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use understudy_files::sanitize;

use crate::error::{AuditError, Result};
use crate::ocsf;
use crate::reader::{EntryFilter, LogReader, StoredEntry};

/// How many entries are read and written at a time.
const PORTION: u32 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum LogFormat {
    /// An object per line, from which the chain can be recomputed.
    Jsonl,
    /// For spreadsheets.
    Csv,
    /// An event of the Open Cybersecurity Schema Framework per line, for systems that collect such.
    Ocsf,
}

impl LogFormat {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
        }
    }
}

/// The columns of a table.
const COLUMNS: [&str; 22] = [
    "id",
    "at_ms",
    "session",
    "event",
    "operator_name",
    "operator_email",
    "os_user",
    "host",
    "connection",
    "connection_name",
    "environment",
    "user_id",
    "user_name",
    "user_email",
    "reason",
    "ticket",
    "mode",
    "status",
    "detail",
    "sign_out_failed",
    "held_back",
    "app_version",
];

impl LogReader {
    /// Writes the entries that pass the filter, the oldest first; how many they were. `show` makes a table's field fit
    /// to be shown where it goes; `check` decides what it means that something could not be written.
    pub async fn write_entries<E: From<AuditError>>(
        &self,
        filter: &EntryFilter,
        format: LogFormat,
        show: fn(&str) -> String,
        out: &mut (impl Write + Send),
        check: impl Fn(std::io::Result<()>) -> Result<(), E> + Send,
    ) -> Result<u64, E> {
        if format == LogFormat::Csv {
            check(write!(out, "{}\r\n", COLUMNS.map(quote_csv).join(",")))?;
        }
        let (mut last, mut written) = (0, 0);
        loop {
            let portion = self.read_after(filter, last, PORTION).await?;
            for entry in &portion {
                let line = render_entry(entry, format, show)?;
                check(out.write_all(line.as_bytes()))?;
                last = entry.number();
                written += 1;
            }
            if portion.len() < PORTION as usize {
                check(out.flush())?;
                return Ok(written);
            }
        }
    }

    /// The same, into a file. One that cannot be finished is not left there.
    pub async fn export_to_file(&self, filter: &EntryFilter, format: LogFormat, path: &Path) -> Result<u64> {
        let failed = |cause| AuditError::for_file("write", path, cause);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut out = std::io::BufWriter::new(file.as_file_mut());
        let check = |outcome: std::io::Result<()>| outcome.map_err(failed);
        let written = self.write_entries(filter, format, str::to_owned, &mut out, check).await?;
        drop(out);
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(written)
    }
}

fn render_entry(entry: &StoredEntry, format: LogFormat, show: fn(&str) -> String) -> Result<String> {
    Ok(match format {
        LogFormat::Jsonl => {
            sanitize::sanitize_json(&serde_json::to_string(entry).map_err(AuditError::internal)?) + "\n"
        }
        LogFormat::Ocsf => sanitize::sanitize_json(&ocsf::to_ocsf(entry).to_string()) + "\n",
        LogFormat::Csv => COLUMNS.map(|column| quote_csv(&show(&entry.text(column)))).join(",") + "\r\n",
    })
}

/// A field by RFC 4180. A spreadsheet would compute what begins like a formula, so that gets an apostrophe first.
fn quote_csv(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
        // A number is not one.
        && text.parse::<f64>().is_err();
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_gets_no_formula() {
        for (text, quoted) in [
            ("plain", "\"plain\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1 555 0100", "\"'+1 555 0100\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("-3", "\"-3\""),
            ("-3+cmd|' /C calc'!A0", "\"'-3+cmd|' /C calc'!A0\""),
        ] {
            assert_eq!(quote_csv(text), quoted);
        }
    }
}
