//! Suggestions: values of a column while typing, and other searches if there are no matches. One story for every
//! engine.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, Widening, find_wider_searches};

use crate::story::{query, search};

/// No search here depends on it.
const NOON: Timestamp = Timestamp::constant(1_767_268_800, 0);

/// ID, name, plan, and a token that many share.
pub fn rows() -> impl Iterator<Item = (i64, String, &'static str, &'static str)> {
    (1..=300).map(|id| {
        let name = match id {
            1 => "Anna Hoffmann".to_owned(),
            2 => "Jörg Hofer".to_owned(),
            _ => format!("Person {id}"),
        };
        let plan = match id {
            3 => "Rare one",
            id if id % 3 == 0 => "free",
            _ => "pro",
        };
        (id, name, plan, "t0k3n")
    })
}

/// The rows for SQL's `VALUES`.
pub fn values() -> String {
    let row = |(id, name, plan, token)| format!("({id}, '{name}', '{plan}', '{token}')");
    rows().map(row).collect::<Vec<_>>().join(", ")
}

pub fn build_config(url: String, table: &str, id: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        id: id.into(),
        email: None,
        created_at: None,
        columns: vec!["plan".into(), "api_token".into()],
        ..crate::build_config(url)
    }
}

/// `indexed`: an index returns the plans in order.
pub async fn told(directory: &dyn Directory, indexed: bool) {
    values_are_known(directory, indexed).await;
    other_searches_are_offered(directory).await;
}

async fn values_are_known(directory: &dyn Directory, indexed: bool) {
    let columns = directory.info().columns.clone();
    let values = async |name: &str| {
        let at = columns.iter().position(|column| column.name == name).expect("it is shown");
        directory.read_common_values(at).await.unwrap()
    };
    let expected: &[&str] = if indexed { &["pro", "free", "Rare one"] } else { &["pro", "free"] };
    assert_eq!(values("plan").await, expected, "the commonest first");
    assert_eq!(values("api_token").await, [""; 0], "secrets are not suggested");
    assert_eq!(values("full_name").await, [""; 0], "names are somebody's own");
    // Values of loaded rows are known too.
    search(directory, &query("id:3")).await;
    assert_eq!(values("plan").await, ["pro", "free", "Rare one"]);
}

async fn other_searches_are_offered(directory: &dyn Directory) {
    let offers = async |text: &str| {
        assert_eq!(search(directory, &query(text)).await.rows, [], "{text} finds nobody");
        let offers = find_wider_searches(directory, text, NOON, &CancellationToken::new()).await.unwrap();
        let said = offers.into_iter().map(|offer| {
            let count = offer.count.expect("so few are counted");
            let more = if count.capped { "+" } else { "" };
            format!("{:?} {}: {} ({}{more})", offer.how, offer.about, offer.text, count.users)
        });
        said.collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("hofmann", &["Meant Hoffmann: Hoffmann (1)"][..]),
        ("Hoffmnan", &["Meant Hoffmann: Hoffmann (1)"]),
        ("anna hofmann", &["Meant Hoffmann: anna Hoffmann (1)"]),
        ("offmann", &[]),
        ("\"hoffmann anna\"", &["Words hoffmann anna: hoffmann anna (1)"]),
        ("plan:=fre", &["Meant free: plan:=free (99)", "Parts Plan is fre: plan:fre (99)"]),
        (
            "person plan:=fre",
            &[
                "Meant free: person plan:=free (99)",
                "Parts Plan is fre: person plan:fre (99)",
                "WithoutFilter Plan is fre: person (100+)",
            ],
        ),
        ("anna plan:free", &["WithoutFilter Plan contains free: anna (1)"]),
        ("zzzzzz", &[]),
        ("zzz", &[]),
    ] {
        if text == "offmann" {
            // It is part of the name, so no suggestion is needed.
            assert_eq!(search(directory, &query(text)).await.rows.len(), 1);
            continue;
        }
        assert_eq!(offers(text).await, expected, "{text}");
    }
    let none = find_wider_searches(directory, "plan:=team", NOON, &CancellationToken::new()).await.unwrap();
    assert!(none.iter().all(|offer| offer.how != Widening::WithoutFilters), "{none:?}");
}
