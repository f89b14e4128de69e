//! How errors read: a snapshot with one of each kind, as people see them.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use super::{Error, Result};
use crate::connection::{Connection, ConnectionSource, DATABASE_PASSWORD, no_such_connection};
use crate::destination::{Destination, Moved, MovedSecret};
use crate::directory::{DirectoryCode, DirectoryError};
use crate::secrets::WAY_IN;

fn moved(names: &[&str], is_known: bool) -> Error {
    let place = || Destination { print: "1".into(), facts: Vec::new() };
    let stored_for = is_known.then(place);
    let secret =
        |name: &&str| MovedSecret { name: (*name).into(), stored_for: stored_for.clone(), now: place() };
    Error::moved(Moved { connection: "acme".into(), secrets: names.iter().map(secret).collect() })
}

fn parsed(changed: &str, to: &str) -> Result<Connection> {
    let text = "name = 'Acme'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///users.sqlite'\ntable = 'users'\n\
                id = 'id'\n[sign_in]\nurl = 'https://acme.example/login'\n";
    Connection::parse("acme", &text.replace(changed, to), ConnectionSource::Own, None)
}

#[test]
fn every_kind_of_sentence() {
    let known = ["acme".to_owned(), "beta".to_owned()];
    let refused =
        DirectoryError::new(DirectoryCode::Refused, "The database refuses the password of `reader`.")
            .with_hint("Check it, then store it again.")
            .with_statement("GRANT SELECT ON users TO reader")
            .with_details("28P01");
    let told: Vec<String> = [
        ("a fault of ours", Error::internal("the shelf is empty")),
        ("a file", Error::for_file("write", Path::new("acme.toml"), ErrorKind::PermissionDenied.into())),
        ("a full disk", Error::for_file("write", Path::new("acme.toml"), ErrorKind::StorageFull.into())),
        ("no connection, and one like it", no_such_connection("amce", &known)),
        ("no connection at all", no_such_connection("shop", &[])),
        ("a secret that moved", moved(&["admin_token"], true)),
        ("secrets that moved", moved(&["admin_token", DATABASE_PASSWORD], true)),
        ("a secret without a place", moved(&["admin_token"], false)),
        ("secrets without a place", moved(&["admin_token", DATABASE_PASSWORD], false)),
        ("a program that changed", moved(&[WAY_IN], true)),
        ("a program that was never allowed", moved(&[WAY_IN], false)),
        ("a database's", refused.into()),
        ("an unknown key", parsed("table", "tabel").unwrap_err()),
        ("a wrong value", parsed("https", "http").unwrap_err()),
    ]
    .map(|(kind, error)| format!("# {kind}\n{error}"))
    .into();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_lacks() {
    let error = Error::out_of_resources("ask the keyring", IoError::from_raw_os_error(11));
    insta::assert_snapshot!(format!("{error:#}"));
}
