//! Pasted texts: a whole email or ticket leads to its user. Their orders are in `related.rs`, for every engine.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;
use understudy_directory::{Directory, DirectoryCode, DirectoryConfig, Page, PastedText};

use crate::story::{query, search};

const ADA: &str = "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11";

async fn opened(folder: &tempfile::TempDir) -> std::sync::Arc<dyn Directory> {
    let path = folder.path().join("users.sqlite");
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    let script = format!(
        "CREATE TABLE users (id TEXT PRIMARY KEY, full_name TEXT, email TEXT, phone TEXT, iban TEXT);
         INSERT INTO users VALUES
             ('{ADA}', 'Ada Lovelace', 'ada@acme.test', '+49 (0)30 555-12 34', 'GB29NWBK60161331926819'),
             ('b-2', 'Bob Hale', 'bob@acme.test', '0171 5550000', 'DE89370400440532013000'),
             ('c-3', 'Cleo 700016', 'cleo@acme.test', NULL, NULL);"
    );
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let config = DirectoryConfig {
        table: "users".into(),
        created_at: None,
        columns: vec!["phone".into(), "iban".into()],
        masked: vec!["iban".into()],
        search: Some(vec!["email".into(), "full_name".into(), "phone".into()]),
        ..crate::build_config(url)
    };
    understudy_directory::open(&config, None).await.unwrap()
}

fn names(page: &Page) -> Vec<&str> {
    page.rows.iter().filter_map(|row| row.cells[1].as_deref()).collect()
}

fn taken(page: &Page) -> Option<&str> {
    page.pasted.as_ref().expect("it was read as a pasted text").taken.as_deref()
}

#[tokio::test]
async fn a_pasted_text_leads_to_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let directory = opened(&folder).await;
    for (text, name, by) in [
        (
            "From: Support <bob@elsewhere.test>\nTo: ADA@ACME.TEST\n\nSee below.",
            "Ada Lovelace",
            "ADA@ACME.TEST",
        ),
        ("From: Bob <bob@acme.test>\nTo: ada@acme.test\n\nHello", "Bob Hale", "bob@acme.test"),
        (
            "Hello,\nmy account is 0B5A2A3E6F0E4A569F3C5D1A9F1F7C11.",
            "Ada Lovelace",
            "0B5A2A3E6F0E4A569F3C5D1A9F1F7C11",
        ),
        ("I called you on 2026-01-12 from +49 30 5551234.\nWhy?", "Ada Lovelace", "+49 30 5551234"),
        ("Please call me back. 0171/555 0000\nBob", "Bob Hale", "0171/555 0000"),
        ("Open https://admin.acme.test/users/b-2/edit please.\nThanks", "Bob Hale", "b-2"),
    ] {
        let page = search(&*directory, &query(text)).await;
        assert_eq!((names(&page), taken(&page)), (vec![name], Some(by)), "{text}");
        let count = directory.count_users(text, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, 1, "{text}");
    }
    directory.close().await;
}

#[tokio::test]
async fn no_part_of_a_value_and_no_masked_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let directory = opened(&folder).await;
    for (text, looked_for) in [
        // What begins or ends like it, or is a part of it.
        ("da@acme.test is me.\nCleo or 700016?", &["da@acme.test", "700016"][..]),
        ("Bank: DE89 3704 0044 0532 0130 00\nThanks", &["DE89 3704 0044 0532 0130 00"]),
        ("Bank: DE89370400440532013000\nor 37040044", &["DE89370400440532013000", "37040044"]),
        ("No one is named here.\nReally.", &[]),
    ] {
        // Where there is nothing to look for, a short text is searched for as it stands.
        let pasted = (!looked_for.is_empty()).then(|| PastedText {
            taken: None,
            looked_for: looked_for.iter().map(|&text| text.to_owned()).collect(),
        });
        let page = search(&*directory, &query(text)).await;
        assert_eq!((names(&page), &page.pasted), (vec![], &pasted), "{text}");
        let count = directory.count_users(text, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, 0, "{text}");
    }
    directory.close().await;
}

#[tokio::test]
async fn a_search_means_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let directory = opened(&folder).await;
    for (text, found) in [
        ("cleo 700016", &["Cleo 700016"][..]),
        // Each of its words is in the user.
        ("Cleo 700016 cleo@acme.test c e", &["Cleo 700016"]),
        ("ada@acme.test bob@acme.test id:=b-2 and some more words", &["Bob Hale"]),
        ("phone:=\"0171 5550000\"", &["Bob Hale"]),
    ] {
        let page = search(&*directory, &query(text)).await;
        assert_eq!((names(&page), &page.pasted), (found.to_vec(), &None), "{text}");
    }
    directory.close().await;
}

#[tokio::test]
async fn a_long_text_is_read_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let directory = opened(&folder).await;
    let filler = "Lorem ipsum dolor sit amet. ".repeat(3_500);
    let page = search(&*directory, &query(&format!("{filler}ada@acme.test"))).await;
    assert_eq!(names(&page), ["Ada Lovelace"]);
    let page = search(&*directory, &query(&filler)).await;
    assert_eq!((names(&page), &page.pasted), (vec![], &Some(PastedText::default())));
    let cancel = CancellationToken::new();
    for answer in [
        directory.search_users(&query(&filler.repeat(2)), &cancel).await.map(drop),
        directory.count_users(&filler.repeat(2), &cancel).await.map(drop),
    ] {
        let error = answer.unwrap_err();
        assert_eq!(error.code, DirectoryCode::QueryInvalid);
        assert!(error.message.contains("100,000") && error.hint.is_some(), "{error}");
    }
    cancel.cancel();
    let error = directory.search_users(&query("Who is ada@acme.test?\nThanks"), &cancel).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Cancelled);
    directory.close().await;
}
