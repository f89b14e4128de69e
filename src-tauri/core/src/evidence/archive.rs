//! What leaves the console as one ZIP file: a picture, an HTTP archive and texts, each of which a ticket can hold alone.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::report::{list_facts, name_level, write_time};
use super::{EvidenceChoice, TakenEvidence, write_har};
use crate::error::{Error, Result};

/// The chosen evidence as a ZIP file.
pub fn write_archive(taken: &TakenEvidence, choice: &EvidenceChoice) -> Result<Vec<u8>> {
    let view = &taken.view;
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    // What is no base64 is no picture of ours.
    if let Some(picture) = choice.picture.as_deref().and_then(|it| BASE64_STANDARD.decode(it).ok()) {
        files.push(("picture.png", picture));
    }
    let exchanges = taken.chosen_exchanges(choice);
    if !exchanges.is_empty() {
        let har =
            serde_json::to_vec_pretty(&write_har(&exchanges, &taken.version)).map_err(Error::internal)?;
        files.push(("requests.har", har));
    }
    let messages = taken.chosen_messages(choice);
    if !messages.is_empty() {
        let lines = messages.iter().map(|message| {
            format!("{} {}: {}", write_time(message.at), name_level(message.level), message.text)
        });
        files.push(("console.txt", join_lines(lines)));
    }
    let pages = taken.chosen_pages(choice);
    if !pages.is_empty() {
        let lines = pages.iter().map(|visit| {
            let status = visit.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            format!("{} {status} {}", write_time(visit.at), visit.url)
        });
        files.push(("pages.txt", join_lines(lines)));
    }
    let mut readme = String::new();
    for (name, value) in list_facts(taken, choice) {
        let _ = writeln!(readme, "{name}: {value}");
    }
    for (name, _) in &files {
        let _ = write!(readme, "\n{name}: {}", describe_file(name));
    }
    readme.push_str(
        "\n\nSecrets were removed from all of this as far as they are known. The picture shows what the page showed.\n",
    );
    files.insert(0, ("README.txt", readme.into_bytes()));
    pack(&files, view.taken_at).map_err(Error::internal)
}

fn describe_file(name: &str) -> &'static str {
    match name {
        "picture.png" => "what the session\u{2019}s window showed",
        "requests.har" => "its requests; the network panel of a browser opens it",
        "console.txt" => "messages of the browser\u{2019}s console",
        _ => "the pages that the session\u{2019}s windows have loaded",
    }
}

/// Lines that end as every editor understands them.
fn join_lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    lines.map(|line| line + "\n").collect::<String>().into_bytes()
}

fn pack(files: &[(&str, Vec<u8>)], at_ms: i64) -> zip::result::ZipResult<Vec<u8>> {
    let at =
        Timestamp::from_millisecond(at_ms).unwrap_or_default().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(at.year()).unwrap_or(1980);
    let time = [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(part);
    let time = DateTime::from_date_and_time(year, time[0], time[1], time[2], time[3], time[4]);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(time.unwrap_or_default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, options)?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}
