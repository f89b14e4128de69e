//! Tells the operator which sessions have begun without the approval that they need: one by one, or, where they are many,
//! in one message.

use std::sync::atomic::Ordering;

use sqlx::postgres::PgListener;

use super::Colleagues;
use super::broken_glass::GlassKey;
use super::reading::{GLASS_BROKEN, read_broken_glass, read_glass_keys};
use super::team_entry::TeamEntry;
use super::watch::in_time;
use crate::notice::{Notice, Toast, ToastKind};
use crate::sanitize;

/// More at once than this are told in one message.
const MOST_TOASTS: usize = 5;

/// How many of them that message names: the latest.
const MOST_NAMED: usize = 3;

/// What is older has begun, and does not begin now.
const NOW_MS: i64 = 2 * 60_000;

impl Colleagues {
    /// There is a window now. What there was to tell before is told in it.
    pub(crate) fn begin_telling(&self) {
        self.has_window.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Reads which sessions have begun without approval since that was last told, and tells it. Without a window, there is
    /// nobody to tell.
    pub(super) async fn tell_past_broken_glass(&self, listener: &mut PgListener) -> sqlx::Result<()> {
        if !self.has_window.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (mut glass, server_ms) = {
            let known = self.known.lock();
            (known.glass.clone(), known.server_ms(self.clock.now()))
        };
        let found = in_time(read_glass_keys(listener, glass.since_ms(server_ms))).await?;
        let news = glass.take(found, &self.own_log);
        let newest: Vec<&GlassKey> = news.iter().take(MOST_TOASTS).collect();
        let rows = in_time(read_broken_glass(listener, &newest)).await?;
        glass.finish_reading(server_ms);
        {
            let mut known = self.known.lock();
            if known.glass.log != glass.log {
                return Ok(());
            }
            known.glass = glass;
        }
        self.tell_broken_glass(news.len(), &rows, server_ms);
        self.keep_bookmark().await;
        Ok(())
    }

    /// Tells of those among these entries that the operator was not told of.
    pub(super) async fn tell_new_broken_glass(&self, rows: &[TeamEntry]) {
        let mut rows: Vec<TeamEntry> =
            rows.iter().filter(|row| row.entry.event == GLASS_BROKEN).cloned().collect();
        if rows.is_empty() || !self.has_window.load(Ordering::SeqCst) {
            return;
        }
        let server_ms = {
            let mut known = self.known.lock();
            let news = known.glass.take(rows.iter().map(TeamEntry::to_glass_key), &self.own_log);
            rows.retain(|row| news.contains(&row.to_glass_key()));
            known.server_ms(self.clock.now())
        };
        self.tell_broken_glass(rows.len(), &rows, server_ms);
        self.keep_bookmark().await;
    }

    /// Tells of so many; `rows` are the latest of them, oldest first.
    fn tell_broken_glass(&self, all: usize, rows: &[TeamEntry], server_ms: i64) {
        if all > 0 {
            self.notices.send(Notice::GlassBroken(all));
        }
        if all <= MOST_TOASTS && rows.len() == all {
            for row in rows {
                self.notices.send(Notice::Toast(describe_one(row, server_ms)));
            }
        } else {
            self.notices.send(Notice::Toast(describe_many(all, rows, server_ms)));
        }
    }

    async fn keep_bookmark(&self) {
        let (bookmarks, glass) = (self.bookmarks.clone(), self.known.lock().glass.clone());
        let saved = tokio::task::spawn_blocking(move || bookmarks.save(&glass)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!("the next run will tell again of sessions without approval: {error:#}");
        }
    }
}

/// What all of the team are told at once.
fn describe_one(row: &TeamEntry, server_ms: i64) -> Toast {
    let age_ms = server_ms.saturating_sub(row.written_at_ms);
    let verb = if age_ms < NOW_MS { "signs" } else { "signed" };
    let when = if age_ms < NOW_MS { String::new() } else { format!(" {}", describe_age(age_ms)) };
    let (operator, account) = name_both(row);
    let reason = sanitize::sanitize_line(row.entry.reason.as_deref().unwrap_or_default(), 200);
    Toast {
        kind: ToastKind::Bad,
        text: format!("{operator} {verb} in as {account} without approval{when}."),
        hint: Some(format!("Their reason: {reason}")),
        said: Vec::new(),
    }
}

fn describe_many(all: usize, rows: &[TeamEntry], server_ms: i64) -> Toast {
    let named: Vec<String> = rows
        .iter()
        .rev()
        .take(MOST_NAMED)
        .map(|row| {
            let (operator, account) = name_both(row);
            format!("{operator} as {account} {}", describe_age(server_ms.saturating_sub(row.written_at_ms)))
        })
        .collect();
    let (sessions, have) = if all == 1 { ("session", "has") } else { ("sessions", "have") };
    let latest = match all - named.len() {
        _ if named.is_empty() => String::new(),
        0 => format!("The latest: {}. ", named.join("; ")),
        earlier => format!("The latest: {}; and {earlier} earlier. ", named.join("; ")),
    };
    Toast {
        kind: ToastKind::Bad,
        text: format!("{all} {sessions} {have} begun without approval."),
        hint: Some(format!("{latest}Search the team's audit log for `event:{GLASS_BROKEN}`.")),
        said: Vec::new(),
    }
}

/// The operator, and the user with the connection.
fn name_both(row: &TeamEntry) -> (String, String) {
    let entry = &row.entry;
    let text = |part: &Option<String>| sanitize::sanitize_line(part.as_deref().unwrap_or_default(), 200);
    let user = [&entry.user_name, &entry.user_email, &entry.user_id].into_iter().find(|part| part.is_some());
    let connection = if entry.connection_name.is_some() { &entry.connection_name } else { &entry.connection };
    let account = format!("{} ({})", user.map(text).unwrap_or_default(), text(connection));
    (sanitize::sanitize_line(entry.operator().display_name(), 60), account)
}

fn describe_age(ms: i64) -> String {
    let minutes = ms / 60_000;
    match (minutes, minutes / 60, minutes / (24 * 60)) {
        (..=1, ..) => "just now".into(),
        (..120, ..) => format!("{minutes} minutes ago"),
        (_, hours @ ..48, _) => format!("{hours} hours ago"),
        (.., days) => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        const HOUR: i64 = 3_600_000;
        let ages = [-5, 90_000, 300_000, 2 * HOUR - 1, 2 * HOUR, 50 * HOUR];
        assert_eq!(
            ages.map(describe_age),
            ["just now", "just now", "5 minutes ago", "119 minutes ago", "2 hours ago", "2 days ago"]
        );
    }
}
