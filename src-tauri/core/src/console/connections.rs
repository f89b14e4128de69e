//! The console's connections: loading, ordering, changing and removing them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::Console;
use super::known_connections::{FileChange, FileChangeKind};
use crate::arrangement::Arrangement;
use crate::audit::{ConsoleEvent, EndCause, ExportKind};
use crate::connection::{
    Connection, ConnectionDraft, ConnectionSource, ConnectionSummary, DEMO, no_such_connection,
};
use crate::error::{Code, Error, Result, SecretName};
use crate::impersonation;
use crate::notice::{ConnectionList, Notice};
use crate::secrets::{self, WAY_IN};
use crate::team::TEAM;

impl Console {
    /// Reads the connection files again, and sends a notice if anything has changed.
    pub fn load_connections(&self) -> ConnectionList {
        // The files are read under the lock, so that an older reading cannot replace a newer one.
        let mut known = self.loading.lock();
        let (loaded, mut problems) = self.files.load_all();
        problems.extend(self.load_team());
        for connection in loaded.iter().filter(|connection| connection.source == ConnectionSource::System) {
            // Only IT can write these files, so they need no consent.
            if let Some((name, destination)) = secrets::way_in(connection) {
                self.vault.let_run_for_now(&name, &destination);
            }
        }
        let team = self.team_text();
        let texts = loaded.iter().map(|connection| (connection.id.as_str(), &*connection.text));
        let team_text = team.as_ref().ok().map(|text| (TEAM, text.as_deref().unwrap_or_default()));
        let texts = texts.chain(team_text);
        let mut unreadable: Vec<&str> = problems.iter().map(|problem| problem.id.as_str()).collect();
        unreadable.extend(team.is_err().then_some(TEAM));
        let file_changes = known.compare_files(texts, &unreadable);
        let loaded: BTreeMap<_, _> =
            loaded.into_iter().map(|connection| (connection.id.clone(), Arc::new(connection))).collect();
        let (changed, appeared, before) = {
            let mut connections = self.connections.write();
            let demo =
                connections.remove(DEMO).filter(|connection| connection.source == ConnectionSource::Demo);
            let before = std::mem::replace(&mut *connections, loaded);
            let changed: Vec<String> = before
                .iter()
                .filter(|(id, old)| {
                    let now = connections.get(*id).map(|new| (&new.file, new.source));
                    now != Some((&old.file, old.source))
                })
                .map(|(id, _)| id.clone())
                .collect();
            let appeared = connections.keys().any(|id| !before.contains_key(id));
            if let Some(demo) = demo {
                connections.insert(DEMO.into(), demo);
            }
            (changed, appeared, before)
        };
        let problems_before = std::mem::replace(&mut *self.problems.write(), problems.clone());
        let tell = !changed.is_empty() || appeared || problems != problems_before;
        for id in changed {
            self.directories.release_directory(&id);
        }
        self.record_file_changes(file_changes, &before);
        self.finish_replaced_destinations();
        self.assign_positions();
        let list = self.connection_list();
        if tell {
            self.notices.send(Notice::Connections(list.clone()));
        }
        list
    }

    /// `before`: the connections until now.
    fn record_file_changes(&self, changes: Vec<FileChange>, before: &BTreeMap<String, Arc<Connection>>) {
        // Whatever was announced and is no change, such as a file that was saved as it is, is done with.
        let mut changing = std::mem::take(&mut *self.changing.lock());
        let entries = changes.into_iter().map(|FileChange { id, kind, keys }| {
            if id == TEAM {
                let is_gone = kind == FileChangeKind::Removed && matches!(self.team_text(), Ok(None));
                return self.new_entry(ConsoleEvent::TeamFileChanged { keys, is_gone });
            }
            let elsewhere = !changing.remove(&id);
            let event = match kind {
                FileChangeKind::Added => ConsoleEvent::ConnectionAdded { elsewhere },
                FileChangeKind::Changed => ConsoleEvent::ConnectionChanged { keys, elsewhere },
                FileChangeKind::Removed => ConsoleEvent::ConnectionRemoved { elsewhere },
            };
            match before.get(&id) {
                Some(removed) if matches!(event, ConsoleEvent::ConnectionRemoved { .. }) => {
                    self.new_entry(event).about_connection(impersonation::name_connection(removed))
                }
                _ => self.entry_about(&id, event),
            }
        });
        self.record_soon(entries.collect());
    }

