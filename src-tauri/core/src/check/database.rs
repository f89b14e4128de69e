//! Opens the database and reads from it as the user list will.

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::describe_field;
use super::report::{Report, Status};
use crate::connection::{Connection, DATABASE_PASSWORD, DirectoryConfig};
use crate::directory::{self, Column, Directory, Info, ListRequest, Role, Row, SearchCoverage, Tier};
use crate::error::{Code, Error};

/// The number of users in [`Report::sample`].
pub(crate) const SAMPLE: u16 = 5;

/// How many users (one page) are examined: for duplicate IDs, and to see whom the rules of `protect` cover.
const JUDGED: u16 = 200;

pub(super) async fn open_directory(
    connection: &Connection,
    password: Option<&SecretString>,
    report: &mut Report,
) -> Option<std::sync::Arc<dyn Directory>> {
    match directory::open(&connection.file.directory, password).await {
        Ok(directory) => {
            let info = directory.info();
            report.add_step("Directory", Status::Ok, format!("{}, read only", info.server), None);
            report.info = Some((*info).clone());
            Some(directory)
        }
        Err(error) => {
            let error = Error::from(error);
            let error = match error.code {
                Code::DirectoryRefused
                    if password.is_none() && error.hint.is_none() && connection.may_need_password() =>
                {
                    error.with_hint(format!(
                        "If it needs a password: understudy secret set {} {DATABASE_PASSWORD}",
                        connection.id
                    ))
                }
                _ => error,
            };
            report.add_failure("Directory", error);
            None
        }
    }
}

/// Reads the newest users; the report shows the first few.
pub(super) async fn read_some(
    directory: &dyn Directory,
    part: &DirectoryConfig,
    report: &mut Report,
) -> Vec<Row> {
    let info = directory.info();
    for caution in &info.cautions {
        report.add_warning("Directory", caution);
    }
    check_columns(&info, report);
    check_search(&info, part, report);
    // More than are shown, because duplicate IDs only appear among many.
    let newest = ListRequest::first_page("", JUDGED);
    match directory.search_users(&newest, &CancellationToken::new()).await {
        Ok(page) if page.doubled.is_some() => {
            report.add_failure(
                "Users",
                directory::duplicate_id_error(page.doubled.as_deref().unwrap_or_default()).into(),
            );
        }
        Ok(page) if page.rows.is_empty() => {
            let (said, hint) = if info.cautions.iter().any(|caution| caution.hides_users) {
                ("This user sees no rows.", "The warning above says what hides them.")
            } else {
                ("The table is empty.", "Check that `directory.table` and the database are the right ones.")
            };
            report.add_step("Users", Status::Warning, said, Some(hint.into()));
        }
        Ok(page) => {
            let total = match (info.estimated_total, info.total_is_exact) {
                (Some(1), true) => "1 user".into(),
                (Some(total), true) => format!("{total} users"),
                (Some(total), false) => format!("about {total} users"),
                (None, _) => "there are users; their number is unknown".into(),
            };
            report.add_step(
                "Users",
                Status::Ok,
                format!("{total}; newest read in {:.1} ms", page.how.elapsed_ms),
                None,
            );
            report.sample = page.rows.iter().take(SAMPLE.into()).cloned().collect();
            return page.rows;
        }
        Err(error) => report.add_failure("Users", error.into()),
    }
    Vec::new()
}

/// Reports the columns, and warns about those that had better not be shown.
pub(super) fn check_columns(info: &Info, report: &mut Report) {
    let columns: Vec<String> =
        info.columns.iter().map(|column| describe_field(column.role, &column.name, column.kind)).collect();
    let is_secret =
        |column: &&Column| column.role != Role::Id && directory::holds_secret(&column.name, column.kind);
    let own = info.columns.iter().filter(is_secret).map(|column| format!("`{}`", column.name));
    let related = info.related.iter().flat_map(|table| {
        let secrets = table.columns.iter().filter(is_secret);
        secrets.map(|column| format!("`{}.{}`", table.table, column.name))
    });
    let secrets: Vec<String> = own.chain(related).collect();
    let status = if secrets.is_empty() { Status::Ok } else { Status::Warning };
    let hint = (!secrets.is_empty()).then(|| {
        format!(
            "Judging by its name, {} holds a secret, and every agent will see it. Remove it from [directory], unless \
             this is intended.",
            secrets.join(" and ")
        )
    });
    report.add_step("Columns", status, columns.join(", "), hint);
}

/// Reports which ways of searching have an index. [`Info::coverage`] has each one's index, or the statement that
/// creates it.
pub(super) fn check_search(info: &Info, part: &DirectoryConfig, report: &mut Report) {
    let (related, own): (Vec<&SearchCoverage>, Vec<&SearchCoverage>) =
        info.coverage.iter().partition(|service| service.tier.is_related());
    let unserved = list_unserved(&own);
    if own.iter().all(|service| matches!(service.tier, Tier::All | Tier::Id)) {
        let hint = "Set `directory.email` or `directory.name`, or list other columns in `directory.search`.";
        let detail = "Users are found only by their full ID: no other column is searched.";
        report.add_step("Search", Status::Warning, detail, Some(hint.into()));
    } else if unserved.is_empty() {
        report.add_step("Search", Status::Ok, "An index serves every way to search.", None);
    } else if info.is_small(part) {
        let detail = format!(
            "No index serves these searches, but the table is small enough to be read: {}",
            unserved.join("; ")
        );
        report.add_step("Search", Status::Ok, detail, None);
    } else {
        let advice = own.iter().any(|service| service.advice.is_some());
        report.add_step(
            "Search",
            Status::Warning,
            format!("No index serves: {}", unserved.join("; ")),
            Some(
                if advice {
                    "These searches check only the newest users, until you choose to search all rows. \
                     The search plan has the statements that change that."
                } else {
                    "These searches check only the newest users, until you choose to search all rows."
                }
                .into(),
            ),
        );
    }
    if related.is_empty() {
        return;
    }
    match list_unserved(&related) {
        unserved if unserved.is_empty() => {
            report.add_step("Related tables", Status::Ok, "An index serves each of them.", None);
        }
        unserved => report.add_step(
            "Related tables",
            Status::Warning,
            format!("No index serves: {}", unserved.join("; ")),
            Some("What is typed is not looked for there until there is one. See the search plan.".into()),
        ),
    }
}

fn list_unserved(coverage: &[&SearchCoverage]) -> Vec<String> {
    coverage
        .iter()
        .filter(|service| service.index.is_none())
        .map(|service| format!("{} ({})", service.tier.as_phrase(), service.column))
        .collect()
}
