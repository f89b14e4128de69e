//! How many users the rules of the form's `policy.protect` cover, before anything is saved. The rules are evaluated as
//! the policy does it, user by user, for as long as the time limit allows.

use std::convert::Infallible;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::connection::user_fields;
use crate::directory::json_path::to_dotted_name;
use crate::directory::{
    Directory, DirectoryCode, DirectoryConfig, Info, ListRequest, Place, Role, Row, Sort,
};
use crate::error::{Code, Error, Result};
use crate::introspection::{DirectoryDraft, open_without_secrets};
use crate::policy::{Rule, Standing, judge_rules};
use crate::template::{Expression, Scope};
use crate::vault::Vault;

/// For how long users are read.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Users per query: the most that a directory lists at once.
const PAGE: u16 = 500;

/// The users that the rules protect, among those that could be read within the time limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ProtectedCount {
    /// Users that at least one rule protects.
    #[ts(type = "number")]
    pub users: u64,
    /// For each rule, the users that it protects by itself.
    #[ts(type = "number[]")]
    pub by_rule: Vec<u64>,
    /// Users that no rule protects and for whom one of them cannot be evaluated.
    #[ts(type = "number")]
    pub undecided: u64,
    /// Users that were read.
    #[ts(type = "number")]
    pub read: u64,
    /// Whether these are all users. If not, the time limit was over.
    pub complete: bool,
    pub limit_ms: u32,
    /// The database's own estimate of the number of users.
    #[ts(type = "number | null")]
    pub estimated_total: Option<u64>,
}

/// Counts the users of the form's table that `rules` protect.
///
/// Fails with [`Code::ConnectionInvalid`] if a rule is invalid, or names a column that the form does not read.
pub async fn count_protected(
    form: &DirectoryDraft<'_>,
    rules: &[String],
    vault: &Vault,
) -> Result<ProtectedCount> {
    let rules = parse_rules(rules, form.part)?;
    let narrow = with_named_columns(form.part, &rules);
    let (directory, withheld) = open_without_secrets(form, &narrow, vault).await?;
    let counted = match withheld.first() {
        Some(column) => Err(Error::new(
            Code::ConnectionInvalid,
            format!("A rule uses `{column}`, whose name suggests a secret, so its values are not read here."),
        )),
        None => count_within(&*directory, &rules, TIME_LIMIT).await,
    };
    directory.close().await;
    counted
}

fn parse_rules(rules: &[String], part: &DirectoryConfig) -> Result<Vec<Rule>> {
    let scope = Scope::for_user(user_fields(part));
    let parsed = rules.iter().enumerate().map(|(at, text)| {
        let rule = Expression::parse(&format!("policy.protect[{at}]"), text, &scope).map_err(|fault| {
            Error::new(Code::ConnectionInvalid, format!("Rule {}: {}.", at + 1, fault.message))
        })?;
        Ok((text.clone(), rule))
    });
    parsed.collect()
}