    /// The next change of this connection's file that is seen is the operator's, in this console.
    fn announce_change(&self, id: &str) {
        self.changing.lock().insert(id.to_owned());
    }

    pub fn connection_list(&self) -> ConnectionList {
        let connections = self.connections.read();
        let mut connections: Vec<ConnectionSummary> =
            connections.values().map(|connection| connection.to_summary()).collect();
        let problems = self.problems.read().clone();
        let order = self.settings().connection_order;
        let place = |id: &str| order.iter().position(|one| one == id).unwrap_or(usize::MAX);
        connections.sort_by_cached_key(|connection| (place(&connection.id), connection.name.to_lowercase()));
        ConnectionList { connections, problems, order }
    }

    /// Saves a new order of the connections. Those that are not in `order` follow in their previous order.
    pub fn order_connections(&self, mut order: Vec<String>) -> Result<()> {
        let mut seen = HashSet::new();
        order.retain(|id| seen.insert(id.clone()));
        self.keep_order(|before| {
            order.extend(before.iter().filter(|id| !seen.contains(*id)).cloned());
            order
        })?;
        self.notices.send(Notice::Connections(self.connection_list()));
        Ok(())
    }

    /// Gives new connections the last places, so that existing ones keep their place and their key. A file that breaks
    /// or disappears keeps its place for when it is back.
    pub(super) fn assign_positions(&self) {
        let mut arrived: Vec<(String, String)> = {
            let connections = self.connections.read();
            let problems = self.problems.read();
            let named = connections.values().map(|one| (one.file.name.to_lowercase(), one.id.clone()));
            named.chain(problems.iter().map(|one| (one.id.clone(), one.id.clone()))).collect()
        };
        arrived.retain(|(_, id)| !id.is_empty());
        arrived.sort();
        arrived.dedup_by(|one, other| one.1 == other.1);
        let kept = self.keep_order(|before| {
            let new = arrived.into_iter().map(|(_, id)| id).filter(|id| !before.contains(id));
            before.iter().cloned().chain(new).collect()
        });
        if let Err(error) = kept {
            tracing::warn!("the order of the connections is not kept: {error:#}");
        }
    }

    pub fn find_connection(&self, id: &str) -> Result<Arc<Connection>> {
        let connections = self.connections.read();
        connections.get(id).cloned().ok_or_else(|| {
            let problems = self.problems.read();
            match problems.iter().find(|problem| problem.id == id) {
                Some(problem) => {
                    Error::new(Code::ConnectionInvalid, &problem.message).with_faults(problem.faults.clone())
                }
                None => no_such_connection(id, &connections.keys().cloned().collect::<Vec<_>>()),
            }
        })
    }

    pub fn read_draft(&self, id: &str) -> Result<ConnectionDraft> {
        match self.find_connection(id) {
            Ok(connection) if connection.source == ConnectionSource::Demo => Ok(ConnectionDraft {
                text: connection.text.clone(),
                file: Some(connection.file.clone()),
                problem: None,
                source: ConnectionSource::Demo,
            }),
            Ok(_) => self.files.read_draft(id),
            // An invalid file can be opened for repair, unless editing cannot help, as with an invalid name.
            Err(why) => self.files.read_draft(id).map_err(|error| match error.code {
                Code::ConnectionUnknown => why,
                _ => error,
            }),
        }
    }

