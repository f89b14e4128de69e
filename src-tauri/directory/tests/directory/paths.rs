//! Values within JSON columns: one story for the three SQL engines.

use serde_json::json;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryCode;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, FieldKind, ListRequest, Sort, Tier};

use crate::story::{pages, query, search};

/// The rows of the story's table: an ID and the content of the column `profile`.
pub const ROWS: [(i64, Option<&str>); 6] = [
    (
        1,
        Some(
            r#"{"name": "Ada Lovelace", "address": {"city": "London"}, "emails": [{"address": "Ada@example.com"}],
                "odd 'key'\\": "it's \"odd\" \\ here", "score": 42}"#,
        ),
    ),
    (2, Some(r#"{"name": "ada byron", "address": {"city": null}, "emails": []}"#)),
    (3, Some(r#"{"name": null}"#)),
    (4, None),
    (5, Some(r#"{"name": {"first": "Adam"}, "address": "nowhere"}"#)),
    (6, Some(r#"{"name": "Zo\u00eb \u00c5ngstr\u00f6m \ud83d\ude00", "address": {"city": "Berlin"}}"#)),
];

/// The rows for SQL's `VALUES`, with backslashes escaped if the engine needs it.
pub fn values(backslash_escapes: bool) -> String {
    let row = |(id, profile): &(i64, Option<&str>)| {
        let text = profile.map(|profile| {
            let profile = profile.replace('\'', "''");
            format!("'{}'", if backslash_escapes { profile.replace('\\', "\\\\") } else { profile })
        });
        format!("({id}, {})", text.as_deref().unwrap_or("NULL"))
    };
    ROWS.iter().map(row).collect::<Vec<_>>().join(", ")
}

pub fn build_config(url: &str, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        name: Some("profile->>name".into()),
        email: Some("profile->emails->0->>address".into()),
        created_at: None,
        columns: ["profile->address->>city", r"profile->>'odd ''key''\'", "profile ->> 'score'"]
            .map(str::to_owned)
            .to_vec(),
        ..crate::build_config(url.into())
    }
}

pub async fn told(directory: &dyn Directory) {
    let info = directory.info();
    let columns: Vec<_> = info.columns.iter().map(|one| (one.label.as_str(), one.kind)).collect();
    assert_eq!(columns[1], ("Profile name", FieldKind::Text));
    assert_eq!(columns[2], ("Profile emails 0 address", FieldKind::Text));
    assert_eq!(columns[3], ("Profile address city", FieldKind::Text));

    let row = directory.find_user("1").await.unwrap().expect("she is there");
    let cells: Vec<Option<&str>> = row.cells.iter().map(Option::as_deref).collect();
    let odd = r#"it's "odd" \ here"#;
    assert_eq!(
        cells,
        [Some("1"), Some("Ada Lovelace"), Some("Ada@example.com"), Some("London"), Some(odd), Some("42")]
    );
    let user = info.user_context(&row);
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["profile"]["address"]["city"], "London");
    assert_eq!(user["profile"]["name"], "Ada Lovelace");
    let nothing = directory.find_user("4").await.unwrap().expect("it is there");
    assert_eq!(nothing.cells[1..], [None, None, None, None, None]);
    assert_eq!(directory.find_user("3").await.unwrap().expect("it is there").cells[1], None, "JSON's null");
    let whole = directory.find_user("5").await.unwrap().expect("it is there").cells[1].clone().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&whole).unwrap(), json!({ "first": "Adam" }));

    let found = async |text: &str| {
        let mut ids: Vec<String> =
            search(directory, &query(text)).await.rows.into_iter().map(|row| row.id).collect();
        ids.sort();
        ids.join(" ")
    };
    for (text, ids) in [
        ("ada", "1 2 5"),
        ("ADA", "1 2 5"),
        ("lovelace", "1"),
        ("byron ada", "2"),
        ("Zoë ångström", "6"),
        ("😀", "6"),
        ("profile.address.city:london", "1"),
        ("profile.address.city:none", "2 3 4 5"),
        ("-profile.address.city:london", "2 3 4 5 6"),
        ("profile->address->>city:ber*", "6"),
        ("profile.score:42", "1"),
        ("profile.name:lace", "1"),
        ("name:*", "1 2 5 6"),
        (r#"profile_odd_key:"it's \"odd\" \\ here""#, "1"),
    ] {
        assert_eq!(found(text).await, ids, "{text}");
    }
    let page = search(directory, &query("ADA@EXAMPLE.COM")).await;
    assert_eq!((page.rows[0].id.as_str(), page.how.tier), ("1", Tier::Email));
    for descending in [false, true] {
        let sort = Some(Sort { column: "profile->address->>city".into(), descending });
        let by_city = pages(directory, ListRequest { sort, limit: 2, ..query("") }).await;
        let ids: Vec<&str> = by_city.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
        let expected =
            if descending { ["1", "6", "5", "4", "3", "2"] } else { ["6", "1", "2", "3", "4", "5"] };
        assert_eq!(ids, expected);
    }
    assert_eq!(directory.count_users("ada", &CancellationToken::new()).await.unwrap().users, 3);
}

/// `plain` is a column of `config`'s table that holds no JSON, whatever its rows are.
pub async fn what_cannot_be_is_refused(
    config: &DirectoryConfig,
    plain: &str,
    password: Option<&secrecy::SecretString>,
) {
    let with = |change: &dyn Fn(&mut DirectoryConfig)| {
        let mut config = config.clone();
        change(&mut config);
        config
    };
    let path = |column: &str| format!("{column}->>name");
    for (config, said) in [
        (
            with(&|config| config.id = path("profile")),
            "directory.id: `profile->>name` is a value within JSON",
        ),
        (with(&|config| config.created_at = Some(path("profile"))), "directory.created_at: `profile->>name`"),
        (
            with(&|config| config.columns = vec![path("profil")]),
            "has no column `profil`. Did you mean `profile`?",
        ),
        (with(&|config| config.columns = vec![path(plain)]), "does not hold JSON"),
        (with(&|config| config.columns = vec!["profile->name".into()]), "has no column `profile->name`"),
    ] {
        let Err(error) = understudy_directory::open(&config, password).await else {
            panic!("{said}: it was opened")
        };
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
        assert!(error.message.contains(said) && error.hint.is_some(), "{error:?}");
    }
}
