//! The smallest edits of package.json that resolve a peer conflict.
//!
//! Candidates are made from the conflict (`candidates`): another version of the package whose peer is in the way,
//! another range for what is in its way, an override. Each is tried by a whole resolve, with the manifests at hand
//! and those that it asks for; only what resolves is a fix. Where an edit leads to the next conflict (`react` gives
//! way, `react-dom` does not follow), that one's candidates are tried on top of it: sets of one edit first, then of
//! two, then of three.

mod candidates;

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value};
use utoo_types::{Dependencies, DependencyKind, Manifest, PackageName};

use crate::build::{PeerConflict, Warning};
use crate::cache::ManifestCache;
use crate::error::ResolveError;
use crate::load::Project;
use crate::options::ResolveOptions;
use crate::registry::Registry;
use crate::resolve::resolve_with;
use candidates::Candidates;

/// One edit of one package.json.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The folder whose package.json is edited, relative to the project; empty for the project's own.
    pub location: String,
    /// The change.
    pub change: Change,
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Another range for a direct dependency.
    Range {
        /// The block it stands in.
        block: DependencyKind,
        /// The dependency.
        name: PackageName,
        /// What package.json says now.
        from: Arc<str>,
        /// What it should say.
        to: Arc<str>,
        /// The version that this gives.
        version: String,
        /// Whether that is older than what there is now.
        older: bool,
    },
    /// An entry of `overrides`: what one package's dependency is replaced by.
    Override {
        /// The package whose dependency is overridden.
        dependent: String,
        /// The dependency.
        name: PackageName,
        /// What is used instead: a version, or `$name` for what package.json itself asks for.
        to: String,
    },
}

/// A set of edits under which the project resolves; tried, not guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// At least one.
    pub edits: Vec<Edit>,
    /// How many peer conflicts below the project are then still overridden.
    pub overridden: usize,
}

/// When a search ends.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Resolves at the most.
    pub tries: usize,
    /// Edits in one fix at the most.
    pub edits: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { tries: 40, edits: 3 }
    }
}

/// A search and what it has found so far, for callers that stop it when time is up.
#[derive(Debug, Default)]
pub struct FixSearch {
    found: Vec<Fix>,
    /// Resolves that were made.
    pub tries: usize,
}

impl FixSearch {
    /// What was found, the smallest first: by number of edits, those without overrides before those with, those that
    /// leave fewer conflicts overridden, newer versions before older ones.
    #[must_use]
    pub fn into_fixes(mut self) -> Vec<Fix> {
        // Stable: of equals the one whose candidate was closer to what there is stays first.
        self.found.sort_by_key(Fix::size);
        self.found
    }

    fn has_plain(&self) -> bool {
        self.found.iter().any(|fix| !fix.edits.iter().any(Edit::is_override))
    }

    fn covers(&self, edits: &[Edit]) -> bool {
        self.found.iter().any(|fix| fix.edits.iter().all(|edit| edits.contains(edit)))
    }
}

impl Fix {
    fn size(&self) -> (usize, usize, usize, usize) {
        let count = |is: fn(&Edit) -> bool| self.edits.iter().filter(|edit| is(edit)).count();
        (self.edits.len(), count(Edit::is_override), self.overridden, count(Edit::is_older))
    }
}

impl Edit {
    fn is_override(&self) -> bool {
        matches!(self.change, Change::Override { .. })
    }

    fn is_older(&self) -> bool {
        matches!(self.change, Change::Range { older: true, .. })
    }

    /// Whether both change the same entry.
    fn is_rival(&self, other: &Self) -> bool {
        let key = |edit: &Self| match &edit.change {
            Change::Range { name, block, .. } => (edit.location.clone(), name.to_string(), Some(*block)),
            Change::Override { dependent, name, .. } => (dependent.clone(), name.to_string(), None),
        };
        key(self) == key(other)
    }
}

