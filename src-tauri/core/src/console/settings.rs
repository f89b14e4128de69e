//! The operator's settings, the order of the connections, which is stored with them, and how each connection is
//! arranged.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::Console;
use crate::arrangement::{Arrangement, load_arrangement, save_arrangement};
use crate::audit::{ConsoleEntry, ConsoleEvent, OperatorIdentity};
use crate::error::Result;
use crate::settings::Settings;

impl Console {
    pub fn settings(&self) -> Settings {
        self.settings.read().clone()
    }

    /// Saves the settings from a window, except the order of the connections, which may have changed meanwhile.
    pub fn save_settings(&self, settings: Settings) -> Result<Settings> {
        let _one_at_a_time = self.changing_settings.lock();
        let connection_order = self.settings().connection_order;
        let settings = Settings { connection_order, ..settings };
        settings.save(&self.home)?;
        self.settings_are_faulty.store(false, Ordering::SeqCst);
        let (before, now) = (self.operator(), settings.operator());
        if before != now {
            self.record_soon(vec![self.new_entry(to_operator_change(now))]);
        }
        *self.settings.write() = settings.clone();
        Ok(settings)
    }

    /// Records that the settings have another name than the last entry of this account, if they do: the file can be
    /// changed without Understudy. `former`: the operator of that entry.
    pub(super) async fn record_former_operator(&self, former: Option<OperatorIdentity>) {
        // Settings that can't be read name nobody, for as long as they are as they are.
        let is_faulty = self.settings_are_faulty.load(Ordering::SeqCst);
        let now = self.operator();
        if let Some(former) = former.filter(|former| *former != now && !is_faulty) {
            let entry = ConsoleEntry::new(self.clock.now_ms(), former, to_operator_change(now));
            self.record(entry).await;
        }
    }

    /// Writes the saved settings to a file that another computer can use as its `settings.toml`. They hold no secret.
    pub fn export_settings(&self, path: &Path) -> Result<()> {
        self.settings().export(path)
    }

    /// How the operator has arranged this connection.
    pub fn arrangement(&self, id: &str) -> Result<Arrangement> {
        load_arrangement(&self.home, id)
    }

    /// Keeps how the operator has arranged this connection.
    pub fn save_arrangement(&self, id: &str, arrangement: Arrangement) -> Result<()> {
        let _one_at_a_time = self.changing_settings.lock();
        save_arrangement(&self.home, id, arrangement)
    }

    /// Changes the order of the connections with `order`. If the settings file is faulty, the change stays in memory
    /// until the file is repaired.
    pub(super) fn keep_order(&self, order: impl FnOnce(&[String]) -> Vec<String>) -> Result<()> {
        let _one_at_a_time = self.changing_settings.lock();
        let before = self.settings();
        let settings = Settings { connection_order: order(&before.connection_order), ..before.clone() };
        if settings == before {
            return Ok(());
        }
        let saved =
            if self.settings_are_faulty.load(Ordering::SeqCst) { Ok(()) } else { settings.save(&self.home) };
        *self.settings.write() = settings;
        saved
    }
}

fn to_operator_change(now: OperatorIdentity) -> ConsoleEvent {
    ConsoleEvent::OperatorChanged { name: now.operator_name, email: now.operator_email }
}
