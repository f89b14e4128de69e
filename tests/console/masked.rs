//! Values that a connection masks: hidden wherever users are shown, found by the whole value alone, and revealed on demand
//! and on record.

use understudy_core::arrangement::Arrangement;
use understudy_core::audit::reader::{EntryFilter, LogReader};
use understudy_core::check::TypedSecrets;
use understudy_core::directory::{ListRequest, MASKED_VALUE, Sort};
use understudy_core::error::{Code, Error};
use understudy_core::home::Home;

use crate::test_console::{Desk, replace_line};

const COLUMN: &str = "company_name";

async fn desk() -> Desk {
    let masked = "columns = [\"plan\", \"company_name\", \"role\"]\nmasked = [\"company_name\"]";
    Desk::with_connection(|text| replace_line(&text, "columns", masked)).await
}

async fn refused(desk: &Desk, text: &str, sort: Option<Sort>) -> Error {
    let request = ListRequest { sort, everywhere: true, ..ListRequest::first_page(text, 20) };
    let refused = desk.console.list_users("shop", &request, 0).await.expect_err("refused");
    assert_eq!(refused.code, Code::QueryInvalid, "{text}");
    refused
}

#[tokio::test]
async fn a_masked_value_is_shown_nowhere_until_it_is_revealed_which_is_recorded_first() {
    let desk = desk().await;
    let rows = desk.find("").await;
    let at = desk.console.directory_info("shop").await.expect("open").columns;
    let at = at.iter().position(|column| column.name == COLUMN && column.masked).expect("a masked column");
    let user = rows.iter().find(|row| row.cells[at].is_some()).expect("someone has a company").id.clone();
    let value = desk.console.reveal_value("shop", &user, COLUMN).await.expect("revealed").expect("a value");
    assert_ne!(value, MASKED_VALUE);

    let whole = format!("{COLUMN}:=\"{value}\"");
    let console = &desk.console;
    let found = console.list_users("shop", &ListRequest::first_page(&whole, 20), 0).await.expect("found");
    assert!(found.page.rows.iter().any(|row| row.id == user), "{found:?}");
    let pinned = Arrangement { pinned: vec![user.clone()], ..Arrangement::default() };
    console.save_arrangement("shop", pinned).expect("pinned");
    let shown = [
        serde_json::to_string(&found.page.rows),
        serde_json::to_string(&console.quick_search("shop", &whole, 0).await.expect("found").page.rows),
        serde_json::to_string(
            &console.look_up_users("shop", &whole, 0).await.expect("found").listed.page.rows,
        ),
        serde_json::to_string(&console.user_details("shop", &user).await.expect("shown")),
        serde_json::to_string(&console.familiar_users("shop").await.expect("shown")),
    ];
    for shown in shown {
        let shown = shown.expect("JSON");
        assert!(shown.contains(&user) && shown.contains(MASKED_VALUE), "{shown}");
        assert!(!shown.contains(&value), "{shown}");
    }

    let log = LogReader::open(&Home::in_folder(desk.home.path()).audit_file().expect("a path"))
        .await
        .expect("opens");
    let entries = log.read_after(&EntryFilter::default(), 0, 1_000).await.expect("readable");
    let revealed: Vec<_> = entries.iter().filter(|entry| entry.text("event") == "value_revealed").collect();
    assert_eq!(revealed.len(), 1);
    assert_eq!(revealed[0].describe(), COLUMN);
    assert!(!format!("{entries:?}").contains(&value), "the value is in the log");

    let held = desk.hold_audit_log().await;
    let refused = console.reveal_value("shop", &user, COLUMN).await.expect_err("unrecorded");
    assert!(
        refused.message.starts_with("The value stays hidden, because this could not be recorded."),
        "{refused}"
    );
    drop(held);
}

#[tokio::test]
async fn no_part_and_no_order_gives_a_masked_value_away() {
    let desk = desk().await;
    for text in [
        "company_name:a",
        "company_name:a*",
        "company_name:*a",
        "company_name:=Acme,b",
        "company_name:=Acme,=Globex",
        "-company_name:a",
    ] {
        let refused = refused(&desk, text, None).await;
        assert_eq!(
            refused.message, "“Company name” is masked, so it can only be searched by one whole value.",
            "{text}"
        );
        assert_eq!(
            refused.hint.as_deref(),
            Some("Type the whole value after an equals sign: company_name:=…")
        );
    }
    for descending in [false, true] {
        let refused = refused(&desk, "", Some(Sort { column: COLUMN.into(), descending })).await;
        assert_eq!(refused.message, "`company_name` is masked, so users can't be sorted by it.");
    }
    let typed = "company_name:=";
    let offered = desk.console.complete_search("shop", typed, typed.len()).await.expect("answered");
    let fixed = ["none", "*"];
    assert!(offered.iter().all(|one| fixed.contains(&one.label.as_str())), "{offered:?}");
    // Only what is masked can be revealed.
    let user = desk.find("").await.remove(0).id;
    for column in ["plan", "email", "password_hash"] {
        let refused = desk.console.reveal_value("shop", &user, column).await.expect_err("not masked");
        assert_eq!(refused.code, Code::QueryInvalid, "{column}");
    }
}

#[tokio::test]
async fn neither_a_check_nor_an_unsaved_change_shows_a_masked_value() {
    let desk = desk().await;
    let mut hidden = Vec::new();
    for row in desk.find("").await.iter().take(10) {
        hidden.extend(desk.console.reveal_value("shop", &row.id, COLUMN).await.expect("revealed"));
    }
    assert!(!hidden.is_empty());
    let draft = desk.console.read_draft("shop").expect("it is saved");
    // A template shows it, and the form masks it no longer.
    let redirect = draft.text.lines().find(|line| line.starts_with("redirect_to")).expect("where it begins");
    let templated = redirect.trim_end_matches('"').to_owned() + "?company={{ user.company_name }}\"";
    let text = replace_line(&draft.text, "redirect_to", &templated);
    let open = text.replace("masked = [\"company_name\"]\n", "");
    assert_ne!(open, text);
    let mut part = draft.file.expect("it is valid").directory;
    part.masked.clear();
    let preview =
        desk.console.preview_users(Some("shop"), &part, &TypedSecrets::new(), 1).await.expect("opens");
    let mut shown = vec![serde_json::to_string(&preview.rows).expect("JSON")];
    for text in [text, open] {
        let report = desk.console.check_connection(Some("shop"), &text, TypedSecrets::new()).await;
        let report = report.expect("a report");
        assert!(report.ok, "{report:?}");
        shown.push(serde_json::to_string(&report).expect("JSON"));
    }
    assert!(shown[1].contains("?company="), "{}", shown[1]);
    for shown in shown {
        assert!(shown.contains(MASKED_VALUE), "{shown}");
        for value in &hidden {
            let spelt = value.replace(' ', "%20");
            assert!(!shown.contains(value) && !shown.contains(&spelt), "{value}: {shown}");
        }
    }
}
