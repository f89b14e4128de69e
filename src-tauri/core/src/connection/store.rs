//! The connection files, the operator's own and IT's: read, saved, copied, removed. Secrets are kept elsewhere, in the
//! vault, under the connection's ID.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::parse::{id_for, is_id, read_file};
use super::{Connection, ConnectionDraft, ConnectionProblem, ConnectionSource, write_into};
use crate::directory::find_closest_names;
use crate::error::{Code, Error, Result};
use crate::home::{Home, write_private};
use crate::sanitize;
use crate::trust;
use understudy_files::regular_file;

/// An unknown ID is quoted in an error up to this many characters.
const MOST_OF_AN_ID: usize = 100;

/// The ID of the demo's connection while it runs. No file may have it.
pub const DEMO: &str = "demo";

/// The outcome of adding a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddOutcome {
    Added,
    /// It replaced the connection with the same ID.
    Replaced,
    /// The same file had already been added.
    Unchanged,
}

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

    fn own_path(&self, id: &str) -> Result<PathBuf> {
        Ok(self.home.connections_dir()?.join(format!("{id}.toml")))
    }

    /// Whether what is at `path` comes from IT. Fails if other accounts could have put it there, or if that cannot be
    /// determined.
    fn check_handed_out(&self, path: &Path) -> Result<bool> {
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
    fn may_be_used(&self, source: ConnectionSource, id: &str, path: &Path) -> Result<()> {
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
    fn find_file(&self, id: &str) -> Result<(ConnectionSource, PathBuf)> {
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

    /// The ids of all files, whether they can be used or not.
    pub fn ids(&self) -> Vec<String> {
        let own = self.home.connections_dir().and_then(|folder| list_files(ConnectionSource::Own, &folder));
        let system = list_files(ConnectionSource::System, self.home.system_connections_dir());
        let found = own.into_iter().chain(system).flatten();
        let ids: BTreeSet<String> = found.map(|(_, id, _)| id).filter(|id| !id.is_empty()).collect();
        ids.into_iter().collect()
    }

    fn find_own(&self, id: &str) -> Result<PathBuf> {
        match self.find_file(id)? {
            (ConnectionSource::Own, path) => Ok(path),
            _ => Err(Error::new(
                Code::ConnectionLocked,
                format!("The connection `{id}` was handed out by IT and cannot be changed here."),
            )
            .with_hint("Duplicate it to have your own copy.")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        format!(
            "# ours\nname = \"{name}\"\nenvironment = \"staging\"\n[directory]\nurl = \"sqlite:///u.db\"\n\
             table = \"users\"\nid = \"id\"\n[sign_in]\nurl = \"https://app.acme.com/login\"\n"
        )
    }

    struct Desk {
        base: tempfile::TempDir,
        connections: Connections,
    }

    impl Desk {
        fn new() -> Self {
            let base = tempfile::tempdir().unwrap();
            let connections = Connections::new(Home::in_folder(base.path()));
            Self { base, connections }
        }

        /// Puts a file into one of the folders, bypassing Understudy.
        fn put(&self, file: &str, text: &str) -> PathBuf {
            let path = self.base.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        }

        fn ids(&self) -> Vec<String> {
            self.connections.load_all().0.into_iter().map(|one| one.id).collect()
        }
    }

    #[test]
    fn a_connection_is_saved_changed_copied_exported_and_removed() {
        let desk = Desk::new();
        assert_eq!(desk.ids(), Vec::<String>::new());
        let saved = desk.connections.save(None, &text("Acme GmbH")).unwrap();
        assert_eq!(saved.id, "acme-gmbh");
        assert_eq!(saved.path, Some(desk.base.path().join("connections/acme-gmbh.toml")));
        assert_eq!(desk.connections.save(None, &text("Acme GmbH")).unwrap().id, "acme-gmbh-2");

        let changed = desk.connections.save(Some("acme-gmbh"), &text("Zeta")).unwrap();
        assert_eq!((changed.id.as_str(), changed.file.name.as_str()), ("acme-gmbh", "Zeta"));
        assert_eq!(desk.ids(), ["acme-gmbh-2", "acme-gmbh"], "by name");

        let names = |id| desk.connections.duplicate(id).map(|copy| (copy.id, copy.file.name));
        assert_eq!(names("acme-gmbh").unwrap(), ("zeta-copy".into(), "Zeta copy".into()));
        assert_eq!(names("acme-gmbh").unwrap(), ("zeta-copy-2".into(), "Zeta copy 2".into()));
        let draft = desk.connections.read_draft("zeta-copy").unwrap();
        assert_eq!(draft.text, text("Zeta copy"), "with its comments");
        assert_eq!((draft.file.unwrap().name.as_str(), draft.source), ("Zeta copy", ConnectionSource::Own));

        let exported = desk.base.path().join("for-a-colleague.toml");
        desk.connections.export("acme-gmbh", &exported).unwrap();
        assert_eq!(Connections::draft_file(&exported).unwrap().text, text("Zeta"));

        let aside = desk.connections.set_aside("acme-gmbh").unwrap();
        assert_eq!(desk.connections.read_draft("acme-gmbh").unwrap_err().code, Code::ConnectionUnknown);
        let error = no_such_connection("acme-gnbh", &["acme-gmbh".into(), "beta".into()]);
        assert_eq!(error.to_string(), "There is no connection `acme-gnbh`.\nDid you mean `acme-gmbh`?");
        aside.put_back().unwrap();
        assert_eq!(desk.connections.read_draft("acme-gmbh").unwrap().text, text("Zeta"));
        desk.connections.set_aside("acme-gmbh").unwrap().remove().unwrap();
        assert_eq!(desk.connections.set_aside("acme-gmbh").err().unwrap().code, Code::ConnectionUnknown);
        let left = std::fs::read_dir(desk.base.path().join("connections")).unwrap().count();
        assert_eq!(left, 3, "the other one and its copies");
    }

    #[cfg(unix)]
    #[test]
    fn a_saved_file_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let desk = Desk::new();
        let path = desk.connections.save(None, &text("Acme")).unwrap().path.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_not_valid_is_not_saved() {
        let desk = Desk::new();
        let path = desk.connections.save(None, &text("Acme")).unwrap().path.unwrap();
        let error = desk.connections.save(Some("acme"), &text("Acme").replace("https", "http")).unwrap_err();
        assert_eq!(error.code, Code::ConnectionInvalid);
        assert!(error.message.starts_with("acme.toml:9:7: sign_in.url: has to be https"), "{error}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), text("Acme"));
        assert_eq!(
            desk.connections.save(Some("other"), &text("A")).unwrap_err().code,
            Code::ConnectionUnknown
        );
    }

    #[test]
    fn one_faulty_file_does_not_hide_the_others() {
        let desk = Desk::new();
        desk.put("connections/good.toml", &text("Good"));
        desk.put("connections/bad.toml", &text("Bad").replace("table", "tabel"));
        desk.put("connections/Bad Name.toml", &text("Bad"));
        desk.put("connections/notes.txt", "not a connection");
        let (connections, problems) = desk.connections.load_all();
        assert_eq!(connections.len(), 1);
        let told: Vec<(&str, &str)> =
            problems.iter().map(|problem| (problem.id.as_str(), problem.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (
                    "Bad Name",
                    "`Bad Name` cannot be a connection's name: use at most 64 lower-case letters, digits, `-` and \
                     `_`.\n\
                     Name the file `bad-name.toml`, for example."
                ),
                ("bad", "bad.toml:6:1: directory.tabel: unknown key; did you mean `table`?"),
            ]
        );
        let places: Vec<_> = problems[1].faults.iter().map(|one| (one.line, one.column, &*one.key)).collect();
        assert_eq!(places, [(6, 1, "directory.tabel")]);
        // It can still be opened for repair, and says what is wrong.
        let draft = desk.connections.read_draft("bad").unwrap();
        assert!(draft.file.is_none() && draft.text.contains("tabel"));
        assert_eq!(draft.problem.unwrap().faults, problems[1].faults);
        // A file with valid keys and types but a wrong meaning can be shown as a form, and still reports its fault.
        let path = desk.put("connections/meant.toml", &text("Meant").replace("https", "http"));
        for draft in [desk.connections.read_draft("meant").unwrap(), Connections::draft_file(&path).unwrap()]
        {
            let problem = draft.problem.unwrap();
            assert!(draft.file.is_some() && problem.message.starts_with("meant.toml:9:7: sign_in.url"));
            assert_eq!((problem.faults[0].line, &*problem.faults[0].key), (9, "sign_in.url"));
        }
        std::fs::remove_file(path).unwrap();
        desk.connections.save(Some("bad"), &text("Bad")).unwrap();
        assert_eq!(desk.ids(), ["bad", "good"]);
    }

    #[test]
    fn what_it_hands_out_is_locked_and_wins() {
        let desk = Desk::new();
        desk.put("system/connections/acme.toml", &text("Acme of IT"));
        desk.put("connections/acme.toml", &text("Acme of mine"));
        let (connections, problems) = desk.connections.load_all();
        let [connection] = connections.as_slice() else { panic!("{connections:?}") };
        assert_eq!(
            (connection.file.name.as_str(), connection.source),
            ("Acme of IT", ConnectionSource::System)
        );
        assert_eq!(
            problems[0].message,
            "acme.toml: not used, because IT handed out a connection of this name.\n\
             Rename the file to keep both, or remove it."
        );
        assert_eq!(desk.connections.read_draft("acme").unwrap().source, ConnectionSource::System);
        for refused in
            [desk.connections.save(Some("acme"), &text("X")).err(), desk.connections.set_aside("acme").err()]
        {
            assert_eq!(refused.unwrap().code, Code::ConnectionLocked);
        }
        assert_eq!(desk.connections.duplicate("acme").unwrap().source, ConnectionSource::Own);
        assert_eq!(desk.ids(), ["acme", "acme-of-it-copy"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_have_handed_out_is_told_once_and_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let desk = Desk::new();
        let system = desk.put("system/connections/acme.toml", &text("Acme of whoever"));
        desk.put("system/connections/evil.toml", &text("Evil"));
        desk.put("connections/acme.toml", &text("Acme of mine"));
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(system.parent().unwrap(), 0o777);
        let (connections, problems) = desk.connections.load_all();
        let [connection] = connections.as_slice() else { panic!("{connections:?}") };
        assert_eq!(
            (connection.file.name.as_str(), connection.source),
            ("Acme of mine", ConnectionSource::Own)
        );
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(
            problem.message.contains("others can write to") && problem.message.contains("777"),
            "{problem:?}"
        );
        assert_eq!(desk.connections.read_draft("acme").unwrap().source, ConnectionSource::Own);
        assert_eq!(desk.connections.read_draft("evil").unwrap_err().code, Code::ConnectionUnknown);

        mode(system.parent().unwrap(), 0o755);
        mode(&system, 0o666);
        let (connections, problems) = desk.connections.load_all();
        let names: Vec<&str> = connections.iter().map(|one| one.file.name.as_str()).collect();
        assert_eq!(names, ["Evil"], "the folder counts again, and one's own file takes nothing's place");
        assert!(problems.iter().all(|problem| problem.id == "acme"), "{problems:?}");
        assert_eq!(desk.connections.read_draft("acme").unwrap_err().code, Code::ConnectionLocked);
        assert_eq!(desk.connections.save(None, &text("Acme")).unwrap().id, "acme-2");
    }

    #[cfg(unix)]
    #[test]
    fn ones_own_file_does_not_take_the_place_of_what_it_hands_out_unreadably() {
        let desk = Desk::new();
        desk.put("connections/acme.toml", &text("Acme of mine"));
        std::fs::create_dir_all(desk.base.path().join("system/connections/acme.toml")).unwrap();
        let (connections, problems) = desk.connections.load_all();
        assert!(connections.is_empty(), "{connections:?}");
        assert!(problems[0].message.contains("acme.toml is a folder, not a file"), "{problems:?}");
        // If the folder from IT cannot be read, it may contain a file of any name.
        std::fs::remove_dir_all(desk.base.path().join("system")).unwrap();
        desk.put("system/connections", "not a folder");
        let (connections, problems) = desk.connections.load_all();
        assert!(connections.is_empty(), "{connections:?}");
        assert!(
            problems.iter().any(|one| one.id == "acme" && one.message.contains("IT may have handed out"))
        );
        assert_eq!(desk.connections.read_draft("acme").unwrap_err().code, Code::ConnectionLocked);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_to_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let desk = Desk::new();
        let file = desk.put("connections/acme.toml", &text("Acme"));
        std::fs::set_permissions(file.parent().unwrap(), std::fs::Permissions::from_mode(0o770)).unwrap();
        let (connections, problems) = desk.connections.load_all();
        assert_eq!(connections.len(), 1);
        assert!(problems[0].message.starts_with("Others can write to"), "{problems:?}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_hides_no_other_and_keeps_nobody_waiting() {
        let desk = Desk::new();
        desk.put("connections/acme.toml", &text("Acme"));
        let at = |name: &str| desk.base.path().join("connections").join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe.toml"), rustix::fs::Mode::RUSR).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero.toml")).unwrap();
        std::fs::create_dir(at("folder.toml")).unwrap();
        std::fs::File::create(at("huge.toml")).unwrap().set_len(1 << 40).unwrap();
        desk.put(
            "connections/deep.toml",
            &format!("{}[policy]\nprotect = [\"{}1\"]", text("Deep"), "not ".repeat(10_000)),
        );
        desk.put(
            "connections/nested.toml",
            &format!("{}body = {}{}", text("Nested"), "[".repeat(20_000), "]".repeat(20_000)),
        );
        desk.put("connections/dotted.toml", &format!("{}body{} = 1", text("Dotted"), ".a".repeat(20_000)));
        let (connections, problems) = desk.connections.load_all();
        assert_eq!(connections.len(), 1, "{connections:?}");
        let said: Vec<(&str, &str)> = problems
            .iter()
            .map(|one| (one.id.as_str(), one.message.lines().next().unwrap_or_default()))
            .collect();
        for (id, part) in [
            ("pipe", "is a named pipe"),
            ("zero", "is a device"),
            ("folder", "is a folder"),
            ("huge", "is larger than the 256 KiB"),
            ("deep", "deep.toml:11:12: policy.protect[0]: has 10000 operators"),
            ("nested", "nested.toml:10:88: is nested too deeply"),
            ("dotted", "dotted.toml:10:1: is nested too deeply"),
        ] {
            assert!(said.iter().any(|(of, what)| *of == id && what.contains(part)), "{id}: {said:#?}");
        }
        assert_eq!(desk.connections.save(None, &text("Zeta")).unwrap().id, "zeta");
        assert!(desk.connections.add(&at("pipe.toml")).unwrap_err().message.contains("named pipe"));
    }

    #[test]
    fn a_file_of_nothing_but_faults_is_told_shortly() {
        let faults: Vec<String> = (0..20_000).map(|number| format!("k{number}=1\n")).collect();
        let mut many = text("Many") + &faults.concat();
        let error = Connection::parse("many", &many, ConnectionSource::Own, None).unwrap_err();
        assert_eq!(error.message.lines().count(), 21, "{error}");
        many.push_str(&"# more\n".repeat(40_000));
        let error = Connection::parse("many", &many, ConnectionSource::Own, None).unwrap_err();
        assert_eq!(error.message, "many.toml:1:1: is larger than 256 KiB; no connection file needs to be");
    }

    #[test]
    fn a_file_is_added_under_its_own_name() {
        let desk = Desk::new();
        let given = desk.put("given/acme-eu.toml", &text("Acme"));
        assert_eq!(desk.connections.add(&given).unwrap().0.id, "acme-eu");
        let (again, outcome) = desk.connections.add(&given).unwrap();
        assert_eq!(outcome, AddOutcome::Unchanged);
        assert_eq!(again.path, Some(desk.base.path().join("connections/acme-eu.toml")));
        desk.put("given/acme-eu.toml", &text("Another"));
        let error = desk.connections.add(&given).unwrap_err();
        assert!(error.message.starts_with("There is already a connection `acme-eu`: "), "{error}");
        let spaced = desk.put("given/For You (1).toml", &text("Beta"));
        assert_eq!(desk.connections.add(&spaced).unwrap().0.id, "beta");
        let demo = desk.put("given/demo.toml", &text("Demo"));
        assert_eq!(desk.connections.add(&demo).unwrap().0.id, "demo-2", "the demo's own id is kept free");
        let faulty = desk.put("given/Faulty File.toml", &text("X").replace("table", "tabel"));
        let error = desk.connections.add(&faulty).unwrap_err();
        assert!(error.message.starts_with("Faulty File.toml:6:1: directory.tabel"), "{error}");
        assert_eq!(desk.connections.add(Path::new("/nowhere/x.toml")).unwrap_err().code, Code::FileFailed);
    }

    /// Files travel between computers, and on Windows, a file with such a name would open a device.
    #[test]
    fn no_connection_has_the_name_of_a_device_of_windows() {
        let desk = Desk::new();
        // The ID comes from the connection's name, or from the file's.
        assert_eq!(desk.connections.save(None, &text("Aux")).unwrap().id, "aux-2");
        assert_eq!(desk.connections.save(None, &text("AUX")).unwrap().id, "aux-3");
        for id in ["con", "nul", "prn", "com1", "lpt9"] {
            assert_eq!(desk.connections.read_draft(id).unwrap_err().code, Code::ConnectionUnknown, "{id}");
        }
        // Windows itself cannot have files with these names.
        if cfg!(windows) {
            return;
        }
        let given = desk.put("given/nul.toml", &text("Acme"));
        assert_eq!(desk.connections.add(&given).unwrap().0.id, "acme");
        for found in ["con.toml", "COM1.toml", "lpt¹.toml", "nul .toml"] {
            let path = desk.put(&format!("connections/{found}"), &text("Beta"));
            let (connections, problems) = desk.connections.load_all();
            assert_eq!(connections.len(), 3, "{found}");
            let id = found.strip_suffix(".toml").unwrap();
            let told = &problems[0].message;
            assert!(
                told.contains(&format!(
                    "`{id}` cannot be a connection's name: on Windows, it is the name of a device"
                )),
                "{told}"
            );
            assert!(told.contains("Name the file `"), "{told}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn an_id_from_outside_never_leaves_the_folder() {
        let desk = Desk::new();
        let secret = desk.put("secret.toml", &text("Secret"));
        desk.connections.save(None, &text("Acme")).unwrap();
        for id in ["../secret", "..", "", "/etc/passwd", "acme/../../secret"] {
            assert_eq!(desk.connections.read_draft(id).unwrap_err().code, Code::ConnectionUnknown, "{id}");
            assert_eq!(desk.connections.set_aside(id).err().unwrap().code, Code::ConnectionUnknown, "{id}");
        }
        assert!(secret.exists());
    }
}
