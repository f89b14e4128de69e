//! What happened in a session, in words for its ticket: who, why, how long, which pages, what was held back.
//!
//! The same lines are rendered as Markdown, as HTML and as plain text, so that a ticket's editor takes whichever it
//! understands.
//! Everything that is not ours (names, reasons, addresses) is escaped: a customer's name is never a link or a heading.

use std::collections::VecDeque;
use std::fmt::Write;

use jiff::{Timestamp, tz::TimeZone};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::access::SessionMode;
use crate::audit::{EndCause, PastUnlock};
use crate::evidence::PageVisit;
use crate::held_back::HeldBackList;
use crate::sanitize::sanitize_line;
use crate::session::SessionView;
use crate::template::SignInContext;

/// Pages and held-back requests that a summary lists; of more, it says how many there are.
const LIST_LIMIT: usize = 25;

/// How often evidence may have left that it lists: the latest.
const EVIDENCE_LIMIT: usize = 5;

/// How much of a value is shown, in characters.
const VALUE_LIMIT: usize = 300;

/// How many ended sessions can still be summarized.
const KEPT_SUMMARIES: usize = 50;

/// The longest note, in characters.
pub const NOTE_LIMIT: usize = 5000;

/// What happened in a session, up to now or to its end.
#[derive(Debug, Clone)]
pub struct SessionSummary {
    pub session: SessionView,
    /// Who was signed in as the customer.
    pub operator: String,
    /// It began with full access.
    pub began_full: bool,
    /// When it got full access, oldest first.
    pub unlocks: Vec<PastUnlock>,
    /// What the operator wrote for the ticket; may be empty.
    pub note: String,
    /// Oldest first.
    pub pages: Vec<PageVisit>,
    pub held_back: HeldBackList,
    /// Oldest first.
    pub evidence: Vec<EvidenceUse>,
    /// `None` while it runs.
    pub end: Option<SummarizedEnd>,
    /// What the templates of the request see that sends it into the ticket; without secrets.
    pub context: SignInContext,
}

/// How a summarized session ended.
#[derive(Debug, Clone)]
pub struct SummarizedEnd {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub cause: EndCause,
    /// Why the application may still have the session open, in one sentence.
    pub sign_out_failed: Option<String>,
}

/// Evidence of the session that has left Understudy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceUse {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// As in the audit log: `ticket`, `text`, `picture`, or the format of a file.
    pub how: String,
}

/// A summary in each notation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryText {
    pub markdown: String,
    pub html: String,
    /// Without any notation, as people read it.
    pub text: String,
}

/// A line of a summary: `**Label:** text`, and what is listed under it.
struct SummaryLine {
    label: &'static str,
    text: String,
    items: Vec<String>,
}

impl SessionSummary {
    /// The summary in words. Times are those of `zone`, and say so; without an end, it lasts until `now_ms`.
    pub fn to_text(&self, now_ms: i64, zone: &TimeZone) -> SummaryText {
        let title = self.describe_session();
        let lines = self.list_lines(now_ms, zone);
        SummaryText {
            markdown: render_markdown(&title, &lines),
            html: render_html(&title, &lines),
            text: render_plain(&title, &lines),
        }
    }

    fn describe_session(&self) -> String {
        let SessionView { user, connection_name, environment, .. } = &self.session;
        let who = user.display_name();
        let apart = user.distinguishing_label().map(|label| format!(" ({label})")).unwrap_or_default();
        let place = sanitize_line(connection_name, VALUE_LIMIT);
        format!("Signed in as {who}{apart} in {place}, {}", environment.as_str())
    }

