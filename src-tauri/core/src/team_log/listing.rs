//! The team's log as the console's view lists it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row};
use ts_rs::TS;

use super::pages::{
    CollectedEntry, CollectedPage, CollectedSession, TeamLogPlace, TeamLogReader, push_columns,
};
use super::state::TeamLogState;
use super::verify::{ChainGap, TeamVerification};
use crate::audit::listing::{
    EntryConsole, ListedEntry, ListedSession, PORTION, PairCounts, SessionCounts, VALUES, sum_up,
};
use crate::audit::log_query::{CompletedValues, completed_values, search_columns};
use crate::audit::reader::EntryFilter;
use crate::audit::verification_report::VerificationReport;
use crate::directory::{Suggestion, suggest_completions};
use crate::error::Result;

/// Entries of all consoles that pass a search, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TeamEntryPage {
    pub entries: Vec<ListedEntry>,
    /// Where the next page begins, for `before`; `None` at the end of the log.
    pub next: Option<TeamLogPlace>,
    /// How far the team's log has this computer's entries.
    pub team: Option<TeamLogState>,
}

impl TeamLogReader {
    /// A page for display. `own`: the ID of this computer's log.
    pub async fn list_page(
        &self,
        filter: &EntryFilter,
        before: Option<&TeamLogPlace>,
        limit: u32,
        own: &str,
    ) -> Result<TeamEntryPage> {
        let CollectedPage { entries, next } = self.read_page(filter, before, limit).await?;
        let entries = entries.into_iter().map(|entry| entry.into_listed(own)).collect();
        Ok(TeamEntryPage { entries, next, team: None })
    }

    /// The entries of a session in this log. `own` is as above.
    pub async fn list_session(&self, log: &str, session: &str, own: &str) -> Result<ListedSession> {
        let CollectedSession { entries, is_cut } = self.read_session(log, session).await?;
        let entries = entries.into_iter().map(|entry| entry.into_listed(own)).collect();
        Ok(ListedSession { entries, is_cut })
    }

