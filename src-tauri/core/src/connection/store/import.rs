//! Adds a connection file from elsewhere: under its own name, or in the place of one that is there.

use std::path::Path;

use super::{Connections, DEMO, read_text, write_connection};
use crate::connection::parse::{id_for, is_id, read_file};
use crate::connection::{Connection, ConnectionSource};
use crate::error::{Code, Error, Result};

/// The outcome of adding a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddOutcome {
    Added,
    /// It replaced the connection with the same ID.
    Replaced,
    /// The same file had already been added.
    Unchanged,
}

impl Connections {
    /// Copies a file to the operator's folder, under its own name or, if that is not a valid ID, under one made from
    /// the connection's name. Adding the same file again changes nothing.
    pub fn add(&self, path: &Path) -> Result<(Connection, AddOutcome)> {
        let (id, text, connection) = Self::read_import(path)?;
        match self.find_file(&id) {
            Err(error) if error.code == Code::ConnectionUnknown => {
                Ok((write_connection(&id, &self.own_path(&id)?, &text)?, AddOutcome::Added))
            }
            Err(error) => Err(error),
            Ok((ConnectionSource::Own, taken)) if read_text(&taken).is_ok_and(|old| old == text) => {
                Ok((Connection { path: Some(taken), ..connection }, AddOutcome::Unchanged))
            }
            Ok((_, taken)) => Err(Error::new(
                Code::ConnectionInvalid,
                format!("There is already a connection `{id}`: {}.", taken.display()),
            )
            .with_hint(format!(
                "Rename your file to add it beside that one, or replace that one: understudy add --replace {}",
                path.display()
            ))),
        }
    }

    /// Like [`Self::add`], but replaces an existing connection with the same ID. Stored secrets keep their
    /// destinations.
    pub fn replace(&self, path: &Path) -> Result<(Connection, AddOutcome)> {
        let (id, text, _) = Self::read_import(path)?;
        match self.find_file(&id) {
            Err(error) if error.code == Code::ConnectionUnknown => self.add(path),
            _ => {
                let own = self.find_own(&id)?;
                let is_same = read_text(&own).is_ok_and(|old| old == text);
                let outcome = if is_same { AddOutcome::Unchanged } else { AddOutcome::Replaced };
                Ok((write_connection(&id, &own, &text)?, outcome))
            }
        }
    }

    /// Reads a file from elsewhere, with the ID it would get here.
    fn read_import(path: &Path) -> Result<(String, String, Connection)> {
        let text = read_text(path)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let id = if is_id(&stem) && stem != DEMO {
            stem
        } else {
            // Faults name the file by the name the user knows.
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            id_for(&read_file(&name, &text)?.name, |id| id == DEMO)
        };
        let connection = Connection::parse(&id, &text, ConnectionSource::Own, Some(path.to_path_buf()))?;
        Ok((id, text, connection))
    }
}
