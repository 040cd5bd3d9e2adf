//! What has to change on disk. Pure: the tree, what belongs on disk and what is there, in; a list of steps, out.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use utoo_lockfile::{Entry, Lockfile, parent_location, store_folder};

use crate::select::{Selection, base_of, bundlers};

/// What is at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A folder that holds exactly what the hidden lockfile says.
    Listed,
    /// A folder of which nothing is known.
    Folder,
    /// A symbolic link with this text.
    Link(String),
    /// A file, or something stranger.
    Other,
}

/// What is on disk before an install.
#[derive(Debug, Default)]
pub(crate) struct DiskState {
    /// The packages that the hidden lockfile lists; empty where there is none.
    pub(crate) listed: FxHashMap<Arc<str>, Entry>,
    /// The hidden lockfile with its folders; empty where there is none.
    pub(crate) hidden: Lockfile,
    /// What is in the `node_modules` folders, by location. A location that is not here is free.
    pub(crate) found: BTreeMap<Arc<str>, Found>,
    /// Paths, relative to the project, where a folder has to be (`node_modules`, a scope) and something else is: a link
    /// to elsewhere, a file. They are removed, never walked through.
    pub(crate) obstacles: Vec<Arc<str>>,
    /// Whether the last run here did not come to its end, and something is there.
    pub(crate) is_unfinished: bool,
    /// A location in each folder (a scope, a nested `node_modules`) that holds nothing: a run died between a removal and
    /// the tidying after it.
    pub(crate) emptied: Vec<Arc<str>>,
}

impl DiskState {
    /// Whether nothing is installed, and nothing is in the way.
    pub(crate) fn is_bare(&self) -> bool {
        self.listed.is_empty()
            && self.found.is_empty()
            && self.obstacles.is_empty()
            && self.emptied.is_empty()
    }
}

/// What happens to one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Action {
    /// It is what it should be.
    Keep,
    /// Nothing is there, and a package will be.
    Add,
    /// Something else is there.
    Change,
    /// Something is there that the tree does not have.
    Remove,
    /// Nothing was there, and nothing will be, since what it is for cannot be had: what was made of it meanwhile goes.
    Withdraw,
}

impl Action {
    /// Whether there is something at the location when all is done.
    pub(crate) fn leaves_something(self) -> bool {
        !matches!(self, Self::Remove | Self::Withdraw)
    }
}

/// One location and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The key in the lockfile.
    pub(crate) location: Arc<str>,
    /// What happens.
    pub(crate) action: Action,
    /// Whether a folder of files or a link is made (or, for a removal, is gone).
    pub(crate) shape: Shape,
}

/// What a step makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A package, from the store.
    Package,
    /// A symbolic link with this text.
    Link(String),
    /// It comes inside the package at this location, in the same tarball.
    Bundled(Arc<str>),
}

/// The steps of an install, in order of location: what is above comes before what is below.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// All of them, those that keep things included.
    pub(crate) steps: Vec<Step>,
    /// See [`DiskState::obstacles`].
    pub(crate) obstacles: Vec<Arc<str>>,
}

impl Plan {
    /// Whether everything is as it should be.
    pub(crate) fn is_empty(&self) -> bool {
        self.obstacles.is_empty() && self.steps.iter().all(|step| step.action == Action::Keep)
    }

    /// Takes back what a selection leaves out that was wanted when the plan was made.
    pub(crate) fn withdraw(&mut self, selection: &Selection) {
        for step in self.steps.iter_mut().filter(|step| selection.left_out.contains(&step.location)) {
            step.action = match step.action {
                Action::Add | Action::Withdraw => Action::Withdraw,
                Action::Keep | Action::Change | Action::Remove => Action::Remove,
            };
        }
    }

    /// The steps with this action.
    pub(crate) fn with(&self, action: Action) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.action == action)
    }
}

/// Makes the plan. `link_text` gives the text of the link at a location to a target, both relative to the project.
pub(crate) fn plan(
    tree: &Lockfile,
    selection: &Selection,
    disk: &DiskState,
    link_text: &dyn Fn(&str, &str) -> String,
) -> Plan {
    let bundlers = bundlers(tree);
    let mut locations: Vec<&Arc<str>> = selection.wanted.iter().collect();
    locations.sort();
    let blocked = Blocked::new(&disk.obstacles);
    let mut steps = Vec::with_capacity(locations.len());
    for location in locations {
        let entry = &tree.packages[location];
        let shape = match bundlers.get(location) {
            Some(bundler) => Shape::Bundled(bundler.clone()),
            None if entry.link => Shape::Link(link_text(location, entry.resolved.as_deref().unwrap_or(""))),
            None => Shape::Package,
        };
        let found = disk.found.get(location).filter(|_| !blocked.covers(location));
        let action = action_for((location, entry), &shape, found, disk.listed.get(location));
        steps.push(Step { location: location.clone(), action, shape });
    }
    steps.extend(untouched(selection, disk));
    settle_bundles(&mut steps);
    let mut removals = removals(selection, disk, &blocked);
    // What is below something that becomes a link goes with it, too.
    let replaced: FxHashSet<&str> = steps
        .iter()
        .filter(|step| step.action == Action::Change && matches!(step.shape, Shape::Link(_)))
        .map(|step| &*step.location)
        .collect();
    removals.retain(|removal| {
        let mut above =
            std::iter::successors(parent_location(&removal.location), |above| parent_location(above));
        !above.any(|above| replaced.contains(above))
    });
    for step in steps.iter_mut() {
        // What is below something that goes away goes with it, and has to be made anew.
        if removals.iter().any(|removal| is_below(&step.location, &removal.location)) {
            step.action = Action::Add;
        }
    }
    steps.extend(removals);
    steps.sort_by(|a, b| a.location.cmp(&b.location));
    Plan { steps, obstacles: disk.obstacles.clone() }
}

