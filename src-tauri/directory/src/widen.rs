//! Suggests other searches when a search has no matches: similar words that exist, and wider searches, each with its
//! number of matches. Called after an empty page, never before the page is shown.
//!
//! Each suggestion is tried as a normal search for one page, so none reads a large table.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::directory::Directory;
use crate::error::Result;
use crate::model::{Column, Count, FieldKind, ListRequest, Role, Widening};
use crate::query;
use crate::query::WidenedQuery;
use crate::query::pasted::{TextKind, classify_text};
use crate::query::typo;
use crate::query::typo::Vocabulary;
use crate::schema::secrets::holds_secret;

/// More suggestions would take too long to read.
const OFFERS: usize = 4;
/// How many matches are counted; more are shown as "100+".
const COUNTED: u16 = 100;
/// How many rows are searched for similar words.
const NEARBY: u16 = 200;
/// How many words are checked for mistakes, from the start of the text.
const WORDS: usize = 3;
/// After this long, the user has typed on.
const LIMIT: Duration = Duration::from_millis(1500);

/// Another search that may find more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Wider {
    pub how: Widening,
    /// The text to search for.
    pub text: String,
    /// What was changed, for display: the suggested word, the filter, the phrase.
    pub about: String,
    /// How many users match; `None` if that would take reading a large table.
    pub count: Option<Count>,
}

/// Suggests searches to run instead of `text`, which has no matches: best first, at most 4. Suggestions that take too
/// long are left out.
pub async fn find_wider_searches(
    directory: &dyn Directory,
    text: &str,
    now: Timestamp,
    cancel: &CancellationToken,
) -> Result<Vec<Wider>> {
    let columns = &directory.info().columns;
    // What a pasted text holds was looked for already.
    if classify_text(text, columns) == TextKind::Pasted {
        return Ok(Vec::new());
    }
    let mut offers: Vec<Wider> = Vec::new();
    let found = async {
        let mut ways = correct_typos(directory, text, columns, cancel).await?;
        ways.extend(query::widen_query(text, columns, now));
        for WidenedQuery { how, text, about } in ways {
            if offers.len() == OFFERS {
                break;
            }
            if offers.iter().any(|known| known.text == text) {
                continue;
            }
            let page =
                directory.search_users(&ListRequest::first_page(text.as_str(), COUNTED), cancel).await?;
            let users = page.rows.len() as u64;
            let capped = page.next.is_some() || page.left_out.is_some();
            // Skip searches that certainly find no one. A suggested word has to exist, so there an uncertain result is
            // not enough either.
            if users == 0 && (!capped || how == Widening::Meant) {
                continue;
            }
            offers.push(Wider { how, text, about, count: (users > 0).then_some(Count { users, capped }) });
        }
        Ok(())
    };
    match tokio::time::timeout(LIMIT, found).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(())) | Err(_) => Ok(offers),
    }
}

/// The text with misspelled words replaced by words that exist.
async fn correct_typos(
    directory: &dyn Directory,
    text: &str,
    columns: &[Column],
    cancel: &CancellationToken,
) -> Result<Vec<WidenedQuery>> {
    let mut ways = Vec::new();
    for (column, span, typed) in query::filter_values(text, columns) {
        let mut words = Vocabulary::default();
        let known = directory.read_common_values(column).await?;
        for value in known.iter().filter(|value| !value.contains(char::is_whitespace)) {
            words.add_words(value);
        }
        let Some(meant) =
            words.find_closest_words(&typed).into_iter().find(|word| known.iter().any(|known| known == word))
        else {
            continue;
        };
        let text = format!("{}={}{}", &text[..span.start], query::quote_value(meant), &text[span.end..]);
        ways.push(WidenedQuery { how: Widening::Meant, text, about: meant.to_owned() });
    }
    let words = query::free_words(text, columns);
    let only = words.len() == 1;
    for (span, typed) in words.into_iter().filter(|(_, word)| !typo::right_parts(word).is_empty()).take(WORDS)
    {
        let is_known = !only && finds_any_user(directory, &typed, cancel).await?;
        if is_known {
            continue;
        }
        let bare = typed.trim_matches([',', ';']);
        for meant in find_nearby_words(directory, bare, columns, cancel).await? {
            let word = typed.replacen(bare, &meant, 1);
            let text = format!("{}{word}{}", &text[..span.start], &text[span.end..]);
            ways.push(WidenedQuery { how: Widening::Meant, text, about: meant });
        }
    }
    Ok(ways)
}

async fn finds_any_user(directory: &dyn Directory, word: &str, cancel: &CancellationToken) -> Result<bool> {
    let page = directory.search_users(&ListRequest::first_page(quote_phrase(word), 1), cancel).await?;
    Ok(!page.rows.is_empty())
}

/// Words in users' columns that share a part with `word` and are one mistake away from it; at most two.
async fn find_nearby_words(
    directory: &dyn Directory,
    word: &str,
    columns: &[Column],
    cancel: &CancellationToken,
) -> Result<Vec<String>> {
    let mut words = Vocabulary::default();
    for part in typo::right_parts(word) {
        let page =
            directory.search_users(&ListRequest::first_page(quote_phrase(&part), NEARBY), cancel).await?;
        for row in &page.rows {
            let cells = columns.iter().zip(&row.cells).filter(|(column, _)| may_be_meant(column));
            cells.filter_map(|(_, cell)| cell.as_deref()).for_each(|value| words.add_words(value));
        }
        let meant = words.find_closest_words(word);
        if !meant.is_empty() {
            return Ok(meant.into_iter().take(2).map(str::to_owned).collect());
        }
    }
    Ok(Vec::new())
}

/// Quoted, so that the search field takes no character for an operator.
fn quote_phrase(part: &str) -> String {
    format!("\"{}\"", part.replace(['"', '\\'], ""))
}

fn may_be_meant(column: &Column) -> bool {
    let is_searched_mostly = matches!(column.role, Role::Name | Role::Email | Role::Other);
    column.kind == FieldKind::Text
        && is_searched_mostly
        && !column.masked
        && !holds_secret(&column.name, column.kind)
}