/// Looks for edits under which `project` resolves without `conflict`.
///
/// Ends when `bounds` are reached, or when there is a fix of one size without overrides and all of that size were
/// tried. Between two tries the executor gets a turn, so a caller may race it against a clock; `search` keeps what
/// was found.
pub async fn find_fixes<R: Registry>(
    (project, options): (&Project, &ResolveOptions),
    registry: &R,
    cache: &mut ManifestCache,
    (conflict, bounds): (&PeerConflict, Bounds),
    search: &mut FixSearch,
) {
    let mut seen = FxHashSet::default();
    let mut level: Vec<(Vec<Edit>, PeerConflict)> = vec![(Vec::new(), conflict.clone())];
    for _ in 0..bounds.edits {
        let mut next = Vec::new();
        for (edits, conflict) in level {
            let edited = apply(project, &edits);
            let sources = Candidates { project: &edited, options, registry, conflict: &conflict };
            for edit in sources.all(cache).await {
                let mut set = edits.clone();
                if set.iter().any(|made| made.is_rival(&edit)) {
                    continue;
                }
                set.push(edit);
                let mut key: Vec<String> = set.iter().map(|edit| format!("{edit:?}")).collect();
                key.sort();
                if !seen.insert(key) || search.covers(&set) {
                    continue;
                }
                if search.tries >= bounds.tries {
                    return;
                }
                search.tries += 1;
                give_way().await;
                let tried = apply(project, &set);
                match resolve_with(&tried, registry, options, cache, |_| {}).await {
                    Ok(done) if !is_overridden(&done.warnings, &conflict) => {
                        let overridden = done.warnings.iter().filter(|warning| is_peer(warning)).count();
                        search.found.push(Fix { edits: set, overridden });
                    }
                    Err(ResolveError::PeerConflict(conflict)) => next.push((set, *conflict)),
                    _ => {}
                }
            }
        }
        if search.has_plain() {
            return;
        }
        level = next;
    }
}

/// Whether the conflict that is to go away is among those that were overridden.
fn is_overridden(warnings: &[Warning], conflict: &PeerConflict) -> bool {
    warnings.iter().any(|warning| match warning {
        Warning::PeerOverridden(other) => {
            other.edge.from == conflict.edge.from && other.edge.name == conflict.edge.name
        }
        Warning::Engine { .. } => false,
    })
}

fn is_peer(warning: &Warning) -> bool {
    matches!(warning, Warning::PeerOverridden(_))
}

/// Gives the executor one turn: resolves with everything at hand never wait by themselves.
async fn give_way() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The project with its package.json files edited.
fn apply(project: &Project, edits: &[Edit]) -> Project {
    let mut edited = project.clone();
    for edit in edits {
        let manifest = match edit.location.as_str() {
            "" => Some(&mut edited.manifest),
            location => {
                let mut workspaces = edited.workspaces.iter_mut();
                workspaces.find(|folder| *folder.location == *location).map(|folder| &mut folder.manifest)
            }
        };
        let Some(manifest) = manifest else { continue };
        let mut changed = Manifest::clone(manifest);
        match &edit.change {
            Change::Range { block, name, to, .. } => {
                block_of(&mut changed, *block).insert(name.clone(), Arc::clone(to));
            }
            Change::Override { dependent, name, to } => {
                let overrides = changed.overrides.get_or_insert_default();
                let below = overrides.entry(dependent.clone()).or_insert_with(|| Value::Object(Map::new()));
                // What is overridden as a whole already keeps its version under `.`.
                if let Value::String(version) = below {
                    *below = serde_json::json!({ ".": version });
                }
                below[name.as_str()] = to.clone().into();
            }
        }
        *manifest = Arc::new(changed);
    }
    edited
}

fn block_of(manifest: &mut Manifest, block: DependencyKind) -> &mut Dependencies {
    match block {
        DependencyKind::Prod => &mut manifest.dependencies,
        DependencyKind::Dev => &mut manifest.dev_dependencies,
        DependencyKind::Optional => &mut manifest.optional_dependencies,
        DependencyKind::Peer => &mut manifest.peer_dependencies,
    }
}
