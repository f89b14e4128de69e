//! Users: searches, counts, and one user with everything the console knows about them.

use serde::Serialize;
use tokio::task::JoinSet;
use ts_rs::TS;

use super::Console;
use super::sessions::OWN_REASONS;
use crate::arrangement::load_arrangement;
use crate::audit::{ConsoleEvent, LatestSession, PastSession};
use crate::directories::{OpenConnection, stopped_waiting};
use crate::directory::{
    self, Count, Highlights, Info, ListRequest, Page, RecordsRequest, Row, Suggestion, WallClock, Wider,
};
use crate::error::{Code, Error, Result};
use crate::impersonation;
use crate::latest_only::{LatestOnly, superseded_error};
use crate::policy::{self, Standing};
use crate::session::UserLabel;

/// A user, and what the console knows about them besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct UserDetails {
    pub row: Row,
    /// For each cell, the filter that finds users with the same value; `None` if there is none.
    pub filters: Vec<Option<String>>,
    pub standing: Standing,
    /// Newest first.
    pub past: Vec<PastSession>,
}

/// A user whom the operator knows: pinned, or signed in as lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct FamiliarUser {
    pub row: Row,
    pub standing: Standing,
    /// The operator's latest session of this user.
    pub latest: Option<LatestSession>,
}

/// A page of the list, and what the connection's policy says about each user on it. Masked values are hidden.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct ListedPage {
    #[serde(flatten)]
    #[ts(flatten)]
    pub page: Page,
    /// In the order of the page's rows.
    pub standings: Vec<Standing>,
}

impl ListedPage {
    /// Judges the users and then hides what is masked, as the directory and its connection say.
    pub(super) fn new(opened: &OpenConnection, mut page: Page) -> Self {
        let info = opened.directory.info();
        let standings = policy::judge_users(&opened.connection.policy, &info, &page.rows);
        for row in &mut page.rows {
            row.mask(&info.columns);
        }
        Self { page, standings }
    }
}

/// How many users the quick window shows.
const QUICK_ROWS: u16 = 5;

/// How many recent and how many pinned users are looked up at once.
const RECENT_USERS: u32 = 8;
const PINNED_USERS: usize = 24;

impl Console {
    pub async fn directory_info(&self, id: &str) -> Result<Info> {
        Ok((*self.open_directory(id).await?.directory.info()).clone())
    }

    /// Reads the database's catalogue again, so that new indexes and columns count.
    pub async fn refresh_directory(&self, id: &str) -> Result<Info> {
        let directory = self.open_directory(id).await?.directory;
        directory.refresh().await?;
        Ok((*directory.info()).clone())
    }

    /// Searches; cancels an older search in the same connection, on the server too. `turn` tells which is older,
    /// because requests may arrive out of order.
    pub async fn search_users(&self, id: &str, query: &ListRequest, turn: u64) -> Result<Page> {
        Ok(self.list_users(id, query, turn).await?.page)
    }

    /// Searches, and also returns the connection and directory that answered.
    async fn search_in(
        &self,
        turns: &LatestOnly,
        id: &str,
        query: &ListRequest,
        turn: u64,
    ) -> Result<(Page, OpenConnection)> {
        let cancel = turns.take_turn(id, turn)?;
        let opened = tokio::select! {
            () = cancel.cancelled() => return Err(superseded_error()),
            opened = self.open_directory(id) => opened?,
        };
        let page = tokio::select! {
            () = self.directories.wait_until_stopped(id) => Err(stopped_waiting()),
            page = opened.directory.search_users(query, &cancel) => page.map_err(Error::from),
        };
        let page = page.map_err(|error| opened.name_password_owner(error))?;
        self.record_search(&opened, &query.text, page.rows.len()).await?;
        Ok((page, opened))
    }

    /// Like [`Self::search_users`], with the policy's standing for each user found.
    pub async fn list_users(&self, id: &str, query: &ListRequest, turn: u64) -> Result<ListedPage> {
        self.list_in(&self.searches, id, query, turn).await
    }

    /// The first users that match `text`, for the quick window. A newer call replaces an older one; the console's
    /// searches continue in parallel.
    pub async fn quick_search(&self, id: &str, text: &str, turn: u64) -> Result<ListedPage> {
        self.list_in(&self.quick_searches, id, &ListRequest::first_page(text, QUICK_ROWS), turn).await
    }