    /// Counts the sessions that have begun since then: milliseconds since the Unix epoch.
    pub async fn count_sessions(&self, since_ms: i64) -> Result<SessionCounts> {
        let mut reading = self.begin().await?;
        let mut query = QueryBuilder::new(
            "SELECT coalesce(nullif(operator_name, ''), nullif(operator_email, ''), os_user, '') AS operator,
                coalesce(connection, '') AS connection, coalesce(max(connection_name), '') AS connection_name,
                coalesce(user_id, '') AS user_id,
                coalesce(max(coalesce(nullif(user_email, ''), nullif(user_name, ''), user_id)), '') AS label,
                count(*) AS sessions
             FROM (",
        );
        push_columns(&mut query);
        query.push(" AND (entry ->> 'at_ms')::bigint >= ").push_bind(since_ms);
        query.push(" AND entry ->> 'event' = 'begun') AS e GROUP BY 1, 2, 4");
        let rows = reading.fetch(query).await?;
        let mut pairs = PairCounts::new();
        for row in &rows {
            let text =
                |column: &str| row.try_get::<String, _>(column).map_err(|error| reading.explain(error));
            let sessions: i64 = row.try_get("sessions").map_err(|error| reading.explain(error))?;
            pairs.insert(
                (text("operator")?, text("connection")?, text("user_id")?),
                (text("connection_name")?, text("label")?, u64::try_from(sessions).unwrap_or_default()),
            );
        }
        reading.finish().await;
        Ok(sum_up(pairs))
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_search(&self, text: &str, caret: usize, now: Timestamp) -> Result<Vec<Suggestion>> {
        let known = match completed_values(text, caret) {
            CompletedValues::Fixed(values) => values,
            CompletedValues::InEntries(value) => self.read_common_values(&value).await?,
        };
        Ok(suggest_completions(text, caret, &search_columns(), &known, now))
    }

    /// The most common of the latest entries; `value` in SQL.
    async fn read_common_values(&self, value: &str) -> Result<Vec<String>> {
        let mut reading = self.begin().await?;
        let mut query =
            QueryBuilder::new(format!("SELECT value FROM (SELECT left({value}, 200) AS value FROM ("));
        push_columns(&mut query);
        query.push(" ORDER BY (entry ->> 'at_ms')::bigint DESC LIMIT ").push_bind(PORTION);
        query.push(
            ") AS e) AS shown WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT ",
        );
        query.push_bind(i64::from(VALUES));
        let rows = reading.fetch(query).await?;
        let values: sqlx::Result<Vec<String>> = rows.iter().map(|row| row.try_get("value")).collect();
        let values = values.map_err(|error| reading.explain(error))?;
        reading.finish().await;
        Ok(values)
    }
}

impl CollectedEntry {
    fn into_listed(self, own: &str) -> ListedEntry {
        let console = EntryConsole {
            is_own: self.place.log == own,
            log: self.place.log,
            written_by: self.written_by,
            written_at: self.written_at,
        };
        // By the database's word, which its checks compare with the entry's own.
        let (id, at) = (self.place.id, self.place.at);
        ListedEntry { id, at, console: Some(console), ..ListedEntry::new(self.entry, self.outcome) }
    }
}

/// What a verification of the team's log has found, for the view.
pub fn report_verification(found: &TeamVerification) -> VerificationReport {
    let is_intact = found.is_intact();
    let mut findings = Vec::new();
    for chain in &found.logs {
        let gaps = chain.gaps.iter().map(ChainGap::explain);
        let what = chain.fault.clone().into_iter().chain(gaps);
        findings.extend(what.map(|what| format!("{} (log {}): {what}", chain.whose, chain.log)));
    }
    let entries: u64 = found.logs.iter().map(|chain| chain.entries).sum();
    let consoles = found.logs.iter().filter(|chain| chain.fault.is_none() && chain.gaps.is_empty()).count();
    let fits = format!(
        "{entries} {} of {consoles} {} {} as written.",
        if entries == 1 { "entry" } else { "entries" },
        if consoles == 1 { "console" } else { "consoles" },
        if entries == 1 { "is" } else { "are" },
    );
    let mut remarks = Vec::new();
    if is_intact {
        findings.push(format!("Intact: {fits}"));
    } else {
        remarks.push(fits);
    }
    for chain in found.logs.iter().filter(|chain| chain.fault.is_none() && chain.first > 1) {
        remarks.push(format!(
            "{} (log {}) begins with entry {}, the oldest that its console had when it was first sent.",
            chain.whose, chain.log, chain.first
        ));
    }
    if let Some(why) = &found.keyring_failed {
        remarks.push(format!(
            "The keyring could not be asked, so what it remembers of this computer's log was not compared. {why}"
        ));
    }
    let advice = (!is_intact)
        .then(|| "Keep the database as it is, and show it to whoever reviews the log.".to_owned());
    VerificationReport { is_intact, findings, remarks, head: None, advice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team_log::VerifiedChain;

    #[test]
    fn whatever_is_not_as_it_was_written_is_among_the_findings() {
        let chain = |whose: &str, entries: u64| VerifiedChain {
            log: format!("log-of-{whose}"),
            whose: whose.into(),
            entries,
            first: 1,
            ..VerifiedChain::default()
        };
        let report = |logs: &[VerifiedChain]| {
            report_verification(&TeamVerification { logs: logs.to_vec(), keyring_failed: None })
        };
        let whole = report(&[chain("ada", 1)]);
        assert_eq!(whole.findings, ["Intact: 1 entry of 1 console is as written."]);
        assert_eq!(
            report(&[chain("ada", 1), chain("bo", 4)]).findings,
            ["Intact: 5 entries of 2 consoles are as written."]
        );

        let gap = ChainGap { first: 5, last: 8 };
        let lacking = VerifiedChain { gaps: vec![gap], ..chain("ada", 12) };
        let changed = VerifiedChain { fault: Some("Its entry 3 was changed.".into()), ..chain("bo", 2) };
        let found = report(&[lacking, changed]);
        assert!(!found.is_intact && found.advice.is_some());
        assert_eq!(found.findings.len(), 2);
        assert!(found.remarks[0].contains("of 0 consoles"), "{found:?}");
        assert!(found.findings[0].starts_with("ada (log log-of-ada): It lacks entries 5 to 8"), "{found:?}");
        assert_eq!(found.findings[1], "bo (log log-of-bo): Its entry 3 was changed.");
    }
}
