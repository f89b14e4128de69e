//! Which file counts for an ID: the one that IT handed out, or the operator's own. A file from IT is only used if no
//! other account could have put it there.

use std::path::{Path, PathBuf};

use super::{Connections, no_such_connection};
use crate::connection::ConnectionSource;
use crate::connection::parse::is_id;
use crate::error::{Code, Error, Result};
use crate::trust;

impl Connections {
    /// Whether what is at `path` comes from IT. Fails if other accounts could have put it there, or if that cannot be
    /// determined.
    pub(super) fn check_handed_out(&self, path: &Path) -> Result<bool> {
        match std::fs::symlink_metadata(path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(cause) => return Err(Error::for_file("look at", path, cause)),
            Ok(_) => {}
        }
        trust::only_changed_by(self.home.system_is_put_by(), path).map(|()| true).map_err(|why| {
            Error::new(
                Code::ConnectionLocked,
                format!("Connections handed out by IT are not used from {}: {why}.", path.display()),
            )
            .with_hint("Only administrators should be able to write there and to every folder above it. Ask IT to fix this.")
        })
    }

    /// A file from IT must really come from IT; the operator's own file is not used if IT may have handed out another
    /// one with its name.
    pub(super) fn may_be_used(&self, source: ConnectionSource, id: &str, path: &Path) -> Result<()> {
        if source == ConnectionSource::System {
            return self.check_handed_out(path).map(drop);
        }
        let system = self.home.system_connections_dir();
        match std::fs::symlink_metadata(system.join(format!("{id}.toml"))) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound && self.check_handed_out(system).is_ok() => {
                Err(Error::new(
                    Code::ConnectionLocked,
                    format!("{id}.toml: not used, because IT may have handed out another connection of this name: {cause}."),
                )
                .with_hint(format!("Ask IT to let you read {}.", system.display())))
            }
            _ => Ok(()),
        }
    }

    /// The file that is in use for this ID.
    pub(super) fn find_file(&self, id: &str) -> Result<(ConnectionSource, PathBuf)> {
        // The ID may come from the UI: only a valid one may become part of a path.
        if is_id(id) {
            let folder = self.home.system_connections_dir();
            let system = folder.join(format!("{id}.toml"));
            // A folder that others can change is ignored.
            if matches!(self.check_handed_out(folder), Ok(true)) && system.symlink_metadata().is_ok() {
                self.check_handed_out(&system)?;
                return Ok((ConnectionSource::System, system));
            }
            let own = self.own_path(id)?;
            if own.exists() {
                self.may_be_used(ConnectionSource::Own, id, &own)?;
                return Ok((ConnectionSource::Own, own));
            }
        }
        Err(no_such_connection(id, &self.ids()))
    }

    pub(super) fn find_own(&self, id: &str) -> Result<PathBuf> {
        match self.find_file(id)? {
            (ConnectionSource::Own, path) => Ok(path),
            _ => Err(Error::new(
                Code::ConnectionLocked,
                format!("The connection `{id}` was handed out by IT and cannot be changed here."),
            )
            .with_hint("Duplicate it to have your own copy.")),
        }
    }
}