    async fn list_in(
        &self,
        turns: &LatestOnly,
        id: &str,
        query: &ListRequest,
        turn: u64,
    ) -> Result<ListedPage> {
        // The policy comes from the connection that was asked, however long the answer took.
        let (page, opened) = self.search_in(turns, id, query, turn).await?;
        Ok(ListedPage::new(&opened, page))
    }

    /// Stops a search that is older than `turn`.
    pub fn stop_search(&self, id: &str, turn: u64) -> Result<()> {
        self.searches.take_turn(id, turn).map(drop)
    }

    /// Counts the matches of `text`. A newer count replaces an older one; searches continue in parallel.
    pub async fn count_users(&self, id: &str, text: &str, turn: u64) -> Result<Count> {
        let cancel = self.counts.take_turn(id, turn)?;
        let opened = tokio::select! {
            () = cancel.cancelled() => return Err(superseded_error()),
            opened = self.open_directory(id) => opened?,
        };
        opened.directory.count_users(text, &cancel).await.map_err(|error| opened.name_password_owner(error))
    }

    /// What to search for instead of `text`, which has no matches. A newer call replaces an older one.
    pub async fn widen_search(&self, id: &str, text: &str, turn: u64) -> Result<Vec<Wider>> {
        let cancel = self.widenings.take_turn(id, turn)?;
        let opened = self.open_directory(id).await?;
        let found =
            directory::find_wider_searches(&**opened.directory, text, self.clock.read_time(), &cancel).await;
        found.map_err(|error| opened.name_password_owner(error))
    }

    /// Stops a count that is older than `turn`.
    pub fn stop_count(&self, id: &str, turn: u64) -> Result<()> {
        self.counts.take_turn(id, turn).map(drop)
    }

