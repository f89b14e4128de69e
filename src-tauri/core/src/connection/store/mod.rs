//! The connection files, the operator's own and IT's: read, saved, copied, removed. Secrets are kept elsewhere, in the
//! vault, under the connection's ID.
//!
//! `handed_out` decides which file counts for an ID, `import` adds files from elsewhere.

mod handed_out;
mod import;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use understudy_files::regular_file;

use super::parse::{id_for, is_id, read_file};
use super::{Connection, ConnectionDraft, ConnectionProblem, ConnectionSource, write_into};
use crate::directory::find_closest_names;
use crate::error::{Code, Error, Result};
use crate::home::{Home, write_private};
use crate::sanitize;

pub use import::AddOutcome;

/// An unknown ID is quoted in an error up to this many characters.
const MOST_OF_AN_ID: usize = 100;

/// The ID of the demo's connection while it runs. No file may have it.
pub const DEMO: &str = "demo";

/// `known` are the ids that there are.
pub fn no_such_connection(id: &str, known: &[String]) -> Error {
    let error = Error::new(
        Code::ConnectionUnknown,
        format!("There is no connection `{}`.", sanitize::sanitize_line(id, MOST_OF_AN_ID)),
    );
    match find_closest_names(id, known.iter().map(String::as_str)) {
        Some(close) if close != id => error.with_hint(format!("Did you mean `{close}`?")),
        _ => error.with_hint("It may have been removed or renamed; `understudy add FILE` adds one."),
    }
}

/// The two folders of connection files.
#[derive(Debug, Clone)]
pub struct Connections {
    home: Home,
}

impl Connections {
    pub fn new(home: Home) -> Self {
        Self { home }
    }

    /// All connections by name, and the files that cannot be used. A file from IT wins over the operator's own with the
    /// same ID, so that a copy cannot override what IT hands out.
    pub fn load_all(&self) -> (Vec<Connection>, Vec<ConnectionProblem>) {
        let mut connections: Vec<Connection> = Vec::new();
        let mut problems = Vec::new();
        let own_folder = self.home.connections_dir();
        if let Err(error) = &own_folder {
            problems.push(to_problem("", &PathBuf::new(), error));
        }
        for folder in self.home.open_to_others() {
            problems.push(to_problem("", &folder, &open_to_others(&folder)));
        }
        let system = self.home.system_connections_dir();
        let of_system = match self.check_handed_out(system) {
            Ok(true) => list_files(ConnectionSource::System, system),
            Ok(false) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let mut found = of_system.unwrap_or_else(|error| {
            problems.push(to_problem("", system, &error));
            Vec::new()
        });
        let handed_out: BTreeSet<String> = found.iter().map(|(_, id, _)| id.clone()).collect();
        if let Ok(folder) = &own_folder {
            match list_files(ConnectionSource::Own, folder) {
                Ok(own) => found.extend(own),
                Err(error) => problems.push(to_problem("", folder, &error)),
            }
        }
        for (source, id, path) in found {
            if source == ConnectionSource::Own && handed_out.contains(&id) {
                let error = Error::new(
                    Code::ConnectionLocked,
                    format!("{id}.toml: not used, because IT handed out a connection of this name."),
                )
                .with_hint("Rename the file to keep both, or remove it.");
                problems.push(to_problem(&id, &path, &error));
                continue;
            }
            let parsed = self
                .may_be_used(source, &id, &path)
                .and_then(|()| read_text(&path))
                .and_then(|text| Connection::parse(&id, &text, source, Some(path.clone())));
            match parsed {
                Ok(connection) => connections.push(connection),
                Err(error) => problems.push(to_problem(&id, &path, &error)),
            }
        }
        connections.sort_by_cached_key(|one| (one.file.name.to_lowercase(), one.id.clone()));
        (connections, problems)
    }

    /// Opens a connection for editing, even if it is not valid.
    pub fn read_draft(&self, id: &str) -> Result<ConnectionDraft> {
        let (source, path) = self.find_file(id)?;
        Ok(to_draft(id, read_text(&path)?, source))
    }

    /// Opens a file from anywhere, for a new connection.
    pub fn draft_file(path: &Path) -> Result<ConnectionDraft> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let id = if is_id(&stem) { stem.as_str() } else { "connection" };
        Ok(to_draft(id, read_text(path)?, ConnectionSource::Own))
    }

    /// Saves a text that is a valid connection. Without an `id`, it becomes a new connection, whose ID is made from its
    /// name.
    ///
    /// Fails with [`Code::ConnectionInvalid`], with [`Code::ConnectionLocked`] if the connection comes from IT, and
    /// with [`Code::ConnectionUnknown`]; the file is then unchanged.
    pub fn save(&self, id: Option<&str>, text: &str) -> Result<Connection> {
        let (id, path) = match id {
            Some(id) => (id.to_owned(), self.find_own(id)?),
            None => self.find_free_path(&read_file("the connection", text)?.name)?,
        };
        write_connection(&id, &path, text)
    }

