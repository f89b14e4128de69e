//! A log whose file is replaced while its console runs is not taken for one that was sent.

use std::path::Path;

use understudy_core::audit::AuditLog;
use understudy_core::error::Error;
use understudy_core::team_log::{TeamDatabase, TeamLog, find_last_shipped};

use super::desk::{Desk, begun, wait_for, write};
use super::{DATABASE, start_server};

/// Why nothing may begin.
async fn refusal(log: &AuditLog, sending: &TeamLog) -> Error {
    let written = log.append(begun(&uuid::Uuid::now_v7().to_string(), "ada")).await.unwrap();
    sending.await_required(&written).await.unwrap_err()
}

#[tokio::test]
async fn after_an_older_copy_is_put_back_nothing_begins_and_that_is_said() {
    // As `mv` and as `cp` put it back.
    for put_back in
        [(|copy: &Path, log: &Path| std::fs::rename(copy, log).unwrap()) as fn(&Path, &Path), |copy, log| {
            std::fs::copy(copy, log).unwrap();
        }]
    {
        let server = start_server();
        let ada = Desk::new(&server).await;
        let adas = ada.open().await;
        let sending = ada.ship_if(&adas, true);
        write(&adas, "ada", 0..3).await;
        let copy = ada.folder().join("copy");
        std::fs::copy(ada.path(), &copy).unwrap();
        write(&adas, "ada", 3..6).await;
        wait_for(&sending, |state| state.shipped == 6).await;
        assert_eq!(sending.find_shipped().await.unwrap(), 6);

        put_back(&copy, &ada.path());
        let says = refusal(&adas, &sending).await;
        assert!(
            says.message.contains("has 6 entries of this computer's audit log, which has fewer"),
            "{says}"
        );
        assert_eq!(sending.find_shipped().await.unwrap(), 0, "retention must not take it for sent");
        wait_for(&sending, |state| state.is_contradictory).await;
        // Once it has as many entries, they are others.
        write(&adas, "eve", 10..14).await;
        let is_another =
            |says: &Error| says.message.contains("Entry 6 of this computer's audit log is another one");
        wait_for(&sending, |state| state.problem.as_ref().is_some_and(is_another)).await;
        let says = refusal(&adas, &sending).await;
        assert!(is_another(&says), "{says}");
        let database = TeamDatabase::open(&ada.url, &ada.vault).await.unwrap();
        find_last_shipped(&database, &adas).await.unwrap_err();
        let there = server.sql(DATABASE, "SELECT count(*), max(entry ->> 'os_user') FROM understudy.entries");
        assert_eq!(there, "6|ada");
    }
}

#[tokio::test]
async fn another_log_in_its_place_is_said_and_the_own_one_goes_on_once_it_is_back() {
    let server = start_server();
    let (ada, eve) = (Desk::new(&server).await, Desk::new(&server).await);
    let adas = ada.open().await;
    let sending = ada.ship_if(&adas, true);
    write(&adas, "ada", 0..5).await;
    wait_for(&sending, |state| state.shipped == 5).await;
    write(&eve.open().await, "eve", 0..1).await;

    let away = ada.folder().join("away");
    std::fs::rename(ada.path(), &away).unwrap();
    std::fs::rename(eve.path(), ada.path()).unwrap();
    let says = refusal(&adas, &sending).await;
    assert!(says.message.contains("Another log has taken the place"), "{says}");
    assert_eq!(sending.find_shipped().await.unwrap(), 0);
    assert_eq!(server.sql(DATABASE, "SELECT count(*) FROM understudy.entries"), "5");

    std::fs::rename(&away, ada.path()).unwrap();
    write(&adas, "ada", 5..6).await;
    wait_for(&sending, |state| state.shipped == 6 && state.problem.is_none()).await;
    sending.await_required(&adas.latest_entry()).await.unwrap();
    assert_eq!(server.sql(DATABASE, "SELECT count(*) FROM understudy.entries"), "6");
}