    /// Parses a search text: its filters, and what is wrong with them.
    pub async fn read_search(&self, id: &str, text: &str) -> Result<Highlights> {
        let directory = self.open_directory(id).await?.directory;
        Ok(directory::highlight_query(text, &directory.info().columns, self.clock.read_time()))
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_search(&self, id: &str, text: &str, caret: usize) -> Result<Vec<Suggestion>> {
        let directory = self.open_directory(id).await?.directory;
        let columns = &directory.info().columns;
        let known = match directory::completed_column(text, caret, columns) {
            Some(column) => directory.read_common_values(column).await?,
            None => Vec::new(),
        };
        Ok(directory::suggest_completions(text, caret, columns, &known, self.clock.read_time()))
    }

    pub async fn user_details(&self, id: &str, user: &str) -> Result<UserDetails> {
        let opened = self.open_directory(id).await?;
        let OpenConnection { connection, directory } = &opened;
        let mut row = find_user(&opened, user).await?;
        self.record_details(&opened, &row).await?;
        let mut past = self.audit.past_sessions(id, user, 20).await?;
        // That entry is about a form, not about a sign-in.
        past.retain(|session| session.reason != impersonation::FORM_REASON);
        let info = directory.info();
        let mut standings = policy::judge_users(&connection.policy, &info, std::slice::from_ref(&row));
        let standing = standings.pop().unwrap_or(Standing::Undecided);
        let filter = |(at, cell): (usize, &Option<String>)| {
            directory::filter_by(&info.columns, at, cell.as_deref(), self.clock.read_time())
        };
        let filters = row.cells.iter().enumerate().map(filter).collect();
        row.mask(&info.columns);
        Ok(UserDetails { row, filters, standing, past })
    }

    /// The value of a masked column, for the operator to read; `None` is NULL. The audit log has it first.
    pub async fn reveal_value(&self, id: &str, user: &str, column: &str) -> Result<Option<String>> {
        let opened = self.open_directory(id).await?;
        let info = opened.directory.info();
        let at = info.columns.iter().position(|known| known.name == column && known.masked);
        let at = at.ok_or_else(|| {
            Error::new(Code::QueryInvalid, format!("The connection masks no column `{column}`."))
                .with_hint("Search again: its columns may have changed.")
        })?;
        let row = find_user(&opened, user).await?;
        let revealed = ConsoleEvent::ValueRevealed { column: column.to_owned() };
        let entry = self
            .entry_about(id, revealed)
            .about_user(impersonation::name_user(UserLabel::of_row(&info, &row)));
        self.record_first(entry, "The value stays hidden").await?;
        Ok(row.cells.into_iter().nth(at).flatten())
    }

    /// The users whom the operator signed in as last, newest first, then pinned users. Those that the database no longer
    /// has are left out.
    pub async fn familiar_users(&self, id: &str) -> Result<Vec<FamiliarUser>> {
        let operator = self.operator();
        let recent = self.audit.recent_users(id, operator.display_name(), &OWN_REASONS, RECENT_USERS).await?;
        let pinned = load_arrangement(&self.home, id)?.pinned;
        let mut wanted: Vec<(String, Option<LatestSession>)> =
            recent.into_iter().map(|latest| (latest.user.clone(), Some(latest))).collect();
        for user in pinned.into_iter().take(PINNED_USERS) {
            if wanted.iter().all(|(known, _)| *known != user) {
                wanted.push((user, None));
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let opened = self.open_directory(id).await?;
        let mut lookups = JoinSet::new();
        for (at, (user, latest)) in wanted.into_iter().enumerate() {
            let directory = opened.directory.clone();
            lookups.spawn(async move { (at, directory.find_user(&user).await, latest) });
        }
        let mut found = Vec::new();
        while let Some(lookup) = lookups.join_next().await {
            let (at, row, latest) = lookup.map_err(Error::internal)?;
            if let Some(row) = row.map_err(|error| opened.name_password_owner(error))? {
                found.push((at, row, latest));
            }
        }
        found.sort_by_key(|(at, ..)| *at);
        let rows: Vec<Row> = found.iter().map(|(_, row, _)| row.clone()).collect();
        self.record_search(&opened, "", rows.len()).await?;
        let info = opened.directory.info();
        let standings = policy::judge_users(&opened.connection.policy, &info, &rows);
        let familiar = found.into_iter().zip(standings).map(|((_, mut row, latest), standing)| {
            row.mask(&info.columns);
            FamiliarUser { row, standing, latest }
        });
        Ok(familiar.collect())
    }

    /// A page of one user's records in a related table, newest first. Nothing is recorded: the user's details are open. [`Self::stop_records`] gives it up by `number`.
    pub async fn list_records(&self, id: &str, request: &RecordsRequest, number: u64) -> Result<Page> {
        let reading = self.record_reads.begin(number);
        let opened = self.open_directory(id).await?;
        let listed = opened.directory.list_records(request, &reading.cancel).await;
        listed.map_err(|error| opened.name_password_owner(error))
    }

    /// Gives up the records that are read under this number, on the server too.
    pub fn stop_records(&self, number: u64) {
        self.record_reads.stop(number);
    }

    /// The page about a user in the team's own tool.
    pub async fn user_page(&self, id: &str, user: &str) -> Result<String> {
        let opened = self.open_directory(id).await?;
        let page = opened.connection.user_page.as_ref().ok_or_else(|| {
            Error::new(Code::ConnectionInvalid, "The connection names no page for its users.")
                .with_hint("Add `page` to `[directory]` in the connection file.")
        })?;
        let info = opened.directory.info();
        let mut row = find_user(&opened, user).await?;
        row.mask(&info.columns);
        page.render(&serde_json::json!({ "user": info.user_context(&row) }))
    }

    /// The page about a record in the team's own tool. `row` is as [`Self::list_records`] gave it.
    pub async fn record_page(&self, id: &str, related: usize, row: &Row) -> Result<String> {
        let OpenConnection { connection, directory } = self.open_directory(id).await?;
        let info = directory.info();
        let (Some(Some(page)), Some(records)) =
            (connection.record_pages.get(related), info.related.get(related))
        else {
            return Err(Error::new(Code::ConnectionInvalid, "The connection names no page for this record.")
                .with_hint("Add `url` to the related table in the connection file."));
        };
        page.render(&serde_json::json!({ "record": records.record_context(row) }))
    }

    /// The connection as it is now, and its directory.
    pub(super) async fn open_directory(&self, id: &str) -> Result<OpenConnection> {
        self.directories.open(|| self.find_connection(id)).await
    }

    /// Stops waiting for this connection's database to wake up.
    pub fn stop_waiting(&self, id: &str) {
        self.directories.stop_waiting(id);
    }
}

async fn find_user(opened: &OpenConnection, user: &str) -> Result<Row> {
    let found = opened.directory.find_user(user).await.map_err(|error| opened.name_password_owner(error))?;
    found.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the ID {user} any longer."))
            .with_hint("It may have been deleted: search again.")
    })
}