    /// Hides the file from the list in a way that can be undone. Removing the connection's secrets is up to the caller.
    pub fn set_aside(&self, id: &str) -> Result<SetAsideFile> {
        let path = self.find_own(id)?;
        // Neither a file with a leading dot nor one with this extension is a connection.
        let aside = path.with_file_name(format!(".{id}.removed"));
        std::fs::rename(&path, &aside).map_err(|cause| Error::for_file("remove", &path, cause))?;
        Ok(SetAsideFile { path, aside })
    }

    /// Makes a copy that belongs to the operator: "Acme copy". Secrets are not copied.
    pub fn duplicate(&self, id: &str) -> Result<Connection> {
        let (source, path) = self.find_file(id)?;
        let text = read_text(&path)?;
        let mut file = Connection::parse(id, &text, source, Some(path))?.file;
        let names: BTreeSet<String> = self.load_all().0.into_iter().map(|one| one.file.name).collect();
        let copy = format!("{} copy", file.name);
        file.name = std::iter::once(copy.clone())
            .chain((2..=u32::MAX).map(|number| format!("{copy} {number}")))
            .find(|name| !names.contains(name))
            .expect("numbers do not run out");
        let (id, path) = self.find_free_path(&file.name)?;
        write_connection(&id, &path, &write_into(Some(&text), &file)?)
    }

    /// Writes the file to another place, for a colleague. It contains no secrets.
    pub fn export(&self, id: &str, to: &Path) -> Result<()> {
        let text = read_text(&self.find_file(id)?.1)?;
        std::fs::write(to, text).map_err(|cause| Error::for_file("write", to, cause))
    }

    fn own_path(&self, id: &str) -> Result<PathBuf> {
        Ok(self.home.connections_dir()?.join(format!("{id}.toml")))
    }

    /// The ids of all files, whether they can be used or not.
    pub fn ids(&self) -> Vec<String> {
        let own = self.home.connections_dir().and_then(|folder| list_files(ConnectionSource::Own, &folder));
        let system = list_files(ConnectionSource::System, self.home.system_connections_dir());
        let found = own.into_iter().chain(system).flatten();
        let ids: BTreeSet<String> = found.map(|(_, id, _)| id).filter(|id| !id.is_empty()).collect();
        ids.into_iter().collect()
    }

    fn is_free(&self, id: &str) -> bool {
        self.find_file(id).is_err_and(|error| error.code == Code::ConnectionUnknown)
    }

    fn find_free_path(&self, name: &str) -> Result<(String, PathBuf)> {
        let id = id_for(name, |id| id == DEMO || !self.is_free(id));
        let path = self.own_path(&id)?;
        Ok((id, path))
    }
}

/// A connection's file that is about to be removed.
#[must_use]
pub struct SetAsideFile {
    path: PathBuf,
    aside: PathBuf,
}

impl SetAsideFile {
    pub fn put_back(self) -> Result<()> {
        std::fs::rename(&self.aside, &self.path)
            .map_err(|cause| Error::for_file("put back", &self.path, cause))
    }

    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.aside).map_err(|cause| Error::for_file("remove", &self.aside, cause))
    }
}

fn write_connection(id: &str, path: &Path, text: &str) -> Result<Connection> {
    let connection = Connection::parse(id, text, ConnectionSource::Own, Some(path.to_path_buf()))?;
    write_private(path, text)?;
    Ok(connection)
}

fn to_draft(id: &str, text: String, source: ConnectionSource) -> ConnectionDraft {
    let file = read_file("the connection", &text).ok();
    let problem = Connection::parse(id, &text, source, None).err();
    ConnectionDraft { text, file, problem, source }
}

/// IDs and paths of the `.toml` files in a folder, sorted by name; none if there is no folder.
fn list_files(source: ConnectionSource, folder: &Path) -> Result<Vec<(ConnectionSource, String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(Error::for_file("read the folder", folder, cause)),
    };
    let mut files: Vec<(ConnectionSource, String, PathBuf)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some((source, path.file_stem()?.to_string_lossy().into_owned(), path)))
        .filter(|(_, id, _)| !id.starts_with('.'))
        .collect();
    files.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    Ok(files)
}

fn open_to_others(folder: &Path) -> Error {
    Error::new(
        Code::FileFailed,
        format!("Others can write to {}, so they can change what Understudy reads there.", folder.display()),
    )
    .with_hint(format!("Remove that access: chmod go-w {}", folder.display()))
}

fn read_text(path: &Path) -> Result<String> {
    Ok(regular_file::read_text(path, regular_file::OF_SETTINGS)?)
}

fn to_problem(id: &str, path: &Path, error: &Error) -> ConnectionProblem {
    ConnectionProblem {
        id: id.to_owned(),
        path: path.display().to_string(),
        message: error.to_string(),
        faults: error.faults.clone(),
    }
}