/// Reads nothing but the ID and what the rules name, so that pages are cheap.
fn with_named_columns(part: &DirectoryConfig, rules: &[Rule]) -> DirectoryConfig {
    let named: Vec<String> = rules.iter().flat_map(|(_, rule)| rule.of_user()).collect();
    let is_named = |name: &str| {
        named
            .iter()
            .any(|one| one == name || one.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let keep = |role: &str, column: &Option<String>| {
        column.clone().filter(|column| is_named(role) || is_named(&to_dotted_name(column)))
    };
    DirectoryConfig {
        email: keep("email", &part.email),
        name: keep("name", &part.name),
        created_at: keep("created_at", &part.created_at),
        columns: part.columns.iter().filter(|column| is_named(&to_dotted_name(column))).cloned().collect(),
        search: Some(Vec::new()),
        related: Vec::new(),
        ..part.clone()
    }
}

/// Reads users in the order of their IDs until all are read or `limit` is over.
async fn count_within(directory: &dyn Directory, rules: &[Rule], limit: Duration) -> Result<ProtectedCount> {
    let stop = CancellationToken::new();
    let mut count = ProtectedCount {
        users: 0,
        by_rule: vec![0; rules.len()],
        undecided: 0,
        read: 0,
        complete: false,
        limit_ms: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
        estimated_total: directory.info().estimated_total,
    };
    let read = read_users(directory, rules, &stop, &mut count);
    // The reading is not dropped but told to stop, so that its query ends on the server too.
    let stopped = async {
        tokio::time::sleep(limit).await;
        stop.cancel();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = read => done?,
        never = stopped => match never {},
    }
    Ok(count)
}

async fn read_users(
    directory: &dyn Directory,
    rules: &[Rule],
    stop: &CancellationToken,
    count: &mut ProtectedCount,
) -> Result<()> {
    let info = directory.info();
    let id = info.columns.iter().find(|column| column.role == Role::Id);
    let sort = id.map(|column| Sort { column: column.name.clone(), descending: false });
    let mut request = ListRequest { sort, ..ListRequest::first_page("", PAGE) };
    loop {
        let page = match directory.search_users(&request, stop).await {
            Ok(page) => page,
            Err(error) if error.code == DirectoryCode::Cancelled && stop.is_cancelled() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        count.add_users(rules, &info, &page.rows);
        match page.next {
            Some(next) if !stop.is_cancelled() => request.place = Place::After(next),
            Some(_) => return Ok(()),
            None => {
                count.complete = true;
                return Ok(());
            }
        }
    }
}

impl ProtectedCount {
    fn add_users(&mut self, rules: &[Rule], info: &Info, rows: &[Row]) {
        let mut standings = vec![Standing::Free; rows.len()];
        for (rule, by_rule) in rules.iter().zip(&mut self.by_rule) {
            for (overall, standing) in
                standings.iter_mut().zip(judge_rules(std::slice::from_ref(rule), info, rows))
            {
                *by_rule += u64::from(matches!(standing, Standing::Protected(_)));
                if !matches!(overall, Standing::Protected(_)) && standing != Standing::Free {
                    *overall = standing;
                }
            }
        }
        for standing in standings {
            self.read += 1;
            self.users += u64::from(matches!(standing, Standing::Protected(_)));
            self.undecided += u64::from(standing == Standing::Undecided);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::directory::{Column, Count, DirectoryError, FieldKind, How, Page, Tier};

    const SHORT: Duration = Duration::from_millis(1);

    /// Lists its pages one by one; after the last one, answers nothing until it is cancelled.
    struct Pages {
        pages: Vec<Vec<&'static str>>,
        endless: bool,
    }

    #[async_trait]
    impl Directory for Pages {
        fn info(&self) -> Arc<Info> {
            let column = |name: &str, role| Column {
                name: name.into(),
                label: name.into(),
                role,
                kind: FieldKind::Text,
                sortable: true,
                company: false,
                masked: false,
            };
            Arc::new(Info {
                server: "SQLite".into(),
                columns: vec![column("uid", Role::Id), column("role", Role::Other)],
                estimated_total: Some(1_000_000),
                total_is_exact: false,
                coverage: Vec::new(),
                reader: Vec::new(),
                cautions: Vec::new(),
                related: Vec::new(),
            })
        }

        async fn search_users(
            &self,
            query: &ListRequest,
            cancel: &CancellationToken,
        ) -> crate::directory::Result<Page> {
            assert_eq!(query.sort.as_ref().map(|sort| sort.column.as_str()), Some("uid"));
            let at = match &query.place {
                Place::After(next) => next.parse().unwrap(),
                _ => 0,
            };
            let Some(roles) = self.pages.get(at) else {
                cancel.cancelled().await;
                return Err(DirectoryError::new(DirectoryCode::Cancelled, "It was stopped."));
            };
            let row = |role: &&str| Row {
                id: "1".into(),
                cells: vec![Some("1".into()), Some((*role).into())],
                found_through: None,
            };
            let is_last = at + 1 == self.pages.len() && !self.endless;
            Ok(Page {
                rows: roles.iter().map(row).collect(),
                previous: None,
                next: (!is_last).then(|| (at + 1).to_string()),
                how: How { tier: Tier::All, by: None, elapsed_ms: 0.0 },
                left_out: None,
                doubled: None,
                pasted: None,
            })
        }

        async fn count_users(&self, _: &str, _: &CancellationToken) -> crate::directory::Result<Count> {
            unreachable!("users are read")
        }

        async fn find_user(&self, _: &str) -> crate::directory::Result<Option<Row>> {
            unreachable!("users are read")
        }

        async fn read_common_values(&self, _: usize) -> crate::directory::Result<Vec<String>> {
            unreachable!("users are read")
        }

        async fn close(&self) {}
    }

    fn part() -> DirectoryConfig {
        toml::from_str(
            "url = \"sqlite:///users.sqlite\"\ntable = \"users\"\nid = \"uid\"\nname = \"full_name\"\n\
             email = \"email\"\ncreated_at = \"created_at\"\ncolumns = [\"role\", \"profile->>staff\"]",
        )
        .unwrap()
    }

    fn rules(texts: &[&str]) -> Vec<Rule> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        parse_rules(&texts, &part()).unwrap()
    }

    #[tokio::test]
    async fn all_users_are_counted_by_rule_and_once_in_the_sum() {
        let pages = vec![vec!["admin", "staff", "customer"], vec!["admin", "customer"]];
        let directory = Pages { pages, endless: false };
        let rules = rules(&["user.role == 'admin'", "user.role in ['admin', 'staff']"]);
        let count = count_within(&directory, &rules, TIME_LIMIT).await.unwrap();
        assert!(count.complete);
        assert_eq!((count.users, count.read, count.undecided), (3, 5, 0));
        assert_eq!(count.by_rule, [2, 3]);
    }

    #[tokio::test]
    async fn when_the_time_is_over_what_was_read_counts() {
        let directory = Pages { pages: vec![vec!["admin", "customer"], vec!["admin"]], endless: true };
        // Two pages are there at once; the third never comes.
        let count = count_within(&directory, &rules(&["user.role == 'admin'"]), SHORT).await.unwrap();
        assert!(!count.complete);
        assert_eq!((count.users, count.read, count.limit_ms), (2, 3, 1));

        let silent = Pages { pages: Vec::new(), endless: true };
        let count = count_within(&silent, &rules(&["user.role == 'admin'"]), SHORT).await.unwrap();
        assert_eq!((count.complete, count.read), (false, 0));
    }

    #[test]
    fn only_what_the_rules_name_is_read() {
        let narrow =
            with_named_columns(&part(), &rules(&["user.name == 'Root'", "user.profile.staff == 'yes'"]));
        assert_eq!(
            (narrow.name.as_deref(), narrow.email, narrow.created_at),
            (Some("full_name"), None, None)
        );
        assert_eq!(narrow.columns, ["profile->>staff"]);
    }

    #[test]
    fn a_rule_that_is_wrong_is_told_by_its_number() {
        let texts = ["user.role == 'admin'".to_owned(), "user.rol == 'admin'".to_owned()];
        let error = parse_rules(&texts, &part()).unwrap_err();
        assert_eq!(error.code, Code::ConnectionInvalid);
        assert!(error.message.starts_with("Rule 2: ") && error.message.contains("user.role"), "{error}");
    }
}