    fn list_lines(&self, now_ms: i64, zone: &TimeZone) -> Vec<SummaryLine> {
        let line = |label, text: String| SummaryLine { label, text, items: Vec::new() };
        let named = |label, text: &str| {
            let text = text.trim();
            (!text.is_empty()).then(|| line(label, sanitize_line(text, VALUE_LIMIT)))
        };
        let mut lines = Vec::new();
        lines.extend(named("Ticket", &self.session.ticket));
        lines.extend(named("Reason", &self.session.reason));
        lines.extend(named("Operator", &self.operator));
        lines.push(line("Time", self.describe_time(now_ms, zone)));
        lines.push(SummaryLine {
            label: "Access",
            text: self.describe_access().to_owned(),
            items: self.unlocks.iter().map(|unlock| describe_unlock(unlock, zone)).collect(),
        });
        if self.held_back.total > 0 {
            lines.push(self.list_held_back());
        }
        if !self.pages.is_empty() {
            lines.push(self.list_pages(zone));
        }
        if !self.evidence.is_empty() {
            lines.push(line("Evidence", self.list_evidence(zone)));
        }
        if let Some(why) = self.end.as_ref().and_then(|end| end.sign_out_failed.as_deref()) {
            lines.push(line("Sign-out", format!("not confirmed. {}", sanitize_line(why, VALUE_LIMIT))));
        }
        let mut note = self.note.trim().lines().map(|one| sanitize_line(one, NOTE_LIMIT));
        if let Some(text) = note.next() {
            lines.push(SummaryLine {
                label: "Note",
                text,
                items: note.filter(|one| !one.is_empty()).collect(),
            });
        }
        lines
    }

    fn describe_time(&self, now_ms: i64, zone: &TimeZone) -> String {
        let began = self.session.active_at.unwrap_or(self.session.started_at);
        let ended = self.end.as_ref().map_or(now_ms, |end| end.at_ms);
        let how = match self.end.as_ref().map(|end| end.cause) {
            None => "still open",
            Some(EndCause::Operator | EndCause::WindowClosed) => "ended by the operator",
            Some(EndCause::Quit) => "ended when Understudy quit",
            Some(EndCause::Deadline) => "ended at its time limit",
            Some(EndCause::NeverOpened) => "its window did not open",
            Some(EndCause::Crash) => "ended unexpectedly",
        };
        format!("{}, {}, {how}", show_moment(began, zone), show_duration(ended - began))
    }

    fn describe_access(&self) -> &'static str {
        match (self.began_full, self.unlocks.is_empty(), self.session.mode) {
            (false, true, SessionMode::ReadOnly) => "read-only",
            (false, false, SessionMode::ReadOnly) => "read-only, with full access for a time",
            (false, false, SessionMode::Full) => "read-only at first, then full",
            (true, _, SessionMode::ReadOnly) => "full at first, then read-only",
            (true, false, SessionMode::Full) => "full, read-only for a time",
            (_, true, SessionMode::Full) => "full",
        }
    }

    fn list_held_back(&self) -> SummaryLine {
        let HeldBackList { total, groups, .. } = &self.held_back;
        let mut items: Vec<String> = groups
            .iter()
            .take(LIST_LIMIT)
            .map(|group| {
                let times = if group.times == 1 { String::new() } else { format!(", {} times", group.times) };
                format!("{} {}{times}", group.method, sanitize_line(&group.address, VALUE_LIMIT))
            })
            .collect();
        push_rest(&mut items, groups.len(), "kinds");
        let text = if *total == 1 { "1 request".to_owned() } else { format!("{total} requests") };
        SummaryLine { label: "Held back", text, items }
    }

    /// The latest of it.
    fn list_evidence(&self, zone: &TimeZone) -> String {
        let skipped = self.evidence.len().saturating_sub(EVIDENCE_LIMIT);
        let uses = self.evidence[skipped..].iter().map(|one| describe_evidence(one, zone));
        uses.collect::<Vec<_>>().join("; ")
    }

    /// The latest pages: a problem is usually at the end.
    fn list_pages(&self, zone: &TimeZone) -> SummaryLine {
        let skipped = self.pages.len().saturating_sub(LIST_LIMIT);
        let items = self.pages[skipped..].iter().map(|page| describe_page(page, zone)).collect();
        let count = self.pages.len();
        let text = match (count, skipped) {
            (1, _) => "1".to_owned(),
            (_, 0) => count.to_string(),
            _ => format!("{count}, the latest {LIST_LIMIT} of them:"),
        };
        SummaryLine { label: "Pages", text, items }
    }
}

