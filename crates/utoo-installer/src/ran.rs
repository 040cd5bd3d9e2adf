//! Which packages have run their install scripts: `node_modules/.utoo-scripts`, JSON of one line,
//! `{"version":1,"ran":{"<location>":"<integrity, or where it came from>"}}`, at most 16 MiB.
//!
//! A package leaves the list before it is made anew and comes back when its scripts have ended well; so one that was
//! allowed later, whose script failed, or whose install was killed, runs its scripts with the next install. What does not
//! read as this counts as an empty list: scripts run once too often then, never once too few.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoo_fs::Dir;
use utoo_lockfile::Entry;

use crate::Result;
use crate::state::touch_hidden;

const FILE: &str = "node_modules/.utoo-scripts";
const VERSION: u32 = 1;
const MAX_BYTES: usize = 16 << 20;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ran {
    version: u32,
    ran: BTreeMap<Arc<str>, String>,
}

impl Ran {
    pub(crate) fn read(project: &Dir) -> Self {
        let bytes = project.read(FILE).ok().flatten().filter(|bytes| bytes.len() <= MAX_BYTES);
        let list = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        list.filter(|list| list.version == VERSION)
            .unwrap_or_else(|| Self { version: VERSION, ..Self::default() })
    }

    /// Whether this very package ran its scripts there.
    pub(crate) fn has(&self, location: &str, entry: &Entry) -> bool {
        self.ran.get(location).is_some_and(|stamp| *stamp == stamp_of(entry))
    }

    pub(crate) fn add(&mut self, location: &Arc<str>, entry: &Entry) {
        self.ran.insert(location.clone(), stamp_of(entry));
    }

    /// Keeps those that `keep` says; whether any left.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> bool {
        let before = self.ran.len();
        self.ran.retain(|location, _| keep(location));
        self.ran.len() != before
    }

    /// Writes the list, or removes it where it is empty. npm's hidden lockfile has to be newer than what is beside it.
    pub(crate) fn write(&self, project: &Dir, folder: &Path) -> Result<()> {
        if self.ran.is_empty() {
            project.remove_file(FILE)?;
        } else {
            let text = serde_json::to_vec(self).unwrap_or_default();
            utoo_fs::write_atomic(folder.join(FILE), text)?;
        }
        touch_hidden(folder)
    }
}

fn stamp_of(entry: &Entry) -> String {
    let integrity = entry.integrity.as_ref().map(ToString::to_string);
    let source = integrity.or_else(|| entry.resolved.as_deref().map(str::to_owned));
    source.or_else(|| entry.version.as_deref().map(str::to_owned)).unwrap_or_default()
}
