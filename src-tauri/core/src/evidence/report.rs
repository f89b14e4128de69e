//! What leaves the console: one HTML file that opens anywhere, with the archive inside, or a few lines of Markdown.

use std::fmt::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use understudy_gateway::escape_html;

use super::taken::to_request;
use super::{
    EvidenceChoice, EvidenceFormat, EvidenceRequest, MessageLevel, TakenEvidence, write_archive, write_har,
};
use crate::error::Result;

/// No script runs in it and nothing is loaded: what it shows was written by pages of the application.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n";

const STYLE: &str = "<style>\n\
    body{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem}\n\
    h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\n\
    img{max-width:100%;border:1px solid #8888}\n\
    table{border-collapse:collapse;width:100%;font-size:13px}\n\
    td,th{text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-bottom:1px solid #8883;overflow-wrap:anywhere}\n\
    td.short{white-space:nowrap}\n.bad{color:#c62828}\n@media(prefers-color-scheme:dark){.bad{color:#ff8a80}}\n\
    dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dd{margin:0}\n\
    pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font-size:13px}\n</style>\n";

/// The chosen evidence as one HTML file.
pub fn render_report(taken: &TakenEvidence, choice: &EvidenceChoice) -> String {
    let view = &taken.view;
    let escape = |text: &str| escape_html(text);
    let title = format!("Evidence from {}, {}", view.session.connection_name, write_time(view.taken_at));
    let mut page = format!("{HEAD}<title>{0}</title>\n{STYLE}<h1>{0}</h1>\n<dl>", escape(&title));
    for (name, value) in list_facts(taken, choice) {
        let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", escape(&name), escape(&value));
    }
    page.push_str("</dl>\n");
    // What is no base64 is no picture of ours.
    if let Some(picture) = choice.picture.as_deref().filter(|it| BASE64_STANDARD.decode(it).is_ok()) {
        let _ = writeln!(
            page,
            "<h2>Picture</h2>\n<img alt=\"What the session window showed\" src=\"data:image/png;base64,{picture}\">"
        );
    }
    let exchanges = taken.chosen_exchanges(choice);
    if !exchanges.is_empty() {
        let har = serde_json::to_vec(&write_har(&exchanges, &taken.version)).unwrap_or_default();
        let _ = writeln!(
            page,
            "<h2>Requests</h2>\n<p><a download=\"{}.har\" href=\"data:application/json;base64,{}\">Save as a HAR file</a>, \
             which the network panel of a browser opens.</p>\n<table>",
            file_stem(taken),
            BASE64_STANDARD.encode(har)
        );
        for request in exchanges.iter().map(to_request) {
            let class = if request.is_failed { " class=\"bad\"" } else { "" };
            let _ = writeln!(
                page,
                "<tr{class}><td class=\"short\">{}<td class=\"short\">{}<td>{}<td class=\"short\">{}",
                escape(&request.method),
                request.status.map_or_else(|| "–".into(), |status| status.to_string()),
                escape(&describe_request(&request)),
                request.elapsed_ms.map_or_else(String::new, |ms| format!("{ms} ms")),
            );
        }
        page.push_str("</table>\n");
    }
    let messages = taken.chosen_messages(choice);
    if !messages.is_empty() {
        page.push_str("<h2>Messages of the browser’s console</h2>\n<table>\n");
        for message in messages {
            let class = if message.level == MessageLevel::Error { " class=\"bad\"" } else { "" };
            let _ = writeln!(
                page,
                "<tr{class}><td class=\"short\">{}<td class=\"short\">{}<td><pre>{}</pre>",
                write_time(message.at),
                name_level(message.level),
                escape(&message.text)
            );
        }
        page.push_str("</table>\n");
    }
    let pages = taken.chosen_pages(choice);
    if !pages.is_empty() {
        page.push_str("<h2>Pages</h2>\n<table>\n");
        for visit in pages {
            let class = if visit.status.is_none_or(|status| status >= 400) { " class=\"bad\"" } else { "" };
            let _ = writeln!(
                page,
                "<tr{class}><td class=\"short\">{}<td class=\"short\">{}<td>{}",
                write_time(visit.at),
                visit.status.map_or_else(|| "–".into(), |status| status.to_string()),
                escape(&visit.url)
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("<p>Secrets were removed from all of this as far as they are known. The picture shows what the page showed.</p>\n</html>\n");
    page
}

/// The chosen evidence in short, for a comment in a ticket.
pub fn render_markdown(taken: &TakenEvidence, choice: &EvidenceChoice) -> String {
    let mut text = String::new();
    for (name, value) in list_facts(taken, choice) {
        let _ = writeln!(text, "- **{name}:** {}", to_code(&value));
    }
    let requests: Vec<_> = taken.chosen_exchanges(choice).iter().map(to_request).collect();
    let failed: Vec<_> = requests.iter().filter(|request| request.is_failed).collect();
    if !failed.is_empty() {
        let _ = writeln!(text, "\n**Failed requests** ({} of {}):", failed.len(), requests.len());
        for request in failed {
            let status = request.status.map_or_else(|| "no answer".into(), |status| status.to_string());
            let _ = writeln!(text, "- {} {}: {status}", request.method, to_code(&describe_request(request)));
        }
    }
    let messages = taken.chosen_messages(choice);
    if !messages.is_empty() {
        text.push_str("\n**Browser console:**\n");
        for message in messages {
            let _ = writeln!(text, "- {}: {}", name_level(message.level), to_code(&message.text));
        }
    }
    let pages = taken.chosen_pages(choice);
    if !pages.is_empty() {
        text.push_str("\n**Pages:**\n");
        for visit in pages {
            let status = visit.status.map_or_else(|| "no answer".into(), |status| status.to_string());
            let _ = writeln!(text, "- {} {}: {status}", write_time(visit.at), to_code(&visit.url));
        }
    }
    text
}

/// A name for the files of this evidence, without an ending.
pub(crate) fn file_stem(taken: &TakenEvidence) -> String {
    let name: String =
        taken.view.session.connection.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').collect();
    let at = write_time(taken.view.taken_at).replace([' ', ':'], "-");
    format!("evidence-{name}-{}", at.trim_end_matches("-UTC"))
}

impl TakenEvidence {
    /// The name of a file of this evidence.
    pub fn file_name(&self, format: EvidenceFormat) -> String {
        format!("{}.{}", file_stem(self), format.as_str())
    }

    /// What was chosen of it, as the content of such a file.
    pub fn to_file(&self, format: EvidenceFormat, choice: &EvidenceChoice) -> Result<Vec<u8>> {
        match format {
            EvidenceFormat::Html => Ok(render_report(self, choice).into_bytes()),
            EvidenceFormat::Zip => write_archive(self, choice),
        }
    }
}

/// What stands above all else. The page is named only if the operator did not drop it.
pub(super) fn list_facts(taken: &TakenEvidence, choice: &EvidenceChoice) -> Vec<(String, String)> {
    let view = &taken.view;
    let session = &view.session;
    let mut facts = vec![
        ("Taken".to_owned(), write_time(view.taken_at)),
        ("Application".into(), format!("{} ({})", session.connection_name, session.environment.as_str())),
        ("User".into(), session.user.id.clone()),
    ];
    if !session.ticket.is_empty() {
        facts.push(("Ticket".into(), session.ticket.clone()));
    }
    if let Some(last) = taken.chosen_pages(choice).last() {
        facts.push(("Page".into(), last.url.clone()));
    }
    facts.extend(view.facts.iter().map(|fact| (fact.name.clone(), fact.value.clone())));
    facts
}

fn describe_request(request: &EvidenceRequest) -> String {
    match &request.problem {
        Some(problem) => format!("{} — {problem}", request.url),
        None => request.url.clone(),
    }
}

pub(super) fn name_level(level: MessageLevel) -> &'static str {
    match level {
        MessageLevel::Error => "error",
        MessageLevel::Warning => "warning",
        MessageLevel::Info => "info",
    }
}

/// A page wrote it: no mark of Markdown in it counts.
fn to_code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    format!("`{line}`")
}

pub(super) fn write_time(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
