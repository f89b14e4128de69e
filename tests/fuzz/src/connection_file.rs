//! Connection files.

use understudy_core::connection::{Connection, ConnectionSource, read_file, write_into};
use understudy_core::error::Result;

use crate::{CANARY, as_shown, knows_secret};

fn parse(text: &str) -> Result<Connection> {
    Connection::parse("acme", text, ConnectionSource::Own, None)
}

pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    if knows_secret(input) {
        return false;
    }
    check_password(text);
    match parse(text) {
        Ok(connection) => {
            check_writing(text, &connection);
            true
        }
        Err(error) => {
            let lines = text.lines().count() + 1;
            for fault in &error.faults {
                assert!((1..=lines).contains(&(fault.line as usize)) && fault.column > 0, "{fault:?}");
            }
            assert!(!error.message.is_empty());
            false
        }
    }
}

/// What is written is what is read, and what says the same already is not changed.
fn check_writing(text: &str, connection: &Connection) {
    assert_eq!(write_into(Some(text), &connection.file).ok().as_deref(), Some(text));
    let fresh = write_into(None, &connection.file).expect("what was read can be written");
    assert_eq!(read_file("acme.toml", &fresh).ok().as_ref(), Some(&connection.file), "{fresh}");
    let again = parse(&fresh).unwrap_or_else(|error| panic!("{error}\n{fresh}"));
    assert_eq!(again.sign_in.origin, connection.sign_in.origin);
    assert_eq!(again.sign_in.block, connection.sign_in.block);
    let mut renamed = connection.file.clone();
    renamed.name = "Another \"name\" # of = it".into();
    let edited = write_into(Some(text), &renamed).expect("a name can be changed");
    assert_eq!(read_file("acme.toml", &edited).ok().as_ref(), Some(&renamed), "{edited}");
}

/// Whatever else a file says, a password in the database's URL is refused, and not repeated.
fn check_password(text: &str) {
    let Ok(mut file) = toml::from_str::<toml::Table>(text) else { return };
    let Some(directory) = file.get_mut("directory").and_then(toml::Value::as_table_mut) else { return };
    directory.insert("url".into(), format!("postgres://reader:{CANARY}@db.example/acme").into());
    let Ok(text) = toml::to_string(&file) else { return };
    let error = parse(&text).expect_err("a password in the file is refused");
    assert!(!as_shown(&error).contains(CANARY), "{error}");
}