fn describe_evidence(EvidenceUse { at, how }: &EvidenceUse, zone: &TimeZone) -> String {
    let how = match how.as_str() {
        "ticket" => "sent to the ticket".to_owned(),
        "text" => "copied as text".to_owned(),
        "picture" => "picture copied".to_owned(),
        format => format!("saved as {format}"),
    };
    format!("{} {how}", show_clock(*at, zone))
}

fn describe_unlock(unlock: &PastUnlock, zone: &TimeZone) -> String {
    let reason = sanitize_line(&unlock.reason, VALUE_LIMIT);
    let at = show_clock(unlock.at, zone);
    if reason.is_empty() { format!("{at} full access") } else { format!("{at} full access: {reason}") }
}

fn describe_page(page: &PageVisit, zone: &TimeZone) -> String {
    let status = match page.status {
        Some(200..=299) => String::new(),
        Some(status) => format!(" ({status})"),
        None => " (no answer)".to_owned(),
    };
    format!("{} {}{status}", show_clock(page.at, zone), sanitize_line(&page.url, VALUE_LIMIT))
}

fn push_rest(items: &mut Vec<String>, all: usize, what: &str) {
    if all > items.len() {
        items.push(format!("and {} more {what}", all - items.len()));
    }
}

/// "2026-11-29 12:02 (UTC+01:00)"
fn show_moment(at_ms: i64, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else { return String::new() };
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string()
}

fn show_clock(at_ms: i64, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else { return String::new() };
    at.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string()
}

fn show_duration(ms: i64) -> String {
    let minutes = (ms.max(0) + 30_000) / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".to_owned(),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn render_markdown(title: &str, lines: &[SummaryLine]) -> String {
    let mut text = format!("**{}**\n\n", escape_markdown(title));
    for SummaryLine { label, text: value, items } in lines {
        writeln!(text, "- {label}: {}", escape_markdown(value)).expect("a string takes whatever is written");
        for item in items {
            writeln!(text, "  - {}", escape_markdown(item)).expect("a string takes whatever is written");
        }
    }
    text
}

fn render_plain(title: &str, lines: &[SummaryLine]) -> String {
    let mut plain = format!("{title}\n");
    for SummaryLine { label, text, items } in lines {
        writeln!(plain, "{label}: {text}").expect("a string takes whatever is written");
        for item in items {
            writeln!(plain, "    {item}").expect("a string takes whatever is written");
        }
    }
    plain
}

fn render_html(title: &str, lines: &[SummaryLine]) -> String {
    let mut text = format!("<p><strong>{}</strong></p>\n<ul>\n", escape_html(title));
    for SummaryLine { label, text: value, items } in lines {
        write!(text, "<li>{label}: {}", escape_html(value)).expect("a string takes whatever is written");
        if !items.is_empty() {
            text.push_str("\n<ul>\n");
            for item in items {
                writeln!(text, "<li>{}</li>", escape_html(item)).expect("a string takes whatever is written");
            }
            text.push_str("</ul>\n");
        }
        text.push_str("</li>\n");
    }
    text.push_str("</ul>\n");
    text
}

/// Escapes what Markdown, as `CommonMark` and the flavours of helpdesks have it, would take for a notation. Addresses
/// stay readable, because what stands in the middle of a word is not escaped where it has no meaning there.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(char);
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

/// The summaries of sessions that have ended in this run, the latest last. They are in memory only.
#[derive(Debug, Default)]
pub(crate) struct EndedSummaries(Mutex<VecDeque<SessionSummary>>);

impl EndedSummaries {
    pub(crate) fn keep(&self, summary: SessionSummary) {
        let mut kept = self.0.lock();
        if kept.len() == KEPT_SUMMARIES {
            kept.pop_front();
        }
        kept.push_back(summary);
    }

    /// Adds evidence to the summary of a session that has ended.
    pub(crate) fn note_evidence(&self, session: &str, used: EvidenceUse) {
        if let Some(summary) = self.0.lock().iter_mut().find(|summary| summary.session.id == session) {
            summary.evidence.push(used);
        }
    }

