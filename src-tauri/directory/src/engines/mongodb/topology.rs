//! Records what the driver's monitoring sees: which servers answered, and why others did not.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::ServerType;
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::event::sdam::SdamEvent;

use crate::config::DirectoryConfig;
use crate::engines::mongodb::errors;
use crate::error::{DirectoryCode, DirectoryError};

#[derive(Default)]
pub(crate) struct TopologyView {
    /// The latest error from monitoring a server.
    pub(crate) last: Option<DriverError>,
    /// The names of servers that have answered.
    answered: BTreeSet<String>,
    failing: BTreeMap<String, DriverError>,
    set: Option<String>,
    /// Each server's replica set, according to the server itself.
    memberships: BTreeMap<String, Membership>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Membership {
    /// A standalone server or a router.
    Nowhere,
    /// It waits for `rs.initiate()`, or has not read the resulting configuration yet.
    Uninitiated,
    Of(String),
}

impl TopologyView {
    pub(crate) fn record_event(&mut self, event: SdamEvent) {
        let event = match event {
            SdamEvent::ServerDescriptionChanged(event) => event,
            // A server that its set knows by another name is dropped before its description changes, so use the
            // heartbeat.
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                let name = event.server_address.to_string();
                let membership = match event.reply.get_str("setName") {
                    Ok(set) => Membership::Of(set.to_owned()),
                    Err(_) if event.reply.get_bool("isreplicaset").unwrap_or(false) => {
                        Membership::Uninitiated
                    }
                    Err(_) => Membership::Nowhere,
                };
                self.memberships.insert(name.clone(), membership);
                self.answered.insert(name);
                self.set = event.reply.get_str("setName").ok().map(str::to_owned).or(self.set.take());
                return;
            }
            _ => return,
        };
        let (name, seen) = (event.address.to_string(), &event.new_description);
        self.last = seen.error().cloned();
        if let Some(error) = seen.error() {
            self.failing.insert(name, error.clone());
        } else if seen.server_type() != ServerType::Unknown {
            self.failing.remove(&name);
            self.answered.insert(name);
        }
    }

    /// Whether any server has answered, so that none is asleep.
    pub(crate) fn has_answer(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Whether all `hosts` have answered and belong to another set than the URL says, so that waiting is pointless.
    pub(crate) fn is_another_set(&self, wanted: &str, hosts: usize) -> bool {
        let is_other = |membership: &Membership| match membership {
            Membership::Of(set) => set != wanted,
            Membership::Nowhere => true,
            Membership::Uninitiated => false,
        };
        self.memberships.len() >= hosts && self.memberships.values().all(is_other)
    }

    /// Why no server is found although one answers: it is in no set, in another one than the URL says, or in one that
    /// has not been initiated.
    pub(crate) fn replica_set_error(
        &self,
        config: &DirectoryConfig,
        wanted: Option<&str>,
    ) -> Option<DirectoryError> {
        let place = errors::describe_server(config);
        if !self.memberships.is_empty()
            && self.memberships.values().all(|membership| *membership == Membership::Uninitiated)
        {
            let message = format!("{place} answers, but its replica set has not been initiated.");
            return Some(
                DirectoryError::new(DirectoryCode::Unreachable, message)
                    .with_hint("Ask its administrator to run this.")
                    .with_statement("rs.initiate()"),
            );
        }
        let wanted = wanted.filter(|wanted| self.is_another_set(wanted, 1))?;
        let set = self.memberships.values().find_map(|membership| match membership {
            Membership::Of(set) => Some(set),
            _ => None,
        });
        let (is, hint) = match set {
            Some(set) => (
                format!("belongs to the replica set \"{set}\""),
                format!("Remove replicaSet= from directory.url, or set replicaSet={set}"),
            ),
            None => {
                ("belongs to no replica set".to_owned(), "Remove replicaSet= from directory.url.".to_owned())
            }
        };
        let message = format!("{place} {is}, but directory.url asks for \"{wanted}\".");
        Some(DirectoryError::new(DirectoryCode::Mismatch, message).with_hint(hint))
    }

    /// Why no server is found although one answers: the set's members use names that cannot be reached from here.
    pub(crate) fn unknown_member_error(&self, config: &DirectoryConfig) -> Option<DirectoryError> {
        let mut strangers: Vec<(&String, &DriverError)> =
            self.failing.iter().filter(|(name, _)| !config.url.contains(name.as_str())).collect();
        strangers.retain(|(name, _)| !self.answered.contains(name.as_str()));
        if self.answered.is_empty() || strangers.is_empty() {
            return None;
        }
        let is_unknown = strangers.iter().any(|(_, error)| match &*error.kind {
            ErrorKind::DnsResolve { .. } => true,
            ErrorKind::Io(cause) => cause.to_string().contains("lookup address"),
            _ => false,
        });
        let names: Vec<&str> = strangers.iter().map(|(name, _)| name.as_str()).collect();
        let why =
            if is_unknown { "a name that is not known here" } else { "which cannot be reached from here" };
        let set = self.set.as_ref().map(|set| format!(" \"{set}\"")).unwrap_or_default();
        let message = format!(
            "{} answers, but its replica set{set} calls its members {}, {why}.",
            errors::describe_server(config),
            names.join(", ")
        );
        let separator = if config.url.contains('?') { '&' } else { '?' };
        Some(DirectoryError::new(DirectoryCode::Unreachable, message).with_hint(format!(
            "To read only from the server in the URL, add {separator}directConnection=true to directory.url (with one \
             host in it). Or make those names known to this computer."
        )))
    }
}
