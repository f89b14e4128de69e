//! The connection that a command names: a file, or one that was added.

use std::path::Path;

use understudy_core::connection::{Connection, Connections, DEMO, id_for, is_id, read_file};
use understudy_core::destination::Destination;
use understudy_core::error::{Code, Error, Result};
use understudy_core::home::Home;
use understudy_core::secrets::way_in;
use understudy_files::regular_file;

use super::output::shorten_input;

/// What `check` is to check.
pub struct NamedConnection {
    /// The name under which its secrets are stored.
    pub id: String,
    pub text: String,
    /// The added connection with that name, if any.
    pub saved: Option<Connection>,
    /// Whether this is that connection, and not another file with the same name.
    pub is_added: bool,
}

impl NamedConnection {
    pub fn find_connection(home: &Home, file: &Path) -> Result<Self> {
        let saved_as =
            |id: &str| Connections::new(home.clone()).load_all().0.into_iter().find(|one| one.id == id);
        // A folder may have the same name as a connection.
        if file.exists() && !file.is_dir() {
            let text = regular_file::read_text(file, regular_file::OF_SETTINGS)?;
            let id = id_as_added(home, file, &text);
            let saved = saved_as(&id);
            let own = saved.as_ref().and_then(|saved| saved.path.as_ref()?.canonicalize().ok());
            let is_added = own.is_some() && own == file.canonicalize().ok();
            return Ok(Self { id, text, saved, is_added });
        }
        let id = file.to_string_lossy().into_owned();
        let text = text_of(home, &id).map_err(|error| match error.code {
            Code::ConnectionUnknown => Error {
                message: format!("`{}` is neither a file nor a connection.", shorten_input(&id)),
                ..error
            },
            _ => error,
        })?;
        let saved = saved_as(&id);
        Ok(Self { id, text, saved, is_added: true })
    }

    /// Whether the saved connection runs the same commands for the same destination. That is not the operator's
    /// consent: the file may have changed since.
    pub fn is_saved_way_in(&self, destination: &Destination) -> bool {
        let saved = self.saved.as_ref().and_then(way_in);
        saved.is_some_and(|(_, saved)| saved == *destination)
    }
}

/// The name that `add` would give a file, under which its secrets are stored.
fn id_as_added(home: &Home, file: &Path, text: &str) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if is_id(&stem) && stem != DEMO {
        return stem;
    }
    let name = read_file(&stem, text).map_or(stem, |file| file.name);
    // A file's content must not choose whose stored secrets it gets.
    let connections = Connections::new(home.clone());
    id_for(&name, |id| id == DEMO || connections.read_draft(id).is_ok())
}

/// The file of a connection that was added.
pub fn text_of(home: &Home, id: &str) -> Result<String> {
    let connections = Connections::new(home.clone());
    match connections.read_draft(id) {
        Ok(draft) => Ok(draft.text),
        Err(error) if error.code == Code::ConnectionUnknown => {
            let known = connections.ids();
            let meant = error.hint.as_deref().filter(|hint| hint.starts_with("Did you mean"));
            let meant = meant.map(|hint| format!("{hint} ")).unwrap_or_default();
            let next = match known.as_slice() {
                [] => "There are no connections yet. Add one: understudy add FILE".to_owned(),
                known => {
                    format!("{meant}Connections: {}. Add another: understudy add FILE", known.join(", "))
                }
            };
            Err(error.with_hint(next))
        }
        Err(error) => Err(error),
    }
}