    pub(crate) fn find(&self, session: &str) -> Option<SessionSummary> {
        self.0.lock().iter().find(|summary| summary.session.id == session).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::UnlockRule;
    use crate::connection::Environment;
    use crate::held_back::HeldBackRequests;
    use crate::session::{Phase, UserLabel};

    const NOON: i64 = 1_795_953_600_000;
    const MINUTE: i64 = 60_000;

    fn summary() -> SessionSummary {
        let session = SessionView {
            id: "s1".into(),
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user: UserLabel {
                id: "7".into(),
                name: Some("Anna [admin](https://evil.example) <b>".into()),
                email: Some("anna@example.com".into()),
                company: None,
            },
            reason: "Cannot *pay*".into(),
            ticket: "4711".into(),
            ticket_origin: None,
            phase: Phase::Active,
            started_at: NOON,
            active_at: Some(NOON + 1000),
            deadline: None,
            extensions_left: 0,
            refused_secrets: Vec::new(),
            mode: SessionMode::Full,
            may_unlock: UnlockRule::WithReason,
        };
        let visit = |at, url: &str, status| PageVisit { at, url: url.into(), status };
        SessionSummary {
            session,
            operator: "Sam".into(),
            began_full: false,
            unlocks: vec![PastUnlock { at: NOON + 2 * MINUTE, reason: "Asked to change the card".into() }],
            note: "The card has expired.\n\nTold her to add another one.".into(),
            pages: vec![
                visit(NOON + 1000, "https://shop.example/orders/42", Some(200)),
                visit(NOON + MINUTE, "https://shop.example/orders/42/pay", Some(500)),
            ],
            held_back: HeldBackList {
                total: 3,
                groups: vec![HeldBackRequests {
                    method: "POST".into(),
                    address: "shop.example/api/orders".into(),
                    times: 3,
                    last_at: NOON,
                    reason: String::new(),
                    rule: None,
                    allow: None,
                }],
                rules: None,
            },
            end: Some(SummarizedEnd {
                at_ms: NOON + 7 * MINUTE,
                cause: EndCause::Operator,
                sign_out_failed: None,
            }),
            evidence: vec![
                EvidenceUse { at: NOON + 3 * MINUTE, how: "html".into() },
                EvidenceUse { at: NOON + 4 * MINUTE, how: "ticket".into() },
            ],
            context: SignInContext::default(),
        }
    }

    #[test]
    fn a_summary_says_who_why_how_long_what_was_seen_and_what_was_held_back() {
        let text = summary().to_text(0, &TimeZone::fixed(jiff::tz::offset(1)));
        insta::assert_snapshot!(text.markdown, @r"
        **Signed in as Anna \[admin\](https://evil.example) &lt;b> (anna@example.com) in Acme, production**

        - Ticket: 4711
        - Reason: Cannot \*pay\*
        - Operator: Sam
        - Time: 2026-11-29 13:00 (UTC+01:00), 7 min, ended by the operator
        - Access: read-only at first, then full
          - 13:02 full access: Asked to change the card
        - Held back: 3 requests
          - POST shop.example/api/orders, 3 times
        - Pages: 2
          - 13:00 https://shop.example/orders/42
          - 13:01 https://shop.example/orders/42/pay (500)
        - Evidence: 13:03 saved as html; 13:04 sent to the ticket
        - Note: The card has expired.
          - Told her to add another one.
        ");
        insta::assert_snapshot!(text.html, @r"
        <p><strong>Signed in as Anna [admin](https://evil.example) &lt;b&gt; (anna@example.com) in Acme, production</strong></p>
        <ul>
        <li>Ticket: 4711</li>
        <li>Reason: Cannot *pay*</li>
        <li>Operator: Sam</li>
        <li>Time: 2026-11-29 13:00 (UTC+01:00), 7 min, ended by the operator</li>
        <li>Access: read-only at first, then full
        <ul>
        <li>13:02 full access: Asked to change the card</li>
        </ul>
        </li>
        <li>Held back: 3 requests
        <ul>
        <li>POST shop.example/api/orders, 3 times</li>
        </ul>
        </li>
        <li>Pages: 2
        <ul>
        <li>13:00 https://shop.example/orders/42</li>
        <li>13:01 https://shop.example/orders/42/pay (500)</li>
        </ul>
        </li>
        <li>Evidence: 13:03 saved as html; 13:04 sent to the ticket</li>
        <li>Note: The card has expired.
        <ul>
        <li>Told her to add another one.</li>
        </ul>
        </li>
        </ul>
        ");
    }

    #[test]
    fn a_running_session_without_anything_to_tell_is_short() {
        let mut running = summary();
        running.session.ticket.clear();
        running.session.mode = SessionMode::ReadOnly;
        (running.unlocks, running.pages, running.evidence) = (Vec::new(), Vec::new(), Vec::new());
        (running.note, running.held_back, running.end) = (String::new(), HeldBackList::default(), None);
        let text = running.to_text(NOON + 62 * MINUTE, &TimeZone::UTC);
        insta::assert_snapshot!(text.markdown, @r"
        **Signed in as Anna \[admin\](https://evil.example) &lt;b> (anna@example.com) in Acme, production**

        - Reason: Cannot \*pay\*
        - Operator: Sam
        - Time: 2026-11-29 12:00 (UTC+00:00), 1 h 2 min, still open
        - Access: read-only
        ");
    }

    /// What was possible for a time was possible.
    #[test]
    fn full_access_is_told_whenever_there_was_any() {
        let unlock = summary().unlocks;
        for (began_full, unlocks, mode, expected) in [
            (false, Vec::new(), SessionMode::ReadOnly, "read-only"),
            (false, unlock.clone(), SessionMode::ReadOnly, "read-only, with full access for a time"),
            (false, unlock.clone(), SessionMode::Full, "read-only at first, then full"),
            (true, Vec::new(), SessionMode::Full, "full"),
            (true, Vec::new(), SessionMode::ReadOnly, "full at first, then read-only"),
            (true, unlock.clone(), SessionMode::ReadOnly, "full at first, then read-only"),
            (true, unlock, SessionMode::Full, "full, read-only for a time"),
        ] {
            let mut one = SessionSummary { began_full, unlocks, ..summary() };
            one.session.mode = mode;
            assert_eq!(one.describe_access(), expected);
        }
    }

    #[test]
    fn of_many_pages_the_latest_are_listed() {
        let mut long = summary();
        long.pages = (0..100)
            .map(|at| PageVisit { at: NOON, url: format!("https://shop.example/{at}"), status: None })
            .collect();
        let text = long.to_text(0, &TimeZone::UTC).markdown;
        assert!(text.contains("Pages: 100, the latest 25 of them:"), "{text}");
        assert!(text.contains("/99 (no answer)") && !text.contains("/74 "), "{text}");
    }

    proptest::proptest! {
        /// Whatever somebody is called or writes, the HTML has no element and no attribute of theirs, and the Markdown
        /// no link, picture, heading or code.
        #[test]
        fn nothing_of_others_is_a_notation(name in "\\PC{0,40}", note in "(\\PC|\n){0,60}") {
            let mut theirs = summary();
            theirs.session.user.name = Some(name);
            theirs.note = note;
            let text = theirs.to_text(0, &TimeZone::UTC);
            let bare = text.html.replace("<p>", "").replace("</p>", "").replace("<strong>", "")
                .replace("</strong>", "").replace("<ul>", "").replace("</ul>", "").replace("<li>", "")
                .replace("</li>", "");
            proptest::prop_assert!(!bare.contains(['<', '>', '"', '\'']));
            let mut before = ' ';
            for char in text.markdown.lines().skip(2).flat_map(str::chars) {
                let is_notation = matches!(char, '[' | ']' | '`' | '!' | '#' | '<');
                proptest::prop_assert!(!is_notation || before == '\\', "{}", text.markdown);
                before = if before == '\\' && char == '\\' { ' ' } else { char };
            }
        }
    }
}