    /// Saves a connection; `id` is `None` for a new one.
    pub async fn save_connection(&self, id: Option<&str>, text: &str) -> Result<ConnectionSummary> {
        if let Some(id) = id {
            self.announce_change(id);
        }
        let connection = self.files.save(id, text)?;
        if id.is_none() {
            return Ok(self.finish_adding(&connection).await);
        }
        self.load_connections();
        Ok(connection.to_summary())
    }

    /// Completes adding a connection. Adding it is the operator's consent to what it runs now; later changes need a new
    /// consent.
    async fn finish_adding(&self, connection: &Connection) -> ConnectionSummary {
        self.announce_change(&connection.id);
        let way_in = secrets::way_in(connection);
        if let Some((name, destination)) = &way_in {
            // Before the notice makes anyone open the connection.
            self.vault.let_run_for_now(name, destination);
        }
        self.load_connections();
        if let Some((name, destination)) = &way_in
            && let Err(error) = self.vault.let_run_from_now_on(name, destination).await
        {
            tracing::info!(code = ?error.code, "what a connection runs is let run until Understudy quits");
        }
        connection.to_summary()
    }

    pub fn duplicate_connection(&self, id: &str) -> Result<ConnectionSummary> {
        let connection = self.files.duplicate(id)?;
        self.announce_change(&connection.id);
        self.load_connections();
        Ok(connection.to_summary())
    }

    pub async fn export_connection(&self, id: &str, path: &Path) -> Result<()> {
        let connection = self.find_connection(id)?;
        let exported = ConsoleEvent::Exported {
            what: ExportKind::ConnectionFile,
            format: "toml".into(),
            rows: None,
            session: None,
        };
        self.record_first(self.entry_about(id, exported), "The connection file was not exported").await?;
        if connection.source == ConnectionSource::Demo {
            return std::fs::write(path, &connection.text)
                .map_err(|cause| Error::for_file("write", path, cause));
        }
        self.files.export(id, path)
    }

    pub async fn add_connection(&self, path: &Path) -> Result<ConnectionSummary> {
        let (connection, _) = self.files.add(path)?;
        Ok(self.finish_adding(&connection).await)
    }

    /// Removes a connection and, if wanted, its secrets. Its running sessions are ended first. If this fails, the file
    /// and all its secrets stay.
    pub async fn remove_connection(&self, id: &str, forget_secrets: bool) -> Result<()> {
        let connection = self.find_connection(id)?;
        // Checked before anything is lost.
        if connection.source != ConnectionSource::Own {
            let why = match connection.source {
                ConnectionSource::Demo => "goes when the console closes",
                _ => "was handed out by IT",
            };
            let message = format!("The connection `{id}` {why}, so it cannot be removed here.");
            return Err(Error::new(Code::ConnectionLocked, message));
        }
        // The file goes first, because that can be undone.
        self.announce_change(id);
        let aside = self.files.set_aside(id)?;
        for session in self.sessions().into_iter().filter(|session| session.connection == id) {
            self.end_session(&session.id, EndCause::Operator).await;
        }
        if forget_secrets {
            let names: Vec<SecretName> = connection
                .secret_names()
                .iter()
                .map(String::as_str)
                .chain([WAY_IN])
                .map(|name| SecretName::new(id, name))
                .collect();
            let forgotten = match self.vault.forget_all(&names).await {
                Ok(forgotten) => forgotten,
                Err(error) => {
                    aside.put_back()?;
                    self.load_connections();
                    return Err(error);
                }
            };
            for SecretName { name, .. } in forgotten.into_iter().filter(|one| one.name != WAY_IN) {
                self.record(self.entry_about(id, ConsoleEvent::SecretForgotten { name })).await;
            }
        }
        let removed = aside.remove();
        self.load_connections();
        removed?;
        if forget_secrets { self.save_arrangement(id, Arrangement::default()) } else { Ok(()) }
    }
}