fn action_for(
    (location, entry): (&str, &Entry),
    shape: &Shape,
    found: Option<&Found>,
    listed: Option<&Entry>,
) -> Action {
    match (shape, found) {
        (_, None) => Action::Add,
        (Shape::Link(wanted), Some(Found::Link(text))) if wanted == text => Action::Keep,
        (Shape::Package | Shape::Bundled(_), Some(Found::Listed))
            if listed.is_some_and(|listed| is_same(location, entry, listed)) =>
        {
            Action::Keep
        }
        _ => Action::Change,
    }
}

/// Whether what is installed is what is wanted: by content where both sides know it, else by where it came from, which
/// the folder's name in the store of a linked tree says.
fn is_same(location: &str, wanted: &Entry, listed: &Entry) -> bool {
    if listed.link || wanted.version != listed.version || wanted.name != listed.name {
        return false;
    }
    match (&wanted.integrity, &listed.integrity) {
        (Some(wanted), Some(listed)) => wanted.matches(listed) || listed.matches(wanted),
        _ if store_folder(location).is_some() => true,
        _ => wanted.resolved == listed.resolved,
    }
}

/// What is bundled lives and dies with its bundler: if one of them has to change, all of them do.
fn settle_bundles(steps: &mut [Step]) {
    let stale: FxHashSet<Arc<str>> = steps
        .iter()
        .filter(|step| step.action != Action::Keep)
        .filter_map(|step| match &step.shape {
            Shape::Bundled(bundler) => Some(bundler.clone()),
            _ => None,
        })
        .collect();
    let mut remade: FxHashSet<Arc<str>> = FxHashSet::default();
    for step in steps.iter_mut().filter(|step| step.shape == Shape::Package) {
        if step.action == Action::Keep && stale.contains(&step.location) {
            step.action = Action::Change;
        }
        if step.action != Action::Keep {
            remade.insert(step.location.clone());
        }
    }
    for step in steps.iter_mut() {
        if let Shape::Bundled(bundler) = &step.shape
            && step.action == Action::Keep
            && remade.contains(bundler)
        {
            step.action = Action::Change;
        }
    }
}

/// What the install is not about, and is there: it stays.
fn untouched<'a>(selection: &'a Selection, disk: &'a DiskState) -> impl Iterator<Item = Step> + 'a {
    let listed = disk.found.iter().filter(|(location, _)| disk.listed.contains_key(*location));
    listed.filter(|(location, _)| !selection.touches(location)).map(|(location, found)| {
        let shape = match found {
            Found::Link(text) => Shape::Link(text.clone()),
            _ => Shape::Package,
        };
        Step { location: location.clone(), action: Action::Keep, shape }
    })
}

/// What is found and not wanted; what lies below a removed folder goes with it.
fn removals(selection: &Selection, disk: &DiskState, blocked: &Blocked<'_>) -> Vec<Step> {
    let mut removals: Vec<Step> = Vec::new();
    for (location, found) in &disk.found {
        let unwanted = !selection.wanted.contains(location) && selection.touches(location);
        let unwanted = unwanted && !blocked.covers(location);
        let below = removals.last().is_some_and(|last| is_below(location, &last.location));
        if unwanted && !below && *found != Found::Other {
            let shape = match found {
                Found::Link(text) => Shape::Link(text.clone()),
                _ => Shape::Package,
            };
            removals.push(Step { location: location.clone(), action: Action::Remove, shape });
        }
    }
    removals
}

/// Whether a location is inside the folder of another.
pub(crate) fn is_below(location: &str, above: &str) -> bool {
    location.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// Folders that are not folders: nothing below them is really there.
struct Blocked<'a>(&'a [Arc<str>]);

impl<'a> Blocked<'a> {
    fn new(obstacles: &'a [Arc<str>]) -> Self {
        Self(obstacles)
    }

    fn covers(&self, location: &str) -> bool {
        self.0.iter().any(|obstacle| is_below(location, obstacle))
    }
}

/// The bases that a plan touches, each once; see [`base_of`].
pub(crate) fn bases<'a>(locations: impl Iterator<Item = &'a str>) -> std::collections::BTreeSet<&'a str> {
    locations.map(base_of).collect()
}

#[cfg(test)]
mod tests;
